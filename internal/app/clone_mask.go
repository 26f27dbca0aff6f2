package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"kassavalv/internal/datamap"
	"kassavalv/internal/db"
	"kassavalv/internal/secret"
)

// standIn is who stands for a person in a clone: invented by number, the same wherever he is met.
type standIn struct {
	n     int64
	staff bool
}

func (s standIn) Name() string {
	if s.staff {
		return fmt.Sprintf("Personal %05d", s.n)
	}
	return fmt.Sprintf("Kund %05d", s.n)
}

// Mail is in a domain that no mail can be sent to (RFC 2606).
func (s standIn) Mail() string {
	return strings.ToLower(strings.Replace(s.Name(), " ", "-", 1)) + "@example.invalid"
}

// Phone is one of the mobile numbers that are set apart for invented people (PTS): there are fewer of them than customers.
func (s standIn) Phone() string { return fmt.Sprintf("+46701740%03d", 605+s.n%95) }

func (s standIn) Company() string { return fmt.Sprintf("Företag %05d AB", s.n) }
func (s standIn) Street() string  { return fmt.Sprintf("Provgatan %d", s.n) }

const (
	standPostal = "11122"
	standCity   = "Provstad"
	standText   = "Texten finns inte i kopian."
)

// masker carries rows from one shop into another. It opens with the keys of the first, and writes what stands in.
type masker struct {
	from, to   *secret.Vault
	fromDB     *db.DB
	rows       *sql.DB // the file of the first, at rest
	plan       clonePlan
	cells      map[string][]db.Cell
	fields     map[string]datamap.Column
	people     map[db.ID]standIn // by person
	buyers     map[db.ID]db.ID   // person by order, for what the books hold
	gone       map[db.ID]bool    // erased
	customersN int64
	staffN     int64
	atOnce     int // rows that are written together; 0: each by itself
	// break one rule on purpose: tests
	spoil func(table, column string) bool
}

// rowsAtOnce is how many rows go to a server together: each time is a way there and back.
const rowsAtOnce = 64

// names numbers everybody: who has the same mail address is the same.
func (m *masker) names(ctx context.Context) error {
	m.people, m.gone, m.buyers = map[db.ID]standIn{}, map[db.ID]bool{}, map[db.ID]db.ID{}
	mails := map[string]standIn{}
	meet := func(table, column string, field secret.Field, staff bool) error {
		return db.EachRow(ctx, m.rows, table, []string{"id", column}, func(v []any) error {
			b, _ := v[1].([]byte)
			p, ok := secret.Owner(b)
			if !ok {
				return nil
			}
			plain, err := m.open(ctx, p, field, db.ID(v[0].(int64)), b)
			if errors.Is(err, secret.ErrErased) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("%s.%s of row %v: %w", table, column, v[0], err)
			}
			mail := mailIn(plain)
			s, known := mails[mail]
			if mail == "" || !known {
				s = m.next(staff)
				if mail != "" {
					mails[mail] = s
				}
			}
			if _, met := m.people[p]; !met || staff {
				m.people[p] = s
			}
			return nil
		})
	}
	// Staff first: a member who buys is another person there.
	if err := meet("auth_staff", "profile", "staff.profile", true); err != nil {
		return err
	}
	mails = map[string]standIn{}
	for _, t := range datamap.Tables() {
		for _, c := range t.Columns {
			if m.plan[t.Name][c.Name] == doSealed && c.Kind == datamap.SealedKind && t.Name != "auth_staff" && (cloneFields[c.Field] == "json" || cloneFields[c.Field] == "mail") {
				if err := meet(t.Name, c.Name, secret.Field(c.Field), false); err != nil {
					return err
				}
			}
		}
	}
	return db.EachRow(ctx, m.rows, "order_order", []string{"id", "person_id"}, func(v []any) error {
		m.buyers[db.ID(v[0].(int64))] = db.ID(v[1].(int64))
		return nil
	})
}

