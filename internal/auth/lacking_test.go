package auth

import (
	"testing"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// A right that waits for a lesson is not held, by session or token; the refusal
// names the lesson, and the right is there the moment the lesson is passed.
func TestLacking(t *testing.T) {
	each(t, func(w *world) {
		m := w.member("anna@example.se", "owner")
		by := w.by(w.signIn(m))
		key, _, err := db.Write(ctx, w.d, func(tx *db.Tx) (string, error) {
			_, s, err := w.a.CreateToken(tx, by, NewToken{Name: "ERP", Rights: []Right{RefundsWrite, OrdersRead}})
			return s.Reveal(), err
		})
		if err != nil {
			t.Fatal(err)
		}
		passed := false
		w.a.SetLacking(func(q db.Q, member db.ID, rights []Right) (map[Right]string, error) {
			if member != m.id {
				t.Errorf("asked about %v", member)
			}
			if passed {
				return nil, nil
			}
			return map[Right]string{RefundsWrite: "refund_fraud"}, nil
		})
		ses := w.signIn(m)
		for _, passed = range []bool{false, true} {
			tok, err := w.a.ResolveToken(ctx, key, "")
			if err != nil {
				t.Fatal(err)
			}
			for _, by := range []By{w.by(ses), tok} {
				err := by.Need(RefundsWrite)
				f := fault.As(err)
				if passed && err != nil || !passed && (f == nil || f.Code != "lesson_needed" || f.Extra["lesson"] != "refund_fraud" || f.Kind != fault.Forbidden) {
					t.Errorf("passed %v: %v", passed, err)
				}
				if by.Has(RefundsWrite) != passed || !by.Has(OrdersRead) || by.Covers([]Right{RefundsWrite}) != passed {
					t.Errorf("passed %v: holds %v", passed, by.Rights())
				}
				if err := (By{}).Need(RefundsWrite); !fault.Is(err, "denied") {
					t.Error("nobody:", err)
				}
			}
		}
	})
}
