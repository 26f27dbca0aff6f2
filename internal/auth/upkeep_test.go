package auth

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

const day = 24 * time.Hour

func (w *world) upkeep() {
	w.t.Helper()
	if err := w.a.Upkeep(ctx); err != nil {
		w.t.Fatal(err)
	}
}

// An outside person has a company, a purpose and an end date, is let in by an owner,
// reminded before the end and out at the end, at the request already.
func TestOutside(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		a := w.member("a@example.se", "owner")
		owner := w.by(w.signIn(a))
		good := Outside{Company: "Byrån AB", Purpose: "Bilder till våren", Ends: time.Now().Add(30 * day)}
		invite := func(by By, email, role string, o Outside) (Invited, error) {
			return Act(ctx, w.d, by, "staff.invite", entityStaff, 0, func(tx *db.Tx) (Invited, error) {
				return w.a.InviteOutside(tx, by, NewStaff{email, "Ute Berg", role}, o)
			})
		}
		for name, o := range map[string]Outside{"no company": {Purpose: "x", Ends: good.Ends}, "no purpose": {Company: "x", Ends: good.Ends}, "no end": {Company: "x", Purpose: "y"}, "nothing": {},
			"an end that was": {"x", "y", time.Now().Add(-day)}, "more than a year": {"x", "y", time.Now().Add(400 * day)}} {
			_, err := invite(owner, "ute@example.se", "catalogue", o)
			want(t, name, err, "invalid")
		}
		_, err := invite(owner, "ute@example.se", "owner", good)
		want(t, "an owner from outside", err, "invalid")
		inv, err := invite(owner, "ute@example.se", "catalogue", good)
		if err != nil || inv.Waits != nil || inv.Token.Reveal() == "" {
			t.Fatal(inv, err)
		}
		info, err := db.Read(ctx, w.d, func(q *db.Reader) (InviteInfo, error) { return w.a.LookInvite(q, inv.Token.Reveal()) })
		if err != nil || info.Profile.Company != "Byrån AB" {
			t.Fatal(info, err)
		}
		// The words are sealed: no column shows them.
		if n := w.count(`SELECT count(*) FROM auth_staff WHERE CAST(profile AS TEXT) LIKE '%Byr%'`); w.d.Engine() == db.SQLite && n != 0 {
			t.Error("the company stands in the clear")
		}
		if _, err := w.a.AcceptInvite(ctx, Accept{Token: inv.Token.Reveal(), Password: secret.Hide(goodPassword), Code: code(t, info.TOTP.Reveal(), 0)}); err != nil {
			t.Fatal(err)
		}
		ute := someone{inv.Staff, "ute@example.se", info.TOTP.Reveal()}
		s := w.signIn(ute)
		_, tok, err := w.token(owner, CatalogRead)
		if err != nil {
			t.Fatal(err)
		}
		w.exec(`UPDATE auth_token SET made_by=$1`, ute.id)
		want(t, "owner", w.do(func(tx *db.Tx) error { return w.a.SetRole(tx, owner, ute.id, "owner") }), "outside_owner")
		// Who is no owner brings nobody in alone, nor keeps him longer.
		chief := fresh(w.member("chef@example.se", "reader").id, StaffWrite, CatalogRead, CatalogWrite, StockWrite, CostsRead)
		rid, err := w.role(System("x.y"), 0, 0, "Chef", chief.Rights()...)
		if err != nil {
			t.Fatal(err)
		}
		w.exec(`UPDATE auth_staff SET role=$2 WHERE id=$1`, chief.ID, "own-"+rid.String())
		inv, err = invite(chief, "ute2@example.se", "catalogue", good)
		if err != nil || inv.Waits == nil || !inv.Waits.Due.IsZero() || inv.Token.Reveal() != "" {
			t.Fatal(inv, err)
		}
		want(t, "the link past the owner", w.do(func(tx *db.Tx) error { _, err := w.a.Reinvite(tx, chief, inv.Staff); return err }), "waits_for_second")
		if _, err := w.a.Approve(ctx, owner, inv.Waits.ID, inv.Waits.Digest); err != nil || w.count(`SELECT count(*) FROM auth_invite WHERE staff_id=$1`, inv.Staff) != 1 {
			t.Error(err)
		}
		want(t, "longer", w.do(func(tx *db.Tx) error { return w.a.SetEnds(tx, chief, ute.id, time.Now().Add(60*day)) }), "second_person")
		want(t, "shorter", w.do(func(tx *db.Tx) error { return w.a.SetEnds(tx, chief, ute.id, time.Now().Add(20*day)) }), "")
		want(t, "longer by the owner", w.do(func(tx *db.Tx) error { return w.a.SetEnds(tx, owner, ute.id, time.Now().Add(25*day)) }), "")
		want(t, "for ever", w.do(func(tx *db.Tx) error { return w.a.SetEnds(tx, owner, ute.id, time.Now().Add(400*day)) }), "invalid")
		want(t, "of the house", w.do(func(tx *db.Tx) error { return w.a.SetEnds(tx, owner, chief.ID, time.Now().Add(day)) }), "not_outside")
		w.upkeep()
		if w.letters(LetterLeaving, 0) != 0 {
			t.Error("reminded 25 days before")
		}
		w.exec(`UPDATE auth_staff SET ends_at=$2 WHERE id=$1`, ute.id, time.Now().Add(13*day))
		w.upkeep()
		w.upkeep()
		if w.letters(LetterLeaving, ute.id) != 1 || w.letters(LetterLeaving, a.id) != 1 {
			t.Error("letters before the end:", w.letters(LetterLeaving, ute.id), w.letters(LetterLeaving, a.id))
		}
		if !w.by(s).Has(CatalogWrite) {
			t.Error("control")
		}
		// The date is there: out at the next request, whatever the job does.
		w.exec(`UPDATE auth_staff SET ends_at=$2 WHERE id=$1`, ute.id, time.Now().Add(-time.Second))
		w.dead("past the end", s.Secret.Reveal())
		_, err = w.a.ResolveToken(ctx, tok, "")
		want(t, "his token", err, "unauthenticated")
		w.exec(`UPDATE auth_staff SET totp_step=0`)
		_, err = w.try(ute, goodPassword, code(t, ute.totp, 0))
		want(t, "sign-in", err, "sign_in_failed")
		w.upkeep()
		if w.state(ute.id) != "closed" || w.letters(LetterLeft, a.id) != 1 {
			t.Error(w.state(ute.id), w.letters(LetterLeft, a.id))
		}
	})
}

