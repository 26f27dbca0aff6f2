package app

import (
	"context"
	"net/http"
	"strings"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/file"
	"kassavalv/internal/job"
	"kassavalv/internal/mail"
	"kassavalv/internal/money"
	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/incident"
	"kassavalv/internal/ops/lesson"
	"kassavalv/internal/ops/recovery"
	"kassavalv/internal/secret"
	"kassavalv/internal/shop/account"
	"kassavalv/internal/shop/cart"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/content"
	"kassavalv/internal/shop/customer"
	"kassavalv/internal/shop/delivery"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/giftcard"
	"kassavalv/internal/shop/intake"
	"kassavalv/internal/shop/order"
	"kassavalv/internal/shop/payment"
	"kassavalv/internal/shop/pricing"
	"kassavalv/internal/shop/privacy"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/stock"
	"kassavalv/internal/shop/support"
	"kassavalv/internal/shop/waitlist"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin"
	"kassavalv/internal/web/api"
	"kassavalv/internal/web/shield"
	"kassavalv/internal/web/storefront"
)

// Migrations are those of every room, in no order that matters: no room names
// another's table.
var Migrations = []db.Migrations{
	secret.Migrations, job.Migrations, audit.Migrations, auth.Migrations, mail.Migrations, file.Migrations,
	catalog.Migrations, pricing.Migrations, stock.Migrations, delivery.Migrations, content.Migrations, customer.Migrations,
	cart.Migrations, payment.Migrations, order.Migrations, checkout.Migrations, fulfilment.Migrations, returns.Migrations, support.Migrations, intake.Migrations, waitlist.Migrations, giftcard.Migrations, account.Migrations,
	lesson.Migrations, incident.Migrations, privacy.Migrations, copies.Migrations, recovery.Migrations,
}

type principal struct{}

// By is the principal that the wall established for a request.
func By(ctx context.Context) auth.By {
	by, _ := ctx.Value(principal{}).(auth.By)
	return by
}

// authorize is the one door in front of every route that is not open.
func (a *App) authorize(w http.ResponseWriter, r *web.Request, who web.Who) (context.Context, error) {
	ctx := r.Context()
	if who.IsAPI() {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			w.Header().Set("WWW-Authenticate", "Bearer")
			return ctx, fault.SignIn()
		}
		by, err := a.Auth.ResolveTokenFrom(ctx, token, r.Peer(), r.Client)
		if err != nil {
			w.Header().Set("WWW-Authenticate", "Bearer")
			return ctx, err
		}
		if err := by.Need(auth.Right(who.Right())); err != nil {
			// The route's pattern, never its path: that may hold a number.
			if e := auth.RecordRefusal(ctx, a.DB, by, "route.denied", "route", 0, who.Right()+" at "+r.Method+" "+r.Route.Path); e != nil {
				return ctx, e
			}
			return ctx, err
		}
		return context.WithValue(ctx, principal{}, by), nil
	}
	if who == web.Customer {
		ctx, by, err := a.front.Authorize(w, r)
		return context.WithValue(ctx, principal{}, by), err
	}
	return a.authorizeStaff(w, r, who)
}

// routesOf builds the tables of contents of all listeners.
func (a *App) buildRoutes() {
	store := &api.Store{DB: a.DB, Vault: a.Vault, Shelf: a.Shelf, Desk: a.Desk, Currency: Currency, Origin: a.Origin, Carriers: a.Carriers}
	goods := &api.Goods{Store: store, Index: a.Index}
	office := &api.Admin{Store: store, By: By, Refunds: a.refund, Cancel: a.cancelOrder}
	a.front = &storefront.Store{DB: a.DB, Vault: a.Vault, Shelf: a.Shelf, Desk: a.Desk, Index: a.Index, Files: a.Files, Carriers: a.Carriers, Accounts: a.Accounts, Privacy: a.Privacy, Witnessed: len(a.Config.Audit.Witnesses) > 0, DataPages: true, Log: a.Log, Origin: a.Origin,
		Currency: Currency, Country: Country, Stopping: a.stopping, Trial: a.Config.Payments.Test && !a.demo, Clone: a.sandbox, Hidden: a.sandbox}
	if a.demo {
		a.front.Tagline = catalog.Localized{SV: "Bra saker för hem och trädgård", EN: "Good things for home and garden"}
	}
	shop := a.front.Routes()
	shop = append(shop, store.Routes()...)
	shop = append(shop, goods.Routes()...)
	shop = append(shop, store.Hooks()...)
	shop = append(shop, office.Routes()...)
	a.office = &admin.Admin{Clone: a.sandbox, DB: a.DB, Vault: a.Vault, Auth: a.Auth, Desk: a.Desk, Files: a.Files, Index: a.Index, Carriers: a.Carriers, Privacy: a.Privacy, Mailer: a.Mail, Log: a.Log,
		Origin: a.officeOrigin(), Currency: Currency, Country: Country, By: By, Standard: a.standardDelivery, Keeper: or(a.Config.Keys.Keeper, "file"), TurnKeys: a.turnByHand, Standing: a.sellingStands, OpenShop: a.askReopen, Copies: a.copiesStand, DrillNow: a.drillsByHand(), Lessons: a.Lessons, Incidents: a.Incidents}
	shop = append(shop, a.office.Routes()...)
	shop = append(shop, web.ReportRoute(a.Log, nil))
	doc := api.Document(shop, a.Origin)
	shop = append(shop, web.Route{Method: "GET", Path: api.Base + "/openapi.json", Who: web.Public, Rate: shield.API, Face: web.Endpoint, Op: "openapi", Handle: func(w http.ResponseWriter, r *web.Request) error {
		return web.Bytes(w, r, http.StatusOK, "application/json", doc)
	}})
	a.routes = map[string][]web.Route{"shop": shop, "ops": a.opsRoutes()}
}

