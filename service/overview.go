package service

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// Overview says how everything stands. It is never changed once it is made.
type Overview struct {
	AsOf      time.Time
	Event     int64 // the newest event that is counted in
	Waiting   OverviewWaiting
	Exchanges []OverviewExchange
	// Items are ascending by symbol. An item that has not changed is the same pointer as in the overview before.
	Items []*OverviewItem
}

// OverviewWaiting counts what waits for a person.
type OverviewWaiting struct{ Findings, Warnings, Actions, Stale, Failed int }

// The states of an exchange in an overview.
const (
	ExchangeEmpty    = "empty"    // it has no ETFs
	ExchangeComplete = "complete" // every ETF has what is due after the newest session
	ExchangeRunning  = "running"  // its run is at work
	ExchangeLate     = "late"     // an ETF is stale
	ExchangeWaiting  = "waiting"
)

// OverviewExchange says how an exchange stands at its newest closed session.
type OverviewExchange struct {
	Exchange            etf.Exchange
	TimeZone            string
	Session             etf.Session
	ClosedAt, DueAt     time.Time // DueAt without the delay of a source
	NextSession         etf.Session
	NextOpen, NextClose time.Time // zero after the last session of the calendar
	OpenNow             bool
	State               string
	Late                time.Duration
	ETFs                int
	Counted             int // ETFs that have the session's prices, or owe them: not one registered after its close
	Stored, Forecast    int // ETFs that have it
	Stale               int
	Waiting             OverviewWaiting
	Run                 *etf.Run // the newest of the whole exchange; nil if there is none
}

// The states of an ETF in an overview.
const (
	StateOK          = "ok"
	StateHeld        = "held"        // the newest bar is
	StateQuarantined = "quarantined" // the newest bar is
	StateMissing     = "missing"     // there is no believed close of the newest session although it is due, or none at all
	StateProvisional = "provisional" // the newest close may still change before its day is over
)

// OverviewItem says how an ETF stands.
type OverviewItem struct {
	ETF       *etf.ETF
	Closes    []etf.Price // split-adjusted
	Session   etf.Session // of the last of them; zero if there is none
	KnownFrom time.Time
	State     string
	Freshness etf.FreshnessState
	Late      time.Duration
	Findings  int // that wait for a decision
	Forecasts []OverviewForecast
}

// Change returns the last close over the one before, minus 1. ok is false with fewer than two closes.
func (i *OverviewItem) Change() (change float64, ok bool) {
	n := len(i.Closes)
	if n < 2 || i.Closes[n-2] == 0 {
		return 0, false
	}
	return i.Closes[n-1].Float()/i.Closes[n-2].Float() - 1, true
}

// OverviewForecast is a forecast at one horizon, in shares of the session of the item's last close.
type OverviewForecast struct {
	Horizon         int
	Target          etf.Session
	Model, ID       string
	Mean, Low, High float64
}

// OverviewLevel is how much of the forecast's distribution lies between Low and High.
const OverviewLevel = 0.9

// Overview says how everything stands, or ("" = all) an exchange and its ETFs. It counts in everything that was committed before the
// call, by a process that writes events.
func (s *Service) Overview(ctx context.Context, exchange string) (*Overview, error) {
	var x etf.Exchange
	if exchange != "" {
		var err error
		if x, err = etf.ParseExchange(exchange); err != nil {
			return nil, err
		}
	}
	snap, err := s.overview.checked(ctx, s)
	if err != nil {
		return nil, err
	}
	return snap.of(x), nil
}

// builder makes overviews from what is stored.
type builder struct {
	s      *Service
	now    time.Time
	places map[etf.Exchange]*place
	served servedModels
}

// place is an exchange while its overview is made.
type place struct {
	cal   *calendar.Calendar
	first etf.Session // the oldest session that is checked
	at    OverviewExchange
	items int // ETFs with an item of freshness
	done  int // of these, the ones that have everything
}

// newBuilder reads where the exchanges' calendars are at the instant.
func newBuilder(s *Service, now time.Time) (*builder, error) {
	b := &builder{s: s, now: now, places: map[etf.Exchange]*place{}}
	for _, x := range etf.Exchanges() {
		cal, err := calendar.For(x)
		if err != nil {
			return nil, err
		}
		p := &place{cal: cal}
		p.at.Exchange, p.at.TimeZone = x, cal.Location().String()
		if p.at.Session, p.first, err = newest(cal, now); err != nil {
			return nil, err
		}
		if p.at.ClosedAt, err = cal.Close(p.at.Session); err != nil {
			return nil, err
		}
		p.at.DueAt = p.at.ClosedAt.Add(s.dueAfter.Delay(x, ""))
		if next, err := cal.Next(p.at.Session); err == nil {
			opens, openErr := cal.Open(next)
			closes, closeErr := cal.Close(next)
			if err := errors.Join(openErr, closeErr); err != nil {
				return nil, err
			}
			p.at.NextSession, p.at.NextOpen, p.at.NextClose, p.at.OpenNow = next, opens, closes, !now.Before(opens)
		}
		b.places[x] = p
	}
	return b, nil
}