// Who does not sign in for 90 days is closed, never sooner than 14 days after a
// letter; a sign-in begins anew; the last owner stays.
func TestDormant(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		a, b, c := w.member("a@example.se", "owner"), w.member("b@example.se", "support"), w.member("c@example.se", "owner")
		w.age(a, 300*day)
		w.age(b, 75*day)
		w.age(c, 300*day)
		w.upkeep()
		if w.letters(LetterDormant, b.id) != 0 || w.state(b.id) != "active" {
			t.Error("75 days")
		}
		// Long away, but the letter comes first.
		if w.letters(LetterDormant, a.id)+w.letters(LetterDormant, c.id) != 2 || w.state(a.id) != "active" || w.state(c.id) != "active" {
			t.Error("closed without a letter")
		}
		w.age(b, 77*day)
		w.upkeep()
		w.upkeep()
		if w.letters(LetterDormant, b.id) != 1 {
			t.Error("letters:", w.letters(LetterDormant, b.id))
		}
		w.age(b, 91*day)
		w.upkeep()
		if w.state(b.id) != "active" {
			t.Error("closed the day after the letter")
		}
		w.exec(`UPDATE auth_staff SET warned_at=$2 WHERE id=$1`, b.id, time.Now().Add(-15*day))
		s := w.signIn(b) // here he is
		w.upkeep()
		if w.state(b.id) != "active" {
			t.Error("closed although he came")
		}
		w.age(b, 91*day)
		w.exec(`UPDATE auth_staff SET warned_at=$1 WHERE warned_at IS NOT NULL OR id=$2`, time.Now().Add(-15*day), b.id)
		w.upkeep()
		w.dead("dormant", s.Secret.Reveal())
		if w.state(b.id) != "closed" || w.letters(LetterAsleep, b.id) != 1 {
			t.Error(w.state(b.id))
		}
		// Of two owners who are away one stays.
		if n := w.count(`SELECT count(*) FROM auth_staff WHERE role='owner' AND state='active'`); n != 1 {
			t.Error("owners:", n)
		}
	})
}

