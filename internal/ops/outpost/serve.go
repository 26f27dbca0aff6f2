package outpost

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/dir"
	"kassavalv/internal/ops/copies/post"
)

// Options of an outpost.
type Options struct {
	Dir        string
	Addr       string // of the listener that shops reach, over TLS
	StatusAddr string // of /status in plain HTTP, for this machine; empty: none
	Log        *slog.Logger

	Policy      copies.Policy // how finely a time can be gone back to; the zero one: copies.DefaultPolicy
	Silence     time.Duration // a shop that stores nothing for so long is silent; 0: 2 minutes
	FreezeAfter time.Duration // and when for so long, nothing of it is removed; 0: an hour
	PruneEvery  time.Duration // 0: an hour

	MaxObject int64         // bytes of one object; 0: 256 GiB
	MaxBytes  int64         // bytes of one shop; 0: as much as the disk takes
	Rate      int           // objects a second that a shop may store, five times as many at once; 0: 100
	Slots     int           // requests of a shop at a time; 0: 16
	Idle      time.Duration // how long a body may stand still; 0: 30 s

	Page int              // objects that a list gives at a time, each time of a whole folder; 0: 10,000
	Now  func() time.Time // nil: time.Now

	// anything takes objects that no shop has signed. It is for the suite of sites, whose
	// objects are noise.
	anything bool
	joins    int // that may join in a second; 0: one
}

var errFenced = errors.New("the epoch has ended")

// Outpost is a running outpost.
type Outpost struct {
	o      Options
	ca     *authority
	main   net.Listener
	status net.Listener
	srv    *http.Server
	ops    *http.Server
	joins  *rate.Limiter

	mu    sync.Mutex
	shops map[string]*shop

	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// Start begins to take copies.
func Start(ctx context.Context, o Options) (*Outpost, error) {
	usual := func(d *time.Duration, u time.Duration) {
		if *d == 0 {
			*d = u
		}
	}
	usual(&o.Silence, 2*time.Minute)
	usual(&o.FreezeAfter, time.Hour)
	usual(&o.PruneEvery, time.Hour)
	usual(&o.Idle, 30*time.Second)
	if o.Policy == (copies.Policy{}) {
		o.Policy = copies.DefaultPolicy()
	}
	if err := o.Policy.Check(); err != nil {
		return nil, err
	}
	if o.MaxObject == 0 {
		o.MaxObject = 256 << 30
	}
	if o.Rate == 0 {
		o.Rate = 100
	}
	if o.Slots == 0 {
		o.Slots = 16
	}
	if o.Page == 0 {
		o.Page = 10000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	ca, err := loadAuthority(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("%s is no folder of an outpost (kassavalv outpost init makes one): %w", o.Dir, err)
	}
	p := &Outpost{o: o, ca: ca, shops: map[string]*shop{}, joins: rate.NewLimiter(rate.Limit(max(o.joins, 1)), 5*max(o.joins, 1))}
	entries, err := os.ReadDir(filepath.Join(o.Dir, "shops"))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !shopID.MatchString(e.Name()) {
			continue
		}
		if p.shops[e.Name()], err = openShop(filepath.Join(o.Dir, "shops", e.Name()), o); err != nil {
			return nil, fmt.Errorf("shop %s: %w", e.Name(), err)
		}
	}
	conf, err := ca.server()
	if err != nil {
		return nil, err
	}
	if p.main, err = net.Listen("tcp", o.Addr); err != nil {
		return nil, err
	}
	quiet := slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug)
	p.srv = &http.Server{Handler: p.handler(), TLSConfig: conf, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: quiet,
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}}
	p.wg.Go(func() { _ = p.srv.ServeTLS(p.main, "", "") })
	if o.StatusAddr != "" {
		if p.status, err = net.Listen("tcp", o.StatusAddr); err != nil {
			p.srv.Close()
			return nil, err
		}
		p.ops = &http.Server{Handler: p.own(), ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10, ErrorLog: quiet}
		p.wg.Go(func() { _ = p.ops.Serve(p.status) })
	}
	ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p.wg.Go(func() { p.watch(ctx) })
	return p, nil
}

// Addr is where shops reach it; StatusAddr where /status is, if anywhere.
func (p *Outpost) Addr() string { return p.main.Addr().String() }

