package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// CreateETF registers an ETF. Symbol, Exchange, Currency, Name, Sources, Listed, Delisted and ISIN are taken from e; the store sets the rest.
// Idempotent by symbol: an identical repeat returns the stored ETF and created = false; one that differs is
// KindConflict with the differing field's name as Field. Values that e leaves out do not differ. An ETF whose symbol another one has had
// is listed after that one's last session under it.
func (s *Store) CreateETF(ctx context.Context, e etf.ETF) (stored etf.ETF, created bool, err error) {
	err = s.transaction(ctx, "registering "+string(e.Symbol), func(q *writing, _ *sql.Tx) error {
		created = false
		old, err := q.GetETF(ctx, string(e.Symbol))
		if err == nil {
			return compareRegistered(ctx, q.Queries, old, e)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		created = true
		return s.register(ctx, q, e, "", "")
	})
	if err != nil {
		return etf.ETF{}, false, err
	}
	stored, err = s.ETF(ctx, e.Symbol)
	return stored, created, err
}

// register inserts an ETF whose symbol is free. by and why are noted of its name, which is its first change.
func (s *Store) register(ctx context.Context, q *writing, e etf.ETF, by, why string) error {
	if len(e.Sources) == 0 {
		return etf.Invalid("sources", "an ETF needs at least one source", "name the source of its prices")
	}
	again, err := reused(ctx, q.Queries, &e)
	if err != nil {
		return err
	}
	if !e.Delisted.IsZero() && e.Delisted < e.Listed {
		return delistedBefore(e)
	}
	now := s.now()
	row, err := q.InsertETF(ctx, sqlcgen.InsertETFParams{
		Symbol: string(e.Symbol), Exchange: string(e.Exchange), Currency: string(e.Currency), KnownFrom: now, CreatedAt: now,
	})
	if err != nil {
		return err
	}
	id := uint32(row)
	for i, src := range e.Sources {
		if err := q.InsertETFSource(ctx, sqlcgen.InsertETFSourceParams{
			EtfID: id, Ordinal: uint8(i), Name: src.Name, Ref: src.Ref,
		}); err != nil {
			return err
		}
	}
	identity := sqlcgen.InsertIdentityParams{EtfID: id, PermanentID: permanentID(string(e.Symbol), string(e.Exchange), id, now), IdsAs: string(e.Symbol)}
	if again {
		identity.IdsAs += "~" + identity.PermanentID[:8] // the other ETF's findings and actions have the symbol in their IDs
	}
	if err := q.InsertIdentity(ctx, identity); err != nil {
		return err
	}
	q.concerns(string(e.Exchange), string(e.Symbol), "")
	q.emit(etf.EventRegistered, "", map[string]any{})
	if !e.Listed.IsZero() {
		if err := q.InsertListing(ctx, sqlcgen.InsertListingParams{EtfID: id, Number: 0, Listed: column.Session(e.Listed)}); err != nil {
			return err
		}
	}
	if !e.Delisted.IsZero() || e.ISIN != "" {
		if err := q.InsertDetails(ctx, sqlcgen.InsertDetailsParams{EtfID: id, Number: 0, Delisted: column.Session(e.Delisted), Isin: e.ISIN}); err != nil {
			return err
		}
	}
	for i, f := range e.Former { // before its first change, so that none of them is its first symbol here
		if err := q.InsertFormerSymbol(ctx, sqlcgen.InsertFormerSymbolParams{
			EtfID: id, Number: int32(i - len(e.Former)), Symbol: string(f.Symbol), LastSession: column.Session(f.Last), EndedAt: now,
		}); err != nil {
			return err
		}
	}
	if e.Name == "" {
		return nil
	}
	e.Changes = 0
	return insertChange(ctx, q.Queries, id, e, newWriter(), by, why, now)
}

// insertChange appends the next change of an ETF, with the values of e.
func insertChange(ctx context.Context, q *sqlcgen.Queries, id uint32, e etf.ETF, writer, by, why string, now time.Time) error {
	sources, err := json.Marshal(e.Sources)
	if err != nil {
		return err
	}
	return q.InsertETFChange(ctx, sqlcgen.InsertETFChangeParams{
		EtfID: id, Number: int32(e.Changes + 1), Writer: writer, Currency: string(e.Currency), Name: e.Name,
		Retired: e.Retired, Sources: string(sources), ChangedBy: by, Why: why, ChangedAt: now,
	})
}

func delistedBefore(e etf.ETF) error {
	return etf.Invalid("delisted", fmt.Sprintf("%s is before the listing on %s", e.Delisted, e.Listed), "give the ETF's last session, or correct its first")
}

func compareRegistered(ctx context.Context, q *sqlcgen.Queries, old sqlcgen.Etf, e etf.ETF) error {
	stored, err := complete(ctx, q, []sqlcgen.Etf{old})
	if err != nil {
		return err
	}
	if differs := differing(stored[0], e); len(differs) > 0 {
		return registeredOtherwise(e.Symbol, differs[0])
	}
	return nil
}

func registeredOtherwise(symbol etf.Symbol, field string) error {
	return &etf.Error{Kind: etf.KindConflict, Field: field,
		Message: fmt.Sprintf("%s is already registered with another value of %s", symbol, field),
		Remedy:  "repeat the registered values, or change them with `etfcast etf edit` or PATCH /v1/etfs/{symbol}; an exchange can't be changed"}
}

// differing names the values of e that an ETF is registered without. What e leaves out does not count.
func differing(stored, e etf.ETF) []string {
	fields := []string{}
	for _, f := range []struct {
		name    string
		differs bool
	}{
		{"exchange", stored.Exchange != e.Exchange},
		{"currency", stored.Currency != e.Currency},
		{"sources", !slices.Equal(stored.Sources, e.Sources)},
		{"name", e.Name != "" && stored.Name != e.Name},
		{"listed", !e.Listed.IsZero() && stored.Listed != e.Listed},
		{"delisted", !e.Delisted.IsZero() && stored.Delisted != e.Delisted},
		{"isin", e.ISIN != "" && stored.ISIN != e.ISIN},
		{"former_symbols", slices.ContainsFunc(e.Former, func(f etf.FormerSymbol) bool { return !slices.Contains(stored.Former, f) })},
	} {
		if f.differs {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// ETF returns the ETF that has the symbol, otherwise the one that had it last, under the symbol that it has now; KindNotFound for an
// unknown symbol.
func (s *Store) ETF(ctx context.Context, symbol etf.Symbol) (etf.ETF, error) {
	row, err := named(ctx, s.q, string(symbol), s.q.GetETF)
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

// Due returns a page of the ETFs that a daily run updates, which leaves out those that are retired, and those that were delisted before
// the session, if there is one: see activities.Registry. One that is named by a former symbol is returned under it.
func (s *Store) Due(ctx context.Context, exchange etf.Exchange, session etf.Session, symbols []etf.Symbol, after etf.Symbol, limit int) ([]etf.ETF, error) {
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
			if !e.Retired && (e.Delisted.IsZero() || session <= e.Delisted) && len(due) < limit {
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
	found, err := etfsNamed(ctx, s.q, page)
	if err != nil {
		return nil, translate(err, "listing the ETFs due")
	}
	rows := make([]sqlcgen.Etf, len(page))
	for i, symbol := range page {
		row, ok := found[symbol]
		if !ok || row.Exchange != string(exchange) {
			return nil, etf.NotFound("symbols", fmt.Sprintf("%s is not registered on %s", symbol, exchange), "register it, or correct the symbol")
		}
		rows[i] = row
	}
	list, err := complete(ctx, s.q, rows)
	for i := range list {
		list[i].Symbol = etf.Symbol(page[i]) // a run that began before a renaming goes on under the old symbol
	}
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
	at := make(map[uint32][]int, len(rows)) // two former symbols may name the same ETF
	for i, r := range rows {
		ids[i], at[r.ID] = r.ID, append(at[r.ID], i)
		list[i] = etf.ETF{
			Symbol: etf.Symbol(r.Symbol), Exchange: etf.Exchange(r.Exchange), Currency: etf.Currency(r.Currency),
			DataVersion: etf.DataVersion{Number: r.DataVersion, Writer: r.DataVersionWriter},
			First:       etf.Session(r.FirstSession), Last: etf.Session(r.LastSession),
			Basis: etf.Basis(r.Basis), Bars: int(r.Bars), Quarantined: int(r.Quarantined), CreatedAt: r.CreatedAt,
		}
	}
	each := func(id uint32, do func(*etf.ETF)) {
		for _, i := range at[id] {
			do(&list[i])
		}
	}
	sources, err := q.ListSources(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, src := range sources {
		each(src.EtfID, func(e *etf.ETF) { e.Sources = append(e.Sources, etf.SourceRef{Name: src.Name, Ref: src.Ref}) })
	}
	listings, err := q.ListListings(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, l := range listings { // ascending, so that the newest stays
		each(l.EtfID, func(e *etf.ETF) { e.Listed = etf.Session(l.Listed) })
	}
	if err := identify(ctx, q, rows, ids, each); err != nil {
		return nil, err
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
		each(row.EtfID, func(e *etf.ETF) {
			e.Currency, e.Name, e.Sources, e.Retired, e.Changes = c.Currency, c.Name, c.Sources, c.Retired, c.Number
		})
	}
	return list, nil
}

// identify fills in the ETFs' permanent ids, former symbols, delisting dates and ISINs.
func identify(ctx context.Context, q *sqlcgen.Queries, rows []sqlcgen.Etf, ids []uint32, each func(uint32, func(*etf.ETF))) error {
	details, err := q.ListDetails(ctx, ids)
	if err != nil {
		return err
	}
	for _, d := range details { // ascending, so that the newest stays
		each(d.EtfID, func(e *etf.ETF) { e.Delisted, e.ISIN = etf.Session(d.Delisted), d.Isin })
	}
	formers, err := q.ListFormerSymbols(ctx, ids)
	if err != nil {
		return err
	}
	for _, f := range formers {
		each(f.EtfID, func(e *etf.ETF) {
			e.Former = append(e.Former, etf.FormerSymbol{Symbol: etf.Symbol(f.Symbol), Last: etf.Session(f.LastSession)})
		})
	}
	identities, err := q.ListIdentities(ctx, ids)
	if err != nil {
		return err
	}
	for _, r := range identities {
		each(r.EtfID, func(e *etf.ETF) { e.PermanentID = r.PermanentID })
	}
	for _, r := range rows { // one that an earlier release has registered since the migration has no row: it can't have been renamed
		each(r.ID, func(e *etf.ETF) {
			if e.PermanentID == "" {
				e.PermanentID = permanentID(r.Symbol, r.Exchange, r.ID, r.CreatedAt)
			}
		})
	}
	return nil
}

// ChangeETF appends a change of the ETF, which replaces the earlier values of what it names; a repeat appends nothing
// (changed is false) unless c.Note says so. KindNotFound for an unknown symbol. KindConflict with Field "changes" if the ETF has been changed
// since c.Changes, and with Field "currency" for another currency once bars are stored: their prices would be read as
// amounts in the new one.
func (s *Store) ChangeETF(ctx context.Context, c etf.ETFEdit) (stored etf.ETF, changed bool, err error) {
	writer := newWriter()
	err = s.transaction(ctx, "changing "+string(c.Symbol), func(q *writing, _ *sql.Tx) error {
		row, err := named(ctx, q.Queries, string(c.Symbol), q.LockETF)
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
		changed, err = s.change(ctx, q, registration{row, list[0]}, c, writer)
		return err
	})
	if err != nil {
		return etf.ETF{}, false, err
	}
	stored, err = s.ETF(ctx, c.Symbol)
	return stored, changed, err
}

// registration is an ETF as it is registered, and its row.
type registration struct {
	row sqlcgen.Etf
	etf etf.ETF
}

// change appends a change of the ETF, if it changes anything.
func (s *Store) change(ctx context.Context, q *writing, old registration, c etf.ETFEdit, writer string) (bool, error) {
	row, before := old.row, old.etf
	e, err := applied(before, c)
	if err != nil || sameRegistration(e, before) && !c.Note {
		return false, err
	}
	q.concerns(row.Exchange, row.Symbol, "")
	q.emit(etf.EventChanged, "", map[string]any{"fields": changedFields(before, e)})
	if e.Listed != before.Listed {
		if err := q.InsertListing(ctx, sqlcgen.InsertListingParams{EtfID: row.ID, Number: int32(e.Changes + 1), Listed: column.Session(e.Listed)}); err != nil {
			return false, err
		}
	}
	if e.Delisted != before.Delisted || e.ISIN != before.ISIN {
		if err := q.InsertIdentity(ctx, sqlcgen.InsertIdentityParams{EtfID: row.ID, PermanentID: before.PermanentID, IdsAs: row.Symbol}); err != nil {
			return false, err
		}
		if err := q.InsertDetails(ctx, sqlcgen.InsertDetailsParams{
			EtfID: row.ID, Number: int32(e.Changes + 1), Delisted: column.Session(e.Delisted), Isin: e.ISIN,
		}); err != nil {
			return false, err
		}
	}
	if _, err := s.changeGrounds(ctx, q, row.ID); err != nil {
		return false, err
	}
	return true, insertChange(ctx, q.Queries, row.ID, e, writer, c.By, c.Why, s.now())
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
	if c.Delisted != nil {
		e.Delisted = *c.Delisted
	}
	if !e.Delisted.IsZero() && e.Delisted < e.Listed {
		return e, delistedBefore(e)
	}
	if c.ISIN != nil {
		e.ISIN = *c.ISIN
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
		{"symbol", before.Symbol != after.Symbol},
		{"currency", before.Currency != after.Currency},
		{"name", before.Name != after.Name},
		{"sources", !slices.Equal(before.Sources, after.Sources)},
		{"listed", before.Listed != after.Listed},
		{"delisted", before.Delisted != after.Delisted},
		{"isin", before.ISIN != after.ISIN},
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
	id, err := s.idOf(ctx, symbol)
	if etf.KindOf(err) == etf.KindNotFound {
		return []etf.ETFChange{}, nil
	}
	if err != nil {
		return nil, err
	}
	rows, err := s.q.ListETFChanges(ctx, id)
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
	over, err := readHistory(ctx, s.q, id)
	if err != nil {
		return nil, translate(err, "listing what "+string(symbol)+" was registered as")
	}
	for i := range changes {
		c := &changes[i]
		c.Listed, c.Delisted, c.ISIN, c.Symbol = over.at(c.Number)
	}
	return changes, nil
}

// history is what an ETF was registered as over time, by the numbers of its changes.
type history struct {
	now      etf.Symbol
	formers  []sqlcgen.EtfSymbol
	listings []sqlcgen.EtfListing
	details  []sqlcgen.EtfDetail
}

func readHistory(ctx context.Context, q *sqlcgen.Queries, id uint32) (h history, err error) {
	ids := []uint32{id}
	if h.listings, err = q.ListListings(ctx, ids); err != nil {
		return h, err
	}
	if h.details, err = q.ListDetails(ctx, ids); err != nil {
		return h, err
	}
	if h.formers, err = q.ListFormerSymbols(ctx, ids); err != nil {
		return h, err
	}
	carried, err := namesOf(ctx, q, id)
	h.now = carried.now
	return h, err
}

// at returns the values after the change with that number; 0 is the registration.
func (h *history) at(number int) (listed, delisted etf.Session, isin string, symbol etf.Symbol) {
	for _, l := range h.listings {
		if int(l.Number) <= number {
			listed = etf.Session(l.Listed)
		}
	}
	for _, d := range h.details {
		if int(d.Number) <= number {
			delisted, isin = etf.Session(d.Delisted), d.Isin
		}
	}
	symbol = h.now
	for _, f := range slices.Backward(h.formers) {
		if int(f.Number) > number {
			symbol = etf.Symbol(f.Symbol)
		}
	}
	return listed, delisted, isin, symbol
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
	row, err := named(ctx, s.q, string(symbol), s.q.GetETF)
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
