package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"kassavalv/internal/app"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

type keysCmd struct {
	Status  keysStatusCmd  `cmd:"" help:"Where the keys are, whether the keeper answers, how far a turn is."`
	List    keysListCmd    `cmd:"" help:"Names of the keys, what for, and until when."`
	Turn    keysTurnCmd    `cmd:"" help:"Do now what the calendar asks: re-wrap, make and destroy keys. The shop goes on meanwhile."`
	Export  keysExportCmd  `cmd:"" help:"Give every key out: to a terminal, or to a new file."`
	Import  keysImportCmd  `cmd:"" help:"Put exported keys into the keeper, or move plain files into a key service."`
	New     keysNewCmd     `cmd:"" help:"Draw keys for a keeper that is filled from outside (keys.keeper = env)."`
	Destroy keysDestroyCmd `cmd:"" name:"destroy-epochs" help:"Destroy the epoch keys whose 35 days are out."`
}

const usualData = "./kassavalv-data"

func (e env) printed(rep any) error {
	enc := json.NewEncoder(os.Stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(rep)
}

func when(t time.Time) string { return t.In(lang.Zone).Format("2006-01-02 15:04") }

type keysStatusCmd struct{}

// Help is the example under --help.
func (keysStatusCmd) Help() string {
	return "Example: kassavalv keys status --data /var/lib/kassavalv\n\nExit status: 0 all is well, 1 failed, 3 the keeper does not answer, or a sealed value did not open."
}

func (keysStatusCmd) Run(e env) error {
	r, err := app.Keys(e.ctx, e.dir(usualData), "status", app.KeysOptions{Log: e.log})
	if err != nil {
		return err
	}
	if e.json {
		err = e.printed(r)
	} else {
		printKeys(os.Stdout, r)
	}
	if err == nil && (r.Away || r.Unreadable > 0) {
		return errFound
	}
	return err
}

func printKeys(w io.Writer, r app.KeysReport) {
	fmt.Fprintf(w, "Keeper: %s, %s\n", r.Keeper, r.Where)
	if r.Away {
		fmt.Fprintf(w, "IT DOES NOT ANSWER since %s: %s\nThe shop goes on from memory until %s, and afterwards seals and opens nothing.\n", when(r.Since), r.Says, when(r.Until))
	} else {
		fmt.Fprintln(w, "It answers.")
	}
	if r.Unreadable > 0 {
		fmt.Fprintf(w, "%d openings of sealed values failed since the start; the log names field and row.\n", r.Unreadable)
	}
	for _, x := range r.Epochs {
		if x.Current {
			fmt.Fprintf(w, "Current epoch: %s, made %s; the next is made %s.\n", x.Name, when(x.Made), when(x.Turns))
		}
	}
	p := r.Progress
	fmt.Fprintf(w, "Persons: %d living, %d erased. Wrapped by the current epoch: %d of %d.\n", p.Living, p.Erased, p.Living-p.Left, p.Living)
	if p.Running {
		fmt.Fprintf(w, "Re-wrapping goes on since %s: %d of %d.\n", when(p.Began), p.Done, p.Of)
	}
}

type keysListCmd struct{}

// Help is the example under --help.
func (keysListCmd) Help() string {
	return "Example: kassavalv keys list --data /var/lib/kassavalv --json"
}

func (keysListCmd) Run(e env) error {
	r, err := app.Keys(e.ctx, e.dir(usualData), "status", app.KeysOptions{Log: e.log})
	if err != nil {
		return err
	}
	if e.json {
		return e.printed(map[string]any{"roots": r.Roots, "epochs": r.Epochs, "years": r.Years})
	}
	tw := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	what := map[string]string{"link": "signs links without sign-in", "index": "blind indexes", "cookie": "cookies", "shop": "secrets of the shop itself"}
	for _, n := range r.Roots {
		fmt.Fprintf(tw, "%s\t%s\t\tkept\n", n, what[n])
	}
	for _, x := range r.Epochs {
		fmt.Fprintf(tw, "%s\twraps the keys of persons\tmade %s\tdestroyed %s\n", x.Name, when(x.Made), when(x.Ends))
	}
	for _, x := range r.Years {
		fmt.Fprintf(tw, "%s\tbooks of %d\tmade %s\tdestroyed %s\n", x.Name, x.Year, when(x.Made), when(x.Ends))
	}
	return tw.Flush()
}

type keysTurnCmd struct {
	NewEpoch bool `help:"Make a new epoch key whatever the calendar says: where one may have been seen."`
}

// Help is the example under --help.
func (keysTurnCmd) Help() string {
	return "Example: kassavalv keys turn --new-epoch --data /var/lib/kassavalv\n\nStopped or killed anywhere, it goes on where it was when it is run again, or when the shop's own hour comes."
}

func (c keysTurnCmd) Run(e env) error {
	o := app.KeysOptions{NewEpoch: c.NewEpoch, Log: e.log}
	if !e.json {
		o.Progress = progress("Wrapping keys anew")
	}
	r, err := app.Keys(e.ctx, e.dir(usualData), "turn", o)
	if err != nil {
		return err
	}
	if e.json {
		return e.printed(r)
	}
	fmt.Printf("%d keys of persons were wrapped anew.\n", r.Wrapped)
	for _, n := range r.Destroyed {
		fmt.Println("Destroyed:", n)
	}
	printKeys(os.Stdout, r)
	return nil
}

type keysDestroyCmd struct {
	DryRun bool `help:"Say what would be destroyed (default)." default:"true" negatable:""`
}

// Help is the example under --help.
func (keysDestroyCmd) Help() string {
	return "Examples:\n  kassavalv keys destroy-epochs                 what would go\n  kassavalv keys destroy-epochs --no-dry-run    destroys it\n\nThe shop does this by itself each hour. What is destroyed cannot be had again: that is what it is for."
}

func (c keysDestroyCmd) Run(e env) error {
	r, err := app.Keys(e.ctx, e.dir(usualData), "destroy-epochs", app.KeysOptions{DryRun: c.DryRun, Log: e.log})
	if err != nil {
		return err
	}
	if e.json {
		return e.printed(map[string]any{"dry_run": r.DryRun, "destroyed": append([]string{}, r.Destroyed...)})
	}
	if len(r.Destroyed) == 0 {
		fmt.Println("No epoch key is due.")
	}
	for _, n := range r.Destroyed {
		if r.DryRun {
			fmt.Println("Would be destroyed:", n)
		} else {
			fmt.Println("Destroyed:", n)
		}
	}
	return nil
}

type keysExportCmd struct {
	Out string `help:"A file that is not there yet; it is made with mode 0600." placeholder:"FILE"`
}

// Help is the example under --help.
func (keysExportCmd) Help() string {
	return "Example: kassavalv keys export --out /media/usb/keys.txt --data /var/lib/kassavalv\n\nWho has these lines and the database can read everything. They go to a terminal or to a new file only, never into a pipe or an existing file, and the audit log says that they were given out."
}

func (c keysExportCmd) Run(e env) error {
	return giveOut(c.Out, func() (secret.Secret, error) { return app.ExportKeys(e.ctx, e.dir(usualData), e.log) })
}

// giveOut writes keys to a terminal, or to a file that was not there.
func giveOut(out string, keys func() (secret.Secret, error)) error {
	w := os.Stdout
	if out == "" {
		if !terminal(os.Stdout) {
			return errors.New("keys are printed to a terminal only; to keep them, name a new file: --out FILE")
		}
	} else {
		f, err := os.OpenFile(out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		w = f
	}
	text, err := keys()
	if err == nil {
		_, err = io.WriteString(w, text.Reveal())
	}
	if err == nil && out != "" {
		err = w.Sync()
	}
	if err != nil && out != "" {
		os.Remove(out)
	}
	return err
}

type keysImportCmd struct {
	File string `arg:"" optional:"" help:"A file that keys export wrote; without it, the plain files of the keys' folder move into the key service." placeholder:"FILE"`
}

// Help is the example under --help.
func (keysImportCmd) Help() string {
	return "Examples:\n  kassavalv keys import keys.txt      after a restore on a new machine\n  kassavalv keys import               from plain files into Vault or a KMS, once keys.keeper names it\n\nThe shop must be stopped. Keys that are there stay; another key of the same name is refused."
}

func (c keysImportCmd) Run(e env) error {
	var text io.Reader
	if c.File != "" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close()
		text = f
	}
	names, err := app.ImportKeys(e.ctx, e.dir(usualData), text)
	if err != nil {
		return err
	}
	if e.json {
		return e.printed(map[string]any{"keys": names})
	}
	fmt.Printf("The keeper has %d keys.\n", len(names))
	return nil
}

type keysNewCmd struct {
	Name string `arg:"" optional:"" help:"One key, such as epoch-000002 or books-2028; without it, a full set for a new shop." placeholder:"NAME"`
	Out  string `help:"A file that is not there yet; it is made with mode 0600." placeholder:"FILE"`
}

// Help is the example under --help.
func (keysNewCmd) Help() string {
	return "Examples:\n  kassavalv keys new --out keys.txt\n  kassavalv keys new epoch-000002 --out next.txt\n\nThe lines go into KASSAVALV_KEYS_LINES or the file that keys.lines_file names. Nothing keeps them but what you keep."
}

func (c keysNewCmd) Run(e env) error {
	return giveOut(c.Out, func() (secret.Secret, error) {
		if c.Name != "" {
			return secret.NewLine(c.Name, time.Now())
		}
		return secret.NewSet(time.Now(), time.Now().In(lang.Zone).Year())
	})
}
