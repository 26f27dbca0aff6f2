package auth

import (
	"slices"
	"time"

	"kassavalv/internal/audit"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
)

// Right is one narrow thing that staff, an API token or a job may do.
type Right string

// The rights. A role is a set of them; see Roles.
const (
	CatalogRead   Right = "catalog.read"   // unpublished goods too
	CatalogWrite  Right = "catalog.write"  // goods, prices, pictures, campaigns, codes
	StockWrite    Right = "stock.write"    // levels
	OrdersRead    Right = "orders.read"    // orders with the personal data they need
	OrdersWrite   Right = "orders.write"   // pack, ship, cancel, record that an invoice was paid
	RefundsWrite  Right = "refunds.write"  // money back
	CasesRead     Right = "cases.read"     //
	CasesWrite    Right = "cases.write"    // answer customers
	SettingsRead  Right = "settings.read"  //
	SettingsWrite Right = "settings.write" // company facts, pages, delivery, payment methods
	StaffWrite    Right = "staff.write"    // invite, change roles, close
	AuditRead     Right = "audit.read"     //
	JobsWrite     Right = "jobs.write"     // retry dead letters, "ask the bank now"

	CustomersRead  Right = "customers.read"  // find customers; their details stay masked
	PersonalOpen   Right = "personal.open"   // open a person's details, with a reason that he sees
	BooksRead      Right = "books.read"      // what the bookkeeping law keeps, shut to others
	FiguresRead    Right = "figures.read"    // sums over the whole shop
	CostsRead      Right = "costs.read"      // purchase prices, and margins with them
	PrivacyWrite   Right = "privacy.write"   // answer people's requests: export, correct, erase
	ExportBulk     Right = "export.bulk"     // many people's data at once; a second person too
	KeysWrite      Right = "keys.write"      // how the keys of the vault stand, and turn them; a second person too
	IncidentsRead  Right = "incidents.read"  //
	IncidentsWrite Right = "incidents.write" // lead and close; anyone may open one
	LessonsRead    Right = "lessons.read"    // others' records of lessons
)

// AllRights lists every right; a role or token naming another is refused at start.
var AllRights = []Right{CatalogRead, CatalogWrite, StockWrite, OrdersRead, OrdersWrite, RefundsWrite,
	CasesRead, CasesWrite, SettingsRead, SettingsWrite, StaffWrite, AuditRead, JobsWrite,
	CustomersRead, PersonalOpen, BooksRead, FiguresRead, CostsRead, PrivacyWrite, ExportBulk, KeysWrite, IncidentsRead, IncidentsWrite, LessonsRead}

// Roles are the built-in sets of rights. Each holds what its work cannot be done
// without, and nothing for convenience (docs/decisions/0014).
var Roles = map[string][]Right{
	"owner": AllRights,
	// Who sets prices must know what goods cost to buy, and meets no customer.
	"catalogue": {CatalogRead, CatalogWrite, StockWrite, CostsRead},
	// Who packs needs name and address of the parcel in hand: opened with a reason. What
	// the shop turns over is not needed for it.
	"orders": {CatalogRead, OrdersRead, OrdersWrite, RefundsWrite, StockWrite, CasesRead, CustomersRead, PersonalOpen},
	// Who answers must find the caller, and open what the question is about.
	"support": {CatalogRead, OrdersRead, CasesRead, CasesWrite, CustomersRead, PersonalOpen},
	// Looks at goods and settings: an auditor of the site, an adviser. No person, no sum.
	"reader": {CatalogRead, SettingsRead},
}

// Kind of principal. The zero kind is nobody and may do nothing.
type Kind int

// Kinds of principals.
const (
	Nobody    Kind = iota
	GuestKind      // a visitor; scope comes from the secret ids and tokens he holds
	StaffKind
	APIKind
	SystemKind // a job or the program itself
	// CustomerKind is a visitor who has signed in: with an account, or with a proven mail address alone (ID 0).
	CustomerKind
)

// By says on whose behalf a use case runs. It is made by a face or a worker,
// never from request fields.
type By struct {
	Kind Kind
	ID   db.ID  // of the member, token or account; 0 otherwise
	Name string // of a system principal: the job kind; otherwise empty
	Peer string // client network prefix, for the audit row
	Role string // of staff: the name of his role, for the record of readings
	// Of a token: what it was made to do, one of Reasons; its readings are recorded with it.
	Purpose string
	// Of staff and customers: the session, and until when dangerous acts need no new proof.
	Session    db.ID
	FreshUntil time.Time
	rights     map[Right]bool
	approved   string           // digest of what a second person has approved for this transaction; see Take
	lacking    map[Right]string // rights that wait for a lesson, and which; see Options.Lacking
}

// Guest is a visitor.
func Guest(peer string) By { return By{Kind: GuestKind, Peer: peer} }

// CustomerBy is a visitor who has signed in: account is 0 for who has only proven a mail
// address. He holds no rights; rooms give him what is his own.
func CustomerBy(account, session db.ID, peer string, freshUntil time.Time) By {
	return By{Kind: CustomerKind, ID: account, Session: session, Peer: peer, FreshUntil: freshUntil}
}

// System is the program itself; it holds every right and is named in the audit.
func System(name string) By {
	b := By{Kind: SystemKind, Name: name, rights: map[Right]bool{}}
	for _, r := range AllRights {
		b.rights[r] = true
	}
	return b
}

