package activities

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/prophet/market"
	"github.com/etfcast/etfcast/quality"
)

func TestHeldCloseIsAnErrorTypeOfRows(t *testing.T) {
	t.Parallel()
	if TypeHeldClose != etf.HeldClose {
		t.Errorf("%q is recorded, %q is read", TypeHeldClose, etf.HeldClose)
	}
}

// walk is a seeded random walk of n closes with the daily volatility, up to and including the session.
func walk(t *testing.T, seed uint64, sigma float64, n int, last etf.Session) []etf.StoredBar {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 5))
	rows := bars(n, last)
	x := math.Log(100)
	for i := range rows {
		x += sigma * rng.NormFloat64()
		c := etf.Price(math.Round(math.Exp(x) * 1e8))
		rows[i] = etf.Bar{Session: rows[i].Session, Open: c, High: c, Low: c, Close: c, Volume: etf.Shares(1000)}
	}
	return storedBars(rows, etf.AsTraded)
}

func sessionsAfter(t *testing.T, origin etf.Session, n int) []etf.Session {
	t.Helper()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	targets, err := forecast.Targets(cal, origin, n)
	if err != nil {
		t.Fatal(err)
	}
	return targets
}

// A forecast of a session whose close is held is that of the last believed session, some sessions further ahead, under the
// origin it was asked for.
func TestForecastOfAHeldSession(t *testing.T) {
	t.Parallel()
	for _, skipped := range []int{1, 3, etf.MaxHeld} {
		rows := walk(t, 7, 0.01, 600, friday)
		believed := rows[:len(rows)-skipped]
		last := believed[len(believed)-1].Session

		run := func(h etf.History, session etf.Session) (map[string]etf.Forecast, ForecastResult) {
			store, f := forecasting(driftModel(t), market.Default(), decomposedAhead{etf.MaxHorizon + skipped})
			store.history = h
			in := forecastSPY
			in.Session = session
			got, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, in)
			if err != nil || len(got.Failed) > 0 {
				t.Fatalf("got %+v, %v", got, err)
			}
			return byModel(store), got
		}
		history := etf.History{DataVersion: etf.DataVersion{Number: 7, Writer: "w"}, Bars: believed, Held: true}
		held, got := run(history, friday)
		if got.Appended != 3 {
			t.Fatalf("got %+v", got)
		}
		before, _ := run(etf.History{DataVersion: history.DataVersion, Bars: believed}, last)
		targets := sessionsAfter(t, friday, etf.MaxHorizon)
		for model, f := range held {
			if f.Origin != friday || f.Held != skipped || len(f.Points) != etf.MaxHorizon || f.ID != forecast.ID(f) || f.ID == before[model].ID {
				t.Errorf("%s: %+v", model, f)
			}
			if before[model].Held != 0 {
				t.Errorf("%s: a forecast from a believed close is held", model)
			}
			for i, p := range f.Points {
				if p.Horizon != i+1 || p.Target != targets[i] {
					t.Errorf("%s: point %d is of horizon %d, %s", model, i, p.Horizon, p.Target)
				}
			}
			for name, values := range f.Components {
				if len(values) != etf.MaxHorizon {
					t.Errorf("%s: component %s has %d values", model, name, len(values))
				}
			}
		}
		// Horizon h is horizon h+skipped of the forecast from the last believed session: drift has no randomness.
		for i, p := range held["drift"].Points {
			if i+skipped >= etf.MaxHorizon {
				break
			}
			want := before["drift"].Points[i+skipped]
			want.Horizon = p.Horizon
			if p != want {
				t.Errorf("point %d is %+v, want %+v", i, p, want)
			}
		}
		if parts := held["ahead"].Components["step"]; parts[0] != float64(skipped) {
			t.Errorf("the components begin at step %v, want %d", parts[0], skipped)
		}
		// The band is sane: around the last believed close, and wider than that of the same horizon from that close.
		close := believed[len(believed)-1].Close.Float()
		for _, model := range []string{"drift", "prophet"} {
			for i, p := range held[model].Points {
				width, same := p.Quantiles[6]-p.Quantiles[0], before[model].Points[i].Quantiles[6]-before[model].Points[i].Quantiles[0]
				if p.Quantiles[0] > close || p.Quantiles[6] < close || width > close || width < 0.9*same {
					t.Errorf("%s: horizon %d: %v around %v, width %v after %v", model, p.Horizon, p.Quantiles, close, width, same)
				}
			}
		}
		// The stored fit reproduces the points, from the last believed session on.
		restored, err := driftModel(t).Restore(held["drift"].Fit)
		if err != nil {
			t.Fatal(err)
		}
		again, err := restored.Predict(sessionsAfter(t, last, skipped+etf.MaxHorizon))
		if err != nil || !reflect.DeepEqual(again[skipped].Quantiles, held["drift"].Points[0].Quantiles) {
			t.Errorf("the stored fit predicts %+v, %v", again, err)
		}
	}
}

