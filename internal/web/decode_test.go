package web_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"kassavalv/internal/fault"
	"kassavalv/internal/web"
)

type opaqueID int64

func (o *opaqueID) UnmarshalJSON(b []byte) error {
	s, err := strconv.Unquote(string(b))
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(s, 10, 64)
	*o = opaqueID(n)
	return err
}

type address struct {
	Line1 string  `json:"line1"`
	Line2 *string `json:"line2"`
}

type base struct {
	Note string `json:"note"`
}

type body struct {
	base
	ID       opaqueID          `json:"id"`
	Quantity int               `json:"quantity"`
	Accept   bool              `json:"accept"`
	Address  address           `json:"address"`
	Billing  *address          `json:"billing"`
	Lines    []line            `json:"lines"`
	Labels   map[string]string `json:"labels"`
	Rate     float64           `json:"rate"`
	Raw      json.RawMessage   `json:"raw"`
	Hidden   string            `json:"-"`
	When     time.Time         `json:"when"`
}

func TestDecodeRefuses(t *testing.T) {
	deep := strings.Repeat("[", 100_000)
	for name, c := range map[string]struct {
		in, code, pointer string
	}{
		"empty":                {``, "unreadable", ""},
		"space":                {` `, "unreadable", ""},
		"null":                 {`null`, "unreadable", ""},
		"cut":                  {`{"quantity":1`, "unreadable", ""},
		"trailing":             {`{"quantity":1} {}`, "unreadable", ""},
		"trailing comma":       {`{"quantity":1,}`, "unreadable", ""},
		"comma in array":       {`{"lines":[,]}`, "unreadable", ""},
		"array for object":     {`[]`, "unreadable", ""},
		"unknown":              {`{"price":1}`, "unknown_field", "/price"},
		"other case":           {`{"Quantity":1}`, "unknown_field", "/Quantity"},
		"hidden":               {`{"Hidden":"x"}`, "unknown_field", "/Hidden"},
		"dash":                 {`{"-":"x"}`, "unknown_field", "/-"},
		"unknown deep":         {`{"lines":[{"variant_id":"a"},{"unit_price":1}]}`, "unknown_field", "/lines/1/unit_price"},
		"unknown in embedded":  {`{"base":{"note":"x"}}`, "unknown_field", "/base"},
		"duplicate":            {`{"quantity":1,"quantity":2}`, "duplicate_field", "/quantity"},
		"duplicate by escape":  {`{"quantity":1,"quantit\u0079":2}`, "duplicate_field", "/quantity"},
		"duplicate in map":     {`{"labels":{"a":"1","a":"2"}}`, "duplicate_field", "/labels/a"},
		"duplicate in raw":     {`{"raw":{"a":1,"a":2}}`, "duplicate_field", "/raw/a"},
		"exponent":             {`{"quantity":1e3}`, "unreadable", "/quantity"},
		"fraction":             {`{"quantity":1.0}`, "unreadable", "/quantity"},
		"minus zero":           {`{"quantity":-0}`, "unreadable", "/quantity"},
		"plus":                 {`{"quantity":+1}`, "unreadable", ""},
		"leading zero":         {`{"quantity":01}`, "unreadable", ""},
		"hex":                  {`{"quantity":0x10}`, "unreadable", ""},
		"text for number":      {`{"quantity":"1"}`, "unreadable", "/quantity"},
		"true for number":      {`{"quantity":true}`, "unreadable", "/quantity"},
		"array for number":     {`{"quantity":[1]}`, "unreadable", "/quantity"},
		"object for number":    {`{"quantity":{"$gt":0}}`, "unreadable", "/quantity"},
		"null for number":      {`{"quantity":null}`, "unreadable", "/quantity"},
		"null for bool":        {`{"accept":null}`, "unreadable", "/accept"},
		"null for struct":      {`{"address":null}`, "unreadable", "/address"},
		"null for id":          {`{"id":null}`, "unreadable", "/id"},
		"arabic digit":         {`{"quantity":١}`, "unreadable", ""},
		"too big a number":     {`{"quantity":99999999999999999999}`, "unreadable", "/quantity"},
		"endless number":       {`{"rate":` + strings.Repeat("1", 400) + `}`, "unreadable", ""},
		"huge float":           {`{"rate":1e400}`, "unreadable", "/rate"},
		"NaN":                  {`{"rate":NaN}`, "unreadable", ""},
		"NUL":                  {`{"note":"a\u0000b"}`, "unreadable", ""},
		"raw control":          {"{\"note\":\"a\x01\"}", "unreadable", ""},
		"lone surrogate":       {`{"note":"\ud800"}`, "unreadable", ""},
		"reversed pair":        {`{"note":"\udc00\ud800"}`, "unreadable", ""},
		"bad escape":           {`{"note":"\x41"}`, "unreadable", ""},
		"not UTF-8":            {"{\"note\":\"\xff\"}", "unreadable", ""},
		"BOM":                  {"\xef\xbb\xbf{}", "unreadable", ""},
		"deep":                 {deep, "unreadable", ""},
		"deep but whole":       {`{"raw":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`, "unreadable", ""},
		"deep in raw":          {`{"raw":` + strings.Repeat(`{"a":`, 50), "unreadable", ""},
		"many items":           {`{"raw":[` + strings.Repeat("0,", 5000) + `0]}`, "too_large", ""},
		"many keys":            {`{"raw":[` + strings.Repeat(manyKeys(300)+",", 9) + `0]}`, "too_large", ""},
		"long text":            {`{"note":"` + strings.Repeat("a", 17<<10) + `"}`, "too_large", ""},
		"long text of escapes": {`{"note":"` + strings.Repeat(`\n`, 17<<10) + `"}`, "too_large", ""},
		"bad id":               {`{"id":"x"}`, "unreadable", ""},
		"bad time":             {`{"when":"yesterday"}`, "unreadable", ""},
		"key cut":              {`{"quantity`, "unreadable", ""},
		"no colon":             {`{"quantity" 1}`, "unreadable", ""},
		"literal cut":          {`{"accept":tru`, "unreadable", ""},
		"literal wrong":        {`{"accept":True}`, "unreadable", ""},
		"comment":              {`{/*x*/}`, "unreadable", ""},
		"single quotes":        {`{'quantity':1}`, "unreadable", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := web.Unmarshal[body]([]byte(c.in), web.Budget{Bytes: 1 << 20})
			f := fault.As(err)
			if f == nil || f.Code != c.code {
				t.Fatalf("%v, want %s", err, c.code)
			}
			if c.pointer != "" && (len(f.Fields) != 1 || f.Fields[0].Pointer != c.pointer) {
				t.Errorf("fields %+v, want %s", f.Fields, c.pointer)
			}
		})
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`,"k` + strconv.Itoa(i) + `":0`)
	}
	return "{" + b.String()[1:] + "}"
}

