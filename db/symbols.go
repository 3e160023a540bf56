package db

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// named reads what a symbol names with get: the ETF that has it, otherwise the one that had it last. sql.ErrNoRows if there is neither.
func named[T any](ctx context.Context, q *sqlcgen.Queries, symbol string, get func(context.Context, string) (T, error)) (T, error) {
	row, err := get(ctx, symbol)
	if !errors.Is(err, sql.ErrNoRows) {
		return row, err
	}
	formers, failed := q.ListETFsFormerly(ctx, []string{symbol})
	if failed != nil {
		return row, failed
	}
	if len(formers) == 0 {
		return row, err
	}
	return get(ctx, formers[len(formers)-1].Symbol)
}

// etfsNamed returns the ETFs that the symbols name, by symbol as asked for: see named. Unknown ones are left out.
func etfsNamed(ctx context.Context, q *sqlcgen.Queries, symbols []string) (map[string]sqlcgen.Etf, error) {
	rows, err := q.ListETFsBySymbol(ctx, symbols)
	if err != nil {
		return nil, err
	}
	list := make(map[string]sqlcgen.Etf, len(rows))
	for _, r := range rows {
		list[r.Symbol] = r
	}
	var missing []string
	for _, symbol := range symbols {
		if _, ok := list[symbol]; !ok {
			missing = append(missing, symbol)
		}
	}
	if len(missing) == 0 {
		return list, nil
	}
	formers, err := q.ListETFsFormerly(ctx, missing)
	if err != nil || len(formers) == 0 {
		return list, err
	}
	now := make([]string, len(formers))
	for i, f := range formers {
		now[i] = f.Symbol
	}
	if rows, err = q.ListETFsBySymbol(ctx, now); err != nil {
		return nil, err
	}
	for _, f := range formers { // the last to give a symbol up stays
		for _, r := range rows {
			if r.ID == f.EtfID {
				list[f.Former] = r
			}
		}
	}
	return list, nil
}

// permanentID makes the permanent id of an ETF, as migration 00024 does: the first half of the SHA-256 of what it was registered as.
func permanentID(symbol, exchange string, id uint32, created time.Time) string {
	sum := sha256.Sum256([]byte("etf|" + symbol + "|" + exchange + "|" + strconv.FormatUint(uint64(id), 10) + "|" + created.UTC().Format("20060102150405")))
	return hex.EncodeToString(sum[:16])
}

// names tells which symbol an ETF's forecasts carry.
type names struct {
	now   etf.Symbol // that the ETF has
	first etf.Symbol // that it was registered with
	marks map[string][]nameMark
}

// nameMark says that a chain's forecasts carry the symbol from a position on.
type nameMark struct {
	from   int64
	symbol etf.Symbol
}

// namesOf reads the names of one ETF.
func namesOf(ctx context.Context, q *sqlcgen.Queries, id uint32) (names, error) {
	rows, err := q.ListNames(ctx, sqlcgen.ListNamesParams{EtfID: id})
	if err != nil {
		return names{}, err
	}
	n := names{}
	first := int64(0)
	for _, r := range rows {
		switch r.Kind {
		case 0:
			n.mark(r.Model, nameMark{r.Chain, etf.Symbol(r.Symbol)})
		case 1:
			if r.Chain > 0 && (n.first == "" || r.Chain < first) { // those from 0 down were given up before it was registered here
				first, n.first = r.Chain, etf.Symbol(r.Symbol)
			}
		default:
			n.now = etf.Symbol(r.Symbol)
		}
	}
	n.first = cmp.Or(n.first, n.now)
	n.sort()
	return n, nil
}

func (n *names) mark(model string, m nameMark) {
	if n.marks == nil {
		n.marks = map[string][]nameMark{}
	}
	n.marks[model] = append(n.marks[model], m)
}

func (n *names) sort() {
	for _, list := range n.marks {
		slices.SortFunc(list, func(a, b nameMark) int { return cmp.Compare(a.from, b.from) })
	}
}

// at returns the mark that holds at a position of a model's chain; one from 0 on if there is none.
func (n *names) at(model string, position int64) nameMark {
	m := nameMark{0, n.first}
	for _, next := range n.marks[model] {
		if next.from > position {
			break
		}
		m = next
	}
	return m
}

// set fills in the symbol that a forecast carries, and the one that its ETF has now if that is another.
func (n *names) set(f *etf.Forecast) {
	f.Symbol, f.Now = n.at(f.Model, f.Chain).symbol, ""
	if f.Symbol != n.now {
		f.Now = n.now
	}
}

