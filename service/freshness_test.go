package service

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// board is a Store of ETFs' states. Changing an ETF writes an event.
type board struct {
	Store

	mu     sync.Mutex
	states map[etf.Symbol]etf.ETFState
	open   []etf.MissedDeadline
	run    *etf.Run
	events []etf.EventMark
	next   int64
	judged etf.Assessment // of XNYS
	fail   failures
	reads  map[string]int
	asked  []etf.StateQuery
	// duringRead is called by ETFStates after it has read, before it returns.
	duringRead func()
}

func newBoard(states ...etf.ETFState) *board {
	b := &board{states: map[etf.Symbol]etf.ETFState{}, reads: map[string]int{}, next: 1}
	for _, e := range states {
		b.states[e.Symbol] = e
	}
	return b
}

// clock reads the instant.
func (b *board) clock(at *time.Time) func() time.Time {
	return func() time.Time {
		b.mu.Lock()
		defer b.mu.Unlock()
		return *at
	}
}

// put changes an ETF and writes the event.
func (b *board) put(e etf.ETFState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.states[e.Symbol] = e
	b.emit(b.take(), e.Symbol)
}

// take gives an event its number; emit makes it visible.
func (b *board) take() int64 { b.next++; return b.next - 1 }

func (b *board) emit(id int64, symbol etf.Symbol) {
	b.events = append(b.events, etf.EventMark{ID: id, Symbol: symbol})
	slices.SortFunc(b.events, func(a, b etf.EventMark) int { return int(a.ID - b.ID) })
}

func (b *board) begin(method string) (func(), error) {
	b.mu.Lock()
	b.reads[method]++
	return b.mu.Unlock, b.fail[method]
}

func (b *board) ETF(_ context.Context, symbol etf.Symbol) (etf.ETF, error) {
	end, err := b.begin("ETF")
	defer end()
	e, ok := b.states[symbol]
	if !ok {
		return etf.ETF{}, etf.NotFound("", "no row", "")
	}
	return e.ETF, err
}

func (b *board) ETFStates(_ context.Context, q etf.StateQuery) ([]etf.ETFState, error) {
	end, err := b.begin("ETFStates")
	var list []etf.ETFState
	for _, e := range b.states {
		if q.Exchange != "" && e.Exchange != q.Exchange || q.Symbols != nil && !slices.Contains(q.Symbols, e.Symbol) || q.Except[e.Symbol] {
			continue
		}
		since, ok := q.Since[e.Exchange]
		e.Arrivals = slices.DeleteFunc(slices.Clone(e.Arrivals), func(a etf.Arrival) bool {
			return !ok || a.Session < since || !q.Until.IsZero() && a.Session > q.Until
		})
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b etf.ETFState) int { return compare(a.Symbol, b.Symbol) })
	b.asked = append(b.asked, q)
	during := b.duringRead
	end()
	if during != nil {
		during()
	}
	return list, err
}

func compare(a, b etf.Symbol) int {
	if a < b {
		return -1
	}
	return 1
}

func (b *board) NewestAssessment(_ context.Context, exchange etf.Exchange) (etf.Assessment, error) {
	end, err := b.begin("NewestAssessment")
	defer end()
	if err == nil && (exchange != etf.XNYS || b.judged.Hash == "") {
		err = etf.NotFound("assessment", "there is none", "")
	}
	return b.judged, err
}

func (b *board) SessionRun(context.Context, etf.Exchange, etf.Session) (etf.Run, error) {
	end, err := b.begin("SessionRun")
	defer end()
	if err == nil && b.run == nil {
		err = etf.NotFound("", "no row", "")
	}
	if err != nil {
		return etf.Run{}, err
	}
	return *b.run, nil
}

func (b *board) NewestEvent(context.Context) (int64, error) {
	end, err := b.begin("NewestEvent")
	defer end()
	if len(b.events) == 0 {
		return 0, err
	}
	return b.events[len(b.events)-1].ID, err
}

func (b *board) EventMarks(_ context.Context, after int64, limit int) ([]etf.EventMark, error) {
	end, err := b.begin("EventMarks")
	defer end()
	var list []etf.EventMark
	for _, e := range b.events {
		if e.ID > after && len(list) < limit {
			list = append(list, e)
		}
	}
	return list, err
}

func (b *board) OpenDeadlines(context.Context, string, int) ([]etf.MissedDeadline, error) {
	end, err := b.begin("OpenDeadlines")
	defer end()
	list := slices.Clone(b.open)
	for i, m := range list {
		for _, a := range b.states[m.Symbol].Arrivals {
			if a.Session == m.Session {
				list[i].Arrival = a
			}
		}
	}
	return list, err
}

