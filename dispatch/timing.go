package dispatch

import (
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/workflows"
)

// timing is when an exchange's schedule fires: in the exchange's own time zone, so that it follows daylight saving time.
type timing struct {
	at         etf.TimeOfDay
	zone, city string
}

// timingOf leaves the providers some time after the regular close, which is at 16:00 in New York, 15:30 in Seoul and Tokyo, 16:30 in
// London and 17:30 in Frankfurt, followed by the closing auction. It ignores holidays: on those, Tick finds nothing due.
func timingOf(x etf.Exchange) (timing, bool) {
	switch x {
	case etf.XNYS:
		return timing{17*60 + 30, "America/New_York", "New York"}, true
	case etf.XKRX:
		return timing{16*60 + 45, "Asia/Seoul", "Seoul"}, true
	case etf.XLON:
		return timing{18 * 60, "Europe/London", "London"}, true
	case etf.XETR:
		return timing{19 * 60, "Europe/Berlin", "Frankfurt"}, true
	case etf.XTKS:
		return timing{17 * 60, "Asia/Tokyo", "Tokyo"}, true
	}
	return timing{}, false
}

func (t timing) cron() string { return fmt.Sprintf("%d %d * * 1-5", t.at.Minute(), t.at.Hour()) }
func (t timing) text() string { return fmt.Sprintf("%s %s, Monday to Friday", t.at, t.city) }

// DefaultSchedule is when the exchange's schedule fires unless a setting says otherwise; zero for an unknown exchange.
func DefaultSchedule(x etf.Exchange) etf.TimeOfDay {
	t, _ := timingOf(x)
	return t.at
}

// jitter spreads the start, so that not every installation sends its requests to the providers in the same second.
const jitter = 2 * time.Minute

// catchUp is how far back the schedule makes up for firings missed while Temporal was down. One firing is enough: Tick
// runs every session since the last completed one.
const catchUp = 7 * 24 * time.Hour

// ScheduleOptions returns the schedule of an exchange, ready for ScheduleClient.Create. It fires at that time, in the
// exchange's own time zone; zero means the default. If the previous Tick is still
// running, a firing waits for it, but at most one does. Errors are of KindInvalid with Field "exchange".
func ScheduleOptions(exchange etf.Exchange, fires etf.TimeOfDay) (client.ScheduleOptions, error) {
	at, ok := timingOf(exchange)
	if !ok {
		return client.ScheduleOptions{}, etf.Invalid("exchange", string(exchange)+" has no schedule", "use "+etf.ExchangeList())
	}
	if fires != 0 {
		at.at = fires
	}
	in := workflows.TickInput{Exchange: exchange}
	return client.ScheduleOptions{
		ID: workflows.ScheduleID(exchange),
		Spec: client.ScheduleSpec{
			CronExpressions: []string{at.cron()},
			TimeZoneName:    at.zone,
			Jitter:          jitter,
		},
		Action: &client.ScheduleWorkflowAction{
			ID:                    workflows.TickID(exchange),
			Workflow:              workflows.TickWorkflow,
			Args:                  []any{in},
			TaskQueue:             workflows.TaskQueue,
			TypedSearchAttributes: in.SearchAttributes(),
			StaticSummary:         in.Summary(),
			StaticDetails:         in.Details(),
			Priority:              workflows.DailyPriority,
		},
		Overlap:               enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE,
		CatchupWindow:         catchUp,
		Note:                  at.text(),
		Memo:                  map[string]any{"exchange": string(exchange), "fires": at.text()},
		TypedSearchAttributes: in.SearchAttributes(),
	}, nil
}
