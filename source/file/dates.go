package file

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// What the numbers of a date mean is decided by the whole column and never row by row. A day above 12 decides the order of
// day and month. Where there is none, the order is the one in which the dates are those of consecutive sessions, if that is
// so in one order only. Otherwise the file is rejected with the option that decides.

// dateFormat is what the dates of a column mean.
type dateFormat struct {
	kind      dateKind
	order     string // of yearLast and shortYear: "dmy", "mdy" or "ymd"
	excel1904 bool   // of serial: the days are counted from 1904-01-01, as in old Mac spreadsheets
	exchange  bool   // the stamps are instants, and the date is the one in the exchange's time zone
	example   string // a date of this format, for messages
}

// market is what is known about the ETF's exchange; the zero value knows only weekends.
type market struct {
	calendar *calendar.Calendar
	now      time.Time // the time of the request; zero if unknown
}

func (m market) isSession(s etf.Session) bool {
	if m.calendar == nil || !m.calendar.Range().Contains(s) {
		w := s.Weekday()
		return w != time.Saturday && w != time.Sunday
	}
	return m.calendar.IsSession(s)
}

func (m market) location() *time.Location {
	if m.calendar == nil {
		return time.UTC
	}
	return m.calendar.Location()
}

const (
	// fewRows is how many rows it takes for their dates to show the order of day and month by being consecutive sessions.
	fewRows = 3
	// dailyGap is the longest time between consecutive rows of daily prices, in days: a week of closures and more.
	dailyGap = 14
	// oddShare is how many of a column's values may differ from what the others agree on before the column is mixed: one in
	// twenty, or two.
	oddShare = 20
)

func fewOdd(odd, all int) bool { return odd <= max(2, all/oddShare) }

// decideDates decides what the dates of a column mean. wrong says why that is not possible, and remedy what to do; both are
// empty if it is.
func decideDates(stamps []stamp, text func(i int) string, opt options) (f dateFormat, wrong, remedy string) {
	var count, first [dateKinds]int
	for i := len(stamps) - 1; i >= 0; i-- {
		count[stamps[i].kind]++
		first[stamps[i].kind] = i
	}
	all := 0
	for k := yearFirst; k < dateKinds; k++ {
		all += count[k]
		if count[k] > count[f.kind] || f.kind == noDate {
			f.kind = k
		}
	}
	if all == 0 {
		return dateFormat{kind: yearFirst, example: "2025-06-30"}, "", ""
	}
	f.example = text(first[f.kind])
	if odd := all - count[f.kind]; !fewOdd(odd, all) {
		for k := yearFirst; k < dateKinds; k++ {
			if k != f.kind && count[k] > 0 {
				return f, fmt.Sprintf("the dates are written in several ways, such as %q and %q", f.example, text(first[k])), "write all dates in one way, such as YYYY-MM-DD"
			}
		}
	}
	of := make([]stamp, 0, count[f.kind])
	at := make([]int, 0, count[f.kind]) // the positions of these in stamps
	for i, st := range stamps {
		if st.kind == f.kind {
			of = append(of, st)
			at = append(at, i)
		}
	}
	switch f.kind {
	case yearLast, shortYear:
		if wrong, remedy = f.decideOrder(of, func(i int) string { return text(at[i]) }, opt); wrong != "" {
			return f, wrong, remedy
		}
	case serial:
		if wrong, remedy = f.decideEpochOfSerial(of, opt); wrong != "" {
			return f, wrong, remedy
		}
	}
	wrong, remedy = f.decideZone(of, opt)
	return f, wrong, remedy
}

// decideOrder decides the order of day, month and year. text returns a date as it is written.
func (f *dateFormat) decideOrder(of []stamp, text func(i int) string, opt options) (wrong, remedy string) {
	orders := []string{"dmy", "mdy"}
	if f.kind == shortYear {
		orders = append(orders, "ymd")
	}
	if slices.Contains(orders, opt.dates) {
		f.order = opt.dates
		return "", ""
	}
	remedy = "put dates=dmy (day first) or dates=mdy (month first) in the reference"
	if f.kind == shortYear {
		remedy = "put dates=dmy, dates=mdy or dates=ymd in the reference"
	}
	// Which orders does each row allow? A row that allows none is not a date.
	var possible []string
	var against [3]int
	readable := 0
	for _, st := range of {
		var ok [3]bool
		for i, o := range orders {
			_, ok[i] = dateFormat{kind: f.kind, order: o}.civil(st)
		}
		if !ok[0] && !ok[1] && !ok[2] {
			continue
		}
		readable++
		for i := range orders {
			if !ok[i] {
				against[i]++
			}
		}
	}
	for i, o := range orders {
		if against[i] == 0 {
			possible = append(possible, o)
		}
	}
	if readable == 0 {
		f.order = "dmy"
		return "", ""
	}
	if len(possible) == 0 {
		return fmt.Sprintf("some dates like %q have the day first and others the month", f.example), "write all dates in one way, such as YYYY-MM-DD"
	}
	if len(possible) > 1 {
		var fit []string
		same := true
		for _, o := range possible {
			g := dateFormat{kind: f.kind, order: o}
			if g.consecutive(of, opt.market) {
				fit = append(fit, o)
			}
			for _, st := range of {
				a, _ := g.civil(st)
				b, _ := dateFormat{kind: f.kind, order: possible[0]}.civil(st)
				same = same && a == b
			}
		}
		if same {
			fit = possible[:1]
		}
		if len(fit) != 1 {
			for i, st := range of { // 01/01/2025 would be a poor example
				a, _ := dateFormat{kind: f.kind, order: possible[0]}.civil(st)
				b, _ := dateFormat{kind: f.kind, order: possible[1]}.civil(st)
				if a != b || i == len(of)-1 {
					return fmt.Sprintf("%q could be %s or %s, and no date of the file shows which", text(i), a, b), remedy
				}
			}
		}
		possible = fit
	}
	f.order = possible[0]
	if st, other := f.outOfOrder(of, orders); other != "" {
		first := map[string]string{"dmy": "the day", "mdy": "the month", "ymd": "the year"}
		s, _ := f.civil(st)
		return fmt.Sprintf("most dates have %s first, but one of them would then be %s, which is out of place, and follows the row before it only with %s first", first[f.order], s, first[other]),
			"write all dates in one way, such as YYYY-MM-DD"
	}
	return "", ""
}

