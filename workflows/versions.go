package workflows

// The change IDs for workflow.GetVersion: one constant for each change of a workflow that running histories must not
// follow, with the release that introduced it and the condition under which the old branch may be removed.
// docs/workflows.md has the procedure.
//
// There are none so far: the first release's histories replay on the current code.
