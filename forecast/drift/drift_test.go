package drift

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// origin is a Friday; the target sessions of the tests are the XNYS sessions after it.
var origin = etf.MustSession("2025-09-26")

// series puts closes on consecutive days up to the origin.
func series(closes ...float64) forecast.Series {
	s := forecast.Series{Symbol: "SIM", Exchange: etf.XNYS, Close: closes, Origin: origin}
	for i := range closes {
		s.Sessions = append(s.Sessions, origin.AddDays(i+1-len(closes)))
	}
	return s
}

// fromReturns returns closes that start at 100 and have these log returns.
func fromReturns(returns []float64) forecast.Series {
	closes := []float64{100}
	for _, r := range returns {
		closes = append(closes, closes[len(closes)-1]*math.Exp(r))
	}
	return series(closes...)
}

func normalReturns(random *rand.Rand, n int, mu, sigma float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = mu + sigma*random.NormFloat64()
	}
	return out
}

func targets(t testing.TB, n int) []etf.Session {
	t.Helper()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	out, err := forecast.Targets(cal, origin, n)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func model(t testing.TB, set Settings) *Model {
	t.Helper()
	m, err := New(set)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func predict(t testing.TB, m *Model, s forecast.Series, horizons int) []etf.ForecastPoint {
	t.Helper()
	f, err := m.Fit(context.Background(), s, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	points, err := f.Predict(targets(t, horizons))
	if err != nil {
		t.Fatal(err)
	}
	return points
}

func near(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > relative*math.Abs(want) {
		t.Errorf("%s is %.15g, want %.15g", what, got, want)
	}
}

// Two returns, by hand: closes 100, 110, 132 have log returns a = ln 1.1 and b = ln 1.2. Drift (a+b)/2; both
// innovations have size d/2 with d = ln(1.2/1.1), so sigma² = d²/4 whatever the decay, s² = d²/2 over n = 2, and
// v(h) = h d²/4 + h² d²/4. Normal quantiles: 1.644853627, 1.281551566, 0.674489750 (Abramowitz and Stegun, table
// 26.1 and 26.5, to nine digits).
func TestTwoReturnsByHand(t *testing.T) {
	t.Parallel()
	d := math.Log(1.2 / 1.1)
	mu := math.Log(1.32) / 2
	points := predict(t, model(t, Settings{MinReturns: 2}), series(100, 110, 132), 3)
	for _, p := range points {
		h := float64(p.Horizon)
		v := d * d / 4 * (h + h*h)
		for k, z := range []float64{-1.644853627, -1.281551566, -0.674489750, 0, 0.674489750, 1.281551566, 1.644853627} {
			near(t, "quantile", p.Quantiles[k], 132*math.Exp(h*mu+z*math.Sqrt(v)), 1e-9)
		}
		near(t, "mean", p.Mean, 132*math.Exp(h*mu+v/2), 1e-12)
	}
	// h = 1: sqrt(1.32) = 1.148912529, so the median is 132 * 1.148912529 = 151.656454.
	near(t, "median", points[0].Quantiles[3], 151.656454, 1e-8)
}

// Three returns 0, 0, x: drift x/3, innovations -x/3, -x/3, 2x/3 from the oldest, so
// sigma² = (4 + .94 + .94²)/9 / (1 + .94 + .94²) x².
func TestWeightsDecayFromTheNewest(t *testing.T) {
	t.Parallel()
	x := math.Log(1.03)
	f, err := model(t, Settings{MinReturns: 3}).Fit(context.Background(), series(100, 100, 100, 103), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "sigma", f.(*fitted).Sigma, x*math.Sqrt((4+.94+.94*.94)/9/(1+.94+.94*.94)), 1e-12)
	near(t, "spread", f.(*fitted).Spread, x*math.Sqrt(6./9/2), 1e-12)
	near(t, "drift", f.(*fitted).Drift, x/3, 1e-12)
}

// Returns that alternate between +a and -a: the drift is 0, every innovation a. v(h) = h a² (1 + h/(n-1)).
func TestAlternatingReturns(t *testing.T) {
	t.Parallel()
	const a, n = 0.01, 500
	returns := make([]float64, n)
	for i := range returns {
		returns[i] = a * float64(1-2*(i%2))
	}
	for _, p := range predict(t, Default(), fromReturns(returns), 21) {
		h := float64(p.Horizon)
		near(t, "95 % quantile", p.Quantiles[6], 100*math.Exp(1.6448536269514722*a*math.Sqrt(h*(1+h/(n-1)))), 1e-9)
		near(t, "median", p.Quantiles[3], 100, 1e-12)
	}
}

// A row left out: the drift is the same, and the squared move over two sessions counts half.
func TestGapsCountByLength(t *testing.T) {
	t.Parallel()
	m := model(t, Settings{MinReturns: 2})
	s := series(100, 110, 132)
	s.Steps = []int{0, 1, 2}
	f, err := m.Fit(context.Background(), s, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	mu := math.Log(1.32) / 3
	e1, e2 := math.Log(1.1)-mu, math.Log(1.2)-2*mu
	near(t, "drift", f.(*fitted).Drift, mu, 1e-12)
	near(t, "sigma", f.(*fitted).Sigma, math.Sqrt((e2*e2/2+.94*e1*e1)/1.94), 1e-12)
	if d := f.Diagnostics(); d["gaps"] != "1" || d["rows"] != "3" || d["status"] != "ok" {
		t.Errorf("diagnostics %v", d)
	}
}

// Prices a hundred times as high (cents for dollars) give forecasts a hundred times as high.
func TestScaleEquivariance(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 3))
	for range 50 {
		s := fromReturns(normalReturns(random, 100+random.IntN(400), .0005, .02))
		factor := math.Exp(20 * (random.Float64() - .5))
		scaled := s
		scaled.Close = slices.Clone(s.Close)
		for i := range scaled.Close {
			scaled.Close[i] *= factor
		}
		a, b := predict(t, Default(), s, 21), predict(t, Default(), scaled, 21)
		for i := range a {
			near(t, "mean", b[i].Mean, factor*a[i].Mean, 1e-10)
			for k := range a[i].Quantiles {
				near(t, "quantile", b[i].Quantiles[k], factor*a[i].Quantiles[k], 1e-10)
			}
		}
	}
}

// Intervals widen with the horizon and are symmetric in logs, quantiles rise, the mean is above the median (lognormal).
func TestShape(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(4, 4))
	for range 50 {
		s := fromReturns(normalReturns(random, 40+random.IntN(3000), .001*(random.Float64()-.5), .0001+.05*random.Float64()))
		points := predict(t, Default(), s, etf.MaxHorizon)
		if err := forecast.Check(points); err != nil {
			t.Fatal(err)
		}
		width := 0.0
		for i, p := range points {
			if p.Horizon != i+1 || p.Target != targets(t, 21)[i] {
				t.Fatalf("point %d has horizon %d and target %s", i, p.Horizon, p.Target)
			}
			w := math.Log(p.Quantiles[6] / p.Quantiles[0])
			if w <= width || p.Mean <= p.Quantiles[3] {
				t.Fatalf("horizon %d: width %v after %v, mean %v, median %v", p.Horizon, w, width, p.Mean, p.Quantiles[3])
			}
			width = w
			near(t, "upper half", math.Log(p.Quantiles[5]/p.Quantiles[3]), math.Log(p.Quantiles[3]/p.Quantiles[1]), 1e-6)
		}
	}
}

// Rows before the last MaxRows do not change a single digit.
func TestMaxRowsIsEnough(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 5))
	s := fromReturns(normalReturns(random, 4000, .0003, .01))
	m := Default()
	whole, tail := predict(t, m, s, 21), predict(t, m, s.Tail(m.MaxRows()), 21)
	if !slices.Equal(whole, tail) {
		t.Error("the forecast from the last MaxRows rows differs from the forecast from the whole history")
	}
	if m.MaxRows() != 2521 || m.MinRows() != 34 {
		t.Errorf("MinRows %d, MaxRows %d", m.MinRows(), m.MaxRows())
	}
}

