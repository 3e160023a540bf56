package issue

import (
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// Calibration calibrates quantiles; calibration.State implements it.
type Calibration interface {
	// Apply returns the calibrated quantiles, and whether there is anything to go by; if not, they are the raw ones.
	Apply(symbol etf.Symbol, model string, horizon int, volatility float64, raw etf.RawPoint) (etf.RawPoint, bool)
}

// Calibrate replaces the quantiles of a forecast by calibrated ones, and keeps the model's in Raw. It returns the forecast as it is, and
// false, if there is nothing to go by at any horizon, or if the forecast has no tails. Horizons count from where the series
// ends: those of a held origin are longer by in.Held. An error is of KindInternal: the calibrated forecast breaks the rules of package forecast.
func Calibrate(made Made, in Input, model string, by Calibration) (Made, bool, error) {
	if len(made.Tails) != len(made.Points) || made.Volatility == 0 {
		return made, false, nil
	}
	out := made
	out.Raw = make([]etf.RawPoint, len(made.Points))
	out.Points, out.Tails = append([]etf.ForecastPoint{}, made.Points...), append([][2]float64{}, made.Tails...)
	applied := false
	for i, p := range made.Points {
		out.Raw[i] = etf.RawPoint{Quantiles: p.Quantiles, Tails: made.Tails[i]}
		q, any := by.Apply(in.Symbol, model, p.Horizon+in.Held, made.Volatility, out.Raw[i])
		if any {
			applied = true
			out.Points[i].Quantiles, out.Tails[i] = q.Quantiles, q.Tails
		}
	}
	if !applied {
		return made, false, nil
	}
	if err := forecast.Check(out.Points); err != nil {
		return made, false, fmt.Errorf("checking the calibrated forecast of %s: %w", in.Symbol, err)
	}
	if err := forecast.CheckTails(out.Points, out.Tails); err != nil {
		return made, false, fmt.Errorf("checking the calibrated tails of %s: %w", in.Symbol, err)
	}
	return out, true, nil
}

// calibrationKey is where the parameters of a calibrated forecast have the hash of the assessment that it was calibrated by.
const calibrationKey = "calibration"

var hashForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// CalibratedParams returns a model's parameters with the hash of the assessment that its forecast is calibrated by, as canonical JSON.
func CalibratedParams(params, hash string) (string, error) {
	return withParam(params, calibrationKey, hash)
}

// calendarKey is the parameter that names the version of the exchange's calendar that a forecast was made with.
const calendarKey = "calendar_version"

// DatedParams adds the version of the calendar to a forecast's parameters. Of the built-in calendar, version 0, they stay as they are, and
// with them the forecast's ID.
func DatedParams(params string, version int) (string, error) {
	if version == 0 {
		return params, nil
	}
	return withParam(params, calendarKey, version)
}

// withParam adds a parameter that the model does not have.
func withParam(params, key string, value any) (string, error) {
	fields, err := paramFields(params)
	if err != nil {
		return "", err
	}
	if _, taken := fields[key]; taken {
		return "", &etf.Error{Kind: etf.KindInternal, Field: "params", Message: "the model has a parameter named " + key}
	}
	fields[key], _ = json.Marshal(value)
	return forecast.CanonicalJSON(fields)
}

// CalendarVersion returns the version of the calendar that a forecast's parameters name; 0 if they name none.
func CalendarVersion(params string) (int, error) {
	fields, err := paramFields(params)
	if err != nil {
		return 0, err
	}
	raw, ok := fields[calendarKey]
	if !ok {
		return 0, nil
	}
	var version int
	if err := json.Unmarshal(raw, &version); err != nil || version < 1 {
		return 0, etf.Invalid("params", "its calendar_version is no version of a calendar", "use the program that made the forecast")
	}
	return version, nil
}

// ModelParams returns a forecast's parameters as its model wrote them, without the hash and the calendar's version, and the hash; "" of one
// that is not calibrated.
func ModelParams(params string) (own, hash string, err error) {
	fields, err := paramFields(params)
	if err != nil {
		return "", "", err
	}
	_, dated := fields[calendarKey]
	delete(fields, calendarKey)
	raw, ok := fields[calibrationKey]
	switch {
	case !ok && !dated:
		return params, "", nil
	case !ok:
		own, err = forecast.CanonicalJSON(fields)
		return own, "", err
	}
	if err := json.Unmarshal(raw, &hash); err != nil || !hashForm.MatchString(hash) {
		return "", "", etf.Invalid("params", "its calibration is no hash of an assessment", "use the program that made the forecast")
	}
	delete(fields, calibrationKey)
	own, err = forecast.CanonicalJSON(fields)
	return own, hash, err
}

func paramFields(params string) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(params), &fields); err != nil || fields == nil {
		return nil, &etf.Error{Kind: etf.KindInvalid, Field: "params", Err: err, Message: "the parameters are no JSON object",
			Remedy: "use the program that made the forecast"}
	}
	return fields, nil
}
