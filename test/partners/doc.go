// Package partners buys over HTTP from the built program through a payment partner's
// stand-in, which is a process of its own: the redirect, the partner's page, its
// notification or its silence, the refund, and both books afterwards.
package partners
