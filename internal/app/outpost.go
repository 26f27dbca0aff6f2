package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"

	"kassavalv/internal/ops/copies"
	"kassavalv/internal/ops/copies/post"
	"kassavalv/internal/ops/outpost"
)

// OutpostFile is the configuration of an outpost, in its folder.
const OutpostFile = "outpost.toml"

// outpostConfig is outpost.toml. Times are such as "90s", "72h" or "30d".
type outpostConfig struct {
	Address string `toml:"address"` // host:port under which shops reach it
	Listen  string `toml:"listen"`  // host:port of the listener; empty: every address, the port of address
	Status  string `toml:"status"`  // host:port of /status in plain HTTP, for this machine; empty: 127.0.0.1:8446; "none"

	Silence     string `toml:"silence"`      // 2m
	FreezeAfter string `toml:"freeze_after"` // 1h

	keeps

	MaxObjectGiB int64 `toml:"max_object_gib"` // 256
	MaxShopGiB   int64 `toml:"max_shop_gib"`   // as much as the disk takes
	Rate         int   `toml:"rate"`           // objects a second of a shop: 100
}

func (c outpostConfig) options(dir string) (o outpost.Options, err error) {
	bad := func(key, what string) (outpost.Options, error) {
		return o, &configError{filepath.Join(dir, OutpostFile), key, what}
	}
	_, port, err := net.SplitHostPort(c.Address)
	if err != nil || port == "" {
		return bad("address", "is host:port under which shops reach this machine")
	}
	o = outpost.Options{Dir: dir, Addr: c.Listen, StatusAddr: c.Status, MaxObject: c.MaxObjectGiB << 30, MaxBytes: c.MaxShopGiB << 30, Rate: c.Rate}
	if o.Addr == "" {
		o.Addr = ":" + port
	}
	switch o.StatusAddr {
	case "":
		o.StatusAddr = "127.0.0.1:8446"
	case "none":
		o.StatusAddr = ""
	default:
		host, _, err := net.SplitHostPort(o.StatusAddr)
		if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return bad("status", "is an address of this machine alone, such as 127.0.0.1:8446, or none")
		}
	}
	if key, err := spans(map[string]spanOf{"silence": {c.Silence, &o.Silence}, "freeze_after": {c.FreezeAfter, &o.FreezeAfter}}); err != nil {
		return bad(key, err.Error())
	}
	var key string
	if o.Policy, key, err = c.keeps.policy(); err != nil {
		return bad(key, err.Error())
	}
	if c.MaxObjectGiB < 0 || c.MaxShopGiB < 0 || c.Rate < 0 {
		return bad("max_object_gib, max_shop_gib, rate", "are no less than 0")
	}
	return o, nil
}

func readOutpost(dir string) (c outpostConfig, err error) {
	path := filepath.Join(dir, OutpostFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, fmt.Errorf("%s is no folder of an outpost; make one with: kassavalv outpost init --address HOST:PORT --data %s", dir, dir)
	}
	if err != nil {
		return c, err
	}
	md, err := toml.Decode(string(b), &c)
	if err != nil {
		return c, &configError{path, "value", err.Error()}
	}
	if un := md.Undecoded(); len(un) > 0 {
		return c, &configError{path, un[0].String(), "no such key"}
	}
	return c, nil
}

