package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// Past returns what is recorded about how the ETF's data came to be. It takes no snapshot: versions written while it reads may be
// there in part, so a caller uses only those up to one that was there before. KindNotFound for an unknown symbol.
func (s *Store) Past(ctx context.Context, symbol etf.Symbol) (etf.Past, error) {
	row, err := named(ctx, s.q, string(symbol), s.q.GetETF)
	if errors.Is(err, sql.ErrNoRows) {
		return etf.Past{}, unknownSymbol(symbol)
	}
	if err != nil {
		return etf.Past{}, translate(err, "reading "+string(symbol))
	}
	p := past{s: s, ctx: ctx, row: row}
	for _, read := range []struct {
		what string
		do   func() error
	}{
		{"bars", p.bars}, {"statements about actions", p.actions}, {"findings", p.findings}, {"data versions", p.versions},
		{"fetches", p.fetches}, {"forecasts", p.issued}, {"preferences", p.preferences},
	} {
		if err := read.do(); err != nil {
			return etf.Past{}, translate(err, fmt.Sprintf("reading the %s of %s", read.what, symbol))
		}
	}
	return p.to, nil
}

type past struct {
	s   *Store
	ctx context.Context
	row sqlcgen.Etf
	to  etf.Past
}

// bars reads current bars first: see BarsPageAt.
func (p *past) bars() error {
	current, err := p.s.q.ListAllBars(p.ctx, p.row.ID)
	if err != nil {
		return err
	}
	revisions, err := p.s.q.ListAllRevisions(p.ctx, p.row.ID)
	if err != nil {
		return err
	}
	type belief struct {
		session column.Session
		version int64
	}
	superseded := make(map[belief]bool, len(revisions))
	for _, r := range revisions {
		superseded[belief{r.Session, r.DataVersion}] = true
		p.to.Bars = append(p.to.Bars, etf.BarBelief{StoredBar: revisedBar(r), SupersededBy: r.SupersededBy})
	}
	for _, b := range current {
		if !superseded[belief{b.Session, b.DataVersion}] {
			p.to.Bars = append(p.to.Bars, etf.BarBelief{StoredBar: storedBar(b)})
		}
	}
	return nil
}

func (p *past) actions() error {
	rows, err := p.s.q.ListAllActions(p.ctx, p.row.ID)
	if len(rows) > 0 {
		p.to.Actions = domainActions(rows, p.row.Symbol)
	}
	return err
}

func (p *past) findings() error {
	list, err := p.s.q.ListAllFindings(p.ctx, p.row.ID)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(list, 1000) {
		ids := make([]string, len(part))
		for i, f := range part {
			ids[i] = f.ID
		}
		rows, err := rowsOf(p.ctx, p.s.q, ids)
		if err != nil {
			return err
		}
		decided, err := decisionsOf(p.ctx, p.s.q, ids)
		if err != nil {
			return err
		}
		for _, f := range part {
			record := etf.FindingRecord{Finding: etf.Finding{
				ID: f.ID, Symbol: etf.Symbol(p.row.Symbol), Fetch: f.FetchID, Rule: f.Rule, Severity: etf.Severity(f.Severity),
				Sessions: sessionsOf(rows[f.ID]), Evidence: f.Evidence, FoundAt: f.FoundAt,
			}, Decisions: decided[f.ID]}
			for _, r := range rows[f.ID] {
				found := etf.FoundRow{Session: r.Session}
				if r.Staged {
					bar := r.Bar
					found.Row = &bar
				}
				record.Rows = append(record.Rows, found)
			}
			p.to.Findings = append(p.to.Findings, record)
		}
	}
	return nil
}

func (p *past) versions() error {
	rows, err := p.s.q.ListVersions(p.ctx, p.row.ID)
	for _, r := range rows {
		p.to.Versions = append(p.to.Versions, etf.PastVersion{
			DataVersion: etf.DataVersion{Number: r.Number, Writer: r.Writer}, KnownFrom: r.KnownFrom, Cause: r.Cause, CauseID: r.CauseID,
		})
	}
	return err
}

