package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"kassavalv/internal/db"
)

// usualRate is how many whole purchases a second the shop serves while drills are measured:
// much more than a shop of that size has, and far from all that the machine can do.
const usualRate = 10

// quietTime is how long the shop is watched without a drill, before each of them.
const quietTime = 100 * time.Second

// drilled is what `backup drill --json` says.
type drilled struct {
	State string  `json:"state"`
	Took  float64 `json:"took_seconds"`
	RTO   float64 `json:"rto_seconds"`
	Size  int64   `json:"size_bytes"`
	Steps []struct {
		Name string        `json:"name"`
		Took time.Duration `json:"took"`
	} `json:"steps"`
	Findings []string `json:"findings"`
	Notes    []string `json:"notes"`

	over time.Time
}

// during tells in which step a moment lies.
func (d *drilled) during(at time.Time) string {
	t := d.over.Add(-time.Duration(d.Took * float64(time.Second)))
	if at.Before(t) {
		return "start"
	}
	for _, s := range d.Steps {
		if t = t.Add(s.Took); at.Before(t) {
			return s.Name
		}
	}
	return "end"
}

// drillCost measures drills of a large shop that is buying and selling meanwhile, and what
// its buyers notice of each step: a quiet time and a drill, turns about. With -keep the shop and
// its site stay for the next run.
func drillCost(at string) error {
	at = filepath.Join(at, "drill")
	if *keep == "" {
		defer os.RemoveAll(at)
	}
	if err := os.MkdirAll(at, 0o700); err != nil {
		return err
	}
	fmt.Printf("Drills beside a shop that sells, in a process of their own at low priority (SQLite, %d purchases a second). Load of the machine: %s\n", usualRate, loadavg())
	disk := filepath.Join(at, "disk")
	speed := func() error {
		defer os.RemoveAll(disk)
		if err := os.MkdirAll(disk, 0o700); err != nil {
			return err
		}
		_, err := diskSpeed(disk)
		return err
	}
	if err := speed(); err != nil {
		return err
	}
	site := (&url.URL{Scheme: "file", Path: filepath.Join(at, "site"), RawQuery: "name=plats"}).String()
	env := []string{"KASSAVALV_COPIES_SITES=" + site, "KASSAVALV_TEST_INSTANT_CARD=4242424242424242", "KASSAVALV_TEST_HOLD_JOBS=1"}
	path := filepath.Join(at, "data", "shop.db")
	if st, err := os.Stat(path); err != nil || st.Size() < int64(*megabytes)<<20 {
		s, err := start(at, 1000, "KASSAVALV_TEST_NO_COPIES=1")
		if err != nil {
			return err
		}
		s.stop()
		if err := fatten(context.Background(), path, int64(*megabytes)<<20); err != nil {
			return err
		}
	}
	s, err := start(at, 0, env...)
	if err != nil {
		return err
	}
	defer s.stop()
	goods, err := s.plenty(16)
	if err != nil {
		return err
	}
	dumps := func() []string {
		list, _ := filepath.Glob(filepath.Join(at, "site", "v", "*.kvc"))
		return list
	}
	if len(dumps()) == 0 {
		if out, err := s.command("backup", "now", "--second-road"); err != nil {
			return fmt.Errorf("backup now: %w: %s", err, out)
		}
	}
	for begun := time.Now(); len(dumps()) == 0; time.Sleep(time.Second) {
		if time.Since(begun) > 5*time.Minute {
			return errors.New("the second road does not get to its site")
		}
	}
	var n atomic.Int64
	stamp := time.Now().UnixNano() // two runs in one shop are different buyers
	buyOne := func() error { return s.buyOne(int(stamp&0xffffffff<<16+n.Add(1)), goods) }
	if _, err := paced(usualRate, 10*time.Second, nil, buyOne); err != nil { // what is read once is read, and what was written is written back
		return err
	}
	var still, busy []timed
	steps := map[string][]timed{}
	spent := map[string]time.Duration{}
	var all []drilled
	for range *turns {
		since := s.others()
		quiet, err := paced(usualRate, quietTime, nil, buyOne)
		if err != nil {
			return err
		}
		before := since()
		since = s.others()
		still = append(still, quiet...)
		var d drilled
		over := make(chan struct{})
		var said string
		var derr error
		go func() {
			defer close(over)
			said, derr = s.command("backup", "drill", "--json")
			d.over = time.Now()
		}()
		during, err := paced(usualRate, 30*time.Minute, over, buyOne)
		if err != nil {
			return err
		}
		<-over
		if err := json.Unmarshal([]byte(said), &d); err != nil {
			return errors.Join(derr, fmt.Errorf("the drill says %s", said))
		}
		for _, x := range during {
			in := d.during(x.at)
			steps[in] = append(steps[in], x)
		}
		for _, x := range d.Steps {
			spent[x.Name] += x.Took
		}
		busy = append(busy, during...)
		all = append(all, d)
		row(fmt.Sprintf("a drill of %.2f GB, %s", float64(d.Size)/1e9, d.State), fmt.Sprintf("%.0f s, of which %.0f to a verified shop", d.Took, d.RTO), "under 2 minutes for 1 GB")
		fmt.Printf("        before it %s; %s\n        beside it %s; %s\n", timesOf(quiet), before, timesOf(during), since())
		for _, f := range append(d.Findings, d.Notes...) {
			fmt.Println("      ", f)
		}
	}
	quiet, loud := at99(still), at99(busy)
	row("    whole purchases without it", timesOf(still), "beside it")
	row("    whole purchases while it runs", fmt.Sprintf("%s (%+.0f %% at p99)", timesOf(busy), 100*(float64(loud)/float64(quiet)-1)), "+30 % at most at p99")
	names := []string{"start"}
	for _, x := range all[0].Steps {
		names = append(names, x.Name)
	}
	for _, name := range append(names, "end") {
		if list := steps[name]; len(list) > 0 {
			row("        "+name, fmt.Sprintf("%.1f s each; %s", spent[name].Seconds()/float64(*turns), timesOf(list)), "-")
		}
	}
	return speed()
}

