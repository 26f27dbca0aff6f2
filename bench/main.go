// Command bench measures the program as a user would meet it: a real demo in a
// process of its own, over TLS, beside a bare net/http handler that writes the
// same bytes over the same protocol. It prints ratios and processor time per
// operation, which say something also on a shared machine; beside each figure
// stands what is to be reached. It asserts nothing.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
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
)

var (
	program   = flag.String("program", ".cache/kassavalv", "the built program")
	products  = flag.Int("products", 100_000, "size of the large shop")
	keep      = flag.String("keep", "", "folder for the shops, kept for the next run; empty: a temporary one")
	postgres  = flag.String("postgres", os.Getenv("DATABASE_URL"), "server for the purchase on PostgreSQL; empty: KASSAVALV_TEST_POSTGRES, or not measured")
	length    = flag.Duration("time", 4*time.Second, "length of each measurement")
	turns     = flag.Int("turns", 3, "turns; medians are printed")
	only      = flag.String("only", "", "comma-separated parts: pages,list,search,purchase,button,safety,vault,copies,copies-load,drill,start")
	persons   = flag.Int("persons", 1_000_000, "data keys of the vault on SQLite; a fifth of them on PostgreSQL")
	megabytes = flag.Int("megabytes", 1024, "size of the database that is restored from copies")
	scratch   = flag.String("scratch", "", "folder, best on another disk, for the sites of copies and the machine that is lost; empty: beside the rest")
	refMode   = flag.String("reference", "", "internal: serve this file over TLS")
)

func main() {
	flag.Parse()
	if *refMode != "" {
		reference(*refMode)
		return
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func part(name string) bool { return *only == "" || slices.Contains(strings.Split(*only, ","), name) }

type ready struct {
	Shop, CA, Bank, Mailbox, Ops string
	AdminToken                   string `json:"admin_token"`
	PID                          int
}

// shop is a running program.
type shop struct {
	ready
	cmd  *exec.Cmd
	dir  string
	took time.Duration
	http *http.Client

	ended chan error
}

func start(dir string, n int, env ...string) (*shop, error) {
	file := filepath.Join(dir, "ready.json")
	os.Remove(file)
	args := []string{"--data", filepath.Join(dir, "data"), "demo", "--addr", "localhost:0", "--ready-file", file}
	if n > 0 {
		args = append(args, "--products", strconv.Itoa(n))
	}
	cmd := exec.Command(*program, args...)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "DATABASE_URL=") { // named where it is meant
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, "KASSAVALV_LIMITS_EXEMPT=127.0.0.0/8 ::1/128")
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout, cmd.Stderr = io.Discard, os.Stderr
	t0 := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &shop{cmd: cmd, dir: dir}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	s.ended = ended
	for {
		select {
		case err := <-ended:
			return nil, fmt.Errorf("the program ended before it was ready: %v", err)
		default:
		}
		if b, err := os.ReadFile(file); err == nil {
			if err := json.Unmarshal(b, &s.ready); err != nil {
				return nil, err
			}
			break
		}
		if time.Since(t0) > 10*time.Minute {
			cmd.Process.Kill()
			return nil, fmt.Errorf("the program does not get ready")
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.took = time.Since(t0)
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	s.http = client(pool)
	return s, nil
}

func client(pool *x509.CertPool) *http.Client {
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true, DisableCompression: true,
		MaxIdleConnsPerHost: 128, MaxConnsPerHost: 0}}
}

func (s *shop) stop() {
	s.cmd.Process.Signal(os.Interrupt)
	if s.ended != nil {
		<-s.ended
		return
	}
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// cpu is the processor time of a process so far, from /proc.
func cpu(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	u, _ := strconv.ParseInt(f[11], 10, 64)
	k, _ := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(u+k) * 10 * time.Millisecond
}

func rss(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return n / 1024
		}
	}
	return 0
}

// result is that of a load.
type result struct {
	ops, failed int64
	per         time.Duration // processor time of the server per operation
	rate        float64
	p50, p99    time.Duration
	all         []time.Duration // in order of size
}

// together is the result of two loads of the same length.
func together(a, b result) result {
	r := result{ops: a.ops + b.ops, failed: a.failed + b.failed, rate: (a.rate + b.rate) / 2, all: slices.Concat(a.all, b.all)}
	if r.ops > 0 {
		r.per = (a.per*time.Duration(a.ops) + b.per*time.Duration(b.ops)) / time.Duration(r.ops)
		slices.Sort(r.all)
		r.p50, r.p99 = r.all[len(r.all)/2], r.all[len(r.all)*99/100]
	}
	return r
}

