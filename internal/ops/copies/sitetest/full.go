package sitetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"kassavalv/internal/ops/copies"
)

// Full checks what a site does whose disk, of four to eight megabytes, is filled: it says
// so, leaves nothing of what did not fit, keeps what was there, and goes on when there is
// room again.
func Full(t *testing.T, site copies.Site) {
	ctx := context.Background()
	s := &scene{judge: t, t: t, site: site, ctx: ctx}
	first := noise(1, 1<<20)
	s.mustPut(seg(1), first)
	big := noise(2, 12<<20)
	_, err := s.put(seg(2), big)
	s.is("put of more than there is room", err, copies.ErrFull)
	s.absentNow(seg(2))
	s.holds(seg(1), first)
	// Filled to the brim, piece by piece.
	names := []string{seg(1)}
	for i := 3; ; i++ {
		if i > 100 {
			t.Fatal("the disk does not fill")
		}
		if _, err = s.put(seg(i), noise(uint64(i), 600<<10)); err != nil {
			break
		}
		names = append(names, seg(i))
	}
	s.is("put into what is full", err, copies.ErrFull)
	s.lists("", "", names...)
	s.holds(seg(1), first)
	r, ok := site.(copies.Remover)
	if !ok {
		return
	}
	if err := r.Remove(ctx, names[1:]); err != nil {
		t.Error("remove from what is full:", err)
	}
	b := noise(9, 600<<10)
	if _, err := site.Put(ctx, seg(200), bytes.NewReader(b), int64(len(b))); err != nil {
		t.Error("when there is room again:", err)
	}
	s.holds(seg(200), b)
	if got := s.lists("", "", seg(1), seg(200)); !slices.ContainsFunc(got, func(o copies.Object) bool { return o.Size == int64(len(b)) }) {
		t.Error(errors.New("its size is another"))
	}
}
