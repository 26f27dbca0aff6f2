package outpost

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"kassavalv/internal/ops/copies"
)

// Bounds of what is not signed.
const (
	maxCharter = 32 << 10
	maxKey     = 32 << 10
	jump       = 1000 // epochs that may be left out: a later one fences all before
)

// taken is what was found in an object.
type taken struct {
	epoch uint32 // 0: it tells none
	chain string // empty: of none
	seq   uint64
	prev  string
	hash  string
	at    int64 // of keys/current.age: when the shop made it
}

// verify looks at an object before it is stored. Its errors wrap ErrRefused.
func (s *shop) verify(name string, body io.ReadSeeker, size int64) (t taken, err error) {
	refuse := func(form string, args ...any) (taken, error) {
		return taken{}, fmt.Errorf("%w: %s: %s", copies.ErrRefused, name, fmt.Sprintf(form, args...))
	}
	s.mu.Lock()
	who := s.who
	s.mu.Unlock()
	kind, g := parse(name)
	t.epoch = g.epoch
	switch kind {
	case "":
		return refuse("an outpost takes no object of such a name")
	case "keys":
		b, err := readAll(body)
		if err != nil {
			return t, err
		}
		h, _, signed, err := copies.ReadAlong(b, who.Charter, who.Site)
		if err != nil {
			return refuse("%v", err)
		}
		if !signed {
			return refuse("it is not signed")
		}
		t.epoch, t.at = h.Epoch, h.At
		return t, nil
	case "key":
		if size > maxKey {
			return refuse("%d bytes are too many", size)
		}
		return t, nil
	case "charter":
		if size > maxCharter {
			return refuse("%d bytes are too many", size)
		}
		b, err := readAll(body)
		if err != nil {
			return t, err
		}
		var c copies.Charter
		if json.Unmarshal(b, &c) != nil || c != who.Charter {
			return refuse("this is not the charter of the shop that is enrolled; after a new paper key it joins again, with a token of kassavalv outpost init --shop %s", who.Charter.Shop)
		}
		return t, nil
	}
	key, err := who.Charter.VerifyKey()
	if err != nil {
		return refuse("%v", err)
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return t, err
	}
	h, hash, err := copies.ReadHeader(body, name, key)
	if err != nil {
		return refuse("%v", err)
	}
	want := map[string]string{"segment": copies.KindSegment, "file": copies.KindFile, "dump": copies.KindDump, "head": copies.KindHead, "epoch": copies.KindEpoch}[kind]
	switch {
	case h.Kind != want:
		return refuse("its header is of the kind %q", h.Kind)
	case h.Shop != who.Charter.Shop:
		return refuse("it is another shop's")
	case h.Site != who.Site:
		return refuse("it was made for the site %q, and this one is %q", h.Site, who.Site)
	case h.Epoch == 0 || g.epoch != 0 && h.Epoch != g.epoch:
		return refuse("its header is of epoch %d", h.Epoch)
	}
	t.epoch = h.Epoch
	if kind == "head" {
		return t, nil
	}
	sum := sha256.New()
	n, err := io.Copy(sum, body)
	if err != nil {
		return t, err
	}
	switch {
	case n != h.SealedSize || hex.EncodeToString(sum.Sum(nil)) != h.Sealed:
		return refuse("the sealed bytes are not those that its header tells of")
	case copies.ObjectName(h) != name:
		return refuse("by its header it is called %s", copies.ObjectName(h))
	}
	t.chain, t.seq, t.prev, t.hash = fmt.Sprintf("%d/%s/%d", h.Epoch, h.Kind, h.Level), h.Seq, h.Prev, hash
	return t, nil
}

// older refuses what was made before that which it would replace: an old one, put back by who
// has stolen what lets the shop in. The lock is held.
func (s *shop) older(ctx context.Context, name string, t taken) error {
	if t.at == 0 {
		return nil
	}
	r, err := s.site.Get(ctx, name)
	if errors.Is(err, copies.ErrAbsent) {
		return nil
	}
	if err != nil {
		return err
	}
	defer r.Close()
	key, err := s.who.Charter.VerifyKey()
	if err != nil {
		return err
	}
	if h, _, err := copies.ReadHeader(r, name, key); err == nil && (t.epoch < h.Epoch || t.epoch == h.Epoch && t.at < h.At) {
		return fmt.Errorf("%w: %s: it was made before the one that is there", copies.ErrRefused, name)
	}
	return nil // what was there is no word of this shop's, as with another charter
}

// fenced refuses epochs that have ended. The lock is held.
func (s *shop) fenced(epoch uint32) error {
	switch {
	case epoch == 0:
	case epoch < s.st.Epoch:
		return fmt.Errorf("%w: epoch %d has ended, epoch %d has begun: another machine is the shop now", errFenced, epoch, s.st.Epoch)
	case epoch > s.st.Epoch+jump:
		return fmt.Errorf("%w: epoch %d is too far from %d", copies.ErrRefused, epoch, s.st.Epoch)
	}
	return nil
}

// follow takes an object into its chain, and freezes retention where that is broken: then
// what is old may be all that is whole. The lock is held.
func (s *shop) follow(name string, t taken) {
	if t.chain == "" {
		return
	}
	last := s.st.Chains[t.chain]
	unsure := s.unsure[t.chain]
	delete(s.unsure, t.chain)
	switch {
	case t.seq == last.Seq+1 && t.prev == last.Hash:
	case unsure && t.seq > last.Seq && t.seq < last.Seq+100: // the end of it was lost here
	default:
		s.freeze(fmt.Sprintf("the chain %s is broken: %s is number %d after number %d, or does not follow from it", t.chain, name, t.seq, last.Seq))
	}
	if t.seq >= last.Seq {
		s.st.Chains[t.chain] = link{t.seq, t.hash}
	}
}
