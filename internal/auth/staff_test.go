package auth

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/secret"
)

func (w *world) invite(by By, email, role string) (Invited, error) {
	return Act(ctx, w.d, by, "staff.invite", entityStaff, 0, func(tx *db.Tx) (Invited, error) {
		return w.a.Invite(tx, by, NewStaff{email, "Bo Berg", role})
	})
}

func TestInvite(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		by := w.by(w.signIn(w.member("owner@example.se", "owner")))
		first, err := w.invite(by, "Bo@Example.se", "orders")
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.invite(by, "bo@example.se", "orders")
		want(t, "the same address", err, "email_taken")
		for mail, code := range map[string]string{"b\u043e@example.se": "invalid", "bo@räk.se": "invalid", "bo@xn--rk-via.se": "invalid", "": "invalid"} {
			_, err = w.invite(by, mail, "orders")
			want(t, mail, err, code)
		}
		_, err = w.invite(by, "x@example.se", "emperor")
		want(t, "unknown role", err, "invalid")
		_, err = w.try(someone{email: "bo@example.se"}, "", "")
		want(t, "sign-in before accepting", err, "sign_in_failed")
		again, err := Act(ctx, w.d, by, "staff.reinvite", entityStaff, first.Staff, func(tx *db.Tx) (Invited, error) { return w.a.Reinvite(tx, by, first.Staff) })
		if err != nil {
			t.Fatal(err)
		}
		look := func(token string) (InviteInfo, error) {
			return db.Read(ctx, w.d, func(q *db.Reader) (InviteInfo, error) { return w.a.LookInvite(q, token) })
		}
		for _, x := range []string{"", "x", first.Token.Reveal(), again.Token.Reveal()[1:] + "A"} {
			_, err := look(x)
			want(t, "link "+x, err, "not_found")
		}
		info, err := look(again.Token.Reveal())
		if err != nil || info.Kind != "invite" || info.Profile.Email != "bo@example.se" || info.Role != "orders" {
			t.Fatal(info.Kind, info.Profile, err)
		}
		if m := w.mail(); m.Token.Reveal() != again.Token.Reveal() || m.Kind != "invite" {
			t.Error("the mail has another link")
		}
		accept := func(token, password, code string) (Session, error) {
			return w.a.AcceptInvite(ctx, Accept{Token: token, Password: secret.Hide(password), Code: code})
		}
		_, err = accept(again.Token.Reveal(), "kort", code(t, info.TOTP.Reveal(), 0))
		want(t, "short password", err, "invalid")
		_, err = accept(again.Token.Reveal(), goodPassword, "000000")
		want(t, "wrong code", err, "invalid")
		_, err = accept(first.Token.Reveal(), goodPassword, code(t, info.TOTP.Reveal(), 0))
		want(t, "the older link", err, "not_found")
		if n := w.atOnce(again.Token.Reveal(), info.TOTP.Reveal()); n != 1 {
			t.Fatal("the link worked", n, "times")
		}
		_, err = look(again.Token.Reveal())
		want(t, "used link", err, "not_found")
		bo := someone{first.Staff, "bo@example.se", info.TOTP.Reveal()}
		_, err = w.try(bo, goodPassword, code(t, bo.totp, 0))
		want(t, "the code of the enrolment again", err, "sign_in_failed")
		if b := w.by(w.signIn(bo)); !b.Has(OrdersWrite) || b.Has(StaffWrite) {
			t.Error(b.Rights())
		}
		// Expired.
		late, err := w.invite(by, "late@example.se", "reader")
		if err != nil {
			t.Fatal(err)
		}
		w.exec(`UPDATE auth_invite SET expires_at=1 WHERE id=$1`, late.Invite)
		_, err = look(late.Token.Reveal())
		want(t, "expired", err, "not_found")
	})
}

