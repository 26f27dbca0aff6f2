// Package content keeps the shop's own words and facts: who the company is, the
// pages it answers for (terms, withdrawal, privacy, …) and its settings.
//
// # Invariants
//
//   - Nothing is written over. A change of the company or of a page is a new
//     version with the instant from which it is valid; a purchase names the
//     version of the terms it was made under, and that text can be shown for as
//     long as the order lives.
//   - A version of a page has a Swedish text; a missing English one is answered with
//     the Swedish and says so (Page.Fallback).
//   - The organisation number passes its check digit, and the VAT number is the
//     one that belongs to it.
//   - Settings are a closed list in the source, each with its type, bounds, default
//     and the right it takes to change it. A row that the source does not know is
//     never read.
//
// # Entities of the change feed
//
// "company" (id 1), "page" (id of the row), "setting" (id 1).
//
// # Tables
//
// content_company, content_handle, content_page, content_setting.
//
// # What it refuses
//
// It makes no HTML: bodies are Markdown as written, and the faces render them
// through the one reviewed function. It holds no prices, goods or persons other than
// the company's own contact points.
package content
