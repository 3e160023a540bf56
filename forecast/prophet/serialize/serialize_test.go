package serialize

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
	"github.com/etfcast/etfcast/internal/testenv"
)

// golden is a file written by bench/prophet/golden_serialize.py.
type golden struct {
	Versions map[string]string
	Model    string // what model_to_json returned
	DS       []string
	Columns  map[string][]float64
	Forecast map[string][]float64
}

func readGolden(t testing.TB) map[string]golden {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.json")
	if err != nil || len(paths) < 12 {
		t.Fatalf("%d files in testdata (%v); run bench/prophet/golden_serialize.py", len(paths), err)
	}
	all := map[string]golden{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var g golden
		if err := json.Unmarshal(data, &g); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all[strings.TrimSuffix(filepath.Base(path), ".json")] = g
	}
	return all
}

func (g *golden) frame(t testing.TB) *prophet.Frame {
	t.Helper()
	f := &prophet.Frame{}
	for _, text := range g.DS {
		s, err := prophet.ParseStamp(text)
		if err != nil {
			t.Fatal(err)
		}
		f.DS = append(f.DS, s)
	}
	for name, x := range g.Columns {
		switch name {
		case "cap":
			f.Cap = x
		case "floor":
			f.Floor = x
		default:
			if f.Columns == nil {
				f.Columns = map[string][]float64{}
			}
			f.Columns[name] = x
		}
	}
	return f
}

// The fingerprint shows every value of a model: floats as the shortest text unique to them. Empty and nil look the same.
func fingerprint(s prophet.State) string { return fmt.Sprintf("%+v", s) }

