package copies

import (
	"bufio"
	"io"
)

// newReader reads ahead in pieces that suit a disk.
func newReader(r io.Reader) *bufio.Reader { return bufio.NewReaderSize(r, 1<<20) }
