package api

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// lastDay stands for "no end" in a window: the last date etf.ParseSession accepts.
var lastDay = etf.NewSession(2200, time.December, 31)

// Bars returns up to limit stored bars of a window after the given session, ascending; more says whether there are
// others.
func (s *Service) Bars(ctx context.Context, symbol etf.Symbol, w etf.Window, after etf.Session, limit int) (bars []etf.StoredBar, more bool, err error) {
	bars, err = s.store.BarsPage(ctx, symbol, w, after, limit+1)
	if err != nil {
		return nil, false, err
	}
	bars, more = cut(bars, limit)
	return bars, more, nil
}

// ParseWindow reads an inclusive window of sessions; an empty from or to leaves that end open. Errors name "from" or
// "to".
func ParseWindow(from, to string) (etf.Window, error) {
	w := etf.Window{To: lastDay}
	var errs []error
	read := func(field, text string, into *etf.Session) {
		if text == "" {
			return
		}
		v, err := etf.ParseSession(text)
		if err != nil {
			errs = append(errs, renamed(err, field))
			return
		}
		*into = v
	}
	read("from", from, &w.From)
	read("to", to, &w.To)
	if len(errs) == 0 && w.From > w.To {
		errs = append(errs, etf.Invalid("from", fmt.Sprintf("%s is after %s", w.From, w.To), "both ends are inclusive; exchange them"))
	}
	return w, joined(errs)
}

var (
	modelForm    = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
	forecastForm = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// LatestForecast returns the newest forecast of the ETF by the model, "" being the one that is served. KindNotFound
// for an unknown symbol and while there is no such forecast.
func (s *Service) LatestForecast(ctx context.Context, symbol, model string) (etf.Forecast, error) {
	if model == "" {
		model = s.served
	}
	if !modelForm.MatchString(model) {
		return etf.Forecast{}, etf.Invalid("model", fmt.Sprintf("%q is not the name of a model", clip(model)), "use a lower-case name, for example drift")
	}
	e, err := s.ETF(ctx, symbol)
	if err != nil {
		return etf.Forecast{}, err
	}
	found, err := s.store.LatestForecasts(ctx, e.Symbol, model)
	if err != nil && etf.KindOf(err) != etf.KindNotFound {
		return etf.Forecast{}, err
	}
	if err != nil || len(found) == 0 {
		return etf.Forecast{}, etf.NotFound("model", fmt.Sprintf("%s has no forecast by model %s yet", e.Symbol, model),
			fmt.Sprintf("a daily run makes one: POST /v1/runs or `etfcast run daily --exchange %s`", e.Exchange))
	}
	return found[0], nil
}

// Forecast returns one forecast; KindNotFound for an unknown ID, KindInvalid for text that is none.
func (s *Service) Forecast(ctx context.Context, id string) (etf.Forecast, error) {
	if !forecastForm.MatchString(id) {
		return etf.Forecast{}, etf.Invalid("id", fmt.Sprintf("%q is not the ID of a forecast", clip(id)), "IDs of forecasts are 32 lower-case hex digits")
	}
	f, err := s.store.Forecast(ctx, id)
	if err != nil && etf.KindOf(err) == etf.KindNotFound {
		return etf.Forecast{}, etf.NotFound("id", fmt.Sprintf("there is no forecast %s", id), "GET /v1/etfs/{symbol}/forecasts/latest gives the ID of the newest")
	}
	return f, err
}
