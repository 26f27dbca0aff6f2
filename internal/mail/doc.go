// Package mail sends letters: it renders them in a job, keeps a sealed copy of
// what was sent, and hands the bytes to a relay.
//
// # Invariants
//
//   - Queue writes the outbox row and its job in the caller's transaction. The
//     row holds ids only; who gets what is read by a Renderer when the mail is
//     sent.
//   - The letter is rendered once. Its bytes, with envelope, date and Message-ID,
//     are sealed and stored before the first attempt to deliver, and every
//     attempt sends those bytes. So after a crash a letter may leave twice, but
//     always as the same letter, which receivers can tell. The copy is what the
//     customer was told (the durable medium).
//   - The same Message gives the same bytes: boundaries come from the Message-ID.
//   - A header value with a line break, a control character or a bidirectional
//     override is refused, not repaired. There is one recipient, a bare address;
//     subject and names are encoded as soon as a decoder might read something
//     into them.
//   - In HTML all text is escaped; only a Button makes a link, and only to http,
//     https or mailto. There is always a text part.
//   - Beyond this machine a letter goes over verified TLS or not at all.
//   - 4xx, silence and a broken line are tried again with back-off, by the next
//     relay first; 5xx about the recipient or the letter is final. A letter whose
//     fate is unknown (the line broke after its last byte) is not given to
//     another relay at once. What failed for good stays and is listed by Troubled.
//
// # Refuses
//
// It decides no words and no occasions: rooms do. It never logs an address, a
// subject or a relay's words, stores of an answer its code alone, and reads no mail.
//
// Tables: mail_message.
package mail
