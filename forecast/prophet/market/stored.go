package market

import (
	"encoding/json"
	"fmt"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/prophet"
	"github.com/etfcast/etfcast/forecast/prophet/config"
)

// storedFit is the fit as stored: everything Predict needs, without the history.
type storedFit struct {
	Format            int                   `json:"format"`
	Model             string                `json:"model"`
	Origin            etf.Session           `json:"origin"`
	From              etf.Session           `json:"from"`
	Gap               float64               `json:"gap"`
	Options           json.RawMessage       `json:"options"` // as written by package config
	YMin              float64               `json:"y_min"`
	YScale            float64               `json:"y_scale"`
	Start             prophet.Stamp         `json:"start"`   // microseconds since 1970-01-01
	TScale            prophet.Stamp         `json:"t_scale"` // microseconds
	Seasonalities     []prophet.Seasonality `json:"seasonalities"`
	TrainHolidayNames []string              `json:"train_holiday_names"`
	Changepoints      []prophet.Stamp       `json:"changepoints"` // microseconds since 1970-01-01
	ChangepointsT     []float64             `json:"changepoints_t"`
	Params            storedParams          `json:"params"`
	Residual          prophet.Residual      `json:"residual"`
	Report            prophet.Report        `json:"report"`
	// Fourier is the version of the original in whose order the seasonalities are computed; "" = 1.3.0, as in 0.1.0.
	Fourier string `json:"fourier"`
	// Sessions are those of a series of no exchange.
	Sessions []etf.Session `json:"sessions,omitempty"`
	// End is the scaled time of the last row of a fit that was carried on, Volatility one that follows the market.
	End        float64             `json:"end,omitempty"`
	Volatility *prophet.Volatility `json:"volatility,omitempty"`
}

// fourier is the value of storedFit.Fourier of a fit made by this version.
const fourier = "1.5.0"

type storedParams struct {
	K     []float64   `json:"k"`
	M     []float64   `json:"m"`
	Sigma []float64   `json:"sigma_obs"`
	Delta [][]float64 `json:"delta"`
	Beta  [][]float64 `json:"beta"`
}

// storedFormat is the version of the serialised fit; increment it when the fields of storedFit change. Format 1, written by
// version 0.1.0, lacks the fields of t innovations; it is read as what it was, a fit with normal ones. Format 2 lacks End and Volatility, and
// is written for a fit that has neither.
const storedFormat = 3

// MarshalBinary implements forecast.Fitted. It writes JSON, floats as the shortest text that reads back exactly.
func (m *fitted) MarshalBinary() ([]byte, error) {
	s, tail := m.f.State(), m.f.Tail()
	options, err := config.Marshal(s.Options)
	if err != nil {
		return nil, etf.Wrap(etf.KindInternal, err, "writing a prophet fit")
	}
	order := fourier
	if s.EarlierFourier {
		order = ""
	}
	format := 2
	if tail.End != 0 || tail.Volatility != nil {
		format = storedFormat
	} else if e := tail.Residual; s.YMin == 0 && e.DF == 0 && e.Slope == 0 && e.Behind == 0 {
		format = 1
	}
	var own []etf.Session
	if k := s.Options.Market.Own; k != nil {
		own = k.Days
	}
	b, err := json.Marshal(storedFit{
		Format: format, Model: m.name, Origin: m.origin, From: m.from, Gap: tail.Gap, Options: options,
		YMin: s.YMin, YScale: s.YScale, Start: s.Start, TScale: s.TScale, Seasonalities: s.Seasonalities,
		TrainHolidayNames: s.TrainHolidayNames, Changepoints: s.Changepoints, ChangepointsT: s.ChangepointsT,
		Params: storedParams{s.Params.K, s.Params.M, s.Params.SigmaObs, s.Params.Delta, s.Params.Beta}, Residual: tail.Residual, Report: s.Report,
		Fourier: order, Sessions: own, End: tail.End, Volatility: tail.Volatility,
	})
	return b, etf.Wrap(etf.KindInternal, err, "writing a prophet fit")
}

// Restore implements forecast.Model.
func (m *Model) Restore(blob []byte) (forecast.Fitted, error) {
	var v storedFit
	if err := json.Unmarshal(blob, &v); err != nil {
		return nil, etf.Wrap(etf.KindCorrupt, err, "reading a stored prophet fit")
	}
	if v.Format < 1 || v.Format > storedFormat || v.Model != m.Name() {
		return nil, &etf.Error{Kind: etf.KindCorrupt, Message: fmt.Sprintf("the stored fit is of model %q, format %d, but %s reads its own, formats 1 to %d", v.Model, v.Format, m.Name(), storedFormat), Remedy: "fit the model again"}
	}
	if (m.volatility == EWMA) != (v.Volatility != nil) || v.Format < storedFormat && (v.End != 0 || v.Volatility != nil) {
		return nil, &etf.Error{Kind: etf.KindCorrupt, Field: "volatility", Message: "a stored " + m.Name() + " fit is damaged", Remedy: "fit the model again"}
	}
	options, err := config.Unmarshal(v.Options)
	if err != nil {
		return nil, etf.Wrap(etf.KindCorrupt, err, "reading the options of a stored prophet fit")
	}
	if len(v.Sessions) > 0 {
		options.Market.Own = &prophet.OwnSessions{Days: v.Sessions}
	}
	f, err := prophet.NewForecaster(prophet.State{
		Options: options, YMin: v.YMin, YScale: v.YScale, Start: v.Start, TScale: v.TScale, Seasonalities: v.Seasonalities,
		TrainHolidayNames: v.TrainHolidayNames, Changepoints: v.Changepoints, ChangepointsT: v.ChangepointsT,
		Params: prophet.Params{K: v.Params.K, M: v.Params.M, SigmaObs: v.Params.Sigma, Delta: v.Params.Delta, Beta: v.Params.Beta}, Report: v.Report,
		EarlierFourier: v.Fourier != fourier,
	}, prophet.Tail{Gap: v.Gap, Residual: v.Residual, End: v.End, Volatility: v.Volatility})
	if err != nil {
		return nil, etf.Wrap(etf.KindCorrupt, err, "a stored prophet fit is damaged")
	}
	return &fitted{f: f, name: m.Name(), origin: v.Origin, from: v.From}, nil
}
