// Package recovery is what a merchant knows and decides about coming back after the machine
// is lost: what would be gone now and how long it would take (Standing.Now), what is worth
// paying for (Propose), the plan that hangs printed beside the machine (Plan), and the proof
// each quarter that somebody still has the paper key (Prove).
//
// # Invariants
//
//   - Now never calls anything good by silence: where nothing is copied everything would be lost, and a
//     way back that no drill has proven is said to be unproven.
//   - What people write into the plan names people outside the shop; it is sealed under the shop's key.
//   - Of a paper key nothing is kept but that it was the right one, and when. There are five tries a day.
//
// It copies nothing and restores nothing (package copies does), and knows no page.
//
// Tables: recovery_plan (what people wrote; one row), recovery_proof (tries of the paper key).
package recovery
