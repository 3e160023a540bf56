// Package file reads daily prices from CSV files in one folder. It owns finding the columns by the header, reading
// dates and numbers exactly as written, rejecting a header that does not fit the numbers under it, and reporting the
// line of every row it can't read. It does not own judging readable rows (package quality) or adjusting prices.
//
// # The reference
//
//	[NAME.csv][?basis=as_traded&currency=USD&layout=stooq&columns=date,close,-,open,high,low,volume&last_line=complete]
//
// NAME is a path relative to the folder; the default is the symbol plus ".csv". A path that leaves the folder, through
// ".." or a symbolic link, is rejected. basis and currency state what the file itself can't; layout picks one of the
// layouts below, with its basis and currency, instead of detecting it; columns names every column in order ("-" for
// one to ignore) instead of trusting the header; last_line=complete uses a last line without a line end, which is
// otherwise left out, since the file may be half-written (read.go).
//
// # Layouts
//
//	layout        recognised by                                              basis           currency
//	yahoo_export  lines Price,... / Ticker,... / Date,,, ; the second         split_adjusted
//	              "Price" or the "Adj Close" column is the adjusted close
//	yahoo_auto    the same without an adjusted close: the file does not      unknown
//	              say which adjustment the export applied
//	yahoo         Date or Datetime, Open .. Close, "Adj Close"               split_adjusted
//	alphavantage  "1. open" .. "5. volume", or timestamp,open,..             as_traded
//	tiingo        date, close .., adjClose, divCash, splitFactor             as_traded
//	eodhd         Date, Open .. Close, "Adjusted_close"                      as_traded
//	krx           Korean headers: 날짜 or 일자, 시가, 고가, 저가, 종가, 거래량      as_traded       KRW
//	stooq         <DATE>,<OPEN>,.. or Polish headers                         total_adjusted
//	plain         any other header with date, open, high, low, close         unknown
//
// Stooq's English download has a plain header, and the KRX price files with ticker, code, name and interval columns
// don't say that they are adjusted: if you know the layout or the basis, give it in the reference.
//
// Optional columns are volume, adjusted close (kept as evidence), dividend, split and capital gain; others are
// ignored. A missing or empty volume is unknown, not zero. Fields are separated by commas, semicolons, tabs or vertical
// bars; quotes, a UTF-8 byte order mark, EUC-KR headers, CRLF, blank lines and title lines above the header are handled.
//
// # Dates and numbers
//
// A date is YYYY-MM-DD, YYYYMMDD, YYYY/MM/DD or YYYY.MM.DD, alone or followed by a time; the civil date is taken as
// written and the time's UTC offset is ignored: "2024-01-10 00:00:00-05:00" is the session 2024-01-10.
//
// A number with up to 8 decimals is read exactly, "1,234,500" as 1234500. Two kinds of noise are removed from prices. A
// price with more than 8 decimals came through binary floats and is rounded to 4 decimals, or to 6 if it is below 1 (a
// 32-bit float of 1000 or more is not precise to 4 decimals, so it is first read as the shortest decimal it stands
// for). A price with 5 to 8 decimals that is exactly how a 32-bit float prints a number with at most 4 decimals is read
// as that number: 323.540009 is 323.54. Real fractions (45.71875) are kept.
//
// A split column holds new shares per old share: 4.0 is 4:1, 0.2 is 1:5; 0, 1 and empty mean no split.
//
// # Accounting
//
// Every row under the header becomes either a bar or an etf.Defect that names file and line: a wrong number of fields,
// a date or number that can't be read, a row without a price (empty, null, NaN, N/A, -). The other rows are still read.
// A file is rejected if most of its rows are unreadable, or if its rows contradict the header (fit.go).
package file
