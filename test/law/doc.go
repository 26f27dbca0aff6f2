// Package law holds the built program to what Swedish and European law asks of a web
// shop, read from outside: it crawls the demo's pages, buys, reads the mail and
// withdraws. rows.csv lists the duties by the ids of the project's catalogue of shop
// law; each is driven here or stands in absent.go with the reason why the shop has
// nothing it could apply to yet. TestEveryRow holds the lists together.
//
//	var _ = row("DAL-06", func(t *testing.T, w *world) { … })
//
// A row asserts what a visitor, a mail client or a court would see, never what the
// code intends. Not legal advice.
package law
