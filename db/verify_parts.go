package db

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/ledger"
)

// partsPage is how many forecasts' parts are read with one statement for each table.
const partsPage = 128

// storedForecast is a forecast as its rows have it: what is stored as JSON is not decoded.
type storedForecast struct {
	etf.Forecast
	encoded ledger.Encoded
	fit     storedFit
	held    int
	reason  string // what is wrong with its parts beyond its hash
}

type storedFit struct {
	stored   bool
	encoding string
	size     int64
	packed   []byte
}

func (f *storedForecast) text(b []byte) ([]byte, error) {
	return ledger.AppendEncoded(b, &f.Forecast, f.encoded)
}

// partReader reads forecasts and their parts in bulk: with prepared statements, whose numbers arrive as numbers. It is for one
// goroutine.
type partReader struct {
	conn  *sql.Conn
	parts []*sql.Stmt // of partTables
	ids   []any
	at    map[string]int
	last  []byte // the ID of the row before, which mostly is that of the next one too
	index int
	zip   *gzip.Reader
	sum   []byte
}

var partQueries = map[string]string{
	"forecast_points":     "SELECT forecast_id, horizon, target, mean, q05, q10, q25, q50, q75, q90, q95 FROM forecast_points WHERE forecast_id IN (?) ORDER BY forecast_id, horizon",
	"forecast_components": "SELECT forecast_id, component, by_horizon FROM forecast_components WHERE forecast_id IN (?)",
	"forecast_fits":       "SELECT forecast_id, hash, encoding, size, fit FROM forecast_fits WHERE forecast_id IN (?)",
	"forecast_marks":      "SELECT forecast_id, mark, cause_id, skipped, marked_at FROM forecast_marks WHERE forecast_id IN (?)",
	"forecast_tails":      "SELECT forecast_id, by_horizon FROM forecast_tails WHERE forecast_id IN (?)",
	"forecast_provenance": "SELECT forecast_id, closes_hash, scale_absolute, scale_squared, go_version, arch, features, modified FROM forecast_provenance WHERE forecast_id IN (?)",
	"forecast_raw":        "SELECT forecast_id, volatility, by_horizon FROM forecast_raw WHERE forecast_id IN (?)",
}

func (s *Store) newPartReader(ctx context.Context) (*partReader, error) {
	conn, err := s.current(ctx)
	if err != nil {
		return nil, err
	}
	r := &partReader{conn: conn, ids: make([]any, partsPage)}
	for _, table := range partTables {
		statement, err := conn.PrepareContext(ctx, strings.Replace(partQueries[table], "?", "?"+strings.Repeat(",?", partsPage-1), 1)) //nolint:sqlclosecheck // close does
		if err != nil {
			r.close()
			return nil, err
		}
		r.parts = append(r.parts, statement)
	}
	return r, nil
}

func (r *partReader) close() {
	for _, statement := range r.parts {
		_ = statement.Close()
	}
	giveBack(r.conn)
}

