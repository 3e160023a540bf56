package api

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// GetScoreboard implements gen.StrictServerInterface.
func (s *server) GetScoreboard(ctx context.Context, r gen.GetScoreboardRequestObject) (gen.GetScoreboardResponseObject, error) {
	request := service.ScoreRequest{
		Exchange: textOf(r.Params.Exchange), Symbol: textOf(r.Params.Symbol), Model: textOf(r.Params.Model), Horizon: textOf(r.Params.Horizon),
		From: textOf(r.Params.From), To: textOf(r.Params.To),
	}
	var twiceErr, lateErr error
	switch {
	case r.Params.Etf != nil && r.Params.Symbol != nil:
		twiceErr = etf.Invalid("etf", "etf and symbol are the same", "give one of them")
	case r.Params.Etf != nil:
		request.Symbol = *r.Params.Etf
	}
	request.Late, lateErr = parseFlag("late", r.Params.Late)
	if err := errors.Join(twiceErr, lateErr); err != nil {
		return nil, errors.Join(s.wrongScores(ctx, request), err)
	}
	board, err := s.Scoreboard(ctx, request)
	if err != nil {
		return nil, err
	}
	return gen.GetScoreboard200JSONResponse(board), nil
}

// ListScores implements gen.StrictServerInterface.
func (s *server) ListScores(ctx context.Context, r gen.ListScoresRequestObject) (gen.ListScoresResponseObject, error) {
	request := service.ScoreRequest{
		Symbol: r.Symbol, Model: textOf(r.Params.Model), Horizon: textOf(r.Params.Horizon), From: textOf(r.Params.From), To: textOf(r.Params.To),
	}
	query := []string{"scores", request.Symbol, request.Model, request.Horizon, request.From, request.To, textOf(r.Params.Late)}
	var lateErr error
	request.Late, lateErr = parseFlag("late", r.Params.Late)
	after, cursorErr := scoreCursor(query, r.Params.Cursor)
	limit, limitErr := listLimits.parse(r.Params.Limit)
	if err := errors.Join(lateErr, cursorErr, limitErr); err != nil {
		return nil, errors.Join(s.wrongScores(ctx, request), err)
	}
	found, err := s.ETFScores(ctx, request, after, limit)
	if err != nil {
		return nil, err
	}
	page := gen.ListScores200JSONResponse{
		Symbol: found.Symbol, Exchange: found.Exchange, Late: found.Late, RecordBegins: found.RecordBegins, Summary: found.Summary, Units: found.Units,
		Statistics: found.Items, Pooled: found.Pooled, Items: found.Scores,
	}
	if !found.Next.IsZero() {
		page.NextCursor = encodeCursor(query, scorePosition(found.Next))
	}
	return page, nil
}

// wrongScores returns what is wrong with a request for scores; nil also if that can't be found out.
func (s *server) wrongScores(ctx context.Context, r service.ScoreRequest) error {
	if err := s.CheckScores(ctx, r); etf.KindOf(err) == etf.KindInvalid {
		return err
	}
	return nil
}

// parseFlag reads a flag of a query; nil is false.
func parseFlag(name string, text *string) (bool, error) {
	switch textOf(text) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, etf.Invalid(name, fmt.Sprintf("%q is neither true nor false", etf.Clip(*text, etf.MaxQuoted)), "use true or false, or omit it")
}

// scorePosition encodes a position in a list of scores; scoreCursor decodes it.
func scorePosition(p service.ScorePosition) string {
	return strings.Join([]string{p.Origin.String(), p.Model, strconv.Itoa(p.Horizon), p.Forecast}, " ")
}

func scoreCursor(query []string, cursor *string) (service.ScorePosition, error) {
	var p service.ScorePosition
	position, err := decodeCursor(query, cursor)
	if err != nil || position == "" {
		return p, err
	}
	parts := strings.Split(position, " ")
	if len(parts) != 4 {
		return p, badCursor()
	}
	origin, originErr := etf.ParseSession(parts[0])
	horizon, horizonErr := strconv.Atoi(parts[2])
	if originErr != nil || horizonErr != nil {
		return p, badCursor()
	}
	return service.ScorePosition{Origin: origin, Model: parts[1], Horizon: horizon, Forecast: parts[3]}, nil
}
