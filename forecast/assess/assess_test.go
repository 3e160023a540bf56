package assess_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/assess"
	"github.com/etfcast/etfcast/forecast/calibration"
)

var session = etf.MustSession("2025-09-26")

func newYork(t *testing.T) *calendar.Calendar {
	t.Helper()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	return cal
}

// task has the sums of origins up to 300 sessions before the session, the newest of which are not mature: "good" is better than the
// benchmark, "bad" worse.
func task(t *testing.T, cal *calendar.Calendar) assess.Task {
	t.Helper()
	out := assess.Task{
		Exchange: etf.XNYS, Session: session, Run: "r", Now: time.Date(2025, 9, 26, 22, 0, 0, 0, time.UTC), Benchmark: "drift",
		Models: []string{"good", "bad"}, Members: []string{"drift", "good", "bad"}, Horizons: []int{1, 5}, State: &calibration.State{},
	}
	r := rand.New(rand.NewPCG(1, 1))
	for back := -300; back <= -1; back++ {
		origin, err := cal.Nth(session, back)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range out.Horizons {
			for k, m := range []string{"drift", "good", "bad"} {
				edge := [3]float64{0, -.1, .1}[k]
				inside := func(p float64) int {
					if r.Float64() < p {
						return 1
					}
					return 0
				}
				crps := .5 + .1*r.Float64()
				out.Sums = append(out.Sums, etf.SessionLosses{Exchange: etf.XNYS, Model: m, Horizon: h, Standing: etf.OfRecord, Origin: origin, N: 1, Tailed: 1,
					Absolute: crps, Squared: crps, CRPS: crps, Inside50: inside(.5), Inside80: inside(.8), Inside90: inside(.9), Inside95: inside(.95),
					Paired: 1, PairedCRPS: crps + edge, AgainstCRPS: crps, Difference: edge + .05*r.NormFloat64()})
			}
		}
	}
	return out
}

func made(t *testing.T, cal *calendar.Calendar, task assess.Task) (etf.Assessment, etf.AssessmentBody) {
	t.Helper()
	a, err := assess.Make(cal, task)
	if err != nil {
		t.Fatal(err)
	}
	body, _, err := assess.Read(a)
	if err != nil {
		t.Fatal(err)
	}
	return a, body
}

func TestMake(t *testing.T) {
	t.Parallel()
	cal := newYork(t)
	_, body := made(t, cal, task(t, cal))
	if len(body.Gate) != 4 || len(body.Skill) != 4 || len(body.Coverage) != 6 || len(body.Weights) != 2 {
		t.Fatalf("%+v", body)
	}
	for _, v := range body.Gate {
		// At horizon h, the targets of the origins h+1 sessions before and earlier are before the session; every h-th one counts.
		if want := (300-v.Horizon-1)/v.Horizon + 1; v.N != want || v.Exchange != etf.XNYS || v.Session != session || v.Level != .05/4 {
			t.Errorf("%+v, want n %d", v, want)
		}
		if good := v.Model == "good"; v.Passed != good || v.Served != good {
			t.Errorf("%+v", v)
		}
	}
	for _, s := range body.Skill {
		if s.N != 300-s.Horizon || s.RelCRPS == nil || (*s.RelCRPS < 1) != (s.Model == "good") {
			t.Errorf("%+v", s)
		}
	}
	for _, c := range body.Coverage {
		for _, m := range c.Measures {
			if m.N != 300-c.Horizon || math.Abs(m.Measured-m.Nominal) > .1 {
				t.Errorf("%s at horizon %d: %+v", c.Model, c.Horizon, m)
			}
		}
	}
	for h, w := range body.Weights {
		if sum := w["drift"] + w["good"] + w["bad"]; len(w) != 3 || math.Abs(sum-1) > 1e-12 || !(w["good"] > w["drift"] && w["drift"] > w["bad"]) {
			t.Errorf("weights at horizon %d: %v", h, w)
		}
	}
}

