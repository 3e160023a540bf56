package prophet_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

// prices returns a seeded random walk of prices on the sessions of an exchange.
func prices(t testing.TB, exchange etf.Exchange, from, to string, seed uint64) *prophet.Frame {
	t.Helper()
	cal, err := calendar.For(exchange)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, 22))
	f := &prophet.Frame{}
	x := math.Log(100)
	for _, s := range cal.Sessions(etf.Window{From: etf.MustSession(from), To: etf.MustSession(to)}) {
		x += 0.0003 + 0.01*rng.NormFloat64()
		f.DS, f.Y = append(f.DS, prophet.SessionStamp(s)), append(f.Y, math.Exp(x))
	}
	return f
}

// On a logarithmic scale every forecast is positive, however steep the trend and however far ahead.
func TestLogScaleIsPositive(t *testing.T) {
	t.Parallel()
	frame := daily(prophet.DateOf(2020, 1, 1), 200)
	rng := rand.New(rand.NewPCG(23, 23))
	for i := range frame.DS {
		frame.Y = append(frame.Y, 100*math.Exp(-0.02*float64(i)+0.3*rng.NormFloat64()))
	}
	for _, growth := range []prophet.Growth{prophet.Linear, prophet.Flat} {
		for _, scaling := range []prophet.Scaling{prophet.AbsMax, prophet.MinMax} {
			o := prophet.Defaults()
			o.Market.LogScale, o.Growth, o.Scaling = true, growth, scaling
			f := fit(t, o, frame)
			fc := predict(t, f, future(t, f, 400, "D", true), prophet.PredictOptions{Levels: []float64{0.001, 0.999}})
			for _, x := range [][]float64{fc.Yhat, fc.YhatLower, fc.YhatUpper, fc.Trend, fc.TrendLower, fc.TrendUpper, fc.Mean, fc.Quantiles[0], fc.Quantiles[1]} {
				if !(slices.Min(x) > 0) {
					t.Fatalf("%s %s: a forecast of %v", growth, scaling, slices.Min(x))
				}
			}
			for _, x := range samples(t, f, future(t, f, 30, "D", false), prophet.PredictOptions{Samples: 100}).Yhat {
				if !(slices.Min(x) > 0) {
					t.Fatalf("%s %s: a path at %v", growth, scaling, slices.Min(x))
				}
			}
			// Without it, forecasts of the same series go below 0.
			o.Market.LogScale = false
			g := fit(t, o, frame)
			if low := slices.Min(predict(t, g, future(t, g, 400, "D", true), prophet.PredictOptions{}).YhatLower); low > 0 {
				t.Errorf("%s %s: on the plain scale the lowest bound is %v; the test proves nothing", growth, scaling, low)
			}
		}
	}
}

// Fitting on a logarithmic scale means fitting the logarithm: the parameters are the same, and the forecast is the exp of
// the same forecast. The mean of a lognormal is its median times exp(sigma²/2).
func TestLogScaleIsTheLogarithm(t *testing.T) {
	t.Parallel()
	data := prices(t, etf.XNYS, "2019-01-02", "2021-12-31", 1)
	logs := with(data, "y", func(i int) float64 { return math.Log(data.Y[i]) })
	o := prophet.Defaults()
	o.Scaling = prophet.MinMax // the other scaling is not the same for logarithms
	plain := fit(t, o, logs)
	o.Market.LogScale = true
	f := fit(t, o, data)
	if a, b := plain.State().Params, f.State().Params; !slices.Equal(a.Beta[0], b.Beta[0]) || !slices.Equal(a.Delta[0], b.Delta[0]) {
		t.Fatal("the parameters differ from those of a fit to the logarithm")
	}
	frame := future(t, f, 60, "B", true)
	x, y := predict(t, plain, frame, prophet.PredictOptions{Levels: []float64{0.3}}), predict(t, f, frame, prophet.PredictOptions{Levels: []float64{0.3}})
	for _, column := range []string{"yhat", "yhat_lower", "yhat_upper", "trend", "trend_lower", "trend_upper"} {
		for i, v := range x.Column(column) {
			near(t, column, y.Column(column)[i], math.Exp(v), 1e-9*math.Exp(v))
		}
	}
	s := f.State()
	sd := s.Params.SigmaObs[0] * s.YScale
	for i := range y.DS {
		near(t, "quantile", y.Quantiles[0][i], math.Exp(x.Quantiles[0][i]), 1e-9*y.Yhat[i])
		near(t, "trend times the additive terms", y.Trend[i]*math.Exp(y.Component("additive_terms").Value[i]), y.Yhat[i], 1e-9*y.Yhat[i])
		if i < data.Len() {
			near(t, "mean", y.Mean[i], y.Yhat[i]*math.Exp(sd*sd/2), 1e-9*y.Yhat[i])
		}
		if !(y.YhatLower[i] < y.Yhat[i] && y.Yhat[i] < y.YhatUpper[i]) {
			t.Errorf("row %d: yhat %v is not between %v and %v", i, y.Yhat[i], y.YhatLower[i], y.YhatUpper[i])
		}
	}
	out := samples(t, f, frame, prophet.PredictOptions{})
	last := len(y.DS) - 1
	near(t, "mean of the future", y.Mean[last], meanOf(out.Yhat[last]), 0.05*y.Mean[last])
	if x.Mean != nil {
		t.Error("the forecast has a mean without a logarithmic scale")
	}
}