// OutpostInit makes the folder of an outpost that shops reach at address (or takes up the
// one that is there), and a token that lets one shop in. With shop it lets the new machine
// of a shop in that is enrolled already.
func OutpostInit(dir, address, listen, shop string) (token string, err error) {
	c, err := readOutpost(dir)
	switch {
	case err == nil:
		if address != "" && address != c.Address || listen != "" && listen != c.Listen {
			return "", fmt.Errorf("%s stands already, at %s; change address and listen in %s", dir, c.Address, filepath.Join(dir, OutpostFile))
		}
	case address == "":
		return "", err
	default:
		if _, err := os.Stat(filepath.Join(dir, OutpostFile)); !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if _, err := os.Stat(filepath.Join(dir, ConfigFile)); err == nil {
			return "", fmt.Errorf("%s holds a shop: an outpost lies in a folder of its own, on another machine", dir)
		}
		c = outpostConfig{Address: address, Listen: listen}
		if _, err := c.options(dir); err != nil {
			return "", err
		}
		if err := outpost.Init(dir); err != nil {
			return "", err
		}
		text := fmt.Sprintf("# How shops reach this machine, and where it listens (docs/outpost.md has the other keys).\naddress = %q\nlisten = %q\n", address, listen)
		if err := writeSynced(filepath.Join(dir, OutpostFile), []byte(text)); err != nil {
			return "", err
		}
	}
	t, err := outpost.NewToken(dir, c.Address, shop)
	if err != nil {
		return "", err
	}
	return t.String(), nil
}

// Outpost is a running outpost with its folder.
type Outpost struct {
	*outpost.Outpost
	lock *dirLock
}

// OutpostRun starts the outpost in dir.
func OutpostRun(ctx context.Context, dir string, log *slog.Logger) (*Outpost, error) {
	c, err := readOutpost(dir)
	if err != nil {
		return nil, err
	}
	o, err := c.options(dir)
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	o.Log = log
	p, err := outpost.Start(ctx, o)
	if err != nil {
		lock.Release()
		return nil, err
	}
	return &Outpost{p, lock}, nil
}

// Close stops it.
func (p *Outpost) Close(ctx context.Context) error {
	err := p.Outpost.Close(ctx)
	p.lock.Release()
	return err
}

// OutpostRelease lets retention go on for a shop.
func OutpostRelease(dir, shop string) error { return outpost.Release(dir, shop) }

// Joined is what a shop has of an outpost that it has joined.
type Joined struct {
	Site  string `json:"site"`  // its address, for [copies] sites
	Empty bool   `json:"empty"` // the folder holds no shop: the address is one for a restore
}

// OutpostJoin enrols the shop in dir with the outpost of a token, under a name, and writes
// what opens it. On an empty machine, before a restore, the folder need not hold a shop:
// then the token must be one for that shop, and the file is named in the address.
func OutpostJoin(ctx context.Context, dir, token, name string) (j Joined, err error) {
	t, err := post.ParseToken(token)
	if err != nil {
		return j, err
	}
	if copies.Name(name) != nil || strings.Contains(name, "/") {
		return j, fmt.Errorf("--name is of a-z, 0-9 and dashes, not %q", name)
	}
	path := filepath.Join(dir, copiesDir, name+".toml")
	if _, err := os.Stat(path); err == nil {
		return j, fmt.Errorf("%s is there already: take another name, or move it away", path)
	}
	c, err := readCharter(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return j, err
	}
	if err != nil && t.Shop == "" {
		return j, fmt.Errorf("%s holds no shop with a paper key yet: make one with: kassavalv backup paper --data %s. To bring a lost shop back, make a token for it on the outpost: kassavalv outpost init --shop ID", dir, dir)
	}
	o, _, err := post.Join(ctx, t, name, c)
	if err != nil {
		return j, err
	}
	var b strings.Builder
	if err := toml.NewEncoder(&b).Encode(map[string]string{"cert": o.Cert, "ca": o.CA, "key": o.Key.Reveal()}); err != nil {
		return j, err
	}
	if err := writeSynced(path, []byte(b.String())); err != nil {
		return j, err
	}
	q := url.Values{"name": {name}}
	if j.Empty = c == (copies.Charter{}); j.Empty {
		if path, err = filepath.Abs(path); err != nil {
			return j, err
		}
		q.Set("credentials", path)
	}
	j.Site = (&url.URL{Scheme: "outpost", Host: t.Addr, RawQuery: q.Encode()}).String()
	return j, nil
}
