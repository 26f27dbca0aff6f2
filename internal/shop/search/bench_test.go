package search

import (
	"runtime"
	"sync"
	"testing"
)

// size of the shop of the bench.
const size = 100_000

var bench = sync.OnceValue(func() *engine {
	e := newEngine()
	e.put(shop(size), nil)
	return e
})

// The memory is that of the documents and the index of them.
func BenchmarkBuild(b *testing.B) {
	var before, after runtime.MemStats
	for b.Loop() {
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&before)
		ds := shop(size)
		b.StartTimer()
		e := newEngine()
		e.put(ds, nil)
		b.StopTimer()
		ds = nil
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/(1<<20), "MB")
		runtime.KeepAlive(e)
		b.StartTimer()
	}
}

func BenchmarkList(b *testing.B) {
	e := bench()
	for _, c := range []struct {
		name string
		q    Query
	}{
		{"all", Query{}},
		{"category", Query{Category: 3}},
		{"category and two filters", Query{Category: 3, Filters: map[string][]string{"färg": {"1", "2"}, "form": {"4"}}}},
		{"by price in stock", Query{Sort: SortPrice, InStock: true}},
		{"search word", Query{Text: "vinterjacka"}},
		{"search common word", Query{Text: "jackor"}},
		{"search two words", Query{Text: "ull tröja"}},
		{"search code", Query{Text: "SKU-004711"}},
		{"search beginning", Query{Text: "vint"}},
		{"search slip", Query{Text: "vinterjakca"}},
		{"search two slips", Query{Text: "gjutjrnsgyta"}},
		{"search nonsense", Query{Text: "xyzzyplugh"}},
		{"search without marks", Query{Text: "troja"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.list(c.q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("page far in", func(b *testing.B) {
		q := Query{Sort: SortPrice, Limit: 100}
		for range 500 {
			r, err := e.list(q)
			if err != nil {
				b.Fatal(err)
			}
			q.Cursor = r.Next
		}
		b.ResetTimer()
		for b.Loop() {
			e.list(q)
		}
	})
	b.Run("change one", func(b *testing.B) {
		i := 0
		ds := shop(1000)
		for b.Loop() {
			if i == len(ds) {
				b.StopTimer()
				ds, i = shop(1000), 0
				b.StartTimer()
			}
			e.put(ds[i:i+1], nil)
			i++
		}
	})
}
