package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/auth/factor"
	"kassavalv/internal/db"
	"kassavalv/internal/file"
	"kassavalv/internal/handover"
	"kassavalv/internal/job"
	"kassavalv/internal/mail"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/walarchive"
	"kassavalv/internal/ops/incident"
	"kassavalv/internal/ops/lesson"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/account"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/fulfilment/local"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/privacy"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/search"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin"
	"kassavalv/internal/web/pagecache"
	"kassavalv/internal/web/shield"
	"kassavalv/internal/web/storefront"
)

// Currency is the shop's one sales currency in the beginning.
const Currency = "SEK"

// Country is where the shop sells from, and whose VAT it charges.
const Country = "SE"

// DatabaseFile is the SQLite file in the data directory.
const DatabaseFile = "shop.db"

// KeyFolder holds the keys of the file keeper, in the data directory.
const KeyFolder = "keys"

// App is a running shop.
type App struct {
	Dir    string
	Config Config
	Log    *slog.Logger

	lock     *dirLock
	DB       *db.DB
	Vault    *secret.Vault
	Jobs     *job.Runner
	Desk     *checkout.Desk
	Shelf    *cart.Shelf
	Files    *file.Files
	Mail     *mail.Mailer
	Auth     *auth.Auth
	Audit    *audit.Log
	Accounts *account.Accounts
	Carriers fulfilment.Carriers
	Privacy  *privacy.Desk
	Index    *search.Index
	Cache    *pagecache.Cache

	Copies    *copies.Room   // nil while no site is configured
	stream    *copies.Stream // nil without a charter, and on PostgreSQL
	charter   copies.Charter
	archive   *walarchive.Watcher // on PostgreSQL
	aside     *copies.Aside       // on PostgreSQL, when sites are configured
	keeper    secret.Keeper
	stands    standing
	apartness apartness
	calls     copiesCalls
	drilling  sync.Mutex    // one drill at a time
	wantDrill chan struct{} // somebody asks for one
	free      func(dir string) (int64, error)

	Lessons   *lesson.Room
	Incidents *incident.Room

	Origin    string // public URL without a slash at the end
	apart     string // the back office's, when it has a host name of its own
	demo      bool
	sandbox   bool    // see openOptions
	outside   outside // a clone's world
	hosts     []string
	shop      *web.Listener
	plain     *web.Listener
	ops       *web.Listener
	routes    map[string][]web.Route
	front     *storefront.Store
	office    *admin.Admin
	back      *returns.Desk
	stopping  chan struct{}
	meters    *meters
	limiter   *shield.Limiter
	gate      *shield.Gate
	shift     time.Duration
	lookEvery time.Duration // see copies.Options
	started   time.Time
	sealed    atomic.Bool // the log is what was signed, as the sealer last saw it

	handed    *handover.Sockets
	closeOnce sync.Once
	stop      context.CancelFunc
	loops     sync.WaitGroup
	closers   []func(context.Context) error
}

// openOptions say how to open the ground of a shop.
type openOptions struct {
	create bool // init and demo: make the database and the keys where there is no shop yet
	fresh  bool // init: there must be no shop yet
	shift  time.Duration

	sandbox  bool          // a clone that reaches nobody: see sandboxed
	database secret.Secret // a PostgreSQL database of the clone's own; empty: in its folder
	fill     bool          // it is being made: see db.Options

	onStatement func(text string) // see db.Options
	lookEvery   time.Duration     // see copies.Options
}

// demoMark is a file that tells that `demo` made the folder; serve refuses it,
// because its secrets are known to everybody who has seen them printed.
const demoMark = "demo"

