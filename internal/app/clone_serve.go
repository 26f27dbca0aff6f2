package app

import "context"

// serveClone opens a clone: the sandbox bank and a mailbox on this machine are its world.
func (a *App) serveClone(ctx context.Context, authority string) error {
	o, err := a.startOutside(ctx, authority)
	if err != nil {
		return err
	}
	if err := a.rooms(ctx, o.ways(), o.relay); err != nil {
		return err
	}
	if err := a.background(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	if err := a.serve(); err != nil {
		return err
	}
	a.outside = o
	a.Log.Warn("this is a clone of a shop, for trying things out: money is the sandbox bank's, and no letter leaves this machine", "shop", a.Origin, "office", a.officeOrigin()+"/admin", "mailbox", o.Mailbox, "bank", o.Bank)
	return nil
}