func (b *board) RecordMissed(_ context.Context, missed []etf.MissedDeadline) (fresh []etf.MissedDeadline, err error) {
	end, err := b.begin("RecordMissed")
	defer end()
	for _, m := range missed {
		if !knownMissed(b.of(m.Symbol), m.Session, m.Kind) {
			b.open, fresh = append(b.open, m), append(fresh, m)
			b.emit(b.take(), m.Symbol)
		}
	}
	return fresh, err
}

func (b *board) of(symbol etf.Symbol) []etf.MissedDeadline {
	return slices.DeleteFunc(slices.Clone(b.open), func(m etf.MissedDeadline) bool { return m.Symbol != symbol })
}

func (b *board) RecordMet(_ context.Context, met []etf.MissedDeadline) ([]etf.MissedDeadline, error) {
	end, err := b.begin("RecordMet")
	defer end()
	for _, m := range met {
		b.open = slices.DeleteFunc(b.open, func(o etf.MissedDeadline) bool {
			return o.Symbol == m.Symbol && o.Session == m.Session && o.Kind == m.Kind
		})
		b.emit(b.take(), m.Symbol)
	}
	return met, err
}

// longStanding is an ETF that was registered long ago, with 100 bars.
func longStanding(symbol etf.Symbol, x etf.Exchange, source string, arrivals ...etf.Arrival) etf.ETFState {
	registered := time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC)
	return etf.ETFState{
		ETF: etf.ETF{Symbol: symbol, Exchange: x, Currency: x.DefaultCurrency(), Sources: []etf.SourceRef{{Name: source, Ref: string(symbol)}},
			Bars: 100, CreatedAt: registered},
		Since: registered, Basis: etf.AsTraded, Arrivals: arrivals,
	}
}

func utc(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		panic(err)
	}
	return t
}

func came(session, stored, forecast string) etf.Arrival {
	a := etf.Arrival{Session: etf.MustSession(session)}
	if stored != "" {
		a.Stored = utc(stored)
	}
	if forecast != "" {
		a.Forecast = utc(forecast)
	}
	return a
}

// watching is a service on the board with the clock at an instant, which the test may move: while the board is locked if something reads in
// the background.
func watching(b *board, at *time.Time) *Service {
	return New(Deps{
		Store: b, Now: b.clock(at), Models: []Model{{Name: "drift", MinSessions: 21}},
		DueAfter: DueAfter{Exchanges: map[etf.Exchange]time.Duration{etf.XKRX: time.Hour}, Sources: map[string]time.Duration{"yahoo": 15 * time.Minute}},
	})
}

