package prophet_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/etfcast/etfcast/forecast/prophet"
	"github.com/etfcast/etfcast/forecast/prophet/csvfile"
	"github.com/etfcast/etfcast/internal/testenv"
)

// realSeries reads ds and y of one of the original's examples.
func realSeries(t testing.TB, name string) *prophet.Frame {
	t.Helper()
	folder := testenv.RealData.Value(t)
	file, err := os.Open(filepath.Join(folder, "prophet", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f, err := csvfile.ReadFrame(file, csvfile.Columns{Y: true})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The example with CR line ends has the 144 months that pandas reads.
func TestRealSeriesWithCarriageReturns(t *testing.T) {
	t.Parallel()
	f := realSeries(t, "example_air_passengers.csv")
	if f.Len() != 144 || f.DS[0] != prophet.DateOf(1949, time.January, 1) || f.Y[143] != 432 {
		t.Errorf("%d rows: %v", f.Len(), f.Y)
	}
}

// split splits a frame as the original's tests do: the last n rows are held out.
func split(f *prophet.Frame, n int) (train, test *prophet.Frame) {
	cut := f.DS[len(f.DS)-n]
	return f.Where(func(s prophet.Stamp) bool { return s < cut }), f.Where(func(s prophet.Stamp) bool { return s >= cut })
}

func fit(t testing.TB, o prophet.Options, f *prophet.Frame) *prophet.Fitted {
	t.Helper()
	m, err := prophet.New(o)
	if err != nil {
		t.Fatal(err)
	}
	fitted, err := m.Fit(t.Context(), f, prophet.FitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return fitted
}

func near(t testing.TB, name string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: got %v, want %v within %v", name, got, want, tolerance)
	}
}

// byPosition is the error that the original's tests check: forecasts for the 30 calendar days after the last training row,
// compared with the 30 held-out rows by position, not by date.
func byPosition(t testing.TB, f *prophet.Fitted, test *prophet.Frame) float64 {
	t.Helper()
	freq, err := prophet.ParseFreq("D")
	if err != nil {
		t.Fatal(err)
	}
	future, err := f.MakeFuture(len(test.DS), freq, false)
	if err != nil {
		t.Fatal(err)
	}
	fc, err := f.Predict(t.Context(), future, prophet.PredictOptions{NoIntervals: true})
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for i, v := range fc.Yhat {
		sum += (v - test.Y[i]) * (v - test.Y[i])
	}
	return math.Sqrt(sum / float64(len(test.Y)))
}

func TestPinnedErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, file string
		optimizer  prophet.Optimizer
		scaling    prophet.Scaling
		want, rel  float64
		logProb    float64 // 0 = unknown
	}{
		// The original's test suite, class TestFitPredictDefault.
		{"lbfgs absmax", "data.csv", prophet.Auto, prophet.AbsMax, 10.64, 0.1, 0},
		{"lbfgs minmax", "data.csv", prophet.Auto, prophet.MinMax, 11.13, 0.1, 0},
		{"newton absmax", "data.csv", prophet.Newton, prophet.AbsMax, 23.44, 0.01, 1147.2790},
		{"newton minmax", "data.csv", prophet.Newton, prophet.MinMax, 11.29, 0.01, 0},
		{"large numbers minmax", "data3.csv", prophet.Auto, prophet.MinMax, 93.45, 0.01, 166.8619},
		// The maximum, from an independent implementation of the same formulas.
		{"map absmax", "data.csv", prophet.MAP, prophet.AbsMax, 23.44371, 1e-6, 1147.29102805},
		{"map minmax", "data.csv", prophet.MAP, prophet.MinMax, 11.29339, 1e-5, 978.20310626},
		{"map large numbers minmax", "data3.csv", prophet.MAP, prophet.MinMax, 95.74, 1e-4, 166.9036},
	} {
		t.Run(c.name, func(t *testing.T) {
			train, test := split(realSeries(t, c.file), 30)
			o := prophet.Defaults()
			o.Optimizer, o.Scaling = c.optimizer, c.scaling
			f := fit(t, o, train)
			near(t, "rmse", byPosition(t, f, test), c.want, c.rel*c.want)
			if c.logProb != 0 {
				near(t, "log posterior", f.Report().LogPosterior, c.logProb, 1e-4)
			}
			t.Logf("%+v rmse %v", f.Report(), byPosition(t, f, test))
		})
	}
}
