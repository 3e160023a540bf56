package theta

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

var variants = []Variant{Standard, Optimised, Dynamic}

// walk is a seeded random walk of n rows on consecutive days, and the days after it.
func walk(seed uint64, n int, mu, sigma float64) (forecast.Series, []etf.Session) {
	rng := rand.New(rand.NewPCG(seed, 1))
	first := etf.MustSession("2015-01-05")
	s := forecast.Series{Symbol: "TEST", Exchange: etf.XNYS}
	x := math.Log(100)
	for i := range n {
		x += mu + sigma*rng.NormFloat64()
		s.Sessions, s.Close = append(s.Sessions, first+etf.Session(i)), append(s.Close, math.Exp(x))
	}
	s.Origin = s.Sessions[n-1]
	targets := make([]etf.Session, etf.MaxHorizon)
	for i := range targets {
		targets[i] = s.Origin + etf.Session(i) + 1
	}
	return s, targets
}

// until is the series up to a row; without is the series without a row, which leaves a step of two sessions.
func until(s forecast.Series, row int) forecast.Series {
	s.Sessions, s.Close, s.Origin = s.Sessions[:row+1], s.Close[:row+1], s.Sessions[row]
	if s.Steps != nil {
		s.Steps = s.Steps[:row+1]
	}
	return s
}

func without(s forecast.Series, rows ...int) forecast.Series {
	out := forecast.Series{Symbol: s.Symbol, Exchange: s.Exchange, Origin: s.Origin}
	step, at := 1, 0
	for i := range s.Close {
		if at < len(rows) && rows[at] == i {
			at++
			step++
			continue
		}
		out.Sessions, out.Close, out.Steps = append(out.Sessions, s.Sessions[i]), append(out.Close, s.Close[i]), append(out.Steps, step)
		step = 1
	}
	out.Steps[0] = 0
	return out
}

