package app

import (
	"context"
	"log/slog"
	"os"

	"kassavalv/internal/audit"
)

// VerifyAudit walks the audit log's chain of a shop that is not running.
func VerifyAudit(ctx context.Context, dir string, log *slog.Logger) (audit.Head, []audit.Fault, error) {
	cfg, err := LoadConfig(dir, os.Environ())
	if err != nil {
		return audit.Head{}, nil, err
	}
	a, err := open(ctx, dir, cfg, log, openOptions{})
	if err != nil {
		return audit.Head{}, nil, err
	}
	defer a.Close(context.WithoutCancel(ctx))
	return audit.Verify(ctx, a.DB)
}
