package serialize

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/forecast/prophet"
)

// A model whose multiplicative terms meet a floor forecasts otherwise than Python would: its file says so, in the attribute
// that Python's predict needs. With Compat the two agree, and Python is given the model.
func TestFilesSayWhetherPythonForecastsTheSame(t *testing.T) {
	t.Parallel()
	const refused = `"growth": "%s with multiplicative terms above the floor: predict with etfcast"`
	h := walk(90, prophet.DateOf(2024, 1, 1), false)
	h.Cap, h.Floor = make([]float64, 90), make([]float64, 90)
	for i := range h.Cap {
		h.Cap[i], h.Floor[i] = 10*slices.Max(h.Y), slices.Min(h.Y)/2
	}
	for name, c := range map[string]struct {
		set     func(*prophet.Options)
		growth  prophet.Growth
		differs bool
	}{
		"minmax": {func(o *prophet.Options) { o.Scaling = prophet.MinMax }, prophet.Linear, true},
		"floor":  {func(o *prophet.Options) { o.Growth = prophet.Logistic }, prophet.Logistic, true},
		"a regressor": {func(o *prophet.Options) {
			o.Scaling, o.HolidaysMode, o.SeasonalityMode = prophet.MinMax, prophet.Multiplicative, prophet.Additive
			o.Holidays = []prophet.Holiday{{Name: "fair", DS: h.DS[50]}}
		}, prophet.Linear, true},
		"no floor":     {func(*prophet.Options) {}, prophet.Linear, false},
		"all additive": {func(o *prophet.Options) { o.Scaling, o.SeasonalityMode = prophet.MinMax, prophet.Additive }, prophet.Linear, false},
	} {
		for _, compat := range []bool{false, true} {
			o := prophet.Defaults()
			o.SeasonalityMode, o.Compat = prophet.Multiplicative, compat
			c.set(&o)
			want := `"growth": "` + string(c.growth) + `",`
			if c.differs && !compat {
				want = strings.Replace(refused, "%s", string(c.growth), 1)
			}
			f := mustFit(t, o, h)
			data := roundTrip(t, f)
			if !bytes.Contains(data, []byte(want)) {
				t.Errorf("%s, compat %v: the file has no %s", name, compat, want)
			}
			if got := mustRead(t, data).Options(); got.Compat != compat || got.Growth != c.growth {
				t.Errorf("%s, compat %v: read as %v, %s", name, compat, got.Compat, got.Growth)
			}
		}
	}
}

// A model stored by 0.1.0 (layout 1 of the key etfcast) forecasts what it did then: as the original, and with the seasonal
// features of version 1.3.0. Stored again, it is still that model.
func TestModelsOfTheFirstRelease(t *testing.T) {
	t.Parallel()
	o := prophet.Defaults()
	o.Scaling, o.SeasonalityMode, o.Compat = prophet.MinMax, prophet.Multiplicative, true
	f := mustFit(t, o, walk(90, prophet.DateOf(2024, 1, 1), false))
	data := edit(t, string(mustWrite(t, f)), func(m map[string]any) {
		own := m["etfcast"].(map[string]any)
		own["format"] = 1
		delete(own, "compat")
	})
	again := mustRead(t, data)
	s := again.State()
	if !s.Options.Compat || !s.EarlierFourier {
		t.Errorf("read with Compat %v, EarlierFourier %v", s.Options.Compat, s.EarlierFourier)
	}
	want := f.State()
	want.EarlierFourier = true
	then, err := prophet.FromState(want)
	if err != nil {
		t.Fatal(err)
	}
	a, b := mustPredict(t, then, nil, prophet.PredictOptions{Samples: 50}), mustPredict(t, again, nil, prophet.PredictOptions{Samples: 50})
	for _, column := range a.ColumnNames()[1:] {
		if !slices.Equal(a.Column(column), b.Column(column)) {
			t.Errorf("the forecast's %s is another", column)
		}
	}
	for i, v := range b.Yhat {
		if want := b.Trend[i] * (1 + b.Component("multiplicative_terms").Value[i]); v != want {
			t.Fatalf("yhat[%d] is %v, want the original's %v", i, v, want)
		}
	}
	if third := mustRead(t, roundTrip(t, again)).State(); !third.Options.Compat || !third.EarlierFourier {
		t.Errorf("stored again and read with Compat %v, EarlierFourier %v", third.Options.Compat, third.EarlierFourier)
	}
	if _, err := Unmarshal(edit(t, string(mustWrite(t, f)), func(m map[string]any) { m["etfcast"].(map[string]any)["format"] = formatVersion + 1 })); err == nil {
		t.Error("a later layout is read")
	}
}
