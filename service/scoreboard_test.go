package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/scoring"
)

// scored is a Store of scores: of SPY and QQQ on XNYS and of 069500 on XKRX.
type scored struct {
	Store
	fail     failures
	scores   []etf.Score
	entrants []string
	former   []string       // models that have forecasts of SPY
	newest   etf.Assessment // of XNYS
}

func (s *scored) NewestAssessment(_ context.Context, exchange etf.Exchange) (etf.Assessment, error) {
	if exchange != etf.XNYS || s.newest.Hash == "" {
		return etf.Assessment{}, etf.NotFound("assessment", "there is none", "")
	}
	return s.newest, s.fail["NewestAssessment"]
}

func (s *scored) ETF(_ context.Context, symbol etf.Symbol) (etf.ETF, error) {
	x, ok := map[etf.Symbol]etf.Exchange{"SPY": etf.XNYS, "QQQ": etf.XNYS, "069500": etf.XKRX}[symbol]
	if !ok {
		return etf.ETF{}, etf.NotFound("", "no row", "")
	}
	return etf.ETF{Symbol: symbol, Exchange: x}, s.fail["ETF"]
}

func (s *scored) Entrants(context.Context) (list []etf.Entrant, err error) {
	for _, model := range s.entrants {
		list = append(list, etf.Entrant{Model: model})
	}
	return list, s.fail["Entrants"]
}

func (s *scored) ForecastModels(context.Context, etf.Symbol) ([]string, error) {
	return s.former, s.fail["ForecastModels"]
}

func (s *scored) Scores(_ context.Context, filter etf.ScoreFilter) (list []etf.Score, err error) {
	for _, score := range s.scores {
		if score.Symbol == filter.Symbol {
			list = append(list, score)
		}
	}
	return list, s.fail["Scores"]
}

// SessionLosses gives the contributions of every score, not added up: their consumer adds up those of one origin.
func (s *scored) SessionLosses(_ context.Context, filter etf.ScoreFilter) (list []etf.SessionLosses, err error) {
	for _, symbol := range []etf.Symbol{"069500", "QQQ", "SPY"} {
		scores, _ := s.Scores(context.Background(), etf.ScoreFilter{Symbol: symbol})
		for _, l := range scoring.Contributions(scores, "drift") {
			if (filter.Exchange == "" || l.Exchange == filter.Exchange) && (filter.Model == "" || l.Model == filter.Model) {
				list = append(list, l)
			}
		}
	}
	return list, s.fail["SessionLosses"]
}

// sessionsOf returns n sessions of the exchange, the first on or after 2025-01-02.
func sessionsOf(t *testing.T, x etf.Exchange, n int) []etf.Session {
	t.Helper()
	cal, err := calendar.For(x)
	if err != nil {
		t.Fatal(err)
	}
	all := cal.Sessions(etf.Window{From: etf.MustSession("2025-01-02"), To: etf.MustSession("2026-06-30")})
	return all[:n]
}

// addScores adds a score for each session. Its pinball losses are the given number of scales (which are 2), its absolute error twice as much;
// the 80 % interval holds on every session but each fifth.
func (s *scored) addScores(symbol etf.Symbol, model string, horizon int, standing etf.Standing, origins []etf.Session, loss func(i int) float64) {
	e, _ := s.ETF(context.Background(), symbol)
	for i, origin := range origins {
		v := 2 * loss(i)
		s.scores = append(s.scores, etf.Score{
			Forecast: fmt.Sprintf("%032x", len(s.scores)), Symbol: symbol, Exchange: e.Exchange, Model: model, Origin: origin, Horizon: horizon,
			Standing: standing, Version: 1, Target: origin.AddDays(7), Actual: 100, ScoredAt: now, Scale: etf.Scale{Absolute: 2, Squared: 4},
			Losses: etf.Losses{
				Absolute: 2 * v, Squared: 4 * v * v, CRPS: 2 * v, Pinball: [7]float64{v, v, v, v, v, v, v}, Inside80: i%5 != 0, Winkler: [2]float64{v, v},
				Width: [2]float64{3, 4}, PIT: float64(i%10)/10 + .05,
			},
		})
	}
}

