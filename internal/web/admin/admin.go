package admin

import (
	"context"
	"log/slog"
	"net/http"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/file"
	"kassavalv/internal/mail"
	"kassavalv/internal/money"
	"kassavalv/internal/ops/incident"
	"kassavalv/internal/ops/lesson"
	"kassavalv/internal/ops/recovery"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/privacy"
	"kassavalv/internal/shop/search"
	"kassavalv/internal/web"
	"kassavalv/internal/web/shield"
)

// Admin is the back office. The fields are set before Routes is called and not
// changed after it; Routes of an Admin without a database is a table that can be
// printed but not served.
type Admin struct {
	Clone    bool // a copy of a shop, for trying things out: every page says so
	DB       *db.DB
	Vault    *secret.Vault
	Auth     *auth.Auth
	Desk     *checkout.Desk
	Files    *file.Files
	Index    *search.Index // may be nil: no list of goods that run low
	Carriers fulfilment.Carriers
	Privacy  *privacy.Desk
	Mailer   *mail.Mailer // may be nil: letters are listed but not read
	// Standard tells the price of the least expensive standard delivery that was
	// offered for an order, as in returns.Desk. May be nil.
	Standard func(q db.Q, o order.Order) (money.Money, bool)
	Log      *slog.Logger

	Lessons   *lesson.Room
	Incidents *incident.Room

	Keeper string // keys.keeper: file, env, transit, kms or gcp
	// TurnKeys asks for a new epoch key in tx; see app.turnByHand for whom and what it needs.
	TurnKeys func(tx *db.Tx, by auth.By) error
	// Standing tells whether the shop may sell; nil: it does. OpenShop asks in tx for a
	// restored shop to be opened; see app.askReopen for whom.
	Standing func() Standing
	OpenShop func(tx *db.Tx, by auth.By) error

	// Copies tells how the shop stands towards the loss of its machine, without its drills.
	// DrillNow begins a drill of every site; false when one is under way. Nil: nothing is
	// copied that could be drilled.
	DrillNow func() bool
	Copies   func(ctx context.Context) recovery.Standing

	Origin   string // public origin, without a slash at the end
	Currency string // sales currency
	Country  string // whose VAT applies, ISO 3166

	// By is the principal that the wall established for a request; nil: the one
	// that Authorize put into the context.
	By func(ctx context.Context) auth.By
}

const (
	get  = http.MethodGet
	post = http.MethodPost
)

// Routes is the table of contents.
func (a *Admin) Routes() []web.Route {
	var out []web.Route
	for _, part := range [][]web.Route{a.doorRoutes(), a.proofRoutes(), a.startRoutes(), a.orderRoutes(), a.moneyRoutes(), a.productRoutes(), a.caseRoutes(), a.contentRoutes(),
		a.shelfRoutes(), a.inviteRoutes(), a.staffRoutes(), a.roleRoutes(), a.approvalRoutes(), a.reviewRoutes(), a.tokenRoutes(), a.securityRoutes(), a.engineRoutes(), a.keyRoutes(), a.restoredRoutes(), a.copyRoutes(), a.carrierRoutes(), a.giftRoutes(), a.personalRoutes(), a.customerRoutes(), a.callerRoutes(), a.packingRoutes(), a.privacyRoutes(), a.lessonRoutes(), a.incidentRoutes(), a.moreRoutes()} {
		out = append(out, part...)
	}
	return out
}

// page is a route of a page.
func (a *Admin) page(method, path string, who web.Who, h func(*visit) error) web.Route {
	return web.Route{Method: method, Path: path, Who: who, Rate: shield.Admin, Face: web.Page, Handle: a.handle(h)}
}

// door is a route that is open to who has no session; it is counted as a sign-in.
func (a *Admin) door(method, path string, who web.Who, h func(*visit) error) web.Route {
	rt := a.page(method, path, who, h)
	if method == post {
		rt.Rate = shield.Login
	}
	return rt
}
