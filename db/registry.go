package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// CreateETF registers an ETF. Symbol, Exchange, Currency, Sources and Listed are taken from e; the store sets the rest.
// Idempotent by symbol: an identical repeat returns the stored ETF and created = false; one that differs is
// KindConflict with the differing field's name as Field.
func (s *Store) CreateETF(ctx context.Context, e etf.ETF) (stored etf.ETF, created bool, err error) {
	if len(e.Sources) == 0 {
		return etf.ETF{}, false, etf.Invalid("sources", "an ETF needs at least one source", "name the source of its prices")
	}
	err = s.transaction(ctx, "registering "+string(e.Symbol), func(q *writing, _ *sql.Tx) error {
		created = false
		old, err := q.GetETF(ctx, string(e.Symbol))
		if err == nil {
			return s.compareRegistered(ctx, q.Queries, old, e)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		now := s.now()
		id, err := q.InsertETF(ctx, sqlcgen.InsertETFParams{
			Symbol: string(e.Symbol), Exchange: string(e.Exchange), Currency: string(e.Currency), KnownFrom: now, CreatedAt: now,
		})
		if err != nil {
			return err
		}
		for i, src := range e.Sources {
			if err := q.InsertETFSource(ctx, sqlcgen.InsertETFSourceParams{
				EtfID: uint32(id), Ordinal: uint8(i), Name: src.Name, Ref: src.Ref,
			}); err != nil {
				return err
			}
		}
		created = true
		q.concerns(string(e.Exchange), string(e.Symbol), "")
		q.emit(etf.EventRegistered, "", map[string]any{})
		if !e.Listed.IsZero() {
			return q.InsertListing(ctx, sqlcgen.InsertListingParams{EtfID: uint32(id), Number: 0, Listed: column.Session(e.Listed)})
		}
		return nil
	})
	if err != nil {
		return etf.ETF{}, false, err
	}
	stored, err = s.ETF(ctx, e.Symbol)
	return stored, created, err
}

func (s *Store) compareRegistered(ctx context.Context, q *sqlcgen.Queries, old sqlcgen.Etf, e etf.ETF) error {
	stored, err := complete(ctx, q, []sqlcgen.Etf{old})
	if err != nil {
		return err
	}
	var differs string
	switch o := stored[0]; {
	case o.Exchange != e.Exchange:
		differs = "exchange"
	case o.Currency != e.Currency:
		differs = "currency"
	case !slices.Equal(o.Sources, e.Sources):
		differs = "sources"
	case !e.Listed.IsZero() && o.Listed != e.Listed:
		differs = "listed"
	default:
		return nil
	}
	return &etf.Error{Kind: etf.KindConflict, Field: differs,
		Message: fmt.Sprintf("%s is already registered with another value of %s", e.Symbol, differs),
		Remedy:  "repeat the registered values, or change them with `etfcast etf edit` or PATCH /v1/etfs/{symbol}; an exchange can't be changed"}
}

// ETF returns one ETF; KindNotFound for an unknown symbol.
func (s *Store) ETF(ctx context.Context, symbol etf.Symbol) (etf.ETF, error) {
	row, err := s.q.GetETF(ctx, string(symbol))
	if errors.Is(err, sql.ErrNoRows) {
		return etf.ETF{}, unknownSymbol(symbol)
	}
	if err != nil {
		return etf.ETF{}, translate(err, "reading ETF "+string(symbol))
	}
	list, err := complete(ctx, s.q, []sqlcgen.Etf{row})
	if err != nil {
		return etf.ETF{}, translate(err, "reading the sources of "+string(symbol))
	}
	return list[0], nil
}

// ETFs returns up to limit ETFs of the exchange ("" = all) in ascending order of symbol, after the given one.
func (s *Store) ETFs(ctx context.Context, exchange etf.Exchange, after etf.Symbol, limit int) ([]etf.ETF, error) {
	var rows []sqlcgen.Etf
	var err error
	if exchange == "" {
		rows, err = s.q.ListETFs(ctx, sqlcgen.ListETFsParams{Symbol: string(after), Limit: int32(limit)})
	} else {
		rows, err = s.q.ListETFsOfExchange(ctx, sqlcgen.ListETFsOfExchangeParams{
			Exchange: string(exchange), Symbol: string(after), Limit: int32(limit),
		})
	}
	if err != nil {
		return nil, translate(err, "listing ETFs")
	}
	list, err := complete(ctx, s.q, rows)
	return list, translate(err, "listing the ETFs' sources")
}

// Due returns a page of the ETFs that a daily run updates, which leaves out those that are retired: see
// activities.Registry.
func (s *Store) Due(ctx context.Context, exchange etf.Exchange, symbols []etf.Symbol, after etf.Symbol, limit int) ([]etf.ETF, error) {
	due := make([]etf.ETF, 0, limit)
	for {
		var page []etf.ETF
		var err error
		if len(symbols) == 0 {
			page, err = s.ETFs(ctx, exchange, after, limit)
		} else {
			page, err = s.registered(ctx, exchange, symbols, after, limit)
		}
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			after = e.Symbol
			if !e.Retired && len(due) < limit {
				due = append(due, e)
			}
		}
		// A short page would end the run, so the places of retired ETFs are filled.
		if len(page) < limit || len(due) == limit {
			return due, nil
		}
	}
}

