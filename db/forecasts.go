package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// AppendForecast appends f to its chain unless its ID is stored: see activities.Forecasts. Points must be in order of
// horizon, finite, and at least one.
func (s *Store) AppendForecast(ctx context.Context, f etf.Forecast) (stored etf.Forecast, appended bool, err error) {
	if err := checkPoints(f.Points); err != nil {
		return etf.Forecast{}, false, err
	}
	f.AsOf, f.IssuedAt = instant(f.AsOf), instant(f.IssuedAt)
	if f.Diagnostics == nil {
		f.Diagnostics = map[string]string{}
	}
	diagnostics, err := json.Marshal(f.Diagnostics)
	if err != nil {
		return etf.Forecast{}, false, etf.Wrap(etf.KindInternal, err, "encoding a forecast's diagnostics")
	}
	err = s.transaction(ctx, "appending forecast "+f.ID, func(q *sqlcgen.Queries, tx *sql.Tx) error {
		appended = false
		place, err := q.GetForecastPlace(ctx, sqlcgen.GetForecastPlaceParams{Model: f.Model, ID: f.ID, Symbol: string(f.Symbol)})
		if errors.Is(err, sql.ErrNoRows) {
			return unknownSymbol(f.Symbol)
		}
		if err != nil {
			return err
		}
		if place.StoredID.Valid {
			return nil
		}
		if place.DataVersion != f.DataVersion.Number || place.DataVersionWriter != f.DataVersion.Writer {
			return &etf.Error{Kind: etf.KindConflict, Field: "data_version",
				Message: fmt.Sprintf("the data of %s is at version %d, the forecast was made from %d", f.Symbol, place.DataVersion, f.DataVersion.Number),
				Remedy:  "read the history again"}
		}
		f.Chain, f.PrevHash = place.Chain.Int64+1, place.Hash.String
		if f.Hash, err = chainHash(f); err != nil {
			return err
		}
		if err := q.InsertForecast(ctx, forecastParams(f, place.ID, string(diagnostics))); err != nil {
			return err
		}
		appended = true
		return insertPoints(ctx, tx, f)
	})
	if err != nil {
		return etf.Forecast{}, false, err
	}
	if appended {
		return f, true, nil
	}
	stored, err = s.Forecast(ctx, f.ID)
	return stored, false, err
}

func checkPoints(points []etf.ForecastPoint) error {
	if len(points) == 0 {
		return etf.Invalid("points", "a forecast has no points", "give one for each horizon")
	}
	for i, p := range points {
		field := "points[" + strconv.Itoa(i) + "]"
		if i > 0 && p.Horizon <= points[i-1].Horizon {
			return etf.Invalid(field+".horizon", "horizons must ascend", "sort the points")
		}
		for _, v := range append([]float64{p.Mean}, p.Quantiles[:]...) {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return etf.Invalid(field, "a value is not finite", "a model must refuse such a fit")
			}
		}
	}
	return nil
}

func forecastParams(f etf.Forecast, id uint32, diagnostics string) sqlcgen.InsertForecastParams {
	return sqlcgen.InsertForecastParams{
		ID: f.ID, EtfID: id, Model: f.Model, Origin: column.Session(f.Origin), DataVersion: f.DataVersion.Number,
		DataVersionWriter: f.DataVersion.Writer, Basis: string(f.Basis), Params: f.Params, ParamsHash: f.ParamsHash,
		Seed: f.Seed, CodeVersion: f.CodeVersion, Diagnostics: diagnostics, RunID: f.Run, AsOf: f.AsOf,
		IssuedAt: f.IssuedAt, Chain: f.Chain, PrevHash: f.PrevHash, Hash: f.Hash,
	}
}

// insertPoints is written by hand: sqlc has no multi-row VALUES. 'e' with the shortest digits reads back as the same
// float64, and is a DOUBLE literal in SQL where plain digits would be a DECIMAL.
func insertPoints(ctx context.Context, tx *sql.Tx, f etf.Forecast) error {
	ins := inserter{ctx: ctx, tx: tx,
		head: "INSERT INTO forecast_points (forecast_id, horizon, target, mean, q05, q10, q25, q50, q75, q90, q95) VALUES "}
	id := quote(f.ID)
	for _, p := range f.Points {
		ins.row(func(buf []byte) []byte {
			buf = append(append(buf, id...), ',')
			buf = append(strconv.AppendInt(buf, int64(p.Horizon), 10), ',', '\'')
			buf = append(append(buf, p.Target.String()...), '\'', ',')
			buf = strconv.AppendFloat(buf, p.Mean, 'e', -1, 64)
			for _, v := range p.Quantiles {
				buf = strconv.AppendFloat(append(buf, ','), v, 'e', -1, 64)
			}
			return buf
		})
	}
	return ins.done()
}

// Forecast returns one forecast with its points; KindNotFound for an unknown ID.
func (s *Store) Forecast(ctx context.Context, id string) (etf.Forecast, error) {
	row, err := s.q.GetForecast(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return etf.Forecast{}, etf.NotFound("id", fmt.Sprintf("there is no forecast %q", id), "list the ETF's latest forecasts")
	}
	if err != nil {
		return etf.Forecast{}, translate(err, "reading a forecast")
	}
	list, err := s.withPoints(ctx, []forecastRow{{row.Forecast, row.Symbol}})
	if err != nil {
		return etf.Forecast{}, err
	}
	return list[0], nil
}

