package admin_test

import (
	"testing"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/lang"
	"kassavalv/internal/ops/incident"
	"kassavalv/internal/ops/lesson"
	"kassavalv/internal/shop/checkout"
	"kassavalv/internal/shop/fulfilment"
	"kassavalv/internal/shop/notice"
	"kassavalv/internal/shop/returns"
	"kassavalv/internal/shop/support"
	"kassavalv/internal/shop/waitlist"
)

// Letters, documents and reasons are said in words: a code without a sentence is
// nothing for people.
func TestCodesHaveWords(t *testing.T) {
	keys := []string{"event.paid", "event.paid_part", "doc.receipt", "doc.invoice", "doc.credit_note", "why.withdrawal", "why.buyer"}
	for _, kind := range []string{checkout.JobPlaced, checkout.JobUnpaid, fulfilment.JobShipped, returns.JobRefunded, returns.JobWithdrawal, returns.JobAnswered, notice.KindCopy,
		support.JobReceived, support.JobAnswered, auth.JobMailInvite, auth.JobMailChanged, waitlist.JobBack, lesson.JobRemind, incident.JobMail, audit.JobAlarm} {
		keys = append(keys, "letter."+kind)
	}
	for _, r := range []audit.Rule{audit.RuleHour, audit.RuleDay, audit.RuleIdle, audit.RuleBackdated, audit.RuleBroken} {
		keys = append(keys, "audit.alarm."+string(r))
		if !lang.Has("notice.alarm." + string(r)) {
			t.Errorf("the letter of %s has no words", r)
		}
	}
	for _, n := range audit.AlarmNotes {
		keys = append(keys, "audit.note."+n)
	}
	for _, k := range keys {
		if !lang.Has("admin." + k) {
			t.Errorf("admin.%s has no words", k)
		}
	}
}
