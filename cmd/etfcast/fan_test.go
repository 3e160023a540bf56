package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// golden compares text with a file in testdata, or writes it with -update.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, text, want)
	}
}

// sampleForecast is a forecast with a fan that widens with the square root of the horizon, after 250 closes on a curve.
func sampleForecast(t *testing.T) service.ShownForecast {
	t.Helper()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	origin := etf.MustSession("2025-09-26")
	sessions := cal.Sessions(etf.Window{From: origin.AddDays(-370), To: origin})
	f := service.ShownForecast{ETF: etf.ETF{Symbol: "SPY", Exchange: etf.XNYS, Currency: "USD"}, Standing: etf.OfRecord}
	for i, s := range sessions {
		price, err := etf.ParsePrice(priceText(600 + .2*float64(i) + 12*math.Sin(float64(i)/9)))
		if err != nil {
			t.Fatal(err)
		}
		f.Closes = append(f.Closes, etf.Bar{Session: s, Close: price})
	}
	last := f.Closes[len(f.Closes)-1].Close.Float()
	target := origin
	f.Forecast = etf.Forecast{ID: "0123456789abcdef0123456789abcdef", Symbol: "SPY", Model: "drift", Origin: origin, Run: "daily:XNYS:2025-09-26",
		IssuedAt: time.Date(2025, 9, 26, 21, 0, 0, 0, time.UTC)}
	for h := 1; h <= etf.MaxHorizon; h++ {
		if target, err = cal.Next(target); err != nil {
			t.Fatal(err)
		}
		p := etf.ForecastPoint{Horizon: h, Target: target, Mean: last * (1 + .0004*float64(h))}
		for i, z := range []float64{-1.645, -1.282, -.674, 0, .674, 1.282, 1.645} { // the normal distribution's at QuantileLevels
			p.Quantiles[i] = last * math.Exp(.0003*float64(h)+.01*z*math.Sqrt(float64(h)))
		}
		f.Points = append(f.Points, p)
	}
	return f
}

// What `forecast show` prints, in the widths of small and large terminals and in ASCII.
func TestForecastShow(t *testing.T) {
	t.Parallel()
	f := sampleForecast(t)
	for _, c := range []struct {
		name    string
		columns int
		ascii   bool
	}{{"forecast-60.txt", 60, false}, {"forecast-80.txt", 80, false}, {"forecast-120.txt", 120, false}, {"forecast-80-ascii.txt", 80, true}} {
		var out bytes.Buffer
		w := newSafeWriter(&out)
		w.screen = screen{columns: c.columns, ascii: c.ascii, fixed: true}
		if err := printForecast(w, f, service.ForecastRecord{}, 0, c.ascii); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(out.String(), "\n") {
			if textWidth(line) > c.columns {
				t.Errorf("%s: %q has %d columns", c.name, line, textWidth(line))
			}
			for _, r := range line {
				if c.ascii && r > '~' {
					t.Errorf("%s: %q is not ASCII", c.name, line)
				}
			}
		}
		golden(t, c.name, out.String())
	}
}

