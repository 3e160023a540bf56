// Package e2e tests the binary as operators use it: processes are killed, started in any order, and run by a schedule. It
// contains no product code. Each test has its own database and Temporal namespace on the embedded stack, so that tests
// can run in parallel.
package e2e
