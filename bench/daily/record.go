package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/drift"
	"github.com/etfcast/etfcast/forecast/issue"
	"github.com/etfcast/etfcast/ledger"
	"github.com/etfcast/etfcast/workflows"
)

// recorded are the models of the product's daily run, the benchmark first.
var recorded = []string{"drift", "prophet"}

// seedRecord stores the forecasts that meet their prices in the session: from the origins 1, 5 and 21 sessions before it, of record. Both
// models' are drift's, as fitting them is not measured. What has come already is scored, and the heads are anchored.
func seedRecord(ctx context.Context, cal *calendar.Calendar, session etf.Session, symbols []etf.Symbol) error {
	store, err := db.Open(os.Getenv(db.DSNVariable), db.Options{})
	if err != nil {
		return err
	}
	defer store.Close()
	model, err := drift.New(drift.Settings{})
	if err != nil {
		return err
	}
	scoring := &activities.Scoring{Store: store, Horizons: etf.ScoreHorizons, Models: recorded, Benchmark: recorded[0], Now: time.Now}
	began := time.Now()
	for i, symbol := range symbols {
		var list []etf.Forecast
		for _, back := range []int{-21, -5, -1} {
			origin, err := cal.Nth(session, back)
			if err != nil {
				return err
			}
			made, err := seedForecasts(ctx, cal, store, model, symbol, origin)
			if err != nil {
				return err
			}
			list = append(list, made...)
		}
		appended, err := store.AppendForecasts(ctx, list)
		if err != nil {
			return err
		}
		for _, a := range appended {
			if a.Refused != nil {
				return a.Refused
			}
		}
		done, err := scoring.Score(ctx, symbol)
		if err != nil {
			return err
		}
		if want := 3 * len(recorded); done.Scores != want { // at 1 and 5 from the oldest, at 1 from the next
			return fmt.Errorf("%s has %d scores, want %d", symbol, done.Scores, want)
		}
		if (i+1)%100 == 0 || i+1 == len(symbols) {
			fmt.Fprintf(os.Stderr, "seeded the record of %d of %d ETFs, %.0f s\n", i+1, len(symbols), time.Since(began).Seconds())
		}
	}
	var unsigned *ledger.Signer
	_, err = store.Anchor(ctx, etf.AnchorScope{Symbols: symbols}, unsigned.Note)
	return err
}

func seedForecasts(ctx context.Context, cal *calendar.Calendar, store *db.Store, model *drift.Model, symbol etf.Symbol, origin etf.Session) ([]etf.Forecast, error) {
	history, err := store.History(ctx, symbol, origin, model.MaxRows())
	if err != nil {
		return nil, err
	}
	input, err := issue.Prepare(cal, symbol, etf.XNYS, origin, history)
	if err != nil {
		return nil, err
	}
	closed, err := cal.Close(origin)
	if err != nil {
		return nil, err
	}
	var list []etf.Forecast
	for _, name := range recorded {
		seed := forecast.Seed(symbol, name, origin)
		made, err := issue.Make(ctx, model, input, seed)
		if err != nil {
			return nil, err
		}
		f := etf.Forecast{
			Symbol: symbol, Model: name, Origin: origin, DataVersion: history.DataVersion, Basis: input.Basis, Params: model.Params(),
			ParamsHash: forecast.ParamsHash(model.Params()), Seed: seed, CodeVersion: "seeded", Diagnostics: made.Diagnostics, Run: "daily:XNYS:seeded",
			AsOf: history.AsOf, IssuedAt: closed.Add(time.Hour), Points: made.Points, Tails: made.Tails, Components: made.Components, Fit: made.Fit,
			ClosesHash: made.ClosesHash, Scale: made.Scale,
		}
		f.ID = forecast.ID(f)
		list = append(list, f)
	}
	return list, nil
}

// recordCost measures the day of four parts of the ETFs: with, without, without and with scoring and anchoring, because machine speed drifts.
// A fifth part goes before them, unmeasured: the first day of a database is slower.
func recordCost(ctx context.Context, c client.Client, with, without string, session etf.Session, symbols []etf.Symbol, pids processes) (cost, error) {
	var used [2]cpu // per ETF, over two parts
	var took [2]float64
	size := len(symbols) / 5
	for i, program := range []int{0, 0, 1, 1, 0} {
		part := symbols[i*size : (i+1)*size]
		in := workflows.DailyInput{Exchange: etf.XNYS, Session: session, Symbols: part}
		run, _, err := productRun(ctx, c, []string{with, without}[program], in, size, pids)
		if err != nil {
			return cost{}, err
		}
		if i == 0 {
			continue
		}
		used[program] = cpu{used[program].Workers + run.cpu.Workers/2, used[program].Stack + run.cpu.Stack/2, used[program].Database + run.cpu.Database/2}
		took[program] += 1 / run.rate / 2
	}
	sum := func(c cpu) float64 { return c.Workers + c.Stack + c.Database }
	percent := func(with, without float64) float64 { return 100 * (with/without - 1) }
	return cost{
		With: used[0].rounded(), Without: used[1].rounded(),
		CPUPercent: signed(percent(sum(used[0]), sum(used[1]))), CostPercent: signed(percent(took[0], took[1])),
	}, nil
}

// signed rounds to a tenth.
func signed(x float64) float64 {
	if x < 0 {
		return -round(-x, 1)
	}
	return round(x, 1)
}