func constant(v float64) func(int) float64 { return func(int) float64 { return v } }

// swinging alternates around v, so that two models' losses differ from session to session by more than their means do.
func swinging(v float64) func(int) float64 {
	return func(i int) float64 { return v + .3*float64(1-2*(i%2)) }
}

func boardOf(t *testing.T, s *scored, r ScoreRequest) Board {
	t.Helper()
	b, err := New(Deps{Store: s, Models: models}).Scoreboard(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func rowsOf(b Board) (rows []string) {
	for _, i := range b.Items {
		rows = append(rows, fmt.Sprintf("%s %d %s n=%d late=%d", i.Exchange, i.Horizon, i.Model, i.N, i.LateN))
	}
	return rows
}

func TestScoreboard(t *testing.T) {
	t.Parallel()
	us, kr := sessionsOf(t, etf.XNYS, 60), sessionsOf(t, etf.XKRX, 40)
	s := &scored{entrants: []string{"aardvark"}}
	s.addScores("SPY", "prophet", 1, etf.OfRecord, us, constant(.5))
	s.addScores("SPY", "drift", 1, etf.OfRecord, us, constant(.4))
	s.addScores("QQQ", "drift", 1, etf.OfRecord, us[10:], constant(.4))
	s.addScores("QQQ", "aardvark", 1, etf.OfRecord, us[20:], constant(.3))
	s.addScores("SPY", "drift", 5, etf.Late, us[:7], constant(.4))
	s.addScores("069500", "drift", 5, etf.OfRecord, kr, constant(.4))

	b := boardOf(t, s, ScoreRequest{})
	// Exchanges as the calendar lists them, horizons ascending, the benchmark before the others.
	want := []string{
		"XNYS 1 drift n=110 late=0", "XNYS 1 aardvark n=40 late=0", "XNYS 1 prophet n=60 late=0", "XNYS 5 drift n=0 late=7", "XKRX 5 drift n=40 late=0",
	}
	if got := rowsOf(b); !slices.Equal(got, want) {
		t.Fatalf("items\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if b.Late || b.RecordBegins == nil || *b.RecordBegins != us[0] {
		t.Errorf("late %v, the record begins %v, not on %s", b.Late, b.RecordBegins, us[0])
	}
	drift, aardvark, prophet, none := b.Items[0], b.Items[1], b.Items[2], b.Items[3]
	// The absolute error is twice the loss, in units of the scale.
	if math.Abs(*drift.MASE-.8) > 1e-12 || *drift.RelMAE != 1 || drift.Difference != nil || drift.Entry || drift.Sessions != 60 {
		t.Errorf("the benchmark: %+v", drift)
	}
	if math.Abs(*prophet.RelMAE-1.25) > 1e-12 || math.Abs(*prophet.RelCRPS-1.25) > 1e-12 || math.Abs(prophet.Difference.Mean-.1) > 1e-12 || prophet.DM != nil {
		t.Errorf("prophet, with losses of .5 against .4: %+v", prophet)
	}
	if math.Abs(*aardvark.RelMAE-.75) > 1e-12 || !aardvark.Entry || aardvark.Difference.N != 40 || *aardvark.From != us[20] || *aardvark.To != us[59] {
		t.Errorf("aardvark, with losses of .3 against .4: %+v", aardvark)
	}
	if none.MASE != nil || none.RelMAE != nil || none.Coverage80 != nil || none.From != nil || none.Difference != nil || none.Sessions != 0 || len(none.PIT) != 10 {
		t.Errorf("an item without scores: %+v", none)
	}
	if aardvark.Coverage95 != nil {
		t.Errorf("no forecast has tails, and %g of them hold", *aardvark.Coverage95)
	}
	if *drift.Coverage80 < .79 || *drift.Coverage80 > .81 || drift.Coverage80SE == nil {
		t.Errorf("the 80 %% interval holds on four sessions of five: %v ± %v", drift.Coverage80, drift.Coverage80SE)
	}
	raw, err := json.Marshal(b)
	if err != nil || strings.Contains(string(raw), "NaN") {
		t.Errorf("%s, %v", raw, err)
	}

	for _, c := range []struct {
		name    string
		request ScoreRequest
		want    []string
	}{
		{"an exchange", ScoreRequest{Exchange: "XKRX"}, want[4:]},
		{"a horizon", ScoreRequest{Horizon: "1"}, want[:3]},
		{"a model", ScoreRequest{Model: "prophet"}, want[2:3]},
		{"an entrant", ScoreRequest{Model: "aardvark"}, want[1:2]},
		{"an ETF", ScoreRequest{Symbol: "QQQ"}, []string{"XNYS 1 drift n=50 late=0", "XNYS 1 aardvark n=40 late=0"}},
		{"an ETF and its exchange", ScoreRequest{Symbol: "069500", Exchange: "XKRX"}, want[4:]},
		{"a window", ScoreRequest{Exchange: "XNYS", From: us[5].String(), To: us[9].String()},
			[]string{"XNYS 1 drift n=5 late=0", "XNYS 1 prophet n=5 late=0", "XNYS 5 drift n=0 late=2"}},
		{"late", ScoreRequest{Late: true, Exchange: "XNYS"},
			[]string{"XNYS 5 drift n=7 late=7"}},
	} {
		b := boardOf(t, s, c.request)
		if got := rowsOf(b); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
		if b.Late != c.request.Late {
			t.Errorf("%s: late is %v", c.name, b.Late)
		}
	}
	// The tests of a fixed window need both of its ends.
	for _, c := range []struct {
		from, to string
		want     bool
	}{{us[0].String(), us[59].String(), true}, {us[0].String(), "", false}, {"", us[59].String(), false}} {
		b := boardOf(t, s, ScoreRequest{Model: "prophet", From: c.from, To: c.to})
		if got := b.Items[0].DM != nil; got != c.want {
			t.Errorf("from %q to %q: tests %v, want %v", c.from, c.to, got, c.want)
		}
	}
}

// The same scores give the same statistics, pooled over one ETF and read for that ETF.
func TestScoreboardOfTheOnlyETF(t *testing.T) {
	t.Parallel()
	s := &scored{}
	us := sessionsOf(t, etf.XNYS, 80)
	for _, h := range []int{1, 5, 21} {
		s.addScores("SPY", "drift", h, etf.OfRecord, us, swinging(.5))
		s.addScores("SPY", "prophet", h, etf.OfRecord, us, swinging(.45))
	}
	all, one := boardOf(t, s, ScoreRequest{}), boardOf(t, s, ScoreRequest{Symbol: "SPY"})
	for i := range all.Items { // only an exchange has a served model
		all.Items[i].Served = false
	}
	a, _ := json.Marshal(all.Items)
	b, _ := json.Marshal(one.Items)
	if string(a) != string(b) {
		t.Errorf("all ETFs\n%s\nSPY\n%s", a, b)
	}
}

// What is claimed in words is what the confidence sequences show, and nothing more.
func TestScoreboardInWords(t *testing.T) {
	t.Parallel()
	us := sessionsOf(t, etf.XNYS, 250)
	for _, c := range []struct {
		name    string
		scores  func(s *scored)
		request ScoreRequest
		says    []string
		saysNot string
	}{
		{"no scores", func(*scored) {}, ScoreRequest{}, []string{"The record begins today: no forecast issued in time has met its price yet."}, "beats"},
		{"late ones only", func(s *scored) { s.addScores("SPY", "drift", 1, etf.Late, us[:9], constant(.4)) }, ScoreRequest{},
			[]string{"The record begins today", "9 scores of late forecasts are not part of it; late=true"}, "beats"},
		{"late ones, asked for", func(s *scored) {
			s.addScores("SPY", "drift", 1, etf.Late, us, constant(.4))
			s.addScores("SPY", "prophet", 1, etf.Late, us, constant(.1))
		}, ScoreRequest{Late: true}, []string{"The record begins today", "nothing is claimed about them"}, "beats"},
		{"late ones, asked for, of which there are none", func(s *scored) { s.addScores("SPY", "drift", 1, etf.OfRecord, us[:9], constant(.4)) }, ScoreRequest{Late: true},
			[]string{"The record begins on 2025-01-02. There are no scores of late forecasts."}, "shown"},
		{"none in the window", func(s *scored) { s.addScores("SPY", "drift", 1, etf.OfRecord, us[:9], constant(.4)) }, ScoreRequest{From: us[20].String(), To: us[30].String()},
			[]string{"The record begins on 2025-01-02. There are no scores with an origin in the window asked for."}, "claim"},
		{"just begun", func(s *scored) {
			s.addScores("SPY", "drift", 1, etf.OfRecord, us[:1], constant(.9))
			s.addScores("SPY", "prophet", 1, etf.OfRecord, us[:1], constant(.1))
		}, ScoreRequest{}, []string{"The record begins on 2025-01-02. No model has been shown to beat drift, in at most 1 session."}, "prophet"},
		{"the benchmark only", func(s *scored) { s.addScores("SPY", "drift", 1, etf.OfRecord, us, constant(.4)) }, ScoreRequest{},
			[]string{"The record begins on 2025-01-02. There is nothing to compare with drift yet."}, "beats"},
		{"equal", func(s *scored) {
			s.addScores("SPY", "drift", 1, etf.OfRecord, us, swinging(.4))
			s.addScores("SPY", "prophet", 1, etf.OfRecord, us, constant(.4))
		}, ScoreRequest{}, []string{"The record begins on 2025-01-02. No model has been shown to beat drift, in at most 250 sessions.", "at most 5 %"}, "prophet"},
		{"better by little, on few sessions", func(s *scored) {
			s.addScores("SPY", "drift", 1, etf.OfRecord, us[:20], swinging(.4))
			s.addScores("SPY", "prophet", 1, etf.OfRecord, us[:20], swinging(.39))
		}, ScoreRequest{}, []string{"No model has been shown to beat drift, in at most 20 sessions."}, "prophet"},
		{"better by much", func(s *scored) {
			s.addScores("SPY", "drift", 5, etf.OfRecord, us, constant(.9))
			s.addScores("SPY", "prophet", 5, etf.OfRecord, us, constant(.1))
		}, ScoreRequest{}, []string{"prophet at horizon 5 on XNYS beats drift."}, "No model"},
		{"worse by much", func(s *scored) {
			s.addScores("SPY", "drift", 1, etf.OfRecord, us, constant(.1))
			s.addScores("SPY", "prophet", 1, etf.OfRecord, us, constant(.9))
		}, ScoreRequest{Exchange: "XNYS"}, []string{"The record of XNYS begins on 2025-01-02. No model has been shown to beat drift, in at most 250 sessions; drift beats prophet at horizon 1 on XNYS."}, ""},
		{"better by much, in a window", func(s *scored) {
			s.addScores("SPY", "drift", 1, etf.OfRecord, us, constant(.9))
			s.addScores("SPY", "prophet", 1, etf.OfRecord, us, constant(.1))
		}, ScoreRequest{From: us[5].String()}, []string{"The record begins on 2025-01-02.", "no claim is made"}, "prophet"},
		{"the benchmark, asked for", func(s *scored) { s.addScores("SPY", "drift", 1, etf.OfRecord, us, constant(.4)) }, ScoreRequest{Model: "drift"},
			[]string{"The record of drift begins on 2025-01-02. The others are compared with it."}, "beats"},
	} {
		s := &scored{}
		c.scores(s)
		b := boardOf(t, s, c.request)
		for _, text := range c.says {
			if !strings.Contains(b.Summary, text) {
				t.Errorf("%s: %q lacks %q", c.name, b.Summary, text)
			}
		}
		if c.saysNot != "" && strings.Contains(b.Summary, c.saysNot) {
			t.Errorf("%s: %q says %q", c.name, b.Summary, c.saysNot)
		}
	}
}

func TestScoreboardRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		request ScoreRequest
		fields  []string
		says    string // in the last problem
	}{
		{"everything at once", ScoreRequest{Exchange: "NYSE", Symbol: "spy", Model: "../etc", Horizon: "0", From: "2025-13-01", To: "yesterday"},
			[]string{"exchange", "symbol", "model", "horizon", "from", "to"}, ""},
		{"an unknown symbol", ScoreRequest{Symbol: "IWM"}, []string{"symbol"}, "IWM is not registered"},
		{"an unknown symbol and a horizon", ScoreRequest{Symbol: "IWM", Horizon: "22"}, []string{"symbol", "horizon"}, "from 1 to 21"},
		{"a symbol of another exchange", ScoreRequest{Symbol: "SPY", Exchange: "XKRX"}, []string{"exchange"}, "SPY is registered on XNYS"},
		{"an unknown model", ScoreRequest{Model: "oracle"}, []string{"model"}, "use drift or prophet"},
		{"an unknown model of an ETF", ScoreRequest{Model: "oracle", Symbol: "SPY"}, []string{"model"}, "use drift or prophet"},
		{"a signed horizon", ScoreRequest{Horizon: "+5"}, []string{"horizon"}, `"+5" is not a horizon`},
		{"a broken horizon", ScoreRequest{Horizon: "1.5"}, []string{"horizon"}, "whole number"},
		{"from after to", ScoreRequest{From: "2025-09-26", To: "2025-09-25"}, []string{"from"}, "swap"},
	} {
		_, err := New(Deps{Store: &scored{}, Models: models}).Scoreboard(t.Context(), c.request)
		all := wantProblems(t, err, etf.KindInvalid, c.fields...)
		if last := all[len(all)-1]; !strings.Contains(last.Message+"; "+last.Remedy, c.says) {
			t.Errorf("%s: %v does not say %q", c.name, last, c.says)
		}
	}
	// Models that are not run any more are known by what they have left.
	former := &scored{former: []string{"arima"}}
	if b := boardOf(t, former, ScoreRequest{Model: "arima", Symbol: "SPY"}); len(b.Items) != 0 {
		t.Errorf("a former model without scores has %v", rowsOf(b))
	}
	former.addScores("QQQ", "arima", 1, etf.OfRecord, sessionsOf(t, etf.XNYS, 3), constant(.4))
	if b := boardOf(t, former, ScoreRequest{Model: "arima"}); len(b.Items) != 1 || b.Items[0].RelMAE != nil {
		t.Errorf("a former model with scores, and nothing to compare: %+v", b.Items)
	}
}

func TestETFScores(t *testing.T) {
	t.Parallel()
	us := sessionsOf(t, etf.XNYS, 6)
	s := &scored{}
	s.addScores("SPY", "drift", 1, etf.OfRecord, us, constant(.4))
	s.addScores("SPY", "prophet", 1, etf.OfRecord, us, constant(.5))
	s.addScores("SPY", "drift", 5, etf.OfRecord, us, constant(.4))
	s.addScores("SPY", "drift", 1, etf.Late, us[:2], constant(.4))
	s.addScores("SPY", "drift", 1, etf.Late, us[:2], constant(.6)) // late again, of the same origins
	s.addScores("QQQ", "drift", 1, etf.OfRecord, us, constant(.4))
	svc := New(Deps{Store: s, Models: models})
	// Pages of every size make up the same list.
	var want []etf.Score
	for limit := 1; limit <= 19; limit++ {
		var got []etf.Score
		for after, pages := (ScorePosition{}), 0; pages == 0 || !after.IsZero(); pages++ {
			found, err := svc.ETFScores(t.Context(), ScoreRequest{Symbol: "SPY"}, after, limit)
			if err != nil || len(found.Scores) > limit {
				t.Fatal(len(found.Scores), err)
			}
			got, after = append(got, found.Scores...), found.Next
		}
		if want == nil {
			want = got
		}
		if len(got) != 18 || !slices.EqualFunc(got, want, func(a, b etf.Score) bool { return a.Forecast == b.Forecast }) {
			t.Fatalf("pages of %d make %d scores, not 18 in the same order", limit, len(got))
		}
	}
	var order []string
	for _, score := range want[:3] {
		order = append(order, fmt.Sprint(score.Origin, score.Model, score.Horizon))
	}
	if w := []string{fmt.Sprint(us[5], "drift", 1), fmt.Sprint(us[5], "drift", 5), fmt.Sprint(us[5], "prophet", 1)}; !slices.Equal(order, w) {
		t.Errorf("the list begins with %v, want %v", order, w)
	}
	found, err := svc.ETFScores(t.Context(), ScoreRequest{Symbol: "SPY", Horizon: "1", To: us[3].String()}, ScorePosition{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := rowsOf(found.Board), []string{"XNYS 1 drift n=4 late=4", "XNYS 1 prophet n=4 late=0"}; !slices.Equal(got, want) || len(found.Scores) != 8 {
		t.Errorf("the ETF: %v with %d scores, want %v with 8", got, len(found.Scores), want)
	}
	if got, want := rowsOf(Board{Items: found.Pooled}), []string{"XNYS 1 drift n=8 late=4", "XNYS 1 prophet n=4 late=0"}; !slices.Equal(got, want) {
		t.Errorf("its exchange: %v, want %v", got, want)
	}
	late, err := svc.ETFScores(t.Context(), ScoreRequest{Symbol: "SPY", Late: true}, ScorePosition{}, 100)
	if err != nil || len(late.Scores) != 4 || late.Scores[0].Standing != etf.Late || !late.Late {
		t.Errorf("late ones: %+v, %v", late.Scores, err)
	}

	_, err = svc.ETFScores(t.Context(), ScoreRequest{Symbol: "IWM"}, ScorePosition{}, 100)
	wantProblems(t, err, etf.KindNotFound, "symbol")
	_, err = svc.ETFScores(t.Context(), ScoreRequest{Symbol: "IWM", Horizon: "x"}, ScorePosition{}, 0)
	wantProblems(t, err, etf.KindInvalid, "symbol", "horizon", "limit")
}

func TestScoresWithoutTheStore(t *testing.T) {
	t.Parallel()
	for method, request := range map[string]ScoreRequest{
		"ETF": {Symbol: "SPY"}, "Entrants": {}, "Scores": {Symbol: "SPY"}, "SessionLosses": {Model: "oracle"}, "ForecastModels": {Symbol: "SPY", Model: "oracle"},
	} {
		// A database that is down is not a problem with the request.
		request.Horizon = "1"
		_, err := New(Deps{Store: &scored{fail: failures{method: storeAway}}, Models: models}).Scoreboard(t.Context(), request)
		if !errors.Is(err, storeAway) || etf.KindOf(err) != etf.KindUnavailable {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// The statistics of 3 models at 3 horizons on 2 exchanges over 250 sessions, as they are read for 500 ETFs.
func BenchmarkScoreboard(b *testing.B) {
	var sums []etf.SessionLosses
	for _, x := range etf.Exchanges() {
		for _, h := range etf.ScoreHorizons {
			for m, model := range []string{"drift", "prophet", "naive"} {
				for day := range 250 {
					u := 1 + .1*math.Sin(float64(day*(m+1)))
					sums = append(sums, etf.SessionLosses{
						Exchange: x, Model: model, Horizon: h, Standing: etf.OfRecord, Origin: etf.MustSession("2025-01-02").AddDays(day), N: 250,
						Absolute: 200 * u, Squared: 300 * u, CRPS: 150 * u, Pinball: 80 * u, Inside80: 200 - day%9, Inside90: 225 - day%5, Inside50: 125 - day%11,
						Paired: 250, PairedAbsolute: 200 * u, PairedCRPS: 150 * u, AgainstAbsolute: 200, AgainstCRPS: 150, Difference: 80 * (u - 1),
					})
				}
			}
		}
	}
	s := New(Deps{Models: models})
	q, err := New(Deps{Store: &scored{}, Models: models}).checkScores(b.Context(), ScoreRequest{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if n := len(s.board(q, sums).Items); n != 18 {
			b.Fatalf("%d items", n)
		}
	}
}

// The rows of a whole exchange say what the newest assessment says of their model and horizon; those of an ETF, late ones and entries say nothing.
func TestScoreboardVerdicts(t *testing.T) {
	store := &scored{entrants: []string{"naive"}, newest: judged(t)}
	for _, x := range []struct {
		symbol etf.Symbol
		x      etf.Exchange
	}{{"SPY", etf.XNYS}, {"069500", etf.XKRX}} {
		for _, model := range []string{"drift", "prophet", "naive"} {
			for _, h := range []int{1, 5} {
				store.addScores(x.symbol, model, h, etf.OfRecord, sessionsOf(t, x.x, 3), constant(.25))
			}
		}
	}
	s := New(Deps{Store: store, Models: models})
	said := func(items []BoardItem) string {
		var list []string
		for _, i := range items {
			if i.Served || i.Verdict != nil || len(i.Coverage) > 0 {
				list = append(list, fmt.Sprintf("%s %s %d %t %t %d", i.Exchange, i.Model, i.Horizon, i.Served, i.Verdict != nil && i.Verdict.Passed, len(i.Coverage)))
			}
		}
		return strings.Join(list, "; ")
	}
	const want = "XNYS drift 1 true false 1; XNYS prophet 1 false false 1; XNYS drift 5 false false 1; XNYS prophet 5 true true 1; " +
		"XKRX drift 1 true false 0; XKRX drift 5 true false 0"
	b, err := s.Scoreboard(t.Context(), ScoreRequest{})
	if err != nil || len(b.Items) != 12 || said(b.Items) != want {
		t.Errorf("%d items, %s, %v", len(b.Items), said(b.Items), err)
	}
	if b, err := s.Scoreboard(t.Context(), ScoreRequest{Symbol: "SPY"}); err != nil || said(b.Items) != "" {
		t.Errorf("of an ETF: %s, %v", said(b.Items), err)
	}
	if e, err := s.ETFScores(t.Context(), ScoreRequest{Symbol: "SPY"}, ScorePosition{}, 10); err != nil || said(e.Pooled)+"; XKRX drift 1 true false 0; XKRX drift 5 true false 0" != want || said(e.Items) != "" {
		t.Errorf("beside an ETF: %s; %s, %v", said(e.Pooled), said(e.Items), err)
	}
	store.newest.Body = []byte("{}")
	if b, err := s.Scoreboard(t.Context(), ScoreRequest{}); err != nil || said(b.Items) != "XNYS drift 1 true false 0; XNYS drift 5 true false 0; XKRX drift 1 true false 0; XKRX drift 5 true false 0" {
		t.Errorf("with a damaged assessment: %s, %v", said(b.Items), err)
	}
}
