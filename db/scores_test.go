package db_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/scoring"
)

var nyse = func() *calendar.Calendar {
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		panic(err)
	}
	return cal
}()

// nth returns the n-th session from 2 January 2025 on, which is the first.
func nth(t testing.TB, n int) etf.Session {
	t.Helper()
	s, err := nyse.Nth(etf.MustSession("2025-01-01"), n)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func scorer(s *db.Store, horizons ...int) *activities.Scoring {
	if len(horizons) == 0 {
		horizons = etf.ScoreHorizons
	}
	return &activities.Scoring{Store: s, Horizons: horizons, Models: []string{"drift", "other"}, Benchmark: "drift", Now: time.Now}
}

func score(t testing.TB, a *activities.Scoring, symbol etf.Symbol) etf.Scored {
	t.Helper()
	done, err := a.Score(context.Background(), symbol)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// issueNewest appends a forecast of each model from the ETF's newest session, issued an hour after its close.
func issueNewest(t testing.TB, s *db.Store, symbol etf.Symbol, models ...string) {
	t.Helper()
	e := etfOf(t, s, symbol)
	closed, err := nyse.Close(e.Last)
	if err != nil {
		t.Fatal(err)
	}
	issueAt(t, s, symbol, e.Last, closed.Add(time.Hour), models...)
}

func issueAt(t testing.TB, s *db.Store, symbol etf.Symbol, origin etf.Session, at time.Time, models ...string) []etf.Forecast {
	t.Helper()
	h, err := s.History(context.Background(), symbol, origin, 300)
	if err != nil {
		t.Fatal(err)
	}
	base := h.Bars[len(h.Bars)-1].Close.Float()
	var list []etf.Forecast
	for i, model := range models {
		f := forecastOf(symbol, model, origin, h.DataVersion)
		f.IssuedAt, f.Points = at, nil
		for n := 1; n <= etf.MaxHorizon; n++ {
			target, err := nyse.Nth(origin, n)
			if err != nil {
				t.Fatal(err)
			}
			p := etf.ForecastPoint{Horizon: n, Target: target, Mean: base * 1.0001}
			for k := range p.Quantiles {
				p.Quantiles[k] = base * (1 + .01*math.Sqrt(float64(n))*float64(k-3)*(1+.1*float64(i)))
			}
			f.Points = append(f.Points, p)
		}
		list = append(list, f)
	}
	appended, err := s.AppendForecasts(context.Background(), list)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range appended {
		if a.Refused != nil {
			t.Fatal(a.Refused)
		}
		list[i] = a.Forecast
	}
	return list
}

// days ingests one session after another and issues forecasts from each, as daily runs do; before is called before each session's
// forecasts.
func days(t testing.TB, s *db.Store, symbol etf.Symbol, from, to int, before func(n int)) {
	t.Helper()
	for n := from; n <= to; n++ {
		ingest(t, s, symbol, []etf.Bar{bar(nth(t, n), n*7)})
		if before != nil {
			before(n)
		}
		issueNewest(t, s, symbol, "drift", "other")
	}
}

// checkSums checks that the stored sums are those of the scores.
func checkSums(t testing.TB, s *db.Store) {
	t.Helper()
	_, found, err := s.CheckScoreSums(context.Background(), func(list []etf.Score) []etf.SessionLosses {
		return scoring.Contributions(list, "drift")
	}, 10)
	if err != nil || len(found) > 0 {
		t.Fatalf("sums differ: %+v %v", found, err)
	}
}

func scoresOf(t testing.TB, s *db.Store, symbol etf.Symbol) []etf.Score {
	t.Helper()
	list, err := s.Scores(context.Background(), etf.ScoreFilter{Symbol: symbol})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// What a version has added is found with the same bars whether the reader is told that it only adds or not: for the next session, for
// one that fills a gap, and if it is told a wrong number.
func TestUnscoredAdded(t *testing.T) {
	s := dbtest.Open(t, dbtest.Embedded(t)).Store
	register(t, s, "SPY")
	a := scorer(s)
	days(t, s, "SPY", 1, 6, func(int) { score(t, a, "SPY") })
	for _, c := range []struct {
		what  string
		day   int
		wrong int
	}{{"next session", 7, 0}, {"after a gap", 9, 0}, {"in the gap", 8, 0}, {"wrong number", 10, 1}} {
		p, _ := ingest(t, s, "SPY", []etf.Bar{bar(nth(t, c.day), c.day*7)})
		var found [2][]etf.Session
		for i, added := range []etf.AddedBars{{}, {Version: p.DataVersion.Number, Bars: p.New + c.wrong}} {
			u, err := s.Unscored(t.Context(), "SPY", etf.UnscoredQuery{Models: a.Models, Added: added})
			if err != nil {
				t.Fatal(err)
			}
			found[i] = u.Changed
		}
		if want := []etf.Session{nth(t, c.day)}; !slices.Equal(found[0], want) || !slices.Equal(found[1], want) {
			t.Errorf("%s: changed %v, and %v if told", c.what, found[0], found[1])
		}
		score(t, a, "SPY")
	}
}

// TestScoreDaily runs 25 days with a Score after each Persist. By hand: the forecasts of day n are due at day n+h, so that after day
// 25 there are 24, 20 and 4 scores of each model.
func TestScoreDaily(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		d := dbtest.Open(t, dsn)
		s := d.Store
		register(t, s, "SPY")
		a := scorer(s)
		days(t, s, "SPY", 1, 25, func(n int) {
			done := score(t, a, "SPY")
			want := 0
			for _, h := range etf.ScoreHorizons {
				if n > h {
					want += 2
				}
			}
			if done.Scores != want || done.Revised+done.Withdrawn+done.Redated+done.Corrupt != 0 {
				t.Fatalf("day %d: %+v, want %d scores", n, done, want)
			}
			before := dump(t, d, "scores", "score_sums", "scorings")
			if again := score(t, a, "SPY"); again.Scores != 0 || dump(t, d, "scores", "score_sums", "scorings") != before {
				t.Fatalf("day %d: a repeat changed something: %+v", n, again)
			}
		})
		count := map[string]int{}
		for _, x := range scoresOf(t, s, "SPY") {
			count[fmt.Sprintf("%s %d %s", x.Model, x.Horizon, x.Standing)]++
			target, _ := nyse.Nth(x.Origin, x.Horizon)
			if got := barOn(t, s, "SPY", target).Close.Float(); x.Actual != got || x.Target != target || x.Version != 1 {
				t.Errorf("%+v: the close is %v", x, got)
			}
			if math.Abs(x.Error-(x.Actual-barOn(t, s, "SPY", x.Origin).Close.Float())) > 1e-9 {
				t.Errorf("error of %+v", x)
			}
			if x.Origin > nth(t, 2) && x.Scale.Absolute <= 0 {
				t.Errorf("no scale: %+v", x)
			}
		}
		for _, model := range []string{"drift", "other"} {
			for h, want := range map[int]int{1: 24, 5: 20, 21: 4} {
				if got := count[fmt.Sprintf("%s %d record", model, h)]; got != want {
					t.Errorf("%s at %d: %d scores, want %d (%v)", model, h, got, want, count)
				}
			}
		}
		checkSums(t, s)
		list, err := s.SessionLosses(t.Context(), etf.ScoreFilter{Model: "other", Horizon: 5, Standing: etf.OfRecord})
		if err != nil || len(list) != 20 || list[0].N != 1 || list[0].Paired != 1 || list[0].Origin != nth(t, 1) || list[0].Difference == 0 {
			t.Errorf("sums: %d %+v %v", len(list), list[0], err)
		}
	})
}

// TestScoreCatchUp checks that scoring once after many days gives what scoring daily gives, and so does another set of horizons.
func TestScoreCatchUp(t *testing.T) {
	d := dbtest.Open(t, dbtest.Embedded(t))
	s := d.Store
	for _, symbol := range []etf.Symbol{"DAILY", "ONCE"} {
		register(t, s, symbol)
	}
	a := scorer(s)
	days(t, s, "DAILY", 1, 24, func(int) { score(t, a, "DAILY") })
	days(t, s, "ONCE", 1, 24, nil)
	score(t, scorer(s, 1), "ONCE")
	if done := score(t, a, "ONCE"); done.Scores != 2*(19+3) {
		t.Errorf("other horizons scored %+v", done)
	}
	daily, once := scoresOf(t, s, "DAILY"), scoresOf(t, s, "ONCE")
	if len(daily) != len(once) {
		t.Fatalf("%d scores daily, %d at once", len(daily), len(once))
	}
	for i := range daily {
		if daily[i].Losses != once[i].Losses || daily[i].Origin != once[i].Origin {
			t.Errorf("%+v\n%+v", daily[i], once[i])
		}
	}
	checkSums(t, s)
}

// TestScoreRevisions follows one actual price through a revision, a quarantine and its release.
func TestScoreRevisions(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		d := dbtest.Open(t, dsn)
		s := d.Store
		register(t, s, "SPY")
		a := scorer(s, 1)
		days(t, s, "SPY", 1, 5, func(int) { score(t, a, "SPY") })
		revised := bar(nth(t, 4), 500)
		_, findings := ingest(t, s, "SPY", []etf.Bar{revised, bar(nth(t, 5), 35)}, findingBy("x", nth(t, 4)))
		// The row is quarantined, and does not replace a believed bar until it is accepted.
		if done := score(t, a, "SPY"); done.Scores != 0 {
			t.Errorf("a parked row: %+v", done)
		}
		if _, err := s.Decide(t.Context(), etf.Ruling{Finding: findings[0].ID, Decision: etf.Accept, By: "ann"}); err != nil {
			t.Fatal(err)
		}
		if done := score(t, a, "SPY"); done.Scores != 2 || done.Revised != 2 {
			t.Errorf("a revised price: %+v", done)
		}
		of := func() (list []etf.Score) {
			return slices.DeleteFunc(scoresOf(t, s, "SPY"), func(x etf.Score) bool { return x.Target != nth(t, 4) })
		}
		if list := of(); len(list) != 2 || list[0].Version != 2 || list[0].Actual != revised.Close.Float() {
			t.Errorf("after the revision: %+v", list)
		}
		checkSums(t, s)
		_, findings = ingest(t, s, "SPY", []etf.Bar{revised, bar(nth(t, 5), 35)}, findingBy("y", nth(t, 4)))
		if _, err := s.Decide(t.Context(), etf.Ruling{Finding: findings[0].ID, Decision: etf.Retract, By: "ann"}); err != nil {
			t.Fatal(err)
		}
		if done := score(t, a, "SPY"); done.Scores != 2 || done.Withdrawn != 2 {
			t.Errorf("a retracted price: %+v", done)
		}
		if list := of(); len(list) != 0 {
			t.Errorf("after the retraction: %+v", list)
		}
		checkSums(t, s)
		if _, err := s.Decide(t.Context(), etf.Ruling{Finding: findings[0].ID, Decision: etf.Undo, By: "ann"}); err != nil {
			t.Fatal(err)
		}
		if done := score(t, a, "SPY"); done.Scores != 2 || done.Revised != 2 {
			t.Errorf("a restored price: %+v", done)
		}
		if list := of(); len(list) != 2 || list[0].Version != 4 {
			t.Errorf("after the retraction was taken back: %+v", list)
		}
		checkSums(t, s)
	})
}

