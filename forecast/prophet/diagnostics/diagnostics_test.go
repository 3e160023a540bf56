package diagnostics

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

const day = prophet.Day

func wantInvalid(t testing.TB, name string, err error, field string) {
	t.Helper()
	var bad *etf.Error
	if !errors.As(err, &bad) || bad.Kind != etf.KindInvalid || !strings.HasPrefix(bad.Field, field) || bad.Remedy == "" {
		t.Errorf("%s: error %v, want invalid %s with a remedy", name, err, field)
	}
}

func days(n ...int) []prophet.Stamp {
	out := make([]prophet.Stamp, len(n))
	for i, d := range n {
		out[i] = prophet.Stamp(d) * day
	}
	return out
}

func upTo(n int) (x []float64, h []prophet.Stamp) {
	for i := range n {
		x, h = append(x, float64(i)), append(h, prophet.Stamp(i)*day)
	}
	return x, h
}

// The numbers are from the original's tests of its two rolling functions.
func TestRollingByHorizon(t *testing.T) {
	t.Parallel()
	x, h := upTo(10)
	repeated := days(1, 2, 3, 4, 4, 4, 4, 4, 7, 7)
	shifted := []float64{1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5}
	for _, c := range []struct {
		name    string
		by      func([]float64, []prophet.Stamp, int) (Curve, error)
		h       []prophet.Stamp
		w       int
		horizon []prophet.Stamp
		value   []float64
	}{
		{"mean of one", RollingMeanByHorizon, h, 1, h, x},
		{"mean of four", RollingMeanByHorizon, h, 4, h[3:], shifted},
		{"mean of three, repeated horizons", RollingMeanByHorizon, repeated, 3, days(3, 4, 7), []float64{1, 5, 22. / 3}},
		{"mean of all", RollingMeanByHorizon, repeated, 10, days(7), []float64{4.5}},
		{"mean of more than there are", RollingMeanByHorizon, repeated, 11, nil, nil},
		{"median of one", RollingMedianByHorizon, h, 1, h, x},
		{"median of four", RollingMedianByHorizon, h, 4, h[3:], shifted},
		{"median of three, repeated horizons", RollingMedianByHorizon, repeated, 3, days(3, 4, 7), []float64{1, 5, 8}},
		{"median of all", RollingMedianByHorizon, repeated, 10, days(7), []float64{4.5}},
		{"median of more than there are", RollingMedianByHorizon, repeated, 11, nil, nil},
	} {
		got, err := c.by(x, c.h, c.w)
		if err != nil || !slices.Equal(got.Horizon, c.horizon) || !slices.EqualFunc(got.Value, c.value, near) {
			t.Errorf("%s: %v, %v; want %v at %v", c.name, got, err, c.value, c.horizon)
		}
	}
	for name, by := range map[string]func([]float64, []prophet.Stamp, int) (Curve, error){"mean": RollingMeanByHorizon, "median": RollingMedianByHorizon} {
		_, err := by(x, h, 0)
		wantInvalid(t, name+" of none", err, "window")
		_, err = by(x, h[:3], 1)
		wantInvalid(t, name+" of different lengths", err, "horizon")
		_, err = by(x[:2], days(2, 1), 1)
		wantInvalid(t, name+" out of order", err, "horizon")
	}
}

