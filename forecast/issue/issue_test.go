package issue_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/drift"
	"github.com/etfcast/etfcast/forecast/issue"
	"github.com/etfcast/etfcast/forecast/prophet/market"
)

// last is a Friday.
var last = etf.MustSession("2025-09-26")

func calendarOf(t testing.TB, x etf.Exchange) *calendar.Calendar {
	t.Helper()
	cal, err := calendar.For(x)
	if err != nil {
		t.Fatal(err)
	}
	return cal
}

// history has a bar for each of the n sessions up to the given one, as traded, with a split 4:1 at the given session (0 = none).
func history(t testing.TB, to etf.Session, n int, split etf.Session) etf.History {
	t.Helper()
	sessions := calendarOf(t, etf.XNYS).Sessions(etf.Window{From: to.AddDays(-2 * n), To: to})
	h := etf.History{DataVersion: etf.DataVersion{Number: 3, Writer: "w"}}
	for i, s := range sessions[len(sessions)-n:] {
		price := 100 * (1 + .1*math.Sin(float64(i)/9) + .01*math.Cos(float64(7*i)))
		if !split.IsZero() && s >= split {
			price /= 4
		}
		p, ok := etf.PriceFromFloat(math.Round(price*1e4) / 1e4)
		if !ok {
			t.Fatal(price)
		}
		h.Bars = append(h.Bars, etf.StoredBar{Bar: etf.Bar{Session: s, Close: p, Volume: etf.VolumeUnknown}, Basis: etf.AsTraded})
	}
	if !split.IsZero() {
		h.Splits = []etf.Action{{Kind: etf.Split, Ex: split, Numerator: 4, Denominator: 1}}
	}
	return h
}

