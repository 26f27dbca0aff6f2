package admin

import (
	"cmp"
	"errors"
	"strings"
	"time"

	"kassavalv/internal/lang"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/walarchive"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// What the page of the copies shows of a shop on PostgreSQL, beside what all shops have.

// archiveTroubles names what can be wrong with all repositories together.
var archiveTroubles = []struct {
	err  error
	word string
	tone ui.Tone
}{
	{walarchive.ErrUnasked, "unasked", ui.Stop}, {walarchive.ErrOff, "off", ui.Stop}, {walarchive.ErrMissed, "missed", ui.Stop}, {walarchive.ErrSilent, "silent", ui.Stop}, {walarchive.ErrTending, "tending", ui.Stop},
}

// archiveWarnings are what is wrong with the archive as a whole; each says what to do.
func (v *visit) archiveWarnings(x insight) (out []view.Block) {
	if x.Archive == nil {
		return nil
	}
	if err := x.Archive.Trouble; err != nil {
		// What the tools say themselves, in their language, follows our own sentence.
		for _, t := range archiveTroubles {
			if !errors.Is(err, t.err) {
				continue
			}
			out = append(out, view.Notice(t.tone, v.t("copies.archive."+t.word)))
			if _, said, ok := strings.Cut(err.Error(), t.err.Error()+": "); ok {
				out = append(out, view.Quiet(said))
			}
			break
		}
	}
	if n := len(x.Archive.Repos); n == 1 {
		out = append(out, view.Notice(ui.Wait, v.t("copies.repos.one")))
	}
	if len(x.Beside) == 0 {
		out = append(out, view.Notice(ui.Stop, v.t("copies.beside.none")))
	}
	return out
}

// archivePanel is the repositories of the database, the server's log, and the places that keep
// what opens them.
func (v *visit) archivePanel(x insight) view.Block {
	if x.Archive == nil || len(x.Archive.Repos) == 0 {
		return view.Group(view.Panel("repos", v.t("copies.repos"), view.Say(v.t("copies.postgres")), view.Words("kassavalv backup setup-postgres"), view.Say(v.t("copies.postgres.then")), view.Words("kassavalv backup tend-postgres")), v.walPanel(x), v.besidePanel(x))
	}
	t := view.Table{Caption: v.t("copies.repos"), Cols: []ui.Column{{Text: v.t("copies.col.repo")}, {Text: v.t("copies.col.place")}, {Text: v.t("copies.col.backup")}, {Text: v.t("copies.col.lag")}, {Text: v.t("copies.col.size"), Num: true}, {Text: v.t("copies.col.proof")}, {Text: v.t("col.state")}}}
	for _, r := range x.Archive.Repos {
		backup, lag := view.Cell{Text: v.t("copies.nothing_yet")}, view.Cell{Text: "–", Sub: r.Log}
		if !r.Newest.IsZero() {
			backup.Text = lang.Stamp(v.l, r.Newest)
			if !r.Full.IsZero() {
				backup.Sub = v.t("copies.full", "date", lang.Stamp(v.l, r.Full))
			}
		}
		if !r.At.IsZero() {
			lag.Text = v.t("copies.lag.none")
			if r.Lag > 0 {
				lag.Text = v.howLong(r.Lag)
			}
		}
		proof := view.Cell{Text: v.t("copies.never")}
		if d, ok := x.Proof(r.Name); ok {
			proof.Text, proof.Sub = lang.Stamp(v.l, d.Started), v.howLong(d.RTO)
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: r.Name, Sub: r.Where}, {Text: cmp.Or(r.Location, v.t("copies.unsaid")), Sub: r.Provider}, backup, lag, {Text: v.size(r.Bytes), Num: true}, proof, v.repoState(r, x.now)}})
	}
	return view.Group(view.Panel("repos", v.t("copies.repos"), view.TableBlock(v.l, t), view.Quiet(v.t("copies.repos.looked", "span", v.howLong(max(x.now.Sub(x.Archive.Report), 0))))), v.walPanel(x), v.besidePanel(x))
}