// TestScoreLate checks that a forecast issued at its deadline or later is late, and scored when its origin is asked for.
func TestScoreLate(t *testing.T) {
	d := dbtest.Open(t, dbtest.Embedded(t))
	s := d.Store
	register(t, s, "SPY")
	a := scorer(s)
	days(t, s, "SPY", 1, 8, func(int) { score(t, a, "SPY") })
	score(t, a, "SPY")
	issueAt(t, s, "SPY", nth(t, 2), time.Now(), "drift", "other")
	done, err := a.ScoreOrigins(t.Context(), "SPY", nth(t, 2))
	if err != nil || done.Scores != 4 { // at 1 and 5 sessions
		t.Fatalf("late forecasts: %+v %v", done, err)
	}
	late, err := s.SessionLosses(t.Context(), etf.ScoreFilter{Standing: etf.Late})
	if err != nil || len(late) != 4 || late[0].N != 1 || late[0].Origin != nth(t, 2) {
		t.Errorf("%+v %v", late, err)
	}
	checkSums(t, s)
}

// TestScoreAfterARelease checks that of an origin whose price was held, the forecast made in time after its release counts, and the held one
// does if the second comes too late; a forecast in time for an origin that had none counts.
func TestScoreAfterARelease(t *testing.T) {
	d := dbtest.Open(t, dbtest.Embedded(t))
	s := d.Store
	register(t, s, "SPY")
	a := scorer(s, 1)
	ingest(t, s, "SPY", []etf.Bar{bar(nth(t, 1), 7)})
	issue := func(n int, at time.Time, held int) string {
		t.Helper()
		h, err := s.History(t.Context(), "SPY", nth(t, n), 10)
		if err != nil {
			t.Fatal(err)
		}
		f := forecastOf("SPY", "drift", nth(t, n), h.DataVersion)
		f.IssuedAt, f.Held, f.CodeVersion = at, held, fmt.Sprint("v", held) // a release makes another data version, and so another forecast
		if _, _, err := appendOne(t.Context(), s, f); err != nil {
			t.Fatal(err)
		}
		return f.ID
	}
	deadline := func(n int) time.Time {
		at, err := scoring.Deadline(nyse, nth(t, n))
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	want := map[string]etf.Standing{}
	for n := 2; n <= 4; n++ {
		ingest(t, s, "SPY", []etf.Bar{bar(nth(t, n), n*7)})
		score(t, a, "SPY")
		switch n {
		case 2: // held, then released in time
			issue(n, deadline(n).Add(-2*time.Hour), 1)
			want[issue(n, deadline(n).Add(-time.Microsecond), 0)] = etf.OfRecord
		case 3: // held, then released too late
			want[issue(n, deadline(n).Add(-time.Hour), 1)] = etf.OfRecord
			want[issue(n, deadline(n), 0)] = etf.Late
		case 4: // nothing until a decision in the last minute
			want[issue(n, deadline(n).Add(-time.Minute), 0)] = etf.OfRecord
		}
	}
	ingest(t, s, "SPY", []etf.Bar{bar(nth(t, 5), 35)})
	score(t, a, "SPY")
	have := map[string]etf.Standing{}
	for _, x := range scoresOf(t, s, "SPY") {
		have[x.Forecast] = x.Standing
	}
	if !maps.Equal(have, want) {
		t.Errorf("%v, want %v", have, want)
	}
	checkSums(t, s)
}

// TestScoreConcurrently scores the same ETFs from eight goroutines while others store bars: each score has one version, and the sums
// are exact.
func TestScoreConcurrently(t *testing.T) {
	dbtest.Servers(t, func(t *testing.T, dsn string) {
		d := dbtest.Open(t, dsn)
		s := d.Store
		symbols := []etf.Symbol{"AAA", "BBB", "CCC"}
		for _, symbol := range symbols {
			register(t, s, symbol)
			days(t, s, symbol, 1, 8, nil)
		}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				a := scorer(s)
				for k := range symbols {
					symbol := symbols[(i+k)%len(symbols)]
					for {
						_, err := a.Score(context.Background(), symbol)
						if etf.KindOf(err) == etf.KindConflict && err != nil {
							continue // as Temporal does
						}
						if err != nil {
							t.Error(err)
						}
						break
					}
				}
			})
		}
		wg.Wait()
		for _, symbol := range symbols {
			list := scoresOf(t, s, symbol)
			if len(list) != 2*(7+3) {
				t.Errorf("%s has %d scores", symbol, len(list))
			}
			for _, x := range list {
				if x.Version != 1 {
					t.Errorf("%+v", x)
				}
			}
		}
		checkSums(t, s)
	})
}

