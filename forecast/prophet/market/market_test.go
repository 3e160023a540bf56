package market_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/prophet"
	"github.com/etfcast/etfcast/forecast/prophet/market"
)

// closes is a seeded random walk over the last n sessions up to the origin.
func closes(t testing.TB, exchange etf.Exchange, origin string, n int) (forecast.Series, []etf.Session) {
	t.Helper()
	cal, err := calendar.For(exchange)
	if err != nil {
		t.Fatal(err)
	}
	last := etf.MustSession(origin)
	sessions := cal.Sessions(etf.Window{From: cal.Range().From, To: last})
	sessions = sessions[len(sessions)-n:]
	s := forecast.Series{Symbol: "TEST", Exchange: exchange, Sessions: sessions, Origin: last}
	rng := rand.New(rand.NewPCG(11, uint64(n)))
	x := math.Log(100)
	for range sessions {
		x += 0.0003 + 0.01*rng.NormFloat64()
		s.Close = append(s.Close, math.Exp(x))
	}
	targets, err := forecast.Targets(cal, last, etf.MaxHorizon)
	if err != nil {
		t.Fatal(err)
	}
	return s, targets
}

func TestModelForecasts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		exchange etf.Exchange
		origin   string
		rows     int
	}{
		{etf.XNYS, "2025-09-26", 2600}, {etf.XKRX, "2025-10-02", 800}, {etf.XNYS, "2025-11-26", market.DefaultMinRows},
	} {
		p := market.Default()
		s, targets := closes(t, c.exchange, c.origin, c.rows)
		fitted, err := p.Fit(t.Context(), s, 5, nil)
		if err != nil {
			t.Fatal(err)
		}
		points, err := fitted.Predict(targets)
		if err != nil {
			t.Fatal(err)
		}
		if err := forecast.Check(points); err != nil {
			t.Error(err)
		}
		again, err := p.Fit(t.Context(), s, 5, nil)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := again.Predict(targets); err != nil || !reflect.DeepEqual(same, points) {
			t.Errorf("%s: a second fit forecasts something else (%v)", c.exchange, err)
		}
		if tail, err := p.Fit(t.Context(), s.Tail(p.MaxRows()), 5, nil); err != nil {
			t.Error(err)
		} else if same, _ := tail.Predict(targets); !reflect.DeepEqual(same, points) {
			t.Error("the last MaxRows rows do not give the same forecast as all rows")
		}
		if other, err := p.Fit(t.Context(), s, 6, nil); err != nil {
			t.Error(err)
		} else if same, _ := other.Predict(targets); reflect.DeepEqual(same, points) {
			t.Error("another seed gives the same quantiles")
		}
		if d := fitted.Diagnostics(); d["status"] != "ok" || d["rows"] == "" || d["from"] != s.Tail(p.MaxRows()).Sessions[0].String() {
			t.Errorf("diagnostics %v", d)
		}

		parts, err := fitted.(forecast.Decomposer).Components(targets)
		if err != nil {
			t.Fatal(err)
		}
		weekly := 0.0
		for i := range targets {
			weekly = max(weekly, math.Abs(parts["weekly"][i]))
			// The median of the simulated paths is near their centre, trend * exp(additive_terms + residual).
			if got, want := points[i].Quantiles[3], parts["trend"][i]*math.Exp(parts["additive_terms"][i]+parts["residual"][i]); math.Abs(got-want) > 0.02*got {
				t.Errorf("median %v, want about %v", got, want)
			}
			sum := parts["weekly"][i] + parts["holidays"][i]
			if y, ok := parts["yearly"]; ok {
				sum += y[i]
			}
			if got := parts["additive_terms"][i]; math.Abs(got-sum) > 1e-12 {
				t.Errorf("the components add up to %v, want %v", sum, got)
			}
		}
		if weekly == 0 || weekly > 0.05 {
			t.Errorf("largest weekly effect %v", weekly)
		}

		blob, err := fitted.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		back, err := p.Restore(blob)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{1, len(targets)} {
			want, _ := fitted.Predict(targets[:n])
			if got, err := back.Predict(targets[:n]); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("the restored fit forecasts something else: %v", err)
			}
		}
		if second, err := back.MarshalBinary(); err != nil || !bytes.Equal(second, blob) {
			t.Errorf("the restored fit is stored as something else: %v", err)
		}
		if !reflect.DeepEqual(back.Diagnostics(), fitted.Diagnostics()) {
			t.Error("the restored fit has other diagnostics")
		}
		if len(blob) > 16*1024 {
			t.Errorf("a fit takes %d bytes", len(blob))
		}
		for i := 0; i < len(blob); i += 7 {
			if _, err := p.Restore(blob[:i]); etf.KindOf(err) != etf.KindCorrupt {
				t.Fatalf("a blob truncated to %d bytes: %v", i, err)
			}
		}
	}
}

