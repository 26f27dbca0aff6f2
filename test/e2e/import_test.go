package e2e

import (
	"os"
	"path/filepath"
	"strings"

	"kassavalv/internal/apptest"
)

// A merchant's file comes in while the shop runs, and its goods are found and bought.
func imported(p *tab) {
	file, find, title := filepath.Join("testdata", "goods.csv"), "fagelholk", "Fågelholk Granris"
	if real := "../../../shared/data/shopify-home-and-garden.csv"; exists(real) {
		file, find, title = real, "clay plant pot", "Clay Plant Pot"
	}
	out, status := apptest.Command(p.t, nil, "import", "--data", p.Dir(), file)
	if status != 0 && status != 3 {
		p.t.Fatalf("import ended with %d: %s", status, out)
	}
	p.phone()
	p.Wait("search follows", patience, func() bool {
		p.visit("/search?q=" + strings.ReplaceAll(find, " ", "+"))
		return p.has(".card a|" + title)
	})
	p.follow(".card a|" + title)
	p.click("main button|Lägg i varukorgen")
	p.see("[data-note]|Varan ligger i varukorgen")
	p.follow("main a|Till varukorgen")
	p.see("main .line|" + title)
	p.follow("main a|Till kassan")
	order(p, apptest.Buyer(apptest.NewMail()))
	pay(p, apptest.Good)
	paid(p)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
