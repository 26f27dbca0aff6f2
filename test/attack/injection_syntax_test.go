package attack

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/apptest"
)

// spells are pieces of SQL that change an order, a filter or a bound where one is
// made of them. The sleeps are so long that no slow machine is mistaken for one.
var spells = []string{
	`ASC, (select 1)`, `1;--`, "`id`", `price_öre`, `id desc`, `(select pg_sleep(120))`, `CASE WHEN (SELECT 1)=1 THEN pg_sleep(120) ELSE id END`, `1 AND 1=(SELECT 1 FROM pg_sleep(120))`,
	`' OR '1'='1`, `x' UNION SELECT * FROM auth_staff--`, `name->>'$.a'`, `no_such_column`, `1,1`, `-1 OR 1=1`, `0x10`, `newest;DROP TABLE catalog_product`, `{"$gt":0}`, `%`, `_`, `\`, `")) OR ((1=1`,
	`1 OFFSET 0`, `randomblob(900000000)`, `ASC NULLS FIRST`,
}

// tooLong is far above what any list needs and far below the sleeps.
const tooLong = 60 * time.Second

// rowsOf is what a list shows, in its order: handles or ids of an API, rows of a page.
func rowsOf(a apptest.Answer) string {
	var list struct {
		Items []map[string]any `json:"items"`
	}
	if strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
		if a.JSON(&list) != nil {
			return "unreadable"
		}
		var out []string
		for _, it := range list.Items {
			for _, k := range []string{"handle", "number", "token", "sku", "id", "name"} {
				if v, ok := it[k]; ok {
					out = append(out, fmt.Sprint(v))
					break
				}
			}
		}
		return strings.Join(out, "\n")
	}
	var out []string
	for _, n := range a.Find("main .card a[href], main tbody tr td:first-child a[href]") {
		out = append(out, apptest.Attr(n, "href"))
	}
	return strings.Join(out, "\n")
}

