package db

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// checkTails requires no tails at all, or a pair of finite numbers for each point.
func checkTails(f etf.Forecast) error {
	if len(f.Tails) == 0 {
		return nil
	}
	if len(f.Tails) != len(f.Points) {
		return etf.Invalid("tails", strconv.Itoa(len(f.Tails))+" pairs for "+strconv.Itoa(len(f.Points))+" points", "give one for each point, or none")
	}
	for i, tail := range f.Tails {
		for _, v := range tail {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return etf.Invalid("tails["+strconv.Itoa(i)+"]", "a value is not finite", "fix the model: it must refuse such a fit")
			}
		}
	}
	return nil
}

// checkScale requires finite numbers.
func checkScale(f etf.Forecast) error {
	for _, v := range []float64{f.Scale.Absolute, f.Scale.Squared} {
		if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			return etf.Invalid("scale", "it is not finite, or below zero", "compute it with forecast.ScaleOf")
		}
	}
	return nil
}

// addTails adds the row of a forecast's tails, if it has any. The shortest digits read back as the same float64s.
func addTails(ins *inserter, f etf.Forecast) error {
	if len(f.Tails) == 0 {
		return nil
	}
	list, err := json.Marshal(f.Tails)
	if err != nil {
		return etf.Wrap(etf.KindInternal, err, "encoding a forecast's tails")
	}
	ins.row(f.ID, string(list))
	return nil
}

// addProvenance adds the row of what a forecast was made by and from, if it says anything about that.
func addProvenance(ins *inserter, f etf.Forecast) {
	if f.ClosesHash == "" && f.Scale == (etf.Scale{}) && f.Build == (etf.Build{}) {
		return
	}
	ins.row(f.ID, f.ClosesHash, double(f.Scale.Absolute), double(f.Scale.Squared), f.Build.Go, f.Build.Arch, f.Build.Features, f.Build.Modified)
}

// withProvenance fills in the tails of the forecasts, what they were made by and from, and their raw quantiles. at has their indices by ID.
func (s *Store) withProvenance(ctx context.Context, list []etf.Forecast, ids []string, at map[string]int) error {
	tails, err := s.q.ListForecastTails(ctx, ids)
	if err != nil {
		return translate(err, "reading the forecasts' tails")
	}
	for _, r := range tails {
		if err := addStoredTails(&list[at[r.ForecastID]], r); err != nil {
			return err
		}
	}
	rows, err := s.q.ListForecastProvenance(ctx, ids)
	if err != nil {
		return translate(err, "reading what the forecasts were made by")
	}
	for _, r := range rows {
		f := &list[at[r.ForecastID]]
		f.ClosesHash, f.Scale = r.ClosesHash, etf.Scale{Absolute: r.ScaleAbsolute, Squared: r.ScaleSquared}
		f.Build = etf.Build{Go: r.GoVersion, Arch: r.Arch, Features: r.Features, Modified: r.Modified}
	}
	raw, err := s.q.ListForecastRaw(ctx, ids)
	if err != nil {
		return translate(err, "reading the forecasts' raw quantiles")
	}
	for _, r := range raw {
		f := &list[at[r.ForecastID]]
		f.Volatility = r.Volatility
		if f.Raw, err = decodeRaw(r.ForecastID, r.ByHorizon); err != nil {
			return err
		}
	}
	return nil
}

// checkRaw requires a volatility that is not negative, and no raw quantiles at all or, with a volatility, finite ones for each point.
func checkRaw(f etf.Forecast) error {
	if math.IsNaN(f.Volatility) || math.IsInf(f.Volatility, 0) || f.Volatility < 0 {
		return etf.Invalid("volatility", "it is not finite, or below zero", "compute it with forecast.Volatility")
	}
	switch {
	case len(f.Raw) == 0:
		return nil
	case len(f.Raw) != len(f.Points) || f.Volatility == 0:
		return etf.Invalid("raw", strconv.Itoa(len(f.Raw))+" of "+strconv.Itoa(len(f.Points))+" points, or no volatility", "give the volatility, and raw quantiles for each point or none")
	}
	for i, p := range f.Raw {
		for _, v := range append(p.Tails[:], p.Quantiles[:]...) {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return etf.Invalid("raw["+strconv.Itoa(i)+"]", "a value is not finite", "fix the model: it must refuse such a fit")
			}
		}
	}
	return nil
}

// addRaw adds the row of a forecast's volatility and its raw quantiles, if it has any.
func addRaw(ins *inserter, f etf.Forecast) error {
	if f.Volatility == 0 {
		return nil
	}
	text := ""
	if len(f.Raw) > 0 {
		list, err := json.Marshal(f.Raw)
		if err != nil {
			return etf.Wrap(etf.KindInternal, err, "encoding a forecast's raw quantiles")
		}
		text = string(list)
	}
	ins.row(f.ID, double(f.Volatility), text)
	return nil
}

// decodeRaw reads the stored text of a forecast's raw quantiles; nil of an empty one. KindCorrupt with Field "raw".
func decodeRaw(forecast, text string) ([]etf.RawPoint, error) {
	if text == "" {
		return nil, nil
	}
	var list []struct { // arrays would take numbers too few or too many
		Quantiles []float64 `json:"quantiles"`
		Tails     []float64 `json:"tails"`
	}
	err := json.Unmarshal([]byte(text), &list)
	points := make([]etf.RawPoint, len(list))
	for i, p := range list {
		if len(p.Quantiles) != len(points[i].Quantiles) || len(p.Tails) != len(points[i].Tails) {
			err = fmt.Errorf("%d and %d numbers at point %d", len(p.Quantiles), len(p.Tails), i+1)
			break
		}
		points[i] = etf.RawPoint{Quantiles: [7]float64(p.Quantiles), Tails: [2]float64(p.Tails)}
	}
	if err == nil && len(points) == 0 {
		err = fmt.Errorf("it has no points")
	}
	if err != nil {
		return nil, &etf.Error{Kind: etf.KindCorrupt, Field: "raw", Err: err,
			Message: "decoding the raw quantiles of forecast " + forecast, Remedy: compareWithBackup}
	}
	return points, nil
}

func addStoredTails(f *etf.Forecast, row sqlcgen.ForecastTail) (err error) {
	f.Tails, err = decodeTails(row.ForecastID, row.ByHorizon)
	return err
}

// decodeTails reads the stored text of a forecast's tails: a pair for each of its points. KindCorrupt with Field "tails".
func decodeTails(forecast, text string) ([][2]float64, error) {
	var list [][]float64 // an array would take numbers too few or too many
	err := json.Unmarshal([]byte(text), &list)
	var pairs [][2]float64
	for i := 0; i < len(list) && err == nil; i++ {
		if len(list[i]) != 2 {
			err = fmt.Errorf("%d numbers at point %d", len(list[i]), i+1)
			break
		}
		pairs = append(pairs, [2]float64(list[i]))
	}
	if err != nil {
		return nil, &etf.Error{Kind: etf.KindCorrupt, Field: "tails", Err: err,
			Message: "decoding the tails of forecast " + forecast, Remedy: compareWithBackup}
	}
	return pairs, nil
}
