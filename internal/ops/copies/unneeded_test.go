package copies

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// A stream key goes when everything there was read and nothing names it, and it is neither young nor
// the newest; never where something could not be read, or is not known.
func TestWhichStreamKeysAreUnneeded(t *testing.T) {
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	hours := func(n int) time.Time { return now.Add(-time.Duration(n) * time.Hour) }
	key := func(epoch uint32, id string, ago int) Object {
		return Object{Name: keyObject(epoch, id), At: hours(ago)}
	}
	seg := func(epoch uint32, tx uint64, ago int) Object {
		return Object{Name: fmt.Sprintf("%s%016x-%016x-%016x.kvc", levelPrefix(epoch, Minutes), tx, tx, tx), At: hours(ago)}
	}
	file, dump := Object{Name: "f/x.kvc", At: hours(300)}, Object{Name: "v/x.kvc", At: hours(299)}
	all := []Object{key(1, "a", 400), key(1, "b", 400), key(1, "c", 350), key(1, "d", 73), key(1, "e", 72), key(2, "a", 300), key(2, "b", 290), key(2, "f", 280), key(2, "z", 270),
		seg(1, 1, 400), seg(2, 2, 300), file, dump, {Name: headObject, At: now}, {Name: alongObject, At: now}, {Name: charterObject(1), At: hours(400)}, {Name: epochObject(2), At: hours(300)}}
	named := map[string]Header{seg(1, 1, 0).Name: {Epoch: 1, Key: "a"}, seg(2, 2, 0).Name: {Epoch: 2, Key: "b"}, file.Name: {Epoch: 2, Key: "f"}, dump.Name: {Epoch: 2}}
	for what, c := range map[string]struct {
		all    []Object
		broken string // no header of a name with this in it can be read
		gone   string
		fails  bool
	}{
		"all was read":                       {all, "none", "1b 1c 1d 2a", false},
		"a segment of an epoch was not":      {all, levelPrefix(1, Minutes), "2a", false},
		"one of the other was not":           {all, levelPrefix(2, Minutes), "1b 1c 1d", false},
		"a file was not":                     {all, "f/", "", true},
		"a dump was not":                     {all, "v/", "", true},
		"something is there that is new":     {append(slices.Clone(all), Object{Name: "e/00000001/l7/x.kvc", At: now}), "none", "", true},
		"something is there of another sort": {append(slices.Clone(all), Object{Name: "g/x.kvc", At: now}), "none", "", true},
		"nothing is old":                     {[]Object{key(1, "a", 10), key(1, "b", 5), seg(1, 9, 1), {Name: headObject, At: now}}, "", "", false},
	} {
		out, err := unneeded(context.Background(), c.all, DefaultPolicy(), func(_ context.Context, name string) (Header, error) {
			if strings.Contains(name, c.broken) {
				return Header{}, errors.New("cannot be read")
			}
			return named[name], nil
		})
		var got []string
		for _, n := range out {
			e, id, _ := keyAt(n)
			got = append(got, strings.TrimLeft(e, "0")+id)
		}
		if strings.Join(got, " ") != c.gone || (err != nil) != c.fails {
			t.Errorf("%s: %q go, not %q; %v", what, got, c.gone, err)
		}
	}
}
