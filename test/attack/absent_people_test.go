package attack

// Cases whose feature the shop does not have yet, in object access, accounts,
// staff, browser, privacy, text.
func init() {
	for id, why := range map[string]string{
		"AC-091": "digital goods can be sold, but the shop hands out no files yet: there is no download to steal",
	} {
		absent[id] = why
	}
}
