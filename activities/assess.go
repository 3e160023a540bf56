package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/assess"
	"github.com/etfcast/etfcast/forecast/calibration"
)

// Assessing says what the record means for the forecasts of a session. Without a Store it makes no assessments.
type Assessing struct {
	Store    Assessments
	Models   []Model // the benchmark first
	Horizons []int   // that are scored, ascending
	Now      func() time.Time
}

// AssessInput names the session whose forecasts are made.
type AssessInput struct {
	Exchange etf.Exchange `json:"exchange"`
	Session  etf.Session  `json:"session"`
	Run      etf.RunID    `json:"run"`
}

// AssessResult is the session's assessment.
type AssessResult struct {
	Hash    string      `json:"hash,omitempty"` // empty without a record
	Through etf.Session `json:"through,omitzero"`
	// Served are the models that are served instead of the benchmark, "horizon model".
	Served []string `json:"served,omitempty"`
	// Found: another run had made it.
	Found bool `json:"found,omitempty"`
}

// Assess makes the assessment of a session from the scores of record of earlier sessions, unless there is one: the first that is stored stands,
// whatever is scored later. It continues the calibration of the newest assessment of an earlier session with the outcomes since.
func (a *Assessing) Assess(ctx context.Context, in AssessInput) (AssessResult, error) {
	if a.Store == nil {
		return AssessResult{}, nil
	}
	stored, err := a.Store.AssessmentOf(ctx, in.Exchange, in.Session)
	if err == nil {
		return assessed(stored, true)
	}
	if etf.KindOf(err) != etf.KindNotFound {
		return AssessResult{}, err
	}
	cal, err := calendar.For(in.Exchange)
	if err != nil {
		return AssessResult{}, err
	}
	task, err := a.task(ctx, cal, in)
	if err != nil {
		return AssessResult{}, err
	}
	made, err := assess.Make(cal, task)
	if err != nil {
		return AssessResult{}, err
	}
	body, _, err := assess.Read(made)
	if err != nil {
		return AssessResult{}, err
	}
	stored, err = a.Store.SaveAssessment(ctx, made, body.Gate)
	if err != nil {
		return AssessResult{}, err
	}
	return assessed(stored, stored.Run != in.Run)
}

func assessed(a etf.Assessment, found bool) (AssessResult, error) {
	body, _, err := assess.Read(a)
	if err != nil {
		return AssessResult{}, err
	}
	r := AssessResult{Hash: a.Hash, Through: a.Through, Found: found}
	for _, v := range body.Gate {
		if v.Served {
			r.Served = append(r.Served, fmt.Sprintf("%d %s", v.Horizon, v.Model))
		}
	}
	return r, nil
}

// task reads what the assessment is made from.
func (a *Assessing) task(ctx context.Context, cal *calendar.Calendar, in AssessInput) (assess.Task, error) {
	t := assess.Task{
		Exchange: in.Exchange, Session: in.Session, Run: in.Run, Now: a.Now(), Benchmark: a.Models[0].Name(), Horizons: a.Horizons,
		State: &calibration.State{},
	}
	for _, m := range a.Models[1:] {
		t.Models = append(t.Models, m.Name())
	}
	for _, m := range a.Models {
		if c, ok := m.(forecast.Composite); ok {
			for _, member := range c.Members() {
				t.Members = append(t.Members, member.Name())
			}
		}
	}
	previous, err := a.Store.AssessmentBefore(ctx, in.Exchange, in.Session)
	switch {
	case err == nil:
		_, state, err := assess.Read(previous)
		if errors.Is(err, etf.ErrAltered) {
			return t, err
		}
		t.Previous = previous.Hash
		if err == nil {
			t.State, t.Through = state, previous.Through
		} else { // another version of the program wrote it
			activity.GetLogger(ctx).Warn("the calibration is begun anew", "exchange", in.Exchange, "previous", previous.Hash, "error", err)
		}
	case etf.KindOf(err) != etf.KindNotFound:
		return t, err
	}
	if t.Sums, err = a.Store.SessionLosses(ctx, etf.ScoreFilter{Exchange: in.Exchange, Standing: etf.OfRecord}); err != nil {
		return t, err
	}
	if err := a.prior(ctx, &t); err != nil {
		return t, err
	}
	if len(t.Sums) == 0 {
		return t, nil // no forecast of record has been scored
	}
	targets := assess.Targets(cal, t.Through, in.Session)
	oldest := slices.MinFunc(t.Sums, func(x, y etf.SessionLosses) int { return int(x.Origin - y.Origin) }).Origin
	first := 0
	if t.Previous == "" && len(targets) > latestOutcomes {
		if first, err = a.begin(ctx, cal, t, targets, oldest); err != nil {
			return t, err
		}
	}
	for i, target := range targets {
		if target <= oldest {
			continue
		}
		if i < first {
			t.Through = target
			continue
		}
		outcomes, err := a.outcomes(ctx, cal, t, target)
		if err != nil {
			return t, err
		}
		if len(outcomes) > 0 {
			t.State.Update(outcomes)
			t.Through = target
		} else if len(targets)-i > latestOutcomes {
			t.Through = target
		}
		Progress(ctx, i+1)
	}
	return t, nil
}

