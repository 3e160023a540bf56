package calendar

import (
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// Rows per year in the daily prices of SPY for 1994 to 2024; for 2025 to 2028 some 261 weekdays less the full holidays
// that NYSE published (press release of 2025-12-23).
var xnysCounts = map[int]int{
	1994: 252, 1995: 252, 1996: 254, 1997: 253, 1998: 252, 1999: 252, 2000: 252, 2001: 248, 2002: 252, 2003: 252,
	2004: 252, 2005: 252, 2006: 251, 2007: 251, 2008: 253, 2009: 252, 2010: 252, 2011: 252, 2012: 250, 2013: 252,
	2014: 252, 2015: 252, 2016: 252, 2017: 251, 2018: 251, 2019: 252, 2020: 253, 2021: 252, 2022: 251, 2023: 250,
	2024: 252, 2025: 250, 2026: 251, 2027: 251, 2028: 251,
}

func TestXNYSSessionsPerYear(t *testing.T) {
	t.Parallel()
	sessionsPerYear(t, etf.XNYS, xnysCounts)
}

func sessionsPerYear(t *testing.T, x etf.Exchange, counts map[int]int) {
	t.Helper()
	c := mustFor(t, x)
	for year, want := range counts {
		w := etf.Window{From: etf.NewSession(year, time.January, 1), To: etf.NewSession(year, time.December, 31)}
		if got := c.Count(w); got != want {
			t.Errorf("%s %d has %d sessions, want %d", x, year, got, want)
		}
	}
}

// The full holidays of 2026 to 2028 as NYSE published them on 2025-12-23.
func TestXNYSPublishedHolidays(t *testing.T) {
	t.Parallel()
	want := []string{
		"2026-01-01", "2026-01-19", "2026-02-16", "2026-04-03", "2026-05-25", "2026-06-19", "2026-07-03", "2026-09-07", "2026-11-26", "2026-12-25",
		"2027-01-01", "2027-01-18", "2027-02-15", "2027-03-26", "2027-05-31", "2027-06-18", "2027-07-05", "2027-09-06", "2027-11-25", "2027-12-24",
		"2028-01-17", "2028-02-21", "2028-04-14", "2028-05-29", "2028-06-19", "2028-07-04", "2028-09-04", "2028-11-23", "2028-12-25",
	}
	closures(t, etf.XNYS, "2026-01-01", "2028-12-31", want)
}

func closures(t *testing.T, x etf.Exchange, from, to string, want []string) {
	t.Helper()
	got := mustFor(t, x).Closures(etf.Window{From: day(from), To: day(to)})
	expected := map[etf.Session]bool{}
	for _, text := range want {
		expected[day(text)] = true
	}
	for _, c := range got {
		if !expected[c.Date] {
			t.Errorf("%s is closed on %s (%s), want a session", x, c.Date, c.Name)
		}
		delete(expected, c.Date)
	}
	for s := range expected {
		t.Errorf("%s is not closed on %s", x, s)
	}
}

func TestXNYSNamedDays(t *testing.T) {
	t.Parallel()
	named(t, etf.XNYS, map[string]string{
		"1993-12-31": "", "2004-12-31": "", "2010-12-31": "", "2021-12-31": "", // New Year's Day on a Saturday: the exchange trades on Friday
		"1994-12-26": "Christmas Day (observed)", "2012-01-02": "New Year's Day (observed)",
		"1997-01-20": "", "1998-01-19": "Martin Luther King Jr. Day",
		"2021-06-18": "", "2022-06-20": "Juneteenth National Independence Day (observed)",
		"2024-03-29": "Good Friday", "2000-04-21": "Good Friday", "2038-01-01": "out of range",
		"2024-10-14": "", "2024-11-11": "", // Columbus Day and Veterans Day are sessions
		"2001-09-10": "", "2001-09-11": "attacks of September 11", "2001-09-14": "attacks of September 11", "2001-09-17": "",
		"1994-04-27": "Richard Nixon", "2004-06-11": "Ronald Reagan", "2007-01-02": "Gerald Ford",
		"2018-12-05": "George H. W. Bush", "2025-01-09": "Jimmy Carter",
		"2012-10-29": "Hurricane Sandy", "2012-10-30": "Hurricane Sandy", "2012-10-31": "",
		"2024-06-01": "Saturday", "2024-06-02": "Sunday",
	})
}

// named checks why days are closed; empty: a session.
func named(t *testing.T, x etf.Exchange, days map[string]string) {
	t.Helper()
	for date, want := range days {
		err := mustFor(t, x).Check(day(date))
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", date, err)
			}
			continue
		}
		wantInvalid(t, err, "session", want)
	}
}

