package prophet_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
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

// walk returns n closes of a random walk with normal steps of standard deviation sd.
func walk(t *testing.T, n int, sd float64, seed uint64) *prophet.Frame {
	t.Helper()
	return autoregressive(t, n, 0.9999, sd, seed)
}

// nextOver returns the forecast of the next close relative to a close, and the fit's report.
func nextOver(t *testing.T, frame *prophet.Frame, y float64) (float64, prophet.Report) {
	t.Helper()
	o := prophet.Defaults()
	o.Market = prophet.MarketFor("XNYS")
	f := fit(t, o, frame)
	return predict(t, f, future(t, f, 1, "", false), prophet.PredictOptions{}).Yhat[0] / y, f.Report()
}

// A last close that is wrong by half or more is not believed, whether innovations are normal or not and however turbulent the
// times are: with 4 % a session, twenty spreads are more than a doubled price.
func TestBadLastTickInAnyTimes(t *testing.T) {
	t.Parallel()
	normal := 0
	for _, n := range []int{60, 126, 252} {
		for _, sd := range []float64{0.01, 0.04} {
			for seed := range uint64(3) {
				clean := walk(t, n, sd, seed)
				for _, factor := range []float64{0.01, 0.5, 2, 100} {
					dirty := clean.Rows(rangeTo(n))
					dirty.Y[n-1] *= factor
					got, report := nextOver(t, dirty, clean.Y[n-2])
					if report.DF == 0 {
						normal++
					}
					if math.Abs(math.Log(got)) > 0.1 || report.LeftOut != 1 {
						t.Errorf("%d rows, %v a session, seed %d, last close x%v: forecast x%.3f, %d left out", n, sd, seed, factor, got, report.LeftOut)
					}
				}
				// What the next close confirms is believed, and so is a move that is usual for the times.
				for _, c := range []struct {
					from   int
					factor float64
				}{{n - 2, 2}, {n - 2, 0.5}, {n - 3, 100}, {n - 1, 1.1}, {n - 1, 0.9}, {n - 1, 1.2}} {
					moved := clean.Rows(rangeTo(n))
					for i := c.from; i < n; i++ {
						moved.Y[i] *= c.factor
					}
					if got, _ := nextOver(t, moved, moved.Y[n-1]); math.Abs(math.Log(got)) > 0.05 {
						t.Errorf("%d rows, %v a session, seed %d, x%v from row %d: forecast x%.3f", n, sd, seed, c.factor, c.from, got)
					}
				}
			}
		}
	}
	if normal == 0 {
		t.Error("no fit had normal innovations")
	}
}

// A wrong price that comes back after a right one confirms nothing, and a last close that is left out of the fit is not where
// the forecast starts, although it is within twenty spreads of a row three sessions before.
func TestBadTickThatComesBack(t *testing.T) {
	t.Parallel()
	const n = 600
	clean := walk(t, n, 0.01, 5)
	for _, c := range []struct {
		factor float64
		at     []int
	}{{2, []int{n - 3, n - 1}}, {100, []int{n - 5, n - 3, n - 1}}, {0.01, []int{n - 4, n - 1}}, {1.35, []int{n - 1}}, {0.74, []int{n - 1}}} {
		dirty := clean.Rows(rangeTo(n))
		for _, i := range c.at {
			dirty.Y[i] *= c.factor
		}
		if got, _ := nextOver(t, dirty, clean.Y[n-2]); math.Abs(math.Log(got)) > 0.03 {
			t.Errorf("x%v in rows %d: forecast x%.3f", c.factor, c.at, got)
		}
	}
}

// One bad tick does not change phi where most closes are the same as the one before: rounded, not traded, or constant.
func TestBadTickAmongUnchangedCloses(t *testing.T) {
	t.Parallel()
	const n = 600
	plain := walk(t, n, 0.01, 4)
	last := 0.0
	for name, y := range map[string]func(i int) float64{
		"rounded": func(i int) float64 { return max(1, math.Round(plain.Y[i]/5)) * 5 },
		"not traded": func(i int) float64 {
			if i%3 == 0 {
				last = plain.Y[i]
			}
			return last
		},
		"constant but for a step": func(i int) float64 { return 100 + float64(i/450) },
		"exact growth":            func(i int) float64 { return 100 * math.Exp(0.0003*float64(i)) },
	} {
		clean := with(plain, "y", y)
		_, want := nextOver(t, clean, 1)
		for _, factor := range []float64{0.01, 0.5, 1.2, 1.3, 2, 100} {
			dirty := clean.Rows(rangeTo(n))
			dirty.Y[300] *= factor
			got, report := nextOver(t, dirty, clean.Y[n-1])
			move := math.Log((1 - report.Phi) / (1 - want.Phi))
			if want.Innovation < 1e-9 {
				move = 0 // no residuals, no phi
			}
			if math.Abs(move) > 0.35 || math.Abs(math.Log(got)) > 0.02 || report.Innovation > 1.2*want.Innovation+1e-9 {
				t.Errorf("%s, x%v: phi %.4f and innovation %.2g instead of %.4f and %.2g, forecast x%.3f", name, factor, report.Phi, report.Innovation, want.Phi, want.Innovation, got)
			}
		}
	}
}

// The refusal of too few rows says how many were left out.
func TestTooShortWithoutBadTicks(t *testing.T) {
	t.Parallel()
	o := prophet.Defaults()
	o.Market = prophet.MarketFor("XNYS")
	m, err := prophet.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rows int
		bad  []int
		want string
	}{
		{29, nil, "29 rows are too few to estimate how residuals persist"},
		{30, []int{15}, "30 rows, of which 1 was left out as a bad price, are too few to estimate how residuals persist"},
		{31, []int{10, 20}, "31 rows, of which 2 were left out as bad prices, are too few to estimate how residuals persist"},
	} {
		frame := walk(t, c.rows, 0.01, 6)
		for _, i := range c.bad {
			frame.Y[i] *= 2
		}
		_, err := m.Fit(t.Context(), frame, prophet.FitOptions{})
		refused(t, err, "y")
		var refusal *etf.Error
		if !errors.As(err, &refusal) || !strings.Contains(refusal.Message, c.want) || !strings.Contains(refusal.Remedy, fmt.Sprintf("give %d rows or more", 30+len(c.bad))) {
			t.Errorf("%d rows, bad ones %d: %v, want %q", c.rows, c.bad, err, c.want)
		}
	}
}
