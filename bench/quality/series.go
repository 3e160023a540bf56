package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source/file"
)

// series is a history without defects.
type series struct {
	name     string
	exchange etf.Exchange
	basis    etf.Basis
	bars     []etf.Bar
	actions  []etf.Action
	navs     map[etf.Session]etf.Price // net asset values, in the file if there are any
	// thin: the fund does not trade every session, or its price moves by few ticks. A price that stays the same and a
	// volume near zero are nothing unusual there.
	thin bool
	real bool
}

// window returns n rows of the series that end before row end.
func (s series) window(n, end int) series {
	from := max(end-n, 0)
	s.bars = slices.Clone(s.bars[from:end])
	first, last := s.bars[0].Session, s.bars[len(s.bars)-1].Session
	s.actions = slices.DeleteFunc(slices.Clone(s.actions), func(a etf.Action) bool { return a.Ex < first || a.Ex > last })
	return s
}

// volatility is the deviation of the 60 daily log returns around a row, from the median of their sizes. Days on which the
// close stays the same don't count: in a thin fund they are most of them. It is never below half a tick.
func (s series) volatility(at int) float64 {
	var moving []float64
	for i := max(at-30, 1); i < min(at+30, len(s.bars)); i++ {
		r := math.Abs(math.Log(s.bars[i].Close.Float()/s.bars[i-1].Close.Float()) - s.distribution(i))
		if r > 0 {
			moving = append(moving, r)
		}
	}
	tick := 0.01
	if s.exchange == etf.XKRX {
		tick = 5
	}
	sigma := 0.5 * tick / s.bars[at].Close.Float()
	if len(moving) > 0 {
		sigma = max(sigma, 1.4826*median(moving))
	}
	return sigma
}

// distribution is the log return that a distribution explains on row i of a series that is not adjusted for it.
func (s series) distribution(i int) float64 {
	paid := 0.0
	if s.basis == etf.TotalAdjusted {
		return 0
	}
	for _, a := range s.actions {
		if a.Kind != etf.Split && a.Ex > s.bars[i-1].Session && a.Ex <= s.bars[i].Session {
			paid += a.Amount.Float()
		}
	}
	return -paid / s.bars[i].Close.Float()
}

func median(values []float64) float64 {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}

// profile is a kind of fund to simulate.
type profile struct {
	name      string
	exchange  etf.Exchange
	daily     float64 // volatility
	price     float64
	volume    float64
	untraded  float64 // share of sessions without a trade
	dividends bool
}

var profiles = []profile{
	{name: "quiet", exchange: etf.XNYS, daily: 0.0008, price: 91, volume: 2e6, dividends: true},
	{name: "bond", exchange: etf.XNYS, daily: 0.0025, price: 78, volume: 4e6, dividends: true},
	{name: "broad", exchange: etf.XNYS, daily: 0.010, price: 240, volume: 3e7, dividends: true},
	{name: "emerging", exchange: etf.XNYS, daily: 0.016, price: 41, volume: 9e6},
	{name: "leveraged", exchange: etf.XNYS, daily: 0.035, price: 64, volume: 2e7},
	{name: "thin", exchange: etf.XNYS, daily: 0.009, price: 33, volume: 900, untraded: 0.3},
	{name: "korean", exchange: etf.XKRX, daily: 0.011, price: 31_500, volume: 4e6},
}

// simulate draws a history of n sessions by a GARCH(1,1) with Student's t, with daily bars around it.
func simulate(p profile, seed uint64, number, n int) series {
	s := series{name: fmt.Sprintf("%s-%d", p.name, number), exchange: p.exchange, basis: etf.SplitAdjusted, thin: p.untraded > 0}
	r := newRandom(seed, "series/"+s.name)
	cal, err := calendar.For(p.exchange)
	if err != nil {
		panic(err)
	}
	days := cal.Sessions(etf.Window{From: etf.MustSession("1996-01-02"), To: etf.MustSession("2025-09-26")})
	days = days[len(days)-n:]
	const alpha, beta = 0.07, 0.91
	usual := p.daily * p.daily
	variance := usual
	level := math.Log(p.price * (0.8 + 0.4*r.Float64()))
	tick := etf.Price(1_000_000)
	if p.exchange == etf.XKRX {
		tick = 5 * 100_000_000
	}
	round := func(log float64) etf.Price {
		x, _ := etf.PriceFromFloat(math.Exp(log))
		return max((x+tick/2)/tick*tick, tick)
	}
	volume := 0.0
	last := etf.Bar{}
	adjusted := 1.0 // of the adjusted close, going forward: closes and distributions reinvested
	var ratio []float64
	for i, day := range days {
		sigma := math.Sqrt(variance)
		move := sigma * min(max(r.student(), -7), 7) // no market moves further than that without a cause
		// Mean reversion keeps the price in the range where a tick means the same.
		move += 0.002 * (math.Log(p.price) - level)
		var paid etf.Price
		if p.dividends && i > 0 && i%63 == 20 {
			paid = round(level+math.Log(0.006*(0.7+0.6*r.Float64())))/tick*tick + tick
			move += math.Log1p(-paid.Float() / math.Exp(level))
			s.actions = append(s.actions, etf.Action{Kind: etf.Dividend, Ex: day, Amount: paid})
		}
		volume = 0.6*volume + 0.28*r.NormFloat64()
		busy := math.Exp(volume + 0.25*min(math.Abs(move)/sigma, 4) - 0.2)
		untraded := i > 0 && r.Float64() < p.untraded
		b := etf.Bar{Session: day, Volume: etf.Shares(max(int64(p.volume*busy), 1))}
		open := level + 0.4*sigma*r.NormFloat64()
		level += move
		b.Open, b.Close = round(open), round(level)
		b.High = max(round(max(open, level)+0.4*sigma*math.Abs(r.NormFloat64())), b.Open, b.Close)
		b.Low = min(round(min(open, level)-0.4*sigma*math.Abs(r.NormFloat64())), b.Open, b.Close)
		if untraded {
			b.Open, b.High, b.Low, b.Close, b.Volume = last.Close, last.Close, last.Close, last.Close, 0
		}
		if p.dividends && i > 0 {
			adjusted /= 1 - paid.Float()/last.Close.Float()
		}
		ratio = append(ratio, adjusted)
		s.bars = append(s.bars, b)
		last = b
		variance = (1-alpha-beta)*usual + alpha*move*move + beta*variance
		variance = min(variance, 16*usual)
	}
	if p.dividends {
		for i := range s.bars {
			s.bars[i].AdjClose, _ = etf.PriceFromFloat(math.Round(s.bars[i].Close.Float()*ratio[i]/adjusted*1e6) / 1e6)
		}
	}
	return s
}

