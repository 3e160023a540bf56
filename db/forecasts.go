package db

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// AppendForecasts appends forecasts of one ETF, each with its components and its fit, to their chains, in one
// transaction: see activities.Forecasts. There must be at least one point; points must be finite and in order of horizon,
// and a component has one finite value for each. A forecast that violates this, or has a value that does not fit its
// column, is refused, and the others are appended. IssuedAt becomes that of the chain's last forecast if it is earlier:
// within a chain it never falls, whatever the clock does.
func (s *Store) AppendForecasts(ctx context.Context, list []etf.Forecast) ([]etf.Appended, error) {
	results := make([]etf.Appended, len(list))
	drafts := make([]draft, 0, len(list))
	for i, f := range list {
		if f.Symbol != list[0].Symbol || f.DataVersion != list[0].DataVersion {
			return nil, etf.Invalid("forecasts", "they are of more than one ETF or data version", "append each ETF's by themselves")
		}
		d, err := newDraft(f)
		d.index = i
		switch {
		case err == nil:
			drafts = append(drafts, d)
		case etf.KindOf(err) == etf.KindInvalid:
			results[i].Refused = err
		default:
			return nil, err
		}
	}
	placed, err := s.place(ctx, drafts, true)
	if etf.KindOf(err) == etf.KindInvalid && len(drafts) > 0 {
		// The server refused a value. Which forecast it belongs to is not in its message, so each is tried alone.
		accepted := make([]draft, 0, len(drafts))
		for _, d := range drafts {
			_, alone := s.place(ctx, []draft{d}, false)
			switch {
			case alone == nil:
				accepted = append(accepted, d)
			case etf.KindOf(alone) == etf.KindInvalid:
				results[d.index].Refused = alone
			default:
				return nil, alone
			}
		}
		if len(accepted) == len(drafts) {
			return nil, err
		}
		drafts = accepted
		placed, err = s.place(ctx, drafts, true)
	}
	if err != nil {
		return nil, err
	}
	for i, d := range drafts {
		if f := placed[i]; f.Hash != "" {
			results[d.index] = etf.Appended{Forecast: f, New: true}
			continue
		}
		stored, err := s.Forecast(ctx, cmp.Or(d.under, d.f.ID))
		switch {
		case errors.Is(err, etf.ErrAltered): // the others have been appended all the same
			results[d.index].Refused = err
		case err != nil:
			return nil, err
		default:
			results[d.index].Forecast = stored
		}
	}
	return results, nil
}

// markHeld is the mark of a forecast whose origin's price was held: the hash covers the number of sessions skipped.
const markHeld = "held"

// draft is a checked forecast without its place in the chain.
type draft struct {
	index       int // in the list to append
	f           etf.Forecast
	diagnostics string // encoded
	fit         packedFit
	under       string // the ID under which it is stored already, if it was issued when the ETF had another symbol
}

// newDraft checks a forecast and encodes its parts. KindInvalid if it can't be stored.
func newDraft(f etf.Forecast) (draft, error) {
	if err := checkPoints(f.Points); err != nil {
		return draft{}, err
	}
	for _, check := range []func(etf.Forecast) error{checkComponents, checkTails, checkScale, checkRaw} {
		if err := check(f); err != nil {
			return draft{}, err
		}
	}
	fit, err := packFit(f)
	if err != nil {
		return draft{}, err
	}
	f.Fit, f.FitHash = nil, fit.hash
	if len(f.Components) == 0 {
		f.Components = nil
	}
	if len(f.Tails) == 0 {
		f.Tails = nil
	}
	if len(f.Raw) == 0 {
		f.Raw = nil
	}
	f.AsOf, f.IssuedAt = instant(f.AsOf), instant(f.IssuedAt)
	if f.Diagnostics == nil {
		f.Diagnostics = map[string]string{}
	}
	diagnostics, err := json.Marshal(f.Diagnostics)
	return draft{f: f, diagnostics: string(diagnostics), fit: fit}, etf.Wrap(etf.KindInternal, err, "encoding a forecast's diagnostics")
}

// errTried rolls back a transaction that was only an attempt.
var errTried = errors.New("not kept")