// consecutive reports whether the dates are those of consecutive sessions, ascending or descending.
func (f dateFormat) consecutive(of []stamp, m market) bool {
	var before etf.Session
	rows, away, steps, far, up, down := 0, 0, 0, 0, 0, 0
	for _, st := range of {
		s, ok := f.civil(st)
		if !ok {
			continue
		}
		rows++
		if !m.isSession(s) {
			away++
		}
		if before != 0 && s != before {
			steps++
			if s > before {
				up++
			} else {
				down++
			}
			if step := s - before; step > dailyGap/2 || step < -dailyGap/2 {
				far++
			}
		}
		before = s
	}
	return rows >= fewRows && steps > 0 && away*oddShare <= rows && far*oddShare <= steps && min(up, down)*oddShare <= steps
}

// outOfOrder returns a date that is out of place in the order of the column, and the order in which it would not be; empty for none.
func (f dateFormat) outOfOrder(of []stamp, orders []string) (st stamp, other string) {
	up, down := 0, 0
	var before etf.Session
	for _, st := range of {
		s, ok := f.civil(st)
		if !ok {
			continue
		}
		if before != 0 && s > before {
			up++
		} else if before != 0 && s < before {
			down++
		}
		before = s
	}
	sign := etf.Session(1)
	if down > up {
		sign = -1
	}
	before = 0
	for _, st := range of {
		s, ok := f.civil(st)
		if !ok {
			continue
		}
		if step := (s - before) * sign; before != 0 && (step < 0 || step > 2*dailyGap) {
			for _, o := range orders {
				if o == f.order {
					continue
				}
				if exchanged, ok := (dateFormat{kind: f.kind, order: o}).civil(st); ok {
					if step := (exchanged - before) * sign; step > 0 && step <= dailyGap/2 {
						return st, o
					}
				}
			}
		}
		before = s
	}
	return stamp{}, ""
}

const (
	excel1900 = etf.Session(-25569) // day 0 of a spreadsheet's serial numbers, for days after 1900-02-28
	excel1904 = etf.Session(-24107)
)

// decideEpochOfSerial decides from which day a spreadsheet counts. The two ways are four years and a day apart, so only one of
// them has all rows on weekdays if there are rows from Monday to Friday.
func (f *dateFormat) decideEpochOfSerial(of []stamp, opt options) (wrong, remedy string) {
	switch opt.dates {
	case "excel1900", "excel1904":
		f.excel1904 = opt.dates == "excel1904"
		return "", ""
	}
	var fits [2]bool
	for i := range fits {
		g := dateFormat{kind: serial, excel1904: i == 1}
		away := 0
		fits[i] = true
		for _, st := range of {
			s, _ := g.civil(st)
			if !opt.market.isSession(s) {
				away++
			}
			if !opt.market.now.IsZero() && s.Time().After(opt.market.now.AddDate(0, 0, 1)) {
				fits[i] = false // a price of the future
			}
		}
		fits[i] = fits[i] && away*oddShare <= len(of)
	}
	f.excel1904 = fits[1]
	if fits[0] == fits[1] {
		a, _ := dateFormat{kind: serial}.civil(of[0])
		b, _ := dateFormat{kind: serial, excel1904: true}.civil(of[0])
		return fmt.Sprintf("%q is the day number of a spreadsheet and could be %s or %s", f.example, a, b), "write dates as YYYY-MM-DD, or put dates=excel1900 or dates=excel1904 in the reference"
	}
	return "", ""
}

