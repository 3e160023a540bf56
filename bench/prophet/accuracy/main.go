// Command accuracy scores the models on past closes: at every fifth session of a history it forecasts from what was
// known then, and compares with the closes 1, 5 and 21 sessions later.
//
//	go run ./bench/prophet/accuracy -exchange XNYS SPY.csv QQQ.csv
//	go run ./bench/prophet/accuracy -lengths 126,252,600,1000,2520 -units 1,1300 SPY.csv QQQ.csv
//
// With -lengths it gives every model only that many rows before each origin, and with -units it multiplies the closes; both
// forecasts of an origin then differ by nothing but the unit.
//
// For each file, model and horizon, over the same origins, it prints the mean absolute error of the median and the mean
// pinball loss over the seven quantiles, both relative to the random walk with drift (below 1 is better), and the share
// of closes within the 80 % and the 90 % interval. The last line is JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/drift"
	"github.com/etfcast/etfcast/forecast/prophet"
	"github.com/etfcast/etfcast/forecast/prophet/market"
	"github.com/etfcast/etfcast/source/file"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
}

// horizons are the reported horizons, in sessions.
var horizons = []int{1, 5, 21}

// trial is what one table row is about, besides the file.
type trial struct {
	rows    int     // given to the models before each origin
	unit    float64 // the closes are multiplied by it
	every   int     // the distance between origins, in sessions
	without bool    // also score the model without residual_ar1
}

func run(ctx context.Context, args []string, w io.Writer) error {
	flags := flag.NewFlagSet("accuracy", flag.ContinueOnError)
	exchange := flags.String("exchange", "XNYS", "the exchange of the files")
	lengths := flags.String("lengths", "", "numbers of rows that the models are given, separated by commas; without it ten years, and the model without residual_ar1 is scored too")
	units := flags.String("units", "1", "factors that the closes are multiplied by, separated by commas")
	every := flags.Int("every", 5, "sessions from one origin to the next")
	if err := flags.Parse(args); err != nil {
		return err
	}
	trials, err := trialsOf(*lengths, *units, *every)
	if err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("no file is named; give one or more CSV files of prices")
	}
	x, err := etf.ParseExchange(*exchange)
	if err != nil {
		return err
	}
	cal, err := calendar.For(x)
	if err != nil {
		return err
	}
	var all []score
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "rows\tunit\tfile\tmodel\th\torigins\tMAE / drift\tpinball / drift\tin 80 %\tin 90 %\tmedian phi")
	show := func(s score) {
		fmt.Fprintf(tw, "%d\t%g\t%s\t%s\t%d\t%d\t%.3f\t%.3f\t%.3f\t%.3f\t%s\n", s.Rows, s.Unit, s.File, s.Model, s.Horizon, s.Origins, s.MAE, s.Pinball, s.In80, s.In90, s.Phi)
		all = append(all, s)
	}
	for _, k := range trials {
		var together [][]score // of each file
		for _, path := range flags.Args() {
			series, err := read(ctx, cal, x, path)
			if err != nil {
				return err
			}
			scores, err := evaluate(ctx, series, k)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			if scores == nil {
				fmt.Fprintf(tw, "%d\t%g\t%s\ttoo few rows\n", k.rows, k.unit, filepath.Base(path))
				continue
			}
			for i := range scores {
				scores[i].File = filepath.Base(path)
				show(scores[i])
			}
			together = append(together, scores)
		}
		for _, s := range pooled(together) {
			show(s)
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(map[string]any{"scores": all})
}

func read(ctx context.Context, cal *calendar.Calendar, x etf.Exchange, path string) (forecast.Series, error) {
	src, err := file.New(file.Options{Dir: filepath.Dir(path)})
	if err != nil {
		return forecast.Series{}, err
	}
	symbol := etf.Symbol(strings.ToUpper(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))))
	response, err := src.Fetch(ctx, etf.Query{Symbol: symbol, Ref: filepath.Base(path) + "?basis=split_adjusted", Exchange: x, AsOf: time.Now()})
	if err != nil {
		return forecast.Series{}, err
	}
	return forecast.NewSeries(cal, symbol, x, response.Bars)
}

