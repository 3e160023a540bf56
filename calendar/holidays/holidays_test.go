package holidays_test

import (
	"encoding/csv"
	"errors"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/calendar/holidays"
	"github.com/etfcast/etfcast/etf"
)

// span holds the years covered, as in doc.go.
var span = map[string][2]int{"KR": {1990, 2050}, "US": {1971, 2050}, "AU": {1990, 2050}, "CA": {1990, 2050}, "CH": {1990, 2050}, "CN": {1990, 2050}, "DE": {1991, 2050}, "FR": {1990, 2050}, "GB": {1990, 2050}, "HK": {1990, 2050}, "IE": {1990, 2050}, "IN": {1990, 2050}, "IT": {1990, 2050}, "JP": {1990, 2050}, "NL": {1990, 2050}, "SE": {1990, 2050}, "TW": {1998, 2050}}

// rules are the countries whose holidays are computed here; those of the others are rows of the Python package themselves.
var rules = []string{"KR", "US"}

func of(t *testing.T, country string, year int) []holidays.Holiday {
	t.Helper()
	list, err := holidays.Of(country, year)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestSameAsProphet compares with the rows of prophet 1.5.0 and holidays 0.109, written by
// bench/prophet/country_holidays.py.
func TestSameAsProphet(t *testing.T) {
	t.Parallel()
	for _, country := range rules {
		years := span[country]
		t.Run(country, func(t *testing.T) {
			want := golden(t, country)
			for year := years[0]; year <= years[1]; year++ {
				got := of(t, country, year)
				if len(got) == 0 || !slices.Equal(got, want[year]) {
					t.Errorf("%d:\n got %v\nwant %v", year, got, want[year])
				}
				delete(want, year)
			}
			if len(want) != 0 {
				t.Errorf("%d years of the file were not compared", len(want))
			}
		})
	}
}

func TestNamesSameAsProphet(t *testing.T) {
	t.Parallel()
	for country := range span {
		want := strings.Split(strings.TrimSuffix(read(t, country+"_names.txt"), "\n"), "\n")[1:]
		got, err := holidays.Names(country)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v\n got %q\nwant %q", country, err, got, want)
		}
		// Columns are named by single holidays, and each of those must be among the names.
		for year := max(1995, span[country][0]); year <= 2044; year++ {
			for _, h := range of(t, country, year) {
				if _, found := slices.BinarySearch(got, h.Name); !found {
					t.Errorf("%s: %q of %s is not among the names", country, h.Name, h.Date)
				}
			}
		}
	}
}

func TestEveryYearIsWellFormed(t *testing.T) {
	t.Parallel()
	for country, years := range span {
		for year := years[0]; year <= years[1]; year++ {
			list := of(t, country, year)
			for i, h := range list {
				if y, _, _ := h.Date.Date(); y != year || h.Date.IsZero() || h.Name == "" || strings.Contains(h.Name, ";") {
					t.Errorf("%s %d: %v", country, year, h)
				}
				if i > 0 && (list[i-1].Date > h.Date || list[i-1].Date == h.Date && list[i-1].Name >= h.Name) {
					t.Errorf("%s %d: %v before %v", country, year, list[i-1], h)
				}
				substitute := strings.HasSuffix(h.Name, "(observed)") || strings.HasPrefix(h.Name, "Alternative holiday")
				if w := h.Date.Weekday(); substitute && slices.Contains(rules, country) && (w == time.Saturday || w == time.Sunday) {
					t.Errorf("%s: the substitute %v is on a weekend", country, h)
				}
			}
			list[0].Name = "overwritten"
			if again := of(t, country, year); again[0].Name == "overwritten" {
				t.Fatalf("%s %d: the list is shared between callers", country, year)
			}
		}
	}
}

