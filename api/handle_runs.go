package api

import (
	"context"
	"errors"
	"time"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// ListRuns implements gen.StrictServerInterface.
func (s *server) ListRuns(ctx context.Context, r gen.ListRunsRequestObject) (gen.ListRunsResponseObject, error) {
	q := service.RunQuery{Workflow: textOf(r.Params.Workflow), Exchange: textOf(r.Params.Exchange), Status: textOf(r.Params.Status)}
	query := []string{"runs", q.Exchange, q.Status}
	if q.Workflow == etf.BackfillRun {
		query = append(query, q.Workflow)
	}
	_, _, filterErr := q.Filter()
	var cursorErr, limitErr error
	q.After, cursorErr = timeCursor(query, r.Params.Cursor)
	q.Limit, limitErr = listLimits.parse(r.Params.Limit)
	if err := errors.Join(filterErr, cursorErr, limitErr); err != nil {
		return nil, err
	}
	runs, next, err := s.Runs(ctx, q)
	if err != nil {
		return nil, err
	}
	page := gen.ListRuns200JSONResponse{Items: make([]gen.Run, len(runs))}
	if !next.IsZero() {
		page.NextCursor = encodeCursor(query, timePosition(next))
	}
	for i, run := range runs {
		page.Items[i] = s.runOut(run)
	}
	return page, nil
}

// CreateRun implements gen.StrictServerInterface.
func (s *server) CreateRun(ctx context.Context, r gen.CreateRunRequestObject) (gen.CreateRunResponseObject, error) {
	request := service.RunRequest{
		Workflow: r.Body.Workflow, Exchange: r.Body.Exchange, Session: textOf(r.Body.Session),
		Rerun: r.Body.Rerun != nil && *r.Body.Rerun,
	}
	if r.Body.Session != nil && *r.Body.Session == "" {
		return nil, etf.Invalid("session", "the session is empty", "write it as YYYY-MM-DD, or omit it for the last closed one")
	}
	if r.Body.Symbols != nil {
		request.Symbols = *r.Body.Symbols
	}
	run, _, err := s.StartRun(ctx, request)
	if err != nil {
		return nil, err
	}
	body := s.runOut(run)
	return gen.CreateRun202JSONResponse{Body: body, Headers: gen.CreateRun202ResponseHeaders{Location: body.Links.Self}}, nil
}

// GetRun implements gen.StrictServerInterface.
func (s *server) GetRun(ctx context.Context, r gen.GetRunRequestObject) (gen.GetRunResponseObject, error) {
	id, idErr := etf.ParseRunID(r.Id)
	query := []string{"run", r.Id}
	after, cursorErr := symbolCursor(query, r.Params.Cursor)
	limit, limitErr := runETFLimits.parse(r.Params.Limit)
	if err := errors.Join(idErr, cursorErr, limitErr); err != nil {
		return nil, err
	}
	run, etfs, more, err := s.RunDetail(ctx, id, after, limit)
	if err != nil {
		return nil, err
	}
	out := s.runOut(run)
	body := gen.GetRun200JSONResponse{
		Id: out.Id, Workflow: out.Workflow, WorkflowId: out.WorkflowId, Exchange: out.Exchange, Session: out.Session,
		Symbols: out.Symbols, Status: out.Status, Closed: out.Closed, Counts: out.Counts, Error: out.Error,
		StartedAt: out.StartedAt, FinishedAt: out.FinishedAt,
		Etfs: gen.RunETFList{Items: make([]gen.RunETF, len(etfs))},
	}
	body.Links = out.Links
	for i, e := range etfs {
		body.Etfs.Items[i] = s.runETFOut(e)
	}
	if more {
		body.Etfs.NextCursor = encodeCursor(query, string(etfs[len(etfs)-1].Symbol))
	}
	return body, nil
}

// CancelRun implements gen.StrictServerInterface.
func (s *server) CancelRun(ctx context.Context, r gen.CancelRunRequestObject) (gen.CancelRunResponseObject, error) {
	id, err := etf.ParseRunID(r.Id)
	if err != nil {
		return nil, err
	}
	run, err := s.Service.CancelRun(ctx, id)
	if err != nil {
		return nil, err
	}
	body := s.runOut(run)
	return gen.CancelRun202JSONResponse{Body: body, Headers: gen.CancelRun202ResponseHeaders{Location: body.Links.Self}}, nil
}

func (s *server) runOut(run etf.Run) gen.Run {
	out := gen.Run{
		Id: string(run.ID), Workflow: run.Workflow, WorkflowId: run.ID.WorkflowID(), Exchange: run.Exchange,
		Session: run.Session, Symbols: run.Symbols, Status: run.Status, Closed: run.Closed, Counts: run.Counts,
		Error: textOrNil(redacted(run.Error)), StartedAt: run.StartedAt.UTC(), FinishedAt: instantOut(run.FinishedAt),
	}
	if out.Symbols == nil {
		out.Symbols = []etf.Symbol{}
	}
	out.Links.Self = "/v1/runs/" + string(run.ID) // run IDs need no escaping in a path
	out.Links.Temporal = textOrNil(s.RunURL(run.ID))
	return out
}

func (s *server) runETFOut(r etf.RunETF) gen.RunETF {
	return gen.RunETF{
		Symbol: r.Symbol, Session: r.Session, Stage: textOrNil(string(r.Stage)), Outcome: string(r.Outcome),
		Source: textOrNil(r.Source), RowsNew: r.RowsNew, RowsUnchanged: r.RowsUnchanged, RowsRevised: r.RowsRevised,
		RowsQuarantined: r.RowsQuarantined, Findings: r.Findings, Forecasts: r.Forecasts, Attempts: r.Attempts,
		ErrorType: textOrNil(r.ErrorType), ErrorMessage: textOrNil(redacted(r.ErrorMessage)),
		Held: r.Held, Provisional: r.Provisional, Remedy: textOrNil(s.Remedy(r.ErrorType)),
	}
}

// instantOut returns nil, which becomes null, for the zero time.
func instantOut(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
