package walarchive_test

import (
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/ops/copies/walarchive"
)

// Why a repository is in trouble is what the report says in its field; the sentence is for people, in whatever words.
func TestWhyIsAField(t *testing.T) {
	d := dbtest.OpenOptions(t, db.Options{URL: dbtest.PostgresURL(t), Readers: 2}, nil)
	w := &walarchive.Watcher{DB: d}
	now := time.Now().UTC()
	well := walarchive.Repo{Full: now, Newest: now}
	with := func(name string, r walarchive.Repo) walarchive.Repo { r.Name = name; return r }
	if err := w.Take(t.Context(), walarchive.Report{At: now, Repos: []walarchive.Repo{
		with("stanza", walarchive.Repo{Trouble: "ingenting finns där", Cause: walarchive.Stanza}),
		with("away", walarchive.Repo{Trouble: "the store of the company Constanza does not answer: its stanza cannot be read"}),
		with("full", walarchive.Repo{Trouble: "no valid backups", Cause: walarchive.Full}),
		with("none", walarchive.Repo{}),
		with("", well),
	}}); err != nil {
		t.Fatal(err)
	}
	for _, r := range w.Look(t.Context()).Repos {
		want := r.Name
		if want == "none" {
			want = walarchive.Full
		}
		if r.Why != want && r.Name != "" {
			t.Errorf("%q: %q", r.Name, r.Why)
		}
		if r.Name == "" && r.Why != "" && r.Why != walarchive.Gap {
			t.Errorf("what is well: %q", r.Why)
		}
	}
}
