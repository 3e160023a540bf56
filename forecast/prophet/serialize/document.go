package serialize

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

// The remedies for a file that is not a model, and for a damaged one.
const (
	remedyForeign = "give a file written by `etfcast prophet fit` or by model_to_json of Python's prophet.serialize"
	remedyDamaged = "copy the file again, or fit and save the model again"
)

func damaged(field, message string) error {
	return &etf.Error{Kind: etf.KindCorrupt, Field: field, Message: message, Remedy: remedyDamaged}
}

// excerpt returns the beginning of an unexpected value, for a message.
func excerpt(raw []byte) string {
	const most = 40
	text := strings.ToValidUTF8(string(raw[:min(len(raw), most)]), "")
	if len(raw) > most {
		text += "..."
	}
	return text
}

// openObject returns the members of the outermost JSON object of data, which may be within a JSON string.
func openObject(data []byte) (map[string]json.RawMessage, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	for range 2 {
		data = withoutNaN(bytes.TrimSpace(data))
		if len(data) == 0 {
			return nil, etf.Invalid("model", "the file is empty", remedyForeign)
		}
		if data[0] != '"' {
			break
		}
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return nil, syntaxError(data, err)
		}
		data = []byte(text)
	}
	if data[0] != '{' {
		return nil, etf.Invalid("model", fmt.Sprintf("it begins with %q and is not a JSON object", excerpt(data)), remedyForeign)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, syntaxError(data, err)
	}
	return members, nil
}

func syntaxError(data []byte, err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		if syntax.Offset >= int64(len(data)) {
			return damaged("model", fmt.Sprintf("the JSON is cut off after %d bytes", len(data)))
		}
		return damaged("model", fmt.Sprintf("byte %d is not JSON: %v", syntax.Offset, syntax))
	}
	return damaged("model", "it is not JSON: "+err.Error())
}

// withoutNaN replaces NaN and the infinities, which Python writes although JSON does not have them, by null. Text in
// quotes stays.
func withoutNaN(data []byte) []byte {
	if !bytes.Contains(data, []byte("NaN")) && !bytes.Contains(data, []byte("Infinity")) {
		return data
	}
	out := make([]byte, 0, len(data)+16)
	quoted := false
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case quoted && c == '\\' && i+1 < len(data):
			out = append(out, c, data[i+1])
			i++
			continue
		case c == '"':
			quoted = !quoted
		case !quoted && bytes.HasPrefix(data[i:], []byte("NaN")):
			out = append(out, "null"...)
			i += len("NaN") - 1
			continue
		case !quoted && bytes.HasPrefix(data[i:], []byte("Infinity")):
			out = append(bytes.TrimSuffix(out, []byte("-")), "null"...)
			i += len("Infinity") - 1
			continue
		}
		out = append(out, c)
	}
	return out
}

// document reads the attributes of a model one by one. It keeps the first error; everything read after it is zero.
type document struct {
	members map[string]json.RawMessage
	path    string // prefix of the members' names: "seasonalities.weekly."
	err     error
}