// On Monday-to-Friday rows the weekday basis gives Saturday and Sunday no effect, and weekdays have the same forecast as
// the plain maximum.
func TestWeekdayBasisOnTradingDays(t *testing.T) {
	t.Parallel()
	data := prices(t, etf.XNYS, "2019-01-02", "2021-12-31", 2)
	o := prophet.Defaults()
	plain := fit(t, o, data)
	o.Market.WeekdayBasis = true
	f := fit(t, o, data)
	frame := future(t, f, 60, "D", true)
	x, y := predict(t, plain, frame, prophet.PredictOptions{NoIntervals: true}), predict(t, f, frame, prophet.PredictOptions{NoIntervals: true})
	weekly, without := y.Component("weekly").Value, x.Component("weekly").Value
	var most, worst, plainWeekend float64
	for i, s := range y.DS {
		if d := s.Weekday(); d == 0 || d == 6 {
			near(t, "weekend effect", weekly[i], 0, 1e-9*slices.Max(data.Y))
			plainWeekend = max(plainWeekend, math.Abs(without[i]))
			continue
		}
		most = max(most, math.Abs(weekly[i]))
		worst = max(worst, math.Abs(x.Yhat[i]-y.Yhat[i])/x.Yhat[i])
	}
	if most == 0 || len(weekly) == 0 {
		t.Error("no weekday has an effect")
	}
	if worst > 2e-3 {
		t.Errorf("forecasts of weekdays are %v of the price away from the plain maximum", worst)
	}
	if plainWeekend < 1 {
		t.Errorf("without the basis the weekend's effect is only %v; the test proves nothing", plainWeekend)
	}
	t.Logf("weekdays within %.1e of the plain maximum; the weekend's effect was %.1f", worst, plainWeekend)
	if a, b := f.Report().LogPosterior, plain.Report().LogPosterior; a > b {
		t.Errorf("log posterior %v above the unrestricted maximum %v", a, b)
	}
	if n := len(f.State().Params.Beta[0]); n != len(plain.State().Params.Beta[0]) {
		t.Errorf("%d coefficients, want as many as without the basis", n)
	}
	// With every optimizer and with sampling.
	for _, set := range []func(*prophet.Options){
		func(o *prophet.Options) { o.Optimizer = prophet.LBFGS },
		func(o *prophet.Options) { o.Optimizer, o.YearlySeasonality = prophet.Newton, prophet.SeasonalOff },
		func(o *prophet.Options) { o.MCMCSamples, o.YearlySeasonality = 20, prophet.SeasonalOff },
	} {
		o := o
		set(&o)
		g := fit(t, o, first(data, 300))
		fc := predict(t, g, daily(prophet.DateOf(2022, 1, 1), 2), prophet.PredictOptions{NoIntervals: true}) // a weekend
		for _, v := range fc.Component("weekly").Value {
			near(t, "weekend effect", v, 0, 1e-9*slices.Max(data.Y))
		}
	}
}

