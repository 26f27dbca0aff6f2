package recovery

import "kassavalv/internal/datamap"

// What each column holds about people: of the buyers nothing, and what people of the house wrote is one
// sealed text.
var _ = datamap.Declare("recovery",
	datamap.Table("recovery_plan", datamap.Plain("id changed_at printed_at version"), datamap.Shop("said", fieldPlan)),
	datamap.Table("recovery_proof", datamap.Plain("id day try proven at")),
)
