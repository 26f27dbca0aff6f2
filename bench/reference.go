package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"

	"kassavalv/internal/cert"
)

// reference serves the bytes of a file over TLS and HTTP/2 with nothing else
// around it: what the machine can do at best.
func reference(file string) {
	body, err := os.ReadFile(file)
	if err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "kassavalv-reference")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	local, err := cert.OpenLocal(dir, cert.LocalOptions{})
	if err != nil {
		panic(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	json.NewEncoder(os.Stdout).Encode(map[string]string{"URL": fmt.Sprintf("https://localhost:%d/", ln.Addr().(*net.TCPAddr).Port), "PEM": string(local.CAPEM())})
	srv := &http.Server{TLSConfig: local.TLSConfig(), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(body)
	})}
	srv.ServeTLS(ln, "", "")
}
