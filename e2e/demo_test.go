package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// A newcomer's way through the record: the demo is up to date at once and then fills in its past, which the scoreboard shows when
// asked; forecasts are entered and scored by the sessions that follow; a proof is checked with every server stopped. The demo is stopped
// meanwhile, and goes on.
func TestDemo(t *testing.T) {
	t.Parallel()
	servers := startServers(t)
	s := servers.newStack(t)
	p := s.start(t, nil, "up", "--demo")
	p.prints("up to date after")
	eventually(t, "late scores", func() error {
		for _, item := range p.board("?late=true").Items {
			if item.N > 0 {
				return nil
			}
		}
		return errors.New("there are none")
	})
	if out := p.out.String(); !strings.Contains(out, "/v1/scoreboard?late=true") {
		t.Errorf("it does not say where the scoreboard is:\n%s", out)
	}
	p.oneAfterTheOther()
	kept, early := p.checkpoint()
	p.interrupt() // does not wait for the rest
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("stopping the demo ended with %d", code)
	}

	// By command as by API; of record only what is of record.
	p = s.start(t, nil, "api")
	p.waitReady()
	for query, args := range map[string][]string{"": nil, "?late=true": {"--late"}, "?late=true&exchange=XKRX": {"--late", "--exchange", "XKRX"}} {
		c := s.start(t, nil, append([]string{"scoreboard", "--json"}, args...)...)
		var shown board
		if code := c.wait(); code != 0 || json.Unmarshal([]byte(c.out.String()), &shown) != nil {
			t.Fatalf("etfcast scoreboard %v ended with %d: %s", args, code, c.tail())
		}
		want := p.board(query)
		if !reflect.DeepEqual(shown, want) {
			t.Errorf("etfcast scoreboard %v has %+v, GET /v1/scoreboard%s %+v", args, shown, query, want)
		}
		if want.Late != (query != "") || want.RecordBegins != nil || !strings.Contains(want.Summary, " begins today") {
			t.Errorf("GET /v1/scoreboard%s: %+v", query, want)
		}
		scored := 0
		for _, item := range want.Items {
			scored += item.N
			if query == "" && item.N != 0 || strings.Contains(query, "XKRX") && item.Exchange != etf.XKRX {
				t.Errorf("GET /v1/scoreboard%s: %+v", query, item)
			}
		}
		if query == "?late=true" && scored == 0 {
			t.Error("no late forecast is scored")
		}
	}

	// One entry in time, as JSON, and one that is late, as CSV. Their files come from the bars served.
	x, sessions := openForEntries(t)
	symbol := etf.Symbol("SIMUS1")
	if x == etf.XKRX {
		symbol = "SIMKR1"
	}
	raw, _ := p.must(http.MethodGet, "/v1/etfs/"+string(symbol)+"/bars?limit=1&from="+sessions[0].String(), nil, http.StatusOK)
	var page struct{ Items []etf.StoredBar }
	if err := json.Unmarshal(raw, &page); err != nil || len(page.Items) != 1 {
		t.Fatalf("%s: %v", raw, err)
	}
	quantiles := map[string]float64{}
	csv := "origin_date,horizon,target,target_end_date,location,output_type,output_type_id,value\n"
	for i, level := range []string{"0.05", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95"} {
		quantiles[level] = page.Items[0].Close.Float() * (1 + float64(i-3)/100)
		csv += fmt.Sprintf("%s,1,close,%s,%s,quantile,%s,%g\n", sessions[0], sessions[1], symbol, level, quantiles[level])
	}
	text, err := json.Marshal(map[string]any{"model": "outsider", "entries": []any{map[string]any{
		"symbol": symbol, "origin": sessions[2], "points": []any{map[string]any{"horizon": 1, "quantiles": quantiles}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	submit := func(name string, content []byte, args ...string) {
		c := s.start(t, nil, append([]string{"entry", "submit", save(t, name, content)}, args...)...)
		if code := c.wait(); code != 0 {
			t.Fatalf("etfcast entry submit %s ended with %d: %s", name, code, c.tail())
		}
	}
	submit("entry.json", text)
	submit("entry.csv", []byte(csv), "--model", "outsider", "--late")
	var entries struct {
		Items []struct{ ID, Standing string }
	}
	raw, _ = p.must(http.MethodGet, "/v1/entries?model=outsider", nil, http.StatusOK)
	if err := json.Unmarshal(raw, &entries); err != nil || len(entries.Items) != 2 {
		t.Fatalf("%s: %v", raw, err)
	}
	standing := map[string]string{}
	for _, e := range entries.Items {
		standing[e.Standing] = e.ID
	}
	if len(standing) != 2 || standing["record"] == "" || standing["late"] == "" {
		t.Errorf("the entries are %s", raw)
	}

	// The demo goes on where it was stopped. Its next session scores the late entry; the other one's price has not come.
	p = s.start(t, nil, "up", "--demo")
	p.prints("up to date after")
	eventually(t, "the late entry to be scored", func() error {
		items := p.board("?late=true&model=outsider").Items
		if len(items) != 1 || items[0].N != 1 {
			return fmt.Errorf("%+v", items)
		}
		return nil
	})
	if items := p.board("?model=outsider").Items; len(items) != 1 || items[0].N != 0 || items[0].LateN != 1 {
		t.Errorf("of record: %+v", items)
	}

	// A run of a session before those, asked for by a person, gives late forecasts too.
	cal, err := calendar.For(x)
	if err != nil {
		t.Fatal(err)
	}
	past, err := cal.Nth(sessions[2], -30)
	if err != nil {
		t.Fatal(err)
	}
	request := map[string]any{"workflow": "daily", "exchange": x, "session": past, "symbols": []etf.Symbol{symbol}}
	if done := p.waitRun(p.startRun(request)); done.Counts.Forecasts != len(p.models()) {
		t.Errorf("the run of %s ended with %+v", past, done.Counts)
	}
	if n := s.count(t, `SELECT COUNT(*) FROM scores WHERE origin = ? AND standing = 'late'`, past.String()); n < len(p.models()) {
		t.Errorf("%d late scores of forecasts from %s, want at least one of each model", n, past)
	}
	if n := s.count(t, `SELECT COUNT(*) FROM scores WHERE standing <> 'late'`); n != 0 {
		t.Errorf("%d scores are of record", n)
	}

	// What was kept is part of the ledger that has grown since, and leads to a proof for somebody who has no database.
	raw, late := p.checkpoint()
	if late.Size <= early.Size {
		t.Errorf("the ledger has %d leaves, %d before", late.Size, early.Size)
	}
	checkpoint := save(t, "kept.txt", kept)
	command := func(args ...string) (int, string) {
		c := s.start(t, nil, append([]string{"ledger"}, args...)...)
		return c.wait(), c.out.String()
	}
	if code, out := command("verify", "--against", checkpoint); code != 0 {
		t.Errorf("ledger verify ended with %d: %s", code, out)
	}
	newest := save(t, "newest.txt", raw)
	code, proof := command("proof", standing["record"], "--against", newest) // runs may have grown the ledger since
	if code != 0 {
		t.Fatalf("ledger proof ended with %d: %s", code, proof)
	}
	file := save(t, "proof.json", []byte(proof))
	p.interrupt()
	defer servers.stop(t)() // its database is dropped in the end
	if code, out := command("verify"); code == 0 {
		t.Fatalf("the database is not stopped: %s", out)
	}
	if code, out := command("verify-proof", file, "--against", newest); code != 0 || !strings.Contains(out, standing["record"]) {
		t.Errorf("ledger verify-proof ended with %d: %s", code, out)
	}
	forged := save(t, "forged.json", forge(proof))
	if code, out := command("verify-proof", forged, "--against", newest); code != 2 || !strings.Contains(out, notItsHash) {
		t.Errorf("a forged proof: %d, %s", code, out)
	}
}

// prints waits until the process has printed the text.
func (p *process) prints(text string) {
	p.t.Helper()
	eventually(p.t, "etfcast "+p.name+" to print "+text, func() error {
		if !strings.Contains(p.out.String(), text) {
			return errors.New("it has not yet")
		}
		return nil
	})
}

// board returns a scoreboard.
func (p *process) board(query string) (b board) {
	p.t.Helper()
	raw, _ := p.must(http.MethodGet, "/v1/scoreboard"+query, nil, http.StatusOK)
	if err := json.Unmarshal(raw, &b); err != nil {
		p.t.Fatalf("%s: %v", raw, err)
	}
	return b
}

// oneAfterTheOther checks that the demo has run the sessions before the newest ones after those, oldest first and one at a time on each
// exchange.
func (p *process) oneAfterTheOther() {
	var upToDate time.Time // the end of the last of the newest runs
	var past []etf.Run
	for _, x := range etf.HomeExchanges() {
		raw, _ := p.must(http.MethodGet, "/v1/runs?exchange="+string(x), nil, http.StatusOK)
		var page struct{ Items []etf.Run }
		if err := json.Unmarshal(raw, &page); err != nil {
			p.t.Fatal(err)
		}
		var after *etf.Run // the run that was started next; the list is newest first
		for i, r := range page.Items {
			if len(r.Symbols) == 0 {
				if r.FinishedAt.After(upToDate) {
					upToDate = r.FinishedAt
				}
				continue
			}
			if after != nil && (r.Session >= after.Session || r.FinishedAt.IsZero() || r.FinishedAt.After(after.StartedAt)) {
				p.t.Errorf("%s, which ended at %s, is before %s, which began at %s", r.ID, r.FinishedAt, after.ID, after.StartedAt)
			}
			after = &page.Items[i]
			past = append(past, r)
		}
	}
	for _, r := range past {
		if r.StartedAt.Before(upToDate) {
			p.t.Errorf("%s began at %s, before the demo was up to date, %s", r.ID, r.StartedAt, upToDate)
		}
	}
}
