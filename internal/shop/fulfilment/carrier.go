package fulfilment

import (
	"context"
	"errors"
	"time"

	"kassavalv/internal/lang"
)

// Kinds of points; the words are those of delivery methods.
const (
	Pickup = "pickup" // a service point with people
	Locker = "locker" // a parcel box
)

// Point is a place where a parcel can be collected.
type Point struct {
	ID         string // the carrier's, 1 to 40 of A–Z a–z 0–9 _ -
	Kind       string // Pickup or Locker
	Name       string
	Street     string
	PostalCode string
	City       string
	Distance   int // metres from the middle of the postal code; 0: not known
	Hours      string
}

// Address is the point's address in one line.
func (p Point) Address() string {
	if p.Street == "" {
		return ""
	}
	return p.Street + ", " + p.PostalCode + " " + p.City
}

// ParcelToBook is a parcel that is to be carried. It holds what the carrier needs to deliver and no more.
type ParcelToBook struct {
	Key                                           string // idempotency key, the same over all retries
	Reference                                     string // the order number
	Kind                                          string // Pickup, Locker or "home"
	PointID                                       string // empty or NearestID: the carrier chooses
	Name, Line1, Line2, PostalCode, City, Country string
	Phone, Email                                  string
	WeightG                                       int64
}

// Booking is the carrier's answer.
type Booking struct {
	Number string // to follow the parcel by
	Label  []byte // PDF; may be empty
}

// Stages of a parcel on its way.
const (
	Booked    = "booked"
	Underway  = "underway"
	Ready     = "ready" // waits at the point
	Delivered = "delivered"
	Lost      = "lost"
	Back      = "back" // on its way back to the shop
)

// Tracking is where a parcel is.
type Tracking struct {
	Stage string
	At    time.Time
}

// Errors of a carrier. Any other error means that it did not answer properly.
var (
	ErrNoSuchParcel = errors.New("fulfilment: the carrier knows no such parcel")
	ErrRefused      = errors.New("fulfilment: the carrier does not take the parcel")
)

// Carrier takes parcels to people.
//
// Every method MUST respect ctx and MUST be safe for concurrent use. Callers hold
// every answer for untrusted.
type Carrier interface {
	// Key is the stable name: a–z, 0–9 and hyphens, 40 at most.
	Key() string
	// Points lists points near a postal code (five digits for SE), nearest first, both
	// kinds. An empty list means that there are none near.
	Points(ctx context.Context, postal, country string, l lang.Lang) ([]Point, error)
	// Book orders the carriage. It MUST be idempotent by Key. ErrRefused when the
	// carrier will never take it.
	Book(ctx context.Context, p ParcelToBook) (Booking, error)
	// Track tells where a parcel is. ErrNoSuchParcel for a number it did not give.
	Track(ctx context.Context, number string) (Tracking, error)
}
