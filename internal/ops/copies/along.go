package copies

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// What lies beside the database (keys/current.age) is replaced, never added to, so it stands in
// no chain. It is signed all the same, and tells when it was made: whoever runs a site, or has
// stolen what opens it, cannot put another in its place without being found out, nor an older one
// back while the site's head tells of a newer. With the head put back as well, what a site has of
// the database is newer than the head says it could be. Nothing tells of a whole older state of a
// site, nor of an older pair where no segment lies beside it (of a shop on PostgreSQL); another
// site does, and the running shop. Before it was signed it was the bare age file; such a one is
// still opened, and said to prove nothing.

// AlongBody makes what lies under keys/current.age at a site, of sealed bytes.
func AlongBody(c Charter, site string, epoch uint32, at time.Time, sealed []byte, key ed25519.PrivateKey) ([]byte, error) {
	h := Header{Kind: KindAlong, Shop: c.Shop, Epoch: epoch, Site: site, At: at.UnixMicro(), Plain: hashOf(nil), Sealed: hashOf(sealed), SealedSize: int64(len(sealed))}
	front, _, err := h.sign(key)
	if err != nil {
		return nil, err
	}
	b := append(front, sealed...)
	if len(b) > MaxReplace {
		return nil, fmt.Errorf("copies: keys, configuration and certificates are %d bytes together, more than the %d a site keeps of them", len(b), MaxReplace)
	}
	return b, nil
}

// ReadAlong verifies what lies under keys/current.age at a site and gives its sealed bytes.
// signed is false, and h empty, for a bare age file. Otherwise an error is a Damage.
func ReadAlong(b []byte, c Charter, site string) (h Header, sealed []byte, signed bool, err error) {
	if bytes.HasPrefix(b, []byte("age-encryption.org/")) {
		return h, b, false, nil
	}
	key, err := c.VerifyKey()
	if err != nil {
		return h, nil, false, err
	}
	r := bytes.NewReader(b)
	if h, _, err = ReadHeader(r, alongObject, key); err != nil {
		return h, nil, true, err
	}
	sealed, err = io.ReadAll(r)
	if err != nil {
		return h, nil, true, err
	}
	sum := sha256.Sum256(sealed)
	switch {
	case h.Kind != KindAlong:
		err = damaged(alongObject, "is a %s", h.Kind)
	case h.Shop != c.Shop:
		err = damaged(alongObject, "is that of another shop")
	case h.Site != site:
		err = damaged(alongObject, "was made for site %s", h.Site)
	case h.SealedSize != int64(len(sealed)) || h.Sealed != hex.EncodeToString(sum[:]):
		err = damaged(alongObject, "its bytes are not those its header tells")
	}
	return h, sealed, true, err
}

// headLag is how much later the head may tell of other bytes: the two are put one after the other.
const headLag = 5 * time.Minute

// besideAt is what one site has of what lies beside.
type besideAt struct {
	along  Along
	h      Header
	signed bool
	wrong  string // why it is not to be trusted; empty: nothing is known against it
}

// newestAt is when the newest change was made of which a site has a segment; zero where none tells.
func (f *Finder) newestAt(ctx context.Context, inv *Inventory, site int) (h Header) {
	var segs []Found
	for _, x := range inv.Segments {
		if x.Site == site {
			segs = append(segs, x)
		}
	}
	slices.SortFunc(segs, func(a, b Found) int { return cmp.Or(cmp.Compare(b.Epoch, a.Epoch), cmp.Compare(b.Max, a.Max)) })
	for _, x := range segs[:min(len(segs), 5)] {
		if h, err := f.Header(ctx, inv, x); err == nil {
			return h
		}
	}
	return Header{}
}

// lookBeside opens what a site has, and holds it against the site's own head, and that against
// what else the site has.
func (f *Finder) lookBeside(ctx context.Context, inv *Inventory, site int) (x besideAt, err error) {
	s, c := f.Sites[site], inv.Charter
	b, err := getAll(ctx, s, alongObject, MaxReplace)
	if err != nil {
		return x, err
	}
	var sealed []byte
	if x.h, sealed, x.signed, err = ReadAlong(b, c, s.Place().Name); err != nil {
		return x, err
	}
	plain, err := openBytes(sealed, MaxReplace, f.Who)
	if err == nil {
		err = json.Unmarshal(plain, &x.along)
	}
	if err != nil {
		return x, err
	}
	key, err := c.VerifyKey()
	if err != nil {
		return x, err
	}
	var head Header
	hb, err := getAll(ctx, s, headObject, MaxReplace)
	if err == nil {
		head, _, err = ReadHeader(bytes.NewReader(hb), headObject, key)
	}
	told := err == nil && head.Kind == KindHead && head.Shop == c.Shop && head.Site == s.Place().Name && head.Along != ""
	newest := f.newestAt(ctx, inv, site)
	switch {
	case told && (newest.Epoch > head.Epoch || newest.Epoch == head.Epoch && newest.Time().Sub(head.Time()) > headLag) && newest.Time().Sub(x.h.Time()) > headLag:
		x.wrong = fmt.Sprintf("cannot be shown to be the newest: the head there is of %s, and changes are there of %s: an old one was put back, and these keys perhaps with it", head.Time().Format(time.RFC3339), newest.Time().Format(time.RFC3339))
	case told && head.Along == hashOf(b):
	case !x.signed && told:
		x.wrong = "is not signed and not what the shop last put there: an older one was put back, or another in its place"
	case !x.signed:
		x.wrong = "is not signed, and nothing else tells whose it is: of an earlier version of this program, or somebody put it there"
	case told && head.Time().Sub(x.h.Time()) > headLag && head.Epoch >= x.h.Epoch:
		x.wrong = fmt.Sprintf("is of %s, and the shop has since put another there: an older one was put back", x.h.Time().Format(time.RFC3339))
	}
	return x, nil
}

// Beside fetches what lies beside the database, the newest that a site gives and nothing is known
// against. Where there is no such one, the newest all the same: a shop without keys is none. What
// was wrong is told in words.
func (f *Finder) Beside(ctx context.Context, inv *Inventory) (a Along, warn []string, err error) {
	var errs []error
	var all []besideAt
	for _, i := range inv.Along {
		x, err := f.lookBeside(ctx, inv, i)
		at := fmt.Sprintf("site %s: %s", f.Sites[i].Place().Name, alongObject)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", at, err))
			continue
		}
		if !x.signed && x.wrong == "" {
			warn = append(warn, at+" is not signed (an earlier version of this program put it there)")
		}
		if x.wrong != "" {
			warn = append(warn, at+" "+x.wrong)
		}
		all = append(all, x)
	}
	if len(all) == 0 {
		return Along{}, warn, errors.Join(append(errs, errors.New("copies: no site gives the keys and the configuration"))...)
	}
	for _, e := range errs {
		warn = append(warn, e.Error())
	}
	sound := func(x besideAt) int {
		switch {
		case x.wrong != "":
			return 0
		case !x.signed:
			return 1
		}
		return 2
	}
	best := slices.MaxFunc(all, func(x, y besideAt) int {
		return cmp.Or(cmp.Compare(sound(x), sound(y)), cmp.Compare(x.h.Epoch, y.h.Epoch), cmp.Compare(x.h.At, y.h.At))
	})
	if best.wrong != "" {
		warn = append(warn, "no site has keys that nothing is known against: these are used all the same. Look whether keys that were destroyed have come back, and which sites tell the truth, before you open the shop")
	}
	return best.along, warn, nil
}
