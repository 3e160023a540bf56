// Devstack runs what etfcast needs to develop and to test, in one process and without containers: a Temporal server with
// its Web UI, and a MySQL-compatible database (Dolt), all on 127.0.0.1 and all in one data folder.
//
// It is a Go module of its own so that the product's go.mod and builds stay small. It owns the servers' settings, the
// data folder and the life of the command run beside them. It refuses to own anything of the product: no tables, no
// grants on tables, no workflows. It is not meant for production.
package main
