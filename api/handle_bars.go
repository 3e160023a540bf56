package api

import (
	"context"
	"errors"
	"fmt"
	"strconv"

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
	symbol, symbolErr := etf.ParseSymbol(r.Symbol)
	window, windowErr := service.ParseWindow(textOf(r.Params.From), textOf(r.Params.To))
	query := []string{"bars", r.Symbol, textOf(r.Params.From), textOf(r.Params.To), textOf(r.Params.AsOf), textOf(r.Params.Include), textOf(r.Params.Adjust)}
	after, cursorErr := sessionCursor(query, r.Params.Cursor)
	limit, limitErr := barLimits.parse(r.Params.Limit)
	includeErr := checkInclude(r.Params.Include)
	adjust, adjustErr := service.ParseAdjustment(textOf(r.Params.Adjust))
	if err := errors.Join(symbolErr, windowErr, cursorErr, limitErr, includeErr, adjustErr); err != nil {
		return nil, err
	}
	e, err := s.ETF(ctx, r.Symbol)
	if err != nil {
		return nil, err
	}
	asOf, err := s.AsOf(ctx, symbol, textOf(r.Params.AsOf))
	if err != nil {
		return nil, err
	}
	q := service.BarQuery{Symbol: e.Symbol, Window: window, After: after, Limit: limit, AsOf: asOf, NAV: r.Params.Include != nil, Adjust: adjust}
	form := ""
	if media == mediaCSV {
		form = "-csv"
	}
	provisional, err := s.Provisional(ctx, e.Symbol, e.Last)
	if err != nil {
		return nil, err
	}
	form += provisionalForm(provisional)
	if q.NAV {
		form += "-nav"
	}
	if adjust != "none" {
		form += "-" + string(adjust)
	}
	version := e.DataVersion.Number
	if asOf.Given {
		version = asOf.Version
		form += fmt.Sprintf("-as-of-%d", version)
	}
	etag := versionTag(e.DataVersion, form)
	if current(r.Params.IfNoneMatch, etag) {
		return gen.ListBars304Response{Headers: gen.NotModifiedResponseHeaders{ETag: etag}}, nil
	}
	if media == mediaCSV {
		if r.Params.Limit == nil {
			q.Limit = 0
		}
		return barsCSV{ctx: ctx, bars: s.Service, query: q, version: version, etag: etag}, nil
	}
	bars, more, err := s.Bars(ctx, q)
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
	return gen.ListBars200JSONResponse{Body: page, Headers: gen.ListBars200ResponseHeaders{ETag: etag, DataVersion: strconv.FormatInt(version, 10)}}, nil
}

func checkInclude(include *string) error {
	if include == nil || *include == "nav" {
		return nil
	}
	return etf.Invalid("include", fmt.Sprintf("%q can't be included", etf.Clip(*include, etf.MaxQuoted)), "use nav, or omit it")
}

func barOut(b service.BarRow) gen.Bar {
	out := gen.Bar{
		Session: b.Session, Open: b.Open, High: b.High, Low: b.Low, Close: b.Close, Volume: b.Volume, Basis: b.Basis,
		Source: b.Source, Quarantined: b.Quarantined, DataVersion: b.DataVersion, KnownFrom: b.KnownFrom.UTC(),
		Held: b.Held, Provisional: b.Provisional,
	}
	if b.AdjClose != 0 {
		out.AdjClose = &b.AdjClose
	}
	if b.NAV.NAV != 0 {
		out.Nav = &b.NAV.NAV
	}
	if !b.NAV.Session.IsZero() && b.NAV.Shares.Known() {
		out.Shares = &b.NAV.Shares
	}
	out.Premium = b.Premium
	return out
}

// provisionalForm is the part of an ETag that changes when the newest bar is confirmed, which no data version tells.
func provisionalForm(provisional bool) string {
	if provisional {
		return "-provisional"
	}
	return ""
}
