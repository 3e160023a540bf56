// Command bench times package prophet against the original Prophet, both in one run on one machine; its last line of
// output is JSON (see result). It needs python3 with prophet, and bin/etfcast for the whole processes.
//
// Cases in one process: a fit and a forecast (1,000 samples, 30 days ahead, including the history) of SPY's last 2,500
// sessions and of Peyton Manning, from ETFCAST_REAL_DATA; without it, of seeded stand-ins of the same length, named as
// such. Ours runs on one core; the original may use all. The two take turns, and each time is the median of several
// after a warm-up.
package main
