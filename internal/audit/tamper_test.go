package audit

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"crypto/rand"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
)

// The tables of the log, which each tampering finds as they were.
var logTables = []string{"audit_entry", "audit_access", "audit_seal", "audit_log_tree", "audit_log_leaf", "audit_log_tile", "audit_log_checkpoint", "audit_log_cosignature"}

// forger is somebody with the database and without the key.
type forger struct {
	t      *testing.T
	d      *db.DB
	l      *Log
	places map[string][]int64 // of leaves, by kind
}

func (f *forger) do(text string, args ...any) {
	f.t.Helper()
	if err := db.Do(ctx, f.d, func(tx *db.Tx) error { _, err := tx.Exec(text, args...); return err }); err != nil {
		f.t.Fatal(text, err)
	}
}

func (f *forger) write(fn func(tx *db.Tx) error) {
	f.t.Helper()
	if err := db.Do(ctx, f.d, fn); err != nil {
		f.t.Fatal(err)
	}
}

// id is the row of the leaf at a place.
func (f *forger) id(place int64) db.ID {
	id, err := db.Read(ctx, f.d, func(q *db.Reader) (id db.ID, err error) {
		err = q.QueryRow(`SELECT id FROM audit_log_leaf WHERE place=$1`, place).Scan(&id)
		return
	})
	if err != nil {
		f.t.Fatal(place, err)
	}
	return id
}

// of is the place of the n-th leaf of a kind; negative from the end.
func (f *forger) of(kind string, n int) int64 {
	ps := f.places[kind]
	if n < 0 {
		n += len(ps)
	}
	return ps[n]
}

func (f *forger) size() int64 {
	r, err := f.l.Verify(ctx, VerifyOptions{})
	if err != nil {
		f.t.Fatal(err)
	}
	return r.Size
}

// reseal makes leaves and tiles anew from the rows as they are now, as who knows the
// program can. The checkpoints stay.
func (f *forger) reseal() {
	f.write(func(tx *db.Tx) error {
		leaves, err := db.All(tx, scanLeaf, `SELECT id, kind, at, digest, place FROM audit_log_leaf WHERE place IS NOT NULL ORDER BY place`)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM audit_log_tile`); err != nil {
			return err
		}
		var hashes []tlog.Hash
		for i, x := range leaves {
			if x.place != int64(i) {
				return fmt.Errorf("leaf %d has place %d", i, x.place)
			}
			if x.kind != leafChain {
				if x.digest, err = digestOf(tx, x); err != nil {
					return err
				}
				if _, err := tx.Exec(`UPDATE audit_log_leaf SET digest=$2 WHERE id=$1`, x.id, x.digest); err != nil {
					return err
				}
			}
			hashes = append(hashes, x.hash())
		}
		_, err = newTiles(tx).add(tx, 0, hashes)
		return err
	})
}

// sign replaces the newest checkpoint by one of the tree as it is now, signed with
// another key.
func (f *forger) sign(drop bool) {
	skey, _, err := note.GenerateKey(rand.Reader, f.l.origin)
	if err != nil {
		f.t.Fatal(err)
	}
	other, err := note.NewSigner(skey)
	if err != nil {
		f.t.Fatal(err)
	}
	f.write(func(tx *db.Tx) error {
		t := newTiles(tx)
		n, err := t.size()
		if err != nil {
			return err
		}
		tree, err := t.tree(n)
		if err != nil {
			return err
		}
		text, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n", f.l.origin, n, tree.Hash)}, other)
		if err != nil {
			return err
		}
		if drop {
			_, err = tx.Exec(`DELETE FROM audit_log_checkpoint`)
		} else {
			_, err = tx.Exec(`DELETE FROM audit_log_checkpoint WHERE size >= $1`, n)
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO audit_log_checkpoint (size, at, note) VALUES ($1,$2,$3)`, n, tx.Now(), string(text))
		return err
	})
}

