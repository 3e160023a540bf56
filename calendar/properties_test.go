package calendar

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

func each(t *testing.T, f func(t *testing.T, c *Calendar)) {
	t.Helper()
	for _, x := range etf.Exchanges() {
		t.Run(string(x), func(t *testing.T) { f(t, mustFor(t, x)) })
	}
}

func mustFor(t testing.TB, x etf.Exchange) *Calendar {
	t.Helper()
	c, err := For(x)
	if err != nil {
		t.Fatalf("For(%s): %v", x, err)
	}
	return c
}

func wantInvalid(t *testing.T, err error, field string, phrases ...string) {
	t.Helper()
	var e *etf.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want an etf.Error", err)
	}
	if e.Kind != etf.KindInvalid || e.Field != field {
		t.Errorf("got kind %q field %q, want invalid and %q: %v", e.Kind, e.Field, field, err)
	}
	for _, phrase := range phrases {
		if !strings.Contains(err.Error(), phrase) {
			t.Errorf("error %q does not contain %q", err, phrase)
		}
	}
}

func TestForUnknownExchange(t *testing.T) {
	t.Parallel()
	for _, x := range []etf.Exchange{"", "XNAS", "xnys"} {
		_, err := For(x)
		wantInvalid(t, err, "exchange")
	}
}

func TestForIsSharedAndConcurrent(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	got := make([]*Calendar, 16)
	for i := range got {
		wg.Go(func() {
			c, err := For(etf.XKRX)
			if err == nil {
				c.Sessions(etf.Window{})
				got[i] = c
			}
		})
	}
	wg.Wait()
	for _, c := range got {
		if c == nil || c != got[0] {
			t.Fatal("For does not return the same calendar to every caller")
		}
	}
}

func TestResultsAreCopies(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *Calendar) {
		sessions, closures, special := c.Sessions(etf.Window{}), c.Closures(etf.Window{}), c.SpecialHours(etf.Window{})
		first, name, reason := sessions[0], closures[0].Name, special[0].Reason
		sessions[0], closures[0].Name, special[0].Reason = 0, "", ""
		if c.Sessions(etf.Window{})[0] != first || c.Closures(etf.Window{})[0].Name != name || c.SpecialHours(etf.Window{})[0].Reason != reason {
			t.Error("writing to a result changed the calendar")
		}
	})
}

// TestEveryDayIsASessionOrExplained checks the whole range day by day.
func TestEveryDayIsASessionOrExplained(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *Calendar) {
		closed := map[etf.Session]string{}
		for _, x := range c.Closures(etf.Window{}) {
			if _, twice := closed[x.Date]; twice || x.Name == "" || x.Announced > x.Date {
				t.Errorf("bad closure %+v", x)
			}
			closed[x.Date] = x.Name
		}
		sessions := 0
		for s := c.Range().From; s <= c.Range().To; s++ {
			err := c.Check(s)
			if c.IsSession(s) != (err == nil) {
				t.Fatalf("%s: IsSession returns %v but Check %v", s, c.IsSession(s), err)
			}
			if err == nil {
				sessions++
				if closed[s] != "" {
					t.Errorf("%s is a session and a closure, %s", s, closed[s])
				}
				continue
			}
			why := closed[s]
			if why == "" {
				why = s.Weekday().String()
				if why != "Saturday" && why != "Sunday" {
					t.Errorf("%s is closed without a reason", s)
				}
			}
			wantInvalid(t, err, "session", s.String(), string(c.Exchange()), why, "session")
		}
		if sessions != c.Count(etf.Window{}) || sessions != len(c.Sessions(etf.Window{})) {
			t.Errorf("found %d sessions, but Count returns %d and Sessions %d", sessions, c.Count(etf.Window{}), len(c.Sessions(etf.Window{})))
		}
	})
}

func TestNextPreviousNthAgree(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *Calendar) {
		all := c.Sessions(etf.Window{})
		i := 0 // all[i] is the first session at or after s
		for s := c.Range().From; s <= c.Range().To; s++ {
			for i < len(all) && all[i] < s {
				i++
			}
			after := i
			if i < len(all) && all[i] == s {
				after = i + 1
			}
			for _, n := range []int{1, 2, 21, 250} {
				got, err := c.Nth(s, n)
				if k := after + n - 1; k < len(all) {
					if err != nil || got != all[k] {
						t.Fatalf("Nth(%s, %d) = %s, %v; want %s", s, n, got, err, all[k])
					}
				} else if err == nil {
					t.Fatalf("Nth(%s, %d) = %s beyond the last session", s, n, got)
				}
				got, err = c.Nth(s, -n)
				if k := i - n; k >= 0 {
					if err != nil || got != all[k] {
						t.Fatalf("Nth(%s, %d) = %s, %v; want %s", s, -n, got, err, all[k])
					}
				} else if err == nil {
					t.Fatalf("Nth(%s, %d) = %s before the first session", s, -n, got)
				}
			}
			if same, err := c.Nth(s, 0); (err == nil) != c.IsSession(s) || same != s {
				t.Fatalf("Nth(%s, 0) = %s, %v", s, same, err)
			}
		}
		for k := 1; k < len(all); k++ {
			next, err1 := c.Next(all[k-1])
			previous, err2 := c.Previous(all[k])
			if err1 != nil || err2 != nil || next != all[k] || previous != all[k-1] {
				t.Fatalf("Next(%s) = %s, %v and Previous(%s) = %s, %v", all[k-1], next, err1, all[k], previous, err2)
			}
		}
	})
}

