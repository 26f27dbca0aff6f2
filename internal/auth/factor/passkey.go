package factor

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/secret"
)

// Bounds of passkeys.
const (
	CeremonyLife = 5 * time.Minute
	maxPasskeys  = 10
	maxCeremony  = 64 << 10 // bytes of a browser's answer
)

// Kinds of ceremonies: an answer to one is none to another.
const (
	kindNew    = "register"
	kindSignIn = "signin"
	kindAgain  = "stepup"
)

// Ceremony is what the browser needs to begin: Options for navigator.credentials, as JSON, and a Token to give
// back with the answer.
type Ceremony struct {
	Options json.RawMessage `json:"options"`
	Token   string          `json:"token"`
}

// Passkey is a passkey as its owner's list shows it.
type Passkey struct {
	ID      db.ID     `json:"id"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	Used    time.Time `json:"used,omitzero"` // zero: never
}

// Side is one kind of people who hold passkeys: staff, or customers. Both are bound to the same host, so a passkey of
// one is shown at the other's door too: Word keeps them apart.
type Side struct {
	// Word begins the user handle, before the id. It MUST be another than the other sides'.
	Word string
	// Who names the holder for the list that the authenticator shows; db.ErrNotFound for who may not come in.
	Who func(q db.Q, id db.ID) (name, shown string, err error)
	// The room's tables, alike but for their names, and the column of both that says whose a row is.
	Keys, Challenges, Holder string
}

// Passkeys is the ceremonies of one side. Safe for concurrent use.
type Passkeys struct {
	Issuer string // names the shop to authenticators
	d      *db.DB
	wa     *webauthn.WebAuthn
	side   Side
}

// NewPasskeys binds the passkeys of a side to the host of publicURL. An empty issuer is the host. It fails on an address
// that passkeys cannot be bound to.
func NewPasskeys(d *db.DB, publicURL, issuer string, side Side) (*Passkeys, error) {
	u, err := url.Parse(publicURL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("%q is not the address of a shop", publicURL)
	}
	if issuer == "" {
		issuer = u.Hostname()
	}
	limit := webauthn.TimeoutConfig{Enforce: true, Timeout: CeremonyLife, TimeoutUVD: CeremonyLife}
	wa, err := webauthn.New(&webauthn.Config{
		RPID: u.Hostname(), RPDisplayName: issuer, RPOrigins: []string{u.Scheme + "://" + u.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired},
		Timeouts: webauthn.TimeoutsConfig{Login: limit, Registration: limit},
	})
	if err != nil {
		return nil, fmt.Errorf("passkeys: %w", err)
	}
	return &Passkeys{Issuer: issuer, d: d, wa: wa, side: side}, nil
}

// Handle is the user handle of a holder: the side's word and the id. Nothing personal is on the authenticator but what
// the holder is called there.
func (p *Passkeys) Handle(id db.ID) []byte {
	return binary.BigEndian.AppendUint64([]byte(p.side.Word), uint64(id))
}

func (p *Passkeys) ofHandle(b []byte) (db.ID, bool) {
	n := len(p.side.Word)
	if len(b) != n+8 || string(b[:n]) != p.side.Word {
		return 0, false
	}
	return db.ID(binary.BigEndian.Uint64(b[n:])), true
}

// holder is who holds passkeys, as go-webauthn sees him.
type holder struct {
	id          db.ID
	handle      []byte
	name, shown string
	creds       []webauthn.Credential
	rows        map[string]db.ID // credential id to row
}

func (h *holder) WebAuthnID() []byte                         { return h.handle }
func (h *holder) WebAuthnName() string                       { return h.name }
func (h *holder) WebAuthnDisplayName() string                { return h.shown }
func (h *holder) WebAuthnCredentials() []webauthn.Credential { return h.creds }

func (p *Passkeys) holder(ctx context.Context, id db.ID) (*holder, error) {
	return db.Read(ctx, p.d, func(q *db.Reader) (*holder, error) {
		h := &holder{id: id, handle: p.Handle(id), rows: map[string]db.ID{}}
		var err error
		if h.name, h.shown, err = p.side.Who(q, id); err != nil {
			return nil, err
		}
		rows, err := q.Query(`SELECT id, credential FROM `+p.side.Keys+` WHERE `+p.side.Holder+`=$1 ORDER BY id`, id)
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
	})
}

// begin stores what the library must remember and makes the Ceremony. The session data hold the challenge and the handle,
// no name and no address.
func (p *Passkeys) begin(ctx context.Context, kind string, id db.ID, options any, sd *webauthn.SessionData) (Ceremony, error) {
	opt, err := json.Marshal(options)
	if err != nil {
		return Ceremony{}, err
	}
	data, err := json.Marshal(sd)
	if err != nil {
		return Ceremony{}, err
	}
	token := secret.RandomToken()
	err = db.Do(ctx, p.d, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO `+p.side.Challenges+` (id, hash, kind, `+p.side.Holder+`, data, expires_at) VALUES ($1,$2,$3,$4,$5,$6)`,
			tx.NewID(), secret.TokenHash(token), kind, id, data, tx.Now().Add(CeremonyLife))
		return err
	})
	return Ceremony{opt, token}, err
}

