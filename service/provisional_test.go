package service

import (
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// A bar is provisional until a fetch made after the day's prices were final has had it: at 20:00 in the exchange's own time,
// unless a setting says otherwise.
func TestProvisional(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		t.Helper()
		v, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		name     string
		exchange etf.Exchange
		session  string // of the bar
		newest   string // session fetched
		fetched  string
		final    etf.TimeOfDay
		want     bool
	}{
		{"after the close", etf.XNYS, "2025-09-26", "2025-09-26", "2025-09-26T17:30:00-04:00", 0, true},
		{"a second before", etf.XNYS, "2025-09-26", "2025-09-26", "2025-09-26T19:59:59-04:00", 0, true},
		{"at 20:00", etf.XNYS, "2025-09-26", "2025-09-26", "2025-09-26T20:00:00-04:00", 0, false},
		{"in winter", etf.XNYS, "2025-01-10", "2025-01-10", "2025-01-11T00:59:00Z", 0, true},
		{"in winter, final", etf.XNYS, "2025-01-10", "2025-01-10", "2025-01-11T01:00:00Z", 0, false},
		{"the day after", etf.XNYS, "2025-09-26", "2025-09-26", "2025-09-27T09:00:00-04:00", 0, false},
		{"the session before", etf.XNYS, "2025-09-25", "2025-09-26", "2025-09-26T17:30:00-04:00", 0, false},
		{"newer than any fetched", etf.XNYS, "2025-09-29", "2025-09-26", "2025-09-29T23:00:00-04:00", 0, true},
		{"after a half day", etf.XNYS, "2025-11-28", "2025-11-28", "2025-11-28T17:30:00-05:00", 0, true},
		{"another time", etf.XNYS, "2025-09-26", "2025-09-26", "2025-09-26T17:30:00-04:00", 17 * 60, false},
		{"Seoul", etf.XKRX, "2025-09-26", "2025-09-26", "2025-09-26T16:45:00+09:00", 0, true},
		{"Seoul, final", etf.XKRX, "2025-09-26", "2025-09-26", "2025-09-26T11:00:00Z", 0, false},
	} {
		store := withForecasts()
		store.etf.Exchange = c.exchange
		store.confirmed = etf.Confirmation{Exchange: c.exchange, Session: etf.MustSession(c.newest), At: at(c.fetched)}
		s := New(Deps{Store: store, Models: models, Final: map[etf.Exchange]etf.TimeOfDay{c.exchange: c.final}})
		session := etf.MustSession(c.session)
		if got, err := s.Provisional(t.Context(), "SPY", session); err != nil || got != c.want {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
		for i := range store.stored {
			store.stored[i].Origin = session
		}
		for _, read := range []func() (etf.Forecast, error){
			func() (etf.Forecast, error) { return s.LatestForecast(t.Context(), "SPY", "drift") },
			func() (etf.Forecast, error) { return s.Forecast(t.Context(), newestDrift) },
		} {
			if f, err := read(); err != nil || f.Provisional != c.want {
				t.Errorf("%s: the forecast is provisional: %v, %v", c.name, f.Provisional, err)
			}
		}
	}
	s := New(Deps{Store: withForecasts()})
	if got, err := s.Provisional(t.Context(), "SPY", friday); err != nil || got {
		t.Errorf("without bars: %v, %v", got, err)
	}
}

func TestProvisionalRows(t *testing.T) {
	t.Parallel()
	store := newRecord()
	early := etf.Confirmation{Exchange: etf.XNYS, Session: friday, At: etf.TimeOfDay(17*60).On(friday, time.UTC)}
	late := early
	late.At = early.At.AddDate(0, 0, 1)
	store.confirmed = map[etf.Symbol]etf.Confirmation{"AAA": early, "BBB": late, "CCC": early, "DDD": early}
	rows := []etf.RunETF{
		{Symbol: "AAA", Session: friday, Outcome: etf.OutcomeUpdated},
		{Symbol: "BBB", Session: friday, Outcome: etf.OutcomeUnchanged},
		{Symbol: "CCC", Session: friday, Outcome: etf.OutcomeQuarantined},
		{Symbol: "DDD", Session: friday, Outcome: etf.OutcomeFailed},
		{Symbol: "EEE", Session: friday, Outcome: etf.OutcomeUpdated},
	}
	if err := New(Deps{Store: store}).markRows(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false, true, false, false} {
		if rows[i].Provisional != want {
			t.Errorf("%s is provisional: %v", rows[i].Symbol, rows[i].Provisional)
		}
	}
}

// A schedule's time must come after every close, which on XKRX is at 16:30 on the day of the university entrance exam.
func TestScheduleTimes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		exchange etf.Exchange
		now      string
		at       etf.TimeOfDay
		ok       bool
	}{
		{etf.XNYS, "2025-09-26", 0, true},
		{etf.XNYS, "2025-09-26", 16*60 + 1, true},
		{etf.XNYS, "2025-09-26", 16 * 60, false},
		{etf.XNYS, "2025-11-28", 13*60 + 30, false}, // the 28th is a half day
		{etf.XNYS, "2025-09-26", 23*60 + 59, true},
		{etf.XKRX, "2025-09-26", 15*60 + 31, true},
		{etf.XKRX, "2025-12-01", 15*60 + 31, false},
		{etf.XKRX, "2025-12-01", 16*60 + 45, true},
	} {
		s, temporal := withSchedules()
		s.now = func() time.Time { return etf.MustSession(c.now).Time() }
		s.schedules = map[etf.Exchange]etf.TimeOfDay{c.exchange: c.at}
		_, _, err := s.ApplySchedule(t.Context(), c.exchange)
		if c.ok != (err == nil) || c.ok != (len(temporal.schedules) == 1) {
			t.Errorf("%s at %s: %v, %d schedules", c.exchange, c.at, err, len(temporal.schedules))
		}
		if !c.ok {
			wantProblems(t, err, etf.KindInvalid, "schedule-"+strings.ToLower(string(c.exchange)))
		}
	}
}
