package incident

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("incident",
	datamap.Category{Key: "incident", Who: datamap.Staff, Basis: datamap.Obligation, Keep: datamap.OwnDays("incident", keep), From: datamap.You, Also: []datamap.Source{datamap.Us}, To: []datamap.Recipient{datamap.Mail, datamap.Hosting, datamap.State}},
	datamap.Table("incident_record",
		datamap.Plain("id kind state severity place opener_kind opened_at taken_at closed_at personal aware_at line_count swept_at version"),
		datamap.Person("person_id opener_id taken_by")),
	datamap.Table("incident_line",
		datamap.Plain("id incident_id kind fact actor_kind at"), datamap.Person("actor_id"),
		datamap.Sealed("said", fieldSaid, "incident", datamap.Text)),
	datamap.Table("incident_gate", datamap.Plain("gate_key incident_id until_at")),
	datamap.Table("incident_letter", datamap.Plain("id incident_id"), datamap.Person("member_id")),
	datamap.Table("incident_contact", datamap.Plain("id version"), datamap.Shop("said", fieldContact)),
)
