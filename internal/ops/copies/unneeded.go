package copies

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Stream keys are one for each ten minutes, and would be most of what a site lists after a year. A
// key without which something cannot be opened is a loss of that, so one goes only when much agrees:
// the whole site was listed, the header of everything there was read and none names it, it is older
// than anything that may be under way, it is not the newest of its epoch, and all that was so a week
// before as well.

// keysEvery is how often stream keys that nothing needs are looked for, and how long one must have
// been found so.
const keysEvery = 7 * 24 * time.Hour

// keyAt tells of a name that it is a stream key's.
func keyAt(name string) (epoch, id string, ok bool) {
	part := strings.Split(name, "/")
	if len(part) != 4 || part[0] != "e" || part[2] != "k" || !strings.HasSuffix(part[3], ".age") {
		return "", "", false
	}
	return part[1], strings.TrimSuffix(part[3], ".age"), true
}

// unneeded are the stream keys that nothing of a complete list names, by what header gives. Where a
// header cannot be read nothing is known of its epoch, and of what tells no epoch, of nothing: then
// it fails.
func unneeded(ctx context.Context, all []Object, p Policy, header func(ctx context.Context, name string) (Header, error)) ([]string, error) {
	var now time.Time
	newest := map[string]time.Time{} // key of each epoch
	for _, o := range all {
		if o.At.After(now) {
			now = o.At
		}
		if e, _, ok := keyAt(o.Name); ok && o.At.After(newest[e]) {
			newest[e] = o.At
		}
	}
	var may []string
	for _, o := range all {
		if e, _, ok := keyAt(o.Name); ok && now.Sub(o.At) > p.after(Raw) && o.At.Before(newest[e]) {
			may = append(may, o.Name)
		}
	}
	if len(may) == 0 {
		return nil, nil
	}
	var look []Object
	for _, o := range all {
		x, segment := segmentAt(o)
		_, _, key := keyAt(o.Name)
		switch {
		case segment && slices.Contains(Levels, x.Level), strings.HasPrefix(o.Name, filePrefix), strings.HasPrefix(o.Name, dumpPrefix):
			look = append(look, o)
		case key, o.Name == alongObject, o.Name == headObject, strings.HasSuffix(o.Name, "/charter.json"), strings.HasSuffix(o.Name, "/epoch.kvc"):
		default: // a later version may put there what is sealed to anything
			return nil, fmt.Errorf("copies: %s is nothing that this program knows", o.Name)
		}
	}
	var mu sync.Mutex
	needed, unsure := map[string]bool{}, map[string]bool{}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for _, o := range look {
		g.Go(func() error {
			h, err := header(gctx, o.Name)
			mu.Lock()
			defer mu.Unlock()
			switch _, segment := segmentAt(o); {
			case err == nil:
				needed[keyObject(h.Epoch, h.Key)] = true
			case segment:
				unsure[strings.Split(o.Name, "/")[1]] = true
			default:
				return err
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil { // headers that were not read for that are of nobody
		return nil, err
	}
	return slices.DeleteFunc(may, func(name string) bool {
		e, _, _ := keyAt(name)
		return needed[name] || unsure[e]
	}), nil
}

// goneKeys are the stream keys that go now, of a complete list of the site. Since when one is not
// needed is noted beside the state of the site.
func (s *shipper) goneKeys(ctx context.Context, all []Object) ([]string, error) {
	key, err := s.r.o.Charter.VerifyKey()
	if err != nil {
		return nil, err
	}
	found, err := unneeded(ctx, all, s.r.Policy(), func(ctx context.Context, name string) (Header, error) {
		h, _, err := s.headerOf(ctx, name, key)
		return h, err
	})
	if err != nil {
		return nil, err
	}
	note := strings.TrimSuffix(s.file, ".json") + ".keys"
	since := map[string]time.Time{}
	if b, err := os.ReadFile(note); err == nil {
		json.Unmarshal(b, &since) // lost: they stay for another while
	}
	now, then := s.r.o.Now().UTC(), map[string]time.Time{}
	s.mu.Lock()
	inUse := s.st.Key
	s.mu.Unlock()
	var out []string
	for _, name := range found {
		at, ok := since[name]
		if !ok || at.After(now) {
			at = now
		}
		if _, id, _ := keyAt(name); now.Sub(at) >= keysEvery && id != inUse {
			out = append(out, name)
		}
		then[name] = at
	}
	b, err := json.Marshal(then)
	if err != nil {
		return nil, err
	}
	return out, spool{}.put(note, false, func(w io.Writer) error { _, err := w.Write(b); return err })
}