// repoState is whether a repository is well, and since when not.
func (v *visit) repoState(r walarchive.RepoStatus, now time.Time) view.Cell {
	if r.Why == "" {
		return view.Cell{Text: v.t("copies.state.ok"), Badge: true, Tone: ui.OK}
	}
	c := view.Cell{Text: v.t("copies.repo." + r.Why), Badge: true, Tone: ui.Stop}
	if r.Why == walarchive.Full && r.Backups == 0 {
		c.Tone = ui.Wait
	}
	if !r.Since.IsZero() {
		c.Sub = v.t("copies.since", "at", lang.Stamp(v.l, r.Since), "span", v.howLong(max(now.Sub(r.Since), 0)))
	}
	if r.Why == walarchive.Away || r.Why == walarchive.Stanza {
		c.Sub = strings.TrimSpace(c.Sub + " " + r.Trouble)
	}
	return c
}

// walPanel is how the server gives up its log.
func (v *visit) walPanel(x insight) view.Block {
	if x.Archive == nil || errors.Is(x.Archive.Trouble, walarchive.ErrUnasked) {
		return view.Group()
	}
	a := x.Archive.Archiver
	facts := []view.Pair{{Key: v.t("copies.wal.last"), Value: cmp.Or(a.Last, v.t("copies.wal.none"))}}
	if !a.LastAt.IsZero() {
		facts[0].Sub = v.t("copies.ago", "span", v.howLong(max(x.now.Sub(a.LastAt), 0)))
	}
	if a.Current != "" {
		facts = append(facts, view.Pair{Key: v.t("copies.wal.current"), Value: a.Current})
	}
	if a.Failures > 0 {
		facts = append(facts, view.Pair{Key: v.t("copies.wal.failures"), Value: lang.Number(v.l, a.Failures), Sub: v.t("copies.wal.failed", "piece", a.Missed, "at", lang.Stamp(v.l, a.MissedAt))})
	}
	return view.Panel("wal", v.t("copies.wal"), view.Quiet(v.t("copies.wal.text")), view.Facts(v.l, facts))
}

// besidePanel is the places that keep keys, passes, configuration and pictures.
func (v *visit) besidePanel(x insight) view.Block {
	if len(x.Beside) == 0 {
		return view.Panel("sites", v.t("copies.beside"), view.Say(v.t("copies.none")), view.List([]string{v.t("copies.none.paper"), v.t("copies.none.sites"), v.t("copies.none.start")}))
	}
	t := view.Table{Caption: v.t("copies.beside"), Cols: []ui.Column{{Text: v.t("copies.col.site")}, {Text: v.t("copies.col.place")}, {Text: v.t("copies.col.whole")}, {Text: v.t("copies.col.sent"), Num: true}, {Text: v.t("col.state")}}}
	for _, s := range x.Beside {
		whole := view.Cell{Text: v.t("copies.nothing_yet")}
		if at := s.Whole; !at.IsZero() {
			whole.Text, whole.Sub = lang.Stamp(v.l, at), v.t("copies.ago", "span", v.howLong(max(x.now.Sub(at), 0)))
		} else if s.Keys {
			whole.Text = v.t("copies.beside.earlier")
		}
		tx := uint64(0)
		if s.Keys {
			tx = 1 // it has what it is to have; of a database there is none
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: s.Place.Name, Sub: s.Place.Address}, {Text: cmp.Or(s.Place.Location, v.t("copies.unsaid")), Sub: s.Place.Provider}, whole, {Text: v.size(s.Bytes), Num: true},
			v.siteState(copies.SiteStatus{Trouble: s.Trouble, Since: s.Since, TX: tx}, x.now)}})
	}
	return view.Panel("sites", v.t("copies.beside"), view.Quiet(v.t("copies.beside.text")), view.TableBlock(v.l, t))
}

// stepsTable is what the last drill of each place did, and how long each step took.
func (v *visit) stepsTable(x insight) view.Block {
	t := view.Table{Caption: v.t("copies.steps"), Cols: []ui.Column{{Text: v.t("copies.col.site")}, {Text: v.t("col.at")}, {Text: v.t("copies.col.steps")}}}
	seen := map[string]bool{}
	for _, d := range x.Drills {
		if seen[d.Site] || len(d.Steps) == 0 {
			continue
		}
		seen[d.Site] = true
		var did []string
		for _, s := range d.Steps {
			did = append(did, v.t("copies.step."+strings.ReplaceAll(s.Name, " ", "_"))+"\u00a0"+lang.Decimal(v.l, s.Took.Milliseconds()/10)+"\u00a0s")
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: d.Site}, {Text: lang.Stamp(v.l, d.Started)}, {Text: strings.Join(did, ", ")}}})
	}
	if len(t.Rows) == 0 {
		return view.Group()
	}
	return view.TableBlock(v.l, t)
}
