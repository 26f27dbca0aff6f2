package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
)

type versionCmd struct {
	SBOM bool `name:"sbom" help:"List the parts this program is built of."`
}

// Help is the example under --help.
func (versionCmd) Help() string { return "Example: kassavalv version --sbom --json" }

type part struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	Sum     string `json:"sum,omitempty"`
}

func (c versionCmd) Run(e env) error {
	bi, ok := debug.ReadBuildInfo()
	if !ok {
		return fmt.Errorf("this program was built without its list of parts")
	}
	out := struct {
		Program string `json:"program"`
		Version string `json:"version"`
		Go      string `json:"go"`
		Parts   []part `json:"parts,omitempty"`
	}{"kassavalv", bi.Main.Version, bi.GoVersion, nil}
	if c.SBOM {
		for _, d := range bi.Deps {
			out.Parts = append(out.Parts, part{d.Path, d.Version, d.Sum})
		}
	}
	if e.json {
		return json.NewEncoder(os.Stdout).Encode(out)
	}
	fmt.Println(out.Program, out.Version, out.Go)
	for _, p := range out.Parts {
		fmt.Println(p.Path, p.Version)
	}
	return nil
}
