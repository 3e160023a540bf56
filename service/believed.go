package service

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// Believed reads what was believed at earlier data versions; db.Store implements it. It is part of Store.
type Believed interface {
	// AsOfTime returns the ETF's newest data version known at the instant; before the first, a Version of 0.
	AsOfTime(ctx context.Context, symbol etf.Symbol, at time.Time) (etf.AsOf, error)
	// AsOfVersion returns a data version by its number; KindInvalid with Field "as_of" if there is none with that number.
	AsOfVersion(ctx context.Context, symbol etf.Symbol, number int64) (etf.AsOf, error)
	// BarsPageAt, NAVsPageAt and ActionsAt return what was believed while the data version was current.
	BarsPageAt(ctx context.Context, symbol etf.Symbol, version int64, window etf.Window, after etf.Session, limit int) ([]etf.StoredBar, error)
	NAVsPageAt(ctx context.Context, symbol etf.Symbol, version int64, window etf.Window, after etf.Session, limit int) ([]etf.StoredNAV, error)
	ActionsAt(ctx context.Context, symbol etf.Symbol, version int64) ([]etf.StatedAction, error)
	// Versions returns up to limit data versions before the given number (0 = from the newest), newest first.
	Versions(ctx context.Context, symbol etf.Symbol, before int64, limit int) ([]etf.VersionChange, error)
	// BarHistory returns every bar ever believed for one session, oldest first.
	BarHistory(ctx context.Context, symbol etf.Symbol, session etf.Session) ([]etf.BarBelief, error)
}

const asOfRemedy = "use an instant such as 2025-09-26T20:00:00Z or the number of a data version"

// AsOf reads a point in an ETF's history of beliefs, as the user wrote it: an RFC 3339 instant, which stands for the newest data
// version known then, or the number of a data version. "" means now. The Field of an error is "as_of".
func (s *Service) AsOf(ctx context.Context, symbol etf.Symbol, text string) (etf.AsOf, error) {
	switch {
	case text == "":
		return etf.AsOf{}, nil
	case strings.Trim(text, "0123456789") == "":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return etf.AsOf{}, etf.Invalid("as_of", fmt.Sprintf("%s is too large for a data version", etf.Clip(text, etf.MaxQuoted)), asOfRemedy)
		}
		return s.store.AsOfVersion(ctx, symbol, n)
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return etf.AsOf{}, etf.Invalid("as_of", fmt.Sprintf("%q is neither an instant nor a data version", etf.Clip(text, etf.MaxQuoted)), asOfRemedy)
	}
	if now := s.now(); at.After(now) {
		return etf.AsOf{}, etf.Invalid("as_of", fmt.Sprintf("%s is in the future; it is %s now", at.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339)), "omit as_of for what is believed now")
	}
	return s.store.AsOfTime(ctx, symbol, at)
}

// BarQuery selects stored bars of one ETF.
type BarQuery struct {
	Symbol etf.Symbol
	Window etf.Window
	After  etf.Session // only later ones
	Limit  int
	AsOf   etf.AsOf
	NAV    bool // with NAV, shares outstanding and premium
	// Adjust restates prices and volumes to the shares of the last session known (quality.Restate); "" = none.
	Adjust quality.Adjustment
}

// BarRow is a bar with what a query asks for in addition.
type BarRow struct {
	etf.StoredBar
	NAV     etf.NAV  // zero Session if none is stored or none was asked for
	Premium *float64 // close over NAV, minus 1; nil if it can't be told
}

// Bars returns up to q.Limit stored bars, ascending; more says whether more follow.
func (s *Service) Bars(ctx context.Context, q BarQuery) (rows []BarRow, more bool, err error) {
	final, err := s.finalityOf(ctx, q)
	if err != nil {
		return nil, false, err
	}
	if rows, more, err = s.barsPage(ctx, q, final); err == nil {
		err = s.restate(ctx, q, rows)
	}
	return rows, more, err
}

// finalityOf tells which bars of the query are provisional; none at an earlier version, where that is not recorded.
func (s *Service) finalityOf(ctx context.Context, q BarQuery) (finality, error) {
	if q.AsOf.Given {
		return finality{}, nil
	}
	list, err := s.finalities(ctx, q.Symbol)
	return list[q.Symbol], err
}

