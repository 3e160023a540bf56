package quality

import (
	"fmt"
	"slices"
	"time"

	"github.com/etfcast/etfcast/etf"
)

const (
	ruleDates    = "wrong_dates"
	ruleCalendar = "unknown_session"
)

// checkDates condemns a response whose dates as a whole are not those of the exchange: shifted by a time zone, or another
// exchange's. It quarantines the part of a response in which the dates of at least two weeks running are shifted.
func checkDates(s *state) {
	d := s.newDays()
	if len(d.closed) == 0 {
		return
	}
	if text := d.wrong(); text != "" {
		s.condemn(ruleDates, text)
		return
	}
	for _, shift := range []*shift{&d.early, &d.late} {
		for _, p := range shift.parts {
			s.quarantineAll(ruleDates, fmt.Sprintf("%s from %s to %s with a row on %s and none on %s: dates shifted by a time zone?",
				count(p.weeks, "week"), p.from, p.to, shift.extra, shift.lacking),
				func(i int) bool { return s.in.Bars[i].Session >= p.from && s.in.Bars[i].Session <= p.to })
		}
	}
}

// checkCalendar quarantines single rows dated on days when the exchange was closed.
func checkCalendar(s *state) {
	for i, b := range s.in.Bars {
		if s.verdicts[i] == etf.VerdictKeep && !s.cal.IsSession(b.Session) {
			s.quarantine(ruleCalendar, i, 0, fmt.Sprintf("%s (%s) is not a session of %s", b.Session, b.Session.Weekday(), s.in.Exchange))
		}
	}
}

// days is what the days of a response's rows say about its dates.
type days struct {
	s      *state
	rows   []int         // ordinals of the rows, ascending by session
	days   []etf.Session // of rows
	closed []int         // positions in rows of those on closed days
	early  shift
	late   shift
}

// shift counts the weeks of a response that speak for and against dates shifted to one side.
type shift struct {
	extra, lacking time.Weekday
	weeks          int // with a row on extra and none on lacking
	against        int // with a row on lacking, or with both
	open           int // with a row on extra, whose lacking day lies outside the response
	parts          []shiftedPart
	run            shiftedPart // of weeks, not ended yet
}

type shiftedPart struct {
	from, to etf.Session
	weeks    int
}

func (s *state) newDays() *days {
	d := &days{s: s, early: shift{extra: time.Sunday, lacking: time.Friday}, late: shift{extra: time.Saturday, lacking: time.Monday}}
	any := false
	for i := range s.in.Bars {
		any = any || s.verdicts[i] == etf.VerdictKeep && !s.cal.IsSession(s.in.Bars[i].Session)
	}
	if !any {
		return d
	}
	d.rows = slices.DeleteFunc(s.byDay(), func(i int) bool { return s.verdicts[i] != etf.VerdictKeep })
	for at, i := range d.rows {
		session := s.in.Bars[i].Session
		d.days = append(d.days, session)
		if !s.cal.IsSession(session) {
			d.closed = append(d.closed, at)
		}
	}
	d.countWeeks()
	return d
}

func (d *days) has(day etf.Session) bool {
	_, ok := slices.BinarySearch(d.days, day)
	return ok
}

// countWeeks looks at each weekend day in the range of the response. Dates a day early put Mondays on Sundays and leave no
// Friday; dates a day late put Fridays on Saturdays and leave no Monday.
func (d *days) countWeeks() {
	first, last := d.days[0], d.days[len(d.days)-1]
	for day := first; day <= last; day++ {
		switch day.Weekday() {
		case time.Sunday:
			d.early.count(d, day, day+5, day, day+4)
		case time.Saturday:
			d.late.count(d, day, day-5, day-4, day)
		}
	}
	d.early.end()
	d.late.end()
}

