package account

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

func TestProvenAddress(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		b := w.browser()
		v := b.prove("Kim@Example.SE")
		if v.Account != 0 || v.Email != "kim@example.se" || v.Method != "code" || !v.IsFresh(time.Now()) {
			t.Fatalf("%+v", v)
		}
		if by := v.By(); by.Kind != auth.CustomerKind || by.ID != 0 || by.Peer != place || len(by.Rights()) != 0 {
			t.Errorf("%+v", by)
		}
		_, err := w.a.TryCode(ctx, b.code2(), b.from)
		want(t, "the code again", err, "invalid")
		// Another address, and nobody at all.
		for _, bad := range []string{"", " ", "kim", "kim@", "<x>'--@y", "kim@exämple..se"} {
			if err := w.browser().ask(bad); !fault.Is(err, "invalid") {
				t.Errorf("%q: %v", bad, err)
			}
		}
		for _, x := range []string{"", "x", secret.RandomToken(), b.from.Old[1:], b.from.Old + "A", b.from.Browser[:43]} {
			w.dead("garbage "+x, x)
		}
		// Signing out deletes the row and the person.
		if err := w.a.SignOut(ctx, b.from.Old, place); err != nil {
			t.Fatal(err)
		}
		w.dead("signed out", b.from.Old)
		if n := w.count(`SELECT count(*) FROM secret_person WHERE erased_at IS NULL`); n != 0 {
			t.Error("persons left:", n)
		}
	})
}

// code2 is the newest code even when its letter is not due any more.
func (b *browserAt) code2() string {
	return read(b.w, func(q db.Q) (string, error) {
		var id db.ID
		err := q.QueryRow(`SELECT ref_id FROM job_job WHERE kind=$1 ORDER BY id DESC LIMIT 1`, JobCode).Scan(&id)
		return b.w.a.digits(codeKind, id), err
	})
}

func TestCodeBelongsToItsBrowser(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		mine, theirs := w.browser(), w.browser()
		if err := mine.ask("kim@example.se"); err != nil {
			t.Fatal(err)
		}
		right := mine.code()
		if err := theirs.ask("kim@example.se"); err != nil {
			t.Fatal(err)
		}
		// A stranger's tries, with the right code of the other browser too.
		for range codeTries {
			_, err := w.a.TryCode(ctx, right, theirs.from)
			want(t, "a code of another browser", err, "invalid")
		}
		_, err := w.a.TryCode(ctx, right, From{Peer: place})
		want(t, "without a browser", err, "invalid")
		_, err = w.a.TryCode(ctx, theirs.code(), theirs.from)
		want(t, "the right code after too many", err, "invalid")
		if _, err := mine.keep(w.a.TryCode(ctx, right[:4]+" "+right[4:], mine.from)); err != nil {
			t.Fatal("the owner was locked out:", err)
		}
		// Newest only, in one browser.
		b := w.browser()
		b.from.Peer = elsewhere
		var cookies []string
		var codes []string
		for range 3 {
			if err := b.ask("kim@example.se"); err != nil {
				t.Fatal(err)
			}
			cookies, codes = append(cookies, b.from.Browser), append(codes, b.code())
		}
		for i := range 2 {
			_, err := w.a.TryCode(ctx, codes[i], b.from)
			want(t, "an older code", err, "invalid")
			_, err = w.a.TryCode(ctx, codes[i], From{Browser: cookies[i]})
			want(t, "an older code with its cookie", err, "invalid")
		}
		// Too old.
		w.exec(`UPDATE account_code SET expires_at=1`)
		_, err = w.a.TryCode(ctx, codes[2], b.from)
		want(t, "expired", err, "invalid")
		if p := read(w, func(q db.Q) (Pending, error) { return w.a.Pending(q, b.from.Browser) }); p.Step != "" {
			t.Error(p)
		}
		// A cookie that was made up or changed is no browser.
		for _, c := range []string{"", "x", b.from.Browser[:len(b.from.Browser)-1] + "A", strings.ToUpper(b.from.Browser)} {
			if p := read(w, func(q db.Q) (Pending, error) { return w.a.Pending(q, c) }); p.Step != "" {
				t.Error(c)
			}
		}
	})
}

