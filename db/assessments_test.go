package db_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

func assessmentOf(session etf.Session, fill string) (etf.Assessment, []etf.GateVerdict) {
	a := etf.Assessment{
		Hash: strings.Repeat(fill, 64), Exchange: etf.XNYS, Session: session, Previous: strings.Repeat("0", 64), Through: session - 1,
		MadeAt: time.Date(2025, 1, 9, 21, 0, 0, 123456000, time.UTC), Run: "daily:XNYS:x", Body: []byte(`{"weights":{}}`), State: bytes.Repeat([]byte(`{"a":1}`), 1000),
	}
	var gate []etf.GateVerdict
	for _, h := range []int{1, 5} {
		for _, m := range []string{"garch", "prophet"} {
			gate = append(gate, etf.GateVerdict{Exchange: etf.XNYS, Session: session, Model: m, Horizon: h, Passed: h == 1, Served: h == 1 && m == "garch",
				N: 7, Mean: -1.0 / 3, Low: -.5, High: .1, Level: .05 / 6})
		}
	}
	return a, gate
}

// Of several assessments of a session the first stands; each is found by session, by hash and as the newest before a session, with its state; the
// verdicts are listed in pages.
func TestAssessments(t *testing.T) {
	onServers(t, func(t *testing.T, d dbtest.Database) {
		ctx, s := t.Context(), d.Store
		for _, err := range []error{
			func() error { _, err := s.AssessmentOf(ctx, etf.XNYS, day(0)); return err }(),
			func() error { _, err := s.AssessmentByHash(ctx, "a"); return err }(),
			func() error { _, err := s.AssessmentBefore(ctx, etf.XNYS, day(9)); return err }(),
			func() error { _, err := s.NewestAssessment(ctx, etf.XNYS); return err }(),
		} {
			wantKind(t, err, etf.KindNotFound, "assessment")
		}
		if hash, err := s.AssessmentHash(ctx, etf.XNYS, day(0)); hash != "" || err != nil {
			t.Errorf("%q, %v", hash, err)
		}
		first, gate := assessmentOf(day(0), "a")
		second, gate2 := assessmentOf(day(1), "b")
		second.Through = 0
		for _, c := range []struct {
			a    etf.Assessment
			gate []etf.GateVerdict
		}{{first, gate}, {second, gate2}} {
			stored, err := s.SaveAssessment(ctx, c.a, c.gate)
			if err != nil || !reflect.DeepEqual(stored, c.a) {
				t.Fatalf("%v: stored %+v, want %+v", err, stored, c.a)
			}
		}
		late, lateGate := assessmentOf(day(0), "c")
		if stored, err := s.SaveAssessment(ctx, late, lateGate); err != nil || stored.Hash != first.Hash {
			t.Errorf("a second assessment of a session: %s, %v", stored.Hash, err)
		}
		for name, find := range map[string]func() (etf.Assessment, error){
			"of":     func() (etf.Assessment, error) { return s.AssessmentOf(ctx, etf.XNYS, day(0)) },
			"hash":   func() (etf.Assessment, error) { return s.AssessmentByHash(ctx, first.Hash) },
			"before": func() (etf.Assessment, error) { return s.AssessmentBefore(ctx, etf.XNYS, day(1)) },
		} {
			if got, err := find(); err != nil || !reflect.DeepEqual(got, first) {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
		if newest, err := s.NewestAssessment(ctx, etf.XNYS); err != nil || newest.Hash != second.Hash || newest.State != nil || !newest.Through.IsZero() {
			t.Errorf("newest: %+v, %v", newest, err)
		}
		var all []etf.GateVerdict
		for after := (etf.GatePosition{}); ; {
			page, next, err := s.GateVerdicts(ctx, etf.GateFilter{Exchange: etf.XNYS}, after, 3)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, page...)
			if after = next; next == (etf.GatePosition{}) {
				break
			}
		}
		if want := slices.Concat(gate2, gate); !reflect.DeepEqual(all, want) {
			t.Errorf("verdicts %+v, want %+v", all, want)
		}
		some, next, err := s.GateVerdicts(ctx, etf.GateFilter{Model: "garch", Horizon: 5}, etf.GatePosition{}, 2)
		if err != nil || len(some) != 2 || some[0].Horizon != 5 || some[1].Model != "garch" || next != (etf.GatePosition{}) {
			t.Errorf("%+v, %v, %v", some, next, err)
		}
		if _, err := d.Admin(t).ExecContext(ctx, "UPDATE assessments SET state_size = state_size + 1 WHERE hash = ?", first.Hash); err != nil {
			t.Fatal(err)
		}
		_, err = s.AssessmentByHash(ctx, first.Hash)
		wantKind(t, err, etf.KindCorrupt, "")
	})
}

// Outcomes are of record, of the newest version, with a volatility and without a held origin; the raw quantiles are the model's, whether the
// forecast was calibrated or not.
func TestMatured(t *testing.T) {
	onServers(t, func(t *testing.T, d dbtest.Database) {
		ctx, s := t.Context(), d.Store
		register(t, s, "MAT")
		p, _ := ingest(t, s, "MAT", []etf.Bar{bar(day(0), 0)})
		u, err := s.Unscored(ctx, "MAT", etf.UnscoredQuery{})
		if err != nil {
			t.Fatal(err)
		}
		changes := etf.ScoreChanges{Symbol: "MAT", Number: u.Number, Version: u.Version, Mark: etf.ScoringMark{DataVersion: u.Version.Number, Horizons: []int{1}}, At: time.Now()}
		made := map[string]etf.Forecast{}
		for _, c := range []struct {
			model  string
			change func(*etf.Forecast, *etf.Score)
		}{
			{"plain", func(f *etf.Forecast, _ *etf.Score) { f.Raw = nil }},
			{"calibrated", func(*etf.Forecast, *etf.Score) {}},
			{"held", func(f *etf.Forecast, _ *etf.Score) { f.Held = 1 }},
			{"old", func(f *etf.Forecast, _ *etf.Score) { f.Raw, f.Volatility = nil, 0 }},
			{"late", func(_ *etf.Forecast, x *etf.Score) { x.Standing = etf.Late }},
			{"withdrawn", func(_ *etf.Forecast, x *etf.Score) { x.Withdrawn = true }},
			{"elsewhere", func(_ *etf.Forecast, x *etf.Score) { x.Target++ }},
		} {
			f := provenanced(forecastOf("MAT", c.model, day(0), p.DataVersion))
			f.Tails[3] = f.Tails[2]
			score := etf.Score{Forecast: f.ID, Symbol: "MAT", Exchange: etf.XNYS, Model: c.model, Origin: day(0), Horizon: 3, Standing: etf.OfRecord, Version: 1, Target: day(3), Actual: 101,
				ScoredAt: time.Date(2025, 9, 29, 20, 0, 0, 0, time.UTC)}
			c.change(&f, &score)
			if _, _, err := appendOne(ctx, s, f); err != nil {
				t.Fatal(err)
			}
			made[c.model] = f
			changes.Scores = append(changes.Scores, score)
			if c.model == "plain" {
				score.Version, score.Actual = 2, 102
				changes.Scores = append(changes.Scores, score)
			}
		}
		if err := s.SaveScores(ctx, changes); err != nil {
			t.Fatal(err)
		}
		query := etf.OutcomeQuery{Exchange: etf.XNYS, Models: []string{"plain", "calibrated", "held", "old", "late", "withdrawn", "elsewhere"}, Horizon: 3, Origin: day(0), Target: day(3)}
		list, corrupt, err := s.Matured(ctx, query)
		if err != nil || len(corrupt) != 0 || len(list) != 2 {
			t.Fatalf("%+v, %v, %v", list, corrupt, err)
		}
		for _, m := range list {
			f := made[m.Model]
			want := etf.MaturedForecast{Symbol: "MAT", Model: m.Model, Volatility: f.Volatility, Actual: 102,
				Raw: etf.RawPoint{Quantiles: f.Points[2].Quantiles, Tails: f.Tails[2]}}
			if m.Model == "calibrated" {
				want.Raw, want.Actual = f.Raw[2], 101
			}
			if m != want {
				t.Errorf("got %+v, want %+v", m, want)
			}
		}
		if _, err := d.Admin(t).ExecContext(ctx, "UPDATE forecast_raw SET by_horizon = '[{}]' WHERE forecast_id = ?", made["calibrated"].ID); err != nil {
			t.Fatal(err)
		}
		if list, corrupt, err = s.Matured(ctx, query); err != nil || len(corrupt) != 1 || len(list) != 1 {
			t.Errorf("one is damaged: %+v, %v, %v", list, corrupt, err)
		}
	})
}
