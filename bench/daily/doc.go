// Command daily measures a daily run of N simulated ETFs with five years stored, one new session each, on the
// embedded stack, against bare workflows: the same parent (workflows.Daily with its fan-out, on a registry and a record
// kept in memory), the same worker options, and a child each with four sequential activities that do nothing, on the same
// task queues. The bare run is made before and after the measured one and averaged, because machines drift.
//
// It is started under devstack by `make bench-daily N=500` and prints one JSON line last:
//
//	{"etfs":..,"etfs_per_s":..,"bare_per_s":..,"ratio":..,"rss_mb":..}
//
// Both rates are ETFs divided by the time from the start to the close of the Daily workflow as Temporal recorded them; rss_mb is
// the peak resident memory of the etfcast process. A run in which an ETF fails is an error.
package main