// With session time the trend does not change while the exchange is closed: over a weekend and over Chuseok 2025 in Korea
// (no session from October 3 to 9).
func TestSessionTime(t *testing.T) {
	t.Parallel()
	data := prices(t, etf.XKRX, "2022-01-03", "2025-09-30", 3)
	o := prophet.Defaults()
	o.Market = prophet.Market{Exchange: "XKRX", SessionTime: true}
	o.WeeklySeasonality, o.YearlySeasonality = prophet.SeasonalOff, prophet.SeasonalOff
	f := fit(t, o, data)
	fc := predict(t, f, daily(prophet.DateOf(2025, 10, 1), 20), prophet.PredictOptions{NoIntervals: true})
	step := fc.Trend[1] - fc.Trend[0] // October 2 minus October 1
	if math.Abs(step) < 1e-9 {
		t.Fatal("the trend is level; the test proves nothing")
	}
	for i := 2; i <= 8; i++ { // October 3 to 9
		if fc.Trend[i] != fc.Trend[1] {
			t.Errorf("%s: trend %v, want October 2's, %v", fc.DS[i], fc.Trend[i], fc.Trend[1])
		}
	}
	near(t, "step to October 10", fc.Trend[9]-fc.Trend[8], step, 1e-9)
	for i := 10; i <= 11; i++ { // the weekend of October 11
		if fc.Trend[i] != fc.Trend[9] {
			t.Errorf("%s: trend %v, want Friday's, %v", fc.DS[i], fc.Trend[i], fc.Trend[9])
		}
	}
	// On the plain clock it moves every day.
	o.Market = prophet.Market{}
	plain := predict(t, fit(t, o, data), daily(prophet.DateOf(2025, 10, 1), 20), prophet.PredictOptions{NoIntervals: true})
	near(t, "on the plain clock", plain.Trend[9]-plain.Trend[1], 8*(plain.Trend[1]-plain.Trend[0]), 1e-9)
	// Scaled time is proportional to the session's number.
	s := f.State()
	for i, v := range s.History.T {
		near(t, "scaled time", v, float64(i)/float64(len(s.History.T)-1), 1e-12)
	}
}

// Future frames of a market model are sessions.
func TestFutureSessions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		exchange etf.Exchange
		to       string
		want     []prophet.Stamp
	}{
		{"Thanksgiving 2025", etf.XNYS, "2025-11-25", dates("2025-11-26", "2025-11-28", "2025-12-01")},
		{"Chuseok 2025", etf.XKRX, "2025-10-01", dates("2025-10-02", "2025-10-10", "2025-10-13")},
		{"Christmas 2025 in New York", etf.XNYS, "2025-12-23", dates("2025-12-24", "2025-12-26", "2025-12-29")},
		{"the end of the year in Korea", etf.XKRX, "2025-12-29", dates("2025-12-30", "2026-01-02", "2026-01-05")},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := prices(t, c.exchange, "2024-01-02", c.to, 4)
			o := prophet.Defaults()
			o.Market = prophet.MarketFor(string(c.exchange))
			f := fit(t, o, data)
			if got := future(t, f, 3, "", false).DS; !slices.Equal(got, c.want) {
				t.Errorf("with the model's exchange: %v, want %v", got, c.want)
			}
			all := future(t, f, 3, "", true).DS
			if len(all) != data.Len()+3 || !slices.Equal(all[data.Len():], c.want) {
				t.Errorf("with the history: %v", all[max(0, len(all)-4):])
			}
			plain := fit(t, prophet.Defaults(), data)
			if got := future(t, plain, 3, "session:"+string(c.exchange), false).DS; !slices.Equal(got, c.want) {
				t.Errorf("with the named frequency: %v, want %v", got, c.want)
			}
			fc := predict(t, f, future(t, f, 3, "", true), prophet.PredictOptions{})
			if slices.Min(fc.YhatLower) <= 0 {
				t.Error("a bound is not positive")
			}
		})
	}
}

