// Package lesson teaches the people of the shop: ten short lessons, each with questions,
// for those whose rights make them worth it; who has passed which, and who is late.
//
// # Invariants
//
//   - A lesson is a file in the program, in Swedish and English, checked when the program starts: the
//     same shape in both, one right answer to a question, a reason beside every answer.
//   - Passing takes every question right in one go. What was chosen wrongly gets its
//     reason, and one may try again at once; nobody is locked out of a lesson.
//   - Answers stand in an order of the member's own that stays the same, so that neither he
//     nor the page learns it by place.
//   - A lesson is due 14 days after it first concerned a member, again a year after he passed it, and
//     14 days after its version rose. Reading a page moves none of this.
//   - The record of passes is append-only. It holds no answers, only how many tries it took.
//   - A right that demands a lesson is refused once the member is later than its grace. No right
//     stands in front of the lessons themselves, so each refusal can be lifted by who meets it.
//
// It does not send mail (see JobRemind and Letter), and knows no page.
//
// Tables: lesson_state (where a member stands), lesson_done (each pass), lesson_letter
// (reminders), lesson_need (rights that demand a lesson).
package lesson
