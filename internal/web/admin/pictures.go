package admin

import (
	"net/http"
	"slices"
	"strconv"

	"kassavalv/internal/auth"
	"kassavalv/internal/db"
	"kassavalv/internal/fault"
	"kassavalv/internal/file"
	"kassavalv/internal/shop/catalog"
	"kassavalv/internal/web"
	"kassavalv/internal/web/admin/view"
	"kassavalv/internal/web/ui"
)

// Bounds of one upload.
const (
	pictureMost = 12 // files at once
	uploadMost  = pictureMost*file.MaxUpload + 1<<20
)

// pictures shows a product's pictures with their words, and takes more.
func (v *visit) pictures() error {
	w, err := v.readWare()
	if err != nil {
		return err
	}
	return v.showPictures(http.StatusOK, w, ui.Form{})
}

func (v *visit) showPictures(code int, w ware, f ui.Form) error {
	path := productPath(w.p.ID)
	var blocks []view.Block
	hidden := []view.Pair{{Key: "version", Value: strconv.FormatInt(w.p.Version, 10)}}
	if len(w.p.Media) > 0 {
		x := view.Form{Action: path + "/media", Submit: v.t("save"), Hidden: hidden, Form: f}
		var gallery []view.Cell
		for i, m := range w.p.Media {
			n := strconv.Itoa(i + 1)
			gallery = append(gallery, view.Cell{Image: w.g.picture(m, 400), Block: view.Quiet(v.t("picture.n", "n", n))})
			x.Fields = append(x.Fields, view.Field{Kind: view.Heading, Input: ui.Input{Label: v.t("picture.n", "n", n)}},
				view.Field{Half: true, Input: ui.Input{Name: "alt_sv." + m.File, Label: v.t("label.alt.sv"), Hint: v.t("alt.hint"), Value: m.Alt.SV, Max: 300}},
				view.Field{Half: true, Input: ui.Input{Name: "alt_en." + m.File, Label: v.t("label.alt.en"), Hint: v.t("alt.hint"), Value: m.Alt.EN, Max: 300, Optional: true}},
				view.Field{Half: true, Input: ui.Input{Name: "order." + m.File, Label: v.t("label.position"), Value: n, InputMode: "numeric", Short: true, Max: 3}},
				view.Field{Half: true, Kind: view.Select, Input: ui.Input{Name: "variant." + m.File, Label: v.t("label.variant"), Value: m.Variant.String()}, Options: v.variantOptions(w.p)},
				view.Field{Kind: view.Box, Input: ui.Input{Name: "remove." + m.File, Label: v.t("picture.remove")}})
		}
		blocks = append(blocks, view.Gallery(gallery), view.Panel("", v.t("pictures.words"), v.editable(x, auth.CatalogWrite)))
	} else {
		blocks = append(blocks, view.Quiet(v.t("pictures.none")))
	}
	if v.by.Has(auth.CatalogWrite) {
		up := view.Form{Action: path + "/pictures", Submit: v.t("pictures.add.go"), Upload: true, Hidden: hidden, Quiet: len(w.p.Media) > 0, Fields: []view.Field{
			{Input: ui.Input{Name: "alt", Label: v.t("label.alt.sv"), Hint: v.t("pictures.alt.hint"), Max: 300, Optional: true}},
			{Kind: view.File, Many: true, Accept: "image/jpeg,image/png,image/gif,image/webp", Input: ui.Input{Name: "picture", Label: v.t("label.pictures"), Hint: v.t("pictures.hint")}}}}
		if f.Failed() {
			up.Form = f
		}
		blocks = append(blocks, view.Panel("add", v.t("pictures.add"), view.FormBlock(v.l, up)))
	}
	return v.showWare(code, w, "/pictures", append([]view.Block{v.problems(w.p)}, blocks...)...)
}

func (v *visit) variantOptions(p *catalog.Product) []ui.Option {
	out := []ui.Option{{Value: "0", Label: v.t("picture.whole")}}
	for i := range p.Variants {
		if p.Variants[i].Status != catalog.Removed {
			out = append(out, ui.Option{Value: p.Variants[i].ID.String(), Label: v.choices(&p.Variants[i])})
		}
	}
	return out
}