// StatusAddr is where /status is told in plain HTTP; empty: nowhere.
func (p *Outpost) StatusAddr() string {
	if p.status == nil {
		return ""
	}
	return p.status.Addr().String()
}

// Close stops it; what is being taken gets until ctx ends.
func (p *Outpost) Close(ctx context.Context) error {
	p.cancel()
	err := p.srv.Shutdown(ctx)
	if err != nil {
		p.srv.Close()
	}
	if p.ops != nil {
		p.ops.Close()
	}
	p.wg.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.shops {
		s.close()
	}
	return err
}

var shopID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Route is a row of the table of what the listeners answer.
type Route struct{ Listener, Method, Path, Who, Rate string }

// Routes are all there are. None removes anything.
var Routes = []Route{
	{"outpost", "POST", "/v1/join", "who has a token", "join"},
	{"outpost", "PUT", "/v1/objects/{name...}", "the shop's certificate", "put"},
	{"outpost", "GET", "/v1/objects/{name...}", "the shop's certificate", "read"},
	{"outpost", "GET", "/v1/objects", "the shop's certificate", "read"},
	{"outpost", "PUT", "/v1/replaced/{name...}", "the shop's certificate", "put"},
	{"outpost", "GET", "/status", "the shop's certificate: of itself", "read"},
	{"outpost-status", "GET", "/status", "this machine", "read"},
}

func (p *Outpost) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/join", p.join)
	mux.HandleFunc("PUT /v1/objects/{name...}", p.asShop(p.put))
	mux.HandleFunc("GET /v1/objects/{name...}", p.asShop(p.get))
	mux.HandleFunc("GET /v1/objects", p.asShop(p.list))
	mux.HandleFunc("PUT /v1/replaced/{name...}", p.asShop(p.replace))
	mux.HandleFunc("GET /status", p.asShop(func(w http.ResponseWriter, _ *http.Request, s *shop) { send(w, p.statusOf(s)) }))
	return mux
}

func (p *Outpost) own() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { send(w, p.Status()) })
	return mux
}

func send(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// answer says that it was no success.
func answer(w http.ResponseWriter, status int, code, says string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(post.Answer{Code: code, Says: says})
}

// failed answers with an error of a site.
func (p *Outpost) failed(w http.ResponseWriter, s *shop, err error) {
	switch {
	case errors.Is(err, errFenced):
		answer(w, http.StatusGone, post.CodeFenced, err.Error())
	case errors.Is(err, copies.ErrTaken):
		answer(w, http.StatusConflict, post.CodeTaken, "")
	case errors.Is(err, copies.ErrAbsent):
		answer(w, http.StatusNotFound, post.CodeAbsent, "")
	case errors.Is(err, copies.ErrRefused):
		p.o.Log.Warn("refused", "shop", s.id, "why", err)
		answer(w, http.StatusForbidden, post.CodeRefused, err.Error())
	case errors.Is(err, copies.ErrFull):
		p.o.Log.Error("full", "shop", s.id, "why", err)
		answer(w, http.StatusInsufficientStorage, post.CodeFull, "no room is left")
	case errors.Is(err, errBody):
		answer(w, http.StatusBadRequest, post.CodeBroken, err.Error())
	default:
		p.o.Log.Error("cannot store or read", "shop", s.id, "error", err)
		answer(w, http.StatusInternalServerError, post.CodeBroken, "this machine has trouble; its log says which")
	}
}

// asShop lets in who shows the certificate of a shop that is enrolled.
func (p *Outpost) asShop(fn func(http.ResponseWriter, *http.Request, *shop)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
			answer(w, http.StatusForbidden, post.CodeRefused, "no certificate of this outpost was shown")
			return
		}
		leaf := r.TLS.PeerCertificates[0]
		p.mu.Lock()
		s := p.shops[leaf.Subject.CommonName]
		p.mu.Unlock()
		if s == nil || !s.lets(post.Fingerprint(leaf.Raw)) {
			answer(w, http.StatusForbidden, post.CodeRefused, "this certificate is not let in")
			return
		}
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
		case <-r.Context().Done():
			return
		}
		fn(w, r, s)
	}
}

