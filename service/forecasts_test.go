package service

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// forecasts is a Store with one ETF, SPY, and its forecasts.
type forecasts struct {
	Store
	fail   failures
	etf    etf.ETF
	stored []etf.Forecast // newest first
	fits   map[string][]byte
	// confirmed says how far the ETF's bars are confirmed.
	confirmed etf.Confirmation
	// newest is the exchange's newest assessment; zero before there is one.
	newest etf.Assessment
}

func (s *forecasts) NewestAssessment(context.Context, etf.Exchange) (etf.Assessment, error) {
	if s.newest.Hash == "" {
		return etf.Assessment{}, cmp.Or[error](s.fail["NewestAssessment"], etf.NotFound("assessment", "there is none", ""))
	}
	return s.newest, s.fail["NewestAssessment"]
}

func (s *forecasts) NewestOrigin(_ context.Context, symbol etf.Symbol, model string, _ time.Time, _ int64) (newest etf.Session, err error) {
	for _, f := range s.stored {
		if f.Symbol == symbol && f.Model == model {
			newest = max(newest, f.Origin)
		}
	}
	return newest, s.fail["NewestOrigin"]
}

func (s *forecasts) Confirmations(context.Context, []etf.Symbol) (map[etf.Symbol]etf.Confirmation, error) {
	list := map[etf.Symbol]etf.Confirmation{}
	if !s.confirmed.Session.IsZero() {
		list[s.etf.Symbol] = s.confirmed
	}
	return list, s.fail["Confirmations"]
}

func (s *forecasts) ETF(_ context.Context, symbol etf.Symbol) (etf.ETF, error) {
	if symbol != s.etf.Symbol {
		return etf.ETF{}, etf.NotFound("", "no row", "")
	}
	return s.etf, s.fail["ETF"]
}

func (s *forecasts) LatestForecasts(_ context.Context, symbol etf.Symbol, model string) (found []etf.Forecast, err error) {
	for _, f := range s.stored {
		if f.Symbol == symbol && f.Model == model && len(found) == 0 {
			found = append(found, f)
		}
	}
	return found, s.fail["LatestForecasts"]
}

func (s *forecasts) Retracted(context.Context, []string) (map[string][]string, error) {
	return nil, nil
}

func (s *forecasts) Forecast(_ context.Context, id string) (etf.Forecast, error) {
	if i := slices.IndexFunc(s.stored, func(f etf.Forecast) bool { return f.ID == id }); i >= 0 {
		return s.stored[i], s.fail["Forecast"]
	}
	return etf.Forecast{}, etf.NotFound("", "no row", "")
}

func (s *forecasts) ForecastFit(_ context.Context, id string) ([]byte, error) {
	return s.fits[id], s.fail["ForecastFit"]
}

var (
	models       = []Model{{Name: "drift", MinSessions: 64}, {Name: "prophet", MinSessions: 250}}
	newestDrift  = strings.Repeat("a1", 16)
	formerModel  = strings.Repeat("b2", 16)
	unknownID    = strings.Repeat("c3", 16)
	fittedWithIt = []byte(`{"trend":1}`)
)

func withForecasts() *forecasts {
	return &forecasts{
		etf: etf.ETF{Symbol: "SPY", Exchange: etf.XNYS},
		stored: []etf.Forecast{
			{ID: newestDrift, Symbol: "SPY", Model: "drift", Origin: friday, FitHash: "f00d"},
			{ID: formerModel, Symbol: "SPY", Model: "former", Origin: monday},
			{ID: strings.Repeat("d4", 16), Symbol: "SPY", Model: "drift", Origin: monday},
		},
		fits: map[string][]byte{newestDrift: fittedWithIt},
	}
}

func TestLatestForecast(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name          string
		deps          Deps
		symbol, model string
		want          string // the ID
		kind          etf.Kind
		fields        []string
		says          string // in the last problem
	}{
		{name: "by the model", deps: Deps{Models: models}, symbol: "SPY", model: "drift", want: newestDrift},
		{name: "by the benchmark if none is named", deps: Deps{Models: models}, symbol: "SPY", want: newestDrift},
		{name: "by the served model if none is named", deps: Deps{Models: models, ServedModel: "former"}, symbol: "SPY", want: formerModel},
		{name: "by a former model", deps: Deps{Models: models}, symbol: "SPY", model: "former", want: formerModel},
		{name: "no models are known", symbol: "SPY", want: newestDrift},
		{name: "an unknown model", deps: Deps{Models: models}, symbol: "SPY", model: "arima", kind: etf.KindInvalid, fields: []string{"model"}, says: "use drift or prophet"},
		{name: "not a model", deps: Deps{Models: models}, symbol: "SPY", model: "../etc", kind: etf.KindInvalid, fields: []string{"model"}, says: `"../etc" is not the name of a model`},
		{name: "not a model, no models are known", symbol: "SPY", model: "Drift", kind: etf.KindInvalid, fields: []string{"model"}, says: "for example drift"},
		{name: "an unknown symbol", deps: Deps{Models: models}, symbol: "QQQ", kind: etf.KindNotFound, fields: []string{"symbol"}, says: "QQQ is not registered"},
		{name: "not a symbol", deps: Deps{Models: models}, symbol: "spy", kind: etf.KindInvalid, fields: []string{"symbol"}, says: "not a symbol"},
		{name: "neither a symbol nor a model", deps: Deps{Models: models}, symbol: "spy", model: "../etc", kind: etf.KindInvalid, fields: []string{"symbol", "model"}, says: "not the name of a model"},
		{name: "none by the model yet", deps: Deps{Models: models}, symbol: "SPY", model: "prophet", kind: etf.KindNotFound, fields: []string{"model"}, says: "SPY has no forecast by model prophet yet"},
		{name: "none by any model of that name, no models are known", symbol: "SPY", model: "arima", kind: etf.KindNotFound, fields: []string{"model"}, says: "no forecast by model arima yet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.deps.Store = withForecasts()
			f, err := New(c.deps).LatestForecast(t.Context(), c.symbol, c.model)
			if c.kind == "" {
				if err != nil || f.ID != c.want {
					t.Errorf("got %s, %v; want %s", f.ID, err, c.want)
				}
				return
			}
			all := wantProblems(t, err, c.kind, c.fields...)
			if last := all[len(all)-1]; !strings.Contains(last.Message+"; "+last.Remedy, c.says) {
				t.Errorf("%v does not say %q", last, c.says)
			}
		})
	}
}

