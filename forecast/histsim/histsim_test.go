package histsim

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// made is a series on consecutive days of these log closes, and the days after it.
func made(logs []float64) (forecast.Series, []etf.Session) {
	first := etf.MustSession("2012-01-05")
	s := forecast.Series{Symbol: "TEST", Exchange: etf.XNYS}
	for i, x := range logs {
		s.Sessions, s.Close = append(s.Sessions, first+etf.Session(i)), append(s.Close, math.Exp(x))
	}
	s.Origin = s.Sessions[len(logs)-1]
	targets := make([]etf.Session, etf.MaxHorizon)
	for i := range targets {
		targets[i] = s.Origin + etf.Session(i) + 1
	}
	return s, targets
}

// walk has innovations whose negative ones are larger, with changing volatility.
func walk(seed uint64, n int) (forecast.Series, []etf.Session) {
	rng := rand.New(rand.NewPCG(seed, 1))
	x, sigma := make([]float64, n), .01
	for i := 1; i < n; i++ {
		z := rng.NormFloat64()
		if z < 0 {
			z *= 1.5
		}
		x[i] = x[i-1] + .0005 + sigma*z
		sigma = math.Sqrt(3e-6 + .85*sigma*sigma + .08*sigma*sigma*z*z)
	}
	return made(x)
}

func until(s forecast.Series, row int) forecast.Series {
	s.Sessions, s.Close, s.Origin = s.Sessions[:row+1], s.Close[:row+1], s.Sessions[row]
	if s.Steps != nil {
		s.Steps = s.Steps[:row+1]
	}
	return s
}

