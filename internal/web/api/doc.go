// Package api is the face for programs: the Store API under /api/store/v1 and
// the Admin API under /api/admin/v1. It holds no rules of trade: it reads what
// is wished, calls the same use cases as the pages, and writes the stable
// shapes of shapes.go. Requests carry intent only; no input type has a price,
// total, status or owner.
package api
