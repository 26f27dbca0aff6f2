package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/boombuler/barcode/qr"

	"kassavalv/internal/app"
	"kassavalv/internal/lang"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/recovery"
	"kassavalv/internal/secret"
)

type backupCmd struct {
	Status backupStatusCmd `cmd:"" help:"Where the copies are, how old, and what would be lost."`
	Now    backupNowCmd    `cmd:"" help:"Bring every site up to date and say how they stand."`
	Verify backupVerifyCmd `cmd:"" help:"Look through what the sites hold: signatures, chains, hashes. It needs no key and no running shop."`
	Drill  backupDrillCmd  `cmd:"" help:"Prove the way back now: restore from a site into a folder of its own and look at everything."`
	Paper  backupPaperCmd  `cmd:"" help:"Draw a new paper key, which opens the copies from now on."`

	SetupPostgres setupPostgresCmd `cmd:"" name:"setup-postgres" help:"Set up the copies of a shop on PostgreSQL: pgBackRest with encrypted repositories."`
	TendPostgres  tendPostgresCmd  `cmd:"" name:"tend-postgres" help:"Take the backups of a shop on PostgreSQL that are due, drill them, tell the shop how they stand."`
}

type backupStatusCmd struct{}

// Help is the example under --help.
func (backupStatusCmd) Help() string {
	return "Example: kassavalv backup status --data /var/lib/kassavalv\n\nExit status: 0 all is well, 1 failed, 3 a site takes no copies, its way back is not proven for more than two days, or nothing is copied."
}

func (backupStatusCmd) Run(e env) error { return backup(e, "status") }

type backupNowCmd struct {
	SecondRoad bool `name:"second-road" help:"Take the second road's copy now, without waiting for the night. The sites have it a while later."`
}

func (c backupNowCmd) Run(e env) error {
	if c.SecondRoad {
		return backup(e, "now?second-road=yes")
	}
	return backup(e, "now")
}

func backup(e env, verb string) error {
	s, err := app.Backup(e.ctx, e.dir(usualData), verb, e.log)
	if errors.Is(err, app.ErrNoCopies) || errors.Is(err, app.ErrNoRepositories) {
		fmt.Fprintln(os.Stderr, "kassavalv:", err)
		return errFound
	}
	if err != nil {
		return err
	}
	if e.json {
		err = e.printed(s)
	} else {
		printBackup(os.Stdout, s)
	}
	if err != nil {
		return err
	}
	if s.Trouble != "" {
		return errFound
	}
	for _, x := range s.Sites {
		if x.Trouble != "" || x.Late {
			return errFound
		}
	}
	return nil
}

