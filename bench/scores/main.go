// Command scores measures, on a real MySQL server, how fast due forecasts are scored and how fast the sums behind the scoreboard are
// read. Forecasts and bars are stored the way runs do it; sums of a year are written directly. Progress goes to standard error, one
// line of JSON to standard output.
package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/bench/database"
	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/scoring"
	"github.com/etfcast/etfcast/service"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench-scores:", err)
		os.Exit(1)
	}
}

type figures struct {
	ETFs          int     `json:"etfs"`
	Scores        int     `json:"scores"`
	Seconds       float64 `json:"seconds"`       // to score everything that is due, from nothing
	Daily         int     `json:"daily_scores"`  // of one new session
	DailySeconds  float64 `json:"daily_seconds"` // to score them
	DailyMs       float64 `json:"daily_ms"`      // of one ETF by itself, mean
	IdleMs        float64 `json:"idle_ms"`       // of one ETF with nothing due, mean
	Rows          int     `json:"sum_rows"`      // of sums of a year
	Sessions      int     `json:"sessions"`      // that they add up to
	ReadMs        float64 `json:"read_ms"`       // all of them, the best of five
	OneMs         float64 `json:"read_one_ms"`   // those of one horizon
	BoardMs       float64 `json:"scoreboard_ms"` // the whole scoreboard, statistics included, the best of five
	CheckSeconds  float64 `json:"check_seconds"` // what doctor does with the scores of this run
	ServerVersion string  `json:"server"`
}

const (
	origins   = 10
	atOnce    = 16 // the workers' default
	benchmark = "drift"
)

var models = []string{benchmark, "prophet"}

type bench struct {
	ctx   context.Context
	store *db.Store
	cal   *calendar.Calendar
	etfs  []etf.Symbol
	days  []etf.Session
}

func run(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench-scores", flag.ContinueOnError)
	flags.SetOutput(stderr)
	n := flags.Int("n", 500, "number of ETFs, each with 20 due forecasts")
	if err := flags.Parse(args); err != nil {
		return err
	}
	place, err := database.New(ctx, env(database.Variable))
	if err != nil {
		return err
	}
	defer place.Drop()
	if err := db.Migrate(ctx, place.DSN, db.MigrateOptions{Variable: database.Variable}); err != nil {
		return err
	}
	store, err := db.Open(place.DSN, db.Options{Variable: database.Variable})
	if err != nil {
		return err
	}
	defer store.Close()
	about, err := store.Capabilities(ctx)
	if err != nil {
		return err
	}
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		return err
	}
	b := &bench{ctx: ctx, store: store, cal: cal, days: cal.Sessions(etf.Window{From: etf.MustSession("2025-01-02"), To: etf.MustSession("2025-03-31")})}
	for i := range *n {
		b.etfs = append(b.etfs, etf.Symbol(fmt.Sprintf("SIM%04d", i)))
	}
	f := figures{ETFs: *n, ServerVersion: about.Server + " " + about.Version}
	fmt.Fprintf(stderr, "%s: %d ETFs with %d forecasts each\n", f.ServerVersion, *n, origins*len(models))
	if err := b.each(b.seed); err != nil {
		return err
	}
	if f.Scores, f.Seconds, err = b.score([]int{1}); err != nil {
		return err
	}
	fmt.Fprintf(stderr, "%d scores in %.2f s\n", f.Scores, f.Seconds)
	if err := b.each(func(symbol etf.Symbol) error { return b.bars(symbol, origins+1, origins+2) }); err != nil {
		return err
	}
	if err := b.each(func(symbol etf.Symbol) error { return b.forecasts(symbol, origins+1) }); err != nil {
		return err
	}
	if _, _, err := b.score([]int{1, 5, 10}); err != nil { // other horizons: everything again
		return err
	}
	if err := b.each(func(symbol etf.Symbol) error { return b.bars(symbol, origins+2, origins+3) }); err != nil {
		return err
	}
	if f.Daily, f.DailySeconds, err = b.score([]int{1, 5, 10}); err != nil {
		return err
	}
	if err := b.each(func(symbol etf.Symbol) error { return b.bars(symbol, origins+3, origins+4) }); err != nil {
		return err
	}
	alone := min(*n, 100)
	for _, ms := range []*float64{&f.DailyMs, &f.IdleMs} {
		start := time.Now()
		for _, symbol := range b.etfs[:alone] {
			if _, err := b.scorer([]int{1, 5, 10}).Score(ctx, symbol); err != nil {
				return err
			}
		}
		*ms = time.Since(start).Seconds() * 1e3 / float64(alone)
	}
	start := time.Now()
	if _, found, err := store.CheckScoreSums(ctx, contributions, 1); err != nil || len(found) > 0 {
		return fmt.Errorf("the sums are not those of the scores: %v %w", found, err)
	}
	f.CheckSeconds = time.Since(start).Seconds()
	if err := b.read(place.DSN, &f); err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(f)
}

// each calls do for every ETF, a few at once.
func (b *bench) each(do func(etf.Symbol) error) error {
	var wg sync.WaitGroup
	todo := make(chan etf.Symbol)
	failed := make(chan error, atOnce)
	for range atOnce {
		wg.Go(func() {
			for symbol := range todo {
				if err := do(symbol); err != nil {
					select {
					case failed <- fmt.Errorf("%s: %w", symbol, err):
					default:
					}
				}
			}
		})
	}
	for _, symbol := range b.etfs {
		todo <- symbol
	}
	close(todo)
	wg.Wait()
	close(failed)
	return <-failed
}

