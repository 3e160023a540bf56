package quality

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// navInput is a quiet series of 80 rows whose net asset values differ from the closes by 0.1 % or so.
func navInput(t *testing.T, edit func(bars []etf.Bar, navs []etf.NAV)) Input {
	t.Helper()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	days := cal.Sessions(etf.Window{From: etf.MustSession("2025-01-02"), To: etf.MustSession("2025-06-30")})
	days = days[len(days)-80:]
	r := rand.New(rand.NewPCG(7, 7))
	price := func(x float64) etf.Price { p, _ := etf.PriceFromFloat(math.Round(x*100) / 100); return p }
	in := Input{Exchange: etf.XNYS, Session: days[len(days)-1], Initial: true, Basis: etf.SplitAdjusted}
	close := 100.0
	for _, day := range days {
		open := close
		close *= math.Exp(0.01 * min(max(r.NormFloat64(), -2), 2))
		in.Bars = append(in.Bars, etf.Bar{
			Session: day, Open: price(open), High: price(max(open, close) * 1.003), Low: price(min(open, close) * 0.997), Close: price(close), Volume: etf.Shares(1e6),
		})
		in.NAVs = append(in.NAVs, etf.NAV{Session: day, NAV: price(close * math.Exp(0.001*r.NormFloat64())), Shares: etf.VolumeUnknown})
	}
	if edit != nil {
		edit(in.Bars, in.NAVs)
	}
	return in
}

func factor(p *etf.Price, percent int64) { *p, _ = p.MulRatio(percent, 100) }

func barTimes(b *etf.Bar, percent int64) {
	for _, p := range []*etf.Price{&b.Open, &b.High, &b.Low, &b.Close} {
		factor(p, percent)
	}
}

func TestNAVDifference(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit func(bars []etf.Bar, navs []etf.NAV)
		at   int // row that the rule names; -1 for none
	}{
		"quiet":                        {nil, -1},
		"net asset value":              {func(_ []etf.Bar, navs []etf.NAV) { factor(&navs[40].NAV, 108) }, 40},
		"first":                        {func(_ []etf.Bar, navs []etf.NAV) { factor(&navs[0].NAV, 108) }, 0},
		"close, too small for a spike": {func(bars []etf.Bar, _ []etf.NAV) { barTimes(&bars[40], 106) }, 40},
		"newest close":                 {func(bars []etf.Bar, _ []etf.NAV) { barTimes(&bars[79], 107) }, 79},
		"both": {func(bars []etf.Bar, navs []etf.NAV) {
			for i := 40; i < len(bars); i++ {
				barTimes(&bars[i], 94)
				factor(&navs[i].NAV, 94)
			}
		}, -1},
		"without net asset values": {func(_ []etf.Bar, navs []etf.NAV) {
			for i := range navs {
				navs[i].NAV = 0
			}
		}, -1},
	} {
		in := navInput(t, c.edit)
		report, err := Check(in)
		if err != nil {
			t.Fatal(err)
		}
		named := []etf.Session{}
		for _, f := range report.Findings {
			if f.Rule == ruleNAV {
				named = append(named, f.Sessions...)
			}
		}
		switch {
		case c.at < 0 && len(named) > 0, c.at >= 0 && (len(named) != 1 || named[0] != in.Bars[max(c.at, 0)].Session):
			t.Errorf("%s: named %v, findings %+v", name, named, report.Findings)
		}
	}
}
