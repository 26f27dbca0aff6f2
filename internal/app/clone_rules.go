package app

import (
	"fmt"
	"sort"
	"strings"

	"kassavalv/internal/datamap"
	"kassavalv/internal/db"
)

// What becomes of every column when a shop is cloned. The rule follows from the column's declaration in the data
// map and from its type; only readable text, hashes that must hold, and sealed fields have a rule by name, below. A column
// for which none is found is a refusal to clone (cloneProblems), and a red test.

// act is what is done with a column.
type act string

const (
	doKeep   act = "keep"   // as it is: numbers, instants, ids, words of the program, what is said of goods
	doSaid   act = "said"   // people typed it: another text in its place, nothing where there was nothing
	doEmpty  act = "empty"  // nothing in its place
	doStand  act = "stand"  // a reference by which somebody outside knows it: another, made of the row's own id
	doChance act = "chance" // as many bytes of chance
	doToken  act = "token"  // the hash of the new key to the row's page
	doIndex  act = "index"  // a blind index, made anew of the stand-in
	doSealed act = "sealed" // opened, replaced by what masks its field, sealed under the new key
	doActor  act = "actor"  // who did it, by number; a name is not one
	doFacts  act = "facts"  // JSON of facts, of which what could point outside goes
	doSum    act = "sum"    // hash of the masked text beside it
	doDigits act = "digits" // the last of a code that nobody has: 0000
)

// cloneNone are the tables of which a clone begins with none, or with what an empty shop has, and why.
var cloneNone = map[string]string{
	"account_challenge": "signing in under way", "account_change": "letters to come", "account_code": "codes on their way", "account_lost": "ways back under way", "account_move": "changes of address under way",
	"account_passkey": "what people sign in with", "account_recovery": "what people sign in with", "account_session": "everybody is signed out",
	"audit_access": "who read whom", "audit_alarm": "who read too much", "audit_entry": "who did what; the clone keeps a log of its own", "audit_idle": "of the log", "audit_log_checkpoint": "of the log", "audit_log_cosignature": "of the log",
	"audit_log_counted": "of the log", "audit_log_leaf": "of the log", "audit_log_tile": "of the log", "audit_log_tree": "of the log", "audit_log_verified": "of the log", "audit_seal": "of the log", "audit_told": "of the log", "audit_turn": "of the log",
	"auth_approval": "asks of people", "auth_caller": "codes on their way", "auth_challenge": "signing in under way", "auth_change": "letters to come", "auth_invite": "ways in", "auth_letter": "letters to come", "auth_opening": "who opened whom",
	"auth_passkey": "what people sign in with", "auth_recovery": "what people sign in with", "auth_review": "who may do what there", "auth_review_item": "who may do what there", "auth_session": "everybody is signed out",
	"auth_sso": "what people sign in with", "auth_sso_flow": "signing in under way", "auth_token": "keys of programs", "auth_totp_next": "what people sign in with", "auth_try": "of signing in",
	"checkout_gap": "of a restore there", "checkout_gap_payment": "of a restore there", "copies_drill": "a clone has no copies",
	"db_change": "of the database", "db_meta": "of the database", "db_migration": "of the database", "giftcard_try": "of guessing",
	"incident_contact": "names and numbers of people", "incident_gate": "of incidents", "incident_letter": "of incidents", "incident_line": "what people wrote", "incident_record": "what people wrote",
	"intake_picture": "addresses that pictures are fetched from", "job_job": "work for the world outside", "job_schedule": "work for the world outside",
	"lesson_done": "who knows what", "lesson_letter": "letters to come", "lesson_state": "who knows what", "mail_message": "letters to people",
	"payment_bankdraft": "the bank's words about payers", "payment_bankfile": "the bank's words about payers", "payment_bankline": "the bank's words about payers", "payment_bankstatement": "the shop's accounts",
	"payment_call": "what partners said", "payment_case": "of comparing with partners", "payment_event": "what partners sent", "payment_payout": "of the shop's accounts", "payment_window": "of comparing with partners",
	"privacy_download": "ways in", "privacy_notice": "of what people asked", "privacy_request": "what people asked", "privacy_subject": "of what people asked",
	"recovery_plan": "names and numbers of people", "recovery_proof": "of the paper key there", "customer_word": "the words of names, made anew", "secret_check": "of the keys", "secret_person": "everybody has a new key",
}

