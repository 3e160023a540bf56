package scoring_test

import (
	"math"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/scoring"
)

func scoreOf(model string, loss float64) etf.Score {
	s := etf.Score{
		Forecast: model, Model: model, Exchange: etf.XNYS, Horizon: 4, Standing: etf.OfRecord, Origin: etf.MustSession("2025-02-07"),
		Actual: 100 + loss, Scale: etf.Scale{Absolute: 2, Squared: 8},
	}
	s.Losses = etf.Losses{Error: loss, Absolute: loss, Squared: loss * loss, CRPS: loss / 2, Winkler: [2]float64{10, 20}, Width: [2]float64{4, 6},
		Inside50: true, Inside90: true, PIT: .93}
	for i := range s.Pinball {
		s.Pinball[i] = loss
	}
	return s
}

// Expected values are the losses over the scale of 2 (8 for squares), and the difference over 2·√4.
func TestContribution(t *testing.T) {
	s, drift := scoreOf("m", 3), scoreOf("drift", 2)
	c := scoring.Contribution(s, &drift)
	if c.N != 1 || c.Absolute != 1.5 || c.Squared != 9.0/8 || c.CRPS != .75 || c.Pinball != 1.5 || c.Winkler80 != 5 || c.Winkler90 != 10 ||
		c.Width80 != 2 || c.Width90 != 3 || c.Inside50 != 1 || c.Inside80 != 0 || c.Inside90 != 1 || c.Tailed != 0 || c.PIT[9] != 1 {
		t.Errorf("%+v", c)
	}
	if c.Paired != 1 || c.PairedAbsolute != 1.5 || c.AgainstAbsolute != 1 || c.AgainstSquared != .5 || c.AgainstCRPS != .5 || math.Abs(c.Difference-.25) > 1e-15 {
		t.Errorf("%+v", c)
	}
	if alone := scoring.Contribution(s, nil); alone.N != 1 || alone.Paired != 0 || alone.Difference != 0 {
		t.Errorf("%+v", alone)
	}
	far := scoreOf("m", 1000)
	if c := scoring.Contribution(far, &drift); c.Difference != etf.DifferenceLimit {
		t.Errorf("not clipped: %+v", c)
	}
	if c := scoring.Contribution(drift, &far); c.Difference != -etf.DifferenceLimit {
		t.Errorf("not clipped: %+v", c)
	}
	s.Withdrawn = true
	if c := scoring.Contribution(s, &drift); c.N != 0 || c.Paired != 0 || c.PIT != [10]int{} {
		t.Errorf("withdrawn: %+v", c)
	}
	if c := scoring.Contribution(drift, &s); c.N != 1 || c.Paired != 0 {
		t.Errorf("against one withdrawn: %+v", c)
	}
	// A scale of zero counts as 1e-4 of the median, 100: the loss of 3 is 300 of it, its square 90,000.
	s = scoreOf("m", 3)
	s.Scale = etf.Scale{}
	if c := scoring.Contribution(s, nil); math.Abs(c.Absolute-300) > 1e-9 || math.Abs(c.Squared-9e4) > 1e-6 {
		t.Errorf("without a scale: %+v", c)
	}
	s.Absolute = 1e300
	if c := scoring.Contribution(s, nil); c.Absolute != 1e6 {
		t.Errorf("not bounded: %+v", c)
	}
	for pit, bin := range map[float64]int{0: 0, .0999: 0, .1: 1, .5: 5, 1: 9} {
		s.PIT = pit
		if c := scoring.Contribution(s, nil); c.PIT[bin] != 1 {
			t.Errorf("%v is in %v", pit, c.PIT)
		}
	}
}

// The benchmark is its own counterpart, and of several late ones the others' is that with the least ID.
func TestContributions(t *testing.T) {
	m, first, second := scoreOf("m", 3), scoreOf("drift", 2), scoreOf("drift", 4)
	m.Standing, first.Standing, second.Standing = etf.Late, etf.Late, etf.Late
	first.Forecast, second.Forecast = "a", "b"
	list := scoring.Contributions([]etf.Score{second, m, first, scoreOf("other", 1)}, "drift")
	for i, want := range []float64{2, 1, 1, 0} {
		if list[i].AgainstAbsolute != want || list[i].N != 1 || (list[i].Paired == 1) != (want > 0) {
			t.Errorf("%d: %+v", i, list[i])
		}
	}
	if list[0].Difference != 0 || list[2].Difference != 0 {
		t.Errorf("the benchmark differs from itself: %+v", list)
	}
}