// lets reads who is let in from disk, so that a person can revoke while it runs.
func (s *shop) lets(fingerprint string) bool {
	b, err := os.ReadFile(filepath.Join(s.dir, "shop.json"))
	var e enrolled
	if err != nil || json.Unmarshal(b, &e) != nil {
		return false
	}
	return slices.Contains(e.Certs, fingerprint)
}

var errBody = errors.New("the body is not what was said")

// small is the size up to which a body is kept in memory.
const small = 4 << 20

// receive takes a body whole, by its length and hash, before anything is done with it.
func (p *Outpost) receive(w http.ResponseWriter, r *http.Request, s *shop) (body io.ReadSeeker, size int64, done func(), err error) {
	done = func() {}
	size = r.ContentLength
	want := r.Header.Get(post.HeaderSum)
	if size < 0 || len(want) != 64 {
		return nil, 0, done, fmt.Errorf("%w: its length or %s is missing", errBody, post.HeaderSum)
	}
	if size > p.o.MaxObject {
		return nil, 0, done, fmt.Errorf("%w: %d bytes, at most %d are taken", copies.ErrRefused, size, p.o.MaxObject)
	}
	s.mu.Lock()
	over := p.o.MaxBytes > 0 && s.bytes+size > p.o.MaxBytes
	s.mu.Unlock()
	if over {
		return nil, 0, done, fmt.Errorf("%w: the shop has its %d bytes", copies.ErrFull, p.o.MaxBytes)
	}
	sum := sha256.New()
	in := io.TeeReader(&patient{r.Body, http.NewResponseController(w), p.o.Idle}, sum)
	if size <= small {
		b := make([]byte, size)
		if _, err := io.ReadFull(in, b); err != nil && size > 0 {
			return nil, 0, done, fmt.Errorf("%w: %v", errBody, err)
		}
		body = bytes.NewReader(b)
	} else {
		f, err := os.CreateTemp(s.dir, ".body-*")
		if err != nil {
			return nil, 0, done, err
		}
		done = func() { f.Close(); os.Remove(f.Name()) }
		n, err := io.Copy(f, io.LimitReader(in, size))
		if err != nil {
			var pe *os.PathError
			if errors.As(err, &pe) {
				return nil, 0, done, fmt.Errorf("%w: %w", copies.ErrFull, err)
			}
			return nil, 0, done, fmt.Errorf("%w: %v", errBody, err)
		}
		if n != size {
			return nil, 0, done, fmt.Errorf("%w: cut", errBody)
		}
		body = f
	}
	if hex.EncodeToString(sum.Sum(nil)) != want {
		return nil, 0, done, fmt.Errorf("%w: its hash is another", errBody)
	}
	// It is all there: how long it takes to look at it and to store it is bound by nothing here.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return body, size, done, nil
}

// patient gives each read of a body its time.
type patient struct {
	r    io.Reader
	c    *http.ResponseController
	idle time.Duration
}

func (p *patient) Read(b []byte) (int, error) {
	_ = p.c.SetReadDeadline(time.Now().Add(p.idle))
	return p.r.Read(b)
}

// allowed is the rate of a shop.
func (p *Outpost) allowed(w http.ResponseWriter, s *shop) bool {
	if s.limit.Allow() {
		return true
	}
	w.Header().Set("Retry-After", "1")
	answer(w, http.StatusTooManyRequests, post.CodeSlow, "more objects than a shop may store at a time")
	return false
}

func (p *Outpost) put(w http.ResponseWriter, r *http.Request, s *shop) {
	if !p.allowed(w, s) {
		return
	}
	name := r.PathValue("name")
	if err := copies.Name(name); err != nil {
		p.failed(w, s, err)
		return
	}
	_, g := parse(name)
	s.mu.Lock()
	err := s.fenced(g.epoch)
	s.mu.Unlock()
	if err != nil {
		p.failed(w, s, err) // before the body is read
		return
	}
	body, size, done, err := p.receive(w, r, s)
	defer done()
	if err != nil {
		p.failed(w, s, err)
		return
	}
	t := taken{epoch: g.epoch}
	if !p.o.anything {
		if strings.HasPrefix(name, "keys/") {
			p.failed(w, s, fmt.Errorf("%w: %s is replaced, not stored", copies.ErrRefused, name))
			return
		}
		if t, err = s.verify(name, body, size); err != nil {
			p.failed(w, s, err)
			return
		}
	}
	s.mu.Lock()
	err = s.fenced(t.epoch)
	s.mu.Unlock()
	if err != nil {
		p.failed(w, s, err)
		return
	}
	rec, err := s.site.Put(r.Context(), name, body, size)
	if err != nil {
		p.failed(w, s, err)
		return
	}
	seq, err := s.note(name, size, t)
	if err != nil {
		p.failed(w, s, err)
		return
	}
	send(w, post.Stored{At: rec.At, Seq: seq})
}

