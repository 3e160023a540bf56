package quality

import (
	"fmt"

	"github.com/etfcast/etfcast/etf"
)

const ruleUnreadable = "unreadable_row"

// checkUnreadable turns defects into findings. Only the new session's row is an error: an unreadable row of an old
// session can't be quarantined, and missing_session reports the gap it leaves. A row without a price is never an error:
// providers send such rows for whole markets and fill them in later, and there would be nothing for a person to decide. A
// value beside the prices that can't be read is an info: the row is there without it; a warning if it states a corporate
// action.
func checkUnreadable(s *state) {
	readable := map[etf.Session]bool{}
	if len(s.in.Defects) > 0 {
		for _, b := range s.in.Bars {
			readable[b.Session] = true
		}
	}
	for i, d := range s.in.Defects {
		severity := etf.SeverityWarning
		if d.Session == s.in.Session && !d.NoPrice && !readable[d.Session] {
			severity = etf.SeverityError
		}
		if d.Side && !d.Action {
			severity = etf.SeverityInfo
		}
		text := fmt.Sprintf("%s: %s", d.Where, d.Reason)
		if d.Text != "" {
			text += fmt.Sprintf(" (%s)", etf.Clip(d.Text, 120))
		}
		s.flag(ruleUnreadable, severity, d.Session, -float64(i), text)
	}
}
