package workflows

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/mock"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

var assessFriday = activities.AssessInput{Exchange: etf.XNYS, Session: friday, Run: "daily:XNYS:2025-09-26"}

// The record is assessed once, before any update starts; every update is given the hash.
func TestDailyAssessesTheRecord(t *testing.T) {
	m := newMarket(12)
	env := newEnvWith(t, m.update)
	m.serve(env)
	hash := strings.Repeat("ab", 32)
	env.OnActivity(assessing.Assess, mock.Anything, assessFriday).Return(activities.AssessResult{Hash: hash}, nil).Once()
	env.ExecuteWorkflow(Daily, xnysFriday)
	got := result[DailyResult](t, env)
	if got.Assessment != hash || got.NotAssessed != "" || len(m.assessments) != 12 || slices.ContainsFunc(m.assessments, func(h string) bool { return h != hash }) {
		t.Errorf("%+v, updates with %v", got, m.assessments)
	}
	if s := query[DailyStatus](t, env); s.Record != "assessment abababababab" {
		t.Errorf("status %q", s.Record)
	}
	env.AssertExpectations(t)
}

// A record that can't be assessed stops nothing, and the result says so.
func TestDailyWithoutAssessment(t *testing.T) {
	m := newMarket(3)
	env := newEnvWith(t, m.update)
	m.serve(env)
	env.OnActivity(assessing.Assess, mock.Anything, assessFriday).Return(activities.AssessResult{}, typed(activities.TypeInternal, "the previous one is damaged", 1)).Once()
	env.ExecuteWorkflow(Daily, xnysFriday)
	got := result[DailyResult](t, env)
	if got.Assessment != "" || got.NotAssessed != "the previous one is damaged" || got.Counts.Done() != 3 || !slices.Equal(m.assessments, []string{"", "", ""}) {
		t.Errorf("%+v, updates with %v", got, m.assessments)
	}
	if s := query[DailyStatus](t, env); !strings.HasPrefix(s.Record, "not assessed") {
		t.Errorf("status %q", s.Record)
	}
}

// A run that continued as new goes on with the assessment that it has; a closed exchange has none.
func TestDailyAssessesOnce(t *testing.T) {
	m := newMarket(3)
	env := newEnvWith(t, m.update)
	m.serve(env)
	in := xnysFriday
	in.Progress = &DailyProgress{After: "SIM00000", StartedAt: env.Now(), Assessment: "abcd"}
	env.OnActivity(assessing.Assess, mock.Anything, mock.Anything).Never()
	env.ExecuteWorkflow(Daily, in)
	if got := result[DailyResult](t, env); got.Assessment != "abcd" || !slices.Equal(m.assessments, []string{"abcd", "abcd"}) {
		t.Errorf("%+v, updates with %v", got, m.assessments)
	}
	closed := newEnvWith(t, m.update)
	closed.OnActivity(recording.BeginRun, mock.Anything, mock.Anything).Return(activities.BeginRunResult{Closed: true}, nil).Once()
	closed.OnActivity(assessing.Assess, mock.Anything, mock.Anything).Never()
	closed.OnActivity(recording.FinishRun, mock.Anything, mock.Anything).Return(m.finish).Maybe()
	closed.ExecuteWorkflow(Daily, xnysFriday)
	if got := result[DailyResult](t, closed); !got.Closed || got.Assessment != "" {
		t.Errorf("%+v", got)
	}
}
