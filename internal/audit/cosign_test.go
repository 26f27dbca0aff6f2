package audit

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
)

// cosigner is a witness as c2sp.org/tlog-cosignature has it, written for the test.
type cosigner struct {
	name string
	key  ed25519.PrivateKey
	at   time.Time
}

func newCosigner(name string) cosigner {
	return cosigner{name, ed25519.NewKeyFromSeed(sum("witness " + name)), time.Now()}
}

func (c cosigner) vkey() string {
	pub := append([]byte{4}, c.key.Public().(ed25519.PublicKey)...)
	return fmt.Sprintf("%s+%08x+%s", c.name, binary.BigEndian.Uint32(sum(c.name+"\n"+string(pub))), base64.StdEncoding.EncodeToString(pub))
}

func (c cosigner) Name() string { return c.name }
func (c cosigner) KeyHash() uint32 {
	w, err := Witness(c.vkey())
	if err != nil {
		panic(err)
	}
	return w.KeyHash()
}

func (c cosigner) Sign(msg []byte) ([]byte, error) {
	out := binary.BigEndian.AppendUint64(nil, uint64(c.at.Unix()))
	return append(out, ed25519.Sign(c.key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", c.at.Unix(), msg))...), nil
}

// cosigned adds the witness's line to a checkpoint.
func (c cosigner) cosigned(t *testing.T, l *Log, text string) string {
	t.Helper()
	_, n, err := l.parse(text)
	if err != nil {
		t.Fatal(err)
	}
	b, err := note.Sign(n, c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func checkpoint(t *testing.T, l *Log) string {
	t.Helper()
	text, err := db.Read(ctx, l.d, func(q *db.Reader) (string, error) { return l.Checkpoint(q) })
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func addCosignature(l *Log, text string) (int, error) {
	n, _, err := db.Write(ctx, l.d, func(tx *db.Tx) (int, error) { return l.AddCosignature(tx, text) })
	return n, err
}

func cosign(t *testing.T, l *Log) {
	t.Helper()
	if n, err := addCosignature(l, newCosigner("witness.example/w1").cosigned(t, l, checkpoint(t, l))); err != nil || n != 1 {
		t.Fatal(n, err)
	}
}

func TestCosignatures(t *testing.T) {
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		l := openLog(t, d)
		for i := range 5 {
			record(t, d, entry(i))
		}
		seal(t, l)
		first := checkpoint(t, l)
		for i := range 10 { // thinned out meanwhile
			record(t, d, entry(i))
			seal(t, l)
		}
		w1, w2 := newCosigner("witness.example/w1"), newCosigner("witness.example/w2")
		if n, err := addCosignature(l, w1.cosigned(t, l, first)); n != 1 || err != nil {
			t.Error(n, err)
		}
		newest := checkpoint(t, l)
		both := w2.cosigned(t, l, w1.cosigned(t, l, newest))
		if n, err := addCosignature(l, both); n != 2 || err != nil {
			t.Error(n, err)
		}
		if n, err := addCosignature(l, both); n != 0 || err != nil {
			t.Error("the same again:", n, err)
		}
		// They are told with the checkpoint, and verify as the format says.
		text := checkpoint(t, l)
		v1, _ := Witness(w1.vkey())
		v2, _ := Witness(w2.vkey())
		n, err := note.Open([]byte(text), note.VerifierList(l.verifier, v1, v2))
		if err != nil || len(n.Sigs) != 3 {
			t.Errorf("%v %+v", err, n)
		}
		if c, err := db.Read(ctx, d, func(q *db.Reader) (string, error) { return l.Cosigned(q) }); err != nil || c != text {
			t.Error(err, c)
		}
		if _, f := verify(t, l, first, text); f != "" {
			t.Error(f)
		}

		// Refused.
		foreign := strings.Replace(first, "shop.example/log", "shop.example/other", 1)
		other, _ := note.NewSigner(mustKey(t))
		forged, _ := l.sign(mustTree(t, l, 3, "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="))
		longer, _ := l.sign(mustTree(t, l, 900, "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="))
		_ = other
		late := newCosigner("witness.example/w3")
		late.at = time.Now().Add(time.Hour)
		for name, c := range map[string]struct {
			text string
			want error
		}{
			"another log": {foreign, ErrForeign}, "nothing": {"", ErrForeign}, "no line": {newest, ErrCosignature}, "a tree that never was": {w1.cosigned(t, l, forged), ErrInconsistent},
			"a tree that is not yet": {w1.cosigned(t, l, longer), ErrInconsistent}, "from the future": {late.cosigned(t, l, newest), ErrCosignature},
			"a short line": {newest + "— witness.example/w4 AAAAAQID\n", ErrCosignature}, "too long": {newest + strings.Repeat("x", maxNote), ErrCosignature},
		} {
			if n, err := addCosignature(l, c.text); !errors.Is(err, c.want) || n != 0 {
				t.Errorf("%s: %d %v", name, n, err)
			}
		}
		// With configured witnesses only theirs are taken, and only true ones.
		strict := openLog(t, d)
		strict.o.Witnesses = []note.Verifier{v1}
		record(t, d, entry(99))
		seal(t, strict)
		newest = checkpoint(t, strict)
		if _, err := addCosignature(strict, w2.cosigned(t, l, newest)); !errors.Is(err, ErrCosignature) {
			t.Error("a stranger:", err)
		}
		liar := newCosigner("witness.example/w1")
		line := strings.SplitAfter(liar.cosigned(t, l, first), "\n")
		if _, err := addCosignature(strict, newest+line[5]); !errors.Is(err, ErrCosignature) {
			t.Error("the line of another checkpoint:", err)
		}
		if n, err := addCosignature(strict, w1.cosigned(t, l, newest)); n != 1 || err != nil {
			t.Error(n, err)
		}
		// No more than a checkpoint has room for.
		took := 0
		for i := range 30 {
			n, err := addCosignature(l, newCosigner(fmt.Sprint("w", i, ".example")).cosigned(t, l, newest))
			if err != nil {
				t.Fatal(err)
			}
			took += n
		}
		if took != maxCosigners-1 {
			t.Errorf("%d more were taken", took)
		}
	})
}

func TestWitnessKeys(t *testing.T) {
	w := newCosigner("witness.example/w1")
	if _, err := Witness(w.vkey()); err != nil {
		t.Error(err)
	}
	_, ours, _ := note.GenerateKey(randomReader{}, "shop.example/log")
	for _, bad := range []string{"", "x", "x+1+y", strings.Replace(w.vkey(), "w1+", "w2+", 1), ours, w.vkey()[:len(w.vkey())-4]} {
		if _, err := Witness(bad); err == nil {
			t.Errorf("took %q", bad)
		}
	}
}
