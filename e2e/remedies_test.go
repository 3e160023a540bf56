package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// remedied is a rule's finding and the remedy that the rule names, followed to its end.
type remedied struct {
	symbol etf.Symbol
	rule   string
	edit   func(lines []string) // makes the finding; the last line is the run's session
	// commands are run one after another; FINDING and SYMBOL stand for the finding's and the ETF's.
	commands []string
	mended   bool // the source corrects its data before the re-run
	out      int  // rows that stay out, because they are wrong and nothing replaces them
}

// change replaces fields of the line that is `back` lines before the last.
func change(back int, edit func(fields []string)) func([]string) {
	return func(lines []string) {
		i := len(lines) - 1 - back
		fields := strings.Split(lines[i], ",")
		edit(fields)
		lines[i] = strings.Join(fields, ",")
	}
}

const decides = ` --by kim --why "compared with the exchange"`

var remedies = []remedied{
	{symbol: "UNREAD", rule: "unreadable_row", edit: change(0, func(f []string) { f[4] = "n/k" }), mended: true},
	{symbol: "UNREAD2", rule: "unreadable_row", edit: change(0, func(f []string) { f[4] = "n/k" }), commands: []string{"finding replace FINDING --close 100" + decides}},
	{symbol: "NONPOS", rule: "non_positive_price", edit: change(40, func(f []string) { f[3] = "-1" }), commands: []string{"finding replace FINDING --close 100.2" + decides}},
	{symbol: "OHLC", rule: "ohlc_order", edit: change(40, func(f []string) { f[2], f[3] = f[3], f[2] }), commands: []string{"finding accept FINDING" + decides}},
	{symbol: "OHLCNEW", rule: "ohlc_order", edit: change(0, func(f []string) { f[2], f[3] = f[3], f[2] }), commands: []string{"finding accept FINDING" + decides}},
	{symbol: "OHLCREJ", rule: "ohlc_order", edit: change(3, func(f []string) { f[2], f[3] = f[3], f[2] }), commands: []string{"finding reject FINDING" + decides}, out: 1},
	{symbol: "OHLCREF", rule: "ohlc_order", edit: change(3, func(f []string) { f[2], f[3] = f[3], f[2] }), mended: true, commands: []string{"finding refetch FINDING" + decides}},
	{symbol: "SPIKE", rule: "price_spike", edit: change(40, func(f []string) { f[1], f[2], f[3], f[4] = "300", "301", "299", "300" }), commands: []string{"finding replace FINDING --close 100.1" + decides}},
	{symbol: "CLOSED", rule: "unknown_session", edit: change(40, func(f []string) { f[0] = "2025-08-02" }), commands: []string{"finding reject FINDING" + decides}, out: 1},
}

// Every remedy ends well: the ETF is up to date, no row is kept out but those that are wrong, and the forecast's band is sane.
func TestRemedies(t *testing.T) {
	t.Parallel()
	session := etf.MustSession("2025-09-26")
	dir := t.TempDir()
	s := newStack(t)
	p := s.start(t, []string{"ETFCAST_FILE_DIR=" + dir}, "up")
	p.waitReady()
	for _, r := range remedies {
		writePrices(t, dir, string(r.symbol)+".csv", session, r.edit)
		p.registerFile(r.symbol, string(r.symbol)+".csv")
	}
	p.waitRun(p.startRun(map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": session}))
	for _, r := range remedies {
		t.Run(string(r.symbol)+" "+r.rule, func(t *testing.T) {
			id := p.undecidedFinding(r.symbol, r.rule)
			if id == "" {
				t.Fatal("there is no such finding")
			}
			if r.mended {
				writePrices(t, dir, string(r.symbol)+".csv", session, nil)
			}
			for _, command := range r.commands {
				args := words(strings.NewReplacer("FINDING", id, "SYMBOL", string(r.symbol)).Replace(command))
				if run := s.start(t, nil, args...); run.wait() != 0 {
					t.Fatalf("%s: %s", command, run.tail())
				}
			}
			done := p.waitRun(p.startRun(map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": session, "symbols": []etf.Symbol{r.symbol}, "rerun": true}))
			if done.Counts.Updated+done.Counts.Unchanged != 1 {
				t.Fatalf("the re-run ended with %+v: %+v", done.Counts, done.ETFs.Items)
			}
			if again := p.undecidedFinding(r.symbol, ""); again != "" {
				t.Errorf("finding %s waits", again)
			}
			body, _ := p.must(http.MethodGet, "/v1/etfs/"+string(r.symbol), nil, http.StatusOK)
			var e struct {
				Quarantined int
				LastSession etf.Session `json:"last_session"`
			}
			if err := json.Unmarshal(body, &e); err != nil || e.Quarantined != r.out || e.LastSession != session {
				t.Errorf("%s, %v", body, err)
			}
			p.saneBand(t, r.symbol, session)
		})
	}
}

// undecidedFinding returns the ID of the ETF's finding that awaits a decision, of the rule or ("") of any; "" if there is none.
func (p *process) undecidedFinding(symbol etf.Symbol, rule string) string {
	p.t.Helper()
	path := "/v1/findings?state=undecided&symbol=" + string(symbol)
	if rule != "" {
		path += "&rule=" + rule
	}
	body, _ := p.must(http.MethodGet, path, nil, http.StatusOK)
	var page struct{ Items []struct{ ID string } }
	if err := json.Unmarshal(body, &page); err != nil {
		p.t.Fatal(err)
	}
	if len(page.Items) == 0 {
		return ""
	}
	return page.Items[0].ID
}

// saneBand checks the newest forecast of each model: from the session, and within a fifth of the price, which hardly moves.
func (p *process) saneBand(t *testing.T, symbol etf.Symbol, session etf.Session) {
	t.Helper()
	for _, model := range p.models() {
		body, _ := p.must(http.MethodGet, fmt.Sprintf("/v1/etfs/%s/forecasts/latest?model=%s", symbol, model), nil, http.StatusOK)
		var f struct {
			Origin etf.Session
			Points []struct{ Quantiles map[string]float64 }
		}
		if err := json.Unmarshal(body, &f); err != nil || f.Origin != session || len(f.Points) == 0 {
			t.Fatalf("%s: %s, %v", model, body, err)
		}
		for _, q := range f.Points {
			if low, high := q.Quantiles["0.05"], q.Quantiles["0.95"]; low < 80 || high > 125 || low >= high {
				t.Errorf("%s: the band is %v", model, q.Quantiles)
				break
			}
		}
	}
}

// words splits a command line at spaces outside double quotes.
func words(line string) []string {
	var list []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			list = append(list, part)
			continue
		}
		list = append(list, strings.Fields(part)...)
	}
	return list
}
