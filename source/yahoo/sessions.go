package yahoo

import (
	"fmt"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// settle is how long after the close a session's row becomes final. On the New York exchanges the closing
// auction and late prints take minutes; Korean quotes are delayed by 20 minutes and change until trading after
// hours is over, an hour after the close.
func settle(x etf.Exchange) time.Duration {
	if x == etf.XKRX {
		return time.Hour
	}
	return 15 * time.Minute
}

// sessionOf turns a row's stamp into its session. Daily rows are stamped with the session's open, which lies on
// another UTC date for exchanges far east; the zone is the exchange's, with the offset of that day. ok is
// false for what is no plausible instant.
//
// Some rows of days around a change of clocks are stamped at 22:00 or 23:00 sharp: Yahoo meant the midnight
// that follows.
func sessionOf(stamp cell, zone *time.Location) (s etf.Session, ok bool) {
	n, ok := stamp.whole()
	// 1900 to 2200, the years an etf.Session is read for.
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

// gate tells which sessions of an answer may be given away.
type gate struct {
	cal    *calendar.Calendar
	asOf   time.Time
	today  etf.Session // at asOf
	window etf.Window
	// The session Yahoo itself calls the current one, and its end; zero where it does not say.
	current    etf.Session
	currentEnd time.Time
	// listed is the session of the first trade, zero where Yahoo does not say.
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

// final reports whether session s was over and settled. A day that is no session of the calendar is final the
// day after: whether it should have been traded is for others to judge.
func (g gate) final(s etf.Session) bool {
	delay := settle(g.cal.Exchange())
	if s == g.current && g.asOf.Before(g.currentEnd.Add(delay)) {
		return false
	}
	end, err := g.cal.Close(s)
	if err != nil {
		return s < g.today
	}
	return !g.asOf.Before(end.Add(delay))
}

// beforeListing reports whether s lies before the first trade: such rows belong to whoever had the ticker then.
func (g gate) beforeListing(s etf.Session) bool { return !g.listed.IsZero() && s < g.listed }

// checkMeta refuses an answer about something other than the ETF asked for.
func checkMeta(m meta, ticker string, cal *calendar.Calendar, q etf.Query) error {
	if !sameTicker(m.Symbol, ticker) {
		return corrupt(root+".meta.symbol", "Yahoo answers for %.40q instead of %s", m.Symbol, ticker)
	}
	if m.DataGranularity != "" && m.DataGranularity != "1d" {
		return corrupt(root+".meta.dataGranularity", "Yahoo sent rows of %.20q instead of days", m.DataGranularity)
	}
	if m.ExchangeTimezoneName == "" {
		return corrupt(root+".meta.exchangeTimezoneName", "Yahoo names no time zone, so no row has a date")
	}
	if zone := cal.Location().String(); m.ExchangeTimezoneName != zone {
		return etf.Invalid("ref", fmt.Sprintf("Yahoo's %s trades in %.40s, %s in %s", ticker, m.ExchangeTimezoneName, q.Exchange, zone), "use the ticker of the listing on "+string(q.Exchange))
	}
	if q.Currency != "" && m.Currency != "" && m.Currency != string(q.Currency) {
		return etf.Invalid("currency", fmt.Sprintf("Yahoo quotes %s in %.10s, it is registered in %s", ticker, m.Currency, q.Currency), "use the ticker of the listing in "+string(q.Currency)+", or register the ETF's own currency")
	}
	if !instrument(m.InstrumentType, q.Exchange) {
		return etf.Invalid("ref", fmt.Sprintf("Yahoo calls %s %.20q, not an ETF", ticker, m.InstrumentType), "check whether the ticker was given to another instrument")
	}
	return nil
}

// instrument reports whether Yahoo's kind can be an ETF's. US tickers are reused, so a share there is somebody
// else. Korean codes are not, and Yahoo's kinds are less sure there: any kind of fund or share passes.
func instrument(kind string, x etf.Exchange) bool {
	switch kind {
	case "", "ETF":
		return true
	case "EQUITY", "MUTUALFUND":
		return x == etf.XKRX
	}
	return false
}

// anotherForm is what can be done about an answer that is not understood.
const anotherForm = "run it again later, or use another source; if it stays so, Yahoo has changed its answers and this source has to follow"

func corrupt(field, format string, args ...any) error {
	return &etf.Error{Kind: etf.KindCorrupt, Field: field, Message: fmt.Sprintf(format, args...), Remedy: anotherForm}
}
