package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/etfcast/etfcast/etf"
)

// maxFieldErrors limits the errors in one response: enough to fix a request, too few to be worth abusing.
const maxFieldErrors = 50

// decodeStrict decodes a JSON object into the struct that `into` points to and reports everything wrong with it at once:
// unknown members, duplicate members, wrong types, missing required fields. Names match exactly. A field is required
// unless it is a pointer; for a pointer, null means absent. Errors are KindInvalid; Field is the path
// ("sources[0].name"), or "body" for the whole.
func decodeStrict(data []byte, into any) error {
	if !json.Valid(data) {
		if quoted := quoteNonNumbers(data); json.Valid(quoted) {
			data = quoted // so that the message names the field
		}
	}
	if err := checkSyntax(data); err != nil {
		return err
	}
	d := strictDecoder{}
	d.value("", data, reflect.ValueOf(into).Elem())
	return errors.Join(d.errs...)
}

// nonNumbers are what some programs write for numbers that JSON does not have.
var nonNumbers = []string{"-Infinity", "Infinity", "NaN"}

// quoteNonNumbers puts non-numbers outside strings in quotes.
func quoteNonNumbers(data []byte) []byte {
	var out []byte
	quoted := false
	for i := 0; i < len(data); i++ {
		switch {
		case data[i] == '"':
			quoted = !quoted
		case quoted && data[i] == '\\' && i+1 < len(data):
			out = append(out, data[i])
			i++
		case !quoted:
			for _, name := range nonNumbers {
				if bytes.HasPrefix(data[i:], []byte(name)) {
					out = append(append(append(out, '"'), name...), '"')
					i += len(name)
					break
				}
			}
		}
		if i < len(data) {
			out = append(out, data[i])
		}
	}
	return out
}

func checkSyntax(data []byte) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return etf.Invalid("body", "the body is empty", "send a JSON object")
	}
	if !utf8.Valid(data) {
		return etf.Invalid("body", "the body is not UTF-8", "send JSON as UTF-8")
	}
	var whole json.RawMessage
	err := json.Unmarshal(data, &whole)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return etf.Invalid("body", fmt.Sprintf("the JSON is malformed at byte %d: %s", syntax.Offset, syntax.Error()), "send one well-formed JSON object")
	}
	if err != nil {
		return etf.Invalid("body", "the JSON is malformed", "send one well-formed JSON object")
	}
	return nil
}

// strictDecoder walks syntactically valid JSON.
type strictDecoder struct{ errs []error }

func (d *strictDecoder) refuse(path, message, remedy string) {
	if path == "" {
		path = "body"
	}
	if len(d.errs) < maxFieldErrors {
		d.errs = append(d.errs, etf.Invalid(path, message, remedy))
	}
}

func (d *strictDecoder) value(path string, raw json.RawMessage, into reflect.Value) {
	raw = bytes.TrimSpace(raw)
	if into.Kind() == reflect.Pointer {
		if string(raw) == "null" {
			return
		}
		into.Set(reflect.New(into.Type().Elem()))
		into = into.Elem()
	}
	var wanted, opens string
	switch into.Kind() {
	case reflect.Struct, reflect.Map:
		wanted, opens = "an object", "{"
	case reflect.Slice:
		wanted, opens = "a list", "["
	case reflect.String:
		wanted, opens = "a string", `"`
	case reflect.Bool:
		wanted, opens = "true or false", "tf"
	case reflect.Int64, reflect.Float64: // an Int64 is a price or a volume, which read themselves
		wanted, opens = "a number", "-0123456789"
	case reflect.Int:
		wanted, opens = "a whole number", "-0123456789"
	default:
		panic("api: no strict decoding into " + into.Type().String())
	}
	if text := strings.Trim(string(raw), `"`); opens[0] == '-' && slices.Contains(nonNumbers, text) {
		d.refuse(path, text+" is not a number", "write "+wanted)
		return
	}
	if !strings.ContainsRune(opens, rune(raw[0])) {
		d.refuse(path, fmt.Sprintf("this is %s, not %s", nameOf(raw), wanted), "write "+wanted)
		return
	}
	switch into.Kind() {
	case reflect.Struct:
		d.object(path, raw, into)
	case reflect.Map:
		d.members(path, raw, into)
	case reflect.Slice:
		d.list(path, raw, into)
	default:
		if err := json.Unmarshal(raw, into.Addr().Interface()); err != nil {
			d.refuse(path, unreadable(err), "write "+wanted)
		}
	}
}

