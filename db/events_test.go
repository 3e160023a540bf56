package db_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// eventsSince returns the events after the given one, ascending, as the store reads them.
func eventsSince(t testing.TB, s *db.Store, after int64) []etf.Event {
	t.Helper()
	list, err := s.Events(context.Background(), etf.EventQuery{After: after, Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// happened returns the events that do leads to, one a line: kind, what it is about, data.
func happened(t testing.TB, s *db.Store, do func() error) []string {
	t.Helper()
	span, err := s.EventSpan(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := do(); err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for _, e := range eventsSince(t, s, span.Newest) {
		if e.At.IsZero() || time.Since(e.At) > time.Hour || len(e.Data) > 4000 || !json.Valid(e.Data) {
			t.Errorf("event %+v", e)
		}
		session := ""
		if !e.Session.IsZero() {
			session = e.Session.String()
		}
		lines = append(lines, strings.Join([]string{string(e.Kind), string(e.Exchange), session, string(e.Symbol), string(e.Run), e.Subject, string(e.Data)}, "|"))
	}
	return lines
}

// testEvents checks which events each write leads to, and that a repeat leads to none.
func testEvents(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	const run = "daily:XNYS:2025-01-06"
	wantOnce := func(what string, do func() error, want ...string) {
		t.Helper()
		if got := happened(t, s, do); !slices.Equal(got, want) {
			t.Errorf("%s: events\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if got := happened(t, s, do); len(got) > 0 {
			t.Errorf("%s again: events\n%s", what, strings.Join(got, "\n"))
		}
	}
	wantOnce("register", func() error {
		_, _, err := s.CreateETF(ctx, etf.ETF{Symbol: "EVT", Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: "simulated", Ref: "EVT"}}})
		return err
	}, `etf.registered|XNYS||EVT|||{}`)
	name := "A fund"
	wantOnce("change", func() error {
		_, _, err := s.ChangeETF(ctx, etf.ETFEdit{Symbol: "EVT", Name: &name, By: "kim", Why: "it has a name"})
		return err
	}, `etf.changed|XNYS||EVT|||{"fields":["name"]}`)

	// The run.
	started := time.Date(2025, 1, 6, 22, 0, 0, 0, time.UTC)
	start := etf.Run{ID: run, Workflow: "daily", Exchange: etf.XNYS, Session: day(4), StartedAt: started}
	wantOnce("start", func() error { return s.StartRun(ctx, start) }, `run.started|XNYS|2025-01-06||`+run+`||{"status":"running","symbols":0,"whole_exchange":true}`)

	// A response without findings.
	quiet := fetchOf("EVT", []etf.Bar{bar(day(0), 0)})
	quiet.Run = run
	save := func(f etf.Fetch, bars []etf.Bar) func() error {
		return func() error { return s.SaveFetch(ctx, f, etf.Response{Bars: bars, Basis: f.Basis}) }
	}
	about := func(kind, subject, data string) string { return kind + "|XNYS|2025-01-06|EVT|" + run + "|" + subject + "|" + data }
	wantOnce("fetch", save(quiet, []etf.Bar{bar(day(0), 0)}), about("etf.fetched", quiet.ID, `{"rows":1,"source":"simulated","stage":"fetch"}`))
	wantOnce("judge", func() error { return saveFindings(s, etf.Judgement{Fetch: quiet.ID, Verdicts: []etf.Verdict{etf.VerdictKeep}}) },
		about("etf.validated", quiet.ID, `{"errors":0,"findings":0,"stage":"validate"}`))
	persist := func(id string) func() error {
		return func() error { _, err := s.Persist(ctx, id); return err }
	}
	wantOnce("persist", persist(quiet.ID), about("etf.stored", quiet.ID, `{"data_version":1,"new":1,"quarantined":0,"revised":0,"stage":"persist","unchanged":0}`))

	// One with findings, by hand: no run has fetched it.
	bars := []etf.Bar{bar(day(0), 0), bar(day(1), 1)}
	loud := fetchOf("EVT", bars)
	loud.Run = ""
	f := finding(loud, "price_jump", day(1))
	byHand := func(kind, subject, data string) string { return kind + "|XNYS||EVT||" + subject + "|" + data }
	wantOnce("fetch by hand", save(loud, bars), byHand("etf.fetched", loud.ID, `{"rows":2,"source":"simulated","stage":"fetch"}`))
	wantOnce("judge it", func() error {
		return saveFindings(s, etf.Judgement{Fetch: loud.ID, Findings: []etf.Finding{f}, Verdicts: verdictsOf(bars, []etf.Finding{f})})
	}, byHand("etf.validated", loud.ID, `{"errors":1,"findings":1,"stage":"validate"}`), byHand("finding.reported", f.ID, `{"rule":"price_jump","severity":"error"}`))
	wantOnce("persist it", persist(loud.ID), byHand("etf.stored", loud.ID, `{"data_version":2,"new":1,"quarantined":1,"revised":0,"stage":"persist","unchanged":1}`))
	wantOnce("decide", func() error {
		_, err := s.Decide(ctx, etf.Ruling{Finding: f.ID, Decision: etf.Accept, By: "kim", Why: "right", Key: "k", Run: run})
		return err
	}, about("finding.decided", f.ID, `{"by":"kim","decision":"accept","rows_changed":1}`))

	// Forecasts: one event for all models of an origin.
	version := etfOf(t, s, "EVT").DataVersion
	list := []etf.Forecast{forecastOf("EVT", "drift", day(1), version), forecastOf("EVT", "prophet", day(1), version)}
	list[0].Run, list[1].Run = run, run
	wantOnce("forecast", func() error { _, err := s.AppendForecasts(ctx, list); return err },
		"etf.forecast|XNYS|2025-01-03|EVT|"+run+`||{"models":{"drift":"`+list[0].ID+`","prophet":"`+list[1].ID+`"},"stage":"forecast"}`)
	third := forecastOf("EVT", "third", day(1), version)
	third.Run = run
	wantOnce("one more", func() error { _, err := s.AppendForecasts(ctx, append(list, third)); return err },
		"etf.forecast|XNYS|2025-01-03|EVT|"+run+`||{"models":{"third":"`+third.ID+`"},"stage":"forecast"}`)
	wantOnce("refused", func() error { _, err := s.AppendForecasts(ctx, []etf.Forecast{{Symbol: "EVT"}}); return err })

	// The outcomes: counts are as recorded.
	failed := etf.RunETF{Symbol: "EVT", Session: day(4), Stage: etf.StageFetch, Outcome: etf.OutcomeFailed, ErrorType: "Unavailable", ErrorMessage: "it's down"}
	counts := etf.RunCounts{Due: 1, Failed: 1}
	recorded := counts
	recorded.RowsNew = 1 // the run's first response had one
	text, _ := json.Marshal(recorded)
	wantOnce("outcomes", func() error { return s.RecordOutcomes(ctx, run, nil, counts, []etf.RunETF{failed}) },
		"run.progress|XNYS|2025-01-06||"+run+`||{"counts":`+string(text)+`,"etfs":[{"symbol":"EVT","stage":"fetch","outcome":"failed","error_type":"Unavailable","error_message":"it's down"}]}`)
	wantOnce("end", func() error {
		_, err := s.FinishRun(ctx, etf.RunEnd{Run: run, Status: etf.RunFailed, Counts: counts, Reason: "no"})
		return err
	}, "run.ended|XNYS|2025-01-06||"+run+`||{"counts":`+string(text)+`,"error":"no","status":"failed"}`)
	start.StartedAt = started.Add(time.Hour)
	wantOnce("start again", func() error { return s.StartRun(ctx, start) }, `run.started|XNYS|2025-01-06||`+run+`||{"status":"running","symbols":0,"whole_exchange":true}`)

	// A statement, a decision on it, and one that a person adds.
	paid := etf.Action{Kind: etf.Dividend, Ex: day(1), Amount: etf.MustPrice("0.5")}
	stated := fetchOf("EVT", bars)
	stated.Run = run
	id := etf.ActionID("EVT", paid, "simulated")
	wantOnce("fetch a statement", func() error {
		return s.SaveFetch(ctx, stated, etf.Response{Bars: bars, Basis: stated.Basis, Actions: []etf.Action{paid}})
	}, about("etf.fetched", stated.ID, `{"rows":2,"source":"simulated","stage":"fetch"}`))
	wantOnce("judge it", func() error { return saveFindings(s, etf.Judgement{Fetch: stated.ID, Verdicts: make([]etf.Verdict, 2)}) },
		about("etf.validated", stated.ID, `{"errors":0,"findings":0,"stage":"validate"}`))
	wantOnce("persist it", persist(stated.ID), about("action.stated", id, `{"ex":"2025-01-03","kind":"dividend","status":"accepted"}`),
		about("etf.stored", stated.ID, `{"data_version":4,"new":0,"quarantined":0,"revised":0,"stage":"persist","unchanged":2}`))
	wantOnce("decide on it", func() error {
		_, err := s.DecideAction(ctx, etf.ActionDecision{Action: id, Symbol: "EVT", Status: etf.Rejected, By: "kim", Why: "no", Key: "k1"})
		return err
	}, byHand("action.decided", id, `{"by":"kim","decision":"rejected"}`))
	added := etf.Action{Kind: etf.Dividend, Ex: day(1), Amount: etf.MustPrice("0.6")}
	wantOnce("state one", func() error {
		_, err := s.DecideAction(ctx, etf.ActionDecision{Add: &added, Symbol: "EVT", Status: etf.Accepted, By: "kim", Why: "the notice", Key: "k2"})
		return err
	}, byHand("action.stated", etf.ActionID("EVT", added, etf.SourcePerson), `{"ex":"2025-01-03","kind":"dividend","status":"accepted"}`))

	// A held close.
	judged(t, s, "EVT", []etf.Bar{bar(day(4), 2)}, hold)
	got := happened(t, s, func() error { _, err := s.ReleaseHeld(ctx, "EVT", day(4), run); return err })
	if len(got) != 2 || got[0] != about("bar.released", "", `{"session":"2025-01-06"}`) || !strings.Contains(got[1], `"decision":"accept"`) {
		t.Errorf("released: %q", got)
	}
	if got := happened(t, s, func() error { _, err := s.ReleaseHeld(ctx, "EVT", day(4), run); return err }); len(got) > 0 {
		t.Errorf("released again: %q", got)
	}

	// Entries: all or none.
	entries := []etf.Forecast{entryOf("EVT", "guru", day(0)), entryOf("EVT", "guru", day(1))}
	entries[1].IssuedAt = entries[0].IssuedAt
	if got := happened(t, s, func() error { _, err := s.AppendEntries(ctx, entries, named); return err }); !slices.Equal(got, []string{byHand("entry.appended", "", `{"entries":2,"model":"guru"}`)}) {
		t.Errorf("entries: %q", got)
	}
	if got := happened(t, s, func() error {
		if _, err := s.AppendEntries(ctx, entries, named); err == nil {
			return errors.New("repeated entries are not refused")
		}
		return nil
	}); len(got) > 0 {
		t.Errorf("refused entries: %q", got)
	}
	wantAnchored := happened(t, s, func() error { _, err := s.Anchor(ctx, etf.AnchorScope{Symbols: []etf.Symbol{"EVT"}}, unsigned); return err })
	if len(wantAnchored) != 1 || !strings.HasPrefix(wantAnchored[0], `ledger.anchored||||||{"root":"`) {
		t.Errorf("anchored: %q", wantAnchored)
	}
	if got := happened(t, s, func() error { _, err := s.Anchor(ctx, etf.AnchorScope{Symbols: []etf.Symbol{"EVT"}}, unsigned); return err }); len(got) > 0 {
		t.Errorf("nothing to anchor: %q", got)
	}

	// What the filters select.
	all := eventsSince(t, s, 0)
	for _, q := range []etf.EventQuery{
		{Run: run}, {Symbol: "EVT"}, {Exchange: etf.XNYS}, {Exchange: etf.XKRX}, {Kinds: []etf.EventKind{etf.EventStored, etf.EventForecast}},
		{Run: run, Kinds: []etf.EventKind{etf.EventFetched}}, {Run: run, Symbol: "EVT"}, {After: all[len(all)/2].ID}, {Through: all[len(all)/2].ID},
	} {
		var want []int64
		for _, e := range all {
			if q.Selects(e) && e.ID > q.After && (q.Through == 0 || e.ID <= q.Through) {
				want = append(want, e.ID)
			}
		}
		q.Limit = 10_000
		read, err := s.Events(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		var ids []int64
		for _, e := range read {
			ids = append(ids, e.ID)
		}
		if !slices.Equal(ids, want) || len(want) == 0 && q.Exchange != etf.XKRX {
			t.Errorf("%+v: %v, want %v", q, ids, want)
		}
	}
}

// testManyOutcomes checks that a run's progress is told in events of at most 50 ETFs and 4 KB, which together tell everything.
func testManyOutcomes(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	const run = "daily:XNYS:2025-01-07"
	if err := s.StartRun(ctx, etf.Run{ID: run, Workflow: "daily", Exchange: etf.XNYS, Session: day(5), StartedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	var list []etf.RunETF
	for i := range 230 {
		r := etf.RunETF{Symbol: etf.Symbol(fmt.Sprintf("MANY%03d", i)), Session: day(5), Stage: etf.StageDone, Outcome: etf.OutcomeUpdated}
		if i >= 180 {
			r.Stage, r.Outcome, r.ErrorType, r.ErrorMessage = etf.StageFetch, etf.OutcomeFailed, "Unavailable", strings.Repeat("ü", 1000)
		}
		list = append(list, r)
	}
	lines := happened(t, s, func() error { return s.RecordOutcomes(ctx, run, nil, etf.RunCounts{Due: 230}, list) }) // checks the size
	var symbols []string
	for _, line := range lines {
		var data struct {
			ETFs []struct {
				Symbol string
				Error  string `json:"error_message"`
			}
		}
		if err := json.Unmarshal([]byte(line[strings.Index(line, "{"):]), &data); err != nil || len(data.ETFs) > 50 {
			t.Errorf("%v, %d ETFs", err, len(data.ETFs))
		}
		for _, e := range data.ETFs {
			symbols = append(symbols, e.Symbol)
		}
	}
	if len(symbols) != 230 || !slices.IsSorted(symbols) {
		t.Errorf("%d ETFs in %d events", len(symbols), len(lines))
	}
	// One more that has ended: only it is new.
	list[0].Outcome = etf.OutcomeUnchanged
	if lines := happened(t, s, func() error { return s.RecordOutcomes(ctx, run, nil, etf.RunCounts{Due: 230}, list) }); len(lines) != 1 || strings.Count(lines[0], "MANY") != 1 {
		t.Errorf("%q", lines)
	}
}

// testPruneEvents checks that old events go in batches, from the oldest on, and that the newest one stays.
func testPruneEvents(t *testing.T, d dbtest.Database) {
	ctx, s := t.Context(), d.Store
	for i := range 5 {
		register(t, s, etf.Symbol(fmt.Sprintf("PRU%d", i)))
	}
	all := eventsSince(t, s, 0)
	prune := func(before time.Time, limit, want int) {
		t.Helper()
		if n, err := s.PruneEvents(ctx, before, limit); err != nil || n != want {
			t.Errorf("%d deleted, %v; want %d", n, err, want)
		}
	}
	prune(all[0].At, 10, 0)
	third := len(all) - 3
	for third > 1 && all[third-1].At.Equal(all[third].At) {
		third--
	}
	prune(all[third].At, 2, 2)
	prune(all[third].At, 10_000, third-2)
	if span, err := s.EventSpan(ctx); err != nil || span.Oldest != all[third].ID || span.Newest != all[len(all)-1].ID {
		t.Errorf("%+v, %v", span, err)
	}
	prune(time.Now().Add(time.Hour), 10_000, len(all)-third-1)
	if left := eventsSince(t, s, 0); len(left) != 1 || left[0].ID != all[len(all)-1].ID {
		t.Errorf("%+v are left", left)
	}
	// A later event has a higher number, and the newest before an instant is found.
	register(t, s, "PRU9")
	left := eventsSince(t, s, 0)
	if len(left) != 2 || left[1].ID <= left[0].ID {
		t.Errorf("%+v", left)
	}
	for _, c := range []struct {
		before time.Time
		want   int64
	}{{left[0].At, 0}, {left[1].At, left[0].ID}, {left[1].At.Add(time.Microsecond), left[1].ID}} {
		if id, err := s.NewestEventBefore(ctx, c.before); err != nil || id != c.want {
			t.Errorf("newest before %s: %d, %v; want %d", c.before, id, err, c.want)
		}
	}
}
