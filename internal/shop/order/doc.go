// Package order keeps the permanent record of what was agreed: lines as sold,
// amounts and VAT as computed once, the buyer's details sealed, a number, the
// documents (receipt, invoice, credit note) and a timeline a person can read.
//
// An order is made once, by Place, in the transaction in which it becomes true
// (money taken, or an invoice agreed). Its state stays small: placed, closed,
// cancelled. Paid and shipped are derived from amounts and counters.
//
// Invariants: one order per purchase; order numbers and document numbers are
// drawn by the last statements of the transaction (Draw), so that the shared
// counter is held for as short as can be; document numbers have no gaps, order
// numbers tell nothing of how much is sold; shipped + cancelled never exceeds
// the quantity of a line; bookkeeping fields are written at placement under the
// financial year's key and outlive the person's.
//
// Tables: order_order, order_line, order_event, order_document, order_series,
// order_books.
package order
