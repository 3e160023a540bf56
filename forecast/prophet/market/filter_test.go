package market_test

import (
	"bytes"
	"math"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/drift"
	"github.com/etfcast/etfcast/forecast/prophet/market"
	"github.com/etfcast/etfcast/internal/testenv"
)

// until is the series up to a row.
func until(s forecast.Series, row int) forecast.Series {
	s.Sessions, s.Close, s.Origin = s.Sessions[:row+1], s.Close[:row+1], s.Sessions[row]
	if s.Steps != nil {
		s.Steps = s.Steps[:row+1]
	}
	return s
}

// models are the two volatilities.
func models(t testing.TB) []*market.Model {
	t.Helper()
	follows, err := market.New(market.Settings{Volatility: market.EWMA})
	if err != nil {
		t.Fatal(err)
	}
	return []*market.Model{market.Default(), follows}
}

func filter(t testing.TB, f forecast.Fitted, s forecast.Series) forecast.Fitted {
	t.Helper()
	next, err := f.(forecast.Filterer).Filter(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func predict(t testing.TB, f forecast.Fitted, targets []etf.Session) []etf.ForecastPoint {
	t.Helper()
	points, err := f.Predict(targets)
	if err != nil {
		t.Fatal(err)
	}
	return points
}

func components(t testing.TB, f forecast.Fitted, sessions []etf.Session) map[string][]float64 {
	t.Helper()
	parts, err := f.(forecast.Decomposer).Components(sessions)
	if err != nil {
		t.Fatal(err)
	}
	return parts
}

func diagnostic(t testing.TB, f forecast.Fitted, name string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(f.Diagnostics()[name], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A fit carried on has the fit's trend and seasonalities, and starts from the distance of the new last row from them.
func TestFilter(t *testing.T) {
	t.Parallel()
	for _, m := range models(t) {
		s, targets := closes(t, etf.XNYS, "2025-09-26", 1500)
		const at = 1460
		f, err := m.Fit(t.Context(), until(s, at), 5, nil)
		if err != nil {
			t.Fatal(err)
		}
		if same := filter(t, f, until(s, at)); !reflect.DeepEqual(predict(t, same, targets), predict(t, f, targets)) {
			t.Errorf("%s: over no rows the forecast changes", m.Name())
		}
		next := filter(t, f, s)
		points := predict(t, next, targets)
		if err := forecast.Check(points); err != nil {
			t.Error(err)
		}
		tails, err := next.(forecast.TailForecaster).Tails(targets)
		if err != nil || forecast.CheckTails(points, tails) != nil {
			t.Errorf("%s: tails %v (%v)", m.Name(), tails, err)
		}
		old, now := components(t, f, targets), components(t, next, targets)
		for name, want := range old {
			if name != "residual" && !reflect.DeepEqual(now[name], want) {
				t.Errorf("%s: component %s changes", m.Name(), name)
			}
		}
		last := components(t, f, s.Sessions[len(s.Sessions)-1:])
		e := math.Log(s.Close[len(s.Close)-1]/last["trend"][0]) - last["additive_terms"][0]
		phi := diagnostic(t, f, "phi")
		for h := range targets {
			if want := e * math.Pow(phi, float64(h+1)); math.Abs(now["residual"][h]-want) > 1e-9 {
				t.Errorf("%s, h=%d: residual %v, want %v", m.Name(), h+1, now["residual"][h], want)
			}
		}
		// The uncertainty begins anew: the interval is as wide as after the fit, in units of the innovations.
		width := func(f forecast.Fitted, target etf.Session) float64 {
			p := predict(t, f, []etf.Session{target})[0]
			return math.Log(p.Quantiles[6]/p.Quantiles[0]) / diagnostic(t, f, "innovation")
		}
		if r := width(next, targets[0]) / width(f, s.Sessions[at+1]); math.Abs(r-1) > .01 {
			t.Errorf("%s: the interval is %v times as wide", m.Name(), r)
		}
		var steps forecast.Fitted = f
		for i := at + 3; i < len(s.Close); i += 3 {
			part := until(s, i)
			if i%2 == 0 { // rows before the fit's origin may be absent
				part = part.Tail(4)
			}
			steps = filter(t, steps, part)
		}
		steps = filter(t, steps, s)
		for i, p := range predict(t, steps, targets) {
			for k, q := range p.Quantiles {
				if math.Abs(q/points[i].Quantiles[k]-1) > 1e-9 {
					t.Fatalf("%s: in steps quantile %d of h=%d is %v, at once %v", m.Name(), k, i+1, q, points[i].Quantiles[k])
				}
			}
		}
		blob, err := next.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		back, err := m.Restore(blob)
		if err != nil {
			t.Fatal(err)
		}
		if got := predict(t, back, targets); !reflect.DeepEqual(got, points) {
			t.Errorf("%s: read back, it forecasts something else", m.Name())
		}
		if again, err := back.MarshalBinary(); err != nil || !bytes.Equal(again, blob) {
			t.Errorf("%s: read back, it is stored as something else (%v)", m.Name(), err)
		}
		if !reflect.DeepEqual(predict(t, filter(t, back, s), targets), points) {
			t.Errorf("%s: read back, it can't be carried on", m.Name())
		}
		for name, bad := range map[string]forecast.Series{"too short": until(s, at-1), "without the origin": s.Tail(20), "empty": {}} {
			if _, err := f.(forecast.Filterer).Filter(t.Context(), bad); etf.KindOf(err) != etf.KindInvalid {
				t.Errorf("%s, %s: %v", m.Name(), name, err)
			}
		}
	}
}

// A wrong price does not start a forecast, as after a fit, nor does it enter the volatility.
func TestFilterDoubtsWrongPrices(t *testing.T) {
	t.Parallel()
	for _, m := range models(t) {
		s, targets := closes(t, etf.XNYS, "2025-09-26", 1000)
		f, err := m.Fit(t.Context(), until(s, 980), 5, nil)
		if err != nil {
			t.Fatal(err)
		}
		n := len(s.Close)
		for _, wrong := range [][]int{{n - 1}, {n - 2}, {n - 5, n - 1}} {
			bad := s
			bad.Close = slices.Clone(s.Close)
			for _, i := range wrong {
				bad.Close[i] *= 100
			}
			clean, got := predict(t, filter(t, f, s), targets), predict(t, filter(t, f, bad), targets)
			if r := got[0].Quantiles[3] / clean[0].Quantiles[3]; math.Abs(r-1) > .06 {
				t.Errorf("%s: with wrong prices in %v the median is %v times as high", m.Name(), wrong, r)
			}
			if r := (got[0].Quantiles[6] / got[0].Quantiles[0]) / (clean[0].Quantiles[6] / clean[0].Quantiles[0]); math.Abs(r-1) > .03 {
				t.Errorf("%s: with wrong prices in %v the interval is %v times as wide", m.Name(), wrong, r)
			}
		}
	}
}

// The innovations are as large as the average of the latest ones says, in the unit that it has been right in.
func TestVolatilityFollowsTheMarket(t *testing.T) {
	t.Parallel()
	s, targets := closes(t, etf.XNYS, "2025-09-26", 1500)
	const at = 1460
	x := math.Log(s.Close[at])
	for i := at + 1; i < len(s.Close); i++ { // 39 sessions of 3 % a day
		x += .03 * float64(i%2*2-1)
		s.Close[i] = math.Exp(x)
	}
	list := models(t)
	constant, err := list[0].Fit(t.Context(), until(s, at), 5, nil)
	if err != nil {
		t.Fatal(err)
	}
	follows, err := list[1].Fit(t.Context(), until(s, at), 5, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := components(t, constant, targets), components(t, follows, targets); !reflect.DeepEqual(a, b) {
		t.Error("the volatility changes the components")
	}
	// The average, from the components alone.
	root := func(row int) float64 {
		parts := components(t, constant, s.Sessions[:row+1])
		phi := diagnostic(t, constant, "phi")
		var squares, weights, before float64
		for i := range row + 1 {
			e := math.Log(s.Close[i]/parts["trend"][i]) - parts["additive_terms"][i]
			if i > 0 {
				u := e - phi*before
				squares, weights = .94*squares+u*u, .94*weights+1
			}
			before = e
		}
		return math.Sqrt(squares / weights)
	}
	for _, row := range []int{at + 1, at + 5, len(s.Close) - 1} {
		next := filter(t, follows, until(s, row))
		got, want := diagnostic(t, next, "innovation")/diagnostic(t, follows, "innovation"), root(row)/root(at)
		if math.Abs(got/want-1) > 1e-6 {
			t.Errorf("row %d: the innovations are %v times as large, want %v", row, got, want)
		}
		if same := filter(t, constant, until(s, row)); same.Diagnostics()["innovation"] != constant.Diagnostics()["innovation"] {
			t.Error("a constant volatility changes")
		}
	}
	wide := predict(t, filter(t, follows, s), targets)
	narrow := predict(t, filter(t, constant, s), targets)
	if r := math.Log(wide[0].Quantiles[6]/wide[0].Quantiles[0]) / math.Log(narrow[0].Quantiles[6]/narrow[0].Quantiles[0]); r < 2 || r > 3.5 {
		t.Errorf("after 39 sessions of 3 %% the interval is %.2f times that of a constant volatility of 1 %%", r)
	}
	// On a walk of constant volatility the scale is right: a normal variable's.
	if r := diagnostic(t, follows, "innovation") / root(at); r < .9 || r > 1.1 {
		t.Errorf("on a normal walk the innovations are %.3f of the average's root", r)
	}
}

// The default's parameters, and so the identities of the forecasts on record, are what they were before there was a choice.
func TestParamsOfTheDefaultStay(t *testing.T) {
	t.Parallel()
	list := models(t)
	const want = "d11ffc862e9b03f89b5176c3eca33d43f880150edafc3ae2301aa987cf1b2c07"
	if got := forecast.ParamsHash(list[0].Params()); got != want {
		t.Errorf("the parameters' hash is %s, want %s", got, want)
	}
	explicit, err := market.New(market.Settings{Volatility: market.Constant})
	if err != nil || explicit.Params() != list[0].Params() || explicit.Name() != "prophet" {
		t.Errorf("a volatility that is named: %v (%v)", explicit, err)
	}
	if list[1].Name() != "prophet-ewma" || list[1].Params() == list[0].Params() {
		t.Errorf("%s: %s", list[1].Name(), list[1].Params())
	}
	if back, err := market.EWMA.Parse(list[1].Params()); err != nil || back.Params() != list[1].Params() || back.Name() != list[1].Name() {
		t.Errorf("%s reads back as %v (%v)", list[1].Params(), back, err)
	}
	if _, err := market.Parse(list[1].Params()); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("prophet reads the parameters of prophet-ewma: %v", err)
	}
	if _, err := market.EWMA.Parse(list[0].Params()); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("prophet-ewma reads the parameters of prophet: %v", err)
	}
	if _, err := market.New(market.Settings{Volatility: "garch"}); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("an unknown volatility: %v", err)
	}
	s, _ := closes(t, etf.XNYS, "2025-09-26", 300)
	for i, m := range list {
		f, err := m.Fit(t.Context(), s, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		blob, err := f.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := list[1-i].Restore(blob); etf.KindOf(err) != etf.KindCorrupt {
			t.Errorf("%s reads a fit of %s: %v", list[1-i].Name(), m.Name(), err)
		}
		if format := []string{`{"format":2,`, `{"format":3,`}[i]; !bytes.HasPrefix(blob, []byte(format)) {
			t.Errorf("%s: a fit is stored as %.20s, want %s", m.Name(), blob, format)
		}
		for k := 0; k < len(blob); k += 97 {
			if _, err := m.Restore(blob[:k]); etf.KindOf(err) != etf.KindCorrupt {
				t.Fatalf("%s: the first %d bytes: %v", m.Name(), k, err)
			}
		}
	}
}

// On real closes a volatility that follows the market has the lower pinball loss one session ahead: lower than a constant one's, and close to the
// benchmark's. Fitted every 21 sessions and carried on in between, from row 750 on.
func TestPinballOnRealFunds(t *testing.T) {
	t.Parallel()
	folder := testenv.RealData.Value(t)
	for _, c := range []struct {
		path     string
		exchange etf.Exchange
	}{
		{"prices/yahoo/SPY.csv", etf.XNYS}, {"prices/yahoo/EEM.csv", etf.XNYS}, {"prices/krx/069500_D.csv", etf.XKRX}, {"prices/krx/152380_D.csv", etf.XKRX},
	} {
		s := readReal(t, folder, c.path, c.exchange).Tail(750 + 1260)
		losses := map[string]float64{}
		list := models(t)
		fits := make([]forecast.Fitted, len(list)+1)
		n := 0
		for at := 749; at+1 < len(s.Close); at++ {
			past := until(s, at)
			volatility := forecast.Volatility(past)
			for i, m := range []forecast.Model{list[0], list[1], drift.Default()} {
				var err error
				if carried, ok := fits[i].(forecast.Filterer); ok && (at-749)%21 != 0 {
					fits[i], err = carried.Filter(t.Context(), past)
				} else {
					fits[i], err = m.Fit(t.Context(), past, forecast.Seed(s.Symbol, m.Name(), past.Origin), nil)
				}
				if err != nil {
					t.Fatal(err)
				}
				p := predict(t, fits[i], s.Sessions[at+1:at+2])[0]
				for k, level := range etf.QuantileLevels {
					d := math.Log(s.Close[at+1] / p.Quantiles[k])
					losses[m.Name()] += max(level*d, (level-1)*d) / volatility
				}
			}
			n++
		}
		constant, follows := losses["prophet"]/losses["drift"], losses["prophet-ewma"]/losses["drift"]
		t.Logf("%s, %d origins: pinball loss relative to drift: prophet %.4f, prophet-ewma %.4f", s.Symbol, n, constant, follows)
		if follows >= constant || follows > 1.02 {
			t.Errorf("%s: pinball loss relative to drift: prophet %.4f, prophet-ewma %.4f", s.Symbol, constant, follows)
		}
	}
}

func BenchmarkFilterPredict(b *testing.B) {
	for _, m := range models(b) {
		for _, horizons := range []int{1, etf.MaxHorizon} {
			b.Run(m.Name()+"-"+strconv.Itoa(horizons), func(b *testing.B) {
				s, targets := closes(b, etf.XNYS, "2025-09-26", 2521)
				f, err := m.Fit(b.Context(), until(s, len(s.Close)-2), 5, nil)
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					predict(b, filter(b, f, s), targets[:horizons])
				}
			})
		}
	}
}