// The newest forecast, and with --as-of the one that was the newest then, on every database.
func TestForecastShowAsOf(t *testing.T) {
	t.Parallel()
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		database := dbtest.Open(t, dsn)
		env := []string{"ETFCAST_MYSQL_DSN=" + database.UserDSN}
		show := func(args ...string) (int, string, string) {
			t.Helper()
			return etfcast(t, env, append([]string{"forecast", "show", "SPY"}, args...)...)
		}
		if code, _, stderr := show(); code != exitUsage || !strings.Contains(stderr, "symbol") {
			t.Errorf("an unknown ETF: exit code %d, %s", code, stderr)
		}
		if _, _, err := database.Store.CreateETF(t.Context(), etf.ETF{Symbol: "SPY", Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: "simulated", Ref: "SPY"}}}); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := show(); code != exitUsage || !strings.Contains(stderr, "has no forecast by model drift yet") || !strings.Contains(stderr, "run daily") {
			t.Errorf("without forecasts: exit code %d, %s", code, stderr)
		}
		// From Friday, 26 September 2025. The next session opened on Monday at 9:30 New York time, 13:30 UTC.
		origin := etf.MustSession("2025-09-26")
		open := time.Date(2025, 9, 29, 13, 30, 0, 0, time.UTC)
		ids := []string{strings.Repeat("a", 32), strings.Repeat("b", 32), strings.Repeat("c", 32), strings.Repeat("d", 32)}
		for i, f := range []etf.Forecast{
			{Origin: origin.AddDays(-1), IssuedAt: open.Add(-80 * time.Hour), DataVersion: etf.DataVersion{Number: 1}},
			{Origin: origin, IssuedAt: open.Add(-60 * time.Hour), DataVersion: etf.DataVersion{Number: 2}},
			{Origin: origin, IssuedAt: open.Add(-time.Minute), DataVersion: etf.DataVersion{Number: 3}},
			{Origin: origin, IssuedAt: open, DataVersion: etf.DataVersion{Number: 4}},
		} {
			f.ID, f.Symbol, f.Model, f.Basis, f.Params, f.Fit = ids[i], "SPY", "drift", etf.SplitAdjusted, "{}", []byte("{}")
			f.AsOf, f.DataVersion.Writer = f.IssuedAt, "w"
			for _, statement := range []string{
				"INSERT INTO data_versions SELECT id, ?, 'w', ?, 'fetch', 'x' FROM etfs",
				"UPDATE etfs SET data_version = ?, data_version_writer = 'w', known_from = ?",
			} {
				if _, err := database.Admin(t).Exec(statement, i+1, f.IssuedAt.Format("2006-01-02 15:04:05")); err != nil {
					t.Fatal(err)
				}
			}
			f.Points = []etf.ForecastPoint{
				{Horizon: 1, Target: origin.AddDays(3), Mean: 661, Quantiles: [7]float64{650, 652, 656, 660, 664, 668, 670}},
				{Horizon: 2, Target: origin.AddDays(4), Mean: 662, Quantiles: [7]float64{648, 650, 655, 660, 666, 672, 675}},
			}
			if r, err := database.Store.AppendForecasts(t.Context(), []etf.Forecast{f}); err != nil || r[0].Refused != nil {
				t.Fatal(r, err)
			}
		}
		for _, c := range []struct {
			args           []string
			id, standing   string
			rows, horizon0 int
		}{
			{nil, ids[3], "late", 2, 1},
			{[]string{"--horizon", "2"}, ids[3], "late", 1, 2},
			{[]string{"--as-of", "3"}, ids[2], "repeated", 2, 1},
			{[]string{"--as-of", "2025-09-27T12:00:00Z"}, ids[1], "record", 2, 1},
			{[]string{"--as-of", "2025-09-26T12:00:00Z"}, ids[0], "record", 2, 1}, // issued at 5:30 UTC, before the open of its first session at 13:30
			{[]string{"--as-of", "1"}, ids[0], "record", 2, 1},
		} {
			code, out, stderr := show(append(c.args, "--csv")...)
			records, err := csv.NewReader(strings.NewReader(out)).ReadAll()
			if code != 0 || err != nil || len(records) != c.rows+1 {
				t.Fatalf("%v: exit code %d, %v: %s%s", c.args, code, err, out, stderr)
			}
			row := map[string]string{}
			for i, name := range records[0] {
				row[name] = records[1][i]
			}
			if row["forecast"] != c.id || row["standing"] != c.standing || row["horizon"] != strconv.Itoa(c.horizon0) || row["quantiles.0.5"] != "660" || row["quantiles.0.025"] != "" {
				t.Errorf("%v: %v", c.args, row)
			}
		}
		store := database.Store
		for _, c := range []struct {
			by      time.Time
			version int64
			origin  etf.Session
		}{
			{open.Add(-81 * time.Hour), math.MaxInt64, 0}, {open.Add(-80 * time.Hour), math.MaxInt64, origin.AddDays(-1)}, {open, 1, origin.AddDays(-1)}, {open, 2, origin}, {open, 0, 0},
		} {
			if got, err := store.NewestOrigin(t.Context(), "SPY", "drift", c.by, c.version); err != nil || got != c.origin {
				t.Errorf("issued by %v from version %d: %v, %v, want %v", c.by, c.version, got, err, c.origin)
			}
		}
		code, out, stderr := show()
		if code != 0 || !strings.Contains(out, "etfcast provenance "+ids[3]) || !strings.Contains(out, "late: issued after its first target session had opened") || !strings.Contains(out, "650.00 to 670.00") {
			t.Errorf("exit code %d: %s%s", code, out, stderr)
		}
		var shown struct {
			Exchange, Currency, Standing string
			Forecast                     struct {
				ID     string
				Points []struct{ Horizon int }
			}
		}
		if code, out, stderr := show("--json"); code != 0 || json.Unmarshal([]byte(out), &shown) != nil || shown.Forecast.ID != ids[3] || len(shown.Forecast.Points) != 2 || shown.Exchange != "XNYS" || shown.Currency != "USD" {
			t.Errorf("exit code %d: %s%s", code, out, stderr)
		}
		for _, c := range []struct {
			args []string
			says string
		}{
			{[]string{"--horizon", "22"}, "use 1 to 21"}, {[]string{"--horizon", "3"}, "has no horizon 3"}, {[]string{"--model", "NO"}, "is not the name of a model"},
			{[]string{"--as-of", "yesterday"}, "neither an instant nor a data version"}, {[]string{"--as-of", "2025-09-20T12:00:00Z"}, "had no forecast by model drift then"},
		} {
			if code, _, stderr := show(c.args...); code != exitUsage || !strings.Contains(stderr, c.says) {
				t.Errorf("%v: exit code %d, %s", c.args, code, stderr)
			}
		}
	})
}

