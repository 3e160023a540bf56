package calendar

import (
	"bufio"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// Rows per year in the daily prices of 069500 for 2003 to 2022, and in an index series for 2024 and 2025.
var xkrxCounts = map[int]int{
	2003: 247, 2004: 249, 2005: 249, 2006: 247, 2007: 246, 2008: 248, 2009: 253, 2010: 251, 2011: 248, 2012: 248,
	2013: 247, 2014: 245, 2015: 248, 2016: 246, 2017: 243, 2018: 244, 2019: 246, 2020: 248, 2021: 248, 2022: 246,
	2024: 244, 2025: 242,
}

func TestXKRXSessionsPerYear(t *testing.T) {
	t.Parallel()
	sessionsPerYear(t, etf.XKRX, xkrxCounts)
}

// testdata/xkrx_closed_1990_2002.txt holds the days on which the exchange's index has no value: weekdays throughout, and
// Saturdays until 1996-12-10, after which the series has no Saturdays; later ones follow from the holiday law.
func TestXKRXClosed1990To2002(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/xkrx_closed_1990_2002.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var want []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if line := strings.TrimSpace(lines.Text()); line != "" && !strings.HasPrefix(line, "#") {
			want = append(want, strings.Fields(line)...)
		}
	}
	if len(want) != 239 {
		t.Fatalf("read %d days, want 239", len(want))
	}
	closures(t, etf.XKRX, "1990-01-01", "2002-12-31", want)
}

// The closures of 2026, from the index series up to August, then from the law and the exchange's calendar.
func TestXKRXClosed2026(t *testing.T) {
	t.Parallel()
	closures(t, etf.XKRX, "2026-01-01", "2026-12-31", []string{
		"2026-01-01", "2026-02-16", "2026-02-17", "2026-02-18", "2026-03-02", "2026-05-01", "2026-05-05", "2026-05-25", "2026-06-03",
		"2026-07-17", "2026-08-17", "2026-09-24", "2026-09-25", "2026-10-05", "2026-10-09", "2026-12-25", "2026-12-31",
	})
}

// The closures of 2027: the public holidays in the Official Gazette, and the year-end closure.
func TestXKRXClosed2027(t *testing.T) {
	t.Parallel()
	closures(t, etf.XKRX, "2027-01-01", "2027-12-31", []string{
		"2027-01-01", "2027-02-08", "2027-02-09", "2027-03-01", "2027-05-03", "2027-05-05", "2027-05-13", "2027-07-19", "2027-08-16",
		"2027-09-14", "2027-09-15", "2027-09-16", "2027-10-04", "2027-10-11", "2027-12-27", "2027-12-31",
	})
}

