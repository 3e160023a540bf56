package db_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

func testForecasts(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "FC")
	p, _ := ingest(t, s, "FC", []etf.Bar{bar(day(0), 0), bar(day(1), 1)})
	f := forecastOf("FC", "drift", day(1), p.DataVersion)
	stored, appended, err := appendOne(ctx, s, f)
	if err != nil || !appended || stored.Chain != 1 || stored.PrevHash != "" || len(stored.Hash) != 64 {
		t.Fatalf("%+v, %v, %v", stored, appended, err)
	}
	read, err := s.Forecast(ctx, f.ID)
	if err != nil || !reflect.DeepEqual(read, stored) {
		t.Fatalf("read %+v, %v; stored %+v", read, err, stored)
	}
	if again, appended, err := appendOne(ctx, s, f); err != nil || appended || !reflect.DeepEqual(again, stored) {
		t.Fatalf("again %+v, %v, %v", again, appended, err)
	}
	older := forecastOf("FC", "drift", day(0), p.DataVersion)
	if second, _, err := appendOne(ctx, s, older); err != nil || second.Chain != 2 || second.PrevHash != stored.Hash {
		t.Fatalf("%+v, %v", second, err)
	}
	if other, _, err := appendOne(ctx, s, forecastOf("FC", "prophet", day(1), p.DataVersion)); err != nil || other.Chain != 1 {
		t.Fatalf("%+v, %v", other, err)
	}
	latest, err := s.LatestForecasts(ctx, "FC", "")
	if err != nil || len(latest) != 2 || latest[0].ID != f.ID || latest[1].Model != "prophet" || len(latest[1].Points) != etf.MaxHorizon {
		t.Fatalf("latest %+v, %v", latest, err)
	}
	if latest, err := s.LatestForecasts(ctx, "FC", "drift"); err != nil || len(latest) != 1 || latest[0].ID != f.ID {
		t.Fatalf("latest of drift %+v, %v", latest, err)
	}
	if none, err := s.LatestForecasts(ctx, "FC", "none"); err != nil || len(none) != 0 {
		t.Fatalf("latest of none %+v, %v", none, err)
	}
	if page, err := s.ForecastPage(ctx, "FC", "drift", 0, 1); err != nil || len(page) != 1 || page[0].Chain != 2 {
		t.Fatalf("page %+v, %v", page, err)
	}
	if page, err := s.ForecastPage(ctx, "FC", "drift", 2, 5); err != nil || len(page) != 1 || page[0].Chain != 1 {
		t.Fatalf("page %+v, %v", page, err)
	}
	ingest(t, s, "FC", []etf.Bar{bar(day(2), 2)})
	_, _, err = appendOne(ctx, s, forecastOf("FC", "drift", day(1), p.DataVersion))
	wantKind(t, err, etf.KindConflict, "data_version")
	if _, appended, err := appendOne(ctx, s, f); err != nil || appended {
		t.Fatalf("a stored forecast of an older version again: %v, %v", appended, err)
	}
	bad := forecastOf("FC", "drift", day(1), p.DataVersion)
	bad.Points[3].Quantiles[2] = math.NaN()
	_, _, err = appendOne(ctx, s, bad)
	wantKind(t, err, etf.KindInvalid, "points[3]")
	_, err = s.Forecast(ctx, "none")
	wantKind(t, err, etf.KindNotFound, "id")
}

