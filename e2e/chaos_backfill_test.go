package e2e

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// The ETFs of TestChaos that get a backfill are listed a year before its sessions at first. Then their source has ten years more.
const (
	recentInception = "2024-09-02"
	deepInception   = "2015-09-01"
)

// deepWindow is the history that is backfilled.
var deepWindow = etf.Window{From: etf.MustSession(deepInception), To: etf.MustSession("2024-09-01")}

// deepETF is an ETF with a backfill.
type deepETF struct {
	symbol  etf.Symbol
	options string // of its reference
	// decides is what a person decides on as soon as it is reported.
	decides []scripted
}

// scripted is one decision on what the rule reports about the session.
type scripted struct {
	rule     string // "" for the split that is proposed
	session  string
	decision map[string]any
}

func (d deepETF) ref(inception string) string {
	return string(d.symbol) + "?inception=" + inception + d.options
}

// deepETFs are ten ETFs, most of them with something for a person to decide in their history.
func deepETFs() []deepETF {
	decide := func(decision string, values ...any) map[string]any {
		d := map[string]any{"decision": decision, "by": "kim", "why": "compared with the exchange"}
		if len(values) > 0 {
			d["values"] = values
		}
		return d
	}
	list := []deepETF{
		{options: "&faults=bad_tick@2018-03-06", decides: []scripted{{"price_spike", "2018-03-06", decide("reject")}}},
		{options: "&faults=ohlc@2019-05-14", decides: []scripted{{"ohlc_order", "2019-05-14", decide("accept")}}},
		{options: "&faults=tenth@2020-11-10", decides: []scripted{{"price_spike", "2020-11-10", decide("replace", map[string]any{"session": "2020-11-10", "close": 12345})}}},
		{options: "&split=2021-06-08:4:1&faults=unsplit:9999", decides: []scripted{{"", "2021-06-08", decide("accept")}}},
		{options: "&faults=slow:500ms,zero@2017-08-08", decides: []scripted{{"non_positive_price", "2017-08-08", decide("reject")}}},
		{options: "&faults=ohlc@2023-02-07,bad_tick@2016-04-05", decides: []scripted{
			{"ohlc_order", "2023-02-07", decide("accept")}, {"price_spike", "2016-04-05", decide("reject")},
		}},
		{options: "&faults=server_error:1"},
		{options: "&faults=slow:700ms"},
		{options: "&split=2019-10-08:1:5"}, // stated by the source
		{options: "&faults=truncated:1"},
	}
	for i := range list {
		list[i].symbol = etf.Symbol(fmt.Sprintf("SIMK%02d", i))
	}
	return list
}

// part is a part of the history of some ETFs.
type part struct {
	symbols []etf.Symbol
	window  etf.Window
}

// deepParts spreads the history over the rounds: ETF by ETF, and years by years if there are more rounds than ETFs.
func deepParts(rounds int) [][]part {
	deep := deepETFs()
	windows := []etf.Window{deepWindow}
	if rounds > len(deep) {
		middle := etf.MustSession("2020-03-01")
		windows = []etf.Window{{From: middle + 1, To: deepWindow.To}, {From: deepWindow.From, To: middle}}
	}
	var all []part
	for _, w := range windows {
		for _, d := range deep {
			all = append(all, part{symbols: []etf.Symbol{d.symbol}, window: w})
		}
	}
	parts := make([][]part, rounds)
	for i, p := range all {
		r := i * rounds / len(all)
		if n := len(parts[r]); n > 0 && parts[r][n-1].window == p.window {
			parts[r][n-1].symbols = append(parts[r][n-1].symbols, p.symbols...)
			continue
		}
		parts[r] = append(parts[r], p)
	}
	return parts
}

// startBackfills asks for the backfills of a round.
func (in *installation) startBackfills(round int) {
	in.t.Helper()
	for _, p := range in.market.parts[round] {
		body := map[string]any{"exchange": etf.XKRX, "symbols": p.symbols, "from": p.window.From, "to": p.window.To}
		in.backfills = append(in.backfills, in.request(fmt.Sprintf("the backfill of %v", p.symbols), "/v1/backfills", body))
	}
}

