//go:build ignore

// Command gen makes leaked.bin of a list of passwords, one a line, most common first, whatever follows
// the first space left out:
//
//	go run gen.go passwords.txt
//
// The committed file is of github.com/trustelem/zxcvbn v1.0.1, data/passwords.txt (MIT), which is that of
// Dropbox's zxcvbn (MIT): the most common passwords of public leaks.
package main

import (
	"bufio"
	"crypto/sha256"
	"log"
	"os"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

func main() {
	f, err := os.Open(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	var all []string
	for s := bufio.NewScanner(f); s.Scan(); {
		p, _, _ := strings.Cut(s.Text(), " ")
		if p == "" {
			continue
		}
		h := sha256.Sum256([]byte(strings.ToLower(norm.NFKC.String(p))))
		all = append(all, string(h[:5]))
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if err := os.WriteFile("leaked.bin", []byte(strings.Join(all, "")), 0o644); err != nil {
		log.Fatal(err)
	}
	log.Print(len(all), " passwords")
}
