package gate

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// record makes a record of sessions whose differences have this mean and standard deviation.
func record(r *rand.Rand, model string, horizon, sessions int, mean, sd float64) Record {
	out := Record{Model: model, Horizon: horizon}
	for i := range sessions {
		d := min(max(mean+sd*r.NormFloat64(), -etf.DifferenceLimit), etf.DifferenceLimit)
		out.Sessions = append(out.Sessions, etf.SessionLosses{Exchange: "XNYS", Model: model, Horizon: horizon, Origin: etf.Session(i + 1), N: 1, Paired: 1, Difference: d})
	}
	return out
}

func TestJudge(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	records := []Record{
		record(r, "worse", 1, 750, .02, .05), record(r, "much", 1, 750, -.03, .05), record(r, "little", 1, 750, -.015, .05), record(r, "equal", 1, 750, 0, .05),
		record(r, "much", 21, 750, -.03, .05), {Model: "silent", Horizon: 5},
	}
	list := Judge("XNYS", 1000, records)
	type want struct{ passed, served bool }
	expect := map[string]want{"equal 1": {}, "little 1": {true, false}, "much 1": {true, true}, "worse 1": {}, "silent 5": {}, "much 21": {false, false}}
	if len(list) != len(records) {
		t.Fatalf("%d verdicts", len(list))
	}
	for i, v := range list {
		name := v.Model + " " + map[int]string{1: "1", 5: "5", 21: "21"}[v.Horizon]
		if got := (want{v.Passed, v.Served}); got != expect[name] {
			t.Errorf("%s: %+v, verdict %+v", name, got, v)
		}
		if v.Exchange != "XNYS" || v.Session != 1000 || math.Abs(v.Level-.05/6) > 1e-15 {
			t.Errorf("%+v", v)
		}
		if i > 0 && (list[i-1].Horizon > v.Horizon || list[i-1].Horizon == v.Horizon && list[i-1].Model >= v.Model) {
			t.Errorf("%s comes after %s", name, list[i-1].Model)
		}
	}
	for _, v := range list {
		if v.Model == "silent" && (v.N != 0 || v.Mean != 0 || v.Low != -.5 || v.High != .5) {
			t.Errorf("without scores: %+v", v)
		}
		if v.Model == "much" && v.Horizon == 21 && v.N != 36 { // 750 origins, every 21st from the first: 1, 22, ..., 736
			t.Errorf("%d increments at horizon 21, want 36", v.N)
		}
	}
	if len(Judge("XNYS", 1, nil)) != 0 {
		t.Error("verdicts on nothing")
	}
}

// FirstPassed is what Judge said first, looked at after every session.
func TestFirstPassed(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	records := []Record{record(r, "a", 1, 400, -.02, .05), record(r, "b", 1, 400, 0, .05), record(r, "c", 5, 400, -.05, .05)}
	want := make([]etf.Session, len(records))
	for n := range 400 {
		prefix := make([]Record, len(records))
		for i, r := range records {
			prefix[i] = Record{Model: r.Model, Horizon: r.Horizon, Sessions: r.Sessions[:n+1]}
		}
		for i, v := range Judge("XNYS", 1, prefix) { // their order is that of the records
			if v.Passed && want[i] == 0 {
				want[i] = etf.Session(n + 1)
			}
		}
	}
	got := FirstPassed(records)
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s at horizon %d: first passed at %d, want %d", records[i].Model, records[i].Horizon, got[i], want[i])
		}
	}
	if want[0] == 0 || want[1] != 0 || want[2] == 0 {
		t.Errorf("%v: the record is no test", want)
	}
}

// Of records in which no model is better, watched after every session over 500, at most 5 % ever have one served: 4 models, equally good, at
// three horizons.
func TestGateErrs(t *testing.T) {
	const trials = 100
	served := 0
	for trial := range trials {
		r := rand.New(rand.NewPCG(3, uint64(trial)))
		var records []Record
		for m := range 4 {
			for _, h := range []int{1, 5, 21} {
				records = append(records, record(r, string(rune('a'+m)), h, 500, 0, .08))
			}
		}
		for _, origin := range FirstPassed(records) {
			if !origin.IsZero() {
				served++
				break
			}
		}
	}
	if share := float64(served) / trials; share > Level {
		t.Errorf("a model was served in %.3f of the records", share)
	}
}

// If only every 21st session is an origin, forecasts of 21 sessions don't overlap, and all count.
func TestSparseOrigins(t *testing.T) {
	dense := record(rand.New(rand.NewPCG(4, 4)), "much", 21, 100, -.1, .05)
	sparse := dense
	sparse.Overlap = 1
	if d, s := Judge("XNYS", 1, []Record{dense})[0], Judge("XNYS", 1, []Record{sparse})[0]; d.N != 5 || d.Passed || s.N != 100 || !s.Passed {
		t.Errorf("%+v\n%+v", d, s)
	}
	if first := FirstPassed([]Record{dense, sparse}); first[0] != 0 || first[1] == 0 {
		t.Error(first)
	}
}
