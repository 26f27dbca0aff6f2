// Package cert gives the listeners their certificates and their TLS settings.
//
// Two sources, one way to use them (both have TLSConfig):
//
//   - Local: an authority of this folder alone, for the demo and for development.
//     It issues one server certificate for localhost, 127.0.0.1, ::1 and the
//     names asked for.
//   - Files: a certificate and a key that somebody else looks after
//     (`tls.mode = files`). Changed files are taken into use without a restart;
//     files that became wrong are reported and the good ones stay in use.
//
// Files of Local in its folder:
//
//	ca.pem        the authority, two years, to be given to clients (0644)
//	ca-key.pem    its key (0600)
//	leaf.pem      the server's certificate, 90 days (0644)
//	leaf-key.pem  its key (0600)
//
// # Invariants
//
//   - All keys of Local are ECDSA P-256. The server's certificate is replaced when
//     less than 30 days are left, also in a running program, and never
//     outlives its authority.
//   - The authority carries critical name constraints: it can vouch for the names
//     it was made for and no others. Who adds it to a browser gives nobody, not
//     even the holder of ca-key.pem, a way into other sites.
//   - A new authority is made when there is none, when the present one has less
//     than 91 days left, or when a name is asked for that it may not vouch for.
//     Clients then have to be given the new ca.pem.
//   - TLS 1.2 with ECDHE and AEAD suites, and TLS 1.3. Nothing older, no CBC, no
//     RSA key exchange.
//   - Files never serves a certificate that is expired, not yet valid, for another
//     key or for other names than the shop's at start.
//
// # What it refuses to do
//
// It replaces no authority whose files disagree or cannot be read: it names the
// files and stops. It does no ACME and reads no encrypted keys. It has no tables.
package cert