// note takes down what was stored. A later epoch is on disk before it is answered: from then
// on the one before is fenced, also what of it was under way. Only what the shop has signed
// begins an epoch: a charter can be read here by whoever has the certificate.
func (s *shop) note(name string, size int64, t taken) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fenced := s.fenced(t.epoch)
	_, again := s.seqs[name]
	seq, err := s.stored(name, size) // it lies there, confirmed or not
	if err := errors.Join(fenced, err); err != nil {
		return 0, err
	}
	s.st.Seen = s.now().UTC()
	if !again {
		s.follow(name, t)
	}
	later := t.chain != "" && t.epoch > s.st.Epoch
	if later {
		s.st.Epoch = t.epoch
	}
	return seq, s.save(later)
}

func (p *Outpost) replace(w http.ResponseWriter, r *http.Request, s *shop) {
	if !p.allowed(w, s) {
		return
	}
	name := r.PathValue("name")
	if r.ContentLength > copies.MaxReplace {
		p.failed(w, s, copies.Replaceable(name, make([]byte, copies.MaxReplace+1)))
		return
	}
	body, size, done, err := p.receive(w, r, s)
	defer done()
	if err != nil {
		p.failed(w, s, err)
		return
	}
	b, err := readAll(body)
	if err == nil {
		err = copies.Replaceable(name, b)
	}
	var t taken
	if err == nil && !p.o.anything {
		t, err = s.verify(name, body, size)
		if kind, _ := parse(name); err == nil && kind != "keys" && kind != "head" {
			err = fmt.Errorf("%w: an outpost replaces no object of such a name", copies.ErrRefused)
		}
	}
	if t.epoch == 0 {
		if n, e := strconv.ParseUint(r.Header.Get(post.HeaderEpoch), 10, 32); e == nil {
			t.epoch = uint32(n)
		}
	}
	if err == nil {
		s.mu.Lock() // until it is done: an old machine must not replace what the new one has put
		if err = s.fenced(t.epoch); err == nil {
			err = s.older(r.Context(), name, t)
		}
		if err == nil {
			s.st.Seen = s.now().UTC()
			err = s.site.Replace(r.Context(), name, b)
		}
		s.mu.Unlock()
	}
	if err != nil {
		p.failed(w, s, err)
		return
	}
	send(w, post.Stored{At: s.now().UTC()})
}

func (p *Outpost) get(w http.ResponseWriter, r *http.Request, s *shop) {
	name := r.PathValue("name")
	if err := copies.Name(name); err != nil {
		p.failed(w, s, err)
		return
	}
	in, err := s.site.Get(r.Context(), name)
	if err != nil {
		p.failed(w, s, err)
		return
	}
	defer in.Close()
	size := in.(*dir.File).Size()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	c := http.NewResponseController(w)
	buf := make([]byte, 256<<10)
	for {
		n, err := in.Read(buf)
		if n > 0 {
			_ = c.SetWriteDeadline(time.Now().Add(p.o.Idle))
			if _, err := w.Write(buf[:n]); err != nil {
				return
			}
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			p.o.Log.Error("cannot read an object to its end", "shop", s.id, "name", name, "error", err)
			panic(http.ErrAbortHandler) // so that it is not taken for whole
		}
	}
}

func (p *Outpost) list(w http.ResponseWriter, r *http.Request, s *shop) {
	q := r.URL.Query()
	out := post.Listed{Objects: []post.ListedObject{}}
	for o, err := range s.site.List(r.Context(), q.Get("prefix"), q.Get("after")) {
		if err != nil {
			p.failed(w, s, err)
			return
		}
		if len(out.Objects) == p.o.Page {
			out.More = true
			break
		}
		out.Objects = append(out.Objects, post.ListedObject{Name: o.Name, Size: o.Size, At: o.At})
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(p.o.Idle))
	send(w, out)
}

