package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"kassavalv/internal/web"
)

// operation describes one API row for the OpenAPI document.
type operation struct {
	summary string
	about   string   // more about it; may be empty
	in      any      // request body; nil: none
	out     any      // answer; nil: none
	status  int      // of success; 0: 200
	query   []string // names of query parameters
	key     bool     // takes an Idempotency-Key
}

type anyItems[T any] struct {
	Items []T `json:"items"`
}

// operations by id. A row of the table without an entry here, or an entry
// without a row, fails a test.
var operations = map[string]operation{
	"listProducts":        {summary: "Goods that are sold", about: "filter.KEY=VALUE narrows by an attribute (filter.brand=Drejstugan); several values are separated by commas.", out: List[Product]{}, query: []string{"category", "q", "sort", "limit", "cursor"}},
	"getProduct":          {summary: "One product", out: Product{}},
	"listCategories":      {summary: "The tree of categories", out: List[Category]{}},
	"deliveryOptions":     {summary: "Delivery to a postal code, before any personal data", out: anyItems[DeliveryOption]{}, query: []string{"postal_code", "cart"}},
	"pickupPoints":        {summary: "Places to collect near a postal code", out: anyItems[Point]{}, query: []string{"option", "postal_code"}},
	"createCart":          {summary: "A new cart; its id is a secret", out: Cart{}, status: 201},
	"getCart":             {summary: "The cart as it stands now", out: Cart{}},
	"addLine":             {summary: "Put pieces in the cart", in: addLine{}, out: Cart{}, status: 201},
	"changeLine":          {summary: "Change a quantity", in: changeLine{}, out: Cart{}},
	"removeLine":          {summary: "Take a line away", out: Cart{}},
	"setCustomer":         {summary: "Who buys", in: customerIn{}, out: Cart{}},
	"cartDeliveryOptions": {summary: "What can carry this cart", out: anyItems[DeliveryOption]{}},
	"setDelivery":         {summary: "Choose a delivery", in: setDelivery{}, out: Cart{}},
	"addDiscount":         {summary: "Use a discount code, or have a gift card pay, by its code", out: Cart{}},
	"removeDiscount":      {summary: "Do without a discount code, or a gift card: by its code, or its id in gift_cards", out: Cart{}},
	"paymentMethods":      {summary: "Ways to pay", about: "unavailable: ways whose partner does not answer right now, with the reason in words. They come back by themselves.", out: Methods{}},
	"createPurchase":      {summary: "Buy what is in the cart", in: newPurchase{}, out: Purchase{}, status: 202, key: true},
	"getPurchase":         {summary: "The true state of one attempt to buy", about: "next, while the buyer must act: type \"redirect\" is an address to go to; \"app\" is one that opens an app on a device that has it, with qr the text of a QR code that opens the same app from another device.", out: Purchase{}},
	"getOrder":            {summary: "The order, for who holds the link", out: Order{}},
	"openapi":             {summary: "This document", out: map[string]any{}},
	"adminListOrders":     {summary: "Orders, newest first", out: List[Order]{}, query: []string{"state", "unpaid", "limit", "cursor"}},
	"adminGetOrder": {summary: "One order", out: Order{}, about: "customer is there for a token with the scope personal.open alone; each such reading is recorded, with the purpose that the token was made for, where the customer sees it. " +
		"Without the scope, and where the details are erased, do not open or are restricted by their person (unless a token for packing asks for a parcel that is not sent), the field is absent: nothing masked is given to a machine."},
	"adminRefund":         {summary: "Pay back in the way it was paid: money first, the rest to the gift cards", in: refundIn{}, out: Order{}, status: 202, key: true},
	"adminSettle":         {summary: "Record that money for an invoice has come", in: settleIn{}, out: Order{}, status: 201, key: true},
	"adminCancel":         {summary: "Cancel what has not been shipped", in: cancelIn{}, out: Order{}},
	"adminShip":           {summary: "Ship pieces of an order", in: shipIn{}, out: Order{}, status: 201},
	"adminListPurchases":  {summary: "Purchases, newest first", out: List[AdminPurchase]{}, query: []string{"state", "alarm", "limit", "cursor"}},
	"adminGetPurchase":    {summary: "The life of a purchase: every step, call and piece of money", out: PurchaseLife{}},
	"adminLookAtPurchase": {summary: "Ask the provider now", in: reasonIn{}, out: PurchaseLife{}},
	"adminCancelPurchase": {summary: "End a purchase that is under way", in: reasonIn{}, out: PurchaseLife{}},
	"adminCapture":        {summary: "Take reserved money, a part or all", in: captureIn{}, out: PurchaseLife{}, status: 202},
	"adminFindVariant":    {summary: "Variants by SKU", out: List[AdminVariant]{}, query: []string{"sku", "limit", "cursor"}},
	"adminGetStock":       {summary: "Stock of a variant", out: Stock{}},
	"adminSetStock":       {summary: "Record a count", in: stockIn{}, out: Stock{}},
	"adminSetCost":        {summary: "Say what a variant costs to buy, without VAT (needs catalog.write too)", in: costIn{}, out: costIn{}},
	"adminListProducts":   {summary: "Products, published or not", out: List[AdminProduct]{}, query: []string{"limit", "cursor"}},
}

func querySchema(name string) any {
	if name == "limit" {
		return map[string]any{"type": "integer", "minimum": 1, "maximum": 100, "default": 24}
	}
	return map[string]any{"type": "string"}
}

