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

// ListGateVerdicts implements gen.StrictServerInterface.
func (s *server) ListGateVerdicts(ctx context.Context, r gen.ListGateVerdictsRequestObject) (gen.ListGateVerdictsResponseObject, error) {
	request := service.GateRequest{Exchange: textOf(r.Params.Exchange), Model: textOf(r.Params.Model), Horizon: textOf(r.Params.Horizon)}
	query := []string{"gate", request.Exchange, request.Model, request.Horizon}
	_, filterErr := s.CheckGate(request)
	var cursorErr, limitErr error
	request.After, cursorErr = gateCursor(query, r.Params.Cursor)
	request.Limit, limitErr = listLimits.parse(r.Params.Limit)
	if err := errors.Join(filterErr, cursorErr, limitErr); err != nil {
		return nil, err
	}
	list, next, err := s.GateVerdicts(ctx, request)
	if err != nil {
		return nil, err
	}
	page := gen.ListGateVerdicts200JSONResponse{Items: append([]etf.GateVerdict{}, list...)}
	if next != (etf.GatePosition{}) {
		page.NextCursor = encodeCursor(query, strings.Join([]string{next.Session.String(), string(next.Exchange), strconv.Itoa(next.Horizon), next.Model}, " "))
	}
	return page, nil
}

func gateCursor(query []string, cursor *string) (etf.GatePosition, error) {
	var p etf.GatePosition
	position, err := decodeCursor(query, cursor)
	if err != nil || position == "" {
		return p, err
	}
	parts := strings.Split(position, " ")
	if len(parts) != 4 {
		return p, badCursor()
	}
	session, sessionErr := etf.ParseSession(parts[0])
	exchange, exchangeErr := etf.ParseExchange(parts[1])
	horizon, horizonErr := strconv.Atoi(parts[2])
	if sessionErr != nil || exchangeErr != nil || horizonErr != nil || horizon < 1 || horizon > etf.MaxHorizon {
		return p, badCursor()
	}
	return etf.GatePosition{Session: session, Exchange: exchange, Horizon: horizon, Model: parts[3]}, nil
}