// join enrols a shop that has a token.
func (p *Outpost) join(w http.ResponseWriter, r *http.Request) {
	refuse := func(says string) { answer(w, http.StatusForbidden, post.CodeRefused, says) }
	if !p.joins.Allow() {
		answer(w, http.StatusTooManyRequests, post.CodeSlow, "too many try to join: wait some seconds")
		return
	}
	var q post.JoinRequest
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(p.o.Idle))
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	if err := d.Decode(&q); err != nil {
		answer(w, http.StatusBadRequest, post.CodeBroken, "the request cannot be read")
		return
	}
	t, ok := takeToken(p.o.Dir, q.Secret, p.o.Now())
	if !ok {
		refuse("the token is not good: it was used, is older than a day, or is another outpost's. kassavalv outpost init prints another")
		return
	}
	csr, err := x509.ParseCertificateRequest(q.Request)
	if err != nil || csr.CheckSignature() != nil {
		refuse("the request for a certificate cannot be read")
		return
	}
	if _, ok := csr.PublicKey.(*ecdsa.PublicKey); !ok {
		refuse("the request for a certificate has another kind of key")
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s, charter, err := p.enrol(t, q)
	if err != nil {
		refuse(err.Error())
		return
	}
	der, err := p.ca.sign(csr.PublicKey, s.id, false, p.o.Now().AddDate(10, 0, 0))
	if err == nil {
		err = s.admit(charter, post.Fingerprint(der))
	}
	if err != nil {
		p.failed(w, s, err)
		return
	}
	p.o.Log.Info("a shop has joined", "shop", s.id, "name", q.Charter.Name)
	send(w, post.Joined{Shop: s.id, Cert: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), CA: p.ca.pem})
}

// admit takes down whose copies these are and which certificate is let in: on disk first, or what
// is believed here would be another thing after the next start.
func (s *shop) admit(c copies.Charter, fingerprint string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	who := s.who
	who.Charter, who.Certs = c, append(slices.Clone(who.Certs), fingerprint)
	b, err := json.MarshalIndent(who, "", "  ")
	if err == nil {
		err = writeFile(filepath.Join(s.dir, "shop.json"), b)
	}
	if err == nil {
		s.who = who
	}
	return err
}

// enrol finds or makes the shop of a request, and tells its charter from now on. The lock is held.
func (p *Outpost) enrol(t token, q post.JoinRequest) (*shop, copies.Charter, error) {
	s, err := p.shopOf(t, q)
	if err != nil {
		return nil, copies.Charter{}, err
	}
	if q.Charter != (copies.Charter{}) {
		return s, q.Charter, nil // a new paper key makes another one
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s, s.who.Charter, nil
}

func (p *Outpost) shopOf(t token, q post.JoinRequest) (*shop, error) {
	if t.Shop != "" { // comes back, perhaps with nothing but its paper key
		s := p.shops[t.Shop]
		if s == nil {
			return nil, errors.New("the shop of this token is not enrolled here")
		}
		if q.Charter == (copies.Charter{}) {
			return s, nil
		}
		if q.Charter.Shop != t.Shop {
			return nil, errors.New("the token is another shop's")
		}
		if _, err := q.Charter.VerifyKey(); err != nil {
			return nil, err
		}
		return s, nil
	}
	id := q.Charter.Shop
	if !shopID.MatchString(id) {
		return nil, errors.New("the shop has no charter yet: start it with copies first")
	}
	if _, err := q.Charter.VerifyKey(); err != nil {
		return nil, err
	}
	if copies.Name(q.Site) != nil || strings.Contains(q.Site, "/") {
		return nil, errors.New("the site needs a name of a-z, 0-9 and dashes")
	}
	if p.shops[id] != nil {
		return nil, fmt.Errorf("shop %s is enrolled already: kassavalv outpost init --shop %s makes a token for its new machine", id, id)
	}
	dir := filepath.Join(p.o.Dir, "shops", id)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(enrolled{Charter: q.Charter, Site: q.Site, Since: p.o.Now().UTC()}, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := writeFile(filepath.Join(dir, "shop.json"), b); err != nil {
		return nil, err
	}
	s, err := openShop(dir, p.o)
	if err != nil {
		return nil, err
	}
	p.shops[id] = s
	return s, nil
}
