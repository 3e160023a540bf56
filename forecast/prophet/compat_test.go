package prophet_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/forecast/prophet"
)

// offset is a seeded history of 200 days around 1000 whose weekly pattern and noise are small beside its level.
func offset() *prophet.Frame {
	f := wave(11, 200)
	for i := range f.Y {
		f.Y[i] = 1000 + (f.Y[i]-50)*2
	}
	return f
}

func rmse(a, b []float64) float64 {
	var sum float64
	for i := range a {
		sum += (a[i] - b[i]) * (a[i] - b[i])
	}
	return math.Sqrt(sum / float64(len(a)))
}

// withFloor are the configurations in which the fit subtracts something from y before it multiplies.
var withFloor = []struct {
	name  string
	set   func(*prophet.Options)
	frame func(*prophet.Frame) *prophet.Frame
}{
	{"minmax", func(o *prophet.Options) { o.Scaling = prophet.MinMax }, nil},
	{"flat minmax", func(o *prophet.Options) { o.Growth, o.Scaling = prophet.Flat, prophet.MinMax }, nil},
	{"logistic minmax", func(o *prophet.Options) { o.Growth, o.Scaling = prophet.Logistic, prophet.MinMax }, nil},
	{"floor", func(o *prophet.Options) { o.Growth = prophet.Logistic }, func(f *prophet.Frame) *prophet.Frame { return with(f, "floor", constant(960)) }},
	{"minmax floor", func(o *prophet.Options) { o.Growth, o.Scaling = prophet.Logistic, prophet.MinMax },
		func(f *prophet.Frame) *prophet.Frame {
			return with(f, "floor", func(i int) float64 { return 960 + float64(i)/50 })
		}},
}

// What is forecast is what was fitted: with a floor and multiplicative terms, a model explains its own history as well as
// with absmax and no floor, and its intervals cover what they should. The original's forecasts are off by up to the floor
// times the multiplicative terms: Compat.
func TestForecastsOfMultiplicativeTermsAboveAFloor(t *testing.T) {
	t.Parallel()
	y := offset()
	for _, c := range withFloor {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			data := with(y, "cap", constant(1200))
			if c.frame != nil {
				data = c.frame(data)
			}
			o := prophet.Defaults()
			o.SeasonalityMode = prophet.Multiplicative
			c.set(&o)
			plain := o
			plain.Scaling = prophet.AbsMax
			if o.Growth == prophet.Logistic {
				plain.Growth = prophet.Linear
			}
			best := rmse(predict(t, fit(t, plain, y), nil, prophet.PredictOptions{}).Yhat, y.Y)
			f := fit(t, o, data)
			fc := predict(t, f, nil, prophet.PredictOptions{})
			if got := rmse(fc.Yhat, data.Y); got > 1.25*best {
				t.Errorf("the error in the history is %v, with absmax and no floor %v", got, best)
			}
			covered := 0
			for i, v := range data.Y {
				if v >= fc.YhatLower[i] && v <= fc.YhatUpper[i] {
					covered++
				}
			}
			if covered < 145 || covered > 175 { // of 200; the sum of 200 draws of probability 0.8 has a deviation of 5.7
				t.Errorf("the 80 %% interval covers %d of 200 rows", covered)
			}
			// The samples are of the same model, with one draw of the parameters or many.
			s, err := f.PredictiveSamples(t.Context(), nil, prophet.PredictOptions{Samples: 400})
			if err != nil {
				t.Fatal(err)
			}
			for i := range s.Yhat {
				if width := fc.YhatUpper[i] - fc.YhatLower[i]; math.Abs(meanOf(s.Yhat[i])-fc.Yhat[i]) > 0.15*width {
					t.Errorf("row %d: the samples' mean is %v, yhat %v", i, meanOf(s.Yhat[i]), fc.Yhat[i])
				}
			}

			o.Compat = true
			g := fit(t, o, data)
			if a, b := f.State().Params, g.State().Params; a.K[0] != b.K[0] || !slices.Equal(a.Beta[0], b.Beta[0]) {
				t.Error("Compat changes the fit")
			}
			old := predict(t, g, nil, prophet.PredictOptions{})
			mul := fc.Component("multiplicative_terms").Value
			for i := range old.Yhat {
				floor := f.State().History.Floor[i]
				near(t, fmt.Sprintf("row %d with compat", i), old.Yhat[i], old.Trend[i]*(1+mul[i]), 1e-9)
				near(t, fmt.Sprintf("row %d", i), fc.Yhat[i], floor+(fc.Trend[i]-floor)*(1+mul[i]), 1e-9)
			}
			if got := rmse(old.Yhat, data.Y); got < 10*best {
				t.Errorf("with compat the error is %v: the original's is far larger than %v", got, best)
			}
		})
	}
}

// A sampled posterior forecasts its own model too: the interval of the future is around the level of the history.
func TestSampledMultiplicativeTermsAboveAFloor(t *testing.T) {
	t.Parallel()
	o := prophet.Defaults()
	o.SeasonalityMode, o.Scaling, o.MCMCSamples, o.NChangepoints = prophet.Multiplicative, prophet.MinMax, 60, 2
	data := offset()
	f := fit(t, o, data)
	fc := predict(t, f, future(t, f, 14, "D", false), prophet.PredictOptions{})
	lo, hi := slices.Min(data.Y), slices.Max(data.Y)
	for i := range fc.Yhat {
		if fc.YhatLower[i] < lo-(hi-lo) || fc.YhatUpper[i] > hi+(hi-lo) || !(fc.YhatLower[i] < fc.Yhat[i] && fc.Yhat[i] < fc.YhatUpper[i]) {
			t.Errorf("row %d: %v in %v to %v; y is %v to %v", i, fc.Yhat[i], fc.YhatLower[i], fc.YhatUpper[i], lo, hi)
		}
	}
}

