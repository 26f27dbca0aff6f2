package intake

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// rows reads all rows as "line:cell|cell" or "line!code".
func rows(t testing.TB, r io.Reader, comma byte) (out []string) {
	t.Helper()
	in, err := newReader(r)
	if err != nil {
		t.Fatal(err)
	}
	in.comma = comma
	for {
		x, err := in.next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if x.bad != "" {
			out = append(out, fmt.Sprintf("%d!%s", x.line, x.bad))
			continue
		}
		out = append(out, fmt.Sprintf("%d:%s", x.line, strings.Join(x.cells, "|")))
	}
}

func TestReader(t *testing.T) {
	long := strings.Repeat("x", MaxCell+1)
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"plain", "a,b\nc,d\n", []string{"1:a|b", "2:c|d"}},
		{"no end of line", "a,b\nc,", []string{"1:a|b", "2:c|"}},
		{"crlf and blank lines", "a,b\r\n\r\nc,d\r\n", []string{"1:a|b", "3:c|d"}},
		{"old mac", "a,b\rc,d\r", []string{"1:a|b", "2:c|d"}},
		{"quoted", "\"a,\"\"b\"\"\",c\n\"d\r\ne\",f\ng,h", []string{`1:a,"b"|c`, "2:d\r\ne|f", "4:g|h"}},
		{"space after a quote", "\"a\" ,b\n", []string{"1:a|b"}},
		{"quote inside", "12\" skärm,b\n", []string{`1:12" skärm|b`}},
		{"stray quote costs one row", "a,b\n\"c,d\ne,\"f\"\ng,h\n", []string{"1:a|b", "2!quote_stray", "3:e|f", "4:g|h"}},
		{"quote never closed costs one row", "a,b\n\"c,d\ne,f\n", []string{"1:a|b", "2!quote_open", "3:e|f"}},
		{"too large a cell", "a," + long + "\nb,c\n", []string{"1!cell_too_large", "2:b|c"}},
		{"too large a quoted cell", "a,\"" + long + "\"\nb,c\n", []string{"1!cell_too_large", "2:b|c"}},
		{"too large a row", strings.Repeat(strings.Repeat("x", 60_000)+",", 20) + "\nb,c\n", []string{"1!row_too_large", "2:b|c"}},
		{"too many cells", strings.Repeat(",", 400) + "\nb,c\n", []string{"1!too_many_cells", "2:b|c"}},
		{"bom", "\ufeffa,b\n", []string{"1:a|b"}},
		{"windows-1252", "a,\xe5\xe4\xf6 \x80\n\xe9,d\n", []string{"1:a|åäö €", "2:é|d"}},
		{"one row of windows-1252 in utf-8", "å,b\nc,\xe5\n", []string{"1:å|b", "2:c|å"}},
		{"empty", "", nil},
		{"only breaks", "\n\r\n\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, rows(t, strings.NewReader(c.in), ',')); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.want, rows(t, iotest.OneByteReader(strings.NewReader(c.in)), ',')); diff != "" {
				t.Error("byte by byte:", diff)
			}
		})
	}
}

func wide(s string, big, bom bool) []byte {
	var b []byte
	us := utf16.Encode([]rune(s))
	if bom {
		us = append([]uint16{0xFEFF}, us...)
	}
	for _, u := range us {
		if big {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return b
}

func TestUTF16(t *testing.T) {
	for _, big := range []bool{false, true} {
		for _, bom := range []bool{false, true} {
			got := rows(t, bytes.NewReader(wide("namn;pris\nTröja;1\n", big, bom)), ';')
			if diff := cmp.Diff([]string{"1:namn|pris", "2:Tröja|1"}, got); diff != "" {
				t.Errorf("big %v, mark %v: %s", big, bom, diff)
			}
		}
	}
}

// What the standard library writes is read back, with its line numbers.
func TestReaderAgainstWriter(t *testing.T) {
	cell := rapid.StringOfN(rapid.RuneFrom([]rune("aå\"';,\t \n\r€")), 0, 8, -1)
	rapid.Check(t, func(t *rapid.T) {
		comma := rapid.SampledFrom([]rune{',', ';', '\t'}).Draw(t, "comma")
		in := rapid.SliceOfN(rapid.SliceOfN(cell, 2, 5), 1, 6).Draw(t, "rows")
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.Comma, w.UseCRLF = comma, rapid.Bool().Draw(t, "crlf")
		var want [][]string
		for _, r := range in {
			for i := range r {
				r[i] = strings.ReplaceAll(r[i], "\r", "") // the writer changes it
				if w.UseCRLF {
					r[i] = strings.ReplaceAll(r[i], "\n", "")
				}
			}
			want = append(want, r)
			w.Write(r)
		}
		w.Flush()
		rd, err := newReader(&b)
		if err != nil {
			t.Fatal(err)
		}
		rd.comma = byte(comma)
		line := 1
		for i, r := range want {
			x, err := rd.next()
			if err != nil || x.bad != "" {
				t.Fatalf("row %d: %v %s", i, err, x.bad)
			}
			if !cmp.Equal(r, x.cells) || x.line != line {
				t.Fatalf("row %d is %q on line %d, want %q on %d", i, x.cells, x.line, r, line)
			}
			line += 1 + strings.Count(strings.Join(r, ""), "\n")
		}
		if _, err := rd.next(); err != io.EOF {
			t.Fatal(err)
		}
	})
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("a,b\n\"c\",d\n"), byte(','))
	f.Add([]byte("\xff\xfea\x00;\x00"), byte(';'))
	f.Add([]byte("\"\n\"\"\r\"x\xe5"), byte('\t'))
	f.Fuzz(func(t *testing.T, b []byte, comma byte) {
		if comma == '"' || comma == '\n' || comma == '\r' {
			return
		}
		in, err := newReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		in.comma = comma
		last := 0
		for n := 0; ; n++ {
			x, err := in.next()
			if err != nil {
				return
			}
			if n > len(b) || x.line <= last {
				t.Fatalf("row %d on line %d after %d", n, x.line, last)
			}
			last = x.line
			if len(x.cells) > MaxColumns+1 || x.bad == "" && len(x.cells) == 0 {
				t.Fatal(x)
			}
		}
	})
}

func FuzzRecognise(f *testing.F) {
	f.Add("Handle,Title,Variant Price")
	f.Add("ID,Type,SKU,Name,Regular price,Attribute 1 name,Attribute 99 value(s),Weight (kg)")
	f.Fuzz(func(t *testing.T, s string) {
		cells := strings.Split(s, ",")
		x := recognise(cells)
		if x == nil {
			return
		}
		for c, i := range x.at {
			if i < 0 || i >= len(cells) || c == cUnused {
				t.Fatalf("%s at %d of %d", c, i, len(cells))
			}
		}
		x.get(row{cells: cells}, cPrice)
		for n := range x.names {
			x.cell(row{cells: cells[:1]}, x.names[n])
		}
	})
}

func BenchmarkReader(b *testing.B) {
	var s bytes.Buffer
	for i := range 10_000 {
		fmt.Fprintf(&s, "vara-%d,Vara %d,\"<p>En beskrivning, med komma</p>\",Verkstan,Muggar,\"a, b\",true,,,,SKU-%d,350,shopify,12,deny,129.50\n", i, i, i)
	}
	b.SetBytes(int64(s.Len()))
	for b.Loop() {
		in, _ := newReader(bytes.NewReader(s.Bytes()))
		for {
			if _, err := in.next(); err != nil {
				break
			}
		}
	}
}
