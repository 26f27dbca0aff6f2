package account

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

const maxCeremony = 64 << 10 // bytes of a browser's answer

// Ceremony is what the browser needs to begin: Options for navigator.credentials, as JSON, and a Token to give
// back with the answer.
type Ceremony struct {
	Options json.RawMessage
	Token   string
}

// Passkey is a passkey as its owner's list shows it.
type Passkey struct {
	ID      db.ID     `json:"id"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	Used    time.Time `json:"used,omitzero"` // zero: never
}

// holder is an account as go-webauthn sees it.
type holder struct {
	id    db.ID
	p     Profile
	creds []webauthn.Credential
	rows  map[string]db.ID // credential id to account_passkey
}

func (h *holder) WebAuthnID() []byte   { return handle(h.id) }
func (h *holder) WebAuthnName() string { return h.p.Email }
func (h *holder) WebAuthnDisplayName() string {
	if h.p.Name != "" {
		return h.p.Name
	}
	return h.p.Email
}
func (h *holder) WebAuthnCredentials() []webauthn.Credential { return h.creds }

// The user handle holds the id, after a word that sets customers apart from staff, whose passkeys are bound to the
// same host. Nothing personal is on the authenticator but what the account is called there.
const handleWord = "customer"

func handle(id db.ID) []byte { return binary.BigEndian.AppendUint64([]byte(handleWord), uint64(id)) }

func ofHandle(b []byte) (db.ID, bool) {
	if len(b) != len(handleWord)+8 || string(b[:len(handleWord)]) != handleWord {
		return 0, false
	}
	return db.ID(binary.BigEndian.Uint64(b[len(handleWord):])), true
}

func credentialHash(id []byte) []byte {
	h := sha256.Sum256(id)
	return h[:]
}

func (a *Accounts) holder(q db.Q, id db.ID) (*holder, error) {
	r, err := byID(q, id)
	if err != nil {
		return nil, err
	}
	if r.state != "active" {
		return nil, db.ErrNotFound
	}
	h := &holder{id: id, rows: map[string]db.ID{}}
	if h.p, err = a.open(q, r); err != nil {
		return nil, err
	}
	rows, err := q.Query(`SELECT id, credential FROM account_passkey WHERE account_id=$1 ORDER BY id`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var row db.ID
		var raw []byte
		if err := rows.Scan(&row, &raw); err != nil {
			return nil, err
		}
		var c webauthn.Credential
		if err := json.Unmarshal(raw, &c); err != nil {
			return nil, err
		}
		h.creds = append(h.creds, c)
		h.rows[string(c.ID)] = row
	}
	return h, rows.Err()
}

// begin stores what the library must remember and makes the Ceremony. The session data hold the challenge and the
// handle, no name and no address.
func (a *Accounts) begin(ctx context.Context, kind string, account db.ID, options any, sd *webauthn.SessionData) (Ceremony, error) {
	opt, err := json.Marshal(options)
	if err != nil {
		return Ceremony{}, err
	}
	data, err := json.Marshal(sd)
	if err != nil {
		return Ceremony{}, err
	}
	token := secret.RandomToken()
	err = db.Do(ctx, a.d, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO account_challenge (id, hash, kind, account_id, data, expires_at) VALUES ($1,$2,$3,$4,$5,$6)`,
			tx.NewID(), secret.TokenHash(token), kind, account, data, tx.Now().Add(challengeLife))
		return err
	})
	return Ceremony{opt, token}, err
}

// take uses up a challenge: it is gone whether the answer holds or not.
func (a *Accounts) take(ctx context.Context, kind string, account db.ID, token string) (webauthn.SessionData, error) {
	hash := secret.TokenHash(token)
	if hash == nil {
		return webauthn.SessionData{}, failed()
	}
	data, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (data []byte, err error) {
		err = tx.QueryRow(`DELETE FROM account_challenge WHERE hash=$1 AND kind=$2 AND account_id=$3 AND expires_at > $4 RETURNING data`, hash, kind, account, tx.Now()).Scan(&data)
		return
	})
	if errors.Is(err, db.ErrNotFound) {
		return webauthn.SessionData{}, failed()
	}
	if err != nil {
		return webauthn.SessionData{}, err
	}
	var sd webauthn.SessionData
	return sd, json.Unmarshal(data, &sd)
}