func fit(t testing.TB, v Variant, s forecast.Series) *fitted {
	t.Helper()
	m, err := New(Settings{Variant: v})
	if err != nil {
		t.Fatal(err)
	}
	f, err := m.Fit(t.Context(), s, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f.(*fitted)
}

func predict(t testing.TB, f forecast.Fitted, targets []etf.Session) []etf.ForecastPoint {
	t.Helper()
	points, err := f.Predict(targets)
	if err != nil {
		t.Fatal(err)
	}
	tails, err := f.(forecast.TailForecaster).Tails(targets)
	if err != nil {
		t.Fatal(err)
	}
	if err := forecast.CheckTails(points, tails); err != nil {
		t.Fatal(err)
	}
	return points
}

// The minimum is that of a plain search over all parameters.
func TestEstimateFindsTheMinimum(t *testing.T) {
	t.Parallel()
	for _, v := range variants {
		for seed := range uint64(4) {
			s, _ := walk(seed, 150, .001, .01)
			if seed%2 == 1 {
				s = without(s, 3, 40, 41, 90)
			}
			y := make([]float64, len(s.Close))
			for i, c := range s.Close {
				y[i] = math.Log(c / s.Close[0])
			}
			data := newSample(y, s.Steps, v == Dynamic)
			best := data.estimate(v != Standard)
			least := data.criterion(best)
			rng := rand.New(rand.NewPCG(seed, 2))
			for i := range 3000 {
				p := parameters{alpha: minAlpha + (maxAlpha-minAlpha)*rng.Float64(), share: .5, initial: best.initial + .1*rng.NormFloat64()}
				if v != Standard {
					p.share = rng.Float64()
				}
				if i%2 == 1 { // near the best
					p.alpha = min(max(best.alpha+.01*rng.NormFloat64(), minAlpha), maxAlpha)
					p.initial = best.initial * (1 + .01*rng.NormFloat64())
					if v != Standard {
						p.share = min(max(best.share+.1*rng.NormFloat64(), 0), maxShare)
					}
				}
				p.squares, p.logs = data.squares(p)
				if c := data.criterion(p); c < least-1e-9 {
					t.Fatalf("%s, series %d: %+v has criterion %v, the estimate %+v has %v", v, seed, p, c, best, least)
				}
			}
		}
	}
}

// Means and variances are those of simulated paths of the model's equations, written out again here.
func TestForecastIsTheModels(t *testing.T) {
	t.Parallel()
	for _, v := range variants {
		s, targets := walk(3, 60, .004, .01)
		s = s.Tail(60)
		m, err := New(Settings{Variant: v, MinRows: 8})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := m.Fit(t.Context(), s, 0, nil)
		if err != nil {
			t.Fatal(err)
		}
		f := raw.(*fitted)
		f.Alpha, f.Share = .7, .8 // far from a random walk, so that every term counts
		sigma, _ := f.sigma()
		const paths = 5000
		rng := rand.New(rand.NewPCG(9, 9))
		sum, squares := make([]float64, len(targets)), make([]float64, len(targets))
		history := make([]float64, len(s.Close), len(s.Close)+len(targets))
		for i, c := range s.Close {
			history[i] = math.Log(c / s.Close[0])
		}
		regression := func(y []float64) (a, b float64) {
			n := float64(len(y))
			var sx, sy, sxx, sxy float64
			for i, v := range y {
				x := float64(i + 1)
				sx, sy, sxx, sxy = sx+x, sy+v, sxx+x*x, sxy+x*v
			}
			b = (n*sxy - sx*sy) / (n*sxx - sx*sx)
			return (sy - b*sx) / n, b
		}
		for range paths {
			y, level := history, f.Level
			a, b := regression(y)
			for h := range targets {
				power := math.Pow(1-f.Alpha, float64(len(y)))
				mu := level + f.Share*(power*a+(1-power*(1-f.Alpha))/f.Alpha*b)
				next := mu + sigma*rng.NormFloat64()
				y = append(y, next)
				level = f.Alpha*next + (1-f.Alpha)*level
				if v == Dynamic {
					a, b = regression(y)
				}
				sum[h] += next
				squares[h] += next * next
			}
		}
		mean, variance := f.paths(len(targets))
		for h := range targets {
			m := sum[h] / paths
			simulated := squares[h]/paths - m*m
			if se := math.Sqrt(variance[h] / paths); math.Abs(m-mean[h]) > 4*se {
				t.Errorf("%s, h=%d: mean %v, simulated %v ± %v", v, h+1, mean[h], m, se)
			}
			if r := simulated / variance[h]; math.Abs(r-1) > 4*math.Sqrt(2./paths) {
				t.Errorf("%s, h=%d: variance %v, simulated %v", v, h+1, variance[h], simulated)
			}
		}
		if v == Dynamic && variance[20] < 1.01*sigma*sigma*(1+20*f.Alpha*f.Alpha) {
			t.Error("the moving line does not widen the intervals: the test does not tell the variants apart")
		}
	}
}

// Carried on over no rows, a fit is what it was; over more, the level is what a fit with the same parameters to all rows has. The cost
// and the result do not depend on how often it is carried on.
func TestFilter(t *testing.T) {
	t.Parallel()
	for _, v := range variants {
		s, _ := walk(5, 900, .0003, .01)
		s = without(s, 850, 870, 871)
		at := 800
		f := fit(t, v, until(s, at))
		same, err := f.Filter(t.Context(), until(s, at))
		if err != nil || !reflect.DeepEqual(same, forecast.Fitted(f)) {
			t.Errorf("%s: over no rows the fit becomes %+v (%v)", v, same, err)
		}
		once, err := f.Filter(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		var steps forecast.Fitted = f
		for i := at + 1; i < len(s.Close); i++ {
			part := until(s, i)
			if i%2 == 0 { // rows before the window may be absent
				part = part.Tail(i - at + 3)
			}
			if steps, err = steps.(forecast.Filterer).Filter(t.Context(), part); err != nil {
				t.Fatal(err)
			}
		}
		a, b := once.(*fitted), steps.(*fitted)
		if math.Abs(a.Level-b.Level) > 1e-12 || a.Sessions != b.Sessions || a.Line != b.Line || a.Rows != b.Rows || a.Gaps != 2 || b.Gaps != 2 {
			t.Errorf("%s: at once %+v, in steps %+v", v, a, b)
		}
		y := make([]float64, len(s.Close))
		for i, c := range s.Close {
			y[i] = math.Log(c / s.Close[0])
		}
		data := newSample(y, s.Steps, v == Dynamic)
		if v != Dynamic {
			la, lb := f.Line.coefficients()
			data.a, data.b = []float64{la}, []float64{lb}
		}
		var recent, weights float64
		level, sessions := data.walk(parameters{alpha: f.Alpha, share: f.Share, initial: f.Initial}, func(i, k int, mu, y float64) {
			if i < skipped {
				return
			}
			weight := math.Pow(f.Decay, float64(len(data.y)-1-i))
			recent += weight * (y - mu) * (y - mu) / (1 + float64(k-1)*f.Alpha*f.Alpha)
			weights += weight
		})
		if math.Abs(a.Level-level) > 1e-12 || a.Sessions != sessions || sessions != 900 {
			t.Errorf("%s: level %v after %d sessions, want %v after %d", v, a.Level, a.Sessions, level, sessions)
		}
		if math.Abs(a.Recent/recent-1) > 1e-9 || math.Abs(a.Weights/weights-1) > 1e-9 || a.Recent == f.Recent || b.Recent != a.Recent || b.Weights != a.Weights {
			t.Errorf("%s: squared errors %v of weight %v, in steps %v of %v, want %v of %v", v, a.Recent, a.Weights, b.Recent, b.Weights, recent, weights)
		}
		if a.Origin != s.Origin || a.Constant != f.Constant || a.Last != s.Close[len(s.Close)-1] {
			t.Errorf("%s: %+v", v, a)
		}
		for name, bad := range map[string]forecast.Series{"too short": until(s, at-1), "without the origin": without(s, at), "empty": {}} {
			if _, err := f.Filter(t.Context(), bad); etf.KindOf(err) != etf.KindInvalid {
				t.Errorf("%s, %s: %v", v, name, err)
			}
		}
		zero := until(s, len(s.Close)-1)
		zero.Close = append([]float64(nil), s.Close...)
		zero.Close[at+2] = 0
		if _, err := f.Filter(t.Context(), zero); etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("%s, a close of 0: %v", v, err)
		}
	}
}

// The average by hand: errors 1 and, over two sessions with alpha .5, 2: .94*1 + 4/1.25 of weight 1.94.
func TestVolatilityByHand(t *testing.T) {
	t.Parallel()
	f := &fitted{Alpha: .5, Volatility: EWMA, Decay: .94, Floor: 1e-5, Constant: 3}
	f.learn(1, 1)
	f.learn(2, 2)
	if sigma, floored := f.sigma(); math.Abs(sigma-math.Sqrt((.94+4/1.25)/1.94)) > 1e-15 || floored {
		t.Errorf("sigma %v, raised %v", sigma, floored)
	}
	f.Volatility = Constant
	if sigma, floored := f.sigma(); sigma != 3 || floored {
		t.Errorf("constant: sigma %v, raised %v", sigma, floored)
	}
}

// After 100 sessions of three times the volatility, weights of decay .94 have forgotten the calm ones; the constant is in between. The medians are
// the same, and only one of them moves as the market calms down again.
func TestVolatilityFollowsTheMarket(t *testing.T) {
	t.Parallel()
	for _, v := range variants {
		s, targets := walk(11, 1000, 0, .01)
		for i := len(s.Close) - 100; i < len(s.Close); i++ { // three times the returns of the walk
			s.Close[i] = s.Close[899] * math.Exp(3*math.Log(s.Close[i]/s.Close[899]))
		}
		width := map[string]float64{}
		medians := map[string]float64{}
		for _, volatility := range []string{EWMA, Constant} {
			m, err := New(Settings{Variant: v, Volatility: volatility})
			if err != nil {
				t.Fatal(err)
			}
			f, err := m.Fit(t.Context(), s, 0, nil)
			if err != nil {
				t.Fatal(err)
			}
			p := predict(t, f, targets)
			width[volatility], medians[volatility] = math.Log(p[0].Quantiles[6]/p[0].Quantiles[0])/2/1.6448536, p[0].Quantiles[3]
			calm := s
			calm.Sessions, calm.Close = append([]etf.Session(nil), s.Sessions...), append([]float64(nil), s.Close...)
			for range 30 { // no move at all
				calm.Sessions, calm.Close = append(calm.Sessions, calm.Sessions[len(calm.Sessions)-1]+1), append(calm.Close, calm.Close[len(calm.Close)-1])
			}
			calm.Origin = calm.Sessions[len(calm.Sessions)-1]
			next, err := f.(forecast.Filterer).Filter(t.Context(), calm)
			if err != nil {
				t.Fatal(err)
			}
			before, _ := f.(*fitted).sigma()
			after, _ := next.(*fitted).sigma()
			if (after == before) != (volatility == Constant) || after > before {
				t.Errorf("%s, %s: sigma %v after 30 sessions without a move, %v before", v, volatility, after, before)
			}
			// A stored fit keeps its own kind of volatility, whatever the settings of the model that reads it.
			blob, err := next.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			other, _ := New(Settings{Variant: v, Volatility: map[string]string{EWMA: Constant, Constant: EWMA}[volatility]})
			if back, err := other.Restore(blob); err != nil || !reflect.DeepEqual(back, next) {
				t.Errorf("%s, %s reads back as %+v (%v)", v, blob, back, err)
			}
		}
		if medians[EWMA] != medians[Constant] || !(width[EWMA] > .02 && width[EWMA] < .042) || !(width[Constant] > .011 && width[Constant] < .018) {
			t.Errorf("%s: sigma %v, medians %v", v, width, medians)
		}
	}
}

// Numbers that no fit has are refused.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	s, _ := walk(7, 300, .0004, .012)
	m, _ := New(Settings{})
	f := fit(t, Standard, s)
	for name, damage := range map[string]func(*fitted){
		"no volatility": func(f *fitted) { f.Volatility = "" }, "decay": func(f *fitted) { f.Decay = 1 }, "floor": func(f *fitted) { f.Floor = 0 },
		"negative squares": func(f *fitted) { f.Recent = -1 }, "negative constant": func(f *fitted) { f.Constant = -1 }, "no weights": func(f *fitted) { f.Weights = 0 },
	} {
		bad := *f
		damage(&bad)
		blob, err := bad.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Restore(blob); etf.KindOf(err) != etf.KindCorrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestModel(t *testing.T) {
	t.Parallel()
	for _, v := range variants {
		s, targets := walk(7, 2600, .0004, .012)
		m, err := New(Settings{Variant: v})
		if err != nil {
			t.Fatal(err)
		}
		f := fit(t, v, s)
		points := predict(t, f, targets)
		// On a walk the forecast is near the last close, and the intervals are those of its returns.
		last := s.Close[len(s.Close)-1]
		if r := points[0].Quantiles[3] / last; math.Abs(r-1) > .002 {
			t.Errorf("%s: median %v of the last close", v, r)
		}
		if f.Constant < .0115 || f.Constant > .0125 || f.Alpha < .9 {
			t.Errorf("%s: sigma %v, alpha %v", v, f.Constant, f.Alpha)
		}
		if tail := fit(t, v, s.Tail(m.MaxRows())); !reflect.DeepEqual(tail, f) {
			t.Errorf("%s: the last MaxRows rows give %+v, all %+v", v, tail, f)
		}
		blob, err := f.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		back, err := m.Restore(blob)
		if err != nil || !reflect.DeepEqual(back, forecast.Fitted(f)) {
			t.Errorf("%s reads back as %+v (%v)", blob, back, err)
		}
		for i := 0; i < len(blob); i += 5 {
			if _, err := m.Restore(blob[:i]); etf.KindOf(err) != etf.KindCorrupt {
				t.Fatalf("%s: the first %d bytes: %v", v, i, err)
			}
		}
		for _, other := range variants {
			if o, _ := New(Settings{Variant: other}); other != v {
				if _, err := o.Restore(blob); etf.KindOf(err) != etf.KindCorrupt {
					t.Errorf("%s reads a fit of %s: %v", other, v, err)
				}
			}
		}
		if d := f.Diagnostics(); d["status"] != "ok" || d["rows"] != "2520" || d["alpha"] == "" {
			t.Errorf("%s: diagnostics %v", v, d)
		}
		// Another unit is the same forecast.
		won := s
		won.Close = make([]float64, len(s.Close))
		for i, c := range s.Close {
			won.Close[i] = 1024 * c
		}
		for i, p := range predict(t, fit(t, v, won), targets) {
			if r := p.Quantiles[0] / points[i].Quantiles[0]; r != 1024 {
				t.Errorf("%s, h=%d: in a unit of 1/1024 the quantile is %v times as much", v, i+1, r)
			}
		}
		for _, bad := range [][]etf.Session{nil, {s.Origin}, {targets[1], targets[0]}} {
			if _, err := f.Predict(bad); etf.KindOf(err) != etf.KindInvalid {
				t.Errorf("%s, targets %v: %v", v, bad, err)
			}
			if _, err := f.Tails(bad); etf.KindOf(err) != etf.KindInvalid {
				t.Errorf("%s, tails of %v: %v", v, bad, err)
			}
		}
	}
}

// A constant series has the smallest volatility, not an interval of no width; extreme closes are an error or a finite forecast.
func TestDegenerate(t *testing.T) {
	t.Parallel()
	for _, v := range variants {
		s, targets := walk(1, 200, 0, .01)
		for i := range s.Close {
			s.Close[i] = 10
		}
		f := fit(t, v, s)
		p := predict(t, f, targets)
		if f.Diagnostics()["status"] == "ok" || !(p[0].Quantiles[6] > p[0].Quantiles[0]) || math.Abs(p[20].Quantiles[3]-10) > 1e-9 {
			t.Errorf("%s: %+v, %v", v, f, p[0])
		}
		for i := range s.Close {
			s.Close[i] = []float64{1e-300, 1e300}[i%2]
		}
		m, _ := New(Settings{Variant: v})
		wild, err := m.Fit(t.Context(), s, 0, nil)
		if err == nil {
			_, err = wild.Predict(targets)
		}
		if etf.KindOf(err) != etf.KindInternal {
			t.Errorf("%s: closes between 1e-300 and 1e300: %v", v, err)
		}
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for field, set := range map[string]Settings{
		"volatility": {Volatility: "garch"}, "decay": {Decay: 1},
		"variant": {Variant: "theta-best"}, "min_rows": {MinRows: 7}, "window": {Window: 20, MinRows: 30}, "floor": {Floor: -1},
	} {
		_, err := New(set)
		var e *etf.Error
		if !errors.As(err, &e) || e.Kind != etf.KindInvalid || e.Field != field || e.Remedy == "" {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, v := range variants {
		for _, set := range []Settings{{Variant: v}, {Variant: v, Window: 300, MinRows: 20, Floor: 1e-4}, {Variant: v, Volatility: Constant}, {Variant: v, Decay: .97}} {
			m, err := New(set)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := v.Parse(m.Params()); err != nil || *back != *m {
				t.Errorf("%s: %+v (%v)", m.Params(), back, err)
			}
			for _, bad := range []string{"", "{}", m.Params() + " "} {
				if _, err := v.Parse(bad); etf.KindOf(err) != etf.KindInvalid {
					t.Errorf("%q: %v", bad, err)
				}
			}
			for _, other := range variants {
				if _, err := other.Parse(m.Params()); (err == nil) != (other == v) {
					t.Errorf("%s reads %s: %v", other, m.Params(), err)
				}
			}
		}
	}
	m, _ := New(Settings{})
	s, _ := walk(1, m.MinRows()-1, 0, .01)
	if _, err := m.Fit(t.Context(), s, 0, nil); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("too few rows: %v", err)
	}
}

func BenchmarkFit(b *testing.B) {
	s, _ := walk(1, 2520, .0003, .01)
	for _, v := range variants {
		b.Run(string(v), func(b *testing.B) {
			m, _ := New(Settings{Variant: v})
			for b.Loop() {
				if _, err := m.Fit(b.Context(), s, 0, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFilterPredict(b *testing.B) {
	s, targets := walk(1, 2520, .0003, .01)
	for _, v := range variants {
		b.Run(string(v), func(b *testing.B) {
			f := fit(b, v, until(s, 2518))
			for b.Loop() {
				next, err := f.Filter(b.Context(), s)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := next.Predict(targets); err != nil {
					b.Fatal(err)
				}
				if _, err := next.(forecast.TailForecaster).Tails(targets); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
