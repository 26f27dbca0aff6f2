package partners

import (
	"testing"

	"kassavalv/internal/apptest"
)

// broken says how the proof of this package catches a rule that is broken on purpose: what
// the partner does meanwhile, and what the proof must find.
var broken = []struct {
	rule, finding string
	run           func(w *lender)
}{
	{"capturekey", "the ledger has taken and paid back ", takenInParts},
}

// takenInParts sends one piece of several; the program dies when Klarna has taken its
// money and nobody has been told, and is started again.
func takenInParts(w *lender) {
	_, number := w.approved(apptest.NewMail(), 6, w.Variant()) // enough is left to be taken twice
	w.k.AfterCapture(w.Shop.Kill)
	line := w.AdminOrder(number).Lines[0].ID
	// Whoever sends the parcel may or may not hear that it was written down.
	_, _ = w.Try("POST", apptest.AdminAPI+"/orders/"+number+"/shipments", map[string]any{"lines": []map[string]any{{"line_id": line, "quantity": 1}}}, "Authorization", "Bearer "+w.AdminToken)
	w.until("the program is killed", func() bool { return !w.Alive() })
	if err := w.Open(); err != nil {
		w.T.Fatal(err)
	}
	w.Client = w.Shop.As(w.T)
	w.until("the money of the parcel is in the ledger", func() bool { return w.AdminOrder(number).Payment.Paid.Amount > 0 })
	w.agree()
}

// TestBrokenProgramsAreCaught: the proof passes for the program as it is, and finds what
// is broken on purpose.
func TestBrokenProgramsAreCaught(t *testing.T) {
	for _, b := range broken {
		t.Run(b.rule, func(t *testing.T) {
			t.Parallel()
			b.run(startLenderOf(t, apptest.Options{Engine: apptest.Engines[0], Proof: true}))
			w := startLenderOf(t, apptest.Options{Engine: apptest.Engines[0], Proof: true, Env: []string{"KASSAVALV_PROOF_BREAK=" + b.rule}})
			apptest.Caught(t, apptest.Find(t, func(t testing.TB) { b.run(&lender{w.With(t), w.k}) }), b.finding)
		})
	}
}