// atOnce accepts an invitation many times at the same moment and returns how
// often it worked.
func (w *world) atOnce(token, totp string) int64 {
	c := code(w.t, totp, 0)
	var won atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			<-start
			if _, err := w.a.AcceptInvite(ctx, Accept{Token: token, Password: secret.Hide(goodPassword), Code: c}); err == nil {
				won.Add(1)
			}
		})
	}
	close(start)
	wg.Wait()
	return won.Load()
}

func TestLinkWorksOnce(t *testing.T) {
	each(t, func(w *world) {
		by := System("test.invite")
		first, err := w.invite(by, "bo@example.se", "reader")
		if err != nil {
			w.t.Fatal(err)
		}
		for range 12 {
			again, err := Act(ctx, w.d, by, "staff.reinvite", entityStaff, first.Staff, func(tx *db.Tx) (Invited, error) { return w.a.Reinvite(tx, by, first.Staff) })
			if err != nil {
				w.t.Fatal(err)
			}
			info, err := db.Read(ctx, w.d, func(q *db.Reader) (InviteInfo, error) { return w.a.LookInvite(q, again.Token.Reveal()) })
			if err != nil {
				w.t.Fatal(err)
			}
			if n := w.atOnce(again.Token.Reveal(), info.TOTP.Reveal()); n != 1 {
				w.t.Fatal("one link worked", n, "times")
			}
		}
	})
}

// Nobody grants, invites, changes or closes above himself.
func TestNobodyAboveHimself(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		owner, reader := w.member("owner@example.se", "owner"), w.member("reader@example.se", "reader")
		w.member("second@example.se", "owner")
		fresh := func(id db.ID, rs ...Right) By {
			b := StaffBy(id, "", rs)
			b.FreshUntil = time.Now().Add(time.Hour)
			return b
		}
		// A clerk who may manage staff but not refund.
		clerk := fresh(99, StaffWrite, CatalogRead, SettingsRead)
		stale := StaffBy(99, "", AllRights)
		token := TokenBy(98, "", AllRights)
		for name, c := range map[string]struct {
			by   By
			code string
		}{"nobody": {By{}, "denied"}, "guest": {Guest(""), "denied"}, "without the right": {fresh(97, CatalogRead), "denied"}, "token": {token, "denied"}, "stale": {stale, "step_up"}} {
			for what, f := range map[string]func(tx *db.Tx) error{
				"invite": func(tx *db.Tx) error {
					_, err := w.a.Invite(tx, c.by, NewStaff{"x@example.se", "X", "reader"})
					return err
				},
				"role":  func(tx *db.Tx) error { return w.a.SetRole(tx, c.by, reader.id, "support") },
				"close": func(tx *db.Tx) error { return w.a.Close(tx, c.by, reader.id) },
				"reset": func(tx *db.Tx) error { _, err := w.a.Reinvite(tx, c.by, reader.id); return err },
				"token": func(tx *db.Tx) error {
					_, _, err := w.a.CreateToken(tx, c.by, NewToken{Name: "x", Rights: []Right{CatalogRead}})
					return err
				},
				"revoke":  func(tx *db.Tx) error { return w.a.RevokeToken(tx, c.by, 1) },
				"seeding": func(tx *db.Tx) error { return nil },
			} {
				if what == "seeding" {
					continue
				}
				want(t, name+" "+what, w.do(f), c.code)
			}
			_, err := w.a.SetCredentials(ctx, c.by, Credentials{NewStaff{"owner@example.se", "X", "owner"}, secret.Hide(goodPassword), secret.Hide("A")})
			want(t, name+" credentials", err, "denied")
		}
		for what, f := range map[string]func(tx *db.Tx) error{
			"invite an owner": func(tx *db.Tx) error {
				_, err := w.a.Invite(tx, clerk, NewStaff{"x@example.se", "X", "owner"})
				return err
			},
			"make an owner":      func(tx *db.Tx) error { return w.a.SetRole(tx, clerk, reader.id, "owner") },
			"demote an owner":    func(tx *db.Tx) error { return w.a.SetRole(tx, clerk, owner.id, "reader") },
			"close an owner":     func(tx *db.Tx) error { return w.a.Close(tx, clerk, owner.id) },
			"take over an owner": func(tx *db.Tx) error { _, err := w.a.Reinvite(tx, clerk, owner.id); return err },
			"a token with more": func(tx *db.Tx) error {
				_, _, err := w.a.CreateToken(tx, clerk, NewToken{Name: "x", Rights: []Right{RefundsWrite}})
				return err
			},
			"another's role more": func(tx *db.Tx) error { return w.a.SetRole(tx, clerk, reader.id, "orders") },
		} {
			want(t, what, w.do(f), "denied")
		}
		// Controls.
		if _, err := w.invite(clerk, "ok@example.se", "reader"); err != nil {
			t.Error(err)
		}
		want(t, "close a reader", w.do(func(tx *db.Tx) error { return w.a.Close(tx, clerk, reader.id) }), "")
		want(t, "close him again", w.do(func(tx *db.Tx) error { return w.a.Close(tx, clerk, reader.id) }), "not_found")
		if got := RoleNames(clerk); len(got) != 1 || got[0] != "reader" {
			t.Error(got)
		}
	})
}

