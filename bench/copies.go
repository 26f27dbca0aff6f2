package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"kassavalv/internal/db"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/dir"
	"kassavalv/internal/ops/copies/s3"
	"kassavalv/internal/secret"
)

// copiesCost measures what the copies take of a shop, how much would be lost, and how long
// the way back is. The disk's own speed stands beside.
func copiesCost(at string) error {
	at = filepath.Join(at, fmt.Sprint("copies", os.Getpid()))
	if err := os.MkdirAll(at, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(at)
	fmt.Println("Copies in several places (SQLite). Load of the machine:", loadavg())
	d, err := diskSpeed(at)
	if err != nil {
		return err
	}
	from := at
	if *scratch != "" {
		from = filepath.Join(*scratch, fmt.Sprint("kassavalv-bench", os.Getpid()))
		if err := os.MkdirAll(from, 0o700); err != nil {
			return err
		}
		defer os.RemoveAll(from)
	}
	gw, err := startGateway(filepath.Join(from, "s3"))
	if err != nil {
		fmt.Println("  nothing is measured over S3:", err)
	} else {
		defer gw.stop()
	}
	if err := copiesLoad(at, from, gw); err != nil || !part("copies") {
		return err
	}
	if err := copiesAck(at, gw, d); err != nil {
		return err
	}
	return copiesBack(at, from, d)
}

// speed of the disk that the bench's folder lies on.
type diskRate struct {
	sync        time.Duration // of a small file and its folder, median
	write, read float64       // bytes a second, in sequence; reading may come from memory
}

func diskSpeed(at string) (d diskRate, err error) {
	var all []time.Duration
	for i := range 200 {
		t := time.Now()
		if err := syncedFile(filepath.Join(at, fmt.Sprint("small", i)), 16<<10); err != nil {
			return d, err
		}
		all = append(all, time.Since(t))
	}
	slices.Sort(all)
	d.sync = all[len(all)/2]
	big := filepath.Join(at, "big")
	defer os.Remove(big)
	t := time.Now()
	if err := syncedFile(big, 256<<20); err != nil {
		return d, err
	}
	d.write = float64(256<<20) / time.Since(t).Seconds()
	t = time.Now()
	f, err := os.Open(big)
	if err != nil {
		return d, err
	}
	defer f.Close()
	if _, err := io.Copy(io.Discard, struct{ io.Reader }{f}); err != nil {
		return d, err
	}
	d.read = float64(256<<20) / time.Since(t).Seconds()
	row("the disk itself: 16 KiB written, synced, its folder synced", fmt.Sprintf("p50 %s, p99 %s", ms(d.sync), ms(all[len(all)*99/100])), "beside it")
	row("    in sequence: 256 MB written and synced; read back", fmt.Sprintf("%.0f MB/s; %.0f MB/s", d.write/1e6, d.read/1e6), "beside it")
	return d, nil
}

func syncedFile(path string, size int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	b := make([]byte, min(size, 1<<20))
	rand.Read(b)
	for n := 0; n < size && err == nil; n += len(b) {
		_, err = f.Write(b)
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

// copiesLoad runs a shop without and shops with copies in turns under the same buyers.
func copiesLoad(at, from string, gw *gateway) error {
	sites := func(name string) string {
		return (&url.URL{Scheme: "file", Path: filepath.Join(from, name), RawQuery: "name=" + name}).String()
	}
	kinds := []struct {
		name, what string
		env        []string
		s          *shop
		goods      []string
		rs         []result
		lags       map[string][]time.Duration
	}{
		{name: "none", what: "without copies", env: []string{"KASSAVALV_TEST_NO_COPIES=1"}},
		{name: "two", what: "two folders as sites", env: []string{"KASSAVALV_COPIES_SITES=" + sites("ett") + "," + sites("tva")}},
		{name: "wait", what: "the same, one must have it before it is paid", env: []string{"KASSAVALV_COPIES_SITES=" + sites("tre") + "," + sites("fyra"), "KASSAVALV_COPIES_REQUIRED=1"}},
		{name: "s3", what: "a folder and an object store (gathers 8 s)"},
	}
	if gw != nil {
		kinds[3].env = []string{"KASSAVALV_COPIES_SITES=" + sites("fem") + "," + gw.site("molnet")}
	} else {
		kinds = kinds[:3]
	}
	for i := range kinds {
		k := &kinds[i]
		k.lags = map[string][]time.Duration{}
		sub := filepath.Join(at, "shop-"+k.name)
		if err := os.MkdirAll(sub, 0o700); err != nil {
			return err
		}
		s, err := start(sub, 1000, append(k.env, "KASSAVALV_TEST_INSTANT_CARD=4242424242424242", "KASSAVALV_TEST_HOLD_JOBS=1")...)
		if err != nil {
			return err
		}
		defer s.stop()
		k.s = s
		if err := s.full(); err != nil {
			return err
		}
		if k.goods, err = s.plenty(16); err != nil {
			return err
		}
	}
	time.Sleep(8 * time.Second) // the first snapshots and dumps are over
	var n atomic.Int64
	// A turn goes through them there and back, so that a machine that becomes slower or
	// faster meanwhile does so for all of them.
	for range *turns {
		halves := make([][]result, len(kinds))
		for step := range 2 * len(kinds) {
			i := min(step, 2*len(kinds)-1-step)
			k := &kinds[i]
			stop := k.s.watchLag(k.lags)
			halves[i] = append(halves[i], loadFor(*length/2, k.s.PID, 16, func(int) error {
				return k.s.buyOne(int(n.Add(1)), k.goods)
			}))
			stop()
		}
		for i := range kinds {
			kinds[i].rs = append(kinds[i].rs, together(halves[i][0], halves[i][1]))
		}
	}
	for i := range kinds {
		k := &kinds[i]
		text := inTheMiddle(k.rs)
		want := "beside it"
		if i > 0 {
			// What else the machine does drifts from turn to turn: each is held against the
			// one without copies beside it.
			var rates, cpus []float64
			for t, r := range k.rs {
				if base := kinds[0].rs[t]; r.ops > 0 && base.ops > 0 {
					rates = append(rates, 100*(r.rate/base.rate-1))
					cpus = append(cpus, 100*(float64(r.per)/float64(base.per)-1))
				}
			}
			slices.Sort(rates)
			slices.Sort(cpus)
			if n := len(rates); n > 0 {
				text += fmt.Sprintf(" (%+.0f %% a second, the middle half of %d turns %+.0f to %+.0f; %+.0f %% CPU)", rates[n/2], n, rates[n/4], rates[n-1-n/4], cpus[n/2])
			}
			want = "-10 % at most"
		}
		row("whole purchases, 16 buyers: "+k.what, text, want)
		for _, site := range slices.Sorted(func(yield func(string) bool) {
			for s := range k.lags {
				if !yield(s) {
					return
				}
			}
		}) {
			all := k.lags[site]
			slices.Sort(all)
			goal := "1 s at p99"
			if site == "molnet" {
				goal = "10 s at p99"
			}
			row("    would be lost with site "+site+" alone, under that load", fmt.Sprintf("p50 %s p99 %s most %s", ms(all[len(all)/2]), ms(all[len(all)*99/100]), ms(all[len(all)-1])), goal)
		}
	}
	return nil
}

// inTheMiddle tells the turn in the middle.
func inTheMiddle(rs []result) string {
	rs = slices.Clone(rs)
	slices.SortFunc(rs, func(a, b result) int { return cmp.Compare(a.rate, b.rate) })
	r := rs[len(rs)/2]
	return fmt.Sprintf("%.0f/s, %s CPU, p50 %s p99 %s", r.rate, ms(r.per), ms(r.p50), ms(r.p99))
}

// watchLag notes every 50 ms what would be lost with each site alone, as the program says.
func (s *shop) watchLag(into map[string][]time.Duration) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
			}
			res, err := s.http.Get(s.Ops + "/metrics")
			if err != nil {
				continue
			}
			lines := bufio.NewScanner(res.Body)
			for lines.Scan() {
				rest, ok := strings.CutPrefix(lines.Text(), `kassavalv_copies_lag_seconds{site="`)
				if !ok {
					continue
				}
				name, val, _ := strings.Cut(rest, `"} `)
				var lag float64
				if _, err := fmt.Sscan(val, &lag); err == nil {
					into[name] = append(into[name], time.Duration(lag*float64(time.Second)))
				}
			}
			res.Body.Close()
		}
	}()
	return sync.OnceFunc(func() { close(quit); <-done })
}