func (m *masker) next(staff bool) standIn {
	if staff {
		m.staffN++
		return standIn{m.staffN, true}
	}
	m.customersN++
	return standIn{m.customersN, false}
}

// who stands for a person; somebody who was met nowhere has a number of his own.
func (m *masker) who(p db.ID) standIn {
	s, ok := m.people[p]
	if !ok {
		s = m.next(false)
		m.people[p] = s
	}
	return s
}

func (m *masker) open(ctx context.Context, p db.ID, field secret.Field, row db.ID, sealed []byte) ([]byte, error) {
	return db.Read(ctx, m.fromDB, func(q *db.Reader) ([]byte, error) { return m.from.Open(q, p, field, row, sealed) })
}

// mailIn finds the mail address in what was opened.
func mailIn(plain []byte) string {
	var o map[string]any
	if json.Unmarshal(plain, &o) != nil {
		s, _ := secret.CanonicalEmail(string(plain))
		return s
	}
	for k, v := range o {
		if s, ok := v.(string); ok && (strings.EqualFold(k, "email") || strings.EqualFold(k, "mail")) {
			if c, err := secret.CanonicalEmail(s); err == nil {
				return c
			}
			return strings.ToLower(strings.TrimSpace(s))
		}
	}
	return ""
}

// persons gives everybody a key of the new shop's.
func (m *masker) persons(ctx context.Context, tx *db.Tx) (n int64, err error) {
	err = db.EachRow(ctx, m.rows, "secret_person", []string{"id", "created_at", "erased_at"}, func(v []any) error {
		p := secret.Person{ID: db.ID(v[0].(int64)), Created: time.UnixMicro(v[1].(int64)).UTC()}
		var erased time.Time
		if at, ok := v[2].(int64); ok {
			erased = time.UnixMicro(at).UTC()
			m.gone[p.ID] = true
		}
		n++
		return m.to.Settle(tx, p, erased)
	})
	return n, err
}

// table carries every row of a table.
func (m *masker) table(ctx context.Context, tx *db.Tx, table string) (n int64, err error) {
	cells, acts := m.cells[table], m.plan[table]
	if _, err := tx.Exec(`DELETE FROM ` + table); err != nil { // what the migrations put there
		return 0, err
	}
	var names []string
	for _, c := range cells {
		names = append(names, c.Name)
	}
	head := `INSERT INTO ` + table + ` ("` + strings.Join(names, `", "`) + `") VALUES `
	var waiting []any
	put := func() error {
		if len(waiting) == 0 {
			return nil
		}
		var b strings.Builder
		b.WriteString(head)
		for i := 0; i < len(waiting); i += len(cells) {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString("(" + db.Placeholders(i+1, len(cells)) + ")")
		}
		_, err := tx.Exec(b.String(), waiting...)
		waiting = waiting[:0]
		if err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
		return nil
	}
	err = db.EachRow(ctx, m.rows, table, names, func(values []any) error {
		r := row{m: m, tx: tx, table: table, was: map[string]any{}}
		for i, c := range cells {
			r.was[c.Name] = values[i]
		}
		if table == "file_file" && r.was["kind"] != "picture" { // uploads as they came, and what is sealed: neither comes along
			return nil
		}
		out := make([]any, len(cells))
		for i, c := range cells {
			if m.spoil != nil && m.spoil(table, c.Name) {
				out[i] = spoiled(r, c)
				continue
			}
			v, err := r.mask(ctx, c, acts[c.Name])
			if err != nil {
				return fmt.Errorf("%s.%s of row %v: %w", table, c.Name, values[0], err)
			}
			out[i] = v
		}
		if table == "auth_staff" { // everybody is out; the names stay for what they did
			for i, c := range cells {
				switch {
				case c.Name == "state":
					out[i] = "closed"
				case c.Name == "closed_at" && out[i] == nil:
					out[i] = tx.Now()
				}
			}
		}
		n++
		if waiting = append(waiting, out...); len(waiting) < m.atOnce*len(cells) {
			return nil
		}
		return put()
	})
	if err == nil {
		err = put()
	}
	return n, err
}