// registered returns a page of the named ETFs, all of which must be registered on the exchange.
func (s *Store) registered(ctx context.Context, exchange etf.Exchange, symbols []etf.Symbol, after etf.Symbol, limit int) ([]etf.ETF, error) {
	page := pageOf(symbols, after, limit)
	if len(page) == 0 {
		return []etf.ETF{}, nil
	}
	rows, err := s.q.ListETFsBySymbol(ctx, page)
	if err != nil {
		return nil, translate(err, "listing the ETFs due")
	}
	found := map[string]bool{}
	for _, r := range rows {
		found[r.Symbol] = r.Exchange == string(exchange)
	}
	for _, symbol := range page {
		if !found[symbol] {
			return nil, etf.NotFound("symbols", fmt.Sprintf("%s is not registered on %s", symbol, exchange), "register it, or correct the symbol")
		}
	}
	list, err := complete(ctx, s.q, rows)
	return list, translate(err, "listing the sources of the ETFs due")
}

// pageOf returns the first limit distinct symbols after the given one, ascending.
func pageOf(symbols []etf.Symbol, after etf.Symbol, limit int) []string {
	sorted := slices.Compact(slices.Sorted(slices.Values(symbols)))
	page := make([]string, 0, min(limit, len(sorted)))
	for _, symbol := range sorted {
		if symbol > after && len(page) < limit {
			page = append(page, string(symbol))
		}
	}
	return page
}