// place writes the drafts in one transaction and returns them with their places in the chains; one that is stored already
// has no Hash. Without keep it writes nothing and only tells whether it could.
func (s *Store) place(ctx context.Context, drafts []draft, keep bool) (placed []etf.Forecast, err error) {
	if len(drafts) == 0 {
		return nil, nil
	}
	what := "appending forecasts of " + string(drafts[0].f.Symbol)
	err = s.transaction(ctx, what, func(q *writing, tx *sql.Tx) error {
		place, err := named(ctx, q.Queries, string(drafts[0].f.Symbol), q.GetETFVersion)
		if errors.Is(err, sql.ErrNoRows) {
			return unknownSymbol(drafts[0].f.Symbol)
		}
		if err != nil {
			return err
		}
		where, err := placingOf(ctx, q.Queries, place.ID, string(drafts[0].f.Symbol))
		if err != nil {
			return err
		}
		v := drafts[0].f.DataVersion
		stored := map[string]bool{}
		changed := place.DataVersion != v.Number || place.DataVersionWriter != v.Writer
		if changed || where.names != nil {
			if stored, err = storedForecasts(ctx, q.Queries, where, drafts); err != nil {
				return err
			}
		}
		if changed && len(stored) < len(drafts) {
			return &etf.Error{Kind: etf.KindConflict, Field: "data_version",
				Message: fmt.Sprintf("the data of %s is at version %d, but the forecast was made from %d", drafts[0].f.Symbol, place.DataVersion, v.Number),
				Remedy:  "read the history again"}
		}
		for {
			var marks []sqlcgen.InsertChainSymbolParams
			if placed, marks, err = chained(ctx, q.Queries, where, drafts, stored); err != nil {
				return err
			}
			err = insertForecasts(ctx, tx, q.Queries, where, drafts, placed, marks)
			if !duplicate(err) {
				break
			}
			known := len(stored)
			var missing error
			if stored, missing = storedForecasts(ctx, q.Queries, where, drafts); missing != nil || len(stored) == known {
				return err // a place in a chain was taken meanwhile: retry
			}
		}
		if err == nil {
			err = insertParts(ctx, tx, drafts, placed)
		}
		if err == nil && !keep {
			err = errTried
		}
		q.forecast(place.Exchange, placed)
		return err
	})
	if errors.Is(err, errTried) {
		err = nil
	}
	return placed, err
}

// storedForecasts returns the IDs of the drafts that are stored already, be it under another symbol (draft.under, which it sets).
func storedForecasts(ctx context.Context, q *sqlcgen.Queries, where placing, drafts []draft) (map[string]bool, error) {
	ids := make([]string, len(drafts))
	for i, d := range drafts {
		ids[i] = d.f.ID
	}
	rows, err := q.ListStoredForecasts(ctx, ids)
	stored := map[string]bool{}
	for _, id := range rows {
		stored[id] = true
	}
	for i := range drafts {
		if d := &drafts[i]; err == nil && !stored[d.f.ID] {
			d.under, err = where.storedUnder(ctx, q, d.f)
			stored[d.f.ID] = d.under != ""
		}
	}
	maps.DeleteFunc(stored, func(_ string, is bool) bool { return !is })
	return stored, err
}

// chained returns the drafts with their places at the ends of their chains, and empty forecasts for those stored already; marks are the
// positions from which on a chain carries another symbol.
func chained(ctx context.Context, q *sqlcgen.Queries, where placing, drafts []draft, stored map[string]bool) (placed []etf.Forecast, marks []sqlcgen.InsertChainSymbolParams, err error) {
	placed = make([]etf.Forecast, len(drafts))
	heads := map[string]sqlcgen.GetChainHeadRow{}
	for i, d := range drafts {
		if stored[d.f.ID] {
			continue
		}
		head, ok := heads[d.f.Model]
		if !ok {
			head, err = q.GetChainHead(ctx, sqlcgen.GetChainHeadParams{EtfID: where.id, Model: d.f.Model})
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return nil, nil, err
			}
		}
		f := d.f
		f.PrevHash = head.Hash
		var mark bool
		if f.Chain, mark, err = where.next(ctx, q, f, head.Chain); err != nil {
			return nil, nil, err
		}
		if mark {
			marks = append(marks, sqlcgen.InsertChainSymbolParams{EtfID: where.id, Model: f.Model, Chain: f.Chain, Symbol: string(f.Symbol)})
			where.names.mark(f.Model, nameMark{f.Chain, f.Symbol})
		}
		if f.IssuedAt.Before(head.IssuedAt) {
			f.IssuedAt = head.IssuedAt
		}
		if f.Hash, err = chainHash(f); err != nil {
			return nil, nil, err
		}
		placed[i], heads[f.Model] = f, sqlcgen.GetChainHeadRow{Chain: f.Chain, Hash: f.Hash, IssuedAt: f.IssuedAt}
	}
	return placed, marks, nil
}

