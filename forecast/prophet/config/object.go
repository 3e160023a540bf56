package config

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

// key is a key of an object in the configuration: how it is read into a T and written from it.
type key[T any] struct {
	name, values, meaning string
	required              bool
	set                   func(*T, node) error
	get                   func(*T) any // a value of encoding/json, a prophet.Stamp, or keyed; nil = null
}

// field returns a key whose value is a field of T.
func field[T, V any](name, values, meaning string, at func(*T) *V, read func(node) (V, error), write func(V) any) key[T] {
	return key[T]{name: name, values: values, meaning: meaning,
		set: func(t *T, n node) error {
			v, err := read(n)
			if err != nil {
				return err
			}
			*at(t) = v
			return nil
		},
		get: func(t *T) any { return write(*at(t)) },
	}
}

func need[T any](k key[T]) key[T] {
	k.required = true
	return k
}

// unsupported are arguments of the original that are refused unless null or false, its values for none.
var unsupported = map[string]struct{ message, remedy string }{
	"regressor_predictor": {"models that forecast a regressor are not supported",
		"forecast the regressor with a model of its own, and give its values in the rows to forecast"},
}

// decodeObject reads the members of an object into t.
func decodeObject[T any](keys []key[T], n node, t *T) error {
	object, ok := n.value.([]member)
	if !ok {
		return n.not("an object", "write keys and values between { and }")
	}
	given := map[string]bool{}
next:
	for _, m := range object {
		given[m.name] = true
		for _, k := range keys {
			if k.name == m.name {
				if err := k.set(t, m.value); err != nil {
					return err
				}
				continue next
			}
		}
		if u, ok := unsupported[m.name]; ok {
			if m.value.value == nil || m.value.value == false {
				continue
			}
			return etf.Invalid(m.value.path, u.message, u.remedy)
		}
		names := make([]string, len(keys))
		for i, k := range keys {
			names[i] = k.name
		}
		return etf.Invalid(m.value.path, "the configuration has an unknown key", fmt.Sprintf("the nearest known one is %s", nearest(m.name, names)))
	}
	for _, k := range keys {
		if k.required && !given[k.name] {
			return etf.Invalid(strings.TrimPrefix(n.path+"."+k.name, "."), "the key is missing", "add it: "+k.values)
		}
	}
	return nil
}

func readList[T any](keys []key[T], n node) ([]T, error) {
	list, ok := n.value.([]node)
	if !ok {
		return nil, n.not("a list", "write objects between [ and ]")
	}
	var out []T
	for _, item := range list {
		var t T
		if err := decodeObject(keys, item, &t); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// nearest returns the name with the smallest edit distance from word; a prefix of the other counts as distance 1.
func nearest(word string, names []string) string {
	const longest = 100 // no known name is close to a longer word
	a := []rune(word)
	if len(a) > longest {
		a = a[:longest]
	}
	best, least := "", math.MaxInt
	for _, name := range names {
		b := []rune(name)
		row := make([]int, len(b)+1)
		for j := range row {
			row[j] = j
		}
		for i := range a {
			diagonal := row[0]
			row[0] = i + 1
			for j := range b {
				cost := diagonal
				if a[i] != b[j] {
					cost++
				}
				diagonal = row[j+1]
				row[j+1] = min(cost, row[j]+1, diagonal+1)
			}
		}
		distance := row[len(b)]
		if word != "" && (strings.HasPrefix(name, word) || strings.HasPrefix(word, name)) {
			distance = min(distance, 1)
		}
		if distance < least {
			best, least = name, distance
		}
	}
	return best
}

// keyed appends an object or a list of objects as JSON.
type keyed func([]byte) ([]byte, error)

func listOf[T any](keys []key[T], list []T) any {
	return keyed(func(out []byte) ([]byte, error) {
		out = append(out, '[')
		for i := range list {
			if i > 0 {
				out = append(out, ',')
			}
			var err error
			if out, err = encodeObject(out, keys, &list[i]); err != nil {
				return nil, err
			}
		}
		return append(out, ']'), nil
	})
}

func encodeObject[T any](out []byte, keys []key[T], t *T) ([]byte, error) {
	out = append(out, '{')
	for i, k := range keys {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(strconv.AppendQuote(out, k.name), ':')
		var err error
		if out, err = appendJSON(out, k.name, k.get(t)); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}

func appendJSON(out []byte, name string, v any) ([]byte, error) {
	switch v := v.(type) {
	case keyed:
		return v(out)
	case prophet.Stamp:
		return strconv.AppendQuote(out, v.String()), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, etf.Invalid(name, fmt.Sprintf("%v can't be written as JSON", v), "use a finite number")
		}
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, etf.Invalid(name, "can't be written as JSON: "+err.Error(), "use plain text and finite numbers")
	}
	return append(out, raw...), nil
}
