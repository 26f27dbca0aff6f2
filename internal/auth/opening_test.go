package auth

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

// opener is a member in a session, and a person to open.
func (w *world) opener(id, session db.ID) By {
	by := StaffBy(id, "", []Right{PersonalOpen})
	by.Session = session
	return by
}

func (w *world) person() db.ID {
	w.t.Helper()
	p, _, err := db.Write(ctx, w.d, func(tx *db.Tx) (db.ID, error) { p, err := w.a.v.NewPerson(tx); return p.ID, err })
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) show(by By, in OpenIn) (Opened, error) {
	o, _, err := db.Write(ctx, w.d, func(tx *db.Tx) (Opened, error) { return w.a.Open(tx, by, in) })
	return o, err
}

func (w *world) shown(by By, entity string, id db.ID) Opened {
	w.t.Helper()
	o, err := db.Read(ctx, w.d, func(q *db.Reader) (Opened, error) { return by.Opened(q, entity, id) })
	if err != nil {
		w.t.Fatal(err)
	}
	return o
}

func (w *world) readings(person db.ID) []audit.Access {
	w.t.Helper()
	as, err := db.Read(ctx, w.d, func(q *db.Reader) ([]audit.Access, error) { return audit.Accesses(q, person, 0, 100) })
	if err != nil {
		w.t.Fatal(err)
	}
	return as
}

// An opening holds for who opened, in his session, through this entity, for its time;
// one reading is written, with the reason; and it can be shut.
func TestOpening(t *testing.T) {
	each(t, func(w *world) {
		p, by := w.person(), w.opener(7, 70)
		in := OpenIn{Person: p, Entity: "order", EntityID: 5, Reason: ForPacking, Kinds: []string{"name", "address"}}
		o, err := w.show(by, in)
		if err != nil || !o.Opens(p, "order", 5) || !o.For(ForPacking) || o.For(ForQuestion) {
			w.t.Fatal(o, err)
		}
		if d := time.Until(o.Until()); d > 30*time.Minute || d < 25*time.Minute {
			w.t.Error("shown for", d)
		}
		for name, open := range map[string]bool{
			"another person":         o.Opens(p+1, "order", 5),
			"another order":          o.Opens(p, "order", 6),
			"another entity":         o.Opens(p, "case", 5),
			"nobody":                 o.Opens(0, "order", 5),
			"nothing":                Opened{}.Opens(0, "", 0) || Opened{}.Opens(p, "order", 5),
			"a colleague":            w.shown(w.opener(8, 70), "order", 5).Any(),
			"another session":        w.shown(w.opener(7, 71), "order", 5).Any(),
			"a case with the number": w.shown(by, "case", 5).Any(),
			"another number":         w.shown(by, "order", 50).Any(),
			"without the right":      w.shown(By{Kind: StaffKind, ID: 7, Session: 70}, "order", 5).Any(),
			"a token of the number":  w.shown(By{Kind: APIKind, ID: 7, Session: 70, rights: map[Right]bool{PersonalOpen: true}}, "order", 5).Any(),
		} {
			if open {
				w.t.Error("open to", name)
			}
		}
		if got := w.shown(by, "order", 5); !got.Opens(p, "order", 5) {
			w.t.Error("not open to who opened")
		}
		as := w.readings(p)
		if len(as) != 1 || as[0].Reason != ForPacking || as[0].ActorID != 7 || as[0].Entity != "order" || as[0].EntityID != 5 || strings.Join(as[0].Kinds, " ") != "address name" {
			w.t.Errorf("%+v", as)
		}
		// A second reason stands beside the first.
		in.Reason = ForQuestion
		if o, err = w.show(by, in); err != nil || !o.For(ForPacking) || !o.For(ForQuestion) || len(w.readings(p)) != 2 {
			w.t.Error(o, err)
		}
		all, err := db.Read(ctx, w.d, func(q *db.Reader) (map[db.ID]Opened, error) { return by.OpenedAll(q, "order", []db.ID{4, 5}) })
		if err != nil || len(all) != 1 || !all[5].For(ForPacking) || !all[5].Opens(p, "order", 5) || all[4].Opens(p, "order", 4) {
			w.t.Error(all, err)
		}
		taken, err := db.Read(ctx, w.d, func(q *db.Reader) (map[db.ID]bool, error) {
			return TakenBy(q, w.opener(8, 80), "order", ForPacking, []db.ID{4, 5})
		})
		if err != nil || len(taken) != 1 || !taken[5] {
			w.t.Error(taken, err)
		}
		if err := db.Do(ctx, w.d, func(tx *db.Tx) error { return Shut(tx, w.opener(7, 71), "order", 5) }); err != nil || !w.shown(by, "order", 5).Any() {
			w.t.Error("shut from another session", err)
		}
		if err := db.Do(ctx, w.d, func(tx *db.Tx) error { return Shut(tx, by, "order", 5) }); err != nil || w.shown(by, "order", 5).Any() {
			w.t.Error("not shut", err)
		}
	})
}

