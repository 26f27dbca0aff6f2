package auth

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

// tokenPrefix makes our tokens known to scanners of leaked secrets.
const tokenPrefix = "kv_"

// besideRefunds are the rights that a token which pays back may hold.
var besideRefunds = []Right{RefundsWrite, OrdersRead, OrdersWrite}

// maxRefundTokenLife is how long such a token lives at most; a little more than the
// 90 days that a token lives by itself, so that the day as typed is whole.
const maxRefundTokenLife = 91 * 24 * time.Hour

// NewToken is an API token to make.
type NewToken struct {
	Name    string // of the integration; not personal
	Purpose string // what it does, one of Reasons: its readings of personal details are recorded with it; empty: ForOther
	Rights  []Right
	Expires time.Time // at most 366 days ahead; zero: 90 days
	// Networks are where it may be used from (CIDR or an address); none: anywhere.
	Networks []string
}

// maxNetworks bounds the list of a token.
const maxNetworks = 20

// networks reads a list of addresses and prefixes; nil, false for one that is none.
func networks(list []string) ([]netip.Prefix, bool) {
	var out []netip.Prefix
	for _, s := range list {
		s = strings.TrimSpace(s)
		p, err := netip.ParsePrefix(s)
		if err != nil {
			a, err := netip.ParseAddr(s)
			if err != nil || a.Zone() != "" {
				return nil, false
			}
			p = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
		}
		if p.Addr().Is4In6() {
			return nil, false
		}
		out = append(out, p.Masked())
	}
	return out, len(out) <= maxNetworks
}

// Token is an API token as lists show it; its secret is shown once, when made.
type Token struct {
	ID      db.ID
	Name    string
	Rights  []Right
	MadeBy  db.ID // member; 0 the program
	Created time.Time
	Expires time.Time
	Used    time.Time // zero: never
	Revoked time.Time // zero: not

	Purpose   string
	Networks  []string
	Suspended time.Time // zero: not; a review let it lapse and an owner may lift it
}

// CreateToken makes a token with some of by's own rights and returns its secret,
// which is stored nowhere. Only a person with fresh proof, or the program, may. What a
// person makes to pay money back is narrow: the orders beside it, nothing else, for 91 days at most.
func (a *Auth) CreateToken(tx *db.Tx, by By, n NewToken) (db.ID, secret.Secret, error) {
	var none secret.Secret
	if err := by.needPerson(tx.Now()); err != nil {
		return 0, none, err
	}
	var fs fault.Fields
	name := cleanLine(n.Name, 60)
	if name == "" {
		fs.Add("/name", "required")
	}
	rights := known(n.Rights)
	if len(rights) == 0 || len(rights) != len(n.Rights) {
		fs.Add("/rights", "unknown_right")
	}
	if n.Expires.IsZero() {
		n.Expires = tx.Now().Add(90 * 24 * time.Hour)
	}
	if !n.Expires.After(tx.Now()) || n.Expires.After(tx.Now().Add(maxTokenLife)) {
		fs.Add("/expires", "bad_date")
	}
	// A token that pays money back is given to one machine for one task: beside the
	// orders it opens nothing, and it must be renewed (docs/decisions/0005).
	if by.Kind == StaffKind && slices.Contains(rights, RefundsWrite) {
		if slices.ContainsFunc(rights, func(r Right) bool { return !slices.Contains(besideRefunds, r) }) {
			fs.Add("/rights", "refund_token_narrow")
		}
		if n.Expires.After(tx.Now().Add(maxRefundTokenLife)) {
			fs.Add("/expires", "refund_token_long")
		}
	}
	if n.Purpose != "" && !slices.Contains(Reasons, n.Purpose) {
		fs.Add("/purpose", "choose")
	}
	nets, ok := networks(n.Networks)
	if !ok {
		fs.Add("/networks", "bad_network")
	}
	if err := fs.Err(); err != nil {
		return 0, none, err
	}
	if !by.Covers(rights) {
		return 0, none, fault.Denied()
	}
	if n.Purpose == "" {
		n.Purpose = ForOther
	}
	id, key := tx.NewID(), secret.RandomToken()
	scopes := packRights(rights)
	where := make([]string, len(nets))
	for i, p := range nets {
		where[i] = p.String()
	}
	maker := db.ID(0)
	if by.Kind == StaffKind {
		maker = by.ID
	}
	_, err := tx.Exec(`INSERT INTO auth_token (id, name, hash, rights, made_by, created_at, expires_at, purpose, networks) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)`,
		id, name, secret.TokenHash(key), scopes, maker, tx.Now(), n.Expires, n.Purpose, strings.Join(where, " "))
	if err != nil {
		return 0, none, err
	}
	return id, secret.Hide(tokenPrefix + key), by.Record(tx, "token.create", entityToken, id, "", scopes)
}

// ResolveToken is ResolveTokenFrom for who does not know the address: a token that is
// bound to networks is refused.
func (a *Auth) ResolveToken(ctx context.Context, bearer, peer string) (By, error) {
	return a.ResolveTokenFrom(ctx, bearer, peer, netip.Addr{})
}

