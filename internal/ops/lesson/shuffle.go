package lesson

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"

	"kassavalv/internal/lang"
)

// order is where the answers of a question stand for a member: place → answer. It is
// the same at every visit and another for every member, so that "the second one" is no
// tip from one to another.
func order(member int64, l Lesson, question int) []int {
	h := sha256.New()
	h.Write([]byte("kassavalv lesson\x00" + l.ID + "\x00"))
	binary.Write(h, binary.BigEndian, []int64{l.Version, member, int64(question)})
	r := rand.New(rand.NewChaCha8([32]byte(h.Sum(nil))))
	return r.Perm(len(l.In(lang.SV).Questions[question].Answers))
}