// Rows lists every route of every listener.
func Rows() ([]web.Row, error) {
	a := &App{Origin: "https://shop.example"}
	a.skeleton()
	a.buildRoutes()
	var rows []web.Row
	for _, l := range []string{"shop", "ops"} {
		rows = append(rows, web.Rows(l, a.routes[l])...)
	}
	return append(rows, web.PlainRow("http")), nil
}

// skeleton is enough of an App to print its routes.
func (a *App) skeleton() { a.Desk = &checkout.Desk{Providers: demoMethods()} }

func (a *App) refund(ctx context.Context, by auth.By, number string, amount money.Money, reason, key string) error {
	_, err := auth.Act(ctx, a.DB, by, "order.refund", "order", 0, func(tx *db.Tx) (db.ID, error) {
		o, err := order.ByNumber(tx, by, number)
		if err != nil {
			return 0, err
		}
		said, err := order.Say(tx, a.Vault, by, auth.RefundsWrite, o.ID, reason)
		if err != nil {
			return 0, err
		}
		return returns.Refund(tx, by, returns.RefundIn{Order: o.ID, Amount: amount, Reason: said, Key: key})
	})
	return err
}

func (a *App) cancelOrder(ctx context.Context, by auth.By, number, reason string) error {
	_, err := auth.Act(ctx, a.DB, by, "order.cancel", "order", 0, func(tx *db.Tx) (order.Order, error) {
		o, err := order.ByNumber(tx, by, number)
		if err != nil {
			return o, err
		}
		said, err := order.Say(tx, a.Vault, by, auth.OrdersWrite, o.ID, reason)
		if err != nil {
			return o, err
		}
		return returns.Cancel(tx, by, o.ID, nil, said)
	})
	return err
}

// opsRoutes answer on the listener that is never public.
func (a *App) opsRoutes() []web.Route {
	row := func(method, path string, h web.Handler) web.Route {
		return web.Route{Method: method, Path: path, Who: web.OpsNetwork, Rate: shield.None, Face: web.Callback, Handle: h}
	}
	get := func(path string, h web.Handler) web.Route { return row("GET", path, h) }
	return append([]web.Route{
		get("/healthz", func(w http.ResponseWriter, r *web.Request) error {
			return web.Bytes(w, r, http.StatusOK, "text/plain; charset=utf-8", []byte("ok\n"))
		}),
		get("/readyz", a.ready),
		get("/metrics", a.metrics),
	}, a.logRoutes(row)...)
}

// ready tells whether the shop can sell: the database takes writes and goods
// can be found.
func (a *App) ready(w http.ResponseWriter, r *web.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := db.Do(ctx, a.DB, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE db_meta SET value=value WHERE name='node'`)
		return err
	}); err != nil {
		return fault.Busy("not_ready", 5*time.Second)
	}
	select {
	case <-a.Index.Ready():
	default:
		return fault.Busy("not_ready", 2*time.Second)
	}
	says := "ready\n"
	if h := a.Vault.Health(); h.Over {
		return fault.Busy("keys", time.Minute)
	} else if h.Away {
		says += "the keeper of the keys does not answer; the shop goes on from memory until " + h.Until.UTC().Format(time.RFC3339) + "\n"
	}
	return web.Bytes(w, r, http.StatusOK, "text/plain; charset=utf-8", []byte(says))
}

// errorPage gives the back office its own face of an error, and everybody else
// the storefront's.
func (a *App) errorPage(r *web.Request, e web.ErrorView) web.Component {
	if c := a.office.ErrorPage(r, e); c != nil {
		return c
	}
	return a.front.ErrorPage(r, e)
}

// dropPages lets go of kept pages that a change concerns.
func (a *App) dropPages(cs []db.Change) {
	for _, c := range cs {
		switch c.Entity {
		case catalog.EntityProduct:
			a.Cache.Drop("product:"+c.ID.String(), "catalog")
		case "stock":
			a.Cache.Drop("stock:"+c.ID.String(), "stock")
		case catalog.EntityCategory, catalog.EntityAttribute, pricing.EntityCampaign, pricing.EntityVAT, "delivery", "content", "company", "page", "setting":
			a.Cache.DropAll()
		}
	}
}

// sweep runs the small upkeep that needs no schedule of its own.
func (a *App) sweep(ctx context.Context) {
	every(ctx, time.Minute, func() { a.sweepOnce(ctx) })
}

func (a *App) sweepOnce(ctx context.Context) {
	_, err := db.SweepChanges(ctx, a.DB, 10*time.Minute)
	a.note("sweep of the change feed", err)
	a.note("sweep of tried codes", db.Do(ctx, a.DB, giftcard.Sweep))
	for {
		more, _, err := db.WriteBulk(ctx, a.DB, func(tx *db.Tx) (bool, error) { return catalog.Recheck(tx, 100) })
		a.note("recheck of goods", err)
		if err != nil || !more || ctx.Err() != nil {
			break
		}
	}
}