// take uses up a challenge: it is gone whether the answer holds or not.
func (p *Passkeys) take(ctx context.Context, kind string, id db.ID, token string) (sd webauthn.SessionData, err error) {
	hash := secret.TokenHash(token)
	if hash == nil {
		return sd, Failed()
	}
	data, _, err := db.Write(ctx, p.d, func(tx *db.Tx) (data []byte, err error) {
		err = tx.QueryRow(`DELETE FROM `+p.side.Challenges+` WHERE hash=$1 AND kind=$2 AND `+p.side.Holder+`=$3 AND expires_at > $4 RETURNING data`, hash, kind, id, tx.Now()).Scan(&data)
		return
	})
	if errors.Is(err, db.ErrNotFound) {
		return sd, Failed()
	}
	if err != nil {
		return sd, err
	}
	return sd, json.Unmarshal(data, &sd)
}

// BeginNew starts the registration of a passkey. The caller has asked for fresh proof. 409 "too_many_passkeys".
func (p *Passkeys) BeginNew(ctx context.Context, id db.ID) (Ceremony, error) {
	h, err := p.holder(ctx, id)
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
	opt, sd, err := p.wa.BeginRegistration(h, webauthn.WithExclusions(have))
	if err != nil {
		return Ceremony{}, err
	}
	return p.begin(ctx, kindNew, id, opt, sd)
}

// NewKey is a passkey that was verified and is not stored yet.
type NewKey struct {
	credential []byte // as JSON
	hash       []byte
	count      int64
}

// FinishNew verifies what the browser made; answer is its JSON, 64 kB at most. The fault "sign_in_failed" when no such
// ceremony waits, 422 "passkey_failed" for an answer that does not hold.
func (p *Passkeys) FinishNew(ctx context.Context, id db.ID, token string, answer []byte) (NewKey, error) {
	sd, err := p.take(ctx, kindNew, id, token)
	if err != nil {
		return NewKey{}, err
	}
	if len(answer) > maxCeremony {
		return NewKey{}, keyFailed(nil)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return NewKey{}, keyFailed(err)
	}
	h, err := p.holder(ctx, id)
	if err != nil {
		return NewKey{}, err
	}
	c, err := p.wa.CreateCredential(h, sd, parsed)
	if err != nil {
		return NewKey{}, keyFailed(err)
	}
	raw, err := json.Marshal(c)
	sum := sha256.Sum256(c.ID)
	return NewKey{raw, sum[:], int64(c.Authenticator.SignCount)}, err
}

func keyFailed(cause error) error {
	return &fault.Error{Kind: fault.Unprocessable, Code: "passkey_failed", Cause: cause}
}

// Add stores a new passkey under the owner's word for it. 409 "passkey_known".
func (p *Passkeys) Add(tx *db.Tx, id db.ID, k NewKey, name string) (db.ID, error) {
	if name == "" {
		name = "passkey"
	}
	row := tx.NewID()
	n, err := tx.Exec(`INSERT INTO `+p.side.Keys+` (id, `+p.side.Holder+`, credential_hash, credential, name, sign_count, created_at) VALUES ($1,$2,$3,$4,$5,$6,$7)
		ON CONFLICT (credential_hash) DO NOTHING`, row, id, k.hash, k.credential, name, k.count, tx.Now())
	if err == nil && n == 0 {
		err = fault.Conflict("passkey_known")
	}
	return row, err
}

// List lists a holder's passkeys.
func (p *Passkeys) List(q db.Q, id db.ID) ([]Passkey, error) {
	return db.All(q, func(r *db.Rows) (k Passkey, err error) { err = r.Scan(&k.ID, &k.Name, &k.Created, &k.Used); return },
		`SELECT id, name, created_at, used_at FROM `+p.side.Keys+` WHERE `+p.side.Holder+`=$1 ORDER BY id`, id)
}

