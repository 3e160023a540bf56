package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// sampleState is New York half an hour after the close of Friday, 26 September 2025, with a run at work, and Seoul before its week.
func sampleState(t *testing.T) watchState {
	t.Helper()
	s := watchState{AsOf: time.Date(2025, 9, 26, 20, 30, 0, 0, time.UTC), Waiting: watchWaiting{Findings: 2, Actions: 1}}
	for _, x := range []etf.Exchange{etf.XNYS, etf.XKRX} {
		at, err := sessionsAt(x, s.AsOf)
		if err != nil {
			t.Fatal(err)
		}
		s.Exchanges = append(s.Exchanges, at)
	}
	running := watchRun{ID: "daily:XNYS:2025-09-26", Status: etf.RunRunning, StartedAt: s.AsOf.Add(-42 * time.Second),
		Counts: etf.RunCounts{Due: 20, Updated: 11, Quarantined: 1, Failed: 1}}
	for _, e := range []etf.RunETF{
		{Symbol: "SIMUS42", Outcome: etf.OutcomeFailed, Stage: etf.StageFetch, ErrorType: activities.TypeSourceUnavailable, ErrorMessage: "the response was cut off\x1b[2J after 44074 bytes; " + strings.Repeat("x", 100)},
		{Symbol: "SIMUS7", Outcome: etf.OutcomeQuarantined, Stage: etf.StageDone},
	} {
		running.Failures = append(running.Failures, watchFailure{e.Symbol, e.Outcome, e.Stage, e.ErrorType, e.ErrorMessage, remedyFor(e)})
	}
	running.Done = running.Counts.Done()
	before := watchRun{ID: "daily:XNYS:2025-09-25", Status: etf.RunCompleted, StartedAt: s.AsOf.Add(-24 * time.Hour), FinishedAt: s.AsOf.Add(-24*time.Hour + 75*time.Second),
		Counts: etf.RunCounts{Due: 20, Updated: 20}, Done: 20}
	s.Exchanges[0].Runs = []watchRun{running, before}
	// Friday's session of Seoul closed at 15:30 and was due at 18:30 there, 09:30 UTC: it is late by 11 hours.
	s.Exchanges[1].Stale = 5
	for n := range 5 {
		late := watchLate{Symbol: etf.Symbol(fmt.Sprintf("SIMKR%d", n)), Session: etf.MustSession("2025-09-26"), LateSeconds: 39600}
		if n == 1 {
			late.StoredAt = s.AsOf.Add(-time.Hour)
		}
		s.Exchanges[1].Late = append(s.Exchanges[1].Late, late)
	}
	s.events = []etf.Event{
		{At: s.AsOf.Add(-3 * time.Second), Kind: etf.EventStored, Exchange: etf.XNYS, Session: etf.MustSession("2025-09-26"), Symbol: "SPY", Data: json.RawMessage(`{"new":1,"unchanged":5,"revised":0,"stage":"persist"}`)},
		{At: s.AsOf.Add(-2 * time.Second), Kind: etf.EventRunProgress, Exchange: etf.XNYS, Run: running.ID,
			Data: json.RawMessage(`{"counts":{"due":20,"updated":11,"quarantined":1,"failed":1},"etfs":[{"symbol":"SPY","stage":"done","outcome":"updated"},{"symbol":"SIMUS42","stage":"fetch","outcome":"failed","error_type":"SourceUnavailable"}]}`)},
		{At: s.AsOf.Add(-time.Second), Kind: etf.EventFindingDecided, Exchange: etf.XKRX, Symbol: "069500", Data: json.RawMessage(`{"decision":"accept","by":"김민지\u001b[31m","rows_changed":1}`)},
	}
	return s
}

