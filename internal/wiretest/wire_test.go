package wiretest

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"syscall"
	"testing"
	"time"
)

// echo is a server that gives back what it gets, slowly if its reader is.
func echo(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(c, c); c.Close() }()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, w *Wire) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", w.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n)}).Read(b)
	return b
}

// thereAndBack sends bytes and reads what comes until the end.
func thereAndBack(c *net.TCPConn, b []byte) ([]byte, error) {
	go func() { c.Write(b); c.CloseWrite() }()
	return io.ReadAll(c)
}

// TestBytesStayBytes: whatever is wrong with a wire that loses nothing, what arrives is what was sent.
func TestBytesStayBytes(t *testing.T) {
	for name, f := range map[string]Fault{
		"good":   {},
		"slow":   {Latency: 20 * time.Millisecond, Jitter: 15 * time.Millisecond},
		"sliced": {Slice: 700, Pause: 50 * time.Microsecond},
		"narrow": {Rate: 2 << 20},
		"late":   {LateClose: 30 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			w := New(t, echo(t))
			w.Poison(Up, f)
			w.Poison(Down, f)
			b := noise(300_000)
			t0 := time.Now()
			got, err := thereAndBack(dial(t, w), b)
			if err != nil || !bytes.Equal(got, b) {
				t.Errorf("%d bytes of %d, %v", len(got), len(b), err)
			}
			atLeast := f.Latency + f.LateClose - f.Jitter
			if f.Rate > 0 {
				atLeast += time.Duration(len(b)) * time.Second / time.Duration(f.Rate)
			}
			if d := time.Since(t0); d < atLeast {
				t.Errorf("it took %s, and at least %s is what the fault takes", d, atLeast)
			}
		})
	}
}

// TestTheMiddleOfATransfer: a wire is made bad and good while it is full and nobody reads.
func TestTheMiddleOfATransfer(t *testing.T) {
	w := New(t, echo(t))
	for range 20 {
		c := dial(t, w)
		go c.Write(noise(16 << 20)) // more than any buffer on the way holds
		io.ReadFull(c, make([]byte, 1000))
		w.Poison(Down, Fault{Latency: time.Hour})
		w.Poison(Up, Fault{Rate: 1})
		w.Clean()
		if _, err := io.ReadFull(c, make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		w.Poison(Down, Fault{Limit: 1})
		if n, _ := io.Copy(io.Discard, c); n >= 15<<20 {
			t.Fatalf("%d bytes came through a wire that ends after one", n)
		}
		w.Clean()
	}
}

// TestWhatIsLost: a limit is met to the byte, a silent wire says nothing until it is good
// again and then ends, a reset is a reset, a cut wire takes nobody, a mended one does.
func TestWhatIsLost(t *testing.T) {
	b := noise(100_000)
	t.Run("limit", func(t *testing.T) {
		w := New(t, echo(t))
		c := dial(t, w)
		c.Write(b[:10])
		if _, err := io.ReadFull(c, make([]byte, 10)); err != nil {
			t.Fatal(err)
		}
		w.Poison(Down, Fault{Limit: 40_000}) // counts from now
		got, _ := thereAndBack(c, b)
		if !bytes.Equal(got, b[:40_000]) {
			t.Errorf("%d bytes came", len(got))
		}
	})
	t.Run("silent", func(t *testing.T) {
		w := New(t, echo(t))
		c := dial(t, w)
		w.Poison(Down, Fault{Silent: true})
		c.Write(b)
		c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if n, err := c.Read(make([]byte, 10)); n > 0 || !errors.Is(err, timeout(err)) {
			t.Errorf("a silent wire gives %d bytes, %v", n, err)
		}
		c.SetReadDeadline(time.Time{})
		w.Clean()
		if got, _ := io.ReadAll(c); len(got) > 0 {
			t.Errorf("after lost bytes others came: %d", len(got))
		}
	})
	t.Run("reset", func(t *testing.T) {
		w := New(t, echo(t))
		c := dial(t, w)
		w.Poison(Up, Fault{Reset: true})
		c.Write(b[:100])
		if _, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a reset is %v", err)
		}
	})
	t.Run("cut", func(t *testing.T) {
		w := New(t, echo(t))
		c := dial(t, w)
		for range 3 {
			w.Cut()
			if n, err := c.Read(make([]byte, 1)); err == nil {
				t.Errorf("a cut wire gives %d bytes", n)
			}
			if _, err := net.Dial("tcp", w.Addr); err == nil {
				t.Error("a cut wire takes a connection")
			}
			w.Mend(t)
			c = dial(t, w)
			if got, err := thereAndBack(c, b); err != nil || !bytes.Equal(got, b) {
				t.Errorf("a mended wire: %d bytes, %v", len(got), err)
			}
			c = dial(t, w)
		}
	})
}

// timeout is the error itself where it says that time ran out, and else one that it is not.
func timeout(err error) error {
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		return err
	}
	return errors.New("no timeout")
}
