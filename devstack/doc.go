// Devstack runs the servers needed to develop and test etfcast in one process, without containers: a Temporal server with
// its Web UI, and a MySQL-compatible database (Dolt). All listen on 127.0.0.1 and share one data folder. With --separate,
// Temporal and the database are processes of their own, which it starts again when they are killed.
//
// It is a separate Go module so that etfcast's go.mod and builds stay small. It owns the servers' settings, the data
// folder and the lifetime of the command it runs. It refuses to own anything that is part of etfcast: no tables, no
// grants on tables, no workflows. It is not meant for production.
package main