// TestScoreMovedTargets checks that a target that the calendar has moved since is scored where it is now, with a row that says so, and
// that another calendar makes everything be looked at again.
func TestScoreMovedTargets(t *testing.T) {
	d := dbtest.Open(t, dbtest.Embedded(t))
	s := d.Store
	register(t, s, "SPY")
	ingest(t, s, "SPY", []etf.Bar{bar(nth(t, 1), 1)})
	f := forecastOf("SPY", "drift", nth(t, 1), etfOf(t, s, "SPY").DataVersion)
	closed, _ := nyse.Close(nth(t, 1))
	f.IssuedAt = closed.Add(time.Minute)
	f.Points = f.Points[:1]
	f.Points[0].Target = etf.MustSession("2025-01-04") // a Saturday, as if 3 January had been closed and this day open
	if _, _, err := appendOne(t.Context(), s, f); err != nil {
		t.Fatal(err)
	}
	a := scorer(s)
	ingest(t, s, "SPY", []etf.Bar{bar(nth(t, 2), 2)})
	if done := score(t, a, "SPY"); done.Scores != 1 || done.Redated != 1 {
		t.Fatalf("%+v", done)
	}
	if list := scoresOf(t, s, "SPY"); len(list) != 1 || list[0].Target != nth(t, 2) {
		t.Errorf("%+v", list)
	}
	moved := dump(t, d, "forecast_targets")
	admin := d.Admin(t)
	if _, err := admin.Exec("UPDATE scorings SET sessions = sessions + 1"); err != nil { // as scored with another calendar
		t.Fatal(err)
	}
	if done := score(t, a, "SPY"); done.Scores+done.Redated != 0 {
		t.Errorf("looked at again: %+v", done)
	}
	if after := dump(t, d, "forecast_targets"); moved == "" || after != moved {
		t.Errorf("targets %q, then %q", moved, after)
	}
	var sessions int
	if err := admin.QueryRow("SELECT sessions FROM scorings").Scan(&sessions); err != nil || sessions != nyse.Count(etf.Window{To: nth(t, 2)}) {
		t.Errorf("%d sessions, %v", sessions, err)
	}
	checkSums(t, s)
}

