package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
)

// issued adds a forecast of SPY.
func (f *fixture) issued(model string, origin etf.Session, at time.Time, chain int64, held bool) string {
	c := etf.Forecast{
		ID: fmt.Sprintf("%032x", len(f.store.forecasts)+1), Symbol: "SPY", Model: model, Origin: origin, IssuedAt: at, AsOf: at, Chain: chain,
		Run: "daily:XNYS:2025-09-26", CodeVersion: "v1", DataVersion: etf.DataVersion{Number: 3}, Points: []etf.ForecastPoint{{Horizon: 1}, {Horizon: 2}},
	}
	if held {
		c.Held = 1
	}
	f.store.forecasts = append(f.store.forecasts, c)
	return c.ID
}

func TestListForecasts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	if got := string(f.get("/v1/etfs/SPY/forecasts").want(t, 200).body); strings.TrimSpace(got) != `{"items":[],"next_cursor":null}` {
		t.Errorf("without forecasts: %s", got)
	}
	// The deadline of Friday's forecasts is Monday's open, 13:30 UTC in summer.
	thursday, friday := etf.MustSession("2025-09-25"), etf.MustSession("2025-09-26")
	inTime, late := time.Date(2025, 9, 27, 1, 0, 0, 0, time.UTC), time.Date(2025, 9, 29, 13, 30, 0, 0, time.UTC)
	f.issued("drift", thursday, late, 1, false)
	f.issued("drift", friday, inTime, 2, true)
	f.issued("drift", friday, inTime.Add(time.Hour), 3, false)
	f.issued("drift", friday, late, 4, false)
	f.issued("prophet", friday, late.Add(-time.Microsecond), 1, false)
	f.issued("naive", friday, inTime, 1, false)
	f.store.entrants = []string{"naive"}
	want := []string{
		"2025-09-26 drift late [1 2]", // issued last
		"2025-09-26 drift record [1 2]",
		"2025-09-26 drift repeated [1 2] held", // a held one gives way to one that is not
		"2025-09-26 prophet record [1 2]",
		"2025-09-25 drift late [1 2]",
	}
	for _, size := range []int{1, 2, 3, 100} {
		var got []string
		path := fmt.Sprintf("/v1/etfs/SPY/forecasts?limit=%d", size)
		for next := path; next != ""; {
			page := decode[gen.ForecastHeadList](t, f.get(next).want(t, 200))
			for _, i := range page.Items {
				text := fmt.Sprint(i.Origin, " ", i.Model, " ", i.Standing, " ", i.Horizons)
				if i.Held {
					text += " held"
				}
				got = append(got, text)
			}
			if next = ""; page.NextCursor != nil {
				next = path + "&cursor=" + *page.NextCursor
			}
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("pages of %d:\n%s\nwant\n%s", size, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if page := decode[gen.ForecastHeadList](t, f.get("/v1/etfs/SPY/forecasts?model=prophet").want(t, 200)); len(page.Items) != 1 || page.Items[0].Model != "prophet" {
		t.Errorf("of one model: %+v", page)
	}
	f.get("/v1/etfs/SPY/forecasts?model=naive").wantProblem(t, 404, "model")
	f.get("/v1/etfs/SPY/forecasts?model=theta").wantProblem(t, 400, "model")
	f.get("/v1/etfs/SPY/forecasts?model=X").wantProblem(t, 400, "model")
	f.get("/v1/etfs/QQQ/forecasts").wantProblem(t, 404, "symbol")
	f.get("/v1/etfs/spy/forecasts?limit=0&cursor=xx").wantProblem(t, 400, "symbol", "cursor", "limit")
	other := decode[gen.ForecastHeadList](t, f.get("/v1/etfs/SPY/forecasts?limit=1").want(t, 200))
	f.get("/v1/etfs/SPY/forecasts?model=drift&cursor="+*other.NextCursor).wantProblem(t, 400, "cursor")
}

func TestListFetches(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	for i := range 3 {
		f.store.fetches = append(f.store.fetches, etf.StoredFetch{
			Fetch: etf.Fetch{ID: fmt.Sprintf("%032x", 9-i), Symbol: "SPY", Source: "file", Request: "file:SPY.csv", Hash: strings.Repeat("a", 64), Rows: 7 + i, FetchedAt: testNow, Run: "daily:XNYS:2025-09-26"},
			New:   1, Unchanged: 2, Revised: 3, Quarantined: 4, Stored: i > 0,
		})
	}
	f.store.fetches[0].PersistedAt = testNow.Add(time.Second)
	first := decode[gen.FetchList](t, f.get("/v1/etfs/SPY/fetches?limit=2").want(t, 200))
	rest := decode[gen.FetchList](t, f.get("/v1/etfs/SPY/fetches?limit=2&cursor="+*first.NextCursor).want(t, 200))
	if len(first.Items) != 2 || len(rest.Items) != 1 || rest.NextCursor != nil || rest.Items[0].Rows != 9 {
		t.Errorf("%+v, then %+v", first, rest)
	}
	if x := first.Items[0]; x.PersistedAt == nil || x.New != 1 || x.Unchanged != 2 || x.Revised != 3 || x.Quarantined != 4 || x.Stored || first.Items[1].PersistedAt != nil || !first.Items[1].Stored {
		t.Errorf("%+v", first.Items)
	}
	f.get("/v1/etfs/QQQ/fetches").wantProblem(t, 404, "symbol")
	f.get("/v1/etfs/SPY/fetches?cursor=xx").wantProblem(t, 400, "cursor")
}

// The newest runs that concerned the ETF are listed, with the remedy of what went wrong.
func TestListETFRuns(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY", "QQQ")
	for i := range 5 {
		session := etf.MustSession("2025-09-22").AddDays(i)
		id := etf.RunID("daily:XNYS:" + session.String())
		f.store.runs[id] = etf.Run{ID: id, Workflow: "daily", Exchange: etf.XNYS, Session: session, Status: etf.RunCompleted, StartedAt: testNow.AddDate(0, 0, i-5)}
		if i != 2 { // that run had nothing to do with SPY
			f.store.runETFs[string(id)] = []etf.RunETF{{Symbol: "SPY", Session: session, Stage: etf.StageDone, Outcome: etf.OutcomeUpdated}}
		}
	}
	f.store.runETFs["daily:XNYS:2025-09-26"] = []etf.RunETF{{Symbol: "SPY", Session: etf.MustSession("2025-09-26"), Stage: etf.StageFetch, Outcome: etf.OutcomeFailed, ErrorType: "SourceCorrupt", ErrorMessage: "SPY.csv:7"}}
	page := decode[gen.ETFRunList](t, f.get("/v1/etfs/SPY/runs?limit=3").want(t, 200))
	var got []string
	for _, i := range page.Items {
		got = append(got, i.Run+" "+i.Outcome)
	}
	if want := "daily:XNYS:2025-09-26 failed,daily:XNYS:2025-09-25 updated,daily:XNYS:2025-09-23 updated"; strings.Join(got, ",") != want {
		t.Errorf("%v, want %s", got, want)
	}
	if first := page.Items[0]; first.Remedy == nil || *first.Remedy != "correct the line named" || page.Items[1].Remedy != nil || !first.StartedAt.Equal(testNow.AddDate(0, 0, -1)) {
		t.Errorf("%+v", page.Items)
	}
	if empty := f.get("/v1/etfs/QQQ/runs").want(t, 200); strings.TrimSpace(string(empty.body)) != `{"items":[]}` {
		t.Errorf("%s", empty.body)
	}
	f.get("/v1/etfs/NONE/runs").wantProblem(t, 404, "symbol")
	f.get("/v1/etfs/SPY/runs?limit=1001").wantProblem(t, 400, "limit")
}

func TestOriginScores(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY", "QQQ")
	empty := decode[gen.OriginScores](t, f.get("/v1/scores?exchange=XNYS").want(t, 200))
	if empty.Origin != nil || len(empty.Origins) != 0 || empty.Model != "drift" || empty.Horizon != 1 {
		t.Errorf("without scores: %+v", empty)
	}
	f.score("drift", 1, etf.OfRecord, 70, .4, true)
	f.score("drift", 5, etf.OfRecord, 3, .4, true)
	f.score("drift", 1, etf.Late, 2, .4, true)
	got := decode[gen.OriginScores](t, f.get("/v1/scores?exchange=XNYS").want(t, 200))
	// 70 days from 2025-01-02 on: the last is 2025-03-12, and the 60 newest begin at 2025-01-12.
	if got.Origin == nil || got.Origin.String() != "2025-03-12" || len(got.Origins) != 60 || got.Origins[0] != *got.Origin || got.Origins[59].String() != "2025-01-12" || len(got.Items) != 1 {
		t.Errorf("%+v", got)
	}
	got = decode[gen.OriginScores](t, f.get("/v1/scores?exchange=XNYS&model=drift&horizon=5&origin=2025-01-03").want(t, 200))
	if len(got.Items) != 1 || got.Items[0].Horizon != 5 || got.Items[0].Origin.String() != "2025-01-03" || len(got.Origins) != 3 {
		t.Errorf("%+v", got)
	}
	got = decode[gen.OriginScores](t, f.get("/v1/scores?exchange=XNYS&late=true").want(t, 200))
	if len(got.Items) != 1 || got.Items[0].Standing != etf.Late || !got.Late || len(got.Origins) != 2 {
		t.Errorf("%+v", got)
	}
	if got = decode[gen.OriginScores](t, f.get("/v1/scores?exchange=XNYS&origin=1999-01-04").want(t, 200)); len(got.Items) != 0 || len(got.Origins) != 60 {
		t.Errorf("an origin without scores: %+v", got)
	}
	f.get("/v1/scores").wantProblem(t, 400, "exchange")
	f.get("/v1/scores?exchange=XXXX&model=theta&horizon=22&origin=x").wantProblem(t, 400, "exchange", "model", "horizon", "origin")
	f.get("/v1/scores?exchange=XNYS&horizon=0&late=maybe").wantProblem(t, 400, "horizon", "late")
	f.store.err = &etf.Error{Kind: etf.KindUnavailable, Message: "down"}
	f.get("/v1/scores?exchange=XNYS").wantProblem(t, http.StatusServiceUnavailable)
}