// awaitBackfills waits until every backfill has ended, and checks that nothing is missing.
func (in *installation) awaitBackfills() {
	t := in.t
	t.Helper()
	for _, location := range in.backfills {
		var b struct {
			etf.Backfill
			ETFs struct{ Items []etf.BackfillETF } `json:"etfs"`
		}
		eventually(t, "backfill "+location+" to end", func() error {
			code, raw, _, err := in.api.request(http.MethodGet, location, nil)
			if err != nil || code != http.StatusOK {
				return fmt.Errorf("status %d: %s %w", code, raw, err)
			}
			if err := json.Unmarshal(raw, &b); err != nil {
				return err
			}
			if b.Status == etf.RunRunning {
				return fmt.Errorf("it is running: %.1000s", raw)
			}
			return nil
		})
		if b.Status != etf.RunCompleted || b.Counts.ETFsFailed > 0 || b.Counts.SessionsDone != b.Counts.Sessions || b.Counts.Sessions == 0 {
			t.Errorf("backfill %s ended %s, %+v", location, b.Status, b.Counts)
		}
		for _, e := range b.ETFs.Items {
			if e.StillMissing > 0 || e.Error != "" {
				t.Errorf("backfill of %s: %+v", e.Symbol, e)
			}
		}
	}
}

// person decides on what is reported about the ETFs with a backfill, each decision as soon as it can be taken.
type person struct {
	api  atomic.Pointer[process]
	done chan error

	mu      sync.Mutex
	waiting []openDecision
	last    error // of an attempt
}

type openDecision struct {
	symbol etf.Symbol
	scripted
}

func startPerson(t *testing.T, api *process, deep []deepETF) *person {
	p := &person{done: make(chan error, 1)}
	p.ask(api)
	for _, d := range deep {
		for _, s := range d.decides {
			p.waiting = append(p.waiting, openDecision{d.symbol, s})
		}
	}
	go func() {
		pause := time.NewTicker(200 * time.Millisecond)
		defer pause.Stop()
		for {
			p.mu.Lock()
			waiting := slices.Clone(p.waiting)
			p.mu.Unlock()
			if len(waiting) == 0 {
				p.done <- nil
				return
			}
			for _, w := range waiting {
				decided, err := p.decide(w.symbol, w.scripted)
				var refused *refusedDecision
				if errors.As(err, &refused) {
					p.done <- err
					return
				}
				p.mu.Lock()
				if decided {
					p.waiting = slices.DeleteFunc(p.waiting, func(o openDecision) bool { return o.symbol == w.symbol && o.session == w.session })
				}
				if err != nil {
					p.last = err
				}
				p.mu.Unlock()
			}
			select {
			case <-t.Context().Done():
				return
			case <-pause.C:
			}
		}
	}()
	return p
}

// ask is whom the person asks from now on.
func (p *person) ask(api *process) { p.api.Store(api) }

// await waits until every decision is taken.
func (p *person) await(t *testing.T) {
	t.Helper()
	select {
	case err := <-p.done:
		if err != nil {
			t.Fatalf("the decisions: %v", err)
		}
	case <-time.After(waitLimit):
		p.mu.Lock()
		defer p.mu.Unlock()
		t.Fatalf("these decisions can't be taken; is what they are about reported? %+v; the last error: %v", p.waiting, p.last)
	}
}

// refusedDecision is a response that another attempt does not change.
type refusedDecision struct{ text string }

func (r *refusedDecision) Error() string { return r.text }

// decide takes the decision if what it is about is reported, and reports whether it is in force.
func (p *person) decide(symbol etf.Symbol, s scripted) (bool, error) {
	api := p.api.Load()
	find := reportedFinding
	if s.rule == "" {
		find = proposedSplit
	}
	path, err := find(api, symbol, s)
	if err != nil || path == "" {
		return false, err
	}
	body := map[string]any{"key": "scripted"}
	for name, value := range s.decision {
		body[name] = value
	}
	code, raw, _, err := api.request(http.MethodPost, path, body)
	switch {
	case err != nil:
		return false, err
	case code == http.StatusOK:
		return true, nil
	case code == http.StatusAccepted || code == http.StatusServiceUnavailable || code == http.StatusTooManyRequests:
		return false, fmt.Errorf("status %d", code)
	}
	return false, &refusedDecision{fmt.Sprintf("POST %s: status %d: %s", path, code, raw)}
}