func TestWatchPicture(t *testing.T) {
	t.Parallel()
	s := sampleState(t)
	for _, c := range []struct {
		name  string
		width int
		ascii bool
	}{{"watch-60.txt", 60, false}, {"watch-80.txt", 80, false}, {"watch-120.txt", 120, false}, {"watch-80-ascii.txt", 80, true}} {
		lines := s.picture(c.width, c.ascii)
		for _, line := range lines {
			if textWidth(line) > c.width || controls(line) {
				t.Errorf("%s: %q has %d columns", c.name, line, textWidth(line))
			}
			if c.ascii && strings.ContainsAny(line, "█░…") {
				t.Errorf("%s: %q is not ASCII", c.name, line)
			}
		}
		golden(t, c.name, strings.Join(lines, "\n")+"\n")
	}
	empty := watchState{AsOf: s.AsOf, Exchanges: []watchExchange{s.Exchanges[1]}, notice: "What is shown is old."}
	if got := strings.Join(empty.picture(80, false), "\n"); !strings.Contains(got, "no run yet (`etfcast run daily --exchange XKRX`)") || !strings.Contains(got, "Nothing waits for a person.") || !strings.HasSuffix(got, "What is shown is old.") {
		t.Errorf("%s", got)
	}
}

// Every failure has the remedy that docs/operations.md has for its type.
func TestWatchRemedies(t *testing.T) {
	t.Parallel()
	for _, of := range activities.ErrorTypes() {
		if got := remedyFor(etf.RunETF{Symbol: "SPY", Outcome: etf.OutcomeFailed, ErrorType: of.Name}); got != of.Remedy {
			t.Errorf("%s: %q, want %q", of.Name, got, of.Remedy)
		}
	}
}

// stocked returns a database with two ETFs.
func stocked(t *testing.T) dbtest.Database {
	t.Helper()
	database := dbtest.Open(t, dbtest.Embedded(t))
	for _, symbol := range []string{"SPY", "QQQ"} {
		if _, _, err := database.Store.CreateETF(t.Context(), etf.ETF{Symbol: etf.Symbol(symbol), Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: "simulated", Ref: symbol}}}); err != nil {
			t.Fatal(err)
		}
	}
	return database
}

func TestWatchOnce(t *testing.T) {
	t.Parallel()
	database := stocked(t)
	env := []string{"ETFCAST_MYSQL_DSN=" + database.UserDSN, "TEMPORAL_ADDRESS=127.0.0.1:1"}
	code, out, stderr := etfcast(t, env, "watch", "--once")
	if code != 0 || !strings.Contains(out, "XNYS ") || !strings.Contains(out, "XKRX ") || !strings.Contains(out, "no run yet") || !strings.Contains(out, "Nothing waits for a person.") || controls(out) {
		t.Errorf("exit code %d: %s%s", code, out, stderr)
	}
	var s watchState
	code, out, stderr = etfcast(t, env, "watch", "--once", "--json", "--exchange", "XNYS")
	if err := json.Unmarshal([]byte(out), &s); code != 0 || err != nil || len(s.Exchanges) != 1 || s.Exchanges[0].Exchange != etf.XNYS || s.Exchanges[0].Session.IsZero() || !s.Exchanges[0].NextClose.After(s.AsOf) {
		t.Errorf("exit code %d, %v: %s%s", code, err, out, stderr)
	}
	if len(s.Exchanges) == 1 && (s.Exchanges[0].Stale != 0 || len(s.Exchanges[0].Late) != 0) {
		t.Errorf("late although the ETF has just been registered: %+v", s.Exchanges[0])
	}
	// Had it been registered long ago, today's prices would be missing, and those of the four sessions before.
	if _, err := database.Admin(t).ExecContext(t.Context(), "UPDATE etfs SET created_at = '2020-01-02'"); err != nil {
		t.Fatal(err)
	}
	code, out, stderr = etfcast(t, env, "watch", "--once", "--json", "--exchange", "XNYS", "--due-after", "XNYS=0s")
	s = watchState{}
	if err := json.Unmarshal([]byte(out), &s); code != 0 || err != nil || len(s.Exchanges) != 1 || s.Exchanges[0].Stale == 0 || len(s.Exchanges[0].Late) != 5*s.Exchanges[0].Stale ||
		s.Exchanges[0].Late[0].Session >= s.Exchanges[0].Late[len(s.Exchanges[0].Late)-1].Session || s.Exchanges[0].Late[0].LateSeconds <= 0 || !s.Exchanges[0].DueAt.Equal(s.Exchanges[0].ClosedAt) {
		t.Errorf("exit code %d, %v: %s%s", code, err, out, stderr)
	}
	code, out, stderr = etfcast(t, env, "watch", "--once", "--csv")
	records, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if code != 0 || err != nil || len(records) != 3 || records[1][0] != "XNYS" && records[1][0] != "XKRX" {
		t.Errorf("exit code %d, %v: %s%s", code, err, out, stderr)
	}
	for _, c := range []struct {
		env  []string
		args []string
		code int
		says string
	}{
		{env, []string{"watch", "--exchange", "XXXX"}, exitUsage, "use XNYS, XKRX, XLON, XETR or XTKS"},
		{[]string{"ETFCAST_MYSQL_DSN=u:p@tcp(127.0.0.1:1)/etfcast"}, []string{"watch", "--once"}, exitUnavailable, "127.0.0.1:1"},
		{[]string{"ETFCAST_MYSQL_DSN=u:p@tcp(127.0.0.1:1)/etfcast"}, []string{"watch"}, exitUnavailable, "127.0.0.1:1"},
	} {
		if code, out, stderr := etfcast(t, c.env, c.args...); code != c.code || !strings.Contains(stderr, c.says) || out != "" {
			t.Errorf("%v: exit code %d, %s%s", c.args, code, out, stderr)
		}
	}
}

