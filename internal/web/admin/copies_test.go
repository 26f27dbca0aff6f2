package admin_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/walarchive"
	"kassavalv/internal/ops/recovery"
	"kassavalv/internal/shop/stock"
)

func siteOf(name, kind string, tx uint64, lag time.Duration, trouble error) copies.SiteStatus {
	now := time.Now().UTC()
	return copies.SiteStatus{Place: copies.Place{Kind: kind, Name: name, Address: name + ".example", Location: "Malmö", Provider: "Molnbolaget"}, TX: tx, Newest: now.Add(-lag), Lag: lag, Bytes: 3_500_000_000, Trouble: trouble, Since: now.Add(-2 * time.Hour)}
}

func repoOf(name string, lag time.Duration, why string) walarchive.RepoStatus {
	now := time.Now().UTC()
	r := walarchive.RepoStatus{Repo: walarchive.Repo{Name: name, Kind: "posix", Where: "/mnt/" + name, Location: "Malmö", Provider: "Molnbolaget", Full: now.Add(-30 * time.Hour), Newest: now.Add(-3 * time.Hour), Backups: 4, Bytes: 3_500_000_000, Log: "000000010000000000000006"}, At: now.Add(-lag), Lag: lag, Why: why}
	if why != "" {
		r.Since, r.Trouble = now.Add(-2*time.Hour), "unable to connect"
	}
	if why == walarchive.Full {
		r.Full, r.Newest, r.Backups, r.At = time.Time{}, time.Time{}, 0, time.Time{}
	}
	return r
}

// archived is a shop on PostgreSQL with these repositories and a site of keys.
func archived(change func(*walarchive.Archiver), trouble error, repos ...walarchive.RepoStatus) recovery.Standing {
	now := time.Now().UTC()
	st := &walarchive.Status{Archiver: walarchive.Archiver{On: true, Last: "000000010000000000000007", LastAt: now, Current: "000000010000000000000009"}, Trouble: trouble, Repos: repos}
	if len(repos) > 0 {
		st.Report = now
	}
	if change != nil {
		change(&st.Archiver)
	}
	return recovery.Standing{Postgres: true, Archive: st, Beside: []copies.AsideStatus{{Place: copies.Place{Kind: "dir", Name: "hem", Address: "/mnt/hem", Location: "Lund"}, Keys: true, Whole: now}}}
}