// proposedSplit returns where to decide on the split, or "" if it is not there yet. Windows of the backfill may be under way.
func proposedSplit(api *process, symbol etf.Symbol, s scripted) (string, error) {
	code, raw, _, err := api.request(http.MethodGet, "/v1/etfs/"+string(symbol)+"/actions", nil)
	if err != nil || code != http.StatusOK {
		return "", fmt.Errorf("status %d: %w", code, err)
	}
	var list listedActions
	if err := json.Unmarshal(raw, &list); err != nil {
		return "", err
	}
	for _, a := range list.Items {
		if a.Kind == string(etf.Split) && a.Ex.String() == s.session {
			return "/v1/actions/" + a.ID + "/decision", nil
		}
	}
	return "", nil
}

// reportedFinding returns where to decide on the finding, or "" if it is not there yet.
func reportedFinding(api *process, symbol etf.Symbol, s scripted) (string, error) {
	code, raw, _, err := api.request(http.MethodGet, "/v1/findings?symbol="+string(symbol)+"&rule="+s.rule, nil)
	if err != nil || code != http.StatusOK {
		return "", fmt.Errorf("status %d: %w", code, err)
	}
	var page struct{ Items []etf.Finding }
	if err := json.Unmarshal(raw, &page); err != nil {
		return "", err
	}
	for _, f := range page.Items {
		if f.Severity == etf.SeverityError && slices.Contains(f.Sessions, etf.MustSession(s.session)) {
			return "/v1/findings/" + f.ID + "/decision", nil
		}
	}
	return "", nil
}

// strict is the content (contentQueries) about everything but the exchange with backfills.
func (in *installation) strict() []string {
	in.t.Helper()
	return exceptXKRX(in.content())
}

func exceptXKRX(lines []string) []string {
	return slices.DeleteFunc(lines, func(line string) bool {
		return strings.Contains(line, string(etf.XKRX)) || strings.Contains(line, "SIMK")
	})
}

// believedQueries select what is believed about the ETFs with backfills, whichever of backfill, daily run and decision came first: no IDs,
// versions and instants. The placeholder is the last run. Findings that suspect a split are left out (checkSuspectedSplits): each window of a
// history reports one as long as nobody has accepted the split, so how many there are depends on how soon a person does.
var believedQueries = map[string]string{
	"bar": `SELECT symbol, session, open, high, low, close, adj_close, volume, b.basis, source, b.quarantined
		FROM bars b JOIN etfs e ON e.id = b.etf_id WHERE exchange = 'XKRX'`,
	"action": `SELECT symbol, kind, ex, terms, amount, numerator, denominator, source, status, decided_by, why
		FROM actions a JOIN etfs e ON e.id = a.etf_id WHERE exchange = 'XKRX' AND superseded_by = 9223372036854775807`,
	"finding": `SELECT symbol, rule, severity, evidence FROM findings n JOIN etfs e ON e.id = n.etf_id
		WHERE exchange = 'XKRX' AND rule <> 'split_suspected'`,
	"finding row": `SELECT symbol, rule, severity, session, staged, open, high, low, close, volume
		FROM finding_rows r JOIN findings n ON n.id = r.finding_id JOIN etfs e ON e.id = n.etf_id
		WHERE exchange = 'XKRX' AND rule <> 'split_suspected'`,
	"decision": `SELECT symbol, rule, number, in_force, decision, d.decided_by, d.why
		FROM decisions d JOIN findings n ON n.id = d.finding_id JOIN etfs e ON e.id = n.etf_id
		WHERE exchange = 'XKRX' AND rule <> 'split_suspected'`,
	"point": `SELECT symbol, model, horizon, target, mean, q05, q10, q25, q50, q75, q90, q95
		FROM forecast_points p JOIN forecasts f ON f.id = p.forecast_id JOIN etfs e ON e.id = f.etf_id WHERE exchange = 'XKRX' AND f.run_id = ?`,
	"forecast": `SELECT symbol, model, origin, f.basis, params_hash, seed, diagnostics
		FROM forecasts f JOIN etfs e ON e.id = f.etf_id WHERE exchange = 'XKRX' AND f.run_id = ?`,
}

// believed returns what believedQueries select, one line a row.
func (in *installation) believed() []string {
	in.t.Helper()
	return in.lines(in.believedQueries())
}

