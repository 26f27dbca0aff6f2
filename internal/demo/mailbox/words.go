package mailbox

// word returns the mailbox's words.
func word(lang, key string) string {
	w, ok := words[key]
	if !ok {
		return key // a test walks all keys that pages use
	}
	if lang == "en" {
		return w[1]
	}
	return w[0]
}

// words are the mailbox's own, Swedish and English.
var words = map[string][2]string{
	"box":         {"Brevlådan", "The mailbox"},
	"intro":       {"Hit kommer all post från provbutiken. Inget lämnar den här datorn.", "All mail from the trial shop ends here. Nothing leaves this machine."},
	"filter":      {"Mottagarens adress", "Recipient's address"},
	"show":        {"Visa", "Show"},
	"all":         {"Visa alla", "Show all"},
	"empty":       {"Ingen post än.", "No mail yet."},
	"missing":     {"Det brevet finns inte.", "There is no such message."},
	"subject":     {"Ämne", "Subject"},
	"nosubject":   {"(utan ämne)", "(no subject)"},
	"from":        {"Från", "From"},
	"to":          {"Till", "To"},
	"received":    {"Kom", "Received"},
	"links":       {"Länkar i brevet", "Links in the message"},
	"attachments": {"Bilagor", "Attachments"},
	"text":        {"Som text", "As text"},
	"html":        {"Som sida", "As a page"},
	"raw":         {"Hämta brevet som fil", "Download the message"},
	"back":        {"Till brevlådan", "To the mailbox"},
	"problems":    {"Brevets form har brister", "The message's form has flaws"},
}
