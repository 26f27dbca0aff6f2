package recovery

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
	"kassavalv/internal/job"
	"kassavalv/internal/money"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/walarchive"
	"kassavalv/internal/secret"
	"kassavalv/internal/secret/secrettest"
)

// What is said is the worst that is true: nothing copied is everything, a site that has
// nothing yet counts for nothing, the best site decides the loss, the slowest proof the time.
func TestNow(t *testing.T) {
	at := time.Date(2026, 11, 30, 2, 0, 0, 0, time.UTC)
	site := func(name string, tx uint64, lag time.Duration) copies.SiteStatus {
		return copies.SiteStatus{Place: copies.Place{Name: name}, TX: tx, Lag: lag}
	}
	with := func(ss ...copies.SiteStatus) *copies.Status { return &copies.Status{Sites: ss} }
	drills := []copies.Result{{Site: "a", State: "failed", Started: at, RTO: time.Hour}, {Site: "b", State: "ok", Started: at.Add(-time.Hour), RTO: 3 * time.Minute},
		{Site: "a", State: "ok", Started: at.Add(-24 * time.Hour), RTO: 9 * time.Minute}, {Site: "a", State: "ok", Started: at.Add(-48 * time.Hour), RTO: time.Hour}, {Site: "c", State: "inconclusive", Started: at, RTO: time.Hour}}
	here := func(name, what string) []copies.Warning { return []copies.Warning{{B: name, What: what}} }
	archived := func(keys, repo string, w []copies.Warning) Standing {
		return Standing{Postgres: true, Warnings: w, Beside: []copies.AsideStatus{{Place: copies.Place{Name: keys}, Keys: true}},
			Archive: &walarchive.Status{Report: at, Repos: []walarchive.RepoStatus{{Repo: walarchive.Repo{Name: repo}, At: at}}}}
	}
	for name, x := range map[string]struct {
		s    Standing
		want Now
	}{
		"nothing copied":                {Standing{}, Now{Loss: Everything}},
		"PostgreSQL":                    {Standing{Postgres: true}, Now{Loss: Elsewhere}},
		"sites with nothing":            {Standing{Status: with(site("a", 0, 0), site("b", 0, time.Second))}, Now{Loss: Everything}},
		"the better of two":             {Standing{Status: with(site("a", 7, time.Minute), site("b", 9, 2*time.Second))}, Now{Loss: Something, Lost: 2 * time.Second, Site: "b"}},
		"whichever is first":            {Standing{Status: with(site("b", 9, 2*time.Second), site("a", 7, time.Minute), site("n", 0, 0))}, Now{Loss: Something, Lost: 2 * time.Second, Site: "b"}},
		"one has all":                   {Standing{Status: with(site("a", 7, time.Minute), site("b", 9, 0))}, Now{Loss: Nothing, Site: "b"}},
		"proven, the slowest":           {Standing{Status: with(site("a", 7, 0)), Drills: drills}, Now{Loss: Nothing, Site: "a", Back: 9 * time.Minute, Proven: at.Add(-24 * time.Hour)}},
		"only on the shop's own disk":   {Standing{Status: with(site("a", 7, 0)), Warnings: here("a", "disk")}, Now{Loss: Together}},
		"beside the shop and far":       {Standing{Status: with(site("a", 7, 0), site("b", 7, time.Minute)), Warnings: here("a", "machine")}, Now{Loss: Something, Lost: time.Minute, Site: "b"}},
		"far and beside the shop":       {Standing{Status: with(site("b", 7, time.Minute), site("a", 7, 0)), Warnings: here("a", "disk")}, Now{Loss: Something, Lost: time.Minute, Site: "b"}},
		"far has nothing yet":           {Standing{Status: with(site("b", 0, 0), site("a", 7, 0)), Warnings: here("a", "disk")}, Now{Loss: Together}},
		"the shop's provider":           {Standing{Status: with(site("a", 7, 0)), Warnings: here("a", "provider")}, Now{Loss: Nothing, Site: "a"}},
		"two on one disk, not ours":     {Standing{Status: with(site("a", 7, 0), site("b", 7, 0)), Warnings: []copies.Warning{{A: "a", B: "b", What: "disk"}}}, Now{Loss: Nothing, Site: "a"}},
		"repository on the shop's disk": {archived("hem", "nas", here("nas", "disk")), Now{Loss: Together}},
		"keys on the shop's disk":       {archived("hem", "nas", here("hem", "disk")), Now{Loss: Together}},
		"repository elsewhere":          {archived("hem", "nas", nil), Now{Loss: Nothing, Site: "nas"}},
		"never proven":                  {Standing{Status: with(site("a", 7, 0)), Drills: drills[:1]}, Now{Loss: Nothing, Site: "a"}},
	} {
		if got := x.s.Now(); got != x.want {
			t.Errorf("%s: %+v, want %+v", name, got, x.want)
		}
	}
}

