package copies

import "strings"

// Codes of findings: what a reader is told in his language (words admin.copies.found.CODE);
// the sentence in What is for the log and for programs. With Object they say what and where.
var Codes = []string{
	"gone", "emptied", "foreign", "old", "time", "chain", "stale", "differs", "fell", "database", "hole", "changed",
	"books", "series", "log", "vault", "orders", "sale",
	"coming", "none_yet", "key", "disk", "undone", "late", "nothing", "process", "away",
}

// sentences tell codes apart by what the sentences of this room say; the first that is in one
// counts.
var sentences = []struct{ has, code string }{
	{"nothing to sell", "nothing"}, {"process of the drill", "process"},
	{"not been brought there yet", "coming"}, {"second road yet", "none_yet"}, {"nothing is there yet", "none_yet"}, {"segment is there yet", "none_yet"}, {"there is none of epoch", "none_yet"}, {"nothing to compare", "none_yet"},
	{"this key opens none", "key"}, {"are free on the disk", "disk"}, {"no space", "disk"}, {"database or disk is full", "disk"},
	{"deadline exceeded", "late"}, {"context canceled", "late"}, {"was not done", "undone"}, {"was not tried", "undone"}, {"was not looked at", "undone"}, {"were not counted", "undone"},
	{"is gone", "gone"}, {"are gone", "gone"}, {"its key is gone", "gone"}, {"holds nothing of the shop", "emptied"},
	{"an old one was", "old"}, {"of which nothing else is there", "old"}, {"an epoch that this shop does not know", "old"},
	{"tells a time", "time"}, {"behind the first", "stale"}, {"two roads differ", "differs"}, {"the program fell", "fell"},
	{"does not follow", "chain"}, {"doubled", "chain"}, {"tells of one before it", "chain"}, {"another was put in its place", "chain"}, {"reaches no farther", "chain"}, {"begins with another database", "chain"}, {"does not begin with nothing", "chain"}, {"other transactions", "chain"},
	{"another shop", "foreign"}, {"was made for site", "foreign"}, {"another charter", "foreign"}, {"under another name", "foreign"}, {"is no name of", "foreign"}, {"no possible name", "foreign"}, {"does not open it", "foreign"}, {"this key", "foreign"},
}

// objectCodes tell them apart by what was looked at.
var objectCodes = map[string]string{"payments": "books", "gift cards": "books", "stock": "books", "series": "series", "audit log": "log", "vault": "vault", "orders": "orders", "shop.db": "database", "database": "database"}

// codeOf is the code of a finding; for what could not be looked at, and no sentence tells why,
// it is that the place did not answer as it should.
func codeOf(f Finding) string {
	for _, s := range sentences {
		if strings.Contains(f.What, s.has) {
			return s.code
		}
	}
	switch {
	case f.Unknown:
		return "away"
	case objectCodes[f.Object] != "":
		return objectCodes[f.Object]
	case f.Step == "log" || f.Step == "replay": // of a shop on PostgreSQL
		return "hole"
	case f.Step == stepBuy:
		return "sale"
	}
	return "changed"
}

// code gives each finding that has none its code.
func code(list []Finding) {
	for i := range list {
		if list[i].Code == "" {
			list[i].Code = codeOf(list[i])
		}
	}
}
