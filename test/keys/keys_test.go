// Package keys proves with the built program what it does when its keys are away, wrong or
// being turned: a start without them writes nothing, a shop whose keeper falls silent
// goes on for the stated time and then refuses clearly, and a turn that is killed goes on where it was.
package keys

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
	"kassavalv/internal/secret/gcpkms/gcpkmssim"
	"kassavalv/internal/secret/kms/kmstest"
	"kassavalv/internal/secret/transit/transitsim"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// limit is how long anything may take on a slow and shared machine.
const limit = 90 * time.Second

// keeper is one way to keep keys, with what can go wrong with it.
type keeper struct {
	name string
	env  []string
	away func(t *testing.T, dir string) (back func()) // the keeper cannot be reached
	says []string                                     // what the refusal names: key and place
}

func transitKeeper(t *testing.T) (keeper, *transitsim.Server) {
	sim := transitsim.New("root")
	h := httptest.NewServer(sim)
	t.Cleanup(h.Close)
	return keeper{"transit", []string{"KASSAVALV_KEYS_KEEPER=transit", "KASSAVALV_KEYS_TRANSIT_URL=" + h.URL, "KASSAVALV_KEYS_TRANSIT_TOKEN=root"},
		func(*testing.T, string) func() { sim.Seal(true); return func() { sim.Seal(false) } }, []string{"the key link is wanted from Vault at " + h.URL, "503", "sealed"}}, sim
}

func kmsKeeper(t *testing.T) keeper {
	s := kmstest.Start(t)
	return keeper{"kms", append([]string{"KASSAVALV_KEYS_KEEPER=kms", "KASSAVALV_KEYS_KMS_KEY=" + s.Key, "KASSAVALV_KEYS_KMS_REGION=" + kmstest.Region, "KASSAVALV_KEYS_KMS_ENDPOINT=" + s.URL}, kmstest.Env...),
		func(t *testing.T, _ string) func() {
			s.Stop()
			return func() {
				if err := s.Open(); err != nil {
					t.Fatal(err)
				}
			}
		}, []string{"the key link is wanted from KMS at " + s.URL}}
}

func gcpKeeper(t *testing.T) keeper {
	sim := gcpkmssim.New(t)
	h := httptest.NewServer(sim)
	t.Cleanup(h.Close)
	return keeper{"gcp", []string{"KASSAVALV_KEYS_KEEPER=gcp", "KASSAVALV_KEYS_GCP_KEY=" + gcpkmssim.Key, "KASSAVALV_KEYS_GCP_ENDPOINT=" + h.URL, "KASSAVALV_KEYS_GCP_CREDENTIALS_FILE=" + sim.Credentials(t, h.URL)},
		func(*testing.T, string) func() { sim.Shut(true); return func() { sim.Shut(false) } }, []string{"the key link is wanted from Cloud KMS at " + h.URL, "503"}}
}

func fileKeeper() keeper {
	return keeper{"file", nil, func(t *testing.T, dir string) func() {
		from, to := filepath.Join(dir, "keys", "link.key"), filepath.Join(dir+"-away")
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := os.Rename(to, from); err != nil {
				t.Fatal(err)
			}
		}
	}, []string{"the key link of this database is missing in ", "/keys"}}
}

func envKeeper(t *testing.T) keeper {
	file := filepath.Join(t.TempDir(), "lines")
	command(t, nil, 0, "keys", "new", "--out", file)
	return keeper{"env", []string{"KASSAVALV_KEYS_KEEPER=env", "KASSAVALV_KEYS_LINES_FILE=" + file}, func(t *testing.T, _ string) func() {
		if err := os.Rename(file, file+"-away"); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := os.Rename(file+"-away", file); err != nil {
				t.Fatal(err)
			}
		}
	}, []string{"keys.lines_file", file}}
}

