// Package quality judges the rows of a provider's answer and adjusts stored prices for splits. Check applies the
// rules, one file each (order.go, ohlc.go, levels.go, ...), listed by Rules; Adjust is the only place where prices
// are restated.
//
// Everything is a pure function of its input. Rules look at what the rows say and at the calendar, never at a
// list of known events: a rule that needs to know that a certain fund crashed on a certain day is not a rule.
//
// What the severities do. An error keeps the rows it names out of forecasts until a person decides, so it is for
// rows that are wrong or can't be compared with the rest, never for rows that are only surprising. A warning should
// be looked at. Info is worth knowing. A row that is stored and believed already, with the same numbers, is not
// objected to again: a decision taken once holds, and a warning does not come back with every update that asks for
// the session again.
//
// What a person's decision does is a rule too (decisions.go): which later findings it settles, which rows it frees, which
// stored bars it changes.
//
// The package refuses to own: reading rows (source), keeping findings and decisions (db), deciding what a finding
// does to a run (workflows), and inferring corporate actions to be adopted: it only says that one seems to be missing.
package quality
