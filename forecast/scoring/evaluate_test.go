package scoring_test

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/scoring"
)

// world is one ETF whose data change at random, scored after some of the changes.
type world struct {
	t        *testing.T
	cal      *calendar.Calendar
	random   *rand.Rand
	sessions []etf.Session // of the calendar, one a day
	days     int
	horizons []int
	u        etf.Unscored // without Changed and Appended
	all      []etf.Forecast
	since    []etf.ForecastPlace
	scores   map[string][]etf.Score // versions by forecast and horizon
	sums     map[string]int64       // of some losses, in billionths
}

func newWorld(t *testing.T, seed uint64) *world {
	cal := calendarOf(t, etf.XNYS)
	w := &world{t: t, cal: cal, random: rand.New(rand.NewPCG(seed, 1)), horizons: []int{1, 3, 5}, scores: map[string][]etf.Score{}, sums: map[string]int64{}}
	w.sessions = cal.Sessions(etf.Window{From: etf.MustSession("2025-01-02"), To: etf.MustSession("2025-04-30")})
	w.u.Basis = []etf.Basis{etf.AsTraded, etf.SplitAdjusted}[w.random.IntN(2)]
	return w
}

func (w *world) next() int64 { w.u.Version.Number++; return w.u.Version.Number }

// put gives the session a bar in a new state, or takes it out.
func (w *world) put(s etf.Session, version int64, bar *etf.BarState) {
	for i, b := range w.u.Bars {
		if b.Session == s && b.SupersededBy == 0 {
			if b.DataVersion == version {
				return // once a version
			}
			w.u.Bars[i].SupersededBy = version
		}
	}
	if bar != nil {
		bar.Session, bar.DataVersion = s, version
		w.u.Bars = append(w.u.Bars, *bar)
	}
	slices.SortFunc(w.u.Bars, func(a, b etf.BarState) int {
		return cmp.Or(cmp.Compare(a.Session, b.Session), cmp.Compare(a.DataVersion, b.DataVersion))
	})
	w.u.Last = 0
	for _, b := range w.u.Bars {
		if b.SupersededBy == 0 {
			w.u.Last = max(w.u.Last, b.Session)
		}
	}
}

func (w *world) bar() *etf.BarState {
	r := w.random
	return &etf.BarState{Close: price(90 + 20*r.Float64()), Believed: r.IntN(8) > 0, NoTrade: r.IntN(15) == 0}
}

// change does one random thing to the data, in a version of its own.
func (w *world) change() {
	r := w.random
	past := func() etf.Session { return w.sessions[r.IntN(w.days)] }
	switch k := r.IntN(12); {
	case k < 6 || w.days < 2: // a new session
		w.put(w.sessions[w.days], w.next(), w.bar())
		w.days++
	case k == 6: // a revision, a quarantine or a release
		w.put(past(), w.next(), w.bar())
	case k == 7: // a row taken out, the newest one perhaps
		w.put(past(), w.next(), nil)
	case k == 8: // a whole history restated
		version := w.next()
		for _, b := range slices.Clone(w.u.Bars) {
			if b.SupersededBy == 0 {
				b.Close = price(b.Close.Float() / 2)
				w.put(b.Session, version, &b)
			}
		}
	case k == 9: // a split stated
		w.u.Splits = append(w.u.Splits, etf.StatedAction{
			Action: etf.Action{Kind: etf.Split, Ex: past(), Numerator: int64(1 + r.IntN(3)), Denominator: 1}, Status: etf.Accepted, DataVersion: w.next(),
		})
	case k == 10 && len(w.u.Splits) > 0: // a split decided on
		i := r.IntN(len(w.u.Splits))
		if a := w.u.Splits[i]; a.SupersededBy == 0 {
			version := w.next()
			w.u.Splits[i].SupersededBy = version
			a.DataVersion, a.Status = version, []etf.ActionStatus{etf.Accepted, etf.Cancelled}[r.IntN(2)]
			w.u.Splits = append(w.u.Splits, a)
		}
	default:
		w.issue(past(), r.IntN(3) == 0)
	}
	if w.days > 0 && r.IntN(2) == 0 {
		w.issue(w.u.Last, r.IntN(6) == 0)
	}
}

func (w *world) issue(origin etf.Session, held bool) {
	if origin == 0 {
		return
	}
	deadline, err := scoring.Deadline(w.cal, origin)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, model := range []string{"drift", "m"} {
		f := etf.Forecast{ID: fmt.Sprintf("%s%04d", model, len(w.all)), Model: model, Origin: origin, Chain: int64(len(w.all) + 1), DataVersion: w.u.Version,
			IssuedAt: deadline.Add(-time.Hour), Scale: etf.Scale{Absolute: 1, Squared: 2}}
		if origin < w.u.Last {
			f.IssuedAt = deadline.Add(time.Hour)
		}
		if held {
			f.Held = 1 + w.random.IntN(2)
		}
		for _, h := range w.horizons {
			target, _ := w.cal.Nth(origin, h)
			p := etf.ForecastPoint{Horizon: h, Target: target, Mean: 100}
			for i := range p.Quantiles {
				p.Quantiles[i] = 94 + 2*float64(i) + w.random.Float64()
			}
			f.Points = append(f.Points, p)
		}
		w.all = append(w.all, f)
		w.since = append(w.since, etf.ForecastPlace{Model: model, Origin: origin, Chain: f.Chain})
	}
}

