package activities

import (
	"context"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/scoring"
)

// Scoring scores forecasts against the prices that came. A nil Scoring scores nothing.
type Scoring struct {
	Store     Scores
	Horizons  []int    // distinct, ascending
	Models    []string // those of this program
	Benchmark string   // the model that the others are compared with
	Now       func() time.Time
}

// Score brings the scores of an ETF up to date with everything that is stored about it: bars, splits and forecasts, of this
// program's models and of entrants. Of this program's, it does not look for forecasts issued after their target: see ScoreOrigins. It looks only at what may have changed since the last time, so that a repeat changes nothing.
//
// A forecast whose stored parts can't be read or measured is left out, logged and counted (etf.Scored.Corrupt): it must not keep
// the ETF's other forecasts from being scored. It is looked at again when its actual price changes.
func (a *Scoring) Score(ctx context.Context, symbol etf.Symbol) (etf.Scored, error) {
	return a.ScoreOrigins(ctx, symbol)
}

// scorePersisted is Score for an ETF whose bars have been stored. It says if they only add to the others.
func (a *Scoring) scorePersisted(ctx context.Context, p etf.Persisted) (etf.Scored, error) {
	var q etf.UnscoredQuery
	if p.New > 0 && p.Revised+p.Actions+p.Quarantined+len(p.Released) == 0 {
		q.Added = etf.AddedBars{Version: p.DataVersion.Number, Bars: p.New}
	}
	return a.bringUpToDate(ctx, p.Symbol, q)
}

// ScoreOrigins is Score, and also looks at all forecasts from the origins: some may have been issued after their target. It follows a
// transaction that is committed, and goes on if the activity is cancelled: a cancelled run waits for the result that says what was
// stored, and nobody comes back to what is late.
func (a *Scoring) ScoreOrigins(ctx context.Context, symbol etf.Symbol, origins ...etf.Session) (etf.Scored, error) {
	return a.bringUpToDate(ctx, symbol, etf.UnscoredQuery{Origins: origins})
}

func (a *Scoring) bringUpToDate(ctx context.Context, symbol etf.Symbol, q etf.UnscoredQuery) (etf.Scored, error) {
	if a == nil {
		return etf.Scored{}, nil
	}
	q.Models = a.Models
	ctx, release := uncancelled(ctx)
	defer release()
	for race := 0; ; race++ {
		done, err := a.score(ctx, symbol, q)
		if etf.KindOf(err) == etf.KindConflict && race < maxLostRaces {
			continue
		}
		return done, err
	}
}

// uncancelled is a context that ends at the same time as ctx unless that is cancelled.
func uncancelled(ctx context.Context) (context.Context, context.CancelFunc) {
	until, limited := ctx.Deadline()
	ctx = context.WithoutCancel(ctx)
	if !limited {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, until)
}

func (a *Scoring) score(ctx context.Context, symbol etf.Symbol, q etf.UnscoredQuery) (etf.Scored, error) {
	u, err := a.Store.Unscored(ctx, symbol, q)
	if err != nil {
		return etf.Scored{}, err
	}
	cal, err := calendar.For(u.Exchange)
	if err == nil && u.Mark.Writer != "" && !scoring.Complete(cal, u.Mark, a.Horizons) {
		q.Everything = true
		u, err = a.Store.Unscored(ctx, symbol, q)
	}
	if err != nil {
		return etf.Scored{}, err
	}
	first, complete := u.Mark.Writer == "", scoring.Complete(cal, u.Mark, a.Horizons)
	if len(u.Appended) == 0 && (first || complete && u.Version.Number == u.Mark.DataVersion) {
		return etf.Scored{DataVersion: u.Version.Number}, nil // without a forecast there is nothing to mark as scored
	}
	pairs := scoring.Due(cal, u, a.Horizons)
	u.OnlyNew = !q.Everything && scoring.OnlyNew(cal, u, pairs)
	in, err := a.input(ctx, cal, &u, pairs)
	if err != nil {
		return etf.Scored{}, err
	}
	changes, done, corrupt := scoring.Evaluate(scoring.Task{
		Calendar: cal, Symbol: symbol, Exchange: u.Exchange, Benchmark: a.Benchmark, Version: u.Version.Number, Now: a.Now(),
		Prices: scoring.Prices{Basis: u.Basis, Bars: u.Bars, Splits: u.Splits}, Pairs: pairs, Forecasts: in.Forecasts, Scores: in.Scores,
	})
	changes.Number, changes.Version, changes.Before = u.Number, u.Version, u.Mark.Writer
	changes.Mark = scoring.Mark(cal, u, a.Horizons)
	if err := a.Store.SaveScores(ctx, changes); err != nil {
		return etf.Scored{}, err
	}
	for _, reason := range append(in.Corrupt, corrupt...) {
		activity.GetLogger(ctx).Error("forecast not scored", "symbol", symbol, "error", reason)
	}
	done.Corrupt, done.DataVersion = len(in.Corrupt)+len(corrupt), u.Version.Number
	return done, nil
}

// input reads the pairs' forecasts and scores. The scale of a forecast that has none stored, because it was issued before 0.2, is
// computed from all that was known when it was made.
func (a *Scoring) input(ctx context.Context, cal *calendar.Calendar, u *etf.Unscored, pairs []scoring.Pair) (etf.ScoringInput, error) {
	if len(pairs) == 0 {
		return etf.ScoringInput{}, nil
	}
	var origins []etf.Session
	for _, p := range pairs {
		if n := len(origins); n == 0 || origins[n-1] != p.Origin {
			origins = append(origins, p.Origin)
		}
	}
	in, err := a.Store.ScoringInput(ctx, *u, origins, a.Horizons)
	if err != nil {
		return in, err
	}
	if u.BarsFrom > firstBar && slices.ContainsFunc(in.Forecasts, unscaled) {
		if u.Bars, err = a.Store.BarStates(ctx, u.Number, firstBar); err != nil {
			return in, err
		}
		u.BarsFrom = firstBar
	}
	prices := scoring.Prices{Basis: u.Basis, Bars: u.Bars, Splits: u.Splits}
	for i, f := range in.Forecasts {
		if unscaled(f) {
			in.Forecasts[i].Scale = scoring.ScaleAt(cal, prices, f)
		}
	}
	return in, nil
}

// firstBar comes before every bar.
var firstBar = etf.NewSession(1000, 1, 1)

func unscaled(f etf.Forecast) bool { return f.Scale == etf.Scale{} }

// scoreLate scores what has come already of forecasts that were issued too late for the record.
func (a *Scoring) scoreLate(ctx context.Context, in ForecastInput, now time.Time) error {
	if a == nil {
		return nil
	}
	cal, err := calendar.For(in.Exchange)
	if err != nil {
		return err
	}
	deadline, err := scoring.Deadline(cal, in.Session)
	if err != nil || now.Before(deadline) {
		return err
	}
	_, err = a.ScoreOrigins(ctx, in.Symbol, in.Session)
	return err
}