// An ETF's forecasts are appended together, and one that can't be stored does not affect the others.
func testForecastsTogether(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "SET")
	p, _ := ingest(t, s, "SET", []etf.Bar{bar(day(0), 0), bar(day(1), 1)})
	of := func(model string, change func(*etf.Forecast)) etf.Forecast {
		f := withParts(forecastOf("SET", model, day(1), p.DataVersion))
		f.CodeVersion = f.ID // no two have the same identity
		if change != nil {
			change(&f)
		}
		return f
	}
	// want says of each forecast whether it is "new", "stored" already or the field for which it is refused. Not every
	// message of the embedded server names the column.
	check := func(name string, list []etf.Forecast, want ...string) {
		t.Helper()
		results, err := s.AppendForecasts(ctx, list)
		if err != nil || len(results) != len(list) {
			t.Fatalf("%s: %+v, %v", name, results, err)
		}
		for i, r := range results {
			stored, err := s.Forecast(ctx, list[i].ID)
			switch {
			case want[i] == "new" || want[i] == "stored":
				if r.Refused != nil || r.New != (want[i] == "new") || err != nil || !reflect.DeepEqual(stored, r.Forecast) || stored.FitHash == "" || len(stored.Components) == 0 {
					t.Errorf("%s: forecast %d: %+v; stored %+v, %v", name, i, r, stored, err)
				}
			case etf.KindOf(r.Refused) != etf.KindInvalid || r.New || fieldOf(r.Refused) != want[i] && fieldOf(r.Refused) != "" || etf.KindOf(err) != etf.KindNotFound:
				t.Errorf("%s: forecast %d is not refused for %s: %+v; stored: %v", name, i, want[i], r, err)
			}
			for _, table := range []string{"forecast_points", "forecast_components", "forecast_fits"} {
				var n int
				if err := d.Admin(t).QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table+" WHERE forecast_id = ?", list[i].ID).Scan(&n); err != nil || (n > 0) != (stored.ID != "") {
					t.Errorf("%s: forecast %d has %d rows in %s: %v", name, i, n, table, err)
				}
			}
		}
	}
	check("none", nil)
	first, second := of("one", nil), of("two", nil)
	check("both new", []etf.Forecast{first, second}, "new", "new")
	check("both stored", []etf.Forecast{first, second}, "stored", "stored")
	third := of("three", nil)
	check("the second stored", []etf.Forecast{third, second}, "new", "stored")
	check("two of one chain", []etf.Forecast{of("one", nil), of("one", nil)}, "new", "new")
	check("not finite", []etf.Forecast{of("one", func(f *etf.Forecast) { f.Points[0].Mean = math.NaN() }), of("two", nil)}, "points[0]", "new")
	check("the server refuses the forecast", []etf.Forecast{of("one", nil), of("two", func(f *etf.Forecast) { f.Model = strings.Repeat("m", 33) }), of("three", nil)}, "new", "model", "new")
	check("the server refuses a point", []etf.Forecast{of("one", func(f *etf.Forecast) { f.Points[20].Horizon = 70_000 }), of("two", nil), third}, "horizon", "new", "stored")
	if r, err := s.AppendForecasts(ctx, []etf.Forecast{of("one", nil), forecastOf("OTHER", "one", day(1), p.DataVersion)}); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("two ETFs at once: %+v, %v", r, err)
	}
	ingest(t, s, "SET", []etf.Bar{bar(day(2), 2)})
	late := of("one", nil)
	if r, err := s.AppendForecasts(ctx, []etf.Forecast{second, late}); etf.KindOf(err) != etf.KindConflict {
		t.Errorf("one of an older version: %+v, %v", r, err)
	}
	check("of an older version, but stored", []etf.Forecast{second, third}, "stored", "stored")
	for model, length := range map[string]int64{"one": 4, "two": 3, "three": 2} {
		page, err := s.ForecastPage(ctx, "SET", model, 0, 10)
		if err != nil || int64(len(page)) != length || page[0].Chain != length {
			t.Errorf("the chain of %s: %+v, %v", model, page, err)
		}
		if err := s.VerifyChain(ctx, "SET", model); err != nil {
			t.Error(err)
		}
	}
}

// A clock that goes back does not make issued_at fall within a chain.
func testIssuedAt(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "CLOCK")
	p, _ := ingest(t, s, "CLOCK", []etf.Bar{bar(day(0), 0), bar(day(1), 1)})
	noon := time.Date(2026, 1, 2, 12, 0, 0, 123456000, time.UTC)
	for i, c := range []struct {
		model     string
		now, want time.Time
	}{
		{"drift", noon, noon}, {"drift", noon.Add(-time.Hour), noon}, {"other", noon.Add(-time.Hour), noon.Add(-time.Hour)},
		{"drift", noon.Add(-time.Microsecond), noon}, {"drift", noon.Add(time.Microsecond), noon.Add(time.Microsecond)},
	} {
		f := forecastOf("CLOCK", c.model, day(1), p.DataVersion)
		f.IssuedAt, f.CodeVersion = c.now, fmt.Sprint(i)
		stored, isNew, err := appendOne(ctx, s, f)
		if err != nil || !isNew || !stored.IssuedAt.Equal(c.want) {
			t.Errorf("forecast %d issued at %s is stored with %s, want %s: %v", i, c.now, stored.IssuedAt, c.want, err)
		}
		if again, _, err := appendOne(ctx, s, f); err != nil || !reflect.DeepEqual(again, stored) {
			t.Errorf("forecast %d again: %+v, %v", i, again, err)
		}
	}
	for _, model := range []string{"drift", "other"} {
		if err := s.VerifyChain(ctx, "CLOCK", model); err != nil {
			t.Error(err)
		}
	}
}

