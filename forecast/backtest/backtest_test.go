package backtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/backtest"
	"github.com/etfcast/etfcast/forecast/catalogue"
	"github.com/etfcast/etfcast/forecast/combination"
	"github.com/etfcast/etfcast/forecast/gate"
	"github.com/etfcast/etfcast/forecast/scoreboard"
	"github.com/etfcast/etfcast/forecast/scoring"
)

// walk is an ETF of no exchange whose n log returns are normal, 1 % a session.
func walk(t testing.TB, symbol etf.Symbol, n int, seed uint64) backtest.Input {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	in := backtest.Input{Symbol: symbol, Basis: etf.SplitAdjusted, Source: string(symbol) + ".csv"}
	x := math.Log(100)
	for day := etf.MustSession("2015-01-01"); len(in.Bars) < n; day++ {
		if w := day.Weekday(); w != 0 && w != 6 {
			in.Bars = append(in.Bars, bar(t, day, math.Exp(x)))
			x += .01 * r.NormFloat64()
		}
	}
	return in
}

func bar(t testing.TB, day etf.Session, x float64) etf.Bar {
	t.Helper()
	p, ok := etf.PriceFromFloat(x)
	if !ok {
		t.Fatalf("%v is no price", x)
	}
	return etf.Bar{Session: day, Open: p, High: p, Low: p, Close: p, Volume: etf.VolumeUnknown}
}

