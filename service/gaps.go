package service

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// GapQuery selects gaps, as the user wrote it.
type GapQuery struct {
	Exchange string   // "" = every exchange
	Symbols  []string // nil = every ETF that is not retired
	From, To string   // sessions; "" = from the listing date or the first stored session, up to the last closed one
	// After is the last gap of the page before.
	After GapPosition
	Limit int
}

// GapPosition is where a page of gaps ends: every gap up to it has been listed. Zero is before the first.
type GapPosition struct {
	Symbol etf.Symbol
	From   etf.Session
}

// IsZero reports whether the position is before the first gap.
func (p GapPosition) IsZero() bool { return p == GapPosition{} }

// afterAll is after every session: every gap of an ETF has been listed.
var afterAll = etf.NewSession(2200, time.December, 31)

// maxGapETFs is how many ETFs one page of gaps reads at most.
const maxGapETFs = 500

// gapFilter is a checked GapQuery.
type gapFilter struct {
	exchange etf.Exchange
	symbols  map[etf.Symbol]bool // nil = all
	window   etf.Window          // zero ends are open
}

// Check checks the query. Errors are KindInvalid.
func (q GapQuery) Check() error {
	_, err := q.filter()
	return err
}

func (q GapQuery) filter() (f gapFilter, err error) {
	var errs []error
	if q.Exchange != "" {
		if f.exchange, err = etf.ParseExchange(q.Exchange); err != nil {
			errs = append(errs, err)
		}
	}
	if q.Symbols != nil {
		f.symbols = map[etf.Symbol]bool{}
		if len(q.Symbols) == 0 || len(q.Symbols) > MaxSymbols {
			errs = append(errs, etf.Invalid("symbols", fmt.Sprintf("%d is not a number of symbols", len(q.Symbols)), fmt.Sprintf("name 1 to %d", MaxSymbols)))
		}
		for i, text := range q.Symbols {
			symbol, err := etf.ParseSymbol(text)
			if err != nil {
				errs = append(errs, etf.WithField(err, fmt.Sprintf("symbols[%d]", i)))
			}
			f.symbols[symbol] = true
		}
	}
	for _, date := range []struct {
		field, text string
		into        *etf.Session
	}{{"from", q.From, &f.window.From}, {"to", q.To, &f.window.To}} {
		if date.text != "" {
			if *date.into, err = etf.ParseSession(date.text); err != nil {
				errs = append(errs, etf.WithField(err, date.field))
			}
		}
	}
	if !f.window.To.IsZero() && f.window.To < f.window.From {
		errs = append(errs, etf.Invalid("to", fmt.Sprintf("%s is before %s", f.window.To, f.window.From), "use a later day, or leave it out"))
	}
	return f, joinSome(errs)
}

// Gaps returns up to q.Limit runs of missing sessions, ascending by symbol and session, and the position of the next page: zero after the
// last. A page may have fewer than Limit even if more follow. KindNotFound for a symbol that is not registered.
func (s *Service) Gaps(ctx context.Context, q GapQuery) (page []etf.Gap, next GapPosition, err error) {
	f, err := q.filter()
	if err := errors.Join(err, checkLimit(q.Limit)); err != nil {
		return nil, next, err
	}
	list, more, err := s.gapETFs(ctx, f, q.After)
	if err != nil {
		return nil, next, err
	}
	for _, e := range list {
		if f.exchange != "" && e.Exchange != f.exchange || f.symbols == nil && e.Retired {
			continue
		}
		gaps, err := s.gapsOf(ctx, e, f.window)
		if err != nil {
			return nil, next, err
		}
		for _, g := range gaps {
			if e.Symbol == q.After.Symbol && g.From <= q.After.From {
				continue
			}
			if len(page) == q.Limit {
				last := page[len(page)-1]
				return page, GapPosition{last.Symbol, last.From}, nil
			}
			page = append(page, g)
		}
	}
	if more {
		next = GapPosition{list[len(list)-1].Symbol, afterAll}
	}
	return page, next, nil
}

// gapETFs returns the ETFs to look at from the position on, ascending, and whether more follow: those named, or a page of the registry.
// The position's own comes first again, as it may have more gaps.
func (s *Service) gapETFs(ctx context.Context, f gapFilter, after GapPosition) (list []etf.ETF, more bool, err error) {
	if f.symbols != nil {
		for _, symbol := range slices.Sorted(maps.Keys(f.symbols)) {
			e, err := s.store.ETF(ctx, symbol)
			if err != nil {
				return nil, false, err
			}
			if e.Symbol >= after.Symbol { // the present symbol, if a former one is named
				list = append(list, e)
			}
		}
		slices.SortFunc(list, func(a, b etf.ETF) int { return cmp.Compare(a.Symbol, b.Symbol) })
		return slices.CompactFunc(list, func(a, b etf.ETF) bool { return a.Symbol == b.Symbol }), false, nil
	}
	if !after.IsZero() {
		e, err := s.store.ETF(ctx, after.Symbol)
		if err == nil {
			list = append(list, e)
		} else if etf.KindOf(err) != etf.KindNotFound {
			return nil, false, err
		}
	}
	rest, err := s.store.ETFs(ctx, f.exchange, after.Symbol, maxGapETFs)
	return append(list, rest...), len(rest) == maxGapETFs, err
}