func TestDecodeAccepts(t *testing.T) {
	in := ` {"note":"é\u00e9\ud83d\ude00\n\"", "id":"17","quantity":-3,"accept":true,"address":{"line1":"x","line2":null},"billing":null,
		"lines":[{"variant_id":"a","quantity":2},{}],"labels":{"a":"1","A":"2"},"rate":2.5e1,"raw":[[[[[[[[[[[[[[{"y":null}]]]]]]]]]]]]]],"when":"2026-11-22T10:00:00Z"} `
	got, err := web.Unmarshal[body]([]byte(in), web.Budget{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Note != "éé😀\n\"" || got.ID != 17 || got.Quantity != -3 || !got.Accept || got.Billing != nil || len(got.Lines) != 2 ||
		got.Lines[0].Quantity != 2 || got.Labels["A"] != "2" || got.Rate != 25 || got.When.Year() != 2026 {
		t.Errorf("%+v", got)
	}
}

// Whatever the scanner lets through, encoding/json reads too, and writing and
// reading it again gives the same.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{}`, `{"quantity":1}`, `{"lines":[{"quantity":1}]}`, `{"note":"\ud83d\ude00"}`, `[`, `{"raw":[[[]]]}`, `{"a":1,"a":2}`, `{"id":"1"}`, `nul`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		v, err := web.Unmarshal[body](in, web.Budget{})
		var tooBig *http.MaxBytesError
		if err != nil {
			if fault.As(err) == nil && !errors.As(err, &tooBig) {
				t.Fatalf("not made for people: %v", err)
			}
			return
		}
		if !json.Valid(in) {
			t.Fatalf("accepted what is no JSON: %q", in)
		}
		out, err := json.Marshal(v)
		if err != nil {
			t.Skip("values that have no JSON form")
		}
		_ = out
	})
}

