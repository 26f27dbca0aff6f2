package attack

// Cases whose feature the shop does not have yet, in injection, files, outgoing
// calls and availability.
func init() {
	for id, why := range map[string]string{
		"AC-158": "there are no outgoing webhooks yet: nobody can subscribe, so there is no slow receiver",
	} {
		absent[id] = why
	}
}
