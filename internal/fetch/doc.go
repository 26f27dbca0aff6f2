// Package fetch is the one HTTP client for addresses that come from data: a
// webhook subscriber, a picture to import, a feed. Addresses from configuration
// (payment providers, relays) do not need it.
//
// # Invariants
//
// Only http and https. The name is resolved once for each connection, every
// answer is judged, and the connection is made to a judged address by number;
// the socket's own address is judged again right before connect. So a name
// that changes its answer between check and use gains nothing. Refused are
// loopback, private, link-local, shared (CGNAT), multicast, reserved,
// documentation and benchmarking networks, IPv4 inside IPv6 in every form
// (mapped, NAT64, 6to4, Teredo), the metadata services of cloud hosts, and this
// machine's own addresses. Ports are 80 and 443 unless an option says otherwise.
//
// Redirects are not followed unless an option says so, at most three, each
// judged like a first address, never from https to http and only for GET and
// HEAD. One clock covers name, connection, headers and body. The answer is
// capped as decoded and as it arrives on the wire. No cookies, no proxy from
// the environment, no kept connections, HTTP/1.1 only.
//
// A refused address, a closed port, an open port that speaks something else
// and a timeout give the same error text, so that the client is no map of the
// network behind it.
//
// Pool bounds how many calls run at once and how many of them go to one
// receiver, so that slow receivers delay nobody but themselves.
//
// # Refuses
//
// It keeps nothing, retries nothing and holds no tables.
package fetch
