package yahoo

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// row is one row of a chart with its index. A priced row has all four prices.
type row struct {
	index   int
	session etf.Session
	bar     etf.Bar // still in terms of today's shares
	priced  bool
	reason  string // why it is not priced
	missing bool   // not priced only because prices are missing
}

// translate fills the response from a chart.
func translate(c chart, ticker string, cal *calendar.Calendar, q etf.Query, a *etf.Response) error {
	if !sameTicker(c.Meta.Symbol, ticker) {
		return corrupt(root+".meta.symbol", "Yahoo sent %.40q instead of %s", c.Meta.Symbol, ticker)
	}
	a.Currency = etf.QuotedCurrency(c.Meta.Currency)
	t, err := c.columns()
	if err != nil {
		return err
	}
	// A dead ticker has no rows, and no listing to check either.
	if len(t.stamps) == 0 {
		return nil
	}
	if err := checkMeta(c.Meta, ticker, cal, q); err != nil {
		return err
	}
	zone, err := time.LoadLocation(c.Meta.ExchangeTimezoneName)
	if err != nil {
		return corrupt(root+".meta.exchangeTimezoneName", "%.40q is not a time zone", c.Meta.ExchangeTimezoneName)
	}
	g := newGate(cal, q, c.Meta, zone)
	rows, defects := t.rows(zone)
	a.Defects = defects
	acts, defects, err := c.actions(zone)
	if err != nil {
		return err
	}
	a.Defects = append(a.Defects, defects...)
	a.Actions, a.Splits = nil, nil
	a.Covers = []etf.ActionKind{etf.Split, etf.Dividend, etf.SpecialDividend, etf.CapitalGain}

	splits, defects := applied(acts, rows)
	a.Defects = append(a.Defects, defects...)
	u, err := newUndo(splits, q.Currency)
	if err != nil {
		return err
	}
	kept, defects := g.choose(t, rows)
	a.Defects = append(a.Defects, defects...)
	first := etf.Session(0)
	a.Bars = make([]etf.Bar, 0, len(kept))
	for _, r := range kept {
		bar, ok := u.bar(r.bar)
		if !ok {
			a.Defects = append(a.Defects, t.defect(r, "out of range when restated as traded"))
			continue
		}
		a.Bars = append(a.Bars, bar)
		if first.IsZero() || r.session < first {
			first = r.session
		}
	}
	for _, act := range acts {
		if !g.window.Contains(act.Ex) || g.beforeListing(act.Ex) {
			continue
		}
		if act.Kind != etf.Split {
			amount, ok := u.amount(act.Amount, act.Ex)
			if !ok {
				return corrupt(root+".events", "the %s of %s is out of range when restated as traded", act.Kind, act.Ex)
			}
			act.Amount = amount
			if first.IsZero() || act.Ex < first {
				first = act.Ex
			}
		}
		a.Actions = append(a.Actions, act)
	}
	if !first.IsZero() {
		a.Splits = u.after(first)
	}
	return nil
}

// rows reads every row that has a date. Rows without one are defects.
func (t table) rows(zone *time.Location) ([]row, []etf.Defect) {
	var defects []etf.Defect
	rows := make([]row, 0, len(t.stamps))
	for i := range t.stamps {
		r := row{index: i}
		var ok bool
		if r.session, ok = sessionOf(t.stamps[i], zone); !ok {
			defects = append(defects, t.defect(r, "the timestamp is not valid"))
			continue
		}
		r.bar, r.reason, r.missing = t.bar(i)
		r.bar.Session = r.session
		r.priced = r.reason == ""
		rows = append(rows, r)
	}
	// During a session Yahoo may send it twice, the second time as the live row. Other repeats are left for the
	// validation rules to find.
	if n := len(rows); n >= 2 && rows[n-1].session == rows[n-2].session && rows[n-1].index == len(t.stamps)-1 {
		if rows[n-1].priced || !rows[n-2].priced {
			rows = slices.Delete(rows, n-2, n-1)
		} else {
			rows = rows[:n-1]
		}
	}
	return rows, defects
}

// bar reads row i. reason says why it has no bar, "" if it has one; missing is true if prices are missing and nothing
// else is wrong.
func (t table) bar(i int) (b etf.Bar, reason string, missing bool) {
	b.Volume = etf.VolumeUnknown
	var absent, wrong []string
	for _, f := range []struct {
		name   string
		column []cell
		to     *etf.Price
	}{{"open", t.open, &b.Open}, {"high", t.high, &b.High}, {"low", t.low, &b.Low}, {"close", t.close, &b.Close}} {
		c := at(f.column, i)
		if c.null() {
			absent = append(absent, f.name)
			continue
		}
		p, err := etf.ParsePrice(string(c))
		if err != nil {
			wrong = append(wrong, f.name)
		}
		*f.to = p
	}
	if c := at(t.volume, i); !c.null() {
		v, err := etf.ParseVolume(string(c))
		if err != nil {
			wrong = append(wrong, "volume")
		}
		b.Volume = v
	}
	// Only evidence, so a bad one is dropped.
	if p, err := etf.ParsePrice(string(at(t.adjClose, i))); err == nil && p > 0 {
		b.AdjClose = p.RoundTo(adjCloseDecimals)
	}
	switch {
	case len(wrong) > 0:
		return b, "not a number: " + strings.Join(wrong, ", "), false
	case len(absent) == 4:
		return b, "no price", true
	case len(absent) > 0:
		return b, "no price: " + strings.Join(absent, ", "), true
	}
	return b, "", false
}

// choose returns the rows to keep, and defects for the ones with something wrong.
func (g gate) choose(t table, rows []row) (kept []row, defects []etf.Defect) {
	early := 0
	var firstEarly, lastEarly row
	for _, r := range rows {
		switch {
		case !g.window.Contains(r.session) || !g.final(r.session):
		case g.beforeListing(r.session):
			if early == 0 {
				firstEarly = r
			}
			lastEarly = r
			early++
		case r.priced:
			kept = append(kept, r)
		case r.reason == "no price" && !g.cal.IsSession(r.session):
			// An empty row on a closed day means nothing.
		default:
			defects = append(defects, t.defect(r, r.reason))
		}
	}
	if early > 0 {
		d := t.defect(firstEarly, fmt.Sprintf("%d rows from %s to %s are before the first trade on %s: they belong to an earlier holder of the ticker",
			early, firstEarly.session, lastEarly.session, g.listed))
		defects = append(defects, d)
	}
	return kept, defects
}

func (t table) defect(r row, reason string) etf.Defect {
	return etf.Defect{Where: fmt.Sprintf("%s.timestamp[%d]", root, r.index), Session: r.session, Text: t.text(r.index), Reason: reason, NoPrice: r.missing}
}

func sameTicker(a, b string) bool { return strings.EqualFold(a, b) }