func (p *past) fetches() error {
	var ids []string
	for _, v := range p.to.Versions {
		switch v.Cause {
		case etf.CauseFetch, etf.CauseRestated, etf.CauseListing:
			ids = append(ids, v.CauseID)
		}
	}
	for _, f := range p.to.Findings {
		ids = append(ids, f.Fetch)
	}
	for _, b := range p.to.Bars {
		ids = append(ids, b.Fetch)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	opinions := map[string]etf.SecondOpinion{}
	for part := range slices.Chunk(ids, 1000) {
		list, err := secondOpinions(p.ctx, p.s.q, part)
		if err != nil {
			return err
		}
		for id, o := range list {
			opinions[id] = o
		}
	}
	for _, o := range opinions {
		ids = append(ids, o.Fetch)
	}
	slices.Sort(ids)
	for part := range slices.Chunk(slices.Compact(ids), 1000) {
		rows, err := p.s.q.ListPastFetches(p.ctx, part)
		if err != nil {
			return err
		}
		for _, r := range rows {
			stated, err := decodeStatements(r.Actions)
			if err != nil {
				return etf.Wrapf(etf.KindCorrupt, err, "the statements of fetch %s can't be read", r.ID)
			}
			p.to.Fetches = append(p.to.Fetches, etf.PastFetch{
				Fetch: etf.Fetch{
					ID: r.ID, Symbol: etf.Symbol(p.row.Symbol), Source: r.Source,
					Window:  etf.Window{From: etf.Session(r.WindowFrom), To: etf.Session(r.WindowTo)},
					Request: r.Request, MediaType: r.MediaType, Hash: r.RawHash, Basis: etf.Basis(r.Basis), Rows: int(r.RowCount),
					FetchedAt: r.FetchedAt, Run: etf.RunID(r.RunID),
				},
				DataAt: stated.DataAt, JudgedAt: r.JudgedAt.Time, PersistedAt: r.PersistedAt.Time, Result: r.ResultVersion, Second: opinions[r.ID],
			})
		}
	}
	return nil
}

// issued tells which code was at work when a fetch was judged and persisted, by the forecasts issued around it.
func (p *past) issued() error {
	rows, err := p.s.q.ListIssued(p.ctx, p.row.ID)
	if err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b sqlcgen.ListIssuedRow) int { return a.IssuedAt.Compare(b.IssuedAt) })
	after := func(at time.Time) int { // the first forecast after the instant
		return sort.Search(len(rows), func(i int) bool { return rows[i].IssuedAt.After(at) })
	}
	for i, f := range p.to.Fetches {
		from, to := after(f.JudgedAt)-1, after(f.JudgedAt)
		if f.PersistedAt.After(f.JudgedAt) {
			to = after(f.PersistedAt)
		}
		var codes []string
		for _, r := range rows[max(from, 0):min(to+1, len(rows))] {
			if !slices.Contains(codes, r.CodeVersion) {
				codes = append(codes, r.CodeVersion)
			}
		}
		p.to.Fetches[i].CodeVersions = codes
	}
	return nil
}

func (p *past) preferences() error {
	ids := []uint32{p.row.ID}
	sources, err := p.s.q.ListSources(p.ctx, ids)
	if err != nil {
		return err
	}
	changes, err := p.s.q.ListETFChanges(p.ctx, p.row.ID)
	if err != nil {
		return err
	}
	over, err := readHistory(p.ctx, p.s.q, p.row.ID)
	if err != nil {
		return err
	}
	if p.to.IDsAs, _, err = identity(p.ctx, p.s.q, p.row.ID, p.row.Symbol); err != nil {
		return err
	}
	now := etf.Preference{From: p.row.CreatedAt, Currency: etf.Currency(p.row.Currency)}
	for _, src := range sources {
		now.Sources = append(now.Sources, etf.SourceRef{Name: src.Name, Ref: src.Ref})
	}
	p.to.ETF = etf.ETF{Symbol: etf.Symbol(p.row.Symbol), Exchange: etf.Exchange(p.row.Exchange), Currency: now.Currency}
	at := func(number int32) { now.Listed, now.Delisted, _, now.Symbol = over.at(int(number)) }
	at(0)
	p.to.Preferences = append(p.to.Preferences, now)
	for _, c := range changes {
		now.From, now.Currency, now.Sources = c.ChangedAt, etf.Currency(c.Currency), nil
		if err := json.Unmarshal([]byte(c.Sources), &now.Sources); err != nil {
			return etf.Wrapf(etf.KindCorrupt, err, "the sources of change %d can't be read", c.Number)
		}
		at(c.Number)
		p.to.Preferences = append(p.to.Preferences, now)
	}
	return nil
}
