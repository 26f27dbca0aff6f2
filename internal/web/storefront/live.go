package storefront

import (
	"encoding/json"
	"net/http"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/web"
)

// Bounds of live pages: a page without a live line asks every few seconds instead.
const (
	mostLive  = 128 // of the places of the checkout lane, which buyers need themselves
	liveFor   = 2 * time.Minute
	heartbeat = 15 * time.Second
)

// events is "/purchases/{token}/events": a line for each new state, as
// {"state":"paid"}, until the end or the time is up.
func (s *Store) events(w http.ResponseWriter, r *web.Request) error {
	token := r.PathValue("token")
	look := func() (checkout.Purchase, error) {
		return read(s, r.Context(), func(q *db.Reader) (checkout.Purchase, error) { return checkout.ByToken(q, s.Vault, token) })
	}
	p, err := look()
	if err != nil {
		return err
	}
	if s.live.Add(1) > mostLive {
		s.live.Add(-1)
		return fault.Busy("busy", heartbeat)
	}
	defer s.live.Add(-1)
	// First listen, then look: a move in between is not lost.
	moved, stop := s.Desk.Watch(p.ID)
	defer stop()
	if p, err = look(); err != nil {
		return err
	}
	rc := http.NewResponseController(w)
	if err := rc.SetWriteDeadline(time.Now().Add(liveFor + heartbeat)); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies must not hold lines back
	w.WriteHeader(http.StatusOK)
	say := func(line string) bool {
		if _, err := w.Write([]byte(line + "\n\n")); err != nil {
			return false
		}
		return rc.Flush() == nil
	}
	state := func() bool {
		s.Desk.Promise(r.Context(), p)
		b, _ := json.Marshal(map[string]string{"state": string(p.State)}) // two short words
		return say("data: " + string(b))
	}
	if !state() || p.State.Terminal() {
		return nil
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	end := time.NewTimer(liveFor)
	defer end.Stop()
	for {
		select {
		case <-moved:
			before := p.State
			if p, err = look(); err != nil {
				return nil // the line breaks; the page asks instead
			}
			if p.State != before && !state() || p.State.Terminal() {
				return nil
			}
		case <-beat.C:
			if !say(":") {
				return nil
			}
		case <-end.C:
			return nil
		case <-s.Stopping:
			return nil
		case <-r.Context().Done():
			return nil
		}
	}
}