// The mean of a window, written out: whole horizons going back; the earliest fills the rest with its mean.
func TestRollingMeanIsTheMeanOfItsWindow(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n := 1 + rng.IntN(40)
		x, h := make([]float64, n), make([]prophet.Stamp, n)
		for i := range x {
			x[i], h[i] = rng.NormFloat64(), prophet.Stamp(rng.IntN(12))
		}
		slices.Sort(h)
		w := 1 + rng.IntN(n)
		got, err := RollingMeanByHorizon(x, h, w)
		if err != nil {
			t.Fatal(err)
		}
		medians, err := RollingMedianByHorizon(x, h, w)
		if err != nil || !slices.Equal(medians.Horizon, got.Horizon) {
			t.Fatalf("medians at %v, means at %v, %v", medians.Horizon, got.Horizon, err)
		}
		at := 0
		for end := 1; end <= n; end++ {
			if end < n && h[end] == h[end-1] {
				continue
			}
			lacking, sum := float64(w), 0.0
			for k := end; k > 0 && lacking > 0; {
				from := slices.Index(h, h[k-1])
				var mean float64
				for _, v := range x[from:k] {
					mean += v / float64(k-from)
				}
				use := min(lacking, float64(k-from))
				sum += use * mean
				lacking -= use
				k = from
			}
			if lacking > 0 {
				continue
			}
			if at >= len(got.Value) || got.Horizon[at] != h[end-1] || !near(got.Value[at], sum/float64(w)) {
				t.Fatalf("x %v h %v w %d: %v, want %v at %d", x, h, w, got, sum/float64(w), h[end-1])
			}
			at++
		}
		if at != len(got.Value) {
			t.Fatalf("%d values, want %d", len(got.Value), at)
		}
	}
}

// A huge value at the far end leaves no trace in windows it is not in.
func TestRollingMeanForgets(t *testing.T) {
	t.Parallel()
	got, err := RollingMeanByHorizon([]float64{1, 2, 3, 1e30}, days(1, 2, 3, 4), 1)
	if err != nil || !slices.Equal(got.Value, []float64{1, 2, 3, 1e30}) {
		t.Errorf("%v, %v", got, err)
	}
}

// example is a small table with two cutoffs and four horizons.
func example() *Table {
	t := &Table{}
	for c := range 2 {
		for k := 1; k <= 4; k++ {
			y := float64(10 + 3*k + c)
			t.DS = append(t.DS, prophet.DateOf(2024, 1, 1+5*c+k))
			t.Cutoff = append(t.Cutoff, prophet.DateOf(2024, 1, 1+5*c))
			t.Y = append(t.Y, y)
			t.Yhat = append(t.Yhat, y+float64(k*(1-2*c)))
			t.YhatLower = append(t.YhatLower, y-1)
			t.YhatUpper = append(t.YhatUpper, y+float64(2-k))
		}
	}
	return t
}

