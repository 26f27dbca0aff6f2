// Package customer is who buys: contact, addresses and consents, parsed, sealed
// and found again by blind indexes.
//
// # Invariants
//
//   - Each guest purchase makes a customer of its own, with a person of its own in the
//     vault. Equal addresses of guests are never merged here.
//   - A Contact that Parse returned is canonical: mail in the form it is mailed,
//     phone in E.164, postal code in the form of its country, text in NFC without
//     control, bidirectional or zero-width characters. Only such a Contact is stored.
//   - Contact data are sealed under the person; the table holds no readable
//     personal byte. Look-up goes by full HMACs of mail, phone, postal code and each folded
//     word of name and company.
//   - The newsletter is a consent of its own, unticked by default, kept with the
//     version of the words and the time. Withdrawing adds a row.
//   - An address or phone that is asked for nowhere is not demanded: the phone only when the
//     delivery needs it.
//   - Erasing destroys the person's key and the indexes at once.
//
// It refuses to know orders, carts and accounts.
//
// Tables: customer_customer, customer_word, customer_consent, customer_limit (what a
// person has asked not to be done with his details).
package customer