// drilled makes these the results that there are.
func (o *office) drilled(rs ...copies.Result) {
	o.t.Helper()
	o.Do(func(tx *db.Tx) error {
		if _, err := tx.Exec(`DELETE FROM copies_drill`); err != nil {
			return err
		}
		for _, r := range rs {
			r.Newest = r.Started
			if err := copies.Record(tx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// The first sentence is what would be lost and how long it would take, in every state; each
// state says what to do.
func TestCopiesPage(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		b := o.as("owner")
		now := time.Now().UTC()
		two := &copies.Status{Sites: []copies.SiteStatus{siteOf("nas", "dir", 7, 3*time.Second, nil), siteOf("moln", "s3", 5, 40*time.Minute, copies.ErrFull)}}
		for _, x := range []struct {
			name string
			s    recovery.Standing
			want []string
			not  []string
		}{
			{"nothing", recovery.Standing{}, []string{"är hela butiken borta", "kassavalv backup paper", "copies.sites", "Ingen övning har gjorts än"}, []string{"<svg class=\"chart\""}},
			{"PostgreSQL", recovery.Standing{Postgres: true}, []string{"PostgreSQL", "kassavalv backup setup-postgres"}, []string{"är hela butiken borta", "ingenting förlorat"}},
			{"PostgreSQL, before anybody looked", archived(nil, walarchive.ErrSilent), []string{"Ingen har tittat till kopiorna sedan butiken startade", "kassavalv-tend-postgres.timer", "kassavalv backup setup-postgres", "000000010000000000000007", "sedan"}, []string{"ingenting förlorat"}},
			{"PostgreSQL, well", archived(nil, nil, repoOf("nas", 0, ""), repoOf("moln", 4*time.Second, "")), []string{"går ingenting förlorat: nas", "Tar emot", "Malmö", "Molnbolaget", "3,5 GB", "4 sekunder", "Från grunden", "Skrivs nu", "kassavalv backup tend-postgres --drill", "hem", "Hade allt"}, []string{"Svarar inte", "är hela butiken borta", "Försök som inte gick"}},
			{"PostgreSQL, proven", func() recovery.Standing {
				s := archived(nil, nil, repoOf("nas", 2*time.Second, ""), repoOf("moln", 4*time.Second, ""))
				s.Drills = []copies.Result{{Site: "nas", State: "ok", Started: now, RTO: 4 * time.Minute, Steps: []copies.Step{{Name: "restore", Took: 1250 * time.Millisecond}, {Name: "replay", Took: 900 * time.Millisecond}, {Name: "log", Took: time.Millisecond}, {Name: "examine"}, {Name: "checks"}}},
					{Site: "moln", State: "failed", Started: now.Add(-time.Hour), Findings: []copies.Finding{{Step: "log", What: "the log has a hole"}}}}
				return s
			}(), []string{"förlorar du 2 sekunder: det som hände allra sist", "tar 4 minuter", "hämta 1,25 s, spela upp loggen 0,9 s", "Databasens logg är inte hel", "Kom inte tillbaka"}, nil},
			{"PostgreSQL, a gap", archived(nil, nil, repoOf("nas", 40*time.Minute, walarchive.Gap)), []string{"förlorar du 40 minuter: det som hände allra sist", "Loggen kommer inte fram", "Det finns ett enda ställe"}, nil},
			{"PostgreSQL, out of reach", archived(nil, nil, repoOf("nas", time.Hour, walarchive.Away), repoOf("moln", time.Hour, walarchive.Stanza)), []string{"Ingen av databasens kopior går att nå", "Svarar inte", "Tom eller inte inkopplad", "unable to connect"}, []string{"ingenting förlorat", "de senaste"}},
			{"PostgreSQL, no backup", archived(nil, nil, repoOf("nas", 0, walarchive.Full)), []string{"Databasen har ingen hel kopia någonstans", "Saknar hel kopia"}, nil},
			{"PostgreSQL, no passes", func() recovery.Standing {
				s := archived(nil, nil, repoOf("nas", 0, ""))
				s.Beside = nil
				return s
			}(), []string{"ingen plats har nycklarna", "copies.sites"}, []string{"ingenting förlorat"}},
			{"PostgreSQL, not archiving", archived(nil, walarchive.ErrOff, repoOf("nas", 0, "")), []string{"archive_mode är av"}, nil},
			{"PostgreSQL, no pgBackRest", archived(nil, fmt.Errorf("%w: pgBackRest is not installed", walarchive.ErrTending), repoOf("nas", 0, "")), []string{"Kopiorna gick inte att titta till", "pgBackRest is not installed"}, nil},
			{"PostgreSQL, log refused", archived(func(a *walarchive.Archiver) { a.Failures, a.Missed, a.MissedAt = 12, "000000010000000000000008", now }, fmt.Errorf("%w (piece x)", walarchive.ErrMissed), repoOf("nas", 0, "")), []string{"kommer inte fram till alla kopior", "Försök som inte gick", "000000010000000000000008"}, nil},
			{"PostgreSQL, no answer", archived(nil, fmt.Errorf("%w: refused", walarchive.ErrUnasked)), []string{"Databasen svarar inte"}, []string{"Senast kopierade biten"}},
			{"first copy", recovery.Standing{Status: &copies.Status{Sites: []copies.SiteStatus{siteOf("nas", "dir", 0, 0, nil)}}}, []string{"ingen av dem har fått en hel kopia", "Får sin första kopia", "Det finns en enda plats"}, []string{"ingenting förlorat"}},
			{"lag", recovery.Standing{Status: two}, []string{"förlorar du 3 sekunder: det som hände allra sist", "ingen övning visat", "Full", "2 timmar", "högst 0,88", "40 minuter", "Malmö", "Molnbolaget"}, []string{"är hela butiken borta"}},
			{"all there", recovery.Standing{Status: &copies.Status{Sites: []copies.SiteStatus{siteOf("nas", "dir", 7, 0, nil)}}, Required: 1, Drills: []copies.Result{
				{Site: "nas", State: "failed", Started: now.Add(-time.Hour)}, {Site: "nas", State: "ok", Cold: true, Started: now.Add(-30 * time.Hour), RTO: 4 * time.Minute, RPO: time.Second}, {Site: "nas", State: "inconclusive", Started: now.Add(-50 * time.Hour)}}},
				[]string{"går ingenting förlorat: nas", "tar 4 minuter", "<svg class=\"chart\"", "Kom inte tillbaka", "Gick inte att avgöra", "från grunden", "4 minuter, inom målet", "1 annan plats"}, []string{"ingen övning visat"}},
			{"found", recovery.Standing{Status: two, Drills: []copies.Result{
				{Site: "nas", State: "failed", Started: now.Add(-time.Hour), Steps: []copies.Step{{Name: "checks", Took: 2 * time.Second}, {Name: "purchase", Took: 3100 * time.Millisecond}}, Findings: []copies.Finding{{Step: "second road", Object: "nas", What: "the site has no copy of the second road yet", Unknown: true}, {Step: "purchase", Object: "/products/lykta", What: "its page sells nothing"}}},
				{Site: "moln", State: "inconclusive", Started: now.Add(-2 * time.Hour), Findings: []copies.Finding{{Step: "purchase", Object: "goods", What: "the shop has nothing to sell: no purchase was tried", Unknown: true}}}}},
				[]string{"gick inte att handla i. (/products/lykta) 1 till står i loggen", "Butiken har inget att sälja, så inget köp provades", "ett köp 3,1 s"}, []string{"sells nothing", "nothing to sell", "second road"}},
			{"slow back", recovery.Standing{Status: two, Drills: []copies.Result{{Site: "nas", State: "ok", Started: now, RTO: 3 * time.Hour}}}, []string{"3 timmar, mer än målet"}, nil},
			{"shared", recovery.Standing{Status: two, Warnings: []copies.Warning{{A: "nas", B: "moln", What: "provider", Shared: "Molnbolaget"}, {A: "nas", B: "moln", What: "credential"}, {A: "a", B: "b", What: "disk"}, {A: "a", B: "b", What: "machine"}, {A: "a", B: "b", What: "network"}}},
				[]string{"nas och moln har samma leverantör, Molnbolaget", "öppnas med samma nyckel", "samma disk", "samma dator", "samma nät"}, nil},
			{"late", recovery.Standing{Status: two, Late: []string{"nas"}}, []string{"Vägen tillbaka från nas är inte bevisad på mer än två dygn"}, []string{"tillbaka från moln"}},
			{"on the shop's own disk", recovery.Standing{Status: &copies.Status{Sites: []copies.SiteStatus{siteOf("nas", "dir", 7, 0, nil)}}, Warnings: []copies.Warning{{B: "nas", What: "disk"}}}, []string{"är hela butiken borta. Kopiorna ligger på samma dator", "Butiken och nas ligger på samma disk", "Hela butiken</"}, []string{"ingenting förlorat", "inom målet"}},
			{"PostgreSQL, on the shop's own machine", func() recovery.Standing {
				s := archived(nil, nil, repoOf("nas", 0, ""))
				s.Warnings = []copies.Warning{{B: "hem", What: "machine", Shared: "127.0.0.1"}}
				return s
			}(), []string{"är hela butiken borta. Databasens kopior, eller nycklarna", "Butiken och hem ligger på samma dator"}, []string{"ingenting förlorat"}},
			{"trouble", recovery.Standing{Status: &copies.Status{Trouble: errors.New("x"), Dump: copies.DumpStatus{Trouble: errors.New("x")}, Sites: two.Sites}}, []string{"skrivs inte längre till kopiorna", "görs varje natt"}, nil},
		} {
			o.standing = x.s
			o.drilled(x.s.Drills...)
			for _, prefix := range []string{"", "/en"} {
				a := b.page(prefix + "/admin/copies")
				structure(t, x.name, a.body)
				if strings.Contains(a.text(), "admin.") || strings.Contains(a.text(), "{") {
					t.Errorf("%s%s: words are missing: %s", x.name, prefix, a.text())
				}
				if prefix != "" {
					continue
				}
				for _, w := range x.want {
					if !strings.Contains(strings.ReplaceAll(a.body, "\u00a0", " "), w) {
						t.Errorf("%s: does not say %q: %s", x.name, w, a.text())
					}
				}
				for _, w := range x.not {
					if strings.Contains(a.body, w) {
						t.Errorf("%s: says %q", x.name, w)
					}
				}
			}
			structure(t, x.name+", plan", b.page("/admin/copies/plan").body)
		}
		// The chart stands there as a table for who cannot see it.
		o.standing = recovery.Standing{Status: two}
		o.drilled(copies.Result{Site: "nas", State: "ok", Started: now, RTO: 150 * time.Second})
		if a := b.page("/admin/copies"); strings.Count(a.body, "Ingen övning</td>") != 89 || !strings.Contains(a.body, "2 minuter 30 sekunder</td>") {
			t.Error("the figures of the chart are no table")
		}
	})
}

// The calculator begins from the shop's own month, takes what is typed, and tells what it
// cannot read.
func TestCopiesCalculator(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		b := o.as("owner")
		if a := b.page("/admin/copies"); !strings.Contains(a.text(), "Räknat på ett exempel") {
			t.Error("an empty shop has figures of its own")
		}
		o.bought(stock.Line{Variant: o.Product(9900, 5), Quantity: 1})
		a := b.page("/admin/copies")
		if !strings.Contains(a.text(), "senaste 30 dagar: 1 order, som mest 1 på en timme") || !strings.Contains(a.body, `name="orders"`) {
			t.Errorf("not the shop's own: %s", a.text())
		}
		a = b.page("/admin/copies?orders=60&value=500&spare=4800")
		words := strings.ReplaceAll(a.text(), "\u00a0", " ")
		for _, w := range []string{"30 000 kr", "60 × 500 kr", "× 1 minut = 500 kr, som är 1 order", "× 30 minuter = 15 000 kr", "3 platser"} {
			if !strings.Contains(words, w) {
				t.Errorf("does not say %q: %s", w, words)
			}
		}
		if a := b.page("/admin/copies?orders=många&value=-1&spare=x"); strings.Count(a.body, `aria-invalid="true"`) != 3 {
			t.Errorf("takes anything: %s", a.text())
		}
	})
}

// Who types the words of the paper key proves it; nothing of them comes back.
func TestPaperKeyInTheOffice(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		paper := copies.NewPaper()
		words := paper.Words().Reveal()
		first, _, _ := strings.Cut(words, " ")
		b := o.as("owner")
		if a := b.post("/admin/copies/paper", "password_words", words, "totp", o.code(o.member("owner"))); a.status != http.StatusConflict {
			t.Errorf("without a paper key: %d", a.status)
		}
		o.standing.Charter = copies.NewCharter(paper, copies.NewKeys(make([]byte, 32)), "Provbutiken")
		if a := b.page("/admin/copies"); !strings.Contains(a.text(), "Ingen har visat att pappersnyckeln finns kvar") {
			t.Error("no reminder")
		}
		if a := b.post("/admin/copies/paper", "password_words", words+" "+first); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.text(), "Det här är ingen pappersnyckel") || strings.Contains(a.body, words) {
			t.Errorf("mistyped: %d", a.status)
		}
		if a := b.post("/admin/copies/paper", "password_words", copies.NewPaper().Words().Reveal()); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.text(), "inte den som öppnar kopiorna nu") {
			t.Errorf("another's: %d", a.status)
		}
		if a := b.done("/admin/copies/paper", "password_words", words); !strings.Contains(a.text(), "Det är rätt nyckel") || !strings.Contains(a.text(), "Pappersnyckeln fanns kvar den") || strings.Contains(a.body, words) {
			t.Errorf("the right words: %s", a.text())
		}
		o.Do(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE recovery_proof SET at=$1, day=0 WHERE proven=1`, tx.Now().Add(-recovery.Quarter-time.Hour))
			return err
		})
		if a := b.page("/admin/copies"); !strings.Contains(a.text(), "Gör det en gång i kvartalet") {
			t.Error("no reminder after a quarter")
		}
	})
}

// The plan has the shop's own addresses, what people wrote, and knows when it was printed.
func TestRecoveryPlan(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.standing = recovery.Standing{Addresses: []string{"file:///mnt/nas?name=nas", "s3://b/p?name=it's"}, Facts: recovery.Facts{Origin: "https://butik.example", Mail: "smtp.example", MailFrom: "hej@butik.example", Providers: []string{"card", "swish"}}}
		b := o.as("owner")
		a := b.page("/admin/copies/plan")
		for _, w := range []string{"--from &#39;file:///mnt/nas?name=nas&#39;", `it&#39;\&#39;&#39;s`, "https://butik.example/hooks/swish", "smtp.example", "aldrig skrivits ut"} {
			if !strings.Contains(a.body, w) {
				t.Errorf("does not say %q", w)
			}
		}
		b.done("/admin/copies/plan", "version", "0", "people", "Markkontakt 070-174 06 12", "machine", "", "domain", "", "mail", "", "bank", "", "keys", "", "owner", "")
		if a := b.done("/admin/copies/plan/printed"); !strings.Contains(a.text(), "Markkontakt 070-174 06 12") || !strings.Contains(a.text(), "skrevs senast ut") {
			t.Errorf("%s", a.text())
		}
		if a := b.post("/admin/copies/plan", "version", "0", "people", "x", "machine", "", "domain", "", "mail", "", "bank", "", "keys", "", "owner", ""); a.status != http.StatusConflict || !strings.Contains(a.text(), "x") {
			t.Errorf("written over another's: %d", a.status)
		}
		if a := b.post("/admin/copies/plan", "version", "1", "people", strings.Repeat("x", recovery.MaxPart+1), "machine", "", "domain", "", "mail", "", "bank", "", "keys", "", "owner", ""); a.status != http.StatusUnprocessableEntity {
			t.Errorf("too long: %d", a.status)
		}
	})
}

// The button asks for a drill once, and says so when one is under way.
func TestDrillNow(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		b := o.as("owner")
		free, asked := true, 0
		o.admin.DrillNow = func() bool {
			if free {
				asked++
			}
			return free
		}
		for _, want := range []string{"Övningen har börjat", "En övning pågår redan"} {
			if a := b.post("/admin/copies/drill"); a.status != 303 {
				t.Fatal(a.status)
			}
			if !strings.Contains(b.page("/admin/copies").text(), want) {
				t.Errorf("the page does not say %q", want)
			}
			free = false
		}
		if asked != 1 {
			t.Errorf("%d drills", asked)
		}
	})
}
