package api

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/backtest/report"
	"github.com/etfcast/etfcast/service"
)

const (
	backtestRoute       = "/v1/backtests/:id"
	backtestReportRoute = "/v1/backtests/:id/report"
)

// reportPolicy is the Content-Security-Policy of a report: it has no script and loads nothing.
const reportPolicy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// ListBacktests implements gen.StrictServerInterface.
func (s *server) ListBacktests(ctx context.Context, r gen.ListBacktestsRequestObject) (gen.ListBacktestsResponseObject, error) {
	q := service.BacktestQuery{Exchange: textOf(r.Params.Exchange), Status: textOf(r.Params.Status)}
	query := []string{"backtests", q.Exchange, q.Status}
	_, _, filterErr := q.Filter()
	var cursorErr, limitErr error
	q.After, cursorErr = timeCursor(query, r.Params.Cursor)
	q.Limit, limitErr = listLimits.parse(r.Params.Limit)
	if err := errors.Join(filterErr, cursorErr, limitErr); err != nil {
		return nil, err
	}
	list, next, err := s.Backtests(ctx, q)
	if err != nil {
		return nil, err
	}
	page := gen.ListBacktests200JSONResponse{Items: make([]gen.Backtest, len(list))}
	if !next.IsZero() {
		page.NextCursor = encodeCursor(query, timePosition(next))
	}
	for i, b := range list {
		page.Items[i] = s.backtestOut(b)
	}
	return page, nil
}

