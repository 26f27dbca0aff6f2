package customer

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"kassavalv/internal/fault"
)

func good() Contact {
	return Contact{Email: " Anna.Ek@Example.SE ", Phone: "070-174 06 05", Name: "  Åsa  O'Brien von Linné-Öberg ", Company: "Ek & Dotter AB", OrgNumber: "5560000001",
		Reference: "Beställning 7", Newsletter: true,
		Address: Address{CareOf: "Ek", Line1: "Storgatan 1", PostalCode: "12345", City: "Umeå", DoorCode: "12#4"}}
}

func pointers(t *testing.T, err error) string {
	t.Helper()
	f := fault.As(err)
	if f == nil || f.Kind != fault.Unprocessable {
		t.Fatalf("not a 422: %v", err)
	}
	var out []string
	for _, x := range f.Fields {
		out = append(out, x.Pointer+" "+x.Code)
	}
	return strings.Join(out, ", ")
}

func TestParse(t *testing.T) {
	in := good()
	in.Billing = &Address{Line1: "Box 1", PostalCode: "54 321", City: "Lund", Country: "se"}
	got, err := Parse(in, Rules{})
	if err != nil {
		t.Fatal(err)
	}
	want := Contact{Email: "anna.ek@example.se", Phone: "+46701740605", Name: "Åsa O'Brien von Linné-Öberg", Company: "Ek & Dotter AB", OrgNumber: "556000-0001",
		Reference: "Beställning 7", Newsletter: true,
		Address: Address{CareOf: "Ek", Line1: "Storgatan 1", PostalCode: "123 45", City: "Umeå", Country: "SE", DoorCode: "12#4"},
		Billing: &Address{Line1: "Box 1", PostalCode: "543 21", City: "Lund", Country: "SE"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	again, err := Parse(got, Rules{})
	if d := cmp.Diff(got, again); d != "" || err != nil {
		t.Error("not stable:", d, err)
	}
	in.Billing = &Address{}
	if got, err := Parse(in, Rules{}); err != nil || got.Billing != nil {
		t.Error("an empty billing address is none:", got.Billing, err)
	}
}

func TestParseNamesEachField(t *testing.T) {
	cases := map[string]struct {
		change func(*Contact)
		rules  Rules
		want   string
	}{
		"nothing":         {func(c *Contact) { *c = Contact{} }, Rules{}, "/email required, /name required, /address/line1 required, /address/city required, /address/postal_code required"},
		"mail":            {func(c *Contact) { c.Email = "a@b" }, Rules{}, "/email bad_email"},
		"mail header":     {func(c *Contact) { c.Email = "a@x.se\r\nBcc: b@x.se" }, Rules{}, "/email bad_email"},
		"no phone":        {func(c *Contact) { c.Phone = " " }, Rules{PhoneRequired: true}, "/phone required"},
		"phone":           {func(c *Contact) { c.Phone = "12" }, Rules{}, "/phone bad_phone"},
		"line break":      {func(c *Contact) { c.Name = "Anna\nEk" }, Rules{}, "/name bad_characters"},
		"carriage return": {func(c *Contact) { c.Address.Line1 = "Gatan 1\r\nBcc: x" }, Rules{}, "/address/line1 bad_characters"},
		"nul":             {func(c *Contact) { c.Company = "A\x00B" }, Rules{}, "/company bad_characters"},
		"bad utf-8":       {func(c *Contact) { c.Name = "A\xff" }, Rules{}, "/name bad_characters"},
		"line separator":  {func(c *Contact) { c.Name = "A\u2028B" }, Rules{}, "/name bad_characters"},
		"private use":     {func(c *Contact) { c.Name = "A\ue000B" }, Rules{}, "/name bad_characters"},
		"marks":           {func(c *Contact) { c.Name = "A" + strings.Repeat("\u0325", 6) }, Rules{}, "/name bad_characters"},
		"long":            {func(c *Contact) { c.Name = strings.Repeat("å", 101) }, Rules{}, "/name too_long"},
		"very long":       {func(c *Contact) { c.Address.City = strings.Repeat("å", 1<<16) }, Rules{}, "/address/city too_long"},
		"digits":          {func(c *Contact) { c.Name = "12345" }, Rules{}, "/name bad_value"},
		"dots":            {func(c *Contact) { c.Address.Line1 = "..." }, Rules{}, "/address/line1 bad_value"},
		"only invisible":  {func(c *Contact) { c.Name = "\u200b\u202e" }, Rules{}, "/name required"},
		"postal":          {func(c *Contact) { c.Address.PostalCode = "1234" }, Rules{}, "/address/postal_code bad_postal_code"},
		"country":         {func(c *Contact) { c.Address.Country = "NO" }, Rules{}, "/address/country bad_country"},
		"not allowed":     {func(c *Contact) { c.Address.Country = "DE" }, Rules{Countries: []string{"SE", "DK"}}, "/address/country bad_country"},
		"org":             {func(c *Contact) { c.OrgNumber = "5560000002" }, Rules{}, "/org_number bad_org_number"},
		"org letters":     {func(c *Contact) { c.OrgNumber = "55600000OI" }, Rules{}, "/org_number bad_org_number"},
		"org nothing":     {func(c *Contact) { c.OrgNumber = "000000-0000" }, Rules{}, "/org_number bad_org_number"},
		"billing":         {func(c *Contact) { c.Billing = &Address{City: "Lund"} }, Rules{}, "/billing_address/line1 required, /billing_address/postal_code required"},
	}
	for name, c := range cases {
		in := good()
		if _, err := Parse(in, c.rules); err != nil && name != "not allowed" {
			t.Fatal("control:", err)
		}
		c.change(&in)
		_, err := Parse(in, c.rules)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if got := pointers(t, err); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestRealNamesPass(t *testing.T) {
	for in, want := range map[string]string{
		"Åsa Öberg": "Åsa Öberg", "A\u030asa": "Åsa", "O'Brien": "O'Brien", "O’Brien": "O’Brien", "Carl-Gustaf af Ugglas": "Carl-Gustaf af Ugglas",
		"Nguyễn Thị": "Nguyễn Thị", "محمد": "محمد", "می\u200cخواهم": "می\u200cخواهم", "李小龍": "李小龍", "Ana 🐝": "Ana 🐝", "👩\u200d🚀 Ek": "👩\u200d🚀 Ek", "J. R. (Bob) <b>": "J. R. (Bob) <b>",
		"Anna\u00a0Ek": "Anna Ek", "Anna\tEk": "Anna Ek", "\u202aAnna\u202c": "Anna", "An\u00adna": "Anna", "A\u200dnna": "Anna", "Anna\n": "Anna", "X Æ A-12": "X Æ A-12",
	} {
		c := good()
		c.Name = in
		got, err := Parse(c, Rules{})
		if err != nil || got.Name != want {
			t.Errorf("%q: %q %v", in, got.Name, err)
		}
	}
	c := good()
	c.Phone, c.Address.PostalCode = "\u202a070-174 06 05\u202c", "\u200e123 45"
	if got, err := Parse(c, Rules{}); err != nil || got.Phone != "+46701740605" || got.Address.PostalCode != "123 45" {
		t.Error(got, err)
	}
}

func TestOtherCountries(t *testing.T) {
	c := good()
	c.Address.Country, c.Address.PostalCode, c.OrgNumber = "nl", "1234 ab", "NL 1234.567"
	got, err := Parse(c, Rules{Countries: EU})
	if err != nil || got.Address.Country != "NL" || got.Address.PostalCode != "1234AB" || got.OrgNumber != "NL 1234.567" {
		t.Error(got, err)
	}
	if len(EU) != 27 || EU[0] != "SE" {
		t.Error(EU)
	}
	if p, err := ParsePostalCode("SE", " 123\u00a045"); err != nil || p != "123 45" {
		t.Error(p, err)
	}
	if _, err := ParsePostalCode("SE", "x"); pointers(t, err) != "/postal_code bad_postal_code" {
		t.Error(err)
	}
}

func TestOrgNumber(t *testing.T) {
	for _, in := range []string{"556000-0001", "5560000001", "16556000-0001", "SE556000000101", "se 556000-0001 01"} {
		var f fault.Fields
		if got := orgNumber(&f, in, "SE"); got != "556000-0001" || len(f) > 0 {
			t.Errorf("%q: %q %v", in, got, f)
		}
	}
}

// Whatever is typed: no panic, and what is taken is canonical, one line, and
// stays as it is when parsed again.
func FuzzParse(f *testing.F) {
	g := good()
	f.Add(g.Email, g.Phone, g.Name, g.OrgNumber, g.Address.Line1, g.Address.PostalCode, g.Address.City, "SE")
	f.Add("a@b.se", "", "A\u200d\u0325\u0301", "SE556000000101", "\u1160\u202e1", "SE-123 45", "\ufeffÅ", "de")
	f.Add("a@räk.se", "+46 (0)8 123 456", "می\u200cخواهم", "", "1\u0958", "1234 AB", "X", "NL")
	f.Fuzz(func(t *testing.T, email, phone, name, org, line, postal, city, country string) {
		r := Rules{Countries: EU}
		got, err := Parse(Contact{Email: email, Phone: phone, Name: name, OrgNumber: org, Address: Address{Line1: line, PostalCode: postal, City: city, Country: country}}, r)
		if err != nil {
			return
		}
		again, err := Parse(got, r)
		if d := cmp.Diff(got, again); d != "" || err != nil {
			t.Fatalf("not stable: %s %v", d, err)
		}
		b, err := json.Marshal(got)
		if err != nil || len(b) > 4000 {
			t.Fatal(len(b), err)
		}
		for _, s := range []string{got.Email, got.Phone, got.Name, got.OrgNumber, got.Address.Line1, got.Address.PostalCode, got.Address.City, got.Address.Country} {
			for _, x := range s {
				if unicode.IsControl(x) || unicode.Is(invisible, x) || x == '\u2028' || x == '\u2029' {
					t.Fatalf("%U in %q", x, s)
				}
			}
		}
	})
}

func TestSuggestEmail(t *testing.T) {
	for in, want := range map[string]string{
		"a@gmial.com": "a@gmail.com", "a@gmail.con": "a@gmail.com", "a@gmal.com": "a@gmail.com", "a@hotmial.com": "a@hotmail.com", "a@hotmal.se": "a@hotmail.se",
		"a@outlok.com": "a@outlook.com", "a@iclod.com": "a@icloud.com", "a@telia.con": "a@telia.com", "a@yaho.com": "a@yahoo.com", "a@foretaget.con": "a@foretaget.com", "a@foretaget.see": "a@foretaget.se",
		"a@gmail.com": "", "a@mail.com": "", "a@live.se": "", "a@live.com": "", "a@example.se": "", "a@gmx.net": "", "a@hotmail.no": "", "a@me.com": "", "": "", "a@": "", "a@ek.se": "", "a@ms.com": "a@msn.com",
	} {
		if got := SuggestEmail(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	for _, d := range append(append([]string{}, mailDomains...), realDomains...) {
		if got := SuggestEmail("a@" + d); got != "" {
			t.Errorf("%s: %s", d, got)
		}
	}
}