// Horizons that a change of the calendar has moved are shown where they end now.
func TestForecastShowsMovedTargets(t *testing.T) {
	t.Parallel()
	day := etf.MustSession
	q := [7]float64{650, 652, 656, 660, 664, 668, 670}
	f := service.ShownForecast{ETF: etf.ETF{Symbol: "SPY", Exchange: etf.XNYS, Currency: "USD"}, Standing: etf.OfRecord, Forecast: etf.Forecast{
		Symbol: "SPY", Model: "drift", Origin: day("2025-09-26"),
		Points: []etf.ForecastPoint{
			{Horizon: 1, Target: day("2025-09-29"), Mean: 660, Quantiles: q}, {Horizon: 5, Target: day("2025-10-03"), Mean: 660, Quantiles: q}, {Horizon: 10, Target: day("2025-10-10"), Mean: 660, Quantiles: q},
		},
		Moved: []etf.TargetDate{ // a day was closed and then taken back, and then a later one closed
			{Horizon: 5, Target: day("2025-10-06"), CalendarVersion: 1}, {Horizon: 5, Target: day("2025-10-03"), CalendarVersion: 2},
			{Horizon: 10, Target: day("2025-10-13"), CalendarVersion: 1}, {Horizon: 10, Target: day("2025-10-10"), CalendarVersion: 2}, {Horizon: 10, Target: day("2025-10-13"), CalendarVersion: 3},
		},
	}}
	var out bytes.Buffer
	if err := printForecast(&out, f, service.ForecastRecord{}, 0, true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2025-09-29", "2025-10-03", "2025-10-13", "`etfcast calendar list`"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, out.String())
		}
	}
	for _, wrong := range []string{"2025-10-10", "2025-10-06"} {
		if strings.Contains(out.String(), wrong) {
			t.Errorf("%s in\n%s", wrong, out.String())
		}
	}
	rows := forecastRows(f, 0)
	if rows[0].MovedTo != 0 || rows[1].MovedTo != 0 || rows[2].MovedTo != day("2025-10-13") || rows[2].Target != day("2025-10-10") {
		t.Errorf("%+v", rows)
	}
	f.Moved = nil
	out.Reset()
	if err := printForecast(&out, f, service.ForecastRecord{}, 0, true); err != nil || strings.Contains(out.String(), "calendar list") {
		t.Errorf("%v: %s", err, out.String())
	}
}
