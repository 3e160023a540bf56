package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
)

// GetLatestForecast implements gen.StrictServerInterface.
func (s *server) GetLatestForecast(ctx context.Context, r gen.GetLatestForecastRequestObject) (gen.GetLatestForecastResponseObject, error) {
	f, err := s.LatestForecast(ctx, r.Symbol, textOf(r.Params.Model))
	if err != nil {
		return nil, err
	}
	etag := forecastTag(f)
	if current(r.Params.IfNoneMatch, etag) {
		return gen.GetLatestForecast304Response{Headers: gen.NotModifiedResponseHeaders{ETag: etag}}, nil
	}
	return gen.GetLatestForecast200JSONResponse{Body: forecastOut(f), Headers: gen.GetLatestForecast200ResponseHeaders{ETag: etag}}, nil
}

// GetForecast implements gen.StrictServerInterface.
func (s *server) GetForecast(ctx context.Context, r gen.GetForecastRequestObject) (gen.GetForecastResponseObject, error) {
	f, err := s.Forecast(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	etag := forecastTag(f)
	if current(r.Params.IfNoneMatch, etag) {
		return gen.GetForecast304Response{Headers: gen.NotModifiedResponseHeaders{ETag: etag}}, nil
	}
	return gen.GetForecast200JSONResponse{Body: forecastOut(f), Headers: gen.GetForecast200ResponseHeaders{ETag: etag}}, nil
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
func (s *server) ListModels(context.Context, gen.ListModelsRequestObject) (gen.ListModelsResponseObject, error) {
	page := gen.ListModels200JSONResponse{Items: make([]gen.Model, len(s.Models()))}
	for i, m := range s.Models() {
		page.Items[i] = gen.Model{Name: m.Name, Served: m.Name == s.ServedModel(), MinSessions: m.MinSessions, Params: json.RawMessage(m.Params)}
	}
	return page, nil
}

// forecastTag is strong: a forecast never changes, but whether its origin is provisional and what is known about its prices may.
func forecastTag(f etf.Forecast) string {
	tag := f.Hash + provisionalForm(f.Provisional)
	if len(f.Retracted) > 0 {
		tag += "-retracted-" + strings.Join(f.Retracted, "-")
	}
	return `"` + tag + `"`
}

// ForecastJSON returns the forecast as GET /v1/forecasts/{id} does.
func ForecastJSON(f etf.Forecast) json.RawMessage {
	text, err := json.Marshal(forecastOut(f))
	if err != nil {
		panic(err) // a forecast that was read from the store has finite numbers and valid JSON
	}
	return text
}

func forecastOut(f etf.Forecast) gen.Forecast {
	out := gen.Forecast{
		Id: f.ID, Symbol: f.Symbol, Model: f.Model, Origin: f.Origin, Basis: f.Basis,
		Points: make([]gen.ForecastPoint, len(f.Points)), Run: string(f.Run), CodeVersion: f.CodeVersion,
		DataVersion: dataVersionOut(f.DataVersion), AsOf: f.AsOf.UTC(), IssuedAt: f.IssuedAt.UTC(),
		Seed: strconv.FormatUint(f.Seed, 10), Params: json.RawMessage(f.Params), ParamsHash: f.ParamsHash,
		Diagnostics: f.Diagnostics, Components: f.Components, FitHash: textOrNil(f.FitHash),
		Held: f.Held > 0, Skipped: f.Held, Provisional: f.Provisional,
		RetractedBy: append([]string{}, f.Retracted...),
		ClosesHash:  textOrNil(f.ClosesHash), Scale: scaleOut(f.Scale), Build: buildOut(f.Build),
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
		quantiles := make(map[string]float64, len(p.Quantiles))
		for q, level := range etf.QuantileLevels {
			quantiles[strconv.FormatFloat(level, 'f', -1, 64)] = p.Quantiles[q]
		}
		if i < len(f.Tails) {
			for q, level := range etf.TailLevels {
				quantiles[strconv.FormatFloat(level, 'f', -1, 64)] = f.Tails[i][q]
			}
		}
		out.Points[i] = gen.ForecastPoint{Horizon: p.Horizon, Target: p.Target, Mean: p.Mean, Quantiles: quantiles}
	}
	out.Chain.Position, out.Chain.PrevHash, out.Chain.Hash = f.Chain, f.PrevHash, f.Hash
	return out
}