// ResolveTokenFrom turns a bearer token into its principal; a 401 fault for anything
// that is not a living token, or not one that may be used from this address. A token never
// holds more than its maker does now, and dies with him; while he is suspended it is shut.
func (a *Auth) ResolveTokenFrom(ctx context.Context, bearer, peer string, from netip.Addr) (By, error) {
	key, ok := strings.CutPrefix(bearer, tokenPrefix)
	hash := secret.TokenHash(key)
	if !ok || hash == nil {
		return By{}, fault.SignIn()
	}
	type row struct {
		id, maker db.ID
		rights    string
		used      time.Time
		may       bool
		role      []Right
		nets      string
		purpose   string
	}
	var lacking map[Right]string
	r, err := db.Read(ctx, a.d, func(q *db.Reader) (r row, err error) {
		err = q.QueryRow(`SELECT id, made_by, rights, used_at, networks, purpose FROM auth_token WHERE hash=$1 AND revoked_at IS NULL AND suspended_at IS NULL AND expires_at > $2`, hash, q.Now()).
			Scan(&r.id, &r.maker, &r.rights, &r.used, &r.nets, &r.purpose)
		if err == nil && r.maker != 0 {
			var m staffRow
			m, err = staffByID(q, r.maker)
			r.may, r.role = err == nil && m.state == "active", m.rights
		}
		if err == nil {
			lacking, err = a.lacking(q, r.maker, scopesOf(r.rights))
		}
		return
	})
	if errors.Is(err, db.ErrNotFound) || err == nil && r.maker != 0 && !r.may {
		return By{}, fault.SignIn()
	}
	if err != nil {
		return By{}, err
	}
	if r.nets != "" {
		nets, ok := networks(strings.Fields(r.nets))
		if !ok || !slices.ContainsFunc(nets, func(p netip.Prefix) bool { return p.Contains(from.Unmap()) }) {
			if err := RecordRefusal(ctx, a.d, TokenBy(r.id, peer, nil), "token.use", entityToken, r.id, "network"); err != nil {
				return By{}, err
			}
			return By{}, fault.SignIn()
		}
	}
	rights := scopesOf(r.rights)
	if r.maker != 0 {
		role := StaffBy(0, "", r.role)
		var kept []Right
		for _, x := range rights {
			if role.Has(x) {
				kept = append(kept, x)
			}
		}
		rights = kept
	}
	if time.Since(r.used) > seenEvery {
		err := db.Do(ctx, a.d, func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE auth_token SET used_at=$2 WHERE id=$1 AND revoked_at IS NULL`, r.id, tx.Now())
			return err
		})
		if err != nil && !db.IsFull(err) {
			return By{}, err
		}
	}
	by := TokenBy(r.id, peer, rights)
	by.Purpose = r.purpose
	return by.without(lacking), nil
}

func scopesOf(s string) []Right {
	var out []Right
	for w := range strings.FieldsSeq(s) {
		out = append(out, Right(w))
	}
	return known(out)
}

// RevokeToken ends a token at once; 404 when it is unknown or was revoked. The
// program revokes any, a member those whose rights he holds.
func (a *Auth) RevokeToken(tx *db.Tx, by By, id db.ID) error {
	if err := by.needPerson(tx.Now()); err != nil {
		return err
	}
	var rights string
	err := tx.QueryRow(`SELECT rights FROM auth_token WHERE id=$1 AND revoked_at IS NULL`, id).Scan(&rights)
	if errors.Is(err, db.ErrNotFound) {
		return fault.NotFound()
	}
	if err != nil {
		return err
	}
	if !by.Covers(scopesOf(rights)) {
		return fault.Denied()
	}
	if err := tx.ExecOne(`UPDATE auth_token SET revoked_at=$2 WHERE id=$1 AND revoked_at IS NULL`, id, tx.Now()); err != nil {
		return err
	}
	return by.Record(tx, "token.revoke", entityToken, id, rights, "")
}

// revokeAll ends every token that a member has made.
func revokeAll(tx *db.Tx, staff db.ID) error {
	if staff <= 0 {
		return nil // the program's own
	}
	_, err := tx.Exec(`UPDATE auth_token SET revoked_at=$2 WHERE made_by=$1 AND revoked_at IS NULL`, staff, tx.Now())
	return err
}

// Tokens lists the tokens, newest first.
func (a *Auth) Tokens(q db.Q, by By) ([]Token, error) {
	if err := by.Need(StaffWrite); err != nil {
		return nil, err
	}
	return db.All(q, func(r *db.Rows) (t Token, err error) {
		var rights string
		var nets string
		err = r.Scan(&t.ID, &t.Name, &rights, &t.MadeBy, &t.Created, &t.Expires, &t.Used, &t.Revoked, &t.Purpose, &nets, &t.Suspended)
		t.Rights, t.Networks = scopesOf(rights), strings.Fields(nets)
		return
	}, `SELECT id, name, rights, made_by, created_at, expires_at, used_at, revoked_at, purpose, networks, suspended_at FROM auth_token ORDER BY id DESC LIMIT 1000`)
}
