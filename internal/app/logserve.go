package app

import (
	"errors"
	"io"
	"net/http"

	"kassavalv/internal/audit"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/web"
)

// logRoutes serve the audit log in the C2SP formats, on the ops listener: for a witness or a
// monitor of the merchant's own. Leaves are hashes; nothing of a person is in them.
func (a *App) logRoutes(row func(method, path string, h web.Handler) web.Route) []web.Route {
	return []web.Route{
		row("GET", "/log/checkpoint", func(w http.ResponseWriter, r *web.Request) error {
			return a.logText(w, r, func(q db.Q) (string, error) { return a.Audit.Checkpoint(q) })
		}),
		row("GET", "/log/proof/{id}", func(w http.ResponseWriter, r *web.Request) error {
			id, err := db.ParseID(r.PathValue("id"))
			if err != nil {
				return fault.NotFound()
			}
			return a.logText(w, r, func(q db.Q) (string, error) { return a.Audit.Proof(q, id) })
		}),
		row("GET", "/log/tile/{path...}", a.logTile),
		row("POST", "/log/cosignatures", a.logCosign),
	}
}

func (a *App) logText(w http.ResponseWriter, r *web.Request, fn func(q db.Q) (string, error)) error {
	text, err := db.Read(r.Context(), a.DB, func(q *db.Reader) (string, error) { return fn(q) })
	if errors.Is(err, db.ErrNotFound) {
		return fault.NotFound()
	}
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return web.Bytes(w, r, http.StatusOK, "text/plain; charset=utf-8", []byte(text))
}

func (a *App) logTile(w http.ResponseWriter, r *web.Request) error {
	b, err := db.Read(r.Context(), a.DB, func(q *db.Reader) ([]byte, error) { return a.Audit.Resource(q, "tile/"+r.PathValue("path")) })
	if errors.Is(err, db.ErrNotFound) {
		return fault.NotFound()
	}
	if err != nil {
		return err
	}
	return web.Bytes(w, r, http.StatusOK, "application/octet-stream", b)
}

// logCosign takes a checkpoint with cosignatures of witnesses that are configured. The listener knows no
// callers, so without a configured witness nothing is taken.
func (a *App) logCosign(w http.ResponseWriter, r *web.Request) error {
	if len(a.Config.Audit.Witnesses) == 0 {
		return fault.Denied()
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, maxCheckpoint))
	if err != nil {
		return fault.Denied()
	}
	err = db.Do(r.Context(), a.DB, func(tx *db.Tx) error { _, err := a.Audit.AddCosignature(tx, string(text)); return err })
	if errors.Is(err, audit.ErrForeign) || errors.Is(err, audit.ErrCosignature) || errors.Is(err, audit.ErrInconsistent) {
		a.Log.Warn("a cosignature of the audit log was not taken", "why", err.Error())
		return fault.Denied()
	}
	if err != nil {
		return err
	}
	return web.Bytes(w, r, http.StatusOK, "text/plain; charset=utf-8", []byte("kept\n"))
}
