package attack

// Cases whose feature the shop does not have yet, in payment, cart, gift card,
// stock, durability.
func init() {
	for id, why := range map[string]string{
		"AC-016": "Klarna is not connected yet",
		"AC-048": "gift cards cannot be used as a means of payment: there is no code to guess and no address that takes one (AC-029 drives that)",
		"AC-051": "gift cards are not issued: no code comes into being that could be read",
		"AC-067": "there is no backup command yet: no copies are made",
		"AC-070": "there is no backup to download, over any route or token",
	} {
		absent[id] = why
	}
}
