package service

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/etfcast/etfcast/etf"
)

// Record reads what was known when a forecast was made.
type Record interface {
	// HistoryAt returns what a forecast was made from while the data version was current: the believed bars up to the session, at
	// most the newest limit of them.
	HistoryAt(ctx context.Context, symbol etf.Symbol, version int64, to etf.Session, limit int) (etf.History, error)
	// VersionCause returns a data version and what caused it.
	VersionCause(ctx context.Context, symbol etf.Symbol, version int64) (etf.VersionCause, error)
	// Decisions returns the newest versions, at most limit, up to the given one that a decision or a release caused, newest first.
	Decisions(ctx context.Context, symbol etf.Symbol, version int64, limit int) ([]etf.VersionCause, error)
	// BarFetchesAt returns the fetches of the bars of the window believed at the version, ascending by their earliest bar.
	BarFetchesAt(ctx context.Context, symbol etf.Symbol, version int64, window etf.Window) ([]etf.FetchUse, error)
}

// wholeHistory is a limit that no history reaches.
const wholeHistory = 40_000

// Provenance returns what a forecast was made from and by. The errors are those of Forecast, and KindCorrupt if its data version is
// not the one that is stored under its number.
func (s *Service) Provenance(ctx context.Context, id string) (etf.Provenance, error) {
	f, err := s.storedForecast(ctx, id)
	if err != nil {
		return etf.Provenance{}, err
	}
	e, err := s.store.ETF(ctx, f.ETF())
	if err != nil {
		return etf.Provenance{}, err
	}
	p := etf.Provenance{Forecast: f, Exchange: e.Exchange}
	if f.Entered() {
		return p, nil
	}
	version := f.DataVersion.Number
	if p.DataVersion, err = s.store.VersionCause(ctx, f.ETF(), version); err != nil {
		return p, err
	}
	if p.DataVersion.DataVersion != f.DataVersion {
		return p, anotherVersion(f)
	}
	h, err := s.store.HistoryAt(ctx, f.ETF(), version, f.Origin, rowsFitted(f))
	if err != nil {
		return p, err
	}
	if p.Rows = len(h.Bars); p.Rows > 0 {
		p.Used = etf.Window{From: h.Bars[0].Session, To: h.Bars[p.Rows-1].Session}
		if p.Fetches, err = s.store.BarFetchesAt(ctx, f.ETF(), version, p.Used); err != nil {
			return p, err
		}
	}
	if p.Actions, err = s.store.ActionsAt(ctx, f.ETF(), version); err != nil {
		return p, err
	}
	p.Actions = slices.DeleteFunc(p.Actions, func(a etf.StatedAction) bool { return a.Status != etf.Accepted })
	p.Decisions, err = s.store.Decisions(ctx, f.ETF(), version, etf.MaxDecisions)
	return p, err
}

// rowsFitted is how many closes the forecast was fitted to, by its diagnostics; without them, the whole history.
func rowsFitted(f etf.Forecast) int {
	if n, err := strconv.Atoi(f.Diagnostics["rows"]); err == nil && n > 0 {
		return n
	}
	return wholeHistory
}

func anotherVersion(f etf.Forecast) error {
	return &etf.Error{Kind: etf.KindCorrupt, Field: "data_version",
		Message: fmt.Sprintf("data version %d of %s is not the one that forecast %s was made from", f.DataVersion.Number, f.Symbol, f.ID),
		Remedy:  "compare the database with a backup", Err: etf.ErrAltered}
}
