package storefront

import (
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/file"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/account"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/privacy"
	"kassavalv/internal/shop/search"
	"kassavalv/internal/web"
	"kassavalv/internal/web/shield"
	"kassavalv/internal/web/static"
)

// Store is the storefront. The fields are set before Routes is called and not
// changed after it; Routes of a Store without a database is a table that can be
// printed but not served.
type Store struct {
	DB       *db.DB
	Vault    *secret.Vault
	Shelf    *cart.Shelf
	Desk     *checkout.Desk
	Index    *search.Index
	Files    *file.Files
	Carriers fulfilment.Carriers
	Accounts *account.Accounts // nil: nobody signs in

	Privacy *privacy.Desk // people's rights over their details

	// Witnessed tells that other machines witness the log, and that their keys are known.
	Witnessed bool
	// DataPages tells that Privacy is there to answer "/account/data"; then one's own pages lead there.
	DataPages bool
	Log       *slog.Logger

	Origin    string            // public origin, without a slash at the end
	Currency  string            // sales currency
	Country   string            // whose VAT applies, ISO 3166
	Countries []string          // that the shop sends to; empty: Country
	Tagline   catalog.Localized // what the shop sells, in a few words; may be empty
	StatusURL string            // the outpost's status page; empty: none
	Trial     bool              // the shop is being tried out: only test money counts, and every page says so
	Clone     bool              // a copy of a shop, for trying things out: every page says so
	Hidden    bool              // no search engine is to know of it
	Stopping  <-chan struct{}   // closed when the program stops, so that live pages let go; may be nil

	once    sync.Once
	mu      sync.Mutex
	frame   *frame // nil: to be read
	last    *frame // for error pages, when nothing can be read
	drops   uint64
	dropped time.Time // the last time
	live    atomic.Int64
	feeds   feedBook
}

