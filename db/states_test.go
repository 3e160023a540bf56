package db_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// stateOf returns how one ETF stands, with the arrivals from the session on.
func stateOf(t *testing.T, s *db.Store, symbol etf.Symbol, since etf.Session) etf.ETFState {
	t.Helper()
	list, err := s.ETFStates(context.Background(), etf.StateQuery{
		Symbols: []etf.Symbol{symbol}, Model: "drift", Served: map[etf.Exchange][]string{etf.XNYS: {"drift"}}, Since: map[etf.Exchange]etf.Session{etf.XNYS: since}, Full: true,
	})
	if err != nil || len(list) != 1 {
		t.Fatalf("states of %s: %d, %v", symbol, len(list), err)
	}
	return list[0]
}

// newestOf returns the forecast of a state that has one; empty otherwise.
func newestOf(e etf.ETFState) etf.ServedForecast {
	if len(e.Forecasts) != 1 {
		return etf.ServedForecast{}
	}
	return e.Forecasts[0]
}

// An ETF's state is what the other reads say, one by one.
func TestETFStates(t *testing.T) { onServers(t, testETFStates) }

func testETFStates(t *testing.T, d dbtest.Database) {
	ctx := context.Background()
	s := d.Store
	for _, symbol := range []etf.Symbol{"AAA", "BBB", "CCC"} {
		register(t, s, symbol)
	}
	bars := weekdays(day(0), 40)
	ingest(t, s, "AAA", bars[:38])
	ingest(t, s, "AAA", bars[38:39])
	ingest(t, s, "AAA", bars[39:], findingBy("ohlc_order", bars[39].Session))
	ingest(t, s, "BBB", bars[:3])
	version := etfOf(t, s, "AAA").DataVersion
	early := forecastOf("AAA", "drift", bars[38].Session, version)
	late := forecastOf("AAA", "drift", bars[10].Session, version) // appended later, from an older origin
	other := forecastOf("AAA", "prophet", bars[39].Session, version)
	for _, f := range []etf.Forecast{early, late, other} {
		if _, isNew, err := appendOne(ctx, s, f); err != nil || !isNew {
			t.Fatal(isNew, err)
		}
	}

	a := stateOf(t, s, "AAA", bars[37].Session)
	want := etfOf(t, s, "AAA")
	if a.Symbol != want.Symbol || a.DataVersion != want.DataVersion || a.Bars != 40 || a.Quarantined != 1 || !a.Since.Equal(want.CreatedAt) {
		t.Errorf("state %+v of ETF %+v", a, want)
	}
	if !a.NewestQuarantined || a.NewestHeld || a.Basis != etf.AsTraded {
		t.Errorf("newest bar quarantined %v, held %v, basis %q", a.NewestQuarantined, a.NewestHeld, a.Basis)
	}
	// 39 believed closes, of which the newest 30 are returned.
	if n := len(a.Closes); n != etf.MaxCloses || a.Closes[n-1].Session != bars[38].Session || a.Closes[n-1].Close != bars[38].Close || a.Closes[0].Session != bars[9].Session {
		t.Errorf("%d closes: %v", n, a.Closes)
	}
	if got, known := a.Closes[len(a.Closes)-1].KnownFrom, barOn(t, s, "AAA", bars[38].Session).KnownFrom; !got.Equal(known) {
		t.Errorf("known from %s, want %s", got, known)
	}
	if a.Waiting != 1 || a.Warnings != 0 || a.Proposed != 0 {
		t.Errorf("%d findings wait, %d warnings, %d statements", a.Waiting, a.Warnings, a.Proposed)
	}
	if f := newestOf(a); f.ID != early.ID || f.Origin != early.Origin || len(f.Points) != 2 ||
		f.Points[0].Horizon != 1 || f.Points[1].Horizon != 21 || f.Points[1].Mean != early.Points[20].Mean || f.Points[0].Quantiles[6] != early.Points[0].Quantiles[6] {
		t.Errorf("forecast %+v", f)
	}
	if len(a.Arrivals) != 3 {
		t.Fatalf("arrivals %v", a.Arrivals)
	}
	for i, wantForecast := range []bool{false, true, false} {
		got := a.Arrivals[i]
		if bar := barOn(t, s, "AAA", bars[37+i].Session); got.Session != bar.Session || !got.Stored.Equal(bar.KnownFrom) || got.Forecast.IsZero() == wantForecast {
			t.Errorf("arrival %+v of bar %+v", got, bar)
		}
	}

	// A revision does not make a bar arrive later.
	first := a.Arrivals[1].Stored
	revised := bars[38]
	revised.Close += 1e6
	ingest(t, s, "AAA", []etf.Bar{revised})
	if got := stateOf(t, s, "AAA", bars[37].Session).Arrivals[1].Stored; !got.Equal(first) {
		t.Errorf("after a revision the bar was stored at %s, before it at %s", got, first)
	}

	if b := stateOf(t, s, "BBB", bars[0].Session); len(b.Closes) != 3 || len(b.Forecasts) > 0 || len(b.Arrivals) != 3 || b.Confirmed.Session != bars[2].Session {
		t.Errorf("state of BBB: %+v", b)
	}
	if c := stateOf(t, s, "CCC", bars[0].Session); len(c.Closes) != 0 || len(c.Arrivals) != 0 || !c.Confirmed.Session.IsZero() {
		t.Errorf("state of CCC: %+v", c)
	}
	for _, since := range []etf.Session{bars[0].Session, bars[36].Session, bars[39].Session + 9} { // with and without the closes, the same has arrived
		q := etf.StateQuery{Model: "drift", Since: map[etf.Exchange]etf.Session{etf.XNYS: since}, Until: bars[38].Session}
		plain, err := s.ETFStates(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		q.Full = true
		full, err := s.ETFStates(ctx, q)
		if err != nil || len(full) != len(plain) {
			t.Fatal(len(full), err)
		}
		for i := range full {
			if !reflect.DeepEqual(full[i].Arrivals, plain[i].Arrivals) {
				t.Errorf("%s since %s: %v, without closes %v", full[i].Symbol, since, full[i].Arrivals, plain[i].Arrivals)
			}
		}
	}
	if rest, err := s.ETFStates(ctx, etf.StateQuery{Except: map[etf.Symbol]bool{"AAA": true, "CCC": true}}); err != nil || len(rest) != 1 || rest[0].Symbol != "BBB" {
		t.Errorf("without AAA and CCC: %v, %v", rest, err)
	}
	all, err := s.ETFStates(ctx, etf.StateQuery{Model: "drift"})
	if err != nil || len(all) != 3 || all[0].Symbol != "AAA" || all[2].Symbol != "CCC" || all[0].Closes != nil || all[0].Arrivals != nil {
		t.Errorf("all states: %+v, %v", all, err)
	}
	if none, err := s.ETFStates(ctx, etf.StateQuery{Exchange: etf.XKRX, Symbols: []etf.Symbol{"AAA", "ZZZ"}}); err != nil || len(none) != 0 {
		t.Errorf("states of other ETFs: %v, %v", none, err)
	}
}

// If the newest bars are all kept out, the closes before them are still found.
func TestETFStatesBehindQuarantine(t *testing.T) { onServers(t, testETFStatesBehindQuarantine) }

func testETFStatesBehindQuarantine(t *testing.T, d dbtest.Database) {
	s := d.Store
	register(t, s, "AAA")
	bars := weekdays(day(0), 60)
	ingest(t, s, "AAA", bars[:10])
	var out []etf.Session
	for _, b := range bars[10:] {
		out = append(out, b.Session)
	}
	ingest(t, s, "AAA", bars[10:], findingBy("ohlc_order", out...))
	a := stateOf(t, s, "AAA", bars[59].Session)
	if n := len(a.Closes); n != 10 || a.Closes[9].Session != bars[9].Session || !a.Closes[9].KnownFrom.Equal(barOn(t, s, "AAA", bars[9].Session).KnownFrom) {
		t.Errorf("closes %v", a.Closes)
	}
}

// An ETF that returned from retirement is due from then on.
func TestETFStatesSince(t *testing.T) { onServers(t, testETFStatesSince) }

func testETFStatesSince(t *testing.T, d dbtest.Database) {
	ctx := context.Background()
	s := d.Store
	register(t, s, "AAA")
	change := func(retired bool, name string) etf.ETFChange {
		t.Helper()
		if _, _, err := s.ChangeETF(ctx, etf.ETFEdit{Symbol: "AAA", Retired: &retired, Name: &name, By: "Kim", Why: "test"}); err != nil {
			t.Fatal(err)
		}
		list, err := s.ETFChanges(ctx, "AAA")
		if err != nil {
			t.Fatal(err)
		}
		return list[len(list)-1]
	}
	change(false, "named")
	if got := stateOf(t, s, "AAA", day(0)); !got.Since.Equal(got.CreatedAt) {
		t.Errorf("after a change of name: since %s, registered %s", got.Since, got.CreatedAt)
	}
	change(true, "named")
	back := change(false, "named")
	change(false, "renamed")
	if got := stateOf(t, s, "AAA", day(0)); !got.Since.Equal(back.At) || got.Name != "renamed" {
		t.Errorf("since %s, want %s: when it returned", got.Since, back.At)
	}
}

func TestSessionRun(t *testing.T) { onServers(t, testSessionRun) }

func testSessionRun(t *testing.T, d dbtest.Database) {
	ctx := context.Background()
	s := d.Store
	if _, err := s.SessionRun(ctx, etf.XNYS, day(0)); etf.KindOf(err) != etf.KindNotFound {
		t.Fatal(err)
	}
	at := time.Date(2025, 1, 2, 22, 0, 0, 0, time.UTC)
	for i, id := range []etf.RunID{"daily:XNYS:2025-01-02", "daily:XNYS:2025-01-02:rerun-2", "daily:XNYS:2025-01-02:0123456789ab"} {
		run := etf.Run{ID: id, Workflow: "daily", Exchange: etf.XNYS, Session: day(0), StartedAt: at.Add(time.Duration(i) * time.Minute)}
		if i == 2 {
			run.Symbols = []etf.Symbol{"AAA"} // not of the whole exchange
		}
		if err := s.StartRun(ctx, run); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := s.SessionRun(ctx, etf.XNYS, day(0)); err != nil || r.ID != "daily:XNYS:2025-01-02:rerun-2" {
		t.Errorf("run %+v, %v", r, err)
	}
}