// unreadable says why a value can't be read, if its type does.
func unreadable(err error) string {
	var e *etf.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return "the value can't be read"
}

func (d *strictDecoder) list(path string, raw json.RawMessage, into reflect.Value) {
	into.Set(reflect.MakeSlice(into.Type(), 0, 0))
	in := json.NewDecoder(bytes.NewReader(raw))
	_, _ = in.Token() // the opening bracket
	var item json.RawMessage
	for i := 0; in.More() && len(d.errs) < maxFieldErrors; i++ {
		if err := in.Decode(&item); err != nil {
			d.refuse(path, "the list can't be read", "write a list")
			return
		}
		into.Set(reflect.Append(into, reflect.Zero(into.Type().Elem())))
		d.value(fmt.Sprintf("%s[%d]", path, i), item, into.Index(i))
	}
}

// eachMember calls do with each member of an object, in order, and returns false if the object can't be read to its end.
func (d *strictDecoder) eachMember(path string, raw json.RawMessage, do func(name string, item json.RawMessage)) bool {
	in := json.NewDecoder(bytes.NewReader(raw))
	_, _ = in.Token() // the opening brace
	for in.More() && len(d.errs) < maxFieldErrors {
		key, err := in.Token()
		var item json.RawMessage
		if err == nil {
			err = in.Decode(&item)
		}
		if err != nil {
			d.refuse(path, "the object can't be read", "send a well-formed JSON object")
			return false
		}
		name, _ := key.(string)
		do(name, item)
	}
	return true
}

// members decodes an object whose names are data.
func (d *strictDecoder) members(path string, raw json.RawMessage, into reflect.Value) {
	into.Set(reflect.MakeMap(into.Type()))
	d.eachMember(path, raw, func(name string, item json.RawMessage) {
		at := within(path, etf.Clip(name, etf.MaxQuoted))
		if into.MapIndex(reflect.ValueOf(name)).IsValid() {
			d.refuse(at, "the field is given twice", "give it only once")
			return
		}
		value := reflect.New(into.Type().Elem()).Elem()
		d.value(at, item, value)
		into.SetMapIndex(reflect.ValueOf(name), value)
	})
}

func (d *strictDecoder) object(path string, raw json.RawMessage, into reflect.Value) {
	fields := map[string]reflect.Value{}
	var names, required []string
	for i := range into.NumField() {
		name, _, _ := strings.Cut(into.Type().Field(i).Tag.Get("json"), ",")
		fields[name] = into.Field(i)
		names = append(names, name)
		if into.Field(i).Kind() != reflect.Pointer {
			required = append(required, name)
		}
	}
	slices.Sort(names)
	seen := map[string]bool{}
	readable := d.eachMember(path, raw, func(name string, item json.RawMessage) {
		field, known := fields[name]
		switch at := within(path, name); {
		case !known:
			d.refuse(within(path, etf.Clip(name, etf.MaxQuoted)), "there is no such field", "use "+strings.Join(names, ", "))
		case seen[name]:
			d.refuse(at, "the field is given twice", "give it only once")
		default:
			d.value(at, item, field)
		}
		seen[name] = true
	})
	if !readable {
		return
	}
	slices.Sort(required)
	for _, name := range required {
		if !seen[name] {
			d.refuse(within(path, name), "the required field is missing", "add it")
		}
	}
}

func within(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// nameOf names the type of a JSON value.
func nameOf(raw json.RawMessage) string {
	switch raw[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return "a number"
}
