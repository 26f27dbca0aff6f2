package storefront_test

import (
	"strings"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/ops/copies"
)

// What the page says of the way back is the newest drill that ended ok, and that it is old.
func TestTrustTellsOfTheWayBack(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		v := s.visitor()
		say := func(value, note string) {
			t.Helper()
			want := lang.T(lang.SV, "trust.restored") + " " + value + " " + lang.T(lang.SV, note)
			for _, x := range v.get("/trust").all("dl.figures > div") {
				if strings.Join(strings.Fields(words(x)), " ") == strings.Join(strings.Fields(want), " ") {
					return
				}
			}
			t.Errorf("the page does not say %q", want)
		}
		drilled := func(state copies.State, age time.Duration) (at time.Time) {
			t.Helper()
			s.Do(func(tx *db.Tx) error {
				at = tx.Now().Add(-age)
				return copies.Record(tx, copies.Result{Site: "nas", State: state, Started: at, Took: time.Minute, RTO: time.Minute, Epoch: 1, TX: 1, Newest: at})
			})
			return at
		}
		say(lang.T(lang.SV, "trust.restored.none"), "trust.restored.soon")
		drilled(copies.Failed, time.Hour)
		drilled(copies.Inconclusive, time.Minute)
		say(lang.T(lang.SV, "trust.restored.none"), "trust.restored.soon")
		say(lang.Stamp(lang.SV, drilled(copies.Ok, 3*24*time.Hour)), "trust.restored.late")
		say(lang.Stamp(lang.SV, drilled(copies.Ok, 5*time.Hour)), "trust.restored.note")
	})
}

// What the page says of the log of readings is what the log holds: first nothing, then as many readings as there
// are, of people and machines and of the last 30 days, then when the whole of it was verified, and that it was not whole.
func TestTrustTellsOfTheLog(t *testing.T) {
	each(t, func(t *testing.T, s *shop) {
		v := s.visitor()
		figure := func(l lang.Lang, key string) string {
			t.Helper()
			prefix := map[lang.Lang]string{lang.SV: "", lang.EN: "/en"}[l]
			p := v.get(prefix + "/trust")
			name := lang.T(l, key, "n", "30")
			for _, x := range p.all("dl.figures > div") {
				if w := strings.Join(strings.Fields(words(x)), " "); strings.HasPrefix(w, name) {
					return strings.TrimSpace(strings.TrimPrefix(w, name))
				}
			}
			return ""
		}
		say := func(l lang.Lang, key, value, note string) {
			t.Helper()
			if got, want := figure(l, key), value+" "+lang.T(l, note); got != want {
				t.Errorf("%s: %q, want %q", key, got, want)
			}
		}
		for _, l := range []lang.Lang{lang.SV, lang.EN} {
			say(l, "trust.readings", "0", "trust.readings.none")
			say(l, "trust.verified", lang.T(l, "trust.verified.none"), "trust.verified.soon")
		}
		s.Do(func(tx *db.Tx) error {
			for i, kind := range []string{"staff", "token", audit.ActorSystem} {
				if _, err := audit.RecordAccess(tx, audit.Access{ActorKind: kind, ActorID: 5, ActorName: "support", Person: db.ID(7 + i), Kinds: []string{"name"}, Entity: "order", EntityID: 9, Reason: "packing"}); err != nil {
					return err
				}
			}
			if _, err := audit.RecordHandover(tx, 7, "stripe", []string{"email"}, "purchase", 3); err != nil { // not a reading
				return err
			}
			old := tx.Now().Add(-31 * 24 * time.Hour)
			_, err := tx.Exec(`INSERT INTO audit_access (id, at, actor_kind, actor_id, actor_name, person_id, kinds, entity, entity_id, reason) VALUES ($1,$2,'staff',5,'support',7,'name','order',9,'packing')`, db.IDAt(old), old)
			return err
		})
		s.Do(audit.Count)
		for _, l := range []lang.Lang{lang.SV, lang.EN} {
			say(l, "trust.readings", "3", "trust.readings.note")
		}
		// A row without a leaf is no log to be proud of.
		log, err := audit.OpenLog(t.Context(), s.DB, audit.Options{Origin: "shop.example/log", Keys: s.Vault.LogSigner})
		if err != nil {
			t.Fatal(err)
		}
		check := func(found bool) (at string) {
			t.Helper()
			r, err := log.Check(t.Context(), audit.VerifyOptions{})
			if err != nil || (r.Found > 0) != found {
				t.Fatalf("%+v %v", r, err)
			}
			s.Do(func(tx *db.Tx) error {
				x, err := audit.StandingOf(tx)
				at = lang.Stamp(lang.SV, x.Verified)
				return err
			})
			return at
		}
		say(lang.SV, "trust.verified", check(true), "trust.verified.broken")
		s.Do(func(tx *db.Tx) error {
			_, err := tx.Exec(`DELETE FROM audit_access WHERE id=(SELECT min(id) FROM audit_access)`)
			return err
		})
		say(lang.SV, "trust.verified", check(false), "trust.verified.note")
		if n, err := db.Read(t.Context(), s.DB, func(q *db.Reader) (n int64, err error) { return audit.OpenAlarms(q) }); err != nil || n != 1 {
			t.Errorf("%d alarms: %v", n, err)
		}
		// Of witnesses nothing is claimed without one whose key is known.
		s.Do(func(tx *db.Tx) error {
			_, err := tx.Exec(`INSERT INTO audit_log_cosignature (size, name, key_id, line, at) VALUES (1,'witness.example',1,'x',$1)`, tx.Now())
			return err
		})
		if got := figure(lang.SV, "trust.witnessed"); got != "" {
			t.Errorf("a witness that nobody knows: %q", got)
		}
		s.store.Witnessed = true
		if got := figure(lang.SV, "trust.witnessed"); !strings.HasSuffix(got, lang.T(lang.SV, "trust.witnessed.note")) {
			t.Errorf("witnessed: %q", got)
		}
	})
}
