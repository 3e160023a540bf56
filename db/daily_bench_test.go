package db_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

// BenchmarkDailyPath measures the database work of one ETF's daily update on the embedded server: 15 fetched rows, one of
// them new, five years of history, and two forecasts of 21 points, one with six components and a fit. Score finds forecasts at horizons 1, 5 and, after 21 updates of an ETF, 21.
// server-ms/op is the CPU time of the parent process, which is the database server when this runs as
// `bin/devstack run --ephemeral -- db.test -test.bench DailyPath`.
func BenchmarkDailyPath(b *testing.B) {
	d := dbtest.Open(b, dbtest.Embedded(b))
	s, ctx := d.Store, context.Background()
	const symbols = 20
	history := weekdays(etf.MustSession("2020-01-01"), 1300)
	for i := range symbols {
		symbol := etf.Symbol(fmt.Sprintf("SIM%03d", i))
		register(b, s, symbol)
		if _, err := s.SeedBars(ctx, symbol, "simulated", etf.AsTraded, history); err != nil {
			b.Fatal(err)
		}
	}
	next := make([][]etf.Bar, symbols)
	for i := range next {
		next[i] = slices.Clone(history)
	}
	stages := map[string]time.Duration{}
	cpu := map[string]time.Duration{}
	timed := func(name string, do func()) {
		start, before := time.Now(), parentCPU()
		do()
		stages[name] += time.Since(start)
		cpu[name] += parentCPU() - before
	}
	n, scores := 0, 0
	a := &activities.Scoring{Store: timedScores{s, timed}, Horizons: etf.ScoreHorizons, Models: []string{"drift", "prophet"}, Benchmark: "drift", Now: time.Now}
	for b.Loop() {
		i := n % symbols
		symbol := etf.Symbol(fmt.Sprintf("SIM%03d", i))
		last := next[i][len(next[i])-1]
		next[i] = append(next[i], bar(last.Session.AddDays(1), n))
		window := next[i][len(next[i])-15:]
		id := fmt.Sprintf("%032x", n+1)
		must := func(err error) {
			if err != nil {
				b.Fatal(err)
			}
		}
		var h etf.History
		var p etf.Persisted
		var err error
		timed("0 ETF+Stored", func() {
			_, err = s.ETF(ctx, symbol)
			must(err)
			_, err = s.Stored(ctx, symbol)
			must(err)
		})
		timed("1 SaveFetch", func() {
			must(s.SaveFetch(ctx, etf.Fetch{ID: id, Symbol: symbol, Source: "simulated", Basis: etf.AsTraded, Rows: len(window),
				Window: etf.Window{From: window[0].Session, To: window[14].Session}, FetchedAt: time.Now(), Run: "daily:XNYS:x"},
				etf.Response{Bars: window, Raw: []byte(strings.Repeat("1,2,3;", 300))}))
		})
		timed("2 Staged", func() { _, err = s.Staged(ctx, id); must(err) })
		timed("3 SaveFindings", func() { must(saveFindings(s, etf.Judgement{Fetch: id, Verdicts: make([]etf.Verdict, 15)})) })
		timed("4 Persist", func() { p, err = s.Persist(ctx, id); must(err) })
		if p.New != 1 || p.Unchanged != 14 {
			b.Fatalf("persisted %+v", p)
		}
		timed("4 Score", func() {
			scored, err := a.Score(ctx, symbol, etf.XNYS)
			must(err)
			scores += scored.Scores
		})
		timed("5 History", func() { h, err = s.History(ctx, symbol, window[14].Session, 1300); must(err) })
		timed("6 AppendForecasts", func() {
			plain := forecastOf(symbol, "drift", window[14].Session, h.DataVersion)
			whole := withParts(forecastOf(symbol, "prophet", window[14].Session, h.DataVersion))
			plain.ID, whole.ID = fmt.Sprintf("%032x", n+1), fmt.Sprintf("%031xf", n+1)
			_, err := s.AppendForecasts(ctx, []etf.Forecast{plain, whole})
			must(err)
		})
		n++
	}
	defer func() {
		last := next[0][len(next[0])-1].Session
		o := fmt.Sprintf("'%s','%s','%s'", last.AddDays(-1), last.AddDays(-5), last.AddDays(-21))
		from := last.AddDays(-110)
		micro(d.Admin(b),
			"SELECT 1",
			"SELECT e.id, e.exchange, e.basis, e.data_version, e.data_version_writer, e.last_session, s.data_version AS scored_version, s.writer, s.horizons, s.chains, s.last_session AS scored_session, s.sessions FROM etfs e LEFT JOIN scorings s ON s.etf_id = e.id WHERE e.symbol = 'SIM000'",
			"SELECT id, exchange, basis, data_version, data_version_writer, last_session FROM etfs WHERE symbol = 'SIM000'",
			"SELECT data_version, writer, horizons, chains, last_session, sessions FROM scorings WHERE etf_id = 1",
			"SELECT v.number, v.cause, f.window_from, f.window_to, f.rows_new, f.rows_revised, f.rows_quarantined, f.actions_new FROM data_versions v LEFT JOIN fetches f ON f.id = v.cause_id WHERE v.etf_id = 1 AND v.number > 10",
			"SELECT v.number, v.cause, v.cause_id FROM data_versions v WHERE v.etf_id = 1 AND v.number > 14",
			"SELECT model FROM entrants ORDER BY model",
			"SELECT * FROM actions WHERE etf_id = 1 AND kind = 'split' ORDER BY etf_id, id, data_version",
			"SELECT session, close, quarantined, data_version, (open = 0 AND high = 0 AND low = 0 AND COALESCE(volume, 1) = 0) AS no_trade FROM bars WHERE etf_id = 1 AND session >= CAST('"+from.String()+"' AS DATE) ORDER BY etf_id, session",
			"SELECT session, close, quarantined, data_version, high FROM bars WHERE etf_id = 1 AND session >= CAST('"+from.String()+"' AS DATE) ORDER BY etf_id, session",
			"SELECT session, close, quarantined, data_version, high FROM bars WHERE etf_id = 1 ORDER BY etf_id DESC, session DESC LIMIT 20",
			"SELECT session, close, quarantined, data_version, high FROM bars WHERE etf_id = 1 AND session IN ("+o+")",
			"SELECT model, origin, chain FROM forecasts WHERE etf_id = 1 AND (model = 'drift' AND chain > 14 OR model = 'prophet' AND chain > 14) ORDER BY etf_id, model, chain",
			"SELECT model, origin, chain FROM forecasts WHERE etf_id = 1 AND model = 'drift' AND chain > 14",
			"SELECT f.id, f.model, f.origin, f.data_version, f.issued_at, f.chain, p.scale_absolute, p.scale_squared, t.by_horizon AS tails, m.mark, m.skipped FROM forecasts f LEFT JOIN forecast_provenance p ON p.forecast_id = f.id LEFT JOIN forecast_tails t ON t.forecast_id = f.id LEFT JOIN forecast_marks m ON m.forecast_id = f.id WHERE f.etf_id = 1 AND f.model IN ('drift','prophet') AND f.origin IN ("+o+") ORDER BY f.model, f.origin, f.chain",
			"SELECT f.id, f.model, f.origin, f.data_version, f.issued_at, f.chain FROM forecasts f WHERE f.etf_id = 1 AND f.model IN ('drift','prophet') AND f.origin IN ("+o+")",
			"SELECT * FROM scores WHERE etf_id = 1 AND model IN ('drift','prophet') AND horizon IN (1,5,21) AND origin IN ("+o+") ORDER BY etf_id, model, horizon, origin, forecast_id, version",
			"SELECT * FROM scores WHERE etf_id = 1 AND model = 'drift' AND horizon = 1 AND origin = '"+last.AddDays(-1).String()+"'",
			"SELECT * FROM forecast_points WHERE forecast_id IN ('00000000000000000000000000000001','0000000000000000000000000000001f') AND horizon IN (1,5,21)",
		)
	}()
	for name, t := range stages {
		b.Logf("%-20s %6.2f ms wall %6.2f ms server", name, t.Seconds()*1e3/float64(n), cpu[name].Seconds()*1e3/float64(n))
	}
	b.Logf("%.1f scores each", float64(scores)/float64(n))
	var all time.Duration
	for _, t := range cpu {
		all += t
	}
	b.ReportMetric(all.Seconds()*1e3/float64(n), "server-ms/op")
}

// parentCPU is the CPU time used by the parent process, in clock ticks of 10 ms.
func parentCPU() time.Duration {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(os.Getppid()) + "/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text)[strings.LastIndexByte(string(text), ')')+1:])
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}