func TestRefusalsAreRecorded(t *testing.T) {
	each(t, func(w *world) {
		clerk := StaffBy(99, "192.0.2.0/24", []Right{CatalogRead})
		_, err := w.invite(clerk, "x@example.se", "owner")
		want(w.t, "invite", err, "denied")
		if n := w.logged("staff.invite", audit.Refused); n != 1 {
			w.t.Error("recorded", n)
		}
		if n := w.count(`SELECT count(*) FROM auth_staff`); n != 0 {
			w.t.Error("made", n)
		}
	})
}

func TestRoleChangeEndsSessions(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		by := w.by(w.signIn(w.member("owner@example.se", "owner")))
		bo := w.member("bo@example.se", "owner")
		w.young(bo)
		s := w.signIn(bo)
		if !w.by(s).Has(RefundsWrite) {
			t.Error("control")
		}
		want(t, "role", w.do(func(tx *db.Tx) error { return w.a.SetRole(tx, by, bo.id, "reader") }), "")
		w.dead("after a change of role", s.Secret.Reveal())
		if b := w.by(w.signIn(bo)); b.Has(RefundsWrite) || !b.Has(CatalogRead) {
			t.Error(b.Rights())
		}
		es, err := db.Read(ctx, w.d, func(q *db.Reader) ([]audit.Entry, error) {
			return audit.List(q, audit.Filter{Action: "staff.role"}, 0, 9)
		})
		if err != nil || len(es) != 1 || es[0].Old != "role owner" || es[0].New != "role reader" || es[0].EntityID != bo.id {
			t.Error(es, err)
		}
	})
}

// A leaver loses every tap with the commit.
func TestCloseTakesEverything(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		by := w.by(w.signIn(w.member("owner@example.se", "owner")))
		bo := w.member("bo@example.se", "owner")
		w.young(bo)
		s := w.signIn(bo)
		_, tok, err := w.token(w.by(s), CatalogRead)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.a.ResolveToken(ctx, tok, ""); err != nil {
			t.Fatal("control:", err)
		}
		want(t, "recovery", w.a.RequestRecovery(ctx, bo.email, ""), "")
		link := w.mail().Token.Reveal()
		want(t, "close", w.do(func(tx *db.Tx) error { return w.a.Close(tx, by, bo.id) }), "")
		w.dead("session", s.Secret.Reveal())
		_, err = w.a.ResolveToken(ctx, tok, "")
		want(t, "token", err, "unauthenticated")
		_, err = w.a.AcceptInvite(ctx, Accept{Token: link, Password: secret.Hide(goodPassword), Code: code(t, bo.totp, 1)})
		want(t, "recovery link", err, "not_found")
		w.exec(`UPDATE auth_staff SET totp_step=0`)
		_, err = w.try(bo, goodPassword, code(t, bo.totp, 0))
		want(t, "sign-in", err, "sign_in_failed")
		// The address is free for a new member, who is another one.
		n, err := w.invite(by, bo.email, "reader")
		if err != nil || n.Staff == bo.id {
			t.Error(n, err)
		}
	})
}

