package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// decides is who decides and why, as commands take it.
const decides = ` --by kim --why "compared with the exchange"`

// chart is what the provider says about one ticker: the closes as traded, and the splits that it lists. Like Yahoo, it states
// prices before a split in the shares after it.
type chart struct {
	sessions []etf.Session
	closes   []float64
	splits   []etf.Action
}

// provider is a server that answers as Yahoo does.
type provider struct {
	mu     sync.Mutex
	charts map[string]chart
}

func (p *provider) set(ticker string, c chart) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.charts[ticker] = c
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	c, ok := p.charts[path.Base(r.URL.Path)]
	p.mu.Unlock()
	if !ok {
		http.Error(w, `{"chart":{"result":null,"error":{"code":"Not Found","description":"No data found, symbol may be delisted"}}}`, http.StatusNotFound)
		return
	}
	from, _ := strconv.ParseInt(r.URL.Query().Get("period1"), 10, 64)
	var times, volumes []int64
	var opens, highs, lows, closes []float64
	splits := map[string]any{}
	for i, s := range c.sessions {
		price, volume := c.closes[i], 1e6*(1+.05*math.Sin(float64(i)))*100/c.closes[i]
		for _, a := range c.splits {
			if ratio := float64(a.Numerator) / float64(a.Denominator); s < a.Ex {
				price, volume = price/ratio, volume*ratio
			}
		}
		at := s.Time().Add(14*time.Hour + 30*time.Minute).Unix()
		for _, a := range c.splits {
			if a.Ex == s {
				splits[strconv.FormatInt(at, 10)] = map[string]any{"date": at, "numerator": a.Numerator, "denominator": a.Denominator,
					"splitRatio": fmt.Sprintf("%d:%d", a.Numerator, a.Denominator)}
			}
		}
		if at < from {
			continue
		}
		times, volumes = append(times, at), append(volumes, int64(volume))
		opens, highs, lows, closes = append(opens, price*.999), append(highs, price*1.002), append(lows, price*.997), append(closes, price)
	}
	for at := range splits { // an event outside the window is not listed
		if n, _ := strconv.ParseInt(at, 10, 64); n < from {
			delete(splits, at)
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"chart": map[string]any{"error": nil, "result": []any{map[string]any{
		"meta": map[string]any{
			"currency": "USD", "symbol": path.Base(r.URL.Path), "exchangeName": "PCX", "instrumentType": "ETF",
			"exchangeTimezoneName": "America/New_York", "dataGranularity": "1d", "gmtoffset": -18000,
			"regularMarketTime": c.sessions[len(c.sessions)-1].Time().Add(21 * time.Hour).Unix(),
		},
		"timestamp": times, "events": map[string]any{"splits": splits},
		"indicators": map[string]any{
			"quote":    []any{map[string]any{"open": opens, "high": highs, "low": lows, "close": closes, "volume": volumes}},
			"adjclose": []any{map[string]any{"adjclose": closes}},
		},
	}}}})
}

// splitDay is the position of the ex-date among the sessions of splitLife.
const splitDay = 80

// splitStep is what happens next in the life of a split, and what must be so afterwards.
type splitStep struct {
	after    int    // sessions after the ex-date; the session that is run
	lists    string // the splits that the provider lists, such as "0 4:1": sessions after the ex-date, ratio
	restored bool   // the provider has corrected the prices: there was no split
	command  string // run instead of a session; ACTION is the statement that is proposed or in force
	inForce  string // like lists
	out      int    // quarantined rows
	origin   int    // of the newest forecast, in sessions after the ex-date
	price    float64
}

