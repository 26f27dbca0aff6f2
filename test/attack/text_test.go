package attack

import (
	"net/url"
	"strings"
	"testing"

	"kassavalv/internal/apptest"
)

// till writes an address into a new cart, as a buyer would.
func till(c *apptest.Client, mail string) (apptest.Answer, apptest.Cart) {
	c.T.Helper()
	k := c.Cart(1, stall(c))
	who := apptest.Buyer(mail)
	a := c.Do("PUT", apptest.API+"/carts/"+k.ID+"/customer", who)
	if a.Status == 200 {
		a.JSON(&k)
	}
	return a, k
}

// written is the address as the cart has it.
func written(a apptest.Answer) string {
	var k struct {
		Customer struct {
			Email string `json:"email"`
		} `json:"customer"`
	}
	a.JSON(&k)
	return k.Customer.Email
}

var _ = attack("AC-203", func(t *testing.T, c *apptest.Client) {
	n := strings.TrimSuffix(apptest.NewMail(), "@example.se")
	// Letters that look like others, of another script or another width.
	lookalikes := []string{n + "\u043e@example.se", "\u0430nna" + n + "@example.se", n + "@ex\u0430mple.se", n + "@p\u0430ypal.se", n + "@\u0440\u0430ypal.se", n + "\uff20example.se", n + "@\uff45xample.se", n + "@example\u3002se", n + "@example\uff0ese", n + "\u200b@example.se",
		n + "@exa\u00admple.se", n + "\u202e@example.se", n + "@exam\u0440le.se", n + "@\u0501oogle.se\u200d", n + "@xn--pypal-4ve.se", n + "\u0130@example.se", "\u212ael" + n + "@example.se"}
	owner := c.Staff(c, "owner")
	invite := func(mail string) apptest.Answer {
		return owner.Form("/admin/staff", url.Values{"name": {"Prov"}, "email": {mail}, "role": {"reader"}})
	}
	staff := c.Count(`SELECT count(*) FROM auth_staff`)
	for _, x := range lookalikes {
		if a := invite(x); a.Status != 422 {
			t.Errorf("staff %+q: %d", x, a.Status)
		}
		if a, _ := till(c.Other(), x); a.Status != 422 {
			t.Errorf("buyer %+q: %d %+q", x, a.Status, written(a))
		}
		if a := signIn(c.Other(), x, "fel lösen ramsa", "000000"); a.Status != 401 {
			t.Errorf("sign-in %+q: %d", x, a.Status)
		}
		if a := c.Form("/support", url.Values{"topic": {"other"}, "message": {"hej"}, "name": {"N"}, "email": {x}}); a.Status != 422 {
			t.Errorf("question from %+q: %d", x, a.Status)
		}
	}
	// Whole names in other letters are for buyers, in one form; not for staff.
	for _, x := range []string{n + "@r\u00e4ksm\u00f6rg\u00e5s.se", n + "@xn--rksmrgs-5wao1o.se", n + "@ra\u0308ksmo\u0308rga\u030as.se", n + "@R\u00c4KSM\u00d6RG\u00c5S.se"} {
		if a := invite(x); a.Status != 422 {
			t.Errorf("staff %+q: %d", x, a.Status)
		}
		a, _ := till(c.Other(), x)
		if got := written(a); got != n+"@xn--rksmrgs-5wao1o.se" {
			t.Errorf("buyer %+q: %d %q", x, a.Status, got)
		}
	}
	if got := c.Count(`SELECT count(*) FROM auth_staff`); got < staff {
		t.Errorf("%d members became %d", staff, got)
	}
	// The twins: a plain address is invited, and once in every spelling of it.
	plain := n + "@example.se"
	c.AsOwner(c, "/admin/staff", url.Values{"name": {"Prov"}, "email": {strings.ToUpper(plain)}, "role": {"reader"}})
	if a := invite(" " + plain + " "); a.Status != 422 && a.Status != 409 {
		t.Errorf("invited twice: %d", a.Status)
	}
	if m := c.OneMail(plain); len(m.To) != 1 || m.To[0] != plain {
		t.Errorf("the letter went to %q", m.To)
	}
	// An order of an address in other letters is mailed to the one form that was stored.
	_, k := till(c, n+"@r\u00e4ksm\u00f6rg\u00e5s.se")
	_, o := c.PaidCart(c.Complete(k.ID, apptest.Buyer(n+"@r\u00e4ksm\u00f6rg\u00e5s.se")))
	if m := c.OneMail(n + "@xn--rksmrgs-5wao1o.se"); len(m.To) != 1 || m.To[0] != n+"@xn--rksmrgs-5wao1o.se" || !strings.Contains(m.Text, o.Number) {
		t.Errorf("the letter went to %q", m.To)
	}
	for _, spelling := range []string{n + "@r\u00e4ksm\u00f6rg\u00e5s.se", n + "@xn--rksmrgs-5wao1o.se"} {
		if a := c.Form("/orders/find", url.Values{"number": {o.Number}, "email": {spelling}}); a.Status != 303 {
			t.Errorf("the order by %+q: %d", spelling, a.Status)
		}
	}
	if a := c.Staff(c, "owner").Opened("/admin/orders/"+o.Number, "customer_question"); !strings.Contains(a.Words(), "xn--rksmrgs-5wao1o.se") {
		t.Error("staff do not see the plain form")
	}
})