// CreateBacktest implements gen.StrictServerInterface.
func (s *server) CreateBacktest(ctx context.Context, r gen.CreateBacktestRequestObject) (gen.CreateBacktestResponseObject, error) {
	in := r.Body
	request := service.NewBacktest{
		Exchange: textOf(in.Exchange), AsOf: textOf(in.AsOf), From: textOf(in.From), To: textOf(in.To), Again: in.Again != nil && *in.Again,
		Options: etf.BacktestOptions{Calibrate: in.Calibrate != nil && *in.Calibrate, ExpectSignal: textOf(in.ExpectSignal)},
	}
	if in.Symbols != nil {
		request.Symbols = *in.Symbols
	}
	var errs []error
	for _, text := range []struct {
		field string
		given *string
	}{{"as_of", in.AsOf}, {"from", in.From}, {"to", in.To}, {"exchange", in.Exchange}} {
		if text.given != nil && *text.given == "" {
			errs = append(errs, etf.Invalid(text.field, "this is empty", "leave it out for the default"))
		}
	}
	list := func(field string, given bool, n int) {
		if given && n == 0 {
			errs = append(errs, etf.Invalid(field, "the list is empty", "leave it out for the default"))
		}
	}
	if in.Models != nil {
		request.Options.Models = *in.Models
		list("models", true, len(*in.Models))
	}
	if in.Horizons != nil {
		request.Options.Horizons = *in.Horizons
		list("horizons", true, len(*in.Horizons))
	}
	for _, n := range []struct {
		field string
		given *int
		into  *int
	}{{"origins_every", in.OriginsEvery, &request.Options.OriginsEvery}, {"refit_every", in.RefitEvery, &request.Options.RefitEvery}} {
		if n.given == nil {
			continue
		}
		if *n.into = *n.given; *n.given < 1 || *n.given > service.MaxEvery {
			errs = append(errs, etf.Invalid(n.field, strconv.Itoa(*n.given)+" is not a number of sessions", "use 1 to "+strconv.Itoa(service.MaxEvery)))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	b, _, err := s.StartBacktest(ctx, request)
	if err != nil {
		return nil, err
	}
	body := s.backtestOut(b)
	return gen.CreateBacktest202JSONResponse{Body: body, Headers: gen.CreateBacktest202ResponseHeaders{Location: body.Links.Self}}, nil
}

// GetBacktest implements gen.StrictServerInterface.
func (s *server) GetBacktest(ctx context.Context, r gen.GetBacktestRequestObject) (gen.GetBacktestResponseObject, error) {
	id, idErr := etf.ParseBacktestID(r.Id)
	query := []string{"backtest", r.Id}
	after, cursorErr := symbolCursor(query, r.Params.Cursor)
	limit, limitErr := runETFLimits.parse(r.Params.Limit)
	if err := errors.Join(idErr, cursorErr, limitErr); err != nil {
		return nil, err
	}
	b, etfs, more, err := s.BacktestDetail(ctx, id, after, limit)
	if err != nil {
		return nil, err
	}
	out := s.backtestOut(b)
	body := gen.GetBacktest200JSONResponse{
		Id: out.Id, WorkflowId: out.WorkflowId, Exchange: out.Exchange, Symbols: out.Symbols, AsOf: out.AsOf, Options: out.Options,
		Attempt: out.Attempt, Status: out.Status, Error: out.Error, Counts: out.Counts, LeakSuspected: out.LeakSuspected, Hash: out.Hash,
		CodeVersion: out.CodeVersion, StartedAt: out.StartedAt, FinishedAt: out.FinishedAt,
		Etfs: gen.BacktestETFList{Items: make([]gen.BacktestETF, len(etfs))},
	}
	body.Links = out.Links
	for i, e := range etfs {
		body.Etfs.Items[i] = gen.BacktestETF{
			Symbol: e.Symbol, Exchange: e.Exchange, DataVersion: e.DataVersion, Done: e.Done, Origins: e.Origins, Error: textOrNil(redacted(e.Error)),
		}
	}
	if more {
		body.Etfs.NextCursor = encodeCursor(query, string(etfs[len(etfs)-1].Symbol))
	}
	if b.Status == etf.RunCompleted {
		// Only with a result is this a heavy read: how far a backtest is may be asked every second.
		if err := s.heavy.enter(ctx); err != nil {
			return nil, err
		}
		result, err := s.BacktestResult(ctx, id)
		s.heavy.leave()
		if err != nil {
			return nil, err
		}
		body.Result = &gen.BacktestOutcome{Results: listed(result.Results), Pooled: listed(result.Pooled), Suspects: listed(result.Suspects), Leaks: listed(result.Leaks)}
	}
	return body, nil
}

// listed returns an empty list for nil, which JSON writes as null.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// CancelBacktest implements gen.StrictServerInterface.
func (s *server) CancelBacktest(ctx context.Context, r gen.CancelBacktestRequestObject) (gen.CancelBacktestResponseObject, error) {
	id, err := etf.ParseBacktestID(r.Id)
	if err != nil {
		return nil, err
	}
	b, err := s.Service.CancelBacktest(ctx, id)
	if err != nil {
		return nil, err
	}
	body := s.backtestOut(b)
	return gen.CancelBacktest202JSONResponse{Body: body, Headers: gen.CancelBacktest202ResponseHeaders{Location: body.Links.Self}}, nil
}

// GetBacktestReport implements gen.StrictServerInterface.
func (s *server) GetBacktestReport(ctx context.Context, r gen.GetBacktestReportRequestObject) (gen.GetBacktestReportResponseObject, error) {
	id, idErr := etf.ParseBacktestID(r.Id)
	language := "en"
	var langErr error
	if r.Params.Lang != nil {
		if language = *r.Params.Lang; language != "en" && language != "ko" {
			langErr = etf.Invalid("lang", strconv.Quote(etf.Clip(language, etf.MaxQuoted))+" is not a language of the report", "use en or ko")
		}
	}
	if err := errors.Join(idErr, langErr); err != nil {
		return nil, err
	}
	result, err := s.BacktestResult(ctx, id)
	if err != nil {
		return nil, err
	}
	var page bytes.Buffer
	if err := report.Write(&page, result, language); err != nil {
		return nil, err
	}
	return reportPage(page.Bytes()), nil
}

// reportPage is a report as a response.
type reportPage []byte

// VisitGetBacktestReportResponse implements gen.GetBacktestReportResponseObject.
func (p reportPage) VisitGetBacktestReportResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", reportPolicy)
	w.Header().Set("Content-Length", strconv.Itoa(len(p)))
	_, err := w.Write(p)
	return err
}

func (s *server) backtestOut(b etf.BacktestRun) gen.Backtest {
	out := gen.Backtest{
		Id: b.ID, WorkflowId: etf.BacktestWorkflowID(b.ID), Exchange: textOrNil(string(b.Exchange)), Symbols: listed(b.Symbols), AsOf: b.AsOf.UTC(),
		Options: b.Options, Attempt: b.Attempt, Status: b.Status, Error: textOrNil(redacted(b.Error)), Counts: b.Counts, LeakSuspected: b.LeakSuspected,
		Hash: textOrNil(b.Hash), CodeVersion: textOrNil(b.CodeVersion), StartedAt: b.StartedAt.UTC(), FinishedAt: instantOut(b.FinishedAt),
	}
	out.Options.Models, out.Options.Horizons = listed(out.Options.Models), listed(out.Options.Horizons)
	out.Links.Self = "/v1/backtests/" + b.ID
	if b.Status == etf.RunCompleted {
		out.Links.Report = textOrNil(out.Links.Self + "/report")
	}
	out.Links.Temporal = textOrNil(s.BacktestURL(b.ID))
	return out
}
