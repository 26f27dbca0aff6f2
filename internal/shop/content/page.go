package content

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
)

// Handles of the pages that the law or the shop's own links need.
const (
	Terms          = "villkor"
	Withdrawal     = "angerratt"
	WithdrawalForm = "angerblankett"
	Privacy        = "integritet"
	Accessibility  = "tillganglighet"
	Delivery       = "frakt"
	About          = "om-oss"
	Security       = "sakerhet"
	Cookies        = "kakor"
)

// aliases are other names under which pages are linked; Page answers with the
// page's own handle, so that a face can lead there.
var aliases = map[string]string{"leverans": Delivery, "retur": Withdrawal, "kopvillkor": Terms}

// Kinds of pages. A legal page cannot be unpublished.
const (
	Legal = "legal"
	Info  = "info"
)

// PageText is one version of a page in one language.
type PageText struct {
	ID        db.ID
	Handle    string
	Kind      string
	Version   int64
	Lang      lang.Lang // of the text
	Fallback  bool      // another language was asked for
	Title     string
	Body      string // Markdown; its first heading level is the page's second
	Author    string
	ValidFrom time.Time
	Created   time.Time
}

// VersionString is how orders name the version.
func (p PageText) VersionString() string { return strconv.FormatInt(p.Version, 10) }

const pageCols = `id, handle, kind, version, lang, title, body, author, valid_from, created_at`

func scanPage(r interface{ Scan(...any) error }) (p PageText, err error) {
	var l string
	err = r.Scan(&p.ID, &p.Handle, &p.Kind, &p.Version, &l, &p.Title, &p.Body, &p.Author, &p.ValidFrom, &p.Created)
	p.Lang = lang.Lang(l)
	return
}

// Page reads the version of a page that is valid at an instant, in Swedish when
// the language asked for is not there. A 404 fault when there is no such page.
func Page(q db.Q, handle string, l lang.Lang, at time.Time) (PageText, error) {
	if to := aliases[handle]; to != "" {
		handle = to
	}
	var v int64
	err := q.QueryRow(`SELECT version FROM content_page WHERE handle=$1 AND lang='sv' AND valid_from <= $2 ORDER BY valid_from DESC, version DESC LIMIT 1`, handle, at).Scan(&v)
	if errors.Is(err, db.ErrNotFound) {
		return PageText{}, fault.NotFound()
	}
	if err != nil {
		return PageText{}, err
	}
	return version(q, handle, l, v)
}

// PageNow is Page by the clock of laws.
func PageNow(q db.Q, handle string, l lang.Lang) (PageText, error) {
	return Page(q, handle, l, q.LegalNow())
}

// PageVersion reads one version as an order names it. A 404 fault when there is
// none.
func PageVersion(q db.Q, handle string, l lang.Lang, v string) (PageText, error) {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n <= 0 {
		return PageText{}, fault.NotFound()
	}
	return version(q, handle, l, n)
}

func version(q db.Q, handle string, l lang.Lang, v int64) (PageText, error) {
	ps, err := db.All(q, func(r *db.Rows) (PageText, error) { return scanPage(r) }, `SELECT `+pageCols+` FROM content_page WHERE handle=$1 AND version=$2`, handle, v)
	if err != nil {
		return PageText{}, err
	}
	var found PageText
	for _, p := range ps {
		if p.Lang == l.Or() {
			return p, nil
		}
		if p.Lang == lang.SV {
			found = p
		}
	}
	if found.ID == 0 {
		return PageText{}, fault.NotFound()
	}
	found.Fallback = true
	return found, nil
}

// TermsVersion names the version of the terms that is valid now. 503 not_ready when
// the shop has none: it cannot make a contract.
func TermsVersion(q db.Q) (string, error) {
	p, err := PageNow(q, Terms, lang.SV)
	if fault.Is(err, "not_found") {
		return "", fault.Busy("not_ready", time.Hour)
	}
	return p.VersionString(), err
}

// Pages lists the valid version of every page in the language, by handle, without
// bodies.
func Pages(q db.Q, l lang.Lang) ([]PageText, error) {
	all, err := db.All(q, func(r *db.Rows) (p PageText, err error) {
		var ls string
		err = r.Scan(&p.ID, &p.Handle, &p.Kind, &p.Version, &ls, &p.Title, &p.Author, &p.ValidFrom, &p.Created)
		p.Lang = lang.Lang(ls)
		return
	}, `SELECT id, handle, kind, version, lang, title, author, valid_from, created_at FROM content_page WHERE valid_from <= $1 ORDER BY handle, valid_from DESC, version DESC`, q.LegalNow())
	if err != nil {
		return nil, err
	}
	var out []PageText
	for _, p := range all {
		n := len(out)
		switch {
		case n == 0 || out[n-1].Handle != p.Handle:
			p.Fallback = p.Lang != l.Or()
			out = append(out, p)
		case out[n-1].Version == p.Version && p.Lang == l.Or():
			out[n-1] = p
		}
	}
	return out, nil
}

