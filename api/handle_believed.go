package api

import (
	"context"
	"errors"
	"strconv"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// ListBarHistory implements gen.StrictServerInterface.
func (s *server) ListBarHistory(ctx context.Context, r gen.ListBarHistoryRequestObject) (gen.ListBarHistoryResponseObject, error) {
	list, err := s.BarHistory(ctx, r.Symbol, r.Session, textOf(r.Params.AsOf))
	if err != nil {
		return nil, err
	}
	page := gen.ListBarHistory200JSONResponse{Items: make([]gen.BarBelief, len(list))}
	for i, b := range list {
		page.Items[i] = gen.BarBelief{
			Session: b.Session, Open: b.Open, High: b.High, Low: b.Low, Close: b.Close, Volume: b.Volume, Basis: b.Basis, Source: b.Source,
			Fetch: b.Fetch, Quarantined: b.Quarantined, Held: b.Held, DataVersion: b.DataVersion, KnownFrom: b.KnownFrom.UTC(), Cause: b.Cause, CauseId: b.CauseID,
		}
		if b.SupersededBy != 0 {
			to := b.KnownTo.UTC()
			page.Items[i].SupersededBy, page.Items[i].KnownTo = &b.SupersededBy, &to
		}
	}
	return page, nil
}

// ListNAVs implements gen.StrictServerInterface.
func (s *server) ListNAVs(ctx context.Context, r gen.ListNAVsRequestObject) (gen.ListNAVsResponseObject, error) {
	window, windowErr := service.ParseWindow(textOf(r.Params.From), textOf(r.Params.To))
	query := []string{"nav", r.Symbol, textOf(r.Params.From), textOf(r.Params.To), textOf(r.Params.AsOf)}
	after, cursorErr := sessionCursor(query, r.Params.Cursor)
	limit, limitErr := barLimits.parse(r.Params.Limit)
	if err := errors.Join(windowErr, cursorErr, limitErr); err != nil {
		return nil, err
	}
	e, err := s.ETF(ctx, r.Symbol)
	if err != nil {
		return nil, err
	}
	asOf, err := s.AsOf(ctx, e.Symbol, textOf(r.Params.AsOf))
	if err != nil {
		return nil, err
	}
	navs, more, err := s.NAVs(ctx, e.Symbol, asOf, window, after, limit)
	if err != nil {
		return nil, err
	}
	version := e.DataVersion.Number
	if asOf.Given {
		version = asOf.Version
	}
	page := gen.NAVList{Items: make([]gen.NAV, len(navs))}
	for i, n := range navs {
		page.Items[i] = gen.NAV{Session: n.Session, Shares: n.Shares, Source: n.Source, DataVersion: n.DataVersion, KnownFrom: n.KnownFrom.UTC()}
		if n.NAV.NAV != 0 {
			page.Items[i].Nav = &navs[i].NAV.NAV
		}
	}
	if more {
		page.NextCursor = encodeCursor(query, navs[len(navs)-1].Session.String())
	}
	return gen.ListNAVs200JSONResponse{Body: page, Headers: gen.ListNAVs200ResponseHeaders{DataVersion: strconv.FormatInt(version, 10)}}, nil
}

// ListVersions implements gen.StrictServerInterface.
func (s *server) ListVersions(ctx context.Context, r gen.ListVersionsRequestObject) (gen.ListVersionsResponseObject, error) {
	query := []string{"versions", r.Symbol}
	before, cursorErr := numberCursor(query, r.Params.Cursor)
	limit, limitErr := listLimits.parse(r.Params.Limit)
	if err := errors.Join(cursorErr, limitErr); err != nil {
		return nil, err
	}
	versions, more, err := s.Versions(ctx, r.Symbol, before, limit)
	if err != nil {
		return nil, err
	}
	page := gen.ListVersions200JSONResponse{Items: make([]gen.DataVersionChange, len(versions))}
	for i, v := range versions {
		page.Items[i] = gen.DataVersionChange{
			Number: v.Number, KnownFrom: v.KnownFrom.UTC(), Cause: v.Cause, CauseId: v.CauseID, Source: textOrNil(v.Source), Run: textOrNil(string(v.Run)),
			BarsNew: v.New, BarsRevised: v.Revised, BarsReleased: v.Released, BarsParked: v.Parked, BarsRemoved: v.Removed, Actions: v.Actions, Navs: v.NAVs,
		}
	}
	if more {
		page.NextCursor = encodeCursor(query, strconv.FormatInt(versions[len(versions)-1].Number, 10))
	}
	return page, nil
}

// numberCursor decodes a position in a list ordered by a positive number; 0 for no cursor.
func numberCursor(query []string, cursor *string) (int64, error) {
	position, err := decodeCursor(query, cursor)
	if err != nil || position == "" {
		return 0, err
	}
	n, err := strconv.ParseInt(position, 10, 64)
	if err != nil || n < 1 || n > etf.NewestVersion {
		return 0, badCursor()
	}
	return n, nil
}
