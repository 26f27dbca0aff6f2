// Package notice writes everything that the shop writes: to customers, and to its own
// staff about their way in. Which event, which words, which language.
//
// # Invariants
//
//   - An order that is placed makes exactly one letter: confirmation and receipt (or
//     invoice) in one, with all that distansavtalslagen 2 kap. 4 § wants on a durable
//     medium: the facts, the terms of the version that was agreed to, and the withdrawal
//     form, in the letter and its attachments, not as links alone.
//   - Other events make one letter each (mail.Spec.Once): a job that runs twice
//     queues nothing twice.
//   - Words come from package lang; what people wrote is quoted as text. A letter about a
//     case carries its link and none of its words. Subjects hold nothing that people wrote.
//   - A letter goes to the address of the order, purchase or case it is about. The
//     acknowledgement of a withdrawal goes to the address given with it, and a copy to that
//     of the order when they differ, so that nobody withdraws behind a buyer's back.
//   - A link that works as a key (an invitation, a recovery, the stop of a change of address) and a code are made when the letter is
//     rendered and stand in no row; the copy of such a letter is dropped once it is sent.
//   - Documents are made from the order as agreed and the company as it was then: the same
//     order gives the same bytes.
//
// It owns no tables: jobs bring the ids, package mail keeps what was sent.
package notice
