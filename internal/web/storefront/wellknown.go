package storefront

import (
	"net/http"
	"strings"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/web"
)

// securityTxt is "/.well-known/security.txt" (RFC 9116). It expires within half a
// year; a shop that still stands renews it each day by itself.
func (s *Store) securityTxt(w http.ResponseWriter, r *web.Request) error {
	f, err := read(s, r.Context(), func(q *db.Reader) (*frame, error) { return s.framed(q) })
	if err != nil {
		return err
	}
	var b strings.Builder
	if f.company.Mail != "" {
		b.WriteString("Contact: mailto:" + f.company.Mail + "\n")
	}
	b.WriteString("Contact: " + s.Origin + "/support\n")
	b.WriteString("Expires: " + r.Now().UTC().Truncate(24*time.Hour).AddDate(0, 6, 0).Format(time.RFC3339) + "\n")
	b.WriteString("Preferred-Languages: sv, en\n")
	b.WriteString("Canonical: " + s.Origin + "/.well-known/security.txt\n")
	b.WriteString("Policy: " + s.Origin + "/pages/sakerhet\n")
	web.Revalidate(w)
	return web.Bytes(w, r, http.StatusOK, "text/plain; charset=utf-8", []byte(b.String()))
}

// changePassword is "/.well-known/change-password" (W3C): where password managers
// lead people.
func (s *Store) changePassword(w http.ResponseWriter, r *web.Request) error {
	return web.SeeOther(w, r, "/account/security")
}
