// Package calendar owns the trading calendars of the exchanges: which civil dates are sessions, when each session opens
// and closes, why an exchange is closed on a weekday, and counting sessions forward and backward. It covers 1990-01-01
// to 2030-12-31 for XNYS and XKRX, and for XLON, XETR and XTKS the same from 2000-01-01.
//
// Holidays that follow a rule are computed; closures that somebody decided or something caused (days of mourning,
// elections, temporary holidays, storms) are listed in a table with the date they were announced. docs/calendars.md
// names the sources and says how to add a newly announced closure.
//
// The package reads no clock, file or network; the time zone database is compiled in. It does not own schedules and
// cron expressions, trading halts within a session, pre-market and after-hours trading, or the midday break that KRX
// had until 2000-05-21 and Tokyo has.
package calendar