// withParts adds components and a fit to a forecast.
func withParts(f etf.Forecast) etf.Forecast {
	random := rand.New(rand.NewPCG(3, uint64(len(f.Points))))
	f.Components = map[string][]float64{}
	for _, name := range []string{"trend", "yearly", "weekly", "additive_terms", "Lincoln's \\ 'Birthday'", "설날"} {
		for range f.Points {
			f.Components[name] = append(f.Components[name], random.NormFloat64()*math.Pow(10, float64(random.IntN(600)-300)))
		}
	}
	copy(f.Components["trend"], []float64{0, math.Copysign(0, -1), math.MaxFloat64, math.SmallestNonzeroFloat64, 0.1, 1 - 1e-16})
	f.Fit = []byte(`{"format":1,"model":"prophet","delta":[` + strings.Repeat("0.0123456789,", 2000) + `0]}`)
	return f
}

// testForecastParts checks that components and fits come back exactly, with a single forecast or in a page, and only with
// the forecasts that have them.
func testForecastParts(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "PARTS")
	p, _ := ingest(t, s, "PARTS", []etf.Bar{bar(day(0), 0)})
	want := withParts(forecastOf("PARTS", "prophet", day(0), p.DataVersion))
	stored, appended, err := appendOne(ctx, s, want)
	sum := sha256.Sum256(want.Fit)
	if err != nil || !appended || stored.FitHash != hex.EncodeToString(sum[:]) || stored.Fit != nil {
		t.Fatalf("%+v, %v, %v", stored, appended, err)
	}
	read, err := s.Forecast(ctx, want.ID)
	if err != nil || !reflect.DeepEqual(read, stored) || len(read.Components) != 6 {
		t.Fatalf("read %+v, %v; stored %+v", read, err, stored)
	}
	for name, values := range want.Components {
		for i, v := range values {
			if got := read.Components[name][i]; math.Float64bits(got) != math.Float64bits(v) {
				t.Errorf("%s[%d] is %v, want %v", name, i, got, v)
			}
		}
	}
	if fit, err := s.ForecastFit(ctx, want.ID); err != nil || !bytes.Equal(fit, want.Fit) {
		t.Errorf("the fit is %.50q, %v", fit, err)
	}
	if again, appended, err := appendOne(ctx, s, want); err != nil || appended || !reflect.DeepEqual(again, stored) {
		t.Fatalf("again %+v, %v, %v", again, appended, err)
	}

	plain, _, err := appendOne(ctx, s, forecastOf("PARTS", "prophet", day(1), p.DataVersion))
	if err != nil || plain.Components != nil || plain.FitHash != "" {
		t.Fatalf("%+v, %v", plain, err)
	}
	page, err := s.ForecastPage(ctx, "PARTS", "prophet", 0, 5)
	if err != nil || len(page) != 2 || !reflect.DeepEqual(page[0], plain) || !reflect.DeepEqual(page[1], stored) {
		t.Errorf("page %+v, %v", page, err)
	}
	_, err = s.ForecastFit(ctx, plain.ID)
	wantKind(t, err, etf.KindNotFound, "id")
	if err := s.VerifyChain(ctx, "PARTS", "prophet"); err != nil {
		t.Error(err)
	}

	before := dump(t, d, "forecasts", "forecast_points", "forecast_components", "forecast_fits")
	for _, c := range []struct {
		field  string
		change func(etf.Forecast)
	}{
		{`components["trend"][20]`, func(f etf.Forecast) { f.Components["trend"][20] = math.Inf(1) }},
		{`components["weekly"]`, func(f etf.Forecast) { f.Components["weekly"] = f.Components["weekly"][:20] }},
		{`components[""]`, func(f etf.Forecast) { f.Components[""] = f.Components["trend"] }},
		{`components["trend "]`, func(f etf.Forecast) { f.Components["trend "] = f.Components["trend"] }},
		{`components["\xff"]`, func(f etf.Forecast) { f.Components["\xff"] = f.Components["trend"] }},
		{"components[" + strconv.Quote(strings.Repeat("é", 101)) + "]", func(f etf.Forecast) { f.Components[strings.Repeat("é", 101)] = f.Components["trend"] }},
	} {
		bad := withParts(forecastOf("PARTS", "prophet", day(2), p.DataVersion))
		c.change(bad)
		_, _, err := appendOne(ctx, s, bad)
		wantKind(t, err, etf.KindInvalid, c.field)
	}
	if after := dump(t, d, "forecasts", "forecast_points", "forecast_components", "forecast_fits"); after != before {
		t.Error("a refused forecast left rows behind")
	}
	longest := withParts(forecastOf("PARTS", "prophet", day(2), p.DataVersion))
	longest.Components = map[string][]float64{strings.Repeat("é", 100): longest.Components["trend"]}
	if _, _, err := appendOne(ctx, s, longest); err != nil {
		t.Error(err)
	}
}

