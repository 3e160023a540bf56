package web

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// Table is a CSV body with a header.
type Table struct {
	provider string
	columns  []string
	Rows     []Record
}

// Record is one line of a Table.
type Record struct {
	table *Table
	Line  int // 1 is the header
	cells []string
}

// ReadCSV reads a body whose first line names its columns, which must have all of those named; others may be there too. Errors:
// KindCorrupt for a missing column or a line that has another number of cells, with its place ("line 3"); KindUnavailable if
// that line is the last and has no end, because then the body was cut off.
func ReadCSV(provider string, body []byte, columns ...string) (*Table, error) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	r := csv.NewReader(bytes.NewReader(body))
	r.FieldsPerRecord = -1
	header, err := r.Read()
	if err != nil {
		return nil, Corrupt("line 1", "%s sent no header", provider)
	}
	for i := range header {
		header[i] = strings.TrimSpace(header[i])
	}
	t := &Table{provider: provider, columns: header}
	for _, c := range columns {
		if !slices.Contains(header, c) {
			return nil, Corrupt("line 1, column "+c, "%s sent no such column; there are %s", provider, etf.Clip(strings.Join(header, ", "), mostSummary))
		}
	}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		line := 0
		var broken *csv.ParseError
		if errors.As(err, &broken) {
			line = broken.StartLine
		} else if len(cells) > 0 {
			line, _ = r.FieldPos(0)
		}
		cut := r.InputOffset() == int64(len(body)) && !bytes.HasSuffix(body, []byte("\n"))
		switch {
		case err == nil && len(cells) == len(header):
		case cut && (err != nil || len(cells) < len(header)):
			return nil, &etf.Error{Kind: etf.KindUnavailable, Message: fmt.Sprintf("%s's response ends too early, in line %d", provider, line)}
		case err != nil:
			return nil, Corrupt(fmt.Sprintf("line %d", line), "%s's response is not valid CSV", provider)
		default:
			return nil, Corrupt(fmt.Sprintf("line %d", line), "%s sent %d cells under %d columns", provider, len(cells), len(header))
		}
		t.Rows = append(t.Rows, Record{table: t, Line: line, cells: cells})
		if len(t.Rows) > etf.MaxResponseRows {
			return nil, Corrupt("body", "%s sent more rows than any ETF's history has", provider)
		}
	}
}

// Cell returns the text in a column; "" if the table has no such column.
func (r Record) Cell(column string) string {
	if i := slices.Index(r.table.columns, column); i >= 0 {
		return strings.TrimSpace(r.cells[i])
	}
	return ""
}

// Place is where a column's cell stands: "line 3, column close".
func (r Record) Place(column string) string { return fmt.Sprintf("line %d, column %s", r.Line, column) }

// Show writes the line, in at most n bytes, for defects.
func (r Record) Show(n int) string { return etf.Clip(strings.Join(r.cells, ","), n) }
