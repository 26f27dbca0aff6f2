package keys

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/app"
	"kassavalv/internal/apptest"
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
)

var fieldTest = secret.Register("test.keys", "testing")

// sealed is a person made beside the running shop's own.
type sealed struct {
	person db.ID
	value  []byte
}

// beside opens the stopped shop's database and keys.
func beside(t *testing.T, s *apptest.Shop, fn func(d *db.DB, v *secret.Vault)) {
	t.Helper()
	ctx := context.Background()
	o := db.Options{Path: filepath.Join(s.Dir(), app.DatabaseFile), URL: s.Database(), Existing: true}
	if o.URL != "" {
		o.Path = ""
	}
	d, err := db.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	k, err := secret.OpenFiles(filepath.Join(s.Dir(), app.KeyFolder))
	if err != nil {
		t.Fatal(err)
	}
	v, err := secret.Open(ctx, d, k)
	if err != nil {
		t.Fatal(err)
	}
	fn(d, v)
}

func progressOf(t *testing.T, d *db.DB, v *secret.Vault) secret.Progress {
	t.Helper()
	p, err := db.Read(context.Background(), d, func(q *db.Reader) (secret.Progress, error) { return v.Progress(q) })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The program is killed (SIGKILL) in the middle of re-wrapping; run again, it goes on where it was, and every
// sealed value opens all the while. On both engines.
func TestTurnSurvivesAKill(t *testing.T) {
	const persons = 1500 // more than seven transactions
	apptest.Each(t, apptest.Options{Proof: true}, func(t *testing.T, s *apptest.Shop) {
		if code := s.Stop(); code != 0 {
			t.Fatal(code)
		}
		var all []sealed
		beside(t, s, func(d *db.DB, v *secret.Vault) {
			for len(all) < persons {
				some, _, err := db.Write(context.Background(), d, func(tx *db.Tx) (out []sealed, err error) {
					for range 250 {
						p, err := v.NewPerson(tx)
						if err != nil {
							return nil, err
						}
						b, err := v.Seal(tx, p.ID, fieldTest, p.ID, []byte("Åsa "+p.ID.String()))
						if err != nil {
							return nil, err
						}
						out = append(out, sealed{p.ID, b})
					}
					return out, nil
				})
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, some...)
			}
		})
		allOpen := func(d *db.DB, v *secret.Vault) {
			t.Helper()
			_, err := db.Read(context.Background(), d, func(q *db.Reader) (int, error) {
				for _, x := range all {
					b, err := v.Open(q, x.person, fieldTest, x.person, x.value)
					if err != nil || string(b) != "Åsa "+x.person.String() {
						t.Errorf("person %s: %q %v", x.person, b, err)
						return 0, nil
					}
				}
				return 0, nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		const step = "secret.rewrapped"
		env := []string{"KASSAVALV_PROOF_KILL=" + step + ":3"}
		if u := s.Database(); u != "" {
			env = append(env, "DATABASE_URL="+u)
		}
		turn := func(env []string, status int, args ...string) string {
			t.Helper()
			var out, errs apptest.Log
			p, err := apptest.RunProof(t, &out, &errs, env, append([]string{"keys", "turn", "--json", "--data", s.Dir()}, args...)...)
			if err != nil {
				t.Fatal(err)
			}
			select {
			case <-p.Done:
			case <-time.After(limit):
				p.Kill()
				t.Fatal("keys turn does not end: ", out.String())
			}
			if p.Status() != status {
				t.Fatalf("keys turn ended with %d, not %d: %s", p.Status(), status, out.String())
			}
			return out.String()
		}
		turn(env, -1, "--new-epoch")
		var left int64
		beside(t, s, func(d *db.DB, v *secret.Vault) {
			left = progressOf(t, d, v).Left
			if left <= 0 || left >= persons {
				t.Fatalf("killed in the middle, yet %d of %d are left", left, persons)
			}
			allOpen(d, v)
		})
		said := turn(env[1:], 0)
		var r app.KeysReport
		if err := json.Unmarshal([]byte(said[strings.Index(said, "{"):]), &r); err != nil {
			t.Fatal(err, said)
		}
		if int64(r.Wrapped) != left || r.Progress.Left != 0 || r.Progress.Living < persons {
			t.Errorf("it did not go on where it was (%d were left): %+v", left, r)
		}
		if n := len(r.Epochs); n != 2 || !r.Epochs[1].Current || r.Epochs[0].Current {
			t.Errorf("epochs %+v", r.Epochs)
		}
		beside(t, s, func(d *db.DB, v *secret.Vault) { allOpen(d, v) })
	})
}