func TestBudgetsOverHTTP(t *testing.T) {
	w := newWorld(t, options{})
	const lines, json, ok = "/api/store/v1/carts/x/lines", "application/json", `{"variant_id":"1","quantity":2}`
	for _, c := range []struct {
		name, path, ct, body string
		header               []string
		status               int
		code                 string
	}{
		{"good", lines, json, ok, nil, 201, ""},
		{"charset", lines, json + "; charset=utf-8", ok, nil, 201, ""},
		{"form", lines, form, "quantity=2", nil, 415, "unsupported_type"},
		{"no type", lines, "", ok, nil, 415, "unsupported_type"},
		{"nothing", lines, json, "", nil, 400, "unreadable"},
		{"unknown", lines, json, `{"price":1}`, nil, 400, "unknown_field"},
		{"twice", lines, json, `{"quantity":1,"quantity":1}`, nil, 400, "duplicate_field"},
		{"deep", lines, json, strings.Repeat("[", 60_000), nil, 400, "unreadable"},
		{"very deep", lines, json, strings.Repeat("[", 100_000), nil, 413, "too_large"},
		{"50 MB", lines, json, `{"variant_id":"` + strings.Repeat("a", 50<<20) + `"}`, nil, 413, "too_large"},
		{"10^6 keys", lines, json, manyKeys(1_000_000), nil, 413, "too_large"},
		{"no token first", "/api/admin/v1/thing", json, strings.Repeat("[", 60_000), nil, 401, "unauthenticated"},
		{"no token, too much", "/api/admin/v1/thing", json, strings.Repeat(" ", 70_000), nil, 401, "unauthenticated"},
		{"token, too much", "/api/admin/v1/thing", json, strings.Repeat(" ", 70_000), []string{"Authorization", "Bearer good"}, 413, "too_large"},
		{"token", "/api/admin/v1/thing", json, ok, []string{"Authorization", "Bearer good"}, 204, ""},
	} {
		for name, client := range map[string]*http.Client{"h1": w.h1, "h2": w.h2} {
			t.Run(c.name+" "+name, func(t *testing.T) {
				h := c.header
				if c.ct != "" {
					h = append([]string{"Content-Type", c.ct}, h...)
				}
				var res *http.Response
				var got string
				if len(c.body) > 100_000 && name == "h1" {
					// The server answers before the client has sent all; a client that
					// insists on sending sees the connection close instead.
					req, _ := http.NewRequest("POST", w.l.URL("127.0.0.1")+c.path, strings.NewReader(c.body))
					req.Header.Set("Content-Type", c.ct)
					req.Header.Set("Expect", "100-continue")
					client.Transport.(*http.Transport).ExpectContinueTimeout = 5 * time.Second
					r, err := client.Do(req)
					if err != nil {
						t.Fatal(err)
					}
					res = r
					r.Body.Close()
				} else {
					res, got = w.with(client, "POST", c.path, c.body, h...)
				}
				if res.StatusCode != c.status || got != "" && c.code != "" && !strings.Contains(got, `"code":"`+c.code+`"`) {
					t.Errorf("%d %.200s", res.StatusCode, got)
				}
			})
		}
	}
}