// TestScoreEntrants checks that forecasts of a model that is not this program's are scored, those that come late too.
func TestScoreEntrants(t *testing.T) {
	d := dbtest.Open(t, dbtest.Embedded(t))
	s := d.Store
	register(t, s, "SPY")
	a := scorer(s, 1)
	days(t, s, "SPY", 1, 3, func(int) { score(t, a, "SPY") })
	if _, err := d.Admin(t).Exec("INSERT INTO entrants (model, registered_at) VALUES ('naive', '2025-01-01')"); err != nil {
		t.Fatal(err)
	}
	issueNewest(t, s, "SPY", "naive")
	late, _ := nyse.Close(nth(t, 4))
	issueAt(t, s, "SPY", nth(t, 2), late, "naive")
	days(t, s, "SPY", 4, 4, func(int) {
		if done := score(t, a, "SPY"); done.Scores != 4 { // day 3 of three models, and the late one of day 2
			t.Errorf("%+v", done)
		}
	})
	list, err := s.Scores(t.Context(), etf.ScoreFilter{Symbol: "SPY", Model: "naive"})
	if err != nil || len(list) != 2 || list[0].Standing != etf.Late || list[1].Standing != etf.OfRecord {
		t.Errorf("%+v %v", list, err)
	}
	// The benchmark was in time: the late entry is compared with its forecast of record.
	sums, err := s.SessionLosses(t.Context(), etf.ScoreFilter{Model: "naive", Standing: etf.Late})
	if err != nil || len(sums) != 1 || sums[0].Paired != 1 || sums[0].AgainstAbsolute <= 0 || sums[0].Difference != 0 {
		t.Errorf("%+v %v", sums, err)
	}
	if again := score(t, a, "SPY"); again.Scores != 0 {
		t.Errorf("a repeat: %+v", again)
	}
	checkSums(t, s)
}

