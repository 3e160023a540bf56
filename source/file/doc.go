// Package file reads daily prices from CSV files in one folder. It owns the encoding, finding the columns by the header,
// deciding from whole columns what dates and numbers mean, rejecting a file whose numbers do not fit its header, and
// reporting the line of every row it can't read. It does not own judging readable rows (package quality) or adjusting prices.
//
// # The reference
//
//	[NAME.csv][?basis=as_traded&currency=USD&layout=stooq&columns=date,close,-,open,high,low,volume&last_line=complete
//	           &dates=dmy&decimal=,&volume=1000&zone=exchange]
//
// NAME is a path relative to the folder; the default is the symbol plus ".csv". A path that leaves the folder, through
// ".." or a symbolic link, is rejected. basis and currency state what the file itself can't; layout picks one of the
// layouts below, with its basis and currency, instead of detecting it; columns names every column in order ("-" for
// one to ignore) instead of trusting the header; last_line=complete uses a last line without a line end, which is
// otherwise left out, since the file may be half-written (read.go). The others decide what a column does not show:
//
//	dates    dmy, mdy, ymd           the order of day, month and year
//	         excel1900, excel1904    the day from which a spreadsheet counts
//	decimal  . or ,                  the decimal sign
//	volume   1, 1000, ...            what a number without a unit in the volume column stands for
//	zone     exchange, written       the date of a stamp is the one in the exchange's time zone, or the one written
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
//	investing     a column of percentages, no adjusted close                 unknown
//	nasdaq        "Close/Last"                                               unknown
//	naver         Korean headers with 전일비                                    unknown         KRW
//	krx           Korean headers: 날짜 or 일자, 시가, 고가, 저가, 종가, 거래량      as_traded       KRW
//	stooq         <DATE>,<OPEN>,.. or Polish headers                         total_adjusted
//	plain         any other header with date, open, high, low, close         unknown
//
// Stooq's English download has a plain header, and the KRX price files with ticker, code, name and interval columns
// don't say that they are adjusted: if you know the layout or the basis, give it in the reference.
//
// Optional columns are volume, adjusted close (kept as evidence), dividend, split, capital gain, NAV and shares
// outstanding; others are ignored. A missing, empty or unreadable volume is unknown, not zero. names.go has the names
// in all languages. Fields are separated by commas, semicolons, tabs or vertical bars; quotes, title lines above the
// header, footers below the rows, repeated headers and blank lines are handled, and so are UTF-8, UTF-16 and, by the
// header, the older Korean, Chinese, Japanese and European encodings (encoding.go).
//
// # Dates and numbers
//
// Dates are read as written in date.go: year, month, day in this order with any separators, day-month or month-day and a
// year, names of months, day numbers of spreadsheets, seconds since 1970 and fractions of them. What they mean is decided
// by the column (dates.go): the order of day and month by a day above 12, or by the sessions being consecutive in one
// order only. A time after the date is ignored, unless the dates are sessions only in the exchange's time zone. An epoch
// is the date in that zone.
//
// The decimal sign is that of the file (numbers.go). What a column does not show is not guessed: the file is rejected with the
// option that decides. A value in another way than the rest of its column is an unreadable one.
//
// A number with up to 8 decimals is read exactly. Two kinds of noise are removed from prices. A
// price with more than 8 decimals came through binary floats and is rounded to 4 decimals, or to 6 if it is below 1 (a
// 32-bit float of 1000 or more is not precise to 4 decimals, so it is first read as the shortest decimal it stands
// for). A price with 5 to 8 decimals that is exactly how a 32-bit float prints a number with at most 4 decimals is read
// as that number: 323.540009 is 323.54. Real fractions (45.71875) are kept.
//
// A split column holds new shares per old share: 4.0 and 4:1 are 4:1, 0.2 is 1:5; 0, 1 and empty mean no split.
//
// # Accounting
//
// Every row under the header becomes a bar, an action if it states nothing else (as on Yahoo's page), or an etf.Defect
// that names file and line: a wrong number of fields, a date or price that can't be read, a row without a price (empty,
// null, NaN, N/A, -), which keeps its actions. A value beside the prices that can't be read is left out and noted, once
// for each column (etf.Defect.Side). A file is rejected if most of its rows are unreadable, if its rows contradict the
// header (fit.go), or if its closes are on another basis than its other prices (basis.go).
package file
