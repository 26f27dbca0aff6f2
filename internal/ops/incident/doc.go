// Package incident is what happens when something feels wrong: an incident is opened by
// anybody of the house or by an alarm of the program, somebody takes it, everything is written
// down as it happens, and it is closed with what was learned.
//
// # Invariants
//
//   - Pressing the button is never refused. A second press of the same member within ten minutes is a
//     line in the incident that he opened, not a second one; so is an alarm that repeats itself.
//   - The timeline is append-only: a line is never changed or removed while the incident is
//     kept. Each change of state is one guarded update, its line and its audit row.
//   - One of two who take an incident at the same moment has it; the other is told so.
//   - What people write is sealed under a key of the incident's own, which is destroyed five
//     years after it was closed. Places are patterns of routes, never addresses with
//     numbers or names in them. Letters hold no words of anybody's.
//   - An incident that may be a personal data breach has a clock of 72 hours (GDPR art. 33.1) and cannot be closed before
//     it has been reported, or found to need no report with the reason written down (art. 33.5).
//   - Who opened an incident may follow it and add to it; others need incidents.read.
//
// It does not send mail (see JobMail and Letter), calls nobody, and knows no page. Duty
// rosters and escalation will stand on it.
//
// Tables: incident_record, incident_line (the timeline), incident_gate (what merges),
// incident_letter (who was told), incident_contact (whom to call).
package incident