func TestXNYSErrorNamesTheNearestSessions(t *testing.T) {
	t.Parallel()
	err := mustFor(t, etf.XNYS).Check(day("2025-01-09"))
	const want = "session: 2025-01-09 is not a trading day of XNYS: national day of mourning for Jimmy Carter; the nearest sessions are 2025-01-08 and 2025-01-10"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// The dates on which newspapers reported the announcements.
func TestXNYSAnnouncements(t *testing.T) {
	t.Parallel()
	want := map[string]string{"1994-04-27": "1994-04-25", "2007-01-02": "2006-12-29", "2012-10-29": "2012-10-28", "2025-01-09": "2024-12-30", "2025-12-25": ""}
	c := mustFor(t, etf.XNYS)
	for date, announced := range want {
		got := c.Closures(etf.Window{From: day(date), To: day(date)})
		if len(got) != 1 || got[0].Announced.String() != announced {
			t.Errorf("%s: got %+v, want announced %q", date, got, announced)
		}
	}
}

// Local hours: regular, under the daylight saving rules before and since 2007, and irregular.
func TestXNYSHours(t *testing.T) {
	t.Parallel()
	hours(t, etf.XNYS, map[string]string{
		"1990-01-02": "09:30-16:00", "2025-09-26": "09:30-16:00",
		"1990-12-24": "09:30-14:00", "1992-11-27": "09:30-14:00", "1993-11-26": "09:30-13:00", "1991-11-29": "09:30-16:00",
		"1994-07-01": "09:30-16:00", "1995-07-03": "09:30-13:00", "1996-07-05": "09:30-13:00", "1996-07-03": "09:30-16:00",
		"2002-07-05": "09:30-13:00", "2013-07-03": "09:30-13:00", "2013-07-05": "09:30-16:00", "2019-07-03": "09:30-13:00",
		"2020-07-02": "09:30-16:00", "2024-07-03": "09:30-13:00", "2026-07-02": "09:30-16:00", "2028-07-03": "09:30-13:00",
		"1997-12-24": "09:30-13:00", "1997-12-26": "09:30-13:00", "2003-12-26": "09:30-13:00", "2008-12-26": "09:30-16:00",
		"1999-12-31": "09:30-13:00", "2025-12-24": "09:30-13:00", "2025-12-26": "09:30-16:00", "2026-12-24": "09:30-13:00",
		"1994-02-11": "09:30-14:30", "1995-12-18": "10:30-16:00", "1996-01-08": "11:00-14:00", "1997-10-27": "09:30-15:30",
		"1990-12-27": "11:00-16:00", "2001-09-17": "09:33-16:00", "2002-09-11": "12:00-16:00", "2005-06-01": "09:30-15:56", "2009-07-02": "09:30-16:15",
	})
	instants(t, etf.XNYS, map[string]string{
		"2006-04-03": "13:30", "2006-03-31": "14:30", // until 2006 from the first Sunday of April
		"2007-03-09": "14:30", "2007-03-12": "13:30", // since 2007 from the second Sunday of March
		"2006-10-30": "14:30", "2007-10-31": "13:30", "2007-11-05": "14:30",
	})
}

func hours(t *testing.T, x etf.Exchange, want map[string]string) {
	t.Helper()
	c := mustFor(t, x)
	for date, local := range want {
		open, err := c.Open(day(date))
		if err != nil {
			t.Errorf("%s: %v", date, err)
			continue
		}
		end, err := c.Close(day(date))
		if err != nil {
			t.Errorf("%s: %v", date, err)
			continue
		}
		if got := open.In(c.Location()).Format("15:04") + "-" + end.In(c.Location()).Format("15:04"); got != local {
			t.Errorf("%s %s: %s, want %s", x, date, got, local)
		}
	}
}

func instants(t *testing.T, x etf.Exchange, want map[string]string) {
	t.Helper()
	for date, utc := range want {
		open, err := mustFor(t, x).Open(day(date))
		if err != nil || open.Format("15:04") != utc {
			t.Errorf("%s opens on %s at %s UTC (%v), want %s", x, date, open.Format("15:04"), err, utc)
		}
	}
}

// Easter from the tables of the Book of Common Prayer: the earliest and the latest in the range, and a few others.
func TestEaster(t *testing.T) {
	t.Parallel()
	for year, want := range map[int]string{1990: "1990-04-15", 2000: "2000-04-23", 2008: "2008-03-23", 2011: "2011-04-24", 2024: "2024-03-31", 2025: "2025-04-20", 2030: "2030-04-21"} {
		if got := easter(year); got != day(want) {
			t.Errorf("Easter %d = %s, want %s", year, got, want)
		}
	}
	for year := 1583; year <= 2200; year++ {
		s := easter(year)
		if s.Weekday() != time.Sunday || s < etf.NewSession(year, time.March, 22) || s > etf.NewSession(year, time.April, 25) {
			t.Errorf("Easter %d = %s", year, s)
		}
	}
}
