// Package csvfile is comma-separated text as package prophet's models read and write it: frames of rows, tables of
// holidays, and forecasts with the original's columns. What a spreadsheet, pandas or R saves as CSV in UTF-8 is read as
// it is; what is not text is refused with what to do about it.
//
// It refuses to own files, which are the caller's, and other tables: package diagnostics writes its own with Open,
// WriteRows, StampLayout and AppendNumber.
package csvfile