func printBackup(w io.Writer, s app.BackupStatus) {
	if s.Postgres != nil {
		printPostgres(w, s)
		return
	}
	printLoss(w, s, "this machine", "site")
	fmt.Fprintf(w, "Orders are shown as paid when %d sites have them. Newest change: %s. Waiting here: %s.\n\n", s.Required, when(s.Newest), size(s.Spool))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SITE\tKIND\tWHERE\tBEHIND\tCONFIRMED\tSENT")
	for _, x := range s.Sites {
		acked := "never"
		if !x.Acked.IsZero() {
			acked = when(x.Acked)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", x.Name, x.Kind, strings.TrimSpace(x.Address+" "+x.Location), span(x.Lag), acked, size(x.Bytes))
	}
	t.Flush()
	fmt.Fprintln(w)
	for _, x := range s.Sites {
		printDrilled(w, x)
	}
	printLate(w, s, "drill")
	for _, x := range s.Sites {
		if x.Trouble != "" {
			fmt.Fprintf(w, "\n%s TAKES NO COPIES since %s: %s\n", x.Name, when(x.Since), x.Trouble)
		}
	}
	if s.Trouble != "" {
		fmt.Fprintf(w, "\nNO COPIES ARE MADE: %s\n", s.Trouble)
	}
}

// printLoss says what would be lost and how long coming back would take.
func printLoss(w io.Writer, s app.BackupStatus, machine, place string) {
	keys := ""
	if s.Postgres != nil {
		keys = ", or each site that has the passes that open it,"
	}
	switch s.Loss {
	case recovery.Elsewhere:
		fmt.Fprintln(w, "What would be lost is not known: nobody has looked at the repositories since the shop began.")
	case recovery.Locked:
		fmt.Fprintln(w, "If this machine were lost now, EVERYTHING would be lost: no site has the passes that open the repositories (copies.sites).")
	case recovery.Unreached:
		fmt.Fprintf(w, "If %s were lost now, EVERYTHING may be lost: no %s can be reached.\n", machine, place)
	case recovery.Everything:
		fmt.Fprintf(w, "If %s were lost now, EVERYTHING would be lost: no %s has a copy.\n", machine, place)
	case recovery.Together:
		fmt.Fprintf(w, "If this machine were lost now, EVERYTHING would be lost: each %s that has a copy%s lies on it. Name one that lies elsewhere.\n", place, keys)
	case recovery.Nothing:
		fmt.Fprintf(w, "If %s were lost now, nothing would be lost.\n", machine)
	default:
		fmt.Fprintf(w, "If %s were lost now, the last %s would be lost.\n", machine, span(s.Lost))
	}
	if s.Back > 0 {
		fmt.Fprintf(w, "Coming back takes %s, as the drill of %s measured it.\n", span(s.Back), when(s.Proven))
	} else {
		fmt.Fprintln(w, "How long coming back takes has not been shown by a drill yet.")
	}
}

// printLate names what no drill has proven in time.
func printLate(w io.Writer, s app.BackupStatus, verb string) {
	for _, x := range s.Sites {
		if x.Late {
			fmt.Fprintf(w, "\n%s IS NOT PROVEN: no drill of it has ended ok for more than two days. Run one now: kassavalv backup %s\n", x.Name, verb)
		}
	}
}

// printDrilled tells how the last drill of a site went, step by step.
func printDrilled(w io.Writer, x app.BackupSite) {
	if x.Drilled.IsZero() {
		fmt.Fprintf(w, "%s has not been drilled in the last two weeks: the way back from it is not proven.\n", x.Name)
		return
	}
	fmt.Fprintf(w, "%s was drilled %s: %s.", x.Name, when(x.Drilled), x.Drill)
	var steps []string
	for _, s := range x.Steps {
		steps = append(steps, s.Name+" "+s.Took.Round(time.Millisecond).String())
	}
	fmt.Fprintln(w, "", strings.Join(steps, ", "))
	for _, f := range x.Found {
		fmt.Fprintln(w, "  ", f)
	}
	for _, n := range x.Notes {
		fmt.Fprintln(w, "  ", n)
	}
}

func span(seconds float64) string {
	return (time.Duration(seconds*1000) * time.Millisecond).Round(100 * time.Millisecond).String()
}

func size(n int64) string {
	switch {
	case n < 1<<20:
		return fmt.Sprintf("%d kB", (n+1023)>>10)
	case n < 1<<30:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
}

type backupVerifyCmd struct {
	Site  string  `help:"One site only." placeholder:"NAME"`
	Share float64 `help:"How much is read whole, from 0 to 1; headers are always read." default:"1"`
}

// Help is the example under --help.
func (backupVerifyCmd) Help() string {
	return "Example: kassavalv backup verify --site nas --data /var/lib/kassavalv\n\nExit status: 0 everything is as the shop left it, 1 failed, 3 something is damaged, missing, or could not be looked at."
}

func (c backupVerifyCmd) Run(e env) error {
	if c.Share < 0 || c.Share > 1 {
		return errors.New("--share lies between 0 and 1")
	}
	found := false
	err := app.VerifySites(e.ctx, e.dir(usualData), c.Site, c.Share, func(v app.VerifiedSite) {
		found = found || len(v.Findings)+len(v.Unseen) > 0
		if e.json {
			e.printed(v)
			return
		}
		fmt.Printf("%s: %d objects, %s, %d read whole; epoch %d, transaction %d.\n", v.Site, v.Objects, size(v.Bytes), v.Read, v.Epoch, v.TX)
		for _, f := range v.Findings {
			fmt.Println("  DAMAGED:", f)
		}
		for _, f := range v.Unseen {
			fmt.Println("  not looked at:", f)
		}
	})
	if errors.Is(err, app.ErrNoCopies) {
		fmt.Fprintln(os.Stderr, "kassavalv:", err)
		return errFound
	}
	if err == nil && found {
		err = errFound
	}
	return err
}

type backupDrillCmd struct {
	Site string `help:"One site only." placeholder:"NAME"`
	Cold bool   `help:"From the site alone: every object and file is read whole, and nothing the shop knows is used."`
}

// Help is the example under --help.
func (backupDrillCmd) Help() string {
	return "Example: kassavalv backup drill --site nas --cold --data /var/lib/kassavalv\n\nExit status: 0 every site is proven, 1 failed, 3 a drill failed or could not be brought to an end."
}

func (c backupDrillCmd) Run(e env) error {
	found := false
	err := app.DrillNow(e.ctx, e.dir(usualData), c.Site, c.Cold, func(d app.Drilled) {
		found = found || d.State != "ok" || d.Error != ""
		if e.json {
			e.printed(d)
			return
		}
		fmt.Printf("%s: %s in %s. From nothing to a verified shop: %s. Lacked: %s. Database: %s, %d objects.\n", d.Site, d.State, span(d.Took), span(d.RTO), span(d.RPO), size(d.Size), d.Objects)
		for _, x := range d.Steps {
			fmt.Printf("   %-12s %s\n", x.Name, x.Took.Round(time.Millisecond))
		}
		for _, f := range append(d.Findings, d.Notes...) {
			fmt.Println("  ", f)
		}
		if d.Error != "" {
			fmt.Println("  ", d.Error)
		}
	})
	if err == nil && found {
		err = errFound
	}
	return err
}

type backupPaperCmd struct {
	Name string `help:"What the copies call the shop." required:""`
}

// Help is the example under --help.
func (backupPaperCmd) Help() string {
	return "Example: kassavalv backup paper --name Fiket --data /var/lib/kassavalv\n\nThe shop takes the new key at its next start, and its copies begin again under it. Older copies open with the older words only: keep both until the older copies are gone."
}

func (c backupPaperCmd) Run(e env) error {
	w, err := app.NewPaper(e.ctx, e.dir(usualData), c.Name)
	if err != nil {
		return err
	}
	printPaper(os.Stdout, w)
	fmt.Println("\nRestart the shop: it takes the key then.")
	return nil
}

// printPaper prints the words and a square that holds them, once.
func printPaper(w io.Writer, words secret.Secret) {
	fmt.Fprint(w, "THE PAPER KEY. It opens every copy of the shop, and nothing else does. It is shown once.\nWrite it down or print it, twice, and keep the two apart, away from this machine:\n\n")
	for i, x := range strings.Fields(words.Reveal()) {
		fmt.Fprintf(w, "%4d. %-10s", i+1, x)
		if i%4 == 3 {
			fmt.Fprintln(w)
		}
	}
	fmt.Fprintln(w)
	code, err := qr.Encode(words.Reveal(), qr.L, qr.Auto)
	if err != nil {
		return // the words are the key
	}
	b := code.Bounds()
	dark := func(x, y int) bool {
		if x < 0 || y < 0 || x >= b.Dx() || y >= b.Dy() {
			return false
		}
		r, _, _, _ := code.At(b.Min.X+x, b.Min.Y+y).RGBA()
		return r < 0x8000
	}
	for y := -2; y < b.Dy()+2; y += 2 {
		fmt.Fprint(w, "  ")
		for x := -2; x < b.Dx()+2; x++ { // light on dark terminals and paper alike: blocks are the light squares
			switch top, low := dark(x, y), dark(x, y+1); {
			case top && low:
				fmt.Fprint(w, " ")
			case top:
				fmt.Fprint(w, "▄")
			case low:
				fmt.Fprint(w, "▀")
			default:
				fmt.Fprint(w, "█")
			}
		}
		fmt.Fprintln(w)
	}
}

type restoreCmd struct {
	From  []string `help:"Address of a site, as copies.sites has it; may be given several times." placeholder:"URL"`
	Paper string   `help:"File with the words of the paper key; - or nothing: they are asked for." placeholder:"FILE"`
	At    string   `help:"The state at this time (2026-11-30 14:05, Swedish time, or RFC 3339) instead of the newest." placeholder:"TIME"`
	To    string   `help:"Folder to restore into; usually the data directory." placeholder:"DIR"`
	Yes   bool     `help:"Do not ask."`
	Open  bool     `help:"Open a restored shop for selling: it takes a new epoch at the sites, so that an old one that still runs stops."`
	Alone bool     `help:"With --open: also when no site answers. Be sure that the old shop is off."`

	PGData   string   `name:"pgdata" help:"A shop on PostgreSQL: the server's data directory to restore into; empty or not there." placeholder:"DIR"`
	Repo     string   `help:"A shop on PostgreSQL: name of the repository; nothing: the one that reaches farthest." placeholder:"NAME"`
	RepoAt   []string `help:"A shop on PostgreSQL: where a repository lies now, as setup-postgres was told it." placeholder:"URL" sep:"none"`
	Database string   `help:"A shop on PostgreSQL: address of its database, where DATABASE_URL had it." placeholder:"URL" env:"DATABASE_URL"`
}

// Help is the example under --help.
func (restoreCmd) Help() string {
	return "Example: kassavalv restore --from 'file:///mnt/nas/kassavalv?name=nas' --data /var/lib/kassavalv\n\nNothing is replaced: the folder must be empty. What is found is shown, with what each site would give, before anything is fetched.\n\nThe shop then shows everything and sells nothing. Look at it, and open it for selling: kassavalv restore --open --data /var/lib/kassavalv"
}

func (c restoreCmd) Run(e env) error {
	switch {
	case c.Open && len(c.From) > 0:
		return errors.New("--open opens a shop that has been restored already: give it without --from")
	case c.Open:
		return c.reopen(e)
	case len(c.From) == 0:
		return errors.New("--from is needed: the address of a site (or --open, for a shop that has been restored)")
	}
	o := app.RestoreOptions{Sites: c.From, From: ".", To: c.To, Log: e.log}
	if o.To == "" {
		o.To = e.dir(usualData)
	}
	var err error
	if o.At, err = parseMoment(c.At); err != nil {
		return err
	}
	in := bufio.NewReader(os.Stdin)
	words := ""
	if c.Paper != "" && c.Paper != "-" {
		b, err := os.ReadFile(filepath.Clean(c.Paper))
		if err != nil {
			return err
		}
		words = string(b)
	} else {
		if terminal(os.Stdin) {
			fmt.Fprint(os.Stderr, "The 24 words of the paper key, on one line: ")
		}
		if words, err = in.ReadString('\n'); err != nil && words == "" {
			return errors.New("the words of the paper key are needed, on standard input or with --paper FILE")
		}
	}
	if o.Paper, err = copies.ParsePaper(words); err != nil {
		return err
	}
	if c.PGData != "" {
		return c.postgres(e, o, in)
	}
	if !e.json {
		o.Agree = func(f app.RestoreFound) bool {
			printFound(os.Stderr, f)
			if c.Yes {
				return true
			}
			if !terminal(os.Stdin) {
				fmt.Fprintln(os.Stderr, "Give --yes to restore this without being asked.")
				return false
			}
			fmt.Fprintf(os.Stderr, "\nRestore this into %s? (yes/no) ", o.To)
			a, _ := in.ReadString('\n')
			return strings.TrimSpace(a) == "yes"
		}
	}
	if terminal(os.Stderr) {
		o.Progress = func(what string, done, of int64) {
			if of > 0 {
				fmt.Fprintf(os.Stderr, "\r%-10s %3d %%", what, 100*done/of)
			}
		}
	}
	rep, err := app.Restore(e.ctx, o)
	if err != nil {
		return err
	}
	if e.json {
		return e.printed(rep)
	}
	fmt.Printf("\nRestored %s into %s in %.1f s: the shop as it was at %s (epoch %d, transaction %d), with %d files.\n", rep.Found.Shop, o.To, rep.Took, when(rep.Point.At), rep.Point.Epoch, rep.Point.TX, rep.Files)
	if rep.Erased > 0 {
		fmt.Printf("%d persons who were erased since then stay erased.\n", rep.Erased)
	}
	for _, x := range rep.Warnings {
		fmt.Fprintln(os.Stderr, "Beware:", x)
	}
	for _, d := range rep.Damages {
		fmt.Println("Damaged, and done without:", d)
	}
	fmt.Printf("Start it with: kassavalv serve --data %s\nIt shows everything and sells nothing, until you have looked at it and open it: kassavalv restore --open --data %s\n", o.To, o.To)
	return nil
}

func (c restoreCmd) reopen(e env) error {
	dir := c.To
	if dir == "" {
		dir = e.dir(usualData)
	}
	rep, err := app.Reopen(e.ctx, dir, c.Alone, e.log)
	if err != nil {
		return err
	}
	if e.json {
		return e.printed(rep)
	}
	fmt.Printf("The shop is open for selling, in epoch %d; %d of %d sites have it.\n", rep.Epoch, rep.Sites, rep.Of)
	for n, s := range rep.Silent {
		fmt.Printf("Site %s does not answer: %s\n", n, s)
	}
	fmt.Println("What the banks have moved in the meantime is being asked for: see The way back in the office.")
	return nil
}

func printFound(w io.Writer, f app.RestoreFound) {
	fmt.Fprintf(w, "Found %s, epochs %v, %d files.\n\n", f.Shop, f.Epochs, f.Files)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SITE\tLEADS TO\tTRANSACTION\tTO FETCH\tOLDER THAN THE NEWEST BY")
	for _, s := range f.Sites {
		if s.Point.TX == 0 {
			fmt.Fprintf(t, "%s\tnothing\n", s.Name)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\n", s.Name, when(s.Point.At), s.Point.TX, size(s.Point.Bytes), span(f.Chosen.At.Sub(s.Point.At).Seconds()))
	}
	fmt.Fprintf(t, "all together\t%s\t%d\t%s\t\n", when(f.Chosen.At), f.Chosen.TX, size(f.Chosen.Bytes))
	t.Flush()
	for _, x := range f.Trouble {
		fmt.Fprintln(w, "\nCould not be looked at:", x)
	}
	fmt.Fprintf(w, "\nWhat happened after %s is not in the copies: the shop asks the banks for payments since then.\n", when(f.Chosen.At))
}

func parseMoment(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, f := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(f, s, lang.Zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("--at %q is no time; write it as 2026-11-30 14:05", s)
}
