package calendar

import (
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

func TestXTKSNamedDays(t *testing.T) {
	t.Parallel()
	named(t, etf.XTKS, map[string]string{
		"1999-12-30": "out of range", "2000-01-03": "New Year holiday", "2000-01-04": "", "2001-12-31": "year-end holiday",
		"2001-04-30": "Greenery Day (substitute)", "2006-01-02": "New Year's Day (substitute)", "2006-05-04": "day between two holidays", "2008-05-06": "Greenery Day (substitute)",
		"2009-05-06": "Constitution Memorial Day (substitute)", "2009-09-22": "day between two holidays", "2012-09-21": "", "2015-09-22": "day between two holidays",
		"2026-09-22": "day between two holidays", "2026-05-06": "Constitution Memorial Day (substitute)",
		"2018-12-24": "Emperor's Birthday (substitute)", "2019-12-23": "", "2019-02-22": "", "2020-02-24": "Emperor's Birthday (substitute)",
		"2019-04-30": "day between two holidays", "2019-05-01": "accession", "2019-05-02": "day between two holidays", "2019-05-06": "Children's Day (substitute)", "2019-10-22": "enthronement",
		"2020-07-20": "", "2020-07-23": "Marine Day", "2020-07-24": "Sports Day", "2020-08-10": "Mountain Day", "2020-08-11": "", "2020-10-12": "",
		"2021-07-22": "Marine Day", "2021-07-23": "Sports Day", "2021-08-09": "Mountain Day (substitute)", "2021-10-11": "",
		"2015-08-11": "", "2016-08-11": "Mountain Day", "2002-09-16": "Respect for the Aged Day (substitute)", "2003-09-15": "Respect for the Aged Day",
		"2020-10-01": "failure of the trading system", "2005-11-01": "",
	})
}

func TestXTKSHours(t *testing.T) {
	t.Parallel()
	hours(t, etf.XTKS, map[string]string{
		"2000-01-04": "09:00-11:00", "2000-01-05": "09:00-15:00", "2008-12-30": "09:00-11:00", "2009-01-05": "09:00-11:00", "2009-12-30": "09:00-15:00", "2010-01-04": "09:00-15:00",
		"2024-11-01": "09:00-15:00", "2024-11-05": "09:00-15:30", "2025-12-30": "09:00-15:30", "2005-11-01": "13:30-15:00", "2006-01-18": "09:00-14:40",
	})
	instants(t, etf.XTKS, map[string]string{"2025-01-06": "00:00", "2025-07-01": "00:00"})
}

// TestXTKSAgainstHolidays compares every weekday with the holidays of Japan as the Python package holidays has them. The exchange is also
// closed around the turn of the year, and was on the day its system failed.
func TestXTKSAgainstHolidays(t *testing.T) {
	t.Parallel()
	againstHolidays(t, etf.XTKS, "JP", func(s etf.Session) bool {
		_, m, d := s.Date()
		return m == time.January && d <= 3 || m == time.December && d == 31 || s == day("2020-10-01")
	})
}

// The days of the equinoxes, by the announcements of the National Astronomical Observatory of Japan in the Official Gazette.
func TestEquinoxes(t *testing.T) {
	t.Parallel()
	for year, want := range map[int][2]int{2000: {20, 23}, 2003: {21, 23}, 2011: {21, 23}, 2012: {20, 22}, 2016: {20, 22}, 2024: {20, 22}, 2025: {20, 23}, 2026: {20, 23}, 2027: {21, 23}} {
		if spring, autumn := equinox(year, 20.8431), equinox(year, 23.2488); spring != want[0] || autumn != want[1] {
			t.Errorf("%d: March %d and September %d, want %v", year, spring, autumn, want)
		}
	}
}