// When sessions are due. The closes are those of the exchanges' published hours: XNYS closes at 16:00 in New York, which is 20:00 UTC in
// summer and 21:00 in winter, and at 13:00 on the day after Thanksgiving; XKRX closes at 15:30 in Seoul (UTC+9), and at 16:30 on the day of
// the university entrance examination. XNYS has the default delay of three hours, XKRX one of one hour, and yahoo adds a quarter of one.
func TestFreshnessDue(t *testing.T) {
	for _, c := range []struct {
		what     string
		x        etf.Exchange
		source   string
		now      string
		session  string
		due      string
		state    etf.FreshnessState
		arrivals []etf.Arrival
		late     time.Duration
	}{
		{"summer in New York", etf.XNYS, "file", "2025-09-26 22:59", "2025-09-26", "2025-09-26 23:00", etf.FreshnessWaiting, nil, 0},
		{"the instant it is due", etf.XNYS, "file", "2025-09-26 23:00", "2025-09-26", "2025-09-26 23:00", etf.FreshnessStale, nil, 0},
		{"with its source's delay", etf.XNYS, "yahoo", "2025-09-26 23:10", "2025-09-26", "2025-09-26 23:15", etf.FreshnessWaiting, nil, 0},
		{"winter in New York", etf.XNYS, "file", "2025-12-02 00:30", "2025-12-01", "2025-12-02 00:00", etf.FreshnessStale, nil, 30 * time.Minute},
		{"an early close", etf.XNYS, "file", "2025-11-28 21:30", "2025-11-28", "2025-11-28 21:00", etf.FreshnessStale, nil, 30 * time.Minute},
		{"a holiday: Wednesday's session stays the newest", etf.XNYS, "file", "2025-11-28 12:00", "2025-11-26", "2025-11-27 00:00", etf.FreshnessOK,
			[]etf.Arrival{came("2025-11-26", "2025-11-26 22:00", "2025-11-26 22:01")}, 0},
		{"a weekend", etf.XNYS, "file", "2025-09-28 12:00", "2025-09-26", "2025-09-26 23:00", etf.FreshnessStale, nil, 37 * time.Hour},
		{"Seoul", etf.XKRX, "file", "2025-09-26 07:00", "2025-09-26", "2025-09-26 07:30", etf.FreshnessWaiting, nil, 0},
		{"Seoul, late close", etf.XKRX, "file", "2025-11-13 08:00", "2025-11-13", "2025-11-13 08:30", etf.FreshnessWaiting, nil, 0},
		{"in time", etf.XNYS, "file", "2025-09-27 12:00", "2025-09-26", "2025-09-26 23:00", etf.FreshnessOK,
			[]etf.Arrival{came("2025-09-26", "2025-09-26 22:00", "2025-09-26 22:01")}, 0},
		{"the forecast came late", etf.XNYS, "file", "2025-09-27 12:00", "2025-09-26", "2025-09-26 23:00", etf.FreshnessOK,
			[]etf.Arrival{came("2025-09-26", "2025-09-26 22:00", "2025-09-27 01:00")}, 2 * time.Hour},
		{"no forecast", etf.XNYS, "file", "2025-09-27 00:00", "2025-09-26", "2025-09-26 23:00", etf.FreshnessStale,
			[]etf.Arrival{came("2025-09-26", "2025-09-26 22:00", "")}, time.Hour},
		{"a backfilled session is another", etf.XNYS, "file", "2025-09-27 00:00", "2025-09-26", "2025-09-26 23:00", etf.FreshnessStale,
			[]etf.Arrival{came("2025-09-25", "2025-09-26 23:30", "2025-09-26 23:31")}, time.Hour},
	} {
		t.Run(c.what, func(t *testing.T) {
			e := longStanding("AAA", c.x, c.source, c.arrivals...)
			// Nothing older is due.
			e.Since = utc(c.session + " 00:00")
			now := utc(c.now)
			r, err := watching(newBoard(e), &now).Freshness(t.Context(), FreshnessQuery{Exchange: string(c.x)})
			if err != nil || len(r.Items) != 1 {
				t.Fatalf("%+v, %v", r, err)
			}
			f := r.Items[0]
			if f.Session.String() != c.session || !f.DueAt.Equal(utc(c.due)) || f.State != c.state || f.Late != c.late {
				t.Errorf("session %s due %s: %s, late by %s", f.Session, f.DueAt, f.State, f.Late)
			}
			if x := r.Exchanges[0]; x.OK+x.Waiting+x.Stale != 1 || (x.Stale == 1) != (c.state == etf.FreshnessStale) || (x.OK == 1) != (c.state == etf.FreshnessOK) {
				t.Errorf("counts %+v", x)
			}
		})
	}
}

// What is not due: sessions from before the ETF was registered or listed, those of retired ETFs, and forecasts that need more sessions.
func TestFreshnessNotDue(t *testing.T) {
	now := utc("2025-09-27 12:00")
	fresh := longStanding("NEW", etf.XNYS, "file")
	fresh.Since = utc("2025-09-26 20:01") // a minute after the close
	listed := longStanding("LISTED", etf.XNYS, "file")
	listed.Listed = etf.MustSession("2025-09-29")
	retired := longStanding("RETIRED", etf.XNYS, "file")
	retired.Retired = true
	few := longStanding("FEW", etf.XNYS, "file", came("2025-09-26", "2025-09-26 22:00", ""))
	few.Bars, few.Since = 20, utc("2025-09-26 00:00")
	filled := longStanding("FILLED", etf.XNYS, "file", came("2025-09-26", "2025-09-26 23:30", "2025-09-26 23:31"))
	filled.Since = utc("2025-09-26 20:01")
	b := newBoard(fresh, listed, retired, few, filled)
	r, err := watching(b, &now).Freshness(t.Context(), FreshnessQuery{Exchange: "XNYS"})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Items) != 2 || r.Items[0].Symbol != "FEW" || r.Items[0].State != etf.FreshnessOK || r.Items[1].Symbol != "FILLED" || r.Items[1].State != etf.FreshnessOK || r.Items[1].Late != 0 {
		t.Errorf("items %+v", r.Items)
	}
	if w, err := watching(b, &now).WatchDeadlines(t.Context()); err != nil || len(w.Missed) != 0 {
		t.Errorf("missed %+v, %v", w.Missed, err)
	}
}