// Simulated normal walks with constant volatility: the 90 % interval covers 89 % at h = 1 (the variance is an average of
// 32 effective squares, so the interval should be a slightly wider t interval) and half the closes lie below the median.
// With 2,000 walks the standard error of a coverage of 90 % is 0.7 points and of 50 % 1.1; the bounds are four standard
// errors around 89.3 and 50.
func TestCoverageOnSimulatedWalks(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(6, 6))
	const walks, rows = 2000, 300
	m := Default()
	at := targets(t, 21)
	covered, below := map[int]int{}, map[int]int{}
	for range walks {
		r := normalReturns(random, rows+21, .0004, .012)
		f, err := m.Fit(context.Background(), fromReturns(r[:rows]), 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		points, err := f.Predict(at)
		if err != nil {
			t.Fatal(err)
		}
		price := f.(*fitted).Last
		for h := 1; h <= 21; h++ {
			price *= math.Exp(r[rows+h-1])
			if q := points[h-1].Quantiles; price >= q[0] && price <= q[6] {
				covered[h]++
			}
			if price < points[h-1].Quantiles[3] {
				below[h]++
			}
		}
	}
	for _, h := range []int{1, 5, 21} {
		c, b := float64(covered[h])/walks, float64(below[h])/walks
		if c < .866 || c > .920 || b < .455 || b > .545 {
			t.Errorf("h=%d: the 90 %% interval covers %.3f, %.3f lie below the median", h, c, b)
		}
	}
}