// splitLives are orders of events. In each of them the fund trades near 100 before the ex-date. If it has split, it trades near
// 25 from then on.
var splitLives = []struct {
	symbol etf.Symbol
	none   bool // the fund does not split
	steps  []splitStep
	causes string // of the data versions, oldest first
}{
	{"LATE", false, []splitStep{
		{after: -1, origin: -1, price: 100},
		{after: 0, out: 1, origin: -1, price: 100},
		{after: 1, lists: "0 4:1", inForce: "0 4:1", origin: 1, price: 25},
		{after: 2, lists: "0 4:1", inForce: "0 4:1", origin: 2, price: 25},
	}, "fetch fetch fetch fetch"},
	{"EARLY", false, []splitStep{ // the ex-date is stated a session early and corrected
		{after: -1, origin: -1, price: 100},
		{after: 0, lists: "-1 4:1", out: 1, origin: -1, price: 100},
		{after: 1, lists: "0 4:1", inForce: "0 4:1", origin: 1, price: 25},
	}, "fetch fetch fetch"},
	{"LATER", false, []splitStep{ // the ex-date is stated a session late and corrected
		{after: -1, origin: -1, price: 100},
		{after: 0, out: 1, origin: -1, price: 100},
		{after: 1, lists: "1 4:1", out: 2, origin: -1, price: 100},
		{after: 2, lists: "0 4:1", inForce: "0 4:1", origin: 2, price: 25},
	}, "fetch fetch fetch fetch"},
	{"RATIO", false, []splitStep{ // the ratio is corrected
		{after: -1, origin: -1, price: 100},
		{after: 0, lists: "0 2:1", out: 1, origin: -1, price: 100},
		{after: 1, lists: "0 4:1", inForce: "0 4:1", origin: 1, price: 25},
	}, "fetch fetch fetch"},
	{"FALSE", true, []splitStep{ // withdrawn before it counts
		{after: -1, origin: -1, price: 100},
		{after: 0, lists: "0 4:1", out: 1, origin: -1, price: 100},
		{after: 1, origin: 1, price: 100},
		{after: 2, origin: 2, price: 100},
	}, "fetch fetch fetch fetch"},
	{"TAKENBACK", true, []splitStep{ // accepted with the prices that show it, then withdrawn together with these prices
		{after: -1, origin: -1, price: 100},
		{after: 0, lists: "0 4:1", inForce: "0 4:1", origin: 0, price: 25},
		{after: 1, restored: true, origin: 1, price: 100},
		{after: 2, restored: true, origin: 2, price: 100},
	}, "fetch fetch fetch fetch"},
	{"REJECTED", true, []splitStep{ // a person rejects what the source goes on stating
		{after: -1, origin: -1, price: 100},
		{after: 0, lists: "0 4:1", out: 1, origin: -1, price: 100},
		{command: "action reject ACTION", origin: 0, price: 100},
		{after: 1, lists: "0 4:1", origin: 1, price: 100},
		{after: 2, lists: "0 4:1", origin: 2, price: 100},
	}, "fetch fetch action fetch fetch"},
	{"ACCEPTED", false, []splitStep{ // a person accepts what the rules propose; the source states it, and takes it back
		{after: -1, origin: -1, price: 100},
		{after: 0, out: 1, origin: -1, price: 100},
		{command: "action accept ACTION", inForce: "0 4:1", origin: 0, price: 25},
		{after: 1, lists: "0 4:1", inForce: "0 4:1", origin: 1, price: 25},
		{after: 2, inForce: "0 4:1", origin: 2, price: 25},
	}, "fetch fetch action fetch fetch"},
	{"CANCELLED", true, []splitStep{ // a person accepts a split that never was, the source withdraws it, the person cancels it
		{after: -1, origin: -1, price: 100},
		{after: 0, lists: "0 4:1", out: 1, origin: -1, price: 100},
		{command: "action accept ACTION", inForce: "0 4:1", out: 1, origin: -1, price: 100},
		{after: 1, inForce: "0 4:1", out: 2, origin: -1, price: 100},
		{command: "action cancel ACTION", origin: 1, price: 100},
		{after: 2, origin: 2, price: 100},
	}, "fetch fetch action fetch action fetch"},
}

// The life of a split from the first wrong statement to the last word, through Daily, the API and the commands.
func TestSplitLives(t *testing.T) {
	t.Parallel()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	sessions := cal.Sessions(etf.Window{From: etf.MustSession("2025-05-01"), To: etf.MustSession("2025-10-01")})
	yahoo := &provider{charts: map[string]chart{}}
	server := httptest.NewServer(yahoo)
	t.Cleanup(server.Close)
	s := newStack(t)
	p := s.start(t, []string{"ETFCAST_YAHOO_BASE_URL=" + server.URL}, "up")
	p.waitReady()
	for _, life := range splitLives {
		t.Run(string(life.symbol), func(t *testing.T) {
			p.must(http.MethodPost, "/v1/etfs", map[string]any{"symbol": life.symbol, "exchange": etf.XNYS, "currency": "USD",
				"sources": []etf.SourceRef{{Name: "yahoo", Ref: string(life.symbol)}}}, http.StatusCreated)
			for i, step := range life.steps {
				what := fmt.Sprintf("step %d: %+v", i+1, step)
				if step.command != "" {
					id := p.openAction(t, life.symbol)
					args := words(strings.ReplaceAll(step.command, "ACTION", id) + decides)
					if run := s.start(t, nil, args...); run.wait() != 0 {
						t.Fatalf("%s: %s", what, run.tail())
					}
				} else {
					c := chart{sessions: sessions[:splitDay+step.after+1], splits: splitsAt(sessions, step.lists)}
					for k := range c.sessions {
						close := 100 + .4*math.Sin(float64(k)*1.7) + .3*math.Sin(float64(k)/5)
						if k >= splitDay && (!life.none || life.symbol == "TAKENBACK" && !step.restored) {
							close /= 4
						}
						c.closes = append(c.closes, close)
					}
					yahoo.set(string(life.symbol), c)
					row := p.session(life.symbol, c.sessions[len(c.sessions)-1].String())
					if want := map[bool]etf.Outcome{true: etf.OutcomeUpdated, false: etf.OutcomeQuarantined}[step.origin == step.after]; row.Outcome != want {
						t.Errorf("%s: %+v", what, row)
					}
				}
				check := func() error {
					if got := p.actionsInForce(t, life.symbol, sessions); got != step.inForce {
						return fmt.Errorf("in force: %q, want %q", got, step.inForce)
					}
					if e := p.etf(life.symbol); e.Quarantined != step.out {
						return fmt.Errorf("%d rows are quarantined, want %d", e.Quarantined, step.out)
					}
					return p.bandAround(life.symbol, sessions[splitDay+step.origin], step.price)
				}
				deadline := time.Now().Add(20 * time.Second)
				for err := check(); err != nil; err = check() { // a decision's forecasts are made a moment later
					if step.command == "" || time.Now().After(deadline) {
						findings, _ := p.must(http.MethodGet, "/v1/findings?symbol="+string(life.symbol), nil, http.StatusOK)
						t.Fatalf("%s: %v\nactions: %+v\nfindings: %s", what, err, p.actions(t, life.symbol), findings)
					}
					time.Sleep(100 * time.Millisecond)
				}
			}
			if got := s.versionCauses(t, life.symbol); got != life.causes {
				t.Errorf("the versions' causes are %s, want %s", got, life.causes)
			}
		})
	}
}

