package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// AsOfTime returns the ETF's newest data version known at the instant; before the first, a Version of 0. KindNotFound for an
// unknown symbol.
func (s *Store) AsOfTime(ctx context.Context, symbol etf.Symbol, at time.Time) (etf.AsOf, error) {
	id, err := s.idOf(ctx, symbol)
	if err != nil {
		return etf.AsOf{}, err
	}
	row, err := s.q.GetVersionAtTime(ctx, sqlcgen.GetVersionAtTimeParams{EtfID: id, KnownFrom: instant(at)})
	if errors.Is(err, sql.ErrNoRows) {
		return etf.AsOf{Given: true, At: at}, nil
	}
	return etf.AsOf{Version: row.Number, KnownFrom: row.KnownFrom, Given: true, At: at}, translate(err, "looking up a data version of "+string(symbol))
}

// AsOfVersion returns a data version of the ETF by its number; 0 is the one before the first. KindInvalid with Field "as_of" if
// there is none with that number, KindNotFound for an unknown symbol.
func (s *Store) AsOfVersion(ctx context.Context, symbol etf.Symbol, number int64) (etf.AsOf, error) {
	id, err := s.idOf(ctx, symbol)
	if err != nil || number == 0 {
		return etf.AsOf{Given: true}, err
	}
	row, err := s.q.GetVersionByNumber(ctx, sqlcgen.GetVersionByNumberParams{EtfID: id, Number: number})
	if errors.Is(err, sql.ErrNoRows) {
		return etf.AsOf{}, etf.Invalid("as_of", fmt.Sprintf("%s has no data version %d", symbol, number), fmt.Sprintf("`etfcast etf versions %s` lists its versions", symbol))
	}
	return etf.AsOf{Version: row.Number, KnownFrom: row.KnownFrom, Given: true}, translate(err, "looking up a data version of "+string(symbol))
}

// BarsPageAt returns what BarsPage would have returned while the data version was current.
func (s *Store) BarsPageAt(ctx context.Context, symbol etf.Symbol, version int64, window etf.Window, after etf.Session, limit int) ([]etf.StoredBar, error) {
	head, err := s.headOf(ctx, symbol)
	if err != nil {
		return nil, err
	}
	p := listBarsParams(head.ID, window, after, limit)
	bars, err := s.q.ListBarsAt(ctx, sqlcgen.ListBarsAtParams{EtfID: p.EtfID, FromSession: p.FromSession, ToSession: p.ToSession, Version: version, Limit: p.Limit})
	if err != nil {
		return nil, translate(err, "reading bars of "+string(symbol))
	}
	newest := head.DataVersion <= version
	if newest { // still, with the bars read?
		if head, err = s.headOf(ctx, symbol); err != nil {
			return nil, err
		}
		newest = head.DataVersion <= version
	}
	var revisions []sqlcgen.ListRevisionsAtRow
	if !newest { // nothing is superseded that the newest version believes
		revisions, err = s.q.ListRevisionsAt(ctx, sqlcgen.ListRevisionsAtParams{EtfID: p.EtfID, FromSession: p.FromSession, ToSession: p.ToSession, Version: version, Limit: p.Limit})
		if err != nil {
			return nil, translate(err, "reading revisions of "+string(symbol))
		}
	}
	list := make([]etf.StoredBar, 0, min(len(bars)+len(revisions), limit))
	for len(list) < limit && len(bars)+len(revisions) > 0 {
		switch {
		case len(revisions) == 0 || len(bars) > 0 && bars[0].Session < revisions[0].Session:
			list = append(list, storedBar(bars[0]))
			bars = bars[1:]
		default:
			if len(bars) > 0 && bars[0].Session == revisions[0].Session {
				bars = bars[1:] // it was superseded between the two statements
			}
			list = append(list, storedBar(sqlcgen.Bar(revisions[0])))
			revisions = revisions[1:]
		}
	}
	return list, nil
}

// ActionsAt returns the statements about corporate actions in the states that held at the data version, ascending by ex-date.
func (s *Store) ActionsAt(ctx context.Context, symbol etf.Symbol, version int64) ([]etf.StatedAction, error) {
	id, err := s.idOf(ctx, symbol)
	if err != nil {
		return nil, err
	}
	rows, err := s.q.ListActionsAt(ctx, sqlcgen.ListActionsAtParams{EtfID: id, Version: version})
	if err != nil {
		return nil, translate(err, "reading the actions of "+string(symbol))
	}
	list := make([]etf.StatedAction, len(rows))
	for i, r := range rows {
		list[i] = statedAction(r, symbol)
	}
	return list, nil
}