// Two owners who demote each other at the same moment: one stays.
func TestLastOwnerStays(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		a, b := w.member("a@example.se", "owner"), w.member("b@example.se", "owner")
		w.young(a, b)
		byA, byB := w.by(w.signIn(a)), w.by(w.signIn(b))
		var wg sync.WaitGroup
		var ok atomic.Int64
		for _, f := range []func(tx *db.Tx) error{
			func(tx *db.Tx) error { return w.a.Close(tx, byA, b.id) },
			func(tx *db.Tx) error { return w.a.SetRole(tx, byB, a.id, "reader") },
			func(tx *db.Tx) error { _, err := w.a.Reinvite(tx, byB, a.id); return err },
		} {
			wg.Go(func() {
				switch err := w.do(f); {
				case err == nil:
					ok.Add(1)
				case fault.Is(err, "last_owner"), fault.Is(err, "not_found"), err == db.ErrConflict:
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := w.count(`SELECT count(*) FROM auth_staff WHERE role='owner' AND state='active'`); n != 1 || ok.Load() == 0 {
			t.Fatal("owners:", n, "changes:", ok.Load())
		}
		w.exec(`UPDATE auth_staff SET state='active', role='owner', standing_at=0 WHERE id=$1`, a.id)
		w.exec(`UPDATE auth_staff SET state='closed' WHERE id=$1`, b.id)
		for what, f := range map[string]func(tx *db.Tx) error{
			"close":  func(tx *db.Tx) error { return w.a.Close(tx, byA, a.id) },
			"role":   func(tx *db.Tx) error { return w.a.SetRole(tx, byA, a.id, "reader") },
			"reset":  func(tx *db.Tx) error { _, err := w.a.Reinvite(tx, byA, a.id); return err },
			"system": func(tx *db.Tx) error { return w.a.Close(tx, System("x.y"), a.id) },
		} {
			want(t, what, w.do(f), "last_owner")
		}
		_, err := w.a.SetCredentials(ctx, System("x.y"), Credentials{NewStaff{"a@example.se", "A", "reader"}, secret.Hide(goodPassword), secret.Hide("A")})
		want(t, "credentials", err, "last_owner")
	})
}

func (w *world) token(by By, rs ...Right) (db.ID, string, error) {
	type res struct {
		id db.ID
		s  secret.Secret
	}
	r, _, err := db.Write(ctx, w.d, func(tx *db.Tx) (r res, err error) {
		r.id, r.s, err = w.a.CreateToken(tx, by, NewToken{Name: "ERP", Rights: rs})
		return
	})
	return r.id, r.s.Reveal(), err
}

func TestTokens(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		bo := w.member("bo@example.se", "owner")
		w.young(bo)
		owner := w.by(w.signIn(w.member("owner@example.se", "owner")))
		by := w.by(w.signIn(bo))
		id, tok, err := w.token(by, OrdersRead, RefundsWrite)
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.a.ResolveToken(ctx, tok, "192.0.2.0/24")
		if err != nil || got.Kind != APIKind || got.ID != id || !got.Has(RefundsWrite) || got.Has(StaffWrite) || got.Peer == "" {
			t.Fatal(got, err)
		}
		if w.count(`SELECT count(*) FROM auth_token WHERE used_at IS NOT NULL`) != 1 {
			t.Error("last use is not kept")
		}
		up := []byte(tok)
		for i, c := range up {
			if c >= 'a' && c <= 'z' {
				up[i] = c - 32
			}
		}
		s := w.signIn(bo)
		for name, x := range map[string]string{"empty": "", "prefix": "kv_", "cut": tok[:len(tok)-1], "upper case": string(up), "without prefix": tok[3:], "longer": tok + "A",
			"a session": s.Secret.Reveal(), "a session as token": "kv_" + s.Secret.Reveal(), "another": "kv_" + secret.RandomToken()} {
			b, err := w.a.ResolveToken(ctx, x, "")
			want(t, name, err, "unauthenticated")
			if b.Kind != Nobody {
				t.Error(name, b)
			}
		}
		w.dead("a token as session", tok)
		w.dead("a token's secret as session", tok[3:])
		// It never holds more than its maker does now.
		want(t, "role", w.do(func(tx *db.Tx) error { return w.a.SetRole(tx, owner, bo.id, "support") }), "")
		if got, err := w.a.ResolveToken(ctx, tok, ""); err != nil || got.Has(RefundsWrite) || !got.Has(OrdersRead) {
			t.Error(got.Rights(), err)
		}
		// Nor does it outlive him, whatever became of its row.
		w.exec(`UPDATE auth_staff SET state='closed' WHERE id=$1`, bo.id)
		_, err = w.a.ResolveToken(ctx, tok, "")
		want(t, "of a maker who is gone", err, "unauthenticated")
		want(t, "revoke", w.do(func(tx *db.Tx) error { return w.a.RevokeToken(tx, owner, id) }), "")
		_, err = w.a.ResolveToken(ctx, tok, "")
		want(t, "revoked", err, "unauthenticated")
		want(t, "revoke again", w.do(func(tx *db.Tx) error { return w.a.RevokeToken(tx, owner, id) }), "not_found")
		_, demo, err := w.token(System("demo"), AllRights...)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := w.a.ResolveToken(ctx, demo, ""); err != nil || !got.Covers(AllRights) {
			t.Error(err)
		}
		w.exec(`UPDATE auth_token SET expires_at=1`)
		_, err = w.a.ResolveToken(ctx, demo, "")
		want(t, "expired", err, "unauthenticated")
		for what, n := range map[string]NewToken{"no rights": {Name: "x"}, "unknown right": {Name: "x", Rights: []Right{"all"}}, "no name": {Rights: AllRights}, "past": {Name: "x", Rights: AllRights, Expires: time.Now().Add(-time.Hour)},
			"for ever": {Name: "x", Rights: AllRights, Expires: time.Now().Add(10 * maxTokenLife)}} {
			want(t, what, w.do(func(tx *db.Tx) error { _, _, err := w.a.CreateToken(tx, owner, n); return err }), "invalid")
		}
		list, err := db.Read(ctx, w.d, func(q *db.Reader) ([]Token, error) { return w.a.Tokens(q, owner) })
		if err != nil || len(list) != 2 || list[1].Revoked.IsZero() || list[1].MadeBy != bo.id {
			t.Error(list, err)
		}
		_, err = db.Read(ctx, w.d, func(q *db.Reader) ([]Token, error) { return w.a.Tokens(q, Guest("")) })
		want(t, "list", err, "denied")
	})
}

