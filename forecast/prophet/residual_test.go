package prophet_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

// autoregressive returns prices whose logarithm is a straight line plus an AR(1) process, on the sessions up to a date.
func autoregressive(t testing.TB, n int, phi, innovation float64, seed uint64) *prophet.Frame {
	t.Helper()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	sessions := cal.Sessions(etf.Window{From: cal.Range().From, To: etf.MustSession("2025-09-26")})
	sessions = sessions[len(sessions)-n:]
	rng := rand.New(rand.NewPCG(seed, 1))
	f := &prophet.Frame{}
	e := innovation / math.Sqrt(1-phi*phi) * rng.NormFloat64()
	for i, s := range sessions {
		f.DS, f.Y = append(f.DS, prophet.SessionStamp(s)), append(f.Y, math.Exp(4.6+0.3*float64(i)/float64(n)+e))
		e = phi*e + innovation*rng.NormFloat64()
	}
	return f
}

// The standard error of an AR(1) coefficient is sqrt((1-phi²)/n) (Box and Jenkins, section 7.2.6): 0.0097 at 0.9 and
// 0.0032 at 0.99 with 2,000 rows. Estimating trend, seasonalities and changepoints adds to it, above all near 1, so five
// standard errors are allowed; without integrating the coefficients out, the estimates would be too low by twice that.
func TestResidualAutocorrelationIsFound(t *testing.T) {
	t.Parallel()
	const n = 2000
	for _, phi := range []float64{0, 0.5, 0.9, 0.99} {
		for seed := range uint64(3) {
			o := prophet.Defaults()
			o.Market = prophet.MarketFor("XNYS")
			f := fit(t, o, autoregressive(t, n, phi, 0.01, seed))
			near(t, "phi", f.Report().Phi, phi, 5*math.Sqrt((1-phi*phi)/n)+0.002)
			near(t, "innovation", f.State().Params.SigmaObs[0]*f.State().YScale, 0.01, 0.0005)
			if g := f.Report().Gradient; !(g < 1e-4) {
				t.Errorf("phi %v: gradient %v at the maximum", phi, g)
			}
		}
	}
}

// A seasonality that the trend can't follow does not count as persistence.
func TestResidualAutocorrelationBesideSeasonality(t *testing.T) {
	t.Parallel()
	const n, phi = 1500, 0.5
	frame := autoregressive(t, n, phi, 0.01, 3)
	for i, s := range frame.DS {
		frame.Y[i] *= math.Exp(0.3 * math.Sin(2*math.Pi*float64(s)/float64(prophet.Day)/365.25))
	}
	o := prophet.Defaults()
	o.Market = prophet.MarketFor("XNYS")
	near(t, "phi", fit(t, o, frame).Report().Phi, phi, 5*math.Sqrt((1-phi*phi)/n))
}

// The forecast starts from the last close: after one session the residual has faded by phi and the standard deviation is
// one innovation. A row of the history is forecast from the previous row.
func TestForecastStartsFromTheLastClose(t *testing.T) {
	t.Parallel()
	frame := autoregressive(t, 1500, 0.98, 0.01, 9)
	o := prophet.Defaults()
	o.Market, o.UncertaintySamples, o.IntervalWidth = prophet.MarketFor("XNYS"), 20_000, 0.9
	f := fit(t, o, frame)
	future, err := f.MakeFuture(21, prophet.Freq{}, true)
	if err != nil {
		t.Fatal(err)
	}
	fc, err := f.Predict(t.Context(), future, prophet.PredictOptions{})
	if err != nil {
		t.Fatal(err)
	}
	trend, additive, residual := fc.Column("trend"), fc.Column("additive_terms"), fc.Column("residual")
	phi, sd := f.Report().Phi, f.Report().Innovation*f.State().YScale
	e := func(i int) float64 { return math.Log(frame.Y[i]) - math.Log(trend[i]) - additive[i] }
	last := len(frame.DS) - 1
	for i := 1; i < len(fc.DS); i++ {
		near(t, "yhat", math.Log(fc.Yhat[i]), math.Log(trend[i])+additive[i]+residual[i], 1e-12)
		h := i - last
		want := math.Pow(phi, float64(max(h, 1))) * e(min(i-1, last))
		if i <= last { // no row is missing, so every step is one session
			want = phi * e(i-1)
			near(t, "width", math.Log(fc.YhatUpper[i]/fc.YhatLower[i]), 2*1.6448536269514722*sd, 1e-9) // 5 % and 95 % of N(0,1)
		}
		near(t, "residual", residual[i], want, 1e-12)
	}
	// At 21 sessions the spread is the process's own plus a little for future rate changes.
	var trendWidth float64
	kept := math.Pow(phi, 21)
	process := sd * math.Sqrt((1-kept*kept)/(1-phi*phi))
	trendWidth = math.Log(fc.TrendUpper[last+21]/fc.TrendLower[last+21]) / (2 * 1.6448536269514722)
	got := math.Log(fc.YhatUpper[last+21]/fc.YhatLower[last+21]) / (2 * 1.6448536269514722)
	near(t, "spread at 21 sessions", got, math.Hypot(process, trendWidth), 0.05*process)
}

// A requested weekend in between counts no step: Monday's forecast is the same.
func TestResidualTakesNoStepOnClosedDays(t *testing.T) {
	t.Parallel()
	o := prophet.Defaults()
	o.Market = prophet.MarketFor("XNYS")
	f := fit(t, o, autoregressive(t, 600, 0.98, 0.01, 2)) // ends on Friday 2025-09-26
	monday := &prophet.Frame{DS: []prophet.Stamp{prophet.DateOf(2025, 9, 29)}}
	both := &prophet.Frame{DS: []prophet.Stamp{prophet.DateOf(2025, 9, 27), prophet.DateOf(2025, 9, 29)}}
	one, err := f.Predict(t.Context(), monday, prophet.PredictOptions{})
	if err != nil {
		t.Fatal(err)
	}
	two, err := f.Predict(t.Context(), both, prophet.PredictOptions{})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "yhat of Monday", two.Yhat[1], one.Yhat[0], 1e-12)
	near(t, "width of Monday", (two.YhatUpper[1]-two.YhatLower[1])/(one.YhatUpper[0]-one.YhatLower[0]), 1, 0.1)
}
