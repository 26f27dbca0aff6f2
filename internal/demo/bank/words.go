package bank

// word returns the bank's words; Swedish where English lacks them.
func word(lang, key string) string {
	w, ok := words[key]
	if !ok {
		return key // a test walks all keys that pages use
	}
	if lang == "en" && w[1] != "" {
		return w[1]
	}
	return w[0]
}

// words are the bank's own, Swedish and English.
var words = map[string][2]string{
	"bank":    {"Sandlådebanken", "The Sandbox Bank"},
	"nomoney": {"Det här är en låtsasbank. Inga riktiga pengar flyttas, och här ska inga riktiga kortnummer skrivas.", "This is a pretend bank. No real money moves, and no real card number belongs here."},
	"amount":  {"Att betala", "To pay"},
	"about":   {"Gäller", "For"},
	"ref":     {"Referens", "Reference"},

	"pay":         {"Betala med kort", "Pay by card"},
	"pay.text":    {"Välj ett av låtsaskorten nedan och skriv dess nummer.", "Choose one of the pretend cards below and type its number."},
	"pay.field":   {"Kortnummer", "Card number"},
	"pay.button":  {"Betala", "Pay"},
	"pay.cancel":  {"Avbryt och gå tillbaka till butiken", "Cancel and go back to the shop"},
	"code":        {"Bekräfta att det är du", "Confirm that it is you"},
	"code.text":   {"I sandlådan är koden alltid 123456.", "In the sandbox the code is always 123456."},
	"code.field":  {"Kod", "Code"},
	"code.button": {"Bekräfta", "Confirm"},
	"code.wrong":  {"Koden stämmer inte. I sandlådan är den 123456.", "The code is not right. In the sandbox it is 123456."},
	"back":        {"Tillbaka till butiken", "Back to the shop"},

	"cards":         {"Korten i sandlådan", "The cards of the sandbox"},
	"cards.what":    {"Vad som händer", "What happens"},
	"card.unknown":  {"Det kortet finns inte i sandlådan. Välj ett nummer ur listan.", "The sandbox has no such card. Choose a number from the list."},
	"card.paid":     {"Betalningen går igenom.", "The payment succeeds."},
	"card.declined": {"Banken säger nej.", "The bank says no."},
	"card.funds":    {"Pengarna på kontot räcker inte.", "There is not enough money in the account."},
	"card.code":     {"Banken frågar efter en kod. Den är 123456.", "The bank asks for a code. It is 123456."},
	"card.error":    {"Banken kan inte behandla betalningen. Inget dras.", "The bank cannot process the payment. Nothing is taken."},
	"card.early":    {"Går igenom. Butiken får besked två gånger innan du är tillbaka.", "Succeeds. The shop is told twice before you are back."},
	"card.silent":   {"Går igenom. Butiken får aldrig något besked och måste fråga.", "Succeeds. The shop is never told and has to ask."},
	"card.hang":     {"Går igenom. Sedan svarar banken inte om den här betalningen på 30 sekunder.", "Succeeds. Then the bank does not answer about this payment for 30 seconds."},

	"index":      {"En låtsasbank för prov", "A pretend bank for tests"},
	"index.text": {"Hit kommer den som betalar i en butik som provkörs.", "This is where buyers in a shop on trial come to pay."},

	"state.processing":      {"Betalningen behandlas", "The payment is being processed"},
	"state.processing.text": {"Banken har tagit emot betalningen. Du behöver inte göra något mer.", "The bank has received the payment. There is nothing more for you to do."},
	"state.captured":        {"Betalningen är klar", "The payment is complete"},
	"state.captured.text":   {"Den är redan gjord och dras inte en gång till.", "It is already made and will not be taken again."},
	"state.refused":         {"Betalningen gick inte igenom", "The payment did not go through"},
	"state.refused.text":    {"Inga pengar har dragits. Gå tillbaka till butiken för att försöka igen.", "No money was taken. Go back to the shop to try again."},
	"state.cancelled":       {"Betalningen är avbruten", "The payment is cancelled"},
	"state.cancelled.text":  {"Inga pengar har dragits.", "No money was taken."},
	"state.expired":         {"Tiden för betalningen gick ut", "The time to pay ran out"},
	"state.expired.text":    {"Inga pengar har dragits. Gå tillbaka till butiken för att försöka igen.", "No money was taken. Go back to the shop to try again."},

	"missing":         {"Sidan finns inte", "There is no such page"},
	"missing.text":    {"Gå tillbaka till butiken och börja om därifrån.", "Go back to the shop and start again from there."},
	"unreadable":      {"Det gick inte att läsa formuläret", "The form could not be read"},
	"unreadable.text": {"Gå tillbaka och försök igen.", "Go back and try again."},
	"closed":          {"Banken svarar inte just nu", "The bank is not answering right now"},
	"closed.text":     {"Butiken frågar banken igen om din betalning.", "The shop will ask the bank again about your payment."},
}