func TestListAndNames(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		o := w.member("owner@example.se", "owner")
		by := w.by(w.signIn(o))
		list, err := db.Read(ctx, w.d, func(q *db.Reader) ([]Staff, error) { return w.a.List(q, by) })
		if err != nil || len(list) != 1 || list[0].Profile.Email != "owner@example.se" || !list[0].TOTP || list[0].SignedIn.IsZero() {
			t.Error(list, err)
		}
		_, err = db.Read(ctx, w.d, func(q *db.Reader) ([]Staff, error) { return w.a.List(q, StaffBy(1, "", Roles["orders"])) })
		want(t, "list", err, "denied")
		names, err := db.Read(ctx, w.d, func(q *db.Reader) (map[db.ID]string, error) { return w.a.Names(q, by, []db.ID{o.id, o.id, 5, 0}) })
		if err != nil || len(names) != 1 || names[o.id] != "Anna Ek" {
			t.Error(names, err)
		}
		_, err = db.Read(ctx, w.d, func(q *db.Reader) (map[db.ID]string, error) { return w.a.Names(q, Guest(""), []db.ID{o.id}) })
		want(t, "names", err, "denied")
	})
}

func TestDeadJobsNeedTheRight(t *testing.T) {
	each(t, func(w *world) {
		t := w.t
		var id db.ID
		w.do(func(tx *db.Tx) (err error) { id, err = job.Enqueue(tx, job.Spec{Kind: "test.do"}); return })
		w.exec(`UPDATE job_job SET state='dead', ended_at=1`)
		clerk, owner := StaffBy(1, "", Roles["orders"]), StaffBy(2, "", AllRights)
		want(t, "retry", w.do(func(tx *db.Tx) error { return RetryJob(tx, clerk, id) }), "denied")
		want(t, "drop", w.do(func(tx *db.Tx) error { return DropJob(tx, clerk, id) }), "denied")
		want(t, "retry", w.do(func(tx *db.Tx) error { return RetryJob(tx, owner, id) }), "")
		w.exec(`UPDATE job_job SET state='dead', ended_at=1`)
		want(t, "drop", w.do(func(tx *db.Tx) error { return DropJob(tx, owner, id) }), "")
		if w.logged("job.retry", audit.Done) != 1 || w.logged("job.drop", audit.Done) != 1 {
			t.Error("not recorded")
		}
	})
}

