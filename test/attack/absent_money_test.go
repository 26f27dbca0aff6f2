package attack

// Cases whose feature the shop does not have yet, in payment, cart,
// stock, durability.
func init() {
	for id, why := range map[string]string{
		"AC-067": "there is no backup command yet: no copies are made",
		"AC-070": "there is no backup to download, over any route or token",
	} {
		absent[id] = why
	}
}