func TestWindows(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *Calendar) {
		span := c.Range()
		whole := c.Sessions(etf.Window{})
		for name, w := range map[string]etf.Window{
			"range":      span,
			"wider":      {From: span.From - 1000, To: span.To + 1000},
			"open end":   {From: span.From},
			"open start": {To: span.To},
		} {
			if !reflect.DeepEqual(c.Sessions(w), whole) || c.Count(w) != len(whole) {
				t.Errorf("%s: got %d sessions, want all %d", name, c.Count(w), len(whole))
			}
		}
		for name, w := range map[string]etf.Window{
			"reversed": {From: day("2025-01-10"), To: day("2025-01-06")},
			"before":   {From: span.From - 100, To: span.From - 1},
			"after":    {From: span.To + 1, To: span.To + 100},
		} {
			if n := c.Count(w); n != 0 || len(c.Sessions(w))+len(c.Closures(w))+len(c.SpecialHours(w))+len(c.EarlyCloses(w)) != 0 {
				t.Errorf("%s: got %d sessions, want nothing", name, n)
			}
		}
		middle := day("2012-06-15")
		if got := c.Count(etf.Window{To: middle}) + c.Count(etf.Window{From: middle + 1}); got != len(whole) {
			t.Errorf("the two halves have %d sessions, the whole %d", got, len(whole))
		}
		for _, s := range c.Sessions(etf.Window{From: day("2020-02-01"), To: day("2020-02-29")}) {
			if one := c.Sessions(etf.Window{From: s, To: s}); len(one) != 1 || one[0] != s {
				t.Errorf("a window of the single session %s gives %v", s, one)
			}
		}
	})
}

func TestRangeEdges(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *Calendar) {
		span, all := c.Range(), c.Sessions(etf.Window{})
		from := day("1990-01-01")
		if slices.Contains([]etf.Exchange{etf.XLON, etf.XETR, etf.XTKS}, c.Exchange()) {
			from = from2000
		}
		if span.From != from || span.To != day("2030-12-31") {
			t.Errorf("range %s..%s", span.From, span.To)
		}
		if got, err := c.Next(span.From - 1); err != nil || got != all[0] {
			t.Errorf("Next for the day before the range = %s, %v", got, err)
		}
		if got, err := c.Previous(span.To + 1); err != nil || got != all[len(all)-1] {
			t.Errorf("Previous for the day after the range = %s, %v", got, err)
		}
		for _, s := range []etf.Session{span.From - 2, span.To + 2, 0, math.MinInt32, math.MaxInt32} {
			_, err := c.Next(s)
			wantInvalid(t, err, "session", "out of range")
			_, err = c.Previous(s)
			wantInvalid(t, err, "session", "out of range")
			_, err = c.Open(s)
			wantInvalid(t, err, "session", "out of range")
			_, err = c.Close(s)
			wantInvalid(t, err, "session", "out of range")
			if c.IsSession(s) {
				t.Errorf("%d is a session", s)
			}
		}
		for _, n := range []int{math.MinInt, -100_000, 100_000, math.MaxInt} {
			_, err := c.Nth(day("2020-02-03"), n)
			wantInvalid(t, err, "session", "outside the calendar")
		}
		_, err := c.Next(all[len(all)-1])
		wantInvalid(t, err, "session")
		_, err = c.Previous(all[0])
		wantInvalid(t, err, "session")
	})
}

// TestLastClosedAtEveryBoundary checks around every open and close, in UTC, in the exchange's time zone and in an odd one.
func TestLastClosedAtEveryBoundary(t *testing.T) {
	t.Parallel()
	odd := time.FixedZone("odd", 13*3600+45*60)
	each(t, func(t *testing.T, c *Calendar) {
		var previous etf.Session
		var closed time.Time
		for _, s := range c.Sessions(etf.Window{}) {
			open, err := c.Open(s)
			if err != nil {
				t.Fatal(err)
			}
			end, err := c.Close(s)
			if err != nil {
				t.Fatal(err)
			}
			if open.Location() != time.UTC || end.Location() != time.UTC {
				t.Fatalf("%s: instants are not UTC", s)
			}
			if !open.Before(end) || etf.SessionOf(open.In(c.Location())) != s || etf.SessionOf(end.In(c.Location())) != s || !open.After(closed) {
				t.Fatalf("%s: open %s, close %s", s, open, end)
			}
			for at, want := range map[time.Time]etf.Session{
				open: previous, end.Add(-time.Nanosecond): previous, end: s, end.Add(time.Nanosecond): s, end.Add(time.Second): s,
			} {
				for _, zone := range []*time.Location{time.UTC, c.Location(), odd} {
					got, err := c.LastClosed(at.In(zone))
					if want == 0 {
						wantInvalid(t, err, "instant")
					} else if err != nil || got != want {
						t.Fatalf("LastClosed(%s) = %s, %v; want %s", at.In(zone), got, err, want)
					}
				}
			}
			previous, closed = s, end
		}
		_, err := c.LastClosed(time.Date(2031, 1, 2, 0, 0, 0, 0, time.UTC))
		wantInvalid(t, err, "instant", "out of range")
		_, err = c.LastClosed(time.Time{})
		wantInvalid(t, err, "instant", "out of range")
		if got, err := c.LastClosed(time.Date(2030, 12, 31, 23, 59, 59, 0, c.Location())); err != nil || got != previous {
			t.Errorf("LastClosed at the end of the range = %s, %v; want %s", got, err, previous)
		}
	})
}

