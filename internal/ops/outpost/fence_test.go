package outpost

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/post"
)

// Once epoch N+1 has begun, N is refused: also after a restart, also for what is replaced.
func TestFence(t *testing.T) {
	dir := t.TempDir()
	p := start(t, Options{Dir: dir})
	c := newCustomer(t)
	old := c.join(t, p)
	charter, err := json.Marshal(c.charter)
	if err != nil {
		t.Fatal(err)
	}
	store := func(s copies.Site, epoch uint32, tx uint64) error {
		if _, err := put(s, fmt.Sprintf("e/%08x/charter.json", epoch), charter); err != nil {
			return err
		}
		name, b := c.object(segmentHeader(epoch, 0, tx, tx), []byte(fmt.Sprint("segment ", tx)))
		_, err := put(s, name, b)
		return err
	}
	head := func(epoch uint32) []byte {
		return c.seal(copies.Header{Kind: copies.KindHead, Shop: c.charter.Shop, Epoch: epoch, Site: "watch"}, nil)
	}
	if err := errors.Join(store(old, 1, 1), old.Replace(context.Background(), "keys/head.kvc", head(1))); err != nil {
		t.Fatal(err)
	}
	// The shop's new machine.
	tok, err := NewToken(dir, p.Addr(), c.charter.Shop)
	if err != nil {
		t.Fatal(err)
	}
	before := c.o
	if c.o, _, err = post.Join(context.Background(), tok, "watch", copies.Charter{}); err != nil { // it has only its paper key
		t.Fatal(err)
	}
	young := c.site(t)
	if got := names(t, young); len(got) != 3 {
		t.Error("the new machine sees", got)
	}
	if err := store(old, 1, 2); err != nil {
		t.Error("before the new epoch:", err)
	}
	if err := store(young, 2, 3); err != nil {
		t.Fatal(err)
	}
	check := func(old *post.Site) {
		t.Helper()
		name, b := c.object(copies.Header{Kind: copies.KindFile, Epoch: 1, Name: strings.Repeat("cd", 32)}, []byte("picture"))
		_, errFile := put(old, name, b)
		for what, err := range map[string]error{
			"segment": store(old, 1, 4), "file": errFile, "head": old.Replace(context.Background(), "keys/head.kvc", head(1)), "keys": old.Replace(context.Background(), "keys/current.age", c.along(1, time.Now(), "old")),
		} {
			if !errors.Is(err, copies.ErrRefused) || !errors.Is(err, copies.ErrFenced) || !strings.Contains(err.Error(), "epoch 2") {
				t.Errorf("%s of the old machine: %v", what, err)
			}
		}
	}
	check(old)
	stop(t, p)
	p = start(t, Options{Dir: dir, Addr: p.Addr()})
	check(old)
	c.o = before // the old machine restarted; what it sends first is its charter
	again := c.site(t)
	if _, err := put(again, "e/00000001/charter.json", charter); !errors.Is(err, copies.ErrFenced) {
		t.Error("the old machine after a restart:", err)
	}
	check(again)
	if err := store(young, 2, 5); err != nil {
		t.Error("the new machine:", err)
	}
}

// An epoch begins with what the shop has signed. What the certificate alone can store, which
// may have been stolen, shuts nobody out; and what of an ended epoch was under way when the
// next one began is not confirmed.
func TestWhatBeginsAnEpoch(t *testing.T) {
	dir := t.TempDir()
	p := start(t, Options{Dir: dir})
	c := newCustomer(t)
	s := c.join(t, p)
	charter, err := json.Marshal(c.charter)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"e/00000002/charter.json": charter, "e/00000003/k/0123456789abcdef.age": []byte("key")} {
		if _, err := put(s, name, b); err != nil {
			t.Fatal(err)
		}
	}
	for i := range uint64(2) {
		name, b := c.object(segmentHeader(1, 0, i+1, i+1), []byte("segment"))
		if _, err := put(s, name, b); err != nil {
			t.Fatal("shut out by what nobody has signed:", err)
		}
		stop(t, p)
		p = start(t, Options{Dir: dir, Addr: p.Addr()}) // it learns its epochs again from what is there
	}
	name, b := c.object(segmentHeader(2, 0, 3, 3), []byte("segment"))
	if _, err := put(s, name, b); err != nil {
		t.Fatal(err)
	}
	if _, err := p.all()[0].note("e/00000001/l0/x.kvc", 0, taken{epoch: 1, chain: "1/segment/0", seq: 3}); !errors.Is(err, errFenced) {
		t.Error("of an ended epoch, stored while the next one began:", err)
	}
	// It lies there all the same, and is counted as it will be after the next start.
	name, b = c.object(segmentHeader(1, 0, 3, 3), []byte("stored while the next one began"))
	if _, err := p.all()[0].site.Put(context.Background(), name, bytes.NewReader(b), int64(len(b))); err != nil {
		t.Fatal(err)
	}
	if _, err := p.all()[0].note(name, int64(len(b)), taken{epoch: 1, chain: "1/segment/0", seq: 3}); !errors.Is(err, errFenced) {
		t.Error(err)
	}
	now := p.Status().Shops[0]
	if err := os.Remove(filepath.Join(dir, "shops", c.charter.Shop, "seq")); err != nil { // what is not there is not counted
		t.Fatal(err)
	}
	stop(t, p)
	p = start(t, Options{Dir: dir, Addr: p.Addr()})
	if then := p.Status().Shops[0]; now.Bytes != then.Bytes || now.Objects-1 != then.Objects { // one above was never stored
		t.Errorf("%d objects of %d bytes, and %d of %d after a restart", now.Objects, now.Bytes, then.Objects, then.Bytes)
	}
}

// Of a shop whose database goes elsewhere no segment comes: the mark of an epoch ends the one before.
func TestTheMarkOfAnEpoch(t *testing.T) {
	dir := t.TempDir()
	p := start(t, Options{Dir: dir})
	c := newCustomer(t)
	s := c.join(t, p)
	mark := func(epoch uint32) error {
		name, b := c.object(copies.Header{Kind: copies.KindEpoch, Epoch: epoch}, nil)
		_, err := put(s, name, b)
		return err
	}
	if err := mark(1); err != nil {
		t.Fatal(err)
	}
	_, b := c.object(copies.Header{Kind: copies.KindEpoch, Epoch: 1}, nil)
	if _, err := put(s, "e/00000002/epoch.kvc", b); !errors.Is(err, copies.ErrRefused) {
		t.Error("the mark of another epoch under this name:", err)
	}
	if _, err := put(s, "e/00000002/epoch.kvc", []byte("rubbish")); !errors.Is(err, copies.ErrRefused) {
		t.Error("a mark that nobody has signed:", err)
	}
	if err := mark(2); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		name, b := c.object(copies.Header{Kind: copies.KindFile, Epoch: 1, Name: strings.Repeat("cd", 32)}, []byte("picture"))
		if _, err := put(s, name, b); !errors.Is(err, copies.ErrFenced) {
			t.Error("of the epoch before:", err)
		}
		stop(t, p)
		p = start(t, Options{Dir: dir, Addr: p.Addr()})
	}
}
