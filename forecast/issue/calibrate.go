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
	fields, err := paramFields(params)
	if err != nil {
		return "", err
	}
	if _, taken := fields[calibrationKey]; taken {
		return "", &etf.Error{Kind: etf.KindInternal, Field: "params", Message: "the model has a parameter named " + calibrationKey}
	}
	fields[calibrationKey], _ = json.Marshal(hash)
	return forecast.CanonicalJSON(fields)
}

// ModelParams returns a forecast's parameters without the hash, as its model wrote them, and the hash; "" of one that is not calibrated.
func ModelParams(params string) (own, hash string, err error) {
	fields, err := paramFields(params)
	if err != nil {
		return "", "", err
	}
	raw, ok := fields[calibrationKey]
	if !ok {
		return params, "", nil
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
