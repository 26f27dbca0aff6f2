package app

import (
	"log/slog"
	"slices"
	"testing"

	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/job"
	"kassavalv/internal/mail"
	"kassavalv/internal/shop/account"
	"kassavalv/internal/shop/notice"
)

// letters are all sorts of letters that leave the shop, and why each may: the addressee asked for it
// himself, the law demands it, or he works here. None is about offers, and none to somebody who has bought
// before because he has. So nobody's restriction or objection is met by a letter.
var letters = map[string]string{
	"account.mail_changed":    "tells the owner of an account what was changed in it",
	"account.mail_code":       "the code he asks for",
	"account.mail_lost":       "the app he says to have lost will fall away, and how that is stopped",
	"account.mail_lost_soon":  "the same, the day before",
	"account.mail_lost_ended": "the app is gone, or stays",
	"account.mail_move":       "the change of address he asks for, to the old one",
	"account.mail_move_code":  "the change of address he asks for, to the new one",
	"account.mail_moved":      "the change of address is made",
	"audit.alarm":             "to owners: who reads too much",
	"auth.mail_caller":        "the code a caller reads out",
	"auth.mail_changed":       "to staff: their sign-in was changed",
	"auth.mail_invite":        "to staff: the invitation",
	"auth.mail_staff":         "to staff: their rights",
	"incident.mail_opened":    "to staff: an incident",
	"lesson.mail_remind":      "to staff: a lesson is due",
	"notice.back_in_stock":    "the one letter he asked for, under a person of its own",
	"notice.case_answered":    "the answer to his question",
	"notice.case_received":    "his question has come",
	"notice.gift_card":        "the card that was bought",
	"notice.gift_card_back":   "what he paid with a card went back to it",
	"notice.gift_cards":       "the cards he bought",
	"notice.privacy_answered": "his request is answered (art. 12.3)",
	"notice.privacy_erased":   "he is erased (art. 12.3)",
	"notice.privacy_extended": "his request takes longer (art. 12.3)",
	"notice.privacy_received": "his request has come",
	"notice.receipt":          "the receipt of his purchase",
	"notice.refunded":         "his money goes back",
	"notice.return_answered":  "the answer to his return",
	"notice.shipped":          "his parcel has left",
	"notice.withdrawal":       "his withdrawal has come (distansavtalslagen 2 kap. 10 §)",
	"notice.withdrawal_copy":  "to the shop: somebody withdrew",
	"order.placed":            "his order is taken (distansavtalslagen 2 kap. 7 §)",
	"purchase.ended":          "his purchase came to nothing",
}

// Every sort of letter says why it may leave. One about offers, and a figure of somebody's doings, begins with
// the rule of decision 0013 and not with a line here.
func TestEveryLetterHasItsReason(t *testing.T) {
	d := dbtest.SQLite(t, Migrations)
	w := newWorld(t, d)
	accounts, err := account.New(d, w.Vault, account.Options{PublicURL: "https://shop.example"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := mail.New(mail.Options{DB: d, Vault: w.Vault, From: mail.Address{Name: "Butik", Email: "butik@example.se"}, Relays: []mail.Sender{w.post}})
	if err != nil {
		t.Fatal(err)
	}
	a := &App{DB: d, Vault: w.Vault, Auth: w.auth, Accounts: accounts, Mail: m, Log: slog.New(slog.DiscardHandler), Jobs: job.NewRunner(d, slog.New(slog.DiscardHandler))}
	a.people()
	notice.Register(a.Jobs, a.letters())
	a.peopleWork(a.letters())
	kinds := a.Mail.Kinds()
	for _, k := range kinds {
		if letters[k] == "" {
			t.Errorf("nobody says why the letter %q may leave: one about offers asks for a yes and for no limit (decision 0013)", k)
		}
	}
	for k := range letters {
		if !slices.Contains(kinds, k) {
			t.Errorf("there is no letter %q", k)
		}
	}
}
