package api

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// GetLatestForecast implements gen.StrictServerInterface.
func (s *server) GetLatestForecast(ctx context.Context, r gen.GetLatestForecastRequestObject) (gen.GetLatestForecastResponseObject, error) {
	if r.Params.Horizon != nil && *r.Params.Horizon == "" {
		return nil, etf.Invalid("horizon", "the horizon is empty", "use a whole number of sessions from 1 to 21, or omit it")
	}
	f, err := s.LatestForecastAt(ctx, r.Symbol, textOf(r.Params.Model), textOf(r.Params.Horizon))
	if err != nil {
		return nil, err
	}
	record, err := s.Record(ctx, f)
	if err != nil {
		return nil, err
	}
	etag := forecastTag(f, record)
	if current(r.Params.IfNoneMatch, etag) {
		return gen.GetLatestForecast304Response{Headers: gen.NotModifiedResponseHeaders{ETag: etag}}, nil
	}
	return gen.GetLatestForecast200JSONResponse{Body: forecastOut(f, record), Headers: gen.GetLatestForecast200ResponseHeaders{ETag: etag}}, nil
}

// GetForecast implements gen.StrictServerInterface.
func (s *server) GetForecast(ctx context.Context, r gen.GetForecastRequestObject) (gen.GetForecastResponseObject, error) {
	f, err := s.Forecast(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	record, err := s.Record(ctx, f)
	if err != nil {
		return nil, err
	}
	etag := forecastTag(f, record)
	if current(r.Params.IfNoneMatch, etag) {
		return gen.GetForecast304Response{Headers: gen.NotModifiedResponseHeaders{ETag: etag}}, nil
	}
	return gen.GetForecast200JSONResponse{Body: forecastOut(f, record), Headers: gen.GetForecast200ResponseHeaders{ETag: etag}}, nil
}

// GetForecastFit implements gen.StrictServerInterface.
func (s *server) GetForecastFit(ctx context.Context, r gen.GetForecastFitRequestObject) (gen.GetForecastFitResponseObject, error) {
	fit, hash, err := s.ForecastFit(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	etag := `"` + hash + `"`
	if current(r.Params.IfNoneMatch, etag) {
		return gen.GetForecastFit304Response{Headers: gen.NotModifiedResponseHeaders{ETag: etag}}, nil
	}
	return storedFit{fit, etag}, nil
}

// storedFit responds with a fit exactly as stored: re-encoding it would change its hash.
type storedFit struct {
	body []byte
	etag string
}

// VisitGetForecastFitResponse implements gen.GetForecastFitResponseObject.
func (f storedFit) VisitGetForecastFitResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("ETag", f.etag)
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(f.body)
	return err
}

// ListModels implements gen.StrictServerInterface.
func (s *server) ListModels(ctx context.Context, _ gen.ListModelsRequestObject) (gen.ListModelsResponseObject, error) {
	served, err := s.ServedModels(ctx)
	if err != nil {
		return nil, err
	}
	page := gen.ListModels200JSONResponse{Items: make([]gen.Model, len(s.Models()))}
	for i, m := range s.Models() {
		instead := slices.DeleteFunc(slices.Clone(served), func(v etf.GateVerdict) bool { return v.Model != m.Name })
		page.Items[i] = gen.Model{Name: m.Name, Served: m.Name == s.ServedModel() || len(instead) > 0, ServedFor: append([]etf.GateVerdict{}, instead...), MinSessions: m.MinSessions, Params: json.RawMessage(m.Params)}
	}
	return page, nil
}

// forecastTag is strong: a forecast never changes, but whether its origin is provisional, what is known about its prices and what the record
// says of its model may.
func forecastTag(f etf.Forecast, record service.ForecastRecord) string {
	tag := f.Hash + provisionalForm(f.Provisional)
	if record.Assessment != "" {
		tag += "-" + record.Assessment[:min(16, len(record.Assessment))]
	}
	if n := len(f.Moved); n > 0 {
		tag += fmt.Sprintf("-calendar-%d", slices.MaxFunc(f.Moved, func(a, b etf.TargetDate) int { return a.CalendarVersion - b.CalendarVersion }).CalendarVersion)
	}
	if len(f.Retracted) > 0 {
		tag += "-retracted-" + strings.Join(f.Retracted, "-")
	}
	return `"` + tag + `"`
}

// ForecastJSON returns the forecast as GET /v1/forecasts/{id} does.
func ForecastJSON(f etf.Forecast, record service.ForecastRecord) json.RawMessage {
	text, err := json.Marshal(forecastOut(f, record))
	if err != nil {
		panic(err) // a forecast that was read from the store has finite numbers and valid JSON
	}
	return text
}

func forecastOut(f etf.Forecast, record service.ForecastRecord) gen.Forecast {
	out := gen.Forecast{
		Id: f.ID, Symbol: f.Symbol, Model: f.Model, Origin: f.Origin, Basis: f.Basis,
		Points: make([]gen.ForecastPoint, len(f.Points)), Run: string(f.Run), CodeVersion: f.CodeVersion,
		DataVersion: dataVersionOut(f.DataVersion), AsOf: f.AsOf.UTC(), IssuedAt: f.IssuedAt.UTC(),
		Seed: strconv.FormatUint(f.Seed, 10), Params: json.RawMessage(f.Params), ParamsHash: f.ParamsHash,
		Diagnostics: f.Diagnostics, Components: f.Components, FitHash: textOrNil(f.FitHash),
		Held: f.Held > 0, Skipped: f.Held, Provisional: f.Provisional,
		RetractedBy: append([]string{}, f.Retracted...),
		ClosesHash:  textOrNil(f.ClosesHash), Scale: scaleOut(f.Scale), Build: buildOut(f.Build),
		Calibrated: len(f.Raw) > 0, Calibration: textOrNil(record.Calibration), Assessment: textOrNil(record.Assessment),
		Coverage: append([]service.HorizonCoverage{}, record.Coverage...), Skill: append([]service.HorizonSkill{}, record.Skill...),
		Weights: record.Weights,
	}
	if f.Volatility > 0 {
		out.Volatility = &f.Volatility
	}
	if !record.Through.IsZero() {
		out.RecordThrough = &record.Through
	}
	if out.Weights == nil {
		out.Weights = map[string]map[string]float64{}
	}
	if f.Params == "" {
		out.Params = json.RawMessage("{}")
	}
	if out.Diagnostics == nil {
		out.Diagnostics = map[string]string{}
	}
	if out.Components == nil {
		out.Components = map[string][]float64{}
	}
	for i, p := range f.Points {
		var tails, raw map[string]float64
		if i < len(f.Tails) {
			tails = byLevel(etf.TailLevels[:], f.Tails[i][:])
		}
		quantiles := byLevel(etf.QuantileLevels[:], p.Quantiles[:])
		maps.Copy(quantiles, tails)
		out.Points[i] = gen.ForecastPoint{Horizon: p.Horizon, Target: p.Target, Mean: p.Mean, Quantiles: quantiles}
		if to := f.MovedTo(p); !to.IsZero() {
			out.Points[i].MovedTo = &to
		}
		if i < len(f.Raw) {
			raw = byLevel(etf.QuantileLevels[:], f.Raw[i].Quantiles[:])
			maps.Copy(raw, byLevel(etf.TailLevels[:], f.Raw[i].Tails[:]))
			out.Points[i].Raw = &raw
		}
	}
	out.Chain.Position, out.Chain.PrevHash, out.Chain.Hash = f.Chain, f.PrevHash, f.Hash
	return out
}

// byLevel returns quantiles by their probability level.
func byLevel(levels, values []float64) map[string]float64 {
	list := make(map[string]float64, len(levels))
	for i, level := range levels {
		list[strconv.FormatFloat(level, 'f', -1, 64)] = values[i]
	}
	return list
}
