// Command record writes the histories that workflows/replay_test.go replays. It runs the workflows of the code it is
// built from on a real Temporal server, with activities that answer from a script, one scenario for each path worth
// keeping replayable, and saves each history as gzipped JSON:
//
//	bin/devstack run --ephemeral -- go run ./e2e/record --dir workflows/testdata/histories --label 0.1.0
//
// Record from released code, never from the branch under test: the procedure is in docs/workflows.md.
package main