func TestXKRXNamedDays(t *testing.T) {
	t.Parallel()
	for date, want := range map[string]string{ // empty: a session
		"1998-12-05": "", "1998-12-12": "Saturday", "1998-11-28": "", // the last Saturday session
		"1990-10-09": "Hangul Day", "1991-10-09": "", "2012-10-09": "", "2013-10-09": "Hangul Day",
		"1990-10-01": "Armed Forces Day", "1991-10-01": "",
		"2005-04-05": "Arbor Day", "2006-04-05": "",
		"2007-07-17": "Constitution Day", "2008-07-17": "", "2025-07-17": "", "2026-07-17": "Constitution Day",
		"1993-03-10": "Labour Day", "1994-03-10": "", "1993-05-01": "", "1995-05-01": "Labour Day",
		"1998-01-02": "New Year holiday", "2002-01-02": "",
		"1996-11-23": "new order system", "2000-01-03": "year 2000", "2000-01-04": "",
		"1992-12-28": "", "1993-07-07": "", "1994-01-03": "", "1994-02-14": "", "1994-05-20": "",
		"1995-06-27": "local elections", "1996-04-11": "general election", "1998-06-04": "local elections",
		"2002-07-01": "World Cup", "2014-09-10": "substitute holiday for Chuseok", "2015-09-29": "substitute holiday for Chuseok",
		"2013-09-23": "", "2021-08-16": "substitute holiday for Liberation Day", "2020-10-05": "", "2021-12-27": "",
		"2023-05-29": "substitute holiday for Buddha's Birthday", "2022-05-09": "", "2025-05-06": "substitute holiday",
		"2027-05-03": "substitute holiday for Labour Day", "2022-05-02": "", "2021-05-03": "", // in the official list of 2027; none before 2026
		"2027-12-27": "substitute holiday for Christmas Day", "2028-10-05": "substitute holiday for Chuseok", "2027-07-19": "substitute holiday for Constitution Day",
		"2017-10-06": "substitute holiday for Chuseok", "2018-05-07": "substitute holiday for Children's Day",
		"2026-06-08": "", "2022-01-03": "", // Memorial Day and New Year's Day have no substitute
		"1990-12-26": "", "1990-12-27": "year-end closure", "1995-12-27": "", "1995-12-28": "year-end closure",
		"1997-12-27": "", "2000-12-26": "", "2000-12-27": "year-end closure", "2001-12-28": "", "2001-12-31": "year-end closure",
		"2023-12-29": "year-end closure", "2023-12-28": "",
	} {
		err := mustFor(t, etf.XKRX).Check(day(date))
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", date, err)
			}
			continue
		}
		wantInvalid(t, err, "session", want)
	}
}

func TestXKRXHours(t *testing.T) {
	t.Parallel()
	hours(t, etf.XKRX, map[string]string{
		"1990-06-07": "09:40-15:20", "1990-06-09": "09:40-11:40", "1994-12-28": "09:40-15:20", "1994-12-24": "09:40-11:40",
		"1995-01-04": "09:30-15:00", "1995-01-07": "09:30-11:30", "1998-12-04": "09:30-15:00", "1998-12-05": "09:30-11:30",
		"1998-12-07": "09:00-15:00", "2000-05-22": "09:00-15:00", "2016-07-29": "09:00-15:00", "2016-08-01": "09:00-15:30", "2026-09-28": "09:00-15:30",
		"1991-01-03": "11:00-13:00", "1993-01-04": "11:00-13:00", "1994-01-03": "11:00-13:00", "1998-01-03": "11:00-13:00",
		"1999-01-04": "10:00-13:00", "2000-01-04": "10:00-13:00", "2001-01-02": "10:00-15:00", "2002-01-02": "10:00-15:00",
		"2013-01-02": "10:00-15:00", "2017-01-02": "10:00-15:30", "2025-01-02": "10:00-15:30", "2025-01-03": "09:00-15:30",
		"1993-08-20": "10:10-15:50", "1997-11-19": "10:00-15:30", "1998-11-18": "10:00-15:30", "1999-11-17": "10:00-16:00",
		"2008-11-13": "10:00-16:00", "2016-11-17": "10:00-16:30", "2017-11-16": "10:00-16:30", "2017-11-23": "10:00-16:30",
		"2020-12-03": "10:00-16:30", "2024-11-14": "10:00-16:30", "2026-11-19": "10:00-16:30", "2027-11-18": "10:00-16:30", "2026-11-20": "09:00-15:30",
		"1991-08-22": "11:10-16:00", "1996-05-28": "12:00-16:30", "1997-06-21": "09:30-12:40", "1999-02-23": "10:50-16:20", "2001-09-12": "12:00-15:00",
	})
	instants(t, etf.XKRX, map[string]string{"2025-01-03": "00:00", "2025-07-01": "00:00", "1990-06-07": "00:40"}) // no daylight saving
}

