package calibration_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/calibration"
)

// some makes outcomes of a few ETFs and models over some sessions, some of them odd: no tails, no width, prices far away.
func some(r *rand.Rand, from, sessions int) (list []calibration.Outcome) {
	for day := from; day < from+sessions; day++ {
		for _, symbol := range []etf.Symbol{"AAA", "BBB", "CCC"} {
			for _, m := range []string{"drift", "ets"} {
				for _, h := range []int{1, 5} {
					o := calibration.Outcome{Symbol: symbol, Model: m, Horizon: h, Origin: etf.Session(day - h), Target: etf.Session(day), Volatility: .01 * math.Exp(.3*r.NormFloat64()),
						Raw: normalPoint(math.Log(50), .01*math.Sqrt(float64(h))), Actual: 50 * math.Exp(.013*r.NormFloat64()*math.Sqrt(float64(h)))}
					switch r.IntN(40) {
					case 0:
						o.Raw.Tails = [2]float64{}
					case 1:
						o.Actual *= 100
					case 2:
						o.Raw = normalPoint(math.Log(50), 0)
					case 3:
						o.Volatility = 1e-5
					}
					list = append(list, o)
				}
			}
		}
	}
	return list
}

func text(t testing.TB, s *calibration.State) []byte {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestZeroStateChangesNothing(t *testing.T) {
	var s calibration.State
	raw := normalPoint(4, .02)
	if got, ok := s.Apply("SPY", "drift", 1, .01, raw); ok || got != raw {
		t.Errorf("%v, %v", got, ok)
	}
	if got := string(text(t, &s)); got != `{"format":1,"pools":[]}` {
		t.Error(got)
	}
	s.Update(nil)
	s.Update([]calibration.Outcome{{Symbol: "SPY", Model: "drift", Horizon: 1, Volatility: 0, Raw: raw, Actual: 50}, {Symbol: "SPY", Model: "drift", Horizon: 1, Volatility: .01, Actual: 50},
		{Symbol: "SPY", Model: "drift", Horizon: 1, Volatility: .01, Raw: raw, Actual: math.NaN()}, {Symbol: "SPY", Model: "drift", Volatility: .01, Raw: raw, Actual: 50}})
	if got := string(text(t, &s)); got != `{"format":1,"pools":[]}` {
		t.Errorf("outcomes that can't be used: %s", got)
	}
}

// The order of outcomes within a call is of no account; a state that was stored and read goes on as the one in memory; a clone shares nothing.
func TestStateIsAFunctionOfItsOutcomes(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	var plain, shuffled calibration.State
	stored := &calibration.State{}
	for day := 1; day <= 120; day++ {
		list := some(r, day, 1)
		plain.Update(list)
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		before := text(t, &shuffled)
		clone := shuffled.Clone()
		shuffled.Update(list)
		if !bytes.Equal(text(t, clone), before) {
			t.Fatalf("day %d: the clone has changed with the state", day)
		}
		read := &calibration.State{}
		if err := json.Unmarshal(text(t, stored), read); err != nil {
			t.Fatal(err)
		}
		read.Update(list)
		stored = read
	}
	want := text(t, &plain)
	if !bytes.Equal(text(t, &shuffled), want) {
		t.Error("the state depends on the order of the outcomes")
	}
	if !bytes.Equal(text(t, stored), want) {
		t.Error("a state that is stored in between differs")
	}
	// By value too, as a field of what a caller stores.
	if b, err := json.Marshal(struct{ S calibration.State }{plain}); err != nil || !bytes.Contains(b, want) {
		t.Errorf("as a value: %.80s, %v", b, err)
	}
	raw := normalPoint(4, .02)
	one, _ := plain.Apply("BBB", "ets", 3, .01, raw)
	if other, ok := stored.Apply("BBB", "ets", 3, .01, raw); !ok || other != one {
		t.Errorf("applied: %v, want %v", other, one)
	}
}

// Whatever the outcomes and the forecast, quantiles are positive and apart from each other, and the median is the model's.
func TestApplyKeepsOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	var s calibration.State
	for day := 1; day <= 200; day++ {
		list := some(r, day, 1)
		for i := range list {
			if list[i].Model == "ets" {
				list[i].Actual = 50 * math.Exp(.05+.001*r.NormFloat64()) // always above, so that the lower quantiles want to cross the median
			}
		}
		s.Update(list)
		for range 20 {
			raw := normalPoint(r.NormFloat64()*3, min(math.Exp(4*r.NormFloat64()-6), 100))
			if r.IntN(5) == 0 {
				raw.Tails = [2]float64{}
			}
			volatility, horizon, model := math.Exp(2*r.NormFloat64()-5), 1+r.IntN(30), []string{"drift", "ets"}[r.IntN(2)]
			if !(raw.Quantiles[0] > 0 && raw.Quantiles[6] < math.Inf(1)) {
				continue
			}
			got, ok := s.Apply("AAA", model, horizon, volatility, raw)
			if !ok || got.Quantiles[3] != raw.Quantiles[3] {
				t.Fatalf("day %d: %v of %v, %v", day, got, raw, ok)
			}
			list := got.Quantiles[:]
			if raw.Tails != ([2]float64{}) {
				list = slices.Concat(got.Tails[:1], list, got.Tails[1:])
			} else if got.Tails != raw.Tails {
				t.Fatalf("tails %v out of nothing", got.Tails)
			}
			for i, q := range list {
				if !(q > 0) || math.IsInf(q, 1) || i > 0 && q <= list[i-1] {
					t.Fatalf("day %d, %s, horizon %d, volatility %v: %v", day, model, horizon, volatility, list)
				}
			}
			if width := math.Log(got.Quantiles[6] / got.Quantiles[0]); width > 8.1 || width < .32*volatility {
				t.Fatalf("the 90 %% interval has a width of %v at volatility %v", width, volatility)
			}
		}
	}
}

