package workflows

// The change IDs of workflow.GetVersion, one constant for each change of a workflow's path that running histories may
// not follow, with the release it came in and the condition under which the old branch may go. docs/workflows.md has the
// procedure.
//
// There are none: the first release's histories still replay as they are.