func TestPerformanceMetricsOfAWindow(t *testing.T) {
	t.Parallel()
	table := example()
	rows, err := PerformanceMetrics(table, nil, -1, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows.Horizon) != 8 || len(rows.Columns) != 7 {
		t.Fatalf("%d rows of %d metrics, want 8 of 7", len(rows.Horizon), len(rows.Columns))
	}
	// The error at a horizon of k days is k, so the mean square is k*k; the interval covers y up to 2 days.
	each, err := PerformanceMetrics(table, nil, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	if want := days(1, 2, 3, 4); !slices.Equal(each.Horizon, want) {
		t.Errorf("horizons %v, want %v", each.Horizon, want)
	}
	for name, want := range map[string][]float64{"mse": {1, 4, 9, 16}, "rmse": {1, 2, 3, 4}, "mae": {1, 2, 3, 4}, "coverage": {1, 1, 0, 0}} {
		if !slices.EqualFunc(each.Column(name), want, near) {
			t.Errorf("%s %v, want %v", name, each.Column(name), want)
		}
	}
	// A window of all rows gives the mean of the rows, and for mdape their median.
	all, err := PerformanceMetrics(table, nil, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	if len(all.Horizon) != 1 || all.Horizon[0] != 4*day {
		t.Fatalf("horizons %v", all.Horizon)
	}
	for _, c := range all.Columns {
		x := slices.Clone(rows.Column(c.Name))
		var want float64
		for _, v := range x {
			want += v / float64(len(x))
		}
		switch c.Name {
		case "mdape":
			slices.Sort(x)
			want = (x[3] + x[4]) / 2
		case "rmse":
			want = math.Sqrt(all.Column("mse")[0])
		}
		if !near(c.Values[0], want) {
			t.Errorf("%s %v, want %v", c.Name, c.Values[0], want)
		}
	}
	if all.Column("horizon") != nil {
		t.Error("horizon is not a metric")
	}
}

func TestMetricsLeftOut(t *testing.T) {
	t.Parallel()
	names := func(m *Metrics) string {
		out := []string{}
		for _, c := range m.Columns {
			out = append(out, c.Name)
		}
		return strings.Join(out, " ")
	}
	one := example()
	one.Y[0] = 0
	zero := example()
	for _, x := range [][]float64{zero.Y, zero.Yhat, zero.YhatLower, zero.YhatUpper} {
		clear(x)
	}
	bare := example()
	bare.YhatLower, bare.YhatUpper = nil, nil
	for _, c := range []struct {
		name    string
		table   *Table
		metrics []string
		want    string
		notices int
	}{
		{"all", example(), nil, "mse rmse mae mape mdape smape coverage", 0},
		{"a zero in y", one, nil, "mse rmse mae mdape smape coverage", 2},
		{"all zero keeps smape", zero, []string{"smape"}, "smape", 0},
		{"only mape", zero, []string{"mape"}, "", 1},
		{"no intervals", bare, nil, "mse rmse mae mape mdape smape", 1},
		{"no intervals, only coverage", bare, []string{"coverage"}, "", 1},
		{"in the order asked for", example(), []string{"coverage", "mse"}, "coverage mse", 0},
		{"none", example(), []string{}, "", 0},
	} {
		asked := slices.Clone(c.metrics)
		got, err := PerformanceMetrics(c.table, c.metrics, 0.1, false)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if names(got) != c.want || len(got.Notices) != c.notices {
			t.Errorf("%s: %q and %q, want %q and %d notices", c.name, names(got), got.Notices, c.want, c.notices)
		}
		if !slices.Equal(asked, c.metrics) {
			t.Errorf("%s: the list was changed to %v", c.name, c.metrics)
		}
	}
	if got, err := PerformanceMetrics(zero, []string{"smape"}, 0, false); err != nil || !slices.Equal(got.Column("smape"), make([]float64, 4)) {
		t.Errorf("smape of zeros: %v, %v", got, err)
	}
}

// mase is the example of a custom metric in the original's tests: absolute errors over the mean step of y.
var mase = MeanMetric("mase", func(s *Scored) []float64 {
	var steps float64
	for i := 1; i < s.Len(); i++ {
		steps += math.Abs(s.Y[i]-s.Y[i-1]) / float64(s.Len()-1)
	}
	out := make([]float64, s.Len())
	for i := range out {
		out[i] = math.Abs(s.Y[i]-s.Yhat[i]) / steps
	}
	return out
})

func TestCustomMetrics(t *testing.T) {
	t.Parallel()
	got, err := PerformanceMetrics(example(), []string{"mase", "mae"}, 0, false, mase)
	if err != nil {
		t.Fatal(err)
	}
	// Sorted by horizon y is 13 14 16 17 19 20 22 23: seven steps over 10.
	for i, v := range got.Column("mase") {
		if want := got.Column("mae")[i] * 7 / 10; !near(v, want) {
			t.Errorf("mase[%d] = %v, want %v", i, v, want)
		}
	}
	if rows, err := PerformanceMetrics(example(), []string{"mase"}, -1, false, mase); err != nil || len(rows.Column("mase")) != 8 {
		t.Errorf("without a window: %v, %v", rows, err)
	}
	if all, err := PerformanceMetrics(example(), nil, 0, false, mase); err != nil || all.Column("mase") != nil {
		t.Errorf("a custom metric that was not asked for: %v, %v", all, err)
	}
	worst := MedianMetric("mse", func(s *Scored) []float64 { return make([]float64, s.Len()) })
	if mine, err := PerformanceMetrics(example(), []string{"mse"}, 1, false, worst); err != nil || mine.Column("mse")[0] != 0 {
		t.Errorf("a custom metric that replaces a built-in one: %v, %v", mine, err)
	}
	odd := Metric{"odd", func(*Scored, int) (Curve, error) { return Curve{Value: []float64{1}}, nil }}
	failing := Metric{"failing", func(*Scored, int) (Curve, error) { return Curve{}, etf.Invalid("y", "no", "none") }}
	for name, c := range map[string]struct {
		metrics []string
		custom  []Metric
		field   string
	}{
		"unknown":         {[]string{"mase"}, nil, "metrics[0]"},
		"twice":           {[]string{"mse", "rmse", "mse"}, nil, "metrics[2]"},
		"other horizons":  {[]string{"mse", "odd"}, []Metric{odd}, "metrics"},
		"no function":     {nil, []Metric{{Name: "x"}}, "custom[0]"},
		"two of one name": {nil, []Metric{odd, odd}, "custom[1]"},
		"its own error":   {[]string{"failing"}, []Metric{failing}, "y"},
	} {
		_, err := PerformanceMetrics(example(), c.metrics, 0.1, false, c.custom...)
		wantInvalid(t, name, err, c.field)
	}
}

func TestMetricsOfBadTables(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Table)
		field  string
	}{
		"empty":          {func(t *Table) { *t = Table{} }, "ds"},
		"missing y":      {func(t *Table) { t.Y[2] = math.NaN() }, "y[2]"},
		"infinite yhat":  {func(t *Table) { t.Yhat[3] = math.Inf(-1) }, "yhat[3]"},
		"missing bound":  {func(t *Table) { t.YhatUpper[0] = math.NaN() }, "yhat_upper[0]"},
		"short y":        {func(t *Table) { t.Y = t.Y[:2] }, "y"},
		"no cutoffs":     {func(t *Table) { t.Cutoff = nil }, "cutoff"},
		"a short column": {func(t *Table) { t.Extra = []Column{{"trend", nil}} }, "trend"},
	} {
		table := example()
		c.change(table)
		_, err := PerformanceMetrics(table, nil, 0.1, false)
		wantInvalid(t, name, err, c.field)
	}
	_, err := PerformanceMetrics(nil, nil, 0.1, false)
	wantInvalid(t, "no table", err, "ds")
	for _, w := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		_, err = PerformanceMetrics(example(), nil, w, false)
		wantInvalid(t, "window", err, "rolling_window")
	}
	short := example()
	short.Y = short.Y[:2]
	wantInvalid(t, "writing", short.WriteCSV(&strings.Builder{}), "y")
	wantInvalid(t, "writing metrics", (&Metrics{Horizon: days(1), Columns: []Column{{"mse", nil}}}).WriteCSV(&strings.Builder{}), "mse")
}