func model(t testing.TB, set Settings) *Model {
	t.Helper()
	m, err := New(set)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func fit(t testing.TB, m *Model, s forecast.Series, seed uint64) *fitted {
	t.Helper()
	f, err := m.Fit(t.Context(), s, seed, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f.(*fitted)
}

// quantiles returns the quantiles at levels for each target.
func quantiles(t testing.TB, f forecast.Fitted, targets []etf.Session) [][]float64 {
	t.Helper()
	points, err := f.Predict(targets)
	if err != nil {
		t.Fatal(err)
	}
	tails, err := f.(forecast.TailForecaster).Tails(targets)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(forecast.Check(points), forecast.CheckTails(points, tails)); err != nil {
		t.Fatal(err)
	}
	out := make([][]float64, len(points))
	for i, p := range points {
		out[i] = append(append([]float64{tails[i][0]}, p.Quantiles[:]...), tails[i][1])
	}
	return out
}

// The quantiles are those of an implementation in numpy: bench/models/histsim_golden.py.
func TestGolden(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		Levels []float64
		Series []struct {
			Closes    []float64
			Quantiles map[string][]float64
		}
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(g.Levels, levels[:]) || len(g.Series) != 2 {
		t.Fatalf("levels %v, %d series", g.Levels, len(g.Series))
	}
	m := model(t, Settings{Paths: 50000})
	for i, c := range g.Series {
		logs := make([]float64, len(c.Closes))
		for i, v := range c.Closes {
			logs[i] = math.Log(v)
		}
		s, targets := made(logs)
		f := fit(t, m, s, 3)
		got := quantiles(t, f, targets)
		sigma, _ := f.sigma()
		for name, want := range c.Quantiles {
			h, _ := strconv.Atoi(name)
			sd := sigma * math.Sqrt(float64(h)*f.shape.variance)
			for k, p := range levels {
				tolerance := 1e-6 * sd // of the first session: residuals have seven digits
				if h > 1 {
					// Four standard errors of a quantile of 50,000 draws of a normal distribution, whose density at 2.5 % is .058.
					tolerance = 4 * math.Sqrt(p*(1-p)/50000) * sd / math.Exp(-math.Pow(math.Abs(p-.5)/.475, 2)*1.92) * math.Sqrt(2*math.Pi)
				}
				if d := math.Log(got[h-1][k]) - want[k]; math.Abs(d) > tolerance {
					t.Errorf("series %d, h=%d: quantile %v differs by %.2g standard deviations, tolerance %.2g", i, h, p, d/sd, tolerance/sd)
				}
			}
		}
	}
}

// With as many paths as combinations nothing is left to chance: the residuals' mean is 0 and the variance h sessions ahead is h times today's.
func TestMomentsOfPaths(t *testing.T) {
	t.Parallel()
	s, _ := walk(1, 1500)
	f := fit(t, model(t, Settings{Paths: 100000}), s, 1)
	sigma, _ := f.sigma()
	draws := f.shape.order(21)
	sum, sd := make([]float64, 100000), make([]float64, 100000)
	for p := range sd {
		sd[p] = sigma
	}
	for h, draw := range draws {
		var mean, square float64
		for p, i := range draw {
			sum[p] += sd[p] * f.shape.z[i]
			sd[p] *= f.shape.growth[i]
			mean += sum[p] / 100000
			square += sum[p] * sum[p] / 100000
		}
		v := float64(h+1) * sigma * sigma * f.shape.variance
		if math.Abs(mean) > 4*math.Sqrt(v/100000) {
			t.Errorf("h=%d: mean %v of a standard deviation of %v", h+1, mean, math.Sqrt(v))
		}
		if math.Abs(square/v-1) > .03 { // the standard error is sqrt(kurtosis/100000), up to .007
			t.Errorf("h=%d: variance %v, want %v", h+1, square, v)
		}
	}
}

// The distribution is that of the returns: skewed as they are, at every horizon, and one session ahead a walk's next close lies below each quantile
// as often as its level says.
func TestDistribution(t *testing.T) {
	t.Parallel()
	m := model(t, Settings{Window: 600})
	s, _ := walk(4, 5600)
	below := make([]int, len(levels))
	n := 0
	for at := 600; at+1 < len(s.Close); at++ {
		f := fit(t, m, until(s, at).Tail(601), 1)
		q := quantiles(t, f, s.Sessions[at+1:at+2])
		n++
		for k := range levels {
			if s.Close[at+1] < q[0][k] {
				below[k]++
			}
		}
	}
	for k, p := range levels {
		share := float64(below[k]) / float64(n)
		if se := math.Sqrt(p * (1 - p) / float64(n)); math.Abs(share-p) > 4*se {
			t.Errorf("%.3f of %d closes are below quantile %v, standard error %.3f", share, n, p, se)
		}
	}
	s, targets := walk(4, 2500)
	for h, q := range quantiles(t, fit(t, m, s, 1), targets) {
		if left, right := math.Log(q[4]/q[0]), math.Log(q[8]/q[4]); left < 1.02*right {
			t.Errorf("h=%d: the lower tail is %v wide, the upper %v", h+1, left, right)
		}
	}
}

// Another seed gives other paths, the same distribution; one session ahead there is no chance.
func TestSeed(t *testing.T) {
	t.Parallel()
	s, targets := walk(6, 1200)
	m := model(t, Settings{})
	a := quantiles(t, fit(t, m, s, 1), targets)
	if b := quantiles(t, fit(t, m, s, 1), targets); !reflect.DeepEqual(a, b) {
		t.Error("the same seed gives other quantiles")
	}
	few := quantiles(t, fit(t, m, s, 1), targets[:5])
	if !reflect.DeepEqual(few, a[:5]) {
		t.Error("fewer targets change the quantiles")
	}
	// The spread of the .05 quantile over seeds, in units of its distance from the median: what DefaultPaths says.
	var list []float64
	for seed := range uint64(40) {
		q := quantiles(t, fit(t, m, s, seed), targets)
		if q[0][1] != a[0][1] {
			t.Fatal("the seed changes the first session")
		}
		list = append(list, math.Log(q[20][1]/q[20][4]))
	}
	mean, square := 0., 0.
	for _, v := range list {
		mean += v / 40
		square += v * v / 40
	}
	if spread := math.Sqrt(square-mean*mean) / -mean; spread == 0 || spread > .05 {
		t.Errorf("the standard error of the quantile is %.3f of its distance from the median", spread)
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	s, targets := walk(5, 900)
	s.Steps = make([]int, len(s.Close))
	for i := range s.Steps {
		s.Steps[i] = 1 + i/300%2
	}
	s.Steps[0] = 0
	m := model(t, Settings{})
	f := fit(t, m, until(s, 800), 1)
	same, err := f.Filter(t.Context(), until(s, 800))
	if err != nil || !reflect.DeepEqual(same.(*fitted).stored, f.stored) {
		t.Errorf("over no rows the fit changes (%v)", err)
	}
	var carried forecast.Fitted = f
	for at := 803; at < 900; at += 3 {
		if carried, err = carried.(forecast.Filterer).Filter(t.Context(), until(s, at).Tail(40)); err != nil {
			t.Fatal(err)
		}
	}
	if carried, err = carried.(forecast.Filterer).Filter(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	// The volatility is that of the whole series' innovations, with the fit's drift.
	var squares, weights float64
	for i := 1; i < 900; i++ {
		k := float64(s.Step(i))
		e := math.Log(s.Close[i]/s.Close[i-1]) - k*f.Drift
		squares, weights = .94*squares+e*e/k, .94*weights+1
	}
	got := carried.(*fitted)
	if sigma, _ := got.sigma(); math.Abs(sigma/math.Sqrt(squares/weights)-1) > 1e-12 || got.Origin != s.Origin || got.Rows != 900 {
		t.Errorf("sigma %v, want %v; origin %s, rows %d", sigma, math.Sqrt(squares/weights), got.Origin, got.Rows)
	}
	if !reflect.DeepEqual(got.Residuals, f.Residuals) || got.Last != s.Close[899] {
		t.Error("the residuals change, or the last close is another")
	}
	blob, err := got.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	back, err := m.Restore(blob)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := quantiles(t, got, targets), quantiles(t, back, targets); !reflect.DeepEqual(a, b) {
		t.Error("read back, it forecasts something else")
	}
	for name, bad := range map[string]forecast.Series{"too short": until(s, 799), "without the origin": s.Tail(50), "empty": {}} {
		if _, err := f.Filter(t.Context(), bad); etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStored(t *testing.T) {
	t.Parallel()
	s, targets := walk(2, 2700)
	m := model(t, Settings{})
	f := fit(t, m, s, 9)
	blob, err := f.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if len(blob) > 16*1024 {
		t.Errorf("a fit takes %d bytes", len(blob))
	}
	back, err := m.Restore(blob)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := quantiles(t, f, targets), quantiles(t, back, targets); !reflect.DeepEqual(a, b) {
		t.Error("read back, it forecasts something else")
	}
	if !reflect.DeepEqual(back.Diagnostics(), f.Diagnostics()) {
		t.Error("read back, it has other diagnostics")
	}
	if tail := fit(t, m, s.Tail(m.MaxRows()), 9); !reflect.DeepEqual(tail.stored, f.stored) {
		t.Error("the last MaxRows rows give another fit")
	}
	for i := 0; i < len(blob); i += 101 {
		if _, err := m.Restore(blob[:i]); etf.KindOf(err) != etf.KindCorrupt {
			t.Fatalf("the first %d bytes: %v", i, err)
		}
	}
	for _, bad := range []string{`{}`, `{"format":1,"model":"drift"}`, `{"format":1,"model":"histsim"}`, `{"format":1,"model":"histsim","residuals":"AAA="}`} {
		if _, err := m.Restore([]byte(bad)); etf.KindOf(err) != etf.KindCorrupt {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, bad := range [][]etf.Session{nil, {s.Origin}, {targets[1], targets[0]}} {
		if _, err := f.Predict(bad); etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("targets %v: %v", bad, err)
		}
	}
}

// The sorter gives the quantiles of a sorted sample, whatever the sample.
func TestSorter(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		x := make([]float64, 100+rng.IntN(900))
		for i := range x {
			switch round % 4 {
			case 0:
				x[i] = rng.NormFloat64()
			case 1:
				x[i] = math.Exp(5 * rng.NormFloat64()) // nearly all in one part
			case 2:
				x[i] = float64(rng.IntN(3))
			case 3:
				x[i] = 7
			}
		}
		var got [9]float64
		newSorter(len(x)).quantiles(x, &got)
		slices.Sort(x)
		for k, p := range levels {
			at := p*float64(len(x)+1) - 1
			i := int(at)
			if want := x[i] + (x[i+1]-x[i])*(at-float64(i)); math.Abs(got[k]-want) > 1e-12*math.Abs(want) {
				t.Fatalf("round %d: quantile %v is %v, want %v", round, p, got[k], want)
			}
		}
	}
	for x := -.2; x < .2; x += .001 {
		if math.Abs(exp(x)/math.Exp(x)-1) > 1e-15 {
			t.Errorf("exp(%v) is %v, want %v", x, exp(x), math.Exp(x))
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for field, set := range map[string]Settings{
		"decay": {Decay: 1}, "min_returns": {MinReturns: 72}, "window": {Window: 90, MinReturns: 91}, "paths": {Paths: 99}, "floor": {Floor: 2},
	} {
		_, err := New(set)
		var e *etf.Error
		if !errors.As(err, &e) || e.Kind != etf.KindInvalid || e.Field != field || e.Remedy == "" {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := New(Settings{Window: 70000}); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("a window of 70,000: %v", err)
	}
	for _, set := range []Settings{{}, {Decay: .97}, {Window: 400, MinReturns: 100, Floor: 1e-7, Paths: 300}} {
		m := model(t, set)
		if back, err := Parse(m.Params()); err != nil || *back != *m {
			t.Errorf("%s: %+v (%v)", m.Params(), back, err)
		}
		for _, bad := range []string{"", "{}", m.Params() + " "} {
			if _, err := Parse(bad); etf.KindOf(err) != etf.KindInvalid {
				t.Errorf("%q: %v", bad, err)
			}
		}
	}
	// Closes that don't move have a narrow interval; wild ones are an error or a forecast.
	flat, targets := made(make([]float64, 400))
	f := fit(t, model(t, Settings{}), flat, 1)
	if q := quantiles(t, f, targets); f.Diagnostics()["status"] == "ok" || math.Abs(q[20][4]-1) > 1e-5 || !(q[0][0] < 1-1e-5 && q[0][8] > 1+1e-5) {
		t.Errorf("closes that don't move: %v", f.Diagnostics())
	}
	wild := make([]float64, 400)
	for i := range wild {
		wild[i] = 600 * float64(i%2)
	}
	s, targets := made(wild)
	if f, err := model(t, Settings{}).Fit(t.Context(), s, 1, nil); err == nil {
		if _, err = f.Predict(targets); etf.KindOf(err) != etf.KindInternal {
			t.Errorf("closes between 1 and 1e260: %v", err)
		}
	}
	if _, err := model(t, Settings{}).Fit(t.Context(), flat.Tail(100), 1, nil); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("too few rows: %v", err)
	}
}

func BenchmarkFit(b *testing.B) {
	s, _ := walk(1, 2521)
	m := model(b, Settings{})
	for b.Loop() {
		if _, err := m.Fit(b.Context(), s, 0, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFilterPredict(b *testing.B) {
	s, targets := walk(1, 2521)
	f := fit(b, model(b, Settings{}), until(s, 2519), 1)
	for b.Loop() {
		next, err := f.Filter(b.Context(), s)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := next.Predict(targets); err != nil {
			b.Fatal(err)
		}
	}
}