func TestFreshnessQuery(t *testing.T) {
	now := utc("2025-09-26 21:00")
	b := newBoard(
		longStanding("AAA", etf.XNYS, "file", came("2025-09-25", "2025-09-25 22:00", "2025-09-25 22:00")),
		longStanding("069500", etf.XKRX, "file", came("2025-09-26", "2025-09-26 07:00", "2025-09-26 07:00")))
	svc := watching(b, &now)
	for _, c := range []struct {
		query FreshnessQuery
		kind  etf.Kind
		field string
	}{
		{FreshnessQuery{Exchange: "XPAR"}, etf.KindInvalid, "exchange"},
		{FreshnessQuery{Symbol: "aaa"}, etf.KindInvalid, "symbol"},
		{FreshnessQuery{Symbol: "ZZZ"}, etf.KindNotFound, "symbol"},
		{FreshnessQuery{Symbol: "AAA", Exchange: "XKRX"}, etf.KindInvalid, "exchange"},
		{FreshnessQuery{State: "late"}, etf.KindInvalid, "state"},
		{FreshnessQuery{Session: "26.9.2025"}, etf.KindInvalid, "session"},
		{FreshnessQuery{Session: "2025-09-28"}, etf.KindInvalid, "session"}, // a Sunday
		{FreshnessQuery{Session: "2025-09-29"}, etf.KindInvalid, "session"}, // not closed yet
	} {
		_, err := svc.Freshness(t.Context(), c.query)
		wantProblems(t, err, c.kind, c.field)
	}
	r, err := svc.Freshness(t.Context(), FreshnessQuery{Session: "2025-09-25", Symbol: "AAA"})
	if err != nil || len(r.Items) != 1 || r.Items[0].State != etf.FreshnessOK || len(r.Exchanges) != 1 || r.Exchanges[0].Exchange != etf.XNYS {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = svc.Freshness(t.Context(), FreshnessQuery{State: "waiting"})
	if err != nil || len(r.Items) != 1 || r.Items[0].Symbol != "AAA" || r.Exchanges[1].OK != 0 || r.Exchanges[1].Stale != 1 {
		// 069500 has the newest session only: the four before it are stale.
		t.Errorf("%+v, %v", r, err)
	}
}

func TestParseDueAfter(t *testing.T) {
	d, err := ParseDueAfter(map[string]string{"XNYS": "1h", "yahoo": "15m"})
	if err != nil || d.Delay(etf.XNYS, "yahoo") != 75*time.Minute || d.Delay(etf.XKRX, "yahoo") != 195*time.Minute || d.Delay(etf.XKRX, "file") != DefaultDueAfter {
		t.Errorf("%+v, %v", d, err)
	}
	_, err = ParseDueAfter(map[string]string{"XNYS": "soon", "XKRX": "-1h", "yahoo": "169h", "XPAR": "1h"})
	wantProblems(t, err, etf.KindInvalid, "due-after", "due-after", "due-after", "due-after")
}

// A deadline that passes without a run is missed once, whoever looks; what comes for its session meets it, and nothing else does.
func TestWatchDeadlines(t *testing.T) {
	now := utc("2025-09-26 22:59")
	e := longStanding("AAA", etf.XNYS, "file")
	e.Since = utc("2025-09-26 00:00")
	b := newBoard(e)
	svc := watching(b, &now)
	look := func(missed, met int, stale int) Watched {
		t.Helper()
		w, err := svc.WatchDeadlines(t.Context())
		if err != nil || len(w.Missed) != missed || len(w.Met) != met || w.Exchanges[etf.XNYS].Stale[etf.DeadlineStored] != stale {
			t.Fatalf("%s: missed %v, met %v, stale %v, %v", now, w.Missed, w.Met, w.Exchanges, err)
		}
		return w
	}
	look(0, 0, 0)
	now = utc("2025-09-26 23:01")
	w := look(2, 0, 1)
	if m := w.Missed[0]; m.Session.String() != "2025-09-26" || m.Kind != etf.DeadlineStored || !m.DueAt.Equal(utc("2025-09-26 23:00")) || !m.SeenAt.Equal(now) {
		t.Errorf("missed %+v", m)
	}
	if x := w.Exchanges[etf.XNYS]; x.Late != time.Minute || x.Stale[etf.DeadlineForecast] != 1 {
		t.Errorf("exchange %+v", x)
	}
	look(0, 0, 1)
	// Two weeks later the session is still late, and so are the five that are looked back on.
	now = utc("2025-10-11 12:00")
	w = look(10, 0, 1)
	if late := w.Exchanges[etf.XNYS].Late; late != now.Sub(utc("2025-09-26 23:00")) {
		t.Errorf("late by %s", late)
	}
	// Other sessions are filled.
	for _, session := range []string{"2025-10-06", "2025-10-07", "2025-10-08", "2025-10-09", "2025-10-10"} {
		e.Arrivals = append(e.Arrivals, came(session, "2025-10-11 12:30", "2025-10-11 12:31"))
	}
	b.put(e)
	now = utc("2025-10-11 13:00")
	look(0, 10, 1)
	r, err := svc.Freshness(t.Context(), FreshnessQuery{Symbol: "AAA"})
	if err != nil || len(r.Items) != 2 || r.Items[0].Session.String() != "2025-09-26" || r.Items[0].State != etf.FreshnessStale || r.Items[1].State != etf.FreshnessOK || r.Exchanges[0].Stale != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	e.Arrivals = append([]etf.Arrival{came("2025-09-26", "2025-10-11 13:30", "2025-10-11 13:31")}, e.Arrivals...)
	b.put(e)
	now = utc("2025-10-11 14:00")
	w = look(0, 2, 0)
	if !slices.ContainsFunc(w.Met, func(m etf.MissedDeadline) bool {
		return m.Kind == etf.DeadlineStored && m.MetAt.Equal(utc("2025-10-11 13:30"))
	}) {
		t.Errorf("met %+v", w.Met)
	}
	look(0, 0, 0)
	if r, err = svc.Freshness(t.Context(), FreshnessQuery{Symbol: "AAA"}); err != nil || len(r.Items) != 1 || r.Items[0].State != etf.FreshnessOK {
		t.Errorf("%+v, %v", r, err)
	}
}

// An ETF that has everything is not read again before the next session is due.
func TestWatchDeadlinesReadsWhatCanBeLate(t *testing.T) {
	now := utc("2025-09-26 23:30") // Friday, half an hour after XNYS was due
	done := longStanding("DONE", etf.XNYS, "file")
	late := longStanding("LATE", etf.XNYS, "file")
	for _, session := range []string{"2025-09-22", "2025-09-23", "2025-09-24", "2025-09-25", "2025-09-26"} {
		done.Arrivals = append(done.Arrivals, came(session, session+" 21:00", session+" 21:01"))
	}
	late.Arrivals = slices.Clone(done.Arrivals[:4])
	gone := longStanding("GONE", etf.XNYS, "file")
	gone.Retired = true
	fresh := longStanding("FRESH", etf.XNYS, "file") // registered this evening
	fresh.Since = utc("2025-09-26 23:00")
	b := newBoard(done, late, gone, fresh)
	svc := watching(b, &now)
	look := func(at string, stale, read int) {
		t.Helper()
		now = utc(at)
		w, err := svc.WatchDeadlines(t.Context())
		q := b.asked[len(b.asked)-1]
		if got := len(b.states) - len(q.Except); err != nil || w.Exchanges[etf.XNYS].Stale[etf.DeadlineStored] != stale || got != read {
			t.Fatalf("%s: stale %v, read %d, want %d; %v", now, w.Exchanges[etf.XNYS].Stale, got, read, err)
		}
	}
	look("2025-09-26 23:30", 1, 4)
	look("2025-09-26 23:31", 1, 1)
	late.Arrivals = append(late.Arrivals, came("2025-09-26", "2025-09-26 23:31", "2025-09-26 23:31"))
	b.put(late)
	look("2025-09-26 23:32", 0, 1)
	look("2025-09-26 23:33", 0, 1) // its deadline was still open in the look before
	look("2025-09-29 22:59", 0, 0) // Monday's session has closed, and is due at 23:00
	look("2025-09-29 23:00", 3, 4) // the retired one owes nothing
}

// A day that has been announced as closed is no session any more: what was missed then is no longer late. 2025-09-13 is a Saturday.
func TestClosedByDecision(t *testing.T) {
	now := utc("2025-09-27 12:00")
	e := longStanding("AAA", etf.XNYS, "file", came("2025-09-26", "2025-09-26 22:00", "2025-09-26 22:00"))
	e.Since = utc("2025-09-26 00:00")
	b := newBoard(e)
	b.open = []etf.MissedDeadline{{Symbol: "AAA", Exchange: etf.XNYS, Session: etf.MustSession("2025-09-13"), Kind: etf.DeadlineStored, DueAt: utc("2025-09-13 23:00")}}
	r, err := watching(b, &now).Freshness(t.Context(), FreshnessQuery{Exchange: "XNYS"})
	if err != nil || len(r.Items) != 1 || r.Items[0].State != etf.FreshnessOK {
		t.Errorf("%+v, %v", r, err)
	}
}
