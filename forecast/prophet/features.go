package prophet

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/etfcast/etfcast/calendar/holidays"
)

// fourierTerm returns the sine and cosine of the n-th harmonic of a period at a stamp. The operations are in the
// original's order, so that the argument of the sine has the same bits.
func fourierTerm(s Stamp, period float64, n int) (sin, cos float64) {
	return math.Sincos(float64(n) / period * (2 * math.Pi * s.Days()))
}

// column is one column of features.
type column struct {
	name      string // "weekly_delim_1", "xmas_delim_+0", "price"
	component string
	prior     float64
	mode      Mode // "" for the column of zeros used when there are no features
}

// layout describes the feature columns, in order.
type layout struct {
	columns  []column
	seasons  []Seasonality // each followed by 2*order columns
	holidays []holidayColumn
	regs     []FittedRegressor
	// earlierFourier is State.EarlierFourier.
	earlierFourier bool
}

// holidayColumn is a holiday at an offset in days from its date.
type holidayColumn struct {
	holiday string
	offset  int
}

func (c holidayColumn) name() string {
	sign := "+"
	n := c.offset
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%s%s%d", c.holiday, delimiter, sign, n)
}

// holidayTable holds the dates of all holidays: from Options, the country and the exchange.
type holidayTable struct {
	names []string // distinct, in order of appearance
	rows  []Holiday
}

// holidaysFor lists the holidays for the years of ds. If train is given, only the holidays it names are kept: the
// holidays of the fit.
func (o *Options) holidaysFor(ds []Stamp, train []string) (holidayTable, error) {
	var tab holidayTable
	tab.rows = append(tab.rows, o.Holidays...)
	if o.CountryHolidays != "" {
		for _, year := range yearsOf(ds) {
			list, err := holidays.Of(o.CountryHolidays, year)
			if err != nil {
				return tab, err
			}
			for _, h := range list {
				tab.rows = append(tab.rows, Holiday{Name: h.Name, DS: SessionStamp(h.Date), PriorScale: o.HolidaysPriorScale})
			}
		}
	}
	if o.Market.SessionHolidays {
		before, after, err := closures(o.Market, ds)
		if err != nil {
			return tab, err
		}
		for _, s := range before {
			tab.rows = append(tab.rows, Holiday{Name: beforeClosure, DS: s, PriorScale: o.HolidaysPriorScale})
		}
		for _, s := range after {
			tab.rows = append(tab.rows, Holiday{Name: afterClosure, DS: s, PriorScale: o.HolidaysPriorScale})
		}
	}
	keep := map[string]bool{}
	for _, name := range train {
		keep[name] = true
	}
	seen := map[string]bool{}
	out := tab.rows[:0]
	for _, h := range tab.rows {
		if train != nil && !keep[h.Name] {
			continue
		}
		out = append(out, h)
		if !seen[h.Name] {
			seen[h.Name] = true
			tab.names = append(tab.names, h.Name)
		}
	}
	tab.rows = out
	return tab, nil
}

// yearsOf returns the distinct years of ds, ascending.
func yearsOf(ds []Stamp) []int {
	seen := map[int]bool{}
	var years []int
	var lo, hi Stamp = 1, 0 // the span of the last year found: most rows fall in it
	for _, s := range ds {
		if s >= lo && s < hi {
			continue
		}
		y := s.Time().Year()
		lo, hi = DateOf(y, 1, 1), DateOf(y+1, 1, 1)
		if !seen[y] {
			seen[y] = true
			years = append(years, y)
		}
	}
	slices.Sort(years)
	return years
}