// load runs fn from n workers for as long as -time says.
func load(pid, workers int, fn func(w int) error) result { return loadFor(*length, pid, workers, fn) }

func loadFor(length time.Duration, pid, workers int, fn func(w int) error) result {
	var ops, failed atomic.Int64
	var mu sync.Mutex
	var all []time.Duration
	c0, t0 := cpu(pid), time.Now()
	end := t0.Add(length)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			var mine []time.Duration
			for time.Now().Before(end) {
				t := time.Now()
				if err := fn(w); err != nil {
					if failed.Add(1) == 1 {
						fmt.Fprintln(os.Stderr, "  first failure:", err)
					}
					continue
				}
				ops.Add(1)
				mine = append(mine, time.Since(t))
			}
			mu.Lock()
			all = append(all, mine...)
			mu.Unlock()
		})
	}
	wg.Wait()
	r := result{ops: ops.Load(), failed: failed.Load()}
	if r.ops > 0 {
		r.per = (cpu(pid) - c0) / time.Duration(r.ops)
		r.rate = float64(r.ops) / time.Since(t0).Seconds()
		slices.Sort(all)
		r.p50, r.p99, r.all = all[len(all)/2], all[len(all)*99/100], all
	}
	return r
}

func get(c *http.Client, url, accept string, cookie ...string) error {
	req, err := http.NewRequestWithContext(context.Background(), "GET", url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept-Encoding", accept)
	for _, k := range cookie {
		req.Header.Add("Cookie", k)
	}
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return err
	}
	if res.StatusCode != 200 {
		return fmt.Errorf("%s: %d", url, res.StatusCode)
	}
	return nil
}

// loadavg is how busy the machine is, as it says itself.
func loadavg() string {
	b, _ := os.ReadFile("/proc/loadavg")
	f := strings.Fields(string(b))
	if len(f) < 3 {
		return "not known"
	}
	return f[0] + " on " + strconv.Itoa(runtime.NumCPU()) + " cores"
}

func row(what, reached, want string) { fmt.Printf("  %-62s %-34s to reach %s\n", what, reached, want) }

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }

// median runs a measurement in turns and keeps the middle one by processor time.
func median(fn func() result) result {
	var rs []result
	for range *turns {
		rs = append(rs, fn())
	}
	slices.SortFunc(rs, func(a, b result) int { return int(a.per - b.per) })
	return rs[len(rs)/2]
}

func run() error {
	if _, err := os.Stat(*program); err != nil {
		return fmt.Errorf("%s is not built; run make build", *program)
	}
	dir := *keep
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "kassavalv-bench"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	fmt.Println("Processor time is that of the program (bank and mailbox run inside it) unless said otherwise. Load of the machine at the start:", loadavg())
	if part("start") {
		if err := starts(dir); err != nil {
			return err
		}
	}
	if part("pages") || part("list") || part("search") {
		if err := reading(dir); err != nil {
			return err
		}
	}
	if part("purchase") {
		if err := purchases(dir); err != nil {
			return err
		}
	}
	if part("button") {
		if err := buttons(dir); err != nil {
			return err
		}
	}
	if part("safety") {
		if err := safety(dir); err != nil {
			return err
		}
	}
	if part("copies") || part("copies-load") {
		if err := copiesCost(dir); err != nil {
			return err
		}
	}
	if part("drill") {
		if err := drillCost(dir); err != nil {
			return err
		}
	}
	if part("vault") {
		if err := vault(dir); err != nil {
			return err
		}
	}
	return nil
}

// reference starts a bare handler that writes the same bytes.
func (s *shop) reference(url string) (*shop, error) {
	req, _ := http.NewRequest("GET", url, nil)
	req.Header.Set("Accept-Encoding", "gzip")
	res, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(s.dir, "body")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-reference", file)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var told struct{ URL, PEM string }
	if err := json.NewDecoder(out).Decode(&told); err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(told.PEM))
	r := &shop{cmd: cmd, http: client(pool)}
	r.Shop, r.PID = told.URL, cmd.Process.Pid
	return r, nil
}

func (s *shop) json(method, path string, in, out any, h map[string]string) error {
	return s.at("/api/store/v1", method, path, in, out, h)
}

func (s *shop) at(base, method, path string, in, out any, h map[string]string) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, s.Shop+base+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range h {
		req.Header.Set(k, v)
	}
	res, err := s.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %d %.200s", method, path, res.StatusCode, b)
	}
	return json.Unmarshal(b, out)
}
