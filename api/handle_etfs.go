package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"

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
	request := service.ETFRequest{Symbol: r.Body.Symbol, Exchange: r.Body.Exchange, Currency: textOf(r.Body.Currency), Listed: textOf(r.Body.Listed),
		Delisted: textOf(r.Body.Delisted), ISIN: textOf(r.Body.Isin)}
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
		Symbol: r.Symbol, Currency: r.Body.Currency, Name: r.Body.Name, Listed: r.Body.Listed, Delisted: r.Body.Delisted, ISIN: r.Body.Isin, Retired: r.Body.Retired,
		By: "the API", Why: textOf(r.Body.Why),
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

// RenameETF implements gen.StrictServerInterface.
func (s *server) RenameETF(ctx context.Context, r gen.RenameETFRequestObject) (gen.RenameETFResponseObject, error) {
	request := service.RenameRequest{Symbol: r.Symbol, To: r.Body.To, Last: r.Body.Last, By: "the API", Why: textOf(r.Body.Why)}
	if r.Body.By != nil {
		request.By = *r.Body.By
	}
	if r.Body.Sources != nil {
		request.Source = []service.SourceRequest{} // an empty list is refused, not ignored
		for _, src := range *r.Body.Sources {
			request.Source = append(request.Source, service.SourceRequest{Name: src.Name, Ref: &src.Ref})
		}
	}
	e, _, err := s.Service.RenameETF(ctx, request)
	if err != nil {
		return nil, err
	}
	return gen.RenameETF200JSONResponse{Body: etfOut(e), Headers: gen.RenameETF200ResponseHeaders{ETag: etfTag(e)}}, nil
}

const importRoute = "/v1/etfs/import"

// ImportETFs implements gen.StrictServerInterface.
func (s *server) ImportETFs(ctx context.Context, r gen.ImportETFsRequestObject) (gen.ImportETFsResponseObject, error) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	request := service.ImportRequest{Raw: raw, By: "the API", Why: textOf(r.Params.Why)}
	var updateErr, dryErr error
	request.Update, updateErr = trueOrFalse("update", r.Params.Update)
	request.DryRun, dryErr = trueOrFalse("dry_run", r.Params.DryRun)
	if err := errors.Join(updateErr, dryErr); err != nil {
		return nil, err
	}
	if r.Params.By != nil {
		request.By = *r.Params.By
	}
	if r.Params.Source != nil {
		request.Sources = []service.SourceRequest{{Name: *r.Params.Source}}
	}
	report, err := s.Service.ImportETFs(ctx, request)
	if err != nil {
		return nil, err
	}
	out := gen.ImportETFs200JSONResponse{
		DryRun: report.DryRun, Created: report.Created, Unchanged: report.Unchanged, Changed: report.Changed, Items: make([]gen.ImportedETF, len(report.Items)),
	}
	for i, item := range report.Items {
		out.Items[i] = gen.ImportedETF{Line: item.Line, Symbol: item.Symbol, Result: item.Result, ComparedOnly: append([]string{}, item.ComparedOnly...)}
	}
	return out, nil
}

// trueOrFalse reads a query parameter, false without one.
func trueOrFalse(name string, given *string) (bool, error) {
	switch textOf(given) {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	}
	return false, etf.Invalid(name, strconv.Quote(etf.Clip(*given, etf.MaxQuoted))+" is neither true nor false", "use true or false")
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
			Number: c.Number, Symbol: c.Symbol, Currency: c.Currency, Name: textOrNil(c.Name), Sources: sourcesOut(c.Sources), Listed: sessionOut(c.Listed),
			Delisted: sessionOut(c.Delisted), Isin: textOrNil(c.ISIN), Retired: c.Retired, By: c.By, Why: c.Why, At: c.At.UTC(),
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
		Listed: sessionOut(e.Listed), Delisted: sessionOut(e.Delisted), Isin: textOrNil(e.ISIN), PermanentId: e.PermanentID,
		FormerSymbols: make([]gen.FormerSymbol, len(e.Former)), Retired: e.Retired, Changes: e.Changes,
		DataVersion: dataVersionOut(e.DataVersion), FirstSession: sessionOut(e.First), LastSession: sessionOut(e.Last),
		Bars: e.Bars, Quarantined: e.Quarantined, CreatedAt: e.CreatedAt.UTC(), ComparedOnly: append([]string{}, e.ComparedOnly()...),
	}
	for i, f := range e.Former {
		out.FormerSymbols[i] = gen.FormerSymbol{Symbol: f.Symbol, Last: f.Last}
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
