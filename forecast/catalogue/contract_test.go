package catalogue

import (
	"bytes"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

// series is a seeded random walk over n sessions of New York, and the sessions after it.
func series(t *testing.T, n int) (forecast.Series, []etf.Session) {
	t.Helper()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	s := forecast.Series{Symbol: "TEST", Exchange: etf.XNYS, Origin: etf.MustSession("2025-06-30")}
	s.Sessions = cal.Sessions(etf.Window{From: cal.Range().From, To: s.Origin})
	s.Sessions = s.Sessions[len(s.Sessions)-n:]
	rng, x := rand.New(rand.NewPCG(1, 2)), math.Log(100)
	for i := range s.Sessions {
		x += .0003 + .01*rng.NormFloat64()
		s.Close, s.Steps = append(s.Close, math.Exp(x)), append(s.Steps, min(i, 1))
	}
	targets, err := forecast.Targets(cal, s.Origin, etf.MaxHorizon+etf.MaxHeld)
	if err != nil {
		t.Fatal(err)
	}
	return s, targets
}

func until(s forecast.Series, row int) forecast.Series {
	s.Sessions, s.Close, s.Steps, s.Origin = s.Sessions[:row+1], s.Close[:row+1], s.Steps[:row+1], s.Sessions[row]
	return s
}

// forecasts returns what a fit forecasts, after the checks that every forecast passes.
func forecasts(t *testing.T, f forecast.Fitted, targets []etf.Session) ([]etf.ForecastPoint, [][2]float64) {
	t.Helper()
	points, err := f.Predict(targets)
	if err != nil {
		t.Fatal(err)
	}
	tails, err := f.(forecast.TailForecaster).Tails(targets)
	if err != nil {
		t.Fatal(err)
	}
	if err := forecast.Check(points); err != nil {
		t.Error(err)
	}
	if err := forecast.CheckTails(points, tails); err != nil {
		t.Error(err)
	}
	return points, tails
}

// Every model keeps what package forecast promises of models, and has what the daily run and the backtest use.
func TestEveryModelKeepsTheContract(t *testing.T) {
	t.Parallel()
	for _, e := range entries {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			m, err := e.make()
			if err != nil {
				t.Fatal(err)
			}
			if m.Name() != e.name {
				t.Errorf("its name is %q", m.Name())
			}
			back, err := Parse(e.name, m.Params())
			if err != nil || back.Params() != m.Params() || back.Name() != e.name || back.MinRows() != m.MinRows() || back.MaxRows() != m.MaxRows() {
				t.Errorf("%s reads back as %v (%v)", m.Params(), back, err)
			}
			if !slices.Contains(Reserved(), e.name) {
				t.Error("an entrant may take its name")
			}
			s, targets := series(t, 2600)
			at := len(s.Close) - 22
			whole, rest := s, targets
			s = until(s, at)
			targets = append(slices.Clone(whole.Sessions[at+1:]), rest...)[:len(rest)]
			const seed = 5
			f, err := m.Fit(t.Context(), s, seed, nil)
			if err != nil {
				t.Fatal(err)
			}
			points, tails := forecasts(t, f, targets)
			if f.Diagnostics()["status"] != "ok" || f.Diagnostics()["rows"] == "" {
				t.Errorf("diagnostics %v", f.Diagnostics())
			}
			same := func(what string, g forecast.Fitted, targets []etf.Session, points []etf.ForecastPoint, tails [][2]float64) {
				t.Helper()
				p, u := forecasts(t, g, targets)
				if !reflect.DeepEqual(p, points) || !reflect.DeepEqual(u, tails) {
					t.Errorf("%s forecasts something else", what)
				}
			}
			again, err := back.Fit(t.Context(), s.Tail(m.MaxRows()), seed, nil)
			if err != nil {
				t.Fatal(err)
			}
			same("a second fit, of MaxRows rows,", again, targets, points, tails)
			blob, err := f.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			restored, err := back.Restore(blob)
			if err != nil {
				t.Fatal(err)
			}
			same("the fit read back", restored, targets, points, tails)
			if second, err := restored.MarshalBinary(); err != nil || !bytes.Equal(second, blob) {
				t.Errorf("the fit read back is stored as something else (%v)", err)
			}
			for _, other := range entries {
				o, err := other.make()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := o.Restore(blob); (err == nil) != (other.name == e.name) || err != nil && etf.KindOf(err) != etf.KindCorrupt {
					t.Errorf("%s reads its fit: %v", other.name, err)
				}
				if _, err := other.parse(m.Params()); (err == nil) != (other.name == e.name) && other.name != "ewma" && e.name != "ewma" {
					t.Errorf("%s reads its parameters: %v", other.name, err) // those of drift and ewma have the same form
				}
			}
			if _, err := m.Fit(t.Context(), s.Tail(m.MinRows()-1), seed, nil); etf.KindOf(err) != etf.KindInvalid {
				t.Errorf("one row too few: %v", err)
			}
			if _, err := f.Predict(targets[:0]); etf.KindOf(err) != etf.KindInvalid {
				t.Errorf("no targets: %v", err)
			}

			carry, ok := f.(forecast.Filterer)
			if !ok {
				return // a backtest fits it at every origin
			}
			unchanged, err := carry.Filter(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			same("carried on over no rows, it", unchanged, targets, points, tails)
			next, err := carry.Filter(t.Context(), whole)
			if err != nil {
				t.Fatal(err)
			}
			p, u := forecasts(t, next, rest)
			if median := p[0].Quantiles[3] / whole.Close[len(whole.Close)-1]; math.Abs(median-1) > .01 {
				t.Errorf("carried on, its median is %v of the last close", median)
			}
			if few, err := carry.Filter(t.Context(), whole.Tail(30)); err != nil {
				t.Errorf("without the rows before its window: %v", err)
			} else {
				same("carried on with the newest 30 rows, it", few, rest, p, u)
			}
			if blob, err = next.MarshalBinary(); err != nil {
				t.Fatal(err)
			}
			if restored, err = m.Restore(blob); err != nil {
				t.Fatal(err)
			}
			same("carried on and read back, it", restored, rest, p, u)
			for name, bad := range map[string]forecast.Series{"a series that ends earlier": until(whole, at-1), "one without the origin": whole.Tail(5), "none": {}} {
				if _, err := carry.Filter(t.Context(), bad); etf.KindOf(err) != etf.KindInvalid {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	names := Names()
	if names[0] != Benchmark || names[len(names)-1] != "combination" {
		t.Errorf("%v does not begin with the benchmark and end with the combination", names)
	}
	list, err := New(names)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range list {
		if m.Name() != names[i] {
			t.Errorf("model %d is %s, want %s", i, m.Name(), names[i])
		}
	}
	for _, bad := range [][]string{{"drift", "drift"}, {"drift", "no-such"}, {"drift", "combination"}} {
		if _, err := New(bad); etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if _, err := Parse("no-such", "{}"); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("an unknown model: %v", err)
	}
}