// command runs the program to its end and returns both outputs.
func command(t *testing.T, env []string, status int, args ...string) string {
	t.Helper()
	apptest.Program(t)
	var out apptest.Log
	p, err := apptest.Run(&out, nil, env, args...)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done:
	case <-time.After(limit):
		p.Kill()
		t.Fatalf("%v does not end: %s", args, out.String())
	}
	if p.Status() != status {
		t.Fatalf("%v ended with %d, not %d: %s", args, p.Status(), status, out.String())
	}
	return out.String()
}

// bytesOf is every file of a folder by name, mode and content; without SQLite's table of locks (-shm), which
// is no data: it is there because this test looks into the database too.
func bytesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	m := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(p, "-shm") {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		i, err := d.Info()
		m[p] = fmt.Sprintf("%s %d %x", i.Mode(), len(b), sha256.Sum256(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func same(t *testing.T, what string, a, b map[string]string) {
	t.Helper()
	for p, x := range a {
		if b[p] != x {
			t.Errorf("%s: %s was %q, is %q", what, p, x, b[p])
		}
	}
	for p := range b {
		if _, ok := a[p]; !ok {
			t.Errorf("%s: %s is new", what, p)
		}
	}
}

// A shop sells with each keeper. Stopped, and with its keys away or another shop's, it does not start,
// says which key it wants and from where, ends with 1, and not a byte of its folder has changed. With its keys
// back it reads what it had sealed.
func TestStartWithoutItsKeys(t *testing.T) {
	tr, _ := transitKeeper(t)
	for _, k := range []keeper{fileKeeper(), envKeeper(t), tr, kmsKeeper(t), gcpKeeper(t)} {
		t.Run(k.name, func(t *testing.T) {
			s := apptest.Start(t, apptest.Options{Env: k.env})
			c := s.As(t)
			p, o := c.Paid(c.Scarce(5), 1)
			if code := s.Stop(); code != 0 {
				t.Fatal("stopped with", code)
			}
			before := bytesOf(t, s.Dir())
			if len(before) < 5 {
				t.Fatal(before)
			}
			refused := func(what string, says ...string) {
				t.Helper()
				err := s.Open()
				if err == nil {
					t.Fatalf("%s: it started", what)
				}
				if s.Status() != 1 {
					t.Errorf("%s: ended with %d", what, s.Status())
				}
				for _, w := range says {
					if !strings.Contains(err.Error(), w) {
						t.Errorf("%s: %q is not in: %v", what, w, err)
					}
				}
			}
			back := k.away(t, s.Dir())
			now := bytesOf(t, s.Dir())
			refused("keys away", k.says...)
			same(t, "keys away", now, bytesOf(t, s.Dir()))
			back()
			same(t, "back", before, bytesOf(t, s.Dir()))

			if k.name == "file" { // keys of another shop
				lines := filepath.Join(t.TempDir(), "lines")
				command(t, nil, 0, "keys", "new", "--out", lines)
				keys := filepath.Join(s.Dir(), "keys")
				if err := os.Rename(keys, s.Dir()+"-own"); err != nil {
					t.Fatal(err)
				}
				command(t, nil, 0, "keys", "import", lines, "--data", s.Dir())
				now := bytesOf(t, s.Dir())
				refused("another's keys", "belongs to another database", keys)
				same(t, "another's keys", now, bytesOf(t, s.Dir()))
				if err := os.RemoveAll(keys); err != nil {
					t.Fatal(err)
				}
				if err := os.Rename(s.Dir()+"-own", keys); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Open(); err != nil {
				t.Fatal(err)
			}
			if got := s.As(t).Order(p.Order.Token); got.Number != o.Number {
				t.Errorf("after its keys came back: %+v", got)
			}
		})
	}
}

func ops(c *apptest.Client, path string) apptest.Answer {
	return c.Do("GET", c.Shop.Ops+path, nil)
}

// Vault falls silent under a running shop. Within the grace it sells and reads, and says so to whoever
// watches; after it everything personal is refused as 503 "keys" and nothing of the refused is anywhere on disk; once Vault answers, all is as before.
func TestKeeperFallsSilent(t *testing.T) {
	k, sim := transitKeeper(t)
	env := append(k.env, "KASSAVALV_TEST_KEYS_WATCH=100ms")
	s := apptest.Start(t, apptest.Options{Env: env})
	c := s.As(t)
	v := c.Scarce(50)
	p, _ := c.Paid(v, 1)

	sim.Seal(true)
	c.Wait("the alarm in /readyz", limit, func() bool {
		a := ops(c, "/readyz")
		return a.Status == 200 && strings.Contains(string(a.Body), "does not answer")
	})
	if m := string(ops(c, "/metrics").Body); strings.Contains(m, "kassavalv_keys_away_seconds 0\n") || !strings.Contains(m, "kassavalv_keys_left_seconds") {
		t.Error("the metrics know nothing of it")
	}
	if a := s.Staff(c, "owner").Do("GET", "/admin/orders", nil); a.Status != 200 || !strings.Contains(a.Words(), "Nycklarna till personuppgifterna svarar inte") {
		t.Errorf("the office does not say it: %d %s", a.Status, a.Words())
	}
	c.Paid(v, 1) // within the grace a purchase goes through
	if o := c.Order(p.Order.Token); o.Number == "" {
		t.Error("an order cannot be read within the grace")
	}
	if n := strings.Count(s.Records(), "the keeper of the keys does not answer"); n != 1 {
		t.Errorf("%d log lines of one silence within the hour", n)
	}
	said := command(t, env, 3, "keys", "status", "--data", s.Dir())
	if !strings.Contains(said, "DOES NOT ANSWER") || !strings.Contains(said, "sealed") {
		t.Error(said)
	}
	sim.Seal(false)
	c.Wait("the end of the alarm", limit, func() bool { return string(ops(c, "/readyz").Body) == "ready\n" })
	if !strings.Contains(s.Records(), "answers again") {
		t.Error("the log does not say that it is back")
	}

	// Now with hardly any grace.
	if code := s.Stop(); code != 0 {
		t.Fatal(code)
	}
	s.Environ(append(env, "KASSAVALV_KEYS_GRACE=1s")...)
	if err := s.Open(); err != nil {
		t.Fatal(err)
	}
	c = s.As(t)
	cart := c.Cart(1, v)
	sim.Seal(true)
	// Not by /readyz alone: it also says 503 while the search is being read in.
	c.Wait("the end of the grace", limit, func() bool {
		return strings.Contains(string(ops(c, "/metrics").Body), "kassavalv_keys_left_seconds 0\n")
	})
	if a := ops(c, "/readyz"); a.Status != 503 {
		t.Errorf("the shop is ready to sell without keys: %d", a.Status)
	}
	const marker = "Marker-Oseglad-Gata"
	who := apptest.Buyer(apptest.NewMail())
	who.Address.Line1 = marker + " 1"
	a := c.Do("PUT", "/api/store/v1/carts/"+cart.ID+"/customer", who)
	if a.Status != 503 || a.Code() != "keys" {
		t.Errorf("personal data without keys: %s", a)
	}
	if a := c.Do("GET", "/orders/"+p.Order.Token, nil); a.Status != 503 || !strings.Contains(a.Words(), "nycklarna") {
		t.Errorf("the page of an order without keys: %d %s", a.Status, a.Words())
	}
	if a := c.Do("GET", "/", nil); a.Status != 200 {
		t.Errorf("the front page needs no keys: %d", a.Status)
	}
	err := filepath.WalkDir(s.Dir(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), marker) {
			t.Errorf("%s holds what was refused", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sim.Seal(false)
	c.Wait("the shop to sell again", limit, func() bool { return ops(c, "/readyz").Status == 200 })
	c.Want(c.Do("PUT", "/api/store/v1/carts/"+cart.ID+"/customer", who), 200, nil)
	if a := c.Do("GET", "/orders/"+p.Order.Token, nil); a.Status != 200 {
		t.Errorf("the page of an order: %d", a.Status)
	}
}
