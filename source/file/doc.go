// Package file reads daily prices from CSV files in one folder. It owns finding the columns by the header, reading
// dates and numbers exactly as written, refusing a header that does not fit the numbers under it, and naming the
// line of every row it can't read. It refuses to own judgement of readable rows (package quality) and adjustment.
//
// # The reference
//
//	[NAME.csv][?basis=as_traded&currency=USD&layout=stooq&columns=date,close,-,open,high,low,volume]
//
// NAME is a path relative to the folder; without one it is the symbol and ".csv". A path that leaves the folder, by
// ".." or by a symbolic link, is refused. basis and currency say what a file can't; layout names one of the layouts
// below instead of finding it (its basis, its currency); columns names every column in order ("-" for one to
// ignore) instead of trusting the header.
//
// # Layouts
//
//	layout        recognised by                                              basis           currency
//	yahoo_export  lines Price,... / Ticker,... / Date,,, ; the second         split_adjusted
//	              "Price" or the "Adj Close" column is the adjusted close
//	yahoo_auto    the same without an adjusted close: which adjustment the   unknown
//	              export was told to make, the file does not say
//	yahoo         Date or Datetime, Open .. Close, "Adj Close"               split_adjusted
//	alphavantage  "1. open" .. "5. volume", or timestamp,open,..             as_traded
//	tiingo        date, close .., adjClose, divCash, splitFactor             as_traded
//	eodhd         Date, Open .. Close, "Adjusted_close"                      as_traded
//	krx           Korean headers: 날짜 or 일자, 시가, 고가, 저가, 종가, 거래량      as_traded       KRW
//	stooq         <DATE>,<OPEN>,.. or Polish headers                         total_adjusted
//	plain         any other header with date, open, high, low, close         unknown
//
// Stooq's English download has a plain header, and the KRX price files with ticker, code, name and interval columns
// don't say that they are adjusted: name the layout or the basis in the reference where you know it.
//
// Optional columns are volume, adjusted close (kept as evidence), dividend, split and capital gain; others are
// ignored. Volume left out or empty is unknown, not zero. Commas, semicolons, tabs and bars separate; quotes, a
// UTF-8 byte order mark, EUC-KR headers, CRLF, blank lines and title lines above the header are understood.
//
// # Dates and numbers
//
// A date is YYYY-MM-DD, YYYYMMDD, YYYY/MM/DD or YYYY.MM.DD, alone or before a time; the civil date is taken as
// written and the offset of the time ignored: "2024-01-10 00:00:00-05:00" is the session 2024-01-10.
//
// A number of up to 8 decimals is taken exactly, "1,234,500" as 1234500. Two kinds of noise are taken off prices. One
// of more than 8 decimals came through binary floats and is rounded to 4 decimals, 6 below a price of 1 (a 32-bit
// float of 1000 or more, which does not reach to 4 decimals, first to the shortest decimal it stands for). One of 5
// to 8 decimals that is just how a 32-bit float of at most 4 decimals prints is read as that: 323.540009 is 323.54.
// Real fractions (45.71875) stay.
//
// A split column holds new shares per old share: 4.0 is 4:1, 0.2 is 1:5; 0, 1 and empty mean none.
//
// # Accounting
//
// Every row under the header becomes a bar or an etf.Defect that names file and line: a wrong number of fields, a
// date or number that can't be read, a row without a price (empty, null, NaN, N/A, -). The other rows go on. A file
// with more unreadable rows than readable ones is refused, and so is one whose rows contradict the header (fit.go).
package file
