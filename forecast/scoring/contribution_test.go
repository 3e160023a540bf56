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
		Actual: 100, Scale: etf.Scale{Absolute: 2, Squared: 8},
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
	s.Scale, s.Actual = etf.Scale{}, 103
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

// Both models' losses are divided by the benchmark's scale: equal forecasts have equal losses, whatever their scales. The expected
// values are the losses over 4 (16 for squares).
func TestContributionHasOneScale(t *testing.T) {
	s, drift := scoreOf("m", 2), scoreOf("drift", 2)
	s.Scale, drift.Scale = etf.Scale{Absolute: 2, Squared: 8}, etf.Scale{Absolute: 4, Squared: 16}
	c := scoring.Contribution(s, &drift)
	if c.PairedAbsolute != .5 || c.PairedSquared != .25 || c.PairedCRPS != .25 || c.AgainstAbsolute != .5 || c.AgainstSquared != .25 ||
		c.AgainstCRPS != .25 || c.Difference != 0 {
		t.Errorf("%+v", c)
	}
	if c.Absolute != 1 || c.Squared != .5 { // the model's own scale
		t.Errorf("unpaired: %+v", c)
	}
	// The same forecast in shares of twice the price, after a split that was restated: all of its losses are twice as large.
	s = scoreOf("m", 4)
	s.Actual, s.Scale = 2*drift.Actual, etf.Scale{Absolute: 8, Squared: 64}
	c = scoring.Contribution(s, &drift)
	if c.PairedAbsolute != .5 || c.PairedSquared != .25 || c.PairedCRPS != .25 || c.Difference != 0 {
		t.Errorf("in other shares: %+v", c)
	}
}

// The benchmark is its own counterpart. Of several late ones the others' is that from the same data version, else the first one.
func TestContributions(t *testing.T) {
	late := func(model, id string, version int64, loss float64) etf.Score {
		s := scoreOf(model, loss)
		s.Forecast, s.Standing, s.ForecastVersion = id, etf.Late, version
		return s
	}
	list := []etf.Score{
		late("drift", "d", 9, 10), late("drift", "b", 7, 4), late("drift", "a", 7, 2), late("drift", "c", 8, 6),
		late("m", "m8", 8, 3), late("m", "m9", 9, 3), late("m", "m7", 7, 3), late("m", "m5", 5, 3), scoreOf("other", 1),
	}
	for i, want := range []float64{5, 2, 1, 3, 3, 5, 1, 1, 0} { // the benchmark's loss over 2
		c := scoring.Contributions(list, "drift")[i]
		if c.AgainstAbsolute != want || c.N != 1 || (c.Paired == 1) != (want > 0) {
			t.Errorf("%d: %+v", i, c)
		}
		if i < 4 && c.Difference != 0 {
			t.Errorf("the benchmark differs from itself: %+v", c)
		}
	}
}

// A late score, an entry's for example, is compared with the benchmark's of record if none is late; one of record never with a late one.
func TestContributionsOfALateScore(t *testing.T) {
	entry, drift := scoreOf("outsider", 3), scoreOf("drift", 2)
	entry.Standing = etf.Late
	if c := scoring.Contributions([]etf.Score{entry, drift}, "drift")[0]; c.Paired != 1 || c.AgainstAbsolute != 1 || c.Standing != etf.Late {
		t.Errorf("with one of record: %+v", c)
	}
	again := scoreOf("drift", 4)
	again.Forecast, again.Standing = "z", etf.Late
	if c := scoring.Contributions([]etf.Score{entry, drift, again}, "drift")[0]; c.AgainstAbsolute != 2 {
		t.Errorf("with a late one: %+v", c)
	}
	entry.Standing, drift.Standing = etf.OfRecord, etf.Late
	if c := scoring.Contributions([]etf.Score{entry, drift}, "drift")[0]; c.Paired != 0 {
		t.Errorf("of record, with a late one only: %+v", c)
	}
	entry.Standing, drift.Standing, drift.Withdrawn = etf.Late, etf.OfRecord, true
	if c := scoring.Contributions([]etf.Score{entry, drift}, "drift")[0]; c.Paired != 0 {
		t.Errorf("with one withdrawn: %+v", c)
	}
}