func mustRead(t testing.TB, data []byte) *prophet.Fitted {
	t.Helper()
	f, err := Unmarshal(data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func mustWrite(t testing.TB, f *prophet.Fitted) []byte {
	t.Helper()
	data, err := Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func mustPredict(t testing.TB, f *prophet.Fitted, frame *prophet.Frame, po prophet.PredictOptions) *prophet.Forecast {
	t.Helper()
	fc, err := f.Predict(context.Background(), frame, po)
	if err != nil {
		t.Fatal(err)
	}
	return fc
}

// Models fitted and written by the original give the same forecasts here: every column, to 1e-9 of its largest value.
func TestModelsOfTheOriginalForecastTheSame(t *testing.T) {
	t.Parallel()
	for name, g := range readGolden(t) {
		t.Run(name, func(t *testing.T) {
			f := mustRead(t, []byte(g.Model))
			fc := mustPredict(t, f, g.frame(t), prophet.PredictOptions{NoIntervals: true})
			got := fc.ColumnNames()[1:] // without ds
			if len(g.Forecast) == 0 || len(g.DS) == 0 {
				t.Fatal("the file has no forecast")
			}
			for _, column := range got {
				if _, ok := g.Forecast[column]; !ok {
					t.Errorf("the column %q is not in the original's forecast", column)
				}
			}
			for column, want := range g.Forecast {
				x := fc.Column(column)
				if len(x) != len(want) {
					t.Errorf("%s: %d values, want %d", column, len(x), len(want))
					continue
				}
				scale := 1.0
				for _, v := range want {
					scale = max(scale, math.Abs(v))
				}
				for i, v := range want {
					if !(math.Abs(x[i]-v) <= 1e-9*scale) {
						t.Errorf("%s[%d] = %.15g, the original %.15g", column, i, x[i], v)
						break
					}
				}
			}
		})
	}
}

// What is read from the original's file is written and read again without any change.
func TestModelsOfTheOriginalRoundTrip(t *testing.T) {
	t.Parallel()
	for name, g := range readGolden(t) {
		f := mustRead(t, []byte(g.Model))
		again := mustRead(t, mustWrite(t, f))
		if a, b := fingerprint(f.State()), fingerprint(again.State()); a != b {
			t.Errorf("%s:\n%s\nbecame\n%s", name, a, b)
		}
	}
}

// What is read is what the original says of a model; the numbers are those of golden_serialize.py.
func TestAttributesOfTheOriginal(t *testing.T) {
	t.Parallel()
	all := readGolden(t)
	read := func(name string) prophet.State {
		g := all[name]
		return mustRead(t, []byte(g.Model)).State()
	}
	s := read("given-changepoints")
	given := []prophet.Stamp{prophet.DateOf(2021, 2, 15), prophet.DateOf(2021, 1, 25)}
	if !s.SpecifiedChangepoints || !slices.Equal(s.Options.Changepoints, given) || !slices.Equal(s.Changepoints, []prophet.Stamp{given[1], given[0]}) {
		t.Errorf("given changepoints: %v, options %v, fitted %v", s.SpecifiedChangepoints, s.Options.Changepoints, s.Changepoints)
	}
	if s.Options.Optimizer != prophet.Newton || s.Options.Seed != 7 {
		t.Errorf("algorithm Newton and seed 7 were read as %q and %d", s.Options.Optimizer, s.Options.Seed)
	}
	s = read("no-changepoints-no-features")
	if len(s.Changepoints) != 0 || len(s.ChangepointsT) != 1 || s.Columns != 1 || s.Options.NChangepoints != 0 || s.Options.Changepoints != nil {
		t.Errorf("no changepoints, no features: changepoints %v at %v, %d columns, n %d", s.Changepoints, s.ChangepointsT, s.Columns, s.Options.NChangepoints)
	}
	s = read("conditions-regressors")
	var names []string
	for _, g := range s.Options.Seasonalities {
		names = append(names, g.Name)
	}
	if want := []string{"weekly_even", "weekly_odd", "monthly"}; !slices.Equal(names, want) || len(s.Seasonalities) != 4 || s.Options.YearlySeasonality != 2 {
		t.Errorf("added seasonalities %v, want %v; fitted %v", names, want, s.Seasonalities)
	}
	if r := s.Regressors; len(r) != 2 || r[0].Name != "price" || r[0].Mode != prophet.Additive || r[0].PriorScale != 0.5 || r[1].Standardize != "false" || r[1].Mu != 0 || r[1].Std != 1 {
		t.Errorf("regressors %+v", r)
	}
	s = read("holidays")
	if h := s.Options.Holidays; len(h) != 4 || h[0].LowerWindow != -1 || h[2].UpperWindow != 2 || h[0].PriorScale != 5 || h[2].PriorScale != 10 {
		t.Errorf("holidays %+v: a missing prior scale is the model's, 10", h)
	}
	s = read("mcmc")
	if s.Params.Draws() != 20 || len(s.Params.Delta[0]) != 3 || s.Report.Optimizer != "nuts" { // 2 chains of 20/2 draws
		t.Errorf("%d draws of %d deltas by %q", s.Params.Draws(), len(s.Params.Delta[0]), s.Report.Optimizer)
	}
	s = read("hourly-unordered")
	if len(s.HistoryDates) != 72 || len(s.History.DS) != 71 || !slices.IsSorted(s.HistoryDates) { // one row has no y
		t.Errorf("%d dates, %d rows", len(s.HistoryDates), len(s.History.DS))
	}
}

// The numbers that the original's test of old files expects for the tenth day after the history.
func TestOldFiles(t *testing.T) {
	t.Parallel()
	folder := realData(t)
	for file, want := range map[string]float64{
		"serialized_model_v0.6.1.dev0.json": 29.3669923968994,
		"serialized_model_v0.7.1.json":      29.282810844704414,
	} {
		data, err := os.ReadFile(filepath.Join(folder, "prophet", file))
		if err != nil {
			t.Fatal(err)
		}
		f := mustRead(t, data)
		s := f.State()
		if s.Options.Scaling != prophet.AbsMax || s.YMin != 0 || s.Options.HolidaysMode != s.Options.SeasonalityMode {
			t.Errorf("%s: scaling %q, y_min %v, holidays_mode %q", file, s.Options.Scaling, s.YMin, s.Options.HolidaysMode)
		}
		frame := &prophet.Frame{}
		for i := range 10 {
			frame.DS = append(frame.DS, s.Start+s.TScale+prophet.Stamp(i+1)*prophet.Day)
		}
		yhat := mustPredict(t, f, frame, prophet.PredictOptions{NoIntervals: true}).Yhat
		if got := yhat[9]; math.Abs(got-want) > 1e-12 {
			t.Errorf("%s: yhat %.15g, want %.15g", file, got, want)
		}
		again := mustRead(t, mustWrite(t, f))
		if !slices.Equal(mustPredict(t, again, frame, prophet.PredictOptions{NoIntervals: true}).Yhat, yhat) {
			t.Errorf("%s: the forecast changed after writing and reading", file)
		}
	}
}

func realData(t *testing.T) string {
	t.Helper()
	folder := testenv.RealData.Value(t)
	return folder
}

// The original's test of file size: 480 rows in under 200,000 characters.
func TestSize(t *testing.T) {
	t.Parallel()
	h := walk(480, prophet.DateOf(2012, 5, 18), false)
	if n := len(mustWrite(t, mustFit(t, prophet.Defaults(), h))); n >= 200_000 {
		t.Errorf("%d bytes", n)
	}
}

// walk is a seeded history: daily, or on weekdays only.
func walk(rows int, from prophet.Stamp, weekdays bool) *prophet.Frame {
	rng := rand.New(rand.NewPCG(20260105, uint64(rows)))
	f := &prophet.Frame{Columns: map[string][]float64{}}
	level := 50.0
	for s := from; len(f.DS) < rows; s += prophet.Day {
		if day := s.Weekday(); weekdays && (day == 0 || day == 6) {
			continue
		}
		level *= math.Exp(0.0004 + 0.01*rng.NormFloat64())
		f.DS, f.Y = append(f.DS, s), append(f.Y, level)
		f.Cap, f.Floor = append(f.Cap, 400+rng.Float64()), append(f.Floor, rng.Float64())
		f.Columns["on"] = append(f.Columns["on"], float64(rng.IntN(2)))
		f.Columns["price"] = append(f.Columns["price"], 3+rng.NormFloat64())
		f.Columns["note"] = append(f.Columns["note"], rng.ExpFloat64()*1e-9)
	}
	return f
}

func mustFit(t testing.TB, o prophet.Options, h *prophet.Frame) *prophet.Fitted {
	t.Helper()
	m, err := prophet.New(o)
	if err != nil {
		t.Fatal(err)
	}
	f, err := m.Fit(context.Background(), h, prophet.FitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Every attribute of a model fitted here is read back to the same bits, and so are the forecast and its intervals.
func TestRoundTripIsExact(t *testing.T) {
	t.Parallel()
	day := func(y, m, d int) prophet.Stamp {
		return prophet.DateOf(y, 1, 1) + prophet.Stamp(30*(m-1)+d)*prophet.Day
	}
	cases := map[string]func(o *prophet.Options, h *prophet.Frame){
		"defaults": func(o *prophet.Options, h *prophet.Frame) {},
		"logistic": func(o *prophet.Options, h *prophet.Frame) { o.Growth = prophet.Logistic },
		"logistic minmax without floor": func(o *prophet.Options, h *prophet.Frame) {
			o.Growth, o.Scaling, h.Floor = prophet.Logistic, prophet.MinMax, nil
		},
		"flat minmax": func(o *prophet.Options, h *prophet.Frame) { o.Growth, o.Scaling = prophet.Flat, prophet.MinMax },
		"no changepoints": func(o *prophet.Options, h *prophet.Frame) {
			o.NChangepoints, o.WeeklySeasonality, o.UncertaintySamples = 0, prophet.SeasonalOff, 0
		},
		"an empty list of changepoints": func(o *prophet.Options, h *prophet.Frame) { o.Changepoints = []prophet.Stamp{} },
		"given changepoints": func(o *prophet.Options, h *prophet.Frame) {
			o.Changepoints, o.Optimizer, o.Seed = []prophet.Stamp{h.DS[90], h.DS[20], h.DS[55]}, prophet.LBFGS, math.MaxUint64
		},
		"holidays": func(o *prophet.Options, h *prophet.Frame) {
			o.Holidays = []prophet.Holiday{
				{Name: `the "fair" <in> Köln`, DS: day(2020, 2, 3), LowerWindow: -2, UpperWindow: 1, PriorScale: 0.1},
				{Name: `the "fair" <in> Köln`, DS: day(2020, 3, 9), LowerWindow: -12, PriorScale: 0.1},
				{Name: "promo", DS: day(2020, 4, 1) + 13*prophet.Hour, UpperWindow: 11},
			}
			o.CountryHolidays, o.HolidaysMode = "US", prophet.Multiplicative
		},
		"components": func(o *prophet.Options, h *prophet.Frame) {
			o.SeasonalityMode, o.DailySeasonality, o.YearlySeasonality = prophet.Multiplicative, prophet.SeasonalOff, prophet.SeasonalOn
			o.Seasonalities = []prophet.Seasonality{
				{Name: "weekly", Period: 7, FourierOrder: 3}, {Name: "monthly", Period: 30.437, FourierOrder: 2, Mode: prophet.Additive, PriorScale: 1.0 / 3},
				{Name: "half", Period: 7, FourierOrder: 1, ConditionName: "on"},
			}
			o.Regressors = []prophet.Regressor{{Name: "price", Standardize: "true", PriorScale: 0.7}, {Name: "note", Mode: prophet.Additive}}
		},
		"sampled": func(o *prophet.Options, h *prophet.Frame) { o.MCMCSamples, o.NChangepoints = 10, 3 },
		"constant": func(o *prophet.Options, h *prophet.Frame) {
			for i := range h.Y {
				h.Y[i] = 20
			}
		},
		"times of day": func(o *prophet.Options, h *prophet.Frame) {
			for i := range h.DS {
				h.DS[i] += prophet.Stamp(i)*1234567 + 1
			}
		},
		"missing and repeated": func(o *prophet.Options, h *prophet.Frame) {
			h.Y[3], h.Y[119] = math.NaN(), math.NaN()
			h.DS[50], h.Columns["note"][7] = h.DS[49], math.Inf(1)
			h.Cap[5] = math.NaN()
		},
		"before 1970": func(o *prophet.Options, h *prophet.Frame) {
			for i := range h.DS {
				h.DS[i] -= 36525*prophet.Day + prophet.Second/2
			}
		},
		"huge and tiny": func(o *prophet.Options, h *prophet.Frame) {
			for i := range h.Y {
				h.Y[i] *= math.Pow(10, float64(i%40-20))
			}
			h.Cap = nil
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			o, h := prophet.Defaults(), walk(120, prophet.DateOf(2020, 1, 6), false)
			change(&o, h)
			roundTrip(t, mustFit(t, o, h))
		})
	}
	t.Run("market", func(t *testing.T) {
		o := prophet.Defaults()
		o.Market = prophet.MarketFor("XNYS")
		data := roundTrip(t, mustFit(t, o, walk(150, prophet.DateOf(2024, 1, 2), true)))
		if want := `"growth": "linear with the market options log_scale, session_time, session_holidays, residual_ar1: predict with etfcast"`; !bytes.Contains(data, []byte(want)) {
			t.Errorf("Python is not told that it can't predict; want %s", want)
		}
	})
	t.Run("market that Python knows", func(t *testing.T) {
		o := prophet.Defaults()
		o.Market = prophet.Market{Exchange: "XNYS", WeekdayBasis: true}
		if data := roundTrip(t, mustFit(t, o, walk(150, prophet.DateOf(2024, 1, 2), true))); !bytes.Contains(data, []byte(`"growth": "linear",`)) {
			t.Error("the growth is not linear")
		}
	})
}

func roundTrip(t *testing.T, f *prophet.Fitted) []byte {
	t.Helper()
	data := mustWrite(t, f)
	for what, text := range map[string][]byte{"object": data, "string": mustJSON(t, string(data))} {
		again := mustRead(t, text)
		want, got := f.State(), again.State()
		for name, x := range want.History.Columns { // a column the model does not use is dropped if it has NaN
			if slices.ContainsFunc(x, notFinite) && got.History.Columns[name] == nil {
				want.History.Columns = without(want.History.Columns, name)
			}
		}
		if want.Options.Growth != prophet.Logistic && slices.ContainsFunc(want.History.Cap, math.IsNaN) {
			want.History.Cap = nil
		}
		if a, b := fingerprint(want), fingerprint(got); a != b {
			t.Fatalf("%s:\n%s\nbecame\n%s", what, a, b)
		}
		if (want.Options.Changepoints == nil) != (got.Options.Changepoints == nil) || (want.TrainHolidayNames == nil) != (got.TrainHolidayNames == nil) {
			t.Errorf("%s: changepoints %v became %v, holidays %v became %v: nil and empty must stay distinct", what,
				want.Options.Changepoints, got.Options.Changepoints, want.TrainHolidayNames, got.TrainHolidayNames)
		}
		if !bytes.Equal(mustWrite(t, again), data) {
			t.Errorf("%s: written again, the file differs", what)
		}
		frame := f.HistoryFrame()
		a, b := mustPredict(t, f, frame, prophet.PredictOptions{Samples: 50}), mustPredict(t, again, frame, prophet.PredictOptions{Samples: 50})
		for _, column := range a.ColumnNames()[1:] {
			if !slices.Equal(a.Column(column), b.Column(column)) {
				t.Errorf("%s: the forecast's %s is another", what, column)
			}
		}
	}
	return data
}

func without(columns map[string][]float64, name string) map[string][]float64 {
	out := map[string][]float64{}
	for n, x := range columns {
		if n != name {
			out[n] = x
		}
	}
	return out
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// edit returns a golden model with attributes changed.
func edit(t testing.TB, model string, change func(m map[string]any)) []byte {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(model))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	change(m)
	return mustJSON(t, m)
}

func TestForeignAndDamagedFiles(t *testing.T) {
	t.Parallel()
	all := readGolden(t)
	linear, custom, days := all["linear"].Model, all["conditions-regressors"].Model, all["holidays"].Model
	set := func(model, key string, v any) []byte {
		return edit(t, model, func(m map[string]any) { m[key] = v })
	}
	replace := func(model, from, to string) []byte {
		out := strings.Replace(model, from, to, 1)
		if out == model {
			t.Fatalf("%q is not in the model", from)
		}
		return []byte(out)
	}
	param := func(name string, v any) []byte {
		return edit(t, linear, func(m map[string]any) { m["params"].(map[string]any)[name] = v })
	}
	cases := map[string]struct {
		data  []byte
		kind  etf.Kind
		field string
	}{
		"nothing":                   {nil, etf.KindInvalid, "model"},
		"blanks":                    {[]byte(" \n"), etf.KindInvalid, "model"},
		"a pickle":                  {[]byte("\x80\x04\x95\x1f\x02\x00\x00\x00\x00\x00\x00\x8c\x1csklearn.linear_model"), etf.KindInvalid, "model"},
		"text of LightGBM":          {[]byte("tree\nversion=v4\nnum_class=1\n"), etf.KindInvalid, "model"},
		"JSON of LightGBM":          {[]byte(`{"name":"tree","version":"v4","num_class":1,"tree_info":[]}`), etf.KindInvalid, "model"},
		"JSON of XGBoost":           {[]byte(`{"learner":{"attributes":{}},"version":[2,0,3]}`), etf.KindInvalid, "model"},
		"CSV":                       {[]byte("ds,y\n2020-01-01,1\n"), etf.KindInvalid, "model"},
		"a list":                    {[]byte("[1, 2]"), etf.KindInvalid, "model"},
		"null":                      {[]byte("null"), etf.KindInvalid, "model"},
		"a string of no JSON":       {[]byte(`"hello"`), etf.KindInvalid, "model"},
		"strings in strings":        {mustJSON(t, string(mustJSON(t, string(mustJSON(t, linear))))), etf.KindInvalid, "model"},
		"truncated":                 {[]byte(linear[:len(linear)/2]), etf.KindCorrupt, "model"},
		"truncated string":          {mustJSON(t, linear)[:500], etf.KindCorrupt, "model"},
		"not JSON in the middle":    {replace(linear, `"growth": `, `"growth" = `), etf.KindCorrupt, "model"},
		"no growth":                 {edit(t, linear, func(m map[string]any) { delete(m, "growth") }), etf.KindInvalid, "growth"},
		"no y_scale":                {edit(t, linear, func(m map[string]any) { delete(m, "y_scale") }), etf.KindInvalid, "y_scale"},
		"no y_min but scaling":      {edit(t, linear, func(m map[string]any) { delete(m, "y_min") }), etf.KindInvalid, "y_min"},
		"no parameters":             {edit(t, linear, func(m map[string]any) { delete(m, "params") }), etf.KindInvalid, "params"},
		"no history":                {set(linear, "history", nil), etf.KindCorrupt, "history"},
		"growth of another kind":    {set(linear, "growth", "constant"), etf.KindInvalid, "growth"},
		"growth is a number":        {set(linear, "growth", 1), etf.KindCorrupt, "growth"},
		"y_scale zero":              {set(linear, "y_scale", 0), etf.KindCorrupt, "y_scale"},
		"y_scale tiny":              {set(linear, "y_scale", 5e-324), etf.KindCorrupt, "y_scale"},
		"y_scale NaN":               {[]byte(strings.Replace(string(set(linear, "y_scale", 424242)), "424242", "NaN", 1)), etf.KindCorrupt, "y_scale"},
		"y_scale beyond a float":    {[]byte(strings.Replace(string(set(linear, "y_scale", 424242)), "424242", "1e999", 1)), etf.KindCorrupt, "y_scale"},
		"start elsewhere":           {set(linear, "start", 0), etf.KindCorrupt, "start"},
		"t_scale negative":          {set(linear, "t_scale", -86400), etf.KindCorrupt, "t_scale"},
		"t_scale of another series": {set(linear, "t_scale", 1), etf.KindCorrupt, "t_scale"},
		"half a changepoint":        {set(linear, "n_changepoints", 8.5), etf.KindCorrupt, "n_changepoints"},
		"k NaN":                     {[]byte(strings.Replace(string(param("k", 424242)), "424242", "[[NaN]]", 1)), etf.KindCorrupt, "params.k[0]"},
		"m infinite":                {[]byte(strings.Replace(string(param("m", 424242)), "424242", "[-Infinity]", 1)), etf.KindCorrupt, "params.m[0]"},
		"k of two draws":            {param("k", []float64{1, 2}), etf.KindCorrupt, ""},
		"no draws":                  {param("k", []float64{}), etf.KindCorrupt, ""},
		"short beta":                {param("beta", [][]float64{{1, 2, 3}}), etf.KindCorrupt, "params.beta"},
		"long delta":                {param("delta", [][]float64{make([]float64, 9)}), etf.KindCorrupt, "params.delta"},
		"sigma negative":            {param("sigma_obs", [][]float64{{-1}}), etf.KindCorrupt, "params.sigma_obs"},
		"a date that is not one":    {replace(linear, `2021-01-05T00:00:00.000`, `yesterday`), etf.KindCorrupt, ""},
		"a history of text":         {set(linear, "history", "hello"), etf.KindCorrupt, "history"},
		"an empty history":          {set(linear, "history", `{"schema":{"fields":[]},"data":[]}`), etf.KindCorrupt, "history"},
		"no columns":                {set(linear, "train_component_cols", `{"schema":{"fields":[]},"data":[]}`), etf.KindCorrupt, "train_component_cols"},
		"columns of 2":              {replace(linear, `\"weekly\":1`, `\"weekly\":2`), etf.KindCorrupt, "train_component_cols[0].weekly"},
		"a column elsewhere":        {replace(days, `\"promo\":1`, `\"promo\":0`), etf.KindCorrupt, "train_component_cols"},
		"an order too high":         {replace(custom, `"fourier_order": 1`, `"fourier_order": 2`), etf.KindCorrupt, "train_component_cols"},
		"order of keys":             {replace(custom, `"seasonalities": [["weekly_even", `, `"seasonalities": [["weekly_none", `), etf.KindCorrupt, "seasonalities"},
		"a regressor without std":   {replace(custom, `"std": `, `"sdt": `), etf.KindInvalid, "extra_regressors.price.std"},
		"std 0":                     {replace(custom, `"std": 1.0`, `"std": 0`), etf.KindCorrupt, ""},
		"a condition of 2":          {replace(custom, `\"even\":true`, `\"even\":2`), etf.KindCorrupt, "history[0].even"},
		"a regressor that is null":  {replace(custom, `\"open\":1.0`, `\"open\":null`), etf.KindCorrupt, ""},
		"an unknown country":        {set(linear, "country_holidays", "ATLANTIS"), etf.KindInvalid, ""},
		"a layout of the future":    {set(linear, "etfcast", map[string]any{"format": 99}), etf.KindInvalid, "etfcast.format"},
		"extras of text":            {set(linear, "etfcast", "x"), etf.KindCorrupt, "etfcast"},
	}
	for name, c := range cases {
		_, err := Unmarshal(c.data)
		var e *etf.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: want an error with a remedy, got %v", name, err)
			continue
		}
		if e.Kind != c.kind || c.field != "" && e.Field != c.field || e.Field == "" || e.Remedy == "" || strings.Contains(err.Error(), "failed to") {
			t.Errorf("%s: kind %q, field %q, remedy %q in %q; want %q, %q", name, e.Kind, e.Field, e.Remedy, err, c.kind, c.field)
		}
	}
}

// A file of the original has what Python writes beyond JSON, and the caller's columns.
func TestTolerance(t *testing.T) {
	t.Parallel()
	all := readGolden(t)
	linear := all["linear"].Model
	want := fingerprint(mustRead(t, []byte(linear)).State())
	for name, data := range map[string][]byte{
		"byte order mark":     []byte("\xef\xbb\xbf" + linear),
		"blanks around":       []byte("\n " + linear + "\r\n"),
		"a string":            mustJSON(t, linear),
		"NaN nobody reads":    []byte(strings.Replace(linear, `"fit_kwargs": {}`, `"fit_kwargs": {"a": NaN, "b": [-Infinity, "NaN", "\"Infinity"]}`, 1)),
		"a key of the future": edit(t, linear, func(m map[string]any) { m["hemisphere"] = "south" }),
		"Z behind dates":      []byte(strings.ReplaceAll(linear, `:00.000\"`, `:00.000Z\"`)),
		"no scaling": edit(t, linear, func(m map[string]any) {
			delete(m, "scaling")
			delete(m, "y_min")
			delete(m, "holidays_mode")
		}),
	} {
		f, err := Unmarshal(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := fingerprint(f.State()); got != want {
			t.Errorf("%s: the model differs:\n%s\n%s", name, got, want)
		}
	}
	f := mustRead(t, edit(t, linear, func(m map[string]any) { m["uncertainty_samples"], m["yearly_seasonality"] = false, 0 }))
	if o := f.Options(); o.UncertaintySamples != 0 || o.YearlySeasonality != prophet.SeasonalOff {
		t.Errorf("false and 0 were read as %d and %d", o.UncertaintySamples, o.YearlySeasonality)
	}
}

func TestMarshalNeedsAModel(t *testing.T) {
	t.Parallel()
	if _, err := Marshal(nil); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("no model: %v", err)
	}
	if _, err := MarshalState(prophet.State{}); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("an empty state: %v", err)
	}
	s := mustFit(t, prophet.Defaults(), walk(30, 0, false)).State()
	short := s
	short.History.T = s.History.T[:5]
	if _, err := MarshalState(short); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("a short column: %v", err)
	}
	broken := s
	broken.Params.K = []float64{math.NaN()}
	if _, err := MarshalState(broken); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("k is NaN: %v", err)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{
		0: "0.0", 1: "1.0", -2.5: "-2.5", 0.1: "0.1", 0.05: "5e-02", 1e15: "1e+15", 123456789012345: "123456789012345.0", 1.0 / 3: "0.3333333333333333",
	} {
		if got := formatNumber(v); got != want {
			t.Errorf("%v is written %q, want %q", v, got, want)
		}
	}
	for s, want := range map[prophet.Stamp]string{
		0: "0.0", prophet.Second: "1.0", 1: "0.000001", -1: "-0.000001", -1_500_000: "-1.5", 1_609_718_400_000_123: "1609718400.000123", -2_100_000_000_000_010: "-2100000000.00001",
	} {
		d := &document{members: map[string]json.RawMessage{"start": json.RawMessage(seconds(s))}}
		if got := seconds(s); got != want || d.stamp("start") != s || d.err != nil {
			t.Errorf("%d µs are written %q, want %q, and read %d (%v)", s, got, want, d.stamp("start"), d.err)
		}
	}
}

// No input causes a panic, and all numbers of a model that was read are finite: what was read can be written and read
// again as the same model.
func FuzzUnmarshal(f *testing.F) {
	small := walk(8, prophet.DateOf(2024, 1, 2), false)
	small.Columns = nil
	f.Add(mustWrite(f, mustFit(f, prophet.Defaults(), small)))
	for _, g := range readGolden(f) {
		f.Add([]byte(g.Model))
	}
	f.Add([]byte(`{"growth":"linear","params":{"k":[NaN]}}`))
	f.Add([]byte(`"{\"growth\": -Infinity}"`))
	f.Fuzz(checkRead)
}

// FuzzAttribute replaces one attribute of a valid model: key is "y_scale" or "params.k".
func FuzzAttribute(f *testing.F) {
	g := readGolden(f)["conditions-regressors"]
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(g.Model), &members); err != nil {
		f.Fatal(err)
	}
	for key, value := range members {
		f.Add(key, string(value))
	}
	f.Add("holidays", string(mustJSON(f, `{"schema":{"fields":[]},"data":[{"holiday":"a","ds":"2021-01-05","lower_window":-1e9,"upper_window":3}]}`)))
	f.Add("train_holiday_names", string(mustJSON(f, `{"data":["a","b"]}`)))
	f.Add("params.k", "[[1e308]]")
	f.Add("start", "1e300")
	f.Add("changepoints_t", "[0]")
	f.Add("country_holidays", `"KR"`)
	f.Fuzz(func(t *testing.T, key, value string) {
		out, into := map[string]json.RawMessage{}, members
		outer, inner, nested := strings.Cut(key, ".")
		if nested {
			into = nil
			if json.Unmarshal(members[outer], &into) != nil {
				return
			}
			key = inner
		}
		for k, v := range into {
			out[k] = v
		}
		if out[key] = json.RawMessage(value); !json.Valid(out[key]) {
			return
		}
		if nested {
			changed := mustJSON(t, out)
			out = map[string]json.RawMessage{}
			for k, v := range members {
				out[k] = v
			}
			out[outer] = changed
		}
		checkRead(t, mustJSON(t, out))
	})
}

