package workflows

import (
	"github.com/etfcast/etfcast/etf"
)

// Workflow IDs are business keys: the same request has the same ID, so it finds the existing run. etf.RunID gives the
// workflow ID of a daily run.

// UpdateID returns the workflow ID of one ETF's update: "update/SPY/2025-09-26".
func UpdateID(symbol etf.Symbol, session etf.Session) string {
	return "update/" + string(symbol) + "/" + session.String()
}

// TickID returns the workflow ID a schedule gives its Tick before it appends the time: "tick/XNYS".
func TickID(exchange etf.Exchange) string { return "tick/" + string(exchange) }

// FindingID returns the workflow ID under which a finding waits for its decision: "finding/<id>".
func FindingID(finding string) string { return "finding/" + finding }

// ScheduleID returns the ID of an exchange's schedule: "daily-XNYS".
func ScheduleID(exchange etf.Exchange) string { return "daily-" + string(exchange) }
