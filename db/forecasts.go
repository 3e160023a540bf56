package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// AppendForecast appends f with its components and its fit to its chain unless its ID is stored: see
// activities.Forecasts. There must be at least one point; points must be finite and in order of horizon, and a component
// has one finite value for each. The forecast returned has FitHash but no Fit.
func (s *Store) AppendForecast(ctx context.Context, f etf.Forecast) (stored etf.Forecast, appended bool, err error) {
	if err := checkPoints(f.Points); err != nil {
		return etf.Forecast{}, false, err
	}
	if err := checkComponents(f); err != nil {
		return etf.Forecast{}, false, err
	}
	fit, err := packFit(f)
	if err != nil {
		return etf.Forecast{}, false, err
	}
	f.Fit, f.FitHash = nil, fit.Hash
	if len(f.Components) == 0 {
		f.Components = nil
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
		place, err := q.GetETFVersion(ctx, string(f.Symbol))
		if errors.Is(err, sql.ErrNoRows) {
			return unknownSymbol(f.Symbol)
		}
		if err != nil {
			return err
		}
		if place.DataVersion != f.DataVersion.Number || place.DataVersionWriter != f.DataVersion.Writer {
			if _, err := q.GetForecast(ctx, f.ID); !errors.Is(err, sql.ErrNoRows) {
				return err // nil: stored when the version it names was current
			}
			return &etf.Error{Kind: etf.KindConflict, Field: "data_version",
				Message: fmt.Sprintf("the data of %s is at version %d, but the forecast was made from %d", f.Symbol, place.DataVersion, f.DataVersion.Number),
				Remedy:  "read the history again"}
		}
		head, err := q.GetChainHead(ctx, sqlcgen.GetChainHeadParams{EtfID: place.ID, Model: f.Model})
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		f.Chain, f.PrevHash = head.Chain+1, head.Hash
		if f.Hash, err = chainHash(f); err != nil {
			return err
		}
		if err := q.InsertForecast(ctx, forecastParams(f, place.ID, string(diagnostics))); err != nil {
			if _, missing := q.GetForecast(ctx, f.ID); duplicate(err) && missing == nil {
				return nil // stored already
			}
			return err // a duplicate here means that the position was taken meanwhile: retry
		}
		appended = true
		if err := insertPoints(ctx, tx, f); err != nil {
			return err
		}
		if err := insertComponents(ctx, tx, f); err != nil || f.FitHash == "" {
			return err
		}
		return q.InsertForecastFit(ctx, fit)
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
		return etf.Invalid("points", "the forecast has no points", "give one for each horizon")
	}
	for i, p := range points {
		field := "points[" + strconv.Itoa(i) + "]"
		if i > 0 && p.Horizon <= points[i-1].Horizon {
			return etf.Invalid(field+".horizon", "horizons must ascend", "sort the points")
		}
		for _, v := range append([]float64{p.Mean}, p.Quantiles[:]...) {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return etf.Invalid(field, "a value is not finite", "fix the model: it must refuse such a fit")
			}
		}
	}
	return nil
}

func forecastParams(f etf.Forecast, id uint32, diagnostics string) sqlcgen.InsertForecastParams {
	return sqlcgen.InsertForecastParams{
		ID: f.ID, EtfID: id, Model: f.Model, Origin: column.Session(f.Origin), DataVersion: f.DataVersion.Number,
		DataVersionWriter: f.DataVersion.Writer, Basis: string(f.Basis), Params: f.Params, ParamsHash: f.ParamsHash,
		Seed: f.Seed, CodeVersion: f.CodeVersion, Diagnostics: diagnostics, RunID: string(f.Run), AsOf: f.AsOf,
		IssuedAt: f.IssuedAt, Chain: f.Chain, PrevHash: f.PrevHash, Hash: f.Hash,
	}
}

func insertPoints(ctx context.Context, tx *sql.Tx, f etf.Forecast) error {
	ins := inserter{ctx: ctx, tx: tx,
		into: "INSERT INTO forecast_points (forecast_id, horizon, target, mean, q05, q10, q25, q50, q75, q90, q95)"}
	for _, p := range f.Points {
		q := p.Quantiles
		ins.row(f.ID, p.Horizon, column.Session(p.Target), double(p.Mean),
			double(q[0]), double(q[1]), double(q[2]), double(q[3]), double(q[4]), double(q[5]), double(q[6]))
	}
	return ins.done()
}

// latestForecasts is the remedy for an unknown forecast.
const latestForecasts = "list the ETF's latest forecasts: GET /v1/etfs/SYMBOL/forecasts/latest"

// Forecast returns one forecast with its points and components; KindNotFound for an unknown ID, KindCorrupt if it does not
// match its hash.
func (s *Store) Forecast(ctx context.Context, id string) (etf.Forecast, error) {
	row, err := s.q.GetForecast(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return etf.Forecast{}, etf.NotFound("id", fmt.Sprintf("there is no forecast %q", id), latestForecasts)
	}
	if err != nil {
		return etf.Forecast{}, translate(err, "reading a forecast")
	}
	list, err := verified(s.withParts(ctx, etf.Symbol(row.Symbol), []sqlcgen.Forecast{row.Forecast}))
	if err != nil {
		return etf.Forecast{}, err
	}
	return list[0], nil
}

