package auth

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/lang"
	"kassavalv/internal/secret"
)

// Bounds of passkeys.
const (
	maxPasskeys = 10
	maxCeremony = 64 << 10 // bytes of a browser's answer
)

// Ceremony is what the browser needs to begin: Options for
// navigator.credentials, as JSON, and a Token to give back with the answer.
type Ceremony struct {
	Options json.RawMessage
	Token   string
}

// Passkey is a passkey as its owner's list shows it.
type Passkey struct {
	ID      db.ID
	Name    string
	Created time.Time
	Used    time.Time // zero: never
}

// member is a member as go-webauthn sees him. The user handle is the id: nothing personal
// is stored on the authenticator but what the member typed himself.
type member struct {
	id    db.ID
	p     Profile
	creds []webauthn.Credential
	rows  map[string]db.ID // credential id to auth_passkey
}

func (m *member) WebAuthnID() []byte                         { return handle(m.id) }
func (m *member) WebAuthnName() string                       { return m.p.Email }
func (m *member) WebAuthnDisplayName() string                { return m.p.Name }
func (m *member) WebAuthnCredentials() []webauthn.Credential { return m.creds }

func handle(id db.ID) []byte { return binary.BigEndian.AppendUint64(nil, uint64(id)) }

func credentialHash(id []byte) []byte {
	h := sha256.Sum256(id)
	return h[:]
}

func (a *Auth) member(q db.Q, id db.ID) (*member, error) {
	s, err := staffByID(q, id)
	if err != nil {
		return nil, err
	}
	if s.state != "active" {
		return nil, db.ErrNotFound
	}
	m := &member{id: id, rows: map[string]db.ID{}}
	if m.p, err = a.open(q, s); err != nil {
		return nil, err
	}
	rows, err := q.Query(`SELECT id, credential FROM auth_passkey WHERE staff_id=$1 ORDER BY id`, id)
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
		m.creds = append(m.creds, c)
		m.rows[string(c.ID)] = row
	}
	return m, rows.Err()
}

// begin stores what the library must remember and makes the Ceremony.
func (a *Auth) begin(ctx context.Context, kind string, staff db.ID, options any, sd *webauthn.SessionData) (Ceremony, error) {
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
		_, err := tx.Exec(`INSERT INTO auth_challenge (id, hash, kind, staff_id, data, expires_at) VALUES ($1,$2,$3,$4,$5,$6)`,
			tx.NewID(), secret.TokenHash(token), kind, staff, data, tx.Now().Add(challengeLife))
		return err
	})
	return Ceremony{opt, token}, err
}