// The same sums in any order give the same hash, and a different record another one.
func TestMakeInAnyOrder(t *testing.T) {
	t.Parallel()
	cal := newYork(t)
	in := task(t, cal)
	first, _ := made(t, cal, in)
	r := rand.New(rand.NewPCG(2, 2))
	for range 5 {
		shuffled := in
		shuffled.Sums = slices.Clone(in.Sums)
		r.Shuffle(len(shuffled.Sums), func(i, j int) { shuffled.Sums[i], shuffled.Sums[j] = shuffled.Sums[j], shuffled.Sums[i] })
		// When and by which run it is made is not part of what it says.
		shuffled.Run, shuffled.Now = "another", in.Now.Add(time.Hour)
		if again, _ := made(t, cal, shuffled); again.Hash != first.Hash || string(again.Body) != string(first.Body) {
			t.Fatal("the assessment depends on the order of the sums")
		}
	}
	if !slices.EqualFunc(in.Sums, task(t, cal).Sums, func(a, b etf.SessionLosses) bool { return a == b }) {
		t.Error("Make changed its input")
	}
	changed := in
	changed.Sums = slices.Clone(in.Sums)
	changed.Sums[0].Inside90 = 1 - changed.Sums[0].Inside90
	if other, _ := made(t, cal, changed); other.Hash == first.Hash {
		t.Error("another record has the same hash")
	}
}

// Nothing counts whose target is not before the session, and nothing of another exchange or standing: whatever is known or revised of it
// later, the assessment is the same.
func TestOnlyMaturedRecordCounts(t *testing.T) {
	t.Parallel()
	cal := newYork(t)
	in := task(t, cal)
	first, _ := made(t, cal, in)
	for _, h := range in.Horizons {
		// The newest origin that counts has its target on the session before.
		newest, err := cal.Nth(session, -h-1)
		if err != nil {
			t.Fatal(err)
		}
		revised := func(counts func(s *etf.SessionLosses) bool) string {
			other := in
			other.Sums = slices.Clone(in.Sums)
			n := 0
			for i := range other.Sums {
				if s := &other.Sums[i]; s.Horizon == h && counts(s) {
					s.Inside50, s.Inside90, s.PairedCRPS, s.Difference = 1-s.Inside50, 1-s.Inside90, s.PairedCRPS+1, .5
					n++
				}
			}
			if n == 0 {
				t.Fatal("nothing is revised")
			}
			a, _ := made(t, cal, other)
			return a.Hash
		}
		if revised(func(s *etf.SessionLosses) bool { return s.Origin > newest }) != first.Hash {
			t.Errorf("horizon %d: scores of the future count", h)
		}
		if revised(func(s *etf.SessionLosses) bool { return s.Origin == newest }) == first.Hash {
			t.Errorf("horizon %d: the newest scores that have matured do not count", h)
		}
	}
	more := in
	more.Sums = slices.Clone(in.Sums)
	for _, s := range in.Sums {
		elsewhere, late := s, s
		elsewhere.Exchange, late.Standing = etf.XKRX, etf.Late
		elsewhere.Difference, late.Difference = .5, .5
		more.Sums = append(more.Sums, elsewhere, late)
	}
	if a, _ := made(t, cal, more); a.Hash != first.Hash {
		t.Error("scores of another exchange, or late ones, count")
	}
}

