package main

import (
	"bytes"
	"encoding"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
)

// format is how a command prints what it found: for people, as JSON or as CSV.
type format struct{ json, csv bool }

// addFlags declares --json and --csv. They are said to print what is named, "" if there is no more to say.
func (f *format) addFlags(cmd *cobra.Command, asJSON, asCSV string) {
	usage := func(name, more string) string {
		if more == "" {
			return "print " + name
		}
		return "print " + name + ", " + more
	}
	cmd.Flags().BoolVar(&f.json, "json", false, usage("JSON", asJSON))
	cmd.Flags().BoolVar(&f.csv, "csv", false, usage("CSV", asCSV))
	cmd.MarkFlagsMutuallyExclusive("json", "csv")
}

// forPeople reports whether neither is wanted.
func (f format) forPeople() bool { return !f.json && !f.csv }

// encode prints a list or a record as JSON or CSV.
func (a *app) encode(f format, value any) error { return a.encodeRows(f, value, value) }

// encodeRows is encode for a value whose CSV has rows of its own.
func (a *app) encodeRows(f format, value, rows any) error {
	if f.csv {
		return writeCSV(a.stdout, rows)
	}
	if v := reflect.ValueOf(value); v.Kind() == reflect.Slice && v.IsNil() {
		_, err := fmt.Fprintln(a.stdout, "[]")
		return err
	}
	return json.NewEncoder(a.stdout).Encode(value)
}

// writeCSV writes a list of structs, or one struct, as CSV by RFC 4180. The columns have the names of the JSON, those of an
// object in it joined with a dot: data_version.number. A list of plain values is written with spaces between them, other lists
// and objects as JSON; what JSON leaves out or has as null is empty. A text that a spreadsheet would take for a formula gets an
// apostrophe before it, and control characters are spelled out as on a terminal.
func writeCSV(w io.Writer, rows any) error { return writeCSVPart(w, rows, true) }

// writeCSVRows is writeCSV without the names of the columns.
func writeCSVRows(w io.Writer, rows any) error { return writeCSVPart(w, rows, false) }

func writeCSVPart(w io.Writer, rows any, header bool) error {
	v := reflect.ValueOf(rows)
	t := v.Type()
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	} else {
		list := reflect.MakeSlice(reflect.SliceOf(t), 0, 1)
		v = reflect.Append(list, v)
	}
	columns := csvColumns(t, "", nil)
	if len(columns) == 0 {
		return &etf.Error{Kind: etf.KindInternal, Message: fmt.Sprintf("%s has no columns", t)}
	}
	out := csv.NewWriter(dataWriter(w))
	out.UseCRLF = !isTerminal(w)
	record := make([]string, len(columns))
	for i, c := range columns {
		record[i] = c.name
	}
	if header {
		if err := out.Write(record); err != nil {
			return err
		}
	}
	for n := range v.Len() {
		for i, c := range columns {
			cell, err := c.cell(v.Index(n))
			if err != nil {
				return etf.Wrap(etf.KindInternal, err, "encoding column "+c.name)
			}
			record[i] = cell
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// csvColumn is a column of a CSV file: a field of a struct, or of a struct in it.
type csvColumn struct {
	name string
	path []csvField
}

type csvField struct {
	index               int
	omitEmpty, omitZero bool
}

var (
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// csvColumns returns the columns of a struct; nil for a type that is one value.
func csvColumns(t reflect.Type, prefix string, path []csvField) []csvColumn {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.Implements(jsonMarshaler) || t.Implements(textMarshaler) {
		return nil
	}
	var columns []csvColumn
	for i := range t.NumField() {
		field := t.Field(i)
		tag := field.Tag.Get("json")
		name, options, _ := strings.Cut(tag, ",")
		if tag == "-" || !field.IsExported() && !field.Anonymous {
			continue
		}
		at := append(path[:len(path):len(path)], csvField{i, strings.Contains(options, "omitempty"), strings.Contains(options, "omitzero")})
		if field.Anonymous && name == "" {
			if inner := csvColumns(field.Type, prefix, at); inner != nil {
				columns = append(columns, inner...)
				continue
			}
		}
		if name == "" {
			name = field.Name
		}
		if inner := csvColumns(field.Type, prefix+name+".", at); inner != nil {
			columns = append(columns, inner...)
			continue
		}
		columns = append(columns, csvColumn{prefix + name, at})
	}
	return columns
}

// cell returns the column's text of a row.
func (c csvColumn) cell(v reflect.Value) (string, error) {
	for _, f := range c.path {
		for v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return "", nil
			}
			v = v.Elem()
		}
		v = v.Field(f.index)
		if f.omitZero && isZero(v) || f.omitEmpty && isEmpty(v) {
			return "", nil
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // nothing here is HTML
	if err := enc.Encode(v.Interface()); err != nil {
		return "", err
	}
	return csvText(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

func isZero(v reflect.Value) bool {
	if z, ok := v.Interface().(interface{ IsZero() bool }); ok && (v.Kind() != reflect.Pointer || !v.IsNil()) {
		return z.IsZero()
	}
	return v.IsZero()
}

// isEmpty is what encoding/json takes for empty.
func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Array, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// csvText returns the text of a JSON value in a cell.
func csvText(encoded []byte) (string, error) {
	if bytes.Equal(encoded, []byte("null")) {
		return "", nil
	}
	switch encoded[0] {
	case '"':
		var text string
		if err := json.Unmarshal(encoded, &text); err != nil {
			return "", err
		}
		return csvSafe(text), nil
	case '[':
		var list []json.RawMessage
		if err := json.Unmarshal(encoded, &list); err != nil {
			return "", err
		}
		texts := make([]string, len(list))
		for i, item := range list {
			var text string
			if item[0] == '[' || item[0] == '{' {
				return etf.Escape(string(encoded)), nil
			}
			if item[0] != '"' {
				texts[i] = string(item)
				continue
			}
			if err := json.Unmarshal(item, &text); err != nil {
				return "", err
			}
			if strings.Contains(text, " ") {
				return etf.Escape(string(encoded)), nil
			}
			texts[i] = text
		}
		return csvSafe(strings.Join(texts, " ")), nil
	case '{':
		return etf.Escape(string(encoded)), nil
	}
	return string(encoded), nil // a number, true or false
}

// formulas begin with one of these in some spreadsheet, in the wide forms of East Asia, too.
const formulas = "=+-@\t\r\n＝＋－＠"

// csvSafe returns a text that is neither a formula for a spreadsheet nor a command for a terminal.
func csvSafe(text string) string {
	if text != "" && strings.ContainsRune(formulas, []rune(text)[0]) {
		text = "'" + text
	}
	return etf.Escape(text)
}