// complete converts rows and adds their sources and their newest changes, with one statement each for all of them.
func complete(ctx context.Context, q *sqlcgen.Queries, rows []sqlcgen.Etf) ([]etf.ETF, error) {
	list := make([]etf.ETF, len(rows))
	if len(rows) == 0 {
		return list, nil
	}
	ids := make([]uint32, len(rows))
	at := make(map[uint32]int, len(rows))
	for i, r := range rows {
		ids[i], at[r.ID] = r.ID, i
		list[i] = etf.ETF{
			Symbol: etf.Symbol(r.Symbol), Exchange: etf.Exchange(r.Exchange), Currency: etf.Currency(r.Currency),
			DataVersion: etf.DataVersion{Number: r.DataVersion, Writer: r.DataVersionWriter},
			First:       etf.Session(r.FirstSession), Last: etf.Session(r.LastSession),
			Bars: int(r.Bars), Quarantined: int(r.Quarantined), CreatedAt: r.CreatedAt,
		}
	}
	sources, err := q.ListSources(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, src := range sources {
		e := &list[at[src.EtfID]]
		e.Sources = append(e.Sources, etf.SourceRef{Name: src.Name, Ref: src.Ref})
	}
	listings, err := q.ListListings(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, l := range listings { // ascending, so that the newest stays
		list[at[l.EtfID]].Listed = etf.Session(l.Listed)
	}
	changes, err := q.ListNewestChanges(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, row := range changes {
		c, err := domainChange(row)
		if err != nil {
			return nil, err
		}
		e := &list[at[row.EtfID]]
		e.Currency, e.Name, e.Sources, e.Retired, e.Changes = c.Currency, c.Name, c.Sources, c.Retired, c.Number
	}
	return list, nil
}

// ChangeETF appends a change of the ETF, which replaces the earlier values of what it names; a repeat appends nothing
// (changed is false) unless c.Note says so. KindNotFound for an unknown symbol. KindConflict with Field "changes" if the ETF has been changed
// since c.Changes, and with Field "currency" for another currency once bars are stored: their prices would be read as
// amounts in the new one.
func (s *Store) ChangeETF(ctx context.Context, c etf.ETFEdit) (stored etf.ETF, changed bool, err error) {
	writer := newWriter()
	err = s.transaction(ctx, "changing "+string(c.Symbol), func(q *writing, _ *sql.Tx) error {
		changed = false
		row, err := q.LockETF(ctx, string(c.Symbol))
		if errors.Is(err, sql.ErrNoRows) {
			return unknownSymbol(c.Symbol)
		}
		if err != nil {
			return err
		}
		list, err := complete(ctx, q.Queries, []sqlcgen.Etf{row})
		if err != nil {
			return err
		}
		e, err := applied(list[0], c)
		if err != nil || sameRegistration(e, list[0]) && !c.Note {
			return err
		}
		sources, err := json.Marshal(e.Sources)
		if err != nil {
			return err
		}
		changed = true
		q.concerns(row.Exchange, row.Symbol, "")
		q.emit(etf.EventChanged, "", map[string]any{"fields": changedFields(list[0], e)})
		if e.Listed != list[0].Listed {
			if err := q.InsertListing(ctx, sqlcgen.InsertListingParams{EtfID: row.ID, Number: int32(e.Changes + 1), Listed: column.Session(e.Listed)}); err != nil {
				return err
			}
		}
		return q.InsertETFChange(ctx, sqlcgen.InsertETFChangeParams{
			EtfID: row.ID, Number: int32(e.Changes + 1), Writer: writer, Currency: string(e.Currency), Name: e.Name,
			Retired: e.Retired, Sources: string(sources), ChangedBy: c.By, Why: c.Why, ChangedAt: s.now(),
		})
	})
	if err != nil {
		return etf.ETF{}, false, err
	}
	stored, err = s.ETF(ctx, c.Symbol)
	return stored, changed, err
}

// applied returns e with the edit's values.
func applied(e etf.ETF, c etf.ETFEdit) (etf.ETF, error) {
	if c.Changes != nil && *c.Changes != e.Changes {
		return e, &etf.Error{Kind: etf.KindConflict, Field: "changes", Message: fmt.Sprintf("%s has been changed since it was read", e.Symbol),
			Remedy: "read it again"}
	}
	if c.Currency != nil && *c.Currency != e.Currency && e.Bars > 0 {
		return e, &etf.Error{Kind: etf.KindConflict, Field: "currency",
			Message: fmt.Sprintf("%s has %d bars stored in %s, which would be read as %s", e.Symbol, e.Bars, e.Currency, *c.Currency),
			Remedy:  "retire it, and register the series in " + string(*c.Currency) + " under another symbol"}
	}
	if c.Currency != nil {
		e.Currency = *c.Currency
	}
	if c.Name != nil {
		e.Name = *c.Name
	}
	if c.Sources != nil {
		e.Sources = c.Sources
	}
	if c.Listed != nil {
		e.Listed = *c.Listed
	}
	if c.Retired != nil {
		e.Retired = *c.Retired
	}
	return e, nil
}

// sameRegistration reports whether two states of an ETF agree in everything that can be changed.
func sameRegistration(a, b etf.ETF) bool {
	return len(changedFields(a, b)) == 0
}

// changedFields names what differs between two states of an ETF.
func changedFields(before, after etf.ETF) []string {
	fields := []string{}
	for _, f := range []struct {
		name    string
		differs bool
	}{
		{"currency", before.Currency != after.Currency},
		{"name", before.Name != after.Name},
		{"sources", !slices.Equal(before.Sources, after.Sources)},
		{"listed", before.Listed != after.Listed},
		{"retired", before.Retired != after.Retired},
	} {
		if f.differs {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// ETFChanges returns every change of the ETF, oldest first; none for an ETF that is as registered, or unknown.
func (s *Store) ETFChanges(ctx context.Context, symbol etf.Symbol) ([]etf.ETFChange, error) {
	rows, err := s.q.ListETFChanges(ctx, string(symbol))
	if err != nil {
		return nil, translate(err, "listing the changes of "+string(symbol))
	}
	changes := make([]etf.ETFChange, len(rows))
	for i, row := range rows {
		if changes[i], err = domainChange(row); err != nil {
			return nil, err
		}
	}
	if len(rows) == 0 {
		return changes, nil
	}
	listings, err := s.q.ListListings(ctx, []uint32{rows[0].EtfID})
	if err != nil {
		return nil, translate(err, "listing the listing dates of "+string(symbol))
	}
	for i := range changes {
		for _, l := range listings {
			if int(l.Number) <= changes[i].Number {
				changes[i].Listed = etf.Session(l.Listed)
			}
		}
	}
	return changes, nil
}

func domainChange(row sqlcgen.EtfChange) (etf.ETFChange, error) {
	c := etf.ETFChange{
		Number: int(row.Number), Currency: etf.Currency(row.Currency), Name: row.Name, Retired: row.Retired, By: row.ChangedBy,
		Why: row.Why, At: row.ChangedAt,
	}
	if err := json.Unmarshal([]byte(row.Sources), &c.Sources); err != nil || len(c.Sources) == 0 {
		return c, &etf.Error{Kind: etf.KindCorrupt, Message: fmt.Sprintf("change %d of ETF number %d has no readable list of sources", row.Number, row.EtfID),
			Remedy: "append a change with the right sources"}
	}
	return c, nil
}

// Stored summarises the ETF's bars; zero if there are none.
func (s *Store) Stored(ctx context.Context, symbol etf.Symbol) (etf.Stored, error) {
	row, err := s.q.GetETF(ctx, string(symbol))
	if errors.Is(err, sql.ErrNoRows) {
		return etf.Stored{}, unknownSymbol(symbol)
	}
	if err != nil {
		return etf.Stored{}, translate(err, "summarising the bars of "+string(symbol))
	}
	stored := etf.Stored{
		Bars: int(row.Bars), First: etf.Session(row.FirstSession), Last: etf.Session(row.LastSession), LastUsed: etf.Session(row.LastSession),
		Basis: etf.Basis(row.Basis),
	}
	if row.Quarantined == 0 {
		return stored, nil
	}
	newest, err := s.q.ListNewestGoodBars(ctx, sqlcgen.ListNewestGoodBarsParams{EtfID: row.ID, ToSession: column.Session(lastSession), Limit: 1})
	if err != nil {
		return etf.Stored{}, translate(err, "reading the newest bar in use of "+string(symbol))
	}
	stored.LastUsed = 0
	if len(newest) > 0 {
		stored.LastUsed = etf.Session(newest[0].Session)
	}
	return stored, nil
}

func unknownSymbol(symbol etf.Symbol) error {
	return etf.NotFound("symbol", fmt.Sprintf("%s is not registered", symbol), "register it with `etfcast etf add` or POST /v1/etfs")
}

// numbers are the session and numbers of a bar, in every table that has these columns.
type numbers struct {
	Session  column.Session
	Open     column.Price
	High     column.Price
	Low      column.Price
	Close    column.Price
	AdjClose column.OptionalPrice
	Volume   column.Volume
}

func (n numbers) bar() etf.Bar {
	return etf.Bar{
		Session: etf.Session(n.Session), Open: etf.Price(n.Open), High: etf.Price(n.High), Low: etf.Price(n.Low),
		Close: etf.Price(n.Close), AdjClose: etf.Price(n.AdjClose), Volume: etf.Volume(n.Volume),
	}
}

func stagedBars(rows []sqlcgen.ListStagedBarsRow) []etf.Bar {
	bars := make([]etf.Bar, len(rows))
	for i, r := range rows {
		bars[i] = numbers{
			Session: r.Session, Open: r.Open, High: r.High, Low: r.Low, Close: r.Close, AdjClose: r.AdjClose, Volume: r.Volume,
		}.bar()
	}
	return bars
}

func storedBar(b sqlcgen.Bar) etf.StoredBar {
	return etf.StoredBar{
		Bar: numbers{
			Session: b.Session, Open: b.Open, High: b.High, Low: b.Low, Close: b.Close, AdjClose: b.AdjClose, Volume: b.Volume,
		}.bar(),
		Basis: etf.Basis(b.Basis), Source: b.Source, Fetch: b.FetchID, Quarantined: b.Quarantined == column.Quarantined, Held: b.Quarantined == column.Held,
		DataVersion: b.DataVersion, KnownFrom: b.KnownFrom,
	}
}

func revisedBar(b sqlcgen.BarRevision) etf.StoredBar {
	return etf.StoredBar{
		Bar: numbers{
			Session: b.Session, Open: b.Open, High: b.High, Low: b.Low, Close: b.Close, AdjClose: b.AdjClose, Volume: b.Volume,
		}.bar(),
		Basis: etf.Basis(b.Basis), Source: b.Source, Fetch: b.FetchID, Quarantined: b.Quarantined == column.Quarantined, Held: b.Quarantined == column.Held,
		DataVersion: b.DataVersion, KnownFrom: b.KnownFrom, KnownTo: b.KnownTo,
	}
}
