package klarna

import "time"

// The shapes of Klarna's APIs, as far as they are used. Amounts are minor units.

type line struct {
	Type      string `json:"type"`
	Reference string `json:"reference,omitempty"`
	Name      string `json:"name"`
	Quantity  int64  `json:"quantity"`
	UnitPrice int64  `json:"unit_price"`
	TaxRate   int64  `json:"tax_rate"` // hundredths of a percent, as our basis points
	Total     int64  `json:"total_amount"`
	Discount  int64  `json:"total_discount_amount,omitempty"`
	TotalTax  int64  `json:"total_tax_amount"`
}

type sessionURLs struct {
	Confirmation string `json:"confirmation,omitempty"`
	Notification string `json:"notification,omitempty"` // of an order that Klarna looks into
}

type newSession struct {
	Country   string       `json:"purchase_country"`
	Currency  string       `json:"purchase_currency"`
	Locale    string       `json:"locale"`
	Amount    int64        `json:"order_amount"`
	Tax       int64        `json:"order_tax_amount"`
	Lines     []line       `json:"order_lines"`
	Reference string       `json:"merchant_reference1"`
	URLs      *sessionURLs `json:"merchant_urls,omitempty"`
	Intent    string       `json:"intent"`
}

type session struct {
	ID        string `json:"session_id"`
	Amount    int64  `json:"order_amount"`
	Currency  string `json:"purchase_currency"`
	Reference string `json:"merchant_reference1"`
	Status    string `json:"status"` // complete, incomplete
}

type pageURLs struct {
	Success string `json:"success"`
	Cancel  string `json:"cancel"`
	Back    string `json:"back"`
	Failure string `json:"failure"`
	Error   string `json:"error"`
	Update  string `json:"status_update,omitempty"`
}

type newPage struct {
	Session string      `json:"payment_session_url"`
	URLs    pageURLs    `json:"merchant_urls"`
	Options pageOptions `json:"options"`
}

type pageOptions struct {
	PlaceOrder string `json:"place_order_mode"`
	Purchase   string `json:"purchase_type"`
}

type page struct {
	ID       string    `json:"session_id"`
	Status   string    `json:"status"`
	Order    string    `json:"order_id"`
	Redirect string    `json:"redirect_url"`
	Expires  time.Time `json:"expires_at"`
}

type orderT struct {
	ID        string    `json:"order_id"`
	Status    string    `json:"status"`
	Fraud     string    `json:"fraud_status"`
	Amount    int64     `json:"order_amount"`
	Original  int64     `json:"original_order_amount"`
	Captured  int64     `json:"captured_amount"`
	Refunded  int64     `json:"refunded_amount"`
	Remaining int64     `json:"remaining_authorized_amount"`
	Currency  string    `json:"purchase_currency"`
	Reference string    `json:"merchant_reference1"`
	Expires   time.Time `json:"expires_at"`
	Captures  []taken   `json:"captures"`
	Refunds   []back    `json:"refunds"`
}

type taken struct {
	ID        string `json:"capture_id"`
	Amount    int64  `json:"captured_amount"`
	Reference string `json:"reference"`
}

type back struct {
	ID        string `json:"refund_id"`
	Amount    int64  `json:"refunded_amount"`
	Reference string `json:"reference"`
}

type newCapture struct {
	Amount    int64  `json:"captured_amount"`
	Reference string `json:"reference"`
	Lines     []line `json:"order_lines,omitempty"`
}

type newRefund struct {
	Amount      int64  `json:"refunded_amount"`
	Reference   string `json:"reference"`
	Description string `json:"description,omitempty"` // shown to the buyer
}
