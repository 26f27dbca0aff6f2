package recovery

import (
	"errors"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/ops/copies"
)

// Quarter is how long a proof of the paper key holds.
const Quarter = 92 * 24 * time.Hour

// triesADay are how often the words may be typed in a day, right or wrong; also a CHECK.
const triesADay = 5

// Result is what a try of the paper key found.
type Result string

// The results.
const (
	Right    Result = "right"
	Mistyped Result = "mistyped" // no paper key at all: a word too many, or one that is not in the list
	Another  Result = "another"  // a paper key, but not this shop's
)

// Prove compares words with the charter: whoever can type them can bring the shop back. The
// try counts whatever it finds, and nothing of the words is kept, logged or said. Faults: 403, 403 step_up,
// 409 no_paper where there is none, 429 when the day's tries are used up.
func Prove(tx *db.Tx, by auth.By, c copies.Charter, words string) (Result, error) {
	if err := by.Need(auth.KeysWrite); err != nil {
		return "", err
	}
	if err := by.NeedFresh(tx.Now()); err != nil {
		return "", err
	}
	if c.Seal == "" {
		return "", fault.Conflict("no_paper")
	}
	day := tx.Now().Unix() / (24 * 60 * 60)
	var tried int64
	if err := tx.QueryRow(`SELECT count(*) FROM recovery_proof WHERE day=$1`, day).Scan(&tried); err != nil {
		return "", err
	}
	if tried >= triesADay {
		return "", fault.TooMany(time.Unix((day+1)*24*60*60, 0).Sub(tx.Now()))
	}
	res := Mistyped
	if p, err := copies.ParsePaper(words); err == nil {
		if res = Another; c.Of(p) {
			res = Right
		}
	} else if !errors.Is(err, copies.ErrWords) {
		return "", err
	}
	if _, err := tx.Exec(`INSERT INTO recovery_proof (id, day, try, proven, at) VALUES ($1,$2,$3,$4,$5)`, tx.NewID(), day, tried+1, res == Right, tx.Now()); err != nil {
		return "", err // two at once: the key of the day's tries lets one of them in
	}
	return res, by.Record(tx, "recovery.paper", "recovery", 0, "", string(res))
}

// Proven is when the paper key was last typed rightly; zero: never.
func Proven(q db.Q) (at time.Time, err error) {
	err = q.QueryRow(`SELECT at FROM recovery_proof WHERE proven=1 ORDER BY at DESC LIMIT 1`).Scan(&at)
	if errors.Is(err, db.ErrNotFound) {
		err = nil
	}
	return
}
