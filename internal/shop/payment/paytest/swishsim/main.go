package swishsim

import (
	"encoding/json"
	"flag"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Ready is what a server that runs as a process writes when it answers.
type Ready struct {
	API   string `json:"api"`
	App   string `json:"app"`
	Payee string `json:"payee"`
	Files Files  `json:"files"`
}

// Main runs a server until it is told to stop: swishsim --dir DIR --ready FILE
// [--payee NUMBER] [--callback-ca FILE]. It returns the exit code.
func Main(args []string) int {
	fs := flag.NewFlagSet("swishsim", flag.ContinueOnError)
	dir := fs.String("dir", "", "where certificates are written")
	ready := fs.String("ready", "", "file to write when it answers")
	payee := fs.String("payee", "1231181189", "the merchant's number")
	ca := fs.String("callback-ca", "", "authority trusted at callback addresses")
	if fs.Parse(args) != nil {
		return 2
	}
	fail := func(err error) int {
		os.Stderr.WriteString("swishsim: " + err.Error() + "\n")
		return 1
	}
	s, err := New(Options{Payee: *payee, CallbackCA: *ca})
	if err != nil {
		return fail(err)
	}
	defer s.Close()
	f, err := s.Issue(*dir, *payee, time.Now().AddDate(2, 0, 0))
	if err != nil {
		return fail(err)
	}
	b, err := json.Marshal(Ready{s.URL(), s.AppURL(), *payee, f})
	if err != nil {
		return fail(err)
	}
	if err := os.WriteFile(*ready+".tmp", b, 0o600); err != nil {
		return fail(err)
	}
	if err := os.Rename(*ready+".tmp", *ready); err != nil {
		return fail(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
	return 0
}
