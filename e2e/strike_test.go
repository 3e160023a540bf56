package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// The places between and in the transactions of an update of an ETF, and of the end of a run.
var (
	updatePlaces = []place{
		{name: "in Persist", at: "COMMIT", within: "INSERT INTO bars"},
		{name: "between Persist and Score", at: "COMMIT", within: "INSERT INTO bars", answered: true},
		{name: "in Score", at: "COMMIT", within: "INSERT INTO scores"},
		{name: "between Score and the end of its activity", at: "COMMIT", within: "INSERT INTO scores", answered: true},
		{name: "between Score and Forecast", at: "-- name: GetETFVersion "},
		{name: "in Forecast", at: "COMMIT", within: "INSERT INTO forecasts"},
		{name: "between Forecast and the end of its activity", at: "COMMIT", within: "INSERT INTO forecasts", answered: true},
	}
	anchorPlaces = []place{
		{name: "in Anchor", at: "COMMIT", within: "INSERT INTO ledger_leaves"},
		{name: "between Anchor and the end of its activity", at: "COMMIT", within: "INSERT INTO ledger_leaves", answered: true},
		{name: "between Forecast and Anchor", at: "SELECT number, symbol, model, position, writer FROM ledger_leaves"},
	}
	latePlaces = []place{
		{name: "between Forecast and the score of what has come already", at: "COMMIT", within: "INSERT INTO forecasts", answered: true},
		{name: "in the score of what has come already", at: "COMMIT", within: "INSERT INTO scores"},
		{name: "between the score of what has come already and the end of its activity", at: "COMMIT", within: "INSERT INTO scores", answered: true},
	}
	enterPlaces = []place{ // of the API
		{name: "between an entry and Anchor", at: "SELECT number, symbol, model, position, writer FROM ledger_leaves"},
	}
	decidePlaces = []place{
		{name: "between a decision and Score", at: "COMMIT", within: "-- name: InsertDecision ", answered: true},
	}
)

// The worker is killed in and between the transactions of Persist, Score, Forecast, Anchor and a decision, with another ETF at each
// place, and the API between those of an entry. Whoever takes over completes each of them once: in the end everything stored is what an undisturbed installation stores.
func TestKilledAtEachPlace(t *testing.T) {
	t.Parallel()
	began := time.Now()
	calm := newSeries(t)
	want := calm.play(nil)
	calm.worker.kill()
	calm.api.kill()
	t.Logf("undisturbed: %d lines of content after %s", len(want[len(want)-1]), time.Since(began).Round(time.Second))
	rough := newSeries(t)
	w, through := newWire(t, rough.dsn)
	rough.through = through
	// Also before the next sessions, which would catch up with what was left out.
	for i, got := range rough.play(w) {
		if !slices.Equal(got, want[i]) {
			t.Errorf("part %d: %d lines of content, %d undisturbed; %s", i, len(got), len(want[i]), differences(got, want[i]))
		}
	}
	rough.checkCounts()
	for _, args := range [][]string{{"ledger", "verify"}, {"doctor"}} {
		if c := rough.start(t, nil, args...); c.wait() != 0 {
			t.Errorf("etfcast %s ended with %d: %s", strings.Join(args, " "), c.wait(), c.tail())
		}
	}
	raw, newest := rough.api.checkpoint()
	if kept, err := os.ReadFile(filepath.Join(rough.dir, "checkpoint.txt")); err != nil || string(kept) != string(raw) {
		t.Errorf("the newest checkpoint, of %d leaves, is not in the folder: %q, %v", newest.Size, kept, err)
	}
}

// series is an installation on which several sessions in a row are run.
type series struct {
	*installation
	through string // the DSN of worker and API
	dir     string // of checkpoints
	began   time.Time
}

func newSeries(t *testing.T) *series {
	s := newStack(t)
	return &series{began: time.Now(), installation: &installation{stack: s, t: t}, through: s.dsn, dir: t.TempDir()}
}

func (s *series) startWorker() {
	// Enough fits at once for a place each, and a horizon at which the second session of a series is scored.
	s.worker = s.start(s.t, []string{"ETFCAST_MYSQL_DSN=" + s.through, "ETFCAST_CHECKPOINT_DIR=" + s.dir, "ETFCAST_FIT_CORES=4", "ETFCAST_SCORE_HORIZONS=1,2"}, "worker")
}

func (s *series) startAPI() { s.api = s.start(s.t, []string{"ETFCAST_MYSQL_DSN=" + s.through}, "api") }

