package combination_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/combination"
	"github.com/etfcast/etfcast/forecast/drift"
	"github.com/etfcast/etfcast/forecast/prophet/market"
)

func series(t *testing.T, n int) (forecast.Series, []etf.Session) {
	t.Helper()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	sessions := cal.Sessions(etf.Window{From: etf.MustSession("2022-01-03"), To: etf.MustSession("2025-06-30")})[:n]
	s := forecast.Series{Symbol: "SIM", Exchange: etf.XNYS, Sessions: sessions, Origin: sessions[n-1]}
	for i := range sessions {
		s.Close = append(s.Close, 100*math.Exp(.0003*float64(i)+.02*math.Sin(float64(i)/7)+.01*math.Sin(float64(i*i))))
	}
	targets, err := forecast.Targets(cal, s.Origin, 21)
	if err != nil {
		t.Fatal(err)
	}
	return s, targets
}

func members() []forecast.Model { return []forecast.Model{drift.Default(), market.Default()} }

func combine(t *testing.T, horizons []int, weights ...[]float64) *combination.Model {
	t.Helper()
	set := combination.Settings{Horizons: horizons}
	for i, m := range members() {
		set.Members = append(set.Members, combination.Member{Model: m, Weights: weights[i]})
	}
	m, err := combination.New(set)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Every quantile is the weighted mean of the members' own, as they are with their own seeds; so is the mean.
func TestQuantilesAreAveraged(t *testing.T) {
	t.Parallel()
	s, targets := series(t, 400)
	m := combine(t, []int{1, 21}, []float64{.25, 1}, []float64{.75, 0})
	fit, err := m.Fit(context.Background(), s, 99, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := fit.Predict(targets)
	if err != nil {
		t.Fatal(err)
	}
	var own [2][]etf.ForecastPoint
	var tails [2][][2]float64
	for i, member := range members() {
		f, err := member.Fit(context.Background(), s, forecast.Seed(s.Symbol, member.Name(), s.Origin), nil)
		if err != nil {
			t.Fatal(err)
		}
		if own[i], err = f.Predict(targets); err != nil {
			t.Fatal(err)
		}
		if tails[i], err = f.(forecast.TailForecaster).Tails(targets); err != nil {
			t.Fatal(err)
		}
	}
	gotTails, err := fit.(forecast.TailForecaster).Tails(targets)
	if err != nil || forecast.CheckTails(got, gotTails) != nil {
		t.Fatal(err)
	}
	for h, p := range got {
		w := .25 + .75*math.Log(float64(h+1))/math.Log(21)
		near := func(name string, got, a, b float64) {
			if want := w*a + (1-w)*b; math.Abs(got-want) > 1e-9*want {
				t.Errorf("horizon %d, %s: %v, want %v", h+1, name, got, want)
			}
		}
		near("mean", p.Mean, own[0][h].Mean, own[1][h].Mean)
		for k, q := range p.Quantiles {
			near("quantile", q, own[0][h].Quantiles[k], own[1][h].Quantiles[k])
		}
		near("tail", gotTails[h][0], tails[0][h][0], tails[1][h][0])
	}
	blob, err := fit.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	back, err := combine(t, nil, nil, nil).Restore(blob)
	if err != nil {
		t.Fatal(err)
	}
	again, err := back.Predict(targets)
	if err != nil || !slices.Equal(again, got) {
		t.Errorf("a restored fit predicts other numbers (%v)", err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	d, p := members()[0], members()[1]
	for name, set := range map[string]combination.Settings{
		"members":            {Members: []combination.Member{{Model: d}}},
		"members[1]":         {Members: []combination.Member{{Model: d}, {Model: d}}},
		"horizons":           {Members: []combination.Member{{Model: d, Weights: []float64{1, 1}}, {Model: p, Weights: []float64{0, 0}}}, Horizons: []int{5, 1}},
		"weights":            {Members: []combination.Member{{Model: d, Weights: []float64{.5}}, {Model: p, Weights: []float64{.6}}}, Horizons: []int{1}},
		"members[0].weights": {Members: []combination.Member{{Model: d}, {Model: p}}, Horizons: []int{1}},
	} {
		_, err := combination.New(set)
		var e *etf.Error
		if !errors.As(err, &e) || e.Kind != etf.KindInvalid || e.Field != name || e.Remedy == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWeights(t *testing.T) {
	t.Parallel()
	sums := func(differences ...float64) (list []etf.SessionLosses) {
		for i, d := range differences {
			list = append(list, etf.SessionLosses{Origin: etf.MustSession("2025-01-02") + etf.Session(i), N: 2, Paired: 2, PairedCRPS: 2 * (1 + d), AgainstCRPS: 2})
		}
		return list
	}
	w := combination.WeightsOf([]combination.Record{{Model: "drift"}, {"better", sums(-.1, -.2)}, {"worse", sums(.3, .3)}}, 4)
	// D is (.99*-.1 - .2)/2, and (.99*.3 + .3)/2.
	better, worse := math.Exp(.1495), math.Exp(-.2985)
	for i, want := range []float64{1, better, worse} {
		if want /= 1 + better + worse; math.Abs(w[i]-want) > 1e-12 {
			t.Errorf("weight %d is %v, want %v", i, w[i], want)
		}
	}
	if w := combination.WeightsOf([]combination.Record{{Model: "drift"}, {Model: "other"}}, 1); w[0] != .5 || w[1] != .5 {
		t.Errorf("without a record: %v", w)
	}
}

// A Weigher that has been given the sessions one by one has the weights of all of them, in a time that does not grow with their number.
func TestWeigher(t *testing.T) {
	t.Parallel()
	const horizon = 5
	records := []combination.Record{{Model: "drift"}, {Model: "a"}, {Model: "b"}}
	w := combination.NewWeigher(len(records), horizon)
	for i := range 300 {
		sums := make([]etf.SessionLosses, len(records))
		for k := range records {
			if (i+k)%7 == 0 {
				continue // a session without a score of this member
			}
			s := etf.SessionLosses{Origin: etf.MustSession("2024-01-01") + etf.Session(i), N: 3, Paired: 3, PairedCRPS: 3 + float64(k)*math.Sin(float64(i*k)), AgainstCRPS: 3}
			sums[k] = s
			records[k].Sessions = append(records[k].Sessions, s)
		}
		w.Add(sums)
		want, got := combination.WeightsOf(records, horizon), w.Weights()
		for k := range want {
			if math.Abs(got[k]-want[k]) > 1e-12 {
				t.Fatalf("after %d sessions: %v, want %v", i+1, got, want)
			}
		}
	}
}

// Average and Between give what a combination with these weights predicts.
func TestAverage(t *testing.T) {
	t.Parallel()
	s, targets := series(t, 400)
	horizons, weights := []int{1, 5, 21}, [][]float64{{.2, .8}, {.5, .5}, {.9, .1}}
	m := combine(t, horizons, []float64{.2, .5, .9}, []float64{.8, .5, .1})
	var parts [2][]etf.RawPoint
	for k, member := range members() {
		fit, err := member.Fit(t.Context(), s, forecast.Seed(s.Symbol, member.Name(), s.Origin), nil)
		if err != nil {
			t.Fatal(err)
		}
		points, err := fit.Predict(targets)
		if err != nil {
			t.Fatal(err)
		}
		tails, err := fit.(forecast.TailForecaster).Tails(targets)
		if err != nil {
			t.Fatal(err)
		}
		for i := range points {
			parts[k] = append(parts[k], etf.RawPoint{Quantiles: points[i].Quantiles, Tails: tails[i]})
		}
	}
	fit, err := m.Fit(t.Context(), s, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	points, err := fit.Predict(targets)
	if err != nil {
		t.Fatal(err)
	}
	tails, err := fit.(forecast.TailForecaster).Tails(targets)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range points {
		got := combination.Average([]etf.RawPoint{parts[0][i], parts[1][i]}, combination.Between(horizons, weights, i+1))
		if got.Quantiles != p.Quantiles || got.Tails != tails[i] {
			t.Errorf("horizon %d: %v, the model has %v %v", i+1, got, p.Quantiles, tails[i])
		}
	}
	half := combination.Average([]etf.RawPoint{parts[0][0], {Quantiles: parts[1][0].Quantiles}}, []float64{.5, .5})
	if half.Tails != ([2]float64{}) {
		t.Errorf("tails %v although a member has none", half.Tails)
	}
}