// allNames reads the names of the ETFs that have had another symbol, or whose symbol another ETF has had. symbols has the current ones.
func allNames(ctx context.Context, q *sqlcgen.Queries, symbols map[uint32]etf.Symbol) (map[uint32]*names, error) {
	formers, err := q.ListFormersOfAll(ctx)
	if err != nil {
		return nil, err
	}
	marks, err := q.ListChainSymbols(ctx)
	if err != nil || len(formers)+len(marks) == 0 {
		return nil, err
	}
	list := map[uint32]*names{}
	of := func(id uint32) *names {
		if list[id] == nil {
			list[id] = &names{now: symbols[id], first: symbols[id]}
		}
		return list[id]
	}
	had := map[etf.Symbol]bool{}
	for i, f := range formers { // ascending by ETF and number
		n := of(f.EtfID)
		if f.Number > 0 && (i == 0 || formers[i-1].EtfID != f.EtfID || formers[i-1].Number <= 0) {
			n.first = etf.Symbol(f.Symbol)
		}
		had[etf.Symbol(f.Symbol)] = true
	}
	for _, m := range marks {
		of(m.EtfID).mark(m.Model, nameMark{m.Chain, etf.Symbol(m.Symbol)})
	}
	for id, symbol := range symbols {
		if had[symbol] {
			of(id)
		}
	}
	for _, n := range list {
		n.sort()
	}
	return list, nil
}

// placing is what it takes to give forecasts of an ETF their places.
type placing struct {
	id    uint32
	names *names // nil for an ETF without any but its symbol, which nobody else has had
}

func placingOf(ctx context.Context, q *sqlcgen.Queries, id uint32, symbol string) (placing, error) {
	p := placing{id: id}
	n, err := q.CountSymbolsOf(ctx, sqlcgen.CountSymbolsOfParams{EtfID: id, Symbol: symbol})
	if err != nil || n == 0 {
		return p, err
	}
	all, err := namesOf(ctx, q, id)
	p.names = &all
	return p, err
}

// next returns the position of the forecast that follows the head, and whether its symbol is to be marked there. Where the symbol changes,
// positions go on after those that any ETF has had under it, so that a symbol, a model and a position name one forecast for good.
func (p placing) next(ctx context.Context, q *sqlcgen.Queries, f etf.Forecast, head int64) (position int64, mark bool, err error) {
	if p.names == nil {
		return head + 1, false, nil
	}
	if head > 0 && p.names.at(f.Model, head).symbol == f.Symbol {
		return head + 1, false, nil
	}
	formers, err := q.ListETFsFormerly(ctx, []string{string(f.Symbol)})
	if err != nil {
		return 0, false, err
	}
	formers = slices.DeleteFunc(formers, func(other sqlcgen.ListETFsFormerlyRow) bool { return other.EtfID == p.id })
	if head == 0 && f.Symbol == p.names.first && len(formers) == 0 {
		return 1, false, nil
	}
	position = head
	for _, other := range formers {
		theirs, err := q.GetChainHead(ctx, sqlcgen.GetChainHeadParams{EtfID: other.EtfID, Model: f.Model})
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return 0, false, err
		}
		position = max(position, theirs.Chain)
	}
	return position + 1, true, nil
}

// storedUnder returns the ID of a forecast from the same data by the same code that was issued when the ETF had another symbol; "" if
// there is none.
func (p placing) storedUnder(ctx context.Context, q *sqlcgen.Queries, f etf.Forecast) (string, error) {
	if p.names == nil {
		return "", nil
	}
	rows, err := q.ListSameForecasts(ctx, sqlcgen.ListSameForecastsParams{
		EtfID: p.id, Model: f.Model, Origin: column.Session(f.Origin), DataVersion: f.DataVersion.Number, DataVersionWriter: f.DataVersion.Writer,
	})
	for _, r := range rows {
		if r.ParamsHash == f.ParamsHash && r.CodeVersion == f.CodeVersion && p.names.at(f.Model, r.Chain).symbol != f.Symbol {
			return r.ID, nil
		}
	}
	return "", err
}