// Each quarter an owner confirms every right; what nobody confirms lapses a month
// after it was asked, letters before; an owner lifts it.
func TestReview(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		a, b, c := w.member("a@example.se", "owner"), w.member("b@example.se", "owner"), w.member("c@example.se", "support")
		bys := w.by(w.signIn(a))
		tid, tok, err := w.token(bys, CatalogRead)
		if err != nil {
			t.Fatal(err)
		}
		tid2, tok2, err := w.token(bys, OrdersRead)
		if err != nil {
			t.Fatal(err)
		}
		reviews := func() []Review {
			vs, err := db.Read(ctx, w.d, func(q *db.Reader) ([]Review, error) { return w.a.Reviews(q, bys) })
			if err != nil {
				t.Fatal(err)
			}
			return vs
		}
		w.upkeep()
		if len(reviews()) != 0 {
			t.Fatal("those who came this quarter are reviewed")
		}
		_, began := quarterOf(time.Now())
		for _, m := range []someone{a, b, c} {
			w.exec(`UPDATE auth_staff SET created_at=$2, granted_at=$2 WHERE id=$1`, m.id, began.Add(-time.Hour))
		}
		w.exec(`UPDATE auth_token SET created_at=$1`, began.Add(-time.Hour))
		for _, err := range w.both(func() error { return w.a.review(ctx) }, func() error { return w.a.review(ctx) }) {
			want(t, "open", err, "")
		}
		vs := reviews()
		if len(vs) != 1 || len(vs[0].Items) != 5 || w.letters(LetterReview, a.id) != 1 || w.letters(LetterReview, c.id) != 0 {
			t.Fatalf("%+v, %d letters", vs, w.letters(LetterReview, a.id))
		}
		v := vs[0]
		confirm := func(by By, kind string, id db.ID, rs []Right) error {
			return w.do(func(tx *db.Tx) error { return w.a.Confirm(tx, by, v.ID, kind, id, rs) })
		}
		stale := bys
		stale.FreshUntil = time.Time{}
		want(t, "an old proof", confirm(stale, "staff", c.id, Roles["support"]), "step_up")
		want(t, "without the right", confirm(fresh(9, CatalogRead), "staff", c.id, Roles["support"]), "denied")
		want(t, "above himself", confirm(fresh(9, StaffWrite, CatalogRead), "staff", c.id, Roles["support"]), "denied")
		want(t, "other rights than he saw", confirm(bys, "staff", c.id, Roles["orders"]), "changed_meanwhile")
		want(t, "nobody", confirm(bys, "staff", 12345, Roles["support"]), "not_found")
		want(t, "himself", confirm(bys, "staff", a.id, AllRights), "")
		want(t, "himself again", confirm(bys, "staff", a.id, AllRights), "changed_meanwhile")
		want(t, "a token", confirm(bys, "token", tid, []Right{CatalogRead}), "")
		for _, x := range []struct {
			due, lapse time.Duration
			kind       LetterKind
			n          int64
		}{{day, 15 * day, LetterReviewDue, 0}, {-time.Hour, 14 * day, LetterReviewDue, 1}, {-time.Hour, 14 * day, LetterLapse, 0}, {-11 * day, 2 * day, LetterLapse, 1}} {
			w.exec(`UPDATE auth_review SET due_at=$1, lapse_at=$2`, time.Now().Add(x.due), time.Now().Add(x.lapse))
			w.upkeep()
			w.upkeep()
			if n := w.letters(x.kind, a.id); n != x.n {
				t.Errorf("%d letters %s with %v to go, want %d", n, x.kind, x.lapse, x.n)
			}
		}
		s := w.signIn(c)
		w.exec(`UPDATE auth_review SET lapse_at=$1`, time.Now().Add(-time.Second))
		w.upkeep()
		w.dead("lapsed", s.Secret.Reveal())
		if w.state(c.id) != "suspended" || w.state(b.id) != "suspended" || w.state(a.id) != "active" || w.letters(LetterLapsed, a.id) != 1 {
			t.Error(w.state(a.id), w.state(b.id), w.state(c.id))
		}
		w.exec(`UPDATE auth_staff SET totp_step=0`)
		_, err = w.try(c, goodPassword, code(t, c.totp, 0))
		want(t, "sign-in while suspended", err, "sign_in_failed")
		if _, err := w.a.ResolveToken(ctx, tok, ""); err != nil {
			t.Error("a confirmed token:", err)
		}
		_, err = w.a.ResolveToken(ctx, tok2, "")
		want(t, "an unconfirmed token", err, "unauthenticated")
		if vs := reviews(); vs[0].Ended.IsZero() {
			t.Error("not ended")
		}
		want(t, "lift by a clerk", w.do(func(tx *db.Tx) error {
			return w.a.Lift(tx, fresh(9, append(slices.Clone(Roles["support"]), StaffWrite)...), c.id)
		}), "denied")
		want(t, "lift", w.do(func(tx *db.Tx) error { return w.a.Lift(tx, bys, c.id) }), "")
		want(t, "lift again", w.do(func(tx *db.Tx) error { return w.a.Lift(tx, bys, c.id) }), "changed_meanwhile")
		want(t, "lift the token", w.do(func(tx *db.Tx) error { return w.a.LiftToken(tx, bys, tid2) }), "")
		if !w.by(w.signIn(c)).Has(CasesWrite) {
			t.Error("lifted, and may not")
		}
		if _, err := w.a.ResolveToken(ctx, tok2, ""); err != nil {
			t.Error(err)
		}
		w.upkeep()
		if len(reviews()) != 1 {
			t.Error("a second review in the quarter")
		}
	})
}