// since are the first sessions whose arrivals are needed.
func (b *builder) since() map[etf.Exchange]etf.Session {
	list := map[etf.Exchange]etf.Session{}
	for x, p := range b.places {
		list[x] = p.first
	}
	return list
}

// runs reads the newest run of each exchange's newest closed session.
func (b *builder) runs(ctx context.Context) error {
	for x, p := range b.places {
		run, err := b.s.store.SessionRun(ctx, x, p.at.Session)
		switch {
		case err == nil:
			p.at.Run, p.at.Waiting.Failed = &run, run.Counts.Failed
		case etf.KindOf(err) != etf.KindNotFound:
			return err
		}
	}
	return nil
}

// overviewEntry is an item with what it adds to the sums of its exchange.
type overviewEntry struct {
	item             *OverviewItem // nil for a retired ETF, whose findings are counted all the same
	expected         bool          // something is due or has come
	counted          bool          // that holds for the newest session
	stored, forecast bool          // for the newest session
	late             time.Duration // for the newest session
}

// entry says how an ETF stands.
func (b *builder) entry(e *etf.ETFState, open []etf.MissedDeadline) (overviewEntry, error) {
	p := b.places[e.Exchange]
	if p == nil {
		return overviewEntry{}, etf.Invalid("exchange", fmt.Sprintf("%s is registered on %s, which has no calendar", e.Symbol, e.Exchange), "run a release that knows the exchange")
	}
	if e.Retired {
		return overviewEntry{}, nil
	}
	list, err := b.s.assess(p.cal, e, p.at.Session, p.first, open, b.now)
	if err != nil {
		return overviewEntry{}, err
	}
	i := &OverviewItem{ETF: &e.ETF, Findings: e.Waiting, Freshness: worst(list), Closes: b.closes(e)}
	entry := overviewEntry{item: i, expected: len(list) > 0}
	if !entry.expected { // nothing is due yet
		i.Freshness = etf.FreshnessWaiting
	}
	for _, a := range e.Arrivals {
		if a.Session == p.at.Session {
			entry.stored, entry.forecast = !a.Stored.IsZero(), !a.Forecast.IsZero()
		}
	}
	for _, f := range list {
		late := f.Late
		if f.State == etf.FreshnessStale { // it grows: an overview holds for a minute
			late = late.Truncate(time.Minute)
		}
		i.Late = max(i.Late, late)
		if f.Session == p.at.Session {
			entry.late, entry.counted = late, true
		}
	}
	if n := len(e.Closes); n > 0 {
		i.Session, i.KnownFrom = e.Closes[n-1].Session, e.Closes[n-1].KnownFrom
	}
	i.Forecasts = forecastsAt(e, i.Session, b.served[e.Exchange], b.s.served)
	i.State, err = b.state(p, i, e)
	return entry, err
}

// add counts an ETF in.
func (b *builder) add(e *etf.ETFState, entry overviewEntry) {
	p := b.places[e.Exchange]
	p.at.Waiting.Findings += e.Waiting
	p.at.Waiting.Warnings += e.Warnings
	p.at.Waiting.Actions += e.Proposed
	if entry.item == nil {
		return
	}
	p.at.ETFs++
	if entry.counted || entry.stored {
		p.at.Counted++
	}
	if entry.stored {
		p.at.Stored++
	}
	if entry.forecast {
		p.at.Forecast++
	}
	if entry.expected {
		p.items++
	}
	switch entry.item.Freshness {
	case etf.FreshnessOK:
		p.done++
	case etf.FreshnessStale:
		p.at.Waiting.Stale++
	}
	p.at.Late = max(p.at.Late, entry.late)
}

// closes returns the split-adjusted closes. If the stated splits contradict each other, only the last is certain.
func (b *builder) closes(e *etf.ETFState) []etf.Price {
	n := len(e.Closes)
	if n == 0 {
		return []etf.Price{}
	}
	bars := make([]etf.StoredBar, n)
	for i, c := range e.Closes {
		bars[i] = etf.StoredBar{Bar: etf.Bar{Session: c.Session, Close: c.Close, Volume: etf.VolumeUnknown}, Basis: e.Basis}
	}
	adjusted, err := quality.Adjust(bars, e.Splits, e.Closes[n-1].Session)
	if err != nil {
		return []etf.Price{e.Closes[n-1].Close}
	}
	list := make([]etf.Price, n)
	for i, bar := range adjusted {
		list[i] = bar.Close
	}
	return list
}

