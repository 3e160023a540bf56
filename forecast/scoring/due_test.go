package scoring_test

import (
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/scoring"
)

// Scores are complete only in the calendar that they were made with: an operator who has closed the wrong day and corrects that leaves as many
// sessions.
func TestCompleteInOneCalendar(t *testing.T) {
	monday, friday := etf.MustSession("2029-03-05"), etf.MustSession("2029-03-09")
	closed := func(days ...etf.Session) *calendar.Calendar {
		t.Helper()
		var changes []etf.CalendarChange
		for i, day := range days {
			changes = append(changes, etf.CalendarChange{Exchange: etf.XETR, Number: i + 1, Session: day, Closed: true, Reason: "storm", At: time.Unix(0, 0)})
		}
		c, err := calendar.With(etf.XETR, changes)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	calendars := []*calendar.Calendar{closed(), closed(monday), closed(friday), closed(monday, friday)}
	for i, made := range calendars {
		u := etf.Unscored{Last: friday + 3}
		m := scoring.Mark(made, u, []int{1, 5})
		m.Writer = "w"
		for k, now := range calendars {
			if got := scoring.Complete(now, m, []int{1, 5}); got != (i == k) {
				t.Errorf("scored with %d, looked at with %d: complete %v", i, k, got)
			}
		}
	}
	// One that is closed after the newest bar moves no score.
	m := scoring.Mark(calendars[1], etf.Unscored{Last: monday + 1}, []int{1})
	m.Writer = "w"
	if !scoring.Complete(calendars[3], m, []int{1}) {
		t.Error("a closure to come makes everything be scored again")
	}
}