// current returns a connection whose statements see what is stored now. On Dolt, a statement that failed outside of a transaction, or
// was prepared and never executed, leaves its snapshot behind, in which the next statement of the connection would look.
func (s *Store) current(ctx context.Context) (*sql.Conn, error) {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// giveBack returns a connection of current to the pool, without a snapshot.
func giveBack(conn *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, _ = conn.ExecContext(ctx, "ROLLBACK")
	_ = conn.Close()
}

// forecasts returns up to partsPage forecasts of an ETF, or only of one model, after the given one (zero: from the first) in order of
// model and position, without their parts.
func (r *partReader) forecasts(ctx context.Context, id uint32, symbol etf.Symbol, model string, after storedForecast) ([]storedForecast, error) {
	query, args := "SELECT * FROM forecasts WHERE etf_id = ? AND (model > ? OR model = ? AND chain > ?)", []any{id, after.Model, after.Model, after.Chain}
	if model != "" {
		query, args = "SELECT * FROM forecasts WHERE etf_id = ? AND model = ? AND chain > ?", []any{id, model, after.Chain}
	}
	rows, err := r.conn.QueryContext(ctx, query+" ORDER BY etf_id, model, chain LIMIT "+strconv.Itoa(partsPage), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	page := make([]storedForecast, 0, partsPage)
	var f sqlcgen.Forecast
	columns := []any{&f.ID, &f.EtfID, &f.Model, &f.Origin, &f.DataVersion, &f.DataVersionWriter, &f.Basis, &f.Params, &f.ParamsHash, &f.Seed,
		&f.CodeVersion, &f.Diagnostics, &f.RunID, &f.AsOf, &f.IssuedAt, &f.Chain, &f.PrevHash, &f.Hash}
	for rows.Next() {
		if err := rows.Scan(columns...); err != nil {
			return nil, err
		}
		page = append(page, storedForecast{Forecast: forecastOf(f, symbol), encoded: ledger.Encoded{Diagnostics: f.Diagnostics}})
	}
	return page, rows.Err()
}

// forecastOf is a forecast without its diagnostics and parts.
func forecastOf(r sqlcgen.Forecast, symbol etf.Symbol) etf.Forecast {
	return etf.Forecast{
		ID: r.ID, Symbol: symbol, Model: r.Model, Origin: etf.Session(r.Origin),
		DataVersion: etf.DataVersion{Number: r.DataVersion, Writer: r.DataVersionWriter},
		Basis:       etf.Basis(r.Basis), Params: r.Params, ParamsHash: r.ParamsHash, Seed: r.Seed,
		CodeVersion: r.CodeVersion, Run: etf.RunID(r.RunID), AsOf: r.AsOf, IssuedAt: r.IssuedAt,
		Chain: r.Chain, PrevHash: r.PrevHash, Hash: r.Hash,
	}
}

// read reads the parts of up to partsPage forecasts, and returns how many rows that were.
func (r *partReader) read(ctx context.Context, page []storedForecast) (int64, error) {
	r.at, r.last = make(map[string]int, len(page)), nil
	for i := range r.ids {
		r.ids[i] = page[min(i, len(page)-1)].ID // a last page that is not full names its last one again
	}
	for i := range page {
		r.at[page[i].ID] = i
	}
	var read int64
	for i, add := range []func(*sql.Rows, []storedForecast) error{r.points, r.components, r.fits, r.marks, r.tails, r.provenance, r.raw} {
		n, err := r.eachPart(ctx, r.parts[i], func(rows *sql.Rows) error { return add(rows, page) })
		if err != nil {
			return read, err
		}
		read += n
	}
	return read, nil
}

func (r *partReader) eachPart(ctx context.Context, statement *sql.Stmt, add func(*sql.Rows) error) (n int64, err error) {
	rows, err := statement.QueryContext(ctx, r.ids...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for ; rows.Next(); n++ {
		if err := add(rows); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}

// of returns the forecast that a row belongs to.
func (r *partReader) of(id []byte, page []storedForecast) *storedForecast {
	if !bytes.Equal(id, r.last) || r.last == nil {
		r.last = append(r.last[:0], id...)
		r.index = r.at[string(id)]
	}
	return &page[r.index]
}

func (r *partReader) points(rows *sql.Rows, page []storedForecast) error {
	var id sql.RawBytes
	var horizon, target any
	var values [8]any
	if err := rows.Scan(&id, &horizon, &target, &values[0], &values[1], &values[2], &values[3], &values[4], &values[5], &values[6], &values[7]); err != nil {
		return err
	}
	f := r.of(id, page)
	var p etf.ForecastPoint
	h, err := integer(horizon)
	if err != nil {
		return err
	}
	p.Horizon = int(h)
	if err := (*column.Session)(&p.Target).Scan(target); err != nil {
		return err
	}
	if p.Mean, err = number(values[0]); err != nil {
		return err
	}
	for i := range p.Quantiles {
		if p.Quantiles[i], err = number(values[1+i]); err != nil {
			return err
		}
	}
	if f.Points == nil {
		f.Points = make([]etf.ForecastPoint, 0, etf.MaxHorizon)
	}
	f.Points = append(f.Points, p)
	return nil
}

func (r *partReader) components(rows *sql.Rows, page []storedForecast) error {
	var id sql.RawBytes
	var c ledger.EncodedComponent
	if err := rows.Scan(&id, &c.Name, &c.Values); err != nil {
		return err
	}
	f := r.of(id, page)
	f.encoded.Components = append(f.encoded.Components, c)
	return nil
}

func (r *partReader) fits(rows *sql.Rows, page []storedForecast) error {
	var id sql.RawBytes
	var hash string
	fit := storedFit{stored: true}
	if err := rows.Scan(&id, &hash, &fit.encoding, &fit.size, &fit.packed); err != nil {
		return err
	}
	f := r.of(id, page)
	f.FitHash, f.fit = hash, fit
	return nil
}

func (r *partReader) marks(rows *sql.Rows, page []storedForecast) error {
	var id sql.RawBytes
	var mark, cause string
	var skipped int64
	var at time.Time
	if err := rows.Scan(&id, &mark, &cause, &skipped, &at); err != nil {
		return err
	}
	f := r.of(id, page)
	if mark != markHeld {
		return nil // made later than the forecast, by a decision: the hash doesn't cover it
	}
	f.held++
	f.Held = int(skipped)
	if f.held > 1 || cause != "" || skipped < 1 || !at.Equal(f.IssuedAt) {
		f.reason = "its mark \"held\" is not as it was stored"
	}
	return nil
}

func (r *partReader) tails(rows *sql.Rows, page []storedForecast) error {
	var id sql.RawBytes
	var list string
	if err := rows.Scan(&id, &list); err != nil {
		return err
	}
	r.of(id, page).encoded.Tails = list
	return nil
}

func (r *partReader) provenance(rows *sql.Rows, page []storedForecast) error {
	var id sql.RawBytes
	var closes string
	var scale etf.Scale
	var build etf.Build
	if err := rows.Scan(&id, &closes, &scale.Absolute, &scale.Squared, &build.Go, &build.Arch, &build.Features, &build.Modified); err != nil {
		return err
	}
	f := r.of(id, page)
	f.ClosesHash, f.Scale, f.Build = closes, scale, build
	if closes == "" && scale == (etf.Scale{}) && build == (etf.Build{}) {
		f.reason = "its provenance is empty" // which the hash doesn't tell from none
	}
	return nil
}

func (r *partReader) raw(rows *sql.Rows, page []storedForecast) error {
	var id sql.RawBytes
	var volatility any
	var list string
	if err := rows.Scan(&id, &volatility, &list); err != nil {
		return err
	}
	f := r.of(id, page)
	var err error
	f.Volatility, err = number(volatility)
	f.encoded.Raw = list
	if f.Volatility == 0 {
		f.reason = "its volatility is missing" // which the hash doesn't tell from no row
	}
	return err
}

// checkFit unpacks the fit and says what is wrong with it; empty if it has the forecast's hash of it, or there is none.
func (r *partReader) checkFit(f *storedForecast) string {
	if !f.fit.stored {
		return ""
	}
	if err := r.unpack(f); err != nil {
		return "its fit is not as it was stored: " + err.Error()
	}
	return ""
}

func (r *partReader) unpack(f *storedForecast) error {
	if f.fit.encoding != fitEncoding {
		return fmt.Errorf("its encoding is %q, not %q", f.fit.encoding, fitEncoding)
	}
	in := bytes.NewReader(f.fit.packed)
	var err error
	if r.zip == nil {
		r.zip, err = gzip.NewReader(in)
	} else {
		err = r.zip.Reset(in)
	}
	if err != nil {
		r.zip = nil
		return err
	}
	r.zip.Multistream(false)
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(r.zip, f.fit.size+1))
	switch {
	case err != nil:
		return fmt.Errorf("only %d of %d bytes could be unpacked: %w", n, f.fit.size, err)
	case n != f.fit.size:
		return fmt.Errorf("it unpacks to %d bytes or more, not %d", n, f.fit.size)
	case in.Len() > 0:
		return fmt.Errorf("%d bytes follow its end", in.Len())
	}
	r.sum = h.Sum(r.sum[:0])
	if hex.EncodeToString(r.sum) != f.FitHash {
		return etf.ErrAltered
	}
	return nil
}

// number reads a DOUBLE, which text protocols send as text.
func number(v any) (float64, error) {
	switch v := v.(type) {
	case float64:
		return v, nil
	case []byte:
		return strconv.ParseFloat(string(v), 64)
	}
	return 0, fmt.Errorf("the driver returned a DOUBLE column as %T", v)
}

func integer(v any) (int64, error) {
	switch v := v.(type) {
	case int64:
		return v, nil
	case uint64:
		return int64(v), nil
	case []byte:
		return strconv.ParseInt(string(v), 10, 64)
	}
	return 0, fmt.Errorf("the driver returned an integer column as %T", v)
}

// microseconds is an instant, since 1970.
type microseconds int64

// Scan implements sql.Scanner.
func (m *microseconds) Scan(src any) error {
	t, ok := src.(time.Time)
	if !ok {
		return fmt.Errorf("the driver returned a DATETIME column as %T", src)
	}
	*m = microseconds(t.UnixMicro())
	return nil
}
