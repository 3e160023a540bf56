package quality

import (
	"fmt"

	"github.com/etfcast/etfcast/etf"
)

const ruleUnreadable = "unreadable_row"

// checkUnreadable turns defects into findings. Only the new session's own row is an error: an old session's row
// that can't be read is no row to quarantine, and missing_session names the hole it leaves. A row without a price
// is never an error: providers send such rows for whole markets and fill them in later, and a person asked about
// each of them would have nothing to decide.
func checkUnreadable(s *sheet) {
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
		text := fmt.Sprintf("%s: %s", d.Where, d.Reason)
		if d.Text != "" {
			text += fmt.Sprintf(" (%s)", etf.Clip(d.Text, 120))
		}
		s.object(ruleUnreadable, severity, d.Session, -float64(i), text)
	}
}
