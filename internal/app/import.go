package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"kassavalv/internal/auth"
	"kassavalv/internal/fetch"
	"kassavalv/internal/file"
	"kassavalv/internal/shop/intake"
)

// ImportOptions are the flags of `kassavalv import`.
type ImportOptions struct {
	DryRun   bool
	Images   string // folder of picture files; "": none
	Progress func(done, of int)
	Log      *slog.Logger
}

// importer is on whose behalf the command runs: who may open the folder may
// also change its goods.
var importer = auth.System("import")

// Import brings a file's goods into the shop in dir. When the shop is running,
// it does the work, spoken to over its control socket. The report is good also
// beside an error; the errors are those of intake.Import and of opening.
func Import(ctx context.Context, dir string, cfg Config, path string, o ImportOptions) (intake.Report, error) {
	f, err := os.Open(path)
	if err != nil {
		return intake.Report{}, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil {
		return intake.Report{}, err
	} else if st.IsDir() {
		return intake.Report{}, fmt.Errorf("%s is a folder; name the CSV file", path)
	}
	if o.Images != "" {
		if o.Images, err = filepath.Abs(o.Images); err != nil {
			return intake.Report{}, err
		}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a, err := open(ctx, dir, cfg, o.Log, openOptions{})
	if errors.Is(err, ErrLocked) {
		return importOver(ctx, dir, f, o)
	}
	if err != nil {
		return intake.Report{}, err
	}
	defer a.Close(context.WithoutCancel(ctx))
	folder, err := file.OpenFolder(filepath.Join(dir, "files"))
	if err != nil {
		return intake.Report{}, err
	}
	defer folder.Close()
	files := file.New(a.DB, folder)
	return intake.Import(ctx, a.DB, importer, f, intake.Options{DryRun: o.DryRun, Images: o.Images, Files: files, Progress: o.Progress})
}

// fetchPictures gives the job runner the pictures that imports name.
func (a *App) fetchPictures() {
	p := &intake.Pictures{DB: a.DB, Files: a.Files, Client: fetch.New(intake.FetchOptions)}
	p.Handle(a.Jobs)
}