// newLayout orders the columns: seasonalities, holidays sorted by column name, regressors.
func (o *Options) newLayout(seasons []Seasonality, tab holidayTable, train []string, regs []FittedRegressor) layout {
	l := layout{seasons: seasons, regs: regs}
	for _, s := range seasons {
		for i := 1; i <= 2*s.FourierOrder; i++ {
			l.columns = append(l.columns, column{fmt.Sprintf("%s%s%d", s.Name, delimiter, i), s.Name, s.PriorScale, s.Mode})
		}
	}
	scale := map[string]float64{}
	seen := map[holidayColumn]bool{}
	add := func(c holidayColumn) {
		if !seen[c] {
			seen[c] = true
			l.holidays = append(l.holidays, c)
		}
	}
	for _, h := range tab.rows {
		scale[h.Name] = h.PriorScale
		for off := h.LowerWindow; off <= h.UpperWindow; off++ {
			add(holidayColumn{h.Name, off})
		}
	}
	for _, name := range train {
		if _, ok := scale[name]; !ok {
			scale[name] = o.HolidaysPriorScale
			add(holidayColumn{name, 0})
		}
	}
	labels := make(map[holidayColumn]string, len(l.holidays))
	for _, c := range l.holidays {
		labels[c] = c.name()
	}
	sort.Slice(l.holidays, func(a, b int) bool { return labels[l.holidays[a]] < labels[l.holidays[b]] })
	for _, c := range l.holidays {
		l.columns = append(l.columns, column{labels[c], c.holiday, scale[c.holiday], o.HolidaysMode})
	}
	for _, r := range regs {
		l.columns = append(l.columns, column{r.Name, r.Name, r.PriorScale, r.Mode})
	}
	if len(l.columns) == 0 {
		l.columns = append(l.columns, column{"zeros", "zeros", 1, ""})
	}
	return l
}

// features returns the feature columns of the rows, K slices of N values.
func (l *layout) features(r *rows, tab holidayTable) [][]float64 {
	n := len(r.ds)
	block := make([]float64, len(l.columns)*n)
	x := make([][]float64, len(l.columns))
	for j := range x {
		x[j] = block[j*n : (j+1)*n : (j+1)*n]
	}
	at := 0
	for _, s := range l.seasons {
		var condition []float64
		if s.ConditionName != "" {
			condition = r.conditions[s.ConditionName]
		}
		for i, d := range r.ds {
			if condition != nil && condition[i] == 0 {
				continue
			}
			turn := 2 * math.Pi * d.Days()
			for k := range s.FourierOrder {
				angle := float64(k+1) / s.Period * turn // as in fourierTerm
				if l.earlierFourier {
					angle = turn * float64(k+1) / s.Period
				}
				x[at+2*k][i], x[at+2*k+1][i] = math.Sincos(angle)
			}
		}
		at += 2 * s.FourierOrder
	}
	if len(l.holidays) > 0 {
		l.markHolidays(x[at:], r.ds, tab)
		at += len(l.holidays)
	}
	for _, z := range r.regressors {
		copy(x[at], z)
		at++
	}
	return x
}

// markHolidays sets 1 where the date of a row is a holiday's date plus its offset.
func (l *layout) markHolidays(x [][]float64, ds []Stamp, tab holidayTable) {
	column := make(map[holidayColumn]int, len(l.holidays))
	for j, c := range l.holidays {
		column[c] = j
	}
	on := map[Stamp][]int{}
	for _, h := range tab.rows {
		for off := h.LowerWindow; off <= h.UpperWindow; off++ {
			if j, ok := column[holidayColumn{h.Name, off}]; ok {
				date := h.DS.Date() + Stamp(off)*Day
				on[date] = append(on[date], j)
			}
		}
	}
	for i, s := range ds {
		for _, j := range on[s.Date()] {
			x[j][i] = 1
		}
	}
}

// components returns the columns that add up to each component.
func (l *layout) components() map[string][]int {
	out := map[string][]int{}
	group := func(name string, j int) { out[name] = append(out[name], j) }
	inHolidays := map[string]bool{}
	for _, c := range l.holidays {
		inHolidays[c.holiday] = true
	}
	isRegressor := map[string]bool{}
	for _, r := range l.regs {
		isRegressor[r.Name] = true
	}
	for _, total := range []string{"additive_terms", "multiplicative_terms"} {
		out[total] = nil
	}
	for j, c := range l.columns {
		if c.mode == "" {
			group(c.component, j)
			continue
		}
		group(c.component, j)
		group(string(c.mode)+"_terms", j)
		if inHolidays[c.component] {
			group("holidays", j)
		}
		if isRegressor[c.component] {
			group("extra_regressors_"+string(c.mode), j)
		}
	}
	return out
}