// open takes the folder, the database and the vault.
func open(ctx context.Context, dir string, cfg Config, log *slog.Logger, o openOptions) (*App, error) {
	mark, err := isClone(dir)
	clone := mark != nil
	if err == nil && clone && !o.fill {
		err = onlyTrying(dir, cfg, mark)
		o.database = cfg.Database.URL
	}
	if err != nil {
		return nil, err
	}
	if o.sandbox = o.sandbox || clone; o.sandbox {
		cfg = sandboxed(cfg)
		cfg.Database.URL = o.database
	}
	a := &App{Dir: dir, Config: cfg, Log: log, sandbox: o.sandbox, shift: o.shift, lookEvery: o.lookEvery, started: time.Now(), stopping: make(chan struct{}), wantDrill: make(chan struct{}, 1), free: freeOf}
	if o.create {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	} else if err := need(ctx, dir, cfg, notOwned); err != nil {
		// A shop that runs may have its database from an environment that we have not: it is asked then.
		if _, no := os.Stat(filepath.Join(dir, lockFile)); no != nil {
			return nil, err
		}
		lock, held := lockDir(dir)
		if errors.Is(held, ErrLocked) {
			return nil, held
		}
		if held == nil {
			lock.Abandon()
		}
		return nil, err
	}
	if a.lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	fail := func(err error) (*App, error) {
		if a.DB == nil {
			a.lock.Abandon()
			a.lock = nil
		}
		a.Close(context.Background())
		return nil, err
	}
	if _, err := readRestored(dir); err != nil { // before anything is touched there
		return fail(err)
	}
	found, err := look(ctx, dir, cfg) // under the lock: nobody makes one meanwhile
	there := found >= notOwned        // so its keys and its database must be
	if err == nil && o.fresh && found == aShop {
		err = fmt.Errorf("there is a shop in %s, or in the database it names, already", dir)
	}
	if err != nil {
		return fail(err)
	}
	// The keys come first: without them nothing is opened and nothing written.
	keeper, err := openKeeper(ctx, dir, cfg, !there)
	if err == nil {
		err = plainKeys(dir, cfg)
	}
	if err == nil && there {
		keeper, err = secret.Fetch(ctx, keeper)
	}
	if err != nil {
		return fail(err)
	}
	opt := databaseOf(dir, cfg)
	opt.Create, opt.Existing = !there, there
	opt.Fill = o.fill && opt.URL != ""
	opt.LegalShift, opt.CheckFile, opt.OnStatement = o.shift, a.lock.Unclean, o.onStatement
	if opt.Tap, err = a.openStream(opt); err != nil {
		return fail(err)
	}
	if a.DB, err = db.Open(ctx, opt); err != nil {
		return fail(err)
	}
	a.keeper = keeper
	if there {
		if err := cloneOrNot(ctx, a.DB, dir, clone); err != nil { // before anything is written to what may be the shop's
			return fail(err)
		}
		if err := secret.Recognise(ctx, a.DB, keeper); err != nil {
			return fail(err)
		}
	}
	if err := a.DB.Migrate(ctx, Migrations); err != nil {
		return fail(err)
	}
	if !there {
		if err := secret.Init(ctx, a.DB, keeper); err != nil {
			return fail(err)
		}
	}
	if a.Vault, err = secret.Open(ctx, a.DB, keeper); err != nil {
		return fail(err)
	}
	a.Vault.SetGrace(cfg.grace())
	a.Vault.SetLog(log)
	a.Vault.SetYearEnd(time.Month(cfg.Books.YearEnd))
	if err := a.afterRestore(ctx); err != nil {
		return fail(err)
	}
	return a, nil
}

