// Command daily measures a daily run of N simulated ETFs, each with five years of stored bars (-years) and one new session, on
// the embedded stack, against bare workflows: the same parent (workflows.Daily with its fan-out, on an in-memory registry
// and run record), the same worker options, and a child per ETF with four sequential activities that do nothing, on the
// same task queues. The bare run is done before and after the measured one and averaged, because machine speed drifts.
//
// `make bench-daily N=500` starts it under devstack. With MYSQL=1 the product stores its data on the MySQL server of
// ETFCAST_TEST_MYSQL_DSN, in a database of its own that is dropped afterwards; Temporal stays embedded. `make bench-seed`
// runs, beside that, the same day's job as it is usually written in Python (bench/seed), on the same server.
//
// The measured session is an ordinary day: forecasts of both models from the sessions 21, 5 and 1 before it are of record, scored so far and
// anchored, so that it scores one of each. With -without (`make bench-record`), it measures instead what scoring and anchoring cost:
// after a first part that warms up, four parts of the ETFs are updated by the program with and without them, in the order with, without,
// without, with.
//
// The last line it prints is JSON (result). Rates are ETFs divided by the Daily workflow's duration as recorded by
// Temporal; rss_mb is the peak resident memory of the etfcast process. A run in which an ETF fails is an error.
package main
