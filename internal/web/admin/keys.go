package admin

import (
	"net/http"
	"strconv"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

func (a *Admin) keyRoutes() []web.Route {
	keys := web.Staff(auth.KeysWrite)
	return []web.Route{
		a.page(get, "/admin/keys", keys, (*visit).keys),
		a.page(post, "/admin/keys/turn", keys, (*visit).turnKeys),
	}
}

// keys shows how the keys of the vault stand: names, places and times, never a key.
func (v *visit) keys() error { return v.showKeys(http.StatusOK, ui.Form{}) }

func (v *visit) showKeys(code int, f ui.Form) error {
	type standing struct {
		behind bool
		now    time.Time
	}
	x, err := read(v, func(q *db.Reader) (x standing, err error) {
		if err := v.by.Need(auth.KeysWrite); err != nil {
			return x, err
		}
		x.now = q.Now()
		x.behind, err = v.Vault.Behind(q)
		return x, err
	})
	if err != nil {
		return err
	}
	h, epochs := v.Vault.Health(), v.Vault.Epochs()
	cur := epochs[len(epochs)-1]
	answers, seen := v.t("keys.answers"), ""
	if h.Away {
		answers, seen = v.t("keys.silent"), v.t("keys.since", "at", lang.DateTime(v.l, h.Since))
	}
	last := v.t("keys.never")
	if cur.Number > 1 {
		last = lang.DateTime(v.l, cur.Made)
	}
	left := v.t("keys.left.none")
	if x.behind {
		left = v.t("keys.left.some")
	}
	_, unreadable := v.Vault.Unreadable()
	facts := []view.Pair{{Key: v.t("keys.keeper"), Value: v.t("keys.kind." + v.Keeper)}, {Key: v.t("col.state"), Value: answers, Sub: seen},
		{Key: v.t("keys.age"), Value: v.n("keys.days", int(x.now.Sub(cur.Made)/(24*time.Hour)))}, {Key: v.t("keys.last"), Value: last},
		{Key: v.t("keys.next"), Value: lang.DateTime(v.l, cur.Turns), Sub: v.t("keys.next.sub")},
		{Key: v.t("keys.left"), Value: left},
		{Key: v.t("keys.unreadable"), Value: lang.Number(v.l, unreadable), Sub: v.t("keys.unreadable.sub")}}
	var warn view.Block
	if unreadable > 0 {
		warn = view.Notice(ui.Stop, v.t("keys.unreadable.say"))
	}
	t := view.Table{Caption: v.t("keys.epochs"), Cols: []ui.Column{{Text: v.t("keys.col.key")}, {Text: v.t("keys.col.made")}, {Text: v.t("keys.col.ends")}, {Text: v.t("col.state")}}}
	for i := len(epochs) - 1; i >= 0; i-- {
		e := epochs[i]
		state := view.Cell{Text: v.t("keys.old"), Badge: true}
		if e.Current {
			state = view.Cell{Text: v.t("keys.current"), Badge: true, Tone: ui.OK}
		}
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: e.Name}, {Text: lang.Stamp(v.l, e.Made)}, {Text: lang.Stamp(v.l, e.Ends)}, state}})
	}
	for _, y := range v.Vault.Years() {
		t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: y.Name, Sub: v.t("keys.books", "year", strconv.Itoa(y.Year))}, {Text: lang.Stamp(v.l, y.Made)}, {Text: lang.Stamp(v.l, y.Ends)}, {}}})
	}
	turn := view.FormBlock(v.l, view.Form{Action: "/admin/keys/turn", Submit: v.t("keys.turn.go"), Danger: true, Form: f, Fields: v.proofField()})
	return v.show(code, view.Shell{Title: v.t("keys.title"), Lead: v.t("keys.lead")}, warn, view.Beside(
		view.Group(view.Panel("", v.t("col.state"), view.Facts(v.l, facts)), view.Panel("", v.t("keys.epochs"), view.TableBlock(v.l, t))),
		view.Panel("turn", v.t("keys.turn"), view.Quiet(v.t("keys.turn.text")), turn, v.proofLink("/admin/keys"))))
}

// turnKeys asks for a new key, or has it made when a second person has said yes.
func (v *visit) turnKeys() error {
	in, err := v.r.ReadForm("totp")
	if err != nil {
		return err
	}
	if err = v.prove(in.Get("totp")); err == nil {
		err = v.do("keys.turn", "keys", 0, func(tx *db.Tx) error { return v.TurnKeys(tx, v.by) })
	}
	if ok, err := v.asked(err); ok {
		return err
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		return v.showKeys(status(err), v.form(in, err, ""))
	}
	return v.done("keys_turn", "/admin/keys")
}
