package checkout

import (
	"kassavalv/internal/audit"
	"kassavalv/internal/db"
)

// raise notes why staff must look at a purchase. The log keeps it once for each reason,
// however often the provider says the same.
func raise(tx *db.Tx, p *Purchase, alarm string) error {
	if p.Alarm == alarm {
		return nil
	}
	old := p.Alarm
	p.Alarm = alarm
	return audit.Record(tx, audit.Entry{ActorKind: "system", ActorName: "checkout", Action: "purchase.alarm", Entity: "purchase", EntityID: p.ID, Old: old, New: alarm})
}