// cloneText says of readable columns of text what is done, table by table: "act: columns; act: columns".
var cloneText = map[string]string{
	"account_account":      "keep: state lang; empty: password",
	"auth_role":            "keep: key name name_key rights",
	"auth_staff":           "keep: role state lang; empty: password", // state: see closed
	"cart_cart":            "keep: currency codes gifts; empty: point_id postal_code; token: token_hash",
	"catalog_attribute":    "keep: key type unit name_sv name_en",
	"catalog_category":     "keep: handle regimes",
	"catalog_cost":         "keep: currency",
	"catalog_media":        "keep: kind alt_sv alt_en file",
	"catalog_member":       "keep: tag",
	"catalog_option":       "keep: name_sv name_en",
	"catalog_option_value": "keep: value_sv value_en",
	"catalog_product":      "keep: handle kind status brand vat_class withdrawal regimes demands unit maker_name maker_postal maker_electronic eu_name eu_postal eu_electronic energy_class origin",
	"catalog_redirect":     "keep: kind handle",
	"catalog_text":         "keep: lang title description seo_title seo_description materials ingredients allergens warnings",
	"catalog_value":        "keep: value label_sv label_en",
	"catalog_variant":      "keep: status option_key sku gtin b_goods_sv b_goods_en",
	"checkout_purchase":    "keep: method state currency money reason code next_type lang alarm; empty: next_url return_url; facts: draft; sum: draft_hash; token: token_hash",
	"checkout_step":        "keep: state why",
	// The company is on every page of the shop anyway; its mail, phone and accounts would be used.
	"content_company":        "keep: name shop org_number vat_number seat street postal_code city country hours_sv hours_en; empty: bankgiro accounts; stand: mail phone",
	"content_handle":         "keep: handle",
	"content_page":           "keep: handle kind lang title body",
	"content_setting":        "keep: name value", // numbers and flags
	"customer_consent":       "keep: kind text_version given at",
	"delivery_method":        "keep: code kind name_sv name_en carrier currency",
	"file_file":              "keep: hash kind state",
	"fulfilment_carrier":     "keep: key name template",
	"fulfilment_parcel":      "keep: carrier; stand: client_key number",
	"giftcard_card":          "keep: currency state origin lang; digits: last4; said: reason; stand: client_key",
	"giftcard_entry":         "keep: kind ref; said: note",
	"giftcard_hold":          "keep: state",
	"intake_source":          "keep: name",
	"lesson_need":            "keep: right_name lesson",
	"order_document":         "keep: kind currency vat; said: reason",
	"order_event":            "keep: kind; facts: data",
	"order_order":            "keep: state lang method currency ocr; facts: draft; token: token_hash",
	"order_series":           "keep: name",
	"payment_entry":          "keep: kind currency; stand: ref",
	"payment_intent":         "keep: method reference currency; stand: idem_key provider_ref",
	"payment_refund":         "keep: currency state code; said: reason; stand: idem_key",
	"payment_take":           "keep: currency state code; said: reason; stand: idem_key",
	"pricing_campaign":       "keep: name_sv name_en",
	"pricing_code":           "keep: code label_sv label_en kind currency",
	"pricing_code_exclusion": "keep: kind", "pricing_price": "keep: currency", "pricing_root": "keep: currency", "pricing_step": "keep: kind currency",
	"pricing_target":   "keep: kind tag",
	"pricing_vat_rate": "keep: country class",
	"returns_alarm":    "keep: code",
	"returns_credit":   "keep: currency gross state; said: reason; stand: client_key",
	"returns_event":    "keep: kind; said: note",
	"returns_line":     "keep: condition",
	"returns_return":   "keep: state lang disputed; stand: client_key",
	"stock_hold":       "keep: state",
	"stock_movement":   "keep: kind",
	"support_case":     "keep: kind state lang; token: token_hash",
	"support_event":    "keep: kind",
	"support_message":  "keep: author",
	"waitlist_entry":   "keep: lang state; token: token_hash",
}

// cloneTokens are the kinds of the keys to pages, by table.
var cloneTokens = map[string]string{"cart_cart": "cart", "checkout_purchase": "purchase", "order_order": "order", "support_case": "case", "waitlist_entry": "waitlist"}

