package returns

import (
	"context"

	"kassavalv/internal/shop/payment"
)

// Carry is carry, for the tests that end the worker in the middle of it.
func (d *Desk) Carry(ctx context.Context, x payment.RefundRow) error { return d.carry(ctx, x) }