// shift makes room for a leaf at place.
func (f *forger) shift(place int64) {
	f.do(`UPDATE audit_log_leaf SET place=place+100000 WHERE place >= $1`, place)
	f.do(`UPDATE audit_log_leaf SET place=place-99999 WHERE place >= 100000`)
}

// close closes the gap that a dropped leaf left.
func (f *forger) closeGap(place int64) {
	f.do(`UPDATE audit_log_leaf SET place=place+100000 WHERE place > $1`, place)
	f.do(`UPDATE audit_log_leaf SET place=place-100001 WHERE place >= 100000`)
}

func (f *forger) swap(a, b int64) {
	f.do(`UPDATE audit_log_leaf SET place=200000 WHERE place=$1`, a)
	f.do(`UPDATE audit_log_leaf SET place=$1 WHERE place=$2`, a, b)
	f.do(`UPDATE audit_log_leaf SET place=$1 WHERE place=200000`, b)
}

// tampering is one way to alter the log, and what Verify must say, one of it at least.
type tampering struct {
	do   func(f *forger)
	want string
	kept bool // only who kept a checkpoint elsewhere can see it
}

// tamperings makes them all.
func tamperings() map[string]tampering {
	all := map[string]tampering{}
	add := func(name, want string, do func(f *forger)) { all[name] = tampering{do: do, want: want} }
	column := func(table, col, value string) func(id db.ID) func(f *forger) {
		return func(id db.ID) func(f *forger) {
			return func(f *forger) { f.do(`UPDATE `+table+` SET `+col+`=`+value+` WHERE id=$1`, id) }
		}
	}
	// Each column of each kind of row, in the first tile, in a later one, at the end.
	acts := map[string]string{"id": "id+9000000007", "at": "at+1", "actor_kind": "'token'", "actor_id": "actor_id+1", "actor_name": "'x'", "peer": "'198.51.100.0/24'", "action": "'price.see'",
		"entity": "'product'", "entity_id": "entity_id+1", "old_value": "'price 7'", "new_value": "'price 7'", "outcome": "'refused'"}
	for _, c := range slices.Sorted(maps.Keys(acts)) {
		for _, n := range []int{0, 140, -1} {
			add(fmt.Sprintf("act %d %s", n, c), "act changed|act missing", func(f *forger) { column("audit_entry", c, acts[c])(f.id(f.of(leafAct, n)))(f) })
		}
	}
	readings := map[string]string{"id": "id+9000000007", "at": "at-1", "actor_kind": "'token'", "actor_id": "actor_id+1", "actor_name": "'owner'", "person_id": "person_id+1", "kinds": "'name'",
		"entity": "'case'", "entity_id": "entity_id+1", "reason": "'packing'", "salt": "NULL"}
	for _, c := range slices.Sorted(maps.Keys(readings)) {
		for _, n := range []int{3, -2} {
			add(fmt.Sprintf("reading %d %s", n, c), "reading changed|reading missing", func(f *forger) { column("audit_access", c, readings[c])(f.id(f.of(leafReading, n)))(f) })
		}
	}
	leaves := map[string]string{"id": "id+9000000007", "at": "at+1", "kind": "CASE kind WHEN 'act' THEN 'reading' ELSE 'act' END", "digest": "(SELECT digest FROM audit_log_leaf WHERE place=7)"}
	for _, c := range slices.Sorted(maps.Keys(leaves)) {
		for _, place := range []int64{20, 270} {
			add(fmt.Sprintf("leaf %d %s", place, c), "leaf|gap", func(f *forger) { column("audit_log_leaf", c, leaves[c])(f.id(place))(f) })
		}
	}
	// Dropped.
	for _, n := range []int{0, 140, -1} {
		add(fmt.Sprintf("act %d dropped", n), "act missing", func(f *forger) { f.do(`DELETE FROM audit_entry WHERE id=$1`, f.id(f.of(leafAct, n))) })
		add(fmt.Sprintf("reading %d dropped", n), "reading missing", func(f *forger) { f.do(`DELETE FROM audit_access WHERE id=$1`, f.id(f.of(leafReading, n))) })
		add(fmt.Sprintf("leaf of act %d dropped", n), "leaf gap|unsigned|cut", func(f *forger) { f.do(`DELETE FROM audit_log_leaf WHERE place=$1`, f.of(leafAct, n)) })
		add(fmt.Sprintf("act %d and leaf dropped", n), "leaf gap|unsigned|cut", func(f *forger) {
			id := f.id(f.of(leafAct, n))
			f.do(`DELETE FROM audit_entry WHERE id=$1`, id)
			f.do(`DELETE FROM audit_log_leaf WHERE id=$1`, id)
		})
	}
	add("reading and leaf dropped, the gap closed", "leaf|moved", func(f *forger) {
		p := f.of(leafReading, 10)
		id := f.id(p)
		f.do(`DELETE FROM audit_access WHERE id=$1`, id)
		f.do(`DELETE FROM audit_log_leaf WHERE id=$1`, id)
		f.closeGap(p)
	})
	add("reading and leaf dropped, all made anew", "rewritten", func(f *forger) {
		p := f.of(leafReading, 10)
		id := f.id(p)
		f.do(`DELETE FROM audit_access WHERE id=$1`, id)
		f.do(`DELETE FROM audit_log_leaf WHERE id=$1`, id)
		f.closeGap(p)
		f.reseal()
	})
	// Reordered.
	add("neighbours change place", "moved", func(f *forger) { f.swap(50, 51) })
	add("first and last change place", "moved", func(f *forger) { f.swap(0, f.size()-1) })
	add("acts of two tiles change place", "moved", func(f *forger) { f.swap(f.of(leafAct, 2), f.of(leafAct, -3)) })
	add("places changed and all made anew", "rewritten", func(f *forger) { f.swap(50, 51); f.reseal() })
	add("two acts change their contents", "act changed", func(f *forger) {
		a, b := f.id(f.of(leafAct, 5)), f.id(f.of(leafAct, 6))
		f.do(`UPDATE audit_entry SET id=1 WHERE id=$1`, a)
		f.do(`UPDATE audit_entry SET id=$1 WHERE id=$2`, a, b)
		f.do(`UPDATE audit_entry SET id=$1 WHERE id=1`, b)
	})
	add("two readings change their contents", "reading changed", func(f *forger) {
		a, b := f.id(f.of(leafReading, 5)), f.id(f.of(leafReading, 6))
		f.do(`UPDATE audit_access SET id=1 WHERE id=$1`, a)
		f.do(`UPDATE audit_access SET id=$1 WHERE id=$2`, a, b)
		f.do(`UPDATE audit_access SET id=$1 WHERE id=1`, b)
	})
	add("two tiles change place", "tile tile", func(f *forger) {
		f.do(`UPDATE audit_log_tile SET n=7 WHERE level=0 AND n=0`)
		f.do(`UPDATE audit_log_tile SET n=0 WHERE level=0 AND n=1`)
		f.do(`UPDATE audit_log_tile SET n=1 WHERE level=0 AND n=7`)
	})
	// Inserted.
	const act = `INSERT INTO audit_entry (id, at, actor_kind, actor_id, actor_name, peer, action, entity, entity_id, old_value, new_value, outcome) VALUES ($1,$2,'staff',1,'','','order.refund','order',9,'','','done')`
	const access = `INSERT INTO audit_access (id, at, actor_kind, actor_id, actor_name, person_id, kinds, entity, entity_id, reason) VALUES ($1,$2,'staff',1,'',9,'name','order',9,'packing')`
	for _, x := range []struct{ name, text string }{{"act", act}, {"reading", access}} {
		add("an inserted "+x.name, x.name+" inserted", func(f *forger) {
			f.write(func(tx *db.Tx) error { _, err := tx.Exec(x.text, tx.NewID(), tx.Now()); return err })
		})
		add("an old inserted "+x.name, x.name+" inserted", func(f *forger) { f.do(x.text, 3, time.Now().Add(-48*time.Hour)) })
	}
	slip := func(at time.Duration, place any) func(f *forger) {
		return func(f *forger) {
			f.write(func(tx *db.Tx) error {
				if err := meddle(tx, Entry{ID: tx.NewID(), At: tx.Now().Add(at)}); err != nil {
					return err
				}
				_, err := tx.Exec(`UPDATE audit_log_leaf SET place=$1 WHERE place IS NULL`, place)
				return err
			})
		}
	}
	add("an act slipped in before the sealer, of yesterday", "act backdated", func(f *forger) {
		slip(-24*time.Hour, nil)(f)
		seal(f.t, f.l)
	})
	add("an act of yesterday waits", "act unsealed", slip(-24*time.Hour, nil))
	add("an act put at the end", "checkpoint unsigned", func(f *forger) { slip(0, f.size())(f) })
	add("an act put in the middle", "leaf|moved", func(f *forger) { f.shift(100); slip(0, 100)(f) })
	add("an act put in the middle, all made anew", "rewritten", func(f *forger) { f.shift(100); slip(0, 100)(f); f.reseal() })
	add("an act put at the end, all made anew", "unsigned", func(f *forger) { slip(0, f.size())(f); f.reseal() })
	add("an act put at the end, made anew and signed with another key", "signature", func(f *forger) { slip(0, f.size())(f); f.reseal(); f.sign(false) })
	add("a leaf put twice", "leaf|unsigned", func(f *forger) {
		n := f.size()
		f.do(`INSERT INTO audit_log_leaf (id, kind, at, digest, place) SELECT id+5, kind, at, digest, $1 FROM audit_log_leaf WHERE place=7`, n)
	})
	// Cut.
	cut := func(rows, tiles, points bool) func(f *forger) {
		return func(f *forger) {
			n := f.size() - 20
			if rows {
				f.do(`DELETE FROM audit_entry WHERE id IN (SELECT id FROM audit_log_leaf WHERE place >= $1)`, n)
				f.do(`DELETE FROM audit_access WHERE id IN (SELECT id FROM audit_log_leaf WHERE place >= $1)`, n)
			}
			f.do(`DELETE FROM audit_log_leaf WHERE place >= $1`, n)
			if points {
				f.do(`DELETE FROM audit_log_checkpoint WHERE size > $1`, n)
			}
			if tiles {
				f.reseal()
			}
		}
	}
	add("the end cut off leaves", "checkpoint cut", cut(false, false, false))
	add("the end cut off rows and leaves", "checkpoint cut", cut(true, false, false))
	add("the end cut off rows, leaves and tiles", "checkpoint cut", cut(true, true, false))
	add("the end cut off leaves and checkpoints", "tile unsigned", cut(true, false, true))
	add("the end of the tiles cut off", "tile", func(f *forger) { f.do(`DELETE FROM audit_log_tile WHERE level=0 AND n=1`) })
	all["cut back to an earlier checkpoint"] = tampering{want: "checkpoint cut", kept: true, do: func(f *forger) {
		f.do(`DELETE FROM audit_log_checkpoint WHERE size > 200`)
		f.do(`DELETE FROM audit_entry WHERE id IN (SELECT id FROM audit_log_leaf WHERE place >= 200)`)
		f.do(`DELETE FROM audit_access WHERE id IN (SELECT id FROM audit_log_leaf WHERE place >= 200)`)
		f.do(`DELETE FROM audit_log_leaf WHERE place >= 200`)
		f.reseal()
	}}
	all["everything gone"] = tampering{want: "checkpoint cut", kept: true, do: func(f *forger) {
		for _, t := range logTables[:3] {
			f.do(`DELETE FROM ` + t)
		}
		for _, t := range logTables[4:] {
			f.do(`DELETE FROM ` + t)
		}
	}}
	// Hashes.
	for _, tile := range []string{"level=0 AND n=0", "level=0 AND n=1", "level=1 AND n=0"} {
		add("a tile of other hashes, "+tile, "tile tile", func(f *forger) {
			f.write(func(tx *db.Tx) error {
				var data []byte
				if err := tx.QueryRow(`SELECT data FROM audit_log_tile WHERE ` + tile).Scan(&data); err != nil {
					return err
				}
				data[len(data)-1] ^= 1
				_, err := tx.Exec(`UPDATE audit_log_tile SET data=$1 WHERE `+tile, data)
				return err
			})
		})
		add("a tile gone, "+tile, "tile", func(f *forger) { f.do(`DELETE FROM audit_log_tile WHERE ` + tile) })
	}
	add("a longer tile", "tile unsigned", func(f *forger) {
		f.write(func(tx *db.Tx) error {
			var data []byte
			if err := tx.QueryRow(`SELECT data FROM audit_log_tile WHERE level=0 AND n=1`).Scan(&data); err != nil {
				return err
			}
			_, err := tx.Exec(`UPDATE audit_log_tile SET data=$1 WHERE level=0 AND n=1`, append(data, data[:tlog.HashSize]...))
			return err
		})
	})
	// Sealed anew without the key.
	for name, change := range map[string]func(f *forger){
		"an act changed": func(f *forger) {
			f.do(`UPDATE audit_entry SET new_value='price 1' WHERE id=$1`, f.id(f.of(leafAct, 40)))
		},
		"a reading changed": func(f *forger) { f.do(`UPDATE audit_access SET person_id=4 WHERE id=$1`, f.id(f.of(leafReading, -4))) },
		"a reader changed":  func(f *forger) { f.do(`UPDATE audit_access SET actor_id=6 WHERE actor_id=5`) },
	} {
		add(name+", all made anew", "rewritten", func(f *forger) { change(f); f.reseal() })
		add(name+", made anew and signed with another key", "signature", func(f *forger) { change(f); f.reseal(); f.sign(false) })
		add(name+", made anew, no checkpoint but one with another key", "signature", func(f *forger) { change(f); f.reseal(); f.sign(true) })
		add(name+", made anew, no checkpoint at all", "unsigned", func(f *forger) { change(f); f.reseal(); f.do(`DELETE FROM audit_log_checkpoint`) })
	}
	// Checkpoints.
	text := func(name, want string, edit func(s string) string) {
		add(name, want, func(f *forger) {
			f.write(func(tx *db.Tx) error {
				var size int64
				var s string
				if err := tx.QueryRow(`SELECT size, note FROM audit_log_checkpoint ORDER BY size DESC LIMIT 1`).Scan(&size, &s); err != nil {
					return err
				}
				_, err := tx.Exec(`UPDATE audit_log_checkpoint SET note=$2 WHERE size=$1`, size, edit(s))
				return err
			})
		})
	}
	line := func(n int, to string) func(s string) string {
		return func(s string) string {
			ls := strings.Split(s, "\n")
			ls[n] = to
			return strings.Join(ls, "\n")
		}
	}
	text("a checkpoint of another root", "signature", line(2, "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="))
	text("a checkpoint of another size", "signature", line(1, "299"))
	text("a checkpoint of another log", "signature", line(0, "other.example/log"))
	text("a checkpoint without a signature", "signature", line(4, ""))
	text("a checkpoint that is empty", "signature", func(string) string { return "" })
	add("the newest checkpoint replaced by an earlier one", "signature", func(f *forger) {
		f.do(`UPDATE audit_log_checkpoint SET note=(SELECT note FROM audit_log_checkpoint WHERE size=(SELECT min(size) FROM audit_log_checkpoint)) WHERE size=(SELECT max(size) FROM audit_log_checkpoint)`)
	})
	add("the newest checkpoint gone", "unsigned", func(f *forger) {
		f.do(`DELETE FROM audit_log_checkpoint WHERE size=(SELECT max(size) FROM audit_log_checkpoint)`)
	})
	add("all checkpoints gone", "unsigned", func(f *forger) { f.do(`DELETE FROM audit_log_checkpoint`) })
	add("a checkpoint that was cosigned gone", "checkpoint cut", func(f *forger) { f.do(`DELETE FROM audit_log_checkpoint WHERE size=200`) })
	add("another name of the log", "signature", func(f *forger) { f.do(`UPDATE audit_log_tree SET origin='other.example/log'`) })
	// Gone, as if its time were out.
	add("a reading gone and an act that says it expired", "reading missing", func(f *forger) {
		record(f.t, f.d, Entry{ActorKind: "system", ActorName: actionExpire, Action: actionExpire, Entity: entityExpire, New: "before " + time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
		seal(f.t, f.l)
		f.do(`DELETE FROM audit_access WHERE id=$1`, f.id(f.of(leafReading, 8)))
	})
	add("a reading gone, its leaf made old", "leaf", func(f *forger) {
		record(f.t, f.d, Entry{ActorKind: "system", ActorName: actionExpire, Action: actionExpire, Entity: entityExpire, New: "before " + time.Now().Add(-MinKeepReadings-time.Hour).UTC().Format(time.RFC3339)})
		seal(f.t, f.l)
		id := f.id(f.of(leafReading, 8))
		f.do(`DELETE FROM audit_access WHERE id=$1`, id)
		f.do(`UPDATE audit_log_leaf SET at=0 WHERE id=$1`, id)
	})
	// The chain from before the log.
	add("a link of the chain", "chain changed", func(f *forger) {
		f.do(`UPDATE audit_seal SET hash=(SELECT hash FROM audit_seal WHERE place=1) WHERE place=4`)
	})
	add("a link of the chain gone", "chain gap", func(f *forger) { f.do(`DELETE FROM audit_seal WHERE place=4`) })
	add("the end of the chain gone", "chain cut", func(f *forger) { f.do(`DELETE FROM audit_seal WHERE place=10`) })
	add("the chain gone", "chain cut", func(f *forger) { f.do(`DELETE FROM audit_seal`) })
	add("the leaf of the chain", "leaf|chain cut", func(f *forger) {
		f.do(`UPDATE audit_log_leaf SET digest=(SELECT digest FROM audit_log_leaf WHERE place=7) WHERE kind='chain'`)
	})
	return all
}

// tampered makes a log of 310 rows: a chain of ten from before the log, acts and
// readings of all kinds of readers, four checkpoints, one of them cosigned.
func tampered(t *testing.T, d *db.DB) (*forger, string) {
	t.Helper()
	before(t, d, 10)
	l := openLog(t, d)
	seal(t, l)
	all := func(from, to int) {
		if err := db.Do(ctx, d, func(tx *db.Tx) error {
			for i := from; i < to; i++ {
				var err error
				a := reading(i)
				switch {
				case i%2 == 0:
					err = Record(tx, entry(i))
				case i%7 == 0:
					_, err = RecordHandover(tx, a.Person, "klarna", a.Kinds, "purchase", a.EntityID)
				case i%11 == 0:
					a.ActorKind, a.ActorName = "token", ""
					_, err = RecordAccess(tx, a)
				case i%13 == 0:
					a.ActorKind, a.ActorID, a.ActorName = ActorSystem, 0, "privacy.export"
					_, err = RecordAccess(tx, a)
				default:
					_, err = RecordAccess(tx, a)
				}
				if err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for seal(t, l) > 0 {
		}
	}
	all(0, 100)
	all(100, 189)
	cosign(t, l)
	all(189, 290)
	all(290, 299)
	f := &forger{t: t, d: d, l: l, places: map[string][]int64{}}
	leaves, err := db.Read(ctx, d, func(q *db.Reader) ([]leaf, error) {
		return db.All(q, scanLeaf, `SELECT id, kind, at, digest, place FROM audit_log_leaf ORDER BY place`)
	})
	if err != nil || len(leaves) != 310 {
		t.Fatal(len(leaves), err)
	}
	for _, x := range leaves {
		f.places[x.kind] = append(f.places[x.kind], x.place)
	}
	point, err := db.Read(ctx, d, func(q *db.Reader) (string, error) { return l.Checkpoint(q) })
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range logTables {
		f.do(`CREATE TABLE kept_` + table + ` AS SELECT * FROM ` + table)
	}
	return f, point
}

func (f *forger) restore() {
	for _, table := range logTables {
		f.do(`DELETE FROM ` + table)
		f.do(`INSERT INTO ` + table + ` SELECT * FROM kept_` + table)
	}
}

// before writes acts with the chain of the program as it was before the log, and goes over.
func before(t *testing.T, d *db.DB, n int) {
	t.Helper()
	if err := db.Do(ctx, d, func(tx *db.Tx) error {
		var prev []byte
		for i := range n {
			e := entry(5000 + i)
			e.ID, e.At, e.Outcome = tx.NewID(), tx.Now(), Done
			if _, err := tx.Exec(`INSERT INTO audit_entry (id, at, actor_kind, actor_id, actor_name, peer, action, entity, entity_id, old_value, new_value, outcome) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)`,
				e.ID, e.At, e.ActorKind, e.ActorID, e.ActorName, e.Peer, e.Action, e.Entity, e.EntityID, e.Old, e.New, string(e.Outcome)); err != nil {
				return err
			}
			prev = chain(int64(i+1), prev, e)
			if _, err := tx.Exec(`INSERT INTO audit_seal (place, entry_id, hash, sealed_at) VALUES ($1,$2,$3,$4)`, i+1, e.ID, prev, tx.Now()); err != nil {
				return err
			}
		}
		// As the migration does.
		for _, s := range []string{`INSERT INTO audit_log_leaf (id, kind, at, digest) SELECT place, 'chain', sealed_at, hash FROM audit_seal WHERE place = (SELECT max(place) FROM audit_seal)`,
			`INSERT INTO audit_log_leaf (id, kind, at) SELECT id, 'act', at FROM audit_entry`, `INSERT INTO audit_log_leaf (id, kind, at) SELECT id, 'reading', at FROM audit_access`} {
			if _, err := tx.Exec(s); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// Every planted change is found, each by itself, and the log without one is whole.
func TestPlantedChangesAreFound(t *testing.T) {
	all := tamperings()
	if len(all) < 100 {
		t.Fatalf("only %d ways of tampering", len(all))
	}
	dbtest.Each(t, ms, func(t *testing.T, d *db.DB) {
		f, point := tampered(t, d)
		if _, what := verify(t, f.l, point); what != "" {
			t.Fatal("control:", what)
		}
		found := 0
		for _, name := range slices.Sorted(maps.Keys(all)) {
			x := all[name]
			x.do(f)
			// Who verifies comes from outside: he knows the key, and a checkpoint only where it says so.
			l := openLog(t, d)
			var kept []string
			if x.kept {
				kept = []string{point}
				if r, _ := verify(t, l); r.Found > 0 {
					t.Errorf("%s: found without a checkpoint too: %v", name, r.Faults)
				}
			}
			r, what := verify(t, l, kept...)
			if r.Found == 0 {
				t.Errorf("%s: not found", name)
			} else if !slices.ContainsFunc(strings.Split(x.want, "|"), func(w string) bool { return strings.Contains(what, w) }) {
				t.Errorf("%s: %s, want %s", name, what, x.want)
			} else {
				found++
			}
			f.restore()
			f.l = openLog(t, d)
		}
		if _, what := verify(t, f.l, point); what != "" {
			t.Error("control at the end:", what)
		}
		t.Logf("%s: %d of %d planted changes found", d.Engine(), found, len(all))
		fmt.Printf("audit: %d of %d planted changes in the log found on %s; none without one\n", found, len(all), d.Engine())
	})
}
