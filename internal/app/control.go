package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"kassavalv/internal/fault"
	"kassavalv/internal/shop/intake"
)

// ControlSocket is where a running program is spoken to by commands that find
// its folder locked. Who may open it (mode 0600) may do what they do.
const ControlSocket = "control.sock"

// maxSocketPath is what the kernel takes (108 bytes with the zero on Linux, 104
// elsewhere).
const maxSocketPath = 103

// socketPath is an address of the socket that the kernel takes: a long folder
// is reached through a descriptor of it. done lets go of that.
func socketPath(dir, name string) (path string, done func(), err error) {
	path = filepath.Join(dir, name)
	if len(path) <= maxSocketPath {
		return path, func() {}, nil
	}
	if runtime.GOOS != "linux" {
		return "", nil, fmt.Errorf("the path %s is too long for a socket; give the shop a folder with a shorter name", path)
	}
	f, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", f.Fd(), name), func() { f.Close() }, nil
}

// control answers commands on the socket until ctx ends. A socket that a dead
// program left is replaced: the folder's lock is ours.
func (a *App) control(ctx context.Context) error {
	tmp := ControlSocket + ".new"
	os.Remove(filepath.Join(a.Dir, tmp))
	path, done, err := socketPath(a.Dir, tmp)
	if err != nil {
		return err
	}
	defer done()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	defer l.Close()
	// Nobody finds it under its name before its mode is right.
	if err := os.Chmod(filepath.Join(a.Dir, tmp), 0o600); err != nil {
		return err
	}
	final := filepath.Join(a.Dir, ControlSocket)
	if err := os.Rename(filepath.Join(a.Dir, tmp), final); err != nil {
		return err
	}
	defer os.Remove(final)
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	mux := http.NewServeMux()
	one := make(chan struct{}, 1)
	mux.HandleFunc("POST /import", func(w http.ResponseWriter, r *http.Request) {
		select {
		case one <- struct{}{}:
			defer func() { <-one }()
			a.controlImport(w, r)
		case <-r.Context().Done():
		case <-time.After(5 * time.Second): // one that has just answered is still clearing its desk
			w.WriteHeader(http.StatusConflict)
			tell(w, said{Error: "another import is running"})
		}
	})
	mux.HandleFunc("POST /import/bank", a.controlBank)
	mux.HandleFunc("POST /keys/{verb}", a.controlKeys)
	mux.HandleFunc("POST /backup/drill", a.controlDrill)
	mux.HandleFunc("POST /backup/{verb}", a.controlBackup)
	mux.HandleFunc("POST /reopen", a.controlReopen)
	mux.HandleFunc("POST /backup/postgres", a.controlArchive)
	mux.HandleFunc("POST /audit/verify", a.controlVerify)
	mux.HandleFunc("POST /audit/checkpoint", a.controlCheckpoint)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return work }}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-work.Done()
		c, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if srv.Shutdown(c) != nil {
			srv.Close()
		}
	}()
	err = srv.Serve(l)
	cancel()
	<-stopped
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// said is one line of an answer: how far it is, or the end.
type said struct {
	Done   int            `json:"done,omitempty"`
	Of     int            `json:"of,omitempty"`
	Report *intake.Report `json:"report,omitempty"`
	Code   string         `json:"code,omitempty"` // of a fault
	Args   map[string]any `json:"args,omitempty"`
	Error  string         `json:"error,omitempty"`
}

func tell(w http.ResponseWriter, s said) {
	json.NewEncoder(w).Encode(s)
	http.NewResponseController(w).Flush()
}

// controlImport takes the file in the body and answers lines of JSON: progress,
// then one with the report.
func (a *App) controlImport(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	// The whole file first: it is read twice, and an answer may not begin while
	// its request still comes.
	f, err := os.CreateTemp(a.Dir, "import-*.csv")
	if err != nil {
		tell(w, said{Error: err.Error()})
		return
	}
	// Nameless from the start where the system allows it: a program that dies
	// halfway leaves nothing behind, and nothing is there once the command ends.
	defer os.Remove(f.Name())
	defer f.Close()
	os.Remove(f.Name())
	if _, err := io.Copy(f, io.LimitReader(r.Body, intake.MaxBytes+1)); err != nil {
		tell(w, said{Error: err.Error()})
		return
	}
	q := r.URL.Query()
	dry, _ := strconv.ParseBool(q.Get("dry_run"))
	last := time.Time{}
	rep, err := intake.Import(r.Context(), a.DB, importer, f, intake.Options{DryRun: dry, Images: q.Get("images"), Files: a.Files, Progress: func(done, of int) {
		if time.Since(last) > 100*time.Millisecond {
			last = time.Now()
			tell(w, said{Done: done, Of: of})
		}
	}})
	end := said{Report: &rep}
	if f := fault.As(err); f != nil {
		end.Code, end.Args = f.Code, f.Args
	} else if err != nil {
		end.Error = err.Error()
	} else if !dry && a.Index != nil {
		// Who runs the command then looks for the goods.
		ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
		defer cancel()
		a.note("search after an import", a.Index.Settle(ctx))
	}
	tell(w, end)
}

// askRunning posts to the program that holds the folder. done lets go of the answer.
func askRunning(ctx context.Context, dir, path string, body io.Reader) (*http.Response, func(), error) {
	socket, letGo, err := socketPath(dir, ControlSocket)
	if err != nil {
		return nil, nil, err
	}
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}
	done := func() { tr.CloseIdleConnections(); letGo() }
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://control"+path, body)
	if err != nil {
		done()
		return nil, nil, err
	}
	res, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		done()
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			return nil, nil, fmt.Errorf("%w, which does not answer on %s: it is starting or stopping; try again", ErrLocked, ControlSocket)
		}
		return nil, nil, err
	}
	return res, func() { res.Body.Close(); done() }, nil
}

// importOver has the running program do an import.
func importOver(ctx context.Context, dir string, f io.Reader, o ImportOptions) (intake.Report, error) {
	res, done, err := askRunning(ctx, dir, "/import?"+url.Values{"dry_run": {strconv.FormatBool(o.DryRun)}, "images": {o.Images}}.Encode(), f)
	if err != nil {
		return intake.Report{}, err
	}
	defer done()
	dec := json.NewDecoder(res.Body)
	dec.UseNumber() // lines and counts stay whole numbers
	for {
		var s said
		if err := dec.Decode(&s); err != nil {
			return intake.Report{}, fmt.Errorf("the running program broke off: %w", err)
		}
		switch {
		case s.Code != "":
			return deref(s.Report), &fault.Error{Kind: fault.Unprocessable, Code: s.Code, Args: s.Args}
		case s.Error != "":
			return deref(s.Report), errors.New(s.Error)
		case s.Report != nil:
			if o.Progress != nil {
				o.Progress(s.Report.Rows, s.Report.Rows)
			}
			return *s.Report, nil
		case o.Progress != nil:
			o.Progress(s.Done, s.Of)
		}
	}
}

func deref(r *intake.Report) intake.Report {
	if r == nil {
		return intake.Report{}
	}
	return *r
}
