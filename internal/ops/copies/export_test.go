package copies

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
)

// HeaderOf reads a header without asking who signed it.
func HeaderOf(object []byte) (h Header, err error) {
	n := binary.BigEndian.Uint32(object[len(magic):])
	err = json.Unmarshal(object[len(magic)+4:len(magic)+4+int(n)], &h)
	return h, err
}

// Resign is an object with a changed header, signed as the shop does.
func Resign(object []byte, key ed25519.PrivateKey, change func(h *Header)) ([]byte, error) {
	h, err := HeaderOf(object)
	if err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(object[len(magic):])
	rest := object[len(magic)+4+int(n)+ed25519.SignatureSize:]
	change(&h)
	front, _, err := h.sign(key)
	return append(bytes.Clone(front), rest...), err
}