// gapsOf returns the runs of missing sessions of an ETF, ascending.
func (s *Service) gapsOf(ctx context.Context, e etf.ETF, window etf.Window) ([]etf.Gap, error) {
	cal, err := calendar.For(e.Exchange)
	if err != nil {
		return nil, err
	}
	last, err := cal.LastClosed(s.now())
	if err != nil {
		return nil, err
	}
	from := max(window.From, e.Listed)
	if from.IsZero() { // when it was listed is not known
		from = e.First
	}
	if from.IsZero() {
		from = last // nothing is stored: the newest session is missing for certain
	}
	to := last
	for _, end := range []etf.Session{window.To, e.Delisted} {
		if !end.IsZero() {
			to = min(to, end)
		}
	}
	if from > to {
		return nil, nil
	}
	w := etf.Window{From: max(from, cal.Range().From), To: to}
	stored, err := s.store.StoredSessions(ctx, e.Symbol, w)
	if err != nil {
		return nil, err
	}
	sessions := cal.Sessions(w)
	if len(stored) == len(sessions) {
		return nil, nil
	}
	asked, err := s.store.AskedWindows(ctx, e.Symbol)
	if err != nil {
		return nil, err
	}
	gaps := gapsIn(sessions, stored, asked, askableOf(e, cal, last, etf.SessionOf(s.now().UTC())))
	for i := range gaps {
		g := &gaps[i]
		g.Symbol, g.Exchange = e.Symbol, e.Exchange
		switch {
		case e.First.IsZero() || g.To < e.First:
			g.Place = etf.GapBefore
		case g.From > e.Last:
			g.Place = etf.GapAfter
		default:
			g.Place = etf.GapBetween
		}
	}
	return gaps, nil
}

// askable is a source that can be asked for an ETF's sessions.
type askable struct {
	name  string
	reach etf.Session // the first session that it can have; zero if it has no limit
}

// askableOf returns the sources that a backfill asks for the ETF's sessions: not those that are only compared with.
func askableOf(e etf.ETF, cal *calendar.Calendar, last, today etf.Session) (list []askable) {
	compared := e.ComparedOnly()
	for i, ref := range e.Sources {
		if traits := etf.Source(ref.Name); traits.Completes(i) && !slices.Contains(compared, ref.Name) {
			list = append(list, askable{ref.Name, cal.Reach(traits.DepthOf(ref.Ref), last, today)})
		}
	}
	return list
}

// gapsIn returns the runs of sessions that are not stored, with From, To, Sessions, Asked (all sources that can have them were asked in
// vain) and Unreachable (none of the sources can have them). A run ends where either changes. The lists of sessions are ascending.
func gapsIn(sessions, stored []etf.Session, asked []etf.BackfillWindow, sources []askable) []etf.Gap {
	when := make([]func(etf.Session) time.Time, len(sources))
	for i, source := range sources {
		when[i] = lastAsked(slices.DeleteFunc(slices.Clone(asked), func(w etf.BackfillWindow) bool { return w.Source != source.name }))
	}
	about := func(session etf.Session) (at time.Time, unreachable bool) {
		left := false
		unreachable = true
		for i, source := range sources {
			can := source.reach.IsZero() || session >= source.reach
			unreachable = unreachable && !can
			if t := when[i](session); t.After(at) {
				at = t
			} else if t.IsZero() && can {
				left = true
			}
		}
		if left {
			return time.Time{}, false
		}
		return at, unreachable
	}
	var gaps []etf.Gap
	i, open := 0, false
	for _, session := range sessions {
		for i < len(stored) && stored[i] < session {
			i++
		}
		if i < len(stored) && stored[i] == session {
			open = false
			continue
		}
		at, beyond := about(session)
		if open {
			g := gaps[len(gaps)-1]
			open = g.Asked.IsZero() == at.IsZero() && g.Unreachable == beyond
		}
		if !open {
			gaps, open = append(gaps, etf.Gap{From: session, Unreachable: beyond}), true
		}
		g := &gaps[len(gaps)-1]
		if at.After(g.Asked) {
			g.Asked = at
		}
		g.To = session
		g.Sessions++
	}
	return gaps
}

// lastAsked returns a function that says when a session was last asked for in vain, zero if it was not. It must be called with ascending
// sessions.
func lastAsked(asked []etf.BackfillWindow) func(etf.Session) time.Time {
	asked = slices.DeleteFunc(slices.Clone(asked), func(w etf.BackfillWindow) bool { return w.ErrorType != "" })
	slices.SortFunc(asked, func(a, b etf.BackfillWindow) int { return cmp.Compare(a.Window.From, b.Window.From) })
	var open askedHeap // windows that begin by the session, the one that was asked for last first
	next := 0
	return func(s etf.Session) time.Time {
		for ; next < len(asked) && asked[next].Window.From <= s; next++ {
			heap.Push(&open, asked[next])
		}
		for len(open) > 0 && open[0].Settled().To < s {
			heap.Pop(&open)
		}
		if len(open) == 0 {
			return time.Time{}
		}
		return open[0].AskedAt
	}
}

// askedHeap is a heap of windows, the one that was asked for last first.
type askedHeap []etf.BackfillWindow

func (h askedHeap) Len() int           { return len(h) }
func (h askedHeap) Less(i, j int) bool { return h[i].AskedAt.After(h[j].AskedAt) }
func (h askedHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *askedHeap) Push(w any)        { *h = append(*h, w.(etf.BackfillWindow)) }
func (h *askedHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