// addPictures takes pictures in: each is judged by its content, made anew, and then
// named by the product in one transaction.
func (v *visit) addPictures() error {
	id, err := v.id("id")
	if err != nil {
		return err
	}
	var taken []file.Picture
	in, err := v.r.ReadUpload([]string{"version", "alt"}, []string{"picture"}, file.MaxUpload, pictureMost, func(_ web.Values, p web.Part) error {
		pic, err := v.Files.AcceptPicture(v.ctx(), p)
		if err != nil {
			return err
		}
		taken = append(taken, pic)
		return nil
	})
	if err == nil && len(taken) == 0 {
		err = fault.Invalid(fault.Field{Pointer: "/picture", Code: "required"})
	}
	if err == nil {
		_, err = act(v, "product.media", catalog.EntityProduct, id, func(tx *db.Tx) (catalog.Outcome, error) { return v.hang(tx, id, taken, in.Get("alt")) })
	}
	if err != nil {
		if !mendable(err) {
			return err
		}
		w, e := v.readWare()
		if e != nil {
			return e
		}
		if f := fault.As(err); f != nil && len(f.Fields) == 0 {
			err = &fault.Error{Kind: f.Kind, Code: f.Code, Fields: []fault.Field{{Pointer: "/picture", Code: f.Code, Key: f.SentenceKey(), Args: f.Args}}}
		}
		return v.showPictures(status(err), w, v.form(in, err, ""))
	}
	return v.done("pictures_added", productPath(id)+"/pictures")
}

// hang puts pictures after those that are there; one that is there stays once.
func (v *visit) hang(tx *db.Tx, id db.ID, taken []file.Picture, alt string) (catalog.Outcome, error) {
	p, err := v.ownProduct(tx, id)
	if err != nil {
		return catalog.Outcome{}, err
	}
	media := slices.Clone(p.Media)
	for _, pic := range taken {
		if slices.ContainsFunc(media, func(m catalog.Media) bool { return m.File == string(pic.Hash) }) {
			continue
		}
		if _, err := file.LinkPicture(tx, pic.Hash); err != nil {
			return catalog.Outcome{}, err
		}
		media = append(media, catalog.Media{Kind: catalog.Picture, File: string(pic.Hash), Width: int64(pic.Width), Height: int64(pic.Height), Alt: catalog.Localized{SV: alt}})
	}
	return catalog.SetMedia(tx, v.by, id, p.Version, media)
}

// saveMedia stores the words, the order and what is taken away.
func (v *visit) saveMedia() error {
	in, err := v.r.ReadForm("version", "alt_sv.", "alt_en.", "order.", "variant.", "remove.")
	if err != nil {
		return err
	}
	return v.saveWare(in, "product.media", "/pictures", v.showPictures, func(tx *db.Tx, id db.ID, ver int64) (catalog.Outcome, error) {
		p, err := v.ownProduct(tx, id)
		if err != nil {
			return catalog.Outcome{}, err
		}
		type placed struct {
			m  catalog.Media
			at int64
		}
		var list []placed
		var bad fault.Fields
		for i, m := range p.Media {
			if in.Has("remove." + m.File) {
				continue
			}
			at, ok := whole(in.Get("order." + m.File))
			if !ok {
				at = int64(i + 1)
			}
			if in.Has("alt_sv." + m.File) {
				m.Alt = catalog.Localized{SV: in.Get("alt_sv." + m.File), EN: in.Get("alt_en." + m.File)}
			}
			if s := in.Get("variant." + m.File); s != "" {
				if m.Variant, err = db.ParseID(s); err != nil {
					bad.Add("/variant."+m.File, "unknown")
				}
			}
			list = append(list, placed{m, at})
		}
		if err := bad.Err(); err != nil {
			return catalog.Outcome{}, err
		}
		slices.SortStableFunc(list, func(a, b placed) int { return int(a.at - b.at) })
		media := make([]catalog.Media, len(list))
		for i, x := range list {
			media[i] = x.m
		}
		return catalog.SetMedia(tx, v.by, id, ver, media)
	})
}