func TestBy(t *testing.T) {
	for name, by := range map[string]By{"zero": {}, "guest": Guest("p"), "no rights": StaffBy(1, "", nil)} {
		for _, r := range append(AllRights, "", "*") {
			if by.Has(r) || by.Need(r) == nil {
				t.Error(name, "holds", r)
			}
		}
	}
	if (By{rights: map[Right]bool{CatalogRead: true}}).Has(CatalogRead) {
		t.Error("nobody holds a right")
	}
	for role, rs := range Roles {
		if len(known(rs)) != len(rs) {
			t.Errorf("role %s names an unknown or double right", role)
		}
	}
	if !System("x").Covers(AllRights) || Guest("").Covers([]Right{CatalogRead}) || len(System("x").Rights()) != len(AllRights) {
		t.Error("Covers")
	}
	for _, by := range []By{{}, Guest("")} {
		want(t, "fresh", by.NeedFresh(time.Now()), "denied")
	}
}

// A token that pays money back is narrow and short-lived when a person makes it.
func TestRefundTokensAreNarrow(t *testing.T) {
	each(t, func(w *world) {
		owner := w.by(w.signIn(w.member("owner@example.se", "owner")))
		make := func(by By, days int, rs ...Right) error {
			return w.do(func(tx *db.Tx) error {
				_, _, err := w.a.CreateToken(tx, by, NewToken{Name: "ERP", Rights: rs, Expires: tx.Now().AddDate(0, 0, days)})
				return err
			})
		}
		want(t, "for its task", make(owner, 90, RefundsWrite, OrdersRead, OrdersWrite), "")
		want(t, "alone", make(owner, 1, RefundsWrite), "")
		for _, r := range []Right{StaffWrite, SettingsWrite, CatalogWrite, StockWrite, AuditRead, JobsWrite, CasesRead, CatalogRead} {
			want(t, "beside "+string(r), make(owner, 30, RefundsWrite, r), "invalid")
		}
		want(t, "for a year", make(owner, 365, RefundsWrite, OrdersRead), "invalid")
		want(t, "others for a year", make(owner, 365, StockWrite, CatalogRead), "")
		want(t, "the program's own", make(System("demo.start"), 365, AllRights...), "")
	})
}
