package content

import (
	"testing"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/db/dbtest"
	"kassavalv/internal/fault"
)

// Nobody moves alone the bounds by which he is watched, by any way there is.
func TestAlarmBounds(t *testing.T) {
	dbtest.Each(t, rooms, func(t *testing.T, d *db.DB) {
		fresh := func(rs ...auth.Right) auth.By {
			by := auth.StaffBy(4, "", rs)
			by.FreshUntil = time.Now().Add(time.Hour)
			return by
		}
		was := read(t, d, func(q *db.Reader) (AlarmBounds, error) { return Alarms(q) })
		if was != (AlarmBounds{60, 200, 10, 600, 3000}) {
			t.Errorf("by default %+v", was)
		}
		is := was
		is.StaffHour = 900
		set := func(by auth.By, was, is AlarmBounds) error {
			return db.Do(t.Context(), d, func(tx *db.Tx) error { return SetAlarms(tx, by, was, is) })
		}
		stale := fresh(auth.AllRights...)
		stale.FreshUntil = time.Time{}
		for _, x := range []struct {
			by   auth.By
			code string
		}{{fresh(auth.SettingsWrite), "denied"}, {fresh(auth.AuditRead), "denied"}, {stale, "step_up"}, {fresh(auth.AllRights...), "second_person"}, {auth.TokenBy(4, "", auth.AllRights), "needs_person"}} {
			if err := set(x.by, was, is); !fault.Is(err, x.code) {
				t.Errorf("%v, want %s", err, x.code)
			}
		}
		// The list of settings has none, and its form changes none.
		for _, s := range read(t, d, func(q *db.Reader) ([]Valued, error) { return Settings(q, auth.System("test")) }) {
			if s.Guarded {
				t.Errorf("%s is a setting like others", s.Key)
			}
		}
		for _, x := range alarmSettings {
			if err := db.Do(t.Context(), d, func(tx *db.Tx) error { return Change(tx, fresh(auth.AllRights...), x.setting.key, "999") }); !fault.Is(err, "not_found") {
				t.Errorf("%s: %v", x.setting.key, err)
			}
		}
		program := auth.System("test")
		low, high, gone := is, is, was
		low.IdleHour, high.TokenDay, gone.StaffDay = 2, 100_001, 7
		for _, x := range []struct {
			was, is AlarmBounds
			code    string
		}{{was, low, "invalid"}, {was, high, "invalid"}, {gone, is, "changed_meanwhile"}} {
			if err := set(program, x.was, x.is); !fault.Is(err, x.code) {
				t.Errorf("%+v: %v, want %s", x.is, err, x.code)
			}
		}
		if now := read(t, d, func(q *db.Reader) (AlarmBounds, error) { return Alarms(q) }); now != was {
			t.Fatalf("what was refused stands: %+v", now)
		}
		k, ok := auth.Wanted(set(fresh(auth.AllRights...), was, is))
		if !ok {
			t.Fatal("no second person is asked for")
		}
		if err := db.Do(t.Context(), d, func(tx *db.Tx) error { return CarryAlarms(tx, program, 0, k.Payload) }); err != nil {
			t.Fatal(err)
		}
		if now := read(t, d, func(q *db.Reader) (AlarmBounds, error) { return Alarms(q) }); now != is {
			t.Errorf("%+v, want %+v", now, is)
		}
		if err := db.Do(t.Context(), d, func(tx *db.Tx) error { return CarryAlarms(tx, program, 0, k.Payload) }); !fault.Is(err, "changed_meanwhile") {
			t.Errorf("the same step from elsewhere: %v", err)
		}
	})
}
