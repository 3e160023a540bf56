package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/scoring"
	"github.com/etfcast/etfcast/quality"
)

// ShownForecast is a forecast with what is needed to judge it.
type ShownForecast struct {
	etf.Forecast
	ETF etf.ETF
	// Standing says whether it is of record.
	Standing etf.Standing
	// Closes are those up to the origin as they were believed when it was made, ascending, restated to the forecast's shares.
	Closes []etf.Bar
}

// shownModel is the model whose forecast is shown if none is named: the newest verdict of the gate says which, and nothing of the past.
func (s *Service) shownModel(ctx context.Context, symbol, asOf string) (string, error) {
	if asOf != "" {
		return s.served, nil
	}
	f, err := s.LatestForecast(ctx, symbol, "")
	switch {
	case err == nil:
		return f.Model, nil
	case etf.KindOf(err) == etf.KindNotFound || etf.KindOf(err) == etf.KindInvalid:
		return s.served, nil // what is wrong is said below
	}
	return "", err
}

// endOfTime is later than every forecast.
var endOfTime = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

// ForecastAsOf returns the newest forecast of the ETF by the model ("" = the one that is served at one session) that had been issued at an instant, or made
// from a data version or an earlier one ("" = now), with up to closes of the closes before it. The errors are those of LatestForecast
// and AsOf.
func (s *Service) ForecastAsOf(ctx context.Context, symbol, model, asOf string, closes int) (ShownForecast, error) {
	if model == "" {
		var err error
		if model, err = s.shownModel(ctx, symbol, asOf); err != nil {
			return ShownForecast{}, err
		}
	}
	_, symbolErr := etf.ParseSymbol(symbol)
	var modelErr error
	if !modelForm.MatchString(model) {
		modelErr = s.unknownModel(model)
	}
	if err := errors.Join(symbolErr, modelErr); err != nil {
		return ShownForecast{}, err
	}
	e, err := s.ETF(ctx, symbol)
	if err != nil {
		return ShownForecast{}, err
	}
	at, err := s.AsOf(ctx, e.Symbol, asOf)
	if err != nil {
		return ShownForecast{}, err
	}
	by, version := endOfTime, int64(etf.NewestVersion)
	switch {
	case at.Given && !at.At.IsZero():
		by = at.At
	case at.Given:
		version = at.Version
	}
	origin, err := s.store.NewestOrigin(ctx, e.Symbol, model, by, version)
	if err != nil {
		return ShownForecast{}, err
	}
	if origin.IsZero() {
		if !at.Given && s.knows(model) {
			return ShownForecast{}, s.noForecast(e, model)
		}
		if !s.knows(model) {
			return ShownForecast{}, s.unknownModel(model)
		}
		return ShownForecast{}, etf.NotFound("as-of", fmt.Sprintf("%s had no forecast by model %s then", e.Symbol, model), "ask for a later instant or version, or leave it out")
	}
	list, err := s.store.ForecastsOf(ctx, e.Symbol, model, origin)
	if err != nil {
		return ShownForecast{}, err
	}
	cal, err := calendar.For(e.Exchange)
	if err != nil {
		return ShownForecast{}, err
	}
	deadline, err := scoring.Deadline(cal, origin)
	if err != nil {
		return ShownForecast{}, err
	}
	issued := make([]scoring.Issued, len(list))
	newest := -1
	for i, f := range list {
		issued[i] = scoring.Issued{ID: f.ID, At: f.IssuedAt, Held: f.Held > 0, Chain: f.Chain}
		if !f.IssuedAt.After(by) && f.DataVersion.Number <= version {
			newest = i
		}
	}
	if newest < 0 {
		return ShownForecast{}, etf.NotFound("model", fmt.Sprintf("the forecasts of %s from %s have changed meanwhile", e.Symbol, origin), "repeat the command")
	}
	f := list[newest]
	if f.Entered() {
		return ShownForecast{}, etf.NotFound("model", fmt.Sprintf("%s is the name of an entrant, whose forecasts are scored and not served", model),
			fmt.Sprintf("list its entries with `etfcast entry list --model %s`", model))
	}
	shown := ShownForecast{ETF: e, Standing: scoring.Standings(issued, deadline)[newest]}
	if shown.Forecast, err = s.marked(ctx, f); err != nil {
		return ShownForecast{}, err
	}
	// A year has some 250 sessions: twice as many days are enough, and a week for the holidays of a short span.
	query := BarQuery{Symbol: e.Symbol, Window: etf.Window{From: origin.AddDays(-2*closes - 14), To: origin},
		AsOf: etf.AsOf{Version: f.DataVersion.Number, KnownFrom: f.AsOf, Given: true}}
	if f.Basis == etf.SplitAdjusted {
		query.Adjust = quality.AdjustSplit
	}
	err = s.EachBar(ctx, query, func(b BarRow) error {
		if !b.Quarantined && !b.Held {
			shown.Closes = append(shown.Closes, b.Bar)
		}
		return nil
	})
	shown.Closes = shown.Closes[max(0, len(shown.Closes)-closes):]
	return shown, err
}
