package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/order"
)

// A drill restores a whole shop and reads all of it. It runs in a process of its own, which
// gets the processor and the disk only when nobody else wants them: the shop starts its own
// program once more, as DrillCommand, and hands over over the child's standard input what it
// needs: a line of JSON, with the drill key, which opens copies, and none of the vault's keys.
// The child answers with a line of JSON. The pipe stays open as long as the shop lives: a child
// whose standard input ends, ends.

// DrillCommand is the command that runs a drill in a process of its own. People use `backup
// drill`.
const DrillCommand = "drill-process"

// The bounds of such a process.
const (
	drillTime   = 2 * time.Hour
	drillMemory = "512MiB" // GOMEMLIMIT
	drillAnswer = 64 << 20 // bytes of its answer
)

// drillProgram is the program that the shop starts; empty: the drill runs in this process, as
// tests have it that are no shop's program.
var drillProgram string

// DrillsApart has drills run in processes of this program's own. Its main calls it, before any
// shop is opened.
func DrillsApart() {
	if runtime.GOOS == "linux" {
		drillProgram = "/proc/self/exe" // the running program, also where the file was replaced
	} else if p, err := os.Executable(); err == nil {
		drillProgram = p
	}
}

// drillTask is what the process is told. It holds a secret and goes over a pipe alone.
type drillTask struct {
	Site    string          `json:"site"`   // address of the site
	Data    string          `json:"data"`   // data directory, where credentials of sites lie
	Demo    bool            `json:"demo"`   // see demoSite
	Folder  string          `json:"folder"` // where it works
	Charter copies.Charter  `json:"charter"`
	Who     string          `json:"who"` // the drill key
	Cold    bool            `json:"cold"`
	Rate    int64           `json:"rate"`
	Keep    copies.Policy   `json:"keep"` // what the site keeps
	Known   *copies.Known   `json:"known,omitempty"`
	Owed    map[string]bool `json:"owed,omitempty"` // files that are on their way

	Prints map[string][]byte `json:"prints"`  // of the vault's keys
	LogKey string            `json:"log_key"` // verifies the audit log
	Shift  time.Duration     `json:"shift"`   // of the legal time
}

// drillSaid is its answer.
type drillSaid struct {
	Result *copies.Result `json:"result"`
	Orders *counted       `json:"orders,omitempty"` // that came back
	Error  string         `json:"error,omitempty"`
}

// counted are the orders of a database, and how many lie up to one of them.
type counted struct {
	All    int64 `json:"all"`
	Newest int64 `json:"newest"`
	below  int64
}

func countOrders(ctx context.Context, d *db.DB, up db.ID) (counted, error) {
	return db.Read(ctx, d, func(q *db.Reader) (c counted, err error) {
		var newest db.ID
		c.All, newest, c.below, err = order.Count(q, up)
		c.Newest = int64(newest)
		return
	})
}

// RunDrill is the process: it reads its task, drills and answers. It lowers itself before
// anything else, and ends when in does.
func RunDrill(in io.Reader, out io.Writer) error {
	lower()
	dec := json.NewDecoder(in)
	var t drillTask
	if err := dec.Decode(&t); err != nil {
		return fmt.Errorf("what to drill was not told: %w", err)
	}
	go func() {
		io.Copy(io.Discard, in)
		for range 100 { // whoever asked is gone, and a step may still write
			if os.RemoveAll(t.Folder) == nil {
				break
			}
		}
		os.Exit(1)
	}()
	return json.NewEncoder(out).Encode(t.drill(context.Background()))
}

// drill does what the task says.
func (t drillTask) drill(ctx context.Context) (said drillSaid) {
	open := feedSite
	if t.Demo {
		open = demoSite
	}
	so, err := open(t.Site, t.Data)
	if err != nil {
		return drillSaid{Error: err.Error()}
	}
	defer so.Site.Close()
	who, err := copies.ParseIdentity(t.Who)
	if err != nil {
		return drillSaid{Error: "the drill key is none"} // never the error: it may quote the key
	}
	o := copies.DrillOptions{Site: so.Site, Charter: t.Charter, Who: who, Dir: t.Folder, Cold: t.Cold, Rate: t.Rate, Policy: t.Keep, Known: t.Known, Timeout: drillTime,
		Files: neededFiles, Coming: func(f string) bool { return t.Owed[f] },
		Check: func(ctx context.Context, path string) []copies.Finding {
			f, orders := t.examine(ctx, path)
			said.Orders = orders
			return f
		},
		Buy: func(ctx context.Context, dir string) ([]string, []copies.Finding) {
			return walkPurchase(ctx, dir, secret.Secret{}, t.Shift)
		}}
	r := copies.Drill(ctx, o)
	said.Result = &r
	return said
}

