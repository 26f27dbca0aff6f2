package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"kassavalv/internal/audit"
)

// verified is what a walk along the audit log's chain found.
type verified struct {
	Head   audit.Head    `json:"head"`
	Faults []audit.Fault `json:"faults"`
	Error  string        `json:"error,omitempty"`
}

// VerifyAudit walks the audit log's chain. Where the shop is running, the running
// program does it, asked over its control socket.
func VerifyAudit(ctx context.Context, dir string, log *slog.Logger) (audit.Head, []audit.Fault, error) {
	cfg, err := LoadConfig(dir, os.Environ())
	if err != nil {
		return audit.Head{}, nil, err
	}
	a, err := open(ctx, dir, cfg, log, openOptions{})
	if errors.Is(err, ErrLocked) {
		return verifyOver(ctx, dir)
	}
	if err != nil {
		return audit.Head{}, nil, err
	}
	defer a.Close(context.WithoutCancel(ctx))
	return audit.Verify(ctx, a.DB)
}

func verifyOver(ctx context.Context, dir string) (audit.Head, []audit.Fault, error) {
	res, done, err := askRunning(ctx, dir, "/audit/verify", nil)
	if err != nil {
		return audit.Head{}, nil, err
	}
	defer done()
	var v verified
	if err := json.NewDecoder(res.Body).Decode(&v); err != nil {
		return audit.Head{}, nil, fmt.Errorf("the running program broke off: %w", err)
	}
	if v.Error != "" {
		return v.Head, v.Faults, errors.New(v.Error)
	}
	return v.Head, v.Faults, nil
}

// controlVerify answers with what VerifyAudit returns.
func (a *App) controlVerify(w http.ResponseWriter, r *http.Request) {
	head, faults, err := audit.Verify(r.Context(), a.DB)
	v := verified{Head: head, Faults: faults}
	if err != nil {
		v.Error = err.Error()
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}