// decideZone decides whether the date of a stamp with a time is the one written or the one in the exchange's time zone.
func (f *dateFormat) decideZone(of []stamp, opt options) (wrong, remedy string) {
	timed := 0
	for _, st := range of {
		if st.hasTime {
			timed++
		}
	}
	if opt.zone != "" || timed == 0 || f.kind == serial {
		f.exchange = opt.zone == "exchange" && f.kind != serial
		return "", ""
	}
	if opt.market.calendar == nil {
		return "", ""
	}
	written, local := dateFormat{kind: f.kind, order: f.order}, dateFormat{kind: f.kind, order: f.order, exchange: true}
	location := opt.market.location()
	differ, awayWritten, awayLocal, zoned, localMidnight, utcMidnight := 0, 0, 0, 0, 0, 0
	example := -1
	for i, st := range of {
		a, ok := written.session(st, location)
		if !ok {
			continue
		}
		b, _ := local.session(st, location)
		if a != b {
			differ++
			if example < 0 {
				example = i
			}
		}
		if !opt.market.isSession(a) {
			awayWritten++
		}
		if !opt.market.isSession(b) {
			awayLocal++
		}
		if st.zoned {
			zoned++
		}
		at := st.instant(a)
		if h, m, s := at.In(location).Clock(); h+m+s == 0 {
			localMidnight++
		}
		if at.Unix()%86400 == 0 {
			utcMidnight++
		}
	}
	if differ == 0 {
		f.exchange = f.kind == epoch
		return "", ""
	}
	n := len(of)
	writtenFits, localFits := awayWritten*oddShare <= n, awayLocal*oddShare <= n
	a, _ := written.session(of[example], location)
	b, _ := local.session(of[example], location)
	at := of[example].instant(a).UTC().Format("2006-01-02 15:04 UTC")
	if f.kind == epoch {
		switch {
		case localFits != writtenFits:
			f.exchange = localFits
		case utcMidnight*oddShare >= n*(oddShare-1):
			f.exchange = false
		case localMidnight*oddShare >= n*(oddShare-1):
			f.exchange = true
		default:
			return fmt.Sprintf("%s could be the session %s or, by the time in %s, %s", at, a, location, b), "put zone=exchange (the date in the exchange's time zone) or zone=written (the date in UTC) in the reference"
		}
		return "", ""
	}
	midnight := zoned == n && localMidnight*oddShare >= n*(oddShare-1)
	if midnight && localFits || !writtenFits && localFits {
		return fmt.Sprintf("the dates are not in the time zone of the exchange: %s is %s in %s (%d of %d dates as written are not sessions)", at,
			of[example].instant(a).In(location).Format("2006-01-02 15:04"), location, awayWritten, n), "put zone=exchange in the reference to use the dates in the exchange's time zone, or export dates without times"
	}
	return "", ""
}

// instant returns the moment of a stamp whose date as written is s; without an offset it is in UTC.
func (st stamp) instant(s etf.Session) time.Time {
	if st.kind == epoch {
		return time.Unix(st.at, 0)
	}
	return time.Unix(int64(s)*86400+int64(st.clock-st.offset), 0)
}

// civil returns the date as written.
func (f dateFormat) civil(st stamp) (etf.Session, bool) {
	n := [3]int{int(st.n[0]), int(st.n[1]), int(st.n[2])}
	switch st.kind {
	case yearFirst, monthName:
		return civil(n[0], n[1], n[2])
	case yearLast, shortYear:
		width := 4
		if st.kind == shortYear {
			width = 2
		}
		switch f.order {
		case "dmy":
			return civil(int(fullYear(st.n[2], width)), n[1], n[0])
		case "mdy":
			return civil(int(fullYear(st.n[2], width)), n[0], n[1])
		}
		return civil(int(fullYear(st.n[0], width)), n[1], n[2])
	case serial:
		if f.excel1904 {
			return excel1904 + etf.Session(st.n[0]), true
		}
		return excel1900 + etf.Session(st.n[0]), true
	case epoch:
		s := etf.Session(math.Floor(float64(st.at) / 86400))
		y, _, _ := s.Date()
		return s, s != 0 && y >= 1900 && y <= 2200
	}
	return 0, false
}

// session returns the session of a stamp.
func (f dateFormat) session(st stamp, location *time.Location) (etf.Session, bool) {
	s, ok := f.civil(st)
	if ok && f.exchange && st.hasTime {
		return etf.SessionOf(st.instant(s).In(location)), true
	}
	return s, ok
}

// read returns the session of a date of the column.
func (f dateFormat) read(st stamp, text string, location *time.Location) (etf.Session, error) {
	if st.kind == noDate {
		return 0, fmt.Errorf("%q is not a date; write YYYY-MM-DD", etf.Clip(text, 40))
	}
	if st.kind != f.kind {
		return 0, fmt.Errorf("%q is not written like the other dates, such as %q", etf.Clip(text, 40), etf.Clip(f.example, 40))
	}
	s, ok := f.session(st, location)
	if !ok {
		return 0, fmt.Errorf("%q is not a date: there is no such day", etf.Clip(text, 40))
	}
	return s, nil
}
