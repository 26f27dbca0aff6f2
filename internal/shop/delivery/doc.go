// Package delivery says how goods can reach the buyer: methods as data, what
// they cost by weight, value and size, until when an order leaves the same
// day, and which days can be promised from a postal code alone, before any
// personal data is asked for.
//
// The rules are pure functions over Methods; only the methods themselves are
// rows. Pickup points come from a carrier (room fulfilment).
//
// Tables: delivery_method, delivery_price.
package delivery
