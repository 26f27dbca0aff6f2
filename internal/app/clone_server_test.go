package app

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/secret"
)

// A database that could be meant for something else is not written to.
func TestCloneRefusesADatabase(t *testing.T) {
	dir, w := full(t, true)
	cfg, err := LoadConfig(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	own := cfg.Database.URL.Reveal()
	t.Setenv("DATABASE_URL", own)
	taken := dbtest.PostgresDatabase(t)
	dbtest.OpenOptions(t, db.Options{URL: taken}, Migrations[:1]).Close()
	before := cellCount(t, w.DB)
	for at, says := range map[string]string{
		own: "the shop's own database",
		strings.Replace(own, "127.0.0.1", "localhost", 1) + "&search_path=staging": "the shop's own database",
		taken:                                "is not empty",
		strings.Replace(taken, "?", "x?", 1): "there is no database",
		"staging":                            "must name an empty PostgreSQL database",
		"postgres://postgres@127.0.0.1":      "must name an empty PostgreSQL database",
		"mysql://host/staging":               "must name an empty PostgreSQL database",
	} {
		to := filepath.Join(t.TempDir(), "staging")
		_, err := Clone(t.Context(), dir, CloneOptions{To: to, Database: secret.Hide(at)}, quiet)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", at, err)
		}
		if _, err := os.Stat(to); err == nil {
			t.Errorf("%s: a folder was made", at)
		}
	}
	if n := cellCount(t, w.DB); n != before {
		t.Errorf("the shop's database had %d columns, and has %d", before, n)
	}
}

func cellCount(t *testing.T, d *db.DB) int { return len(columnsOf(t, d)) }

// cloneKilledEnv has this test program make a clone that is killed while it is filled: folder and database.
const cloneKilledEnv = "KASSAVALV_TEST_CLONE_KILLED"

// A clone that is killed while its database is filled, and one that goes wrong there, leave a database that no shop opens; whoever tries
// again is told what to do.
func TestCloneThatIsBrokenOff(t *testing.T) {
	if s := os.Getenv(cloneKilledEnv); s != "" {
		args := strings.Split(s, " ")
		Clone(context.Background(), args[0], CloneOptions{To: args[1], Database: secret.Hide(args[2]), spoil: func(table, column string) bool {
			if table == "order_order" {
				os.Stdout.WriteString("it is being filled\n")
				select {}
			}
			return false
		}}, quiet)
		return
	}
	dir, _ := full(t, true)
	cfg, err := LoadConfig(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	unusable := func(at, to string) {
		t.Helper()
		if _, err := os.Stat(to); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a folder that looks like a clone: %v", err)
		}
		c := cfg
		c.Database.URL = secret.Hide(at)
		for what, try := range map[string]func() (*App, error){
			"as a shop":     func() (*App, error) { return open(t.Context(), dir, c, quiet, openOptions{}) },
			"as a new shop": func() (*App, error) { return open(t.Context(), t.TempDir(), c, quiet, openOptions{create: true}) },
			"as a clone yet": func() (*App, error) {
				return open(t.Context(), t.TempDir(), Config{}, quiet, openOptions{create: true, sandbox: true, database: c.Database.URL})
			},
		} {
			a, err := try()
			if err == nil {
				a.Close(context.Background())
			}
			if !errors.Is(err, db.ErrUnfilled) {
				t.Errorf("%s: %v", what, err)
			}
		}
		_, err := Clone(t.Context(), dir, CloneOptions{To: to, Database: secret.Hide(at)}, quiet)
		if err == nil || !strings.Contains(err.Error(), "is not finished") || !strings.Contains(err.Error(), "drop and create it anew") {
			t.Errorf("once more: %v", err)
		}
		if has(dumped(t, at)) {
			t.Error("the person is in what was broken off")
		}
	}
	t.Run("killed", func(t *testing.T) {
		at, to := dbtest.PostgresDatabase(t), filepath.Join(t.TempDir(), "staging")
		c := exec.Command(os.Args[0], "-test.run=^TestCloneThatIsBrokenOff$")
		c.Env = append(os.Environ(), cloneKilledEnv+"="+strings.Join([]string{dir, to, at}, " "))
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		c.Process.Kill()
		c.Wait()
		if !strings.Contains(line, "being filled") {
			t.Fatalf("%q %v", line, err)
		}
		work := func() []string {
			left, _ := filepath.Glob(filepath.Join(filepath.Dir(to), cloneWork+"*"))
			return left
		}
		if len(work()) != 1 {
			t.Errorf("killed in the middle of its work, it left %q", work())
		}
		unusable(at, to) // and the next one beside it clears away
		if len(work()) > 0 {
			t.Errorf("the shop's rows are left in %q", work())
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		at, to := dbtest.PostgresDatabase(t), filepath.Join(t.TempDir(), "staging")
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Clone(ctx, dir, CloneOptions{To: to, Database: secret.Hide(at), spoil: func(table, column string) bool {
			if table == "order_order" {
				cancel()
			}
			return false
		}}, quiet)
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "marked as not finished") {
			t.Errorf("%v", err)
		}
		unusable(at, to)
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(to), cloneWork+"*")); len(left) > 0 {
			t.Errorf("the shop's rows are left in %v", left)
		}
	})
}
