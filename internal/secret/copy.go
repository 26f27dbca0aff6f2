package secret

import "context"

// CopyRoot is what the keys of the shop's copies are made from: 32 bytes that follow from
// the root key shop, so that they come back with the vault's keys and with nothing else.
func CopyRoot(ctx context.Context, k Keeper) ([]byte, error) {
	shop, err := k.Get(ctx, "shop")
	if err != nil {
		return nil, err
	}
	return derive(shop.bytes(), "copies"), nil
}
