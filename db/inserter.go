package db

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

// maxStatement is the size in bytes at which an inserter sends a statement: far below the smallest max_allowed_packet in
// use (MariaDB's 16 MiB), even if escaping doubles the text.
const maxStatement = 1 << 20

// inserter sends rows in multi-row statements of bounded size, which sqlc does not generate. Every value has a
// placeholder, which the driver replaces in the statement (see strict), so a statement costs one round trip.
type inserter struct {
	ctx  context.Context
	tx   *sql.Tx
	into string // the statement up to VALUES
	then string // what follows the values, such as ON DUPLICATE KEY UPDATE

	columns int
	values  []any
	size    int // approximate, of the statement with the values
	err     error
}

// row adds one row, with a value for each column.
func (i *inserter) row(values ...any) {
	if i.err != nil {
		return
	}
	i.columns = len(values)
	i.values = append(i.values, values...)
	for _, v := range values {
		i.size += 24 // a number or a date
		switch v := v.(type) {
		case string:
			i.size += len(v)
		case []byte:
			i.size += len(v)
		}
	}
	if i.size >= maxStatement {
		i.flush()
	}
}

func (i *inserter) flush() {
	if i.err != nil || len(i.values) == 0 {
		return
	}
	row := "(?" + strings.Repeat(",?", i.columns-1) + ")"
	rows := row + strings.Repeat(","+row, len(i.values)/i.columns-1)
	_, i.err = i.tx.ExecContext(i.ctx, i.into+" VALUES "+rows+i.then, i.values...)
	i.values, i.size = i.values[:0], 0
}

// done sends the remaining rows and returns the first error.
func (i *inserter) done() error {
	i.flush()
	return i.err
}

// double formats a DOUBLE with the shortest digits that read back as the same float64. The driver would write many
// float64s without an exponent, which SQL reads as a DECIMAL.
func double(v float64) string { return strconv.FormatFloat(v, 'e', -1, 64) }