// Routes is the table of contents.
func (s *Store) Routes() []web.Route {
	s.once.Do(s.follow)
	const (
		browse, find, basket, buy = shield.Browse, shield.Search, shield.Cart, shield.Purchase
		lookup, ask, door         = shield.Lookup, shield.Support, shield.Login
		pub, crt, tok, own        = web.Public, web.Cart, web.Token, web.Customer
	)
	page := func(method, path string, who web.Who, rate shield.Class, h web.Handler) web.Route {
		return web.Route{Method: method, Path: path, Who: who, Rate: rate, Face: web.Page, Handle: afterErasure(h)}
	}
	kept := func(path string, rate shield.Class, h web.Handler, query ...string) web.Route {
		return web.Route{Method: http.MethodGet, Path: path, Who: pub, Rate: rate, Face: web.Page, Handle: h, Cache: &web.CachePolicy{Query: query}}
	}
	asset := func(path string, rate shield.Class, h web.Handler) web.Route {
		return web.Route{Method: http.MethodGet, Path: path, Who: pub, Rate: rate, Face: web.Asset, Handle: h}
	}
	const get, post = http.MethodGet, http.MethodPost
	return []web.Route{
		// Looking around.
		kept("/{$}", browse, s.home),
		kept("/products/{handle}", browse, s.product),
		page(get, "/products/{handle}/notify", pub, browse, s.notifyForm),
		page(post, "/products/{handle}/notify", pub, ask, s.notifyMe),
		page(get, "/waiting/{token}", tok, browse, s.waiting),
		page(post, "/waiting/{token}/stop", tok, ask, s.stopWaiting),
		kept("/categories/{handle}", browse, s.category, listQuery...),
		page(get, "/search", pub, find, s.search),
		page(get, "/search/suggest", pub, find, s.suggest),

		// The cart.
		page(get, "/cart", crt, basket, s.cart),
		page(post, "/cart/lines", crt, basket, s.addLine),
		page(post, "/cart/lines/{line}", crt, basket, s.changeLine),
		page(post, "/cart/lines/{line}/remove", crt, basket, s.removeLine),
		page(post, "/cart/discounts", crt, basket, s.addCode),
		page(post, "/cart/discounts/remove", crt, basket, s.removeCode),

		// Buying.
		page(get, "/checkout", crt, basket, s.checkout),
		page(post, "/checkout", crt, buy, s.buy),
		page(post, "/checkout/update", crt, basket, s.recount),
		page(get, "/purchases/{token}", tok, basket, s.purchase),
		page(get, "/purchases/{token}/return", tok, basket, s.returned),
		page(post, "/purchases/{token}/cancel", tok, buy, s.cancelPurchase),
		{Method: get, Path: "/purchases/{token}/events", Who: tok, Rate: basket, Face: web.Asset, Handle: s.events},

		// After the purchase.
		page(get, "/orders/find", pub, browse, s.findOrder),
		page(post, "/orders/find", pub, lookup, s.lookOrder),
		page(get, "/orders/{token}", tok, browse, s.order),
		page(post, "/orders/{token}/cancel", tok, buy, s.cancelOrder),
		page(get, "/orders/{token}/documents/{document}", tok, browse, s.document),
		page(get, "/orders/{token}/documents/{document}/pdf", tok, browse, s.documentPDF),
		page(get, "/withdraw", pub, browse, s.withdrawal),
		page(post, "/withdraw", pub, lookup, s.withdrawCheck),
		page(post, "/withdraw/back", pub, lookup, s.withdrawBack),
		page(post, "/withdraw/confirm", pub, lookup, s.withdrawConfirm),
		page(get, "/withdraw/received/{token}", tok, browse, s.withdrawReceived),
		page(get, "/support", pub, browse, s.support),
		page(post, "/support", pub, ask, s.ask),
		page(get, "/cases/{token}", tok, browse, s.talk),
		page(post, "/cases/{token}/reply", tok, ask, s.reply),
		page(post, "/cases/{token}/solved", tok, ask, s.solved),
		page(post, "/cases/{token}/reopen", tok, ask, s.reopen),

		page(get, "/gift-card", pub, browse, s.giftCard),
		page(post, "/gift-card", pub, lookup, s.askGiftCard),

		// About the shop.
		kept("/pages/{handle}", browse, s.content),
		page(get, "/pages/{handle}/pdf", pub, browse, s.contentPDF),
		page(get, "/trust", pub, browse, s.trust),
		page(get, "/status", pub, browse, s.status),

		// Signing in. No answer here tells whether an address is known.
		page(get, "/login", pub, browse, s.login),
		page(post, "/login", pub, door, s.askCode),
		page(post, "/login/again", pub, door, s.askAgain),
		page(get, "/login/code", pub, browse, s.loginStep("code")),
		page(post, "/login/code", pub, door, s.tryCode),
		page(get, "/login/factor", pub, browse, s.loginStep("factor")),
		page(post, "/login/factor", pub, door, s.trySecond),
		page(get, "/login/password", pub, browse, s.loginStep("password")),
		page(post, "/login/password", pub, door, s.tryPassword),
		page(get, "/login/lost", pub, browse, s.lostApp),
		page(post, "/login/lost", pub, door, s.askLost),
		page(post, "/login/passkey/begin", pub, door, s.beginPasskeySignIn),
		page(post, "/login/passkey", pub, door, s.passkeySignIn),
		page(post, "/logout", pub, browse, s.signOut),

		// One's own pages.
		page(get, "/account", own, browse, s.account),
		page(post, "/account/open", own, door, s.openAccount),
		page(get, "/account/security", own, browse, s.security),
		page(post, "/account/security/password", own, door, s.setPassword),
		page(post, "/account/security/password/remove", own, door, s.act("flash.account_password_gone", s.removePassword)),
		page(post, "/account/security/passkeys/begin", own, door, s.beginPasskey),
		page(post, "/account/security/passkeys", own, door, s.addPasskey),
		page(post, "/account/security/passkeys/{id}/remove", own, door, s.actOn("flash.account_passkey_gone", s.removePasskey)),
		page(get, "/account/security/app", own, browse, s.app),
		page(post, "/account/security/app", own, door, s.beginApp),
		page(post, "/account/security/app/confirm", own, door, s.confirmApp),
		page(post, "/account/security/app/remove", own, door, s.act("flash.account_app_gone", s.removeApp)),
		page(post, "/account/security/lost/stop", own, door, s.act("flash.account_lost_stopped", s.stopLost)),
		page(post, "/account/security/recovery", own, door, s.newRecovery),
		page(post, "/account/security/sessions/{id}/end", own, door, s.actOn("flash.account_session", s.endSession)),
		page(post, "/account/security/sessions/end-others", own, door, s.act("flash.account_session", s.endOthers)),
		page(get, "/account/email", own, browse, s.email),
		page(post, "/account/email", own, door, s.askMove),
		page(post, "/account/email/confirm", own, door, s.confirmMove),
		page(get, "/account/moves/{token}", tok, browse, s.stopMove),
		page(post, "/account/moves/{token}", tok, door, s.stopMoveNow),
		page(get, "/account/lost/{token}", tok, browse, s.stopLostLink),
		page(post, "/account/lost/{token}", tok, door, s.stopLostNow),
		page(get, "/account/close", own, browse, s.closing),
		page(post, "/account/close", own, door, s.closeAccount),

		// What is kept of oneself, and one's rights over it.
		page(get, "/account/data", own, browse, s.data),
		page(get, "/account/data/readings", own, browse, s.dataReadings),
		page(post, "/account/data/export", own, door, s.prepareExport),
		page(get, "/account/data/export/{token}", own, lookup, s.takeExport),
		page(get, "/account/data/correct", own, browse, s.correcting),
		page(post, "/account/data/correct", own, door, s.correct),
		page(post, "/account/data/limit", own, door, s.limit),
		page(post, "/account/data/newsletter", own, door, s.stopNews),
		page(post, "/account/data/requests/{id}/cancel", own, door, s.cancelRequest),
		page(get, "/account/data/erase", own, browse, s.erasing),
		page(get, "/account/data/erase/confirm", own, browse, s.sureErase),
		page(post, "/account/data/erase/confirm", own, door, s.erase),
		page(get, "/privacy/{token}", tok, browse, s.privacyRequest),

		// For programs.
		asset("/feeds/google.xml", browse, s.feed),
		{Method: get, Path: "/sitemap.xml", Who: pub, Rate: browse, Face: web.Asset, Handle: s.sitemap, Cache: &web.CachePolicy{}},
		asset("/sitemaps/{file}", browse, s.sitemapFile),
		asset("/robots.txt", browse, s.robots),
		asset("/.well-known/security.txt", browse, s.securityTxt),
		asset("/.well-known/change-password", browse, s.changePassword),

		// Files.
		asset(static.Prefix+"{file}", shield.None, s.static),
		asset("/media/{file}", shield.None, s.media),
		asset("/favicon.ico", shield.None, s.favicon),
	}
}

// follow hears of changes that concern the frame around every page.
func (s *Store) follow() {
	if s.DB != nil {
		s.DB.OnChange(s.changed)
	}
}

// Time limits of the storefront.
const (
	cartKeep   = 30 * 24 * time.Hour // as long as the cart itself lives
	listKeep   = 10 * time.Second    // lists come from the search index, which follows changes a moment later
	returnWait = 2500 * time.Millisecond
)

func (s *Store) countries() []string {
	if len(s.Countries) > 0 {
		return s.Countries
	}
	return []string{s.Country}
}
