// Package workflows orchestrates: which activity runs for which ETF and session, in which order, how long to wait,
// what to do when one fails. Tick starts the daily runs that are due, Daily updates every ETF of an exchange for one
// session, UpdateETF is the chain of one ETF, ResolveFinding waits for a person.
//
// It is deterministic and refuses everything else: no clock, no I/O, no calendar, no numerics, no driver. What
// a workflow needs to know of the world is an activity's answer. Clients start workflows through package
// dispatch.
package workflows
