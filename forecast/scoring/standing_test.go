package scoring_test

import (
	"slices"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/scoring"
)

func calendarOf(t testing.TB, x etf.Exchange) *calendar.Calendar {
	t.Helper()
	cal, err := calendar.For(x)
	if err != nil {
		t.Fatal(err)
	}
	return cal
}

// The opens follow from the exchanges' published hours: 9:30 in New York, 9:00 in Seoul, 10:00 there on the first session of a year
// and on the day of the university entrance exam (13 November 2025). New York is 5 hours behind UTC in winter and 4 in summer
// (9 March to 1 November 2025), Seoul always 9 ahead.
func TestDeadline(t *testing.T) {
	for _, c := range []struct {
		name     string
		exchange etf.Exchange
		origin   string
		deadline string
	}{
		{"the next day, winter", etf.XNYS, "2025-02-04", "2025-02-05T14:30:00Z"},
		{"the next day, summer", etf.XNYS, "2025-07-08", "2025-07-09T13:30:00Z"},
		{"over the weekend on which clocks go forward", etf.XNYS, "2025-03-07", "2025-03-10T13:30:00Z"},
		{"over the weekend on which clocks go back", etf.XNYS, "2025-10-31", "2025-11-03T14:30:00Z"},
		{"a holiday: Independence Day, then a weekend", etf.XNYS, "2025-07-03", "2025-07-07T13:30:00Z"},
		{"the target closes early, after Thanksgiving", etf.XNYS, "2025-11-26", "2025-11-28T14:30:00Z"},
		{"the origin closed early", etf.XNYS, "2025-11-28", "2025-12-01T14:30:00Z"},
		{"an unscheduled closure: Carter's day of mourning", etf.XNYS, "2025-01-08", "2025-01-10T14:30:00Z"},
		{"Seoul, over a weekend", etf.XKRX, "2025-02-07", "2025-02-10T00:00:00Z"},
		{"Seoul, in the week in which New York's clocks change", etf.XKRX, "2025-03-07", "2025-03-10T00:00:00Z"},
		{"Seoul, the day of the entrance exam opens an hour later", etf.XKRX, "2025-11-12", "2025-11-13T01:00:00Z"},
		{"Seoul, the first session of the year opens an hour later", etf.XKRX, "2024-12-30", "2025-01-02T01:00:00Z"},
		{"Seoul, the Chuseok holidays", etf.XKRX, "2025-10-02", "2025-10-10T00:00:00Z"},
	} {
		got, err := scoring.Deadline(calendarOf(t, c.exchange), etf.MustSession(c.origin))
		if err != nil || got.Format(time.RFC3339) != c.deadline {
			t.Errorf("%s: %s (%v), want %s", c.name, got.Format(time.RFC3339), err, c.deadline)
		}
	}
	last := calendarOf(t, etf.XNYS).Range().To
	if _, err := scoring.Deadline(calendarOf(t, etf.XNYS), last); etf.KindOf(err) != etf.KindInvalid {
		t.Error("after the calendar's end:", err)
	}
}

func TestStandings(t *testing.T) {
	deadline := time.Date(2025, 2, 5, 14, 30, 0, 0, time.UTC)
	seoul := time.FixedZone("KST", 9*3600)
	at := func(d time.Duration) time.Time { return deadline.Add(d) }
	type f = scoring.Issued
	const record, late, repeated = etf.OfRecord, etf.Late, etf.Repeated
	for _, c := range []struct {
		name   string
		issued []f
		want   []etf.Standing
	}{
		{"none", nil, nil},
		{"one in time", []f{{At: at(-time.Hour), Chain: 1}}, []etf.Standing{record}},
		{"the last microsecond", []f{{At: at(-time.Microsecond), Chain: 1}}, []etf.Standing{record}},
		{"exactly at the open", []f{{At: at(0), Chain: 1}}, []etf.Standing{late}},
		{"exactly at the open, told in another zone", []f{{At: at(0).In(seoul), Chain: 1}}, []etf.Standing{late}},
		{"in time, told in another zone", []f{{At: at(-time.Second).In(seoul), Chain: 1}}, []etf.Standing{record}},
		{"the first of two", []f{{At: at(-2), Chain: 1}, {At: at(-1), Chain: 2}}, []etf.Standing{record, repeated}},
		{"the order given does not matter", []f{{At: at(-1), Chain: 2}, {At: at(-2), Chain: 1}}, []etf.Standing{repeated, record}},
		{"a tie", []f{{At: at(-1), Chain: 8}, {At: at(-1), Chain: 7}}, []etf.Standing{repeated, record}},
		{"held, then released before the open", []f{{At: at(-2), Held: true, Chain: 1}, {At: at(-1), Chain: 2}}, []etf.Standing{repeated, record}},
		{"held, then released after the open", []f{{At: at(-2), Held: true, Chain: 1}, {At: at(1), Chain: 2}}, []etf.Standing{record, late}},
		{"held only", []f{{At: at(-2), Held: true, Chain: 1}, {At: at(-1), Held: true, Chain: 2}}, []etf.Standing{record, repeated}},
		{"held and late", []f{{At: at(1), Held: true, Chain: 1}}, []etf.Standing{late}},
		{"all late", []f{{At: at(1), Chain: 1}, {At: at(2), Chain: 2}}, []etf.Standing{late, late}},
	} {
		if got := scoring.Standings(c.issued, deadline); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
