package camt

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// node is an element as it was read. Only what an entry is made of is held at a time.
type node struct {
	name string
	text string
	ccy  string // attribute Ccy
	kids []*node
}

// at is the first element under the path of local names, "A/B"; nil when there is
// none. A nil node has no elements.
func (n *node) at(path string) *node {
	for n != nil && path != "" {
		var name string
		name, path, _ = strings.Cut(path, "/")
		n = n.kid(name)
	}
	return n
}

func (n *node) kid(name string) *node {
	for _, k := range n.kids {
		if k.name == name {
			return k
		}
	}
	return nil
}

// get is the text under the first of the paths that has one.
func (n *node) get(paths ...string) string {
	for _, p := range paths {
		if k := n.at(p); k != nil && k.text != "" {
			return k.text
		}
	}
	return ""
}

func (n *node) all(name string) []*node {
	if n == nil {
		return nil
	}
	var out []*node
	for _, k := range n.kids {
		if k.name == name {
			out = append(out, k)
		}
	}
	return out
}

func (n *node) size() int {
	s := 1
	for _, k := range n.kids {
		s += k.size()
	}
	return s
}

// parser reads one message token by token.
type parser struct {
	dec     *xml.Decoder
	file    File
	stack   []*node
	live    int // nodes held
	entries int
	parts   int
	st      *Statement
	entry   *Entry
	stNode  *node // the elements that st and entry are read from
	enNode  *node
	foreign int // depth inside an element that is not of the message
	inside  bool
	ended   bool
}

const isoPrefix = "urn:iso:std:iso:20022:tech:xsd:"

func readXML(r io.Reader) (File, error) {
	p := &parser{dec: xml.NewDecoder(r)}
	p.dec.Strict = true
	p.dec.CharsetReader = charset
	depth := 0
	for {
		tok, err := p.dec.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return File{}, p.fail(err)
		}
		switch t := tok.(type) {
		case xml.Directive:
			return File{}, refuse("bankfile_doctype")
		case xml.ProcInst:
			if t.Target != "xml" || depth > 0 {
				return File{}, refuse("bankfile_doctype")
			}
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return File{}, refuse("bankfile_too_many")
			}
			err = p.start(t)
		case xml.EndElement:
			if depth--; depth < 0 {
				return File{}, p.broken("")
			}
			err = p.end(t)
		case xml.CharData:
			err = p.chars(t)
		}
		if err != nil {
			return File{}, err
		}
	}
	if depth != 0 || len(p.stack) != 0 {
		return File{}, p.broken("EOF")
	}
	if p.file.Format == "" {
		return File{}, refuse("bankfile_unknown")
	}
	if !p.ended {
		return File{}, p.broken("EOF")
	}
	return p.file, nil
}

func (p *parser) broken(what string) error {
	line, _ := p.dec.InputPos()
	return broken(line, what)
}

func (p *parser) fail(err error) error {
	if errors.Is(err, errTooBig) || errors.Is(err, errCharset) {
		if errors.Is(err, errCharset) {
			return refuse("bankfile_encoding")
		}
		return asFault(err, 0)
	}
	return p.broken("XML")
}

// start opens an element. RawToken does not resolve prefixes, which is what bounds
// the work: the message is known by its default namespace or by that of its prefix,
// and its elements by their local names.
func (p *parser) start(t xml.StartElement) error {
	if len(t.Attr) > 20 {
		return refuse("bankfile_too_many")
	}
	if !p.inside {
		// An envelope of the bank's may stand around the message.
		if t.Name.Local == "Document" {
			if p.file.Format != "" {
				return p.broken("Document")
			}
			if err := p.message(t); err != nil {
				return err
			}
			p.inside = true
		}
		p.push(&node{name: t.Name.Local})
		return nil
	}
	// What banks add in a language of their own is not the message's.
	if p.foreign > 0 || t.Name.Local == "SplmtryData" {
		p.foreign++
		return nil
	}
	n := &node{name: t.Name.Local}
	for _, a := range t.Attr {
		if a.Name.Local == "Ccy" {
			n.ccy = a.Value
		}
	}
	top := p.stack[len(p.stack)-1]
	top.kids = append(top.kids, n)
	if p.live++; p.live > maxNodes {
		return refuse("bankfile_too_many")
	}
	p.push(n)
	switch {
	case (n.name == "Stmt" || n.name == "Ntfctn") && p.st == nil:
		p.st, p.stNode = &Statement{}, n
	case n.name == "Ntry" && top == p.stNode:
		if p.entries++; p.entries > maxEntries {
			return refuse("bankfile_too_many")
		}
		p.entry, p.enNode = &Entry{}, n
	}
	return nil
}