// SessionHolidays adds two effects to the sessions next to a weekday without trading.
func TestSessionHolidays(t *testing.T) {
	t.Parallel()
	data := prices(t, etf.XNYS, "2023-01-03", "2025-10-31", 5)
	o := prophet.Defaults()
	o.Market = prophet.Market{Exchange: "XNYS", SessionHolidays: true}
	f := fit(t, o, data)
	if names := f.State().TrainHolidayNames; !slices.Equal(slices.Sorted(slices.Values(names)), []string{"after_closure", "before_closure"}) {
		t.Fatalf("holidays %v", names)
	}
	frame := daily(prophet.DateOf(2025, 11, 24), 40)
	fc := predict(t, f, frame, prophet.PredictOptions{NoIntervals: true})
	before, after := fc.Component("before_closure").Value, fc.Component("after_closure").Value
	on := func(list ...string) map[prophet.Stamp]bool {
		out := map[prophet.Stamp]bool{}
		for _, d := range dates(list...) {
			out[d] = true
		}
		return out
	}
	// Thanksgiving November 27, Christmas December 25, New Year January 1.
	wantBefore, wantAfter := on("2025-11-26", "2025-12-24", "2025-12-31"), on("2025-11-28", "2025-12-26", "2026-01-02")
	for i, s := range fc.DS {
		if (before[i] != 0) != wantBefore[s] || (after[i] != 0) != wantAfter[s] {
			t.Errorf("%s: before %v, after %v", s, before[i], after[i])
		}
	}
	if fc.Component("holidays") == nil {
		t.Error("there is no component for all holidays")
	}
	// A single row far from the others also has its closure's effect: Independence Day 2027 is a Sunday, observed on Monday
	// July 5.
	alone := predict(t, f, &prophet.Frame{DS: dates("2027-07-06")}, prophet.PredictOptions{NoIntervals: true})
	near(t, "after the closure, alone", alone.Component("after_closure").Value[0], after[4], 1e-12)
}

func TestMarketRefusals(t *testing.T) {
	t.Parallel()
	data := prices(t, etf.XNYS, "2023-01-03", "2023-06-30", 6)
	ar := prophet.Market{Exchange: "XNYS", SessionTime: true, ResidualAR1: true}
	for _, c := range []struct {
		name   string
		market prophet.Market
		growth prophet.Growth
		field  string
		set    func(*prophet.Options)
	}{
		{"unknown exchange", prophet.Market{Exchange: "XPAR"}, prophet.Linear, "market.exchange", nil},
		{"session time without an exchange", prophet.Market{SessionTime: true}, prophet.Linear, "market.exchange", nil},
		{"session holidays without an exchange", prophet.Market{SessionHolidays: true}, prophet.Linear, "market.exchange", nil},
		{"logarithm and saturation", prophet.Market{LogScale: true}, prophet.Logistic, "market.log_scale", nil},
		{"residual without session time", prophet.Market{Exchange: "XNYS", ResidualAR1: true}, prophet.Linear, "market.residual_ar1", nil},
		{"residual and saturation", ar, prophet.Logistic, "market.residual_ar1", nil},
		{"residual and sampling", ar, prophet.Linear, "market.residual_ar1", func(o *prophet.Options) { o.MCMCSamples = 100 }},
		{"residual and another optimizer", ar, prophet.Linear, "market.residual_ar1", func(o *prophet.Options) { o.Optimizer = prophet.LBFGS }},
		{"residual and multiplicative terms", ar, prophet.Linear, "holidays_mode", func(o *prophet.Options) { o.SeasonalityMode = prophet.Multiplicative }},
		{"logarithm and a multiplicative seasonality", prophet.Market{LogScale: true}, prophet.Linear, "seasonalities[0].mode", func(o *prophet.Options) {
			o.Seasonalities = []prophet.Seasonality{{Name: "monthly", Period: 30, FourierOrder: 2, Mode: prophet.Multiplicative}}
		}},
		{"logarithm and a multiplicative regressor", prophet.Market{LogScale: true}, prophet.Linear, "regressors[0].mode", func(o *prophet.Options) {
			o.Regressors = []prophet.Regressor{{Name: "x", Mode: prophet.Multiplicative}}
		}},
	} {
		o := prophet.Defaults()
		o.Market, o.Growth = c.market, c.growth
		if c.set != nil {
			c.set(&o)
		}
		_, err := prophet.New(o)
		t.Run(c.name, func(t *testing.T) { refused(t, err, c.field) })
	}
	fitting := func(m prophet.Market, f *prophet.Frame) error {
		o := prophet.Defaults()
		o.Market = m
		model, err := prophet.New(o)
		if err != nil {
			t.Fatal(err)
		}
		_, err = model.Fit(t.Context(), f, prophet.FitOptions{})
		return err
	}
	for _, v := range []float64{0, -1} {
		bad := data.Rows(rangeTo(data.Len()))
		bad.Y[3] = v
		refused(t, fitting(prophet.Market{LogScale: true}, bad), "y[3]")
	}
	hours := data.Rows(rangeTo(data.Len()))
	hours.DS[5] += prophet.Hour
	refused(t, fitting(prophet.Market{WeekdayBasis: true}, hours), "market.weekday_basis")
	old := &prophet.Frame{DS: dates("1950-01-03", "1950-01-04", "1950-01-05"), Y: []float64{1, 2, 3}}
	refused(t, fitting(prophet.Market{Exchange: "XNYS", SessionTime: true}, old), "ds")
	weekend := &prophet.Frame{DS: dates("2023-07-08", "2023-07-09"), Y: []float64{1, 2}}
	refused(t, fitting(prophet.Market{Exchange: "XNYS", SessionTime: true}, weekend), "ds")
	// Beyond the calendar: a prediction, and a future frame.
	o := prophet.Defaults()
	o.Market = prophet.Market{Exchange: "XNYS", SessionTime: true}
	f := fit(t, o, data)
	_, err := f.Predict(t.Context(), &prophet.Frame{DS: dates("2050-01-03")}, prophet.PredictOptions{})
	refused(t, err, "ds")
	if _, err = f.MakeFuture(10_000, prophet.Freq{}, false); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("10,000 sessions ahead: %v, want a refusal", err)
	}
}