// One code, many at once from two processes: one gets in. And however many wrong ones come at once, five are
// looked at.
func TestCodeUnderParallelism(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		ps := []*Accounts{w.a, w.process(w.a.v)}
		for range 5 {
			w.exec(`DELETE FROM auth_try`)
			b := w.browser()
			if err := b.ask("kim@example.se"); err != nil {
				t.Fatal(err)
			}
			code := b.code()
			var in atomic.Int64
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					switch e, err := ps[i%2].TryCode(ctx, code, b.from); {
					case err == nil && !e.Secret.IsZero():
						in.Add(1)
					case !fault.Is(err, "invalid"):
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if in.Load() != 1 {
				t.Fatal("one code let in", in.Load())
			}
		}
		b := w.browser()
		if err := b.ask("kim@example.se"); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() { ps[i%2].TryCode(ctx, "00000000", b.from) })
		}
		wg.Wait()
		if n := w.count(`SELECT tries FROM account_code ORDER BY id DESC LIMIT 1`); n != codeTries {
			t.Error("tries counted:", n)
		}
		_, err := w.a.TryCode(ctx, b.code(), b.from)
		want(t, "the right one after that", err, "invalid")
	})
}

// Codes are counted per address and network, and a browser that has signed in is not kept out by strangers.
func TestCodesAreBounded(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		known := w.browser()
		known.prove("kim@example.se")
		for _, who := range []string{"kim@example.se", "nobody@example.se"} {
			sent, n := 0, 0
			for net := range 30 {
				b := w.browser()
				b.from.Peer = fmt.Sprintf("203.0.%d.0/24", net)
				for range 3 {
					n++
					switch err := b.ask(who); {
					case err == nil:
						sent++
					case fault.Is(err, "too_many"):
						if f := fault.As(err); f.RetryAfter <= 0 || f.RetryAfter > time.Hour {
							t.Error(f.RetryAfter)
						}
					default:
						t.Fatal(err)
					}
				}
			}
			// Kim's first code was counted too.
			if wantSent := perAddress.Limit; sent < wantSent-1 || sent > wantSent {
				t.Errorf("%s: %d of %d codes sent", who, sent, n)
			}
		}
		if err := known.ask("kim@example.se"); err != nil {
			t.Error("a stranger locked the owner out:", err)
		}
		if _, err := known.keep(w.a.TryCode(ctx, known.code(), known.from)); err != nil {
			t.Error(err)
		}
		// One network alone.
		w.exec(`DELETE FROM auth_try`)
		b := w.browser()
		for range perPlace.Limit {
			if err := b.ask("bo@example.se"); err != nil {
				t.Fatal(err)
			}
		}
		want(t, "from the same network", b.ask("bo@example.se"), "too_many")
		b.from.Peer = elsewhere
		want(t, "from another", b.ask("bo@example.se"), "")
	})
}

// Whatever is typed, only the eight digits in their order are the code.
func TestSameCode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.StringMatching(`[0-9]{8}`).Draw(t, "code")
		other := rapid.StringMatching(`[0-9]{8}`).Draw(t, "other")
		if !sameCode(code, code[:4]+" "+code[4:]) || !sameCode(code, " "+code+"\n") {
			t.Fatal("the code itself is not taken")
		}
		if sameCode(code, other) != (code == other) {
			t.Fatal(code, other)
		}
		junk := rapid.String().Draw(t, "junk")
		if strings.Join(strings.FieldsFunc(junk, func(r rune) bool { return r < '0' || r > '9' }), "") != code && sameCode(code, junk) {
			t.Fatalf("%q is taken for %s", junk, code)
		}
	})
}