// Nobody confirmed anything: the last owner is kept.
func TestReviewKeepsAnOwner(t *testing.T) {
	each(t, func(w *world) {
		_, began := quarterOf(time.Now())
		w.member("a@example.se", "owner")
		w.member("b@example.se", "owner")
		w.exec(`UPDATE auth_staff SET created_at=$1, granted_at=$1`, began.Add(-time.Hour))
		w.upkeep()
		w.exec(`UPDATE auth_review SET lapse_at=$1`, time.Now().Add(-time.Second))
		w.upkeep()
		if n := w.count(`SELECT count(*) FROM auth_staff WHERE role='owner' AND state='active' AND suspended_at IS NULL`); n != 1 {
			w.t.Fatal("owners:", n)
		}
		if n := w.count(`SELECT count(*) FROM auth_review_item WHERE outcome='kept'`); n != 1 {
			w.t.Error("kept:", n)
		}
		// A suspended owner is none: the other cannot go.
		by := System("x.y")
		last, err := db.Read(ctx, w.d, func(q *db.Reader) (id db.ID, err error) {
			err = q.QueryRow(`SELECT id FROM auth_staff WHERE suspended_at IS NULL`).Scan(&id)
			return
		})
		if err != nil {
			w.t.Fatal(err)
		}
		want(w.t, "close", w.do(func(tx *db.Tx) error { return w.a.Close(tx, by, last) }), "last_owner")
	})
}