// The product of the part and the rows is truncated towards zero, as by Python's int.
func TestWindowRows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		window float64
		rows   int
		want   int
	}{{0.1, 3988, 398}, {0, 5, 1}, {0.3, 10, 3}, {0.29, 100, 28}, {1, 7, 7}, {3, 7, 7}, {-1, 7, -1}, {-0.01, 7, 1}, {-0.5, 1, 1}, {1e300, 7, 7}, {-1e300, 7, -1}} {
		if got := windowRows(c.window, c.rows); got != c.want {
			t.Errorf("%v of %d rows: %d, want %d", c.window, c.rows, got, c.want)
		}
	}
}

func TestCutoffsInvalid(t *testing.T) {
	t.Parallel()
	ds := days(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	for name, c := range map[string]struct {
		ds                       []prophet.Stamp
		horizon, initial, period prophet.Stamp
		field                    string
	}{
		"no horizon":        {ds, 0, day, day, "horizon"},
		"negative initial":  {ds, day, -1, day, "initial"},
		"no period":         {ds, day, day, 0, "period"},
		"no rows":           {nil, day, day, day, "ds"},
		"out of order":      {days(2, 1), day, day, day, "ds"},
		"long horizon":      {ds, 10 * day, day, day, "horizon"},
		"endless horizon":   {ds, math.MaxInt64, day, day, "horizon"},
		"long initial":      {ds, 5 * day, 5 * day, day, "initial"},
		"endless initial":   {ds, day, math.MaxInt64, day, "initial"},
		"a tiny period":     {ds, day, day, 1, "period"},
		"horizon from 1700": {[]prophet.Stamp{prophet.DateOf(1700, 1, 1), prophet.DateOf(1700, 1, 9)}, math.MaxInt64, 1, 1, "horizon"},
	} {
		_, err := Cutoffs(c.ds, c.horizon, c.initial, c.period)
		wantInvalid(t, name, err, c.field)
	}
	got, err := Cutoffs(ds, 5*day, 4*day, math.MaxInt64)
	if err != nil || !slices.Equal(got, days(4)) {
		t.Errorf("an endless period: %v, %v; want one cutoff", got, err)
	}
}

// Whatever the history, every cutoff has a row within the horizon after it, cutoffs are ascending and at least initial
// after the first row, and the last one is one horizon before the last row.
func TestCutoffsProperties(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	made := 0
	for range 2000 {
		ds := make([]prophet.Stamp, 2+rng.IntN(60))
		for i := range ds {
			ds[i] = prophet.Stamp(rng.IntN(400)) - 200
		}
		slices.Sort(ds)
		horizon, initial, period := prophet.Stamp(1+rng.IntN(60)), prophet.Stamp(1+rng.IntN(200)), prophet.Stamp(1+rng.IntN(60))
		got, err := Cutoffs(ds, horizon, initial, period)
		if err != nil {
			continue
		}
		made++
		if got[len(got)-1] != ds[len(ds)-1]-horizon || got[0] < ds[0]+initial || !slices.IsSorted(got) {
			t.Fatalf("%v: horizon %d, initial %d, period %d: %v", ds, horizon, initial, period, got)
		}
		for i, c := range got {
			if i > 0 && c <= got[i-1] || !slices.ContainsFunc(ds, func(s prophet.Stamp) bool { return s > c && s <= c+horizon }) {
				t.Fatalf("%v: horizon %d, initial %d, period %d: %v", ds, horizon, initial, period, got)
			}
		}
	}
	if made < 500 {
		t.Fatalf("only %d histories had cutoffs", made)
	}
}

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]prophet.Stamp{
		// pandas 3.1.1 reads these as the same lengths.
		"30d": 30 * day, "30D": 30 * day, "30 days": 30 * day, "365 days": 365 * day, "1 day": day, " 3 days ": 3 * day,
		"36h": 36 * prophet.Hour, "36H": 36 * prophet.Hour, "1d12h": 36 * prophet.Hour, "1.5 days": 36 * prophet.Hour,
		"1 days 12:00:00": 36 * prophet.Hour, "01:02:03.5": 3_723_500_000, "2w": 14 * day, "2 W": 14 * day,
		"1m": prophet.Minute, "5 min": 5 * prophet.Minute, "5minutes": 5 * prophet.Minute, "10 s": 10 * prophet.Second,
		"10 sec": 10 * prophet.Second, "1 hr": prophet.Hour, "1 d, 3 h": 27 * prophet.Hour, "3 ms": 3000, "4 us": 4,
		"+3 days": 3 * day, "3days4hours": 76 * prophet.Hour, "1d 1d": 2 * day, "1 milliseconds": 1000, "1 Min": prophet.Minute,
		"0 days 00:00:00.000100": 100, "730 days": 730 * day, "1 days +02:00:00": 26 * prophet.Hour,
		"0.0000015 s": 1, // pandas goes on to nanoseconds
	} {
		got, err := ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", " ", "30", "days", "1M", "1 month", "1 y", "2 years", "1e3 days", "-3 days", "0d", "0 days 00:00:00", "12:00", "1 days 2:3",
		"1 day and 2 hours", "5 fortnights", "1..5 d", ".5 d", "1/2 d", "0x10 d", "1 d -2 h", "25:61:00", "12:00:60", "100000 w", "1_000 d",
		"5 ns", "99999999999999999999999999 d", strings.Repeat("1d", 100), "1 d\x00", "NaN d", "inf", "1 T",
	} {
		got, err := ParseDuration(text)
		if got != 0 {
			t.Errorf("%q: %d", text, got)
		}
		wantInvalid(t, text, err, "duration")
	}
}

