package workflows

import (
	"testing"

	"github.com/etfcast/etfcast/etf"
)

var friday = etf.MustSession("2025-09-26")

func TestIDs(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{UpdateID("069500", friday), "update/069500/2025-09-26"},
		{TickID(etf.XKRX), "tick/XKRX"},
		{FindingID("ab12"), "finding/ab12"},
		{ScheduleID(etf.XNYS), "daily-XNYS"},
		{DailyInput{Exchange: etf.XNYS, Session: friday, Attempt: 2}.Run().WorkflowID(), "daily/XNYS/2025-09-26/rerun-2"},
		{SourceTaskQueue("yahoo"), "etfcast-source-yahoo"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}
