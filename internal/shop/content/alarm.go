package content

import (
	"encoding/json"
	"fmt"

	"kassavalv/internal/audit"
	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

// AlarmBounds are the numbers of different customers whose details may be opened before the log
// raises an alarm.
type AlarmBounds struct {
	StaffHour int64 `json:"staff_hour"` // by one member within an hour
	StaffDay  int64 `json:"staff_day"`  // within a day
	IdleHour  int64 `json:"idle_hour"`  // without business with the shop, by one member within an hour
	TokenHour int64 `json:"token_hour"` // by one API key within an hour
	TokenDay  int64 `json:"token_day"`
}

// Bounds of the bounds: an alarm at one is noise that hides the others, and none at a
// thousand an hour is no alarm any more.
const (
	minAlarm      = 3
	maxAlarmStaff = 1_000
	maxAlarmToken = 100_000
)

var alarmSettings = []struct {
	setting Int
	of      func(b *AlarmBounds) *int64
}{
	{guarded("alarm.staff_hour", int64(audit.StaffBounds[audit.RuleHour]), minAlarm, maxAlarmStaff), func(b *AlarmBounds) *int64 { return &b.StaffHour }},
	{guarded("alarm.staff_day", int64(audit.StaffBounds[audit.RuleDay]), minAlarm, maxAlarmStaff), func(b *AlarmBounds) *int64 { return &b.StaffDay }},
	{guarded("alarm.idle_hour", int64(audit.StaffBounds[audit.RuleIdle]), minAlarm, maxAlarmStaff), func(b *AlarmBounds) *int64 { return &b.IdleHour }},
	{guarded("alarm.token_hour", int64(audit.TokenBounds[audit.RuleHour]), minAlarm, maxAlarmToken), func(b *AlarmBounds) *int64 { return &b.TokenHour }},
	{guarded("alarm.token_day", int64(audit.TokenBounds[audit.RuleDay]), minAlarm, maxAlarmToken), func(b *AlarmBounds) *int64 { return &b.TokenDay }},
}

// Alarms reads the bounds, as they are set or by default.
func Alarms(q db.Q) (b AlarmBounds, err error) {
	for _, x := range alarmSettings {
		if *x.of(&b), err = x.setting.Get(q); err != nil {
			return b, err
		}
	}
	return b, nil
}

func (b AlarmBounds) String() string {
	return fmt.Sprintf("staff %d/h %d/d, idle %d/h, tokens %d/h %d/d", b.StaffHour, b.StaffDay, b.IdleHour, b.TokenHour, b.TokenDay)
}

// alarmChange is what a second person approves: the step from old to new.
type alarmChange struct {
	Was AlarmBounds `json:"was"`
	Is  AlarmBounds `json:"is"`
}

// SetAlarms changes the bounds. Whoever is watched must not move them alone: it needs
// settings.write, audit.read, a fresh proof and an owner's yes (auth.ActAudit). 422 with fields; 409
// changed_meanwhile where was is not what holds. Nothing is done where both are the same.
func SetAlarms(tx *db.Tx, by auth.By, was, is AlarmBounds) error {
	if err := by.Need(auth.SettingsWrite); err != nil {
		return err
	}
	if err := by.Need(auth.AuditRead); err != nil {
		return err
	}
	if err := by.NeedFresh(tx.Now()); err != nil {
		return err
	}
	var bad fault.Fields
	for _, x := range alarmSettings {
		s := registry[x.setting.key]
		switch n := *x.of(&is); {
		case n < s.Min:
			bad.Add("/"+s.Key, "too_small", "min", s.Min)
		case n > s.Max:
			bad.Add("/"+s.Key, "too_big", "max", s.Max)
		}
	}
	if err := bad.Err(); err != nil {
		return err
	}
	now, err := Alarms(tx)
	if err != nil {
		return err
	}
	if now != was {
		return fault.Conflict("changed_meanwhile")
	}
	if was == is {
		return nil
	}
	payload, err := json.Marshal(alarmChange{was, is})
	if err != nil {
		return err
	}
	if err := by.NeedSecond(auth.Ask{Act: auth.ActAudit, Entity: "setting", Was: was.String(), Is: is.String(), Payload: payload}); err != nil {
		return err
	}
	for _, x := range alarmSettings {
		if from, to := *x.of(&was), *x.of(&is); from != to {
			if err := put(tx, by, x.setting.key, fmt.Sprint(from), fmt.Sprint(to)); err != nil {
				return err
			}
		}
	}
	return nil
}

// CarryAlarms changes the bounds as they were approved.
func CarryAlarms(tx *db.Tx, by auth.By, _ db.ID, payload []byte) error {
	var c alarmChange
	if err := json.Unmarshal(payload, &c); err != nil {
		return err
	}
	return SetAlarms(tx, by, c.Was, c.Is)
}