// kept is a database with copies, as a shop has them.
type kept struct {
	paper  copies.Paper
	stream *copies.Stream
	d      *db.DB
	room   *copies.Room
}

func keepCopies(path, state string, sites ...copies.SiteOptions) (k *kept, err error) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	k = &kept{paper: copies.NewPaper()}
	keys := copies.NewKeys([]byte("0123456789abcdef0123456789abcdef"))
	if k.stream, err = copies.OpenStream(state, log); err != nil {
		return nil, err
	}
	if k.d, err = db.Open(context.Background(), db.Options{Path: path, Create: true, Tap: k.stream}); err != nil {
		return nil, err
	}
	k.room, err = copies.Open(context.Background(), copies.Options{Dir: state, Charter: copies.NewCharter(k.paper, keys, "bench"), Keys: keys, Epoch: 1, Stream: k.stream, DB: k.d, Sites: sites, Log: log})
	return k, err
}

func (k *kept) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	k.d.Close()
	k.room.Close(ctx)
	k.stream.Close()
}

// copiesAck measures from the committed change to the site's word for it.
func copiesAck(at string, gw *gateway, d diskRate) error {
	one := func(name, what string, s copies.Site) error {
		k, err := keepCopies(filepath.Join(at, name+".db"), filepath.Join(at, name+"-state"), copies.SiteOptions{Site: s})
		if err != nil {
			return err
		}
		defer k.close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		if err := db.Do(ctx, k.d, func(tx *db.Tx) error {
			_, err := tx.Exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT NOT NULL) STRICT`)
			return err
		}); err != nil {
			return err
		}
		if k.room.Wait(ctx, 0, 1).Sites != 1 {
			return fmt.Errorf("site %s does not confirm", name)
		}
		var all []time.Duration
		for i := range 300 {
			if err := db.Do(ctx, k.d, func(tx *db.Tx) error {
				_, err := tx.Exec(`INSERT INTO t (id, s) VALUES ($1, $2)`, int64(i), strings.Repeat("en rad av vanlig längd ", 20))
				return err
			}); err != nil {
				return err
			}
			a := k.room.Wait(ctx, 0, 1)
			if a.Sites != 1 {
				return fmt.Errorf("site %s does not confirm", name)
			}
			all = append(all, a.Took)
		}
		slices.Sort(all)
		row("committed to acknowledged: "+what, fmt.Sprintf("p50 %s p99 %s; a sync is %s", ms(all[150]), ms(all[297]), ms(d.sync)), "20 ms beyond the sync")
		return nil
	}
	folder, err := dir.Open(filepath.Join(at, "ack"), dir.Options{Name: "ack", SetUp: true})
	if err != nil {
		return err
	}
	if err := one("ack", "a folder", folder); err != nil {
		return err
	}
	if gw == nil {
		return nil
	}
	store, err := s3.Open(s3.Options{Name: "ack3", Endpoint: gw.url, Region: gwRegion, Bucket: gwBucket, Prefix: "ack3", AccessKey: secret.Hide(gwAccess), SecretKey: secret.Hide(gwSecret), Lock: "none"})
	if err != nil {
		return err
	}
	return one("ack3", "an object store over loopback, fed at once", store)
}

// copiesBack measures the way back of a large database, and what the look at every page
// costs a start.
func copiesBack(at, from string, d diskRate) error {
	path := filepath.Join(from, "large.db")
	ctx := context.Background()
	if err := fillDatabase(ctx, path, int64(*megabytes)<<20); err != nil {
		return err
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%.2f GB: ", float64(st.Size())/1e9)
	t := time.Now()
	plain, err := db.Open(ctx, db.Options{Path: path, Existing: true})
	if err != nil {
		return err
	}
	without := time.Since(t)
	plain.Close()
	s, err := dir.Open(filepath.Join(from, "site"), dir.Options{Name: "site", SetUp: true})
	if err != nil {
		return err
	}
	t = time.Now()
	c0 := cpu(os.Getpid())
	k, err := keepCopies(path, filepath.Join(from, "state"), copies.SiteOptions{Site: s})
	if err != nil {
		return err
	}
	row(name+"a start's look at every page", fmt.Sprintf("%.2f s, %.2f s CPU (without copies %.2f s)", time.Since(t).Seconds(), (cpu(os.Getpid())-c0).Seconds(), without.Seconds()), "-")
	t = time.Now()
	if a := k.room.Wait(ctx, 0, 1); a.Sites != 1 {
		return errors.New("the large database does not get to its site")
	}
	row("    the first snapshot, sealed and at the site", fmt.Sprintf("%.1f s, %.0f MB/s", time.Since(t).Seconds(), float64(st.Size())/1e6/time.Since(t).Seconds()), "-")
	k.close()
	for _, p := range []string{path, path + "-wal", path + "-shm", filepath.Join(from, "state")} {
		os.RemoveAll(p) // the machine is lost
	}
	site, err := dir.Open(filepath.Join(from, "site"), dir.Options{Name: "site"})
	if err != nil {
		return err
	}
	defer site.Close()
	t = time.Now()
	c0 = cpu(os.Getpid())
	f := &copies.Finder{Sites: []copies.Site{site}, Who: k.paper.Identity(), Paper: &k.paper}
	inv, err := f.Look(ctx)
	if err != nil {
		return err
	}
	back := filepath.Join(at, "back.db")
	defer os.Remove(back)
	rep, err := f.Database(ctx, inv, copies.Target{}, back, nil)
	if err != nil {
		return err
	}
	took := time.Since(t)
	rate := float64(rep.Size) / took.Seconds()
	least := min(d.write, 200e6)
	row("    restored from a folder, verified, synced", fmt.Sprintf("%.1f s (%.1f fetched, %.1f checked), %.1f s CPU, %.0f MB/s: %.0f %% of %.0f", took.Seconds(), rep.Fetched.Seconds(), rep.Checked.Seconds(), (cpu(os.Getpid())-c0).Seconds(), rate/1e6, 100*rate/least, least/1e6), "60 s, or 70 % of the least of disk and 200 MB/s")
	return nil
}

// fillDatabase makes a database of so many bytes, half of which do not compress.
func fillDatabase(ctx context.Context, path string, size int64) error {
	d, err := db.Open(ctx, db.Options{Path: path, Create: true})
	if err != nil {
		return err
	}
	defer d.Close()
	return ballast(ctx, d, size)
}

func ballast(ctx context.Context, d *db.DB, size int64) error {
	if err := db.Do(ctx, d, func(tx *db.Tx) error {
		_, err := tx.Exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, s BLOB NOT NULL) STRICT`)
		return err
	}); err != nil {
		return err
	}
	const piece = 16 << 10
	for id := int64(0); id*piece < size; {
		if err := db.Do(ctx, d, func(tx *db.Tx) error {
			for range 512 {
				b := make([]byte, piece)
				rand.Read(b[:piece/2])
				copy(b[piece/2:], bytes.Repeat([]byte("en rad av vanlig längd, ungefär som en rad i en order;"), 200))
				if _, err := tx.Exec(`INSERT INTO t (id, s) VALUES ($1, $2)`, id, b); err != nil {
					return err
				}
				id++
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// gateway is versitygw, an object store by others.
type gateway struct {
	url, credentials string
	cmd              *exec.Cmd
}

const (
	gwAccess = "kassavalv-bench"
	gwSecret = "bench-secret-that-opens-nothing"
	gwRegion = "eu-north-1"
	gwBucket = "kopior"
)

func startGateway(at string) (*gateway, error) {
	program, err := filepath.Abs(".cache/versitygw")
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("%w (test/scripts/setup.sh builds it)", err)
	}
	if err := os.MkdirAll(at, 0o700); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	l.Close()
	g := &gateway{url: "http://" + addr, credentials: at + ".toml"}
	if err := os.WriteFile(g.credentials, []byte(fmt.Sprintf("access_key = %q\nsecret_key = %q\n", gwAccess, gwSecret)), 0o600); err != nil {
		return nil, err
	}
	g.cmd = exec.Command(program, "--quiet", "--port", addr, "--region", gwRegion, "posix", at)
	g.cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+gwAccess, "ROOT_SECRET_KEY="+gwSecret)
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	c, err := minio.New(addr, &minio.Options{Creds: credentials.NewStaticV4(gwAccess, gwSecret, ""), Region: gwRegion})
	if err == nil {
		for range 200 {
			if err = c.MakeBucket(context.Background(), gwBucket, minio.MakeBucketOptions{Region: gwRegion}); err == nil {
				return g, nil
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	g.stop()
	return nil, err
}

func (g *gateway) site(name string) string {
	return (&url.URL{Scheme: "s3", Host: gwBucket, Path: "/" + name, RawQuery: url.Values{"name": {name}, "endpoint": {g.url}, "region": {gwRegion}, "lock": {"none"}, "credentials": {g.credentials}}.Encode()}).String()
}

func (g *gateway) stop() {
	g.cmd.Process.Kill()
	g.cmd.Wait()
}