// RenameETF gives an ETF another symbol; a repeat changes nothing (changed is false). KindNotFound for an unknown symbol; KindConflict
// with Field "to" if another ETF has the new symbol, or had it and may still be at work under it; KindInvalid with Field "last" for a last
// session that the ETF can't have had.
func (s *Store) RenameETF(ctx context.Context, r etf.Rename) (stored etf.ETF, changed bool, err error) {
	writer := newWriter()
	err = s.transaction(ctx, "renaming "+string(r.Symbol), func(q *writing, _ *sql.Tx) error {
		changed = false
		row, err := q.LockETF(ctx, string(r.Symbol))
		if errors.Is(err, sql.ErrNoRows) {
			return renamedAlready(ctx, q.Queries, r)
		}
		if err != nil {
			return err
		}
		list, err := complete(ctx, q.Queries, []sqlcgen.Etf{row})
		if err != nil {
			return err
		}
		e := list[0]
		if err := checkRename(ctx, q.Queries, e, r); err != nil {
			return err
		}
		if r.Sources != nil {
			e.Sources = r.Sources
		}
		now := s.now()
		if err := q.InsertIdentity(ctx, sqlcgen.InsertIdentityParams{EtfID: row.ID, PermanentID: e.PermanentID, IdsAs: row.Symbol}); err != nil {
			return err
		}
		n, err := q.RenameETF(ctx, sqlcgen.RenameETFParams{ToSymbol: string(r.To), ID: row.ID, FromSymbol: string(r.Symbol)})
		if duplicate(err) {
			return symbolTaken("to", r.To)
		}
		if err != nil {
			return err
		}
		if n != 1 {
			return errLost
		}
		if err := q.InsertFormerSymbol(ctx, sqlcgen.InsertFormerSymbolParams{
			EtfID: row.ID, Number: int32(e.Changes + 1), Symbol: row.Symbol, LastSession: column.Session(r.Last), EndedAt: now,
		}); err != nil {
			return err
		}
		if err := insertChange(ctx, q.Queries, row.ID, e, writer, r.By, r.Why, now); err != nil {
			return err
		}
		if _, err := s.changeGrounds(ctx, q, row.ID); err != nil {
			return err
		}
		changed = true
		told := map[string]any{"fields": changedFields(list[0], renamedTo(e, r.To)), "from": r.Symbol, "to": r.To}
		for _, symbol := range []etf.Symbol{r.Symbol, r.To} { // so that whoever listens for one of them is told
			q.concerns(row.Exchange, string(symbol), "")
			q.emit(etf.EventChanged, "", told)
		}
		return nil
	})
	if err != nil {
		return etf.ETF{}, false, err
	}
	stored, err = s.ETF(ctx, r.To)
	return stored, changed, err
}

func renamedTo(e etf.ETF, symbol etf.Symbol) etf.ETF {
	e.Symbol = symbol
	return e
}

// identity returns the name that stands for an ETF in the IDs of its findings and actions, and when it was delisted. One without a row has
// never been renamed.
func identity(ctx context.Context, q *sqlcgen.Queries, id uint32, symbol string) (idsAs etf.Symbol, delisted etf.Session, err error) {
	r, err := q.GetIdentity(ctx, id)
	if errors.Is(err, sql.ErrNoRows) {
		return etf.Symbol(symbol), 0, nil
	}
	return etf.Symbol(r.IdsAs), etf.Session(r.Delisted), err
}

// renamedAlready returns nil if the ETF has been renamed as asked for, otherwise why it can't be.
func renamedAlready(ctx context.Context, q *sqlcgen.Queries, r etf.Rename) error {
	formers, err := q.ListETFsFormerly(ctx, []string{string(r.Symbol)})
	if err != nil {
		return err
	}
	if len(formers) == 0 {
		return unknownSymbol(r.Symbol)
	}
	last := formers[len(formers)-1]
	if last.Symbol == string(r.To) && etf.Session(last.LastSession) == r.Last {
		return nil
	}
	return &etf.Error{Kind: etf.KindConflict, Field: "symbol",
		Message: fmt.Sprintf("%s has been %s since %s, its last session as %s", r.Symbol, last.Symbol, etf.Session(last.LastSession), r.Symbol),
		Remedy:  "rename it under the symbol that it has now"}
}