func complete(t testing.TB, o etf.BacktestOptions) etf.BacktestOptions {
	t.Helper()
	o, err := backtest.Complete(o)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// measured is the part of an input with the models of the options.
func measured(t testing.TB, in backtest.Input, o etf.BacktestOptions) backtest.Part {
	t.Helper()
	models, err := backtest.Models(o)
	if err != nil {
		t.Fatal(err)
	}
	p, err := backtest.Measure(t.Context(), in, models, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func assembled(t testing.TB, o etf.BacktestOptions, parts ...backtest.Part) etf.Backtest {
	t.Helper()
	b, err := backtest.Assemble(parts, o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func encoded(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// On random walks no model has an edge: the relative MAE is within the .98 to 1.02 of honest forecasts, 9 of 10 prices lie in the 90 % interval,
// and nothing is served but the benchmark.
func TestRandomWalks(t *testing.T) {
	t.Parallel()
	o := complete(t, etf.BacktestOptions{Models: []string{"drift", "ewma", "histsim", "combination"}, Horizons: []int{1, 5}})
	var parts []backtest.Part
	for i, name := range []etf.Symbol{"A", "B", "C"} {
		in := walk(t, name, 1600, uint64(i+1))
		in.Exchange = etf.XNYS
		parts = append(parts, measured(t, in, o))
	}
	b := assembled(t, o, parts...)
	if len(b.Results) != 3*4*2 || len(b.Pooled) != 4*2 || len(b.ETFs) != 3 || b.LeakSuspected || len(b.Leaks) != 0 {
		t.Fatalf("%d results, %d pooled, %d ETFs, leaks %v", len(b.Results), len(b.Pooled), len(b.ETFs), b.Leaks)
	}
	for _, r := range b.Pooled {
		n := 3 * (1600 - backtest.FirstOrigin - r.Horizon + 1)
		if r.N != n || r.ETF != "" {
			t.Errorf("%s at %d: %d scores, want %d", r.Model, r.Horizon, r.N, n)
		}
		if *r.RelMAE < .98 || *r.RelMAE > 1.02 {
			t.Errorf("%s at %d: relative MAE %v", r.Model, r.Horizon, *r.RelMAE)
		}
		if math.Abs(*r.Coverage90-.9) > .025 {
			t.Errorf("%s at %d: coverage %v", r.Model, r.Horizon, *r.Coverage90)
		}
		if r.Served != (r.Model == "drift") || (r.Gate == nil) != (r.Model == "drift") {
			t.Errorf("%s at %d: served %v, gate %v", r.Model, r.Horizon, r.Served, r.Gate)
		}
		sum := map[string]int{}
		for _, s := range r.Slices {
			sum[s.By] += s.N
		}
		if sum["year"] != r.N || sum["volatility"] != r.N {
			t.Errorf("%s at %d: slices of %v scores, want %d", r.Model, r.Horizon, sum, r.N)
		}
	}
	for i, w := range b.Weights { // of the combination in the end
		sum := w.Models["drift"] + w.Models["ewma"] + w.Models["histsim"]
		if w.Exchange != etf.XNYS || w.Horizon != o.Horizons[i] || len(w.Models) != 3 || math.Abs(sum-1) > 1e-9 || w.Models["ewma"] == w.Models["drift"] {
			t.Errorf("weights %+v", w)
		}
	}
	if len(b.Weights) != 2 {
		t.Errorf("%d lists of weights", len(b.Weights))
	}
	// MASE of a random walk: 1 and 2.24 at horizons 1 and 5 (docs/scores.md).
	for _, r := range b.Pooled[:2] {
		if want := math.Sqrt(float64(r.Horizon)); math.Abs(*r.MASE/want-1) > .05 {
			t.Errorf("MASE %v at horizon %d, want about %v", *r.MASE, r.Horizon, want)
		}
	}
}

// What comes after an origin changes nothing of the forecasts made up to it, whatever the model: no price, no date, no split.
func TestNoLookAhead(t *testing.T) {
	t.Parallel()
	const rows, known = 850, 825
	o := complete(t, etf.BacktestOptions{Models: catalogue.Names(), Horizons: []int{1, 5}, OriginsEvery: 5, RefitEvery: 10, Calibrate: true})
	for _, exchange := range []etf.Exchange{"", etf.XNYS} {
		in := walk(t, "A", rows, 3)
		in.Basis = etf.AsTraded
		if exchange != "" {
			cal, err := calendar.For(exchange)
			if err != nil {
				t.Fatal(err)
			}
			in.Exchange, in.Calendar = exchange, cal
			in.Bars = slices.DeleteFunc(in.Bars, func(b etf.Bar) bool { return !cal.IsSession(b.Session) })
		}
		known := min(known, len(in.Bars)-6)
		last := in.Bars[known-1].Session
		other := in
		other.Bars = slices.Clone(in.Bars)
		for i := known; i < len(in.Bars); i++ {
			other.Bars[i] = bar(t, in.Bars[i].Session, 40+float64(i%7)) // 1:2 and then something else
		}
		other.Splits = []etf.Action{{Kind: etf.Split, Ex: last + 1, Numerator: 2, Denominator: 1}}
		a, b := measured(t, in, o), measured(t, other, o)
		seen := map[string]int{}
		strip := func(p backtest.Part) (list []backtest.Outcome) {
			for _, x := range p.Outcomes {
				if x.Origin <= last {
					x.Actual = 0
					list = append(list, x)
					seen[x.Model]++
				}
			}
			return list
		}
		if x, y := strip(a), strip(b); !reflect.DeepEqual(x, y) {
			for i := range x {
				if x[i] != y[i] {
					t.Fatalf("%q: %+v, and with another future %+v", exchange, x[i], y[i])
				}
			}
		}
		for _, m := range o.Models {
			if m != combination.Name && seen[m] < 10 {
				t.Errorf("%q: only %d forecasts of %s; %v", exchange, seen[m], m, a.ETF.Failed)
			}
		}
	}
}

// Calibration and the combination's weights don't see the future either: what is known up to an origin gives the final quantiles there.
func TestAssembleDoesNotLookAhead(t *testing.T) {
	t.Parallel()
	o := complete(t, etf.BacktestOptions{Models: []string{"drift", "ewma", "histsim", "combination"}, Horizons: []int{1, 5}, Calibrate: true})
	p := measured(t, walk(t, "A", 900, 5), o)
	last := p.Fans[1].Origin // of the first model's second
	other := p
	other.Outcomes = slices.Clone(p.Outcomes)
	changed := 0
	for i := range other.Outcomes {
		if x := &other.Outcomes[i]; x.Target > last {
			x.Actual *= 1.3
			changed++
		}
	}
	if changed == 0 {
		t.Fatal("nothing lies ahead")
	}
	fans := func(b etf.Backtest) (list []etf.BacktestFan) {
		for _, f := range b.Fans {
			if f.Origin <= last {
				list = append(list, f)
			}
		}
		return list
	}
	a, b := fans(assembled(t, o, p)), fans(assembled(t, o, other))
	if len(a) != 2*4 || !reflect.DeepEqual(a, b) {
		t.Errorf("%d fans differ with another future", len(a))
	}
	raw := o
	raw.Calibrate = false
	if reflect.DeepEqual(a, fans(assembled(t, raw, p))) {
		t.Error("calibration changes nothing")
	}
}

// The same input gives the same bytes on one and on two processors, in any order of the parts, and if each model is measured by itself.
func TestDeterminism(t *testing.T) { // not parallel: it changes GOMAXPROCS
	o := complete(t, etf.BacktestOptions{Models: []string{"drift", "ewma", "prophet", "combination"}, Horizons: []int{1, 5}, OriginsEvery: 3, Calibrate: true})
	a, b := walk(t, "A", 850, 1), walk(t, "B", 830, 2)
	a.Exchange, b.Exchange = etf.XNYS, etf.XNYS
	before := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(before)
	one := encoded(t, assembled(t, o, measured(t, a, o), measured(t, b, o)))
	runtime.GOMAXPROCS(2)
	var parts []backtest.Part
	models, err := backtest.Models(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range slices.Backward(models) {
		for _, in := range []backtest.Input{b, a} {
			p, err := backtest.Measure(t.Context(), in, []forecast.Model{m}, o, nil)
			if err != nil {
				t.Fatal(err)
			}
			var back backtest.Part // as it is stored in between
			if err := json.Unmarshal([]byte(encoded(t, p)), &back); err != nil {
				t.Fatal(err)
			}
			parts = append(parts, back)
		}
	}
	if two := encoded(t, assembled(t, o, parts...)); one != two {
		t.Errorf("another result in %d bytes, %d before", len(two), len(one))
	}
}

// Results are what package scoreboard makes of the same scores, and the verdict is the gate's on those that had matured.
func TestResultsAreTheScoreboards(t *testing.T) {
	t.Parallel()
	o := complete(t, etf.BacktestOptions{Models: []string{"drift", "histsim"}, Horizons: []int{1, 5}})
	p := measured(t, walk(t, "A", 1000, 9), o)
	var scores []etf.Score
	targets := map[etf.Session]map[int]etf.Session{}
	var last etf.Session
	for _, x := range p.Outcomes {
		tails := x.Raw.Tails
		l, err := scoring.Measure(etf.ForecastPoint{Horizon: x.Horizon, Mean: x.Mean, Quantiles: x.Raw.Quantiles}, &tails, x.Actual)
		if err != nil {
			t.Fatal(err)
		}
		scores = append(scores, etf.Score{Symbol: "A", Model: x.Model, Origin: x.Origin, Horizon: x.Horizon, Standing: etf.OfRecord, Target: x.Target, Actual: x.Actual, Scale: x.Scale, Losses: l})
		if targets[x.Origin] == nil {
			targets[x.Origin] = map[int]etf.Session{}
		}
		targets[x.Origin][x.Horizon] = x.Target
		last = max(last, x.Origin)
	}
	sums := scoring.Contributions(scores, "drift")
	of := func(model string, horizon int, matured bool) (list []etf.SessionLosses) {
		for _, s := range sums {
			if s.Model == model && s.Horizon == horizon && (!matured || targets[s.Origin][horizon] <= last) {
				list = append(list, s)
			}
		}
		return list
	}
	verdicts := gate.Judge("", last, []gate.Record{{Model: "histsim", Horizon: 1, Sessions: of("histsim", 1, true)}, {Model: "histsim", Horizon: 5, Sessions: of("histsim", 5, true)}})
	for _, r := range assembled(t, o, p).Results {
		row := scoreboard.Summarise(of(r.Model, r.Horizon, false), scoreboard.Options{Horizon: r.Horizon, FixedWindow: true})
		for name, pair := range map[string][2]float64{
			"rel_mae": {*r.RelMAE, row.RelMAE.Value}, "rel_crps": {*r.RelCRPS, row.RelCRPS.Value}, "rel_crps_high": {*r.RelCRPSHigh, row.RelCRPS.High}, "mase": {*r.MASE, row.MASE},
			"rmsse": {*r.RMSSE, row.RMSSE}, "crps": {*r.CRPS, row.CRPS}, "pinball": {*r.Pinball, row.Pinball}, "coverage_90": {*r.Coverage90, row.Coverage90.Value},
			"coverage_95_se": {*r.Coverage95SE, row.Coverage95.SE}, "winkler_90": {*r.Winkler90, row.Winkler90},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%s at %d: %s is %v, the scoreboard has %v", r.Model, r.Horizon, name, pair[0], pair[1])
			}
		}
		if r.N != row.N || !slices.Equal(r.PIT, row.PIT[:]) {
			t.Errorf("%s at %d: %d scores, PIT %v", r.Model, r.Horizon, r.N, r.PIT)
		}
		if r.Model != "drift" {
			i := slices.Index(o.Horizons, r.Horizon)
			if *r.DMP != row.DM.CRPS.P || *r.Gate != verdicts[i] || r.Gate.N == 0 {
				t.Errorf("at %d: p %v, want %v; verdict %+v, want %+v", r.Horizon, *r.DMP, row.DM.CRPS.P, *r.Gate, verdicts[i])
			}
		}
	}
}

// Peeker is a model that knows the next close: its volatility is small, its median is right. A model may also fail.
type peeker struct {
	forecast.Model
	closes map[etf.Session]float64
	fails  bool
}

func (p peeker) Name() string { return "ewma" } // one of the catalogue, so that the options know it

func (p peeker) Fit(ctx context.Context, s forecast.Series, seed uint64, progress forecast.Progress) (forecast.Fitted, error) {
	if p.fails {
		return nil, etf.Invalid("close", "I don't like "+s.Origin.String(), "")
	}
	f, err := p.Model.Fit(ctx, s, seed, progress)
	return peeked{f, p}, err
}

type peeked struct {
	forecast.Fitted
	p peeker
}

func (f peeked) Predict(targets []etf.Session) ([]etf.ForecastPoint, error) {
	points, err := f.Fitted.Predict(targets)
	for i := range points {
		if y, ok := f.p.closes[points[i].Target]; ok {
			part := .5 * (y - points[i].Quantiles[3])
			for k := range points[i].Quantiles {
				points[i].Quantiles[k] += part
			}
		}
	}
	return points, err
}

func TestLeak(t *testing.T) {
	t.Parallel()
	in := walk(t, "A", 800, 11)
	p := peeker{Model: mustModel(t, "drift"), closes: map[etf.Session]float64{}}
	for _, b := range in.Bars {
		p.closes[b.Session] = b.Close.Float()
	}
	for reason, suspected := range map[string]bool{"": true, "the model knows the future": false} {
		o := complete(t, etf.BacktestOptions{Models: []string{"drift", "ewma"}, Horizons: []int{1}, ExpectSignal: reason})
		part, err := backtest.Measure(t.Context(), in, []forecast.Model{mustModel(t, "drift"), p}, o, nil)
		if err != nil {
			t.Fatal(err)
		}
		b := assembled(t, o, part)
		if b.LeakSuspected != suspected || len(b.Suspects) != 1 || b.Suspects[0].ETF != "A" || b.Suspects[0].Model != "ewma" || b.Suspects[0].RelMAE >= .95 || b.Suspects[0].N == 0 || len(b.Leaks) < 2 || !strings.HasPrefix(b.Leaks[0], "ewma on A: relative MAE 0.5") {
			t.Errorf("%q: suspected %v, %q", reason, b.LeakSuspected, b.Leaks)
		}
		for _, r := range b.Results {
			if r.Model == "ewma" && r.Coverage95 != nil {
				t.Error("a coverage of tails that the model does not have")
			}
		}
	}
}

func mustModel(t testing.TB, name string) forecast.Model {
	t.Helper()
	list, err := catalogue.New([]string{name})
	if err != nil {
		t.Fatal(err)
	}
	return list[0]
}

// A model that fails is named, and the others are measured; without the benchmark there is nothing to compare with.
func TestFailingModel(t *testing.T) {
	t.Parallel()
	o := complete(t, etf.BacktestOptions{Models: []string{"drift", "ewma", "combination"}, Horizons: []int{1}})
	part, err := backtest.Measure(t.Context(), walk(t, "A", 800, 11), []forecast.Model{mustModel(t, "drift"), peeker{Model: mustModel(t, "drift"), fails: true}}, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := assembled(t, o, part)
	if why := b.ETFs[0].Failed["ewma"]; !strings.HasPrefix(why, "50 of 50 origins") || !strings.Contains(why, "I don't like 20") {
		t.Errorf("failed: %q", why)
	}
	for _, r := range b.Results {
		if want := map[string]int{"drift": 50}[r.Model]; r.N != want {
			t.Errorf("%s has %d scores", r.Model, r.N)
		}
	}
	part.Outcomes = nil
	if _, err := backtest.Assemble([]backtest.Part{part}, o); etf.KindOf(err) != etf.KindInvalid || err == nil {
		t.Errorf("without the benchmark: %v", err)
	}
}

// A split between origin and target changes no loss: the actual price is in the origin's shares, and the model sees one series.
func TestSplit(t *testing.T) {
	t.Parallel()
	o := complete(t, etf.BacktestOptions{Models: []string{"drift", "prophet"}, Horizons: []int{1, 5}, RefitEvery: 100})
	plain := walk(t, "A", 790, 13)
	split := plain
	split.Basis, split.Bars = etf.AsTraded, slices.Clone(plain.Bars)
	at := 770
	for i := range split.Bars[:at] {
		b := &split.Bars[i]
		for _, p := range []*etf.Price{&b.Open, &b.High, &b.Low, &b.Close} {
			*p, _ = p.MulRatio(4, 1)
		}
	}
	split.Splits = []etf.Action{{Kind: etf.Split, Ex: split.Bars[at].Session, Numerator: 4, Denominator: 1}}
	a, b := assembled(t, o, measured(t, plain, o)), assembled(t, o, measured(t, split, o))
	for i, r := range a.Results {
		if s := b.Results[i]; r.N != s.N || math.Abs(*r.CRPS / *s.CRPS - 1) > .05 || r.Model == "drift" && math.Abs(*r.CRPS / *s.CRPS - 1) > 1e-6 {
			t.Errorf("%s at %d: %d scores, CRPS %v; with a split %d, %v", r.Model, r.Horizon, r.N, *r.CRPS, s.N, *s.CRPS)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	o := complete(t, etf.BacktestOptions{Models: []string{"drift"}})
	for name, c := range map[string]struct {
		rows int
		o    func(*etf.BacktestOptions)
	}{
		"rows": {backtest.FirstOrigin + 21, func(*etf.BacktestOptions) {}},
		"from": {800, func(o *etf.BacktestOptions) { o.From = etf.MustSession("2100-01-01") }},
	} {
		o := o
		c.o(&o)
		_, err := backtest.Measure(t.Context(), walk(t, "A", c.rows, 1), []forecast.Model{mustModel(t, "drift")}, o, nil)
		checkField(t, name, err)
	}
	for name, wrong := range map[string]etf.BacktestOptions{
		"models":        {Models: []string{"oracle"}},
		"horizons":      {Horizons: []int{22}},
		"origins-every": {OriginsEvery: -1},
		"refit-every":   {RefitEvery: -1},
		"from":          {From: etf.MustSession("2025-01-02"), To: etf.MustSession("2025-01-01")},
	} {
		_, err := backtest.Complete(wrong)
		checkField(t, name, err)
	}
	_, err := backtest.Complete(etf.BacktestOptions{Horizons: []int{5, 5}})
	checkField(t, "horizons", err)
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := backtest.Measure(stopped, walk(t, "A", 800, 1), []forecast.Model{mustModel(t, "drift")}, o, nil); err == nil || stopped.Err() == nil {
		t.Error("a backtest that was stopped goes on")
	}
}

func checkField(t *testing.T, field string, err error) {
	t.Helper()
	var e *etf.Error
	if !errors.As(err, &e) || e.Kind != etf.KindInvalid || e.Field != field || e.Remedy == "" {
		t.Errorf("%s: %v", field, err)
	}
}
