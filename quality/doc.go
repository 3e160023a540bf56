// Package quality checks the rows of a provider's response and adjusts stored prices for splits. Check applies the
// rules, one file each (order.go, ohlc.go, levels.go, ...), listed by Rules; Adjust is the only place where prices
// are restated.
//
// Everything is a pure function of its input. Rules look only at the rows and the calendar, never at a list of known
// events: a rule that needs to know that a certain fund crashed on a certain day is not a rule.
//
// Severities: an error keeps the rows it names out of forecasts until a person decides, so it is for rows that are
// wrong or can't be compared with the rest, never for rows that are merely surprising. A warning deserves a look. Info
// is worth knowing. A row that repeats a stored bar in use is not reported again: a decision holds once it is taken,
// and a warning does not come back with every update that fetches the session again.
//
// decisions.go says what a person's decision does: which later findings it settles, which rows it releases and which
// stored bars it changes.
//
// Not in this package: reading rows (source), storing findings and decisions (db), deciding what a finding does to a
// run (workflows), and inferring corporate actions: a rule only reports that one seems to be missing.
package quality