var _ = attack("AC-207", func(t *testing.T, c *apptest.Client) {
	n := strings.TrimSuffix(apptest.NewMail(), "@example.se")
	evil := "evil-" + strings.ToLower(aWord()) + "@example.se"
	bad := []string{`"` + n + `@evil"@example.se`, n + "(b)@example.se", n + "@example.se(" + evil + ")", "<" + n + "@example.se>", `"x" <` + n + "@example.se>", n + "@example.se," + evil, n + "@example.se;" + evil, n + "@example.se " + evil, n + "@[192.0.2.4]", n + "@[IPv6:::1]",
		n + "@example.se.", n + "@" + strings.Repeat("a", 320) + ".se", strings.Repeat("a", 65) + "@example.se", n + "@@example.se", n + "@" + evil, "@example.se", n + "@", n, n + "@localhost", n + "@1.2.3.4", "." + n + "@example.se", n + ".@example.se", n + "..x@example.se", n + " @example.se", n + "@ example.se",
		n + "@example.se\r\nBcc: " + evil, n + "@example.se\nTo: " + evil, n + "@example.se%0d%0aBcc:" + evil, n + "\t@example.se", n + "@example.se\x00" + evil, n + "@-example.se", n + "@example-.se", n + "@exa_mple.se", n + "@example..se", `\"` + n + "@example.se", n + "@example.se>" + evil, "mailto:" + n + "@example.se",
		"=?utf-8?q?" + n + "?=@example.se", n + "%" + evil, n + "!" + evil + "@", n + ":" + evil, "x:" + n + "@example.se;", n + "@example.se<script>", n + "'@example.se\"", n + "@example,se", n + "@[example.se]"}
	owner := c.Staff(c, "owner")
	before := len(c.Mails(evil))
	for _, x := range bad {
		if a, _ := till(c.Other(), x); a.Status != 422 && a.Status != 400 {
			t.Errorf("buyer %q: %d %q", x, a.Status, written(a))
		}
		v := c.Other()
		if a := owner.Form("/admin/staff", url.Values{"name": {"P"}, "email": {x}, "role": {"reader"}}); a.Status != 422 && a.Status != 400 {
			t.Errorf("staff %q: %d", x, a.Status)
		}
		if a := v.Form("/support", url.Values{"topic": {"other"}, "message": {"hej"}, "name": {"N"}, "email": {x}}); a.Status != 422 && a.Status != 400 {
			t.Errorf("question from %q: %d", x, a.Status)
		}
		if a := v.Form("/withdraw/confirm", url.Values{"name": {"N"}, "number": {"12345678"}, "email": {x}}); a.Status != 422 && a.Status != 400 {
			t.Errorf("withdrawal from %q: %d", x, a.Status)
		}
		if a := v.Form("/orders/find", url.Values{"number": {"12345678"}, "email": {x}}); a.Status != 422 && a.Status != 400 {
			t.Errorf("order of %q: %d", x, a.Status)
		}
		if a := v.Form("/admin/recover", url.Values{"email": {x}}); a.Status != 200 && a.Status != 400 {
			t.Errorf("recovery of %q: %d", x, a.Status)
		}
	}
	// The twins: what is an address is stored in one form, and that one is mailed, byte for byte.
	for in, want := range map[string]string{n + "+a.b@example.se": n + "+a.b@example.se", " " + strings.ToUpper(n) + "2@EXAMPLE.SE\t": strings.ToLower(n) + "2@example.se", "o'x_" + n + "@mail.example.se": "o'x_" + n + "@mail.example.se"} {
		a, k := till(c.Other(), in)
		if a.Status != 200 || written(a) != want {
			t.Errorf("%q: %d %q", in, a.Status, written(a))
			continue
		}
		_, o := c.PaidCart(c.Complete(k.ID, apptest.Buyer(in)))
		m := c.OneMail(want)
		if len(m.To) != 1 || m.To[0] != want || !strings.Contains(m.Text, o.Number) {
			t.Errorf("%q was mailed to %q", in, m.To)
		}
		head, _, _ := strings.Cut(c.RawMail(m.ID), "\r\n\r\n")
		if strings.Count(strings.ToLower("\r\n"+head), "\r\nto:") != 1 || strings.Contains(strings.ToLower(head), "\r\nbcc:") || !strings.Contains(head, want) {
			t.Errorf("the head of the letter: %s", head)
		}
	}
	if got := len(c.Mails(evil)) - before; got != 0 {
		t.Errorf("%d letters to an address behind another", got)
	}
	for _, m := range c.Mails("") {
		if len(m.To) != 1 {
			t.Errorf("a letter to %q", m.To)
		}
	}
})
