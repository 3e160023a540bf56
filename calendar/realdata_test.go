package calendar

import (
	"bufio"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/internal/testenv"
)

// datesIn reads the date at the start of each line of a real file, as 2006-01-02 or 20060102; header lines have none.
// Without the data it skips the test.
func datesIn(t *testing.T, name string) map[etf.Session]bool {
	t.Helper()
	folder := testenv.RealData.Value(t)
	file, err := os.Open(filepath.Join(folder, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	dates := map[etf.Session]bool{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		text, _, _ := strings.Cut(lines.Text(), ",")
		text, _, _ = strings.Cut(text, " ")
		if len(text) == 8 {
			text = text[:4] + "-" + text[4:6] + "-" + text[6:]
		}
		if s, err := etf.ParseSession(text); err == nil {
			dates[s] = true
		}
	}
	if len(dates) < 300 {
		t.Fatalf("%s: read only %d dates", name, len(dates))
	}
	return dates
}

// TestRealPriceFiles checks both directions: every date of a file is a session, and every session between the file's
// first and last date is in the file. None of the files has a gap, so there are no exceptions.
func TestRealPriceFiles(t *testing.T) {
	t.Parallel()
	for x, files := range map[etf.Exchange][]string{
		etf.XNYS: {
			"prices/yahoo/SPY.csv", "prices/yahoo/QQQ.csv", "prices/yahoo/IWM.csv", "prices/yahoo/EEM.csv",
			"prices/alphavantage/SPY.csv", "prices/alphavantage/QQQ.csv", "prices/alphavantage/IWM.csv", "prices/alphavantage/IJH.csv", "prices/alphavantage/XLF.csv",
		},
		etf.XKRX: {
			"prices/krx/069500_D.csv", "prices/krx/114800_D.csv", "prices/krx/139230_D.csv", "prices/krx/152380_D.csv", "prices/krx/161510_D.csv",
			"prices/krx_nav/069500.csv", "prices/krx_nav/253150.csv", "prices/krx_nav/0000J0.csv",
		},
	} {
		c := mustFor(t, x)
		for _, name := range files {
			t.Run(string(x)+"/"+name, func(t *testing.T) {
				dates := datesIn(t, name)
				sorted := slices.Sorted(maps.Keys(dates))
				for _, s := range sorted {
					if err := c.Check(s); err != nil {
						t.Errorf("the file has a price for a closed day: %v", err)
					}
				}
				for _, s := range c.Sessions(etf.Window{From: sorted[0], To: sorted[len(sorted)-1]}) {
					if !dates[s] {
						t.Errorf("the file has no price for the session %s", s)
					}
				}
			})
		}
	}
}

// explanation is a known difference between a third-party list and the calendar, with the number of days it accounts
// for: an explanation that covers too many days fails like one that covers too few.
type explanation struct {
	cause string
	days  int
	holds func(etf.Session) bool
}

func explain(t *testing.T, what string, days []etf.Session, explanations []explanation) {
	t.Helper()
	counts := make([]int, len(explanations))
next:
	for _, s := range days {
		for i, e := range explanations {
			if e.holds(s) {
				counts[i]++
				continue next
			}
		}
		t.Errorf("%s: %s is unexplained", what, s)
	}
	for i, e := range explanations {
		if counts[i] != e.days {
			t.Errorf("%s: %q accounts for %d days, want %d", what, e.cause, counts[i], e.days)
		}
	}
}

func on(month time.Month, first, last int, weekdays ...time.Weekday) func(etf.Session) bool {
	return func(s etf.Session) bool {
		_, m, d := s.Date()
		return m == month && d >= first && d <= last && (len(weekdays) == 0 || slices.Contains(weekdays, s.Weekday()))
	}
}

func among(dates ...string) func(etf.Session) bool {
	return func(s etf.Session) bool { return slices.Contains(dates, s.String()) }
}

func TestThirdPartyClosureListXNYS(t *testing.T) {
	t.Parallel()
	listed := datesIn(t, "calendars/holidays-nyse.csv")
	c := mustFor(t, etf.XNYS)
	var open, missing []etf.Session
	for s := range listed {
		if c.IsSession(s) {
			open = append(open, s)
		}
	}
	for _, x := range c.Closures(etf.Window{From: day("2000-01-17"), To: day("2025-12-25")}) {
		if !listed[x.Date] {
			missing = append(missing, x.Date)
		}
	}
	explain(t, "listed as closed, but a session", open, []explanation{
		{"Columbus Day, a bank holiday", 26, on(time.October, 8, 14, time.Monday)},
		{"Veterans Day, a bank holiday", 22, on(time.November, 10, 12)},
		{"2004-11-24 is listed for Thanksgiving, a day early", 1, among("2004-11-24")},
		{"early close on the day after Thanksgiving, 2007 to 2025", 19, on(time.November, 23, 29, time.Friday)},
		{"early close on July 3, from 2007", 11, on(time.July, 3, 3)},
		{"early close on Christmas Eve, from 2007", 12, on(time.December, 24, 24)},
	})
	explain(t, "closed, but not listed", missing, []explanation{
		{"2004-11-24 is listed instead", 1, among("2004-11-25")},
		{"day of mourning announced after the list was made", 1, among("2025-01-09")},
	})
}

func TestThirdPartyClosureListXKRX(t *testing.T) {
	t.Parallel()
	listed := datesIn(t, "calendars/holidays-krx.csv")
	c := mustFor(t, etf.XKRX)
	for s := range listed {
		if c.Range().Contains(s) && c.IsSession(s) {
			t.Errorf("%s is listed as closed, but a session", s)
		}
	}
	var missing, saturdays []etf.Session
	for _, x := range c.Closures(etf.Window{To: day("2026-12-31")}) {
		switch {
		case listed[x.Date]:
		case x.Date.Weekday() == time.Saturday:
			saturdays = append(saturdays, x.Date)
		default:
			missing = append(missing, x.Date)
		}
	}
	anyDay := func(etf.Session) bool { return true }
	explain(t, "closed Saturday, not listed", saturdays, []explanation{{"the list has weekdays only", 28, anyDay}})
	between := func(from, to string) func(etf.Session) bool {
		return func(s etf.Session) bool { return s >= day(from) && s <= day(to) }
	}
	explain(t, "closed weekday, not listed", missing, []explanation{
		{"from 1994-12 to 2008-06 the list has little but New Year and the end of the year", 171, between("1994-12-29", "2008-06-06")},
		{"temporary holidays and elections called after the list was made", 5, among("2023-10-02", "2024-04-10", "2024-10-01", "2025-01-27", "2025-06-03")},
		{"substitute for Buddha's Birthday under the law of 2023", 1, among("2026-05-25")},
		{"local elections of 2026", 1, among("2026-06-03")},
		{"Constitution Day under the law of 2026", 1, among("2026-07-17")},
	})
}