// notifying is a buffer that says when a text has been written.
type notifying struct {
	text    bytes.Buffer
	awaited string
	found   chan struct{}
}

func (n *notifying) Write(p []byte) (int, error) {
	k, err := n.text.Write(p)
	if n.found != nil && strings.Contains(n.text.String(), n.awaited) {
		close(n.found)
		n.found = nil
	}
	return k, err
}

// In a pipe, each event is a line, in any format; an interruption ends it with exit code 130.
func TestWatchWritesEvents(t *testing.T) {
	t.Parallel()
	database := stocked(t)
	env := []string{"ETFCAST_MYSQL_DSN=" + database.UserDSN, "TEMPORAL_ADDRESS=127.0.0.1:1"}
	for _, c := range []struct {
		symbol  string
		flags   []string
		awaited string
	}{
		{"IVV", nil, "  XNYS  IVV"},
		{"VOO", []string{"--json"}, `"symbol":"VOO"`},
		{"VTI", []string{"--csv"}, "VTI"},
	} {
		ctx, stop := context.WithCancel(t.Context())
		out := &notifying{awaited: c.awaited, found: make(chan struct{})}
		found := out.found
		ended := make(chan int, 1)
		var stderr bytes.Buffer
		go func() { ended <- run(ctx, append([]string{"watch"}, c.flags...), env, out, &stderr) }()
		registered := make(chan struct{})
		go func() { // events begin with those after the stream was opened: they are repeated until one is seen
			defer close(registered)
			for i := 0; ; i++ {
				symbol := etf.Symbol(c.symbol)
				if i > 0 {
					if _, _, err := database.Store.ChangeETF(ctx, etf.ETFEdit{Symbol: symbol, By: "kim", Name: ptr(strings.Repeat("x", i))}); err != nil && ctx.Err() == nil {
						t.Error(err)
						return
					}
				} else if _, _, err := database.Store.CreateETF(ctx, etf.ETF{Symbol: symbol, Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: "simulated", Ref: c.symbol}}}); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
				if !pause(ctx, 200*time.Millisecond) {
					return
				}
			}
		}()
		select {
		case <-found:
		case code := <-ended:
			t.Fatalf("%v: it ended with exit code %d: %s", c.flags, code, stderr.String())
		case <-time.After(20 * time.Second):
			t.Errorf("%v: no event was written", c.flags)
		}
		stop()
		<-registered
		if code := <-ended; code != exitInterrupted {
			t.Errorf("%v: exit code %d, %s", c.flags, code, stderr.String())
		}
		if controls(strings.ReplaceAll(out.text.String(), "\r\n", "\n")) {
			t.Errorf("%v: %q", c.flags, out.text.String())
		}
	}
}

func ptr[T any](v T) *T { return &v }
