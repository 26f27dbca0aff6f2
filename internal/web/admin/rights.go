package admin

import (
	"slices"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/lang"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// roleName is the name of a role: a built-in one's in the language, an own one's as
// the shop calls it.
func (v *visit) roleName(key, own string) string {
	if own != "" {
		return own
	}
	return v.word("role.", key)
}

// roleOptions are the roles that the visitor may give.
func (v *visit) roleOptions(q db.Q) ([]ui.Option, error) {
	rs, err := v.Auth.Givable(q, v.by)
	if err != nil {
		return nil, err
	}
	out := make([]ui.Option, len(rs))
	for i, r := range rs {
		out[i] = ui.Option{Value: r.Key, Label: v.roleName(r.Key, r.Name)}
	}
	return out, nil
}

// mayDo is a right as a sentence.
func (v *visit) mayDo(r auth.Right) string { return lang.T(v.l, "rights.may."+string(r)) }

// mayNot is what a right does not include.
func (v *visit) mayNot(r auth.Right) string { return lang.T(v.l, "rights.not."+string(r)) }

// rightTable says what somebody may do, each right in a sentence with what it does not
// include, and what he may not at all.
func (v *visit) rightTable(caption string, rs []auth.Right) view.Block {
	t := view.Table{Caption: caption, Empty: v.t("rights.nothing"), Cols: []ui.Column{{Text: v.t("col.may")}, {Text: v.t("col.may_not")}}}
	for _, r := range auth.AllRights {
		if slices.Contains(rs, r) {
			t.Rows = append(t.Rows, view.Row{Cells: []view.Cell{{Text: v.mayDo(r)}, {Text: v.mayNot(r)}}})
		}
	}
	return view.TableBlock(v.l, t)
}

// rightBoxes are the rights to choose from.
func (v *visit) rightBoxes(from []auth.Right, chosen []string) []ui.Option {
	out := make([]ui.Option, len(from))
	for i, r := range from {
		out[i] = ui.Option{Value: string(r), Label: v.mayDo(r) + " " + v.mayNot(r), Selected: slices.Contains(chosen, string(r))}
	}
	return out
}

func words(rs []auth.Right) []string {
	out := make([]string, len(rs))
	for i, r := range rs {
		out[i] = string(r)
	}
	return out
}
