package quality

import (
	"fmt"

	"github.com/etfcast/etfcast/etf"
)

const ruleCalendar = "unknown_session"

// checkCalendar quarantines rows dated on days when the exchange was closed.
func checkCalendar(s *state) {
	closed := 0
	for i, b := range s.in.Bars {
		if s.verdicts[i] != etf.VerdictDrop && !s.cal.IsSession(b.Session) {
			closed++
		}
	}
	if closed == 0 {
		return
	}
	// A wrong exchange or time zone shows in many rows at once: shifting dates by a day moves a fifth of the rows to a
	// weekend, while special sessions missing from the calendar stay far below a fortieth.
	hint := ""
	if closed > 5 && closed*40 > len(s.in.Bars) {
		hint = fmt.Sprintf("; %d of %d rows: is %s the right exchange and are the dates in its time zone?", closed, len(s.in.Bars), s.in.Exchange)
	}
	for i, b := range s.in.Bars {
		if s.verdicts[i] == etf.VerdictDrop || s.cal.IsSession(b.Session) {
			continue
		}
		text := fmt.Sprintf("%s (%s) is not a session of %s", b.Session, b.Session.Weekday(), s.in.Exchange)
		s.quarantine(ruleCalendar, i, 0, text+hint)
		hint = ""
	}
}
