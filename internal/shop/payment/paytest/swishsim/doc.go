// Package swishsim is a stand-in for Swish: a server with a memory of its own that
// speaks the Commerce API as Swish's public merchant documents say, demands the
// merchant's certificate, works on refunds for a while, calls back, runs out of time,
// and misbehaves when told to. Beside the API it serves the app of a buyer's phone as
// plain pages, where a payment is approved, refused, left or goes wrong.
//
// It shares no code with the shop's client: a misunderstanding on one side must meet
// the other. It is for tests only, and runs in a test or as a process of its own.
package swishsim