// BeginPasskey starts the registration of a passkey for the visitor's account. 403 "step_up"; 409 "too_many_passkeys".
func (a *Accounts) BeginPasskey(ctx context.Context, v Visitor) (Ceremony, error) {
	h, err := db.Read(ctx, a.d, func(q *db.Reader) (*holder, error) {
		if err := v.need(q.Now()); err != nil {
			return nil, err
		}
		return a.holder(q, v.Account)
	})
	if err != nil {
		return Ceremony{}, err
	}
	if len(h.creds) >= maxPasskeys {
		return Ceremony{}, fault.Conflict("too_many_passkeys")
	}
	var have []protocol.CredentialDescriptor
	for _, c := range h.creds {
		have = append(have, c.Descriptor())
	}
	opt, sd, err := a.wa.BeginRegistration(h, webauthn.WithExclusions(have))
	if err != nil {
		return Ceremony{}, err
	}
	return a.begin(ctx, "register", v.Account, opt, sd)
}

// FinishPasskey stores the passkey that the browser made. answer is the browser's JSON, 64 kB at most; name is
// the owner's word for it. It returns the session's new secret. 422 "passkey_failed", 409 "passkey_known".
func (a *Accounts) FinishPasskey(ctx context.Context, v Visitor, token string, answer []byte, name string) (secret.Secret, error) {
	var none secret.Secret
	if err := v.need(time.Now()); err != nil {
		return none, err
	}
	bad := func(err error) (secret.Secret, error) {
		if e := auth.RecordRefusal(ctx, a.d, v.By(), "account.passkey_added", Entity, v.Account, "ceremony"); e != nil {
			return none, e
		}
		return none, &fault.Error{Kind: fault.Unprocessable, Code: "passkey_failed", Cause: err}
	}
	sd, err := a.take(ctx, "register", v.Account, token)
	if fault.Is(err, "sign_in_failed") || len(answer) > maxCeremony {
		return bad(nil)
	}
	if err != nil {
		return none, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return bad(err)
	}
	h, err := db.Read(ctx, a.d, func(q *db.Reader) (*holder, error) { return a.holder(q, v.Account) })
	if err != nil {
		return none, err
	}
	c, err := a.wa.CreateCredential(h, sd, parsed)
	if err != nil {
		return bad(err)
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return none, err
	}
	if name = line(name, 60); name == "" {
		name = "passkey"
	}
	s, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (s secret.Secret, err error) {
		if err := v.need(tx.Now()); err != nil {
			return s, err
		}
		r, err := hold(tx, v.Account)
		if err != nil {
			return s, err
		}
		n, err := tx.Exec(`INSERT INTO account_passkey (id, account_id, credential_hash, credential, name, sign_count, created_at) VALUES ($1,$2,$3,$4,$5,$6,$7)
			ON CONFLICT (credential_hash) DO NOTHING`, tx.NewID(), r.id, credentialHash(c.ID), raw, name, int64(c.Authenticator.SignCount), tx.Now())
		if err != nil {
			return s, err
		}
		if n == 0 {
			return s, fault.Conflict("passkey_known")
		}
		return a.wayChanged(tx, v, r, PasskeyAdded)
	})
	return s, err
}

// Passkeys lists the visitor's own passkeys.
func (a *Accounts) Passkeys(q db.Q, v Visitor) ([]Passkey, error) {
	if v.Account <= 0 {
		return nil, nil
	}
	return passkeysOf(q, v.Account)
}

func passkeysOf(q db.Q, account db.ID) ([]Passkey, error) {
	return db.All(q, func(r *db.Rows) (p Passkey, err error) { err = r.Scan(&p.ID, &p.Name, &p.Created, &p.Used); return },
		`SELECT id, name, created_at, used_at FROM account_passkey WHERE account_id=$1 ORDER BY id`, account)
}

