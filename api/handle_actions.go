package api

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// ListETFActions implements gen.StrictServerInterface.
func (s *server) ListETFActions(ctx context.Context, r gen.ListETFActionsRequestObject) (gen.ListETFActionsResponseObject, error) {
	status, err := service.ParseActionStatus(textOf(r.Params.Status))
	if err != nil {
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
	list, err := s.ActionsOf(ctx, e.Symbol, status, asOf)
	if err != nil {
		return nil, err
	}
	version := e.DataVersion.Number
	if asOf.Given {
		version = asOf.Version
	}
	return gen.ListETFActions200JSONResponse{
		Body: gen.ActionList{Items: actionsOut(list)}, Headers: gen.ListETFActions200ResponseHeaders{DataVersion: strconv.FormatInt(version, 10)},
	}, nil
}

// ListActions implements gen.StrictServerInterface.
func (s *server) ListActions(ctx context.Context, r gen.ListActionsRequestObject) (gen.ListActionsResponseObject, error) {
	window, windowErr := service.ParseWindow(textOf(r.Params.From), textOf(r.Params.To))
	status, statusErr := service.ParseActionStatus(textOf(r.Params.Status))
	query := []string{"actions", textOf(r.Params.From), textOf(r.Params.To), string(status)}
	ex, id, cursorErr := actionCursor(query, r.Params.Cursor)
	limit, limitErr := listLimits.parse(r.Params.Limit)
	if err := errors.Join(windowErr, statusErr, cursorErr, limitErr); err != nil {
		return nil, err
	}
	list, more, err := s.ActionCalendar(ctx, etf.ActionFilter{Status: status, From: window.From, To: window.To}, ex, id, limit)
	if err != nil {
		return nil, err
	}
	page := gen.ListActions200JSONResponse{Items: actionsOut(list)}
	if more {
		last := list[len(list)-1]
		page.NextCursor = encodeCursor(query, last.Ex.String()+" "+last.ID)
	}
	return page, nil
}

func actionCursor(query []string, cursor *string) (etf.Session, string, error) {
	position, err := decodeCursor(query, cursor)
	if err != nil || position == "" {
		return 0, "", err
	}
	day, id, ok := strings.Cut(position, " ")
	ex, err := etf.ParseSession(day)
	if err != nil || !ok || !cursorID.MatchString(id) {
		return 0, "", badCursor()
	}
	return ex, id, nil
}

// GetAction implements gen.StrictServerInterface.
func (s *server) GetAction(ctx context.Context, r gen.GetActionRequestObject) (gen.GetActionResponseObject, error) {
	states, err := s.Action(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	return gen.GetAction200JSONResponse{Action: actionOut(states[len(states)-1]), States: actionsOut(states)}, nil
}

// AddAction implements gen.StrictServerInterface.
func (s *server) AddAction(ctx context.Context, r gen.AddActionRequestObject) (gen.AddActionResponseObject, error) {
	b := r.Body
	var empty []error
	for _, given := range []struct {
		name string
		text *string
	}{{"record", b.Record}, {"pay", b.Pay}, {"announced", b.Announced}, {"ratio", b.Ratio}, {"amount", b.Amount}} {
		if given.text != nil && *given.text == "" {
			empty = append(empty, etf.Invalid(given.name, "the field is empty", "give it a value or omit it"))
		}
	}
	if err := errors.Join(empty...); err != nil {
		return nil, err
	}
	a, applied, err := s.Service.AddAction(ctx, service.ActionRequest{
		Symbol: r.Symbol, Kind: b.Kind, Ex: b.Ex, Ratio: textOf(b.Ratio), Amount: textOf(b.Amount), Record: textOf(b.Record), Pay: textOf(b.Pay),
		Announced: textOf(b.Announced), By: b.By, Why: b.Why, Key: textOf(b.Key),
	})
	switch {
	case err != nil:
		return nil, err
	case applied:
		return gen.AddAction200JSONResponse{ActionDecidedJSONResponse: gen.ActionDecidedJSONResponse(actionOut(a))}, nil
	}
	return gen.AddAction202JSONResponse{ActionSentJSONResponse: sentOut(a)}, nil
}

// DecideAction implements gen.StrictServerInterface.
func (s *server) DecideAction(ctx context.Context, r gen.DecideActionRequestObject) (gen.DecideActionResponseObject, error) {
	a, applied, err := s.Service.DecideAction(ctx, service.ActionDecisionRequest{
		Action: r.Id, Decision: r.Body.Decision, By: r.Body.By, Why: r.Body.Why, Key: textOf(r.Body.Key),
	})
	switch {
	case err != nil:
		return nil, err
	case applied:
		return gen.DecideAction200JSONResponse{ActionDecidedJSONResponse: gen.ActionDecidedJSONResponse(actionOut(a))}, nil
	}
	return gen.DecideAction202JSONResponse{ActionSentJSONResponse: sentOut(a)}, nil
}

func sentOut(a etf.StatedAction) gen.ActionSentJSONResponse {
	return gen.ActionSentJSONResponse{Body: actionOut(a), Headers: gen.ActionSentResponseHeaders{Location: "/v1/actions/" + a.ID}}
}

func actionsOut(list []etf.StatedAction) []gen.Action {
	out := make([]gen.Action, len(list))
	for i, a := range list {
		out[i] = actionOut(a)
	}
	return out
}

func actionOut(a etf.StatedAction) gen.Action {
	day := func(s etf.Session) *etf.Session {
		if s.IsZero() {
			return nil
		}
		return &s
	}
	out := gen.Action{
		Id: a.ID, Symbol: a.Symbol, Kind: string(a.Kind), Ex: a.Ex, Record: day(a.Record), Pay: day(a.Pay), Announced: day(a.Announced),
		Source: a.Source, Status: string(a.Status), DecidedBy: a.By, Why: a.Why, Evidence: a.Evidence, Fetch: textOrNil(a.Fetch),
		Finding: textOrNil(a.Finding), Replaces: textOrNil(a.Replaces), DataVersion: a.DataVersion, KnownFrom: a.KnownFrom.UTC(), KnownTo: instantOut(a.KnownTo),
	}
	if a.Kind == etf.Split {
		out.Ratio = textOrNil(a.Terms())
	} else {
		out.Amount = &a.Amount
	}
	if a.SupersededBy != 0 {
		out.SupersededBy = &a.SupersededBy
	}
	return out
}
