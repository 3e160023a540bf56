package api

import (
	"context"
	"errors"
	"strings"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

const (
	backfillRoute = "/v1/backfills/:id"
	gapsRoute     = "/v1/gaps"
)

// ListBackfills implements gen.StrictServerInterface.
func (s *server) ListBackfills(ctx context.Context, r gen.ListBackfillsRequestObject) (gen.ListBackfillsResponseObject, error) {
	q := service.BackfillQuery{Exchange: textOf(r.Params.Exchange), Status: textOf(r.Params.Status)}
	query := []string{"backfills", q.Exchange, q.Status}
	_, _, filterErr := q.Filter()
	var cursorErr, limitErr error
	q.After, cursorErr = timeCursor(query, r.Params.Cursor)
	q.Limit, limitErr = listLimits.parse(r.Params.Limit)
	if err := errors.Join(filterErr, cursorErr, limitErr); err != nil {
		return nil, err
	}
	list, next, err := s.Backfills(ctx, q)
	if err != nil {
		return nil, err
	}
	page := gen.ListBackfills200JSONResponse{Items: make([]gen.Backfill, len(list))}
	if !next.IsZero() {
		page.NextCursor = encodeCursor(query, timePosition(next))
	}
	for i, b := range list {
		page.Items[i] = s.backfillOut(b)
	}
	return page, nil
}

// CreateBackfill implements gen.StrictServerInterface.
func (s *server) CreateBackfill(ctx context.Context, r gen.CreateBackfillRequestObject) (gen.CreateBackfillResponseObject, error) {
	in := r.Body
	request := service.NewBackfill{
		Exchange: in.Exchange, From: textOf(in.From), To: textOf(in.To), Source: textOf(in.Source),
		Refetch: in.Refetch != nil && *in.Refetch, Again: in.Again != nil && *in.Again,
	}
	if in.Symbols != nil {
		request.Symbols = *in.Symbols
	}
	var errs []error
	for _, text := range []struct {
		field string
		given *string
	}{{"from", in.From}, {"to", in.To}, {"source", in.Source}} {
		if text.given != nil && *text.given == "" {
			errs = append(errs, etf.Invalid(text.field, "this is empty", "give it a value or leave it out"))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	b, _, err := s.StartBackfill(ctx, request)
	if err != nil {
		return nil, err
	}
	body := s.backfillOut(b)
	return gen.CreateBackfill202JSONResponse{Body: body, Headers: gen.CreateBackfill202ResponseHeaders{Location: body.Links.Self}}, nil
}

// GetBackfill implements gen.StrictServerInterface.
func (s *server) GetBackfill(ctx context.Context, r gen.GetBackfillRequestObject) (gen.GetBackfillResponseObject, error) {
	id, idErr := etf.ParseBackfillID(r.Id)
	query := []string{"backfill", r.Id}
	after, cursorErr := symbolCursor(query, r.Params.Cursor)
	limit, limitErr := runETFLimits.parse(r.Params.Limit)
	if err := errors.Join(idErr, cursorErr, limitErr); err != nil {
		return nil, err
	}
	b, etfs, more, err := s.BackfillDetail(ctx, id, after, limit)
	if err != nil {
		return nil, err
	}
	out := s.backfillOut(b)
	body := gen.GetBackfill200JSONResponse{
		Id: out.Id, WorkflowId: out.WorkflowId, Run: out.Run, Exchange: out.Exchange, Symbols: out.Symbols, From: out.From, To: out.To, Source: out.Source,
		Refetch: out.Refetch, Attempt: out.Attempt, Status: out.Status, Paused: out.Paused, Counts: out.Counts, Pace: out.Pace, WaitsFor: out.WaitsFor,
		WaitsUntil: out.WaitsUntil, Error: out.Error, StartedAt: out.StartedAt, FinishedAt: out.FinishedAt,
		Etfs: gen.BackfillETFList{Items: make([]gen.BackfillETF, len(etfs))},
	}
	body.Links = out.Links
	for i, e := range etfs {
		body.Etfs.Items[i] = gen.BackfillETF{
			Symbol: e.Symbol, Status: e.Status, Source: textOrNil(e.Source), Sessions: e.Sessions, SessionsDone: e.SessionsDone, RowsNew: e.RowsNew,
			RowsUnchanged: e.RowsUnchanged, RowsRevised: e.RowsRevised, RowsQuarantined: e.RowsQuarantined, Requests: e.Requests,
			StillMissing: e.StillMissing, Error: textOrNil(redacted(e.Error)),
		}
	}
	if more {
		body.Etfs.NextCursor = encodeCursor(query, string(etfs[len(etfs)-1].Symbol))
	}
	return body, nil
}

// PauseBackfill implements gen.StrictServerInterface.
func (s *server) PauseBackfill(ctx context.Context, r gen.PauseBackfillRequestObject) (gen.PauseBackfillResponseObject, error) {
	body, err := s.tellBackfill(ctx, r.Id, s.Service.PauseBackfill)
	if err != nil {
		return nil, err
	}
	return gen.PauseBackfill202JSONResponse{Body: body, Headers: gen.PauseBackfill202ResponseHeaders{Location: body.Links.Self}}, nil
}

// ResumeBackfill implements gen.StrictServerInterface.
func (s *server) ResumeBackfill(ctx context.Context, r gen.ResumeBackfillRequestObject) (gen.ResumeBackfillResponseObject, error) {
	body, err := s.tellBackfill(ctx, r.Id, s.Service.ResumeBackfill)
	if err != nil {
		return nil, err
	}
	return gen.ResumeBackfill202JSONResponse{Body: body, Headers: gen.ResumeBackfill202ResponseHeaders{Location: body.Links.Self}}, nil
}

// CancelBackfill implements gen.StrictServerInterface.
func (s *server) CancelBackfill(ctx context.Context, r gen.CancelBackfillRequestObject) (gen.CancelBackfillResponseObject, error) {
	body, err := s.tellBackfill(ctx, r.Id, s.Service.CancelBackfill)
	if err != nil {
		return nil, err
	}
	return gen.CancelBackfill202JSONResponse{Body: body, Headers: gen.CancelBackfill202ResponseHeaders{Location: body.Links.Self}}, nil
}

func (s *server) tellBackfill(ctx context.Context, text string, tell func(context.Context, string) (etf.Backfill, error)) (gen.Backfill, error) {
	id, err := etf.ParseBackfillID(text)
	if err != nil {
		return gen.Backfill{}, err
	}
	b, err := tell(ctx, id)
	if err != nil {
		return gen.Backfill{}, err
	}
	return s.backfillOut(b), nil
}

func (s *server) backfillOut(b etf.Backfill) gen.Backfill {
	out := gen.Backfill{
		Id: b.ID, WorkflowId: etf.BackfillWorkflowID(b.ID), Run: string(etf.BackfillRunID(b.ID)), Exchange: b.Exchange, Symbols: listed(b.Symbols),
		From: b.Window.From, To: b.Window.To, Source: textOrNil(b.Source), Refetch: b.Refetch, Attempt: b.Attempt, Status: b.Status, Paused: b.Paused,
		Counts: b.Counts, Pace: b.Pace(s.Now()), WaitsFor: textOrNil(redacted(b.WaitsFor)), WaitsUntil: instantOut(b.WaitsUntil),
		Error: textOrNil(redacted(b.Error)), StartedAt: b.StartedAt.UTC(), FinishedAt: instantOut(b.FinishedAt),
	}
	out.Links.Self = "/v1/backfills/" + b.ID
	out.Links.Run = "/v1/runs/" + out.Run
	out.Links.Temporal = textOrNil(s.BackfillURL(b.ID))
	return out
}

// ListGaps implements gen.StrictServerInterface.
func (s *server) ListGaps(ctx context.Context, r gen.ListGapsRequestObject) (gen.ListGapsResponseObject, error) {
	q := service.GapQuery{Exchange: textOf(r.Params.Exchange), From: textOf(r.Params.From), To: textOf(r.Params.To)}
	symbol := textOf(r.Params.Symbol)
	var symbolErr, cursorErr, limitErr error
	if symbol != "" {
		q.Symbols = []string{symbol}
		_, symbolErr = etf.ParseSymbol(symbol)
	}
	query := []string{"gaps", q.Exchange, symbol, q.From, q.To}
	q.After, cursorErr = gapCursor(query, r.Params.Cursor)
	q.Limit, limitErr = listLimits.parse(r.Params.Limit)
	queryErr := q.Check()
	if symbolErr != nil {
		queryErr = symbolErr
	}
	if err := errors.Join(queryErr, cursorErr, limitErr); err != nil {
		return nil, err
	}
	list, next, err := s.Gaps(ctx, q)
	if err != nil {
		return nil, err
	}
	page := gen.ListGaps200JSONResponse{Items: make([]gen.Gap, len(list))}
	if !next.IsZero() {
		page.NextCursor = encodeCursor(query, string(next.Symbol)+" "+next.From.String())
	}
	for i, g := range list {
		page.Items[i] = gen.Gap{Symbol: g.Symbol, Exchange: g.Exchange, From: g.From, To: g.To, Sessions: g.Sessions, Place: g.Place, Asked: instantOut(g.Asked), Unreachable: g.Unreachable}
	}
	return page, nil
}

func gapCursor(query []string, cursor *string) (p service.GapPosition, err error) {
	position, err := decodeCursor(query, cursor)
	if err != nil || position == "" {
		return p, err
	}
	name, day, ok := strings.Cut(position, " ")
	symbol, symbolErr := etf.ParseSymbol(name)
	from, dayErr := etf.ParseSession(day)
	if !ok || symbolErr != nil || dayErr != nil {
		return p, badCursor()
	}
	return service.GapPosition{Symbol: symbol, From: from}, nil
}
