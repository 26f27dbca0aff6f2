package db_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"kassavalv/internal/db"
)

// Two commits as one hold what a file would after both.
func TestJoinIsWhatAFileWouldHold(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 11))
	mark := int64(0)
	one := func() db.Commit {
		mark++
		c := db.Commit{Pos: db.Pos(mark), Count: 1 + random.IntN(3), Size: uint32(random.IntN(12)), Mark: db.Mark{Salt: 1, Offset: mark}}
		for no := uint32(1); no <= c.Size; no++ {
			if random.IntN(3) == 0 {
				c.Pages = append(c.Pages, db.Page{No: no, Data: fmt.Append(nil, no, mark)})
			}
		}
		return c
	}
	for range 5000 {
		a, b := one(), one()
		twin := map[uint32]string{}
		for _, p := range slices.Concat(a.Pages, b.Pages) {
			twin[p.No] = string(p.Data)
		}
		for no := range twin {
			if no > b.Size {
				delete(twin, no)
			}
		}
		j := db.Join(a, b)
		if j.Count != a.Count+b.Count || j.Size != b.Size || j.Mark != b.Mark || j.Pos != b.Pos || len(j.Pages) != len(twin) {
			t.Fatalf("%+v and %+v become %+v, to be %v", a, b, j, twin)
		}
		for i, p := range j.Pages {
			if string(p.Data) != twin[p.No] || i > 0 && j.Pages[i-1].No >= p.No {
				t.Fatalf("%+v and %+v become %+v, to be %v", a, b, j, twin)
			}
		}
	}
}
