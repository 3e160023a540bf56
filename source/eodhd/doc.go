// Package eodhd reads daily bars of ETFs of several exchanges from EODHD's end-of-day endpoint. It needs a key; a free one reaches back
// a year, and the public key "demo" has one ETF, VTI.US.
//
// Prices are as traded; the close adjusted for splits and dividends is kept beside them. Beyond what the plan covers EODHD sends less
// with status 200 and a warning; such a response is refused. The rules in full are in docs/sources-eodhd.md.
package eodhd