// trialsOf reads the flags. Without lengths there is one trial, of the default window.
func trialsOf(lengths, units string, every int) ([]trial, error) {
	if every < 1 {
		return nil, errors.New("-every is below 1; give a number of sessions")
	}
	k := trial{rows: market.DefaultWindow, every: every, without: lengths == ""}
	if lengths == "" {
		lengths = strconv.Itoa(market.DefaultWindow)
	}
	var out []trial
	for _, rows := range strings.Split(lengths, ",") {
		for _, unit := range strings.Split(units, ",") {
			var err error
			if k.rows, err = strconv.Atoi(rows); err != nil || k.rows < market.DefaultMinRows {
				return nil, fmt.Errorf("-lengths has %q; give whole numbers of %d or more", rows, market.DefaultMinRows)
			}
			if k.unit, err = strconv.ParseFloat(unit, 64); err != nil || !(k.unit > 0) {
				return nil, fmt.Errorf("-units has %q; give positive numbers", unit)
			}
			out = append(out, k)
		}
	}
	return out, nil
}

type score struct {
	Rows    int     `json:"rows"`
	Unit    float64 `json:"unit"`
	File    string  `json:"file"`
	Model   string  `json:"model"`
	Horizon int     `json:"horizon"`
	Origins int     `json:"origins"`
	MAE     float64 `json:"mae_relative"`
	Pinball float64 `json:"pinball_relative"`
	In80    float64 `json:"in_80"`
	In90    float64 `json:"in_90"`
	Phi     string  `json:"phi,omitempty"` // the median over the origins
}

// pooled are the means over the origins of all files.
func pooled(files [][]score) []score {
	if len(files) < 2 {
		return nil
	}
	out := slices.Clone(files[0])
	for i := range out {
		s := &out[i]
		s.File, s.Phi = "all", ""
		s.Origins, s.MAE, s.Pinball, s.In80, s.In90 = 0, 0, 0, 0, 0
		for _, scores := range files {
			s.Origins += scores[i].Origins
		}
		for _, scores := range files {
			weight := float64(scores[i].Origins) / float64(s.Origins)
			s.MAE += weight * scores[i].MAE
			s.Pinball += weight * scores[i].Pinball
			s.In80 += weight * scores[i].In80
			s.In90 += weight * scores[i].In90
		}
	}
	return out
}

// forecaster is a model's name and its forecasts of the targets after a series; phi is NaN for a model without one.
type forecaster struct {
	name     string
	forecast func(ctx context.Context, past forecast.Series, targets []etf.Session) (points []etf.ForecastPoint, phi float64, err error)
}

func of(m forecast.Model) forecaster {
	return forecaster{m.Name(), func(ctx context.Context, past forecast.Series, targets []etf.Session) ([]etf.ForecastPoint, float64, error) {
		fitted, err := m.Fit(ctx, past, forecast.Seed(past.Symbol, m.Name(), past.Origin), nil)
		if err != nil {
			return nil, 0, err
		}
		phi, err := strconv.ParseFloat(fitted.Diagnostics()["phi"], 64)
		if err != nil {
			phi = math.NaN()
		}
		points, err := fitted.Predict(targets)
		return points, phi, err
	}}
}