// play runs the sessions and returns the content after each part. With a wire, the worker is killed at each place.
func (s *series) play(w *wire) (contents [][]string) {
	t := s.t
	t.Helper()
	if code := s.start(t, nil, "migrate", "--grant", s.user).wait(); code != 0 {
		t.Fatalf("migrate ended with %d", code)
	}
	s.startWorker()
	s.startAPI()
	s.worker.waitReady()
	s.api.waitReady()
	earlier, first, second, third := etf.MustSession("2025-09-15"), etf.MustSession("2025-09-16"), etf.MustSession("2025-09-17"), etf.MustSession("2025-09-18")
	symbols, korean := s.api.registerSimulated(etf.XNYS, len(updatePlaces)+1), s.api.registerSimulated(etf.XKRX, len(anchorPlaces))
	const bad = "SIMBAD"
	s.api.must(http.MethodPost, "/v1/etfs", map[string]any{"symbol": bad, "exchange": etf.XNYS, "currency": "USD", "sources": []etf.SourceRef{
		{Name: "simulated", Ref: bad + "?inception=2024-01-02&faults=bad_tick@" + second.String()},
	}}, http.StatusCreated)

	strike := func() {
		if w != nil {
			w.kill(t, s.worker)
			t.Logf("killed after %s", time.Since(s.began).Round(time.Second))
			s.startWorker()
		}
	}
	hold := func(places ...place) {
		if w != nil {
			w.hold(places...)
		}
	}
	run := func(x etf.Exchange, session etf.Session, only ...etf.Symbol) string {
		request := map[string]any{"workflow": "daily", "exchange": x, "session": session}
		if len(only) > 0 {
			request["symbols"] = only
		}
		return s.api.startRun(request)
	}

	for _, x := range etf.HomeExchanges() {
		s.awaitRun(run(x, first))
	}

	// A run for each place around Anchor is held there before the other exchange's ETFs are held at theirs. The last of them keeps
	// others from reading the log.
	var runs []string
	for i, at := range anchorPlaces {
		hold(at)
		runs = append(runs, run(etf.XKRX, second, korean[i]))
		if w != nil {
			w.await(t)
		}
	}
	hold(updatePlaces...)
	runs = append(runs, run(etf.XNYS, second))
	strike()
	for _, location := range runs {
		s.awaitRun(location)
	}

	contents = append(contents, s.content())

	// The forecasts of a session whose next ones have been run meet prices that have come already. Meanwhile a person decides on the
	// price of the one ETF that is not forecast.
	finding := s.api.findings(bad, "")[0]
	hold(latePlaces...)
	location := run(etf.XNYS, earlier, symbols...)
	if w != nil {
		w.await(t)
	}
	hold(decidePlaces...)
	decided := make(chan error, 1)
	go func() {
		body := map[string]any{"decision": "accept", "by": "kim", "why": "the exchange printed it so", "key": "once"}
		for {
			code, raw, _, err := s.api.request(http.MethodPost, "/v1/findings/"+finding.ID+"/decision", body)
			// As any client that got no response; 202: it is not carried out yet.
			if t.Context().Err() == nil && (err != nil || code == http.StatusServiceUnavailable || code == http.StatusAccepted) {
				continue
			}
			if err == nil && code != http.StatusOK {
				err = fmt.Errorf("status %d: %s", code, raw)
			}
			decided <- err
			return
		}
	}()
	strike()
	s.awaitRun(location)
	if err := <-decided; err != nil {
		t.Errorf("the decision: %v", err)
	}
	eventually(t, "the forecasts that follow from the decision to be anchored", func() error {
		made := s.count(t, `SELECT COUNT(*) FROM forecasts f JOIN etfs e ON e.id = f.etf_id JOIN ledger_leaves l ON l.hash = f.hash
			WHERE e.symbol = ? AND f.origin = ?`, bad, second.String())
		if made < len(s.api.models()) {
			return errors.New("they are not yet")
		}
		return nil
	})

	// Whoever enters a forecast and gets no response sends it again, and learns that it is stored; the next run anchors it, and scores it.
	hold(enterPlaces...)
	entry := map[string]any{"model": "outsider", "late": true, "entries": []any{map[string]any{"symbol": symbols[0], "origin": second, "points": []any{
		map[string]any{"horizon": 1, "quantiles": map[string]float64{"0.05": 94, "0.1": 96, "0.25": 98, "0.5": 100, "0.75": 102, "0.9": 104, "0.95": 106}},
	}}}}
	if w == nil {
		s.api.must(http.MethodPost, "/v1/entries", entry, http.StatusCreated)
	} else {
		sent := make(chan error, 1)
		go func() {
			_, _, _, err := s.api.request(http.MethodPost, "/v1/entries", entry)
			sent <- err
		}()
		w.kill(t, s.api)
		if err := <-sent; err == nil {
			t.Error("the entry got a response")
		}
		s.startAPI()
		s.api.waitReady()
		s.api.must(http.MethodPost, "/v1/entries", entry, http.StatusConflict)
	}
	contents = append(contents, withoutLeaves(s.content()))

	runs = []string{run(etf.XNYS, third, symbols...), run(etf.XKRX, third)}
	for _, location := range runs {
		s.awaitRun(location)
	}
	return append(contents, s.content())
}

// withoutLeaves leaves out what the ledger has.
func withoutLeaves(lines []string) []string {
	return slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "leaf: ") })
}
