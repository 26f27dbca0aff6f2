package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// Secret is the fixed secret of the sandbox. It guards nothing of value: it is
// the same in every copy of the program, so that a bank started alone needs no
// set-up, and a shop outside the demo never trusts it.
const Secret = "kassavalv-sandbox-bank-no-real-money"

// Bearer returns the token that the shop shows when it calls the bank. It is
// derived, so that who has seen a call cannot sign notifications.
func Bearer() string {
	m := hmac.New(sha256.New, []byte(Secret))
	m.Write([]byte("api"))
	return hex.EncodeToString(m.Sum(nil))
}

// Signature returns the v1 part: lower-case hex of
// HMAC-SHA-256(secret, t + "." + body), t in unix seconds.
func Signature(secret string, t int64, body []byte) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(strconv.FormatInt(t, 10)))
	m.Write([]byte("."))
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

// SignatureHeader returns the whole value of the header Sandbox-Signature.
func SignatureHeader(secret string, at time.Time, body []byte) string {
	t := at.Unix()
	return "t=" + strconv.FormatInt(t, 10) + ",v1=" + Signature(secret, t, body)
}
