package forecast_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
)

func day(s string) etf.Session { return etf.MustSession(s) }

func days(list ...string) (out []etf.Session) {
	for _, s := range list {
		out = append(out, day(s))
	}
	return out
}

func TestSeriesValidate(t *testing.T) {
	t.Parallel()
	sound := func() forecast.Series {
		return forecast.Series{Symbol: "SPY", Exchange: etf.XNYS, Origin: day("2025-09-26"),
			Sessions: days("2025-09-24", "2025-09-25", "2025-09-26"), Close: []float64{1, 2, 3}, Steps: []int{0, 1, 1}}
	}
	for _, c := range []struct {
		name   string
		change func(*forecast.Series)
		field  string // "" = valid
	}{
		{"sound", func(*forecast.Series) {}, ""},
		{"without steps", func(s *forecast.Series) { s.Steps = nil }, ""},
		{"too few rows", func(s *forecast.Series) { *s = s.Tail(2) }, "sessions"},
		{"no rows", func(s *forecast.Series) { s.Sessions, s.Close, s.Steps = nil, nil, nil }, "sessions"},
		{"a close missing", func(s *forecast.Series) { s.Close = s.Close[:2] }, "close"},
		{"a step missing", func(s *forecast.Series) { s.Steps = s.Steps[:2] }, "steps"},
		{"duplicate session", func(s *forecast.Series) { s.Sessions[1] = s.Sessions[0] }, "sessions[1]"},
		{"descending", func(s *forecast.Series) { slices.Reverse(s.Sessions) }, "sessions[1]"},
		{"NaN", func(s *forecast.Series) { s.Close[2] = math.NaN() }, "close[2]"},
		{"infinite", func(s *forecast.Series) { s.Close[0] = math.Inf(1) }, "close[0]"},
		{"zero", func(s *forecast.Series) { s.Close[1] = 0 }, "close[1]"},
		{"negative", func(s *forecast.Series) { s.Close[1] = -1 }, "close[1]"},
		{"zero step", func(s *forecast.Series) { s.Steps[1] = 0 }, "steps[1]"},
		{"origin after the last row", func(s *forecast.Series) { s.Origin++ }, "origin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sound()
			c.change(&s)
			err := s.Validate(3)
			if c.field == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantInvalid(t, err, c.field)
		})
	}
}

func wantInvalid(t *testing.T, err error, field string) {
	t.Helper()
	var e *etf.Error
	if !errors.As(err, &e) || e.Kind != etf.KindInvalid || e.Field != field || e.Remedy == "" {
		t.Errorf("error %v, want an invalid %q with a remedy", err, field)
	}
}

func TestNewSeries(t *testing.T) {
	t.Parallel()
	cal, err := calendar.For(etf.XKRX)
	if err != nil {
		t.Fatal(err)
	}
	bar := func(s, close string) etf.Bar { return etf.Bar{Session: day(s), Close: etf.MustPrice(close)} }
	// Chuseok 2025: no session from 10-03 to 10-09. 10-13 is left out; 10-11 is a Saturday and not in the calendar.
	s, err := forecast.NewSeries(cal, "069500", etf.XKRX, []etf.Bar{bar("2025-10-01", "47000"), bar("2025-10-02", "47500"),
		bar("2025-10-10", "48000"), bar("2025-10-11", "48000"), bar("2025-10-14", "47890.5")})
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{0, 1, 1, 1, 2}; !slices.Equal(s.Steps, want) {
		t.Errorf("steps %v, want %v", s.Steps, want)
	}
	if s.Origin != day("2025-10-14") || s.Close[4] != 47890.5 || s.Step(4) != 2 {
		t.Errorf("origin %s, close %v, step %d", s.Origin, s.Close[4], s.Step(4))
	}
	if tail := s.Tail(2); !slices.Equal(tail.Sessions, days("2025-10-11", "2025-10-14")) || tail.Step(1) != 2 || tail.Validate(2) != nil {
		t.Errorf("tail %+v", tail)
	}
	_, err = forecast.NewSeries(cal, "069500", etf.XKRX, nil)
	wantInvalid(t, err, "sessions")
	_, err = forecast.NewSeries(cal, "069500", etf.XKRX, []etf.Bar{bar("2025-10-01", "0")})
	wantInvalid(t, err, "close[0]")
}

func TestTargets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		exchange etf.Exchange
		origin   string
		want     []etf.Session
	}{
		{etf.XNYS, "2025-09-26", days("2025-09-29", "2025-09-30", "2025-10-01")},
		{etf.XNYS, "2025-11-26", days("2025-11-28", "2025-12-01", "2025-12-02")}, // Thanksgiving 2025-11-27
		{etf.XKRX, "2025-10-02", days("2025-10-10", "2025-10-13", "2025-10-14")}, // Chuseok 2025
	} {
		cal, err := calendar.For(c.exchange)
		if err != nil {
			t.Fatal(err)
		}
		got, err := forecast.Targets(cal, day(c.origin), len(c.want))
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s after %s: %v, %v, want %v", c.exchange, c.origin, got, err, c.want)
		}
		for _, n := range []int{-1, 0, etf.MaxHorizon + etf.MaxHeld + 1} {
			_, err := forecast.Targets(cal, day(c.origin), n)
			wantInvalid(t, err, "horizon")
		}
		if _, err := forecast.Targets(cal, cal.Range().To.AddDays(-3), 21); etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("beyond the calendar: %v", err)
		}
	}
}