// kept are the tables of this room that name a member and that a leaver keeps, and why
// that opens nothing.
var kept = map[string]string{
	"auth_staff.id":               "the member himself, closed",
	"auth_token.made_by":          "revoked: looked at below",
	"auth_change.staff_id":        "what a letter told",
	"auth_letter.staff_id":        "what a letter told",
	"auth_caller.staff_id":        "whom he asked for a code on the telephone; what it opens is bound to a session, and those have ended",
	"auth_opening.staff_id":       "what he opened; each opening is bound to a session, and those have ended",
	"auth_approval.asked_by":      "ended: looked at below",
	"auth_approval.approved_by":   "what he approved while he could",
	"auth_review_item.decided_by": "what he confirmed while he could",
	"auth_review_item.subject_id": "the history of reviews",
	"auth_role.id":                "roles are no member's",
	"auth_approval.entity_id":     "whom an act was about",
	"auth_try.hash":               "counts tries, opens nothing",
	"auth_sso_flow.staff_id":      "deleted",
	"auth_challenge.staff_id":     "deleted",
}

var staffColumn = regexp.MustCompile(`(?m)^CREATE TABLE (auth_\w+) \(([^;]*)\) STRICT;`)

// A leaver loses every credential there is. The schema itself is walked: each column
// of this room that can name a member is either emptied of him or listed with the
// reason, so that a new kind of credential cannot be forgotten.
func TestLeaver(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		by := w.by(w.signIn(w.member("owner@example.se", "owner")))
		bo := w.member("bo@example.se", "owner")
		w.member("third@example.se", "owner")
		w.young(bo)
		s := w.signIn(bo)
		hers := w.by(s)
		_, tok, err := w.token(hers, CatalogRead)
		if err != nil {
			t.Fatal(err)
		}
		w.asked(hers, Ask{Act: ActExport, Entity: "customer", Is: "all"})
		want(t, "recovery", w.a.RequestRecovery(ctx, bo.email, ""), "")
		// Something of his in each table that holds a way in.
		now, later := time.Now(), time.Now().Add(time.Hour)
		h := func(n byte) []byte { return append(make([]byte, 31), n) }
		w.exec(`INSERT INTO auth_passkey (id, staff_id, credential_hash, credential, name, sign_count, created_at) VALUES (1,$1,$2,$2,'x',0,$3)`, bo.id, h(1), now)
		w.exec(`INSERT INTO auth_challenge (id, hash, kind, staff_id, data, expires_at) VALUES (1,$2,'stepup',$1,$2,$3)`, bo.id, h(1), later)
		w.exec(`INSERT INTO auth_recovery (staff_id, place, hash, made_at) VALUES ($1,0,'x',$2)`, bo.id, now)
		w.exec(`INSERT INTO auth_totp_next (staff_id, id, totp, expires_at) VALUES ($1,1,$2,$3)`, bo.id, h(1), later)
		w.exec(`INSERT INTO auth_sso (id, staff_id, subject_hash, made_at) VALUES (1,$1,$2,$3)`, bo.id, h(1), now)
		w.exec(`INSERT INTO auth_sso_flow (id, hash, browser_hash, staff_id, nonce, verifier, next, expires_at) VALUES (1,$2,$2,$1,'n','v','/admin',$3)`, bo.id, h(1), later)
		var columns [][2]string
		files, err := migrationsFS.ReadDir("migrations")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := migrationsFS.ReadFile("migrations/" + f.Name())
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range staffColumn.FindAllStringSubmatch(string(b), -1) {
				for _, line := range strings.Split(m[2], "\n") {
					if f := strings.Fields(line); len(f) > 1 && f[1] == "INTEGER" {
						columns = append(columns, [2]string{m[1], f[0]})
					}
				}
			}
		}
		names := func(c [2]string) int64 { return w.count(`SELECT count(*) FROM `+c[0]+` WHERE `+c[1]+`=$1`, bo.id) }
		full := 0
		for _, c := range columns {
			if c[1] == "staff_id" && kept[c[0]+".staff_id"] == "" || kept[c[0]+"."+c[1]] == "deleted" {
				if full++; names(c) == 0 {
					t.Errorf("control: nothing of his in %s.%s, so the test proves nothing about it", c[0], c[1])
				}
			}
		}
		if full < 8 {
			t.Fatal("only", full, "tables hold ways in: is the schema still read?")
		}
		want(t, "close", w.do(func(tx *db.Tx) error { return w.a.Close(tx, by, bo.id) }), "")
		for _, c := range columns {
			if n := names(c); n != 0 && (kept[c[0]+"."+c[1]] == "" || kept[c[0]+"."+c[1]] == "deleted") {
				t.Errorf("%s.%s still names the leaver %d times: end it in cutOff, or say in kept why it may stay", c[0], c[1], n)
			}
		}
		w.dead("session", s.Secret.Reveal())
		_, err = w.a.ResolveToken(ctx, tok, "")
		want(t, "token", err, "unauthenticated")
		if n := w.count(`SELECT count(*) FROM auth_token WHERE made_by=$1 AND revoked_at IS NULL`, bo.id); n != 0 {
			t.Error("tokens:", n)
		}
		if n := w.count(`SELECT count(*) FROM auth_approval WHERE asked_by=$1 AND ended_at IS NULL`, bo.id); n != 0 {
			t.Error("approvals:", n)
		}
		if n := w.count(`SELECT count(*) FROM auth_staff WHERE id=$1 AND (password <> '' OR totp IS NOT NULL)`, bo.id); n != 0 {
			t.Error("password or code app")
		}
	})
}

