package simulated

import (
	"math"

	"github.com/etfcast/etfcast/etf"
)

// traits are what distinguishes one ETF from another in the same market.
type traits struct {
	seed   uint64
	start  nano  // logarithm of the first price
	drift  nano  // per weekday
	beta   int64 // thousandths
	own    nano  // daily volatility of the ETF's own noise in its quiet regime
	yield  float64
	volume float64 // shares on a usual weekday at the epoch
	split  plannedSplit
}

// plannedSplit is a split given in the reference; zero for none.
type plannedSplit struct {
	day      int
	num, den int64
}

func newTraits(m *market, seed string, planned plannedSplit) traits {
	s := hashText(string(m.exchange) + "/" + seed)
	a, b := hash64(s^1), hash64(s^2)
	t := traits{
		seed:   s,
		start:  toNano(math.Log(m.startLow + (m.startHigh-m.startLow)*uniform(a, 0))),
		drift:  toNano((-.03 + .12*uniform(a, 16)) / 261), // -3% to 9% a year over 261 weekdays, dividends included
		beta:   200 + int64(1100*uniform(a, 32)),
		own:    toNano(.001 + .006*uniform(a, 48)),
		volume: math.Pow(10, 4.5+3*uniform(b, 0)), // 30 thousand to 30 million shares
		split:  planned,
	}
	if y := uniform(b, 16); y > .2 { // a fifth of the ETFs pay nothing
		t.yield = .005 + .035*y
	}
	return t
}

// state is the state of an ETF after the close of a weekday.
type state struct {
	log    nano    // logarithm of the price as traded
	shares float64 // new shares per share of the epoch
}

// change is what happens before the open of a weekday.
type change struct {
	dividend         etf.Price
	splitNum, splitD int64
}

func (c change) none() bool { return c == change{} }

// step advances s over a weekday. base is the logarithm the day starts from: the previous close, after the day's split
// and dividend.
func (t *traits) step(m *market, s state, day int) (next state, base nano, c change) {
	next = s
	if m.due[day] != 0 || (t.split.num != 0 && t.split.day == day) {
		next, c = t.actions(m, s, day)
	}
	base = next.log
	h := hash64(t.seed + uint64(day)*0x9e3779b97f4a7c15)
	own := t.own * normal(h, 0) / 1_000_000
	if h>>12&511 == 0 { // news, about every two years
		own *= 4
	}
	// The ETF's own regime lasts 32 weekdays: usually quiet, a fifth of the time 1.5 times as volatile, rarely 3 times.
	switch r := hash64(t.seed^uint64(day/32)<<32) & 31; {
	case r == 0:
		own *= 3
	case r < 7:
		own += own / 2
	}
	next.log += t.drift + t.beta*int64(m.factor[day])/1000 + own
	return next, base, c
}

// actions applies the day's split and dividend to s.
func (t *traits) actions(m *market, s state, day int) (state, change) {
	var c change
	if t.split.num != 0 && t.split.day == day {
		c.splitNum, c.splitD = t.split.num, t.split.den
	} else if m.due[day]&splitCheckDay != 0 {
		ratio := [4]int64{2, 3, 4, 5}[hash64(t.seed^uint64(day)<<40)&3]
		switch {
		case s.log > m.high:
			c.splitNum, c.splitD = ratio, 1
		case s.log < m.low:
			c.splitNum, c.splitD = 1, 2*ratio
		}
	}
	if c.splitNum != 0 {
		factor := float64(c.splitNum) / float64(c.splitD)
		s.log -= toNano(math.Log(factor))
		s.shares *= factor
	}
	if m.due[day]&dividendDay != 0 && t.yield > 0 {
		price := math.Exp(float64(s.log) / 1e9)
		unit := .01
		if m.exchange == etf.XKRX {
			unit = 1
		}
		if amount := math.Round(price*t.yield/4/unit) * unit; amount > 0 {
			c.dividend, _ = etf.PriceFromFloat(amount)
			s.log += toNano(math.Log1p(-amount / price))
		}
	}
	return s, c
}

// bar draws the bar of the session on a weekday that went from base to after.
func (t *traits) bar(m *market, s etf.Session, day int, base nano, after state) etf.Bar {
	h, v := hash64(t.seed^uint64(day)<<3^0xb0), hash64(t.seed^uint64(day)<<3^0xb1)
	sigma := math.Hypot(float64(t.beta)/1000*float64(regimeVolatility[m.regime[day]]), float64(t.own)) / 1e6 // the normals are in millionths
	log := func(n nano, shift uint, scale float64) float64 {
		return (float64(n) + scale*sigma*float64(normal(h, shift))) / 1e9
	}
	open := m.ticks(log(base, 0, .4), math.Round)
	end := m.ticks(float64(after.log)/1e9, math.Round)
	top, bottom := base, after.log
	if top < bottom {
		top, bottom = bottom, top
	}
	up, down := math.Abs(float64(normal(h, 12))), math.Abs(float64(normal(h, 24)))
	high := max(m.ticks((float64(top)+.35*sigma*up)/1e9, math.Ceil), open, end)
	low := min(m.ticks((float64(bottom)-.35*sigma*down)/1e9, math.Floor), open, end)
	shares := t.volume * after.shares * math.Exp(.35*float64(normal(v, 0))/1e6) * [3]float64{.8, 1, 1.9}[m.regime[day]]
	return etf.Bar{
		Session: s,
		Open:    m.price(open), High: m.price(high), Low: m.price(low), Close: m.price(end),
		Volume: etf.Shares(int64(min(max(shares, 100), 1e13))),
	}
}

// ticks returns the price with the given logarithm as a whole number of ticks, at least one.
func (m *market) ticks(log float64, round func(float64) float64) int64 {
	return max(int64(round(math.Exp(log)/m.tick)), 1)
}

func (m *market) price(ticks int64) etf.Price {
	if m.exchange == etf.XKRX {
		return etf.Price(ticks * 5 * 1e8)
	}
	return etf.Price(ticks * 1e6)
}
