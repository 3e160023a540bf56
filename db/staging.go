package db

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/go-sql-driver/mysql"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/etf"
)

const (
	// Below this many rows, one multi-row INSERT is faster than LOAD DATA LOCAL, which takes three round trips.
	loadDataFrom = 200
)

// errNoLocal makes retry repeat the transaction without LOAD DATA LOCAL.
var errNoLocal = errors.New("the server refuses LOAD DATA LOCAL")

// stageBars writes a response's bars to staged_bars, under their ordinals.
func (s *Store) stageBars(ctx context.Context, tx *sql.Tx, fetch string, r etf.Response) error {
	bars, ordinals := r.Bars, r.Ordinals
	if len(bars) == 0 {
		return nil
	}
	if len(bars) < loadDataFrom || s.noLocal.Load() {
		return insertStaged(ctx, tx, fetch, bars, ordinals)
	}
	err := loadStaged(ctx, tx, fetch, bars, ordinals)
	if localRefused(err) {
		s.noLocal.Store(true)
		return errNoLocal
	}
	return err
}

// ordinalOf returns the ordinal of the i-th bar; without ordinals that is i.
func ordinalOf(ordinals []int, i int) int {
	if ordinals == nil {
		return i
	}
	return ordinals[i]
}

func insertStaged(ctx context.Context, tx *sql.Tx, fetch string, bars []etf.Bar, ordinals []int) error {
	ins := inserter{ctx: ctx, tx: tx,
		into: "INSERT INTO staged_bars (fetch_id, ordinal, session, open, high, low, close, adj_close, volume, verdict)"}
	for i, b := range bars {
		ins.row(fetch, ordinalOf(ordinals, i), column.Session(b.Session), column.Price(b.Open), column.Price(b.High), column.Price(b.Low),
			column.Price(b.Close), column.OptionalPrice(b.AdjClose), column.Volume(b.Volume), uint8(etf.VerdictKeep))
	}
	return ins.done()
}

var readers atomic.Uint64

func loadStaged(ctx context.Context, tx *sql.Tx, fetch string, bars []etf.Bar, ordinals []int) error {
	name := "etfcast-staged-" + strconv.FormatUint(readers.Add(1), 10)
	mysql.RegisterReaderHandler(name, func() io.Reader { return &barReader{bars: bars, ordinals: ordinals} })
	defer mysql.DeregisterReaderHandler(name)

	result, err := tx.ExecContext(ctx, `LOAD DATA LOCAL INFILE 'Reader::`+name+`' INTO TABLE staged_bars
CHARACTER SET ascii FIELDS TERMINATED BY '\t' LINES TERMINATED BY '\n'
(ordinal, session, open, high, low, close, adj_close, volume) SET verdict = 0, fetch_id = ?`, fetch)
	if err != nil {
		return err
	}
	loaded, err := result.RowsAffected()
	if err != nil {
		return err
	}
	// Even in strict mode, LOAD DATA LOCAL truncates values and skips rows with a warning, so any warning is an error.
	if err := noWarnings(ctx, tx); err != nil {
		return err
	}
	if loaded != int64(len(bars)) {
		return etf.Wrap(etf.KindInternal, fmt.Errorf("%d of %d rows arrived", loaded, len(bars)), "loading staged bars")
	}
	return nil
}

func noWarnings(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, "SHOW WARNINGS")
	if err != nil {
		return err
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var level, text string
		var code int
		if err := rows.Scan(&level, &code, &text); err != nil {
			return err
		}
		found = append(found, fmt.Sprintf("%s %d: %s", level, code, text))
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if len(found) > 0 {
		return &etf.Error{Kind: etf.KindInvalid, Field: columnOf(found[0]), Message: "loading staged bars",
			Err: errors.New(strings.Join(found[:min(3, len(found))], "; ")), Remedy: "correct the value: it does not fit its column"}
	}
	return nil
}

// barReader formats bars as lines of tab-separated text while it is read, so a long history is never in memory twice.
type barReader struct {
	bars     []etf.Bar
	ordinals []int
	next     int
	buf      bytes.Buffer
}

func (r *barReader) Read(p []byte) (int, error) {
	for r.buf.Len() < len(p) && r.next < len(r.bars) {
		b := r.bars[r.next]
		line := strconv.AppendInt(r.buf.AvailableBuffer(), int64(ordinalOf(r.ordinals, r.next)), 10)
		line = append(line, '\t')
		line = append(line, b.Session.String()...)
		line = append(line, '\t')
		line = appendNumbers(line, b)
		r.buf.Write(append(line, '\n'))
		r.next++
	}
	if r.buf.Len() == 0 {
		return 0, io.EOF
	}
	return r.buf.Read(p)
}

// appendNumbers appends open, high, low, close, adj_close and volume as decimal text.
func appendNumbers(line []byte, b etf.Bar) []byte {
	const null = `\N`
	for _, p := range [4]etf.Price{b.Open, b.High, b.Low, b.Close} {
		line = append(append(line, p.String()...), '\t')
	}
	if b.AdjClose == 0 {
		line = append(line, null...)
	} else {
		line = append(line, b.AdjClose.String()...)
	}
	line = append(line, '\t')
	if !b.Volume.Known() {
		return append(line, null...)
	}
	return append(line, b.Volume.String()...)
}