func TestPropose(t *testing.T) {
	kr := func(n int64) money.Money { return money.SEK(n * 100) }
	for _, x := range []struct {
		orders, value, spare int64
		want                 Proposal
	}{
		// A small shop: two orders an hour of 500 kr. 2 × 500 = 1 000 kr an hour; in 5 minutes 0,17 orders; 4 h cost 4 000 kr, 8 h 8 000 kr.
		{2, 500, 4800, Proposal{AnHour: kr(1000), RPO: 5 * time.Minute, Orders: 16, AtRisk: money.SEK(8333), RTO: 4 * time.Hour, Standstill: kr(4000), Sites: 2}},
		// Sixty an hour: one order in a minute.
		{60, 500, 4800, Proposal{AnHour: kr(30000), RPO: time.Minute, Orders: 100, AtRisk: kr(500), RTO: 30 * time.Minute, Standstill: kr(15000), Sites: 3}},
		// Nothing is sold, nothing is at risk.
		{0, 500, 4800, Proposal{AnHour: kr(0), RPO: 5 * time.Minute, AtRisk: kr(0), RTO: 24 * time.Hour, Standstill: kr(0), Sites: 2}},
		// More than one a second: only a site that confirms is enough.
		{7200, 100, 4800, Proposal{AnHour: kr(720000), AtRisk: kr(0), RTO: 30 * time.Minute, Standstill: kr(360000), Sites: 3, Required: 1}},
	} {
		if got := Propose(Trade{OrdersAnHour: x.orders, Value: kr(x.value), Spare: kr(x.spare)}); got != x.want {
			t.Errorf("%d an hour of %d kr: %+v, want %+v", x.orders, x.value, got, x.want)
		}
	}
}

// Who sells more is never told to be content with less.
func TestProposeIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, v := rapid.Int64Range(-5, 1<<62).Draw(t, "orders"), rapid.Int64Range(-5, money.Max).Draw(t, "value")
		spare := money.SEK(rapid.Int64Range(0, 10_000_00).Draw(t, "spare"))
		a := Propose(Trade{n, money.SEK(v), spare})
		b := Propose(Trade{n + rapid.Int64Range(0, 1000).Draw(t, "more"), money.SEK(v), spare})
		if b.RPO > a.RPO || b.RTO > a.RTO || b.Sites < a.Sites || b.Required < a.Required {
			t.Fatalf("more orders, less care: %+v, %+v", a, b)
		}
		if a.Orders > 100 || a.AtRisk.Amount < 0 || a.AtRisk.Amount > money.Max || a.Standstill.Amount < 0 || (a.RPO == 0) != (a.Required == 1) {
			t.Fatalf("%+v", a)
		}
	})
}

var rooms = []db.Migrations{secret.Migrations, job.Migrations, audit.Migrations, Migrations}

func owner(now time.Time) auth.By {
	by := auth.StaffBy(1, "", auth.AllRights)
	by.FreshUntil = now.Add(time.Hour)
	return by
}