// statedAction converts a row of actions.
func statedAction(r sqlcgen.Action, symbol etf.Symbol) etf.StatedAction {
	a := etf.StatedAction{
		ID: r.ID, Symbol: symbol,
		Action: etf.Action{
			Kind: etf.ActionKind(r.Kind), Ex: etf.Session(r.Ex), Amount: etf.Price(r.Amount), Numerator: r.Numerator, Denominator: r.Denominator,
			Record: etf.Session(r.RecordDate), Pay: etf.Session(r.PayDate), Announced: etf.Session(r.Announced),
		},
		Source: r.Source, Status: etf.ActionStatus(r.Status), By: r.DecidedBy, Why: r.Why, Evidence: r.Evidence, Fetch: r.FetchID,
		Finding: r.FindingID, Replaces: r.Replaces, DataVersion: r.DataVersion, KnownFrom: r.KnownFrom,
	}
	if r.SupersededBy != openVersion {
		a.SupersededBy, a.KnownTo = r.SupersededBy, r.KnownTo
	}
	return a
}

// NAVsPageAt returns up to limit NAVs of the window after the given session (0 = from the first) as believed at the data version,
// ascending.
func (s *Store) NAVsPageAt(ctx context.Context, symbol etf.Symbol, version int64, window etf.Window, after etf.Session, limit int) ([]etf.StoredNAV, error) {
	id, err := s.idOf(ctx, symbol)
	if err != nil {
		return nil, err
	}
	p := listBarsParams(id, window, after, limit)
	rows, err := s.q.ListNAVsAt(ctx, sqlcgen.ListNAVsAtParams{EtfID: p.EtfID, FromSession: p.FromSession, ToSession: p.ToSession, Version: version, Limit: p.Limit})
	if err != nil {
		return nil, translate(err, "reading the NAVs of "+string(symbol))
	}
	list := make([]etf.StoredNAV, len(rows))
	for i, r := range rows {
		list[i] = etf.StoredNAV{
			NAV:    etf.NAV{Session: etf.Session(r.Session), NAV: etf.Price(r.Nav), Shares: etf.Volume(r.Shares)},
			Source: r.Source, Fetch: r.FetchID, DataVersion: r.DataVersion, KnownFrom: r.KnownFrom,
		}
		if r.SupersededBy != openVersion {
			list[i].SupersededBy, list[i].KnownTo = r.SupersededBy, r.KnownTo
		}
	}
	return list, nil
}

// Versions returns up to limit data versions of the ETF before the given number (0 = from the newest), newest first, with what
// each changed.
func (s *Store) Versions(ctx context.Context, symbol etf.Symbol, before int64, limit int) ([]etf.VersionChange, error) {
	id, err := s.idOf(ctx, symbol)
	if err != nil {
		return nil, err
	}
	if before == 0 {
		before = math.MaxInt64
	}
	rows, err := s.q.ListVersionsBefore(ctx, sqlcgen.ListVersionsBeforeParams{EtfID: id, Number: before, Limit: int32(limit)})
	if err != nil || len(rows) == 0 {
		return nil, translate(err, "listing the data versions of "+string(symbol))
	}
	list := make([]etf.VersionChange, len(rows))
	for i, r := range rows {
		list[i] = etf.VersionChange{Number: r.Number, KnownFrom: r.KnownFrom, Cause: r.Cause, CauseID: r.CauseID}
	}
	v := versionCounts{ctx: ctx, q: s.q, id: id, list: list}
	for _, count := range []func() error{v.bars, v.actions, v.navs, v.fetches} {
		if err := count(); err != nil {
			return nil, translate(err, "counting what the data versions of "+string(symbol)+" changed")
		}
	}
	return list, nil
}

// versionCounts fills in what a span of consecutive versions, newest first, changed.
type versionCounts struct {
	ctx  context.Context
	q    *sqlcgen.Queries
	id   uint32
	list []etf.VersionChange
}

// of returns the version with the number, nil outside the span. Numbers have no holes.
func (v versionCounts) of(number int64) *etf.VersionChange {
	if i := v.list[0].Number - number; i >= 0 && i < int64(len(v.list)) {
		return &v.list[i]
	}
	return nil
}

func (v versionCounts) span() (first, last int64) {
	return v.list[len(v.list)-1].Number, v.list[0].Number
}