// prior reads the combination's weights of the newest backtest, unless every horizon has a record.
func (a *Assessing) prior(ctx context.Context, t *assess.Task) error {
	recorded := map[int]bool{}
	for _, s := range t.Sums {
		if s.Paired > 0 && slices.Contains(t.Members, s.Model) && s.Model != t.Benchmark {
			recorded[s.Horizon] = true
		}
	}
	if len(t.Members) == 0 || !slices.ContainsFunc(t.Horizons, func(h int) bool { return !recorded[h] }) {
		return nil
	}
	id, weights, err := a.Store.BacktestWeights(ctx, t.Exchange)
	switch etf.KindOf(err) {
	case etf.KindNotFound:
		return nil
	case etf.KindCorrupt:
		if err != nil {
			activity.GetLogger(ctx).Error("weights without the backtest: it is damaged", "exchange", t.Exchange, "backtest", id, "error", err)
			return nil
		}
	}
	if err != nil {
		return err
	}
	t.Backtest, t.Prior = id, map[int]map[string]float64{}
	for _, w := range weights {
		if w.Exchange == t.Exchange {
			t.Prior[w.Horizon] = w.Models
		}
	}
	return nil
}

// begin returns which target the first assessment of an exchange begins with: it goes back until there are no outcomes at latestOutcomes sessions
// in a row. A long record that an earlier release made has scores, but nothing to learn from; after an upgrade it is not read as a whole.
func (a *Assessing) begin(ctx context.Context, cal *calendar.Calendar, t assess.Task, targets []etf.Session, oldest etf.Session) (int, error) {
	first, none := len(targets)-latestOutcomes, 0
	for i := len(targets) - 1; i >= 0 && targets[i] > oldest && none < latestOutcomes; i-- {
		outcomes, err := a.outcomes(ctx, cal, t, targets[i])
		if err != nil {
			return 0, err
		}
		none++
		if len(outcomes) > 0 {
			first, none = min(first, i), 0
		}
		Progress(ctx, len(targets)-i)
	}
	return first, nil
}

// latestOutcomes is how many sessions are looked at again if they had no outcomes at all: a session may be run before the one before it.
const latestOutcomes = 20

// outcomes reads what came of the forecasts for a target.
func (a *Assessing) outcomes(ctx context.Context, cal *calendar.Calendar, t assess.Task, target etf.Session) ([]calibration.Outcome, error) {
	var list []calibration.Outcome
	for _, h := range a.Horizons {
		origin, err := cal.Nth(target, -h)
		if err != nil || !slices.ContainsFunc(t.Sums, func(s etf.SessionLosses) bool { return s.Origin == origin && s.Horizon == h }) {
			continue // before the calendar, or nothing is scored
		}
		found, corrupt, err := a.Store.Matured(ctx, etf.OutcomeQuery{Exchange: t.Exchange, Models: append([]string{t.Benchmark}, t.Models...), Horizon: h, Origin: origin, Target: target})
		if err != nil {
			return nil, err
		}
		for _, reason := range corrupt {
			activity.GetLogger(ctx).Error("forecast left out of the calibration", "exchange", t.Exchange, "error", reason)
		}
		for _, m := range found {
			list = append(list, calibration.Outcome{
				Symbol: m.Symbol, Model: m.Model, Horizon: h, Origin: origin, Target: target, Volatility: m.Volatility, Raw: m.Raw, Actual: m.Actual,
			})
		}
	}
	return list, nil
}

// assessments keeps the newest ones that were used, decoded: every ETF of a session uses the same one.
type assessments struct {
	mu   sync.Mutex
	list []usable // most recently used last
}

type usable struct {
	hash  string
	body  etf.AssessmentBody
	state *calibration.State
}

// maxAssessments is how many are kept: both exchanges' newest ones, and two more for sessions that are caught up on.
const maxAssessments = 4

// get returns the assessment with the hash. Others wait while it is read.
func (k *assessments) get(ctx context.Context, store Forecasts, hash string) (usable, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if i := slices.IndexFunc(k.list, func(u usable) bool { return u.hash == hash }); i >= 0 {
		u := k.list[i]
		k.list = append(slices.Delete(k.list, i, i+1), u)
		return u, nil
	}
	a, err := store.AssessmentByHash(ctx, hash)
	if err != nil {
		return usable{}, err
	}
	u := usable{hash: hash}
	if u.body, u.state, err = assess.Read(a); err != nil {
		return usable{}, err
	}
	k.list = append(k.list[max(0, len(k.list)-maxAssessments+1):], u)
	return u, nil
}
