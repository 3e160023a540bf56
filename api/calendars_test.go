package api

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
)

func (f *fakeStore) CalendarChanges(context.Context) ([]etf.CalendarChange, error) {
	defer f.locked()()
	return f.closures, f.err
}

func (f *fakeStore) ChangeCalendar(_ context.Context, c etf.CalendarChange, dates []etf.DatedHorizon) (etf.CalendarChange, int, error) {
	defer f.locked()()
	if f.err != nil {
		return c, 0, f.err
	}
	c.At = testNow
	f.closures = append(f.closures, c)
	return c, len(dates), nil
}

// TestCalendars is the only test of this package that changes the calendar of XETR.
func TestCalendars(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const path = "/v1/calendars/XETR/closures"
	body := func(session, more string) string {
		return fmt.Sprintf(`{"session":%q,"reason":"storm"%s}`, session, more)
	}
	c := decode[gen.CalendarChanged](t, f.post(path, body("2030-06-12", `,"by":"kim"`)).want(t, http.StatusCreated))
	if !c.Changed || c.Number != 1 || !c.Closed || c.By != "kim" || c.Moved != 21*22/2 || c.Exchange != etf.XETR {
		t.Errorf("%+v", c)
	}
	if c := decode[gen.CalendarChanged](t, f.post("/v1/calendars/XETA/closures", body("2030-06-12", "")).want(t, http.StatusOK)); c.Changed || c.Number != 1 {
		t.Errorf("a repeat, by the exchange's other name: %+v", c)
	}
	if c := decode[gen.CalendarChanged](t, f.post(path, body("2030-06-12", `,"reopen":true`)).want(t, http.StatusCreated)); c.Number != 2 || c.Closed || c.By != "the API" {
		t.Errorf("%+v", c)
	}
	if got := decode[gen.Calendar](t, f.get(path).want(t, http.StatusOK)); got.Version != 2 || len(got.Changes) != 2 || got.TimeZone != "Europe/Berlin" {
		t.Errorf("%+v", got)
	}
	if got := decode[gen.CalendarList](t, f.get("/v1/calendars").want(t, http.StatusOK)); len(got.Items) != len(etf.Exchanges()) {
		t.Errorf("%+v", got)
	}
	f.post(path, body("2030-06-15", "")).wantProblem(t, http.StatusBadRequest, "session") // a Saturday
	f.post(path, body("2030-13-01", "")).wantProblem(t, http.StatusBadRequest, "session")
	f.post(path, body("2020-06-12", "")).wantProblem(t, http.StatusBadRequest, "session") // long ago
	f.post(path, body("2030-06-13", `,"reopen":true`)).wantProblem(t, http.StatusNotFound, "session")
	f.post(path, `{"session":"2030-06-13","reason":" "}`).wantProblem(t, http.StatusBadRequest, "reason")
	f.post("/v1/calendars/XXXX/closures", body("2030-06-13", "")).wantProblem(t, http.StatusBadRequest, "exchange")
}