// LatestForecasts returns the newest forecast of each model (or of the given one) with all its parts, in order of model:
// the one with the newest origin, and of those the one appended last. Empty if there is none; KindNotFound for an unknown
// symbol, KindCorrupt if one does not match its hash.
func (s *Store) LatestForecasts(ctx context.Context, symbol etf.Symbol, model string) ([]etf.Forecast, error) {
	rows, err := s.latest(ctx, symbol, model)
	if err != nil {
		return nil, translate(err, "reading the latest forecasts of "+string(symbol))
	}
	return verified(s.withParts(ctx, symbol, rows))
}

func (s *Store) latest(ctx context.Context, symbol etf.Symbol, model string) ([]sqlcgen.Forecast, error) {
	id, err := s.idOf(ctx, symbol)
	if err != nil {
		return nil, err
	}
	models := []string{model}
	if model == "" {
		if models, err = s.modelsOf(ctx, id); err != nil {
			return nil, err
		}
	}
	var rows []sqlcgen.Forecast
	for _, model := range models {
		origin, err := s.q.GetNewestOrigin(ctx, sqlcgen.GetNewestOriginParams{EtfID: id, Model: model})
		if err != nil {
			return nil, err
		}
		if origin == 0 {
			continue
		}
		r, err := s.q.GetNewestOfModel(ctx, sqlcgen.GetNewestOfModelParams{EtfID: id, Model: model, Origin: origin})
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// ForecastModels lists the models that have forecasts of the ETF, ascending, including those that no longer run: each has
// a chain. KindNotFound for an unknown symbol.
func (s *Store) ForecastModels(ctx context.Context, symbol etf.Symbol) ([]string, error) {
	id, err := s.idOf(ctx, symbol)
	if err != nil {
		return nil, err
	}
	models, err := s.modelsOf(ctx, id)
	return models, translate(err, "listing the models of "+string(symbol))
}

// modelsOf lists the models that have forecasts of the ETF, ascending.
func (s *Store) modelsOf(ctx context.Context, id uint32) ([]string, error) {
	var models []string
	for below := "~"; ; { // "~" comes after every model's name
		last, err := s.q.GetLastModelBefore(ctx, sqlcgen.GetLastModelBeforeParams{EtfID: id, Model: below})
		if errors.Is(err, sql.ErrNoRows) {
			slices.Reverse(models)
			return models, nil
		}
		if err != nil {
			return nil, err
		}
		models = append(models, last)
		below = last
	}
}

// ForecastPage returns up to limit forecasts of a model with all their parts, newest position in the chain first, below
// the given position (0 = from the newest). KindCorrupt if one does not match its hash.
func (s *Store) ForecastPage(ctx context.Context, symbol etf.Symbol, model string, before int64, limit int) ([]etf.Forecast, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	id, err := s.idOf(ctx, symbol)
	if err != nil {
		return nil, err
	}
	rows, err := s.q.ListForecastsBefore(ctx, sqlcgen.ListForecastsBeforeParams{EtfID: id, Model: model, Chain: before, Limit: int32(limit)})
	if err != nil {
		return nil, translate(err, "listing forecasts of "+string(symbol))
	}
	return verified(s.withParts(ctx, symbol, rows))
}

// withParts converts rows and adds their points, components and hashes of fits, with one statement each for all rows.
func (s *Store) withParts(ctx context.Context, symbol etf.Symbol, rows []sqlcgen.Forecast) ([]etf.Forecast, error) {
	list := make([]etf.Forecast, len(rows))
	if len(rows) == 0 {
		return list, nil
	}
	ids := make([]string, len(rows))
	at := make(map[string]int, len(rows))
	for i, r := range rows {
		ids[i], at[r.ID] = r.ID, i
		list[i] = etf.Forecast{
			ID: r.ID, Symbol: symbol, Model: r.Model, Origin: etf.Session(r.Origin),
			DataVersion: etf.DataVersion{Number: r.DataVersion, Writer: r.DataVersionWriter},
			Basis:       etf.Basis(r.Basis), Params: r.Params, ParamsHash: r.ParamsHash, Seed: r.Seed,
			CodeVersion: r.CodeVersion, Run: etf.RunID(r.RunID), AsOf: r.AsOf, IssuedAt: r.IssuedAt,
			Chain: r.Chain, PrevHash: r.PrevHash, Hash: r.Hash,
		}
		if err := json.Unmarshal([]byte(r.Diagnostics), &list[i].Diagnostics); err != nil {
			return nil, &etf.Error{Kind: etf.KindCorrupt, Field: "diagnostics", Err: err,
				Message: "decoding the diagnostics of forecast " + r.ID, Remedy: compareWithBackup}
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
	components, err := s.q.ListForecastComponents(ctx, ids)
	if err != nil {
		return nil, translate(err, "reading the forecasts' components")
	}
	for _, c := range components {
		if err := addComponent(&list[at[c.ForecastID]], c); err != nil {
			return nil, err
		}
	}
	fits, err := s.q.ListForecastFitHashes(ctx, ids)
	if err != nil {
		return nil, translate(err, "reading the hashes of the forecasts' fits")
	}
	for _, x := range fits {
		list[at[x.ForecastID]].FitHash = x.Hash
	}
	return list, nil
}