// The texts are what pandas 3.1.1 writes for a column of these differences.
func TestFormatDurations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   []prophet.Stamp
		want string
	}{
		{days(1, 37), "1 days,37 days"},
		{[]prophet.Stamp{day, 37*day + 12*prophet.Hour}, "1 days 00:00:00,37 days 12:00:00"},
		{[]prophet.Stamp{day, 37*day + 12*prophet.Hour + prophet.Second/2}, "1 days 00:00:00.000000,37 days 12:00:00.500000"},
		{[]prophet.Stamp{5 * prophet.Minute}, "0 days 00:05:00"},
		{[]prophet.Stamp{-day, -prophet.Hour}, "-1 days +00:00:00,-1 days +23:00:00"},
		{[]prophet.Stamp{100, prophet.Second}, "0 days 00:00:00.000100,0 days 00:00:01.000000"},
		{days(-1), "-1 days"},
		{nil, ""},
	} {
		if got := strings.Join(FormatDurations(c.in), ","); got != c.want {
			t.Errorf("%v: %q, want %q", c.in, got, c.want)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, text := range []string{"30d", "1d12h", "1 days 12:00:00", "1.5 days", "1M", "", "2 w, 3 h", "0.0000001 us", "1 µs", "::", "1:1:1:1", "+00:00:01"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDuration(text)
		if err != nil {
			wantInvalid(t, text, err, "duration")
			return
		}
		if d <= 0 || d > longest {
			t.Fatalf("%q: %d", text, d)
		}
		// What is printed can be read back.
		if again, err := ParseDuration(describe(d)); err != nil || again != d {
			t.Fatalf("%q: %d, printed as %q, read as %d, %v", text, d, describe(d), again, err)
		}
	})
}