// simulated returns a few funds of every profile.
func simulated(seed uint64) []series {
	var all []series
	for _, p := range profiles {
		for k := range 3 {
			all = append(all, simulate(p, seed, k, []int{2_700, 5_000, 2_700}[k]))
		}
	}
	return all
}

// realFiles are the real histories without known defects. Splits that a file neither states nor applies are given here,
// so that its history can be put on one level.
var realFiles = []struct {
	path     string
	exchange etf.Exchange
	options  string
	splits   []etf.Action
	thin     bool
}{
	{path: "yahoo/SPY.csv", exchange: etf.XNYS},
	{path: "yahoo/QQQ.csv", exchange: etf.XNYS},
	{path: "yahoo/IWM.csv", exchange: etf.XNYS},
	{path: "yahoo/EEM.csv", exchange: etf.XNYS},
	{path: "alphavantage/SPY.csv", exchange: etf.XNYS},
	{path: "alphavantage/QQQ.csv", exchange: etf.XNYS, splits: splits("2000-03-20", 2)},
	{path: "alphavantage/IWM.csv", exchange: etf.XNYS, splits: splits("2005-06-09", 2)},
	{path: "alphavantage/IJH.csv", exchange: etf.XNYS, splits: append(splits("2005-06-09", 2), splits("2024-02-22", 5)...)},
	{path: "alphavantage/XLF.csv", exchange: etf.XNYS},
	{path: "krx/069500_D.csv", exchange: etf.XKRX},
	{path: "krx/114800_D.csv", exchange: etf.XKRX},
	{path: "krx/139230_D.csv", exchange: etf.XKRX, thin: true},
	{path: "krx/152380_D.csv", exchange: etf.XKRX, thin: true},
	{path: "krx/161510_D.csv", exchange: etf.XKRX, thin: true},
	{path: "krx_nav/0000J0.csv", exchange: etf.XKRX, thin: true},
	{path: "krx_nav/069500.csv", exchange: etf.XKRX},
	{path: "krx_nav/253150.csv", exchange: etf.XKRX, thin: true},
	{path: "defects/EWG-1d-no-bad-divs.csv", exchange: etf.XNYS},
}

func splits(ex string, numerator int64) []etf.Action {
	return []etf.Action{{Kind: etf.Split, Ex: etf.MustSession(ex), Numerator: numerator, Denominator: 1}}
}

// realSeries reads the real histories below a folder.
func realSeries(folder string) ([]series, error) {
	var all []series
	for _, f := range realFiles {
		raw, err := os.ReadFile(filepath.Join(folder, "prices", filepath.FromSlash(f.path)))
		if err != nil {
			return nil, err
		}
		r, err := file.Parse(f.path, raw, time.Time{}, etf.Query{Exchange: f.exchange, AsOf: checkedAt})
		if err != nil {
			return nil, err
		}
		s := series{name: f.path, exchange: f.exchange, basis: r.Basis, bars: r.Bars, actions: r.Actions, thin: f.thin, real: true}
		for _, a := range f.splits {
			for i := range s.bars {
				if s.bars[i].Session < a.Ex {
					scale(&s.bars[i], 1/float64(a.Numerator), 4)
					s.bars[i].Volume *= etf.Volume(a.Numerator)
				}
			}
			s.basis = etf.SplitAdjusted
		}
		all = append(all, s)
	}
	return all, nil
}

// scale multiplies the four prices of a bar and its adjusted close, rounded to so many decimals.
func scale(b *etf.Bar, factor float64, decimals int) {
	for _, p := range []*etf.Price{&b.Open, &b.High, &b.Low, &b.Close, &b.AdjClose} {
		if *p != 0 {
			*p = rounded(p.Float()*factor, decimals)
		}
	}
}

func rounded(x float64, decimals int) etf.Price {
	unit := math.Pow10(decimals)
	p, ok := etf.PriceFromFloat(math.Round(x*unit) / unit)
	if !ok {
		panic(fmt.Sprintf("%g is no price", x))
	}
	return p
}