func TestSpecialHoursMatchOpenAndClose(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, c *Calendar) {
		early := 0
		for _, x := range c.SpecialHours(etf.Window{}) {
			open, err1 := c.Open(x.Session)
			end, err2 := c.Close(x.Session)
			if err1 != nil || err2 != nil || !open.Equal(x.Open) || !end.Equal(x.Close) {
				t.Errorf("%s: listed as %s to %s, but Open and Close return %s and %s", x.Session, x.Open, x.Close, open, end)
			}
			if x.Reason == "" || !x.LateOpen && !x.Early && !x.LateClose || x.Announced > x.Session {
				t.Errorf("not special hours, or no reason: %+v", x)
			}
			if x.Early {
				early++
			}
		}
		if got := len(c.EarlyCloses(etf.Window{})); got != early {
			t.Errorf("EarlyCloses returns %d, but SpecialHours has %d", got, early)
		}
	})
}

func TestBuildRejectsContradictions(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]plan{
		"zone": {zone: "Nowhere/Nothing"},
		"twice": {zone: "UTC", special: []irregular{
			{session: day("2020-02-03"), open: at(10, 0)}, {session: day("2020-02-03"), open: at(11, 0)},
		}},
		"closed": {zone: "UTC", closures: []Closure{{Date: day("2020-02-03"), Name: "x"}}, special: []irregular{{session: day("2020-02-03"), open: at(10, 0)}}},
		"sunday": {zone: "UTC", special: []irregular{{session: day("2020-02-02"), open: at(10, 0)}}},
	} {
		p.exchange, p.week = etf.XNYS, weekday
		p.hours = func(etf.Session) (clock, clock) { return at(9, 0), at(15, 0) }
		if _, err := build(p); etf.KindOf(err) != etf.KindInternal || err == nil {
			t.Errorf("%s: got %v, want an internal error", name, err)
		}
	}
}

func FuzzCalendar(f *testing.F) {
	for _, s := range []int32{0, -1, 7304, 7305, 7306, 22278, 22279, 22280, math.MinInt32, math.MaxInt32} {
		f.Add(s, 1, s+1, int64(s)*86400)
	}
	f.Add(int32(18000), math.MinInt, int32(0), int64(math.MinInt64))
	f.Add(int32(18000), math.MaxInt, int32(-5), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, date int32, n int, to int32, unix int64) {
		for _, x := range etf.Exchanges() {
			c := mustFor(t, x)
			s, w := etf.Session(date), etf.Window{From: etf.Session(date), To: etf.Session(to)}
			if got, err := c.Nth(s, n); err == nil {
				if !c.IsSession(got) {
					t.Errorf("Nth(%d, %d) = %s is not a session", date, n, got)
				}
				if n != 0 && n > -20_000 && n < 20_000 {
					if back, err := c.Nth(got, -n); err == nil && n > 0 && back > s || err == nil && n < 0 && back < s {
						t.Errorf("Nth(%d, %d) = %s but counting back gives %s", date, n, got, back)
					}
				}
			}
			if c.IsSession(s) {
				open, err1 := c.Open(s)
				end, err2 := c.Close(s)
				if err1 != nil || err2 != nil || !open.Before(end) {
					t.Errorf("%s: %s %v, %s %v", s, open, err1, end, err2)
				}
			}
			if c.Count(w) != len(c.Sessions(w)) || len(c.EarlyCloses(w)) > len(c.SpecialHours(w)) {
				t.Errorf("the counts for the window %d..%d disagree", date, to)
			}
			for _, x := range c.Closures(w) {
				if !c.clip(w).Contains(x.Date) {
					t.Errorf("closure %s outside %d..%d", x.Date, date, to)
				}
			}
			if got, err := c.LastClosed(time.Unix(unix, 0)); err == nil {
				if end, err := c.Close(got); err != nil || end.Unix() > unix {
					t.Errorf("LastClosed(%d) = %s, closing %s, %v", unix, got, end, err)
				}
			}
		}
	})
}

func BenchmarkNth(b *testing.B) {
	c := mustFor(b, etf.XKRX)
	for b.Loop() {
		if _, err := c.Nth(day0, 21); err != nil {
			b.Fatal(err)
		}
	}
}

var day0 = day("2020-02-03")