func (v versionCounts) bars() error {
	first, last := v.span()
	// Current bars first: see BarsPageAt.
	current, err := v.q.ListBarsWritten(v.ctx, sqlcgen.ListBarsWrittenParams{EtfID: v.id, First: first, Last: last})
	if err != nil {
		return err
	}
	revisions, err := v.q.ListRevisionsTouched(v.ctx, sqlcgen.ListRevisionsTouchedParams{EtfID: v.id, First: first, Last: last})
	if err != nil {
		return err
	}
	type belief struct {
		session column.Session
		version int64
	}
	unused := map[belief]bool{} // whether the bar written for the session in the version is kept out of forecasts
	for _, b := range current {
		unused[belief{b.Session, b.DataVersion}] = b.Quarantined != column.Believed
	}
	for _, r := range revisions {
		unused[belief{r.Session, r.DataVersion}] = r.Quarantined != column.Believed
	}
	written := map[belief]bool{}
	for b := range unused {
		written[b] = true
	}
	for _, r := range revisions { // what superseded what
		change := v.of(r.SupersededBy)
		if change == nil {
			continue
		}
		next := belief{r.Session, r.SupersededBy}
		if !written[next] {
			change.Removed++
			continue
		}
		change.Revised++
		switch before, after := r.Quarantined != column.Believed, unused[next]; {
		case before && !after:
			change.Released++
		case !before && after:
			change.Parked++
		}
		delete(written, next)
	}
	for b := range written {
		if change := v.of(b.version); change != nil {
			change.New++
			if unused[b] {
				change.Parked++
			}
		}
	}
	return nil
}

func (v versionCounts) actions() error {
	first, last := v.span()
	rows, err := v.q.CountActionsWritten(v.ctx, sqlcgen.CountActionsWrittenParams{EtfID: v.id, First: first, Last: last})
	for _, r := range rows {
		if change := v.of(r.DataVersion); change != nil {
			change.Actions = int(r.Actions)
		}
	}
	return err
}

func (v versionCounts) navs() error {
	first, last := v.span()
	rows, err := v.q.CountNAVsWritten(v.ctx, sqlcgen.CountNAVsWrittenParams{EtfID: v.id, First: first, Last: last})
	for _, r := range rows {
		if change := v.of(r.DataVersion); change != nil {
			change.NAVs = int(r.Navs)
		}
	}
	return err
}

func (v versionCounts) fetches() error {
	var ids []string
	for _, c := range v.list {
		if c.Cause == etf.CauseFetch {
			ids = append(ids, c.CauseID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := v.q.ListFetchesByID(v.ctx, ids)
	for _, r := range rows {
		for i := range v.list {
			if c := &v.list[i]; c.Cause == etf.CauseFetch && c.CauseID == r.ID {
				c.Source, c.Run = r.Source, etf.RunID(r.RunID)
			}
		}
	}
	return err
}

// BarHistory returns every bar ever believed for one session, oldest first, each with the cause of the version that wrote it.
// Empty if there was none. KindNotFound for an unknown symbol.
func (s *Store) BarHistory(ctx context.Context, symbol etf.Symbol, session etf.Session) ([]etf.BarBelief, error) {
	bars, err := s.BarRevisions(ctx, symbol, session)
	if err != nil || len(bars) == 0 {
		return nil, err
	}
	id, err := s.idOf(ctx, symbol)
	if err != nil {
		return nil, err
	}
	superseded, err := s.q.ListRevisions(ctx, sqlcgen.ListRevisionsParams{EtfID: id, Session: column.Session(session)})
	if err != nil {
		return nil, translate(err, "reading revisions of "+string(symbol))
	}
	list := make([]etf.BarBelief, len(bars))
	numbers := make([]int64, len(bars))
	for i, b := range bars {
		list[i].StoredBar, numbers[i] = b, b.DataVersion
		for _, r := range superseded {
			if r.DataVersion == b.DataVersion {
				list[i].SupersededBy, list[i].KnownTo = r.SupersededBy, r.KnownTo
			}
		}
	}
	versions, err := s.q.ListVersionsByNumber(ctx, sqlcgen.ListVersionsByNumberParams{EtfID: id, Numbers: numbers})
	if err != nil {
		return nil, translate(err, "reading the causes of revisions of "+string(symbol))
	}
	for _, v := range versions {
		i := slices.Index(numbers, v.Number)
		list[i].Cause, list[i].CauseID = v.Cause, v.CauseID
	}
	return list, nil
}