func splitsAt(sessions []etf.Session, list string) (splits []etf.Action) {
	if list == "" {
		return nil
	}
	a := etf.Action{Kind: etf.Split}
	var after int
	if _, err := fmt.Sscanf(list, "%d %d:%d", &after, &a.Numerator, &a.Denominator); err != nil {
		panic(err)
	}
	a.Ex = sessions[splitDay+after]
	return []etf.Action{a}
}

type listedActions struct {
	Items []struct {
		ID, Kind, Status, Ratio string
		Ex                      etf.Session
	}
}

func (p *process) actions(t *testing.T, symbol etf.Symbol) (list listedActions) {
	t.Helper()
	body, _ := p.must(http.MethodGet, "/v1/etfs/"+string(symbol)+"/actions", nil, http.StatusOK)
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatalf("%s, %v", body, err)
	}
	return list
}

// actionsInForce are the accepted splits, as in splitStep.
func (p *process) actionsInForce(t *testing.T, symbol etf.Symbol, sessions []etf.Session) string {
	t.Helper()
	var list []string
	for _, a := range p.actions(t, symbol).Items {
		text := fmt.Sprintf("%d %s", slices.Index(sessions, a.Ex)-splitDay, a.Ratio)
		if a.Status == string(etf.Accepted) && !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return strings.Join(list, ", ")
}

// openAction returns the ID of the ETF's only statement that is proposed or in force.
func (p *process) openAction(t *testing.T, symbol etf.Symbol) string {
	t.Helper()
	var ids []string
	for _, a := range p.actions(t, symbol).Items {
		if a.Status == string(etf.Proposed) || a.Status == string(etf.Accepted) {
			ids = append(ids, a.ID)
		}
	}
	if len(ids) != 1 {
		t.Fatalf("%d actions of %s are proposed or in force: %+v", len(ids), symbol, p.actions(t, symbol))
	}
	return ids[0]
}

// bandAround checks that the newest forecast by drift is of the session and within a fifth of the price.
func (p *process) bandAround(symbol etf.Symbol, session etf.Session, price float64) error {
	code, body, _, err := p.request(http.MethodGet, "/v1/etfs/"+string(symbol)+"/forecasts/latest?model=drift", nil)
	if err != nil || code != http.StatusOK {
		return fmt.Errorf("status %d, %s, %w", code, body, err)
	}
	var f struct {
		Origin etf.Session
		Points []struct{ Quantiles map[string]float64 }
	}
	if err := json.Unmarshal(body, &f); err != nil {
		return err
	}
	if f.Origin != session || len(f.Points) == 0 {
		return fmt.Errorf("the newest forecast is of %s, want %s", f.Origin, session)
	}
	for _, q := range f.Points {
		if low, high := q.Quantiles["0.05"], q.Quantiles["0.95"]; low < .8*price || high > 1.25*price || low >= high {
			return fmt.Errorf("the band is %v, want it around %v", q.Quantiles, price)
		}
	}
	return nil
}

// versionCauses are the causes of the ETF's data versions, oldest first, as `etfcast etf versions` lists them.
func (s *stack) versionCauses(t *testing.T, symbol etf.Symbol) string {
	t.Helper()
	run := s.start(t, nil, "etf", "versions", string(symbol), "--json")
	if run.wait() != 0 {
		t.Fatal(run.tail())
	}
	var list []struct{ Cause string }
	if err := json.Unmarshal([]byte(run.out.String()), &list); err != nil {
		t.Fatalf("%s, %v", run.tail(), err)
	}
	var causes []string
	for _, v := range slices.Backward(list) {
		causes = append(causes, v.Cause)
	}
	return strings.Join(causes, " ")
}
