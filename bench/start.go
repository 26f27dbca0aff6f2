package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// folder is where the shop with n products lives; the reading part goes on with the
// one that the start part has filled.
func folder(dir string, n int) string {
	sub := filepath.Join(dir, fmt.Sprint("shop", n))
	os.MkdirAll(sub, 0o700)
	return sub
}

// full waits until the search holds the whole shop.
func (s *shop) full() error {
	for t0 := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		res, err := s.http.Get(s.Ops + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == 200 {
				return nil
			}
		}
		if time.Since(t0) > 5*time.Minute {
			return fmt.Errorf("the search does not get ready")
		}
	}
}

// starts measures first and second start, and memory at rest.
func starts(dir string) error {
	fmt.Println("Start and memory")
	for _, n := range []int{1000, 10_000, *products} {
		sub := folder(dir, n)
		_, err := os.Stat(filepath.Join(sub, "data"))
		filled := err == nil
		s, err := start(sub, n)
		if err != nil {
			return err
		}
		if !filled {
			want := map[int]string{1000: "5 s", 100_000: "120 s"}[n]
			if want == "" {
				want = "-"
			}
			row(fmt.Sprintf("%d products: first start, which makes them", n), fmt.Sprintf("%.1f s, %.1f s CPU", s.took.Seconds(), cpu(s.PID).Seconds()), want)
		}
		if err := s.full(); err != nil {
			return err
		}
		s.stop()
		t0 := time.Now()
		if s, err = start(sub, n); err != nil {
			return err
		}
		if err := get(s.http, s.Shop+"/", "gzip"); err != nil {
			return err
		}
		page, spent := time.Since(t0), cpu(s.PID)
		if err := s.full(); err != nil {
			return err
		}
		all, allSpent := time.Since(t0), cpu(s.PID)
		time.Sleep(6 * time.Second) // at rest: what was garbage has gone back
		mem := rss(s.PID)
		s.stop()
		want := map[int][3]string{1000: {"0.5 s", "-", "90 MB"}, 10_000: {"0.7 s", "-", "160 MB"}, 100_000: {"1 s", "10 s", "-"}}[n]
		if want[0] == "" {
			want = [3]string{"-", "-", "-"}
		}
		name := fmt.Sprintf("%d products: ", n)
		row(name+"second start to the first page", fmt.Sprintf("%.2f s, %s CPU", page.Seconds(), ms(spent)), want[0])
		row(strings.Repeat(" ", len(name))+"search holds all of them after", fmt.Sprintf("%.2f s, %s CPU", all.Seconds(), ms(allSpent)), want[1])
		row(strings.Repeat(" ", len(name))+"resident, idle, search read", fmt.Sprintf("%d MB", mem), want[2])
		if *keep == "" && n != *products {
			os.RemoveAll(sub)
		}
	}
	return nil
}