// barsPage returns a page of the query's bars as they are stored.
func (s *Service) barsPage(ctx context.Context, q BarQuery, final finality) (rows []BarRow, more bool, err error) {
	var bars []etf.StoredBar
	if q.AsOf.Given {
		bars, err = s.store.BarsPageAt(ctx, q.Symbol, q.AsOf.Version, q.Window, q.After, q.Limit+1)
	} else {
		bars, err = s.store.BarsPage(ctx, q.Symbol, q.Window, q.After, q.Limit+1)
	}
	if err != nil {
		return nil, false, err
	}
	bars, more = cut(bars, q.Limit)
	for i := range bars {
		bars[i].Provisional = final.provisional(bars[i].Session)
	}
	rows, err = s.barRows(ctx, q, bars)
	return rows, more, err
}

// restate restates rows as q.Adjust says. It reads the bars after them too: later distributions are measured by their closes.
func (s *Service) restate(ctx context.Context, q BarQuery, rows []BarRow) error {
	if !q.adjusts() || len(rows) == 0 {
		return nil
	}
	bars := make([]etf.StoredBar, len(rows))
	for i, r := range rows {
		bars[i] = r.StoredBar
	}
	rest := BarQuery{Symbol: q.Symbol, Window: etf.Window{To: lastDay}, After: bars[len(bars)-1].Session, AsOf: q.AsOf}
	if err := s.EachBar(ctx, rest, func(b BarRow) error {
		bars = append(bars, b.StoredBar)
		return nil
	}); err != nil {
		return err
	}
	stated, err := s.store.ActionsAt(ctx, q.Symbol, q.version())
	if err != nil {
		return err
	}
	restated, err := quality.Restate(bars, quality.InForce(stated), bars[len(bars)-1].Session, q.Adjust)
	if err != nil {
		return err
	}
	basis := bars[0].Basis
	switch {
	case q.Adjust == quality.AdjustTotal:
		basis = etf.TotalAdjusted
	case basis == etf.AsTraded:
		basis = etf.SplitAdjusted
	}
	for i := range rows {
		rows[i].Bar, rows[i].Basis = restated[i], basis
	}
	return nil
}

// barsChunk is how many bars EachBar reads at once.
const barsChunk = 2000

// EachBar calls f with every bar of the query, ascending, up to q.Limit of them (0 = all). It stops at and returns the first
// error of f. Restated bars depend on the ones after them, so these are read first, once.
func (s *Service) EachBar(ctx context.Context, q BarQuery, f func(BarRow) error) error {
	if q.adjusts() {
		return s.eachRestated(ctx, q, f)
	}
	final, err := s.finalityOf(ctx, q)
	if err != nil {
		return err
	}
	left := q.Limit
	for {
		page := q
		page.Limit = barsChunk
		if left > 0 {
			page.Limit = min(left, barsChunk)
		}
		rows, more, err := s.barsPage(ctx, page, final)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := f(row); err != nil {
				return err
			}
			q.After = row.Session
		}
		if !more {
			return nil
		}
		if left > 0 {
			if left -= len(rows); left == 0 {
				return nil
			}
		}
	}
}

func (s *Service) eachRestated(ctx context.Context, q BarQuery, f func(BarRow) error) error {
	stored := q
	stored.Adjust = quality.AdjustNone
	var rows []BarRow
	if err := s.EachBar(ctx, stored, func(b BarRow) error {
		rows = append(rows, b)
		return nil
	}); err != nil {
		return err
	}
	if err := s.restate(ctx, q, rows); err != nil {
		return err
	}
	for _, b := range rows {
		if err := f(b); err != nil {
			return err
		}
	}
	return nil
}

// adjusts reports whether the query asks for restated prices.
func (q BarQuery) adjusts() bool { return q.Adjust != "" && q.Adjust != quality.AdjustNone }

