package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

const (
	// DecideActionWorkflow applies people's decisions on one corporate action.
	DecideActionWorkflow = "DecideAction"
	// DecideActionSignal sends it an etf.ActionDecision.
	DecideActionSignal = "decide"
)

// ActionID returns the workflow ID under which decisions on a corporate action are applied: "action/<id>".
func ActionID(action string) string { return "action/" + action }

// DecideActionInput names the statement about a corporate action that a decision is for.
type DecideActionInput struct {
	Action   string       `json:"action"`
	Symbol   etf.Symbol   `json:"symbol"`
	Exchange etf.Exchange `json:"exchange"`
}

// Summary is the line shown next to decisions on an action.
func (in DecideActionInput) Summary() string {
	return fmt.Sprintf("%s: a decision on action %s", in.Symbol, in.Action)
}

// Details explains the workflow to whoever opens it.
func (in DecideActionInput) Details() string {
	return fmt.Sprintf("Applies a person's decision on action `%s` of **%s** to the stored data, and makes the newest session's forecasts again. "+
		"`etfcast action show %s` shows the action and every state it has had.", in.Action, in.Symbol, in.Action)
}

// SearchAttributes returns the attributes the workflow is found by.
func (in DecideActionInput) SearchAttributes() temporal.SearchAttributes {
	return temporal.NewSearchAttributes(
		ExchangeAttribute.ValueSet(string(in.Exchange)),
		SymbolAttribute.ValueSet(string(in.Symbol)),
		RunAttribute.ValueSet(string(in.run())),
	)
}

// run is the run that forecasts made after a decision name.
func (in DecideActionInput) run() etf.RunID { return etf.RunID("action:" + in.Action) }

// DecideActionStatus is the result of DecideAction, and of its status query.
type DecideActionStatus struct {
	Action    string            `json:"action"`
	Status    etf.ActionStatus  `json:"status,omitempty"` // after the last decision
	Decided   int               `json:"decided"`          // decisions applied
	Freed     int               `json:"freed,omitempty"`  // bars released by them
	Session   etf.Session       `json:"session,omitzero"` // forecast again; zero if the newest bar is not usable
	Forecasts int               `json:"forecasts"`
	Ledger    string            `json:"ledger,omitempty"`  // what anchoring the forecasts came to
	Refused   []string          `json:"refused,omitempty"` // why decisions could not be applied
	Keys      map[string]string `json:"keys,omitempty"`    // the error of each decision refused, by its key
}

var decidingActions *activities.DecidingActions

// DecideAction applies the decisions on one corporate action that it is sent, in their order, and then makes the forecasts of the
// ETF's newest session again, because other splits may count than before. It ends when there is nothing left to do; a
// later decision starts it again. It fails if no decision could be applied.
func DecideAction(ctx workflow.Context, in DecideActionInput) (DecideActionStatus, error) {
	status := DecideActionStatus{Action: in.Action}
	if err := workflow.SetQueryHandler(ctx, StatusQuery, func() (DecideActionStatus, error) { return status, nil }); err != nil {
		return status, err
	}
	decisions := workflow.GetSignalChannel(ctx, DecideActionSignal)
	var refused error
	for first := true; ; first = false {
		var list []etf.ActionDecision
		for {
			var d etf.ActionDecision
			if first && len(list) == 0 {
				decisions.Receive(ctx, &d)
			} else if !decisions.ReceiveAsync(&d) {
				break
			}
			list = append(list, d)
		}
		if len(list) == 0 {
			break
		}
		var newest etf.Session
		for _, d := range list {
			var result etf.ActionDecided
			actx := workflow.WithActivityOptions(ctx, storePolicy(fmt.Sprintf("%s by %s", d.Status, etf.Clip(d.By, 60))))
			err := workflow.ExecuteActivity(actx, decidingActions.DecideAction, d).Get(ctx, &result)
			if temporal.IsCanceledError(err) {
				return status, err
			}
			if err != nil {
				refused = err
				message := etf.Clip(failureOf(err).Message, modelFailures)
				status.Refused = append(status.Refused, message)
				if status.Keys == nil {
					status.Keys = map[string]string{}
				}
				status.Keys[d.Key] = message
				continue
			}
			status.Status, status.Decided, status.Freed = result.Action.Status, status.Decided+1, status.Freed+result.Freed
			newest = result.Newest
			if err := endWaiting(ctx, result.Settled); err != nil {
				return status, err
			}
		}
		status.Session = newest
		if !newest.IsZero() {
			if err := in.forecast(ctx, &status); err != nil {
				return status, err
			}
		}
		workflow.SetCurrentDetails(ctx, status.details())
	}
	if status.Decided == 0 && refused != nil {
		f := failureOf(refused)
		return status, temporal.NewNonRetryableApplicationError(f.Message, f.Type, nil)
	}
	return status, nil
}

// forecast makes the forecasts of the newest session again. That its bar is no longer usable is no failure: whatever kept it
// out also decides what happens next.
func (in DecideActionInput) forecast(ctx workflow.Context, status *DecideActionStatus) error {
	actx := workflow.WithActivityOptions(ctx, fitPolicy(fmt.Sprintf("%s from %s", in.Symbol, status.Session)))
	var result activities.ForecastResult
	err := workflow.ExecuteActivity(actx, forecasting.Forecast, activities.ForecastInput{
		Symbol: in.Symbol, Exchange: in.Exchange, Session: status.Session, Run: in.run(),
	}).Get(ctx, &result)
	if err != nil && !temporal.IsCanceledError(err) && failureOf(err).Type == activities.TypeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	status.Forecasts += result.Appended
	if result.Appended > 0 { // otherwise no head has moved
		status.Ledger = anchorHeads(ctx, etf.AnchorScope{Symbols: []etf.Symbol{in.Symbol}}, in.run(), string(in.Symbol)).String()
	}
	return nil
}

func (s DecideActionStatus) details() string {
	text := fmt.Sprintf("Action `%s` is %s; %d bars released, %d forecasts made.", s.Action, s.Status, s.Freed, s.Forecasts)
	if s.Ledger != "" {
		text += "\n\nledger: " + cell(s.Ledger, 500)
	}
	if len(s.Refused) > 0 {
		text += "\n\nRefused: " + cell(strings.Join(s.Refused, "; "), 1000)
	}
	return text
}
