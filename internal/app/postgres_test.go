package app

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/pgbackrest"
	"kassavalv/internal/ops/copies/s3/s3test"
	"kassavalv/internal/ops/copies/walarchive"
	"kassavalv/internal/ops/recovery"
	"kassavalv/internal/secret"
)

// A shop on a server of its own is set up, tended, drilled, lost and brought back: the database
// from either repository, keys and pictures from a site. Who was erased stays erased.
func TestPostgresShop(t *testing.T) {
	ctx := context.Background()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	pg := apptest.StartPostgres(t)
	t.Setenv("DATABASE_URL", pg.URL)
	dir := filepath.Join(t.TempDir(), "shop")
	run := func() *App {
		t.Helper()
		a, _, err := Demo(ctx, DemoOptions{Dir: dir, Addr: "127.0.0.1:0", Log: log, Out: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close(ctx) })
		return a
	}
	a := run()
	if err := a.Close(ctx); err != nil {
		t.Fatal(err)
	}
	store := s3test.Start(t, s3test.Options{TLS: true})
	for name, b := range map[string][]byte{"copies/store.toml": fmt.Appendf(nil, "access_key = %q\nsecret_key = %q\n", s3test.Access, s3test.Secret), "copies/store-ca.pem": store.CA, "copies/other-ca.pem": s3test.Start(t, s3test.Options{TLS: true}).CA} {
		if err := os.MkdirAll(filepath.Join(dir, "copies"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	away := "s3://" + store.Bucket(t, false) + "/pg?name=away&provider=other&credentials=copies/store.toml&region=" + s3test.Region + "&endpoint=" + url.QueryEscape(store.URL)
	o := SetupPostgresOptions{Config: filepath.Join(pg.Folder(), "etc", "kassavalv.conf"), Data: pg.Data(), User: "postgres", Spool: pg.Make(t, "spool"), Lock: pg.Make(t, "lock"),
		Repos: []string{"file://" + pg.Make(t, "nas") + "?name=nas&provider=own", away + "&ca=copies/store-ca.pem"}, Write: true}
	if _, err := SetupPostgres(ctx, dir, o); err == nil || !strings.Contains(err.Error(), "backup paper") {
		t.Errorf("without a paper key: %v", err)
	}
	words, err := NewPaper(ctx, dir, "Fiket")
	if err != nil {
		t.Fatal(err)
	}
	paper, err := copies.ParsePaper(words.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	site := "file://" + filepath.Join(t.TempDir(), "site") + "?name=site&provider=third"
	if err := os.WriteFile(filepath.Join(dir, ConfigFile), []byte(fmt.Sprintf("[copies]\nsites = [%q]\n", site)), 0o600); err != nil {
		t.Fatal(err)
	}
	other := o
	other.Repos = []string{o.Repos[0], away + "&ca=copies/other-ca.pem"}
	if s, err := SetupPostgres(ctx, dir, other); err == nil || !strings.Contains(err.Error(), "certificate") || strings.Contains(err.Error(), s3test.Secret) {
		t.Errorf("a store under another's certificate: %+v, %v", s, err)
	}
	s, err := SetupPostgres(ctx, dir, o)
	if err != nil || s.Ready || len(s.Lines) != 4 {
		t.Fatalf("%+v, %v", s, err)
	}
	for _, l := range s.Lines {
		k, v, _ := strings.Cut(l, " = ")
		pg.Set(t, k+"='"+strings.Trim(v, "'")+"'")
	}
	pg.Kill()
	if err := pg.Open(); err != nil {
		t.Fatal(err)
	}
	if s, err = SetupPostgres(ctx, dir, o); err != nil || !s.Ready || len(s.Warnings) > 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	ended := time.Now()
	if strings.Contains(s.Text, "cipher-pass=") && !strings.Contains(s.Text, "cipher-pass=(not shown)") {
		t.Error("a pass is shown")
	}

	a = run()
	if st, err := a.backupStatus(ctx); err != nil || st.Trouble == "" {
		t.Errorf("before anybody has looked at the repositories: %+v, %v", st, err)
	}
	clock := func() (at time.Time) {
		t.Helper()
		var micros int64
		if _, err := db.Read(ctx, a.DB, func(q *db.Reader) (int, error) {
			return 0, q.QueryRow(`SELECT (extract(epoch FROM clock_timestamp())*1000000)::bigint`).Scan(&micros)
		}); err != nil {
			t.Fatal(err)
		}
		return time.UnixMicro(micros)
	}
	stays, erased := seal(t, a, "stays"), seal(t, a, "is erased later")
	if err := apptest.Poll(time.Minute, func() bool { return clock().Unix() > ended.Unix() }); err != nil { // a backup's end is told in whole seconds
		t.Fatal(err)
	}
	before := clock()
	if err := db.Do(ctx, a.DB, func(tx *db.Tx) error { return a.Vault.Erase(tx, erased.person) }); err != nil {
		t.Fatal(err)
	}
	late := seal(t, a, "came later")

	// What is there is given up within the time that the server's settings say.
	tend := func() Tended {
		t.Helper()
		x, err := TendPostgres(ctx, dir, TendOptions{Config: o.Config})
		if err != nil || !x.Told {
			t.Fatalf("%+v, %v", x, err)
		}
		return x
	}
	wanted := clock()
	var st BackupStatus
	first := tend()
	if len(first.Drills) != 2 || first.Drills[0].State != copies.Ok || first.Drills[1].State != copies.Ok {
		t.Errorf("drills: %+v", first.Drills)
	}
	for _, d := range first.Drills {
		if n := len(d.Steps); n == 0 || d.Steps[n-1].Name != "purchase" {
			t.Errorf("no purchase was walked: %v", d.Steps)
		}
		t.Logf("drill of %s: %s in %s, RTO %s, RPO %s, %d MB: %v", d.Site, d.State, d.Took.Round(time.Millisecond), d.RTO.Round(time.Millisecond), d.RPO.Round(time.Millisecond), d.Size>>20, d.Steps)
	}
	if err := apptest.Poll(2*time.Minute, func() bool {
		if x := tend(); len(x.Drills) > 0 {
			t.Fatalf("drilled twice a day: %+v", x)
		}
		st, err = a.backupStatus(ctx)
		reached := 0
		for _, x := range st.Sites {
			if x.Holds == "database" && x.Newest.After(wanted) || x.Holds == "keys and files" && !x.Acked.IsZero() {
				reached++
			}
		}
		return err == nil && st.Trouble == "" && reached == 3
	}); err != nil {
		b, _ := json.MarshalIndent(st, "", " ")
		t.Fatalf("%s", b)
	}
	for _, x := range st.Sites {
		if x.Trouble != "" || x.Holds == "database" && (x.Full.IsZero() || x.Lag > 60) {
			t.Errorf("%+v", x)
		}
	}
	if st.Loss != recovery.Together {
		t.Errorf("repositories on the shop's own disk, and its loss is said to take %q", st.Loss)
	}
	looked := 0
	if err := VerifySites(ctx, dir, "", 1, func(v VerifiedSite) {
		looked++
		if len(v.Findings) > 0 || len(v.Unseen) > 0 || v.Objects < 3 {
			t.Errorf("the site of keys and files, looked at without a key: %+v", v)
		}
	}); err != nil || looked != 1 {
		t.Errorf("%d sites looked at, %v", looked, err)
	}
	now := time.Now()
	if late, err := a.lateProofs(ctx, now.Add(-3*time.Hour), now); err != nil || len(late) != 0 {
		t.Errorf("late at once: %v, %v", late, err)
	}
	if late, err := a.lateProofs(ctx, now.Add(-3*time.Hour), now.Add(49*time.Hour)); err != nil || len(late) != 2 {
		t.Errorf("late after two days: %v, %v", late, err)
	}
	kept, err := db.Read(ctx, a.DB, func(q *db.Reader) ([]copies.Result, error) { return copies.Drills(q, time.Now().Add(-time.Hour)) })
	if err != nil || len(kept) != 2 || kept[0].State != copies.Ok || kept[0].RTO == 0 || kept[0].Newest.IsZero() {
		t.Errorf("results kept: %+v, %v", kept, err)
	}
	metrics := gathered(t, a)
	for _, want := range []string{`kassavalv_copies_lag_seconds site=nas`, `kassavalv_copies_lag_seconds site=away`, `kassavalv_copies_archive_up`, `kassavalv_copies_backup_seconds site=nas`} {
		if _, ok := metrics[want]; !ok {
			t.Errorf("no metric %s", want)
		}
	}
	if metrics["kassavalv_copies_archive_up"] != 1 {
		t.Error("the archive is well, and is told not to be")
	}
	if orders, err := countOrders(ctx, a.DB, 0); err != nil || orders.All != 0 {
		t.Errorf("drills left %d orders in the shop: %v", orders.All, err)
	}
	unsold(t, dir, o.Config, a, first.Report.Repos[0])
	if err := a.Close(ctx); err != nil {
		t.Fatal(err)
	}
	pg.Kill()

	back := func(repo string, at time.Time) (*App, PostgresReport) {
		t.Helper()
		to := filepath.Join(t.TempDir(), "back")
		data := filepath.Join(pg.Make(t, fmt.Sprintf("back-%s-%d", repo, at.Unix())), "data")
		rep, err := RestorePostgres(ctx, RestorePostgresOptions{RestoreOptions: RestoreOptions{Paper: paper, Sites: []string{site}, To: to, At: at, Log: log}, Data: data, Repo: repo, URL: pg.URL})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("from %q: %+v", repo, rep)
		if len(rep.Damages) > 0 || rep.Files == 0 {
			t.Errorf("%+v", rep)
		}
		if err := pg.OpenOn(data); err != nil {
			t.Fatal(err)
		}
		cfg, err := LoadConfig(to, os.Environ())
		if err != nil {
			t.Fatal(err)
		}
		b, err := open(ctx, to, cfg, log, openOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close(ctx) })
		return b, rep
	}
	for _, repo := range []string{"nas", "away", ""} {
		b, rep := back(repo, time.Time{})
		if stays.opens(b) != "stays" || late.opens(b) != "came later" || erased.opens(b) != "" {
			t.Errorf("%s: not the shop that was", repo)
		}
		if n, err := readEpoch(b.Dir); err != nil || n != rep.Epoch || n < 2 {
			t.Errorf("epoch %d, %v", n, err)
		}
		if repo == "" {
			plant(t, b)
		}
		b.Close(ctx)
		pg.Kill()
	}
	pg.Hide(t, "nas") // the store is all there is
	b, rep := back("", before)
	if rep.Repo != "away" {
		t.Errorf("from %s", rep.Repo)
	}
	if stays.opens(b) != "stays" || erased.opens(b) != "" || rep.Erased != 1 || rep.At.After(before) {
		t.Errorf("an older point: %q %q %+v", stays.opens(b), erased.opens(b), rep)
	}
	b.Close(ctx)
	pg.Kill()
	if _, err := RestorePostgres(ctx, RestorePostgresOptions{RestoreOptions: RestoreOptions{Paper: paper, Sites: []string{site}, To: filepath.Join(t.TempDir(), "x"), At: before.Add(-time.Hour)}, Data: filepath.Join(pg.Make(t, "early"), "data"), URL: pg.URL}); err == nil || !strings.Contains(err.Error(), "oldest backup") {
		t.Errorf("before there was a backup: %v", err)
	}
	if _, err := RestorePostgres(ctx, RestorePostgresOptions{RestoreOptions: RestoreOptions{Paper: copies.NewPaper(), Sites: []string{site}, To: filepath.Join(t.TempDir(), "x")}, Data: filepath.Join(t.TempDir(), "y"), URL: pg.URL}); err == nil {
		t.Error("other words opened it")
	}
	if _, err := RestorePostgres(ctx, RestorePostgresOptions{RestoreOptions: RestoreOptions{Paper: paper, Sites: []string{site}, To: filepath.Join(t.TempDir(), "x")}, Data: pg.Data(), URL: pg.URL}); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("into a server's data: %v", err)
	}
}

// unsold has a purchase go wrong in what comes back: a drill that finds the shop's sums in order and cannot buy anything is not ok.
func unsold(t *testing.T, dir, config string, a *App, r walarchive.Repo) {
	t.Helper()
	ctx := t.Context()
	cfg, err := LoadConfig(dir, os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	conf, _, err := repositories("", config)
	if err != nil {
		t.Fatal(err)
	}
	do := func(stmts ...string) {
		t.Helper()
		if err := db.Do(ctx, a.DB, func(tx *db.Tx) error {
			for _, s := range stmts {
				if _, err := tx.Exec(s); err != nil {
					return fmt.Errorf("%s: %w", s, err)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	drilled := func() copies.Result {
		t.Helper()
		var piece string
		if _, err := db.Read(ctx, a.DB, func(q *db.Reader) (int, error) {
			return 0, q.QueryRow(`SELECT pg_walfile_name(pg_current_wal_lsn())`).Scan(&piece)
		}); err != nil {
			t.Fatal(err)
		}
		do(`SELECT pg_switch_wal()`)
		if err := apptest.Poll(2*time.Minute, func() bool {
			now, err := walarchive.Read(ctx, a.DB)
			return err == nil && now.Last >= piece
		}); err != nil {
			t.Fatalf("piece %s of the log does not arrive", piece)
		}
		r.Log = piece
		return drillRepository(ctx, dir, cfg, conf, 1, r, TendOptions{Config: config})
	}
	sold := func(x copies.Result, state copies.State, says string) {
		t.Helper()
		if x.State != state || len(x.Findings) != 1 || x.Findings[0].Step != "purchase" || !strings.Contains(x.Findings[0].What, says) {
			t.Errorf("%s: %+v", x.State, x.Findings)
		}
	}
	do(`ALTER TABLE cart_line RENAME TO cart_line_away`)
	sold(drilled(), copies.Failed, "into the cart")
	do(`ALTER TABLE cart_line_away RENAME TO cart_line`, `CREATE TABLE were AS SELECT id, status FROM catalog_product`, `UPDATE catalog_product SET status='draft'`)
	sold(drilled(), copies.Inconclusive, "nothing to sell")
	do(`UPDATE catalog_product p SET status=w.status FROM were w WHERE w.id=p.id`, `DROP TABLE were`)
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "kassavalv-buyer-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A restored shop on PostgreSQL opens as every shop does: it touches no site until somebody opens it
// for selling, and then the old one, whose database may still run, closes.
func TestOldPostgresShopStops(t *testing.T) {
	ctx := context.Background()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	pg := apptest.StartPostgres(t)
	was, now, place := filepath.Join(t.TempDir(), "was"), filepath.Join(t.TempDir(), "now"), filepath.Join(t.TempDir(), "site")
	run := func(dir, url string) *App {
		t.Helper()
		t.Setenv("DATABASE_URL", url)
		a, _, err := Demo(ctx, DemoOptions{Dir: dir, Addr: "127.0.0.1:0", Log: log, Out: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close(ctx) })
		return a
	}
	end := func(a *App) {
		t.Helper()
		if err := a.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
	end(run(was, pg.URL))
	if _, err := NewPaper(ctx, was, "Fiket"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(was, ConfigFile), []byte(fmt.Sprintf("[copies]\nsites = [%q]\n", "file://"+place+"?name=site")), 0o600); err != nil {
		t.Fatal(err)
	}
	old := run(was, pg.URL)
	wait, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if old.aside.Taken(wait, 1) != 1 || old.shut() != nil {
		t.Fatalf("%+v, %v", old.aside.Status(), old.shut())
	}
	end(old)
	// The shop as a restore leaves it: a folder and a database of its own.
	if err := os.CopyFS(now, os.DirFS(was)); err != nil {
		t.Fatal(err)
	}
	if err := filepath.WalkDir(now, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chmod(path, map[bool]os.FileMode{true: 0o700, false: 0o600}[e.IsDir()])
	}); err != nil {
		t.Fatal(err)
	}
	d, err := sql.Open("pgx", strings.Replace(pg.URL, "/postgres?", "/template1?", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Exec(`CREATE DATABASE restored TEMPLATE postgres`); err != nil {
		t.Fatal(err)
	}
	back := strings.Replace(pg.URL, "/postgres?", "/restored?", 1)
	if err := errors.Join(writeEpoch(now, 2), writeRestored(now, Restored{Epoch: 2, From: 1, At: time.Now().UTC(), Done: time.Now().UTC()})); err != nil {
		t.Fatal(err)
	}
	old = run(was, pg.URL)
	young := run(now, back)
	if young.shut() == nil || !young.aside.Held() || old.shut() != nil {
		t.Fatalf("before it was opened: %v, %v", young.shut(), old.shut())
	}
	if _, err := os.Stat(filepath.Join(place, "e", "00000002")); err == nil {
		t.Error("a shop that is not open writes to a site")
	}
	rep, err := young.reopen(ctx, auth.System("test"), false)
	if err != nil || rep.Epoch != 2 || rep.Sites != 1 || rep.Of != 1 || young.shut() != nil {
		t.Fatalf("opened: %+v, %v, %v", rep, err, young.shut())
	}
	if n, err := readEpoch(now); err != nil || n != 2 {
		t.Errorf("epoch %d, %v", n, err)
	}
	end(old)
	old = run(was, pg.URL) // it asks before it listens
	if f := old.shut(); f == nil || !strings.Contains(f.Error(), "epoch 2") {
		t.Errorf("the old shop goes on: %v", f)
	}
	if st, err := old.backupStatus(ctx); err != nil || !strings.Contains(st.Trouble, "epoch 2") {
		t.Errorf("%+v, %v", st, err)
	}
	if young.shut() != nil {
		t.Error("the new shop is shut")
	}
}

// plant spoils a restored shop in each way that checkRestored looks for.
func plant(t *testing.T, b *App) {
	t.Helper()
	ctx := t.Context()
	if f := checkRestored(ctx, b.DB, b.keeper); len(f) > 0 {
		t.Errorf("a sound shop: %v", f)
	}
	// What is wrong in a copy is found, each thing.
	for object, stmt := range map[string]string{
		"stock":      `UPDATE stock_level SET on_hand=on_hand+1 WHERE variant_id=(SELECT min(variant_id) FROM stock_level WHERE tracked=1)`,
		"payments":   `INSERT INTO payment_intent (id, purchase_id, method, reference, idem_key, amount, currency, captured, refunding, refunded, created_at, changed_at) VALUES (1, 1, 'card', 'x', 'x', 100, 'SEK', 100, 0, 0, 1, 1)`,
		"gift cards": `INSERT INTO giftcard_card (id, version, code_version, code_hash, last4, currency, issued, balance, held, state, origin, lang, reason, expires_at, created_at, changed_at) VALUES (1, 1, 1, ''::bytea, '0000', 'SEK', 100, 50, 0, 'active', 'staff', 'sv', '', 1, 1, 1)`,
		"audit log":  `UPDATE audit_entry SET action='x' WHERE id=(SELECT min(id) FROM audit_entry)`,
	} {
		if err := db.Do(ctx, b.DB, func(tx *db.Tx) error { _, err := tx.Exec(stmt); return err }); err != nil {
			t.Errorf("%s: %v", object, err)
			continue
		}
		if f := checkRestored(ctx, b.DB, b.keeper); !slices.ContainsFunc(f, func(x copies.Finding) bool { return x.Object == object && !x.Unknown }) {
			t.Errorf("%s: %v", object, f)
		}
	}
	if f := checkRestored(ctx, b.DB, nil); !slices.ContainsFunc(f, func(x copies.Finding) bool { return x.Object == "audit log" && x.Unknown }) {
		t.Errorf("without keys the audit log is called sound: %v", f)
	}
}

// gathered are the shop's metrics by name and label.
func gathered(t *testing.T, a *App) map[string]float64 {
	t.Helper()
	fs, err := a.meters.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range fs {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetName() + "=" + l.GetValue()
			}
			if g := m.GetGauge(); g != nil {
				out[name] = g.GetValue()
			}
		}
	}
	return out
}

// Where a repository is that lies in an object store is the store's host, whatever stands in the sentence for people.
func TestPlaceOfARepository(t *testing.T) {
	for _, c := range []struct {
		r          walarchive.Repo
		kind, host string
	}{
		{walarchive.Repo{Kind: "s3", Where: "s3://backup at home/pg at s3.example", Host: "s3.example"}, "s3", "s3.example"},
		{walarchive.Repo{Kind: "posix", Where: "/mnt/disk at home"}, "dir", "/mnt/disk at home"},
	} {
		if p := placeOf(c.r); p.Kind != c.kind || p.Address != c.host {
			t.Errorf("%+v", p)
		}
	}
}

// What is said of a store whose certificate is not here can be typed as it is said: what opens the store is as it was.
func TestRepositoryIsElsewhereNow(t *testing.T) {
	dir := t.TempDir()
	store := s3test.Start(t, s3test.Options{TLS: true})
	if err := os.WriteFile(filepath.Join(dir, "FILE"), store.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	pass := pgbackrest.NewPass()
	conf := pgbackrest.Conf{Repos: []pgbackrest.Repo{{Name: "nas", Kind: "posix", Path: "/mnt/nas"}, {Name: "store", Kind: "s3", Bucket: "b", Path: "/shop", Endpoint: "s3.example", Region: "se", Key: secret.Hide("k"), KeySecret: secret.Hide("s"), Pass: pass, CAFile: "/gone.pem"}}}
	if err := nowAt(&conf, "s3://b/shop?ca=FILE&endpoint=https%3A%2F%2Fs3.example&name=store&region=se", dir); err != nil {
		t.Fatal(err)
	}
	if r := conf.Repos[1]; r.CA != string(store.CA) || r.CAFile != "" || r.Key.Reveal() != "k" || r.KeySecret.Reveal() != "s" || r.Pass.Reveal() != pass.Reveal() || r.Path != "/shop" || r.Region != "se" {
		t.Errorf("%+v", r)
	}
	if err := nowAt(&conf, "file:///mnt/new?name=other", dir); err == nil || !strings.Contains(err.Error(), "no repository other") {
		t.Errorf("%v", err)
	}
}
