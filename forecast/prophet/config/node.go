package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

// node is a value of the configuration: nil, bool, string, json.Number, []node or []member.
type node struct {
	path  string
	value any
}

type member struct {
	name  string
	value node
}

// has reports whether an object has a member.
func (n node) has(name string) bool {
	object, _ := n.value.([]member)
	return slices.ContainsFunc(object, func(m member) bool { return m.name == name })
}

// parseJSON parses data into a tree and refuses duplicate keys.
func parseJSON(data []byte) (node, error) {
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	if len(bytes.TrimSpace(data)) == 0 {
		return node{}, etf.Invalid("line 1", "the configuration is empty", "write {} for the defaults")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		line := 1
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			line += bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n"))
		}
		return node{}, etf.Invalid(fmt.Sprintf("line %d", line), "not JSON: "+err.Error(), "write one JSON object")
	}
	dec := json.NewDecoder(bytes.NewReader(whole))
	dec.UseNumber()
	return parseNode(dec, "", 0)
}

// maxDepth is more than any key needs.
const maxDepth = 8

func parseNode(dec *json.Decoder, path string, depth int) (node, error) {
	token, err := dec.Token()
	if err != nil {
		return node{}, etf.Invalid(path, "not JSON: "+err.Error(), "write one JSON object")
	}
	n := node{path: path, value: token}
	delim, nested := token.(json.Delim)
	if !nested {
		return n, nil
	}
	if depth == maxDepth {
		return n, etf.Invalid(path, "lists and objects are nested too deeply", "write only the keys that docs/prophet.md lists")
	}
	if delim == '[' {
		list := []node{}
		for dec.More() {
			item, err := parseNode(dec, fmt.Sprintf("%s[%d]", path, len(list)), depth+1)
			if err != nil {
				return n, err
			}
			list = append(list, item)
		}
		n.value = list
	} else {
		object, seen := []member{}, map[string]bool{}
		for dec.More() {
			token, err := dec.Token()
			if err != nil {
				return n, etf.Invalid(path, "not JSON: "+err.Error(), "write one JSON object")
			}
			name, _ := token.(string)
			at := pathName(name)
			if path != "" {
				at = path + "." + at
			}
			if seen[name] {
				return n, etf.Invalid(at, "the key appears twice", "keep one of them")
			}
			seen[name] = true
			value, err := parseNode(dec, at, depth+1)
			if err != nil {
				return n, err
			}
			object = append(object, member{name, value})
		}
		n.value = object
	}
	if _, err := dec.Token(); err != nil { // the closing bracket
		return n, etf.Invalid(path, "not JSON: "+err.Error(), "write one JSON object")
	}
	return n, nil
}

// pathName returns a key as shown in messages.
func pathName(name string) string {
	if q := quote(name); q != `"`+name+`"` || name == "" {
		return q
	}
	return name
}

// not returns the error for a value of the wrong type.
func (n node) not(what, remedy string) error {
	var have string
	switch v := n.value.(type) {
	case nil:
		have = "null"
	case bool:
		have = strconv.FormatBool(v)
	case string:
		have = "the text " + quote(v)
	case json.Number:
		have = quote(v.String())
		have = have[1 : len(have)-1]
	case []node:
		have = "a list"
	case []member:
		have = "an object"
	}
	path := n.path
	if path == "" {
		path = "the configuration"
	}
	return etf.Invalid(path, fmt.Sprintf("%s is not %s", have, what), remedy)
}

func (n node) number() (float64, error) {
	v, ok := n.value.(json.Number)
	if !ok {
		return 0, n.not("a number", "write a number without quotes, such as 10 or 0.05")
	}
	f, err := v.Float64()
	if err != nil {
		return 0, n.not("a number that fits in 64 bits", "write a smaller number")
	}
	return f, nil
}

func (n node) count() (int, error) {
	const remedy = "write a whole number without quotes, such as 25"
	v, ok := n.value.(json.Number)
	if !ok {
		return 0, n.not("a whole number", remedy)
	}
	i, err := strconv.ParseInt(v.String(), 10, 32)
	if err != nil {
		return 0, n.not("a whole number that fits in 32 bits", remedy)
	}
	return int(i), nil
}

func (n node) seed() (uint64, error) {
	const remedy = "write a whole number from 0 to 18446744073709551615"
	v, ok := n.value.(json.Number)
	if !ok {
		return 0, n.not("a seed", remedy)
	}
	i, err := strconv.ParseUint(v.String(), 10, 64)
	if err != nil {
		return 0, n.not("a seed", remedy)
	}
	return i, nil
}

func (n node) truth() (bool, error) {
	v, ok := n.value.(bool)
	if !ok {
		return false, n.not("true or false", "write true or false without quotes")
	}
	return v, nil
}

func (n node) stamp() (prophet.Stamp, error) {
	v, ok := n.value.(string)
	if !ok {
		return 0, n.not("a date", `write "YYYY-MM-DD" or "YYYY-MM-DD HH:MM:SS"`)
	}
	s, err := prophet.ParseStamp(v)
	var bad *etf.Error
	if errors.As(err, &bad) {
		return 0, etf.Invalid(n.path, bad.Message, bad.Remedy)
	}
	return s, err
}

// readText reads text that is not empty.
func readText[S ~string](n node) (S, error) {
	v, ok := n.value.(string)
	if !ok {
		return "", n.not("text", "write text between double quotes")
	}
	if v == "" {
		return "", etf.Invalid(n.path, "the text is empty", "write one of the values, or leave the key out")
	}
	return S(v), nil
}

// orNull reads null as the zero value.
func orNull[V any](read func(node) (V, error)) func(node) (V, error) {
	return func(n node) (V, error) {
		if n.value == nil {
			var zero V
			return zero, nil
		}
		return read(n)
	}
}

// quote quotes text for a message and shortens long text.
func quote(text string) string {
	const longest = 60
	return strconv.Quote(etf.Clip(text, longest))
}
