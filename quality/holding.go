package quality

import "slices"

// The rules whose findings hold a row (etf.VerdictHold) instead of quarantining it.
const (
	// HeldClose is the rule for a new close that is far beyond the local volatility and that nothing explains yet.
	HeldClose = "held_close"
	// UnfinishedRow is the rule for a row of a session that was not over when the source wrote it.
	UnfinishedRow = "unfinished_row"
)

// HoldingRules lists the rules whose findings hold rows.
func HoldingRules() []string { return []string{HeldClose, UnfinishedRow} }

// Holds reports whether findings of the rule hold rows.
func Holds(rule string) bool { return slices.Contains(HoldingRules(), rule) }