func TestCountriesAndTheirOtherNames(t *testing.T) {
	t.Parallel()
	if got := holidays.Countries(); !slices.Equal(got, slices.Sorted(maps.Keys(span))) {
		t.Errorf("Countries: %v", got)
	}
	for code, want := range span {
		if first, last := holidays.Years(code); first != want[0] || last != want[1] {
			t.Errorf("%s: %d to %d, want %v", code, first, last, want)
		}
	}
	// Class names of the Python package, which Prophet looks up unchanged.
	for other, code := range map[string]string{"USA": "US", "UnitedStates": "US", "KOR": "KR", "Korea": "KR", "SouthKorea": "KR",
		"AUS": "AU", "Australia": "AU", "CAN": "CA", "Canada": "CA", "CHE": "CH", "Switzerland": "CH", "CHN": "CN", "China": "CN", "DEU": "DE", "Germany": "DE", "FRA": "FR", "France": "FR", "GBR": "GB", "UK": "GB", "UnitedKingdom": "GB", "HKG": "HK", "HongKong": "HK", "IRL": "IE", "Ireland": "IE", "IND": "IN", "India": "IN", "ITA": "IT", "Italy": "IT", "JPN": "JP", "Japan": "JP", "NLD": "NL", "Netherlands": "NL", "SWE": "SE", "Sweden": "SE", "TWN": "TW", "Taiwan": "TW"} {
		if !slices.Equal(of(t, other, 2025), of(t, code, 2025)) {
			t.Errorf("%s is not %s", other, code)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	check := func(err error, parts ...string) {
		t.Helper()
		var e *etf.Error
		if !errors.As(err, &e) || e.Kind != etf.KindInvalid || e.Field != "country_holidays" {
			t.Fatalf("%v", err)
		}
		for _, part := range parts {
			if !strings.Contains(e.Error(), part) {
				t.Errorf("error %q does not contain %q", e, part)
			}
		}
	}
	// TU is Prophet's old name for Turkey.
	for _, country := range []string{"", "us", "Us", "TU", "TR", "XX", "NYSE"} {
		_, err := holidays.Of(country, 2025)
		check(err, "IT, JP, KR, NL", `"`+country+`"`)
		_, err = holidays.Names(country)
		check(err, "IT, JP, KR, NL")
	}
	for _, year := range []int{math.MinInt, -1, 0, 1989, 2051, math.MaxInt} {
		_, err := holidays.Of("KR", year)
		check(err, "KR", "1990 to 2050")
	}
	for _, year := range []int{1970, 2051} {
		_, err := holidays.Of("USA", year)
		check(err, "USA", "1971 to 2050")
	}
}

// Days that anybody can look up, one or two for each table: the tables are what the Python package says, and this is not.
func TestWellKnownDays(t *testing.T) {
	t.Parallel()
	for _, day := range []struct{ country, date, name string }{
		{"AU", "2026-01-26", "Australia Day"}, {"CA", "2026-07-01", "Canada Day"}, {"CH", "2026-08-01", "National Day"},
		{"CN", "2026-02-17", "Chinese New Year (Spring Festival)"}, {"CN", "2026-10-01", "National Day"}, {"DE", "2026-10-03", "German Unity Day"},
		{"FR", "2026-07-14", "National Day"}, {"GB", "2026-12-28", "Boxing Day (observed)"}, {"HK", "2026-07-01", "Hong Kong S.A.R. Establishment Day"},
		{"IE", "2026-03-17", "Saint Patrick's Day"}, {"IN", "2026-01-26", "Republic Day"}, {"IT", "2026-04-25", "Liberation Day"},
		{"JP", "2026-09-22", "National Holiday"}, {"JP", "2026-11-23", "Labor Thanksgiving Day"}, {"NL", "2026-04-27", "King's Day"},
		{"SE", "2026-06-06", "National Day"}, {"TW", "2026-10-10", "National Day"},
	} {
		year, _, _ := etf.MustSession(day.date).Date()
		if !slices.Contains(of(t, day.country, year), holidays.Holiday{Date: etf.MustSession(day.date), Name: day.name}) {
			t.Errorf("%s: %s is not %s: %v", day.country, day.date, day.name, of(t, day.country, year))
		}
	}
}

// TestExchangesCloseOnPublicHolidays compares the two calendars, which come from different sources.
func TestExchangesCloseOnPublicHolidays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		exchange etf.Exchange
		country  string
		// trades reports whether the exchange trades on a public holiday.
		trades func(holidays.Holiday) bool
		// private reports whether a closure is not a public holiday.
		private func(calendar.Closure) bool
	}{
		{etf.XNYS, "US", func(h holidays.Holiday) bool {
			year, month, _ := h.Date.Date()
			return strings.HasPrefix(h.Name, "Veterans Day") || h.Name == "Columbus Day" ||
				h.Name == "Martin Luther King Jr. Day" && year < 1998 ||
				strings.HasPrefix(h.Name, "Juneteenth") && year < 2022 ||
				h.Name == "New Year's Day (observed)" && month == time.December
		}, func(x calendar.Closure) bool {
			return x.Name == "Good Friday" || !x.Announced.IsZero()
		}},
		{etf.XKRX, "KR", func(holidays.Holiday) bool { return false }, func(x calendar.Closure) bool {
			year, _, _ := x.Date.Date()
			return strings.HasPrefix(x.Name, "year-end") || x.Name == "Labour Day" && year < 2026 ||
				x.Date == etf.MustSession("2000-01-03") || x.Date == etf.MustSession("1996-11-23") // technical closures
		}},
	} {
		t.Run(string(c.exchange), func(t *testing.T) {
			exchange, err := calendar.For(c.exchange)
			if err != nil {
				t.Fatal(err)
			}
			public := map[etf.Session]bool{}
			for year := 1990; year <= 2030; year++ {
				for _, h := range of(t, c.country, year) {
					public[h.Date] = true
					if exchange.IsSession(h.Date) != (c.trades(h) && !weekend(h.Date)) {
						t.Errorf("%v: IsSession = %t", h, exchange.IsSession(h.Date))
					}
				}
			}
			for _, x := range exchange.Closures(etf.Window{}) {
				if !public[x.Date] && !c.private(x) {
					t.Errorf("%s is closed on %s (%s), which is not a public holiday", c.exchange, x.Date, x.Name)
				}
			}
		})
	}
}