// row is one row on its way.
type row struct {
	m     *masker
	tx    *db.Tx
	table string
	was   map[string]any
}

// spoiled is what stands in a column whose rule is broken on purpose.
func spoiled(r row, c db.Cell) any {
	d := r.m.fields[r.table+"."+c.Name]
	if b, ok := r.was[c.Name].([]byte); ok && d.Kind == datamap.SealedKind {
		if p, ok := secret.Owner(b); ok && !r.m.gone[p] {
			plain, err := r.m.open(context.Background(), p, secret.Field(d.Field), r.id(), b)
			if err == nil {
				if b, err = r.m.to.Seal(r.tx, p, secret.Field(d.Field), r.id(), plain); err == nil {
					return b
				}
			}
		}
	}
	return r.was[c.Name]
}

// id is the row's own: "id", or what it is of where there is none.
func (r row) id() db.ID {
	for _, k := range []string{"id", "order_id"} {
		if n, ok := r.was[k].(int64); ok {
			return db.ID(n)
		}
	}
	return 0
}

// person is whose row it is; 0 when it is nobody's.
func (r row) person() db.ID {
	if n, ok := r.was["person_id"].(int64); ok {
		return db.ID(n)
	}
	return 0
}

func (r row) mask(ctx context.Context, c db.Cell, a act) (any, error) {
	v := r.was[c.Name]
	if v == nil {
		return nil, nil
	}
	none := func() any {
		switch {
		case c.Null:
			return nil
		case c.Type == "TEXT":
			return ""
		case c.Type == "BLOB":
			return []byte{}
		}
		return int64(0)
	}
	d := r.m.fields[r.table+"."+c.Name]
	switch a {
	case doKeep:
		return v, nil
	case doEmpty:
		return none(), nil
	case doSaid:
		if v == "" {
			return v, nil
		}
		return standText, nil
	case doDigits:
		return "0000", nil
	case doStand:
		return r.stands(c, v), nil
	case doChance:
		return bytesLike(v)
	case doActor:
		if s, _ := v.(string); !byNumber.MatchString(s) {
			return "system:clone", nil
		}
		return v, nil
	case doToken:
		version := int64(1)
		if n, ok := r.was["token_version"].(int64); ok {
			version = n
		}
		return secret.TokenHash(r.m.to.Token(cloneTokens[r.table], r.id(), version)), nil
	case doFacts:
		return maskFacts(v)
	case doSum:
		text, err := maskFacts(r.was["draft"])
		if err != nil {
			return nil, err
		}
		h := sha256.Sum256([]byte(text.(string)))
		return h[:], nil
	case doIndex:
		return r.index(d, v)
	case doSealed:
		return r.sealed(ctx, d, c, v, none)
	}
	return nil, fmt.Errorf("no rule: %q", a)
}

// byNumber is an actor who is told by number, or a part of the program.
var byNumber = regexp.MustCompile(`^(|guest|[0-9]+|(staff|token|customer):[0-9]+|(system|cli):[a-z_]{1,24}|staff|token|system)$`)

func bytesLike(v any) (any, error) {
	switch v := v.(type) {
	case []byte:
		b := make([]byte, len(v))
		rand.Read(b)
		return b, nil
	case string:
		b := make([]byte, (len(v)+1)/2)
		rand.Read(b)
		return fmt.Sprintf("%x", b)[:len(v)], nil
	}
	return nil, fmt.Errorf("a hash that is %T", v)
}

func (r row) stands(c db.Cell, v any) any {
	switch {
	case v == "":
		return v
	case c.Name == "mail":
		return "butiken@example.invalid"
	case c.Name == "phone":
		return standIn{}.Phone()
	}
	return "klon-" + r.id().String()
}

// index is a blind index of the stand-in. Of somebody erased it is of nothing.
func (r row) index(d datamap.Column, v any) (any, error) {
	p := r.person()
	if r.m.gone[p] {
		return bytesLike(v)
	}
	s := r.m.who(p)
	part := ""
	switch cloneIndexes[d.Field] {
	case "mail":
		part = s.Mail()
	case "phone":
		part = s.Phone()
	case "postal":
		part = "SE " + standPostal
	}
	return r.m.to.Index(secret.Field(d.Field), part)
}

