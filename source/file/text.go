package file

import (
	"bytes"
	"errors"
	"strings"
)

var errQuote = errors.New("a quote that is not closed on the same line, or text after a closing quote")

const (
	maxFields = 64
	maxLine   = 64 << 10
)

// notText says why a file can't be CSV, by its encoding or kind, and the remedy; wrong is "" if it may be CSV.
func notText(body []byte) (wrong, remedy string) {
	head := body[:min(len(body), 1024)]
	switch {
	case utf16(body) != notUTF16:
		return "", ""
	case bytes.HasPrefix(body, []byte("PK\x03\x04")), bytes.HasPrefix(body, []byte("\xd0\xcf\x11\xe0")):
		return "the file is binary, such as a spreadsheet", "save it as CSV in UTF-8"
	case bytes.IndexByte(bytes.TrimRight(head, "\x00"), 0) >= 0, bytes.IndexByte(head, 0) >= 0 && !bytes.ContainsAny(head, "\r\n"):
		// Zeros at the end of lines of text are space that a copy has reserved but not written yet.
		return "the file is binary", "export it as CSV in UTF-8"
	}
	switch trimmed := bytes.TrimLeft(head, "\ufeff \t\r\n"); {
	case len(trimmed) == 0 && len(bytes.TrimSpace(body)) == 0:
		return "the file is empty", "export it again"
	case bytes.HasPrefix(trimmed, []byte("<")) && !bytes.Contains(bytes.ToUpper(head), []byte("<CLOSE>")):
		return "the file is a web page, not prices", "open it to see what the provider says, then export again"
	case bytes.HasPrefix(trimmed, []byte("{")), bytes.HasPrefix(trimmed, []byte("[")):
		return "the file is JSON", "export it as CSV"
	}
	return "", ""
}

// lineReader reads the lines of a text, skipping blank ones.
type lineReader struct {
	rest   string
	number int  // of the line returned last, 1-based
	ended  bool // the line returned last has a line end
}

func newLineReader(text string) *lineReader {
	if strings.IndexByte(text, '\n') < 0 { // line endings of old Macs
		text = strings.ReplaceAll(text, "\r", "\n")
	}
	return &lineReader{rest: text}
}

// next returns the next line that is not blank, without its line ending.
func (r *lineReader) next() (string, bool) {
	for r.rest != "" {
		line, after, found := strings.Cut(r.rest, "\n")
		r.rest = after
		r.number++
		whole := strings.TrimSuffix(line, "\r")
		r.ended = found || whole != line
		line = whole
		if strings.TrimSpace(line) != "" {
			return line, true
		}
	}
	return "", false
}

// splitFields splits a line at the delimiter into trimmed, unquoted fields. It reuses fields.
func splitFields(line string, delimiter byte, fields []string) ([]string, error) {
	fields = fields[:0]
	for len(fields) < maxFields {
		for line != "" && line[0] == ' ' {
			line = line[1:]
		}
		if line != "" && line[0] == '"' {
			value, after, err := unquote(line[1:])
			if err != nil {
				return fields, err
			}
			fields = append(fields, value)
			after = strings.TrimLeft(after, " ")
			if after == "" {
				return fields, nil
			}
			if after[0] != delimiter {
				return fields, errQuote
			}
			line = after[1:]
			continue
		}
		i := strings.IndexByte(line, delimiter)
		if i < 0 {
			return append(fields, strings.TrimSpace(line)), nil
		}
		fields = append(fields, strings.TrimSpace(line[:i]))
		line = line[i+1:]
	}
	return fields, errors.New("more than 64 fields")
}

// unquote reads a quoted field after its opening quote; a doubled quote stands for a single one.
func unquote(s string) (value, after string, err error) {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], '"')
		if i < 0 {
			return "", "", errQuote
		}
		end := from + i
		if end+1 < len(s) && s[end+1] == '"' {
			from = end + 2
			continue
		}
		return strings.TrimSpace(strings.ReplaceAll(s[:end], `""`, `"`)), s[end+1:], nil
	}
}