// others is the share of the machine's processors that was taken by what is not of the
// measurement, since a moment.
func (s *shop) others() (since func() string) {
	now := func() (all, ours time.Duration) {
		b, _ := os.ReadFile("/proc/stat")
		line, _, _ := strings.Cut(string(b), "\n")
		for i, f := range strings.Fields(line) {
			n, _ := strconv.ParseInt(f, 10, 64)
			if i > 0 && i != 4 && i != 5 && i < 8 { // without idle, waiting, and what is counted twice
				all += time.Duration(n) * 10 * time.Millisecond
			}
		}
		return all, cpuOfAll(s.PID) + cpu(os.Getpid())
	}
	all, ours := now()
	begun := time.Now()
	return func() string {
		a, o := now()
		return fmt.Sprintf("others took %.0f %% of the processors", 100*float64(a-all-o+ours)/float64(time.Since(begun))/float64(runtime.NumCPU()))
	}
}

// cpuOfAll is cpu with that of its children that have ended, as a drill's process.
func cpuOfAll(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	var spent int64
	for _, f := range strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))[11:15] {
		n, _ := strconv.ParseInt(f, 10, 64)
		spent += n
	}
	return time.Duration(spent) * 10 * time.Millisecond
}

// timed is how long something took that was due at a moment.
type timed struct {
	at   time.Time
	took time.Duration
}

func timesOf(all []timed) string {
	d := tookOf(all)
	return fmt.Sprintf("p50 %s p99 %s most %s of %d", ms(d[len(d)/2]), ms(d[len(d)*99/100]), ms(d[len(d)-1]), len(d))
}

func tookOf(all []timed) (out []time.Duration) {
	for _, x := range all {
		out = append(out, x.took)
	}
	slices.Sort(out)
	return out
}

func at99(all []timed) time.Duration {
	d := tookOf(all)
	return d[len(d)*99/100]
}

// paced does something so many times a second, whether the last is done or not, and returns
// how long each took: for a time, or until over.
func paced(rate int, most time.Duration, over <-chan struct{}, fn func() error) (all []timed, err error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	defer func() { wg.Wait() }()
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	end := time.After(most)
	var bad error
	for {
		select {
		case <-over:
			wg.Wait()
			return all, bad
		case <-end:
			wg.Wait()
			return all, bad
		case due := <-tick.C:
			wg.Go(func() {
				err := fn()
				mu.Lock()
				defer mu.Unlock()
				if all = append(all, timed{due, time.Since(due)}); err != nil {
					bad = err
				}
			})
		}
	}
}

func (s *shop) buyOne(n int, goods []string) error {
	c, err := s.cart(n, goods)
	if err != nil {
		return err
	}
	var p struct{ Token, State string }
	if err := s.json("POST", "/carts/"+c.id+"/purchases", map[string]any{"payment_method": "card", "accept_terms": true, "expected_total": c.total}, &p, map[string]string{"Idempotency-Key": "kopia"}); err != nil {
		return err
	}
	for p.State != "paid" {
		if p.State == "refused" || p.State == "expired" {
			return fmt.Errorf("purchase %s", p.State)
		}
		if err := s.json("GET", "/purchases/"+p.Token, nil, &p, nil); err != nil {
			return err
		}
	}
	return nil
}

// command runs a command of the program beside the shop.
func (s *shop) command(args ...string) (string, error) {
	cmd := exec.Command(*program, append([]string{"--data", filepath.Join(s.dir, "data")}, args...)...)
	out, err := cmd.Output()
	var ee *exec.ExitError
	if errors.As(err, &ee) && len(ee.Stderr) > 0 {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(ee.Stderr)))
	}
	return string(out), err
}

// fatten puts a table of ballast into a shop that is stopped, until its database has so many
// bytes.
func fatten(ctx context.Context, path string, size int64) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	d, err := db.Open(ctx, db.Options{Path: path, Existing: true})
	if err != nil {
		return err
	}
	defer d.Close()
	return ballast(ctx, d, size-st.Size())
}
