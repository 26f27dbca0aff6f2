//go:build !unix

package pgbackrest

import "os/exec"

type account struct{}

func accountOf(string) (*account, error) { return nil, nil }
func mayServe(string) error              { return nil }
func (*account) run(*exec.Cmd)           {}
func ownAs(string, string) error         { return nil }
func (*account) give(string) error       { return nil }
