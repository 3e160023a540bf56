package calendar

import (
	"fmt"
	"sort"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// notSession returns an error that says why s is not a session.
func (c *Calendar) notSession(s etf.Session) error {
	if !c.span.Contains(s) {
		return c.outOfRange(s)
	}
	why := s.Weekday().String()
	i := sort.Search(len(c.closures), func(i int) bool { return c.closures[i].Date >= s })
	if i < len(c.closures) && c.closures[i].Date == s {
		why = c.closures[i].Name
	}
	return etf.Invalid("session", fmt.Sprintf("%s is not a trading day of %s: %s", s, c.exchange, why), c.nearest(s))
}

func (c *Calendar) outOfRange(s etf.Session) error {
	return etf.Invalid("session", fmt.Sprintf("%s is out of range for the calendar of %s", s.Time().Format(time.DateOnly), c.exchange),
		fmt.Sprintf("use a date from %s to %s", c.span.From, c.span.To))
}

func (c *Calendar) nearest(s etf.Session) string {
	i := c.before(s)
	switch {
	case i == 0:
		return fmt.Sprintf("the first session is %s", c.sessions[0])
	case i == len(c.sessions):
		return fmt.Sprintf("the last session is %s", c.sessions[i-1])
	}
	return fmt.Sprintf("the nearest sessions are %s and %s", c.sessions[i-1], c.sessions[i])
}