// Sort keys, filters, places and bounds are words of ours or numbers; what is none
// of these is refused or ignored and never reaches a database as anything but a value.
var _ = attack("AC-143", func(t *testing.T, c *apptest.Client) {
	owner := c.Staff(c, "owner")
	token := []string{"Authorization", "Bearer " + c.AdminToken}
	v := c.Scarce(20)
	c.Paid(v, 1) // so that no list is empty
	asks(c.Other(), "Kim Prov", apptest.NewMail(), "", "En fråga")
	foreign := []string{"order", "dir", "direction", "order_by", "group", "columns", "fields", "offset", "page", "where", "having"}
	lists := []struct {
		path   string
		who    *apptest.Client
		head   []string
		params []string // known ones
		strict bool     // unknown ones are refused
		find   []string // known ones that choose by a value: an invented value finds nothing
	}{
		{path: "/search", who: c, params: []string{"sort", "cursor", "in_stock", "reduced"}, find: []string{"q", "filter.brand"}},
		{path: "/categories/" + category(c), who: c, params: []string{"sort", "cursor", "in_stock", "reduced"}, find: []string{"filter.brand"}},
		{path: "/search/suggest", who: c, find: []string{"q"}},
		{path: apptest.API + "/products", who: c, strict: true, params: []string{"sort", "cursor", "limit", "category"}, find: []string{"q", "filter.brand"}},
		{path: apptest.API + "/categories", who: c}, // takes no parameter and ignores all
		{path: apptest.API + "/delivery-options", who: c, strict: true, params: []string{"postal_code", "cart"}},
		{path: apptest.API + "/pickup-points", who: c, strict: true, params: []string{"postal_code", "option"}},
		{path: apptest.AdminAPI + "/orders", who: c, head: token, strict: true, params: []string{"state", "cursor", "limit"}},
		{path: apptest.AdminAPI + "/purchases", who: c, head: token, strict: true, params: []string{"state", "alarm", "cursor", "limit"}},
		{path: apptest.AdminAPI + "/products", who: c, head: token, strict: true, params: []string{"cursor", "limit"}},
		{path: apptest.AdminAPI + "/variants", who: c, head: token, strict: true, params: []string{"cursor", "limit"}, find: []string{"sku"}},
		{path: "/admin/orders", who: owner, params: []string{"show", "before"}, find: []string{"number"}},
		{path: "/admin/products", who: owner, params: []string{"show", "before"}, find: []string{"find"}},
		{path: "/admin/cases", who: owner, params: []string{"show", "before", "due"}},
		{path: "/admin/returns", who: owner, params: []string{"show", "before"}},
		{path: "/admin/purchases", who: owner, params: []string{"show", "before"}},
		{path: "/admin/stock", who: owner, params: []string{"show", "before"}},
		{path: "/admin/campaigns", who: owner, params: []string{"show", "before"}},
		{path: "/admin/codes", who: owner, params: []string{"show", "before"}},
		{path: "/admin/audit", who: owner, params: []string{"show", "before", "actor"}, find: []string{"action"}},
		{path: "/admin/jobs", who: owner, params: []string{"before"}},
		{path: "/admin/mail", who: owner, params: []string{"before"}},
	}
	tables := len(c.Tables())
	for _, l := range lists {
		// Another address for each list: the budget of one is not made for this.
		if l.who == owner {
			l.who = c.Staff(c, "owner")
		} else {
			l.who = c.Other()
		}
		get := func(q string) apptest.Answer { return l.who.Do("GET", l.path+q, nil, l.head...) }
		plain := rowsOf(get(""))
		try := func(name, spell string, known, finds bool) {
			began := time.Now()
			q := "?" + url.Values{name: {spell}}.Encode()
			a := get(q)
			if took := time.Since(began); took > tooLong {
				t.Errorf("GET %s%s took %s", l.path, q, took)
			}
			if a.Status >= 500 || strings.Contains(string(a.Body), "SQLSTATE") || strings.Contains(string(a.Body), "syntax error") {
				t.Errorf("GET %s%s: %d %.200s", l.path, q, a.Status, a.Words())
			}
			switch {
			case a.Status == 200 && l.strict && !known && !finds:
				t.Errorf("GET %s%s: an unknown parameter is taken", l.path, q)
			case a.Status == 200 && !finds:
				if rowsOf(a) == plain {
					break
				}
				same(t, l.path+q, func() apptest.Answer { return get("") }, func() apptest.Answer { return get(q) })
			case a.Status == 200 && finds && name != "q" && strings.ContainsAny(spell, "'%_") && rowsOf(a) != "" && !strings.HasPrefix(l.path, "/admin/orders"):
				// What is looked for by value and exists nowhere finds nothing; a
				// number that is none leaves the orders as they are.
				t.Errorf("GET %s%s finds: %.300s", l.path, q, rowsOf(a))
			}
		}
		for i, spell := range spells {
			for _, p := range l.params {
				try(p, spell, true, false)
			}
			for _, p := range l.find {
				try(p, spell, true, true)
			}
			try(foreign[i%len(foreign)], spell, false, false)
		}
		for _, p := range foreign {
			try(p, spells[0], false, false)
		}
	}
	if n := len(c.Tables()); n != tables {
		t.Errorf("%d tables, before there were %d", n, tables)
	}
	// Control: orders that exist do order.
	up, down := rowsOf(c.Do("GET", apptest.API+"/products?sort=price&limit=100", nil)), rowsOf(c.Do("GET", apptest.API+"/products?sort=-price&limit=100", nil))
	if up == down || up == "" || down == "" {
		t.Error("sorting by price does not sort")
	}
	if got := rowsOf(c.Do("GET", apptest.AdminAPI+"/variants?sku="+url.QueryEscape(v.SKU), nil, token...)); got != v.SKU {
		t.Errorf("finding %s finds %q", v.SKU, got)
	}
	if got := rowsOf(owner.Do("GET", "/admin/products?find="+url.QueryEscape(v.SKU), nil)); got == "" || strings.Contains(got, "\n") {
		t.Errorf("staff finding %s find %q", v.SKU, got)
	}
})