// rooms builds what stands on the ground, before any listener is open.
func (a *App) rooms(ctx context.Context, providers []payment.Provider, sender mail.Sender) error {
	a.Jobs = job.NewRunner(a.DB, a.Log)
	a.Shelf = &cart.Shelf{Country: Country}
	a.DB.OnChange(a.Shelf.Changed)
	folder, err := file.OpenFolder(filepath.Join(a.Dir, "files"))
	if err != nil {
		return err
	}
	a.closers = append(a.closers, func(context.Context) error { return folder.Close() })
	a.Files = file.New(a.DB, folder)
	if err := a.openLog(ctx); err != nil {
		return err
	}
	company, err := db.Read(ctx, a.DB, func(q *db.Reader) (content.CompanyFacts, error) { return content.Company(q) })
	if err != nil {
		return err
	}
	// One bound of hashing for everybody who signs in.
	hasher := factor.NewHasher(factor.OWASP)
	if a.Auth, err = auth.New(a.DB, a.Vault, auth.Options{PublicURL: a.officeOrigin(), Issuer: company.Name, Words: []string{company.Shop}, Hasher: hasher, SSO: a.singleSignOn()}); err != nil {
		return err
	}
	if a.Accounts, err = account.New(a.DB, a.Vault, account.Options{PublicURL: a.Origin, Issuer: company.Shop, Words: []string{company.Name}, Hasher: hasher}); err != nil {
		return err
	}
	a.people()
	a.Auth.Carry(auth.ActPayout, content.CarryPayout)
	a.Auth.Carry(auth.ActAudit, content.CarryAlarms)
	a.Auth.Carry(auth.ActKeys, func(tx *db.Tx, by auth.By, _ db.ID, _ []byte) error { return a.turnByHand(tx, by) })
	a.Carriers = fulfilment.Carriers{}
	if a.demo || a.sandbox {
		a.Carriers["local"] = fulfilment.NewGuard(local.New(), fulfilment.Options{})
	}
	a.Desk = &checkout.Desk{DB: a.DB, Vault: a.Vault, Shelf: a.Shelf, Providers: providers, Base: a.Origin, Origins: a.Config.Checkout.ReturnOrigins,
		Name: company.Name, Country: Country, Live: a.live(), Terms: content.TermsVersion, Times: checkout.DefaultTimes, Log: a.Log}
	if a.demo {
		// A look-up at least every ten seconds, also when the bank does not answer.
		a.Desk.Times.Check, a.Desk.Times.CheckMax, a.Desk.Times.Call = 3*time.Second, 4*time.Second, 6*time.Second
		a.Desk.Times.Books = 10 * time.Second
	}
	a.Desk.Shut = a.shut
	a.Desk.Points, a.Desk.Barred, a.Desk.Late = a.pointOf, content.PaymentBarred, content.LateOrder.Get
	a.Desk.Accounts, a.Desk.Settlements = content.Accounts, settlements
	a.DB.OnChange(a.Desk.Changed)
	a.back = &returns.Desk{DB: a.DB, Providers: providers, Log: a.Log, Standard: a.standardDelivery}
	from := a.Config.Mail.From
	if from == "" {
		from = company.Mail
	}
	name := a.Config.Mail.FromName
	if name == "" {
		name = company.Name
	}
	if sender != nil {
		if a.Mail, err = mail.New(mail.Options{DB: a.DB, Vault: a.Vault, From: mail.Address{Name: name, Email: from}, Relays: []mail.Sender{sender}}); err != nil {
			return err
		}
	}
	if a.Mail != nil {
		a.Mail.HoldWhile(func() bool { return a.shut() != nil })
	}
	a.Privacy = a.privacyDesk()
	a.Index = search.New(a.DB, Currency, Country, a.Log)
	a.Cache = pagecache.New(pagecache.Options{Now: func() time.Time { return time.Now().Add(a.shift) }})
	// A list that was rendered before the index had caught up must not be kept.
	a.Index.OnRead(func() { a.Cache.Drop("catalog") })
	a.DB.OnChange(a.dropPages)
	a.meters = newMeters(a)
	a.work()
	a.buildRoutes()
	return nil
}

// background starts the loops that run until Close.
func (a *App) background(ctx context.Context) error {
	ctx, a.stop = context.WithCancel(ctx)
	run := func(name string, fn func(context.Context)) {
		a.loops.Go(func() {
			for ctx.Err() == nil {
				a.guard(name, func() { fn(ctx) })
				select {
				case <-ctx.Done():
				case <-time.After(time.Second): // it ended by itself: start it again
				}
			}
		})
	}
	// The copies first: a machine that was replaced learns of it before any job speaks with
	// anybody, and letters wait for the sites.
	if err := a.startCopies(ctx); err != nil {
		return err
	}
	// Held back only when the bench asks what a purchase costs without its letter.
	if os.Getenv("KASSAVALV_TEST_HOLD_JOBS") == "" {
		if a.DB.Engine() == db.SQLite { // the folder's lock says that we are the only one
			if err := job.Adopt(ctx, a.DB); err != nil {
				return err
			}
		}
		if err := a.Jobs.Start(ctx); err != nil {
			return err
		}
	}
	run("rescuer", a.selling(a.Desk.Rescue))
	run("refunds", a.selling(a.back.RunRefunds))
	run("captures", a.selling(a.Desk.RunTakes))
	run("reservations", a.selling(a.Desk.RunReservations))
	run("audit sealer", a.sealLog)
	run("search", a.Index.Run)
	run("control", func(ctx context.Context) { a.note("control socket", a.control(ctx)) })
	run("sweeper", a.sweep)
	run("drills", a.drills)
	run("copies", a.selling(a.watchCopies))
	run("credentials", a.watchCredentials)
	run("keys", func(ctx context.Context) { a.Vault.Watch(ctx, a.watchKeys()) })
	return nil
}

// guard keeps a panic in one loop from ending the program.
func (a *App) guard(name string, fn func()) {
	defer func() {
		if v := recover(); v != nil {
			a.Log.Error("a loop fell", "loop", name, "panic", db.Fallen(v), "stack", string(debug.Stack()))
		}
	}()
	fn()
}

func (a *App) note(what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, db.ErrClosed) {
		a.Log.Error(what, "err", err)
	}
}

func every(ctx context.Context, d time.Duration, fn func()) {
	t := time.NewTicker(d)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			fn()
		}
	}
}