// cloneFields says of each sealed field what is in it: "json" with the names that masked knows, "mail", "text", or "none": no
// value in the clone.
var cloneFields = map[string]string{
	"account.profile": "json", "account.totp": "none", "cart.contact": "json", "checkout.contact": "json", "customer.contact": "json", "giftcard.mail": "mail",
	"order.books": "json", "order.contact": "json", "order.said": "text", "returns.answer": "text", "returns.statement": "json", "staff.profile": "json", "staff.totp": "none",
	"support.contact": "json", "support.message": "text", "waitlist.mail": "mail",
}

// cloneIndexes says of each blind index which part of the stand-in it finds.
var cloneIndexes = map[string]string{
	"account.email": "mail", "cart.mail": "mail", "customer.email": "mail", "customer.phone": "phone", "customer.postal": "postal", "giftcard.to": "mail", "order.mail": "mail", "staff.email": "mail", "support.mail": "mail",
	"waitlist.mail": "mail",
}

// clonePlan is the act of every column of every table of which a clone gets rows.
type clonePlan map[string]map[string]act

// planClone finds the act of each column of the schema, and in sentences what has none.
func planClone(tables []datamap.TableOf, cells []db.Cell) (plan clonePlan, problems []string) {
	plan = clonePlan{}
	declared, known := map[string]datamap.Column{}, map[string]bool{}
	for _, t := range tables {
		known[t.Name] = true
		for _, c := range t.Columns {
			declared[t.Name+"."+c.Name] = c
		}
	}
	used := map[string]bool{}
	for _, c := range cells {
		if cloneNone[c.Table] != "" {
			continue
		}
		name := c.Table + "." + c.Name
		d, ok := declared[name]
		if !ok {
			problems = append(problems, name+" is not in the data map")
			continue
		}
		a := byName(c.Table, c.Name)
		if a != "" {
			used[name] = true
		} else {
			a = byKind(d, c.Type)
		}
		switch {
		case a == "":
			problems = append(problems, fmt.Sprintf("%s holds readable text (%s) and has no rule: say in cloneText what becomes of it in a clone, or in cloneNone that the table stays empty", name, d.Kind))
			continue
		case a == doKeep && d.Personal() && !d.Stays && d.Kind != datamap.IndexKind:
			problems = append(problems, name+" is personal and would be kept")
			continue
		case a == doSealed && cloneFields[d.Field] == "":
			problems = append(problems, fmt.Sprintf("the field %q of %s has no rule in cloneFields", d.Field, name))
			continue
		case a == doIndex && cloneIndexes[d.Field] == "":
			problems = append(problems, fmt.Sprintf("the blind index %q of %s has no rule in cloneIndexes", d.Field, name))
			continue
		}
		if plan[c.Table] == nil {
			plan[c.Table] = map[string]act{}
		}
		plan[c.Table][c.Name] = a
	}
	for t := range cloneNone {
		if !known[t] {
			problems = append(problems, "cloneNone names the table "+t+", which is not there")
		}
	}
	for t, rules := range cloneText {
		for _, part := range strings.Split(rules, ";") {
			_, cols, _ := strings.Cut(part, ":")
			for _, c := range strings.Fields(cols) {
				if !used[t+"."+c] {
					problems = append(problems, "cloneText names "+t+"."+c+", which is not there")
				}
			}
		}
	}
	sort.Strings(problems)
	return plan, problems
}

func byName(table, column string) act {
	for _, part := range strings.Split(cloneText[table], ";") {
		a, cols, _ := strings.Cut(part, ":")
		for _, c := range strings.Fields(cols) {
			if c == column {
				return act(strings.TrimSpace(a))
			}
		}
	}
	return ""
}

// byKind is what follows from the declaration and the type alone.
func byKind(d datamap.Column, sort string) act {
	switch d.Kind {
	case datamap.SealedKind, datamap.BooksKind, datamap.ShopKind:
		return doSealed
	case datamap.IndexKind:
		return doIndex
	case datamap.HashKind:
		return doChance
	case datamap.PersonKind:
		if sort == "INTEGER" {
			return doKeep // a number, of which nobody outside knows whose it was
		}
		return doActor
	case datamap.PlainKind:
		if sort == "INTEGER" {
			return doKeep
		}
	}
	return ""
}