// testFloats checks that a DOUBLE comes back as the same float64, on which the hash chain relies.
func testFloats(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "FLOAT")
	p, _ := ingest(t, s, "FLOAT", []etf.Bar{bar(day(0), 0)})
	random := rand.New(rand.NewPCG(1, 2))
	f := forecastOf("FLOAT", "drift", day(0), p.DataVersion)
	f.Points = nil
	for h := 1; h <= 100; h++ {
		q := etf.ForecastPoint{Horizon: h, Target: day(h), Mean: math.Exp(random.NormFloat64() * 30)}
		for i := range q.Quantiles {
			q.Quantiles[i] = random.NormFloat64() * math.Pow(10, float64(random.IntN(30)-10))
		}
		f.Points = append(f.Points, q)
	}
	f.Points[0].Quantiles = [7]float64{0, math.Copysign(0, -1), math.MaxFloat64, -math.MaxFloat64, 1e-300, 0.1, 1 - 1e-16}
	f.Points[0].Quantiles[1] = 0 // JSON keeps -0, but SQL need not
	stored, _, err := appendOne(ctx, s, f)
	if err != nil {
		t.Fatal(err)
	}
	read, err := s.Forecast(ctx, f.ID)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range stored.Points {
		if read.Points[i] != want {
			t.Errorf("%+v, want %+v", read.Points[i], want)
		}
	}
	if err := s.VerifyChain(ctx, "FLOAT", "drift"); err != nil {
		t.Error(err)
	}
}

// emptyGzip is the gzip stream of no bytes: a reader that goes on to the next stream does not notice it.
var emptyGzip = func() []byte {
	var buf bytes.Buffer
	_ = gzip.NewWriter(&buf).Close() // writing to a buffer never fails
	return buf.Bytes()
}()

