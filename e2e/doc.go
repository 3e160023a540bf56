// Package e2e tests the binary as operators use it: processes are killed, started in any order, and run by a schedule. It
// contains no product code. Each test has its own database and Temporal namespace on the embedded stack, so that tests
// can run in parallel; TestChaos, which also kills the servers, has servers of its own. A release that this program has to
// be able to replace is built from its commit.
package e2e