// sealed opens, masks and seals again.
func (r row) sealed(ctx context.Context, d datamap.Column, c db.Cell, v any, none func() any) (any, error) {
	b, ok := v.([]byte)
	field := secret.Field(d.Field)
	what := cloneFields[d.Field]
	if !ok || what == "none" || len(b) == 0 {
		return none(), nil
	}
	if year, is := secret.BooksYear(b); is {
		plain, err := r.m.from.OpenBooks(field, r.id(), b)
		if errors.Is(err, secret.ErrErased) { // the year is over: the key is gone there, and was never here
			return bytesLike(v)
		}
		if err != nil {
			return nil, err
		}
		if err := r.m.to.EnsureYear(ctx, year); err != nil {
			return nil, err
		}
		if plain, err = maskJSON(plain, r.m.who(r.m.buyers[r.id()])); err != nil {
			return nil, err
		}
		return r.m.to.SealBooks(year, field, r.id(), plain)
	}
	p, is := secret.Owner(b)
	if !is {
		return nil, errors.New("sealed under a key that no rule knows")
	}
	plain, err := r.m.open(ctx, p, field, r.id(), b)
	if errors.Is(err, secret.ErrErased) {
		return secret.Shut(p), nil
	}
	if err != nil {
		return nil, err
	}
	switch who := r.m.who(p); what {
	case "json":
		plain, err = maskJSON(plain, who)
	case "mail":
		plain = []byte(who.Mail())
	case "text":
		plain = []byte(standText)
	}
	if err != nil {
		return nil, err
	}
	return r.m.to.Seal(r.tx, p, field, r.id(), plain)
}

// maskJSON puts the stand-in's in the place of every value, by its name. What is not known by name is lost.
func maskJSON(plain []byte, who standIn) ([]byte, error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(plain))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(masked("", v, who))
}

func masked(key string, v any, who standIn) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = masked(strings.ToLower(k), v[k], who)
		}
		return v
	case []any:
		for i := range v {
			v[i] = masked(key, v[i], who)
		}
		return v
	case bool:
		return v
	case string:
		if v == "" {
			return v
		}
		switch strings.ReplaceAll(key, "_", "") {
		case "email", "mail":
			return who.Mail()
		case "name":
			return who.Name()
		case "phone", "payer":
			return who.Phone()
		case "company":
			return who.Company()
		case "line1":
			return who.Street()
		case "postalcode":
			return standPostal
		case "city":
			return standCity
		case "country": // the law and the VAT of the order hang on it
			if len(v) == 2 {
				return v
			}
		case "subject", "text":
			return standText
		}
		return ""
	}
	return nil
}

// outsideFacts are the names of facts that could be used, or looked up, somewhere else, and what stands in their place.
var outsideFacts = map[string]string{"number": "klon", "last4": "0000", "point_id": "", "point_name": "Ombud", "point_address": standCity}

// maskFacts goes through what was agreed and what happened, which holds nothing of persons but what outsideFacts names.
func maskFacts(v any) (any, error) {
	s, _ := v.(string)
	if s == "" {
		return v, nil
	}
	var x any
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	if err := d.Decode(&x); err != nil {
		return nil, err
	}
	changed := false
	var walk func(key string, v any) any
	walk = func(key string, v any) any {
		switch v := v.(type) {
		case map[string]any:
			for k := range v {
				v[k] = walk(k, v[k])
			}
		case []any:
			for i := range v {
				v[i] = walk(key, v[i])
			}
		case string:
			if to, ok := outsideFacts[key]; ok && v != "" {
				changed = true
				return to
			}
		}
		return v
	}
	if x = walk("", x); !changed {
		return s, nil // as it was written, hash and all
	}
	b, err := json.Marshal(x)
	return string(b), err
}
