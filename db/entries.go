package db

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/etfcast/etfcast/db/column"
	"github.com/etfcast/etfcast/db/sqlcgen"
	"github.com/etfcast/etfcast/etf"
)

// AppendEntries appends forecasts that somebody else has made, all of one model and of any ETFs, to their chains: all of them in
// one transaction, or none. It sets DataVersion to the ETF's and then calls complete, which sets AsOf, IssuedAt, ID and Run, or refuses
// the entry; the rest is as with AppendForecasts. The model's name belongs to entrants from then on. The errors name entries[i] and are joined:
// KindConflict if the model has an entry of the same ETF and origin, or forecasts that are no entries; KindNotFound for an unknown
// symbol; KindInvalid for a value that can't be stored. A
// transaction that lost to another is tried again, and complete called again.
func (s *Store) AppendEntries(ctx context.Context, list []etf.Forecast, complete func(*etf.Forecast) error) ([]etf.Forecast, error) {
	if len(list) == 0 {
		return nil, nil
	}
	var stored []etf.Forecast
	err := s.transaction(ctx, "appending entries of "+list[0].Model, func(q *writing, tx *sql.Tx) error {
		stored = make([]etf.Forecast, len(list))
		if err := registerEntrant(ctx, q.Queries, list[0].Model, list[0].IssuedAt); err != nil {
			return err
		}
		places, err := placesOf(ctx, q.Queries, list)
		if err != nil {
			return err
		}
		drafts, err := entryDrafts(list, places, complete)
		if err != nil {
			return err
		}
		// The heads are read before the entries of the same origins: whoever adds one of them later moves a head.
		var inOrder []draft
		var placed []etf.Forecast
		var at []placing
		var marked [][]sqlcgen.InsertChainSymbolParams
		for _, of := range drafts {
			where, err := placingOf(ctx, q.Queries, places[of[0].f.Symbol].ID, string(of[0].f.Symbol))
			if err != nil {
				return err
			}
			part, marks, err := chained(ctx, q.Queries, where, of, nil)
			if err != nil {
				return err
			}
			inOrder, placed = append(inOrder, of...), append(placed, part...)
			at, marked = append(at, where), append(marked, marks)
		}
		if err := refuseRepeated(ctx, q.Queries, inOrder, places); err != nil {
			return err
		}
		done := 0
		for i, of := range drafts {
			if err := insertForecasts(ctx, tx, q.Queries, at[i], of, placed[done:done+len(of)], marked[i]); err != nil {
				return err
			}
			done += len(of)
		}
		for i, d := range inOrder {
			stored[d.index] = placed[i]
		}
		q.entered(places, drafts)
		return insertParts(ctx, tx, inOrder, placed)
	})
	if err != nil {
		return nil, err
	}
	return stored, nil
}

// registerEntrant makes the name an entrant's, unless it is one already.
func registerEntrant(ctx context.Context, q *sqlcgen.Queries, model string, now time.Time) error {
	_, err := q.GetEntrant(ctx, model)
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	taken, err := q.ModelHasForecasts(ctx, model)
	if err != nil {
		return err
	}
	if taken {
		// Another request may have registered it between the two reads, with these forecasts.
		if _, err = q.GetEntrant(ctx, model); !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		return &etf.Error{Kind: etf.KindConflict, Field: "model", Message: fmt.Sprintf("%s is the name of a model of this installation", model),
			Remedy: "enter forecasts under another name"}
	}
	return q.InsertEntrant(ctx, sqlcgen.InsertEntrantParams{Model: model, RegisteredAt: instant(now)})
}

func entryField(i int, name string) string { return fmt.Sprintf("entries[%d].%s", i, name) }

// placesOf returns the registered ETFs of the forecasts.
func placesOf(ctx context.Context, q *sqlcgen.Queries, list []etf.Forecast) (map[etf.Symbol]sqlcgen.Etf, error) {
	var symbols []string
	for _, f := range list {
		symbols = append(symbols, string(f.Symbol))
	}
	slices.Sort(symbols)
	rows, err := etfsNamed(ctx, q, slices.Compact(symbols))
	if err != nil {
		return nil, err
	}
	places := make(map[etf.Symbol]sqlcgen.Etf, len(rows))
	for symbol, r := range rows {
		places[etf.Symbol(symbol)] = r
	}
	var unknown []error
	for i, f := range list {
		if _, ok := places[f.Symbol]; !ok {
			unknown = append(unknown, etf.WithField(unknownSymbol(f.Symbol), entryField(i, "symbol")))
		}
	}
	return places, errors.Join(unknown...)
}

