// Package assets holds the file that only the back office asks for: its additions to
// the shared style sheet, embedded and named by its hash.
package assets

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"

	"kassavalv/internal/fault"
	"kassavalv/internal/web"
)

//go:embed office.css
var files embed.FS

// Prefix is where the files live.
const Prefix = "/admin/assets/"

type asset struct {
	public, mime string
	body         []byte
}

var byName, byPublic = load()

func load() (names, public map[string]asset) {
	names, public = map[string]asset{}, map[string]asset{}
	for name, mime := range map[string]string{"office.css": "text/css; charset=utf-8"} {
		b, err := files.ReadFile(name)
		if err != nil {
			panic("assets: " + err.Error()) // embedded: cannot fail in a build that compiled
		}
		sum := sha256.Sum256(b)
		ext := path.Ext(name)
		a := asset{strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext, mime, b}
		names[name], public[a.public] = a, a
	}
	return names, public
}

// URL is the address of a file. It panics for a name that is not there.
func URL(name string) string {
	a, ok := byName[name]
	if !ok {
		panic("assets: no such file: " + name)
	}
	return Prefix + a.public
}

// Serve answers "{file}" of the path; unknown names and old hashes are 404.
func Serve(w http.ResponseWriter, r *web.Request) error {
	a, ok := byPublic[r.PathValue("file")]
	if !ok {
		return fault.NotFound()
	}
	web.Immutable(w)
	return web.Bytes(w, r, http.StatusOK, a.mime, a.body)
}
