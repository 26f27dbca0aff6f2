package copies

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// watchman is `kassavalv outpost` in a folder, a process of its own as on another machine.
type watchman struct {
	t    testing.TB
	dir  string
	log  apptest.Log
	proc *apptest.Process
}

// command runs a verb of the outpost's and reads what it says as JSON.
func command(t testing.TB, out any, args ...string) {
	t.Helper()
	said, code := apptest.Command(t, nil, append([]string{"--json", "outpost"}, args...)...)
	if code != 0 {
		t.Fatalf("outpost %v: %d %s", args, code, said)
	}
	if err := json.Unmarshal([]byte(said), out); err != nil {
		t.Fatalf("outpost %v says %q: %v", args, said, err)
	}
}

// token lets a shop in; with the shop's name its new machine.
func (o *watchman) token(args ...string) string {
	o.t.Helper()
	var made struct {
		Token string `json:"token"`
	}
	command(o.t, &made, append([]string{"init", "--data", o.dir}, args...)...)
	return made.Token
}

// run starts it and waits until it answers. The port may be another's by now: then it does not.
func (o *watchman) run() error {
	o.t.Helper()
	ready := o.dir + "-ready"
	if err := os.RemoveAll(ready); err != nil {
		return err
	}
	p, err := apptest.Run(&o.log, nil, nil, "outpost", "run", "--data", o.dir, "--ready-file", ready)
	if err != nil {
		return err
	}
	o.proc = p
	return apptest.Poll(time.Minute, func() bool {
		_, err := os.Stat(ready)
		return err == nil || !p.Alive()
	})
}

// stand makes an outpost that runs, and gives it with the token for one shop.
func stand(t testing.TB) (*watchman, string) {
	t.Helper()
	apptest.Program(t)
	o := &watchman{t: t}
	t.Cleanup(func() {
		if o.proc != nil {
			o.proc.Kill()
		}
		if t.Failed() {
			t.Logf("the outpost said:\n%s", o.log.String())
		}
	})
	for range 5 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().String()
		l.Close()
		o.dir = filepath.Join(t.TempDir(), "utpost")
		token := o.token("--address", addr, "--listen", addr)
		f, err := os.OpenFile(filepath.Join(o.dir, "outpost.toml"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(f, `status = "127.0.0.1:0"`)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if err := o.run(); err != nil {
			t.Fatal(err)
		}
		if o.proc.Alive() {
			return o, token
		}
	}
	t.Fatal("the outpost does not start")
	return nil, ""
}

// join lets the outpost of a token keep the copies of what is in a folder, and gives its address.
func (o *watchman) join(dir, token string) string {
	o.t.Helper()
	var joined struct {
		Site string `json:"site"`
	}
	command(o.t, &joined, "join", token, "--name", "utpost", "--data", dir)
	return joined.Site
}

// A shop whose only copies are at an outpost, which has to have an order before it is shown as
// paid. The outpost is killed while buyers come and starts again; then the shop's machine is lost. On
// an empty machine a token for the shop, its paper and the outpost's address bring back every
// order that a buyer was told of.
func TestLostBesideAnOutpost(t *testing.T) {
	t.Parallel()
	o, token := stand(t)
	w := begin(t, apptest.Options{}, 0, nil, number(t, "KASSAVALV_TEST_SEED", uint64(time.Now().UnixNano())))
	if code := w.shop.Stop(); code != 0 {
		t.Fatalf("the shop stops with %d", code)
	}
	w.shop.Environ(append(w.o.Env, "KASSAVALV_COPIES_SITES="+o.join(w.shop.Dir(), token), "KASSAVALV_COPIES_REQUIRED=1")...)
	w.sites = nil
	w.open()
	stop := w.crowd(6)
	more := func(n int) {
		t.Helper()
		before := w.told()
		if err := apptest.Poll(2*time.Minute, func() bool { return w.told() >= before+n }); err != nil {
			stop()
			t.Fatalf("nobody could buy: %v", err)
		}
	}
	more(10)
	o.proc.Kill()
	time.Sleep(time.Duration(w.draw(1500)) * time.Millisecond)
	if err := o.run(); err != nil || !o.proc.Alive() {
		t.Fatal("the outpost does not come back:", err)
	}
	more(20)
	time.Sleep(time.Duration(w.draw(1000)) * time.Millisecond) // the moment of the loss is drawn
	w.gone(stop, nil)

	shops, err := os.ReadDir(filepath.Join(o.dir, "shops"))
	if err != nil || len(shops) != 1 {
		t.Fatal(shops, err)
	}
	empty, to := t.TempDir(), filepath.Join(t.TempDir(), "back")
	r := w.restoreFrom(to, o.join(empty, o.token("--shop", shops[0].Name())))
	missing := w.missing(w.orders(to))
	if len(missing) > w.apart() {
		for _, p := range missing {
			t.Errorf("order %s was shown as paid and is missing", p.number)
		}
	}
	if w.told() < 30 || r.Point.Epoch != 1 || r.Epoch != 2 {
		t.Errorf("%d were told, and %+v came back", w.told(), r)
	}
	t.Logf("%d orders told, %d missing, %d shown when the time for waiting was over; restored to transaction %d", w.told(), len(missing), w.apart(), r.Point.TX)
}