// Between two horizons with outcomes, distances from the median lie between theirs, in units of the square root of the horizon; outside, they are
// the nearest one's.
func TestApplyBetweenHorizons(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	var s calibration.State
	for day := 1; day <= 400; day++ {
		for _, h := range []int{1, 4} {
			root := math.Sqrt(float64(h))
			wide := map[int]float64{1: 1, 4: 2}[h] // prices move so many times what the forecast says
			s.Update([]calibration.Outcome{{Symbol: "A", Model: "m", Horizon: h, Origin: etf.Session(day - h), Target: etf.Session(day), Volatility: .01,
				Raw: normalPoint(0, .01*root), Actual: math.Exp(.01 * root * wide * r.NormFloat64())}})
		}
	}
	width := func(h int) float64 {
		root := math.Sqrt(float64(h))
		got, _ := s.Apply("A", "m", h, .01, normalPoint(0, .01*root))
		return math.Log(got.Quantiles[6]/got.Quantiles[0]) / (2 * 1.645 * .01 * root)
	}
	if w := width(1); math.Abs(w-1) > .15 {
		t.Errorf("h=1: width %v", w)
	}
	if w := width(4); math.Abs(w-2) > .3 {
		t.Errorf("h=4: width %v", w)
	}
	if w, want := width(2), (width(1)+width(4))/2; math.Abs(w-want) > 1e-9 { // ln 2 is half of ln 4
		t.Errorf("h=2: width %v, want %v", w, want)
	}
	if w := width(21); math.Abs(w-width(4)) > 1e-9 {
		t.Errorf("h=21: width %v, want h=4's %v", w, width(4))
	}
}