func prepared(t testing.TB, h etf.History, origin etf.Session) issue.Input {
	t.Helper()
	in, err := issue.Prepare(calendarOf(t, etf.XNYS), "SPY", etf.XNYS, origin, h)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func made(t testing.TB, m forecast.Model, in issue.Input) issue.Made {
	t.Helper()
	out, err := issue.Make(t.Context(), m, in, 7)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// storedAs is the forecast that would be stored.
func storedAs(in issue.Input, m issue.Made) etf.Forecast {
	sum := sha256.Sum256(m.Fit)
	return etf.Forecast{Origin: in.Origin, Basis: in.Basis, Held: in.Held, Points: m.Points, Tails: m.Tails, Components: m.Components,
		Diagnostics: m.Diagnostics, ClosesHash: m.ClosesHash, Scale: m.Scale, Volatility: m.Volatility, Raw: m.Raw, FitHash: hex.EncodeToString(sum[:])}
}

// A stored fit gives the points, tails and components that Make gave; an input that is longer than the model uses gives the same.
func TestMake(t *testing.T) {
	t.Parallel()
	for _, m := range []forecast.Model{drift.Default(), market.Default()} {
		in := prepared(t, history(t, last, 3000, last.AddDays(-4)), last)
		if in.Held != 0 || in.Basis != etf.SplitAdjusted || len(in.Targets) != etf.MaxHorizon || in.Series.Close[0] > 30 {
			t.Fatalf("prepared %+v", in)
		}
		a := made(t, m, in)
		if len(a.Points) != etf.MaxHorizon || len(a.Tails) != etf.MaxHorizon || a.Points[0].Target != etf.MustSession("2025-09-29") {
			t.Errorf("%s made %+v", m.Name(), a)
		}
		fitted, err := m.Restore(a.Fit)
		if err != nil {
			t.Fatal(err)
		}
		b, err := issue.Predict(fitted, in)
		if err != nil || !reflect.DeepEqual(b.Points, a.Points) || !reflect.DeepEqual(b.Tails, a.Tails) || !reflect.DeepEqual(b.Components, a.Components) {
			t.Errorf("%s: the restored fit gives something else (%v)", m.Name(), err)
		}
		short := history(t, last, 3000, last.AddDays(-4))
		short.Bars = short.Bars[len(short.Bars)-m.MaxRows():]
		c := made(t, m, prepared(t, short, last))
		if !reflect.DeepEqual(a, c) {
			t.Errorf("%s: the rows that it uses give something else than all rows", m.Name())
		}
		if got := issue.Compare(storedAs(in, a), in, c); got.Verdict != issue.Identical || got.First != nil || got.Unequal != 0 || got.Numbers < 21*10 {
			t.Errorf("%s: %+v", m.Name(), got)
		}
	}
}

// Of a held origin, the series ends earlier, and the sessions up to the origin are no part of the forecast.
func TestHeldOrigin(t *testing.T) {
	t.Parallel()
	cal := calendarOf(t, etf.XNYS)
	origin, err := cal.Next(last)
	if err != nil {
		t.Fatal(err)
	}
	h := history(t, last, 300, 0)
	if _, err := issue.Prepare(cal, "SPY", etf.XNYS, origin, h); etf.KindOf(err) != etf.KindNotFound {
		t.Errorf("not held: %v", err)
	}
	h.Held = true
	in := prepared(t, h, origin)
	got := made(t, drift.Default(), in)
	whole := made(t, drift.Default(), prepared(t, history(t, last, 300, 0), last))
	if in.Held != 1 || got.Points[0].Horizon != 1 || got.Points[0].Target != whole.Points[1].Target || got.Points[0].Mean != whole.Points[1].Mean ||
		got.Tails[19] != whole.Tails[20] || len(got.Tails) != etf.MaxHorizon || got.ClosesHash != whole.ClosesHash {
		t.Errorf("held %d: %+v after %+v", in.Held, got.Points[0], whole.Points[1])
	}
	h.Bars = nil
	if _, err := issue.Prepare(cal, "SPY", etf.XNYS, origin, h); etf.KindOf(err) != etf.KindNotFound {
		t.Errorf("no bars: %v", err)
	}
	h = history(t, last.AddDays(-40), 300, 0)
	h.Held = true
	if _, err := issue.Prepare(cal, "SPY", etf.XNYS, last, h); etf.KindOf(err) != etf.KindNotFound {
		t.Errorf("held for too long: %v", err)
	}
}

// Contradictory splits are corrupt data: a lost race would be tried again.
func TestContradiction(t *testing.T) {
	t.Parallel()
	h := history(t, last, 300, last)
	h.Splits = append(h.Splits, etf.Action{Kind: etf.Split, Ex: last, Numerator: 2, Denominator: 1})
	if _, err := issue.Prepare(calendarOf(t, etf.XNYS), "SPY", etf.XNYS, last, h); etf.KindOf(err) != etf.KindCorrupt {
		t.Errorf("%v", err)
	}
}

// broken gives tails inside the quantiles, or none but an error.
type broken struct {
	forecast.Fitted
	tails [][2]float64
	err   error
}

func (b broken) Tails([]etf.Session) ([][2]float64, error) { return b.tails, b.err }

type brokenModel struct {
	*drift.Model
	broken
}

func (m brokenModel) Fit(ctx context.Context, s forecast.Series, seed uint64, p forecast.Progress) (forecast.Fitted, error) {
	f, err := m.Model.Fit(ctx, s, seed, p)
	m.broken.Fitted = f
	return m.broken, err
}

func (m brokenModel) Restore(blob []byte) (forecast.Fitted, error) { return m.Model.Restore(blob) }

func TestBrokenTails(t *testing.T) {
	t.Parallel()
	in := prepared(t, history(t, last, 300, 0), last)
	why := errors.New("no tails today")
	for name, b := range map[string]broken{"an error": {err: why}, "none": {}, "zeros": {tails: make([][2]float64, etf.MaxHorizon)}} {
		_, err := issue.Make(t.Context(), brokenModel{drift.Default(), b}, in, 1)
		if err == nil || b.err != nil && !errors.Is(err, why) || b.err == nil && etf.KindOf(err) != etf.KindInternal {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Compare finds the first difference and tells how much it matters. The bounds are Tolerance, 1e-9, and half and twice of it.
func TestCompare(t *testing.T) {
	t.Parallel()
	in := prepared(t, history(t, last, 600, 0), last)
	again := made(t, market.Default(), in)
	near, far := 1+.5e-9, 1+2e-9
	for name, c := range map[string]struct {
		change func(*etf.Forecast)
		want   issue.Verdict
		field  string
	}{
		"nothing":              {func(*etf.Forecast) {}, issue.Identical, ""},
		"a mean, a little":     {func(f *etf.Forecast) { f.Points[4].Mean *= near }, issue.Equivalent, "points[4].mean"},
		"a mean":               {func(f *etf.Forecast) { f.Points[4].Mean *= far }, issue.Different, "points[4].mean"},
		"a last bit":           {func(f *etf.Forecast) { f.Points[20].Quantiles[6] = math.Nextafter(f.Points[20].Quantiles[6], 0) }, issue.Equivalent, "points[20].quantiles[0.95]"},
		"a quantile":           {func(f *etf.Forecast) { f.Points[0].Quantiles[0] *= far }, issue.Different, "points[0].quantiles[0.05]"},
		"no number":            {func(f *etf.Forecast) { f.Points[0].Mean = math.NaN() }, issue.Different, "points[0].mean"},
		"a target":             {func(f *etf.Forecast) { f.Points[3].Target++ }, issue.Different, "points[3].target"},
		"a point fewer":        {func(f *etf.Forecast) { f.Points = f.Points[:20] }, issue.Different, "points"},
		"a tail":               {func(f *etf.Forecast) { f.Tails[2][1] *= far }, issue.Different, "points[2].quantiles[0.975]"},
		"a tail, a little":     {func(f *etf.Forecast) { f.Tails[2][0] *= near }, issue.Equivalent, "points[2].quantiles[0.025]"},
		"a tail fewer":         {func(f *etf.Forecast) { f.Tails = f.Tails[1:] }, issue.Different, "tails"},
		"no tails":             {func(f *etf.Forecast) { f.Tails = nil }, issue.Identical, ""},
		"a component":          {func(f *etf.Forecast) { f.Components["trend"][1] *= far }, issue.Different, `components["trend"][1]`},
		"a component fewer":    {func(f *etf.Forecast) { delete(f.Components, "trend") }, issue.Different, `components["trend"]`},
		"other closes":         {func(f *etf.Forecast) { f.ClosesHash = "ab" }, issue.Different, "closes_hash"},
		"no hash of closes":    {func(f *etf.Forecast) { f.ClosesHash = "" }, issue.Identical, ""},
		"the scale":            {func(f *etf.Forecast) { f.Scale.Squared *= far }, issue.Different, "scale.squared"},
		"no volatility":        {func(f *etf.Forecast) { f.Volatility = 0 }, issue.Identical, ""},
		"the volatility":       {func(f *etf.Forecast) { f.Volatility *= far }, issue.Different, "volatility"},
		"raw quantiles":        {func(f *etf.Forecast) { f.Raw = make([]etf.RawPoint, 21) }, issue.Different, "raw"},
		"no scale":             {func(f *etf.Forecast) { f.Scale = etf.Scale{} }, issue.Identical, ""},
		"a diagnostic":         {func(f *etf.Forecast) { f.Diagnostics["iterations"] = "x" }, issue.Equivalent, `diagnostics["iterations"]`},
		"one diagnostic more":  {func(f *etf.Forecast) { f.Diagnostics["a"] = "x" }, issue.Equivalent, `diagnostics["a"]`},
		"the fit":              {func(f *etf.Forecast) { f.FitHash = "ab" }, issue.Equivalent, "fit_hash"},
		"the basis":            {func(f *etf.Forecast) { f.Basis = etf.AsTraded }, issue.Different, "basis"},
		"held":                 {func(f *etf.Forecast) { f.Held = 1 }, issue.Different, "held"},
		"two, the worse later": {func(f *etf.Forecast) { f.Points[0].Mean *= near; f.Points[9].Mean *= far }, issue.Different, "points[9].mean"},
	} {
		stored := storedAs(in, made(t, market.Default(), in)) // with numbers of its own, to be changed
		c.change(&stored)
		got := issue.Compare(stored, in, again)
		field := ""
		if got.First != nil {
			field = got.First.Field
		}
		missing := map[string]string{"no tails": "[tails]", "no hash of closes": "[closes_hash]", "no scale": "[scale]", "no volatility": "[volatility]"}
		if want := cmp.Or(missing[name], "[]"); fmt.Sprint(got.NotRecorded) != want {
			t.Errorf("%s: not recorded are %v, want %s", name, got.NotRecorded, want)
		}
		if got.Verdict != c.want || field != c.field || (got.Unequal == 0) != (c.want == issue.Identical) {
			t.Errorf("%s: %+v (first %+v), want %s at %s", name, got, got.First, c.want, c.field)
		}
	}
	// A component that passes through zero counts by its greatest number.
	a, b := storedAs(in, again), again
	a.Components = map[string][]float64{"x": {1, 1e-30}}
	b.Components = map[string][]float64{"x": {1, 1e-12}}
	if got := issue.Compare(a, in, b); got.Verdict != issue.Equivalent {
		t.Errorf("a small component: %+v", got)
	}
	// The logarithm of a factor counts by its absolute error: half and twice of 1e-9.
	for off, want := range map[float64]issue.Verdict{.5e-9: issue.Equivalent, 2e-9: issue.Different} {
		a.Components, b.Components = map[string][]float64{"x": {.001}}, map[string][]float64{"x": {.001 + off}}
		if got := issue.Compare(a, in, b); got.Verdict != want || got.LargestOf != `components["x"][0]` {
			t.Errorf("a logarithm that is off by %v: %+v", off, got)
		}
	}
}