func (b *bench) seed(symbol etf.Symbol) error {
	if _, _, err := b.store.CreateETF(b.ctx, etf.ETF{Symbol: symbol, Exchange: etf.XNYS, Currency: "USD",
		Sources: []etf.SourceRef{{Name: "simulated", Ref: string(symbol)}}}); err != nil {
		return err
	}
	if err := b.bars(symbol, 0, origins+1); err != nil {
		return err
	}
	for i := range origins {
		if err := b.forecasts(symbol, i); err != nil {
			return err
		}
	}
	return nil
}

// bars stores the bars of the days from one to before another.
func (b *bench) bars(symbol etf.Symbol, from, to int) error {
	var list []etf.Bar
	for i, day := range b.days[from:to] {
		p := etf.Price(100e8 + int64((from+i)*37%11)*1e7)
		list = append(list, etf.Bar{Session: day, Open: p, High: p, Low: p, Close: p, Volume: etf.Shares(1000)})
	}
	_, err := b.store.SeedBars(b.ctx, symbol, "simulated", etf.AsTraded, list)
	return err
}

// forecasts appends one of each model from a day, issued an hour after its close.
func (b *bench) forecasts(symbol etf.Symbol, day int) error {
	origin := b.days[day]
	h, err := b.store.History(b.ctx, symbol, origin, 1)
	if err != nil {
		return err
	}
	closed, err := b.cal.Close(origin)
	if err != nil {
		return err
	}
	var list []etf.Forecast
	for k, model := range models {
		var id [16]byte
		_, _ = rand.Read(id[:])
		f := etf.Forecast{ID: hex.EncodeToString(id[:]), Symbol: symbol, Model: model, Origin: origin, DataVersion: h.DataVersion, Basis: etf.SplitAdjusted,
			Params: "{}", ParamsHash: strings.Repeat("0", 64), Seed: uint64(day), CodeVersion: "bench", AsOf: h.AsOf, IssuedAt: closed.Add(time.Hour)}
		for n := range etf.MaxHorizon {
			p := etf.ForecastPoint{Horizon: n + 1, Target: b.days[day+n+1], Mean: 100.1}
			for i := range p.Quantiles {
				p.Quantiles[i] = 100 + float64(i-3)*math.Sqrt(float64(n+1))*(1+.1*float64(k))
			}
			f.Points = append(f.Points, p)
		}
		list = append(list, f)
	}
	_, err = b.store.AppendForecasts(b.ctx, list)
	return err
}

func (b *bench) scorer(horizons []int) *activities.Scoring {
	return &activities.Scoring{Store: b.store, Horizons: horizons, Models: models, Benchmark: benchmark, Now: time.Now}
}

func (b *bench) score(horizons []int) (scores int, seconds float64, err error) {
	var total atomic.Int64
	a := b.scorer(horizons)
	start := time.Now()
	err = b.each(func(symbol etf.Symbol) error {
		done, err := a.Score(b.ctx, symbol)
		total.Add(int64(done.Scores))
		return err
	})
	return int(total.Load()), time.Since(start).Seconds(), err
}

// read writes the sums of a year and three models in four shards, and reads them.
func (b *bench) read(dsn string, f *figures) error {
	pool, err := sql.Open("mysql", dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	if _, err := pool.ExecContext(b.ctx, "DELETE FROM score_sums"); err != nil {
		return err
	}
	year := b.cal.Sessions(etf.Window{From: etf.MustSession("2024-01-02"), To: etf.MustSession("2024-12-27")})
	const sums = 32
	for _, model := range append(models, "other") {
		for _, horizon := range etf.ScoreHorizons {
			var rows []string
			for _, day := range year {
				for shard := range 4 {
					rows = append(rows, fmt.Sprintf("('XNYS','%s',%d,'record','%s',%d%s)", model, horizon, day, shard, strings.Repeat(",12345678901", sums)))
				}
			}
			if _, err := pool.ExecContext(b.ctx, "INSERT INTO score_sums VALUES "+strings.Join(rows, ",")); err != nil {
				return err
			}
			f.Rows += len(rows)
		}
	}
	for ms, filter := range map[*float64]etf.ScoreFilter{&f.ReadMs: {Standing: etf.OfRecord}, &f.OneMs: {Standing: etf.OfRecord, Horizon: 1}} {
		*ms = math.Inf(1)
		for range 5 {
			start := time.Now()
			list, err := b.store.SessionLosses(b.ctx, filter)
			if err != nil {
				return err
			}
			*ms = min(*ms, time.Since(start).Seconds()*1e3)
			f.Sessions = max(f.Sessions, len(list))
		}
	}
	svc := service.New(service.Deps{Store: b.store, Models: []service.Model{{Name: benchmark}}})
	f.BoardMs = math.Inf(1)
	for range 5 {
		start := time.Now()
		if _, err := svc.Scoreboard(b.ctx, service.ScoreRequest{}); err != nil {
			return err
		}
		f.BoardMs = min(f.BoardMs, time.Since(start).Seconds()*1e3)
	}
	return nil
}

func contributions(list []etf.Score) []etf.SessionLosses {
	return scoring.Contributions(list, benchmark)
}
