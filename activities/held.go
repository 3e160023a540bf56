package activities

import (
	"context"
	"slices"

	"go.temporal.io/sdk/activity"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// Reviewing looks at held closes again once the whole market is known.
type Reviewing struct {
	Bars    HeldBars
	History Forecasts
	Scoring *Scoring
}

// ReviewHeldInput asks for a review of a run's held closes.
type ReviewHeldInput struct {
	Run      etf.RunID    `json:"run"` // over the whole exchange
	Exchange etf.Exchange `json:"exchange"`
	Session  etf.Session  `json:"session"`
	After    etf.Symbol   `json:"after,omitempty"` // the last ETF already reviewed
	Limit    int          `json:"limit"`           // of held ETFs
}

// ReviewHeldResult says what came of it.
type ReviewHeldResult struct {
	// Released are the rows of the ETFs whose close the market explains, ascending: it is believed from now on.
	Released []etf.RunETF `json:"released,omitempty"`
	Reviewed int          `json:"reviewed"`
	// After is the last ETF reviewed; More says whether there may be others after it.
	After etf.Symbol `json:"after,omitempty"`
	More  bool       `json:"more,omitempty"`
}

const (
	// reviewPage is how many rows of the run are read at once to find the held ones.
	reviewPage = 500
	// reviewWitnesses bounds the ETFs whose moves are measured, spread evenly over those of the exchange: the median of 200
	// is within a tenth of that of thousands.
	reviewWitnesses = 200
	// reviewHistory is how many closes a local volatility is taken from, with the one that moved.
	reviewHistory = 61
)

// ReviewHeld releases the held closes of a run that the moves of the session's other ETFs explain
// (quality.MarketExplains), and returns their rows without the mark. All updates of the run have ended, so the result does not
// depend on their order. The forecasts that a released close decides on are scored. A repeat finds what an earlier attempt has released.
func (a *Reviewing) ReviewHeld(ctx context.Context, in ReviewHeldInput) (ReviewHeldResult, error) {
	rows, result, err := a.heldRows(ctx, in)
	if err != nil || len(rows) == 0 {
		return result, err
	}
	cal, err := calendar.For(in.Exchange)
	if err != nil {
		return result, err
	}
	bars, err := a.Bars.SessionBars(ctx, in.Exchange, in.Session)
	if err != nil {
		return result, err
	}
	moves, err := a.moves(ctx, cal, in, bars)
	if err != nil {
		return result, err
	}
	for i, row := range rows {
		at := slices.IndexFunc(bars, func(b etf.SessionBar) bool { return b.Symbol == row.Symbol })
		if at < 0 {
			continue
		}
		released := bars[at].Released == in.Run && !bars[at].Held
		if slices.Equal(bars[at].HeldBy, []string{quality.HeldClose}) {
			if released, err = a.review(ctx, cal, in, bars[at], moves); err != nil {
				return result, err
			}
		}
		if released {
			if _, err := a.Scoring.Score(ctx, row.Symbol); err != nil {
				return result, err
			}
			row.Held, row.ErrorType, row.ErrorMessage = false, "", ""
			result.Released = append(result.Released, row)
		}
		Progress(ctx, i+1)
	}
	activity.GetLogger(ctx).Info("held closes reviewed", "run", in.Run, "held", len(rows), "released", len(result.Released), "witnesses", len(moves))
	return result, nil
}

// heldRows returns the run's rows that are held, up to the limit, and the result without anything released.
func (a *Reviewing) heldRows(ctx context.Context, in ReviewHeldInput) ([]etf.RunETF, ReviewHeldResult, error) {
	var held []etf.RunETF
	result := ReviewHeldResult{After: in.After}
	for {
		rows, err := a.Bars.RunETFs(ctx, in.Run, result.After, reviewPage)
		if err != nil {
			return nil, result, err
		}
		for _, row := range rows {
			if row.Held && len(held) == in.Limit {
				result.More = true
				return held, result, nil
			}
			if row.Held {
				held = append(held, row)
				result.Reviewed++
			}
			result.After = row.Symbol
		}
		if len(rows) < reviewPage {
			return held, result, nil
		}
	}
}

// move is an ETF's move in the session, in local volatilities.
type move struct {
	symbol etf.Symbol
	size   float64
}

// moves measures the ETFs that traded in the session and in the one before it.
func (a *Reviewing) moves(ctx context.Context, cal *calendar.Calendar, in ReviewHeldInput, bars []etf.SessionBar) ([]move, error) {
	previous, err := cal.Previous(in.Session)
	if err != nil {
		return nil, nil //nolint:nilerr // the calendar's first session has no market before it
	}
	var moves []move
	for _, b := range evenly(bars, reviewWitnesses) {
		if b.NoTrade() || slices.Contains(b.HeldBy, quality.UnfinishedRow) {
			continue
		}
		size, last, ok, err := a.measure(ctx, cal, in, b)
		if err != nil {
			return nil, err
		}
		if ok && last == previous {
			moves = append(moves, move{b.Symbol, size})
		}
		Progress(ctx, len(moves))
	}
	return moves, nil
}

// evenly returns at most n of the bars, spread over all of them.
func evenly(bars []etf.SessionBar, n int) []etf.SessionBar {
	if len(bars) <= n {
		return bars
	}
	list := make([]etf.SessionBar, n)
	for i := range list {
		list[i] = bars[i*len(bars)/n]
	}
	return list
}

// measure returns the size of an ETF's move in the session, from its last believed close before, and that close's session.
func (a *Reviewing) measure(ctx context.Context, cal *calendar.Calendar, in ReviewHeldInput, b etf.SessionBar) (size float64, last etf.Session, ok bool, err error) {
	h, err := a.History.History(ctx, b.Symbol, in.Session-1, reviewHistory)
	if err != nil || len(h.Bars) == 0 {
		return 0, 0, false, err
	}
	last = h.Bars[len(h.Bars)-1].Session
	adjusted, err := quality.Adjust(append(h.Bars, b.StoredBar), h.Splits, in.Session)
	if err != nil {
		return 0, last, false, nil //nolint:nilerr // contradictory data make no witness, and are no surprise to be explained
	}
	closes := make([]etf.Price, len(adjusted))
	for i, bar := range adjusted {
		closes[i] = bar.Close
	}
	size, ok = quality.MoveInVolatilities(in.Exchange, closes, cal.Count(etf.Window{From: last + 1, To: in.Session}))
	return size, last, ok, nil
}

// review releases a held bar if the other ETFs' moves explain its own.
func (a *Reviewing) review(ctx context.Context, cal *calendar.Calendar, in ReviewHeldInput, b etf.SessionBar, moves []move) (released bool, err error) {
	own, _, ok, err := a.measure(ctx, cal, in, b)
	if err != nil || !ok {
		return false, err
	}
	others := make([]float64, 0, len(moves))
	for _, m := range moves {
		if m.symbol != b.Symbol {
			others = append(others, m.size)
		}
	}
	if !quality.MarketExplains(own, others) {
		return false, nil
	}
	return a.Bars.ReleaseHeld(ctx, b.Symbol, in.Session, in.Run)
}
