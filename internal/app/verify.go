package app

import (
	"context"
	"fmt"
	"os"

	"kassavalv/internal/ops/copies"
)

// VerifiedSite is what was found at a site without opening anything.
type VerifiedSite struct {
	Site     string   `json:"site"`
	Objects  int      `json:"objects"`
	Read     int      `json:"read"` // of them whole
	Bytes    int64    `json:"bytes"`
	Epoch    uint32   `json:"epoch"`
	TX       uint64   `json:"tx"`
	Findings []string `json:"findings,omitempty"` // damaged or missing
	Unseen   []string `json:"unseen,omitempty"`   // could not be looked at: nothing is shown to be wrong, or right
}

// VerifySites looks through what the sites of the shop in dir hold: headers, signatures,
// chains, sizes and hashes. It takes no key, and may run beside the shop or without it. share
// of the objects are read whole, from 0 to 1.
func VerifySites(ctx context.Context, dir, site string, share float64, each func(VerifiedSite)) error {
	cfg, err := LoadConfig(dir, os.Environ())
	if err != nil {
		return err
	}
	if cfg.Copies.Sites, err = sitesOf(dir, cfg); err != nil {
		return err
	}
	if len(cfg.Copies.Sites) == 0 {
		return ErrNoCopies
	}
	charter, err := readCharter(dir)
	if err != nil {
		return fmt.Errorf("whose copies these should be is not known here: %w", err)
	}
	keep, _, err := cfg.Copies.policy()
	if err != nil {
		return err
	}
	found := false
	for _, address := range cfg.Copies.Sites {
		a, err := parseSite(address)
		if err != nil {
			return err
		}
		if site != "" && a.name != site {
			continue
		}
		found = true
		if a.q.Get("unsealed") == "yes" {
			each(VerifiedSite{Site: a.name, Unseen: []string{"it is kept unsealed, for another program: nothing there is signed"}})
			continue
		}
		s, err := readSite(address, dir)
		if err != nil {
			each(VerifiedSite{Site: a.name, Unseen: []string{err.Error()}})
			continue
		}
		v := copies.Verify(ctx, s, charter, copies.VerifyOptions{Policy: keep, Share: share, Aside: !cfg.Database.URL.IsZero()})
		s.Close()
		out := VerifiedSite{Site: a.name, Objects: v.Objects, Read: v.Read, Bytes: v.Bytes, Epoch: v.Epoch, TX: v.Max}
		for _, f := range v.Findings {
			if f.Unknown {
				out.Unseen = append(out.Unseen, f.String())
			} else {
				out.Findings = append(out.Findings, f.String())
			}
		}
		each(out)
	}
	if !found {
		return fmt.Errorf("%w: %s", ErrNoSite, site)
	}
	return nil
}
