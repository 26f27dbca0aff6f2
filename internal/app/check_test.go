package app

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/ops/copies/dir"
	"kassavalv/internal/secret"
)

// names is a name service of the test's own.
type names map[string][]string

func (n names) LookupTXT(_ context.Context, name string) ([]string, error) {
	if name == "silent.example" {
		return nil, errors.New("no answer")
	}
	if t, ok := n[name]; ok {
		return t, nil
	}
	return nil, &net.DNSError{IsNotFound: true}
}
func (n names) LookupMX(context.Context, string) ([]*net.MX, error) { return nil, nil }
func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if a, ok := n["ip "+host]; ok {
		return []netip.Addr{netip.MustParseAddr(a[0])}, nil
	}
	return nil, errors.New("no such host")
}

// Each fault of an installation is found, in its area, and a sound one has none; what
// cannot be looked at is told as that.
func TestCheckFinds(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		name, config string
		dns          names
		spoil        func(t *testing.T, dir string)
		now          time.Duration
		area, want   string
		judge        Judgement
	}{
		{name: "a key that is not known", config: "[http]\nport = 1\n", area: "config", want: "no such key", judge: Amiss},
		{name: "no address", config: "", area: "config", want: "public_url", judge: Amiss},
		{name: "a key is gone", spoil: func(t *testing.T, dir string) { remove(t, filepath.Join(dir, KeyFolder), "index") }, area: "keys", want: "lacks the key index", judge: Amiss},
		{name: "no keys", spoil: func(t *testing.T, dir string) { os.RemoveAll(filepath.Join(dir, KeyFolder)) }, area: "keys", want: "", judge: Amiss},
		{name: "the clock is behind", now: -time.Hour, area: "clock", want: "still to come", judge: Amiss},
		{name: "no certificate", area: "certificate", want: "no certificate", judge: Amiss},
		{name: "no relay", area: "mail", want: "no relay", judge: Amiss},
		{name: "no SPF", config: mailed("shop.example"), dns: names{"_dmarc.shop.example": {"v=DMARC1; p=reject"}}, area: "mail", want: "no SPF", judge: Amiss},
		{name: "two SPF", config: mailed("shop.example"), dns: names{"shop.example": {"v=spf1 -all", "v=spf1 a"}}, area: "mail", want: "2 records", judge: Amiss},
		{name: "the name service is silent", config: mailed("silent.example"), area: "mail", want: "does not answer", judge: Unseen},
		{name: "good mail", config: mailed("shop.example"), dns: names{"shop.example": {"v=spf1 a -all"}, "_dmarc.shop.example": {"v=DMARC1"}}, area: "mail", want: "has SPF", judge: Good},
		{name: "no copies", area: "copies", want: "the shop is lost", judge: Amiss},
		{name: "one site", config: "[copies]\nsites = ['file:///DIR/a?name=a']\n", area: "copies", want: "one site only", judge: Amiss},
		{name: "nobody waits", config: "[copies]\nsites = ['file:///DIR/a?name=a']\n", area: "copies", want: "the last moments", judge: Amiss},
		{name: "a site that is not there", config: "[copies]\nsites = ['file:///DIR/none?name=a']\n", area: "copies", want: "none", judge: Amiss},
		{name: "the shop's own disk", config: "[copies]\nsites = ['file:///DIR/a?name=a']\n", area: "copies", want: "the shop itself and a share the same disk", judge: Amiss},
		{name: "one provider", config: "[copies]\nsites = ['file:///DIR/a?name=a&provider=Nordmoln', 'file:///DIR/b?name=b&provider=nordmoln']\n", area: "copies", want: "a and b share the same provider", judge: Amiss},
		{name: "a site answers", config: "[copies]\nsites = ['file:///DIR/a?name=a']\n", area: "copies", want: "site a answers", judge: Good},
		{name: "no paper key", config: "[copies]\nsites = ['file:///DIR/a?name=a']\n", area: "copies", want: "no paper key", judge: Amiss},
		{name: "updates", area: "updates", want: "no list", judge: Unseen},
	} {
		t.Run(c.name, func(t *testing.T) {
			data, other := t.TempDir(), t.TempDir()
			k, err := secret.CreateFiles(filepath.Join(data, KeyFolder))
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range append(secret.RootNames(), "epoch-000001") {
				key, err := secret.NewKey(n, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				if err := k.Put(ctx, key); err != nil {
					t.Fatal(err)
				}
			}
			for _, n := range []string{"a", "b"} {
				if err := os.MkdirAll(filepath.Join(other, n), 0o700); err != nil {
					t.Fatal(err)
				}
				if _, err := dir.SetUp(filepath.Join(other, n)); err != nil {
					t.Fatal(err)
				}
			}
			conf := strings.ReplaceAll(c.config, "/DIR", other)
			if err := os.WriteFile(filepath.Join(data, ConfigFile), []byte(conf), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(data, DatabaseFile), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if c.spoil != nil {
				c.spoil(t, data)
			}
			got, err := Check(ctx, data, CheckOptions{Resolver: c.dns, Now: func() time.Time { return time.Now().Add(c.now) }})
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range got {
				if x.Area == c.area && x.Judge == c.judge && strings.Contains(x.What, c.want) {
					if x.Judge == Amiss && x.Do == "" {
						t.Errorf("%q does not say what to do", x.What)
					}
					return
				}
			}
			t.Errorf("not found among %+v", got)
		})
	}
	if _, err := Check(ctx, filepath.Join(t.TempDir(), "nowhere"), CheckOptions{}); err == nil {
		t.Error("a folder that is not there")
	}
}

func mailed(domain string) string {
	return "[mail]\nhost = \"relay.example\"\nfrom = \"info@" + domain + "\"\n"
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	found := false
	filepath.WalkDir(dir, func(p string, e os.DirEntry, _ error) error {
		if !e.IsDir() && strings.Contains(filepath.Base(p), name) {
			found = os.Remove(p) == nil
		}
		return nil
	})
	if !found {
		t.Fatalf("no file of the key %s", name)
	}
}