// Remove removes one of a holder's passkeys; 404 for another's.
func (p *Passkeys) Remove(tx *db.Tx, id, key db.ID) error {
	n, err := tx.Exec(`DELETE FROM `+p.side.Keys+` WHERE id=$1 AND `+p.side.Holder+`=$2`, key, id)
	if err == nil && n == 0 {
		err = fault.NotFound()
	}
	return err
}

// BeginSignIn starts a sign-in without a name: the authenticator brings it, so nothing here tells who is known.
func (p *Passkeys) BeginSignIn(ctx context.Context) (Ceremony, error) {
	opt, sd, err := p.wa.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return Ceremony{}, err
	}
	return p.begin(ctx, kindSignIn, 0, opt, sd)
}

// BeginAgain starts a new proof of who is signed in already. 409 "no_passkey".
func (p *Passkeys) BeginAgain(ctx context.Context, id db.ID) (Ceremony, error) {
	h, err := p.holder(ctx, id)
	if err != nil {
		return Ceremony{}, err
	}
	if len(h.creds) == 0 {
		return Ceremony{}, fault.Conflict("no_passkey")
	}
	opt, sd, err := p.wa.BeginLogin(h, webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return Ceremony{}, err
	}
	return p.begin(ctx, kindAgain, id, opt, sd)
}

// Shown is what an authenticator answered. It lets nobody in before Use has said so.
type Shown struct {
	Holder  db.ID  // whose passkey it says it is; 0: nobody's here
	Refused string // why it does not hold, for the log; "" when its signature does
	row     db.ID
	raw     []byte
	count   int64
}

// FinishSignIn verifies the answer to BeginSignIn. The fault "sign_in_failed" when no such ceremony waits; what else is
// wrong stands in Shown.
func (p *Passkeys) FinishSignIn(ctx context.Context, token string, answer []byte) (Shown, error) {
	sd, err := p.take(ctx, kindSignIn, 0, token)
	if err != nil {
		return Shown{}, err
	}
	var who *holder
	c, err := signed(answer, func(a *protocol.ParsedCredentialAssertionData) (*webauthn.Credential, error) {
		_, c, err := p.wa.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
			id, ok := p.ofHandle(handle)
			if !ok {
				return nil, db.ErrNotFound
			}
			h, err := p.holder(ctx, id)
			if err != nil {
				return nil, err
			}
			who = h
			return h, nil
		}, sd, a)
		return c, err
	})
	return shown(who, c, err)
}

// FinishAgain verifies the answer to BeginAgain, as FinishSignIn does.
func (p *Passkeys) FinishAgain(ctx context.Context, id db.ID, token string, answer []byte) (Shown, error) {
	sd, err := p.take(ctx, kindAgain, id, token)
	if err != nil {
		return Shown{}, err
	}
	h, err := p.holder(ctx, id)
	if err != nil {
		return Shown{}, err
	}
	c, err := signed(answer, func(a *protocol.ParsedCredentialAssertionData) (*webauthn.Credential, error) {
		return p.wa.ValidateLogin(h, sd, a)
	})
	return shown(h, c, err)
}

func signed(answer []byte, fn func(*protocol.ParsedCredentialAssertionData) (*webauthn.Credential, error)) (*webauthn.Credential, error) {
	if len(answer) > maxCeremony {
		return nil, Failed()
	}
	a, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return nil, err
	}
	return fn(a)
}

func shown(h *holder, c *webauthn.Credential, err error) (s Shown, _ error) {
	if h != nil {
		s.Holder = h.id
	}
	switch {
	case err != nil:
		s.Refused = "passkey"
		return s, nil
	case c.Authenticator.CloneWarning:
		s.Refused = "passkey_cloned"
		return s, nil
	}
	s.row, s.count = h.rows[string(c.ID)], int64(c.Authenticator.SignCount)
	s.raw, err = json.Marshal(c)
	return s, err
}

// Use writes the counter, and reports whether the passkey lets its holder in. The counter must rise, unless the
// authenticator has none (always 0); the condition settles two answers that come at once.
func (p *Passkeys) Use(tx *db.Tx, s Shown) (bool, error) {
	if s.Refused != "" || s.row == 0 {
		return false, nil
	}
	n, err := tx.Exec(`UPDATE `+p.side.Keys+` SET credential=$3, sign_count=$4, used_at=$5 WHERE id=$1 AND `+p.side.Holder+`=$2 AND (sign_count < $4 OR (sign_count = 0 AND $4 = 0))`,
		s.row, s.Holder, s.raw, s.count, tx.Now())
	return n == 1, err
}
