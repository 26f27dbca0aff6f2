package reading

import (
	"strings"
	"testing"

	"kassavalv/internal/audit"
	"kassavalv/internal/lang"
)

// The reasons, kinds and roles that the program records have words of their own.
func TestWordsOfWhatIsRecorded(t *testing.T) {
	for prefix, words := range map[string][]string{
		"reading.who.": {"owner", "orders", "support", "catalogue", "reader"}, "reading.kind.": {"name", "address", "phone", "email", "subject", "message", "bank_account"},
		"reading.reason.": {"order_handling", "packing", "case_list", "case_handling", "return_handling", "bank_line", "api"}, "reading.processor.": {"stripe", "klarna", "swish", "mail"},
	} {
		for _, w := range words {
			if !lang.Has(prefix + w) {
				t.Errorf("no words for %s%s", prefix, w)
			}
		}
	}
}

func TestOf(t *testing.T) {
	for _, c := range []struct {
		a              audit.Access
		who, what, why string
	}{
		{audit.Access{ActorKind: "staff", ActorID: 5, ActorName: "support", Kinds: []string{"address", "name"}, Reason: "case_handling"}, "Kundtjänst", "adress och namn", "För att svara på ditt ärende."},
		{audit.Access{ActorKind: "staff", ActorName: "role-7", Kinds: []string{"shoe_size"}, Reason: "curious"}, "Butikens personal", "andra uppgifter", "Av en annan anledning. Fråga butiken om du undrar."},
		{audit.Access{ActorKind: "token", Kinds: []string{"name"}, Reason: "api"}, "Ett anslutet system", "namn", "För att ett system som butiken använder hämtade ordern."},
		{audit.Access{ActorKind: "processor", ActorName: "klarna", Kinds: []string{"name"}, Entity: "purchase", Reason: "handover"}, "Klarna (betalning)", "namn", "För att du skulle kunna betala."},
		{audit.Access{ActorKind: "system", ActorName: "privacy.export", Kinds: []string{"all"}, Reason: "export"}, "Butikens program", "alla uppgifter", "För att du bad om en kopia av dina uppgifter."},
	} {
		got := Of(lang.SV, c.a)
		if got.Who != c.who || got.What != c.what || got.Why != c.why || got.Handed != (c.a.ActorKind == "processor") {
			t.Errorf("%+v", got)
		}
		if en := Of(lang.EN, c.a); en.Why == got.Why || en.Who == got.Who && !strings.Contains(en.Who, "Klarna") {
			t.Errorf("not in English: %+v", en)
		}
	}
}
