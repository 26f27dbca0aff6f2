//go:build !linux

package apptest

import (
	"database/sql"
	"errors"
)

var errNotLinux = errors.New("only Linux can do that")

func mountSmall(string, int64) error               { return errNotLinux }
func unmount(string)                               {}
func giveToPostgres(*sql.DB, string, string) error { return errNotLinux }
func limitFiles(int, uint64) error                 { return errNotLinux }

func remount(string, bool) error { return errors.New("only on Linux") }
