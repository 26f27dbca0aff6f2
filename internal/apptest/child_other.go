//go:build !linux

package apptest

import "os/exec"

func bind(*exec.Cmd) {}

func asOther(*exec.Cmd) {}

func own(string) error { return nil }
