package calendar_test

import (
	"slices"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

func TestOfDates(t *testing.T) {
	t.Parallel()
	day := etf.MustSession
	cal, err := calendar.OfDates([]etf.Session{day("2025-01-05"), day("2025-01-01"), day("2025-01-05"), day("2025-02-01")}) // a Sunday among them
	if err != nil {
		t.Fatal(err)
	}
	want := []etf.Session{day("2025-01-01"), day("2025-01-05"), day("2025-02-01")}
	if got := cal.Sessions(etf.Window{}); !slices.Equal(got, want) {
		t.Errorf("sessions %v, want %v", got, want)
	}
	if !cal.IsSession(want[1]) || cal.IsSession(day("2025-01-02")) || cal.IsSession(day("2025-02-02")) {
		t.Error("the sessions are not the dates")
	}
	if next, err := cal.Next(want[0]); err != nil || next != want[1] {
		t.Errorf("after the first: %v, %v", next, err)
	}
	if _, err := cal.Next(want[2]); etf.KindOf(err) != etf.KindInvalid || err == nil {
		t.Errorf("after the last: %v", err)
	}
	if end, err := cal.Close(want[1]); err != nil || !end.Equal(day("2025-01-06").Time()) {
		t.Errorf("close %v, %v", end, err)
	}
	if _, err := calendar.OfDates(nil); etf.KindOf(err) != etf.KindInvalid || err == nil {
		t.Errorf("no dates: %v", err)
	}
}