// listen opens the listeners, so that their ports are known.
func (a *App) listen(conf *tls.Config, shop, plain, ops string) (err error) {
	open := func(name, addr string, conf *tls.Config) (*web.Listener, error) {
		if l := a.handed.Take(name); l != nil {
			return web.Adopt(name, l, conf, shield.ConnLimits{}), nil
		}
		return web.Listen(name, addr, conf, shield.ConnLimits{})
	}
	if a.shop, err = open("shop", shop, conf); err != nil {
		return err
	}
	if a.plain, err = open("http", plain, nil); err != nil {
		return err
	}
	if a.ops, err = open("ops", ops, nil); err != nil {
		return err
	}
	if more := a.handed.Leftover(); len(more) > 0 {
		a.Log.Warn("sockets were handed over under names that no listener has", "names", more)
	}
	return nil
}

// faces are the handlers of the listeners.
type faces struct{ shop, plain, ops http.Handler }

// handlers builds them.
func (a *App) handlers() (f faces, err error) {
	u, err := url.Parse(a.Origin)
	if err != nil {
		return f, err
	}
	exempt, err := prefixes(a.Config.Limits.Exempt)
	if err != nil {
		return f, err
	}
	proxies, err := prefixes(a.Config.HTTP.TrustedProxies)
	if err != nil {
		return f, err
	}
	trusted := web.Proxies(proxies)
	hsts := web.HSTSServe
	if a.demo {
		trusted = append(trusted, web.Loopback...)
		hsts = web.HSTSDemo // spoils nobody's other local servers
	}
	a.limiter = shield.NewLimiter(shield.LimiterOptions{Exempt: exempt})
	a.gate = shield.NewGate(shield.GateOptions{})
	a.hosts = append(a.hosts, u.Hostname())
	deps := web.Deps{Origin: a.Origin, Office: a.apart, Hosts: a.hosts, Proxies: trusted, HSTS: hsts, NoIndex: a.sandbox, Log: a.Log, Limiter: a.limiter, Gate: a.gate, Cache: a.Cache,
		ErrorPage: a.errorPage, Authorize: a.authorize, Observe: a.meters.observe}
	mux, err := web.NewMux("shop", a.routes["shop"], deps)
	if err != nil {
		return f, err
	}
	var inner http.Handler
	if a.Config.TLS.Mode == "proxy" {
		inner = mux
	}
	plain, err := web.Plain(web.PlainOptions{Origin: a.Origin, Office: a.apart, Hosts: a.hosts, Proxies: trusted, Limiter: a.limiter, NoIndex: a.sandbox, Log: a.Log, Observe: a.meters.observe, Inner: inner})
	if err != nil {
		return f, err
	}
	ops, err := web.NewMux("ops", a.routes["ops"], web.Deps{Origin: a.Origin, Log: a.Log, Limiter: a.limiter})
	if err != nil {
		return f, err
	}
	return faces{mux, plain, ops}, nil
}

// serve answers on the listeners.
func (a *App) serve() error {
	f, err := a.handlers()
	if err != nil {
		return err
	}
	opt := shield.ServerOptions{Log: a.Log}
	if err := a.shop.Start(f.shop, opt); err != nil {
		return err
	}
	if err := a.plain.Start(f.plain, opt); err != nil {
		return err
	}
	return a.ops.Start(f.ops, opt)
}

// Hold keeps the listening sockets open over Close, for a successor.
func (a *App) Hold() (*handover.Held, error) {
	return handover.Hold(map[string]net.Listener{"shop": a.shop.Socket(), "http": a.plain.Socket(), "ops": a.ops.Socket()})
}

// Close stops in order: no new requests, running ones end, loops and workers
// end, the database closes last. It may be called on a half-built App.
func (a *App) Close(ctx context.Context) error {
	var errs []error
	a.closeOnce.Do(func() { close(a.stopping) })
	errs = append(errs, web.ShutdownAll(ctx, 10*time.Second, a.shop, a.plain, a.ops))
	if a.stop != nil {
		a.stop()
	}
	if a.Jobs != nil {
		jctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		errs = append(errs, a.Jobs.Stop(jctx))
		cancel()
	}
	a.loops.Wait()
	if a.Desk != nil {
		a.Desk.Halt()
	}
	if a.Index != nil {
		errs = append(errs, a.Index.Close())
	}
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i](ctx))
	}
	if a.DB != nil {
		errs = append(errs, a.DB.Close())
	}
	errs = append(errs, a.closeCopies(ctx))
	if a.lock != nil {
		a.lock.Release()
	}
	return errors.Join(errs...)
}
