// Command record makes the archives that the tests of package db read: a database filled by the program of a release,
// as SQL, with what that program says about it.
//
//	bin/devstack run --ephemeral -- go run ./db/record --etfcast bin/etfcast --release 0.1.0
//
// It plays the operator of that program: registers simulated ETFs and made-up price files on both exchanges, runs them
// for several sessions and again, decides on findings, cancels a run. It needs a Temporal server and an empty database.
//
// Record from released code, never from the branch under test: the procedure is in docs/workflows.md.
package main
