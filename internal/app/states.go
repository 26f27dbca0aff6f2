package app

import (
	"kassavalv/internal/db"
	"kassavalv/internal/job"
	"kassavalv/internal/shop/checkout"
)

type states struct {
	purchases, jobs map[string]float64
	alarms          float64
}

// readStates asks the rooms for their counts.
func readStates(q *db.Reader) (states, error) {
	s := states{purchases: map[string]float64{}, jobs: map[string]float64{}}
	open, alarms, err := checkout.Counts(q)
	if err != nil {
		return s, err
	}
	for st, n := range open {
		s.purchases[string(st)] = float64(n)
	}
	s.alarms = float64(alarms)
	dead, err := job.Dead(q, 0, 1)
	if err != nil {
		return s, err
	}
	s.jobs["dead"] = float64(len(dead))
	return s, nil
}
