package attack

// Cases whose feature the shop does not have yet, in injection, files, outgoing
// calls and availability.
func init() {
	for id, why := range map[string]string{
		"AC-149": "there is no export of orders, customers, cases or searches as CSV or XLSX yet",
		"AC-158": "there are no outgoing webhooks yet: nobody can subscribe, so there is no slow receiver",
	} {
		absent[id] = why
	}
}
