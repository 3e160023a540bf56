package prophet_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

// With logistic growth the posterior has several modes. The end of the original's search (Newton below 100 rows) is one of
// the starts, so the maximum is never below it.
func TestMAPIsNeverBelowTheOriginalsLogistic(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 77))
		n := 30 + rng.IntN(50)
		f := &prophet.Frame{}
		for i := range n {
			limit := 10 + 5*float64(i)/float64(n)
			x := float64(i)/float64(n)*8 - 4 + 0.5*rng.NormFloat64()
			f.DS = append(f.DS, prophet.DateOf(2020, 1, 1)+prophet.Stamp(i)*prophet.Day)
			f.Cap = append(f.Cap, limit)
			f.Y = append(f.Y, limit/(1+math.Exp(-x))*(1+0.05*math.Sin(float64(i))))
		}
		o := prophet.Defaults()
		o.Growth, o.NChangepoints, o.ChangepointPriorScale = prophet.Logistic, 10, []float64{0.05, 0.5}[rng.IntN(2)]
		o.SeasonalityMode = []prophet.Mode{prophet.Additive, prophet.Multiplicative}[rng.IntN(2)]
		top := fit(t, o, f).Report()
		o.Optimizer = prophet.Auto
		if auto := fit(t, o, f).Report(); top.LogPosterior < auto.LogPosterior-1e-6 {
			t.Errorf("seed %d, %d rows: log posterior %v, but %v where %s ends", seed, n, top.LogPosterior, auto.LogPosterior, auto.Optimizer)
		}
	}
}

// The maximum is sharp if y varies little compared with its size, as in the original's data3.csv.
func TestMAPConvergesWithLargeOffsets(t *testing.T) {
	t.Parallel()
	for _, offset := range []float64{1e3, 1e6, 1e8} {
		rng := rand.New(rand.NewPCG(3, uint64(offset)))
		f := &prophet.Frame{}
		for i := range 80 {
			s := prophet.DateOf(2023, 3, 1) + prophet.Stamp(i)*prophet.Day
			if d := s.Weekday(); d != time.Saturday && d != time.Sunday {
				f.DS, f.Y = append(f.DS, s), append(f.Y, offset+0.1*float64(i)+5*rng.NormFloat64())
			}
		}
		o := prophet.Defaults()
		top := fit(t, o, f).Report()
		if !top.Converged {
			t.Errorf("offset %v: %+v", offset, top)
		}
		o.Optimizer = prophet.Newton
		if other := fit(t, o, f).Report(); top.LogPosterior < other.LogPosterior-max(1e-6, 1e-11*offset) {
			t.Errorf("offset %v: log posterior %v, Newton's is %v", offset, top.LogPosterior, other.LogPosterior)
		}
	}
}

// A model that can fit every row exactly has no maximum, and the report does not say "converged".
func TestReportSaysNoMaximum(t *testing.T) {
	t.Parallel()
	f := &prophet.Frame{}
	for i := range 40 {
		f.DS, f.Y = append(f.DS, prophet.DateOf(2024, 1, 1)+prophet.Stamp(i)*prophet.Day), append(f.Y, 1+2*float64(i))
	}
	r := fit(t, prophet.Defaults(), f).Report()
	if r.Converged || !strings.HasPrefix(r.Status, "no maximum") {
		t.Errorf("%+v", r)
	}
}

func TestSizeLimits(t *testing.T) {
	t.Parallel()
	long := &prophet.Frame{}
	for i := range 6000 {
		long.DS, long.Y = append(long.DS, prophet.DateOf(2000, 1, 1)+prophet.Stamp(i)*prophet.Day), append(long.Y, math.Sin(float64(i)))
	}
	refuse := func(field string, o prophet.Options, f *prophet.Frame) {
		t.Helper()
		m, err := prophet.New(o)
		if err == nil {
			_, err = m.Fit(t.Context(), f, prophet.FitOptions{})
		}
		var e *etf.Error
		if !errors.As(err, &e) || e.Kind != etf.KindInvalid || e.Field != field || e.Remedy == "" {
			t.Errorf("%s: %v", field, err)
		}
	}
	o := prophet.Defaults()
	o.NChangepoints = 4500
	refuse("n_changepoints", o, long)
	o = prophet.Defaults()
	o.Seasonalities = []prophet.Seasonality{{Name: "fine", Period: 1000, FourierOrder: 1000}, {Name: "finer", Period: 900, FourierOrder: 1000},
		{Name: "finest", Period: 800, FourierOrder: 1000}, {Name: "more", Period: 700, FourierOrder: 1000}, {Name: "most", Period: 600, FourierOrder: 1000},
		{Name: "a", Period: 500, FourierOrder: 1000}, {Name: "b", Period: 400, FourierOrder: 1000}, {Name: "c", Period: 300, FourierOrder: 1000}, {Name: "d", Period: 200, FourierOrder: 1000}}
	refuse("history", o, long)
	o = prophet.Defaults()
	o.ChangepointPriorScale = 1e-200
	refuse("changepoint_prior_scale", o, long)
	o = prophet.Defaults()
	refuse("y", o, &prophet.Frame{DS: long.DS[:3], Y: []float64{1e308, -1e308, 1e307}})
	o.CountryHolidays = "US"
	o.Holidays = []prophet.Holiday{{Name: "Christmas Day", DS: prophet.DateOf(2001, 12, 25), PriorScale: 2}}
	refuse("holidays[0].prior_scale", o, long)
	o = prophet.Defaults()
	o.Market = prophet.MarketFor("XNYS")
	refuse("y", o, &prophet.Frame{DS: long.DS[:5], Y: []float64{1, 2, 3, 4, 5}})
}

// Fit returns soon after its context is cancelled, even during one large solve.
func TestFitStopsWhenCancelled(t *testing.T) {
	f := &prophet.Frame{}
	for i := range 6000 {
		f.DS, f.Y = append(f.DS, prophet.DateOf(2000, 1, 1)+prophet.Stamp(i)*prophet.Day), append(f.Y, math.Sin(float64(i)/50)+math.Cos(float64(i*i)))
	}
	o := prophet.Defaults()
	o.NChangepoints, o.ChangepointPriorScale = 1500, 10
	m, err := prophet.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := m.Fit(ctx, f, prophet.FitOptions{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if took := time.Since(start); took > 20*time.Second { // generous: it may be in the middle of a factorisation
		t.Errorf("Fit ran for another %v", took)
	}
}
