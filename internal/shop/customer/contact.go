package customer

import (
	"slices"
	"strings"
	"unicode"

	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

// Contact is what a buyer gives.
type Contact struct {
	Email, Phone, Name, Company, OrgNumber, Reference string
	Newsletter                                        bool // never ticked beforehand
	Address                                           Address
	Billing                                           *Address `json:",omitempty"` // nil: the same
}

// Address is a postal address. Country is ISO 3166-1 alpha-2 in upper case.
type Address struct {
	CareOf, Line1, Line2, PostalCode, City, Country, DoorCode string
}

// EU lists the countries of the union, Sweden first: the shop's setting chooses among them.
var EU = []string{"SE", "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT",
	"LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SI", "SK"}

// Rules are what the shop and the delivery ask for.
type Rules struct {
	Countries     []string // that the shop sends to; empty: SE
	PhoneRequired bool     // the chosen delivery needs it
}

// Longest values, in characters.
const (
	maxName    = 100
	maxCompany = 100
	maxRef     = 60
	maxLine    = 100
	maxCity    = 60
	maxDoor    = 20
)

// Parse reads what a buyer typed and returns the canonical form, or a 422 fault
// naming each wrong field by its JSON pointer (/email, /address/postal_code,
// /billing_address/city …). An empty country is the first that the shop sends to.
func Parse(in Contact, r Rules) (Contact, error) {
	if len(r.Countries) == 0 {
		r.Countries = EU[:1]
	}
	var f fault.Fields
	out := Contact{Newsletter: in.Newsletter}
	if strings.TrimSpace(in.Email) == "" {
		f.Add("/email", "required")
	} else if e, err := secret.CanonicalEmail(in.Email); err != nil {
		f.Add("/email", "bad_email")
	} else {
		out.Email = e
	}
	out.Phone = phone(&f, in.Phone, r.PhoneRequired)
	out.Name = text(&f, "/name", in.Name, maxName, true)
	if out.Name != "" && strings.IndexFunc(out.Name, unicode.IsLetter) < 0 {
		f.Add("/name", "bad_value")
	}
	out.Company = text(&f, "/company", in.Company, maxCompany, false)
	out.Reference = text(&f, "/reference", in.Reference, maxRef, false)
	out.Address = address(&f, "/address", in.Address, r.Countries)
	country := out.Address.Country
	if b := in.Billing; b != nil && *b != (Address{}) {
		bill := address(&f, "/billing_address", *b, r.Countries)
		out.Billing, country = &bill, bill.Country
	}
	out.OrgNumber = orgNumber(&f, in.OrgNumber, country)
	return out, f.Err()
}

func phone(f *fault.Fields, s string, required bool) string {
	s, ok := clean(s)
	if s == "" && ok {
		if required {
			f.Add("/phone", "required")
		}
		return ""
	}
	p, err := secret.CanonicalPhone(s)
	if err != nil || !ok {
		f.Add("/phone", "bad_phone")
		return ""
	}
	return p
}

// text cleans one field of one line.
func text(f *fault.Fields, pointer, s string, limit int, required bool) string {
	// Before any work on it: what is so long is not a slip of the hand.
	if len(s) > 16*limit {
		f.Add(pointer, "too_long", "max", limit)
		return ""
	}
	s, ok := clean(s)
	switch n := len([]rune(s)); {
	case !ok:
		f.Add(pointer, "bad_characters")
		return ""
	case n > limit:
		f.Add(pointer, "too_long", "max", limit)
		return ""
	case n == 0 && required:
		f.Add(pointer, "required")
	}
	return s
}

// ParseAddress reads an address alone, in its own country, and returns the canonical form, or a 422
// fault naming each wrong field by its pointer (/line1, /postal_code …).
func ParseAddress(in Address) (Address, error) {
	var f fault.Fields
	out := address(&f, "", in, EU)
	return out, f.Err()
}

func address(f *fault.Fields, at string, in Address, countries []string) Address {
	out := Address{
		CareOf:   text(f, at+"/care_of", in.CareOf, maxLine, false),
		Line1:    text(f, at+"/line1", in.Line1, maxLine, true),
		Line2:    text(f, at+"/line2", in.Line2, maxLine, false),
		City:     text(f, at+"/city", in.City, maxCity, true),
		DoorCode: text(f, at+"/door_code", in.DoorCode, maxDoor, false),
	}
	for pointer, v := range map[string]string{"/line1": out.Line1, "/city": out.City} {
		if v != "" && strings.IndexFunc(v, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) < 0 {
			f.Add(at+pointer, "bad_value")
		}
	}
	country := strings.ToUpper(strings.TrimSpace(in.Country))
	if country == "" {
		country = countries[0]
	}
	if !slices.Contains(countries, country) {
		f.Add(at+"/country", "bad_country")
		return out // the postal code cannot be judged
	}
	out.Country = country
	postal, ok := clean(in.PostalCode)
	if postal == "" && ok {
		f.Add(at+"/postal_code", "required")
		return out
	}
	p, err := secret.CanonicalPostal(country, postal)
	if err != nil || !ok {
		f.Add(at+"/postal_code", "bad_postal_code")
		return out
	}
	out.PostalCode = p[3:]
	if country == "SE" {
		out.PostalCode = p[3:6] + " " + p[6:]
	}
	return out
}

// ParsePostalCode reads a postal code by itself, for delivery options before any
// other detail is asked for. The result is as in Address; 422 at /postal_code.
func ParsePostalCode(country, s string) (string, error) {
	var f fault.Fields
	postal, ok := clean(s)
	p, err := secret.CanonicalPostal(country, postal)
	if err != nil || !ok {
		f.Add("/postal_code", "bad_postal_code")
		return "", f.Err()
	}
	if country == "SE" {
		return p[3:6] + " " + p[6:], nil
	}
	return p[3:], nil
}

// orgNumber reads a company number. Swedish ones are ten digits whose last is a
// check digit (Luhn); "16" before them and the form of a VAT number are understood. Other
// countries' are kept as typed.
func orgNumber(f *fault.Fields, s, country string) string {
	s = text(f, "/org_number", s, 30, false)
	if s == "" {
		return ""
	}
	if country != "SE" && country != "" {
		if strings.IndexFunc(s, func(r rune) bool {
			return !(r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune(" -./", r))
		}) >= 0 {
			f.Add("/org_number", "bad_org_number")
			return ""
		}
		return strings.ToUpper(s)
	}
	d := strings.NewReplacer(" ", "", "-", "").Replace(strings.ToUpper(s))
	if rest, ok := strings.CutPrefix(d, "SE"); ok && len(rest) == 12 && strings.HasSuffix(rest, "01") {
		d = rest[:10]
	}
	if len(d) == 12 && (d[:2] == "16" || d[:2] == "19" || d[:2] == "20") {
		d = d[2:]
	}
	if len(d) != 10 || !luhn(d) || d == "0000000000" {
		f.Add("/org_number", "bad_org_number")
		return ""
	}
	return d[:6] + "-" + d[6:]
}

// luhn checks digits whose last is the check digit (ISO/IEC 7812-1, annex B).
func luhn(d string) bool {
	sum := 0
	for i := range len(d) {
		n := int(d[len(d)-1-i]) - '0'
		if n < 0 || n > 9 {
			return false
		}
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}