// Without a floor or without multiplicative terms, Compat changes no bit.
func TestCompatChangesNothingElse(t *testing.T) {
	t.Parallel()
	data := with(offset(), "cap", constant(1200))
	for name, set := range map[string]func(*prophet.Options){
		"absmax multiplicative":   func(o *prophet.Options) { o.SeasonalityMode = prophet.Multiplicative },
		"logistic multiplicative": func(o *prophet.Options) { o.SeasonalityMode, o.Growth = prophet.Multiplicative, prophet.Logistic },
		"minmax additive":         func(o *prophet.Options) { o.Scaling = prophet.MinMax },
	} {
		o := prophet.Defaults()
		o.NChangepoints = 8
		set(&o)
		a := fit(t, o, data)
		if s := a.State(); s.FloorMatters() {
			t.Errorf("%s: FloorMatters", name)
		}
		o.Compat = true
		frame := with(future(t, a, 20, "D", true), "cap", constant(1200))
		x, y := predict(t, a, frame, prophet.PredictOptions{}), predict(t, fit(t, o, data), frame, prophet.PredictOptions{})
		for _, column := range x.ColumnNames()[1:] {
			if !slices.Equal(x.Column(column), y.Column(column)) {
				t.Errorf("%s: %s differs", name, column)
			}
		}
	}
}

// A model of 0.1.0 keeps the order of operations it was fitted with: its features are those of version 1.3.0 of the original,
// to the bit.
func TestEarlierFourier(t *testing.T) {
	t.Parallel()
	data := wave(4, 800)
	s := fit(t, prophet.Defaults(), data).State()
	s.EarlierFourier = true
	f, err := prophet.FromState(s)
	if err != nil {
		t.Fatal(err)
	}
	now, err := prophet.FromState(fit(t, prophet.Defaults(), data).State())
	if err != nil {
		t.Fatal(err)
	}
	earlier, err := f.FeaturesOf(nil)
	if err != nil {
		t.Fatal(err)
	}
	current, err := now.FeaturesOf(nil)
	if err != nil {
		t.Fatal(err)
	}
	differ, column := 0, 0
	for _, g := range s.Seasonalities {
		for n := 1; n <= g.FourierOrder; n++ {
			for i, d := range data.DS {
				sin, cos := math.Sincos(2 * math.Pi * d.Days() * float64(n) / g.Period)
				if earlier[column][i] != sin || earlier[column+1][i] != cos {
					t.Fatalf("%s %d, row %d: %v %v, want %v %v", g.Name, n, i, earlier[column][i], earlier[column+1][i], sin, cos)
				}
				if current[column][i] != sin {
					differ++
				}
			}
			column += 2
		}
	}
	if differ == 0 {
		t.Error("no feature differs: the orders can't be told apart")
	}
}

// A regressor that never changed in the history says nothing about the level: whatever it does later, the forecast stays near y. With
// Compat it takes a share of the level, as in the original.
func TestConstantRegressorTakesNoLevel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ before, after float64 }{{7, 9}, {1, 0}, {0, 1}, {1, 2}, {0.1, 0.3}, {-3, 3}, {1e6, 1e6 + 1}, {7, math.NaN()}} {
		for _, mode := range []prophet.Mode{prophet.Additive, prophet.Multiplicative} {
			t.Run(fmt.Sprintf("%v to %v, %s", c.before, c.after, mode), func(t *testing.T) {
				t.Parallel()
				after := c.after
				noise := 0.0
				if math.IsNaN(after) { // rounding noise, and a real change later
					after, noise = 9, 1e-12
				}
				x := func(i int) float64 {
					if i < 200 {
						return c.before + noise*float64(i%3)
					}
					return after
				}
				o := prophet.Defaults()
				o.Regressors = []prophet.Regressor{{Name: "x", Mode: mode}}
				history := with(offset(), "x", x)
				f := fit(t, o, history)
				day, err := prophet.ParseFreq("D")
				if err != nil {
					t.Fatal(err)
				}
				future, err := f.MakeFuture(20, day, true)
				if err != nil {
					t.Fatal(err)
				}
				forecast := predict(t, f, with(future, "x", x), prophet.PredictOptions{})
				for i, y := range forecast.Yhat {
					if math.Abs(y-1000) > 60 {
						t.Fatalf("row %d: %v", i, y)
					}
				}
				o.Compat = true
				if g := fit(t, o, history).State().Regressors[0]; noise == 0 && (g.Mu != 0 || g.Std != 1) {
					t.Errorf("Compat: %+v", g)
				}
			})
		}
	}
}

// The components of a forecast add up to yhat with what the forecast itself holds.
func TestComponentsAddUpAboveAFloor(t *testing.T) {
	t.Parallel()
	for _, c := range withFloor {
		data := with(offset(), "cap", constant(1200))
		if c.frame != nil {
			data = c.frame(data)
		}
		o := prophet.Defaults()
		o.SeasonalityMode = prophet.Multiplicative
		c.set(&o)
		fc := predict(t, fit(t, o, data), nil, prophet.PredictOptions{})
		floor, mul, add := fc.Column("floor"), fc.Column("multiplicative_terms"), fc.Column("additive_terms")
		if floor == nil {
			t.Fatalf("%s: no column floor", c.name)
		}
		for i, y := range fc.Yhat {
			if sum := floor[i] + (fc.Trend[i]-floor[i])*(1+mul[i]) + add[i]; math.Abs(sum-y) > 1e-9*math.Abs(y) {
				t.Fatalf("%s, row %d: %v, but yhat is %v", c.name, i, sum, y)
			}
		}
	}
}