// RemovePasskey removes one of the visitor's own passkeys; 404 for another's.
func (a *Accounts) RemovePasskey(tx *db.Tx, v Visitor, id db.ID) (secret.Secret, error) {
	if err := v.need(tx.Now()); err != nil {
		return secret.Secret{}, err
	}
	r, err := hold(tx, v.Account)
	if err != nil {
		return secret.Secret{}, err
	}
	n, err := tx.Exec(`DELETE FROM account_passkey WHERE id=$1 AND account_id=$2`, id, r.id)
	if err != nil {
		return secret.Secret{}, err
	}
	if n == 0 {
		return secret.Secret{}, fault.NotFound()
	}
	return a.wayChanged(tx, v, r, PasskeyRemoved)
}

// BeginPasskeySignIn starts a sign-in without a name: the authenticator brings it, so nothing here tells who
// is known.
func (a *Accounts) BeginPasskeySignIn(ctx context.Context) (Ceremony, error) {
	opt, sd, err := a.wa.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return Ceremony{}, err
	}
	return a.begin(ctx, "signin", 0, opt, sd)
}

// FinishPasskeySignIn verifies the answer and lets the visitor in. A verified passkey is both factors. Every failure
// is the 401 fault "sign_in_failed". No count of tries applies: a signature cannot be guessed.
func (a *Accounts) FinishPasskeySignIn(ctx context.Context, token string, answer []byte, f From) (Entered, error) {
	sd, err := a.take(ctx, "signin", 0, token)
	if err != nil {
		return Entered{}, err
	}
	var who *holder
	c, verr := a.verify(answer, func(p *protocol.ParsedCredentialAssertionData) (*webauthn.Credential, error) {
		_, c, err := a.wa.ValidatePasskeyLogin(func(_, userHandle []byte) (webauthn.User, error) {
			id, ok := ofHandle(userHandle)
			if !ok {
				return nil, db.ErrNotFound
			}
			h, err := db.Read(ctx, a.d, func(q *db.Reader) (*holder, error) { return a.holder(q, id) })
			if err != nil {
				return nil, err
			}
			who = h
			return h, nil
		}, sd, p)
		return c, err
	})
	var raw []byte
	if verr == nil {
		if raw, err = json.Marshal(c); err != nil {
			return Entered{}, err
		}
	}
	out, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (out Entered, err error) {
		by := auth.Guest(f.Peer)
		var id db.ID
		if who != nil {
			id = who.id
		}
		if verr != nil {
			return out, refuse(tx, by, "account.sign_in", id, "passkey")
		}
		if c.Authenticator.CloneWarning {
			return out, refuse(tx, by, "account.sign_in", id, "passkey_cloned")
		}
		r, err := byID(tx, id)
		if gone(err) || err == nil && r.state != "active" {
			return out, refuse(tx, by, "account.sign_in", id, "closed")
		}
		if err != nil {
			return out, err
		}
		// The counter must rise, unless the authenticator has none (always 0). The condition settles two
		// answers that come at once.
		n, err := tx.Exec(`UPDATE account_passkey SET credential=$3, sign_count=$4, used_at=$5 WHERE id=$1 AND account_id=$2 AND (sign_count < $4 OR (sign_count = 0 AND $4 = 0))`,
			who.rows[string(c.ID)], id, raw, int64(c.Authenticator.SignCount), tx.Now())
		if err != nil {
			return out, err
		}
		if n != 1 {
			return out, refuse(tx, by, "account.sign_in", id, "passkey_cloned")
		}
		b, _ := a.browser(f.Browser, tx.Now())
		if err := a.dropCode(tx, b); err != nil {
			return out, err
		}
		_, out.Browser = a.renew(b, r.index, tx.Now())
		out.Account = r.id
		out.Secret, err = a.enter(tx, r, "passkey", f)
		return out, err
	})
	if err == nil && out.Browser == "" {
		err = failed()
	}
	return out, err
}

func (a *Accounts) verify(answer []byte, fn func(*protocol.ParsedCredentialAssertionData) (*webauthn.Credential, error)) (*webauthn.Credential, error) {
	if len(answer) > maxCeremony {
		return nil, failed()
	}
	p, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return nil, err
	}
	return fn(p)
}
