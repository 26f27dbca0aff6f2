package content

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/money"
	"kassavalv/internal/secret"
)

// CompanyFacts is who sells: what e-handelslagen (2002:562) 8 §, distansavtalslagen
// 2 kap. 2 § and aktiebolagslagen 28 kap. 5 § want told.
type CompanyFacts struct {
	Name       string // registered name
	Shop       string // what the shop is called
	OrgNumber  string // "559999-0016"
	VATNumber  string // "SE559999001601"; empty when not registered for VAT
	FTax       bool   // approved for F-tax
	Seat       string // registered seat
	Street     string
	PostalCode string // "123 45"
	City       string
	Country    string // ISO 3166, two letters
	Mail       string
	Phone      string // as people write it
	HoursSV    string // when somebody answers
	HoursEN    string
	Bankgiro   string // "123-4567"; empty: no invoices of our own
	Accounts   string // where money comes in beside it: IBAN and account numbers, a comma between
	Example    bool   // an invented company: pages and documents say so
	Version    int64  // 0 for one that is new
	ValidFrom  time.Time
}

// Hours in the language.
func (c CompanyFacts) Hours(l lang.Lang) string {
	if l == lang.EN && c.HoursEN != "" {
		return c.HoursEN
	}
	return c.HoursSV
}

// AddressLines are street, postal code with city, and for readers abroad the country.
func (c CompanyFacts) AddressLines() []string { return []string{c.Street, c.PostalCode + " " + c.City} }

// Address is AddressLines in one line.
func (c CompanyFacts) Address() string { return strings.Join(c.AddressLines(), ", ") }

const companyCols = `name, shop, org_number, vat_number, f_tax, seat, street, postal_code, city, country, mail, phone, hours_sv, hours_en, bankgiro, accounts, example, version, valid_from`

func scanCompany(r *db.Row) (c CompanyFacts, err error) {
	err = r.Scan(&c.Name, &c.Shop, &c.OrgNumber, &c.VATNumber, &c.FTax, &c.Seat, &c.Street, &c.PostalCode, &c.City, &c.Country, &c.Mail, &c.Phone,
		&c.HoursSV, &c.HoursEN, &c.Bankgiro, &c.Accounts, &c.Example, &c.Version, &c.ValidFrom)
	return
}

// Company reads the company as it is now. db.ErrNotFound before the first
// SetCompany: a shop without a company must not sell.
func Company(q db.Q) (CompanyFacts, error) {
	return scanCompany(q.QueryRow(`SELECT ` + companyCols + ` FROM content_company ORDER BY version DESC LIMIT 1`))
}

// CompanyAt reads the company as it was at an instant, for documents of then; the
// first version where at lies before it.
func CompanyAt(q db.Q, at time.Time) (CompanyFacts, error) {
	c, err := scanCompany(q.QueryRow(`SELECT `+companyCols+` FROM content_company WHERE valid_from <= $1 ORDER BY version DESC LIMIT 1`, at))
	if errors.Is(err, db.ErrNotFound) {
		return scanCompany(q.QueryRow(`SELECT ` + companyCols + ` FROM content_company ORDER BY version LIMIT 1`))
	}
	return c, err
}

// changes says for the audit log what differs between two versions: numbers that
// money and law hang on with their values, the rest by name, because it may be a
// person's own address.
func (c CompanyFacts) changes(to CompanyFacts) (was, is string) {
	var a, b []string
	for _, f := range []struct {
		name     string
		was, is  string
		withheld bool
	}{
		{"org_number", c.OrgNumber, to.OrgNumber, false}, {"vat_number", c.VATNumber, to.VATNumber, false}, {"bankgiro", c.Bankgiro, to.Bankgiro, false}, {"accounts", c.Accounts, to.Accounts, false},
		{"f_tax", strconv.FormatBool(c.FTax), strconv.FormatBool(to.FTax), false}, {"example", strconv.FormatBool(c.Example), strconv.FormatBool(to.Example), false},
		{"name", c.Name, to.Name, true}, {"shop", c.Shop, to.Shop, true}, {"seat", c.Seat, to.Seat, true},
		{"address", c.Street + c.PostalCode + c.City + c.Country, to.Street + to.PostalCode + to.City + to.Country, true},
		{"mail", c.Mail, to.Mail, true}, {"phone", c.Phone, to.Phone, true}, {"hours", c.HoursSV + c.HoursEN, to.HoursSV + to.HoursEN, true},
	} {
		switch {
		case f.was == f.is:
		case f.withheld:
			b = append(b, f.name)
		default:
			a, b = append(a, f.name+" "+f.was), append(b, f.name+" "+f.is)
		}
	}
	return strings.Join(a, ", "), strings.Join(b, ", ")
}

