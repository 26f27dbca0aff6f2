package bank

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// errBooksClosed: the file could not be written, or is closed. What the disk
// holds is no longer known, so nothing more is promised.
var errBooksClosed = errors.New("the books are closed")

// booksFile is the name of the journal inside the bank's folder.
const booksFile = "books.jsonl"

// journal is an append-only file of one JSON record a line. append is called in
// the order of the books (under their lock); sync may be called by many at once
// and they share the fsync.
type journal struct {
	f *os.File

	mu      sync.Mutex
	cond    *sync.Cond
	written int64 // length of the file
	synced  int64 // length known to be on disk
	syncing bool
	broken  error
	fsyncs  int64
}

// openJournal opens or creates the file in dir, calls each for every record and
// leaves the journal ready to append. cut is the name of the file that took a
// half-written last line, or empty.
func openJournal(dir string, each func(record) error) (j *journal, cut string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, "", fmt.Errorf("bank folder: %w", err)
	}
	path := filepath.Join(dir, booksFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, "", fmt.Errorf("bank books: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if err := lockFile(f); err != nil {
		return nil, "", fmt.Errorf("bank books %s are held by another process: %w", path, err)
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, "", fmt.Errorf("bank books: %w", err)
	}
	good, tail, err := replay(data, each)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	if len(tail) > 0 {
		cut = filepath.Join(dir, fmt.Sprintf("books.cut-%d", time.Now().UnixMicro()))
		if err := os.WriteFile(cut, tail, 0o600); err != nil {
			return nil, "", fmt.Errorf("put the cut line aside: %w", err)
		}
		if err := f.Truncate(int64(good)); err != nil {
			return nil, "", fmt.Errorf("bank books: %w", err)
		}
	}
	if _, err := f.Seek(int64(good), io.SeekStart); err != nil {
		return nil, "", fmt.Errorf("bank books: %w", err)
	}
	if good > 0 && data[good-1] != '\n' {
		if _, err := f.Write([]byte("\n")); err != nil {
			return nil, "", fmt.Errorf("bank books: %w", err)
		}
		good++
	}
	if err := f.Sync(); err != nil {
		return nil, "", fmt.Errorf("bank books: %w", err)
	}
	syncDir(dir)
	j = &journal{f: f, written: int64(good), synced: int64(good)}
	j.cond = sync.NewCond(&j.mu)
	return j, cut, nil
}

// replay calls each for every whole record. It returns the length of the part
// that is good and the rest, which is a last line without its end. A line that
// lost nothing but its line break counts as whole: a JSON object cut anywhere
// else does not parse.
func replay(data []byte, each func(record) error) (good int, tail []byte, err error) {
	for line := 1; good < len(data); line++ {
		rest := data[good:]
		text, n, whole := rest, len(rest), false
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			text, n, whole = rest[:i], i+1, true
		}
		var r record
		if err := json.Unmarshal(text, &r); err != nil {
			if !whole {
				return good, rest, nil
			}
			return 0, nil, fmt.Errorf("line %d is damaged (%w); the file is left as it is: move it away to start with empty books", line, err)
		}
		if err := each(r); err != nil {
			return 0, nil, fmt.Errorf("line %d contradicts the lines before it: %w", line, err)
		}
		good += n
	}
	return good, nil, nil
}

// append writes one record and returns the position to give to sync.
func (j *journal) append(r record) (int64, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return 0, fmt.Errorf("encode a record: %w", err)
	}
	b = append(b, '\n')
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return 0, j.broken
	}
	n, err := j.f.Write(b)
	if err != nil {
		if n > 0 { // half a line must not be followed by another
			if terr := j.f.Truncate(j.written); terr == nil {
				_, terr = j.f.Seek(j.written, io.SeekStart)
				if terr == nil {
					return 0, fmt.Errorf("write the books: %w", err)
				}
			}
			j.broken = fmt.Errorf("%w: %w", errBooksClosed, err)
		}
		return 0, fmt.Errorf("write the books: %w", err)
	}
	j.written += int64(n)
	return j.written, nil
}

// sync returns when everything up to pos is on disk. The first caller syncs for
// all who wait.
func (j *journal) sync(pos int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.synced < pos {
		if j.broken != nil {
			return j.broken
		}
		if j.syncing {
			j.cond.Wait()
			continue
		}
		j.syncing = true
		target := j.written
		j.mu.Unlock()
		err := j.f.Sync()
		j.mu.Lock()
		j.syncing = false
		j.fsyncs++
		if err != nil {
			// A second fsync may succeed although the pages are lost.
			j.broken = fmt.Errorf("%w: %w", errBooksClosed, err)
		} else {
			j.synced = target
		}
		j.cond.Broadcast()
	}
	return nil
}

// fail closes the books for good, for a reason that is not the disk's.
func (j *journal) fail(cause error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken == nil {
		j.broken = fmt.Errorf("%w: %w", errBooksClosed, cause)
	}
	j.cond.Broadcast()
}

// close makes everything durable and refuses what comes after.
func (j *journal) close() error {
	j.mu.Lock()
	pos := j.written
	gone := j.broken != nil
	j.mu.Unlock()
	var err error
	if !gone {
		err = j.sync(pos)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if errors.Is(j.broken, os.ErrClosed) {
		return nil
	}
	j.broken = fmt.Errorf("%w: %w", errBooksClosed, os.ErrClosed)
	return errors.Join(err, j.f.Close())
}

// syncDir makes a new name durable where the system can do that.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync() // not every file system knows how
		d.Close()
	}
}
