package calendar

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// plan is the specification of one exchange's calendar; build turns it into a Calendar.
type plan struct {
	exchange etf.Exchange
	zone     string
	// from is the calendar's first day; zero = span.From.
	from etf.Session
	// closures holds every closed day of the trading week. Days outside the trading week are allowed and dropped. If
	// there are two for the same day, the first one counts.
	closures []Closure
	// week reports whether the exchange trades on that day of the week, holidays aside.
	week func(etf.Session) bool
	// hours returns the regular open and close of a session.
	hours func(etf.Session) (open, close clock)
	// special lists irregular hours. A zero clock means the regular time.
	special []irregular
}

// irregular is one session's irregular hours in the exchange's local time.
type irregular struct {
	session     etf.Session
	open, close clock
	reason      string
	announced   etf.Session
}

// clock is a local time of day in seconds after midnight; 0 = not given.
type clock int

func at(hour, minute int) clock { return clock(hour*3600 + minute*60) }

// span is the widest range of a calendar; all end with it, and some begin later.
var span = etf.Window{From: etf.NewSession(1990, time.January, 1), To: etf.NewSession(2030, time.December, 31)}

// build fails only if a plan contradicts itself or its time zone is unknown, which the tests rule out.
func build(p plan) (*Calendar, error) {
	location, err := time.LoadLocation(p.zone)
	if err != nil {
		return nil, etf.Wrapf(etf.KindInternal, err, "the calendar of %s can't load the time zone %s", p.exchange, p.zone)
	}
	span := etf.Window{From: cmp.Or(p.from, span.From), To: span.To}
	c := &Calendar{exchange: p.exchange, location: location, span: span}

	closed := map[etf.Session]bool{}
	for _, x := range p.closures {
		if span.Contains(x.Date) && p.week(x.Date) && !closed[x.Date] {
			closed[x.Date] = true
			c.closures = append(c.closures, x)
		}
	}
	slices.SortFunc(c.closures, func(a, b Closure) int { return cmp.Compare(a.Date, b.Date) })

	special := map[etf.Session]irregular{}
	for _, x := range p.special {
		if !span.Contains(x.session) {
			continue
		}
		if _, twice := special[x.session]; twice || closed[x.session] || !p.week(x.session) {
			return nil, etf.Wrap(etf.KindInternal, fmt.Errorf("%s %q", x.session, x.reason),
				"special hours given twice or for a closed day")
		}
		special[x.session] = x
	}

	c.rank = make([]int32, 1, span.To-span.From+2)
	for s := span.From; s <= span.To; s++ {
		if p.week(s) && !closed[s] {
			c.addSession(s, p, special)
		}
		c.rank = append(c.rank, int32(len(c.sessions)))
	}
	return c, nil
}

func (c *Calendar) addSession(s etf.Session, p plan, special map[etf.Session]irregular) {
	regularOpen, regularClose := p.hours(s)
	open, end := regularOpen, regularClose
	x, isSpecial := special[s]
	if isSpecial {
		open, end = cmp.Or(x.open, open), cmp.Or(x.close, end)
	}
	c.sessions = append(c.sessions, s)
	c.opens = append(c.opens, c.instant(s, open).Unix())
	c.closes = append(c.closes, c.instant(s, end).Unix())
	if isSpecial {
		c.special = append(c.special, SpecialHours{
			Session: s, Open: c.instant(s, open).UTC(), Close: c.instant(s, end).UTC(),
			LateOpen: open > regularOpen, Early: end < regularClose, LateClose: end > regularClose,
			Reason: x.reason, Announced: x.announced,
		})
	}
}

func (c *Calendar) instant(s etf.Session, at clock) time.Time {
	y, m, d := s.Date()
	return time.Date(y, m, d, 0, 0, int(at), 0, c.location)
}
