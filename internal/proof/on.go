//go:build proof

package proof

import (
	"crypto/rand"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

// On reports whether this program can be broken.
const On = true

// mark is said at each start, and is what a test looks for in a program's bytes.
const mark = "this program was built to be broken; it must not serve a shop"

// Breaks says of every rule what the program does without it.
var Breaks = map[string]string{
	"answer":     "a buyer waits for the bank as long as a call may take",
	"capturekey": "each try to take what is reserved has an idempotency key of its own",
	"code":       "a discount code's use is written down, but its limit is not kept",
	"early":      "a site counts as having what was only sent to it",
	"double":     "a purchase that is over is placed again by the next answer",
	"gift":       "the sum of a gift card is not held for a purchase",
	"hold":       "stock is not held for a purchase",
	"key":        "each try to make a payment has an idempotency key of its own",
	"late":       "money that comes after the end of a purchase stays at the bank",
	"leftover":   "what a crash left in the log is not captured at the next start",
	"letter":     "a letter is not kept before it leaves, and written anew at each try",
	"look":       "a notification's own word is believed",
	"match":      "the sum that the bank tells of is not compared with what was frozen",
	"outbox":     "the letters of an order are queued a second after its transaction",
	"overrefund": "a refund is not counted against what was paid",
	"refundkey":  "each try to pay back has an idempotency key of its own",
	"release":    "a purchase that failed keeps its pieces",
	"rescue":     "nobody asks about what was left behind",
	"wait":       "an order is shown as paid before another site has it",
}

// Costs are measures that the bench leaves out one by one, to tell what each takes. No
// proof misses them within a run.
var Costs = map[string]string{
	"calls": "conversations with a provider are not written down",
	"seal":  "the cipher of sealed values does nothing",
	"steps": "the life of a purchase is not written down",
	"sync":  "a commit does not wait for the disk",
}

// Steps between the bank, the relay and the database where the program can be ended.
var Steps = []string{
	"checkout.stored", "checkout.before begin", "checkout.after begin", "checkout.before look", "checkout.before record", "checkout.after record", "checkout.after end",
	"checkout.capture claimed", "checkout.capture asked",
	"mail.kept", "mail.sent", "mail.marked",
	"secret.rewrapped",
	"returns.claimed", "returns.asked", "returns.recorded",
	"db.untold", "copies.unnamed", "copies.half kept", "copies.put", "copies.half a snapshot",
}

var (
	broken map[string]bool
	killAt string
	left   atomic.Int64
)

func init() {
	fmt.Fprintln(os.Stderr, mark)
	refuse := func(key, what string) {
		fmt.Fprintf(os.Stderr, "%s: %q is not known\n", key, what)
		os.Exit(2)
	}
	broken = map[string]bool{}
	for _, b := range strings.FieldsFunc(os.Getenv("KASSAVALV_PROOF_BREAK"), func(r rune) bool { return r == ',' }) {
		if Breaks[b] == "" && Costs[b] == "" {
			refuse("KASSAVALV_PROOF_BREAK", b)
		}
		broken[b] = true
	}
	if k := os.Getenv("KASSAVALV_PROOF_KILL"); k != "" {
		step, times, _ := strings.Cut(k, ":")
		n, err := strconv.ParseInt(times, 10, 64)
		known := false
		for _, s := range Steps {
			known = known || s == step
		}
		if !known || err != nil || n < 1 {
			refuse("KASSAVALV_PROOF_KILL", k)
		}
		killAt = step
		left.Store(n)
	}
}

// At passes a step of a room; at the one that was asked for, the program ends as by a
// power failure.
func At(room, step string) {
	if killAt == "" || room+"."+step != killAt || left.Add(-1) != 0 {
		return
	}
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		p.Kill()
	}
	select {} // it goes no step further
}

// Broken reports whether a rule is broken on purpose.
func Broken(rule string) bool { return broken[rule] }

// Spoil returns s, and something else at each call when the rule is broken that says
// that it stays the same.
func Spoil(rule, s string) string {
	if !broken[rule] {
		return s
	}
	return s + strings.ToLower(rand.Text()[:8])
}