// payoutTo is the payload of auth.ActPayout.
type payoutTo struct {
	Bankgiro string `json:"bankgiro"`
	Accounts string `json:"accounts"`
}

func (c CompanyFacts) payout() string {
	var out []string
	if c.Bankgiro != "" {
		out = append(out, "bankgiro "+c.Bankgiro)
	}
	if c.Accounts != "" {
		out = append(out, "accounts "+c.Accounts)
	}
	return strings.Join(out, ", ")
}

// PayoutAsk is what a second person is asked when customers are to pay to other
// accounts; false when they stay, and when there were none: the first ones take
// nobody's money away.
func PayoutAsk(old, to CompanyFacts) (auth.Ask, bool) {
	if old.payout() == "" || old.payout() == to.payout() {
		return auth.Ask{}, false
	}
	payload, err := json.Marshal(payoutTo{to.Bankgiro, to.Accounts})
	if err != nil {
		panic(err) // two plain fields
	}
	return auth.Ask{Act: auth.ActPayout, Entity: "company", ID: 1, Was: old.payout(), Is: to.payout(), Payload: payload}, true
}

// CarryPayout changes the accounts as they were approved. It is refused when they were
// changed since: what is approved is the step from the old ones to the new.
func CarryPayout(tx *db.Tx, by auth.By, _ db.ID, payload []byte) error {
	var p payoutTo
	if err := json.Unmarshal(payload, &p); err != nil {
		return err
	}
	c, err := Company(tx)
	if err != nil {
		return err
	}
	c.Bankgiro, c.Accounts = p.Bankgiro, p.Accounts
	_, err = SetCompany(tx, by, c)
	return err
}

// SetCompany stores the company as a new version. c.Version is the one that was
// read (0 for the first); 409 changed_meanwhile when it is no longer the newest,
// 422 with fields. Other accounts to pay to need a second person (auth.ActPayout).
func SetCompany(tx *db.Tx, by auth.By, c CompanyFacts) (CompanyFacts, error) {
	if err := by.Need(auth.SettingsWrite); err != nil {
		return CompanyFacts{}, err
	}
	if err := c.check(); err != nil {
		return CompanyFacts{}, err
	}
	old, err := Company(tx)
	if err != nil && !errors.Is(err, db.ErrNotFound) {
		return CompanyFacts{}, err
	}
	if c.Version != old.Version {
		return CompanyFacts{}, fault.Conflict("changed_meanwhile")
	}
	if k, ok := PayoutAsk(old, c); ok {
		if err := by.NeedSecond(k); err != nil {
			return CompanyFacts{}, err
		}
	}
	c.Version++
	c.ValidFrom = tx.LegalNow()
	_, err = tx.Exec(`INSERT INTO content_company (id, name, shop, org_number, vat_number, f_tax, seat, street, postal_code, city, country, mail, phone, hours_sv, hours_en,
		bankgiro, accounts, example, version, author, valid_from) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21)`,
		tx.NewID(), c.Name, c.Shop, c.OrgNumber, c.VATNumber, c.FTax, c.Seat, c.Street, c.PostalCode, c.City, c.Country, c.Mail, c.Phone, c.HoursSV, c.HoursEN,
		c.Bankgiro, c.Accounts, c.Example, c.Version, author(by), c.ValidFrom)
	if db.IsUnique(err) { // two at once, on PostgreSQL
		return CompanyFacts{}, fault.Conflict("changed_meanwhile")
	}
	if err != nil {
		return CompanyFacts{}, err
	}
	was, is := old.changes(c)
	if err := record(tx, by, "company.change", "company", 1, was, is); err != nil {
		return CompanyFacts{}, err
	}
	return c, tx.Changed("company", 1)
}

