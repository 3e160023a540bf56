package workflows

// The change IDs for workflow.GetVersion: one constant for each change of a workflow that running histories must not
// follow, with the release that introduced it and the condition under which the old branch may be removed.
// docs/workflows.md has the procedure.
const (
	// changeFindingDeadline (0.2): ResolveFinding has a reminder and a deadline. Those that wait since 0.1 have none. The old
	// branch goes when none of them is left.
	changeFindingDeadline = "finding-deadline"
	// changeFindingFollowUp (0.2): after a decision, ResolveFinding makes the forecasts again, and a request that can't be applied
	// does not end it. Those that wait since 0.1 do the same once the new code runs. The old branch goes with their histories.
	changeFindingFollowUp = "finding-follow-up"
	// changeAnchor (0.2): the heads of the chains are anchored at the end of a Daily, and after ResolveFinding and DecideAction have
	// made forecasts. Those that began before do the same if they get there with the new code. The old branch goes when no
	// Daily, ResolveFinding or DecideAction from before is left.
	changeAnchor = "anchor"
	// changeAssess (0.2): the record is assessed once for the session at the start of a Daily. One that began before makes its forecasts with
	// the assessment that another run has made, or without. The old branch goes when no Daily from before is left.
	changeAssess = "assess"
)