// The reason why there is no forecast follows from the bars that a model may use.
func TestNoForecastSaysWhy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name              string
		bars, quarantined int
		says, saysNot     string
	}{
		{"no prices", 0, 0, "a daily run fetches its prices and makes one: POST /v1/runs or `etfcast run daily --exchange XNYS`", "min_sessions"},
		{"only quarantined prices", 5, 5, "a daily run fetches its prices", "min_sessions"},
		{"too few", 249, 0, "it needs 250 sessions (min_sessions) but 249 are stored", "fetches its prices"},
		{"too few that are not quarantined", 300, 51, "a daily run makes one once 250 are stored", "fetches its prices"},
		{"enough", 250, 0, "error_type ModelFailed", "min_sessions"},
	} {
		store := withForecasts()
		store.etf.Bars, store.etf.Quarantined = c.bars, c.quarantined
		_, err := New(Deps{Store: store, Models: models}).LatestForecast(t.Context(), "SPY", "prophet")
		wantProblems(t, err, etf.KindNotFound, "model")
		if text := err.Error(); !strings.Contains(text, c.says) || strings.Contains(text, c.saysNot) {
			t.Errorf("%s: %s", c.name, text)
		}
	}
}

func TestForecast(t *testing.T) {
	t.Parallel()
	s := New(Deps{Store: withForecasts(), Models: models})
	if f, err := s.Forecast(t.Context(), formerModel); err != nil || !reflect.DeepEqual(f, withForecasts().stored[1]) {
		t.Errorf("got %+v, %v", f, err)
	}
	if fit, hash, err := s.ForecastFit(t.Context(), newestDrift); err != nil || string(fit) != string(fittedWithIt) || hash != "f00d" {
		t.Errorf("got the fit %s with hash %s, %v", fit, hash, err)
	}
	_, _, err := s.ForecastFit(t.Context(), formerModel)
	if all := wantProblems(t, err, etf.KindNotFound, "id"); !strings.Contains(all[0].Message, "stored without a fit") {
		t.Errorf("got %v", err)
	}
	for _, c := range []struct {
		name, id string
		kind     etf.Kind
		says     string
	}{
		{"unknown", unknownID, etf.KindNotFound, "there is no forecast " + unknownID},
		{"empty", "", etf.KindInvalid, `"" is not the ID of a forecast`},
		{"too short", unknownID[1:], etf.KindInvalid, "32 lower-case hex digits"},
		{"too long", unknownID + "0", etf.KindInvalid, "32 lower-case hex digits"},
		{"upper case", strings.ToUpper(newestDrift), etf.KindInvalid, "32 lower-case hex digits"},
	} {
		_, forecastErr := s.Forecast(t.Context(), c.id)
		_, _, fitErr := s.ForecastFit(t.Context(), c.id)
		for _, err := range []error{forecastErr, fitErr} {
			if all := wantProblems(t, err, c.kind, "id"); !strings.Contains(all[0].Error(), c.says) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
}

func TestForecastsWithoutTheStore(t *testing.T) {
	t.Parallel()
	for method, call := range map[string]func(*Service) error{
		"ETF":             func(s *Service) error { _, err := s.LatestForecast(t.Context(), "SPY", ""); return err },
		"LatestForecasts": func(s *Service) error { _, err := s.LatestForecast(t.Context(), "SPY", "arima"); return err },
		"Confirmations":   func(s *Service) error { _, err := s.LatestForecast(t.Context(), "SPY", ""); return err },
		"Forecast":        func(s *Service) error { _, err := s.Forecast(t.Context(), newestDrift); return err },
		"ForecastFit":     func(s *Service) error { _, _, err := s.ForecastFit(t.Context(), newestDrift); return err },
	} {
		store := withForecasts()
		store.fail = failures{method: storeAway}
		if err := call(New(Deps{Store: store, Models: models})); !errors.Is(err, storeAway) || etf.KindOf(err) != etf.KindUnavailable {
			t.Errorf("%s: %v", method, err)
		}
	}
	// A store may also say that there is none by an error.
	store := withForecasts()
	store.fail = failures{"LatestForecasts": etf.NotFound("", "no row", "")}
	_, err := New(Deps{Store: store, Models: models}).LatestForecast(t.Context(), "SPY", "prophet")
	wantProblems(t, err, etf.KindNotFound, "model")
}
