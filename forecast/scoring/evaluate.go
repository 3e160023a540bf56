package scoring

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// revised is by how much an actual price must differ, relative to itself, to be another one.
const revised = 1e-9

// Task is what Evaluate brings up to date: the scores of an ETF's forecasts in some pairs.
type Task struct {
	Calendar  *calendar.Calendar
	Symbol    etf.Symbol
	Exchange  etf.Exchange
	Benchmark string // model
	Version   int64  // the ETF's data version, as of which Prices is what is believed
	Now       time.Time
	Prices    Prices
	Pairs     []Pair
	Forecasts []etf.Forecast // all of the pairs' origins
	Scores    []etf.Score    // the newest versions of all scores of the pairs
}

// Evaluate returns the new versions of scores, with what they change in the sums of sessions, and the targets moved. A forecast that
// can't be measured is left out, with the reason in corrupt; the others don't depend on it.
//
// A pair's scores have to be those that its forecasts, standings and prices give now. One that is missing is added; one whose
// actual price, target or standing is another now gets a new version; one that has no actual price any more, or does not count any
// more, gets a version that withdraws it.
func Evaluate(t Task) (c etf.ScoreChanges, done etf.Scored, corrupt []error) {
	origins := map[etf.Session][]etf.Forecast{}
	for _, f := range t.Forecasts {
		origins[f.Origin] = append(origins[f.Origin], f)
	}
	stored := map[Pair][]etf.Score{}
	for _, s := range t.Scores {
		p := Pair{s.Origin, s.Horizon}
		stored[p] = append(stored[p], s)
	}
	standings := map[etf.Session][]etf.Standing{}
	for _, p := range t.Pairs {
		list := origins[p.Origin]
		if len(list) == 0 {
			continue
		}
		target, err := t.Calendar.Nth(p.Origin, p.Horizon)
		if err != nil {
			continue
		}
		if _, ok := standings[p.Origin]; !ok {
			standings[p.Origin] = t.standings(p.Origin, list)
		}
		before := stored[p]
		after := slices.Clone(before)
		changed := false
		for i, f := range list {
			k := slices.IndexFunc(before, func(s etf.Score) bool { return s.Forecast == f.ID })
			var old *etf.Score
			if k >= 0 {
				old = &before[k]
			}
			s, moved, err := t.score(f, standings[p.Origin][i], p.Horizon, target, old)
			if err != nil {
				corrupt = append(corrupt, fmt.Errorf("forecast %s of %s and %s at horizon %d: %w", f.ID, t.Symbol, f.Model, p.Horizon, err))
				continue
			}
			if s == nil {
				continue
			}
			changed = true
			c.Scores = append(c.Scores, *s)
			done.Scores++
			switch {
			case s.Withdrawn:
				done.Withdrawn++
			case old != nil:
				done.Revised++
			}
			if moved {
				done.Redated++
				c.Moved = append(c.Moved, etf.MovedTarget{Forecast: f.ID, Horizon: p.Horizon, Target: target})
			}
			if k >= 0 {
				after[k] = *s
			} else {
				after = append(after, *s)
			}
		}
		if changed {
			c.Remove = append(c.Remove, Contributions(before, t.Benchmark)...)
			c.Add = append(c.Add, Contributions(after, t.Benchmark)...)
		}
	}
	c.Symbol, c.At = t.Symbol, t.Now
	return c, done, corrupt
}

// standings returns the standing of each of an origin's forecasts.
func (t Task) standings(origin etf.Session, list []etf.Forecast) []etf.Standing {
	standings := make([]etf.Standing, len(list))
	deadline, err := Deadline(t.Calendar, origin)
	if err != nil {
		for i := range standings {
			standings[i] = etf.Repeated
		}
		return standings
	}
	byModel := map[string][]int{}
	for i, f := range list {
		byModel[f.Model] = append(byModel[f.Model], i)
	}
	for _, of := range byModel {
		issued := make([]Issued, len(of))
		for k, i := range of {
			issued[k] = Issued{ID: list[i].ID, At: list[i].IssuedAt, Held: list[i].Held > 0, Chain: list[i].Chain}
		}
		for k, standing := range Standings(issued, deadline) {
			standings[of[k]] = standing
		}
	}
	return standings
}

// score returns the new version of a score, nil if the old one (which may be nil) still holds, and whether its target differs
// from the forecast's and has not been recorded before.
func (t Task) score(f etf.Forecast, standing etf.Standing, horizon int, target etf.Session, old *etf.Score) (s *etf.Score, moved bool, err error) {
	i := slices.IndexFunc(f.Points, func(p etf.ForecastPoint) bool { return p.Horizon == horizon })
	actual, known := 0.0, false
	if i >= 0 && standing != etf.Repeated {
		actual, known = Actual(t.Calendar, t.Prices, f, target)
	}
	switch {
	case old == nil && !known, old != nil && old.Withdrawn && !known:
		return nil, false, nil
	case old != nil && !old.Withdrawn && known && old.Target == target && old.Standing == standing &&
		math.Abs(actual-old.Actual) <= revised*math.Abs(old.Actual):
		return nil, false, nil
	}
	s = &etf.Score{
		Forecast: f.ID, Symbol: t.Symbol, Exchange: t.Exchange, Model: f.Model, Origin: f.Origin, Horizon: horizon, Standing: standing,
		Version: 1, Target: target, Withdrawn: !known, DataVersion: t.Version, ForecastVersion: f.DataVersion.Number, ScoredAt: t.Now, Scale: f.Scale,
	}
	if old != nil {
		s.Version = old.Version + 1
	}
	if !known {
		s.Standing = old.Standing // Repeated is no standing of a score
		return s, false, nil
	}
	var tails *[2]float64
	if i < len(f.Tails) {
		tails = &f.Tails[i]
	}
	s.Actual = actual
	if s.Losses, err = Measure(f.Points[i], tails, actual); err != nil {
		return nil, false, err
	}
	if !finite(s.Losses) {
		return nil, false, &etf.Error{Kind: etf.KindCorrupt, Message: "its losses are too large for a number"}
	}
	return s, target != f.Points[i].Target && (old == nil || old.Target != target), nil
}

func finite(l etf.Losses) bool {
	values := append([]float64{l.Error, l.Absolute, l.Squared, l.CRPS, l.PIT}, l.Pinball[:]...)
	values = append(append(values, l.Winkler[:]...), append(l.Width[:], l.TailPinball[:]...)...)
	return !slices.ContainsFunc(values, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
}

// Mark returns the mark of scores that are complete as of what is known about the ETF now.
func Mark(cal *calendar.Calendar, u etf.Unscored, horizons []int) etf.ScoringMark {
	last := max(u.Last, u.Mark.Last)
	m := etf.ScoringMark{
		DataVersion: u.Version.Number, Horizons: horizons, Chains: map[string]int64{}, Last: last, Sessions: sessionsUpTo(cal, last),
	}
	for _, model := range u.Models {
		m.Chains[model] = 0
	}
	for model, position := range u.Mark.Chains {
		m.Chains[model] = position
	}
	for _, f := range u.Appended {
		if f.Model != "" {
			m.Chains[f.Model] = max(m.Chains[f.Model], f.Chain)
		}
	}
	return m
}