// insertForecasts writes the rows of the forecasts that have a Hash, without their parts, and the marks of their chains.
func insertForecasts(ctx context.Context, tx *sql.Tx, q *sqlcgen.Queries, where placing, drafts []draft, placed []etf.Forecast, marks []sqlcgen.InsertChainSymbolParams) error {
	ins := inserter{ctx: ctx, tx: tx, into: `INSERT INTO forecasts (id, etf_id, model, origin, data_version, data_version_writer, basis,
params, params_hash, seed, code_version, diagnostics, run_id, as_of, issued_at, chain, prev_hash, hash)`}
	for i, f := range placed {
		if f.Hash == "" {
			continue
		}
		ins.row(f.ID, where.id, f.Model, column.Session(f.Origin), f.DataVersion.Number, f.DataVersion.Writer, string(f.Basis),
			f.Params, f.ParamsHash, f.Seed, f.CodeVersion, drafts[i].diagnostics, string(f.Run), f.AsOf, f.IssuedAt, f.Chain, f.PrevHash, f.Hash)
	}
	if err := ins.done(); err != nil {
		return err
	}
	for _, m := range marks {
		if err := q.InsertChainSymbol(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// insertParts writes the points, components, fits, marks, tails, provenance and raw quantiles of the forecasts that have a Hash, with one statement for each kind.
func insertParts(ctx context.Context, tx *sql.Tx, drafts []draft, placed []etf.Forecast) error {
	points := inserter{ctx: ctx, tx: tx,
		into: "INSERT INTO forecast_points (forecast_id, horizon, target, mean, q05, q10, q25, q50, q75, q90, q95)"}
	components := inserter{ctx: ctx, tx: tx, into: "INSERT INTO forecast_components (forecast_id, component, by_horizon)"}
	fits := inserter{ctx: ctx, tx: tx, into: "INSERT INTO forecast_fits (forecast_id, hash, encoding, size, fit)"}
	marks := inserter{ctx: ctx, tx: tx, into: "INSERT INTO forecast_marks (forecast_id, mark, cause_id, skipped, marked_at)"}
	tails := inserter{ctx: ctx, tx: tx, into: "INSERT INTO forecast_tails (forecast_id, by_horizon)"}
	provenance := inserter{ctx: ctx, tx: tx,
		into: "INSERT INTO forecast_provenance (forecast_id, closes_hash, scale_absolute, scale_squared, go_version, arch, features, modified)"}
	raw := inserter{ctx: ctx, tx: tx, into: "INSERT INTO forecast_raw (forecast_id, volatility, by_horizon)"}
	for i, f := range placed {
		if f.Hash == "" {
			continue
		}
		for _, p := range f.Points {
			q := p.Quantiles
			points.row(f.ID, p.Horizon, column.Session(p.Target), double(p.Mean),
				double(q[0]), double(q[1]), double(q[2]), double(q[3]), double(q[4]), double(q[5]), double(q[6]))
		}
		if err := addComponents(&components, f); err != nil {
			return err
		}
		if fit := drafts[i].fit; fit.hash != "" {
			fits.row(f.ID, fit.hash, fitEncoding, fit.size, fit.packed)
		}
		if f.Held > 0 {
			marks.row(f.ID, markHeld, "", f.Held, f.IssuedAt)
		}
		if err := addTails(&tails, f); err != nil {
			return err
		}
		addProvenance(&provenance, f)
		if err := addRaw(&raw, f); err != nil {
			return err
		}
	}
	for _, ins := range []*inserter{&points, &components, &fits, &marks, &tails, &provenance, &raw} {
		if err := ins.done(); err != nil {
			return err
		}
	}
	return nil
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
	list, err := verified(s.withParts(ctx, []sqlcgen.Forecast{row}))
	if err != nil {
		return etf.Forecast{}, err
	}
	return list[0], nil
}

// LatestForecasts returns the newest forecast of each model (or of the given one) with all its parts, in order of model:
// the one with the newest origin, and of those the one appended last. Without a model, entries are left out. Empty if there is none; KindNotFound for an unknown
// symbol, KindCorrupt if one does not match its hash.
func (s *Store) LatestForecasts(ctx context.Context, symbol etf.Symbol, model string) ([]etf.Forecast, error) {
	rows, err := s.latest(ctx, symbol, model)
	if err != nil {
		return nil, translate(err, "reading the latest forecasts of "+string(symbol))
	}
	return verified(s.withParts(ctx, rows))
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
	for _, name := range models {
		origin, err := s.q.GetNewestOrigin(ctx, sqlcgen.GetNewestOriginParams{EtfID: id, Model: name})
		if err != nil {
			return nil, err
		}
		if origin == 0 {
			continue
		}
		r, err := s.q.GetNewestOfModel(ctx, sqlcgen.GetNewestOfModelParams{EtfID: id, Model: name, Origin: origin})
		if err != nil {
			return nil, err
		}
		if model == "" && strings.HasPrefix(r.RunID, etf.EntryRun) {
			continue
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// NewestOrigin returns the newest origin of the forecasts by the model that were issued by the instant and made from the data
// version or an earlier one; zero if there is none. KindNotFound for an unknown symbol.
func (s *Store) NewestOrigin(ctx context.Context, symbol etf.Symbol, model string, issuedBy time.Time, version int64) (etf.Session, error) {
	id, err := s.idOf(ctx, symbol)
	if err != nil {
		return 0, err
	}
	origin, err := s.q.GetNewestOriginAt(ctx, sqlcgen.GetNewestOriginAtParams{EtfID: id, Model: model, IssuedBy: issuedBy.UTC(), DataVersion: version})
	return etf.Session(origin), translate(err, "reading the newest forecast of "+string(symbol))
}

// ForecastsOf returns the forecasts by the model from the origin with all their parts, in the order in which they were appended.
// KindNotFound for an unknown symbol, KindCorrupt if one does not match its hash.
func (s *Store) ForecastsOf(ctx context.Context, symbol etf.Symbol, model string, origin etf.Session) ([]etf.Forecast, error) {
	id, err := s.idOf(ctx, symbol)
	if err != nil {
		return nil, err
	}
	rows, err := s.q.ListForecastsOfOrigin(ctx, sqlcgen.ListForecastsOfOriginParams{EtfID: id, Model: model, Origin: column.Session(origin)})
	if err != nil {
		return nil, translate(err, "reading the forecasts of "+string(symbol))
	}
	return verified(s.withParts(ctx, rows))
}

// ForecastModels lists the models that have forecasts of the ETF, ascending, including those that no longer run and entrants: each
// has a chain. KindNotFound for an unknown symbol.
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
	return verified(s.withParts(ctx, rows))
}

// withParts converts rows, all of one ETF, and adds their points, components, hashes of fits, marks, tails, provenance and raw quantiles, with one statement each for all rows.
func (s *Store) withParts(ctx context.Context, rows []sqlcgen.Forecast) ([]etf.Forecast, error) {
	list := make([]etf.Forecast, len(rows))
	if len(rows) == 0 {
		return list, nil
	}
	carried, err := namesOf(ctx, s.q, rows[0].EtfID)
	if err != nil {
		return nil, translate(err, "reading which symbols forecasts carry")
	}
	ids := make([]string, len(rows))
	at := make(map[string]int, len(rows))
	for i, r := range rows {
		ids[i], at[r.ID] = r.ID, i
		list[i] = forecastOf(r, "")
		carried.set(&list[i])
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
	marks, err := s.q.ListForecastMarks(ctx, ids)
	if err != nil {
		return nil, translate(err, "reading the forecasts' marks")
	}
	for _, m := range marks {
		if m.Mark == markHeld {
			list[at[m.ForecastID]].Held = int(m.Skipped)
		}
	}
	return list, s.withProvenance(ctx, list, ids, at)
}