// entryDrafts returns the checked entries by ETF, ascending by symbol, so that concurrent requests lock the ETFs in the same order.
func entryDrafts(list []etf.Forecast, places map[etf.Symbol]sqlcgen.Etf, complete func(*etf.Forecast) error) ([][]draft, error) {
	bySymbol := map[etf.Symbol][]draft{}
	var problems []error
	for i, f := range list {
		place := places[f.Symbol]
		f.DataVersion = etf.DataVersion{Number: place.DataVersion, Writer: place.DataVersionWriter}
		var d draft
		err := complete(&f)
		if err == nil {
			d, err = newDraft(f)
		}
		if err != nil {
			field := "points"
			if all := etf.Errors(err); len(all) > 0 && all[0].Field != "" {
				field = all[0].Field
			}
			problems = append(problems, etf.WithField(err, entryField(i, field)))
			continue
		}
		d.index = i
		bySymbol[f.Symbol] = append(bySymbol[f.Symbol], d)
	}
	var drafts [][]draft
	for _, of := range bySymbol {
		slices.SortStableFunc(of, func(a, b draft) int { return cmp.Compare(a.f.Origin, b.f.Origin) })
		drafts = append(drafts, of)
	}
	slices.SortFunc(drafts, func(a, b []draft) int { return cmp.Compare(a[0].f.Symbol, b[0].f.Symbol) })
	return drafts, errors.Join(problems...)
}

// refuseRepeated refuses entries whose model has an entry of the same ETF and origin, in the store or earlier in the list.
func refuseRepeated(ctx context.Context, q *sqlcgen.Queries, drafts []draft, places map[etf.Symbol]sqlcgen.Etf) error {
	type place struct {
		id     uint32
		origin etf.Session
	}
	at := func(d draft) place { return place{places[d.f.Symbol].ID, d.f.Origin} }
	var ids []uint32
	var origins []column.Session
	for _, d := range drafts {
		ids, origins = append(ids, at(d).id), append(origins, column.Session(d.f.Origin))
	}
	slices.Sort(ids)
	slices.Sort(origins)
	rows, err := q.ListForecastsOfOrigins(ctx, sqlcgen.ListForecastsOfOriginsParams{
		Etfs: slices.Compact(ids), Model: drafts[0].f.Model, Origins: slices.Compact(origins),
	})
	if err != nil {
		return err
	}
	first := map[place]string{}
	for _, r := range rows {
		first[place{r.EtfID, etf.Session(r.Origin)}] = r.ID
	}
	var problems []error
	for _, d := range drafts {
		id, repeated := first[at(d)]
		if !repeated {
			first[at(d)] = d.f.ID
			continue
		}
		problems = append(problems, &etf.Error{Kind: etf.KindConflict, Field: entryField(d.index, "origin"),
			Message: fmt.Sprintf("%s has entered %s from %s already: forecast %s", d.f.Model, d.f.Symbol, d.f.Origin, id),
			Remedy:  "the first entry stands: leave this one out"})
	}
	return errors.Join(problems...)
}

// Entrants lists the names under which others have entered forecasts, ascending.
func (s *Store) Entrants(ctx context.Context) ([]etf.Entrant, error) {
	rows, err := s.q.ListEntrants(ctx)
	if err != nil {
		return nil, translate(err, "listing the entrants")
	}
	list := make([]etf.Entrant, len(rows))
	for i, r := range rows {
		list[i] = etf.Entrant{Model: r.Model, RegisteredAt: r.RegisteredAt}
	}
	return list, nil
}

// Entries returns up to limit entries of an entrant after the position, ascending by symbol and position in the chain, with
// all their parts; of one ETF if symbol is not empty. KindNotFound for an unknown entrant or symbol, KindCorrupt if one does not
// match its hash.
func (s *Store) Entries(ctx context.Context, model string, symbol etf.Symbol, after etf.EntryPosition, limit int) ([]etf.Forecast, error) {
	if _, err := s.q.GetEntrant(ctx, model); errors.Is(err, sql.ErrNoRows) {
		return nil, etf.NotFound("model", fmt.Sprintf("nobody has entered forecasts as %q", model), "list the entrants with `etfcast entry list`, or enter one with POST /v1/entries")
	} else if err != nil {
		return nil, translate(err, "looking for an entrant")
	}
	var of []sqlcgen.ListEnteredETFsRow
	if symbol != "" {
		id, err := s.idOf(ctx, symbol)
		if err != nil {
			return nil, err
		}
		of = []sqlcgen.ListEnteredETFsRow{{ID: id, Symbol: string(cmp.Or(after.Symbol, symbol))}} // symbol may be a former one
	} else {
		var err error
		if of, err = s.q.ListEnteredETFs(ctx, sqlcgen.ListEnteredETFsParams{FromSymbol: string(after.Symbol), Model: model}); err != nil {
			return nil, translate(err, "listing the ETFs of "+model)
		}
	}
	var list []etf.Forecast
	for _, e := range of {
		if len(list) >= limit {
			break
		}
		position := int64(0)
		if etf.Symbol(e.Symbol) == after.Symbol {
			position = after.Chain
		}
		rows, err := s.q.ListForecastsAfter(ctx, sqlcgen.ListForecastsAfterParams{EtfID: e.ID, Model: model, Chain: position, Limit: int32(limit - len(list))})
		if err != nil {
			return nil, translate(err, "listing the entries of "+model)
		}
		part, err := verified(s.withParts(ctx, rows))
		if err != nil {
			return nil, err
		}
		list = append(list, part...)
	}
	return list, nil
}