// LatestForecasts returns the newest forecast of each model (or of the one named), with its points, in order of model:
// the newest origin, and of that the one appended last. Empty when there is none; KindNotFound for an unknown symbol.
func (s *Store) LatestForecasts(ctx context.Context, symbol etf.Symbol, model string) ([]etf.Forecast, error) {
	rows, err := s.latest(ctx, symbol, model)
	if err != nil {
		return nil, translate(err, "reading the latest forecasts of "+string(symbol))
	}
	return s.withPoints(ctx, rows)
}

func (s *Store) latest(ctx context.Context, symbol etf.Symbol, model string) ([]forecastRow, error) {
	head, err := s.q.GetETFVersion(ctx, string(symbol))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, unknownSymbol(symbol)
	}
	if err != nil {
		return nil, err
	}
	var rows []forecastRow
	add := func(model string, origin column.Session) error {
		r, err := s.q.GetNewestOfOrigin(ctx, sqlcgen.GetNewestOfOriginParams{EtfID: head.ID, Model: model, Origin: origin})
		if err == nil {
			rows = append(rows, forecastRow{r.Forecast, r.Symbol})
		}
		return err
	}
	if model != "" {
		origin, err := s.q.GetNewestOrigin(ctx, sqlcgen.GetNewestOriginParams{EtfID: head.ID, Model: model})
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		err = add(model, origin)
		return rows, err
	}
	for below := "~"; ; { // "~" comes after every model's name
		last, err := s.q.GetLastModelBefore(ctx, sqlcgen.GetLastModelBeforeParams{EtfID: head.ID, Model: below})
		if errors.Is(err, sql.ErrNoRows) {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := add(last.Model, last.Origin); err != nil {
			return nil, err
		}
		below = last.Model
	}
	for i, j := 0, len(rows)-1; i < j; i, j = i+1, j-1 {
		rows[i], rows[j] = rows[j], rows[i]
	}
	return rows, nil
}

// ForecastPage returns up to limit forecasts of a model with their points, newest position in the chain first, below
// the given position (0 = from the newest).
func (s *Store) ForecastPage(ctx context.Context, symbol etf.Symbol, model string, before int64, limit int) ([]etf.Forecast, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	head, err := s.q.GetETFVersion(ctx, string(symbol))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, unknownSymbol(symbol)
	}
	if err != nil {
		return nil, translate(err, "reading forecasts of "+string(symbol))
	}
	rows, err := s.q.ListForecastsBefore(ctx, sqlcgen.ListForecastsBeforeParams{EtfID: head.ID, Model: model, Chain: before, Limit: int32(limit)})
	if err != nil {
		return nil, translate(err, "listing forecasts of "+string(symbol))
	}
	list := make([]forecastRow, len(rows))
	for i, r := range rows {
		list[i] = forecastRow{r.Forecast, r.Symbol}
	}
	return s.withPoints(ctx, list)
}

type forecastRow struct {
	sqlcgen.Forecast
	symbol string
}

// withPoints translates rows and adds their points, with one statement for all of them.
func (s *Store) withPoints(ctx context.Context, rows []forecastRow) ([]etf.Forecast, error) {
	list := make([]etf.Forecast, len(rows))
	if len(rows) == 0 {
		return list, nil
	}
	ids := make([]string, len(rows))
	at := make(map[string]int, len(rows))
	for i, r := range rows {
		ids[i], at[r.ID] = r.ID, i
		list[i] = etf.Forecast{
			ID: r.ID, Symbol: etf.Symbol(r.symbol), Model: r.Model, Origin: etf.Session(r.Origin),
			DataVersion: etf.DataVersion{Number: r.DataVersion, Writer: r.DataVersionWriter},
			Basis:       etf.Basis(r.Basis), Params: r.Params, ParamsHash: r.ParamsHash, Seed: r.Seed,
			CodeVersion: r.CodeVersion, Run: r.RunID, AsOf: r.AsOf, IssuedAt: r.IssuedAt,
			Chain: r.Chain, PrevHash: r.PrevHash, Hash: r.Hash,
		}
		if err := json.Unmarshal([]byte(r.Diagnostics), &list[i].Diagnostics); err != nil {
			return nil, etf.Wrapf(etf.KindCorrupt, err, "decoding the diagnostics of forecast %s", r.ID)
		}
	}
	points, err := s.q.ListForecastPoints(ctx, ids)
	if err != nil {
		return nil, translate(err, "reading the forecasts' points")
	}
	for _, p := range points {
		f := &list[at[p.ForecastID]]
		f.Points = append(f.Points, etf.ForecastPoint{
			Horizon: int(p.Horizon), Target: etf.Session(p.Target), Mean: p.Mean,
			Quantiles: [7]float64{p.Q05, p.Q10, p.Q25, p.Q50, p.Q75, p.Q90, p.Q95},
		})
	}
	return list, nil
}