func TestTableCSV(t *testing.T) {
	t.Parallel()
	table := example()
	table.Extra = []Column{{"trend", slices.Clone(table.Y)}, {"a,b", make([]float64, table.Len())}}
	table.Extra[1].Values[0] = math.NaN()
	var text strings.Builder
	if err := table.WriteCSV(&text); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(text.String(), "\n")
	if want := `ds,yhat,yhat_lower,yhat_upper,trend,"a,b",y,cutoff`; lines[0] != want {
		t.Errorf("header %s, want %s", lines[0], want)
	}
	if want := "2024-01-02,14,12,14,13,,13,2024-01-01"; lines[1] != want {
		t.Errorf("first row %s, want %s", lines[1], want)
	}
	again, err := ReadCSV(strings.NewReader("\uFEFF" + text.String()))
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, again, table)
	bare := example()
	bare.YhatLower, bare.YhatUpper = nil, nil
	bare.Cutoff[0] += prophet.Hour
	text.Reset()
	if err := bare.WriteCSV(&text); err != nil {
		t.Fatal(err)
	}
	if want := "ds,yhat,y,cutoff\n2024-01-02,14,13,2024-01-01 01:00:00\n"; !strings.HasPrefix(text.String(), want) {
		t.Errorf("%s, want %s", text.String(), want)
	}
	// Lines that end with CR alone.
	again, err = ReadCSV(strings.NewReader(strings.ReplaceAll(text.String(), "\n", "\r")))
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, again, bare)
	// Columns in another order, with the index that pandas writes.
	other, err := ReadCSV(strings.NewReader(",cutoff,y,ds,yhat\n0,2024-01-01,1.5,2024-01-03 06:00,2\n"))
	if err != nil || other.Len() != 1 || other.Y[0] != 1.5 || other.Yhat[0] != 2 || other.YhatLower != nil || len(other.Extra) != 0 ||
		other.DS[0]-other.Cutoff[0] != 54*prophet.Hour {
		t.Errorf("%v, %v", other, err)
	}
}

// wantSame compares to the bit.
func wantSame(t testing.TB, got, want *Table) {
	t.Helper()
	if !slices.Equal(got.DS, want.DS) || !slices.Equal(got.Cutoff, want.Cutoff) {
		t.Errorf("stamps differ:\n%v %v\n%v %v", got.DS, got.Cutoff, want.DS, want.Cutoff)
	}
	a, b := got.columns(), want.columns()
	if len(a) != len(b) {
		t.Fatalf("%d columns, want %d", len(a), len(b))
	}
	for k := range a {
		same := func(x, y float64) bool {
			return math.Float64bits(x) == math.Float64bits(y) || math.IsNaN(x) && math.IsNaN(y)
		}
		if a[k].Name != b[k].Name || !slices.EqualFunc(a[k].Values, b[k].Values, same) {
			t.Errorf("%s %v, want %s %v", a[k].Name, a[k].Values, b[k].Name, b[k].Values)
		}
	}
}

