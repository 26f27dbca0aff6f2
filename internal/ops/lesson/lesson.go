package lesson

import (
	"embed"
	"errors"
	"slices"
	"time"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

//go:embed migrations/*.sql
var migrationsFS embed.FS

// Migrations makes this room's tables.
var Migrations = db.Migrations{Room: "lesson", FS: migrationsFS}

// Times.
const (
	day        = 24 * time.Hour
	firstTime  = 14 * day  // from when a lesson, or a new version of it, first concerns a member
	again      = 365 * day // from a pass to the next
	openBefore = 30 * day  // how long before it is due again a passed lesson is to be read
	remind     = 7 * day   // before it is due, and between the reminders after
	sameVisit  = time.Hour // a second pass within it is the same pass: a double click, the way back
)

// JobRemind asks for the letter; Ref is the row of lesson_letter.
const JobRemind = "lesson.mail_remind"

const entity = "lesson"

// Room holds what the use cases need.
type Room struct {
	DB   *db.DB
	Auth *auth.Auth
}

// state is lesson_state.
type state struct {
	member        db.ID
	lesson        string
	version       int64
	concerns      bool
	since, due    time.Time
	passedVersion int64
	passed        time.Time
	tries, told   int64
}

const cols = `member_id, lesson, version, concerns, since, due_at, passed_version, passed_at, tries, told`

func scan(r interface{ Scan(...any) error }) (s state, err error) {
	err = r.Scan(&s.member, &s.lesson, &s.version, &s.concerns, &s.since, &s.due, &s.passedVersion, &s.passed, &s.tries, &s.told)
	return
}

func states(q db.Q, member db.ID) (map[string]state, error) {
	rows, err := db.All(q, func(r *db.Rows) (state, error) { return scan(r) }, `SELECT `+cols+` FROM lesson_state WHERE member_id=$1`, member)
	out := map[string]state{}
	for _, s := range rows {
		out[s.lesson] = s
	}
	return out, err
}

// dueAt is when a lesson must have been passed: never sooner than firstTime after it
// began to concern the member.
func dueAt(since, passed time.Time, current bool) time.Time {
	due := since.Add(firstTime)
	if current && passed.Add(again).After(due) {
		due = passed.Add(again)
	}
	return due
}

// Standing is where a member stands with a lesson.
type Standing struct {
	Lesson        Lesson
	Due           time.Time
	Passed        time.Time // zero: never
	PassedVersion int64     // 0: never
	Tries         int64     // since the last pass
	Late          bool
	Open          bool // to be read: not passed as it stands now, or soon due again
}

// stand joins a lesson with its row; without one it begins to concern the member now.
func stand(l Lesson, s state, has bool, now time.Time) Standing {
	current := s.passedVersion >= l.Version
	out := Standing{Lesson: l, Due: s.due, Passed: s.passed, PassedVersion: s.passedVersion, Tries: s.tries}
	if !has || s.version != l.Version || !s.concerns { // the look of the hour has yet to see it
		out.Due, out.Tries = dueAt(now, s.passed, current), 0
	}
	out.Late = !now.Before(out.Due)
	out.Open = !current || !now.Before(out.Due.Add(-openBefore))
	return out
}

// concerning lists the lessons that concern who holds the rights: those made for one
// of them, and those that one of them demands.
func concerning(rights []auth.Right, needs []Need) []Lesson {
	var out []Lesson
	for _, l := range all {
		if l.Concerns(rights) || slices.ContainsFunc(needs, func(n Need) bool { return n.Lesson == l.ID && slices.Contains(rights, n.Right) }) {
			out = append(out, l)
		}
	}
	return out
}

func standings(q db.Q, member db.ID, rights []auth.Right, needs []Need) ([]Standing, error) {
	rows, err := states(q, member)
	if err != nil {
		return nil, err
	}
	var out []Standing
	for _, l := range concerning(rights, needs) {
		s, has := rows[l.ID]
		out = append(out, stand(l, s, has, q.Now()))
	}
	slices.SortStableFunc(out, func(a, b Standing) int {
		if a.Open != b.Open {
			if a.Open {
				return -1
			}
			return 1
		}
		if a.Open {
			return a.Due.Compare(b.Due)
		}
		return 0
	})
	return out, nil
}

// needPerson: lessons are for people, whatever their rights.
func needPerson(by auth.By) error {
	if by.Kind != auth.StaffKind || by.ID <= 0 {
		return fault.Denied()
	}
	return nil
}

// Mine is where the member himself stands: what is to be read first, by its date. No right is asked for.
func (m *Room) Mine(q db.Q, by auth.By) ([]Standing, error) {
	if err := needPerson(by); err != nil {
		return nil, err
	}
	needs, err := Needs(q)
	if err != nil {
		return nil, err
	}
	return standings(q, by.ID, by.Granted(), needs)
}

// One is the member's standing with one lesson. Anyone may read every lesson: one that
// does not concern him has no date. 404 for none.
func (m *Room) One(q db.Q, by auth.By, id string) (Standing, error) {
	l, ok := ByID(id)
	if !ok {
		return Standing{}, fault.NotFound()
	}
	list, err := m.Mine(q, by)
	if err != nil {
		return Standing{}, err
	}
	for _, s := range list {
		if s.Lesson.ID == id {
			return s, nil
		}
	}
	rows, err := states(q, by.ID)
	s := rows[id]
	return Standing{Lesson: l, Passed: s.passed, PassedVersion: s.passedVersion, Open: s.passedVersion < l.Version}, err
}

// Pass is one pass of the record.
type Pass struct {
	ID      db.ID
	Lesson  string
	Version int64
	At      time.Time
	Tries   int64
}

// passes lists what a member has passed, the newest first.
func passes(q db.Q, member db.ID) ([]Pass, error) {
	return db.All(q, func(r *db.Rows) (p Pass, err error) {
		err = r.Scan(&p.ID, &p.Lesson, &p.Version, &p.At, &p.Tries)
		return
	}, `SELECT id, lesson, version, passed_at, tries FROM lesson_done WHERE member_id=$1 ORDER BY id DESC LIMIT 500`, member)
}

// Row is a member in the record of the shop.
type Row struct {
	Member    auth.Member
	Name      string
	Standings []Standing
	Late      int // lessons that are late
	Open      int // lessons to be read
}

// Record is where every active member stands, those who are late first.
func (m *Room) Record(q db.Q, by auth.By) ([]Row, error) {
	if err := by.Need(auth.LessonsRead); err != nil {
		return nil, err
	}
	members, err := m.Auth.Members(q)
	if err != nil {
		return nil, err
	}
	needs, err := Needs(q)
	if err != nil {
		return nil, err
	}
	ids := make([]db.ID, len(members))
	for i, x := range members {
		ids[i] = x.ID
	}
	names, err := m.Auth.Names(q, auth.System("lesson.record"), ids)
	if err != nil {
		return nil, err
	}
	out := make([]Row, 0, len(members))
	for _, x := range members {
		r := Row{Member: x, Name: names[x.ID]}
		if r.Standings, err = standings(q, x.ID, x.Rights, needs); err != nil {
			return nil, err
		}
		for _, s := range r.Standings {
			if s.Late {
				r.Late++
			}
			if s.Open {
				r.Open++
			}
		}
		out = append(out, r)
	}
	slices.SortStableFunc(out, func(a, b Row) int { return b.Late - a.Late })
	return out, nil
}

// Late counts the active members who are late with something, for the office's front page.
func (m *Room) Late(q db.Q, by auth.By) (n int, err error) {
	if err := by.Need(auth.LessonsRead); err != nil {
		return 0, err
	}
	late, err := m.late(q)
	seen := map[db.ID]bool{}
	for _, x := range late {
		seen[x.member] = true
	}
	return len(seen), err
}

// late lists what active members are late with. Who has left keeps his rows, and nobody
// waits for them.
func (m *Room) late(q db.Q) ([]state, error) {
	rows, err := db.All(q, func(r *db.Rows) (s state, err error) { err = r.Scan(&s.member, &s.lesson); return },
		`SELECT member_id, lesson FROM lesson_state WHERE concerns=1 AND due_at <= $1`, q.Now())
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	members, err := m.Auth.Members(q)
	if err != nil {
		return nil, err
	}
	here := map[db.ID]bool{}
	for _, x := range members {
		here[x.ID] = true
	}
	return slices.DeleteFunc(rows, func(s state) bool { return !here[s.member] }), nil
}

// Of is the record of one active member, with every pass. A 404 fault for others.
func (m *Room) Of(q db.Q, by auth.By, member db.ID) (Row, []Pass, error) {
	if err := by.Need(auth.LessonsRead); err != nil {
		return Row{}, nil, err
	}
	x, err := m.Auth.Member(q, member)
	if errors.Is(err, db.ErrNotFound) {
		return Row{}, nil, fault.NotFound()
	}
	if err != nil {
		return Row{}, nil, err
	}
	needs, err := Needs(q)
	if err != nil {
		return Row{}, nil, err
	}
	names, err := m.Auth.Names(q, auth.System("lesson.record"), []db.ID{member})
	if err != nil {
		return Row{}, nil, err
	}
	r := Row{Member: x, Name: names[member]}
	if r.Standings, err = standings(q, member, x.Rights, needs); err != nil {
		return Row{}, nil, err
	}
	ps, err := passes(q, member)
	return r, ps, err
}
