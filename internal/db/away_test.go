package db

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// The database's own trouble is told from the caller's, in whatever words the driver
// puts a server that went away.
func TestTroubleOfTheDatabaseIsKnown(t *testing.T) {
	for err, want := range map[error]bool{
		fmt.Errorf("begin: %w", pgconn.ErrConnClosed):                   true,
		fmt.Errorf("begin: %w", driver.ErrBadConn):                      true,
		&net.OpError{Op: "dial", Err: errors.New("connection refused")}: true,
		&pgconn.PgError{Code: "57P01"}:                                  true,
		&pgconn.PgError{Code: "53100"}:                                  true,
		fmt.Errorf("query: %w", io.ErrUnexpectedEOF):                    true,
		ErrFull:                        true,
		&pgconn.PgError{Code: "23505"}: false,
		&pgconn.PgError{Code: "40001"}: false,
		ErrNotFound:                    false,
		context.Canceled:               false,
		errors.New("the words of a room of ours, which speak of EOF as well"): false,
	} {
		if got := isAway(err); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}