// count looks at one week, from..to if its dates are shifted.
func (w *shift) count(d *days, extra, lacking, from, to etf.Session) {
	if !d.s.cal.IsSession(lacking) {
		return // a holiday says nothing
	}
	outside := lacking < d.days[0] || lacking > d.days[len(d.days)-1]
	switch {
	case d.has(extra) && outside:
		w.open++
	case d.has(lacking):
		w.against++
		w.end()
		return
	case d.has(extra):
		w.weeks++
	default:
		return
	}
	if w.run.weeks == 0 {
		w.run.from = from
	}
	w.run.to = to
	w.run.weeks++
}

// end ends a run of shifted weeks. One week may be a stray row and a missing one.
func (w *shift) end() {
	if w.run.weeks >= 2 {
		w.parts = append(w.parts, w.run)
	}
	w.run = shiftedPart{}
}

// wrong says why the dates as a whole are wrong; "" if they are not.
func (d *days) wrong() string {
	x := d.s.in.Exchange
	if n := len(d.closed); n > 2 && n*2 > len(d.days) {
		return fmt.Sprintf("%d of %d rows are dated on days when %s was closed, such as %s (%s)", n, len(d.days), x,
			d.days[d.closed[0]], d.days[d.closed[0]].Weekday())
	}
	for _, w := range []*shift{&d.early, &d.late} {
		// A quarter of the weeks: a provider may shift a part of the year only. A few rows have no complete week.
		systematic := w.weeks >= 2 && w.weeks*4 >= w.weeks+w.against || w.weeks+w.open > 0 && w.against == 0 && d.fits(w)
		if systematic {
			return fmt.Sprintf("%s with a row on %s and none on %s: are the dates in the time zone of %s?", count(w.weeks+w.open, "week"), w.extra, w.lacking, x)
		}
	}
	return d.otherExchange()
}

// fits reports whether all rows are dated on sessions once the shift, of up to three days, is undone.
func (d *days) fits(w *shift) bool {
	sign := etf.Session(1)
	if w.extra == time.Saturday {
		sign = -1
	}
	for by := etf.Session(1); by <= 3; by++ {
		if !slices.ContainsFunc(d.days, func(day etf.Session) bool { return !d.s.cal.IsSession(day + sign*by) }) {
			return true
		}
	}
	return false
}

// otherExchange looks for trading on a good part of the days when the exchange was closed: holidays, or weekends. Rows that
// only carry the last price over holidays and weekends are no trading.
func (d *days) otherExchange() string {
	x := d.s.in.Exchange
	var traded [7]int
	holidays := 0
	for _, at := range d.closed {
		if d.traded(at) {
			day := d.days[at].Weekday()
			traded[day]++
			if day != time.Saturday && day != time.Sunday {
				holidays++
			}
		}
	}
	var closed [7]int
	closedHolidays, missing := 0, 0
	for day := d.days[0]; day <= d.days[len(d.days)-1]; day++ {
		w := day.Weekday()
		switch session := d.s.cal.IsSession(day); {
		case !session && w != time.Saturday && w != time.Sunday:
			closedHolidays++
		case !session:
			closed[w]++
		case !d.has(day):
			missing++
		}
	}
	for _, w := range []time.Weekday{time.Saturday, time.Sunday} {
		if traded[w] >= 4 && traded[w]*2 > closed[w] {
			return fmt.Sprintf("trading on %d of %d %ss, when %s was closed: is it the right exchange?", traded[w], closed[w], w, x)
		}
	}
	if (holidays >= 3 || holidays == 2 && missing >= 2) && holidays*5 >= closedHolidays*2 {
		return fmt.Sprintf("trading on %d of %d holidays of %s, and no row for %s: is it the right exchange?",
			holidays, closedHolidays, x, count(missing, "session"))
	}
	return ""
}

// traded reports whether the row shows trading: a close other than the one before, and not without volume.
func (d *days) traded(at int) bool {
	b := d.s.in.Bars[d.rows[at]]
	if b.Close <= 0 || b.Volume == 0 {
		return false
	}
	return at == 0 || b.Close != d.s.in.Bars[d.rows[at-1]].Close
}
