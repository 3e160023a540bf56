package archive

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// versionTable records the migrations, which have to run before an archive is loaded.
const versionTable = "schema_versions"

const (
	// maxStatement keeps a statement well below every server's max_allowed_packet (at least 1 MiB).
	maxStatement = 128 << 10
	// maxLine is the longest statement that Load accepts.
	maxLine = 16 << 20
)

// Connect opens the database of an administrator's DSN for Dump and Load. Columns are read as the text the server sends.
func Connect(adminDSN string) (*sql.DB, error) {
	cfg, err := mysql.ParseDSN(adminDSN)
	if err != nil {
		return nil, err
	}
	cfg.ParseTime = false
	cfg.Collation = "utf8mb4_bin"
	return sql.Open("mysql", cfg.FormatDSN())
}

// Tables lists the tables of the connection's database by name, without the one that records migrations.
func Tables(ctx context.Context, pool *sql.DB) ([]string, error) {
	tables, err := column(ctx, pool, `SELECT table_name FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND table_name <> ?`, versionTable)
	slices.Sort(tables) // every server collates names differently
	return tables, err
}

// Dump writes every row of every table except the one that records migrations as INSERT statements, one per line. The
// same rows give the same text on every server: tables are in order of name, rows in order of primary key, and a
// floating-point number is the shortest text that reads back as the same number.
func Dump(ctx context.Context, pool *sql.DB, w io.Writer) error {
	tables, err := Tables(ctx, pool)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	for _, table := range tables {
		if err := dumpTable(ctx, pool, table, out); err != nil {
			return fmt.Errorf("dumping table %s: %w", table, err)
		}
	}
	return out.Flush()
}

func dumpTable(ctx context.Context, pool *sql.DB, table string, out *bufio.Writer) error {
	columns, err := column(ctx, pool, `SELECT column_name FROM information_schema.columns
WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position`, table)
	if err != nil {
		return err
	}
	types, err := column(ctx, pool, `SELECT LOWER(data_type) FROM information_schema.columns
WHERE table_schema = DATABASE() AND table_name = ? ORDER BY ordinal_position`, table)
	if err != nil {
		return err
	}
	key, err := column(ctx, pool, `SELECT column_name FROM information_schema.key_column_usage
WHERE table_schema = DATABASE() AND table_name = ? AND constraint_name = 'PRIMARY' ORDER BY ordinal_position`, table)
	if err != nil {
		return err
	}
	if len(key) == 0 {
		return fmt.Errorf("table %s has no primary key, so its rows have no order", table)
	}
	list := quoteNames(columns)
	rows, err := pool.QueryContext(ctx, "SELECT "+list+" FROM "+quoteNames([]string{table})+" ORDER BY "+quoteNames(key))
	if err != nil {
		return err
	}
	defer rows.Close()
	head := "INSERT INTO " + quoteNames([]string{table}) + " (" + list + ") VALUES "
	values, into := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	written := 0 // bytes of the current statement; 0 = none yet
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		row := []byte{'('}
		for i, v := range values {
			if i > 0 {
				row = append(row, ',')
			}
			if row, err = appendLiteral(row, types[i], v); err != nil {
				return fmt.Errorf("column %s: %w", columns[i], err)
			}
		}
		row = append(row, ')')
		lead := ","
		if written == 0 || written+len(row) > maxStatement {
			lead = head
			if written > 0 {
				lead = "\n" + head
			}
			written = 0
		}
		written += len(lead) + len(row)
		_, _ = out.WriteString(lead) // a bufio.Writer keeps its error for Flush
		_, _ = out.Write(row)
	}
	if written > 0 {
		_ = out.WriteByte('\n')
	}
	return rows.Err()
}

// appendLiteral appends a column's value, as the server sent it, as an SQL literal.
func appendLiteral(buf []byte, kind string, v sql.RawBytes) ([]byte, error) {
	if v == nil {
		return append(buf, "NULL"...), nil
	}
	switch kind {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "decimal":
		return append(buf, v...), nil
	case "double":
		// With an exponent it is a DOUBLE literal, without one a DECIMAL.
		f, err := strconv.ParseFloat(string(v), 64)
		return strconv.AppendFloat(buf, f, 'e', -1, 64), err
	case "tinyblob", "blob", "mediumblob", "longblob", "binary", "varbinary":
		buf = append(buf, "X'"...)
		return append(hex.AppendEncode(buf, v), '\''), nil
	case "datetime":
		if bytes.IndexByte(v, '.') > 0 { // servers differ in trailing zeros
			v = bytes.TrimRight(bytes.TrimRight(v, "0"), ".")
		}
		return append(append(append(buf, '\''), v...), '\''), nil
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "date":
		buf = append(buf, '\'')
		for _, b := range v {
			switch b {
			case '\'', '\\':
				buf = append(buf, '\\', b)
			case '\n':
				buf = append(buf, '\\', 'n') // a statement is one line
			case '\r':
				buf = append(buf, '\\', 'r')
			case 0:
				buf = append(buf, '\\', '0')
			default:
				buf = append(buf, b)
			}
		}
		return append(buf, '\''), nil
	}
	return nil, fmt.Errorf("values of type %s can't be dumped; add the type to appendLiteral", kind)
}

// Load executes the statements that Dump wrote, in one transaction.
func Load(ctx context.Context, pool *sql.DB, r io.Reader) error {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it is a no-op
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if _, err := tx.ExecContext(ctx, lines.Text()); err != nil {
			return fmt.Errorf("line %d (%.60s ...): %w", n, lines.Text(), err)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return tx.Commit()
}

func quoteNames(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = "`" + strings.ReplaceAll(n, "`", "``") + "`"
	}
	return strings.Join(quoted, ",")
}

// column returns the values of a query with one column.
func column(ctx context.Context, pool *sql.DB, query string, args ...any) ([]string, error) {
	rows, err := pool.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}
