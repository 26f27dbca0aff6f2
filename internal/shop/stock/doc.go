// Package stock keeps what the shop has, per variant: on hand (in the house),
// held (claimed by purchases that are being paid), allocated (promised to
// placed orders). Available is on hand − held − allocated.
//
// Invariants, kept by CHECK constraints and conditional updates on both
// engines: no figure is ever negative, and for goods that are tracked and may
// not be back-ordered held + allocated never exceeds on hand. So nothing is
// sold twice, whatever happens at once.
//
// A hold belongs to one purchase and ends once: it is allocated when the order
// is placed, or released when the purchase ends without one. It is never
// dropped by the clock alone, because a bank may still say yes; the rescuer
// ends the purchase at the bank first.
//
// Tables: stock_level, stock_hold, stock_movement. The package never reads
// prices or goods.
package stock
