package auth

import (
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"kassavalv/internal/db"
	"kassavalv/internal/fault"
)

const (
	ownerRole = "owner"
	ownPrefix = "own-" // key of an own role: own-ID
	maxRoles  = 100
)

// Role is a set of rights with a name: a built-in one (Name empty, its words stand in
// package lang) or one of the shop's own.
type Role struct {
	ID      db.ID  // 0: built in
	Key     string // "orders", "own-123"
	Name    string
	Rights  []Right
	Version int64
	Changed time.Time
	Members int64 // who have it and are not closed
}

// roleKeys are the built-in roles in the order that pages show them.
var roleKeys = []string{ownerRole, "catalogue", "orders", "support", "reader"}

// roleByKey finds a role; a 422 at /role for a key that nothing has.
func roleByKey(q db.Q, key string) (Role, error) {
	if rs, ok := Roles[key]; ok {
		return Role{Key: key, Rights: known(rs)}, nil
	}
	r := Role{Key: key}
	var rights string
	err := q.QueryRow(`SELECT id, name, rights, version, changed_at FROM auth_role WHERE key=$1`, key).Scan(&r.ID, &r.Name, &rights, &r.Version, &r.Changed)
	if errors.Is(err, db.ErrNotFound) {
		return r, fault.Invalid(fault.Field{Pointer: "/role", Code: "unknown_role"})
	}
	r.Rights = scopesOf(rights)
	return r, err
}

// RoleList gives every role, the built-in ones first. It needs staff.write.
func (a *Auth) RoleList(q db.Q, by By) ([]Role, error) {
	if err := by.Need(StaffWrite); err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	rows, err := db.All(q, func(r *db.Rows) (x struct {
		key string
		n   int64
	}, err error) {
		err = r.Scan(&x.key, &x.n)
		return
	}, `SELECT role, count(*) FROM auth_staff WHERE state <> 'closed' GROUP BY role`)
	if err != nil {
		return nil, err
	}
	for _, x := range rows {
		counts[x.key] = x.n
	}
	var out []Role
	for _, k := range roleKeys {
		out = append(out, Role{Key: k, Rights: known(Roles[k]), Members: counts[k]})
	}
	own, err := db.All(q, func(r *db.Rows) (x Role, err error) {
		var rights string
		err = r.Scan(&x.ID, &x.Key, &x.Name, &rights, &x.Version, &x.Changed)
		x.Rights, x.Members = scopesOf(rights), counts[x.Key]
		return
	}, `SELECT id, key, name, rights, version, changed_at FROM auth_role ORDER BY name_key LIMIT 200`)
	return append(out, own...), err
}

// Givable lists the roles that by may give.
func (a *Auth) Givable(q db.Q, by By) ([]Role, error) {
	all, err := a.RoleList(q, by)
	return slices.DeleteFunc(all, func(r Role) bool { return !by.Covers(r.Rights) }), err
}

// roleIn tidies a role to be. Two names that differ in case alone are one.
func roleIn(name string, rights []Right) (string, string, []Right, error) {
	var fs fault.Fields
	name = norm.NFC.String(cleanLine(name, 40))
	if name == "" {
		fs.Add("/name", "required")
	}
	rs := known(rights)
	if len(rs) == 0 || len(rs) != len(rights) {
		fs.Add("/rights", "unknown_right")
	}
	// That is an owner's role, which two people make (see owners) and the last of which is kept.
	if len(rs) == len(AllRights) {
		fs.Add("/rights", "owners_rights")
	}
	// In the order of AllRights, so that one set is one text.
	slices.SortFunc(rs, func(x, y Right) int { return slices.Index(AllRights, x) - slices.Index(AllRights, y) })
	return name, strings.ToLower(name), rs, fs.Err()
}

func packRights(rs []Right) string {
	words := make([]string, len(rs))
	for i, r := range rs {
		words[i] = string(r)
	}
	return strings.Join(words, " ")
}

