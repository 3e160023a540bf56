package main

import (
	"math"
	"slices"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// kind is a kind of defect.
type kind struct {
	name  string
	rules []string // that fit
	sized bool     // injected at every size
	mode  mode
	info  bool // a line of severity info is enough
	aim   bool // counted in the aims; otherwise reported only
	daily int  // rows needed for each row of the file; 0: 1
	needs func(series) bool
	// inject puts the defect into d.series and sets d.hit. log is the size as a log return. It returns false if the history
	// can't hold the defect.
	inject func(r random, d *defect, log float64) bool
}

func (k *kind) fits(rule string) bool { return slices.Contains(k.rules, rule) }

// level are the rules on the level of prices.
var level = []string{"price_spike", "price_jump", "split_suspected", "unit_change", "held_close", "price_range"}

func with(rules []string, more ...string) []string { return slices.Concat(rules, more) }

func liquid(s series) bool    { return !s.thin }
func pays(s series) bool      { return len(s.actions) > 0 && s.bars[0].AdjClose != 0 }
func hasVolume(s series) bool { return s.bars[0].Volume.Known() && s.bars[len(s.bars)-1].Volume > 0 }

var kinds = []kind{
	{name: "spike of the whole row", rules: level, sized: true, aim: true, inject: spikeRows(1)},
	{name: "spike of two rows", rules: level, sized: true, aim: true, inject: spikeRows(2)},
	{name: "spike of three rows", rules: level, sized: true, aim: true, inject: spikeRows(3)},
	{name: "spike in a file of 10 rows", rules: level, sized: true, aim: true, inject: shortSpike},
	{name: "spike of the close", rules: level, sized: true, aim: true, inject: spikeClose},
	{name: "wrong open", rules: level, sized: true, aim: true, inject: wrongOpen},
	{name: "wrong high", rules: level, sized: true, aim: true, inject: wrongHigh},
	{name: "wrong low", rules: level, sized: true, aim: true, inject: wrongLow},
	{name: "high ten times, low a tenth", rules: level, aim: true, inject: wildRange},
	{name: "open and high 35 % off", rules: level, aim: true, inject: openAndHigh},
	{name: "zero price", rules: []string{"non_positive_price", "missing_open", "ohlc_order", "unreadable_row"}, aim: true, inject: zeroPrice},
	{name: "negative price", rules: []string{"non_positive_price", "ohlc_order", "unreadable_row"}, aim: true, inject: negativePrice},
	{name: "unstated split", rules: level, aim: true, inject: unstatedSplit(false)},
	{name: "unstated reverse split", rules: level, aim: true, inject: unstatedSplit(true)},
	{name: "rows before a split, untraded ones too", rules: level, mode: complete, aim: true, inject: untradedBeforeSplit},
	{name: "unit of the older rows", rules: level, aim: true, inject: unit(older)},
	{name: "unit of the newer rows", rules: level, aim: true, inject: unit(newer)},
	{name: "unit of a part", rules: level, aim: true, inject: unit(middle)},
	{name: "currency changed", rules: level, aim: true, inject: currency},
	{name: "level shift", rules: level, sized: true, aim: true, inject: levelShift},
	{name: "absurd dividend", rules: distributions, aim: true, inject: absurdDividend},
	{name: "negative dividend", rules: with(distributions, "unreadable_row"), aim: true, needs: pays, inject: negativeDividend},
	{name: "dividend in another currency", rules: distributions, aim: true, needs: pays, inject: dividendCurrency},
	{name: "dividend not in the adjusted close", rules: distributions, aim: true, needs: pays, inject: adjustedWrong(0)},
	{name: "gain twice in the adjusted close", rules: distributions, aim: true, needs: pays, inject: adjustedWrong(2)},
	{name: "missing rows", rules: []string{"missing_session"}, aim: true, inject: missing},
	{name: "repeated row", rules: []string{"duplicate_row"}, info: true, aim: true, inject: repeatedRow},
	{name: "repeated row with other prices", rules: []string{"duplicate_row"}, aim: true, inject: repeatedOther},
	{name: "repeated last row, one partial", rules: []string{"duplicate_row", "unfinished_row"}, aim: true, needs: liquid, inject: repeatedPartial},
	{name: "high and low swapped in a part", rules: []string{"ohlc_order"}, aim: true, inject: swappedPart},
	{name: "columns swapped", rules: []string{"ohlc_order", "non_positive_price"}, mode: refused, aim: true, inject: swappedColumns},
	{name: "stuck price, 3 sessions", rules: stale, needs: liquid, inject: stuck(3)},
	{name: "stuck price, 5 sessions", rules: stale, aim: true, needs: liquid, inject: stuck(5)},
	{name: "stuck price, 10 sessions", rules: stale, aim: true, needs: liquid, inject: stuck(10)},
	{name: "stuck price, 20 sessions", rules: stale, aim: true, needs: liquid, inject: stuck(20)},
	{name: "copied block", rules: with(stale, level...), aim: true, inject: copiedBlock},
	{name: "dates shifted, all", rules: dates, mode: condemned, aim: true, inject: shiftedAll},
	{name: "dates shifted, a part", rules: dates, aim: true, inject: shiftedPart},
	{name: "dates shifted against stored rows", rules: dates, aim: true, needs: liquid, inject: shiftedStored},
	{name: "weekly rows", rules: dates, mode: condemned, aim: true, daily: 5, inject: everySo(weekly)},
	{name: "monthly rows", rules: dates, mode: condemned, aim: true, daily: 21, inject: everySo(monthly)},
	{name: "weekly rows in the older half", rules: dates, aim: true, daily: 3, inject: olderWeekly},
	{name: "hourly rows", rules: dates, mode: condemned, aim: true, inject: hourly},
	{name: "another exchange's dates", rules: dates, mode: condemned, aim: true, inject: otherExchange},
	{name: "weekend rows", rules: dates, aim: true, inject: weekendRows},
	{name: "reused ticker", rules: with(level, "reused_ticker"), aim: true, inject: reusedTicker},
	{name: "surprising new close", rules: level, sized: true, aim: true, inject: newClose},
	{name: "held close, back the next session", rules: level, sized: true, aim: true, inject: heldReverted},
	{name: "held close, confirmed", rules: level, sized: true, mode: believed, inject: heldConfirmed},
	{name: "partial last row", rules: []string{"unfinished_row"}, aim: true, needs: liquid, inject: partialLast},
	{name: "placeholder with volume 0 as last row", rules: with(stale, "unfinished_row"), aim: true, needs: liquid, inject: placeholderLast},
	{name: "re-adjusted, the newest rows only", rules: overlap, aim: true, inject: readjustedTail},
	{name: "re-adjusted as a whole", rules: overlap, info: true, aim: true, inject: readjustedWhole},
	{name: "re-adjusted before an ex-date", rules: overlap, info: true, aim: true, inject: readjustedStep},
	{name: "split applied twice", rules: with(overlap, "split_suspected"), aim: true, inject: doubleSplit},
}

// The rules on distributions, repeats, dates and stored rows.
var (
	distributions = []string{"adjusted_close", "implausible_distribution"}
	stale         = []string{"stale_close"}
	dates         = []string{"unknown_session", "wrong_dates", "shifted_dates", "wrong_frequency"}
	overlap       = []string{"restated_series", "revised_bar"}
)

func (d *defect) decimals() int {
	if d.series.exchange == etf.XKRX {
		return 2
	}
	return 4
}

func (d *defect) mark(from, to int) {
	for _, b := range d.series.bars[from:to] {
		d.hit = append(d.hit, b.Session)
	}
}

// border marks the two sessions between which the level changes: a rule may name either side.
func (d *defect) border(at int) { d.mark(at-1, at+1) }

// place draws a row that has at least before rows before it, and after behind it.
func (d *defect) place(r random, before, after int) (int, bool) {
	n := len(d.series.bars)
	if n < before+after+1 {
		return 0, false
	}
	lo, hi := before, n-1-after
	at := r.between(lo, hi)
	switch r.IntN(10) {
	case 0:
		at = min(lo+r.IntN(4), hi)
	case 1:
		at = max(hi-r.IntN(4), lo)
	}
	return at, true
}

// measure records the size of a defect that is a factor.
func (d *defect) measure(at int, log float64) {
	d.log = log
	d.size = math.Abs(log) / d.series.volatility(at)
}

func spikeRows(n int) func(random, *defect, float64) bool {
	return func(r random, d *defect, log float64) bool {
		at, ok := d.place(r, 2, n+1)
		if !ok {
			return false
		}
		log *= d.series.volatility(at) * r.sign()
		d.log = log
		for i := range n {
			scale(&d.series.bars[at+i], math.Exp(log), d.decimals())
		}
		d.mark(at, at+n)
		return true
	}
}

func shortSpike(r random, d *defect, log float64) bool {
	n := len(d.series.bars)
	log *= d.series.volatility(n-5) * r.sign()
	d.log = log
	d.series = d.series.window(10, n)
	at := r.between(2, 7)
	scale(&d.series.bars[at], math.Exp(log), d.decimals())
	d.mark(at, at+1)
	return true
}

func spikeClose(r random, d *defect, log float64) bool {
	at, ok := d.place(r, 2, 2)
	if !ok {
		return false
	}
	log *= d.series.volatility(at) * r.sign()
	d.log = log
	b := &d.series.bars[at]
	b.Close = rounded(b.Close.Float()*math.Exp(log), d.decimals())
	b.High, b.Low = max(b.High, b.Close), min(b.Low, b.Close)
	d.mark(at, at+1)
	return true
}

func wrongOpen(r random, d *defect, log float64) bool {
	at, ok := d.place(r, 2, 0)
	if !ok || d.series.bars[at].Open <= 0 {
		return false
	}
	log *= d.series.volatility(at) * r.sign()
	d.log = log
	b := &d.series.bars[at]
	b.Open = rounded(b.Open.Float()*math.Exp(log), d.decimals())
	b.High, b.Low = max(b.High, b.Open), min(b.Low, b.Open)
	d.mark(at, at+1)
	return true
}

func wrongHigh(r random, d *defect, log float64) bool {
	at, ok := d.place(r, 2, 0)
	if !ok || d.series.bars[at].High <= 0 {
		return false
	}
	log *= d.series.volatility(at)
	d.log = log
	b := &d.series.bars[at]
	b.High = rounded(b.High.Float()*math.Exp(log), d.decimals())
	d.mark(at, at+1)
	return true
}

func wrongLow(r random, d *defect, log float64) bool {
	at, ok := d.place(r, 2, 0)
	if !ok || d.series.bars[at].Low <= 0 {
		return false
	}
	log *= d.series.volatility(at)
	d.log = -log
	b := &d.series.bars[at]
	b.Low = rounded(b.Low.Float()*math.Exp(-log), d.decimals())
	d.mark(at, at+1)
	return true
}

func wildRange(r random, d *defect, _ float64) bool {
	at, ok := d.place(r, 2, 0)
	if !ok || d.series.bars[at].Low <= 0 {
		return false
	}
	b := &d.series.bars[at]
	if r.IntN(2) == 0 {
		b.High *= 10
		d.measure(at, math.Log(10))
	} else {
		b.Low = rounded(b.Low.Float()/10, d.decimals())
		d.measure(at, -math.Log(10))
	}
	d.mark(at, at+1)
	return true
}

func openAndHigh(r random, d *defect, _ float64) bool {
	at, ok := d.place(r, 2, 0)
	if !ok || d.series.bars[at].Open <= 0 {
		return false
	}
	b := &d.series.bars[at]
	d.measure(at, math.Log(1.35))
	b.Open = rounded(b.Open.Float()*1.35, d.decimals())
	b.High = max(b.High, b.Open)
	d.mark(at, at+1)
	return true
}

func zeroPrice(r random, d *defect, _ float64) bool {
	at, ok := d.place(r, 0, 0)
	if !ok {
		return false
	}
	b := &d.series.bars[at]
	if b.Volume <= 0 {
		b.Volume = etf.Shares(100)
	}
	switch r.IntN(5) {
	case 0:
		b.Open = 0
	case 1:
		b.High = 0
	case 2:
		b.Low = 0
	case 3:
		b.Close = 0
	case 4:
		b.Open, b.High, b.Low, b.Close = 0, 0, 0, 0
	}
	d.mark(at, at+1)
	return true
}

func negativePrice(r random, d *defect, _ float64) bool {
	at, ok := d.place(r, 0, 0)
	if !ok || d.series.bars[at].Low <= 0 {
		return false
	}
	b := &d.series.bars[at]
	p := pick(r, &b.Open, &b.High, &b.Low, &b.Close)
	*p = -*p
	d.mark(at, at+1)
	return true
}

func unstatedSplit(reverse bool) func(random, *defect, float64) bool {
	return func(r random, d *defect, _ float64) bool {
		at, ok := d.place(r, 3, 2)
		if !ok {
			return false
		}
		num, den := pick[int64](r, 3, 2, 3, 4, 5, 6, 8, 10, 20), int64(1)
		switch {
		case num == 3 && r.IntN(2) == 0:
			den = 2
		case reverse && r.IntN(3) == 0:
			num = pick[int64](r, 15, 25, 30, 50)
		}
		if reverse {
			num, den = den, num
		}
		factor := float64(num) / float64(den)
		d.measure(at, -math.Log(factor))
		for i := range d.series.bars[:at] {
			b := &d.series.bars[i]
			scale(b, factor, 4)
			if b.Volume > 0 {
				b.Volume = etf.Shares(max(int64(b.Volume.Float()/factor), 1))
			}
		}
		d.split = &etf.Action{Kind: etf.Split, Ex: d.series.bars[at].Session, Numerator: num, Denominator: den}
		d.border(at)
		return true
	}
}

// untradedBeforeSplit puts the older rows on another level by a split, with every third of them untraded: open, high and
// low 0 and the close carried over, as on the Korea Exchange. The untraded rows are on the other level too.
func untradedBeforeSplit(r random, d *defect, _ float64) bool {
	at, ok := d.place(r, 3, 22) // so that the newest level is the true one
	if !ok {
		return false
	}
	factor := pick(r, 2.0, 4, 5, 10, 0.1, 0.2)
	d.measure(at, -math.Log(factor))
	for i := range d.series.bars[:at] {
		b := &d.series.bars[i]
		scale(b, factor, 4)
		if i > 0 && r.IntN(3) == 0 {
			b.Open, b.High, b.Low, b.Close, b.AdjClose, b.Volume = 0, 0, 0, d.series.bars[i-1].Close, d.series.bars[i-1].AdjClose, 0
		} else if b.Volume > 0 {
			b.Volume = etf.Shares(max(int64(b.Volume.Float()/factor), 1))
		}
	}
	d.mark(0, at)
	return true
}

// side is which rows a defect changes.
type side int

const (
	older side = iota
	newer
	middle
)

func unit(which side) func(random, *defect, float64) bool {
	return func(r random, d *defect, _ float64) bool {
		factor := pick(r, 100, 0.01, 1000)
		n := len(d.series.bars)
		at, ok := d.place(r, 3, 2)
		if !ok {
			return false
		}
		from, to := 0, at
		switch which {
		case newer:
			from, to = at, n
		case middle:
			from, to = at, min(at+r.between(1, 40), at+max(n/3, 1), n-1) // the smaller part is the wrong one
		}
		d.measure(at, math.Log(factor))
		for i := from; i < to; i++ {
			scale(&d.series.bars[i], factor, 6)
		}
		if which == middle {
			d.mark(from, to)
		} else {
			d.border(at)
		}
		return true
	}
}

func currency(r random, d *defect, _ float64) bool {
	at, ok := d.place(r, 3, 2)
	if !ok {
		return false
	}
	factor := pick(r, 1.09, 0.79, 1.36, 7.8, 150, 1350, 1.0/1350, 0.66)
	d.measure(at, math.Log(factor))
	for i := at; i < len(d.series.bars); i++ {
		scale(&d.series.bars[i], factor, 6)
	}
	d.border(at)
	return true
}

func levelShift(r random, d *defect, log float64) bool {
	at, ok := d.place(r, 3, 2)
	if !ok {
		return false
	}
	log *= d.series.volatility(at) * r.sign()
	d.log = log
	for i := at; i < len(d.series.bars); i++ {
		scale(&d.series.bars[i], math.Exp(log), d.decimals())
	}
	d.border(at)
	return true
}

func absurdDividend(r random, d *defect, _ float64) bool {
	at, ok := d.place(r, 1, 1)
	if !ok {
		return false
	}
	b := d.series.bars[at]
	amount := rounded(b.Close.Float()*pick(r, 0.5, 0.8, 1.5, 5, 50), 2)
	d.series.actions = slices.DeleteFunc(d.series.actions, func(a etf.Action) bool { return a.Ex == b.Session })
	d.series.actions = append(d.series.actions, etf.Action{Kind: pick(r, etf.Dividend, etf.Dividend, etf.CapitalGain), Ex: b.Session, Amount: amount})
	d.mark(at, at+1)
	return true
}

// payment picks one of the history's distributions with rows on both sides, of at least a thousandth of the price: a
// smaller one is lost in the rounding of the adjusted close.
func (d *defect) payment(r random) (action, at int, ok bool) {
	var all [][2]int
	for i, a := range d.series.actions {
		for j, b := range d.series.bars {
			if b.Session == a.Ex && a.Kind != etf.Split && a.Amount > b.Close/1000 && j > 1 && j < len(d.series.bars)-1 {
				all = append(all, [2]int{i, j})
			}
		}
	}
	if len(all) == 0 {
		return 0, 0, false
	}
	x := all[r.IntN(len(all))]
	return x[0], x[1], true
}

func negativeDividend(r random, d *defect, _ float64) bool {
	i, at, ok := d.payment(r)
	if !ok {
		return false
	}
	d.series.actions[i].Amount *= -1
	d.mark(at, at+1)
	return true
}

func dividendCurrency(r random, d *defect, _ float64) bool {
	i, at, ok := d.payment(r)
	if !ok {
		return false
	}
	a := &d.series.actions[i]
	a.Amount = rounded(a.Amount.Float()*pick(r, 100.0, 150, 1350), 2)
	d.mark(at, at+1)
	return true
}

// adjustedWrong makes the adjusted close count a distribution so many times.
func adjustedWrong(times float64) func(random, *defect, float64) bool {
	return func(r random, d *defect, _ float64) bool {
		i, at, ok := d.payment(r)
		if !ok {
			return false
		}
		a := &d.series.actions[i]
		if times > 1 {
			a.Kind = etf.CapitalGain
		}
		share := a.Amount.Float() / d.series.bars[at-1].Close.Float()
		factor := (1 - times*share) / (1 - share)
		for j := range d.series.bars[:at] {
			b := &d.series.bars[j]
			b.AdjClose = rounded(b.AdjClose.Float()*factor, 6)
		}
		d.border(at)
		return true
	}
}

func missing(r random, d *defect, _ float64) bool {
	n := pick(r, 1, 3, 10)
	at, ok := d.place(r, 3, n+2)
	if !ok {
		return false
	}
	d.mark(at, at+n)
	d.series.bars = slices.Delete(d.series.bars, at, at+n)
	return true
}

func repeatedRow(r random, d *defect, _ float64) bool {
	at, ok := d.place(r, 0, 0)
	if !ok {
		return false
	}
	d.mark(at, at+1)
	d.series.bars = slices.Insert(d.series.bars, at, d.series.bars[at])
	return true
}

func repeatedOther(r random, d *defect, _ float64) bool {
	at, ok := d.place(r, 0, 0)
	if !ok {
		return false
	}
	d.mark(at, at+1)
	b := d.series.bars[at]
	d.measure(at, r.sign()*math.Log(1+0.2*r.Float64()))
	scale(&b, math.Exp(d.log), d.decimals())
	d.size = 0
	d.series.bars = slices.Insert(d.series.bars, at+r.IntN(2), b)
	return true
}

// partial is what a provider gives for a session that has just begun.
func partial(r random, b, before etf.Bar) etf.Bar {
	b.Volume = etf.Shares(max(int64(b.Volume.Float()*(0.002+0.03*r.Float64())), 1))
	b.Close = b.Open
	b.High, b.Low = max(b.Open, b.Close), min(b.Open, b.Close)
	if b.Open <= 0 {
		b.Open, b.High, b.Low, b.Close = before.Close, before.Close, before.Close, before.Close
	}
	b.AdjClose = b.Close
	return b
}

func repeatedPartial(r random, d *defect, _ float64) bool {
	n := len(d.series.bars)
	if n < 10 || d.series.bars[n-1].Volume <= 0 {
		return false
	}
	d.mark(n-1, n)
	b := partial(r, d.series.bars[n-1], d.series.bars[n-2])
	d.series.bars = slices.Insert(d.series.bars, n-r.IntN(2), b)
	return true
}

func swappedPart(r random, d *defect, _ float64) bool {
	n := r.between(1, 10)
	at, ok := d.place(r, 0, n)
	if !ok {
		return false
	}
	for i := at; i < at+n; i++ {
		b := &d.series.bars[i]
		if b.Low > 0 && float64(b.High-b.Low) > 1e-3*float64(b.Close) && float64(b.High-b.Low) > 3e6 {
			d.mark(i, i+1)
			b.High, b.Low = b.Low, b.High
		}
	}
	return len(d.hit) > 0
}

func swappedColumns(r random, d *defect, _ float64) bool {
	if !hasVolume(d.series) {
		return false
	}
	which := r.IntN(4)
	for i := range d.series.bars {
		b := &d.series.bars[i]
		switch which {
		case 0:
			b.High, b.Low = b.Low, b.High
		case 1:
			b.Close, b.High = b.High, b.Close
		case 2:
			b.Close, b.Volume = rounded(math.Min(b.Volume.Float(), 9e9), 0), etf.Shares(int64(b.Close.Float()))
		case 3:
			b.Open, b.Low = b.Low, b.Open
		}
	}
	d.mark(0, len(d.series.bars))
	return true
}

func stuck(n int) func(random, *defect, float64) bool {
	return func(r random, d *defect, _ float64) bool {
		at, ok := d.place(r, 3, n-1)
		if !ok {
			return false
		}
		first := d.series.bars[at-1]
		how := r.IntN(3)
		for i := at; i < at+n; i++ {
			b := &d.series.bars[i]
			switch how {
			case 0: // the whole bar
				session := b.Session
				*b = first
				b.Session = session
			case 1: // a flat bar with a volume
				b.Open, b.High, b.Low, b.Close, b.AdjClose = first.Close, first.Close, first.Close, first.Close, first.AdjClose
				b.Volume = max(b.Volume, etf.Shares(100))
			case 2: // the close alone
				b.Close, b.AdjClose = first.Close, first.AdjClose
				b.High, b.Low = max(b.High, b.Close), min(b.Low, b.Close)
			}
		}
		d.mark(at, at+n)
		return true
	}
}

func copiedBlock(r random, d *defect, _ float64) bool {
	n := r.between(5, 12)
	at, ok := d.place(r, n+2, n)
	if !ok {
		return false
	}
	from := r.between(0, at-n)
	for i := range n {
		b := d.series.bars[from+i]
		b.Session = d.series.bars[at+i].Session
		d.series.bars[at+i] = b
	}
	d.mark(at, at+n)
	return true
}

func shiftedAll(r random, d *defect, _ float64) bool {
	by := pick(r, 1, -1)
	for i := range d.series.bars {
		d.series.bars[i].Session += etf.Session(by)
	}
	for i := range d.series.actions {
		d.series.actions[i].Ex += etf.Session(by)
	}
	d.mark(0, len(d.series.bars))
	return true
}

func shiftedPart(r random, d *defect, _ float64) bool {
	n := len(d.series.bars)
	part := r.between(n/4, n/2)
	from, to := 0, part
	if r.IntN(2) == 0 {
		from, to = n-part, n
	}
	by := etf.Session(pick(r, 1, -1))
	for i := from; i < to; i++ {
		d.series.bars[i].Session += by
	}
	d.mark(from, to)
	return true
}

func shiftedStored(r random, d *defect, _ float64) bool {
	stored := d.series
	stored.bars = slices.Clone(stored.bars)
	n := len(stored.bars)
	part := pick(r, n, min(n, 20), min(n, 60))
	bars := slices.Clone(stored.bars[n-part:])
	if r.IntN(2) == 0 { // one session earlier
		for i := len(bars) - 1; i > 0; i-- {
			bars[i].Session = bars[i-1].Session
		}
		bars = bars[1:]
	} else {
		for i := range len(bars) - 1 {
			bars[i].Session = bars[i+1].Session
		}
		bars = bars[:len(bars)-1]
	}
	d.stored, d.series.bars = &stored, bars
	d.series.actions = nil
	d.mark(0, len(bars))
	return true
}

// weekly and monthly report whether a period ends between two days.
func weekly(a, b etf.Session) bool { return b-a > 3 || b.Weekday() < a.Weekday() }
func monthly(a, b etf.Session) bool {
	_, m, _ := a.Date()
	_, k, _ := b.Date()
	return m != k
}

// group makes one row of each period, dated by its last or its first session.
func group(bars []etf.Bar, ends func(a, b etf.Session) bool, byFirst bool) []etf.Bar {
	var out []etf.Bar
	for i, b := range bars {
		if i == 0 || ends(bars[i-1].Session, b.Session) {
			out = append(out, b)
			continue
		}
		g := &out[len(out)-1]
		if !byFirst {
			g.Session = b.Session
		}
		if b.Low > 0 {
			g.High, g.Low = max(g.High, b.High), min(g.Low, b.Low)
		}
		g.Close, g.AdjClose, g.Volume = b.Close, b.AdjClose, g.Volume+b.Volume
	}
	return out
}

func everySo(ends func(a, b etf.Session) bool) func(random, *defect, float64) bool {
	return func(r random, d *defect, _ float64) bool {
		d.series.bars = group(d.series.bars, ends, r.IntN(2) == 0)
		d.series.actions = nil
		d.mark(0, len(d.series.bars))
		return len(d.hit) >= 6
	}
}

func olderWeekly(r random, d *defect, _ float64) bool {
	half := len(d.series.bars) * 5 / 6
	old := group(d.series.bars[:half], pick(r, weekly, monthly), r.IntN(2) == 0)
	d.series.actions = nil
	d.series.bars = slices.Concat(old, d.series.bars[half:])
	d.mark(0, len(old))
	return len(d.hit) >= 6
}

// hourly makes seven rows of each, all with its date.
func hourly(r random, d *defect, _ float64) bool {
	if len(d.series.bars) > 2_500 {
		return false
	}
	d.mark(0, len(d.series.bars))
	var out []etf.Bar
	for _, b := range d.series.bars {
		span := b.High.Float() - b.Low.Float()
		for range 7 {
			h := b
			h.Open = rounded(b.Low.Float()+span*r.Float64(), d.decimals())
			h.Close = rounded(b.Low.Float()+span*r.Float64(), d.decimals())
			h.High, h.Low = max(h.Open, h.Close), min(h.Open, h.Close)
			if h.Volume > 0 {
				h.Volume = etf.Shares(max(int64(b.Volume.Float()/7*(0.5+r.Float64())), 1))
			}
			out = append(out, h)
		}
	}
	d.series.bars, d.series.actions = out, nil
	return true
}

// otherExchange checks a file with the dates of the other exchange, if three rows or more give it away.
func otherExchange(_ random, d *defect, _ float64) bool {
	other := etf.XKRX
	if d.series.exchange == etf.XKRX {
		other = etf.XNYS
	}
	cal, err := calendar.For(other)
	if err != nil {
		return false
	}
	closed := 0
	for _, b := range d.series.bars {
		if !cal.IsSession(b.Session) {
			closed++
		}
	}
	d.series.exchange = other
	d.mark(0, len(d.series.bars))
	return closed >= 3
}

func weekendRows(r random, d *defect, _ float64) bool {
	n := r.between(1, 3)
	for range n {
		at := r.between(0, len(d.series.bars)-2)
		for at < len(d.series.bars)-1 && d.series.bars[at].Session.Weekday() != time.Friday {
			at++
		}
		b := d.series.bars[at]
		if b.Session.Weekday() != time.Friday {
			continue
		}
		b.Session += etf.Session(r.between(1, 2))
		if at+1 < len(d.series.bars) && d.series.bars[at+1].Session <= b.Session {
			continue
		}
		if r.IntN(2) == 0 {
			b.Open, b.High, b.Low, b.Volume = b.Close, b.Close, b.Close, 0
		}
		d.series.bars = slices.Insert(d.series.bars, at+1, b)
		d.hit = append(d.hit, b.Session)
	}
	slices.Sort(d.hit)
	return len(d.hit) > 0
}

func reusedTicker(r random, d *defect, _ float64) bool {
	at, ok := d.place(r, 5, 5)
	if !ok {
		return false
	}
	cal, err := calendar.For(d.series.exchange)
	if err != nil {
		return false
	}
	// The older rows move back in time by the gap.
	gap := pick(r, 25, 60, 250, 700)
	first := d.series.bars[0].Session
	if cal.Count(etf.Window{To: first}) < gap+5 {
		return false
	}
	sigma := d.series.volatility(at)
	log := r.sign() * (math.Log(3) + r.Float64()*math.Log(8))
	log = math.Copysign(max(math.Abs(log), 6*sigma*math.Sqrt(float64(gap))), log)
	if math.Abs(log) > math.Log(300) {
		return false
	}
	d.log, d.size = log, math.Abs(log)/(sigma*math.Sqrt(float64(gap)))
	volume := math.Exp(r.sign() * r.Float64() * math.Log(50))
	wild := pick(r, 1.0, 2, 0.5)
	base := d.series.bars[at-1].Close.Float()
	for i := range d.series.bars[:at] {
		b := &d.series.bars[i]
		s, err := cal.Nth(b.Session, -gap)
		if err != nil {
			return false
		}
		b.Session = s
		// Another security: other returns and another level.
		factor := math.Exp(-log + (wild-1)*math.Log(b.Close.Float()/base))
		scale(b, factor, 4)
		if b.Volume > 0 {
			b.Volume = etf.Shares(max(int64(b.Volume.Float()*volume), 1))
		}
	}
	d.series.actions = nil
	d.mark(at-1, at)
	return true
}

func newClose(r random, d *defect, log float64) bool {
	n := len(d.series.bars)
	log *= d.series.volatility(n-1) * r.sign()
	d.log = log
	scale(&d.series.bars[n-1], math.Exp(log), d.decimals())
	d.mark(n-1, n)
	return true
}

func heldReverted(r random, d *defect, log float64) bool {
	n := len(d.series.bars)
	log *= d.series.volatility(n-2) * r.sign()
	d.log = log
	scale(&d.series.bars[n-2], math.Exp(log), d.decimals())
	stored := d.series
	stored.bars = slices.Clone(stored.bars[:n-1])
	d.stored = &stored
	d.mark(n-2, n-1)
	return true
}

func heldConfirmed(r random, d *defect, log float64) bool {
	n := len(d.series.bars)
	log *= d.series.volatility(n-2) * r.sign()
	if math.Abs(log) > math.Log(2.35) {
		return false
	}
	d.log = log
	for i := n - 2; i < n; i++ {
		scale(&d.series.bars[i], math.Exp(log), d.decimals())
	}
	stored := d.series
	stored.bars = slices.Clone(stored.bars[:n-1])
	d.stored = &stored
	d.mark(n-2, n)
	return true
}

func partialLast(r random, d *defect, _ float64) bool {
	n := len(d.series.bars)
	if d.series.bars[n-1].Volume <= 0 {
		return false
	}
	d.series.bars[n-1] = partial(r, d.series.bars[n-1], d.series.bars[n-2])
	d.mark(n-1, n)
	return true
}

func placeholderLast(_ random, d *defect, _ float64) bool {
	n := len(d.series.bars)
	b, last := &d.series.bars[n-1], d.series.bars[n-2]
	b.Open, b.High, b.Low, b.Close, b.AdjClose, b.Volume = last.Close, last.Close, last.Close, last.Close, last.AdjClose, 0
	d.mark(n-1, n)
	return true
}

// readjust keeps the history as stored and restates rows of the file.
func (d *defect) readjust(from, to int, factor float64) {
	stored := d.series
	stored.bars = slices.Clone(stored.bars)
	d.stored = &stored
	for i := from; i < to; i++ {
		scale(&d.series.bars[i], factor, 6)
	}
	d.mark(from, to)
	d.log = math.Log(factor)
}

func readjustedTail(r random, d *defect, _ float64) bool {
	n := len(d.series.bars)
	if n < 30 {
		return false
	}
	d.readjust(0, n, 1-pick(r, 0.003, 0.006, 0.02, 0.05, 0.5))
	tail := max(n-pick(r, 15, 60), n/3)
	d.series.bars, d.hit = d.series.bars[tail:], d.hit[tail:]
	d.series.actions = nil
	return true
}

func readjustedWhole(r random, d *defect, _ float64) bool {
	d.readjust(0, len(d.series.bars), 1-pick(r, 0.003, 0.006, 0.02, 0.05, 0.5))
	return true
}

func readjustedStep(r random, d *defect, _ float64) bool {
	at, ok := d.place(r, 5, 2)
	if !ok {
		return false
	}
	d.readjust(0, at, 1-pick(r, 0.003, 0.006, 0.02))
	return true
}

func doubleSplit(r random, d *defect, _ float64) bool {
	at, ok := d.place(r, 5, 2)
	if !ok {
		return false
	}
	d.readjust(0, at, 1/pick(r, 2.0, 3, 4, 5, 10))
	return true
}
