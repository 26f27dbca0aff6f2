package lesson

import "kassavalv/internal/datamap"

// What each column holds about people.
var _ = datamap.Declare("lesson",
	datamap.Category{Key: "lesson", Who: datamap.Staff, Basis: datamap.Interest, Keep: datamap.Until("lesson"), From: datamap.You, To: []datamap.Recipient{datamap.Mail, datamap.Hosting}},
	datamap.Table("lesson_state",
		datamap.Person("member_id"), datamap.Plain("lesson version concerns since due_at passed_version told"),
		datamap.Open("passed_at", "lesson", "who has passed what is a record that the owner must be able to read", datamap.Doing),
		datamap.Open("tries", "lesson", "a lesson that many try many times is badly written", datamap.Doing)),
	datamap.Table("lesson_done",
		datamap.Person("member_id"), datamap.Plain("id lesson version"),
		datamap.Open("passed_at", "lesson", "who has passed what is a record that the owner must be able to read", datamap.Doing),
		datamap.Open("tries", "lesson", "a lesson that many try many times is badly written", datamap.Doing)),
	datamap.Table("lesson_letter", datamap.Plain("id made_at"), datamap.Person("member_id")),
	datamap.Table("lesson_need", datamap.Plain("right_name lesson grace_days version")),
)