// withoutResiduals is package market's model, except that residuals are independent in every row, as in the original.
func withoutResiduals(ctx context.Context, past forecast.Series, targets []etf.Session) ([]etf.ForecastPoint, float64, error) {
	o := prophet.Defaults()
	o.Market, o.Seed = prophet.MarketFor(string(past.Exchange)), forecast.Seed(past.Symbol, market.Name, past.Origin)
	o.Market.ResidualAR1 = false
	m, err := prophet.New(o)
	if err != nil {
		return nil, 0, err
	}
	history, ahead := &prophet.Frame{Y: past.Close}, &prophet.Frame{}
	for _, s := range past.Sessions {
		history.DS = append(history.DS, prophet.SessionStamp(s))
	}
	for _, s := range targets {
		ahead.DS = append(ahead.DS, prophet.SessionStamp(s))
	}
	fitted, err := m.Fit(ctx, history, prophet.FitOptions{})
	if err != nil {
		return nil, 0, err
	}
	fc, err := fitted.Predict(ctx, ahead, prophet.PredictOptions{Levels: etf.QuantileLevels[:]})
	if err != nil {
		return nil, 0, err
	}
	points := make([]etf.ForecastPoint, len(targets))
	for i := range points {
		points[i] = etf.ForecastPoint{Horizon: i + 1, Target: targets[i], Mean: fc.Mean[i]}
		for k := range etf.QuantileLevels {
			points[i].Quantiles[k] = fc.Quantiles[k][i]
		}
	}
	return points, math.NaN(), nil
}

// evaluate forecasts from the same origins with drift, which comes first, and the others; nil if there is no origin.
func evaluate(ctx context.Context, s forecast.Series, k trial) ([]score, error) {
	models := []forecaster{of(drift.Default()), of(market.Default())}
	if k.without {
		models = append(models, forecaster{"without residual_ar1", withoutResiduals})
	}
	closes := slices.Clone(s.Close)
	for i := range closes {
		closes[i] *= k.unit
	}
	var origins []int
	for at := k.rows; at+etf.MaxHorizon < len(closes); at += k.every {
		origins = append(origins, at)
	}
	if len(origins) == 0 {
		return nil, nil
	}
	points := make([][][]etf.ForecastPoint, len(models)) // model, origin, horizon
	phi := make([][]float64, len(models))
	for m := range models {
		points[m], phi[m] = make([][]etf.ForecastPoint, len(origins)), make([]float64, len(origins))
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, at := range origins {
		group.Go(func() error {
			past := s
			past.Sessions, past.Close, past.Steps, past.Origin = s.Sessions[:at+1], closes[:at+1], s.Steps[:at+1], s.Sessions[at]
			past = past.Tail(k.rows)
			for m, model := range models {
				var err error
				if points[m][i], phi[m][i], err = model.forecast(ctx, past, s.Sessions[at+1:at+1+etf.MaxHorizon]); err != nil {
					return fmt.Errorf("%s: %w", model.name, err)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var out []score
	for m, model := range models {
		median := ""
		if slices.Sort(phi[m]); !math.IsNaN(phi[m][0]) {
			median = strconv.FormatFloat(phi[m][len(phi[m])/2], 'f', 4, 64)
		}
		for _, h := range horizons {
			mae, pinball, in80, in90 := losses(closes, origins, points[m], h)
			baseMAE, basePinball, _, _ := losses(closes, origins, points[0], h)
			out = append(out, score{Rows: k.rows, Unit: k.unit, Model: model.name, Horizon: h, Origins: len(origins), MAE: mae / baseMAE, Pinball: pinball / basePinball,
				In80: in80, In90: in90, Phi: median})
		}
	}
	return out, nil
}

// losses are means over the origins. Prices count relative to the origin's close, so that years are comparable.
func losses(closes []float64, origins []int, points [][]etf.ForecastPoint, h int) (mae, pinball, in80, in90 float64) {
	n := float64(len(origins))
	for i, at := range origins {
		q, actual, unit := points[i][h-1].Quantiles, closes[at+h], closes[at]
		mae += math.Abs(actual-q[3]) / unit / n
		for k, p := range etf.QuantileLevels {
			d := (actual - q[k]) / unit
			pinball += max(p*d, (p-1)*d) / float64(len(q)) / n
		}
		if actual >= q[1] && actual <= q[5] {
			in80 += 1 / n
		}
		if actual >= q[0] && actual <= q[6] {
			in90 += 1 / n
		}
	}
	return mae, pinball, in80, in90
}
