package prophet_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/etfcast/etfcast/forecast/prophet"
)

// A few closes with a wrong figure change neither phi nor the spread nor the forecast by much, wherever they are.
func TestBadTicks(t *testing.T) {
	t.Parallel()
	const n = 600
	type tick struct {
		at     int
		factor float64
	}
	all := map[string][]tick{}
	for _, factor := range []float64{10, 2, 0.5, 0.01, 1.4} {
		for _, at := range []int{0, 1, 300, n - 2, n - 1} {
			all[fmt.Sprintf("x%v in row %d", factor, at)] = []tick{{at, factor}}
		}
	}
	all["three apart"] = []tick{{100, 10}, {300, 0.5}, {500, 2}}
	all["two adjacent"] = []tick{{300, 10}, {301, 10}}
	all["two adjacent of opposite sign"] = []tick{{300, 2}, {301, 0.5}}
	all["three adjacent"] = []tick{{300, 10}, {301, 10}, {302, 10}}
	all["first and last"] = []tick{{0, 10}, {n - 1, 10}}
	all["the last two, different"] = []tick{{n - 2, 10}, {n - 1, 2}}
	for _, phi := range []float64{0.86, 0.995} {
		o := prophet.Defaults()
		o.Market = prophet.MarketFor("XNYS")
		clean := autoregressive(t, n, phi, 0.01, 4)
		type outcome struct{ phi, centre, width float64 }
		run := func(frame *prophet.Frame) outcome {
			f := fit(t, o, frame)
			fc := predict(t, f, future(t, f, 5, "", false), prophet.PredictOptions{})
			return outcome{f.Report().Phi, math.Log(fc.Yhat[0]), math.Log(fc.YhatUpper[0] / fc.YhatLower[0])}
		}
		want := run(clean)
		if math.Abs(want.phi-phi) > 0.06 {
			t.Fatalf("phi %v of clean rows, want about %v", want.phi, phi)
		}
		for name, ticks := range all {
			dirty := clean.Rows(rangeTo(n))
			last := false
			for _, k := range ticks {
				dirty.Y[k.at] *= k.factor
				last = last || k.at == n-1
			}
			got := run(dirty)
			if move := math.Log((1 - got.phi) / (1 - want.phi)); math.Abs(move) > 0.35 {
				t.Errorf("phi %v, %s: phi %.4f instead of %.4f", phi, name, got.phi, want.phi)
			}
			// The forecast starts one row earlier if the last row is left out.
			centre, width := 0.01, 1.2
			if last {
				centre, width = 0.03, 1.75
			}
			if math.Abs(got.centre-want.centre) > centre || got.width > width*want.width || got.width < want.width/1.2 {
				t.Errorf("phi %v, %s: forecast %.4f, width %.4f; want %.4f, %.4f", phi, name, got.centre, got.width, want.centre, want.width)
			}
		}
	}
}

// A move of 10 % on the last day is believed, and so is a halved price that stays.
func TestGenuineMoveIsBelieved(t *testing.T) {
	t.Parallel()
	const n = 600
	o := prophet.Defaults()
	o.Market = prophet.MarketFor("XNYS")
	clean := autoregressive(t, n, 0.995, 0.01, 4)
	for _, c := range []struct {
		from   int
		factor float64
	}{{n - 1, 1.1}, {n - 1, 0.9}, {n - 1, 0.8}, {n - 2, 0.5}, {n - 5, 2}} {
		moved := clean.Rows(rangeTo(n))
		for i := c.from; i < n; i++ {
			moved.Y[i] *= c.factor
		}
		f := fit(t, o, moved)
		fc := predict(t, f, future(t, f, 1, "", false), prophet.PredictOptions{})
		near(t, fmt.Sprintf("the session after %v times the price from row %d", c.factor, c.from), math.Log(fc.Yhat[0]/moved.Y[n-1]), 0, 0.02)
	}
}
