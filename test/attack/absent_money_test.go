package attack

// Cases whose feature the shop does not have yet, in payment, cart,
// stock, durability.
func init() {
	for id, why := range map[string]string{
		"AC-070": "there is no backup to download, over any route or token: copies go to the sites alone",
	} {
		absent[id] = why
	}
}