// Without a record there are verdicts on nothing, and no weights.
func TestMakeWithoutRecord(t *testing.T) {
	t.Parallel()
	cal := newYork(t)
	in := task(t, cal)
	in.Sums = nil
	_, body := made(t, cal, in)
	if len(body.Weights) != 0 || len(body.Gate) != 4 {
		t.Fatalf("%+v", body)
	}
	for _, v := range body.Gate {
		if v.N != 0 || v.Passed || v.Served || v.Low != -etf.DifferenceLimit || v.High != etf.DifferenceLimit {
			t.Errorf("%+v", v)
		}
	}
	for _, s := range body.Skill {
		if s.N != 0 || s.RelCRPS != nil || s.Low != nil || s.High != nil {
			t.Errorf("%+v", s)
		}
	}
	in.Models, in.Members = nil, nil // the benchmark alone
	if _, body := made(t, cal, in); len(body.Gate) != 0 || len(body.Coverage) != 2 {
		t.Errorf("%+v", body)
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	cal := newYork(t)
	before := func(n int) etf.Session {
		s, err := cal.Nth(session, -n)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, c := range map[string]struct {
		through, first, last etf.Session
		n                    int
	}{
		"nothing new":      {through: before(1)},
		"of the session":   {through: session},
		"one":              {before(2), before(1), before(1), 1},
		"after a week":     {before(6), before(5), before(1), 5},
		"after long":       {before(400), before(assess.MaxTargets), before(1), assess.MaxTargets},
		"for the first":    {0, before(assess.MaxTargets), before(1), assess.MaxTargets},
		"through a Sunday": {etf.MustSession("2025-09-21"), before(4), before(1), 4},
	} {
		list := assess.Targets(cal, c.through, session)
		if len(list) != c.n || c.n > 0 && (list[0] != c.first || list[len(list)-1] != c.last) {
			t.Errorf("%s: %d targets, %v", name, len(list), list)
		}
	}
}

// What was changed after it was stored is never used.
func TestReadAltered(t *testing.T) {
	t.Parallel()
	cal := newYork(t)
	good, _ := made(t, cal, task(t, cal))
	if _, state, err := assess.Read(etf.Assessment{Hash: good.Hash, Exchange: good.Exchange, Session: good.Session, Body: good.Body}); err != nil || state != nil {
		t.Errorf("read without its state: %v", err)
	}
	for name, change := range map[string]func(a *etf.Assessment){
		"body":     func(a *etf.Assessment) { a.Body = append([]byte(" "), a.Body...) },
		"hash":     func(a *etf.Assessment) { a.Hash = good.Hash[1:] + "0" },
		"state":    func(a *etf.Assessment) { a.State = []byte(`{"format":1,"pools":[]} `) },
		"exchange": func(a *etf.Assessment) { a.Exchange = etf.XKRX },
		"session":  func(a *etf.Assessment) { a.Session-- },
		"previous": func(a *etf.Assessment) { a.Previous = "x" },
		"through":  func(a *etf.Assessment) { a.Through = session - 1 },
	} {
		a := good
		change(&a)
		if _, _, err := assess.Read(a); !errors.Is(err, etf.ErrAltered) || etf.KindOf(err) != etf.KindCorrupt {
			t.Errorf("a changed %s: %v", name, err)
		}
	}
}

func TestServed(t *testing.T) {
	t.Parallel()
	body := etf.AssessmentBody{Gate: []etf.GateVerdict{
		{Model: "a", Horizon: 5}, {Model: "b", Horizon: 5, Passed: true, Served: true},
		{Model: "a", Horizon: 10, Passed: true}, {Model: "b", Horizon: 21}, {Model: "a", Horizon: 21, Passed: true, Served: true},
	}}
	for _, c := range []struct {
		horizon int
		model   string
		at      int
	}{{1, "b", 5}, {5, "b", 5}, {9, "b", 5}, {10, "", 10}, {20, "", 10}, {21, "a", 21}, {30, "a", 21}} {
		if model, at := assess.Served(body, c.horizon); model != c.model || at != c.at {
			t.Errorf("at horizon %d: %q of %d, want %q of %d", c.horizon, model, at, c.model, c.at)
		}
	}
	if model, at := assess.Served(etf.AssessmentBody{}, 1); model != "" || at != 0 {
		t.Error(fmt.Sprint(model, at))
	}
}