// examine looks at a restored shop as its books would: what checkSums sees in any copy, series
// of documents, the audit log, and whether the shop's keys are its keys.
func (t drillTask) examine(ctx context.Context, path string) (out []copies.Finding, orders *counted) {
	find := func(object string, unknown bool, form string, args ...any) {
		out = append(out, copies.Finding{Object: object, What: fmt.Sprintf(form, args...), Unknown: unknown})
	}
	d, err := db.Open(ctx, db.Options{Path: path, Existing: true, LegalShift: t.Shift})
	if err != nil {
		find("database", false, "does not open: %v", err)
		return out, nil
	}
	defer d.Close()
	out = append(out, checkSums(ctx, d)...)
	if err := secret.Fits(ctx, d, t.Prints); err != nil {
		find("vault", ctx.Err() != nil, "the shop's keys do not open it: %v", err)
	}
	out = append(out, checkLog(ctx, d, func(string) (note.Signer, note.Verifier, error) {
		v, err := note.NewVerifier(t.LogKey)
		return nil, v, err
	})...)
	out = append(out, checkSeries(ctx, d)...)
	n, err := countOrders(ctx, d, 0)
	if err != nil {
		find("orders", true, "could not be counted: %v", err)
		return out, nil
	}
	return out, &n
}

// drillApart has a task done, in a process of its own where there is a program for it.
func drillApart(ctx context.Context, t drillTask, log *slog.Logger) (said drillSaid, err error) {
	defer func() { // also after a process that was killed
		if e := os.RemoveAll(t.Folder); e != nil && err == nil {
			err = fmt.Errorf("the folder of the drill could not be removed, and holds the shop: %w", e)
		}
	}()
	if drillProgram == "" {
		return t.drill(ctx), nil
	}
	task, err := json.Marshal(t)
	if err != nil {
		return said, err
	}
	ctx, cancel := context.WithTimeout(ctx, drillTime+10*time.Minute)
	defer cancel()
	type ended struct {
		said drillSaid
		err  error
	}
	done := make(chan ended, 1)
	go func() {
		// The system ends the child with the thread that started it, so this one waits for it.
		runtime.LockOSThread()
		var e ended
		e.said, e.err = runDrillProcess(ctx, task, log)
		done <- e
	}()
	e := <-done
	return e.said, e.err
}

func runDrillProcess(ctx context.Context, task []byte, log *slog.Logger) (said drillSaid, err error) {
	c := exec.CommandContext(ctx, drillProgram, DrillCommand)
	c.Env = append(drillEnv(os.Environ()), "GOMAXPROCS="+fmt.Sprint(max(1, runtime.NumCPU()/4)), "GOMEMLIMIT="+drillMemory)
	c.Dir = os.TempDir()
	c.WaitDelay = 10 * time.Second
	endWithParent(c)
	var out, words bounded
	out.most, words.most = drillAnswer, 8<<10
	c.Stdout, c.Stderr = &out, &words
	in, err := c.StdinPipe()
	if err != nil {
		return said, err
	}
	if err := c.Start(); err != nil {
		return said, fmt.Errorf("the process of the drill did not start: %w", err)
	}
	defer in.Close()
	_, werr := in.Write(append(task, '\n')) // and the pipe stays open
	clear(task)
	err = c.Wait()
	if s := strings.TrimSpace(words.String()); s != "" {
		log.Warn("the process of a drill said something", "words", s)
	}
	if err = errors.Join(err, werr); err != nil {
		return said, fmt.Errorf("the process of the drill ended before it had said how the drill went: %w", err)
	}
	if err := json.Unmarshal(out.Bytes(), &said); err != nil {
		return said, fmt.Errorf("the process of the drill ended before it had said how the drill went: %w", err)
	}
	return said, nil
}

// drillEnv is the part of an environment that a drill gets: what finds programs, certificates
// and proxies. A shop's secrets may stand in the rest.
func drillEnv(environ []string) (out []string) {
	for _, e := range environ {
		k, _, _ := strings.Cut(e, "=")
		switch strings.ToUpper(k) {
		case "PATH", "HOME", "TMPDIR", "TMP", "TEMP", "TZ", "LANG", "SYSTEMROOT", "USERPROFILE", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY":
			out = append(out, e)
		}
	}
	return out
}

// bounded keeps the first bytes that are written to it.
type bounded struct {
	bytes.Buffer
	most int
}

func (b *bounded) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:max(0, min(len(p), b.most-b.Len()))])
	return len(p), nil
}

// drillFolder is where drills work: what lies there after a crash is removed.
func (a *App) drillFolder() string { return filepath.Join(a.Dir, copiesDir, "drill") }
