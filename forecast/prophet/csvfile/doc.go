// Package csvfile reads and writes comma-separated text for package prophet's models: frames of rows, tables of
// holidays, and forecasts with the original's columns. CSV in UTF-8 from a spreadsheet, pandas or R is read without
// changes; anything that is not text is refused with a remedy.
//
// Files belong to the caller. Other tables belong to their packages: diagnostics reads and writes its own with Open,
// WriteRows, StampLayout and AppendNumber.
package csvfile
