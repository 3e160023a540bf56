package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// Value is one JSON value and where it stood. Numbers keep their text, objects the order of their members and repeated ones.
type Value struct {
	parent   *Value
	provider string
	name     string // in an object
	index    int    // in a list or object
	kind     kind
	text     string
	values   []*Value // of a list or object
}

type kind uint8

const (
	null kind = iota
	boolean
	number
	str
	list
	object
)

var kindNames = [...]string{"null", "true or false", "a number", "text", "a list", "an object"}

const (
	maxValues = 1_000_000 // 60 years of sessions with 13 fields are a fifth of it
	maxDepth  = 32
)

// Decode reads one JSON value. Errors: KindUnavailable if the body ends too early, KindCorrupt for anything else that is not
// JSON, after the place where it stops being that.
func Decode(provider string, body []byte) (*Value, error) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	d := decoder{json: json.NewDecoder(bytes.NewReader(body)), provider: provider}
	d.json.UseNumber()
	root := &Value{provider: provider}
	if json.Valid(body) {
		r := reader{body: body, provider: provider}
		if err := r.value(root, 0); err != nil {
			return nil, err
		}
		return root, nil
	}
	// What is wrong with it, and where.
	if err := d.value(root, 0); err != nil {
		return nil, err
	}
	if _, err := d.json.Token(); !errors.Is(err, io.EOF) {
		return nil, Corrupt("$", "%s sent something after the JSON value, at byte %d", provider, d.json.InputOffset())
	}
	return root, nil
}

// reader reads JSON that is known to be valid. It is some ten times as fast as the tokens of json.Decoder.
type reader struct {
	body     []byte
	at       int
	provider string
	count    int
}

func (r *reader) value(v *Value, depth int) error {
	if r.count++; r.count > maxValues || depth > maxDepth {
		return tooMany(v)
	}
	switch c := r.next(); c {
	case '{', '[':
		v.kind = list
		if c == '{' {
			v.kind = object
		}
		r.at++
		for {
			if c := r.next(); c == '}' || c == ']' {
				r.at++
				return nil
			} else if c == ',' {
				r.at++
				r.next()
			}
			child := &Value{parent: v, provider: r.provider, index: len(v.values)}
			if v.kind == object {
				child.name = r.text()
				r.next()
				r.at++ // the colon
			}
			if err := r.value(child, depth+1); err != nil {
				return err
			}
			v.values = append(v.values, child)
		}
	case '"':
		v.kind, v.text = str, r.text()
	default:
		start := r.at
		for r.at < len(r.body) && !ends(r.body[r.at]) {
			r.at++
		}
		v.text = string(r.body[start:r.at])
		switch c {
		case 'n':
			v.kind, v.text = null, ""
		case 't', 'f':
			v.kind = boolean
		default:
			v.kind = number
		}
	}
	return nil
}

// ends reports whether a number or word ends before the byte.
func ends(c byte) bool { return c == ',' || c == ']' || c == '}' || c <= ' ' }

// next skips white space and returns the byte that follows.
func (r *reader) next() byte {
	for {
		switch c := r.body[r.at]; c {
		case ' ', '\t', '\r', '\n':
			r.at++
		default:
			return c
		}
	}
}

// text reads a string.
func (r *reader) text() string {
	start := r.at
	r.at++
	plain := true
	for ; r.body[r.at] != '"'; r.at++ {
		switch c := r.body[r.at]; {
		case c == '\\':
			plain = false
			r.at++
		case c >= 0x80:
			plain = false // it may not be UTF-8
		}
	}
	r.at++
	quoted := r.body[start:r.at]
	if plain {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // it is known to be valid
	return s
}

func tooMany(v *Value) error {
	return Corrupt(v.Place(), "%s sent more values than any ETF's history has", v.provider)
}

type decoder struct {
	json     *json.Decoder
	provider string
	count    int
}

func (d *decoder) value(v *Value, depth int) error {
	if d.count++; d.count > maxValues || depth > maxDepth {
		return tooMany(v)
	}
	token, err := d.json.Token()
	if err != nil {
		return d.broken(v, err)
	}
	switch t := token.(type) {
	case nil:
		v.kind = null
	case bool:
		v.kind, v.text = boolean, strconv.FormatBool(t)
	case json.Number:
		v.kind, v.text = number, string(t)
	case string:
		v.kind, v.text = str, t
	case json.Delim:
		v.kind = list
		if t == '{' {
			v.kind = object
		}
		for d.json.More() {
			child := &Value{parent: v, provider: d.provider, index: len(v.values)}
			if v.kind == object {
				name, err := d.json.Token()
				if err != nil {
					return d.broken(v, err)
				}
				child.name, _ = name.(string) // the decoder accepts nothing else as a name
			}
			if err := d.value(child, depth+1); err != nil {
				return err
			}
			v.values = append(v.values, child)
		}
		if _, err := d.json.Token(); err != nil {
			return d.broken(v, err)
		}
	}
	return nil
}

func (d *decoder) broken(v *Value, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &etf.Error{Kind: etf.KindUnavailable, Message: fmt.Sprintf("%s's response ends too early, in %s", d.provider, v.Place())}
	}
	return &etf.Error{Kind: etf.KindCorrupt, Field: v.Place(), Message: fmt.Sprintf("%s's response is not valid JSON at byte %d", d.provider, d.json.InputOffset()), Remedy: FormatRemedy, Err: err}
}