// Point is a place where a parcel can be collected.
type Point struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Address string `json:"address"`
	Hours   string `json:"hours,omitempty"`
}

var pathParam = regexp.MustCompile(`\{(\w+)\}`)

// Document writes the OpenAPI 3.1 description of the API rows of a table.
func Document(routes []web.Route, origin string) []byte {
	paths := map[string]map[string]any{}
	b := &schemas{defs: map[string]any{}}
	problem := b.of(reflect.TypeFor[problemDoc]())
	for _, rt := range routes {
		op, ok := operations[rt.Op]
		if rt.Op == "" || !ok {
			continue
		}
		o := map[string]any{"operationId": rt.Op, "summary": op.summary}
		var params []any
		for _, m := range pathParam.FindAllStringSubmatch(rt.Path, -1) {
			params = append(params, map[string]any{"name": m[1], "in": "path", "required": true, "schema": map[string]any{"type": "string"}})
		}
		for _, q := range op.query {
			params = append(params, map[string]any{"name": q, "in": "query", "schema": querySchema(q)})
		}
		if op.key {
			params = append(params, map[string]any{"name": "Idempotency-Key", "in": "header", "schema": map[string]any{"type": "string", "minLength": 1, "maxLength": 128}})
		}
		if params != nil {
			o["parameters"] = params
		}
		if op.in != nil {
			o["requestBody"] = map[string]any{"content": map[string]any{"application/json": map[string]any{"schema": b.of(reflect.TypeOf(op.in))}}}
		}
		status := op.status
		if status == 0 {
			status = 200
		}
		answer := map[string]any{"description": "Done"}
		if op.out != nil {
			answer["content"] = map[string]any{"application/json": map[string]any{"schema": b.of(reflect.TypeOf(op.out))}}
		}
		refused := func(why string) any {
			return map[string]any{"description": why, "content": map[string]any{"application/problem+json": map[string]any{"schema": problem}}}
		}
		o["responses"] = map[string]any{fmt.Sprint(status): answer, "4XX": refused("Refused; the code says why"), "5XX": refused("Try again later")}
		o["security"] = []any{} // open to everybody, or to who knows the secret in the path
		if rt.Who.IsAPI() {
			o["security"] = []any{map[string]any{"token": []string{}}}
			o["x-scope"] = rt.Who.Right()
		}
		if op.about != "" {
			o["description"] = op.about
		}
		if paths[rt.Path] == nil {
			paths[rt.Path] = map[string]any{}
		}
		paths[rt.Path][strings.ToLower(rt.Method)] = o
	}
	doc := map[string]any{"openapi": "3.1.0", "info": map[string]any{"title": "Kassavalv", "version": "1", "license": map[string]any{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		"description": "Store API and Admin API. Amounts are whole minor units with a currency, VAT included; times are RFC 3339 in UTC; errors are problem documents (RFC 9457) with a stable code."},
		"servers": []any{map[string]any{"url": origin}}, "paths": paths,
		"components": map[string]any{"schemas": b.defs, "securitySchemes": map[string]any{"token": map[string]any{"type": "http", "scheme": "bearer"}}}}
	out, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		panic(err) // maps and strings always marshal
	}
	return out
}

type problemDoc struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
	Errors []struct {
		Pointer string `json:"pointer"`
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"errors,omitempty"`
}

// schemas turns Go types into JSON Schema; named structs become components.
type schemas struct{ defs map[string]any }

func (b *schemas) of(t reflect.Type) any {
	switch t.Kind() {
	case reflect.Pointer:
		return map[string]any{"anyOf": []any{b.of(t.Elem()), map[string]any{"type": "null"}}}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": b.of(t.Elem())}
	case reflect.Map:
		if t.Elem().Kind() == reflect.String {
			return map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "string"}}
		}
		return map[string]any{"type": "object"}
	case reflect.Struct:
		name := defName(t)
		if name == "" {
			return b.object(t)
		}
		if _, ok := b.defs[name]; !ok {
			b.defs[name] = true // recursion ends here
			b.defs[name] = b.object(t)
		}
		return map[string]any{"$ref": "#/components/schemas/" + name}
	}
	return map[string]any{}
}

var notName = regexp.MustCompile(`[^A-Za-z0-9]+`)

func defName(t reflect.Type) string {
	n := t.Name()
	if i := strings.IndexByte(n, '['); i >= 0 { // List[pkg.Product]
		arg := n[i+1 : len(n)-1]
		n = n[:i] + arg[strings.LastIndexByte(arg, '.')+1:]
	}
	return notName.ReplaceAllString(n, "")
}

func (b *schemas) object(t reflect.Type) any {
	props := map[string]any{}
	var required []string
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Anonymous && f.Tag.Get("json") == "" {
				walk(f.Type)
				continue
			}
			name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" || name == "-" {
				continue
			}
			props[name] = b.of(f.Type)
			// An answer's fields are always there unless they are left out when
			// empty; of a request only the use case knows what is needed.
			if !strings.Contains(opts, "omitempty") && t.Name() != "" && t.Name()[0] >= 'A' && t.Name()[0] <= 'Z' {
				required = append(required, name)
			}
		}
	}
	walk(t)
	o := map[string]any{"type": "object", "properties": props}
	if required != nil {
		o["required"] = required
	}
	return o
}