func TestModelRefuses(t *testing.T) {
	t.Parallel()
	p := market.Default()
	s, targets := closes(t, etf.XNYS, "2025-09-26", 300)
	if _, err := p.Fit(t.Context(), s.Tail(market.DefaultMinRows-1), 1, nil); etf.KindOf(err) != etf.KindInvalid || err == nil {
		t.Errorf("too few rows: %v", err)
	}
	fitted, err := p.Fit(t.Context(), s, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fitted.Predict(targets[1:]); err != nil {
		t.Errorf("targets that leave out a session are still after the origin: %v", err)
	}
	if _, err := fitted.Predict([]etf.Session{s.Origin}); etf.KindOf(err) != etf.KindInvalid || err == nil {
		t.Errorf("the origin as target: %v", err)
	}
	for name, set := range map[string]market.Settings{
		"window":   {Window: 10, MinRows: 20},
		"min_rows": {MinRows: 1},
	} {
		if _, err := market.New(set); etf.KindOf(err) != etf.KindInvalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, blob := range []string{`{}`, `{"format":1,"model":"drift"}`, `{"format":2,"model":"prophet"}`, `{"format":1,"model":"prophet","gap":1}`, ``} {
		if _, err := p.Restore([]byte(blob)); etf.KindOf(err) != etf.KindCorrupt {
			t.Errorf("%q: %v", blob, err)
		}
	}
}

// A change of the parameters changes every forecast's identity, so it must be deliberate.
func TestModelParams(t *testing.T) {
	t.Parallel()
	want := `{"changepoint_prior_scale":0.05`
	got := market.Default().Params()
	if len(got) < len(want) || got[:len(want)] != want {
		t.Errorf("params %s", got)
	}
	for _, part := range []string{"log_scale", "weekday_basis", "session_time", "session_holidays", "residual_ar1"} {
		if !strings.Contains(got, `"`+part+`":true`) {
			t.Errorf("params do not say that %s is on: %s", part, got)
		}
	}
	if strings.Contains(got, "XNYS") || strings.Contains(got, "seed") {
		t.Errorf("params contain what differs from forecast to forecast: %s", got)
	}
	o := prophet.Defaults()
	o.ChangepointPriorScale = 0.1
	other, err := market.New(market.Settings{Options: &o})
	if err != nil {
		t.Fatal(err)
	}
	if other.Params() == got {
		t.Error("another prior scale gives the same parameters")
	}
}

// A fit stored by 0.1.0 does not say in which order its seasonalities are computed: it is the earlier one.
func TestStoredFitsKeepTheirArithmetic(t *testing.T) {
	t.Parallel()
	p := market.Default()
	s, targets := closes(t, etf.XNYS, "2025-09-26", 600)
	fitted, err := p.Fit(t.Context(), s, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	blob, err := fitted.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	const now = `,"fourier":"1.5.0"`
	if bytes.Count(blob, []byte(now)) != 1 {
		t.Fatalf("the fit does not say %s", now)
	}
	back, err := p.Restore(bytes.Replace(blob, []byte(now), nil, 1))
	if err != nil {
		t.Fatal(err)
	}
	again, err := back.MarshalBinary()
	if err != nil || !bytes.Contains(again, []byte(`,"fourier":""`)) {
		t.Errorf("stored again (%v), the fit does not say that its order is the earlier one", err)
	}
	a, err := fitted.Predict(targets)
	if err != nil {
		t.Fatal(err)
	}
	b, err := back.Predict(targets)
	if err != nil {
		t.Fatal(err)
	}
	if reflect.DeepEqual(a, b) {
		t.Error("the orders give the same bits: they can't be told apart")
	}
	for i := range a {
		if d := math.Abs(a[i].Quantiles[3]/b[i].Quantiles[3] - 1); d > 1e-9 {
			t.Errorf("the medians differ by %v", d)
		}
	}
}

// The tails come from the simulation that gives the quantiles: they enclose them, are what the restored fit gives, and asking for them
// does not change a bit of the quantiles, which are those of a simulation without tails.
func TestTails(t *testing.T) {
	t.Parallel()
	for _, exchange := range []etf.Exchange{etf.XNYS, etf.XKRX} {
		p := market.Default()
		s, targets := closes(t, exchange, "2025-09-26", 700)
		fit, err := p.Fit(t.Context(), s, 5, nil)
		if err != nil {
			t.Fatal(err)
		}
		blob, err := fit.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		restored, err := p.Restore(blob)
		if err != nil {
			t.Fatal(err)
		}
		tails, err := fit.(forecast.TailForecaster).Tails(targets)
		if err != nil {
			t.Fatal(err)
		}
		points, err := restored.Predict(targets)
		if err != nil {
			t.Fatal(err)
		}
		if err := forecast.CheckTails(points, tails); err != nil {
			t.Error(err)
		}
		if again, err := restored.(forecast.TailForecaster).Tails(targets); err != nil || !reflect.DeepEqual(again, tails) {
			t.Errorf("%s: the restored fit has other tails (%v)", exchange, err)
		}
		few, err := restored.(forecast.TailForecaster).Tails(targets[:3])
		if err != nil || len(few) != 3 {
			t.Errorf("%s: %d tails of 3 targets (%v)", exchange, len(few), err)
		}
		o := prophet.MarketDefaults(string(exchange))
		o.Seed = 5
		model, err := prophet.New(o)
		if err != nil {
			t.Fatal(err)
		}
		frame := func(sessions []etf.Session) *prophet.Frame {
			f := &prophet.Frame{}
			for _, s := range sessions {
				f.DS = append(f.DS, prophet.SessionStamp(s))
			}
			return f
		}
		history := frame(s.Sessions)
		history.Y = s.Close
		direct, err := model.Fit(t.Context(), history, prophet.FitOptions{})
		if err != nil {
			t.Fatal(err)
		}
		fc, err := direct.Forecaster().Predict(t.Context(), frame(targets), prophet.PredictOptions{Levels: etf.QuantileLevels[:]})
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range points {
			for k, q := range p.Quantiles {
				if q != fc.Quantiles[k][i] {
					t.Fatalf("%s, horizon %d: quantile %v is %v, and %v without tails", exchange, p.Horizon, etf.QuantileLevels[k], q, fc.Quantiles[k][i])
				}
			}
		}
		if _, err := restored.(forecast.TailForecaster).Tails(nil); etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("no targets: %v", err)
		}
	}
}