// A market model restored from its state is the same model, and a state outside its calendar is refused.
func TestMarketStateRoundTrip(t *testing.T) {
	t.Parallel()
	data := prices(t, etf.XNYS, "2022-01-03", "2025-06-30", 7)
	for _, market := range []prophet.Market{prophet.MarketFor("XNYS"), {Exchange: "XNYS", LogScale: true, SessionTime: true}, {WeekdayBasis: true}, {Exchange: "XNYS", SessionHolidays: true}} {
		o := prophet.Defaults()
		o.Market = market
		f := fit(t, o, data)
		again, err := prophet.FromState(f.State())
		if err != nil {
			t.Fatal(err)
		}
		for _, frame := range []*prophet.Frame{nil, future(t, f, 20, "session:XNYS", true)} {
			a, b := predict(t, f, frame, prophet.PredictOptions{}), predict(t, again, frame, prophet.PredictOptions{})
			for _, column := range a.ColumnNames()[1:] {
				if !slices.Equal(a.Column(column), b.Column(column)) {
					t.Errorf("%+v: %s differs", market, column)
				}
			}
		}
	}
	o := prophet.Defaults()
	o.Market = prophet.MarketFor("XNYS")
	f := fit(t, o, data)
	restoring := func(set func(*prophet.State)) func() error {
		return func() error {
			s := copyState(f.State())
			set(&s)
			_, err := prophet.FromState(s)
			return err
		}
	}
	checkRefusals(t, []refusal{
		{"start before the calendar", etf.KindInvalid, "ds", restoring(func(s *prophet.State) { s.Start = prophet.DateOf(1950, 1, 3) })},
		{"changepoint after the calendar", etf.KindInvalid, "ds", restoring(func(s *prophet.State) { s.Changepoints[24] = prophet.DateOf(2099, 1, 2) })},
		{"row after the calendar", etf.KindInvalid, "ds", restoring(func(s *prophet.State) { s.History.DS[len(s.History.DS)-1] = prophet.DateOf(2099, 1, 2) })},
		{"phi of 1", etf.KindCorrupt, "report.phi", restoring(func(s *prophet.State) { s.Report.Phi = 1 })},
		{"df of 3", etf.KindCorrupt, "report.df", restoring(func(s *prophet.State) { s.Report.DF = 3 })},
		{"slope NaN", etf.KindCorrupt, "report.slope", restoring(func(s *prophet.State) { s.Report.Slope = math.NaN() })},
		{"phi NaN", etf.KindCorrupt, "report.phi", restoring(func(s *prophet.State) { s.Report.Phi = math.NaN() })},
		{"sessions beyond the calendar", etf.KindInvalid, "session", func() error {
			_, err := f.MakeFuture(10_000, prophet.Freq{}, false)
			return err
		}},
	})
}
