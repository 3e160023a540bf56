package api

import (
	"cmp"
	"context"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/service"
)

// ListCalendars implements gen.StrictServerInterface.
func (s *server) ListCalendars(ctx context.Context, _ gen.ListCalendarsRequestObject) (gen.ListCalendarsResponseObject, error) {
	list, err := s.Calendars(ctx, "")
	if err != nil {
		return nil, err
	}
	return gen.ListCalendars200JSONResponse{Items: list}, nil
}

// GetCalendarClosures implements gen.StrictServerInterface.
func (s *server) GetCalendarClosures(ctx context.Context, r gen.GetCalendarClosuresRequestObject) (gen.GetCalendarClosuresResponseObject, error) {
	list, err := s.Calendars(ctx, r.Exchange)
	if err != nil {
		return nil, err
	}
	return gen.GetCalendarClosures200JSONResponse(list[0]), nil
}

// ChangeCalendar implements gen.StrictServerInterface.
func (s *server) ChangeCalendar(ctx context.Context, r gen.ChangeCalendarRequestObject) (gen.ChangeCalendarResponseObject, error) {
	done, err := s.Service.ChangeCalendar(ctx, service.CalendarRequest{
		Exchange: r.Exchange, Session: r.Body.Session, Reopen: r.Body.Reopen != nil && *r.Body.Reopen, Reason: r.Body.Reason, By: cmp.Or(textOf(r.Body.By), "the API"),
	})
	if err != nil {
		return nil, err
	}
	if done.Changed {
		return gen.ChangeCalendar201JSONResponse(done), nil
	}
	return gen.ChangeCalendar200JSONResponse(done), nil
}
