package activities

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// fakeScores counts what is asked for, and finds nothing to score.
type fakeScores struct {
	scored  []etf.Symbol
	origins []etf.Session
	fails   int // the first SaveScores, with a conflict
	saved   int
	err     error
}

func (s *fakeScores) Unscored(ctx context.Context, symbol etf.Symbol, q etf.UnscoredQuery) (etf.Unscored, error) {
	if ctx.Err() != nil {
		return etf.Unscored{}, ctx.Err()
	}
	s.scored, s.origins = append(s.scored, symbol), append(s.origins, q.Origins...)
	return etf.Unscored{Symbol: symbol, Exchange: etf.XNYS, Version: etf.DataVersion{Number: 7}, Appended: []etf.ForecastPlace{{Model: "drift", Origin: friday, Chain: 1}}}, s.err
}

func (s *fakeScores) ScoringInput(context.Context, etf.Unscored, []etf.Session, []int) (etf.ScoringInput, error) {
	return etf.ScoringInput{}, nil
}

func (s *fakeScores) BarStates(context.Context, uint32, etf.Session) ([]etf.BarState, error) {
	return nil, nil
}

func (s *fakeScores) SaveScores(context.Context, etf.ScoreChanges) error {
	if s.fails--; s.fails >= 0 {
		return &etf.Error{Kind: etf.KindConflict, Message: "lost"}
	}
	s.saved++
	return nil
}

func scoringOn(s *fakeScores, now time.Time) *Scoring {
	return &Scoring{Store: s, Horizons: etf.ScoreHorizons, Models: []string{"drift"}, Benchmark: "drift", Now: func() time.Time { return now }}
}

// A lost race reads again, as often as forecasts do; then the attempt fails.
func TestScoreReadsAgainAfterALostRace(t *testing.T) {
	for _, c := range []struct {
		fails int
		ok    bool
	}{{0, true}, {maxLostRaces, true}, {maxLostRaces + 1, false}} {
		s := &fakeScores{fails: c.fails}
		done, err := scoringOn(s, clock()).Score(t.Context(), "SPY")
		if (err == nil) != c.ok || c.ok && (done.DataVersion != 7 || s.saved != 1 || len(s.scored) != c.fails+1) {
			t.Errorf("%d lost races: %+v %v, read %d times", c.fails, done, err, len(s.scored))
		}
	}
}

// What the activity has stored is committed when it scores: a cancellation does not stop that, only the end of its time does.
func TestScoreGoesOnWhenCancelled(t *testing.T) {
	for name, c := range map[string]struct {
		ctx   func(context.Context) (context.Context, context.CancelFunc)
		saved int
	}{
		"no limit": {context.WithCancel, 1},
		"limit": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Hour)
		}, 1},
		"limit exceeded": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, -time.Hour)
		}, 0},
	} {
		s := &fakeScores{}
		ctx, cancel := c.ctx(t.Context())
		cancel()
		if _, err := scoringOn(s, clock()).Score(ctx, "SPY"); s.saved != c.saved || (err == nil) != (c.saved == 1) {
			t.Errorf("%s: %d saved, %v", name, s.saved, err)
		}
	}
}

// Every activity that may change what is believed scores the ETF, also when a repeat finds the change made, and fails if that does.
func TestActivitiesScore(t *testing.T) {
	store := newFakeStore()
	store.persisted = etf.Persisted{New: 1, Symbol: "SPY"}
	store.etf = etf.ETF{Symbol: "SPY", Exchange: etf.XNYS}
	for name, call := range map[string]func(*Scoring) error{
		"Persist": func(a *Scoring) error {
			p := &Persisting{Store: store, Scoring: a}
			r, err := do[PersistResult](t, newEnv(t, p), p.Persist, PersistInput{Fetch: "x"})
			if err == nil && r.Scored.DataVersion != 7 {
				t.Errorf("%+v", r)
			}
			return err
		},
		"DecideAction": func(a *Scoring) error {
			d := &DecidingActions{Store: store, Scoring: a}
			_, err := do[etf.ActionDecided](t, newEnv(t, d), d.DecideAction, etf.ActionDecision{Action: "x", Symbol: "SPY"})
			return err
		},
	} {
		s := &fakeScores{}
		if err := call(scoringOn(s, clock())); err != nil || !slices.Equal(s.scored, []etf.Symbol{"SPY"}) {
			t.Errorf("%s: %v %v", name, s.scored, err)
		}
		s = &fakeScores{err: &etf.Error{Kind: etf.KindUnavailable, Message: "down"}}
		if err := call(scoringOn(s, clock())); err == nil {
			t.Errorf("%s ends well although scoring does not", name)
		}
	}
}

// Friday's forecasts are late from Monday's open, 13:30 UTC, on.
func TestLateForecastsAreScored(t *testing.T) {
	monday := time.Date(2025, 9, 29, 13, 30, 0, 0, time.UTC)
	for now, want := range map[time.Time]int{monday.Add(-time.Microsecond): 0, monday: 1, monday.AddDate(0, 1, 0): 1} {
		s := &fakeScores{}
		err := scoringOn(s, now).scoreLate(t.Context(), ForecastInput{Symbol: "SPY", Exchange: etf.XNYS, Session: friday}, now)
		if err != nil || len(s.scored) != want || want == 1 && !slices.Equal(s.origins, []etf.Session{friday}) {
			t.Errorf("%s: %v %v %v", now, s.scored, s.origins, err)
		}
	}
}
