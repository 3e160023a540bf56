package ewma

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// walk is a seeded random walk of n rows on consecutive days, and the days after it.
func walk(seed uint64, n int, sigma float64) (forecast.Series, []etf.Session) {
	rng := rand.New(rand.NewPCG(seed, 1))
	first := etf.MustSession("2015-01-05")
	s := forecast.Series{Symbol: "TEST", Exchange: etf.XNYS}
	x := math.Log(100)
	for i := range n {
		x += sigma * rng.NormFloat64()
		s.Sessions, s.Close = append(s.Sessions, first+etf.Session(i)), append(s.Close, math.Exp(x))
	}
	s.Origin = s.Sessions[n-1]
	targets := make([]etf.Session, etf.MaxHorizon)
	for i := range targets {
		targets[i] = s.Origin + etf.Session(i) + 1
	}
	return s, targets
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

func fit(t testing.TB, m *Model, s forecast.Series) forecast.Fitted {
	t.Helper()
	f, err := m.Fit(t.Context(), s, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// By hand: three returns, one of them over two sessions, at decay .5.
func TestByHand(t *testing.T) {
	t.Parallel()
	day := etf.MustSession("2025-03-03")
	s := forecast.Series{Symbol: "TEST", Exchange: etf.XNYS, Sessions: []etf.Session{day, day + 1, day + 3, day + 4}, Steps: []int{0, 1, 2, 1}, Origin: day + 4}
	for _, x := range []float64{0, .02, -.02, .01} { // returns .02, -.04, .03
		s.Close = append(s.Close, 50*math.Exp(x))
	}
	f := fit(t, model(t, Settings{Decay: .5, MinReturns: 3}), s)
	variance := (.25*.0004 + .5*.0016/2 + .0009) / 1.75
	points, err := f.Predict([]etf.Session{day + 7, day + 8})
	if err != nil {
		t.Fatal(err)
	}
	tails, err := f.(forecast.TailForecaster).Tails([]etf.Session{day + 7, day + 8})
	if err != nil || forecast.CheckTails(points, tails) != nil {
		t.Fatal(err, forecast.CheckTails(points, tails))
	}
	last := 50 * math.Exp(.01)
	for i, p := range points {
		v := variance * float64(i+1)
		near := func(what string, got, want float64) {
			if math.Abs(got-want) > 1e-12*want {
				t.Errorf("h=%d: %s %v, want %v", i+1, what, got, want)
			}
		}
		near("mean", p.Mean, last*math.Exp(v/2))
		near("median", p.Quantiles[3], last)
		near("quantile .05", p.Quantiles[0], last*math.Exp(distuv.UnitNormal.Quantile(.05)*math.Sqrt(v)))
		near("quantile .975", tails[i][1], last*math.Exp(distuv.UnitNormal.Quantile(.975)*math.Sqrt(v)))
	}
	if d := f.Diagnostics(); d["status"] != "ok" || d["rows"] != "4" || d["gaps"] != "1" {
		t.Errorf("diagnostics %v", d)
	}
}

// On a walk of constant volatility the average of its estimates is that volatility, and it is what forecast.Volatility says.
func TestVolatility(t *testing.T) {
	t.Parallel()
	m, mean := model(t, Settings{}), 0.
	const walks = 200
	for seed := range uint64(walks) {
		s, _ := walk(seed, 300, .012)
		f := fit(t, m, s).(*fitted)
		sigma, floored := f.sigma()
		if want := forecast.Volatility(s); math.Abs(sigma/want-1) > 1e-8 || floored {
			t.Errorf("sigma %v, forecast.Volatility %v", sigma, want)
		}
		mean += sigma * sigma / walks
	}
	// An average of decay .94 has (1+.94)/(1-.94) = 32.3 effective observations, so that its relative variance is 2/32.3.
	if se := math.Sqrt(2 / 32.3 / walks); math.Abs(mean/.000144-1) > 4*se {
		t.Errorf("mean variance %v of %v, standard error %v", mean, .000144, .000144*se)
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	s, targets := walk(5, 600, .01)
	s.Steps = make([]int, len(s.Close))
	for i := range s.Steps {
		s.Steps[i] = 1 + i/100%2
	}
	s.Steps[0] = 0
	m := model(t, Settings{})
	f := fit(t, m, until(s, 500))
	if same, err := f.(forecast.Filterer).Filter(t.Context(), until(s, 500)); err != nil || !reflect.DeepEqual(same, f) {
		t.Errorf("over no rows the fit becomes %+v (%v)", same, err)
	}
	carried, err := f.(forecast.Filterer).Filter(t.Context(), s.Tail(101))
	if err != nil {
		t.Fatal(err)
	}
	if again := fit(t, m, s); !reflect.DeepEqual(carried, again) { // without a window that ends in between, it is the fit to all rows
		t.Errorf("carried on %+v, fitted again %+v", carried, again)
	}
	if _, err := carried.Predict(targets); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string]forecast.Series{"too short": until(s, 499), "without the origin": s.Tail(50), "empty": {}} {
		if _, err := f.(forecast.Filterer).Filter(t.Context(), bad); etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStored(t *testing.T) {
	t.Parallel()
	s, _ := walk(2, 700, .01)
	m := model(t, Settings{})
	f := fit(t, m, s)
	blob, err := f.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := m.Restore(blob); err != nil || !reflect.DeepEqual(back, f) {
		t.Errorf("%s reads back as %+v (%v)", blob, back, err)
	}
	for i := range blob {
		if _, err := m.Restore(blob[:i]); etf.KindOf(err) != etf.KindCorrupt {
			t.Fatalf("the first %d bytes: %v", i, err)
		}
	}
	for _, bad := range []string{`{}`, `{"format":1,"model":"drift"}`, `{"format":1,"model":"ewma"}`} {
		if _, err := m.Restore([]byte(bad)); etf.KindOf(err) != etf.KindCorrupt {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if tail := fit(t, m, s.Tail(m.MaxRows())); !reflect.DeepEqual(tail, f) {
		t.Error("the last MaxRows rows give another fit")
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for field, set := range map[string]Settings{"decay": {Decay: 1}, "min_returns": {MinReturns: 1}, "window": {Window: 5, MinReturns: 6}, "floor": {Floor: 2}} {
		_, err := New(set)
		var e *etf.Error
		if !errors.As(err, &e) || e.Kind != etf.KindInvalid || e.Field != field || e.Remedy == "" {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, set := range []Settings{{}, {Decay: .97}, {Window: 40, MinReturns: 2, Floor: 1e-7}} {
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
	flat, targets := walk(1, 60, 0)
	f := fit(t, model(t, Settings{}), flat)
	if d := f.Diagnostics(); d["status"] == "ok" || d["sigma"] != "1e-05" {
		t.Errorf("closes that don't move: %v", d)
	}
	if _, err := f.Predict(targets); err != nil {
		t.Error(err)
	}
	if _, err := model(t, Settings{}).Fit(t.Context(), flat.Tail(33), 0, nil); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("too few rows: %v", err)
	}
}