func (s *Service) barRows(ctx context.Context, q BarQuery, bars []etf.StoredBar) ([]BarRow, error) {
	rows := make([]BarRow, len(bars))
	for i, b := range bars {
		rows[i].StoredBar = b
	}
	if !q.NAV || len(bars) == 0 {
		return rows, nil
	}
	version := q.version()
	window := etf.Window{From: bars[0].Session, To: bars[len(bars)-1].Session}
	navs, err := s.store.NAVsPageAt(ctx, q.Symbol, version, window, 0, int(window.To-window.From)+1)
	if err != nil || len(navs) == 0 {
		return rows, err
	}
	actions, err := s.store.ActionsAt(ctx, q.Symbol, version)
	if err != nil {
		return nil, err
	}
	i := 0
	for _, n := range navs {
		for i < len(rows) && rows[i].Session < n.Session {
			i++
		}
		if i < len(rows) && rows[i].Session == n.Session {
			rows[i].NAV = n.NAV
			rows[i].Premium = premium(rows[i].StoredBar, n.NAV.NAV, actions)
		}
	}
	return rows, nil
}

// version is the data version to read; the greatest possible for what is believed now.
func (q BarQuery) version() int64 {
	if q.AsOf.Given {
		return q.AsOf.Version
	}
	return etf.NewestVersion
}

// premium is close over NAV, minus 1. A NAV is as of its day: a close that has been restated since, for a split or a
// distribution, can't be compared with it.
func premium(b etf.StoredBar, nav etf.Price, actions []etf.StatedAction) *float64 {
	if nav <= 0 || b.Close <= 0 || b.Basis == etf.TotalAdjusted {
		return nil
	}
	if b.Basis == etf.SplitAdjusted {
		for _, a := range actions {
			if a.Kind == etf.Split && a.Status == etf.Accepted && a.Ex > b.Session {
				return nil
			}
		}
	}
	p := b.Close.Float()/nav.Float() - 1
	return &p
}

// NAVs returns up to limit NAVs of a window after the given session, ascending; more says whether more follow.
func (s *Service) NAVs(ctx context.Context, symbol etf.Symbol, asOf etf.AsOf, w etf.Window, after etf.Session, limit int) (navs []etf.StoredNAV, more bool, err error) {
	navs, err = s.store.NAVsPageAt(ctx, symbol, BarQuery{AsOf: asOf}.version(), w, after, limit+1)
	if err != nil {
		return nil, false, err
	}
	navs, more = cut(navs, limit)
	return navs, more, nil
}

// Versions returns up to limit data versions of an ETF before the given number (0 = from the newest), newest first, with what each
// changed; more says whether older ones follow.
func (s *Service) Versions(ctx context.Context, symbol string, before int64, limit int) (versions []etf.VersionChange, more bool, err error) {
	parsed, err := etf.ParseSymbol(symbol)
	if err := errors.Join(err, checkLimit(limit)); err != nil {
		return nil, false, err
	}
	versions, err = s.store.Versions(ctx, parsed, before, limit+1)
	if err != nil {
		return nil, false, err
	}
	versions, more = cut(versions, limit)
	return versions, more, nil
}

// BarHistory returns every bar ever believed for one session up to the given point, oldest first; KindNotFound if there was none.
func (s *Service) BarHistory(ctx context.Context, symbol, session, asOf string) ([]etf.BarBelief, error) {
	parsed, symbolErr := etf.ParseSymbol(symbol)
	day, dayErr := etf.ParseSession(session)
	if err := errors.Join(symbolErr, etf.WithField(dayErr, "session")); err != nil {
		return nil, err
	}
	at, err := s.AsOf(ctx, parsed, asOf)
	if err != nil {
		return nil, err
	}
	list, err := s.store.BarHistory(ctx, parsed, day)
	if err != nil {
		return nil, err
	}
	if at.Given {
		known := list[:0]
		for _, b := range list {
			if b.DataVersion > at.Version {
				break
			}
			if b.SupersededBy > at.Version {
				b.SupersededBy, b.KnownTo = 0, time.Time{} // that was not known yet
			}
			known = append(known, b)
		}
		list = known
	}
	if len(list) == 0 {
		return nil, etf.NotFound("session", fmt.Sprintf("no bar of %s was ever stored for %s", parsed, day), fmt.Sprintf("`etfcast bars list %s` shows the stored bars", parsed))
	}
	return list, nil
}

// ParseAdjustment reads what prices are to be restated for: none, split or total; "" is none. Errors are of KindInvalid with
// Field "adjust".
func ParseAdjustment(text string) (quality.Adjustment, error) { return quality.ParseAdjustment(text) }
