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
	request := service.ETFRequest{Symbol: r.Body.Symbol, Exchange: r.Body.Exchange, Currency: textOf(r.Body.Currency), Listed: textOf(r.Body.Listed)}
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
	etag := etfTag(e)
	if current(r.Params.IfNoneMatch, etag) {
		return gen.GetETF304Response{Headers: gen.NotModifiedResponseHeaders{ETag: etag}}, nil
	}
	return gen.GetETF200JSONResponse{Body: etfOut(e), Headers: gen.GetETF200ResponseHeaders{ETag: etag}}, nil
}

// EditETF implements gen.StrictServerInterface.
func (s *server) EditETF(ctx context.Context, r gen.EditETFRequestObject) (gen.EditETFResponseObject, error) {
	request := service.ETFEditRequest{
		Symbol: r.Symbol, Currency: r.Body.Currency, Name: r.Body.Name, Listed: r.Body.Listed, Retired: r.Body.Retired, By: "the API", Why: textOf(r.Body.Why),
	}
	if r.Body.By != nil {
		request.By = *r.Body.By
	}
	if r.Body.Sources != nil {
		request.Sources = []service.SourceRequest{} // an empty list is refused, not ignored
		for _, src := range *r.Body.Sources {
			request.Sources = append(request.Sources, service.SourceRequest{Name: src.Name, Ref: &src.Ref})
		}
	}
	if r.Params.IfMatch != nil {
		e, err := s.ETF(ctx, r.Symbol)
		if err != nil {
			return nil, err
		}
		if !current(r.Params.IfMatch, etfTag(e)) {
			return nil, outdated(e.Symbol)
		}
		request.Changes = &e.Changes
	}
	e, _, err := s.Service.EditETF(ctx, request)
	var conflict *etf.Error
	if errors.As(err, &conflict) && conflict.Kind == etf.KindConflict && conflict.Field == "changes" {
		return nil, outdated(etf.Symbol(r.Symbol))
	}
	if err != nil {
		return nil, err
	}
	return gen.EditETF200JSONResponse{Body: etfOut(e), Headers: gen.EditETF200ResponseHeaders{ETag: etfTag(e)}}, nil
}

func outdated(symbol etf.Symbol) error {
	return refuse(problemPrecondition, "If-Match", fmt.Sprintf("%s is no longer in the state that the header names", symbol), "GET it again, and base the change on that")
}

// ListETFChanges implements gen.StrictServerInterface.
func (s *server) ListETFChanges(ctx context.Context, r gen.ListETFChangesRequestObject) (gen.ListETFChangesResponseObject, error) {
	changes, err := s.ETFChanges(ctx, r.Symbol)
	if err != nil {
		return nil, err
	}
	page := gen.ListETFChanges200JSONResponse{Items: make([]gen.ETFChange, len(changes))}
	for i, c := range changes {
		page.Items[i] = gen.ETFChange{
			Number: c.Number, Currency: c.Currency, Name: textOrNil(c.Name), Sources: sourcesOut(c.Sources), Listed: sessionOut(c.Listed), Retired: c.Retired, By: c.By,
			Why: c.Why, At: c.At.UTC(),
		}
	}
	return page, nil
}

// etfTag is the ETag of an ETF, which changes with its market data and with its registration.
func etfTag(e etf.ETF) string {
	if e.Changes == 0 {
		return versionTag(e.DataVersion, "")
	}
	return versionTag(e.DataVersion, fmt.Sprintf("-changed-%d", e.Changes))
}

// versionTag is the ETag of a resource that changes with an ETF's market data; form distinguishes its representations.
// It is weak: the version is read before the rows, so a response may hold newer rows than its tag says, never older ones.
func versionTag(v etf.DataVersion, form string) string {
	return fmt.Sprintf(`W/"%d-%s%s"`, v.Number, v.Writer, form)
}

func etfOut(e etf.ETF) gen.ETF {
	self := "/v1/etfs/" + url.PathEscape(string(e.Symbol))
	out := gen.ETF{
		Symbol: e.Symbol, Exchange: e.Exchange, Currency: e.Currency, Name: textOrNil(e.Name), Sources: sourcesOut(e.Sources),
		Listed: sessionOut(e.Listed), Retired: e.Retired, Changes: e.Changes,
		DataVersion: dataVersionOut(e.DataVersion), FirstSession: sessionOut(e.First), LastSession: sessionOut(e.Last),
		Bars: e.Bars, Quarantined: e.Quarantined, CreatedAt: e.CreatedAt.UTC(),
	}
	out.Links.Self, out.Links.Bars, out.Links.Changes, out.Links.LatestForecast = self, self+"/bars", self+"/changes", self+"/forecasts/latest"
	return out
}

func sourcesOut(sources []etf.SourceRef) []gen.SourceRef {
	out := make([]gen.SourceRef, len(sources))
	for i, src := range sources {
		out[i] = gen.SourceRef{Name: src.Name, Ref: src.Ref}
	}
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

// ListSources implements gen.StrictServerInterface.
func (s *server) ListSources(context.Context, gen.ListSourcesRequestObject) (gen.ListSourcesResponseObject, error) {
	page := gen.ListSources200JSONResponse{Items: []gen.Source{}}
	for _, one := range s.Sources() {
		page.Items = append(page.Items, gen.Source{Name: one.Name, Description: one.About, Ref: one.Refers})
	}
	return page, nil
}