// TestScoreCorrupt checks that a forecast whose parts can't be read keeps no other from being scored.
func TestScoreCorrupt(t *testing.T) {
	d := dbtest.Open(t, dbtest.Embedded(t))
	s := d.Store
	register(t, s, "SPY")
	ingest(t, s, "SPY", []etf.Bar{bar(nth(t, 1), 1)})
	closed, _ := nyse.Close(nth(t, 1))
	list := issueAt(t, s, "SPY", nth(t, 1), closed, "drift", "other", "third")
	admin := d.Admin(t)
	for id, tails := range map[string]string{list[1].ID: "[[1,2],", list[2].ID: "[[90,130]" + strings.Repeat(",[90,130]", 20) + "]"} {
		if _, err := admin.Exec("INSERT INTO forecast_tails (forecast_id, by_horizon) VALUES (?, ?)", id, tails); err != nil {
			t.Fatal(err)
		}
	}
	ingest(t, s, "SPY", []etf.Bar{bar(nth(t, 2), 2)})
	u, err := s.Unscored(t.Context(), "SPY", etf.UnscoredQuery{})
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.ScoringInput(t.Context(), u, []etf.Session{nth(t, 1)}, []int{1})
	if err != nil {
		t.Fatal(err)
	}
	if len(in.Forecasts) != 2 || len(in.Corrupt) != 1 || etf.KindOf(in.Corrupt[0]) != etf.KindCorrupt {
		t.Fatalf("%+v", in)
	}
	if third := in.Forecasts[1]; third.Model != "third" || len(third.Tails) != 1 || third.Tails[0] != [2]float64{90, 130} {
		t.Errorf("%+v", third)
	}
}

