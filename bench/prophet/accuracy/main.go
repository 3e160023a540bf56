// Command accuracy scores the models on past closes: at every fifth session of a history it forecasts from what was
// known then, and compares with the closes 1, 5 and 21 sessions later.
//
//	go run ./bench/prophet/accuracy -exchange XNYS SPY.csv QQQ.csv
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

// every is the distance between origins, in sessions.
const every = 5

func run(ctx context.Context, args []string, w io.Writer) error {
	flags := flag.NewFlagSet("accuracy", flag.ContinueOnError)
	exchange := flags.String("exchange", "XNYS", "the exchange of the files")
	if err := flags.Parse(args); err != nil {
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
	fmt.Fprintln(tw, "file\tmodel\th\torigins\tMAE / drift\tpinball / drift\tin 80 %\tin 90 %")
	for _, path := range flags.Args() {
		series, err := read(ctx, cal, x, path)
		if err != nil {
			return err
		}
		scores, err := evaluate(ctx, cal, series)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, s := range scores {
			s.File = filepath.Base(path)
			fmt.Fprintf(tw, "%s\t%s\t%d\t%d\t%.3f\t%.3f\t%.3f\t%.3f\n", s.File, s.Model, s.Horizon, s.Origins, s.MAE, s.Pinball, s.In80, s.In90)
			all = append(all, s)
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

type score struct {
	File    string  `json:"file"`
	Model   string  `json:"model"`
	Horizon int     `json:"horizon"`
	Origins int     `json:"origins"`
	MAE     float64 `json:"mae_relative"`
	Pinball float64 `json:"pinball_relative"`
	In80    float64 `json:"in_80"`
	In90    float64 `json:"in_90"`
}

// forecaster is a model's name and its forecasts of the targets after a series.
type forecaster struct {
	name     string
	forecast func(ctx context.Context, past forecast.Series, targets []etf.Session) ([]etf.ForecastPoint, error)
}

func of(m forecast.Model) forecaster {
	return forecaster{m.Name(), func(ctx context.Context, past forecast.Series, targets []etf.Session) ([]etf.ForecastPoint, error) {
		fitted, err := m.Fit(ctx, past, forecast.Seed(past.Symbol, m.Name(), past.Origin), nil)
		if err != nil {
			return nil, err
		}
		return fitted.Predict(targets)
	}}
}

// withoutResiduals is package market's model, except that residuals are independent in every row, as in the original.
func withoutResiduals(ctx context.Context, past forecast.Series, targets []etf.Session) ([]etf.ForecastPoint, error) {
	o := prophet.Defaults()
	o.Market, o.Seed = prophet.MarketFor(string(past.Exchange)), forecast.Seed(past.Symbol, market.Name, past.Origin)
	o.Market.ResidualAR1 = false
	m, err := prophet.New(o)
	if err != nil {
		return nil, err
	}
	past = past.Tail(market.DefaultWindow)
	history, ahead := &prophet.Frame{Y: past.Close}, &prophet.Frame{}
	for _, s := range past.Sessions {
		history.DS = append(history.DS, prophet.SessionStamp(s))
	}
	for _, s := range targets {
		ahead.DS = append(ahead.DS, prophet.SessionStamp(s))
	}
	fitted, err := m.Fit(ctx, history, prophet.FitOptions{})
	if err != nil {
		return nil, err
	}
	fc, err := fitted.Predict(ctx, ahead, prophet.PredictOptions{Levels: etf.QuantileLevels[:]})
	if err != nil {
		return nil, err
	}
	points := make([]etf.ForecastPoint, len(targets))
	for i := range points {
		points[i] = etf.ForecastPoint{Horizon: i + 1, Target: targets[i], Mean: fc.Mean[i]}
		for k := range etf.QuantileLevels {
			points[i].Quantiles[k] = fc.Quantiles[k][i]
		}
	}
	return points, nil
}

// evaluate forecasts from the same origins with drift, which comes first, and the others.
func evaluate(ctx context.Context, cal *calendar.Calendar, s forecast.Series) ([]score, error) {
	models := []forecaster{of(drift.Default()), of(market.Default()), {"without residual_ar1", withoutResiduals}}
	var origins []int
	for at := market.DefaultWindow; at+etf.MaxHorizon < len(s.Close); at += every {
		origins = append(origins, at)
	}
	if len(origins) == 0 {
		return nil, fmt.Errorf("%d rows are too few for an origin", len(s.Close))
	}
	points := make([][][]etf.ForecastPoint, len(models)) // model, origin, horizon
	for m := range models {
		points[m] = make([][]etf.ForecastPoint, len(origins))
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, at := range origins {
		group.Go(func() error {
			past := s
			past.Sessions, past.Close, past.Steps, past.Origin = s.Sessions[:at+1], s.Close[:at+1], s.Steps[:at+1], s.Sessions[at]
			for m, model := range models {
				var err error
				if points[m][i], err = model.forecast(ctx, past, s.Sessions[at+1:at+1+etf.MaxHorizon]); err != nil {
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
		for _, h := range horizons {
			mae, pinball, in80, in90 := losses(s.Close, origins, points[m], h)
			baseMAE, basePinball, _, _ := losses(s.Close, origins, points[0], h)
			out = append(out, score{Model: model.name, Horizon: h, Origins: len(origins), MAE: mae / baseMAE, Pinball: pinball / basePinball, In80: in80, In90: in90})
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