// PutRole makes an own role (id 0) or changes one, whose version is the one that was
// read. by needs a fresh proof and every right of the role, as it was and as it becomes;
// nobody changes a role that he has himself, and none holds every right: that is an owner's. It holds from the next request of
// each who has it. Built-in roles have no row and cannot be changed.
func (a *Auth) PutRole(tx *db.Tx, by By, id db.ID, version int64, name string, rights []Right) (db.ID, error) {
	if err := by.needPerson(tx.Now()); err != nil {
		return 0, err
	}
	name, key, rs, err := roleIn(name, rights)
	if err != nil {
		return 0, err
	}
	if !by.Covers(rs) {
		return 0, fault.Denied()
	}
	if err := bump(tx); err != nil {
		return 0, err
	}
	var taken int64
	if err := tx.QueryRow(`SELECT count(*) FROM auth_role WHERE name_key=$1 AND id <> $2`, key, id).Scan(&taken); err != nil {
		return 0, err
	}
	if taken > 0 {
		return 0, fault.Invalid(fault.Field{Pointer: "/name", Code: "taken"})
	}
	is := packRights(rs)
	if id == 0 {
		var n int64
		if err := tx.QueryRow(`SELECT count(*) FROM auth_role`).Scan(&n); err != nil {
			return 0, err
		}
		if n >= maxRoles {
			return 0, fault.Conflict("too_many_roles")
		}
		id = tx.NewID()
		_, err := tx.Exec(`INSERT INTO auth_role (id, key, name, name_key, rights, version, created_at, changed_at) VALUES ($1,$2,$3,$4,$5,1,$6,$6)`, id, ownPrefix+id.String(), name, key, is, tx.Now())
		if err != nil {
			return 0, err
		}
		return id, by.Record(tx, "role.create", entityRole, id, "", is)
	}
	old, err := a.ownRole(tx, by, id)
	if err != nil {
		return 0, err
	}
	mine, err := hasRole(tx, by, old.Key)
	if err != nil {
		return 0, err
	}
	if mine {
		return 0, fault.Conflict("own_role")
	}
	n, err := tx.Exec(`UPDATE auth_role SET name=$3, name_key=$4, rights=$5, version=version+1, changed_at=$6 WHERE id=$1 AND version=$2`, id, version, name, key, is, tx.Now())
	if err != nil {
		return 0, err
	}
	if n != 1 {
		return 0, fault.Conflict("changed_meanwhile")
	}
	// Who gets more by it stands as a second person from tomorrow on, as with a new role.
	if !StaffBy(0, "", old.Rights).Covers(rs) && by.Kind == StaffKind {
		if _, err := tx.Exec(`UPDATE auth_staff SET standing_at=$2 WHERE role=$1 AND state <> 'closed'`, old.Key, tx.Now().Add(standAfter)); err != nil {
			return 0, err
		}
	}
	return id, by.Record(tx, "role.change", entityRole, id, packRights(old.Rights), is)
}

// ownRole reads a role that by may change: he holds every right in it. 404 for
// others, built-in ones among them.
func (a *Auth) ownRole(tx *db.Tx, by By, id db.ID) (Role, error) {
	if id <= 0 {
		return Role{}, fault.NotFound()
	}
	r, err := roleByKey(tx, ownPrefix+id.String())
	if fault.As(err) != nil {
		return r, fault.NotFound()
	}
	if err != nil {
		return r, err
	}
	if !by.Covers(r.Rights) {
		return r, fault.Denied()
	}
	return r, nil
}

func hasRole(q db.Q, by By, key string) (bool, error) {
	if by.Kind != StaffKind {
		return false, nil
	}
	s, err := staffByID(q, by.ID)
	if errors.Is(err, db.ErrNotFound) {
		return false, nil
	}
	return s.role == key, err
}

// RemoveRole removes an own role that nobody has; 409 "role_in_use".
func (a *Auth) RemoveRole(tx *db.Tx, by By, id db.ID) error {
	if err := by.needPerson(tx.Now()); err != nil {
		return err
	}
	// In turn with every giving of roles.
	if err := bump(tx); err != nil {
		return err
	}
	r, err := a.ownRole(tx, by, id)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`DELETE FROM auth_role WHERE id=$1 AND NOT EXISTS (SELECT 1 FROM auth_staff s WHERE s.role=$2 AND s.state <> 'closed')`, id, r.Key)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Conflict("role_in_use")
	}
	return by.Record(tx, "role.remove", entityRole, id, packRights(r.Rights), "")
}

// bump takes the turn of changes of rights: on PostgreSQL two that read what the
// other writes go one after the other from here on.
func bump(tx *db.Tx) error {
	return tx.ExecOne(`UPDATE auth_root SET version=version+1 WHERE id=1`)
}
