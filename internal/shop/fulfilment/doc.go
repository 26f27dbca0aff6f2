// Package fulfilment gets goods out of the house: pick, pack, ship, track, and not
// shipping what is cancelled.
//
// # Invariants
//
//   - Each use case bumps the order's version first, so two of them on one order
//     take turns on any engine.
//   - A piece is shipped or cancelled once: the counters of order lines and the
//     allocation in stock change together in one transaction, both by conditional updates.
//   - The same client key ships once; with other contents it is refused.
//   - A carrier can never hinder a purchase: its answers are bounded in time and size,
//     cleaned, kept for a while, and replaced by "the nearest point, chosen by the
//     carrier" when it is down.
//   - An address to follow a parcel is built from the shop's own template and a
//     checked number only; nothing a carrier sends becomes a link.
//
// Carrier is the contract; local is the carrier of the demo; carriertest is the suite
// that every carrier passes.
//
// # Refuses
//
// It moves no money: returns does, when something is cancelled. It keeps no
// address: a parcel names its order, and the order holds it sealed.
//
// # Tables
//
// fulfilment_parcel, fulfilment_parcel_line.
package fulfilment