// TestLunarDatesFollowTheMoon recomputes Korea's lunar dates: a month begins on the day of the new moon in the time zone
// UTC+9, and its number is that of the zodiacal term within it. The terms of February 18 or 19, May 20 to 22 and
// September 22 to 24 belong to the first, fourth and eighth month, so each date falls in a window of about a month.
func TestLunarDatesFollowTheMoon(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		offset   int    // days after the new moon
		from, to string // month and day, inclusive
	}{
		{"Korean New Year", 0, "01-20", "02-20"},
		{"Buddha's Birthday", 7, "04-28", "05-29"},
		{"Chuseok", 14, "09-06", "10-08"},
	} {
		seen := 0
		for year := span["KR"][0]; year <= span["KR"][1]; year++ {
			for _, h := range of(t, "KR", year) {
				if h.Name != c.name {
					continue
				}
				seen++
				if day := h.Date.String()[5:]; day < c.from || day > c.to {
					t.Errorf("%v is out of season", h)
				}
				start := h.Date.AddDays(-c.offset).Time().Add(-9 * time.Hour)
				// The formula is accurate to a few minutes, so a new moon that close to midnight fits both days.
				const slack = 5 * time.Minute
				if moon := newMoonNear(start.Add(12 * time.Hour)); moon.Before(start.Add(-slack)) || moon.After(start.Add(24*time.Hour+slack)) {
					t.Errorf("%v: the new moon is at %s", h, moon.Add(9*time.Hour).Format(time.DateTime))
				}
			}
		}
		if want := span["KR"][1] - span["KR"][0] + 1; seen != want {
			t.Errorf("%s: found in %d years, want %d", c.name, seen, want)
		}
	}
}

// newMoonNear returns the new moon nearest to t in UTC, after J. Meeus, Astronomical Algorithms, 2nd edition, chapter 49,
// without the planetary terms (together below 2 minutes) and with 70 s between dynamical and civil time (57 s in 1990,
// about 90 s in 2050).
func newMoonNear(t time.Time) time.Time {
	const j2000 = 2451550.09766 // Julian ephemeris day of the new moon of 2000-01-06
	days := float64(t.Unix())/86400 + 2440587.5
	k := math.Round((days - j2000) / 29.530588861)
	T := k / 1236.85
	rad := func(degrees float64) float64 { return math.Mod(degrees, 360) * math.Pi / 180 }
	E := 1 - 0.002516*T - 0.0000074*T*T
	M := rad(2.5534 + 29.10535670*k - 0.0000014*T*T)
	m := rad(201.5643 + 385.81693528*k + 0.0107582*T*T)
	F := rad(160.7108 + 390.67050284*k - 0.0016118*T*T)
	node := rad(124.7746 - 1.56375588*k + 0.0020672*T*T)
	sin := math.Sin
	jde := j2000 + 29.530588861*k + 0.00015437*T*T -
		0.40720*sin(m) + 0.17241*E*sin(M) + 0.01608*sin(2*m) + 0.01039*sin(2*F) + 0.00739*E*sin(m-M) -
		0.00514*E*sin(m+M) + 0.00208*E*E*sin(2*M) - 0.00111*sin(m-2*F) - 0.00057*sin(m+2*F) + 0.00056*E*sin(2*m+M) -
		0.00042*sin(3*m) + 0.00042*E*sin(M+2*F) + 0.00038*E*sin(M-2*F) - 0.00024*E*sin(2*m-M) - 0.00017*sin(node)
	return time.Unix(int64(math.Round((jde-2440587.5)*86400))-70, 0).UTC()
}

// TestNewMoon uses instants from the almanac of the U.S. Naval Observatory, in universal time and whole minutes.
func TestNewMoon(t *testing.T) {
	t.Parallel()
	for _, want := range []string{"2000-01-06 18:14", "2017-08-21 18:30", "2024-04-08 18:21"} {
		at, err := time.Parse("2006-01-02 15:04", want)
		if err != nil {
			t.Fatal(err)
		}
		if got := newMoonNear(at.Add(50 * time.Hour)); got.Sub(at).Abs() > 3*time.Minute {
			t.Errorf("new moon at %s, want %s", got.Format(time.DateTime), want)
		}
	}
}

func weekend(s etf.Session) bool {
	return s.Weekday() == time.Saturday || s.Weekday() == time.Sunday
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(b), "# prophet 1.5.0, holidays 0.109,") {
		t.Fatalf("%s was not written by the versions named in doc.go", name)
	}
	return string(b)
}

// golden returns the rows of a country's file by year.
func golden(t *testing.T, country string) map[int][]holidays.Holiday {
	t.Helper()
	r := csv.NewReader(strings.NewReader(read(t, country+".csv")))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	byYear := map[int][]holidays.Holiday{}
	for _, row := range rows[1:] {
		date, err := etf.ParseSession(row[0])
		if err != nil {
			t.Fatal(err)
		}
		year, _, _ := date.Date()
		byYear[year] = append(byYear[year], holidays.Holiday{Date: date, Name: row[1]})
	}
	return byYear
}