// testChain checks that changes and deletions bypassing the store are found, with their position.
func testChain(t *testing.T, d dbtest.Database) {
	ctx, s, admin := t.Context(), d.Store, d.Admin(t)
	register(t, s, "CHAIN")
	p, _ := ingest(t, s, "CHAIN", []etf.Bar{bar(day(0), 0)})
	var list []etf.Forecast
	for i := range 5 {
		f, _, err := appendOne(ctx, s, withParts(forecastOf("CHAIN", "drift", day(i), p.DataVersion)))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
	}
	if err := s.VerifyChain(ctx, "CHAIN", "drift"); err != nil {
		t.Fatal(err)
	}
	exec := func(statement string, args ...any) {
		t.Helper()
		if _, err := admin.Exec(statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	broken := func(name string) {
		t.Helper()
		err := s.VerifyChain(ctx, "CHAIN", "drift")
		wantKind(t, err, etf.KindCorrupt, "chain")
		text := err.Error()
		if at := "position 3"; name != "the forecast's removal" && !contains(text, at) {
			t.Errorf("%s: %v does not name %s", name, err, at)
		}
		if contains(text, "\n") || strings.Count(text, "backup") != 1 || contains(text, "doctor") {
			t.Errorf("%s: the message is not one line with one remedy: %s", name, text)
		}
	}
	whole := func(name string) {
		t.Helper()
		if err := s.VerifyChain(ctx, "CHAIN", "drift"); err != nil {
			t.Errorf("%s, reverted: %v", name, err)
		}
	}
	var packed []byte
	if err := admin.QueryRowContext(ctx, "SELECT fit FROM forecast_fits WHERE forecast_id = ?", list[2].ID).Scan(&packed); err != nil {
		t.Fatal(err)
	}
	for name, changed := range map[string][]byte{
		"bytes after a fit": append(slices.Clone(packed), 0, 1, 2, 3), "a fit cut off": packed[:len(packed)-4], "no fit": {},
		"an empty stream after a fit": append(slices.Clone(packed), emptyGzip...),
	} {
		exec("UPDATE forecast_fits SET fit = ? WHERE forecast_id = ?", changed, list[2].ID)
		broken(name)
		exec("UPDATE forecast_fits SET fit = ? WHERE forecast_id = ?", packed, list[2].ID)
		whole(name)
	}
	for _, c := range []struct{ name, change, undo string }{
		{"a point", "UPDATE forecast_points SET q95 = q95 * 2 WHERE horizon = 21 AND forecast_id = ?", "UPDATE forecast_points SET q95 = q95 / 2 WHERE horizon = 21 AND forecast_id = ?"},
		{"the time of issue", "UPDATE forecasts SET issued_at = issued_at - INTERVAL 1 DAY WHERE id = ?", "UPDATE forecasts SET issued_at = '" + list[2].IssuedAt.Format("2006-01-02 15:04:05.000000") + "' WHERE id = ?"},
		{"the seed", "UPDATE forecasts SET seed = seed + 1 WHERE id = ?", "UPDATE forecasts SET seed = 9223372036854775813 WHERE id = ?"},
		{"a component", "UPDATE forecast_components SET component = 'daily' WHERE component = 'weekly' AND forecast_id = ?", "UPDATE forecast_components SET component = 'weekly' WHERE component = 'daily' AND forecast_id = ?"},
		{"a component's value", "UPDATE forecast_components SET by_horizon = REPLACE(by_horizon, ']', ',0]') WHERE component = 'weekly' AND forecast_id = ?", "UPDATE forecast_components SET by_horizon = REPLACE(by_horizon, ',0]', ']') WHERE component = 'weekly' AND forecast_id = ?"},
		{"a fit's hash", "UPDATE forecast_fits SET hash = REVERSE(hash) WHERE forecast_id = ?", "UPDATE forecast_fits SET hash = REVERSE(hash) WHERE forecast_id = ?"},
		{"a fit", "UPDATE forecast_fits SET size = size - 1 WHERE forecast_id = ?", "UPDATE forecast_fits SET size = size + 1 WHERE forecast_id = ?"},
		{"a component that is not a list", "UPDATE forecast_components SET by_horizon = CONCAT('garbage', by_horizon) WHERE component = 'weekly' AND forecast_id = ?", "UPDATE forecast_components SET by_horizon = SUBSTRING(by_horizon, 8) WHERE component = 'weekly' AND forecast_id = ?"},
		{"the diagnostics", "UPDATE forecasts SET diagnostics = CONCAT('garbage', diagnostics) WHERE id = ?", "UPDATE forecasts SET diagnostics = SUBSTRING(diagnostics, 8) WHERE id = ?"},
		{"a fit's encoding", "UPDATE forecast_fits SET encoding = 'zstd' WHERE forecast_id = ?", "UPDATE forecast_fits SET encoding = 'gzip' WHERE forecast_id = ?"},
		{"a fit's removal", "UPDATE forecast_fits SET forecast_id = REVERSE(forecast_id) WHERE forecast_id = ?", "UPDATE forecast_fits SET forecast_id = REVERSE(forecast_id) WHERE forecast_id = REVERSE(?)"},
		{"a point's removal", "DELETE FROM forecast_points WHERE horizon = 21 AND forecast_id = ?", ""},
		{"the forecast's removal", "DELETE FROM forecasts WHERE id = ?", ""},
	} {
		exec(c.change, list[2].ID)
		broken(c.name)
		if c.undo != "" {
			exec(c.undo, list[2].ID)
			whole(c.name)
		}
	}
	wantKind(t, s.VerifyChain(ctx, "NOCHAIN", "drift"), etf.KindNotFound, "symbol")
}

func testCounts(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	before, err := s.Contents(ctx)
	if err != nil {
		t.Fatal(err)
	}
	register(t, s, "COUNT")
	p, _ := ingest(t, s, "COUNT", []etf.Bar{bar(day(0), 0), bar(day(1), 1)}, findingBy("jump", day(0)))
	if _, _, err := appendOne(ctx, s, forecastOf("COUNT", "drift", day(1), p.DataVersion)); err != nil {
		t.Fatal(err)
	}
	run := etf.Run{ID: "daily:XKRX:2031-01-01", Workflow: "daily", Exchange: etf.XKRX, Session: day(0), StartedAt: time.Now()}
	if err := s.StartRun(ctx, run); err != nil {
		t.Fatal(err)
	}
	if _, err := s.FinishRun(ctx, etf.RunEnd{Run: run.ID, Status: etf.RunCompleted}); err != nil {
		t.Fatal(err)
	}
	after, err := s.Contents(ctx)
	if err != nil {
		t.Fatal(err)
	}
	before.ETFs, before.Bars, before.Quarantined = before.ETFs+1, before.Bars+2, before.Quarantined+1
	before.Forecasts, before.RunsCompleted = before.Forecasts+1, before.RunsCompleted+1
	if after != before {
		t.Errorf("%+v, want %+v", after, before)
	}
	if err := s.Ping(ctx); err != nil {
		t.Error(err)
	}
	if current, wanted, err := s.SchemaVersion(ctx); err != nil || current != wanted || wanted < 7 {
		t.Errorf("schema %d of %d, %v", current, wanted, err)
	}
	if c, err := s.Capabilities(ctx); err != nil || c.Version == "" || !c.LocalInfile {
		t.Errorf("%+v, %v", c, err)
	}
}

// oneHorizon is the documented SQL expression that extracts one horizon's value from a component.
const oneHorizon = "SUBSTRING_INDEX(SUBSTRING_INDEX(TRIM(']' FROM TRIM('[' FROM by_horizon)), ',', 5), ',', -1)"

// testOneHorizon checks that the expression works on each server and that the documentation quotes it unchanged.
func testOneHorizon(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "ONEH")
	p, _ := ingest(t, s, "ONEH", []etf.Bar{bar(day(0), 0)})
	f := withParts(forecastOf("ONEH", "prophet", day(0), p.DataVersion))
	// The fifth value of "five" is its last.
	f.Points, f.Components = f.Points[:5], map[string][]float64{"five": {1, 2, 3, 4, -5.5e-7}, "exact": {0, 0, 0, 0, 0.1}}
	if _, _, err := appendOne(ctx, s, f); err != nil {
		t.Fatal(err)
	}
	longer := withParts(forecastOf("ONEH", "prophet", day(1), p.DataVersion))
	if _, _, err := appendOne(ctx, s, longer); err != nil {
		t.Fatal(err)
	}
	f.Components["weekly"] = longer.Components["weekly"]
	for name, id := range map[string]string{"five": f.ID, "exact": f.ID, "weekly": longer.ID} {
		var text string
		err := d.Admin(t).QueryRowContext(ctx, "SELECT "+oneHorizon+" FROM forecast_components WHERE forecast_id = ? AND component = ?", id, name).Scan(&text)
		if got, parseErr := strconv.ParseFloat(text, 64); err != nil || parseErr != nil || got != f.Components[name][4] {
			t.Errorf("%s: %q, %v; want %v", name, text, err, f.Components[name][4])
		}
	}
	for _, page := range []string{"../docs/data-dictionary.md", "../docs/adr/0010-stored-fits.md"} {
		if text, err := os.ReadFile(page); err != nil || !contains(string(text), "`"+oneHorizon+"`") {
			t.Errorf("%s does not quote the expression: %v", page, err)
		}
	}
}

func testForecastModels(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	register(t, s, "MODELS")
	if models, err := s.ForecastModels(ctx, "MODELS"); err != nil || len(models) != 0 {
		t.Errorf("before a forecast: %v, %v", models, err)
	}
	p, _ := ingest(t, s, "MODELS", []etf.Bar{bar(day(0), 0)})
	for i, model := range []string{"prophet", "drift", "a_former_one", "drift"} {
		if _, _, err := appendOne(ctx, s, forecastOf("MODELS", model, day(i), p.DataVersion)); err != nil {
			t.Fatal(err)
		}
	}
	if models, err := s.ForecastModels(ctx, "MODELS"); err != nil || strings.Join(models, " ") != "a_former_one drift prophet" {
		t.Errorf("%v, %v", models, err)
	}
	_, err := s.ForecastModels(ctx, "NOMODELS")
	wantKind(t, err, etf.KindNotFound, "symbol")
}