// decomposedAhead is a model whose only component counts the steps, of which it expects some number.
type decomposedAhead struct{ steps int }

func (m decomposedAhead) Name() string                            { return "ahead" }
func (m decomposedAhead) Params() string                          { return `{}` }
func (m decomposedAhead) MinRows() int                            { return 1 }
func (m decomposedAhead) MaxRows() int                            { return 0 }
func (m decomposedAhead) Restore([]byte) (forecast.Fitted, error) { return nil, errors.New("none") }

func (m decomposedAhead) Fit(_ context.Context, s forecast.Series, _ uint64, _ forecast.Progress) (forecast.Fitted, error) {
	return fittedAhead{fakeFitted{s.Close[len(s.Close)-1]}}, nil
}

type fittedAhead struct{ fakeFitted }

func (fittedAhead) Components(targets []etf.Session) (map[string][]float64, error) {
	steps := make([]float64, len(targets))
	for i := range steps {
		steps[i] = float64(i)
	}
	return map[string][]float64{"step": steps}, nil
}

// A split that is in force at the held origin restates the series although its last close is older.
func TestForecastOfAHeldSessionAfterASplit(t *testing.T) {
	t.Parallel()
	rows := walk(t, 9, 0.01, 100, friday)
	store, f := forecasting(driftModel(t))
	store.history = etf.History{DataVersion: etf.DataVersion{Number: 7, Writer: "w"}, Bars: rows[:99], Held: true,
		Splits: []etf.Action{{Kind: etf.Split, Ex: friday, Numerator: 4, Denominator: 1}}}
	if _, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY); err != nil {
		t.Fatal(err)
	}
	got, want := byModel(store)["drift"].Points[0].Quantiles[3], rows[98].Close.Float()/4
	if math.Abs(got-want) > 0.01*want {
		t.Errorf("the median is %v, want about %v", got, want)
	}
}

func TestForecastOfAHeldSessionRefuses(t *testing.T) {
	t.Parallel()
	rows := walk(t, 9, 0.01, 100, friday)
	for name, h := range map[string]etf.History{
		"a gap without a held origin": {Bars: rows[:99]},
		"nothing believed":            {Held: true},
		"too old":                     {Bars: rows[:100-etf.MaxHeld-1], Held: true},
	} {
		store, f := forecasting(driftModel(t))
		store.history = h
		_, err := do[ForecastResult](t, newEnv(t, f), f.Forecast, forecastSPY)
		if typeOf(err) != TypeNotFound || len(store.forecasts) > 0 {
			t.Errorf("%s: %v, %d forecasts", name, err, len(store.forecasts))
		}
	}
}

