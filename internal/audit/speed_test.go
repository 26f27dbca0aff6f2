package audit

import (
	"testing"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
)

// BenchmarkLog seals 10,000 rows and verifies them, once an iteration, on SQLite.
func BenchmarkLog(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		d := dbtest.SQLite(b, ms)
		l := openLog(b, d)
		for range 20 {
			if err := db.Do(ctx, d, func(tx *db.Tx) error {
				for i := range 500 {
					if err := Record(tx, entry(i)); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		start := time.Now()
		if n := seal(b, l); n != 10_000 {
			b.Fatal(n)
		}
		b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms/10k-sealed")
		start = time.Now()
		if r, err := l.Verify(ctx, VerifyOptions{}); err != nil || r.Found != 0 || r.Size != 10_000 {
			b.Fatal(r, err)
		}
		b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms/10k-verified")
	}
}
