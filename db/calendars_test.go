package db_test

import (
	"strings"
	"testing"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

func testCalendars(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	friday := etf.MustSession("2025-09-26")
	monday, tuesday := friday+3, friday+4
	register(t, s, "CALB") // of another exchange: nothing of it moves
	if _, _, err := s.CreateETF(ctx, etf.ETF{Symbol: "CALA", Exchange: etf.XTKS, Currency: "JPY", Sources: []etf.SourceRef{{Name: "simulated", Ref: "CALA"}}}); err != nil {
		t.Fatal(err)
	}
	made := func(symbol etf.Symbol) etf.Forecast {
		t.Helper()
		ingest(t, s, symbol, []etf.Bar{bar(friday, 1)})
		f, _, err := appendOne(ctx, s, forecastOf(symbol, "drift", friday, etfOf(t, s, symbol).DataVersion))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	a, b := made("CALA"), made("CALB")
	before := a

	closing := etf.CalendarChange{Exchange: etf.XTKS, Number: 1, Session: monday, Closed: true, Reason: "storm, \u53f0\u98a8", By: "ops"}
	dates := []etf.DatedHorizon{{Origin: friday, Horizon: 1, Target: tuesday}, {Origin: friday - 1, Horizon: 2, Target: tuesday}}
	stored, moved, err := s.ChangeCalendar(ctx, closing, dates)
	if err != nil || moved != 1 || stored.At.IsZero() || stored.Reason != closing.Reason {
		t.Fatalf("%+v, %d moved, %v", stored, moved, err)
	}
	if _, _, err := s.ChangeCalendar(ctx, closing, dates); etf.KindOf(err) != etf.KindConflict {
		t.Errorf("the same number again: %v", err)
	}
	bars := closing
	bars.Number, bars.Session = 2, friday
	if _, _, err := s.ChangeCalendar(ctx, bars, nil); etf.KindOf(err) != etf.KindConflict || fieldOf(err) != "session" {
		t.Errorf("a session with bars: %v", err)
	}
	opening := etf.CalendarChange{Exchange: etf.XTKS, Number: 2, Session: monday, Reason: "it trades", By: "ops"}
	if _, moved, err := s.ChangeCalendar(ctx, opening, []etf.DatedHorizon{{Origin: friday, Horizon: 1, Target: monday}}); err != nil || moved != 1 {
		t.Fatalf("%d moved, %v", moved, err)
	}
	again := closing
	again.Number = 3
	if _, moved, err := s.ChangeCalendar(ctx, again, dates); err != nil || moved != 1 {
		t.Fatalf("%d moved, %v", moved, err)
	}

	events, err := s.Events(ctx, etf.EventQuery{Kinds: []etf.EventKind{etf.EventCalendarChanged}, Limit: 10})
	if err != nil || len(events) != 3 || events[0].Exchange != etf.XTKS || events[0].Session != monday || !strings.Contains(string(events[0].Data), `"moved":1`) {
		t.Errorf("events %+v, %v", events, err)
	}
	list, err := s.CalendarChanges(ctx)
	if err != nil || len(list) != 3 || !list[0].Closed || list[1].Closed || list[2].Number != 3 || list[0].By != "ops" || !list[0].At.Equal(stored.At) {
		t.Fatalf("%+v, %v", list, err)
	}
	got, err := s.TargetDates(ctx, a.ID)
	if err != nil || len(got) != 3 || got[0].Target != tuesday || got[1].Target != monday || got[2].Target != tuesday || got[2].CalendarVersion != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	if got, err := s.TargetDates(ctx, b.ID); err != nil || len(got) != 0 {
		t.Errorf("of another exchange: %+v, %v", got, err)
	}
	after, err := s.Forecast(ctx, a.ID) // read with its hash
	if err != nil || after.Hash != before.Hash || after.Points[0].Target != before.Points[0].Target {
		t.Errorf("the forecast itself has changed: %+v, %v", after.Points[0], err)
	}
}
