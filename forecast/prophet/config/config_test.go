package config

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

func TestUnmarshal(t *testing.T) {
	t.Parallel()
	day := func(y int, m time.Month, d int) prophet.Stamp { return prophet.DateOf(y, m, d) }
	for _, c := range []struct {
		name, text string
		want       func(*prophet.Options)
	}{
		{"nothing", `{}`, func(*prophet.Options) {}},
		{"byte order mark", "\xEF\xBB\xBF{}\r\n", func(*prophet.Options) {}},
		{"every argument of the original", `{
			"growth": "logistic", "changepoints": null, "n_changepoints": 10, "changepoint_range": 0.9,
			"yearly_seasonality": 8, "weekly_seasonality": true, "daily_seasonality": false, "holidays": null,
			"seasonality_mode": "multiplicative", "seasonality_prior_scale": 5, "holidays_prior_scale": 2.5,
			"changepoint_prior_scale": 1e-1, "mcmc_samples": 300, "interval_width": 0.95, "uncertainty_samples": 500,
			"scaling": "minmax", "holidays_mode": "additive"}`,
			func(o *prophet.Options) {
				o.Growth, o.NChangepoints, o.ChangepointRange = prophet.Logistic, 10, 0.9
				o.YearlySeasonality, o.WeeklySeasonality, o.DailySeasonality = 8, prophet.SeasonalOn, prophet.SeasonalOff
				o.SeasonalityMode, o.SeasonalityPriorScale, o.HolidaysPriorScale = prophet.Multiplicative, 5, 2.5
				o.ChangepointPriorScale, o.MCMCSamples, o.IntervalWidth, o.UncertaintySamples = 0.1, 300, 0.95, 500
				o.Scaling, o.HolidaysMode = prophet.MinMax, prophet.Additive
			}},
		{"auto, an order of 0, no intervals", `{"yearly_seasonality": "auto", "weekly_seasonality": 0, "uncertainty_samples": false}`,
			func(o *prophet.Options) { o.WeeklySeasonality, o.UncertaintySamples = prophet.SeasonalOff, 0 }},
		{"an order of 1 is not true", `{"yearly_seasonality": 1}`, func(o *prophet.Options) { o.YearlySeasonality = 1 }},
		{"changepoints", `{"changepoints": ["2024-01-01", "2024-02-01 12:00:00"]}`,
			func(o *prophet.Options) {
				o.Changepoints = []prophet.Stamp{day(2024, time.January, 1), day(2024, time.February, 1) + 12*prophet.Hour}
			}},
		{"no changepoints", `{"changepoints": []}`, func(o *prophet.Options) { o.Changepoints = []prophet.Stamp{} }},
		{"components", `{
			"seasonalities": [{"name": "monthly", "period": 30.5, "fourier_order": 5},
				{"name": "summer", "period": 7, "fourier_order": 3, "prior_scale": 0.1, "mode": "additive", "condition_name": "is_summer"}],
			"regressors": [{"name": "price"}, {"name": "rain", "prior_scale": 3, "standardize": false, "mode": "multiplicative"}, {"name": "sun", "standardize": "auto"}],
			"holidays": [{"holiday": "superbowl", "ds": "2014-02-02", "lower_window": -1, "upper_window": 1, "prior_scale": 4}, {"holiday": "x", "ds": "20160207"}],
			"country_holidays": "US"}`,
			func(o *prophet.Options) {
				o.Seasonalities = []prophet.Seasonality{{Name: "monthly", Period: 30.5, FourierOrder: 5},
					{Name: "summer", Period: 7, FourierOrder: 3, PriorScale: 0.1, Mode: prophet.Additive, ConditionName: "is_summer"}}
				o.Regressors = []prophet.Regressor{{Name: "price"}, {Name: "rain", PriorScale: 3, Standardize: "false", Mode: prophet.Multiplicative}, {Name: "sun", Standardize: "auto"}}
				o.Holidays = []prophet.Holiday{{Name: "superbowl", DS: day(2014, time.February, 2), LowerWindow: -1, UpperWindow: 1, PriorScale: 4}, {Name: "x", DS: day(2016, time.February, 7)}}
				o.CountryHolidays = "US"
			}},
		{"market", `{"exchange": "XNYS", "market": true}`, func(o *prophet.Options) { *o = prophet.MarketDefaults("XNYS") }},
		{"market with a prior scale of its own", `{"seasonality_prior_scale": 10, "exchange": "XNYS", "market": true}`,
			func(o *prophet.Options) { o.Market = prophet.MarketFor("XNYS") }},
		{"no market", `{"market": false}`, func(*prophet.Options) {}},
		{"an exchange alone", `{"exchange": "XKRX"}`, func(o *prophet.Options) { o.Market.Exchange = "XKRX" }},
		{"parts of market", `{"market": {"exchange": "XNYS", "log_scale": true, "weekday_basis": false}}`,
			func(o *prophet.Options) { o.Market = prophet.Market{Exchange: "XNYS", LogScale: true} }},
		{"optimizer and the largest seed", `{"optimizer": "lbfgs", "seed": 18446744073709551615}`,
			func(o *prophet.Options) { o.Optimizer, o.Seed = prophet.LBFGS, 1<<64-1 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := prophet.Defaults()
			c.want(&want)
			got, err := Unmarshal([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%+v, want\n%+v", got, want)
			}
			text, again := roundTrip(t, got)
			for i := range want.Regressors { // "" means "auto"
				if want.Regressors[i].Standardize == "" {
					want.Regressors[i].Standardize = "auto"
				}
			}
			if !reflect.DeepEqual(again, want) {
				t.Errorf("written as %s and read back as\n%+v, want\n%+v", text, again, want)
			}
		})
	}
}

// roundTrip writes options, reads them back and checks that they are written the same way again.
func roundTrip(t *testing.T, o prophet.Options) (text []byte, again prophet.Options) {
	t.Helper()
	text, err := Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if again, err = Unmarshal(text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	second, err := Marshal(again)
	if err != nil || string(second) != string(text) {
		t.Errorf("%v: written as %s, then as %s", err, text, second)
	}
	return text, again
}

// The canonical form has every argument of the original with its default (version 1.5.0).
func TestMarshalWritesEveryKey(t *testing.T) {
	t.Parallel()
	text, err := Marshal(prophet.Defaults())
	const want = `{"growth":"linear","changepoints":null,"n_changepoints":25,"changepoint_range":0.8,` +
		`"yearly_seasonality":"auto","weekly_seasonality":"auto","daily_seasonality":"auto",` +
		`"seasonalities":[],"regressors":[],"holidays":[],"country_holidays":null,` +
		`"seasonality_mode":"additive","holidays_mode":null,"seasonality_prior_scale":10,"holidays_prior_scale":10,"changepoint_prior_scale":0.05,` +
		`"mcmc_samples":0,"interval_width":0.8,"uncertainty_samples":1000,"scaling":"absmax","compat":false,` +
		`"market":false,"exchange":null,"optimizer":"map","seed":0}`
	if err != nil || string(text) != want {
		t.Errorf("%v: got\n%s, want\n%s", err, text, want)
	}
	o := prophet.Defaults()
	o.IntervalWidth = 0
	o.IntervalWidth /= o.IntervalWidth
	if _, err := Marshal(o); err == nil || !strings.Contains(err.Error(), "interval_width") {
		t.Errorf("NaN: %v", err)
	}
}

// What New fills in is also written and read back.
func TestCheckedOptionsRoundTrip(t *testing.T) {
	t.Parallel()
	o := prophet.Defaults()
	o.Seasonalities = []prophet.Seasonality{{Name: "monthly", Period: 30.5, FourierOrder: 5, ConditionName: "on"}}
	o.Regressors = []prophet.Regressor{{Name: "price", Standardize: "true"}}
	o.Holidays = []prophet.Holiday{{Name: "superbowl", DS: prophet.DateOf(2014, time.February, 2)}}
	o.Changepoints = []prophet.Stamp{prophet.DateOf(2013, time.May, 1) + 3*prophet.Second/2}
	o.Market = prophet.Market{LogScale: true}
	m, err := prophet.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, again := roundTrip(t, m.Options()); !reflect.DeepEqual(again, m.Options()) {
		t.Errorf("got %+v, want %+v", again, m.Options())
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, field, says string }{
		{"nothing", " \n", "line 1", "write {}"},
		{"not JSON", "{\n\"growth\": linear}", "line 2", "not JSON"},
		{"Python's NaN", `{"interval_width": NaN}`, "line 1", "not JSON"},
		{"trailing data", "{}\n{}", "line 2", "after top-level value"},
		{"a list", `[]`, "the configuration", "a list is not an object"},
		{"unknown key", `{"growht": "flat"}`, "growht", "nearest known one is growth"},
		{"unknown key with odd letters", "{\"gro\\nwth\": 1}", `"gro wth"`, "nearest known one is growth"},
		{"beginning of a key", `{"changepoint_prior": 0.1}`, "changepoint_prior", "nearest known one is changepoint_prior_scale"},
		{"unknown key of another case", `{"Growth": "flat"}`, "Growth", "nearest known one is growth"},
		{"unknown key of a seasonality", `{"seasonalities": [{"name": "x", "period": 7, "fourier_order": 3, "prior_scal": 1}]}`, "seasonalities[0].prior_scal", "prior_scale"},
		{"unknown key of a regressor", `{"regressors": [{"name": "x"}, {"name": "y2", "standardise": true}]}`, "regressors[1].standardise", "standardize"},
		{"unknown key of a holiday", `{"holidays": [{"holidy": "x", "ds": "2024-01-01"}]}`, "holidays[0].holidy", "holiday"},
		{"unknown key of market", `{"market": {"exchange": "XNYS", "logscale": true}}`, "market.logscale", "log_scale"},
		{"duplicate key", `{"growth": "flat", "seed": 1, "growth": "linear"}`, "growth", "twice"},
		{"nested duplicate key", `{"regressors": [{"name": "a", "name": "b"}]}`, "regressors[0].name", "twice"},
		{"key missing", `{"seasonalities": [{"name": "x", "period": 7}]}`, "seasonalities[0].fourier_order", "missing"},
		{"no date", `{"holidays": [{"holiday": "x"}]}`, "holidays[0].ds", "missing"},
		{"number as growth", `{"growth": 1}`, "growth", "1 is not text"},
		{"null as growth", `{"growth": null}`, "growth", "null is not text"},
		{"empty growth", `{"growth": ""}`, "growth", "empty"},
		{"empty mode", `{"regressors": [{"name": "a", "mode": ""}]}`, "regressors[0].mode", "empty"},
		{"text as number", `{"changepoint_range": "0.8"}`, "changepoint_range", `the text "0.8" is not a number`},
		{"number too large", `{"changepoint_range": 1e999}`, "changepoint_range", "fits"},
		{"fraction as count", `{"n_changepoints": 2.5}`, "n_changepoints", "whole number"},
		{"count too large", `{"n_changepoints": 99999999999}`, "n_changepoints", "fits"},
		{"true as count", `{"mcmc_samples": true}`, "mcmc_samples", "true is not a whole number"},
		{"true as samples", `{"uncertainty_samples": true}`, "uncertainty_samples", "false for no intervals"},
		{"negative order", `{"yearly_seasonality": -2}`, "yearly_seasonality", "1 or more"},
		{"text as seasonality", `{"weekly_seasonality": "yes"}`, "weekly_seasonality", `"auto", true, false`},
		{"negative seed", `{"seed": -1}`, "seed", "0 to 18446744073709551615"},
		{"text as seed", `{"seed": "1"}`, "seed", "whole number"},
		{"changepoints as text", `{"changepoints": "2024-01-01"}`, "changepoints", "list of dates"},
		{"bad changepoint", `{"changepoints": ["2024-01-01", "soon"]}`, "changepoints[1]", "not a date"},
		{"number as changepoint", `{"changepoints": [20240101]}`, "changepoints[0]", "20240101 is not a date"},
		{"changepoint with a zone", `{"changepoints": ["2024-01-01T00:00:00Z"]}`, "changepoints[0]", "time zone"},
		{"holidays as an object", `{"holidays": {"x": "2024-01-01"}}`, "holidays", "an object is not a list"},
		{"holidays as texts", `{"holidays": ["x"]}`, "holidays[0]", "not an object"},
		{"prior scale 0", `{"regressors": [{"name": "a", "prior_scale": 0}]}`, "regressors[0].prior_scale", "above 0"},
		{"standardize as text", `{"regressors": [{"name": "a", "standardize": "true"}]}`, "regressors[0].standardize", `"auto", true or false`},
		{"window as text", `{"holidays": [{"holiday": "x", "ds": "2024-01-01", "lower_window": "-1"}]}`, "holidays[0].lower_window", "whole number"},
		{"market without an exchange", `{"market": true}`, "exchange", "XNYS"},
		{"market as text", `{"market": "XNYS"}`, "market", "true, false or an object"},
		{"unknown exchange next to market", `{"market": true, "exchange": "LSE"}`, "exchange", `"LSE" has no calendar`},
		{"unknown exchange alone", `{"exchange": "LSE"}`, "exchange", "XNYS, XKRX, XLON, XETR or XTKS"},
		{"unknown exchange in market", `{"market": {"exchange": "LSE"}}`, "market.exchange", "XNYS, XKRX, XLON, XETR or XTKS"},
		{"changepoint twice", `{"changepoints": ["2024-01-01", "20240101"]}`, "changepoints[1]", "2024-01-01 appears twice"},
		{"changepoint with a named zone", `{"changepoints": ["2024-01-01 00:00 Asia/Seoul"]}`, "changepoints[0]", "time zone"},
		{"two exchanges", `{"exchange": "XNYS", "market": {"exchange": "XKRX"}}`, "exchange", "move exchange into market"},
		{"compat as text", `{"compat": "prophet"}`, "compat", "true or false"},
		{"a model for a regressor", `{"regressors": [{"name": "a", "regressor_predictor": true}]}`, "regressors[0].regressor_predictor", "model of its own"},
		{"options for a regressor's model", `{"regressors": [{"name": "a", "regressor_predictor": {}}]}`, "regressors[0].regressor_predictor", "not supported"},
		{"log_scale as number", `{"market": {"log_scale": 1}}`, "market.log_scale", "true or false"},
		{"nested deeply", `{"growth": ` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}`, "growth[0][0][0][0][0][0][0]", "too deeply"},
		{"nested far too deeply", strings.Repeat("[", 20000), "line 1", "not JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Unmarshal([]byte(c.text))
			var bad *etf.Error
			if !errors.As(err, &bad) || bad.Kind != etf.KindInvalid {
				t.Fatalf("%v is not an invalid input", err)
			}
			if bad.Field != c.field || !strings.Contains(bad.Error(), c.says) || bad.Remedy == "" {
				t.Errorf("field %q, error %v, want field %q and %q", bad.Field, bad, c.field, c.says)
			}
		})
	}
}

// No model for a regressor, said as in the original.
func TestNoRegressorPredictor(t *testing.T) {
	t.Parallel()
	for _, none := range []string{"null", "false"} {
		o, err := Unmarshal([]byte(`{"regressors": [{"name": "a", "regressor_predictor": ` + none + `}]}`))
		if err != nil || len(o.Regressors) != 1 || o.Regressors[0].Name != "a" {
			t.Errorf("%s: %+v, %v", none, o.Regressors, err)
		}
	}
}

// Every key is documented, and its default reads back as the default.
func TestKeys(t *testing.T) {
	t.Parallel()
	for _, k := range Keys() {
		if k.Values == "" || k.Meaning == "" || !strings.HasSuffix(k.Meaning, ".") {
			t.Errorf("%s is not documented: %+v", k.Name, k)
		}
		if strings.ContainsAny(k.Name, ".[") || k.Default == "" {
			continue
		}
		if o, err := Unmarshal([]byte(`{"` + k.Name + `": ` + k.Default + `}`)); err != nil || !reflect.DeepEqual(o, prophet.Defaults()) {
			t.Errorf("%s: the default %s is read as %+v (%v)", k.Name, k.Default, o, err)
		}
	}
}

// For any text: no panic, every error of KindInvalid, and options that are written and read back the same.
func FuzzUnmarshal(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"growth":"flat","changepoints":["2024-01-01"],"yearly_seasonality":8}`, `{"market":true,"exchange":"XNYS"}`,
		`{"market":{"log_scale":true},"regressors":[{"name":"a","standardize":true}]}`, `{"a":1,"a":2}`, `[[[[[[[[[[`,
		`{"seasonalities":[{"name":"x","period":7,"fourier_order":3,"condition_name":null}],"uncertainty_samples":false}`,
		`{"holidays":[{"holiday":"x","ds":"2024-01-01","upper_window":1}],"seed":18446744073709551615}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := Unmarshal(text)
		if err != nil {
			if etf.KindOf(err) != etf.KindInvalid {
				t.Fatal(err)
			}
			return
		}
		roundTrip(t, o)
		if m, err := prophet.New(o); err == nil {
			roundTrip(t, m.Options())
		} else if etf.KindOf(err) != etf.KindInvalid {
			t.Fatal(err)
		}
	})
}