// The time is the only thing that ends an opening by itself: the row is moved back as
// far as the clock would have gone.
func TestOpeningEnds(t *testing.T) {
	each(t, func(w *world) {
		p, by := w.person(), w.opener(7, 70)
		for minutes, want := range map[int64]time.Duration{0: 30 * time.Minute, 1: 5 * time.Minute, 10: 10 * time.Minute, 100000: 4 * time.Hour} {
			in := OpenIn{Person: p, Entity: "case", EntityID: db.ID(minutes + 1), Reason: ForQuestion, Kinds: []string{"name"}, Minutes: minutes}
			if _, err := w.show(by, in); err != nil {
				w.t.Fatal(err)
			}
			back := func(d time.Duration) {
				if err := db.Do(ctx, w.d, func(tx *db.Tx) error {
					return tx.ExecOne(`UPDATE auth_opening SET opened_at=$2, until_at=$3 WHERE entity_id=$1`, in.EntityID, tx.Now().Add(-d), tx.Now().Add(want-d))
				}); err != nil {
					w.t.Fatal(err)
				}
			}
			var long time.Duration
			if err := db.Do(ctx, w.d, func(tx *db.Tx) error {
				var from, to time.Time
				err := tx.QueryRow(`SELECT opened_at, until_at FROM auth_opening WHERE entity_id=$1`, in.EntityID).Scan(&from, &to)
				long = to.Sub(from)
				return err
			}); err != nil || long != want {
				w.t.Error(minutes, long, err)
			}
			if back(want - time.Minute); !w.shown(by, "case", in.EntityID).Any() {
				w.t.Error("ended before its time")
			}
			if back(want); w.shown(by, "case", in.EntityID).Any() {
				w.t.Error("open when its time is out")
			}
		}
	})
}

