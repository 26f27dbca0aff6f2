package app

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/stock"
)

// A purchase is walked on a copy of a shop: what is there is bought, what is sold out is put
// there, a shop without goods is told as such, one that cannot sell is found out; and nobody
// who was in the shop can be read in the clone.
func TestPurchaseOnAClone(t *testing.T) {
	ctx := context.Background()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	shop := filepath.Join(t.TempDir(), "demo")
	t.Setenv("KASSAVALV_TEST_NO_COPIES", "yes")
	a, _, err := Demo(ctx, DemoOptions{Dir: shop, Addr: "127.0.0.1:0", Log: quiet, Out: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	person, _, err := db.Write(ctx, a.DB, func(tx *db.Tx) (db.ID, error) {
		p, err := a.Vault.NewPerson(tx)
		return p.ID, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(ctx); err != nil {
		t.Fatal(err)
	}
	clone := func(change func(d *db.DB)) string {
		t.Helper()
		dir := filepath.Join(t.TempDir(), "clone")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(shop, DatabaseFile))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, DatabaseFile), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		d, err := db.Open(ctx, db.Options{Path: filepath.Join(dir, DatabaseFile), Existing: true})
		if err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(d)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	raw := func(dir, stmt string) {
		t.Helper()
		d, err := sql.Open("sqlite", "file:"+filepath.Join(dir, DatabaseFile))
		if err == nil {
			_, err = d.Exec(stmt)
			d.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	whole := clone(nil)
	if notes, found := walkPurchase(ctx, whole, secret.Secret{}, 0); len(notes)+len(found) > 0 {
		t.Errorf("%v %v", notes, found)
	}
	w, err := open(ctx, whole, Config{}, quiet, openOptions{sandbox: true})
	if err != nil {
		t.Fatal(err)
	}
	type read struct{ living, orders int64 }
	got, err := db.Read(ctx, w.DB, func(q *db.Reader) (r read, err error) {
		if at, err := w.Vault.ErasedAt(q, person); err != nil || at.IsZero() {
			t.Errorf("somebody of the shop lives in its clone: %v %v", at, err)
		}
		if err := q.QueryRow(`SELECT count(*) FROM secret_person WHERE erased_at IS NULL`).Scan(&r.living); err != nil {
			return r, err
		}
		return r, q.QueryRow(`SELECT count(*) FROM order_order`).Scan(&r.orders)
	})
	if err != nil || got.living != 1 || got.orders != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := w.Close(ctx); err != nil {
		t.Error(err)
	}

	out := clone(func(d *db.DB) {
		err := db.Do(ctx, d, func(tx *db.Tx) error {
			for after := db.ID(0); ; {
				list, err := catalog.List(tx, after, 100)
				if err != nil {
					return err
				}
				for _, p := range list {
					after = p.ID
					for _, v := range p.Variants {
						if l, err := stock.One(tx, v.ID); err != nil || !l.Tracked {
							continue
						}
						if err := stock.Put(tx, auth.System("test"), v.ID, true, false); err != nil {
							return err
						}
						if _, err := stock.SetOnHand(tx, auth.System("test"), v.ID, 0); err != nil {
							return err
						}
					}
				}
				if len(list) < 100 {
					return nil
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	raw(out, `UPDATE catalog_product SET status='draft' WHERE id IN (SELECT v.product FROM catalog_variant v JOIN stock_level l ON l.variant_id=v.id WHERE l.tracked=0)`)
	if notes, found := walkPurchase(ctx, out, secret.Secret{}, 0); len(found) > 0 || len(notes) != 1 || !strings.Contains(notes[0], "nothing was in stock") {
		t.Errorf("sold out: %v %v", notes, found)
	}
	bare := clone(nil)
	raw(bare, `UPDATE catalog_product SET status='draft'`)
	if _, found := walkPurchase(ctx, bare, secret.Secret{}, 0); len(found) != 1 || !found[0].Unknown || !strings.Contains(found[0].What, "nothing to sell") {
		t.Errorf("without goods: %v", found)
	}
	// A shop in which a purchase goes wrong does not pass.
	torn := clone(nil)
	raw(torn, `CREATE TRIGGER no_order BEFORE INSERT ON order_order BEGIN SELECT RAISE(ABORT, 'no'); END`)
	defer func(d time.Duration) { walkTime = d }(walkTime)
	walkTime = 5 * time.Second
	if _, found := walkPurchase(ctx, torn, secret.Secret{}, 0); len(found) == 0 {
		t.Error("a shop in which no order can be made passes")
	}
}

// A handler that ends the connection, as it does when nobody listens any more, ends one
// request of the walk and not the process of the drill.
func TestWalkOutlivesAnEndedConnection(t *testing.T) {
	w := &walk{world: outside{Bank: "http://127.0.0.1:1"}, handle: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", walkOrigin+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := w.RoundTrip(r); err == nil || res != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", res, err)
	}
}