// modes lists the names of the components by mode, in the original's order: seasonalities and regressors as they were
// added, the totals, and the holidays.
func (l *layout) modes(holidaysMode Mode, names []string) ComponentModes {
	list := map[Mode][]string{Additive: {}, Multiplicative: {}}
	for _, s := range l.seasons {
		list[s.Mode] = append(list[s.Mode], s.Name)
	}
	list[holidaysMode] = append(list[holidaysMode], names...)
	for _, r := range l.regs {
		list[r.Mode] = append(list[r.Mode], r.Name)
	}
	for _, m := range []Mode{Additive, Multiplicative} {
		list[m] = append(list[m], string(m)+"_terms", "extra_regressors_"+string(m))
	}
	list[holidaysMode] = append(list[holidaysMode], "holidays")
	return ComponentModes{list[Additive], list[Multiplicative]}
}

// builtInSeason is a seasonality that need not be added. "auto" turns it on if the history is at least least long and, if
// finer is set, has rows less than that apart.
type builtInSeason struct {
	name         string
	period       float64
	order        int
	asked        func(*Options) Seasonal
	least, finer Stamp
}

var builtIn = []builtInSeason{
	{"yearly", 365.25, 10, func(o *Options) Seasonal { return o.YearlySeasonality }, 730 * Day, 0},
	{"weekly", 7, 3, func(o *Options) Seasonal { return o.WeeklySeasonality }, 14 * Day, 7 * Day},
	{"daily", 1, 4, func(o *Options) Seasonal { return o.DailySeasonality }, 2 * Day, Day},
}

func (b *builtInSeason) off(span, gap Stamp) bool {
	return span < b.least || b.finer > 0 && gap >= b.finer
}

// why says what the automatic choice was made by.
func (b *builtInSeason) why(span, gap Stamp) string {
	if span < b.least {
		return fmt.Sprintf("%s of history, %s are needed", inDays(span), inDays(b.least))
	}
	if b.finer > 0 && gap >= b.finer {
		return fmt.Sprintf("rows are %s apart, less than %s is needed", inDays(gap), inDays(b.finer))
	}
	if b.finer > 0 {
		return fmt.Sprintf("%s of history, rows %s apart", inDays(span), inDays(gap))
	}
	return inDays(span) + " of history"
}

// spanAndGap returns the length of a history and its smallest distance between rows that is not 0.
func spanAndGap(ds []Stamp) (span, gap Stamp) {
	for i := 1; i < len(ds); i++ {
		if d := ds[i] - ds[i-1]; d > 0 && (gap == 0 || d < gap) {
			gap = d
		}
	}
	return ds[len(ds)-1] - ds[0], gap
}

// seasonalities returns the added seasonalities and the built-in ones for the history.
func (o *Options) seasonalities(ds []Stamp) []Seasonality {
	out := slices.Clone(o.Seasonalities)
	span, gap := spanAndGap(ds)
	for _, b := range builtIn {
		order := 0
		own := slices.IndexFunc(out, func(s Seasonality) bool { return s.Name == b.name })
		switch asked := b.asked(o); asked {
		case SeasonalAuto:
			if own < 0 && !b.off(span, gap) {
				order = b.order
			}
		case SeasonalOn:
			order = b.order
		default:
			order = int(asked)
		}
		if order == 0 {
			continue
		}
		s := Seasonality{Name: b.name, Period: b.period, FourierOrder: order, PriorScale: o.SeasonalityPriorScale, Mode: o.SeasonalityMode}
		if own >= 0 {
			out[own] = s
		} else {
			out = append(out, s)
		}
	}
	return out
}
