package calendar

import (
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar/holidays"
	"github.com/etfcast/etfcast/etf"
)

// Bank holidays of England and Wales by gov.uk/bank-holidays for 2022 to 2028.
func TestXLONPublishedHolidays(t *testing.T) {
	t.Parallel()
	closures(t, etf.XLON, "2022-01-01", "2028-12-31", []string{
		"2022-01-03", "2022-04-15", "2022-04-18", "2022-05-02", "2022-06-02", "2022-06-03", "2022-08-29", "2022-09-19", "2022-12-26", "2022-12-27",
		"2023-01-02", "2023-04-07", "2023-04-10", "2023-05-01", "2023-05-08", "2023-05-29", "2023-08-28", "2023-12-25", "2023-12-26",
		"2024-01-01", "2024-03-29", "2024-04-01", "2024-05-06", "2024-05-27", "2024-08-26", "2024-12-25", "2024-12-26",
		"2025-01-01", "2025-04-18", "2025-04-21", "2025-05-05", "2025-05-26", "2025-08-25", "2025-12-25", "2025-12-26",
		"2026-01-01", "2026-04-03", "2026-04-06", "2026-05-04", "2026-05-25", "2026-08-31", "2026-12-25", "2026-12-28",
		"2027-01-01", "2027-03-26", "2027-03-29", "2027-05-03", "2027-05-31", "2027-08-30", "2027-12-27", "2027-12-28",
		"2028-01-03", "2028-04-14", "2028-04-17", "2028-05-01", "2028-05-29", "2028-08-28", "2028-12-25", "2028-12-26",
	})
}

func TestXLONNamedDays(t *testing.T) {
	t.Parallel()
	named(t, etf.XLON, map[string]string{
		"1999-12-30": "out of range", "2000-01-03": "New Year's Day (substitute)", "2000-01-04": "",
		"2002-05-27": "", "2002-06-03": "Golden Jubilee", "2002-06-04": "moved", "2011-04-29": "Prince William",
		"2012-05-28": "", "2012-06-04": "moved", "2012-06-05": "Diamond Jubilee", "2020-05-04": "", "2020-05-08": "VE Day",
		"2022-05-30": "", "2022-06-03": "Platinum Jubilee", "2022-09-19": "state funeral", "2023-05-08": "coronation",
		"2004-12-27": "Christmas Day (substitute)", "2004-12-28": "Boxing Day (substitute)", "2004-12-29": "",
		"2005-12-27": "Christmas Day (substitute)", "2005-12-28": "", "2009-12-28": "Boxing Day (substitute)", "2024-07-04": "", // an election is no holiday
	})
}

// Half days end at 12:30; before a weekend the Friday is one.
func TestXLONHours(t *testing.T) {
	t.Parallel()
	hours(t, etf.XLON, map[string]string{
		"2000-01-04": "08:00-16:30", "2025-09-26": "08:00-16:30", "2025-12-24": "08:00-12:30", "2025-12-31": "08:00-12:30",
		"2022-12-23": "08:00-12:30", "2022-12-30": "08:00-12:30", "2023-12-22": "08:00-12:30", "2023-12-29": "08:00-12:30", "2025-12-30": "08:00-16:30",
	})
	instants(t, etf.XLON, map[string]string{"2025-03-28": "08:00", "2025-03-31": "07:00", "2025-10-24": "07:00", "2025-10-27": "08:00"})
}

// TestXLONAgainstHolidays compares every weekday with the holidays of the United Kingdom as the Python package holidays has them, and with
// Easter Monday and the summer bank holiday, which are none in Scotland.
func TestXLONAgainstHolidays(t *testing.T) {
	t.Parallel()
	againstHolidays(t, etf.XLON, "GB", func(s etf.Session) bool {
		year, m, _ := s.Date()
		return s == easter(year)+1 || m == time.August && s == nthWeekday(year, m, time.Monday, -1)
	})
}

// againstHolidays checks that the weekdays closed are those of the country's holidays and of more.
func againstHolidays(t *testing.T, x etf.Exchange, country string, more func(etf.Session) bool) {
	t.Helper()
	c := mustFor(t, x)
	days := map[etf.Session]string{}
	for year := c.Range().From.Time().Year(); year <= c.Range().To.Time().Year(); year++ {
		list, err := holidays.Of(country, year)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range list {
			days[h.Date] = h.Name
		}
	}
	compared := 0
	for s := c.Range().From; s <= c.Range().To; s++ {
		if !weekday(s) {
			continue
		}
		compared++
		closed := days[s] != "" || more(s)
		if closed == c.IsSession(s) {
			t.Errorf("%s %s: session %v, holiday %q", x, s, c.IsSession(s), days[s])
		}
	}
	if compared < 8000 {
		t.Errorf("compared only %d days", compared)
	}
}
