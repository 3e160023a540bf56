package csvfile

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/etfcast/etfcast/etf"
)

// maxRecord limits the bytes of a row, so that a file that is not a CSV does not fill the memory.
const maxRecord = 1 << 20

const notText = "the text is not a CSV in UTF-8"

// Open returns a reader of comma-separated text in UTF-8, with or without a byte order mark, for this package and for
// others that read their own tables. Lines end with LF, CRLF or CR; within double quotes a line end is part of the
// field. Input that starts like something else (compressed data, UTF-16, other bytes that are not text) gives an error of
// KindInvalid. Pass errors of the returned reader to ReadError.
func Open(r io.Reader) (*csv.Reader, error) {
	in := bufio.NewReader(r)
	const looked = 512
	start, err := in.Peek(looked)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading a CSV: %w", err)
	}
	begins := func(mark string) bool { return strings.HasPrefix(string(start), mark) }
	const save = "save it as CSV in UTF-8"
	switch {
	case begins("\xEF\xBB\xBF"):
		if _, err := in.Discard(3); err != nil {
			return nil, fmt.Errorf("reading a CSV: %w", err)
		}
	case begins("\xFF\xFE") || begins("\xFE\xFF"):
		return nil, etf.Invalid("line 1", "the text is in UTF-16", save)
	case begins("\x1F\x8B"):
		return nil, etf.Invalid("line 1", "it is compressed with gzip", "decompress it first")
	case begins("PK\x03\x04"):
		return nil, etf.Invalid("line 1", "it is a ZIP archive or a spreadsheet", save)
	case isBinary(start, len(start) == looked):
		return nil, etf.Invalid("line 1", notText, save)
	}
	return csv.NewReader(&lineEnds{r: in, line: 1}), nil
}

// isBinary reports whether the start of a file is not text: it has a zero byte, or control characters without being UTF-8.
func isBinary(start []byte, cut bool) bool {
	if slices.Contains(start, 0) {
		return true
	}
	if !slices.ContainsFunc(start, func(b byte) bool { return b < ' ' && !strings.ContainsRune("\t\n\v\f\r", rune(b)) }) {
		return false
	}
	for range utf8.UTFMax {
		if utf8.Valid(start) {
			return false
		}
		if !cut || len(start) == 0 {
			return true
		}
		start = start[:len(start)-1] // it may be part of a character that was cut off
	}
	return true
}

// ReadError converts an error of Open's reader other than io.EOF for the user: an error in the text becomes one of
// KindInvalid that names the line.
func ReadError(err error) error {
	var bad *csv.ParseError
	var known *etf.Error
	switch {
	case errors.As(err, &known):
		return known
	case !errors.As(err, &bad):
		return fmt.Errorf("reading a CSV: %w", err)
	case errors.Is(bad, csv.ErrFieldCount):
		return etf.Invalid(fmt.Sprintf("line %d", bad.Line), "the number of fields differs from the number of columns", "write one field for each column")
	}
	return etf.Invalid(fmt.Sprintf("line %d", bad.Line), "a double quote is not closed or is inside a field", "put the whole field between double quotes and double any quotes inside it")
}

// lineEnds reads text and turns every CR outside double quotes that is not followed by LF into LF. It refuses rows that
// are too long.
type lineEnds struct {
	r      *bufio.Reader
	quoted bool
	size   int // bytes of the current row
	line   int
	err    error
}

// Read implements io.Reader.
func (l *lineEnds) Read(p []byte) (n int, err error) {
	// Stop at the end of the buffered bytes, so that Read never blocks while it has bytes to return.
	for n < len(p) && l.err == nil && (n == 0 || l.r.Buffered() > 0) {
		var b byte
		if b, l.err = l.r.ReadByte(); l.err != nil {
			break
		}
		if b == '\r' && !l.quoted {
			next, err := l.r.Peek(1)
			if len(next) == 0 || next[0] != '\n' {
				b = '\n'
			}
			if len(next) == 0 && !errors.Is(err, io.EOF) {
				l.err = err
			}
		}
		switch {
		case b == '"':
			l.quoted = !l.quoted
		case b == '\n' && !l.quoted:
			l.size = -1
		}
		if b == '\n' {
			l.line++
		}
		if l.size++; l.size > maxRecord {
			l.err = etf.Invalid(fmt.Sprintf("line %d", l.line), "the row is longer than 1 MB", "write one line for each row and close every double quote")
			break
		}
		p[n] = b
		n++
	}
	if n > 0 {
		return n, nil
	}
	return 0, l.err
}
