package mailbox

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// envelopeHeader begins the first line of every file.
const envelopeHeader = "X-Mailbox-Envelope: "

// keepParsed is how many of the newest messages stay parsed in memory.
const keepParsed = 2000

var idPattern = regexp.MustCompile(`^[0-9]{16}-[0-9a-z]{8}$`)

var errNoMessage = errors.New("there is no such message")

// envelope is what the sender said before the message itself.
type envelope struct {
	From string   `json:"from"`
	To   []string `json:"to"`
}

// entry is what stays in memory of every message.
type entry struct {
	id   string
	env  envelope
	read *Message // nil for old ones
}

// store is a folder of messages.
type store struct {
	dir string
	log *slog.Logger

	mu      sync.Mutex
	last    int64   // microseconds of the newest id
	entries []entry // oldest first
}

func openStore(dir string, log *slog.Logger) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("mailbox folder: %w", err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("mailbox folder: %w", err)
	}
	s := &store{dir: dir, log: log}
	for _, f := range files {
		if strings.HasPrefix(f.Name(), ".new-") { // a crash while storing
			os.Remove(filepath.Join(dir, f.Name()))
			continue
		}
		id, isMail := strings.CutSuffix(f.Name(), ".eml")
		if !isMail || !idPattern.MatchString(id) {
			continue
		}
		data, err := os.ReadFile(s.path(id))
		if err != nil {
			return nil, fmt.Errorf("mailbox: %w", err)
		}
		env, _, err := split(data)
		if err != nil {
			log.Warn("a file in the mailbox is no message of ours; it is left alone", "file", f.Name())
			continue
		}
		s.entries = append(s.entries, entry{id: id, env: env})
	}
	slices.SortFunc(s.entries, func(a, b entry) int { return cmp.Compare(a.id, b.id) })
	if n := len(s.entries); n > 0 {
		s.last = received(s.entries[n-1].id).UnixMicro()
	}
	return s, nil
}

func (s *store) path(id string) string { return filepath.Join(s.dir, id+".eml") }

// received is the time that an id says.
func received(id string) time.Time {
	var us int64
	if _, err := fmt.Sscanf(id[:16], "%d", &us); err != nil {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// split takes the first line off a file.
func split(data []byte) (envelope, []byte, error) {
	line, raw, found := bytes.Cut(data, []byte("\r\n"))
	text, ours := bytes.CutPrefix(line, []byte(envelopeHeader))
	if !found || !ours {
		return envelope{}, nil, errors.New("the first line holds no envelope")
	}
	var env envelope
	if err := json.Unmarshal(text, &env); err != nil {
		return envelope{}, nil, fmt.Errorf("envelope: %w", err)
	}
	return env, raw, nil
}

// add stores a message and returns its id.
func (s *store) add(from string, to []string, raw []byte) (string, error) {
	env := envelope{From: from, To: to}
	head, err := json.Marshal(env)
	if err != nil {
		return "", fmt.Errorf("envelope: %w", err)
	}
	f, err := os.CreateTemp(s.dir, ".new-*")
	if err != nil {
		return "", err
	}
	data := slices.Concat([]byte(envelopeHeader), head, []byte("\r\n"), raw)
	_, err = f.Write(data)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		os.Remove(f.Name())
		return "", err
	}
	// Parsed outside the lock: a message of 25 MB takes its time.
	m := parse("", env, raw)

	s.mu.Lock()
	defer s.mu.Unlock()
	us := max(time.Now().UnixMicro(), s.last+1)
	id := fmt.Sprintf("%016d-%s", us, strings.ToLower(rand.Text()[:8]))
	if err := os.Rename(f.Name(), s.path(id)); err != nil {
		os.Remove(f.Name())
		return "", err
	}
	s.last = us
	m.ID, m.ReceivedAt = id, received(id)
	m.link()
	s.entries = append(s.entries, entry{id: id, env: env, read: &m})
	if old := len(s.entries) - 1 - keepParsed; old >= 0 {
		s.entries[old].read = nil
	}
	return id, nil
}

// list returns messages, newest first.
func (s *store) list(to string, limit int) ([]Message, error) {
	s.mu.Lock()
	var chosen []entry
	for _, e := range slices.Backward(s.entries) {
		if limit > 0 && len(chosen) == limit {
			break
		}
		if to == "" || e.env.has(to) {
			chosen = append(chosen, e)
		}
	}
	s.mu.Unlock()
	out := make([]Message, 0, len(chosen))
	for _, e := range chosen {
		if e.read != nil {
			out = append(out, *e.read)
			continue
		}
		m, _, err := s.get(e.id)
		if errors.Is(err, errNoMessage) { // deleted meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		s.keep(m)
		out = append(out, m)
	}
	return out, nil
}

// keep remembers a message that was read from its file, if it is a new one.
func (s *store) keep(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, found := slices.BinarySearchFunc(s.entries, m.ID, func(e entry, id string) int { return cmp.Compare(e.id, id) })
	if found && i >= len(s.entries)-keepParsed {
		s.entries[i].read = &m
	}
}

func (e envelope) has(to string) bool {
	return slices.ContainsFunc(e.To, func(a string) bool { return strings.EqualFold(a, to) })
}

// raw returns the bytes of a message as they came.
func (s *store) raw(id string) (envelope, []byte, error) {
	if !idPattern.MatchString(id) { // no path from outside
		return envelope{}, nil, errNoMessage
	}
	data, err := os.ReadFile(s.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return envelope{}, nil, errNoMessage
	}
	if err != nil {
		return envelope{}, nil, err
	}
	return split(data)
}

// get reads one message from its file, with its attachments' bytes.
func (s *store) get(id string) (Message, [][]byte, error) {
	env, raw, err := s.raw(id)
	if err != nil {
		return Message{}, nil, err
	}
	m, parts := parseAll(id, env, raw)
	m.link()
	return m, parts, nil
}

// remove deletes the messages to one recipient, or all.
func (s *store) remove(to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var kept []entry
	var errs []error
	for _, e := range s.entries {
		if to != "" && !e.env.has(to) {
			kept = append(kept, e)
			continue
		}
		if err := os.Remove(s.path(e.id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
			kept = append(kept, e)
		}
	}
	s.entries = kept
	return errors.Join(errs...)
}
