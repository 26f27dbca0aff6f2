package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"kassavalv/internal/app"
	"kassavalv/internal/audit"
)

type auditCmd struct {
	Verify     auditVerifyCmd     `cmd:"" help:"Find a changed, dropped, reordered or inserted row, a cut end, a rewritten checkpoint."`
	Checkpoint auditCheckpointCmd `cmd:"" help:"Print the newest signed checkpoint, to be kept on another machine."`
}

type auditVerifyCmd struct {
	Checkpoint string `help:"Compare with a checkpoint that was kept elsewhere." placeholder:"FILE"`
}

// Help is the example under --help.
func (auditVerifyCmd) Help() string {
	return "Example: kassavalv audit verify --data /var/lib/kassavalv --checkpoint last-month.checkpoint"
}

func (c auditVerifyCmd) Run(e env) error {
	o := app.VerifyOptions{}
	if c.Checkpoint != "" {
		f, err := os.Open(c.Checkpoint)
		if err != nil {
			return err
		}
		defer f.Close()
		b, err := io.ReadAll(io.LimitReader(f, 64<<10))
		if err != nil {
			return err
		}
		if o.Checkpoint = string(b); o.Checkpoint == "" {
			return fmt.Errorf("%s is empty", c.Checkpoint)
		}
	}
	if terminal(os.Stderr) {
		start, shown := time.Now(), false
		o.Progress = func(done, of int64) {
			if shown = shown || time.Since(start) > time.Second; shown {
				fmt.Fprintf(os.Stderr, "\r%d of %d", done, of)
				if done >= of {
					fmt.Fprintln(os.Stderr)
				}
			}
		}
	}
	r, err := app.VerifyAudit(e.ctx, e.dir("./kassavalv-data"), e.log, o)
	if errors.Is(err, audit.ErrForeign) {
		return fmt.Errorf("%s: %w; take the checkpoint of this shop, or ask who wrote the file", c.Checkpoint, err)
	}
	if err != nil {
		return err
	}
	if e.json {
		if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
			return err
		}
	} else {
		printAudit(os.Stdout, r)
	}
	if r.Found > 0 {
		return errFound
	}
	return nil
}

// audited says in words what a fault is.
var audited = map[string]string{
	"changed": "the row is not as it was written", "missing": "the row is gone", "inserted": "the row was not written by the program", "backdated": "the row says it is older than what was sealed before it (or the clock was set back)",
	"unsealed": "the row was passed by", "leaf": "its leaf is not what was signed", "moved": "it has changed place with another", "gap": "there is nothing at this place", "tile": "the stored hashes are not those of the tree",
	"signature": "the checkpoint is not signed with the shop's key", "rewritten": "from this place on, the log is not what was signed", "cut": "the log ends here, and was longer", "unsigned": "from this place on, nothing was signed",
}

func printAudit(w io.Writer, r audit.Report) {
	for _, f := range r.Faults {
		where := fmt.Sprintf("place %d", f.Place)
		if f.Place < 0 {
			where = "without a place"
		}
		row := ""
		if f.Row != 0 {
			row = " " + f.Row.String()
		}
		what := audited[f.What]
		if f.Kind == "chain" {
			what = "in the chain from before the log: " + f.What
		}
		fmt.Fprintf(w, "%s, %s%s: %s: %s\n", where, f.Kind, row, f.What, what)
	}
	if n := r.Found - int64(len(r.Faults)); n > 0 {
		fmt.Fprintf(w, "… and %d more.\n", n)
	}
	fmt.Fprintf(w, "%s: %d acts and %d readings in the log (%d of them expired), %d waiting, %d checkpoints.\n", r.Origin, r.Acts, r.Readings, r.Expired, r.Waiting, r.Points)
	fmt.Fprintf(w, "The tree of %d leaves has the root %s\n", r.Size, r.Root)
	if r.Found == 0 {
		fmt.Fprintln(w, "The audit log is whole.")
	} else {
		fmt.Fprintf(w, "%d found.\n", r.Found)
	}
}

type auditCheckpointCmd struct{}

// Help is the example under --help.
func (auditCheckpointCmd) Help() string {
	return "Example: kassavalv audit checkpoint --data /var/lib/kassavalv | ssh other 'cat > shop.checkpoint'"
}

func (auditCheckpointCmd) Run(e env) error {
	text, key, err := app.AuditCheckpoint(e.ctx, e.dir("./kassavalv-data"), e.log)
	if err != nil {
		return err
	}
	if text == "" {
		return errors.New("nothing has been signed yet")
	}
	if e.json {
		return json.NewEncoder(os.Stdout).Encode(map[string]string{"checkpoint": text, "key": key})
	}
	_, err = io.WriteString(os.Stdout, text)
	return err
}
