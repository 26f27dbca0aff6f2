package web

import (
	"net/http"
	"regexp"
	"time"

	"kassavalv/internal/lang"
)

// The shop's cookies. All are __Host- (this host only, path /, Secure), HttpOnly
// and SameSite=Lax. There are no others.
const (
	CookieCart    = "__Host-cart"
	CookieSession = "__Host-session" // of a customer
	CookieLogin   = "__Host-login"   // a browser in which a customer signs in, or has done so
	CookieStaff   = "__Host-staff"
	CookieFlash   = "__Host-flash"
	CookieSSO     = "__Host-sso" // of staff on the way to single sign-on and back, ten minutes
)

// SetCookie sets one of the shop's cookies; keep 0 makes it last until the browser
// closes. The value must be URL-safe base64 or shorter words; anything else panics,
// because text does not belong into cookies.
func SetCookie(w http.ResponseWriter, name, value string, keep time.Duration) {
	if !cookieValue.MatchString(value) {
		panic("web: cookie value of " + name + " is not a token")
	}
	http.SetCookie(w, cookie(name, value, int(keep/time.Second)))
}

// ClearCookie removes a cookie.
func ClearCookie(w http.ResponseWriter, name string) { http.SetCookie(w, cookie(name, "", -1)) }

var cookieValue = regexp.MustCompile(`^[A-Za-z0-9_.~-]{1,512}$`)

func cookie(name, value string, maxAge int) *http.Cookie {
	switch name {
	case CookieCart, CookieSession, CookieLogin, CookieStaff, CookieFlash, CookieSSO:
	default:
		panic("web: unknown cookie " + name)
	}
	return &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: maxAge,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// CookieValue returns the value of a cookie, or "" when it is not there, stands
// there twice, or is no token of ours.
func (r *Request) CookieValue(name string) string {
	cs := r.CookiesNamed(name)
	if len(cs) != 1 || !cookieValue.MatchString(cs[0].Value) {
		return ""
	}
	return cs[0].Value
}

// A flash message is the key of a sentence, never text, so that nobody can make
// the shop say words of his own.
var flashKey = regexp.MustCompile(`^flash\.[a-z0-9_.]{1,60}$`)

// SetFlash shows the sentence with this key ("flash.added") on the next page.
func SetFlash(w http.ResponseWriter, key string) {
	if !flashKey.MatchString(key) {
		panic("web: not a key of a flash message: " + key)
	}
	SetCookie(w, CookieFlash, key, 5*time.Minute)
}

// TakeFlash returns the key of the waiting message and removes it; "" when there
// is none. Call it before anything is written.
func (r *Request) TakeFlash(w http.ResponseWriter) string {
	if len(r.CookiesNamed(CookieFlash)) == 0 {
		return ""
	}
	ClearCookie(w, CookieFlash)
	key := r.CookieValue(CookieFlash)
	if !flashKey.MatchString(key) || !lang.Has(key) {
		return ""
	}
	return key
}