// History lists every version of a page, newest first, for staff.
func History(q db.Q, by auth.By, handle string) ([]PageText, error) {
	if err := by.Need(auth.SettingsRead); err != nil {
		return nil, err
	}
	return db.All(q, func(r *db.Rows) (PageText, error) { return scanPage(r) }, `SELECT `+pageCols+` FROM content_page WHERE handle=$1 ORDER BY version DESC, lang DESC LIMIT 400`, handle)
}

// Text of a page in one language.
type Text struct{ Title, Body string }

// NewPage is a version to be.
type NewPage struct {
	Handle    string
	Kind      string             // Legal or Info
	ValidFrom time.Time          // zero: now; may lie ahead, never back
	Texts     map[lang.Lang]Text // Swedish is required
	Base      int64              // the version that was edited; 0: a new page
}

// MaxBody is the most bytes of one text; the renderer takes no more.
const MaxBody = 100 << 10

var handleForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// PutPage stores a new version and returns its number. 422 with fields, 409
// changed_meanwhile when Base is no longer the newest version.
func PutPage(tx *db.Tx, by auth.By, in NewPage) (int64, error) {
	if err := by.Need(auth.SettingsWrite); err != nil {
		return 0, err
	}
	if in.ValidFrom.IsZero() {
		in.ValidFrom = tx.LegalNow()
	}
	if err := in.check(tx.LegalNow()); err != nil {
		return 0, err
	}
	// The counter's row is taken first, so that two editors take turns.
	var v int64
	if err := tx.QueryRow(`INSERT INTO content_handle (handle, last) VALUES ($1, 1)
		ON CONFLICT (handle) DO UPDATE SET last=content_handle.last+1 RETURNING last`, in.Handle).Scan(&v); err != nil {
		return 0, err
	}
	if v != in.Base+1 {
		return 0, fault.Conflict("changed_meanwhile")
	}
	for _, l := range lang.All {
		t, ok := in.Texts[l]
		if !ok {
			continue
		}
		id := tx.NewID()
		if _, err := tx.Exec(`INSERT INTO content_page (id, handle, kind, version, lang, title, body, author, valid_from, created_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)`,
			id, in.Handle, in.Kind, v, string(l), tidy(t.Title), body(t.Body), author(by), in.ValidFrom, tx.Now()); err != nil {
			return 0, err
		}
		if err := tx.Changed("page", id); err != nil {
			return 0, err
		}
	}
	return v, record(tx, by, "page.publish", "page", 0, "", in.Handle+" "+strconv.FormatInt(v, 10))
}

func body(s string) string {
	return strings.TrimSpace(strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n"))
}

func (in NewPage) check(now time.Time) error {
	var f fault.Fields
	if !handleForm.MatchString(in.Handle) || len(in.Handle) > 60 || aliases[in.Handle] != "" {
		f.Add("/handle", "bad_value")
	}
	if in.Kind != Legal && in.Kind != Info {
		f.Add("/kind", "bad_value")
	}
	if in.ValidFrom.Before(now) || in.ValidFrom.After(now.AddDate(2, 0, 0)) {
		f.Add("/valid_from", "bad_date")
	}
	if _, ok := in.Texts[lang.SV]; !ok {
		f.Add("/texts/sv", "required")
	}
	for l, t := range in.Texts {
		p := "/texts/" + string(l)
		if l != lang.SV && l != lang.EN {
			f.Add("/texts", "bad_value")
			continue
		}
		line(&f, p+"/title", tidy(t.Title), 120, true)
		b := body(t.Body)
		switch {
		case b == "":
			f.Add(p+"/body", "required")
		case len(b) > MaxBody:
			f.Add(p+"/body", "too_long")
		case !utf8.ValidString(b) || strings.ContainsFunc(b, func(r rune) bool { return r != '\n' && r != '\t' && unicode.IsControl(r) }):
			f.Add(p+"/body", "bad_characters")
		}
	}
	return f.Err()
}