func (in *installation) believedQueries() map[string]string {
	last := "daily:XKRX:" + in.last().String()
	queries := map[string]string{}
	for name, query := range believedQueries {
		queries[name] = strings.ReplaceAll(query, "?", "'"+last+"'")
	}
	return queries
}

// planted are faults that the comparison must find, each made by one statement: kind is that of the lines in which it is seen.
var planted = []struct {
	fault     string
	believed  bool // it is about the ETFs with a backfill
	kind      string
	statement string
}{
	{"a bar of a backfill is missing", true, "bar", `DELETE FROM bars WHERE session = '2017-03-02' AND etf_id = (SELECT id FROM etfs WHERE symbol = 'SIMK07')`},
	{"a close differs by the smallest unit", true, "bar", `UPDATE bars SET close = close + 0.00000001 WHERE session = '2018-05-03' AND etf_id = (SELECT id FROM etfs WHERE symbol = 'SIMK06')`},
	{"a rejected bar is believed", true, "bar", `UPDATE bars SET quarantined = 1 - quarantined WHERE session = '2019-05-14' AND etf_id = (SELECT id FROM etfs WHERE symbol = 'SIMK01')`},
	{"another decision", true, "decision", `UPDATE decisions SET decision = 'reject' WHERE decision = 'accept' AND finding_id IN (SELECT n.id FROM findings n JOIN etfs e ON e.id = n.etf_id WHERE symbol = 'SIMK01')`},
	{"a split is no longer in force", true, "action", `UPDATE actions SET status = 'rejected' WHERE kind = 'split' AND etf_id = (SELECT id FROM etfs WHERE symbol = 'SIMK03')`},
	{"a bar of a daily run is missing", false, "bar", `DELETE FROM bars WHERE session = '2025-09-15' AND etf_id = (SELECT id FROM etfs WHERE symbol = 'SIMY05')`},
	{"a run has a session's row twice", false, "run", `UPDATE runs SET rows_new = rows_new + 1 WHERE id = 'daily:XNYS:2025-09-15'`},
	{"a forecast is missing", false, "forecast", `DELETE FROM forecasts WHERE id IN (SELECT id FROM (SELECT MIN(f.id) AS id FROM forecasts f JOIN etfs e ON e.id = f.etf_id WHERE symbol = 'SIMY05') x)`},
}

// checkComparison makes faults in the database, which is of no more use afterwards, and checks that the comparison finds each.
func (in *installation) checkComparison() {
	t := in.t
	t.Helper()
	db, err := sql.Open("mysql", in.adminDSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, p := range planted {
		lines := func() []string {
			if p.believed {
				return in.lines(map[string]string{p.kind: in.believedQueries()[p.kind]})
			}
			return exceptXKRX(in.lines(map[string]string{p.kind: contentQueries[p.kind]}))
		}
		before := lines()
		if _, err := db.ExecContext(t.Context(), p.statement); err != nil {
			t.Errorf("%s: %v", p.fault, err)
			continue
		}
		if slices.Equal(before, lines()) {
			t.Errorf("the comparison does not find that %s", p.fault)
		}
	}
}

// checkSuspectedSplits checks that splits were suspected, and that each such finding was settled when the person accepted the split: by that, or
// because its rows were judged again before they were stored.
func (in *installation) checkSuspectedSplits() {
	t := in.t
	t.Helper()
	db, err := sql.Open("mysql", in.adminDSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const about = `FROM findings n JOIN etfs e ON e.id = n.etf_id WHERE exchange = 'XKRX' AND rule = 'split_suspected'`
	if len(rowsOf(t, db, `SELECT n.id `+about)) == 0 {
		t.Error("no split was suspected: the case does not test it")
	}
	if open := rowsOf(t, db, `SELECT symbol, severity, evidence `+about+` AND NOT EXISTS (
		SELECT 1 FROM decisions d WHERE d.finding_id = n.id AND d.in_force = 1 AND d.decision IN ('accept', 'superseded'))`); len(open) > 0 {
		t.Errorf("suspected splits are not settled: %v", open)
	}
}

// hashOf is the SHA-256 of the lines.
func hashOf(lists ...[]string) string {
	h := sha256.New()
	for _, lines := range lists {
		for _, line := range lines {
			_, _ = h.Write([]byte(line + "\n"))
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}
