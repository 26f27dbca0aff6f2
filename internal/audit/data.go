package audit

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("audit",
	datamap.Category{Key: "log", Who: datamap.Staff, Basis: datamap.Interest, Keep: datamap.Until("log"), From: datamap.Us, To: []datamap.Recipient{datamap.Hosting}},
	datamap.Category{Key: "readings", Who: datamap.Buyer, Basis: datamap.Obligation, Keep: datamap.OwnDays("readings", KeepReadings), From: datamap.Us, To: []datamap.Recipient{datamap.Hosting}, Export: true},
	datamap.Table("audit_entry",
		datamap.Plain("id at actor_kind actor_name action entity entity_id outcome"),
		datamap.Person("actor_id"),
		datamap.Open("peer", "log", "the network in shortened form; the row is bound in the log, which must not change", datamap.Network),
		datamap.Plain("old_value new_value")), // short facts, never details: rooms see to that
	datamap.Table("audit_seal", datamap.Plain("place entry_id sealed_at"), datamap.Hash("hash")),
	// Leaves hold ids, instants and hashes of rows; what a hash of a reading commits to dies with the row's salt.
	datamap.Table("audit_log_tree", datamap.Plain("id origin version")),
	datamap.Table("audit_log_leaf", datamap.Plain("id kind at place"), datamap.Hash("digest")),
	datamap.Table("audit_log_tile", datamap.Plain("level n"), datamap.Hash("data")),
	datamap.Table("audit_log_checkpoint", datamap.Plain("size at note")),
	datamap.Table("audit_log_cosignature", datamap.Plain("size name key_id line at")),
	datamap.Table("audit_alarm",
		datamap.Plain("id rule actor_kind actor_name from_at to_at persons bound about_id raised_at acknowledged_at note"),
		datamap.Person("actor_id acknowledged_by")),
	datamap.Table("audit_log_verified", datamap.Plain("id at size found")),
	datamap.Table("audit_log_counted", datamap.Plain("id at readings")),
	datamap.Table("audit_turn", datamap.Hash("digest")),
	datamap.Table("audit_idle", datamap.Plain("id at actor_kind"), datamap.Person("actor_id person_id")),
	datamap.Table("audit_told", datamap.Plain("id alarm_id"), datamap.Person("staff_id")),
	datamap.Table("audit_access",
		datamap.Plain("id actor_kind actor_name entity entity_id salt"),
		datamap.Person("actor_id person_id"),
		datamap.Left("at", "readings", "that somebody read, and when; the person it names by id is nobody once erased", datamap.Doing),
		datamap.Left("kinds", "readings", "which kinds of details were read, not the details", datamap.Doing),
		datamap.Left("reason", "readings", "a word of the reader's, which the person is shown", datamap.Doing)),
)