// take uses up a challenge: it is gone whether the answer holds or not.
func (a *Auth) take(ctx context.Context, kind string, staff db.ID, token string) (webauthn.SessionData, error) {
	hash := secret.TokenHash(token)
	if hash == nil {
		return webauthn.SessionData{}, failed()
	}
	data, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (data []byte, err error) {
		err = tx.QueryRow(`DELETE FROM auth_challenge WHERE hash=$1 AND kind=$2 AND staff_id=$3 AND expires_at > $4 RETURNING data`, hash, kind, staff, tx.Now()).Scan(&data)
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

// BeginPasskey starts the registration of a passkey for the member himself, who needs
// fresh proof.
func (a *Auth) BeginPasskey(ctx context.Context, by By) (Ceremony, error) {
	if by.Kind != StaffKind || by.ID <= 0 {
		return Ceremony{}, fault.Denied()
	}
	if err := by.NeedFresh(time.Now()); err != nil {
		return Ceremony{}, err
	}
	m, err := db.Read(ctx, a.d, func(q *db.Reader) (*member, error) { return a.member(q, by.ID) })
	if err != nil {
		return Ceremony{}, err
	}
	if len(m.creds) >= maxPasskeys {
		return Ceremony{}, fault.Conflict("too_many_passkeys")
	}
	var have []protocol.CredentialDescriptor
	for _, c := range m.creds {
		have = append(have, c.Descriptor())
	}
	opt, sd, err := a.wa.BeginRegistration(m, webauthn.WithExclusions(have))
	if err != nil {
		return Ceremony{}, err
	}
	return a.begin(ctx, "register", by.ID, opt, sd)
}

// FinishPasskey stores the passkey the browser made. answer is the browser's
// JSON, 64 kB at most; name is the owner's word for it.
func (a *Auth) FinishPasskey(ctx context.Context, by By, token string, answer []byte, name string) (db.ID, error) {
	if by.Kind != StaffKind || by.ID <= 0 {
		return 0, fault.Denied()
	}
	if err := by.NeedFresh(time.Now()); err != nil {
		return 0, err
	}
	sd, err := a.take(ctx, "register", by.ID, token)
	if err != nil {
		return 0, err
	}
	bad := func(err error) (db.ID, error) {
		if e := RecordRefusal(ctx, a.d, by, "passkey.add", entityStaff, by.ID, "ceremony"); e != nil {
			return 0, e
		}
		return 0, &fault.Error{Kind: fault.Unprocessable, Code: "passkey_failed", Cause: err}
	}
	if len(answer) > maxCeremony {
		return bad(nil)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return bad(err)
	}
	m, err := db.Read(ctx, a.d, func(q *db.Reader) (*member, error) { return a.member(q, by.ID) })
	if err != nil {
		return 0, err
	}
	c, err := a.wa.CreateCredential(m, sd, parsed)
	if err != nil {
		return bad(err)
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return 0, err
	}
	if name = cleanLine(name, 60); name == "" {
		name = "passkey"
	}
	id, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (db.ID, error) {
		id := tx.NewID()
		n, err := tx.Exec(`INSERT INTO auth_passkey (id, staff_id, credential_hash, credential, name, sign_count, created_at) VALUES ($1,$2,$3,$4,$5,$6,$7)
			ON CONFLICT (credential_hash) DO NOTHING`, id, by.ID, credentialHash(c.ID), raw, name, int64(c.Authenticator.SignCount), tx.Now())
		if err != nil {
			return 0, err
		}
		if n == 0 {
			return 0, fault.Conflict("passkey_known")
		}
		if err := changed(tx, by.ID, PasskeyAdded); err != nil {
			return 0, err
		}
		return id, by.Record(tx, "passkey.add", entityPasskey, id, "", "")
	})
	return id, err
}

// Passkeys lists the member's own passkeys.
func (a *Auth) Passkeys(q db.Q, by By) ([]Passkey, error) {
	if by.Kind != StaffKind || by.ID <= 0 {
		return nil, fault.Denied()
	}
	return db.All(q, func(r *db.Rows) (p Passkey, err error) { err = r.Scan(&p.ID, &p.Name, &p.Created, &p.Used); return },
		`SELECT id, name, created_at, used_at FROM auth_passkey WHERE staff_id=$1 ORDER BY id`, by.ID)
}

// RemovePasskey removes one of the member's own passkeys and ends his other
// sessions; 404 for another's.
func (a *Auth) RemovePasskey(tx *db.Tx, by By, id db.ID) error {
	if by.Kind != StaffKind || by.ID <= 0 {
		return fault.Denied()
	}
	if err := by.NeedFresh(tx.Now()); err != nil {
		return err
	}
	n, err := tx.Exec(`DELETE FROM auth_passkey WHERE id=$1 AND staff_id=$2`, id, by.ID)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.NotFound()
	}
	if err := endSessions(tx, by.ID, by.Session); err != nil {
		return err
	}
	if err := changed(tx, by.ID, PasskeyRemoved); err != nil {
		return err
	}
	return by.Record(tx, "passkey.remove", entityPasskey, id, "", "")
}

// BeginPasskeySignIn starts a sign-in without a name: the authenticator brings it,
// so nothing here tells who is known.
func (a *Auth) BeginPasskeySignIn(ctx context.Context) (Ceremony, error) {
	opt, sd, err := a.wa.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return Ceremony{}, err
	}
	return a.begin(ctx, "signin", 0, opt, sd)
}

// PasskeyAnswer is the end of a sign-in or step-up by passkey.
type PasskeyAnswer struct {
	Token  string // of the Ceremony
	Answer []byte // the browser's JSON, 64 kB at most
	Peer   string
	Agent  string
	Lang   lang.Lang
	Old    string // session secret the browser holds already
}

// FinishPasskeySignIn verifies the answer and opens a session. A verified
// passkey is both factors. Every failure is the 401 fault "sign_in_failed". The lock of
// passwords does not apply: a signature cannot be guessed.
func (a *Auth) FinishPasskeySignIn(ctx context.Context, in PasskeyAnswer) (Session, error) {
	sd, err := a.take(ctx, "signin", 0, in.Token)
	if err != nil {
		return Session{}, err
	}
	var who *member
	c, err := a.verify(in, func(p *protocol.ParsedCredentialAssertionData) (*webauthn.Credential, error) {
		_, c, err := a.wa.ValidatePasskeyLogin(func(_, userHandle []byte) (webauthn.User, error) {
			if len(userHandle) != 8 {
				return nil, db.ErrNotFound
			}
			id := db.ID(binary.BigEndian.Uint64(userHandle))
			m, err := db.Read(ctx, a.d, func(q *db.Reader) (*member, error) { return a.member(q, id) })
			if err != nil {
				return nil, err
			}
			who = m
			return m, nil
		}, sd, p)
		return c, err
	})
	return a.finishPasskey(ctx, in, who, c, err, "staff.sign_in", func(tx *db.Tx, s staffRow) (Session, error) {
		if in.Old != "" {
			if err := endByHash(tx, secret.TokenHash(in.Old)); err != nil {
				return Session{}, err
			}
		}
		return a.openSession(tx, s, "passkey", in.Peer, in.Agent, in.Lang, "staff.sign_in")
	})
}

