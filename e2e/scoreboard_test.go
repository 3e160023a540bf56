package e2e

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// board is a scoreboard as JSON has it.
type board struct {
	Late         bool        `json:"late"`
	RecordBegins *string     `json:"record_begins"`
	Summary      string      `json:"summary"`
	Items        []boardItem `json:"items"`
}

type boardItem struct {
	Model    string       `json:"model"`
	Exchange etf.Exchange `json:"exchange"`
	Horizon  int          `json:"horizon"`
	N        int          `json:"n"`
	LateN    int          `json:"late_n"`
	RelMAE   *float64     `json:"rel_mae"`
}

// Forecasts of earlier sessions, made when their prices are known, are scored and late: the scoreboard shows them only when
// asked, by command as by API, and says that the record has not begun. Doing it again changes nothing.
func TestScoreboardOfLateForecasts(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	p := s.start(t, nil, "up")
	p.waitReady()
	symbols := p.registerSimulated(etf.XNYS, 2)
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	newest, err := cal.LastClosed(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p.waitRun(p.startRun(map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": newest}))
	run := func() {
		for back := -3; back < 0; back++ {
			session, err := cal.Nth(newest, back)
			if err != nil {
				t.Fatal(err)
			}
			r := p.waitRun(p.startRun(map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": session, "symbols": symbols}))
			if r.Status != etf.RunCompleted || r.Counts.Failed > 0 {
				t.Fatalf("run %s: %s, %+v", r.ID, r.Status, r.Counts)
			}
		}
	}
	byAPI := func(query string) (b board) {
		raw, _ := p.must(http.MethodGet, "/v1/scoreboard"+query, nil, http.StatusOK)
		if err := json.Unmarshal(raw, &b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	byCommand := func(args ...string) string {
		c := s.start(t, []string{"TEMPORAL_ADDRESS=127.0.0.1:1"}, append([]string{"scoreboard"}, args...)...)
		if code := c.wait(); code != 0 {
			t.Fatalf("etfcast scoreboard %v ended with %d: %s", args, code, c.tail())
		}
		return c.out.String()
	}
	run()

	// The three sessions have met the price one session later, and only that. Nothing of it is of record.
	record, late := byAPI(""), byAPI("?late=true")
	models := p.models()
	if len(late.Items) != len(models) || !late.Late || late.RecordBegins != nil || !strings.Contains(late.Summary, "The record begins today") {
		t.Fatalf("late scores: %+v", late)
	}
	for i, item := range late.Items {
		if want := 3 * len(symbols); item.Horizon != 1 || item.N != want || item.LateN != want || item.RelMAE == nil || item.Model != models[i] && item.Model == models[0] {
			t.Errorf("item %d: %+v, want %d late scores at horizon 1", i, item, want)
		}
		if got := record.Items[i]; got.N != 0 || got.LateN != item.N || got.RelMAE != nil || got.Model != item.Model {
			t.Errorf("of record: %+v", got)
		}
	}
	if record.Late || !strings.Contains(record.Summary, "The record begins today") || strings.Contains(record.Summary, " beats ") {
		t.Errorf("the record in words: %q", record.Summary)
	}

	for _, c := range []struct {
		query string
		args  []string
	}{
		{"", nil}, {"?late=true", []string{"--late"}}, {"?late=true&etf=" + string(symbols[0]) + "&model=drift", []string{"--late", "--etf", string(symbols[0]), "--model", "drift"}},
	} {
		var b board
		if err := json.Unmarshal([]byte(byCommand(append(c.args, "--json")...)), &b); err != nil {
			t.Fatal(err)
		}
		if want := byAPI(c.query); !reflect.DeepEqual(b, want) {
			t.Errorf("etfcast scoreboard %v has %+v, GET /v1/scoreboard%s %+v", c.args, b, c.query, want)
		}
	}
	if text := byCommand("--late"); !strings.HasPrefix(text, "The record begins today") || strings.Count(text, "\nXNYS") != len(models) {
		t.Errorf("for people:\n%s", text)
	}

	run() // each of them has completed: nothing is forecast or scored again
	if again := byAPI("?late=true"); !reflect.DeepEqual(again, late) {
		t.Errorf("after asking for the same runs again: %+v, before %+v", again, late)
	}
	if n := s.count(t, "SELECT COUNT(*) FROM scores WHERE version > 1 OR standing <> 'late'"); n != 0 {
		t.Errorf("%d scores are of later versions, or not late", n)
	}
	var etfScores struct {
		Items []etf.Score `json:"items"`
	}
	raw, _ := p.must(http.MethodGet, "/v1/etfs/"+string(symbols[0])+"/scores?late=true", nil, http.StatusOK)
	if err := json.Unmarshal(raw, &etfScores); err != nil || len(etfScores.Items) != 3*len(models) {
		t.Errorf("%d scores of %s, want %d: %v", len(etfScores.Items), symbols[0], 3*len(models), err)
	}
	for _, score := range etfScores.Items {
		// The target's close is the next session's, as it is stored.
		target, err := cal.Next(score.Origin)
		if err != nil || score.Target != target {
			t.Errorf("%s + 1 is %s, want %s, %v", score.Origin, score.Target, target, err)
		}
		p.must(http.MethodGet, "/v1/forecasts/"+score.Forecast, nil, http.StatusOK)
	}
}
