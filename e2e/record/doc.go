// Command record writes the histories that workflows/replay_test.go replays. It runs the workflows of the code it is
// built from on a real Temporal server, with activities that answer from a script, one scenario for each path worth
// keeping replayable, and saves each history as gzipped JSON:
//
//	make record-histories
//
// Record from the commit that was released, never from the branch under test: the procedure is in docs/workflows.md.
package main