func (d *document) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *document) has(key string) bool {
	_, ok := d.members[key]
	return ok
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// wrong reports a member that is not what is wanted.
func (d *document) wrong(key, want string) {
	d.fail(damaged(d.path+key, fmt.Sprintf("%s is not %s", excerpt(d.members[key]), want)))
}

func (d *document) raw(key string) json.RawMessage {
	raw, ok := d.members[key]
	if !ok {
		d.fail(etf.Invalid(d.path+key, "the key is missing", remedyForeign))
	}
	return raw
}

// value decodes a member that must be there and must not be null.
func (d *document) value(key, want string, into any) bool {
	raw := d.raw(key)
	if d.err != nil {
		return false
	}
	if isNull(raw) || json.Unmarshal(raw, into) != nil {
		d.wrong(key, want)
		return false
	}
	return true
}

// number is finite: JSON has no other numbers, and one that does not fit into a float64 is an error.
func (d *document) number(key string) float64 {
	var v float64
	d.value(key, "a number", &v)
	return v
}

func (d *document) integer(key string) int {
	v := d.number(key)
	if v != math.Trunc(v) || math.Abs(v) > math.MaxInt32 {
		d.wrong(key, "a whole number")
		return 0
	}
	return int(v)
}

// count is a whole number, or false for none.
func (d *document) count(key string) int {
	if string(d.members[key]) == "false" {
		return 0
	}
	return d.integer(key)
}

func (d *document) text(key string) string {
	var v string
	d.value(key, "a text", &v)
	return v
}

func (d *document) textOrNull(key string) string {
	if isNull(d.raw(key)) {
		return ""
	}
	return d.text(key)
}

func (d *document) boolean(key string) bool {
	var v bool
	d.value(key, "true or false", &v)
	return v
}

func (d *document) numbers(key string) []float64 {
	var v []*float64
	if !d.value(key, "a list of numbers", &v) {
		return nil
	}
	return d.allThere(key, v)
}

func (d *document) allThere(key string, v []*float64) []float64 {
	out := make([]float64, len(v))
	for i, p := range v {
		if p == nil {
			d.fail(damaged(fmt.Sprintf("%s%s[%d]", d.path, key, i), "it is not a finite number"))
			return nil
		}
		out[i] = *p
	}
	return out
}

// column is a list of numbers, or of lists of one number each.
func (d *document) column(key string) []float64 {
	var nested [][]*float64
	if raw := d.raw(key); d.err == nil && json.Unmarshal(raw, &nested) == nil && len(nested) > 0 && nested[0] != nil {
		flat := make([]*float64, 0, len(nested))
		for _, row := range nested {
			if len(row) != 1 {
				d.wrong(key, "a list of one number per draw")
				return nil
			}
			flat = append(flat, row[0])
		}
		return d.allThere(key, flat)
	}
	return d.numbers(key)
}

// matrix is a list of lists of numbers, all of the same length.
func (d *document) matrix(key string, width int) [][]float64 {
	var v [][]*float64
	if !d.value(key, "a list of lists of numbers", &v) {
		return nil
	}
	out := make([][]float64, len(v))
	for i, row := range v {
		if len(row) != width {
			d.fail(damaged(d.path+key, fmt.Sprintf("draw %d has %d values, but the model needs %d", i, len(row), width)))
			return nil
		}
		out[i] = d.allThere(key, row)
	}
	return out
}

// stamp reads a number of seconds.
func (d *document) stamp(key string) prophet.Stamp {
	v := d.number(key)
	if math.Abs(v) > 1e11 { // more than 3,000 years
		d.wrong(key, "a number of seconds between 1678 and 2261")
		return 0
	}
	return prophet.Stamp(math.Round(v * float64(prophet.Second)))
}

// ordered reads a dictionary and the order of its keys, [["a", "b"], {"a": {...}, "b": {...}}], and calls each in that
// order.
func (d *document) ordered(key string, each func(name string, props *document)) {
	var pair []json.RawMessage
	if !d.value(key, "a list of keys and an object", &pair) {
		return
	}
	var keys []string
	var objects map[string]json.RawMessage
	if len(pair) != 2 || json.Unmarshal(pair[0], &keys) != nil || json.Unmarshal(pair[1], &objects) != nil || len(keys) != len(objects) {
		d.wrong(key, "a list of keys and an object with the same keys")
		return
	}
	for _, name := range keys {
		props := &document{path: d.path + key + "." + name + "."}
		if raw, ok := objects[name]; !ok || isNull(raw) || json.Unmarshal(raw, &props.members) != nil {
			d.fail(damaged(d.path+key, fmt.Sprintf("the key %q has no object", name)))
			return
		}
		delete(objects, name)
		each(name, props)
		if props.err != nil {
			d.fail(props.err)
			return
		}
	}
}

// series reads the data of a pandas series, which is JSON within a string; nil for null.
func (d *document) series(key string) []string {
	if isNull(d.raw(key)) || d.err != nil {
		return nil
	}
	var s struct{ Data []*string }
	if err := json.Unmarshal([]byte(d.text(key)), &s); err != nil && d.err == nil {
		d.fail(damaged(d.path+key, "it is not the JSON of a series: "+err.Error()))
	}
	if d.err != nil {
		return nil
	}
	out := make([]string, len(s.Data))
	for i, p := range s.Data {
		if p == nil {
			d.fail(damaged(fmt.Sprintf("%s%s[%d]", d.path, key, i), "the value is missing"))
			return nil
		}
		out[i] = *p
	}
	return out
}

func (d *document) stampSeries(key string) []prophet.Stamp {
	if isNull(d.raw(key)) && d.err == nil {
		d.wrong(key, "a series of dates")
	}
	data := d.series(key)
	out := make([]prophet.Stamp, len(data))
	for i, text := range data {
		out[i] = d.date(fmt.Sprintf("%s[%d]", key, i), text)
	}
	return out
}

// date reads ISO 8601. pandas before version 2 wrote a Z after times without a zone.
func (d *document) date(field, text string) prophet.Stamp {
	text = strings.TrimSuffix(text, "Z")
	// The usual form first: there is one per row.
	if t, err := time.Parse("2006-01-02T15:04:05", text); err == nil && t.Year() > 1677 && t.Year() < 2262 {
		return prophet.Stamp(t.UnixMicro())
	}
	s, err := prophet.ParseStamp(text)
	if err != nil {
		d.fail(damaged(d.path+field, fmt.Sprintf("%q is not a date between 1678 and 2261", text)))
	}
	return s
}

// frame is a pandas table: names of columns, and rows of cells.
type frame struct {
	names []string
	rows  []map[string]cell
	field string
}

// cell is one value of a table.
type cell struct {
	kind   byte // 'n' a number, 'b' a boolean (0 or 1), 't' a text, 0 anything else
	number float64
	text   string
}

// UnmarshalJSON keeps finite numbers, booleans and texts.
func (c *cell) UnmarshalJSON(raw []byte) error {
	*c = cell{}
	switch raw[0] {
	case '"':
		c.kind = 't'
		return json.Unmarshal(raw, &c.text)
	case 't':
		c.kind, c.number = 'b', 1
	case 'f':
		c.kind = 'b'
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		if v, err := strconv.ParseFloat(string(raw), 64); err == nil {
			c.kind, c.number = 'n', v
		}
	}
	return nil
}

// table reads a frame, which is JSON within a string; nil for null.
func (d *document) table(key string) *frame {
	if isNull(d.raw(key)) || d.err != nil {
		return nil
	}
	var t struct {
		Schema struct{ Fields []struct{ Name string } }
		Data   []map[string]cell
	}
	if err := json.Unmarshal([]byte(d.text(key)), &t); err != nil && d.err == nil {
		d.fail(damaged(d.path+key, "it is not the JSON of a table: "+err.Error()))
	}
	if d.err != nil {
		return nil
	}
	f := &frame{rows: t.Data, field: d.path + key}
	seen := map[string]bool{}
	for _, x := range t.Schema.Fields {
		if !seen[x.Name] {
			seen[x.Name] = true
			f.names = append(f.names, x.Name)
		}
	}
	return f
}

func (f *frame) has(name string) bool {
	for _, n := range f.names {
		if n == name {
			return true
		}
	}
	return false
}

// cells calls each with every cell of a column. kinds are the kinds it accepts, and want is their name in messages.
func (f *frame) cells(d *document, name, kinds, want string, each func(c cell)) {
	for i, row := range f.rows {
		c := row[name]
		if c.kind == 0 || !strings.ContainsRune(kinds, rune(c.kind)) {
			d.fail(damaged(fmt.Sprintf("%s[%d].%s", f.field, i, name), "it is missing or not "+want))
			return
		}
		each(c)
	}
}

func (f *frame) numbers(d *document, name string) []float64 {
	out := make([]float64, 0, len(f.rows))
	f.cells(d, name, "nb", "a finite number", func(c cell) { out = append(out, c.number) })
	return out
}

// whole returns the numbers of a column, nil if any of its cells is not a number.
func (f *frame) whole(name string) []float64 {
	var probe document
	if x := f.numbers(&probe, name); probe.err == nil {
		return x
	}
	return nil
}

func (f *frame) stamps(d *document, name string) []prophet.Stamp {
	out := make([]prophet.Stamp, 0, len(f.rows))
	f.cells(d, name, "t", "a date", func(c cell) {
		out = append(out, d.date(fmt.Sprintf("%s[%d].%s", strings.TrimPrefix(f.field, d.path), len(out), name), c.text))
	})
	return out
}
