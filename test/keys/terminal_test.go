package keys

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"kassavalv/internal/apptest"
)

// Keys go to a terminal only: neither a pipe nor a device that is none is taken for one.
func TestKeysToNoTerminal(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, to := range []string{"a pipe", os.DevNull} {
		var out, errs bytes.Buffer
		c := exec.Command(apptest.Program(t), "keys", "new")
		c.Stderr, c.Stdout = &errs, &out
		if to == os.DevNull {
			c.Stdout = null
		}
		if err := c.Run(); err == nil || !strings.Contains(errs.String(), "printed to a terminal only") || out.Len() > 0 {
			t.Errorf("%s: %v %q, %d bytes were given out", to, err, errs.String(), out.Len())
		}
	}
}
