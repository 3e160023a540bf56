package simulated

import (
	"math"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// The market's time is counted in weekdays from epoch, a Monday. Sessions sample it.
var (
	epoch   = etf.NewSession(1999, time.January, 4)
	horizon = etf.NewSession(2030, time.December, 31)
)

// weekday returns the index of the first weekday at or after s.
func weekday(s etf.Session) int {
	days := int(s - epoch)
	week, day := days/7, days%7
	return week*5 + min(day, 5)
}

// Fixed-point logarithms: nano is 1e-9 of a natural logarithm.
type nano = int64

func toNano(f float64) nano { return nano(math.Round(f * 1e9)) }

// What is due on a weekday for every ETF.
const (
	dividendDay = 1 << iota
	splitCheckDay
)

// regimeVolatility is the daily volatility of the market factor by regime: calm, usual, stressed (about 9%, 16% and 38%
// a year).
var regimeVolatility = [3]nano{5_600_000, 10_000_000, 24_000_000}

// regimeDown and regimeUp are the probabilities, out of 65,536, of leaving a regime downwards and upwards on a weekday:
// calm lasts about 70 weekdays, usual 67, stressed 25.
var regimeDown = [3]uint64{0, 650, 2600}
var regimeUp = [3]uint64{940, 330, 0}

// market is what all ETFs of one exchange share. It is immutable.
type market struct {
	exchange etf.Exchange
	currency etf.Currency
	tick     float64 // smallest price step
	factor   []int32 // the market's return on each weekday, nano
	regime   []uint8
	due      []uint8 // dividendDay, splitCheckDay

	// Usual prices: the range in which ETFs start, and the bounds beyond which they split or reverse split.
	startLow, startHigh float64
	high, low           nano
}

func newMarket(x etf.Exchange) *market {
	m := &market{exchange: x, currency: x.DefaultCurrency(), tick: .01, startLow: 20, startHigh: 160, high: toNano(math.Log(400)), low: toNano(math.Log(14))}
	paymentMonth, paymentDay := 0, 18 // March, June, September, December
	if x == etf.XKRX {
		m.tick, m.startLow, m.startHigh, m.high, m.low = 5, 10_000, 60_000, toNano(math.Log(120_000)), toNano(math.Log(5_000))
		paymentMonth, paymentDay = 1, 26 // January, April, July, October
	}
	n := weekday(horizon) + 1
	m.factor, m.regime, m.due = make([]int32, n), make([]uint8, n), make([]uint8, n)
	seed := hashText("market/" + string(x))
	regime := 1
	lastPayment, lastCheck := 0, 0 // months already handled
	for i, s := 0, epoch; i < n; s++ {
		if d := s.Weekday(); d == time.Saturday || d == time.Sunday {
			continue
		}
		h := hash64(seed ^ uint64(s)<<20)
		switch u := h >> 48; {
		case u < regimeDown[regime]:
			regime--
		case u >= 65536-regimeUp[regime]:
			regime++
		}
		m.regime[i] = uint8(regime)
		m.factor[i] = int32(regimeVolatility[regime] * normal(h, 0) / 1_000_000)
		_, month, day := s.Date()
		if int(month)%3 == paymentMonth && day >= paymentDay && lastPayment != int(month) {
			m.due[i] |= dividendDay
			lastPayment = int(month)
		}
		if int(month)%3 == 2 && day >= 8 && lastCheck != int(month) {
			m.due[i] |= splitCheckDay
			lastCheck = int(month)
		}
		i++
	}
	return m
}
