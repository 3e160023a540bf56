// Command record writes the histories that workflows/replay_test.go replays. It runs the workflows of the code it was
// built from on a real Temporal server with scripted activities, one scenario for each path that has to stay replayable,
// and saves each history as gzipped JSON:
//
//	make record-histories
//
// Record from the released commit, never from the branch under test: the procedure is in docs/workflows.md.
package main