// BeginPasskeyStepUp starts a new proof for a living session.
func (a *Auth) BeginPasskeyStepUp(ctx context.Context, by By) (Ceremony, error) {
	if by.Kind != StaffKind || by.ID <= 0 {
		return Ceremony{}, fault.Denied()
	}
	m, err := db.Read(ctx, a.d, func(q *db.Reader) (*member, error) { return a.member(q, by.ID) })
	if err != nil {
		return Ceremony{}, err
	}
	if len(m.creds) == 0 {
		return Ceremony{}, fault.Conflict("no_passkey")
	}
	opt, sd, err := a.wa.BeginLogin(m, webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return Ceremony{}, err
	}
	return a.begin(ctx, "stepup", by.ID, opt, sd)
}

// FinishPasskeyStepUp is StepUp with a passkey: the session gets a new secret.
func (a *Auth) FinishPasskeyStepUp(ctx context.Context, by By, in PasskeyAnswer) (Session, error) {
	if by.Kind != StaffKind || by.ID <= 0 || by.Session <= 0 {
		return Session{}, fault.Denied()
	}
	sd, err := a.take(ctx, "stepup", by.ID, in.Token)
	if err != nil {
		return Session{}, err
	}
	m, err := db.Read(ctx, a.d, func(q *db.Reader) (*member, error) { return a.member(q, by.ID) })
	if err != nil {
		return Session{}, err
	}
	c, err := a.verify(in, func(p *protocol.ParsedCredentialAssertionData) (*webauthn.Credential, error) {
		return a.wa.ValidateLogin(m, sd, p)
	})
	return a.finishPasskey(ctx, in, m, c, err, "staff.step_up", func(tx *db.Tx, s staffRow) (Session, error) {
		ses, err := scanSession(tx.QueryRow(`SELECT `+sessionColumns+sessionFrom+`
			WHERE s.id=$1 AND s.staff_id=$2 AND s.expires_at > $3 AND s.seen_at > $4`, by.Session, s.id, tx.Now(), tx.Now().Add(-idleLimit)).Scan)
		if errors.Is(err, db.ErrNotFound) {
			return Session{}, fault.SignIn()
		}
		if err != nil {
			return Session{}, err
		}
		return a.freshen(tx, ses, in.Peer)
	})
}

func (a *Auth) verify(in PasskeyAnswer, fn func(*protocol.ParsedCredentialAssertionData) (*webauthn.Credential, error)) (*webauthn.Credential, error) {
	if len(in.Answer) > maxCeremony {
		return nil, failed()
	}
	p, err := protocol.ParseCredentialRequestResponseBytes(in.Answer)
	if err != nil {
		return nil, err
	}
	return fn(p)
}

// finishPasskey writes the counter and goes on with then, or records the refusal.
func (a *Auth) finishPasskey(ctx context.Context, in PasskeyAnswer, m *member, c *webauthn.Credential, verr error, action string,
	then func(*db.Tx, staffRow) (Session, error)) (Session, error) {
	var id db.ID
	if m != nil {
		id = m.id
	}
	var raw []byte
	if verr == nil {
		var err error
		if raw, err = json.Marshal(c); err != nil {
			return Session{}, err
		}
	}
	s, _, err := db.Write(ctx, a.d, func(tx *db.Tx) (Session, error) {
		by := Guest(in.Peer)
		refuse := func(why string) (Session, error) { return Session{}, by.Refuse(tx, action, entityStaff, id, why) }
		if verr != nil {
			return refuse("passkey")
		}
		if c.Authenticator.CloneWarning {
			return refuse("passkey_cloned")
		}
		staff, err := staffByID(tx, id)
		if errors.Is(err, db.ErrNotFound) || err == nil && staff.state != "active" {
			return refuse("closed")
		}
		if err != nil {
			return Session{}, err
		}
		// The counter must rise, unless the authenticator has none (always 0). The
		// condition settles two answers that come at once.
		n, err := tx.Exec(`UPDATE auth_passkey SET credential=$3, sign_count=$4, used_at=$5 WHERE id=$1 AND staff_id=$2 AND (sign_count < $4 OR (sign_count = 0 AND $4 = 0))`,
			m.rows[string(c.ID)], id, raw, int64(c.Authenticator.SignCount), tx.Now())
		if err != nil {
			return Session{}, err
		}
		if n != 1 {
			return refuse("passkey_cloned")
		}
		return then(tx, staff)
	})
	if err == nil && s.ID == 0 {
		err = failed()
	}
	return s, err
}