func TestOpeningRefused(t *testing.T) {
	each(t, func(w *world) {
		p, by := w.person(), w.opener(7, 70)
		good := OpenIn{Person: p, Entity: "order", EntityID: 5, Reason: ForPacking, Kinds: []string{"name"}}
		for name, who := range map[string]By{"nobody": {}, "guest": Guest(""), "no right": StaffBy(7, "", []Right{OrdersRead}), "token": TokenBy(3, "", []Right{PersonalOpen}), "the program": System("x")} {
			if _, err := w.show(who, good); !fault.Is(err, "denied") {
				w.t.Error(name, err)
			}
		}
		for name, c := range map[string]struct {
			change func(in *OpenIn)
			want   string
		}{
			"no reason":    {func(in *OpenIn) { in.Reason = "" }, "/reason choose"},
			"own reason":   {func(in *OpenIn) { in.Reason = "curious" }, "/reason choose"},
			"other":        {func(in *OpenIn) { in.Reason = ForOther }, "/note required"},
			"long":         {func(in *OpenIn) { in.Reason, in.Note = ForOther, strings.Repeat("å", 201) }, "/note too_long"},
			"control":      {func(in *OpenIn) { in.Reason, in.Note = ForOther, "a\x1b[31m" }, "/note bad_characters"},
			"broken UTF-8": {func(in *OpenIn) { in.Reason, in.Note = ForOther, "a\xff" }, "/note bad_characters"},
		} {
			in := good
			c.change(&in)
			_, err := w.show(by, in)
			f := fault.As(err)
			if f == nil || len(f.Fields) != 1 || f.Fields[0].Pointer+" "+f.Fields[0].Code != c.want {
				w.t.Errorf("%s: %v", name, err)
			}
		}
		for _, in := range []OpenIn{{Entity: "order", EntityID: 5, Reason: ForPacking, Kinds: good.Kinds}, {Person: p, Entity: "staff", EntityID: 5, Reason: ForPacking, Kinds: good.Kinds}, {Person: p, Entity: "order", Reason: ForPacking, Kinds: good.Kinds}, {Person: p, Entity: "order", EntityID: 5, Reason: ForPacking}} {
			if _, err := w.show(by, in); err == nil || fault.As(err) != nil {
				w.t.Errorf("%+v: %v", in, err)
			}
		}
		if len(w.readings(p)) != 0 || w.shown(by, "order", 5).Any() {
			w.t.Error("a refusal opened or wrote")
		}
		// The note of "other" is sealed under the person.
		in := good
		in.Reason, in.Note = ForOther, "  canary  note "
		if _, err := w.show(by, in); err != nil {
			w.t.Fatal(err)
		}
		var id db.ID
		var b []byte
		if err := db.Do(ctx, w.d, func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT id, note FROM auth_opening WHERE reason='other'`).Scan(&id, &b)
		}); err != nil || strings.Contains(string(b), "canary") {
			w.t.Error(err, string(b))
		}
		note, err := db.Read(ctx, w.d, func(q *db.Reader) ([]byte, error) { return w.a.v.Open(q, p, fieldOpeningNote, id, b) })
		if err != nil || string(note) != "canary note" {
			w.t.Error(string(note), err)
		}
	})
}

// Presses that come at once open, and are written.
func TestOpeningAtOnce(t *testing.T) {
	each(t, func(w *world) {
		p, by := w.person(), w.opener(7, 70)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := w.show(by, OpenIn{Person: p, Entity: "order", EntityID: 5, Reason: ForPacking, Kinds: []string{"name"}}); err != nil {
					w.t.Error(err)
				}
			})
		}
		wg.Wait()
		if o := w.shown(by, "order", 5); !o.Opens(p, "order", 5) || len(w.readings(p)) == 0 {
			w.t.Error("not open, or not written")
		}
	})
}

func (w *world) made(n NewToken) (db.ID, secret.Secret, error) {
	type made struct {
		id  db.ID
		key secret.Secret
	}
	m, _, err := db.Write(ctx, w.d, func(tx *db.Tx) (m made, err error) {
		m.id, m.key, err = w.a.CreateToken(tx, System("test"), n)
		return
	})
	return m.id, m.key, err
}

// A token reads with its scope alone, and with its purpose.
func TestReadByToken(t *testing.T) {
	each(t, func(w *world) {
		p := w.person()
		in := OpenIn{Person: p, Entity: "order", EntityID: 5, Kinds: []string{"name"}}
		read := func(by By) Opened {
			o, _, err := db.Write(ctx, w.d, func(tx *db.Tx) (Opened, error) { return ReadByToken(tx, by, in) })
			if err != nil {
				w.t.Fatal(err)
			}
			return o
		}
		for name, by := range map[string]By{"no scope": TokenBy(3, "", []Right{OrdersRead}), "staff": w.opener(7, 70), "guest": Guest(""), "nobody": {}} {
			if read(by).Any() || len(w.readings(p)) != 0 {
				w.t.Error(name, "was let in")
			}
		}
		by := TokenBy(3, "", []Right{PersonalOpen})
		by.Purpose = ForPacking
		if o := read(by); !o.Opens(p, "order", 5) || o.Opens(p, "order", 6) {
			w.t.Error(o)
		}
		if as := w.readings(p); len(as) != 1 || as[0].ActorKind != "token" || as[0].Reason != ForPacking {
			w.t.Errorf("%+v", as)
		}
		in.Limited = true
		for _, by.Purpose = range []string{ForPacking, ForLaw, ForOther, ""} {
			if read(by).Any() {
				w.t.Errorf("restricted, and opened to a machine for %q", by.Purpose)
			}
		}
		if as := w.readings(p); len(as) != 1 {
			w.t.Errorf("what was not read is recorded: %+v", as)
		}
		// A token keeps the purpose it was made for.
		_, key, err := w.made(NewToken{Name: "lager", Rights: []Right{OrdersRead, PersonalOpen}, Purpose: ForPacking})
		if err != nil {
			w.t.Fatal(err)
		}
		got, err := w.a.ResolveToken(ctx, key.Reveal(), "")
		if err != nil || got.Purpose != ForPacking || !got.Has(PersonalOpen) {
			w.t.Error(got, err)
		}
		if _, _, err := w.made(NewToken{Name: "lager", Rights: []Right{OrdersRead}, Purpose: "curious"}); !fault.Is(err, "invalid") {
			w.t.Error(fmt.Sprint(err))
		}
	})
}