func checkRename(ctx context.Context, q *sqlcgen.Queries, e etf.ETF, r etf.Rename) error {
	switch {
	case r.To == r.Symbol:
		return etf.Invalid("to", fmt.Sprintf("%s has that symbol already", r.Symbol), "name the new one")
	case r.Last < e.Listed:
		return etf.Invalid("last", fmt.Sprintf("%s is before the listing of %s on %s", r.Last, e.Symbol, e.Listed), "give the last session under the old symbol, or correct the listing date: `etfcast etf edit`")
	case !e.Delisted.IsZero() && r.Last > e.Delisted:
		return etf.Invalid("last", fmt.Sprintf("%s is after the delisting of %s on %s", r.Last, e.Symbol, e.Delisted), "give the last session under the old symbol, or correct the delisting date: `etfcast etf edit`")
	case len(e.Former) > 0 && r.Last <= e.Former[len(e.Former)-1].Last:
		before := e.Former[len(e.Former)-1]
		return etf.Invalid("last", fmt.Sprintf("%s is not after %s, its last session as %s", r.Last, before.Last, before.Symbol), "give the last session under the symbol that it has now")
	}
	if _, err := q.GetETF(ctx, string(r.To)); !errors.Is(err, sql.ErrNoRows) {
		return cmp.Or(err, symbolTaken("to", r.To))
	}
	formers, err := formersOf(ctx, q, "to", r.To)
	if err != nil {
		return err
	}
	for _, f := range formers {
		if f.Symbol != string(e.Symbol) && etf.Session(f.LastSession) > r.Last {
			return etf.Invalid("last", fmt.Sprintf("%s was the symbol of %s until %s, after %s", r.To, f.Symbol, etf.Session(f.LastSession), r.Last),
				"give the last session under the old symbol: the new one can't have been taken up before it was free")
		}
	}
	return nil
}

func symbolTaken(field string, symbol etf.Symbol) error {
	return &etf.Error{Kind: etf.KindConflict, Field: field, Message: fmt.Sprintf("%s is the symbol of another ETF", symbol),
		Remedy: "rename that one first, or name another symbol"}
}

// formersOf returns the ETFs that had a symbol which somebody is to take up; the last to give it up comes last. KindConflict while a run that
// began before may still be at work under it: what it does would be done to the wrong ETF.
func formersOf(ctx context.Context, q *sqlcgen.Queries, field string, symbol etf.Symbol) ([]sqlcgen.ListETFsFormerlyRow, error) {
	formers, err := q.ListETFsFormerly(ctx, []string{string(symbol)})
	if err != nil || len(formers) == 0 {
		return nil, err
	}
	last := slices.MaxFunc(formers, func(a, b sqlcgen.ListETFsFormerlyRow) int { return a.EndedAt.Compare(b.EndedAt) }) // imported ones may end out of order
	running, err := q.CountRunningSince(ctx, sqlcgen.CountRunningSinceParams{Exchange: last.Exchange, Before: last.EndedAt})
	if err == nil && running > 0 {
		err = &etf.Error{Kind: etf.KindConflict, Field: field,
			Message: fmt.Sprintf("%s was the symbol of %s until it was renamed, and %d runs that began before may still use it", symbol, last.Symbol, running),
			Remedy:  "repeat this when they have ended: `etfcast run list`, `etfcast backfill list`"}
	}
	return formers, err
}

// reused checks the registration of an ETF whose symbol another one has had, and makes it begin after that one's last session. ids is the
// name for its IDs.
func reused(ctx context.Context, q *sqlcgen.Queries, e *etf.ETF) (again bool, err error) {
	formers, err := formersOf(ctx, q, "symbol", e.Symbol)
	for _, f := range formers {
		last := etf.Session(f.LastSession)
		if !e.Listed.IsZero() && e.Listed <= last {
			return true, etf.Invalid("listed", fmt.Sprintf("%s was the symbol of %s until %s, so that another ETF can't have been listed under it on %s", e.Symbol, f.Symbol, last, e.Listed),
				"give the first session of the ETF that has the symbol now")
		}
		if e.ISIN == "" {
			continue
		}
		row, err := q.GetETF(ctx, f.Symbol)
		if err != nil {
			return true, err
		}
		other, err := complete(ctx, q, []sqlcgen.Etf{row})
		if err != nil {
			return true, err
		}
		if other[0].ISIN == e.ISIN {
			return true, &etf.Error{Kind: etf.KindConflict, Field: "isin", Message: fmt.Sprintf("%s is the ISIN of %s, which was %s until %s", e.ISIN, f.Symbol, e.Symbol, last),
				Remedy: fmt.Sprintf("it is the same fund: write %s, or have it named %s again with `etfcast etf rename`", f.Symbol, e.Symbol)}
		}
	}
	if len(formers) > 0 && e.Listed.IsZero() {
		for _, f := range formers {
			e.Listed = max(e.Listed, etf.Session(f.LastSession).AddDays(1))
		}
	}
	return len(formers) > 0, err
}
