package api

import (
	"context"
	"errors"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

const (
	mediaJSON = "application/json"
	mediaCSV  = "text/csv"
)

// ListBars implements gen.StrictServerInterface.
func (s *server) ListBars(ctx context.Context, r gen.ListBarsRequestObject) (gen.ListBarsResponseObject, error) {
	media, ok := negotiate(infoOf(ctx).accept, mediaJSON, mediaCSV)
	if !ok {
		return nil, refuse(problemAccept, "Accept", "the header accepts neither application/json nor text/csv", "accept one of them")
	}
	window, windowErr := service.ParseWindow(textOf(r.Params.From), textOf(r.Params.To))
	query := []string{"bars", r.Symbol, textOf(r.Params.From), textOf(r.Params.To)}
	after, cursorErr := sessionCursor(query, r.Params.Cursor)
	limit, limitErr := barLimits.parse(r.Params.Limit)
	if err := errors.Join(windowErr, cursorErr, limitErr); err != nil {
		return nil, err
	}
	e, err := s.ETF(ctx, r.Symbol)
	if err != nil {
		return nil, err
	}
	form := ""
	if media == mediaCSV {
		form = "-csv"
	}
	provisional, err := s.Provisional(ctx, e.Symbol, e.Last)
	if err != nil {
		return nil, err
	}
	form += provisionalForm(provisional)
	etag := versionTag(e.DataVersion, form)
	if current(r.Params.IfNoneMatch, etag) {
		return gen.ListBars304Response{Headers: gen.NotModifiedResponseHeaders{ETag: etag}}, nil
	}
	if media == mediaCSV {
		export := barsCSV{ctx: ctx, bars: s.Service, symbol: e.Symbol, window: window, etag: etag}
		if after != 0 {
			export.window.From = max(window.From, after+1)
		}
		if r.Params.Limit != nil {
			export.limit = limit
		}
		return export, nil
	}
	bars, more, err := s.Bars(ctx, e.Symbol, window, after, limit)
	if err != nil {
		return nil, err
	}
	page := gen.BarList{Items: make([]gen.Bar, len(bars))}
	for i, b := range bars {
		page.Items[i] = barOut(b)
	}
	if more {
		page.NextCursor = encodeCursor(query, bars[len(bars)-1].Session.String())
	}
	return gen.ListBars200JSONResponse{Body: page, Headers: gen.ListBars200ResponseHeaders{ETag: etag}}, nil
}

func barOut(b etf.StoredBar) gen.Bar {
	out := gen.Bar{
		Session: b.Session, Open: b.Open, High: b.High, Low: b.Low, Close: b.Close, Volume: b.Volume, Basis: b.Basis,
		Source: b.Source, Quarantined: b.Quarantined, DataVersion: b.DataVersion, KnownFrom: b.KnownFrom.UTC(),
		Held: b.Held, Provisional: b.Provisional,
	}
	if b.AdjClose != 0 {
		out.AdjClose = &b.AdjClose
	}
	return out
}

// provisionalForm is the part of an ETag that changes when the newest bar is confirmed, which no data version tells.
func provisionalForm(provisional bool) string {
	if provisional {
		return "-provisional"
	}
	return ""
}
