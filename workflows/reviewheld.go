package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

var reviewing *activities.Reviewing

// review looks at the run's held closes again, now that every update has ended: those that the moves of the session's other
// ETFs explain are believed from now on, and forecast again. It does nothing for a run over some ETFs only, nor for one
// without a held close, so histories of earlier releases don't have it.
//
// A review that fails does not fail the run: the closes stay held, and the next session decides.
func (d *daily) review(ctx workflow.Context) error {
	if !d.held || len(d.in.Symbols) > 0 {
		return nil
	}
	d.reviewing = true
	for {
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			if err := d.record(ctx); err != nil { // the next run does not know the rows
				return err
			}
			return d.continueAsNew(ctx)
		}
		actx := workflow.WithActivityOptions(ctx, storePolicy(d.in.Summary()+": held closes"))
		var result activities.ReviewHeldResult
		err := workflow.ExecuteActivity(actx, reviewing.ReviewHeld, activities.ReviewHeldInput{
			Run: d.info.ID, Exchange: d.in.Exchange, Session: d.in.Session, After: d.reviewed, Limit: reviewPage,
		}).Get(ctx, &result)
		if temporal.IsCanceledError(err) {
			return err
		}
		if err != nil {
			workflow.GetLogger(ctx).Error("held closes not reviewed", "error", err)
			break
		}
		if err := d.forecastReleased(ctx, result.Released); err != nil {
			return err
		}
		d.reviewed = result.After
		if !result.More {
			break
		}
	}
	return d.record(ctx)
}

// forecastReleased makes the forecasts of closes that are believed now, and records the ETFs' rows anew.
func (d *daily) forecastReleased(ctx workflow.Context, rows []etf.RunETF) error {
	results := make([]workflow.Future, len(rows))
	for i, row := range rows {
		results[i] = startForecast(ctx, activities.ForecastInput{
			Symbol: row.Symbol, Exchange: d.in.Exchange, Session: d.in.Session, Run: d.info.ID,
		})
	}
	for i, row := range rows {
		var result activities.ForecastResult
		err := results[i].Get(ctx, &result)
		if temporal.IsCanceledError(err) {
			return err
		}
		if err != nil {
			f := failureOf(err)
			row.ErrorType, row.ErrorMessage = f.Type, f.Message
		} else {
			row.Forecasts += result.Appended
			d.info.Counts.Forecasts += result.Appended
			row.ErrorType, row.ErrorMessage = modelsFailed(result)
		}
		d.problems = slices.DeleteFunc(d.problems, func(p etf.RunETF) bool { return p.Symbol == row.Symbol })
		if row.ErrorType != "" {
			d.problem(row)
		}
		d.recorder.add(row)
	}
	return nil
}

func startForecast(ctx workflow.Context, in activities.ForecastInput) workflow.Future {
	ctx = workflow.WithActivityOptions(ctx, fitPolicy(fmt.Sprintf("%s from %s", in.Symbol, in.Session)))
	return workflow.ExecuteActivity(ctx, forecasting.Forecast, in)
}

// modelsFailed returns the error type and message of a row whose forecast lacks a model; both are empty if none failed.
func modelsFailed(r activities.ForecastResult) (errorType, message string) {
	if len(r.Failed) == 0 {
		return "", ""
	}
	return activities.TypeModelFailed, etf.Clip(strings.Join(r.Failed, "; "), modelFailures)
}