func TestCheckTargets(t *testing.T) {
	t.Parallel()
	origin := day("2025-09-26")
	for _, bad := range [][]etf.Session{nil, make([]etf.Session, etf.MaxHorizon+etf.MaxHeld+1), days("2025-09-26"), days("2025-09-29", "2025-09-29"), days("2025-09-30", "2025-09-29")} {
		if err := forecast.CheckTargets(origin, bad); etf.KindOf(err) != etf.KindInvalid || err == nil {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if err := forecast.CheckTargets(origin, days("2025-09-29", "2025-09-30")); err != nil {
		t.Error(err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	sound := func() []etf.ForecastPoint {
		return []etf.ForecastPoint{
			{Horizon: 1, Target: day("2025-09-29"), Mean: 4, Quantiles: [7]float64{1, 2, 3, 4, 5, 6, 7}},
			{Horizon: 2, Target: day("2025-09-30"), Mean: 4, Quantiles: [7]float64{1, 1, 1, 1, 1, 1, 1}},
		}
	}
	if err := forecast.Check(sound()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func([]etf.ForecastPoint){
		"horizon":      func(p []etf.ForecastPoint) { p[1].Horizon = 3 },
		"target":       func(p []etf.ForecastPoint) { p[1].Target = p[0].Target },
		"mean":         func(p []etf.ForecastPoint) { p[1].Mean = math.NaN() },
		"mean of zero": func(p []etf.ForecastPoint) { p[0].Mean = 0 },
		"infinite":     func(p []etf.ForecastPoint) { p[0].Quantiles[6] = math.Inf(1) },
		"NaN":          func(p []etf.ForecastPoint) { p[0].Quantiles[3] = math.NaN() },
		"negative":     func(p []etf.ForecastPoint) { p[0].Quantiles[0] = -1 },
		"crossed":      func(p []etf.ForecastPoint) { p[0].Quantiles[3] = 2.9 },
	} {
		p := sound()
		change(p)
		if err := forecast.Check(p); err == nil || etf.KindOf(err) != etf.KindInternal {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCanonicalJSON(t *testing.T) {
	t.Parallel()
	type params struct {
		Zeta  float64 `json:"zeta"`
		Alpha string  `json:"alpha"`
		Big   uint64  `json:"big"`
	}
	got, err := forecast.CanonicalJSON(params{1e-5, "<a & b>", math.MaxUint64})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"alpha":"<a & b>","big":18446744073709551615,"zeta":0.00001}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	again, err := forecast.CanonicalJSON(map[string]any{"zeta": 1e-5, "big": uint64(math.MaxUint64), "alpha": "<a & b>"})
	if err != nil || again != got {
		t.Errorf("a map of the same values gives %s, %v", again, err)
	}
	if _, err := forecast.CanonicalJSON(math.NaN()); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("NaN: %v", err)
	}
	// SHA-256 of the two bytes {}, from sha256sum.
	if h := forecast.ParamsHash("{}"); h != "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" {
		t.Errorf("hash %s", h)
	}
}

func TestIDDependsOnWhatMakesAForecastUnique(t *testing.T) {
	t.Parallel()
	base := etf.Forecast{Symbol: "SPY", Model: "drift", Origin: day("2025-09-26"), DataVersion: etf.DataVersion{Number: 7, Writer: "w"},
		ParamsHash: "p", Seed: 1, CodeVersion: "v"}
	id := forecast.ID(base)
	if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		t.Errorf("identity %q is not 32 hex digits", id)
	}
	seen := map[string]string{id: "nothing"} // what was changed, by ID
	for name, change := range map[string]func(*etf.Forecast){
		"symbol":       func(f *etf.Forecast) { f.Symbol = "SP" },
		"symbol+model": func(f *etf.Forecast) { f.Symbol, f.Model = "SPYd", "rift" },
		"origin":       func(f *etf.Forecast) { f.Origin++ },
		"version":      func(f *etf.Forecast) { f.DataVersion.Number++ },
		"writer":       func(f *etf.Forecast) { f.DataVersion.Writer = "x" },
		"params":       func(f *etf.Forecast) { f.ParamsHash = "q" },
		"seed":         func(f *etf.Forecast) { f.Seed++ },
		"code":         func(f *etf.Forecast) { f.CodeVersion = "w" },
	} {
		f := base
		change(&f)
		got := forecast.ID(f)
		if other, taken := seen[got]; taken {
			t.Errorf("changing %s gives the same identity as changing %s", name, other)
		}
		seen[got] = name
	}
	same := base
	same.ID, same.Run, same.Chain, same.Diagnostics = "x", "r", 9, map[string]string{"a": "b"}
	if forecast.ID(same) != id {
		t.Error("the identity depends on something that does not make a forecast unique")
	}
}

func TestSeed(t *testing.T) {
	t.Parallel()
	a := forecast.Seed("SPY", "drift", day("2025-09-26"))
	if a >= 1<<53 || a != forecast.Seed("SPY", "drift", day("2025-09-26")) {
		t.Errorf("seed %d", a)
	}
	if a == forecast.Seed("QQQ", "drift", day("2025-09-26")) || a == forecast.Seed("SPY", "drift", day("2025-09-25")) {
		t.Error("seeds repeat")
	}
}
