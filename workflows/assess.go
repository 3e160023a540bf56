package workflows

import (
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
)

var assessing *activities.Assessing

// assess finds out what the record says for the session. A failure is logged and shown, and fails nothing: the forecasts are then made
// without it.
func (d *daily) assess(ctx workflow.Context) error {
	if workflow.GetVersion(ctx, changeAssess, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return nil
	}
	actx := workflow.WithActivityOptions(ctx, assessPolicy(d.in.Summary()+": record"))
	var result activities.AssessResult
	err := workflow.ExecuteActivity(actx, assessing.Assess, activities.AssessInput{
		Exchange: d.in.Exchange, Session: d.in.Session, Run: d.info.ID,
	}).Get(actx, &result)
	switch {
	case temporal.IsCanceledError(err):
		return err
	case err != nil:
		d.notAssessed = describe(err)
		workflow.GetLogger(ctx).Error("record not assessed, forecasts are not calibrated", "run", d.info.ID, "error", err)
	}
	d.assessment = result.Hash
	return nil
}

// recordText says what assessing the record came to; empty before it.
func (d *daily) recordText() string {
	switch {
	case d.notAssessed != "":
		return "not assessed, forecasts are not calibrated: " + d.notAssessed
	case d.assessment != "":
		return "assessment " + strings.ToLower(d.assessment[:min(12, len(d.assessment))])
	}
	return ""
}
