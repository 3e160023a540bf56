package yahoo

import (
	"fmt"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// sessionOf returns the session of a row's timestamp. Daily rows are stamped with the session's open, which in the far
// east falls on another UTC date; zone is the exchange's, with its offset on that day. ok is false for an implausible
// instant.
//
// Around daylight saving changes some rows are stamped at exactly 22:00 or 23:00: Yahoo meant the following midnight.
func sessionOf(stamp cell, zone *time.Location) (s etf.Session, ok bool) {
	n, ok := stamp.whole()
	// 1900 to 2200, the years etf.ParseSession accepts.
	if !ok || n < -2208988800 || n > 7289654400 {
		return 0, false
	}
	t := time.Unix(n, 0).In(zone)
	s = etf.SessionOf(t)
	if t.Hour() >= 22 && t.Minute() == 0 && t.Second() == 0 {
		s = s.AddDays(1)
	}
	return s, true
}

// gate decides which sessions of a response may be returned.
type gate struct {
	cal    *calendar.Calendar
	asOf   time.Time
	today  etf.Session // at asOf
	window etf.Window
	// The session that Yahoo calls the current one, and its end; zero if it does not say.
	current    etf.Session
	currentEnd time.Time
	// listed is the session of the first trade, zero if Yahoo does not say.
	listed etf.Session
}

func newGate(cal *calendar.Calendar, q etf.Query, m meta, zone *time.Location) gate {
	g := gate{cal: cal, asOf: q.AsOf, today: etf.SessionOf(q.AsOf.In(zone)), window: q.Window}
	if g.window.To.IsZero() {
		g.window.To = g.today
	}
	regular := m.CurrentTradingPeriod.Regular
	if s, ok := sessionOf(regular.Start, zone); ok {
		if end, ok := regular.End.whole(); ok {
			g.current, g.currentEnd = s, time.Unix(end, 0)
		}
	}
	g.listed, _ = sessionOf(m.FirstTradeDate, zone)
	return g
}

// final reports whether session s had closed and settled. A day that is not a session of the calendar is final the day
// after: whether it should have a row is for others to judge.
func (g gate) final(s etf.Session) bool {
	delay := etf.SettlesAfter(g.cal.Exchange())
	if s == g.current && g.asOf.Before(g.currentEnd.Add(delay)) {
		return false
	}
	end, err := g.cal.Close(s)
	if err != nil {
		return s < g.today
	}
	return !g.asOf.Before(end.Add(delay))
}

// beforeListing reports whether s is before the first trade: such rows belong to an earlier holder of the ticker.
func (g gate) beforeListing(s etf.Session) bool { return !g.listed.IsZero() && s < g.listed }

// checkMeta rejects a response about something other than the requested ETF.
func checkMeta(m meta, ticker string, cal *calendar.Calendar, q etf.Query) error {
	if !sameTicker(m.Symbol, ticker) {
		return corrupt(root+".meta.symbol", "Yahoo sent %.40q instead of %s", m.Symbol, ticker)
	}
	if m.DataGranularity != "" && m.DataGranularity != "1d" {
		return corrupt(root+".meta.dataGranularity", "Yahoo sent rows at an interval of %.20q instead of daily ones", m.DataGranularity)
	}
	if m.ExchangeTimezoneName == "" {
		return corrupt(root+".meta.exchangeTimezoneName", "Yahoo sent no time zone, so rows have no date")
	}
	if zone := cal.Location().String(); m.ExchangeTimezoneName != zone {
		return etf.Invalid("ref", fmt.Sprintf("Yahoo's %s trades in the time zone %.40s, but %s is in %s", ticker, m.ExchangeTimezoneName, q.Exchange, zone), "use the ticker of the listing on "+string(q.Exchange))
	}
	if _, _, same := etf.QuotedCurrency(m.Currency).In(q.Currency); q.Currency != "" && m.Currency != "" && !same {
		return etf.Invalid("currency", fmt.Sprintf("Yahoo quotes %s in %.10s, but the ETF is registered in %s", ticker, m.Currency, q.Currency), "use the ticker of the listing in "+string(q.Currency)+", or correct the currency: `etfcast etf edit`")
	}
	if !instrument(m.InstrumentType, q.Exchange) {
		return etf.Invalid("ref", fmt.Sprintf("Yahoo lists %s as %.20q, not as an ETF", ticker, m.InstrumentType), "check whether the ticker now belongs to another instrument")
	}
	return nil
}

// instrument reports whether an instrument of Yahoo's kind can be the ETF. US tickers are reused, so a share is another
// instrument there. Korean codes are not reused, and Yahoo's kinds are less reliable: any fund or share passes.
func instrument(kind string, x etf.Exchange) bool {
	switch kind {
	case "", "ETF":
		return true
	case "EQUITY", "MUTUALFUND":
		return x == etf.XKRX
	}
	return false
}

// formatRemedy is the remedy for a response that can't be parsed.
const formatRemedy = "retry later, or use another source; if the error persists, Yahoo has changed its format and this source needs an update"

func corrupt(field, format string, args ...any) error {
	return &etf.Error{Kind: etf.KindCorrupt, Field: field, Message: fmt.Sprintf(format, args...), Remedy: formatRemedy}
}
