package api_test

import (
	"net/http"

	"testing"

	"kassavalv/internal/auth"
	"kassavalv/internal/web/api"
)

// The life of a purchase as staff read it by the API, and what they may ask for.
func TestPurchaseLife(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		p, err := d.Buy(d.ready(d.Product(9900, 5)), "key")
		if err != nil {
			t.Fatal(err)
		}
		path := api.AdminBase + "/purchases/" + p.ID.String()
		d.by = auth.TokenBy(3, "", []auth.Right{auth.CatalogRead})
		if code := d.call("GET", path, "", nil); code != http.StatusForbidden {
			t.Errorf("a token without the scope: %d", code)
		}
		d.by = auth.TokenBy(3, "", []auth.Right{auth.OrdersRead})
		var l api.PurchaseLife
		if code := d.call("GET", path, "", &l); code != 200 || l.ID != p.ID.String() || len(l.Steps) < 2 || len(l.Calls) != 1 || l.Calls[0].Op != "begin" || !l.May.Cancel || len(l.Next) != 1 || l.Next[0].What != "look" {
			t.Errorf("%d %+v", code, l)
		}
		if code := d.call("GET", api.AdminBase+"/purchases/4711", "", nil); code != 404 {
			t.Errorf("none: %d", code)
		}
		for _, c := range []string{"look", "cancel", "capture"} {
			if code := d.call("POST", path+"/"+c, `{"reason":"kontroll"}`, nil); code != http.StatusForbidden {
				t.Errorf("%s without the scope: %d", c, code)
			}
		}
		d.by = auth.TokenBy(3, "", []auth.Right{auth.OrdersRead, auth.OrdersWrite, auth.JobsWrite})
		for name, c := range map[string][3]string{
			"look without a reason":   {"look", `{}`, "invalid /reason required"},
			"cancel without a reason": {"cancel", `{"reason":" "}`, "invalid /reason required"},
			"capture of nothing":      {"capture", `{"reason":"nu då"}`, "invalid /amount required"},
			"nothing is reserved":     {"capture", `{"amount":{"amount":1,"currency":"SEK"},"reason":"nu då"}`, "over_capture"},
		} {
			var pr problem
			if code := d.call("POST", path+"/"+c[0], c[1], &pr); pr.said() != c[2] {
				t.Errorf("%s: %d %s", name, code, pr.said())
			}
		}
		if code := d.call("POST", path+"/look", `{"reason":"kunden ringde"}`, &l); code != 200 || l.Calls[len(l.Calls)-1].Op != "look" {
			t.Errorf("%d %+v", code, l.Calls)
		}
		if code := d.call("POST", path+"/cancel", `{"reason":"kunden ringde"}`, &l); code != 200 || l.State != "refused" || l.May.Cancel {
			t.Errorf("%d %s", code, l.State)
		}
		var pr problem
		if code := d.call("POST", path+"/cancel", `{"reason":"en gång till"}`, &pr); code != http.StatusConflict || pr.Code != "wrong_state" {
			t.Errorf("%d %s", code, pr.Code)
		}
	})
}