func (b *builder) state(p *place, i *OverviewItem, e *etf.ETFState) (string, error) {
	_, due, err := b.s.dueAt(p.cal, e.ETF, p.at.Session)
	if err != nil {
		return "", err
	}
	switch {
	case e.NewestHeld:
		return StateHeld, nil
	case e.NewestQuarantined:
		return StateQuarantined, nil
	case i.Session.IsZero(), i.Session < p.at.Session && !b.now.Before(due):
		return StateMissing, nil
	}
	finality, err := b.s.finality(e.Confirmed)
	if err == nil && !e.Confirmed.Session.IsZero() && finality.provisional(i.Session) {
		return StateProvisional, nil
	}
	return StateOK, err
}

// forecastsAt returns the forecasts at their horizons, in shares of the session: each by the model that is served there, or by the benchmark if
// that model has none from an origin as new as the benchmark's.
func forecastsAt(e *etf.ETFState, session etf.Session, served [len(etf.OverviewHorizons)]string, benchmark string) []OverviewForecast {
	list := []OverviewForecast{}
	by := map[string]*etf.ServedForecast{}
	for i := range e.Forecasts {
		by[e.Forecasts[i].Model] = &e.Forecasts[i]
	}
	base := by[benchmark]
	for k, horizon := range etf.OverviewHorizons {
		f := by[served[k]]
		if f == nil || base != nil && f.Origin < base.Origin {
			f = base
		}
		if f == nil {
			continue
		}
		at := slices.IndexFunc(f.Points, func(p etf.ForecastPoint) bool { return p.Horizon == horizon })
		if at < 0 {
			continue
		}
		p, scale := f.Points[at], sharesSince(e, f.Origin, session)
		list = append(list, OverviewForecast{
			Horizon: p.Horizon, Target: p.Target, Model: f.Model, ID: f.ID,
			Mean: p.Mean * scale, Low: p.Quantiles[0] * scale, High: p.Quantiles[len(p.Quantiles)-1] * scale,
		})
	}
	return list
}

// sharesSince is what a price in shares of the origin has to be multiplied by, to be in shares of the session.
func sharesSince(e *etf.ETFState, origin, session etf.Session) float64 {
	factor := big.NewRat(1, 1)
	if e.Basis == etf.AsTraded {
		for _, split := range e.Splits {
			if split.Ex > origin && split.Ex <= session && split.Numerator > 0 {
				factor.Mul(factor, big.NewRat(split.Denominator, split.Numerator))
			}
		}
	}
	scale, _ := factor.Float64()
	return scale
}

// exchanges sums up the exchanges, when every item has been counted.
func (b *builder) exchanges() []OverviewExchange {
	var list []OverviewExchange
	for _, x := range etf.Exchanges() {
		p := b.places[x]
		at := p.at
		at.Stale = at.Waiting.Stale
		switch {
		case at.ETFs == 0:
			at.State = ExchangeEmpty
		case at.Run != nil && at.Run.Status == etf.RunRunning:
			at.State = ExchangeRunning
		case at.Stale > 0:
			at.State = ExchangeLate
		case p.items > 0 && p.done == p.items:
			at.State = ExchangeComplete
		default:
			at.State = ExchangeWaiting
		}
		list = append(list, at)
	}
	return list
}

// until returns when the overview has to be made again although nothing has been stored: when a session opens, closes or is due, and
// at the latest after a minute, for how late things are.
func (b *builder) until(states map[etf.Symbol]*etf.ETFState) time.Time {
	until := b.now.Add(time.Minute)
	sooner := func(at time.Time) {
		if at.After(b.now) && at.Before(until) {
			until = at
		}
	}
	delays := map[etf.Exchange]map[string]bool{}
	for _, e := range states {
		if delays[e.Exchange] == nil {
			delays[e.Exchange] = map[string]bool{}
		}
		if len(e.Sources) > 0 {
			delays[e.Exchange][e.Sources[0].Name] = true
		}
	}
	for x, p := range b.places {
		sooner(p.at.NextOpen)
		sooner(p.at.NextClose)
		for _, session := range p.cal.Sessions(etf.Window{From: p.first, To: p.at.Session}) {
			if closed, err := p.cal.Close(session); err == nil {
				for source := range delays[x] {
					sooner(closed.Add(b.s.dueAfter.Delay(x, source)))
				}
			}
		}
	}
	return until
}

// sortedItems returns the items ascending by symbol.
func sortedItems(entries map[etf.Symbol]overviewEntry) []*OverviewItem {
	list := make([]*OverviewItem, 0, len(entries))
	for _, e := range entries {
		if e.item != nil {
			list = append(list, e.item)
		}
	}
	slices.SortFunc(list, func(a, b *OverviewItem) int { return strings.Compare(string(a.ETF.Symbol), string(b.ETF.Symbol)) })
	return list
}