// fall is a store in which an ETF's close of Friday is held, and so many others' moved by so many volatilities.
func fall(t *testing.T, own float64, others int, theirs float64) *fakeStore {
	t.Helper()
	const sigma = 0.01
	store := newFakeStore()
	store.histories = map[etf.Symbol]etf.History{}
	add := func(symbol etf.Symbol, seed uint64, move float64, held bool) {
		rows := walk(t, seed, sigma, 61, friday-1)
		b := rows[60]
		b.Session = friday
		b.Close = etf.Price(float64(b.Close) * math.Exp(-move*sigma))
		s := etf.SessionBar{Symbol: symbol, StoredBar: b}
		if held {
			s.Held, s.HeldBy = true, []string{quality.HeldClose}
			store.rows[symbol] = etf.RunETF{Symbol: symbol, Session: friday, Outcome: etf.OutcomeUpdated, Forecasts: 2, Held: true, ErrorType: TypeHeldClose, ErrorMessage: "held_close"}
		} else {
			store.rows[symbol] = etf.RunETF{Symbol: symbol, Session: friday, Outcome: etf.OutcomeUpdated, Forecasts: 2}
		}
		store.held, store.histories[symbol] = append(store.held, s), etf.History{Bars: rows}
	}
	add("AAA", 1, own, true)
	for i := range others {
		add(etf.Symbol("B"+string(rune('A'+i))), uint64(i+2), theirs+0.1*float64(i), theirs > 12)
	}
	return store
}

func TestReviewHeld(t *testing.T) {
	t.Parallel()
	in := ReviewHeldInput{Run: "daily:XNYS:2025-09-26", Exchange: etf.XNYS, Session: friday, Limit: 50}
	for _, c := range []struct {
		name     string
		own      float64
		others   int
		theirs   float64
		released []etf.Symbol
	}{
		{"everything falls", 18, 5, 10, []etf.Symbol{"AAA"}},
		{"everything is held", 18, 5, 17, []etf.Symbol{"AAA", "BA", "BB", "BC", "BD", "BE"}},
		{"four others are too few", 18, 4, 10, nil},
		{"alone", 18, 5, 0.5, nil},
		{"far more than the others", 90, 5, 10, nil},
	} {
		store := fall(t, c.own, c.others, c.theirs)
		r := &Reviewing{Bars: store, History: store}
		got, err := do[ReviewHeldResult](t, newEnv(t, r), r.ReviewHeld, in)
		if err != nil || got.More || !slices.Equal(store.released, c.released) || len(got.Released) != len(c.released) {
			t.Errorf("%s: %+v, %v, released %v", c.name, got, err, store.released)
			continue
		}
		for i, row := range got.Released {
			if row.Symbol != c.released[i] || row.Held || row.ErrorType != "" || row.ErrorMessage != "" || row.Forecasts != 2 {
				t.Errorf("%s: row %+v", c.name, row)
			}
		}
		// A repeat, whose first result was lost, says the same.
		again, err := do[ReviewHeldResult](t, newEnv(t, r), r.ReviewHeld, in)
		if err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%s: again %+v, %v", c.name, again, err)
		}
	}
}

// The pages of a review find what one page finds, and nothing else is released.
func TestReviewHeldInPages(t *testing.T) {
	t.Parallel()
	store := fall(t, 18, 8, 17)
	store.held[3].HeldBy = []string{quality.HeldClose, quality.UnfinishedRow} // not only the size of its move
	r := &Reviewing{Bars: store, History: store}
	var got []etf.Symbol
	after, pages := etf.Symbol(""), 0
	for {
		page, err := do[ReviewHeldResult](t, newEnv(t, r), r.ReviewHeld, ReviewHeldInput{
			Run: "daily:XNYS:2025-09-26", Exchange: etf.XNYS, Session: friday, After: after, Limit: 2,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range page.Released {
			got = append(got, row.Symbol)
		}
		after, pages = page.After, pages+1
		if !page.More {
			break
		}
	}
	if want := []etf.Symbol{"AAA", "BA", "BB", "BD", "BE", "BF", "BG", "BH"}; !slices.Equal(got, want) || pages != 5 {
		t.Errorf("released %v in %d pages, want %v", got, pages, want)
	}
}
