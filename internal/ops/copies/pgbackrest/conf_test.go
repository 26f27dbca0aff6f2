package pgbackrest

import (
	"encoding/pem"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kassavalv/internal/ops/copies/walarchive"
	"kassavalv/internal/secret"
)

// What pgBackRest says of a repository is told apart by its numbers, and not by its words.
func TestInfoTellsWhy(t *testing.T) {
	in, err := parseInfo([]byte(`[{"name":"shop","repo":[{"key":1,"status":{"code":0,"message":"ok"}},{"key":2,"status":{"code":1,"message":"in words of another version"}},
		{"key":3,"status":{"code":2,"message":"no valid backups"}},{"key":4,"status":{"code":3,"message":"x"}},{"key":5,"status":{"code":99,"message":"the stanza of the network"}}]}]`), "shop")
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]string{1: "", 2: walarchive.Stanza, 3: walarchive.Full, 4: walarchive.Stanza, 5: ""} {
		if in.Cause[n] != want || (in.Trouble[n] == "") != (n == 1) {
			t.Errorf("repository %d: %q, %q", n, in.Cause[n], in.Trouble[n])
		}
	}
	if _, err := parseInfo([]byte(`[]`), "shop"); !errors.Is(err, ErrNoStanza) {
		t.Errorf("%v", err)
	}
}

// A configuration that names a store's certificate, and was written before configurations held them, is read as one that holds it;
// where the file is not, it is said what to do.
func TestConfThatNamesACertificate(t *testing.T) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	cert := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
	file := filepath.Join(t.TempDir(), "store.pem")
	if err := os.WriteFile(file, []byte(cert), 0o600); err != nil {
		t.Fatal(err)
	}
	now := Conf{Stanza: "shop", Data: "/var/lib/pg", Certs: "/etc/pgbackrest", Repos: []Repo{{Name: "nas", Kind: "posix", Path: "/mnt/nas", Pass: NewPass()},
		{Name: "store", Kind: "s3", Path: "/shop", Bucket: "b", Endpoint: "s3.example", Region: "se", Key: secret.Hide("k"), KeySecret: secret.Hide("s"), CA: cert, Pass: NewPass()}}}
	var lines []string
	for l := range strings.Lines(now.Text(false)) {
		switch {
		case strings.HasPrefix(l, "# repo2 ca="):
			continue
		case strings.HasPrefix(l, "repo2-storage-ca-file="):
			l = "repo2-storage-ca-file=" + file + "\n"
		}
		lines = append(lines, l)
	}
	was := strings.Join(lines, "")
	old, err := ParseConf(was)
	if err != nil {
		t.Fatal(err)
	}
	if old.Text(false) != was {
		t.Errorf("it is written otherwise than it was read:\n%s", old.Text(true))
	}
	tool := &Tool{Config: filepath.Join(t.TempDir(), "pgbackrest.conf")}
	own := filepath.Dir(tool.Config)
	if err := tool.write(old.Only(2, "/tmp/data", own)); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(own, "shop-store-ca.pem")); err != nil || string(b) != cert {
		t.Errorf("the certificate does not come along: %v", err)
	}
	b, err := os.ReadFile(tool.Config)
	if err != nil || !strings.Contains(string(b), "repo1-storage-ca-file="+filepath.Join(own, "shop-store-ca.pem")) {
		t.Errorf("%v\n%s", err, strings.ReplaceAll(string(b), now.Repos[1].Pass.Reveal(), ""))
	}
	// Set up again it holds what it named.
	merged, err := merge(Conf{Stanza: "shop", Data: "/var/lib/pg", Repos: []Repo{{Name: "nas", Kind: "posix", Path: "/mnt/nas"}}}, was)
	if err == nil {
		merged, err = merged.certified()
	}
	if err != nil || merged.Repos[1].CA != cert || merged.Repos[1].CAFile != "" {
		t.Errorf("%v", err)
	}
	// Elsewhere.
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := tool.write(old.Only(1, "/tmp/data", own)); err != nil {
		t.Errorf("a repository that needs none: %v", err)
	}
	err = tool.write(old.Only(2, "/tmp/data", own))
	if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), `--repo-at 's3://b/shop?ca=FILE&endpoint=https%3A%2F%2Fs3.example&name=store&region=se'`) {
		t.Errorf("%v", err)
	}
}