func (p *parser) push(n *node) { p.stack = append(p.stack, n) }

// message reads the namespace: which message in which version.
func (p *parser) message(t xml.StartElement) error {
	ns := ""
	for _, a := range t.Attr {
		if a.Name.Space == "" && a.Name.Local == "xmlns" && t.Name.Space == "" || a.Name.Space == "xmlns" && a.Name.Local == t.Name.Space {
			ns = a.Value
		}
	}
	id, ok := strings.CutPrefix(ns, isoPrefix)
	if !ok || len(id) != len("camt.053.001.02") {
		return refuse("bankfile_unknown")
	}
	switch id[:8] {
	case Statements, Notifications:
		p.file.Format, p.file.Version = id[:8], id[9:]
	case "camt.052":
		return refuse("bankfile_052")
	default:
		return refuse("bankfile_unknown")
	}
	if v := p.file.Version; v[:4] != "001." || strings.Trim(v[4:], "0123456789") != "" {
		return refuse("bankfile_unknown")
	}
	return nil
}

func (p *parser) chars(b xml.CharData) error {
	if !p.inside || p.foreign > 0 || len(p.stack) == 0 {
		if strings.Trim(string(b), " \t\r\n\ufeff") != "" && p.foreign == 0 && len(p.stack) == 0 {
			return p.broken("XML")
		}
		return nil
	}
	top := p.stack[len(p.stack)-1]
	if len(top.text)+len(b) > maxText {
		if strings.Trim(string(b), " \t\r\n") == "" {
			return nil
		}
		return refuse("bankfile_too_many")
	}
	top.text += string(b)
	return nil
}

func (p *parser) end(t xml.EndElement) error {
	if p.foreign > 0 {
		p.foreign--
		return nil
	}
	if len(p.stack) == 0 {
		return p.broken(t.Name.Local)
	}
	n := p.stack[len(p.stack)-1]
	if n.name != t.Name.Local {
		return p.broken(t.Name.Local)
	}
	p.stack = p.stack[:len(p.stack)-1]
	if !p.inside {
		return nil
	}
	n.text = clean(n.text)
	var err error
	switch {
	case n.name == "Document":
		p.inside, p.ended = false, true
		if p.file.Message == "" {
			return p.broken("GrpHdr")
		}
	case n.name == "GrpHdr":
		err = p.header(n)
	case n.name == "TxDtls" && p.entry != nil:
		err = p.part(n)
		p.drop(n)
	case p.entry != nil && n == p.enNode:
		err = p.close(n)
		p.drop(n)
	case p.st != nil && n == p.stNode:
		err = p.statement(n)
		p.drop(n)
	}
	return err
}

// drop forgets what an element held: it has been read.
func (p *parser) drop(n *node) {
	p.live -= n.size()
	if len(p.stack) > 0 {
		top := p.stack[len(p.stack)-1]
		top.kids = top.kids[:len(top.kids)-1]
	}
}

var errCharset = errors.New("camt: encoding")

// charset reads the encodings that banks write beside UTF-8.
func charset(name string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(name) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return r, nil
	case "iso-8859-1", "latin1", "iso_8859-1":
		return &latin1{r: r}, nil
	}
	return nil, errCharset
}

// latin1 makes UTF-8 of ISO 8859-1.
type latin1 struct {
	r    io.Reader
	rest []byte
	buf  [2048]byte
}

func (l *latin1) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		n, err := l.r.Read(l.buf[:])
		for _, b := range l.buf[:n] {
			l.rest = append(l.rest, string(rune(b))...)
		}
		if n == 0 {
			return 0, err
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}