// check tidies the values and names each wrong one.
func (c *CompanyFacts) check() error {
	var f fault.Fields
	for _, x := range []struct {
		pointer  string
		s        *string
		max      int
		required bool
	}{{"/name", &c.Name, 120, true}, {"/shop", &c.Shop, 60, true}, {"/seat", &c.Seat, 60, true}, {"/street", &c.Street, 100, true},
		{"/city", &c.City, 60, true}, {"/phone", &c.Phone, 30, true}, {"/hours_sv", &c.HoursSV, 120, true}, {"/hours_en", &c.HoursEN, 120, true}} {
		*x.s = tidy(*x.s)
		line(&f, x.pointer, *x.s, x.max, x.required)
	}
	if org, ok := OrgNumber(c.OrgNumber); ok {
		c.OrgNumber = org
		if vat := strings.ToUpper(strings.ReplaceAll(c.VATNumber, " ", "")); vat == "" || vatFits(vat, org) {
			c.VATNumber = vat
		} else {
			f.Add("/vat_number", "bad_value")
		}
	} else {
		f.Add("/org_number", "bad_org_number")
	}
	if c.Country == "" {
		c.Country = "SE"
	}
	if p, err := secret.CanonicalPostal(c.Country, c.PostalCode); err != nil {
		f.Add("/postal_code", "bad_postal_code")
	} else if c.Country == "SE" {
		c.PostalCode = p[3:6] + " " + p[6:]
	}
	if m, err := secret.CanonicalEmail(c.Mail); err != nil {
		f.Add("/mail", "bad_email")
	} else {
		c.Mail = m
	}
	if _, err := secret.CanonicalPhone(c.Phone); err != nil && c.Phone != "" {
		f.Add("/phone", "bad_phone")
	}
	if c.Bankgiro != "" {
		if g, ok := bankgiro(c.Bankgiro); ok {
			c.Bankgiro = g
		} else {
			f.Add("/bankgiro", "bad_value")
		}
	}
	var bad bool
	if c.Accounts, bad = accounts(c.Accounts); bad {
		f.Add("/accounts", "bad_account")
	}
	return f.Err()
}

// OrgNumber gives the canonical form "NNNNNN-NNNN" of a Swedish organisation number,
// or false when its ten digits fail the check digit.
func OrgNumber(s string) (string, bool) {
	d := strings.NewReplacer("-", "", " ", "").Replace(s)
	if len(d) != 10 || !digits(d) || !luhn(d) {
		return "", false
	}
	return d[:6] + "-" + d[6:], true
}

// vatFits: SE, the ten digits, and two more that are not 00 (skatteförfarandelagen: 01
// for all but groups).
func vatFits(vat, org string) bool {
	return len(vat) == 14 && strings.HasPrefix(vat, "SE") && vat[2:12] == strings.ReplaceAll(org, "-", "") && digits(vat[12:]) && vat[12:] != "00"
}

// bankgiro numbers have seven or eight digits, the last a check digit.
func bankgiro(s string) (string, bool) {
	d := strings.NewReplacer("-", "", " ", "").Replace(s)
	if len(d) < 7 || len(d) > 8 || !digits(d) || !luhn(d) {
		return "", false
	}
	return d[:len(d)-4] + "-" + d[len(d)-4:], true
}

// Accounts are the numbers under which the shop's own money comes in: its bankgiro
// number, IBAN and account numbers. None before there is a company.
func Accounts(q db.Q) ([]string, error) {
	c, err := Company(q)
	if errors.Is(err, db.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	if c.Bankgiro != "" {
		out = append(out, c.Bankgiro)
	}
	for a := range strings.SplitSeq(c.Accounts, ",") {
		if a = strings.TrimSpace(a); a != "" {
			out = append(out, a)
		}
	}
	return out, nil
}

// accounts tidies a list of account numbers: IBAN with right check digits (ISO 13616)
// or 8 to 20 digits, ten at most.
func accounts(s string) (string, bool) {
	var out []string
	for a := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == ';' || r == '\n' }) {
		a = strings.ToUpper(strings.NewReplacer(" ", "", "\u00a0", "", "-", "", ".", "").Replace(strings.TrimSpace(a)))
		switch {
		case a == "":
		case digits(a) && len(a) >= 8 && len(a) <= 20, money.ValidIBAN(a):
			out = append(out, a)
		default:
			return s, true
		}
	}
	return strings.Join(out, ", "), len(out) > 10
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// luhn reports whether the last digit is the check digit of the others.
func luhn(s string) bool {
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