func TestFitRefuses(t *testing.T) {
	t.Parallel()
	sound := fromReturns(normalReturns(rand.New(rand.NewPCG(7, 7)), 60, 0, .01))
	for _, c := range []struct {
		name   string
		change func(*forecast.Series)
		field  string
	}{
		{"too few rows", func(s *forecast.Series) { *s = s.Tail(33) }, "sessions"},
		{"NaN", func(s *forecast.Series) { s.Close[3] = math.NaN() }, "close[3]"},
		{"zero", func(s *forecast.Series) { s.Close[60] = 0 }, "close[60]"},
		{"not ascending", func(s *forecast.Series) { s.Sessions[9] = s.Sessions[8] }, "sessions[9]"},
		{"origin after the last row", func(s *forecast.Series) { s.Origin++ }, "origin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sound
			s.Close, s.Sessions = slices.Clone(s.Close), slices.Clone(s.Sessions)
			c.change(&s)
			_, err := Default().Fit(context.Background(), s, 0, nil)
			var e *etf.Error
			if !errors.As(err, &e) || e.Kind != etf.KindInvalid || e.Field != c.field || e.Remedy == "" {
				t.Errorf("error %v, want field %s", err, c.field)
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Default().Fit(ctx, sound, 0, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := Default().Fit(context.Background(), sound.Tail(34), 0, nil); err != nil {
		t.Errorf("34 rows: %v", err)
	}
}

func TestPredictRefuses(t *testing.T) {
	t.Parallel()
	f, err := Default().Fit(context.Background(), fromReturns(normalReturns(rand.New(rand.NewPCG(7, 7)), 60, 0, .01)), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]etf.Session{"none": nil, "the origin": {origin}, "descending": {origin + 4, origin + 3}} {
		if _, err := f.Predict(bad); err == nil || etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Prices that swing by 10^300 are finite but their forecast is not: an error, never Inf.
	wild := make([]float64, 40)
	for i := range wild {
		wild[i] = math.Pow(10, float64(300*(1-2*(i%2))))
	}
	f, err = Default().Fit(context.Background(), series(wild...), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Predict(targets(t, 21)); err == nil || etf.KindOf(err) != etf.KindInternal {
		t.Errorf("absurd prices: %v", err)
	}
}

func TestConstantSeriesHasNonzeroWidth(t *testing.T) {
	t.Parallel()
	s := fromReturns(make([]float64, 100))
	f, err := Default().Fit(context.Background(), s, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := f.Diagnostics(); !strings.Contains(d["status"], "floor") {
		t.Errorf("diagnostics %v", d)
	}
	p := predict(t, Default(), s, 1)[0]
	near(t, "width", math.Log(p.Quantiles[6]/p.Quantiles[3]), 1.6448536*1e-5*math.Sqrt(1.01), 1e-6)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for field, set := range map[string]Settings{
		"decay":       {Decay: 1},
		"window":      {Window: 5, MinReturns: 10},
		"min_returns": {MinReturns: 1},
		"floor":       {Floor: -1},
	} {
		_, err := New(set)
		var e *etf.Error
		if !errors.As(err, &e) || e.Field != field || e.Kind != etf.KindInvalid {
			t.Errorf("%+v: %v", set, err)
		}
	}
	if _, err := New(Settings{Decay: math.NaN()}); err == nil {
		t.Error("a decay of NaN is accepted")
	}
	if m := model(t, Settings{Window: 20}); m.MinRows() != 21 {
		t.Errorf("a window of 20 returns needs %d rows", m.MinRows())
	}
}

func TestParams(t *testing.T) {
	t.Parallel()
	m := Default()
	if want := `{"decay":0.94,"floor":0.00001,"min_returns":33,"window":2520}`; m.Params() != want || m.Name() != "drift" {
		t.Errorf("%s with parameters %s, want %s", m.Name(), m.Params(), want)
	}
	if model(t, Settings{Decay: .94}).Params() != m.Params() || model(t, Settings{Decay: .97}).Params() == m.Params() {
		t.Error("Params must be equal exactly when the settings are")
	}
}

func TestRestore(t *testing.T) {
	t.Parallel()
	m := Default()
	f, err := m.Fit(context.Background(), fromReturns(normalReturns(rand.New(rand.NewPCG(8, 8)), 300, .0003, .01)), 0, func(done, total int) {
		if done != total || total != 1 {
			t.Errorf("progress %d of %d", done, total)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	blob, err := f.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	back, err := m.Restore(blob)
	if err != nil {
		t.Fatal(err)
	}
	a, _ := f.Predict(targets(t, 21))
	b, err := back.Predict(targets(t, 21))
	if err != nil || !slices.Equal(a, b) {
		t.Errorf("the restored model predicts something else: %v", err)
	}
	for name, bad := range map[string]string{
		"empty":         "",
		"truncated":     string(blob[:len(blob)/2]),
		"another model": strings.Replace(string(blob), `"drift"`, `"prophet"`, 1),
		"newer":         strings.Replace(string(blob), `"format":1`, `"format":2`, 1),
		"no last close": strings.Replace(string(blob), `"last":`, `"lost":`, 1),
		"zeros":         `{"format":1,"model":"drift"}`,
	} {
		if _, err := m.Restore([]byte(bad)); err == nil || etf.KindOf(err) != etf.KindCorrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzFit: for any closes, Fit and Predict give an error or finite, positive, monotone numbers.
func FuzzFit(f *testing.F) {
	f.Add(uint64(1), 100.0, 0.01, uint16(50))
	f.Add(uint64(2), 1e-300, 50.0, uint16(200))
	f.Add(uint64(3), 5e-324, 0.0, uint16(40))
	f.Add(uint64(4), math.MaxFloat64, 1e-9, uint16(40))
	m := Default()
	f.Fuzz(func(t *testing.T, seed uint64, start, sigma float64, n uint16) {
		random := rand.New(rand.NewPCG(seed, 1))
		closes := make([]float64, n%600)
		for i := range closes {
			closes[i] = start * math.Exp(sigma*random.NormFloat64())
		}
		s := series(closes...)
		if seed%3 == 0 {
			s.Steps = make([]int, len(closes))
			for i := range s.Steps {
				s.Steps[i] = 1 + random.IntN(3)
			}
		}
		fit, err := m.Fit(context.Background(), s, seed, nil)
		if err != nil {
			return
		}
		points, err := fit.Predict(targets(t, 21))
		if err != nil {
			return
		}
		if err := forecast.Check(points); err != nil {
			t.Error(err)
		}
	})
}

// FuzzRestore: no blob makes Restore panic or return a fit that predicts nonsense.
func FuzzRestore(f *testing.F) {
	f.Add([]byte(`{"format":1,"model":"drift","origin":"2025-09-26","from":"2025-01-02","last":100,"drift":0,"sigma":0.01,"spread":0.01,"span":100,"rows":101}`))
	m := Default()
	f.Fuzz(func(t *testing.T, blob []byte) {
		fit, err := m.Restore(blob)
		if err != nil {
			return
		}
		if points, err := fit.Predict([]etf.Session{fit.(*fitted).Origin + 1}); err == nil {
			if err := forecast.Check(points); err != nil {
				t.Error(err)
			}
		}
	})
}

func BenchmarkFitAndPredict(b *testing.B) {
	s := fromReturns(normalReturns(rand.New(rand.NewPCG(9, 9)), 8000, .0003, .01))
	at := targets(b, 21)
	m := Default()
	b.ReportAllocs()
	for b.Loop() {
		f, err := m.Fit(context.Background(), s, 0, nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := f.Predict(at); err != nil {
			b.Fatal(err)
		}
	}
}

// The normal quantile at 0.975 is 1.959963985 (Abramowitz and Stegun, table 26.1, to nine digits). The tails enclose the quantiles and
// are those of the restored fit.
func TestTails(t *testing.T) {
	t.Parallel()
	d, mu := math.Log(1.2/1.1), math.Log(1.32)/2
	m := model(t, Settings{MinReturns: 2})
	f, err := m.Fit(context.Background(), series(100, 110, 132), 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	at := targets(t, 21)
	tails, err := f.(forecast.TailForecaster).Tails(at)
	if err != nil {
		t.Fatal(err)
	}
	for i, tail := range tails {
		h := float64(i + 1)
		sd := math.Sqrt(d * d / 4 * (h + h*h)) // see TestTwoReturnsByHand
		near(t, "lower tail", tail[0], 132*math.Exp(h*mu-1.959963985*sd), 1e-9)
		near(t, "upper tail", tail[1], 132*math.Exp(h*mu+1.959963985*sd), 1e-9)
	}
	points, err := f.Predict(at)
	if err != nil {
		t.Fatal(err)
	}
	if err := forecast.CheckTails(points, tails); err != nil {
		t.Error(err)
	}
	blob, err := f.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	back, err := m.Restore(blob)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := back.(forecast.TailForecaster).Tails(at); err != nil || !slices.Equal(again, tails) {
		t.Errorf("the restored model has other tails: %v", err)
	}
	if _, err := f.(forecast.TailForecaster).Tails(nil); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("no targets: %v", err)
	}
}
