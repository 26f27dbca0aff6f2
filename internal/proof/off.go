//go:build !proof

package proof

// On reports whether this program can be broken.
const On = false

// At passes a step of a room.
func At(room, step string) {}

// Broken reports whether a rule is broken on purpose.
func Broken(rule string) bool { return false }

// Spoil returns s.
func Spoil(rule, s string) string { return s }