// A token that is bound to networks answers there alone; the purpose is what readings
// are shown with; a letter tells before the end.
func TestTokenNetworks(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		a := w.member("a@example.se", "owner")
		by := w.by(w.signIn(a))
		make := func(nets ...string) (id db.ID, key string, err error) {
			type made struct {
				id db.ID
				s  secret.Secret
			}
			m, _, err := db.Write(ctx, w.d, func(tx *db.Tx) (m made, err error) {
				m.id, m.s, err = w.a.CreateToken(tx, by, NewToken{Name: "ERP", Rights: []Right{CatalogRead}, Purpose: ForPacking, Networks: nets})
				return
			})
			return m.id, m.s.Reveal(), err
		}
		for _, bad := range []string{"x", "1.2.3.4/33", "::ffff:1.2.3.4/120", "fe80::1%eth0", "1.2.3"} {
			_, _, err := make(bad)
			want(t, bad, err, "invalid")
		}
		_, _, err := make(slices.Repeat([]string{"10.0.0.1"}, 21)...)
		want(t, "too many", err, "invalid")
		_, key, err := make("192.0.2.17/24", "2001:db8::1")
		if err != nil {
			t.Fatal(err)
		}
		for addr, ok := range map[string]bool{"192.0.2.200": true, "::ffff:192.0.2.1": true, "2001:db8::1": true, "2001:db8::2": false, "192.0.3.1": false} {
			_, err := w.a.ResolveTokenFrom(ctx, key, "", netip.MustParseAddr(addr))
			if (err == nil) != ok || err != nil && !fault.Is(err, "unauthenticated") {
				t.Errorf("%s: %v", addr, err)
			}
		}
		if b, err := w.a.ResolveTokenFrom(ctx, key, "", netip.MustParseAddr("192.0.2.9")); err != nil || b.Purpose != ForPacking {
			t.Error(b.Purpose, err)
		}
		_, err = w.a.ResolveToken(ctx, key, "")
		want(t, "from nowhere", err, "unauthenticated")
		w.upkeep()
		if w.letters(LetterToken, 0) != 0 {
			t.Error("a letter 90 days before")
		}
		w.exec(`UPDATE auth_token SET expires_at=$1, created_at=$2`, time.Now().Add(13*day), time.Now().Add(-80*day))
		w.upkeep()
		w.upkeep()
		if w.letters(LetterToken, a.id) != 1 {
			t.Error("letters:", w.letters(LetterToken, a.id))
		}
	})
}

// Every act that needs a second person stands in the list once, with a right there is.
func TestActsForTwo(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range SecondPerson {
		if seen[s.Act] || !slices.Contains(AllRights, s.Right) {
			t.Error(s)
		}
		seen[s.Act] = true
	}
}