// Place is the path to the value: "$[17].adjClose".
func (v *Value) Place() string {
	var b strings.Builder
	v.place(&b)
	return b.String()
}

func (v *Value) place(b *strings.Builder) {
	if v.parent == nil {
		b.WriteString("$")
		return
	}
	v.parent.place(b)
	if v.parent.kind == list {
		fmt.Fprintf(b, "[%d]", v.index)
		return
	}
	b.WriteString(step(v.name))
}

// step writes a member's name in a path.
func step(name string) string {
	name = etf.Clip(name, 60)
	if name == "" || strings.ContainsAny(name, ` .[]"'()`) {
		return fmt.Sprintf("[%q]", name)
	}
	return "." + name
}

// Name is the value's name in its object, "" in a list.
func (v *Value) Name() string { return v.name }

// IsNull, IsList and IsObject tell what the value is.
func (v *Value) IsNull() bool { return v.kind == null }

// IsList reports whether the value is a list.
func (v *Value) IsList() bool { return v.kind == list }

// IsObject reports whether the value is an object.
func (v *Value) IsObject() bool { return v.kind == object }

func (v *Value) expected(k kind) error {
	if v.kind == k {
		return nil
	}
	got := kindNames[v.kind]
	if v.kind == number || v.kind == str || v.kind == boolean {
		got += fmt.Sprintf(" (%s)", etf.Clip(v.text, 40))
	}
	return Corrupt(v.Place(), "%s sent %s instead of %s", v.provider, got, kindNames[k])
}

// List returns the values of a list. Errors are of KindCorrupt.
func (v *Value) List() ([]*Value, error) { return v.values, v.expected(list) }

// Members returns the members of an object in their order, repeated ones included. Errors are of KindCorrupt.
func (v *Value) Members() ([]*Value, error) { return v.values, v.expected(object) }

// Field returns a member of an object. Errors are of KindCorrupt and name the missing field and those that are there, or the one that
// is there twice.
func (v *Value) Field(name string) (*Value, error) {
	if err := v.expected(object); err != nil {
		return nil, err
	}
	var found *Value
	for _, f := range v.values {
		switch {
		case f.name != name:
		case found != nil:
			return nil, Corrupt(f.Place(), "%s sent the field twice", v.provider)
		default:
			found = f
		}
	}
	if found != nil {
		return found, nil
	}
	names := make([]string, len(v.values))
	for i, f := range v.values {
		names[i] = f.name
	}
	return nil, Corrupt(v.Place()+step(name), "%s sent no such field; there are %s", v.provider, etf.Clip(strings.Join(names, ", "), 160))
}

// Optional returns a member of an object, the last one of that name; nil if it has no such member or is no object.
func (v *Value) Optional(name string) *Value {
	if v.kind != object {
		return nil
	}
	for i := len(v.values) - 1; i >= 0; i-- {
		if v.values[i].name == name {
			return v.values[i]
		}
	}
	return nil
}

// Text returns the text of a string. Errors are of KindCorrupt; null is one.
func (v *Value) Text() (string, error) { return v.text, v.expected(str) }

// Number returns the text of a number, as sent; "" for null. Errors are of KindCorrupt: text is not a number here.
func (v *Value) Number() (string, error) {
	if v.kind == null {
		return "", nil
	}
	return v.text, v.expected(number)
}

// Show writes the value on one line of at most n bytes, for defects.
func (v *Value) Show(n int) string {
	var b strings.Builder
	v.show(&b, n)
	return etf.Clip(b.String(), n)
}

func (v *Value) show(b *strings.Builder, n int) {
	switch {
	case b.Len() > n:
	case v.kind == null:
		b.WriteString("null")
	case v.kind == str:
		b.WriteString(strconv.Quote(v.text))
	case v.kind != list && v.kind != object:
		b.WriteString(v.text)
	default:
		ends := "[]"
		if v.kind == object {
			ends = "{}"
		}
		b.WriteByte(ends[0])
		for i, c := range v.values {
			if i > 0 {
				b.WriteString(", ")
			}
			if v.kind == object {
				b.WriteString(c.name + "=")
			}
			c.show(b, n)
			if b.Len() > n {
				break
			}
		}
		b.WriteByte(ends[1])
	}
}
