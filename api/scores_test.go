package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// score adds n scores of SPY, one a day from 2025-01-02 on, with an absolute error of `loss` times the scale, which is 2.
func (f *fixture) score(model string, horizon int, standing etf.Standing, n int, loss float64, tailed bool) {
	for i := range n {
		origin := etf.MustSession("2025-01-02").AddDays(i)
		v := 2 * loss
		s := etf.Score{
			Forecast: fmt.Sprintf("%032x", len(f.store.scores)), Symbol: "SPY", Exchange: etf.XNYS, Model: model, Origin: origin, Horizon: horizon, Standing: standing,
			Version: 1, Target: origin.AddDays(horizon), Actual: 100, DataVersion: 3, ScoredAt: testNow, Scale: etf.Scale{Absolute: 2, Squared: 4},
			Losses: etf.Losses{
				Error: -v, Absolute: v, Squared: v * v, CRPS: v, Pinball: [7]float64{v, v, v, v, v, v, v}, Inside80: i%5 != 0,
				Winkler: [2]float64{v, v}, Width: [2]float64{3, 4}, PIT: .05,
			},
		}
		if tailed {
			s.Tailed, s.TailPinball, s.Inside95 = true, [2]float64{v, v}, i%2 == 0
		}
		f.store.scores = append(f.store.scores, s)
	}
}

func TestScoreboard(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	empty := f.get("/v1/scoreboard").want(t, http.StatusOK)
	b := decode[service.Board](t, empty)
	if b.Items == nil || len(b.Items) != 0 || b.RecordBegins != nil || !strings.Contains(b.Summary, "The record begins today") || empty.header.Get("Cache-Control") != "no-store" {
		t.Errorf("without scores: %s", empty.body)
	}
	f.store.entrants = []string{"naive"}
	f.score("drift", 1, etf.OfRecord, 60, .4, true)
	f.score("prophet", 1, etf.OfRecord, 60, .5, true)
	f.score("naive", 1, etf.OfRecord, 2, .3, false)
	f.score("drift", 5, etf.Late, 7, .4, true)

	b = decode[service.Board](t, f.get("/v1/scoreboard").want(t, http.StatusOK))
	var got []string
	for _, i := range b.Items {
		got = append(got, fmt.Sprint(i.Exchange, i.Horizon, i.Model, i.N, i.LateN, i.Entry))
	}
	if want := "[XNYS1drift600false XNYS1naive20true XNYS1prophet600false XNYS5drift07false]"; strings.ReplaceAll(fmt.Sprint(got), " ", "") != strings.ReplaceAll(want, " ", "") {
		t.Errorf("items %v, want %s", got, want)
	}
	if b.RecordBegins == nil || b.RecordBegins.String() != "2025-01-02" || b.Units == "" {
		t.Errorf("begins %v, units %q", b.RecordBegins, b.Units)
	}
	// One query has the same parameters under both names of the ETF, and late scores only when asked.
	one, other := f.get("/v1/scoreboard?symbol=SPY&late=true"), f.get("/v1/scoreboard?etf=SPY&late=true&horizon=5&model=drift&exchange=XNYS")
	if string(one.body) == "" || decode[service.Board](t, one).Items[0].N != 7 || decode[service.Board](t, other).Items[0].N != 7 {
		t.Errorf("late: %s and %s", one.body, other.body)
	}
	if b := decode[service.Board](t, f.get("/v1/scoreboard?late=false&from=2025-01-02&to=2025-12-31&model=prophet").want(t, http.StatusOK)); b.Items[0].DM == nil || b.Items[0].N != 60 {
		t.Errorf("a fixed window: %+v", b.Items)
	}
}

func TestScoreboardRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	for query, fields := range map[string][]string{
		"exchange=NYSE&symbol=spy&model=Drift&horizon=0&from=x&to=y": {"exchange", "symbol", "model", "horizon", "from", "to"},
		"model=oracle":                  {"model"},
		"symbol=QQQ":                    {"symbol"},
		"symbol=SPY&exchange=XKRX":      {"exchange"},
		"symbol=SPY&etf=SPY":            {"etf"},
		"late=yes":                      {"late"},
		"late=yes&horizon=22":           {"horizon", "late"},
		"from=2025-02-01&to=2025-01-01": {"from"},
		"model=":                        {"model"},
		"standing=late":                 {"standing"},
		"horizon=1&horizon=5":           {"horizon"},
	} {
		f.get("/v1/scoreboard?"+query).wantProblem(t, http.StatusBadRequest, fields...)
	}
	f.get("/v1/etfs/QQQ/scores").wantProblem(t, http.StatusNotFound, "symbol")
	f.get("/v1/etfs/qqq/scores").wantProblem(t, http.StatusBadRequest, "symbol")
	f.get("/v1/etfs/SPY/scores?model=oracle&late=1&limit=0&cursor=x").wantProblem(t, http.StatusBadRequest, "model", "late", "cursor", "limit")
	f.get("/v1/etfs/SPY/scores?exchange=XNYS").wantProblem(t, http.StatusBadRequest, "exchange")
	f.store.err = etf.Wrap(etf.KindUnavailable, fmt.Errorf("dial"), "reading")
	f.get("/v1/scoreboard").want(t, http.StatusServiceUnavailable)
	f.get("/v1/etfs/SPY/scores").want(t, http.StatusServiceUnavailable)
}

func TestScoresOfAnETF(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.register(etf.XNYS, "SPY")
	f.score("drift", 1, etf.OfRecord, 30, .4, true)
	f.score("prophet", 5, etf.OfRecord, 30, .5, false)
	f.score("drift", 1, etf.Late, 4, .4, true)
	var all []etf.Score
	path := "/v1/etfs/SPY/scores?limit=7"
	for pages := 0; ; pages++ {
		page := decode[gen.ETFScores](t, f.get(path).want(t, http.StatusOK))
		all = append(all, page.Items...)
		if len(page.Statistics) != 2 || len(page.Pooled) != 2 || page.Symbol != "SPY" || page.Exchange != etf.XNYS || page.Late {
			t.Fatalf("page %d: %+v", pages, page)
		}
		if page.NextCursor == nil {
			break
		}
		path = "/v1/etfs/SPY/scores?limit=7&cursor=" + *page.NextCursor
		// A cursor belongs to its query.
		f.get("/v1/etfs/SPY/scores?late=true&cursor="+*page.NextCursor).wantProblem(t, http.StatusBadRequest, "cursor")
	}
	if len(all) != 60 || all[0].Origin.String() != "2025-01-31" || all[0].Model != "drift" || all[1].Model != "prophet" || all[0].Pinball[6] != .8 || !all[0].Tailed {
		t.Errorf("%d scores, first %+v", len(all), all[0])
	}
	late := decode[gen.ETFScores](t, f.get("/v1/etfs/SPY/scores?late=true").want(t, http.StatusOK))
	if len(late.Items) != 4 || late.Items[0].Standing != etf.Late || late.Statistics[0].N != 4 {
		t.Errorf("late: %+v", late)
	}
	for _, position := range []string{"x", "2025-01-31 drift 1", "2025-01-31 drift x " + strings.Repeat("0", 32), "2025-13-31 drift 1 a"} {
		cursor := encodeCursor([]string{"scores", "SPY", "", "", "", "", ""}, position)
		f.get("/v1/etfs/SPY/scores?cursor="+*cursor).wantProblem(t, http.StatusBadRequest, "cursor")
	}
}
