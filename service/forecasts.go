package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

var (
	modelForm    = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
	forecastForm = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// LatestForecast returns the newest forecast of the ETF by the model; "" means the one that is served at one session. KindNotFound for an
// unknown symbol, while there is no such forecast, and for an entrant; KindInvalid for an unknown model, unless forecasts of a former
// model of that name are stored.
func (s *Service) LatestForecast(ctx context.Context, symbol, model string) (etf.Forecast, error) {
	return s.LatestForecastAt(ctx, symbol, model, "")
}

// LatestForecastAt is LatestForecast with the served model of a horizon, as the user wrote it; "" is 1. The forecast has all horizons. If the
// ETF has no forecast by that model from the newest origin of the benchmark's, because it has not traded for long enough or the
// fit failed, it is the benchmark's.
func (s *Service) LatestForecastAt(ctx context.Context, symbol, model, horizon string) (etf.Forecast, error) {
	h, horizonErr := parseHorizon(horizon)
	if horizonErr != nil || model != "" {
		f, err := s.latestForecast(ctx, symbol, cmp.Or(model, s.served))
		return f, errors.Join(horizonErr, asInvalid(err, horizonErr))
	}
	e, err := s.ETF(ctx, symbol)
	if err != nil {
		return etf.Forecast{}, err
	}
	served, err := s.servedModel(ctx, e.Exchange, max(h, 1))
	if err != nil {
		return etf.Forecast{}, err
	}
	if served != s.served {
		f, err := s.latestForecast(ctx, symbol, served)
		if err != nil && etf.KindOf(err) != etf.KindNotFound {
			return etf.Forecast{}, err
		}
		newest, originErr := s.store.NewestOrigin(ctx, e.Symbol, s.served, endOfTime, etf.NewestVersion)
		if originErr != nil {
			return etf.Forecast{}, originErr
		}
		if err == nil && f.Origin >= newest {
			return f, nil
		}
	}
	return s.latestForecast(ctx, symbol, s.served)
}

// asInvalid leaves of an error what is wrong with the request, if something else is wrong with it, too.
func asInvalid(err, other error) error {
	if other != nil && etf.KindOf(err) != etf.KindInvalid {
		return nil
	}
	return err
}

func (s *Service) latestForecast(ctx context.Context, symbol, model string) (etf.Forecast, error) {
	_, symbolErr := etf.ParseSymbol(symbol)
	var modelErr error
	if !modelForm.MatchString(model) {
		modelErr = s.unknownModel(model)
	}
	if err := errors.Join(symbolErr, modelErr); err != nil {
		return etf.Forecast{}, err
	}
	e, err := s.ETF(ctx, symbol)
	if err != nil {
		return etf.Forecast{}, err
	}
	found, err := s.store.LatestForecasts(ctx, e.Symbol, model)
	if err != nil && etf.KindOf(err) != etf.KindNotFound {
		return etf.Forecast{}, err
	}
	if (err != nil || len(found) == 0) && !s.knows(model) {
		return etf.Forecast{}, s.unknownModel(model)
	}
	if err != nil || len(found) == 0 {
		return etf.Forecast{}, s.noForecast(e, model)
	}
	if found[0].Entered() {
		return etf.Forecast{}, etf.NotFound("model", fmt.Sprintf("%s is the name of an entrant, whose forecasts are scored and not served", model),
			"list its entries with GET /v1/entries and read one with GET /v1/forecasts/{id}")
	}
	return s.marked(ctx, found[0])
}

// marked adds to a forecast what has become known about its prices since. An entry was not made from the stored ones.
func (s *Service) marked(ctx context.Context, f etf.Forecast) (etf.Forecast, error) {
	if err := s.redated(ctx, &f); err != nil {
		return f, err
	}
	if f.Entered() {
		return f, nil
	}
	retracted, err := s.store.Retracted(ctx, []string{f.ID})
	if err != nil {
		return f, err
	}
	f.Retracted = retracted[f.ID]
	f.Provisional, err = s.Provisional(ctx, f.ETF(), f.Origin)
	return f, err
}

// noForecast explains why the ETF has no forecast by the model. The number of sessions a model sees depends on how the
// prices are adjusted, so too few stored sessions explain a missing forecast, but enough of them promise none.
func (s *Service) noForecast(e etf.ETF, model string) error {
	run := fmt.Sprintf("POST /v1/runs or `etfcast run daily --exchange %s`", e.Exchange)
	message := fmt.Sprintf("%s has no forecast by model %s yet", e.Symbol, model)
	var remedy string
	usable := e.Bars - e.Quarantined
	switch needs := s.minSessions(model); {
	case usable == 0:
		remedy = "a daily run fetches its prices and makes one: " + run
	case usable < needs:
		message += fmt.Sprintf(": it needs %d sessions (min_sessions) but %d are stored", needs, usable)
		remedy = fmt.Sprintf("a daily run makes one once %d are stored", needs)
	default:
		remedy = fmt.Sprintf("a daily run makes one: %s. If one has run, its row for %s (GET /v1/runs/{id}) has the reason: error_type ModelFailed", run, e.Symbol)
	}
	return etf.NotFound("model", message, remedy)
}

// minSessions returns the fewest sessions the model needs; 0 for an unknown model.
func (s *Service) minSessions(model string) int {
	for _, m := range s.models {
		if m.Name == model {
			return m.MinSessions
		}
	}
	return 0
}

// knows reports whether the model is known, or might be because Models was not given.
func (s *Service) knows(model string) bool {
	return len(s.models) == 0 || slices.ContainsFunc(s.models, func(m Model) bool { return m.Name == model })
}

func (s *Service) unknownModel(model string) error {
	names := make([]string, len(s.models))
	for i, m := range s.models {
		names[i] = m.Name
	}
	remedy := "use a lower-case name, for example " + s.served
	if len(names) > 0 {
		remedy = "use " + strings.Join(names, " or ")
	}
	return etf.Invalid("model", fmt.Sprintf("%q is not the name of a model", etf.Clip(model, etf.MaxQuoted)), remedy)
}

// Forecast returns one forecast; KindNotFound for an unknown ID, KindInvalid for a malformed one.
func (s *Service) Forecast(ctx context.Context, id string) (etf.Forecast, error) {
	f, err := s.storedForecast(ctx, id)
	if err != nil {
		return f, err
	}
	return s.marked(ctx, f)
}

// storedForecast is Forecast without what is derived.
func (s *Service) storedForecast(ctx context.Context, id string) (etf.Forecast, error) {
	if !forecastForm.MatchString(id) {
		return etf.Forecast{}, etf.Invalid("id", fmt.Sprintf("%q is not the ID of a forecast", etf.Clip(id, etf.MaxQuoted)), "use an ID of 32 lower-case hex digits")
	}
	f, err := s.store.Forecast(ctx, id)
	if err != nil && etf.KindOf(err) == etf.KindNotFound {
		return etf.Forecast{}, etf.NotFound("id", fmt.Sprintf("there is no forecast %s", id), "GET /v1/etfs/{symbol}/forecasts/latest gives the ID of the newest")
	}
	return f, err
}

// ForecastFit returns what a forecast's model needs to reproduce it, byte for byte as stored, and its SHA-256. The errors
// are those of Forecast, and KindNotFound for a forecast stored without a fit.
func (s *Service) ForecastFit(ctx context.Context, id string) (fit []byte, hash string, err error) {
	f, err := s.storedForecast(ctx, id)
	if err != nil {
		return nil, "", err
	}
	if f.Entered() {
		return nil, "", etf.NotFound("id", fmt.Sprintf("forecast %s is an entry of %s, which has no fit", id, f.Model), "ask the entrant how it was made")
	}
	if f.FitHash == "" {
		return nil, "", etf.NotFound("id", fmt.Sprintf("forecast %s was stored without a fit", id), "fit the model again: same data version, parameters and seed")
	}
	fit, err = s.store.ForecastFit(ctx, id)
	return fit, f.FitHash, err
}