// An ETF without a record has its exchange's calibration from its first forecast on, and comes to its own as its record grows.
func TestShortRecordsArePooled(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	var s calibration.State
	raw := normalPoint(0, .005) // half as wide as prices move
	point := func(symbol etf.Symbol) float64 {
		got, _ := s.Apply(symbol, "m", 1, .01, raw)
		return math.Log(got.Quantiles[6]) / .01
	}
	day := 0
	session := func(newcomer bool) {
		day++
		var list []calibration.Outcome
		for i := range 20 {
			list = append(list, calibration.Outcome{Symbol: etf.Symbol(fmt.Sprint("E", i)), Model: "m", Horizon: 1, Origin: etf.Session(day - 1), Target: etf.Session(day), Volatility: .01,
				Raw: raw, Actual: math.Exp(.01 * r.NormFloat64())})
		}
		if newcomer { // it moves 1.5 times as much for its volatility
			list = append(list, calibration.Outcome{Symbol: "NEW", Model: "m", Horizon: 1, Origin: etf.Session(day - 1), Target: etf.Session(day), Volatility: .01,
				Raw: raw, Actual: math.Exp(.015 * r.NormFloat64())})
		}
		s.Update(list)
	}
	for range 250 {
		session(false)
	}
	if q := point("NEW"); math.Abs(q-1.645) > .2 {
		t.Errorf("without a record: 95 %% quantile at %v volatilities, want 1.645", q)
	}
	for range 20 {
		session(true)
	}
	early := point("NEW")
	for range 1000 {
		session(true)
	}
	late := point("NEW")
	if math.Abs(late-1.5*1.645) > .35 || early > late {
		t.Errorf("95 %% quantile at %v after 20 sessions and %v after 1,020, want 2.47 in the end", early, late)
	}
	if q := point("E0"); math.Abs(q-1.645) > .3 {
		t.Errorf("the others: %v", q)
	}
}

func TestDamagedState(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	var s calibration.State
	s.Update(some(r, 1, 3))
	good := text(t, &s)
	for _, c := range []struct{ old, new string }{
		{`"format":1`, `"format":2`}, {`"horizon":1`, `"horizon":0`}, {`"horizon":5`, `"horizon":1`}, {`"first":`, `"first":1`}, {`"weight":`, `"weight":-`},
		{`"moments":[`, `"moments":[1,`}, {`"AAA":[3,`, `"AAA":[0,`}, {`"bins":[`, `"bins":[-1,`}, {`{`, `[`},
	} {
		bad := bytes.Replace(good, []byte(c.old), []byte(c.new), 1)
		if bytes.Equal(bad, good) {
			t.Fatalf("the state has no %s", c.old)
		}
		read := calibration.State{}
		var e *etf.Error
		if err := json.Unmarshal(bad, &read); err == nil || c.old != "{" && (!errors.As(err, &e) || e.Kind != etf.KindCorrupt) {
			t.Errorf("%s for %s: %v", c.new, c.old, err)
		}
	}
}

// 2,000 ETFs, 9 models and 3 horizons.
func large(sessions int) *calibration.State {
	r := rand.New(rand.NewPCG(8, 8))
	s := &calibration.State{}
	for day := 1; day <= sessions; day++ {
		s.Update(largeSession(r, day))
	}
	return s
}

func largeSession(r *rand.Rand, day int) (list []calibration.Outcome) {
	raw := map[int]etf.RawPoint{}
	for _, h := range horizons {
		raw[h] = normalPoint(4, .01*math.Sqrt(float64(h)))
	}
	for i := range 2000 {
		symbol := etf.Symbol(fmt.Sprintf("ETF%04d", i))
		for m := range 9 {
			for _, h := range horizons {
				list = append(list, calibration.Outcome{Symbol: symbol, Model: fmt.Sprint("model", m), Horizon: h, Origin: etf.Session(day - h), Target: etf.Session(day), Volatility: .01,
					Raw: raw[h], Actual: math.Exp(4 + .01*math.Sqrt(float64(h))*r.NormFloat64())})
			}
		}
	}
	return list
}

// The state of 54,000 combinations of ETF, model and horizon takes less than 5 MB: its size does not grow with the record.
func TestSizeOfALargeState(t *testing.T) {
	if n := len(text(t, large(4))); n > 5_000_000 {
		t.Errorf("%d bytes", n)
	}
}

func BenchmarkUpdate(b *testing.B) {
	s, list := large(2), largeSession(rand.New(rand.NewPCG(9, 9)), 3)
	for b.Loop() {
		s.Update(list)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(list)), "ns/outcome")
}

func BenchmarkApply(b *testing.B) {
	s := large(50)
	raw := normalPoint(4, .02)
	for b.Loop() {
		s.Apply("ETF0100", "model3", 7, .01, raw)
	}
}

func BenchmarkMarshal(b *testing.B) {
	s := large(50)
	for b.Loop() {
		_ = text(b, s)
	}
	b.ReportMetric(float64(len(text(b, s))), "bytes")
}
