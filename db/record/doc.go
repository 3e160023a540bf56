// Command record creates the archives that the tests of package db read: a database filled by a release's program, as
// SQL, with the facts that this program's commands print about it.
//
//	bin/devstack run --ephemeral -- go run ./db/record --etfcast bin/etfcast --release 0.1.0
//
// It acts as the program's operator: it registers simulated ETFs and invented price files on both exchanges, runs several
// sessions, re-runs the last one, decides on findings and cancels a run. It needs a Temporal server and an empty database.
//
// Record from released code, never from the branch under test: see docs/workflows.md.
package main