// TestScoreSumsChanged checks that a changed sum, a changed score and a removed sum are found.
func TestScoreSumsChanged(t *testing.T) {
	d := dbtest.Open(t, dbtest.Embedded(t))
	s := d.Store
	register(t, s, "SPY")
	a := scorer(s, 1)
	days(t, s, "SPY", 1, 3, func(int) { score(t, a, "SPY") })
	admin := d.Admin(t)
	check := func() []etf.ScoreDifference {
		_, found, err := s.CheckScoreSums(t.Context(), func(list []etf.Score) []etf.SessionLosses { return scoring.Contributions(list, "drift") }, 10)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	for _, c := range []struct{ change, undo, column string }{
		{"UPDATE score_sums SET crps = crps + 1 WHERE model = 'other'", "UPDATE score_sums SET crps = crps - 1 WHERE model = 'other'", "crps"},
		{"UPDATE scores SET pit = pit / 100 + 0.9 WHERE model = 'other'", "", "pit"},
		{"DELETE FROM score_sums WHERE model = 'drift'", "", "n"},
	} {
		if _, err := admin.Exec(c.change); err != nil {
			t.Fatal(err)
		}
		found := check()
		if len(found) != 2 && c.undo != "" || len(found) == 0 || !strings.HasPrefix(found[0].Column, c.column) {
			t.Errorf("%s: %+v", c.change, found)
		}
		if c.undo == "" {
			continue
		}
		if _, err := admin.Exec(c.undo); err != nil {
			t.Fatal(err)
		}
		if found := check(); len(found) != 0 {
			t.Errorf("%s: %+v", c.undo, found)
		}
	}
}

func TestScoresNeedTheirFilter(t *testing.T) {
	s := dbtest.New(t)
	_, err := s.Scores(t.Context(), etf.ScoreFilter{})
	wantKind(t, err, etf.KindInvalid, "symbol")
	_, err = s.Scores(t.Context(), etf.ScoreFilter{Symbol: "NONE"})
	wantKind(t, err, etf.KindNotFound, "symbol")
	_, err = s.SessionLosses(t.Context(), etf.ScoreFilter{Symbol: "SPY"})
	wantKind(t, err, etf.KindInvalid, "symbol")
	_, err = s.Unscored(t.Context(), "NONE", etf.UnscoredQuery{})
	wantKind(t, err, etf.KindNotFound, "symbol")
}