// TestXKRXElectionsFollowTheLaw recomputes the table of elections from the ends of terms.
func TestXKRXElectionsFollowTheLaw(t *testing.T) {
	t.Parallel()
	type term struct{ name, end string }
	var want []etf.Session
	for _, x := range []term{
		{"presidential", "1998-02-24"}, {"presidential", "2003-02-24"}, {"presidential", "2008-02-24"}, {"presidential", "2013-02-24"},
		{"presidential", "2022-05-09"}, {"presidential", "2030-06-03"},
		{"general", "1996-05-29"}, {"general", "2000-05-29"}, {"general", "2004-05-29"}, {"general", "2008-05-29"}, {"general", "2012-05-29"},
		{"general", "2016-05-29"}, {"general", "2020-05-29"}, {"general", "2024-05-29"}, {"general", "2028-05-29"},
		{"local", "1998-06-30"}, {"local", "2002-06-30"}, {"local", "2006-06-30"}, {"local", "2010-06-30"}, {"local", "2014-06-30"},
		{"local", "2018-06-30"}, {"local", "2022-06-30"}, {"local", "2026-06-30"}, {"local", "2030-06-30"},
	} {
		s := day(x.end) - map[string]etf.Session{"presidential": 70, "general": 50, "local": 30}[x.name]
		weekday := time.Wednesday
		if s < day("2004-06-01") { // the law of 2004-03-12 left that year's general election on a Thursday
			weekday = time.Thursday
		}
		for s.Weekday() != weekday {
			s++
		}
		for _, h := range koreanHolidays(s.Time().Year()) {
			if h.name != "Labour Day" && h.date >= s-1 && h.date <= s+1 {
				s += 7
				break
			}
		}
		want = append(want, s)
	}
	got := map[etf.Session]string{}
	for _, x := range xkrxElections {
		got[x.Date] = x.Name
	}
	for _, s := range want {
		if got[s] == "" {
			t.Errorf("the table has no election on %s, where the law puts one", s)
		}
		delete(got, s)
	}
	for s, name := range got {
		t.Errorf("%s on %s: the law puts no election there", name, s)
	}
}

// TestLunarDatesArePlausible checks each table entry against moon and season: a lunar month has 29 or 30 days, Buddha's
// Birthday is 3 months (4 with a leap month) and 7 days after Seollal, and Chuseok 4 months (5 with a leap month) and 7
// days after Buddha's Birthday.
func TestLunarDatesArePlausible(t *testing.T) {
	t.Parallel()
	if got, want := len(lunarDates), 2030-lunarFirstYear+1; got != want {
		t.Fatalf("%d years in the table, want %d", got, want)
	}
	between := func(days etf.Session, months, extra int) bool {
		d := int(days) - extra
		return d >= 29*months && d <= 30*months
	}
	for i, x := range lunarDates {
		year := lunarFirstYear + i
		if x.seollal < etf.NewSession(year, time.January, 21) || x.seollal > etf.NewSession(year, time.February, 21) {
			t.Errorf("Seollal %d on %s", year, x.seollal)
		}
		if d := x.buddha - x.seollal; !between(d, 3, 7) && !between(d, 4, 7) {
			t.Errorf("Buddha's Birthday %d on %s", year, x.buddha)
		}
		if d := x.chuseok - x.buddha; !between(d, 4, 7) && !between(d, 5, 7) {
			t.Errorf("Chuseok %d on %s", year, x.chuseok)
		}
		if i > 0 {
			if d := x.seollal - lunarDates[i-1].seollal; !between(d, 12, 0) && !between(d, 13, 0) {
				t.Errorf("Seollal %d is %d days after the previous one", year, d)
			}
		}
	}
}

func TestXKRXAnnouncements(t *testing.T) {
	t.Parallel()
	for date, announced := range map[string]string{"2015-08-14": "2015-08-04", "2002-07-01": "2002-06-24", "2025-06-03": "2025-04-08", "2030-06-12": "", "2025-10-08": ""} {
		got := mustFor(t, etf.XKRX).Closures(etf.Window{From: day(date), To: day(date)})
		if len(got) != 1 || got[0].Announced.String() != announced {
			t.Errorf("%s: got %+v, want announced %q", date, got, announced)
		}
	}
}
