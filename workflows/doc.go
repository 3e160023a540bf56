// Package workflows orchestrates: which activity runs for which ETF and session, in which order, how long to wait, and
// what to do when one fails. Tick starts the daily runs that are due, Daily updates every ETF of an exchange for one
// session, UpdateETF runs the steps for one ETF, and ResolveFinding waits for a person.
//
// It is deterministic and does nothing else: no clock, no I/O, no calendar, no numerics, no driver. Whatever a workflow
// needs to know from outside is the result of an activity. Clients start workflows through package dispatch.
package workflows
