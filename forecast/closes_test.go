package forecast_test

import (
	"math"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// The hash of the text in the comment on ClosesHash: printf '2025-09-25 661.82 0\n2025-09-26 663.68 1\n' | sha256sum.
const twoCloses = "af4c2b19d4b78dc0cd1ce2154fdc747dde33b58c2ac96cdeb509cb43697ade61"

func TestClosesHash(t *testing.T) {
	t.Parallel()
	base := forecast.Series{Sessions: days("2025-09-25", "2025-09-26"), Close: []float64{661.82, 663.68}, Steps: []int{0, 1}}
	if got := forecast.ClosesHash(base); got != twoCloses {
		t.Errorf("hash %s, want %s", got, twoCloses)
	}
	same := map[string]func(*forecast.Series){
		"no steps":          func(s *forecast.Series) { s.Steps = nil },
		"symbol":            func(s *forecast.Series) { s.Symbol, s.Exchange = "SPY", etf.XNYS },
		"step of the first": func(s *forecast.Series) { s.Steps = []int{3, 1} }, // a longer series cut to these rows
	}
	other := map[string]func(*forecast.Series){
		"close":   func(s *forecast.Series) { s.Close[1] = 663.69 },
		"session": func(s *forecast.Series) { s.Sessions[0]-- },
		"step":    func(s *forecast.Series) { s.Steps[1] = 2 },
		"row":     func(s *forecast.Series) { *s = s.Tail(1) },
	}
	for name, change := range same {
		if forecast.ClosesHash(changed(base, change)) != twoCloses {
			t.Errorf("%s: another hash", name)
		}
	}
	for name, change := range other {
		if forecast.ClosesHash(changed(base, change)) == twoCloses {
			t.Errorf("%s: the same hash", name)
		}
	}
}

func changed(s forecast.Series, change func(*forecast.Series)) forecast.Series {
	s.Sessions, s.Close, s.Steps = slices.Clone(s.Sessions), slices.Clone(s.Close), slices.Clone(s.Steps)
	change(&s)
	return s
}

func TestCheckTails(t *testing.T) {
	t.Parallel()
	points := []etf.ForecastPoint{{Horizon: 1, Target: day("2025-09-26"), Mean: 4, Quantiles: [7]float64{1, 2, 3, 4, 5, 6, 7}}}
	for name, c := range map[string]struct {
		tails [][2]float64
		ok    bool
	}{
		"outside":       {[][2]float64{{.5, 8}}, true},
		"equal":         {[][2]float64{{1, 7}}, true},
		"none":          {nil, false},
		"two":           {[][2]float64{{.5, 8}, {.5, 8}}, false},
		"lower inside":  {[][2]float64{{1.5, 8}}, false},
		"upper inside":  {[][2]float64{{.5, 6.5}}, false},
		"zero":          {[][2]float64{{0, 8}}, false},
		"not a number":  {[][2]float64{{math.NaN(), 8}}, false},
		"infinite":      {[][2]float64{{.5, math.Inf(1)}}, false},
		"upper missing": {[][2]float64{{.5, math.NaN()}}, false},
	} {
		if err := forecast.CheckTails(points, c.tails); (err == nil) != c.ok || err != nil && etf.KindOf(err) != etf.KindInternal {
			t.Errorf("%s: %v", name, err)
		}
	}
}
