package api

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// ListETFs implements gen.StrictServerInterface.
func (s *server) ListETFs(ctx context.Context, r gen.ListETFsRequestObject) (gen.ListETFsResponseObject, error) {
	query := []string{"etfs", textOf(r.Params.Exchange)}
	after, cursorErr := symbolCursor(query, r.Params.Cursor)
	limit, limitErr := listLimits.parse(r.Params.Limit)
	var exchangeErr error
	if x := textOf(r.Params.Exchange); x != "" {
		_, exchangeErr = etf.ParseExchange(x)
	}
	if err := errors.Join(exchangeErr, cursorErr, limitErr); err != nil {
		return nil, err
	}
	etfs, more, err := s.ETFs(ctx, textOf(r.Params.Exchange), after, limit)
	if err != nil {
		return nil, err
	}
	page := gen.ListETFs200JSONResponse{Items: make([]gen.ETF, len(etfs))}
	for i, e := range etfs {
		page.Items[i] = etfOut(e)
	}
	if more {
		page.NextCursor = encodeCursor(query, string(etfs[len(etfs)-1].Symbol))
	}
	return page, nil
}

// CreateETF implements gen.StrictServerInterface.
func (s *server) CreateETF(ctx context.Context, r gen.CreateETFRequestObject) (gen.CreateETFResponseObject, error) {
	request := service.ETFRequest{Symbol: r.Body.Symbol, Exchange: r.Body.Exchange, Currency: textOf(r.Body.Currency)}
	for _, src := range r.Body.Sources {
		request.Sources = append(request.Sources, service.SourceRequest{Name: src.Name, Ref: &src.Ref})
	}
	e, created, err := s.AddETF(ctx, request)
	if err != nil {
		return nil, err
	}
	body := etfOut(e)
	if created {
		return gen.CreateETF201JSONResponse{Body: body, Headers: gen.CreateETF201ResponseHeaders{Location: body.Links.Self}}, nil
	}
	return gen.CreateETF200JSONResponse{Body: body, Headers: gen.CreateETF200ResponseHeaders{Location: body.Links.Self}}, nil
}

// GetETF implements gen.StrictServerInterface.
func (s *server) GetETF(ctx context.Context, r gen.GetETFRequestObject) (gen.GetETFResponseObject, error) {
	e, err := s.ETF(ctx, r.Symbol)
	if err != nil {
		return nil, err
	}
	etag := versionTag(e.DataVersion, "")
	if current(r.Params.IfNoneMatch, etag) {
		return gen.GetETF304Response{Headers: gen.NotModifiedResponseHeaders{ETag: etag}}, nil
	}
	return gen.GetETF200JSONResponse{Body: etfOut(e), Headers: gen.GetETF200ResponseHeaders{ETag: etag}}, nil
}

// versionTag is the ETag of a resource that changes with an ETF's market data; form distinguishes its representations.
// It is weak: the version is read before the rows, so a response may hold newer rows than its tag says, never older ones.
func versionTag(v etf.DataVersion, form string) string {
	return fmt.Sprintf(`W/"%d-%s%s"`, v.Number, v.Writer, form)
}

func etfOut(e etf.ETF) gen.ETF {
	self := "/v1/etfs/" + url.PathEscape(string(e.Symbol))
	out := gen.ETF{
		Symbol: e.Symbol, Exchange: e.Exchange, Currency: e.Currency, Sources: make([]gen.SourceRef, len(e.Sources)),
		DataVersion: dataVersionOut(e.DataVersion), FirstSession: sessionOut(e.First), LastSession: sessionOut(e.Last),
		Bars: e.Bars, Quarantined: e.Quarantined, CreatedAt: e.CreatedAt.UTC(),
	}
	for i, src := range e.Sources {
		out.Sources[i] = gen.SourceRef{Name: src.Name, Ref: src.Ref}
	}
	out.Links.Self, out.Links.Bars, out.Links.LatestForecast = self, self+"/bars", self+"/forecasts/latest"
	return out
}

func dataVersionOut(v etf.DataVersion) gen.DataVersion {
	return gen.DataVersion{Number: v.Number, Writer: v.Writer}
}

// sessionOut returns nil, which becomes null, for the zero session.
func sessionOut(s etf.Session) *etf.Session {
	if s.IsZero() {
		return nil
	}
	return &s
}