// same holds that an answer lists what the plain list lists. Neighbours may add
// rows between two answers, so a difference counts when the plain list stood still.
func same(t testing.TB, what string, plain, again func() apptest.Answer) {
	t.Helper()
	for range 20 {
		before := rowsOf(plain())
		got := again()
		after := rowsOf(plain())
		if got.Status != 200 {
			t.Errorf("GET %s: %d", what, got.Status)
			return
		}
		if rowsOf(got) == before || rowsOf(got) == after {
			return
		}
		if before == after {
			t.Errorf("GET %s lists something else:\n%.300s\nnot\n%.300s", what, rowsOf(got), before)
			return
		}
	}
}

// category is the handle of one that shows goods.
func category(c *apptest.Client) string {
	c.T.Helper()
	var list struct {
		Items []struct {
			Handle string `json:"handle"`
		} `json:"items"`
	}
	c.Want(c.Do("GET", apptest.API+"/categories", nil), 200, &list)
	if len(list.Items) == 0 {
		c.T.Fatal("no categories")
	}
	return list.Items[0].Handle
}

// expressions are what template languages compute; kvx says where they went.
var expressions = []string{`kvx{{3*4447}}`, `kvx${3*4447}`, `kvx{{.}}{{printf "%s" .Secret}}`, `kvx{{template "x"}}{{range $i:=.}}`, `kvx<%= 3*4447 %>`, `kvx#{3*4447}{company}{shop}%s%d%n`, `kvx{{constructor.constructor('x')()}}`, `kvx{name}{number}{date}{0}`}

// What looks like a template is printed as it is written, by whomever it was.
var _ = attack("AC-145", func(t *testing.T, c *apptest.Client) {
	v := c.Scarce(50)
	owner := c.Staff(c, "owner")
	literal := func(what, text, word string) {
		t.Helper()
		if !strings.Contains(squash(text), squash(word)) {
			t.Errorf("%s does not hold %q as it was written: %.600s", what, word, text)
		}
		for _, bad := range []string{"13341", "no value", "template:", "%!"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s: %q became %q", what, word, bad)
			}
		}
	}
	for _, word := range expressions {
		mail := apptest.NewMail()
		p := invoiced(c, v, guest(mail, word))
		m := c.OneMail(mail)
		literal("the mail", m.Text, word)
		literal("the mail's HTML", apptest.Words(apptest.Answer{Body: []byte(m.HTML)}.HTML()), word)
		if strings.Contains(m.Subject, mark) {
			t.Errorf("the subject holds what a buyer wrote: %s", m.Subject)
		}
		a := c.Do("GET", "/orders/"+p.Order.Token, nil)
		for _, l := range links(a) {
			if strings.Contains(l, "/documents/") && strings.HasSuffix(l, "/pdf") {
				literal("the document", pdfText(t, c.Do("GET", l, nil).Body), word)
			}
		}
		literal("the order in the back office", owner.Opened("/admin/orders/"+p.Order.Number, "packing").Words(), word)
		literal("the packing slip", pdfText(t, owner.Do("GET", "/admin/orders/"+p.Order.Number+"/slip.pdf", nil).Body), word)
		b := c.Other()
		literal("the case", b.Do("GET", asks(b, word, mail, "", word), nil).Words(), word)
		literal("the search", b.Do("GET", "/search?q="+url.QueryEscape(word), nil).Words(), word)
	}
	// Staff's own words are words too: a page and a product.
	word := strings.Join(expressions[:5], " ")
	handle := "prov-" + strings.TrimSuffix(strings.TrimPrefix(apptest.NewMail(), "prov-"), "@example.se")
	_, form := owner.FormOf(owner.Do("GET", "/admin/pages/new", nil), `form[action$="/admin/pages/new"]`)
	for k, x := range map[string]string{"handle": handle, "kind": "info", "texts/sv/title": "Prov " + word, "texts/sv/body": "Hej\n\n" + word} {
		form.Set(k, x)
	}
	a := owner.Form("/admin/pages/new", form)
	if a.Status != 303 {
		t.Fatalf("no page: %d %s", a.Status, a.Words())
	}
	shownAt := c.Do("GET", "/pages/"+handle, nil)
	c.Want(shownAt, 200, nil)
	for _, w := range expressions[:4] {
		literal("the page", shownAt.Words(), w)
	}
	at := newGoods(owner, "Prov "+word, handle)
	literal("the product", owner.Do("GET", at, nil).Words(), word)
})
