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

// ListForecasts implements gen.StrictServerInterface.
func (s *server) ListForecasts(ctx context.Context, r gen.ListForecastsRequestObject) (gen.ListForecastsResponseObject, error) {
	query := []string{"forecasts", r.Symbol, textOf(r.Params.Model)}
	after, cursorErr := forecastCursor(query, r.Params.Cursor)
	limit, limitErr := listLimits.parse(r.Params.Limit)
	_, symbolErr := etf.ParseSymbol(r.Symbol)
	if err := errors.Join(symbolErr, cursorErr, limitErr); err != nil {
		return nil, err
	}
	list, next, err := s.Forecasts(ctx, r.Symbol, textOf(r.Params.Model), after, limit)
	if err != nil {
		return nil, err
	}
	page := gen.ListForecasts200JSONResponse{Items: make([]gen.ForecastHead, len(list))}
	for i, f := range list {
		page.Items[i] = gen.ForecastHead{
			Id: f.ID, Model: f.Model, Origin: f.Origin, IssuedAt: f.IssuedAt.UTC(), AsOf: f.AsOf.UTC(), Standing: string(f.Standing), Run: string(f.Run),
			CodeVersion: f.CodeVersion, DataVersion: f.DataVersion, Held: f.Held, Horizons: append([]int{}, f.Horizons...),
		}
	}
	if !next.IsZero() {
		page.NextCursor = encodeCursor(query, forecastPosition(next))
	}
	return page, nil
}

// forecastPosition encodes a position in a list of forecasts; forecastCursor decodes it.
func forecastPosition(p service.ForecastPosition) string {
	return strings.Join([]string{p.Origin.String(), p.Model, strconv.FormatInt(p.Chain, 10)}, " ")
}

func forecastCursor(query []string, cursor *string) (service.ForecastPosition, error) {
	var p service.ForecastPosition
	position, err := decodeCursor(query, cursor)
	if err != nil || position == "" {
		return p, err
	}
	parts := strings.Split(position, " ")
	if len(parts) != 3 {
		return p, badCursor()
	}
	origin, originErr := etf.ParseSession(parts[0])
	chain, chainErr := strconv.ParseInt(parts[2], 10, 64)
	if originErr != nil || chainErr != nil {
		return p, badCursor()
	}
	return service.ForecastPosition{Origin: origin, Model: parts[1], Chain: chain}, nil
}

// ListFetches implements gen.StrictServerInterface.
func (s *server) ListFetches(ctx context.Context, r gen.ListFetchesRequestObject) (gen.ListFetchesResponseObject, error) {
	query := []string{"fetches", r.Symbol}
	after, cursorErr := timeCursor(query, r.Params.Cursor)
	limit, limitErr := listLimits.parse(r.Params.Limit)
	_, symbolErr := etf.ParseSymbol(r.Symbol)
	if err := errors.Join(symbolErr, cursorErr, limitErr); err != nil {
		return nil, err
	}
	list, next, err := s.Fetches(ctx, r.Symbol, after, limit)
	if err != nil {
		return nil, err
	}
	page := gen.ListFetches200JSONResponse{Items: make([]gen.Fetch, len(list))}
	for i, f := range list {
		page.Items[i] = gen.Fetch{
			Id: f.ID, Source: f.Source, Request: f.Request, Sha256: f.Hash, FetchedAt: f.FetchedAt.UTC(), Run: string(f.Run), Rows: f.Rows,
			PersistedAt: instantOut(f.PersistedAt), New: f.New, Unchanged: f.Unchanged, Revised: f.Revised, Quarantined: f.Quarantined, Stored: f.Stored,
		}
	}
	if !next.IsZero() {
		page.NextCursor = encodeCursor(query, timePosition(next))
	}
	return page, nil
}

// ListETFRuns implements gen.StrictServerInterface.
func (s *server) ListETFRuns(ctx context.Context, r gen.ListETFRunsRequestObject) (gen.ListETFRunsResponseObject, error) {
	limit, limitErr := listLimits.parse(r.Params.Limit)
	_, symbolErr := etf.ParseSymbol(r.Symbol)
	if err := errors.Join(symbolErr, limitErr); err != nil {
		return nil, err
	}
	list, err := s.RunsOfETF(ctx, r.Symbol, limit)
	if err != nil {
		return nil, err
	}
	page := gen.ListETFRuns200JSONResponse{Items: make([]gen.ETFRun, len(list))}
	for i, one := range list {
		did := s.runETFOut(one.RunETF)
		page.Items[i] = gen.ETFRun{
			Run: string(one.Run), StartedAt: one.StartedAt.UTC(), Symbol: did.Symbol, Session: did.Session, Stage: did.Stage, Outcome: did.Outcome,
			Source: did.Source, RowsNew: did.RowsNew, RowsUnchanged: did.RowsUnchanged, RowsRevised: did.RowsRevised,
			RowsQuarantined: did.RowsQuarantined, Findings: did.Findings, Forecasts: did.Forecasts, Attempts: did.Attempts,
			ErrorType: did.ErrorType, ErrorMessage: did.ErrorMessage, Held: did.Held, Provisional: did.Provisional, Remedy: did.Remedy,
		}
	}
	return page, nil
}

// ListOriginScores implements gen.StrictServerInterface.
func (s *server) ListOriginScores(ctx context.Context, r gen.ListOriginScoresRequestObject) (gen.ListOriginScoresResponseObject, error) {
	request := service.ScoresRequest{Exchange: r.Params.Exchange, Model: textOf(r.Params.Model), Horizon: textOf(r.Params.Horizon), Origin: textOf(r.Params.Origin)}
	var lateErr error
	if request.Late, lateErr = parseFlag("late", r.Params.Late); lateErr != nil {
		if _, err := s.ScoresOfOrigin(ctx, request); etf.KindOf(err) == etf.KindInvalid {
			lateErr = errors.Join(err, lateErr)
		}
		return nil, lateErr
	}
	found, err := s.ScoresOfOrigin(ctx, request)
	if err != nil {
		return nil, err
	}
	out := gen.ListOriginScores200JSONResponse{
		Exchange: found.Exchange, Model: found.Model, Horizon: found.Horizon, Late: found.Late, Origins: found.Origins, Items: found.Scores,
		Origin: sessionOrNil(found.Origin),
	}
	return out, nil
}

// sessionOrNil returns nil, which becomes null, for the zero session.
func sessionOrNil(s etf.Session) *etf.Session {
	if s.IsZero() {
		return nil
	}
	return &s
}