func TestReadCSVInvalid(t *testing.T) {
	t.Parallel()
	const header = "ds,yhat,y,cutoff\n"
	for name, c := range map[string]struct{ text, field string }{
		"empty":          {"", "ds"},
		"no cutoff":      {"ds,yhat,y\n", "cutoff"},
		"a column twice": {"ds,yhat,y,cutoff,y\n", "y"},
		"no date":        {header + "2024-01-01,1,1,2024-01-01\n,1,1,2024-01-01\n", "ds, line 3"},
		"a bad cutoff":   {header + "2024-01-01,1,1,yesterday\n", "cutoff, line 2"},
		"a time zone":    {header + "2024-01-01T00:00:00Z,1,1,2024-01-01\n", "ds, line 2"},
		"no y":           {header + "2024-01-01,1,,2024-01-01\n", "y, line 2"},
		"text for yhat":  {header + "2024-01-01,high,1,2024-01-01\n", "yhat, line 2"},
		"infinite":       {header + "2024-01-01,inf,1,2024-01-01\n", "yhat, line 2"},
		"hexadecimal":    {header + "2024-01-01,0x1p3,1,2024-01-01\n", "yhat, line 2"},
		"ragged":         {header + "2024-01-01,1,1\n", "line 2"},
		"a quote":        {header + "2024-01-01,1,\"1,2024-01-01\n", "line 2"},
	} {
		_, err := ReadCSV(strings.NewReader(c.text))
		wantInvalid(t, name, err, c.field)
	}
	want := errors.New("the disk is gone")
	if _, err := ReadCSV(broken{want}); !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error)  { return 0, b.err }
func (b broken) Write([]byte) (int, error) { return 0, b.err }

func TestWritingToABrokenPipe(t *testing.T) {
	t.Parallel()
	want := errors.New("the pipe is closed")
	if err := example().WriteCSV(broken{want}); !errors.Is(err, want) {
		t.Errorf("table: %v", err)
	}
	if err := (&Metrics{}).WriteCSV(broken{want}); !errors.Is(err, want) {
		t.Errorf("metrics: %v", err)
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add("ds,yhat,yhat_lower,yhat_upper,trend,y,cutoff\n2024-01-02,1,0,2,1,1.5,2024-01-01\n2024-01-03,0,-1,2,,0,2024-01-01\n", 0.1, false)
	f.Add(",cutoff,y,ds,yhat\n0,2024-01-01,1.5,2024-01-03 06:00,2\n", -1.0, true)
	f.Add("ds,yhat,y,cutoff\n2024-01-02 00:00:00.000001,1e300,-1e-300,20240101\n", 0.5, false)
	f.Add("\uFEFFds,yhat,y,cutoff\r\n1700-01-02,1,1,2261-12-31\r\n", 1.0, true)
	f.Fuzz(func(t *testing.T, text string, window float64, monthly bool) {
		table, err := ReadCSV(strings.NewReader(text))
		if err != nil {
			if etf.KindOf(err) != etf.KindInvalid {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		var out strings.Builder
		if err := table.WriteCSV(&out); err != nil {
			t.Fatal(err)
		}
		again, err := ReadCSV(strings.NewReader(out.String()))
		if err != nil {
			t.Fatalf("%q was written as %q: %v", text, out.String(), err)
		}
		wantSame(t, again, table)
		m, err := PerformanceMetrics(table, nil, window, monthly)
		if err != nil {
			if etf.KindOf(err) != etf.KindInvalid {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if !slices.IsSorted(m.Horizon) {
			t.Fatalf("horizons %v", m.Horizon)
		}
		if err := m.WriteCSV(&out); err != nil {
			t.Fatal(err)
		}
	})
}
