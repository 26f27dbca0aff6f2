package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/sftp/sftptest"
)

func TestAddressesOfSitesAreRefusedWithTheRightWords(t *testing.T) {
	for name, c := range map[string]struct{ sites, want string }{
		"another kind":         {`"ftp://host/x?name=a"`, "file://, s3://"},
		"no kind":              {`"/mnt/nas"`, "file://, s3://"},
		"a password":           {`"sftp://shop:geheim@host/x?name=a"`, "never in the address"},
		"a key as user":        {`"s3://geheim@bucket/x?name=a&endpoint=https://s.example"`, "never in the address"},
		"no name":              {`"file:///mnt/nas"`, "needs name="},
		"a name with a slash":  {`"file:///mnt/nas?name=a/b"`, "needs name="},
		"a capital":            {`"file:///mnt/nas?name=NAS"`, "needs name="},
		"two of one name":      {`"file:///mnt/nas?name=a", "file:///mnt/b?name=a"`, "two sites have the name a"},
		"an unknown word":      {`"file:///mnt/nas?name=a&lock=none"`, "lock=…: no such word"},
		"a word twice":         {`"file:///mnt/nas?name=a&name=b"`, "twice"},
		"two slashes":          {`"file://mnt/nas?name=a"`, "three slashes"},
		"the root":             {`"file:///?name=a"`, "three slashes"},
		"no bucket":            {`"s3:///x?name=a&endpoint=https://s.example"`, "bucket is missing"},
		"no endpoint":          {`"s3://b/x?name=a"`, "endpoint=https://"},
		"a lock of years":      {`"s3://b/x?name=a&endpoint=https://s.example&lock_days=4000"`, "lock_days"},
		"no user":              {`"sftp://host/x?name=a"`, "sftp://user@host/folder"},
		"no folder":            {`"sftp://u@host?name=a"`, "sftp://user@host/folder"},
		"an outpost, no port":  {`"outpost://host?name=a"`, "outpost://host:port"},
		"an outpost's folder":  {`"outpost://host:8445/x?name=a"`, "outpost://host:port"},
		"the second is broken": {`"file:///mnt/nas?name=a", "s3://b?name=c"`, "number 2"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, ConfigFile), []byte("[copies]\nsites = ["+c.sites+"]\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := LoadConfig(dir, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "copies.sites") {
			t.Errorf("%s: %v does not name %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: the error repeats a secret: %v", name, err)
		}
	}
	cfg, err := LoadConfig(t.TempDir(), []string{"KASSAVALV_COPIES_SITES=file:///mnt/nas?name=a&location=Malm%C3%B6,sftp://u@host/x?name=b"})
	if err != nil || len(cfg.Copies.Sites) != 2 {
		t.Errorf("%v %v", cfg.Copies.Sites, err)
	}
}

func TestOpenSite(t *testing.T) {
	private, public := sftptest.NewKey(t)
	data := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		p := filepath.Join(data, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(p, mode); err != nil {
			t.Fatal(err)
		}
	}
	const store = "s3://bucket/shop?name=store&location=Lule%C3%A5&provider=Binero&endpoint=https://s3.example&region=eu-north-1"
	const friend = "sftp://shop@friend.example:2222/~/copies?name=friend&credentials=friend.toml"
	write("copies/store.toml", "access_key = \"AK\"\nsecret_key = \"geheim\"\n", 0o600)
	write("id", private, 0o600)
	write("friend.toml", "key_file = \"id\"\nhost_key = \""+public+"\"\n", 0o600)
	for address, want := range map[string]copies.Place{
		store:  {Kind: "s3", Name: "store", Address: "s3.example/bucket/shop", Location: "Luleå", Provider: "Binero"},
		friend: {Kind: "sftp", Name: "friend", Address: "shop@friend.example:2222/copies"},
	} {
		s, err := OpenSite(address, data)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		got := s.Place()
		if got.Credential == "" || strings.Contains(fmt.Sprintf("%+v", got), "geheim") {
			t.Errorf("%s: %+v", address, got)
		}
		got.Credential = ""
		if got != want {
			t.Errorf("%s: %+v, want %+v", address, got, want)
		}
		s.Close()
	}
	for name, c := range map[string]struct {
		file, text string
		mode       os.FileMode
		address    string
		want       string
	}{
		"no file":           {"copies/other.toml", "", 0o600, strings.Replace(store, "name=store", "name=nofile", 1), "does not exist; it holds access_key"},
		"others may read":   {"copies/store.toml", "access_key = \"AK\"\nsecret_key = \"geheim\"\n", 0o644, store, "chmod 600"},
		"another word":      {"copies/store.toml", "acces_key = \"geheim\"\n", 0o600, store, "acces_key: no such word"},
		"of another kind":   {"copies/store.toml", "host_key = \"geheim\"\n", 0o600, store, "host_key: no such word"},
		"broken":            {"copies/store.toml", "access_key = \"geheim\n", 0o600, store, "line 1 cannot be read"},
		"half":              {"copies/store.toml", "access_key = \"geheim\"\n", 0o600, store, "secret_key"},
		"key that is loose": {"id", private, 0o640, friend, "chmod 600"},
	} {
		write(c.file, c.text, c.mode)
		_, err := OpenSite(c.address, data)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v does not say %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: the error says a secret: %v", name, err)
		}
	}
}

// The folder is set up once; without its mark it is a disk that is not mounted.
func TestAFolderOfCopiesIsSetUpOnce(t *testing.T) {
	data, disk := t.TempDir(), filepath.Join(t.TempDir(), "disk")
	address := "file://" + disk + "?name=disk"
	put := func() error {
		s, err := OpenSite(address, data)
		if err != nil {
			return err
		}
		defer s.Close()
		_, err = s.Put(context.Background(), "e/a", strings.NewReader("x"), 1)
		return err
	}
	for range 2 {
		if err := put(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(disk, disk+".away"); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSite(address, data); err != nil {
		t.Error("the shop does not start without the disk:", err)
	}
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := put(); err == nil || !strings.Contains(err.Error(), "mounted") {
		t.Error("a put under a disk that is not mounted:", err)
	}
	address = "file://" + disk + ".away?name=disk" // moved on purpose
	if err := put(); err != nil {
		t.Error(err)
	}
	address = "file://" + filepath.Join(data, "copies-here") + "?name=inside"
	if err := put(); err == nil || !strings.Contains(err.Error(), "data directory") {
		t.Error("copies in the data directory:", err)
	}
}
