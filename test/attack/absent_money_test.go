package attack

// Cases whose feature the shop does not have yet, in payment, cart, gift card,
// stock, durability.
func init() {
	for id, why := range map[string]string{
		"AC-016": "Klarna is not connected yet",
	} {
		absent[id] = why
	}
}