func checkRead(t *testing.T, data []byte) {
	m, err := Unmarshal(data)
	if err != nil {
		if kind := etf.KindOf(err); kind != etf.KindInvalid && kind != etf.KindCorrupt {
			t.Fatalf("kind %q: %v", kind, err)
		}
		return
	}
	out, err := Marshal(m)
	if err != nil {
		t.Fatalf("what was read can't be written: %v", err)
	}
	again, err := Unmarshal(out)
	if err != nil {
		t.Fatalf("what was written can't be read: %v", err)
	}
	if a, b := fingerprint(m.State()), fingerprint(again.State()); a != b || strings.Contains(a, "NaN") && !bytes.Contains(data, []byte("NaN")) {
		t.Fatalf("%s\nbecame\n%s", a, b)
	}
	fc, err := m.Predict(context.Background(), nil, prophet.PredictOptions{NoIntervals: true})
	if err != nil {
		return // such as a trend that overflows
	}
	if slices.ContainsFunc(fc.Yhat, notFinite) {
		t.Fatal("the forecast is not finite")
	}
}

// Where changepoint_range leaves no row, the original stores -1 changepoints.
func TestNegativeCountOfChangepoints(t *testing.T) {
	t.Parallel()
	model := readGolden(t)["no-changepoints-no-features"].Model
	f, err := Unmarshal(edit(t, model, func(m map[string]any) { m["n_changepoints"], m["changepoint_range"] = -1, 0 }))
	if err != nil {
		t.Fatal(err)
	}
	if n := f.Options().NChangepoints; n != 0 {
		t.Errorf("%d changepoints", n)
	}
}