// score brings the scores up to date, like activities.Scoring.
func (w *world) score(everything bool) etf.Scored {
	u := w.u
	u.Changed, u.Appended = nil, nil
	if everything || u.Mark.Writer == "" {
		for _, f := range w.all {
			u.Appended = append(u.Appended, etf.ForecastPlace{Model: f.Model, Origin: f.Origin, Chain: f.Chain})
		}
	} else {
		for _, b := range u.Bars {
			if b.DataVersion > u.Mark.DataVersion || b.SupersededBy > u.Mark.DataVersion {
				u.Changed = append(u.Changed, b.Session)
			}
		}
		for _, f := range w.since {
			if f.Origin < w.u.Last { // perhaps late: its origin is asked for
				u.Appended = append(u.Appended, etf.ForecastPlace{Origin: f.Origin})
			}
		}
	}
	pairs := scoring.Due(w.cal, u, w.horizons)
	task := scoring.Task{
		Calendar: w.cal, Exchange: etf.XNYS, Benchmark: "drift", Version: u.Version.Number, Pairs: pairs,
		Prices: scoring.Prices{Basis: u.Basis, Bars: u.Bars, Splits: u.Splits},
	}
	origins := map[etf.Session]bool{}
	at := map[scoring.Pair]bool{}
	for _, p := range pairs {
		origins[p.Origin], at[p] = true, true
	}
	for _, f := range w.all {
		if origins[f.Origin] {
			task.Forecasts = append(task.Forecasts, f)
		}
	}
	known := w.newest()
	for _, s := range known {
		if at[scoring.Pair{Origin: s.Origin, Horizon: s.Horizon}] {
			task.Scores = append(task.Scores, s)
		}
	}
	if scoring.OnlyNew(w.cal, u, pairs) && len(task.Scores) > 0 {
		w.t.Fatalf("%d scores of what is said to be new", len(task.Scores))
	}
	c, done, corrupt := scoring.Evaluate(task)
	if len(corrupt) > 0 {
		w.t.Fatal(corrupt)
	}
	for _, s := range c.Scores {
		key := fmt.Sprint(s.Forecast, s.Horizon)
		if s.Version != len(w.scores[key])+1 {
			w.t.Fatalf("version %d follows %d", s.Version, len(w.scores[key]))
		}
		w.scores[key] = append(w.scores[key], s)
	}
	add(w.sums, -1, c.Remove)
	add(w.sums, 1, c.Add)
	w.u.Mark = scoring.Mark(w.cal, u, w.horizons)
	w.u.Mark.Writer, w.since = "w", nil
	return done
}

func (w *world) newest() (list []etf.Score) {
	for _, key := range slices.Sorted(maps.Keys(w.scores)) {
		list = append(list, w.scores[key][len(w.scores[key])-1])
	}
	return list
}

func add(sums map[string]int64, sign int64, list []etf.SessionLosses) {
	for _, l := range list {
		for name, v := range map[string]float64{"n": float64(l.N), "absolute": l.Absolute, "paired": float64(l.Paired), "against": l.AgainstAbsolute, "difference": l.Difference} {
			key := fmt.Sprint(l.Model, l.Horizon, l.Standing, l.Origin, name)
			if sums[key] += sign * int64(v*1e9); sums[key] == 0 {
				delete(sums, key)
			}
		}
	}
}

// TestScoresAreThoseFromScratch changes an ETF's data at random, scores now and then, and compares what counts then, and the sums, with
// scoring everything from nothing at that point.
func TestScoresAreThoseFromScratch(t *testing.T) {
	total := etf.Scored{}
	for seed := range uint64(200) {
		w := newWorld(t, seed)
		for range 60 {
			w.change()
			if w.random.IntN(3) > 0 {
				continue
			}
			done := w.score(false)
			total.Scores, total.Revised, total.Withdrawn = total.Scores+done.Scores, total.Revised+done.Revised, total.Withdrawn+done.Withdrawn
			if again := w.score(w.random.IntN(2) == 0); again.Scores != 0 {
				t.Fatalf("seed %d: a repeat scores %+v", seed, again)
			}
			w.compare(seed)
		}
	}
	if total.Scores < 10_000 || total.Revised < 500 || total.Withdrawn < 500 {
		t.Errorf("the changes are too tame: %+v", total)
	}
}

func (w *world) compare(seed uint64) {
	w.t.Helper()
	fresh := *w
	fresh.u.Mark, fresh.scores, fresh.sums = etf.ScoringMark{}, map[string][]etf.Score{}, map[string]int64{}
	fresh.score(false)
	type fact struct {
		target   etf.Session
		standing etf.Standing
		actual   float64
	}
	facts := func(w *world) map[string]fact {
		list := map[string]fact{}
		for _, s := range w.newest() {
			if !s.Withdrawn {
				list[fmt.Sprint(s.Forecast, s.Horizon)] = fact{s.Target, s.Standing, s.Actual}
			}
		}
		return list
	}
	have, want := facts(w), facts(&fresh)
	for key := range want {
		h, x := have[key], want[key]
		if h.target != x.target || h.standing != x.standing || math.Abs(h.actual-x.actual) > 1e-8*x.actual {
			w.t.Fatalf("seed %d, basis %s, version %d: %s is %+v, from scratch %+v", seed, w.u.Basis, w.u.Version.Number, key, have[key], want[key])
		}
	}
	if len(have) != len(want) {
		w.t.Fatalf("seed %d, basis %s: %d scores, from scratch %d", seed, w.u.Basis, len(have), len(want))
	}
	// A restatement by rounded halves moves a price by less than a billionth, which is no revision.
	for key, v := range fresh.sums {
		if d := w.sums[key] - v; d > 10_000 || d < -10_000 {
			w.t.Fatalf("seed %d: the sum %s is %d, from scratch %d", seed, key, w.sums[key], v)
		}
	}
	if len(w.sums) != len(fresh.sums) {
		w.t.Fatalf("seed %d: %d sums, from scratch %d", seed, len(w.sums), len(fresh.sums))
	}
}