// StaffBy is a signed-in member of staff with the rights of his role.
func StaffBy(id db.ID, peer string, rights []Right) By {
	return withRights(StaffKind, id, peer, rights)
}

// TokenBy is an API token with its scopes.
func TokenBy(id db.ID, peer string, rights []Right) By { return withRights(APIKind, id, peer, rights) }

func withRights(k Kind, id db.ID, peer string, rights []Right) By {
	b := By{Kind: k, ID: id, Peer: peer, rights: map[Right]bool{}}
	for _, r := range rights {
		b.rights[r] = true
	}
	return b
}

// Has reports whether b holds r.
func (b By) Has(r Right) bool { return b.Kind != Nobody && r != "" && b.rights[r] }

// Need returns a 403 fault unless b holds r: "denied", or "lesson_needed" where his
// role has it but a lesson comes first; its sentence names the lesson. Every use
// case of staff starts with it.
func (b By) Need(r Right) error {
	if b.Has(r) {
		return nil
	}
	if why := b.lacking[r]; why != "" {
		f := &fault.Error{Kind: fault.Forbidden, Code: "lesson_needed", Extra: map[string]any{"lesson": why}}
		if key := "lesson.needed." + why; lang.Has(key) {
			f.Key = key
		}
		return f
	}
	return fault.Denied()
}

// without takes from b the rights that wait for a lesson.
func (b By) without(lacking map[Right]string) By {
	if len(lacking) == 0 {
		return b
	}
	b.lacking = map[Right]string{}
	for r, why := range lacking {
		if b.rights[r] {
			delete(b.rights, r)
			b.lacking[r] = why
		}
	}
	return b
}

// NeedFresh returns a 403 fault "step_up" unless the member of staff proved
// himself within the last minutes. Dangerous acts ask for it beside Need. Tokens
// and the program cannot prove themselves anew; their rights decide alone.
func (b By) NeedFresh(now time.Time) error {
	switch b.Kind {
	case APIKind, SystemKind:
		return nil
	case StaffKind, CustomerKind:
		if now.Before(b.FreshUntil) {
			return nil
		}
		return &fault.Error{Kind: fault.Forbidden, Code: "step_up"}
	}
	return fault.Denied()
}

// Covers reports whether b holds every right of rs: nobody grants or edits
// above himself.
func (b By) Covers(rs []Right) bool {
	for _, r := range rs {
		if !b.Has(r) {
			return false
		}
	}
	return true
}

// Rights lists what b may do, in the order of AllRights.
func (b By) Rights() []Right {
	var out []Right
	for _, r := range AllRights {
		if b.Has(r) {
			out = append(out, r)
		}
	}
	return out
}

// needPerson refuses tokens where a person must act: managing staff and tokens.
func (b By) needPerson(now time.Time) error {
	if b.Kind != StaffKind && b.Kind != SystemKind {
		return fault.Denied()
	}
	if err := b.Need(StaffWrite); err != nil {
		return err
	}
	return b.NeedFresh(now)
}

var kindNames = map[Kind]string{Nobody: "nobody", GuestKind: "guest", StaffKind: "staff", APIKind: "token", SystemKind: "system", CustomerKind: "customer"}

// Entry starts an audit entry of b.
func (b By) Entry(action, entity string, id db.ID) audit.Entry {
	return audit.Entry{ActorKind: kindNames[b.Kind], ActorID: b.ID, ActorName: b.Name, Peer: b.Peer, Action: action, Entity: entity, EntityID: id}
}

// Record writes to the audit log that b did something. was and is are short
// facts without personal data or secrets.
func (b By) Record(tx *db.Tx, action, entity string, id db.ID, was, is string) error {
	e := b.Entry(action, entity, id)
	e.Old, e.New = was, is
	return audit.Record(tx, e)
}

// Refuse writes to the audit log that b was refused. Where the refusal is an
// error that undoes the transaction, use Act or a Write of its own.
func (b By) Refuse(tx *db.Tx, action, entity string, id db.ID, why string) error {
	e := b.Entry(action, entity, id)
	e.New, e.Outcome = why, audit.Refused
	return audit.Record(tx, e)
}

// Looked records that b has read a person's details: which kinds, through what
// (an order, a case), and why in a word. A guest reads only his own. A job calls it
// where it opens a person for other reasons than his own purchase (docs/decisions/0011).
func (b By) Looked(tx *db.Tx, person db.ID, entity string, id db.ID, reason string, kinds ...string) error {
	a := audit.Access{ActorKind: kindNames[b.Kind], ActorID: b.ID, Person: person, Kinds: kinds, Entity: entity, EntityID: id, Reason: reason}
	switch b.Kind {
	case StaffKind:
		a.ActorName = b.Role
	case SystemKind:
		a.ActorName = b.Name
	case APIKind:
	default:
		return nil
	}
	_, err := audit.RecordAccess(tx, a)
	return err
}

// Granted lists what b's role or scopes give, what waits for a lesson included.
func (b By) Granted() []Right {
	var out []Right
	for _, r := range AllRights {
		if b.Has(r) || b.lacking[r] != "" {
			out = append(out, r)
		}
	}
	return out
}

// known drops rights that this program does not know, so that an old row
// cannot hold more than a name.
func known(rs []Right) []Right {
	var out []Right
	for _, r := range rs {
		if slices.Contains(AllRights, r) && !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}
