// Package e2e tests the binary as an operator would meet it: processes that are killed, started in any order, given a
// schedule. It owns no product code. Each test has a database and a Temporal namespace of its own on the embedded
// stack, so that tests can run side by side.
package e2e
