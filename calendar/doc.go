// Package calendar owns the trading calendars of the exchanges: which civil dates are sessions, when each
// session opens and closes, why an exchange is closed on a weekday, and the counting of sessions forwards and
// backwards. It covers 1990-01-01 to 2030-12-31 for XNYS and XKRX.
//
// Holidays that follow a rule are computed from the rule; what a person decided (days of mourning, elections,
// temporary holidays, storms) stands in a table with the date it was announced. docs/calendars.md names the
// sources and says how a newly announced closure is added.
//
// The package reads no clock, file or network, apart from the time zone database, which is compiled in. What it
// refuses to own: schedules and cron expressions, trading halts within a session, the hours of pre-market and
// after-hours trading, and the mid-day break KRX had until 2000-05-21.
package calendar