func code(err error) string {
	if e := fault.As(err); e != nil {
		return e.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// The right words prove it; others do not, and say nothing; the sixth try of a day is
// refused, right or wrong; nothing of the words is anywhere in the tables.
func TestPaperIsProven(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		right, other := copies.NewPaper(), copies.NewPaper()
		c := copies.NewCharter(right, copies.NewKeys(make([]byte, 32)), "Provbutiken")
		try := func(by func(time.Time) auth.By, c copies.Charter, words string) (res Result, err error) {
			_, _, err = db.Write(t.Context(), d, func(tx *db.Tx) (bool, error) { res, err = Prove(tx, by(tx.Now()), c, words); return true, err })
			return
		}
		words := right.Words().Reveal()
		if _, err := try(func(time.Time) auth.By { return auth.StaffBy(1, "", auth.Roles["orders"]) }, c, words); code(err) != "denied" {
			t.Errorf("without the right: %v", err)
		}
		if _, err := try(func(time.Time) auth.By { return auth.StaffBy(1, "", auth.AllRights) }, c, words); code(err) != "step_up" {
			t.Errorf("without a new proof: %v", err)
		}
		if _, err := try(owner, copies.Charter{}, words); code(err) != "no_paper" {
			t.Errorf("without a paper key: %v", err)
		}
		proven := func() time.Time {
			at, err := db.Read(t.Context(), d, func(q *db.Reader) (time.Time, error) { return Proven(q) })
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
		for _, x := range []struct {
			words string
			want  Result
		}{{"", Mistyped}, {strings.Repeat("abandon ", 24), Mistyped}, {other.Words().Reveal(), Another}} {
			if res, err := try(owner, c, x.words); res != x.want || err != nil {
				t.Errorf("%s: %s, %v", x.want, res, err)
			}
		}
		if !proven().IsZero() {
			t.Error("proven by others")
		}
		if res, err := try(owner, c, " "+strings.ToUpper(words)+"\n"); res != Right || err != nil || proven().IsZero() {
			t.Errorf("the right words: %s, %v", res, err)
		}
		if res, err := try(owner, c, words); res != Right || err != nil {
			t.Errorf("once more: %s, %v", res, err)
		}
		if _, err := try(owner, c, words); code(err) != "too_many" {
			t.Errorf("the sixth: %v", err)
		}
		if _, _, err := db.Write(t.Context(), d, func(tx *db.Tx) (int64, error) {
			return tx.Exec(`INSERT INTO recovery_proof (id, day, try, proven, at) VALUES (99, $1, 6, 0, 0)`, tx.Now().Unix()/86400)
		}); err == nil {
			t.Error("the table takes a sixth try")
		}
		said, err := db.Read(t.Context(), d, func(q *db.Reader) ([]audit.Entry, error) {
			return audit.List(q, audit.Filter{Action: "recovery.paper"}, 0, 10)
		})
		if err != nil || len(said) != 5 {
			t.Fatalf("%d acts in the log: %v", len(said), err)
		}
		first, _, _ := strings.Cut(words, " ")
		for _, e := range said {
			if strings.Contains(e.New+e.Old, first) {
				t.Errorf("a word in the log: %+v", e)
			}
		}
	})
}

// What is written into the plan is sealed, is not written over by who has not seen it, and
// the printed one is told to be old when it was changed since.
func TestPlan(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		v := secrettest.Vault(t, d)
		set := func(p Plan) error {
			_, _, err := db.Write(t.Context(), d, func(tx *db.Tx) (bool, error) { return true, SetPlan(tx, owner(tx.Now()), v, p) })
			return err
		}
		get := func() Plan {
			p, err := db.Read(t.Context(), d, func(q *db.Reader) (Plan, error) { return PlanOf(q, owner(q.Now()), v) })
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		if p := get(); len(p.Said) != 0 || p.Stale() {
			t.Errorf("an empty plan: %+v", p)
		}
		if err := set(Plan{Said: map[string]string{"people": "Markkontakt 070-174 06 12", "unknown": "x"}}); err != nil {
			t.Fatal(err)
		}
		p := get()
		if p.Said["people"] != "Markkontakt 070-174 06 12" || len(p.Said) != 1 || !p.Stale() {
			t.Errorf("%+v", p)
		}
		raw, err := db.Read(t.Context(), d, func(q *db.Reader) (b []byte, err error) {
			err = q.QueryRow(`SELECT said FROM recovery_plan`).Scan(&b)
			return
		})
		if err != nil || strings.Contains(string(raw), "Markkontakt") {
			t.Errorf("in the clear: %v", err)
		}
		if _, _, err := db.Write(t.Context(), d, func(tx *db.Tx) (bool, error) { return true, Printed(tx, owner(tx.Now()), v) }); err != nil {
			t.Fatal(err)
		}
		if q := get(); q.Stale() || q.Said["people"] == "" || q.Version != p.Version {
			t.Errorf("printed: %+v", q)
		}
		if err := set(Plan{Version: p.Version - 1}); code(err) != "changed_meanwhile" {
			t.Errorf("over another's: %v", err)
		}
		if err := set(Plan{Version: p.Version, Said: map[string]string{"mail": strings.Repeat("å", MaxPart+1), "bank": "a\x00b"}}); fault.As(err) == nil || len(fault.As(err).Fields) != 2 {
			t.Errorf("too long and broken: %v", err)
		}
		for _, by := range []auth.By{{}, auth.StaffBy(2, "", auth.Roles["reader"])} {
			if _, err := db.Read(t.Context(), d, func(q *db.Reader) (Plan, error) { return PlanOf(q, by, v) }); code(err) != "denied" {
				t.Errorf("read without the right: %v", err)
			}
			if _, _, err := db.Write(t.Context(), d, func(tx *db.Tx) (bool, error) { return true, SetPlan(tx, by, v, Plan{}) }); code(err) != "denied" {
				t.Errorf("written without the right: %v", err)
			}
		}
	})
}
