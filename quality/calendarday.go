package quality

import (
	"fmt"

	"github.com/etfcast/etfcast/etf"
)

const ruleCalendar = "unknown_session"

// checkCalendar quarantines rows dated on days without trading.
func checkCalendar(s *sheet) {
	closed := 0
	for i, b := range s.in.Bars {
		if s.verdicts[i] != etf.VerdictDrop && !s.cal.IsSession(b.Session) {
			closed++
		}
	}
	if closed == 0 {
		return
	}
	// A wrong exchange or time zone shows in many rows at once: a fortieth of the rows is far more than the odd
	// special session a calendar may lack, and a Saturday shift alone gives a fifth.
	hint := ""
	if closed > 5 && closed*40 > len(s.in.Bars) {
		hint = fmt.Sprintf("; %d of %d rows: is %s the right exchange and are the dates in its time zone?", closed, len(s.in.Bars), s.in.Exchange)
	}
	for i, b := range s.in.Bars {
		if s.verdicts[i] == etf.VerdictDrop || s.cal.IsSession(b.Session) {
			continue
		}
		text := fmt.Sprintf("%s (%s) is not a session of %s", b.Session, b.Session.Weekday(), s.in.Exchange)
		s.reject(ruleCalendar, i, 0, text+hint)
		hint = ""
	}
}
