// Package web is the wall between the network and the shop: every listener's
// routes stand in one table, and every request passes the same gates in the same
// order before a handler sees it.
//
// # Order of the gates
//
//	security headers → client address → host → method → path → language → route →
//	other sites' writes → page cache → rate → place at the gate → who may call →
//	body budget → handler → one place for errors → one log record
//
// # Invariants
//
//   - A path that is not in the table is 404, a method that is not is 405 with
//     Allow. Nothing is ever redirected to tidy a path: a trailing slash, another
//     case, "//", "/../" or an encoded letter is simply another, unknown, path.
//   - The request never describes the deployment. Base URL, redirect targets and
//     the client's address come from configuration and from configured proxies.
//   - Pages refuse writes that another site's page sent; API and hooks carry no
//     cookies (they are taken off before the handler), so they need no such guard.
//   - Everything is `no-store` unless a handler said otherwise.
//   - Handlers return errors. Only a *fault.Error reaches people; any other error
//     and any panic is a short reference, and its cause stands in the log.
//   - A log record has the route's pattern, never the path, the query, a cookie,
//     a body or a full address.
//   - Bodies are read within a budget of bytes, fields, depth and time, checked
//     before anything is built from them. Unknown and duplicate fields are refused.
//
// # Tables
//
// None. The package has no rules of trade and opens no database.
//
// It refuses to parse a form behind a handler's back (no ParseForm, no
// ParseMultipartForm), to put text into cookies, to redirect to an address that
// came with the request, and to write CORS headers.
package web
