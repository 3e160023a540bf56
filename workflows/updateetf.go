package workflows

import (
	"fmt"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/etf"
)

// UpdateETF updates one ETF for one session: fetch, validate, persist, forecast. Normally that is four activities and
// nothing else. It ends
//
//   - completed with outcome updated or unchanged, with the error type ModelFailed if a model other than the benchmark gave
//     no forecast, and with HeldClose if the new session's close is held: then the forecasts are made without it;
//   - completed with outcome quarantined if an error-level finding names the new session: a ResolveFinding waits for a
//     person, UpdateETF does not;
//   - failed with an application error whose type says why and whose detail is the etf.RunETF;
//   - cancelled, with the etf.RunETF as the detail.
//
// What an activity stored stays stored however the workflow ends, and a later update continues from there.
func UpdateETF(ctx workflow.Context, in UpdateETFInput) (etf.RunETF, error) {
	u := &update{in: in, whole: in.Whole, row: etf.RunETF{
		Symbol: in.Symbol, Session: in.Session, Stage: etf.StageFetch, Outcome: etf.OutcomeRunning,
	}}
	err := workflow.SetQueryHandler(ctx, StatusQuery, func() (etf.RunETF, error) { return u.row, nil })
	if err != nil {
		return u.row, err
	}
	err = u.chain(ctx)
	return u.end(ctx, err)
}

type update struct {
	in    UpdateETFInput
	row   etf.RunETF
	ref   etf.SourceRef // whose response is used
	whole bool          // the whole history is fetched
	// released are the sessions whose close was held and is believed since these rows were persisted.
	released []etf.Session
}

var (
	fetching    *activities.Fetching
	validating  *activities.Validating
	persisting  *activities.Persisting
	forecasting *activities.Forecasting
)

func (u *update) chain(ctx workflow.Context) error {
	fetched, err := u.fetch(ctx)
	if err != nil {
		return err
	}
	var validated activities.ValidateResult
	if !fetched.Empty {
		if validated, err = u.judge(ctx, fetched.Fetch); err != nil {
			return err
		}
		if validated.FetchWhole {
			// The result lacks it in histories recorded before there was such a thing, so they never come here.
			if fetched, validated, err = u.fetchWhole(ctx); err != nil {
				return err
			}
		}
	}
	if !fetched.Empty {
		if fetched, validated, err = u.store(ctx, fetched, validated); err != nil {
			return err
		}
	}
	if !fetched.Empty {
		if err = u.forecastReleased(ctx); err != nil {
			return err
		}
	}
	if validated.QuarantinedNew {
		u.row.Outcome, u.row.ErrorType = etf.OutcomeQuarantined, ""
		u.row.ErrorMessage = rulesAndFindings(validated.OnNew)
		return u.askPerson(ctx, validated.OnNew)
	}
	if !fetched.HasSession && !validated.Given {
		message := fmt.Sprintf("no source has a price of %s for %s yet", u.in.Symbol, u.in.Session)
		if fetched.Unfinished != "" {
			message += ": " + fetched.Unfinished
		}
		return temporal.NewNonRetryableApplicationError(message, activities.TypeSessionMissing, nil,
			activities.ErrorDetail{Attempt: int32(u.row.Attempts)})
	}
	if err = u.forecast(ctx, u.in.Session); err != nil {
		return err
	}
	if validated.HeldNew {
		u.hold(validated.OnHeld)
	}
	u.row.Stage, u.row.Outcome = etf.StageDone, etf.OutcomeUnchanged
	if u.row.RowsNew+u.row.RowsRevised > 0 {
		u.row.Outcome = etf.OutcomeUpdated
	}
	return nil
}

// fetch tries the sources in order until one has the session. If none has, it waits for a source that was not asked. Without one it uses
// the first response: it may fill older gaps. If there is no response either, it returns the first source's error.
func (u *update) fetch(ctx workflow.Context) (activities.FetchResult, error) {
	var best *activities.FetchResult
	sources := u.in.Sources
	for waits := 0; ; waits++ {
		result, open, err := u.fetchOnce(ctx, sources)
		if err == nil && best == nil && !result.HasSession {
			best = &result
		}
		// Histories from before there were breakers and quotas have no such error, so they never wait here.
		wait := open.next.RetryAt.Sub(workflow.Now(ctx))
		if err == nil && result.HasSession || len(open.sources) == 0 || waits >= openWaits || wait > openPatience || u.tooLate(ctx, wait) {
			if err != nil && best != nil && failureOf(err).nextSource() {
				return *best, nil
			}
			return result, err
		}
		if err := u.waitForSource(ctx, open.next, max(wait, time.Second)); err != nil {
			return result, err
		}
		if best != nil {
			sources = open.sources // the others have had their waits
		}
	}
}

// leftOut are the sources that were not asked, and the failure of the one that will be asked again first.
type leftOut struct {
	sources []etf.SourceRef
	next    failure
}

// fetchOnce tries each of the sources.
func (u *update) fetchOnce(ctx workflow.Context, sources []etf.SourceRef) (result activities.FetchResult, open leftOut, err error) {
	var best *activities.FetchResult
	var bestSource etf.SourceRef
	var first error
	u.row.SourcesOpen, u.row.SourcesUsedUp = "", ""
	for i, ref := range sources {
		if i > 0 && u.in.Until.After(workflow.GetInfo(ctx).WorkflowStartTime) && workflow.Now(ctx).After(u.in.Until) {
			break // the time until the next close was used up by the sources before
		}
		result, err := u.fetchFrom(ctx, ref)
		switch {
		case err == nil && result.HasSession:
			u.ref, u.row.Source = ref, ref.Name
			return result, leftOut{}, nil
		case err == nil:
			if best == nil {
				best, bestSource = &result, ref
			}
		case temporal.IsCanceledError(err) || !failureOf(err).nextSource():
			return activities.FetchResult{}, leftOut{}, err
		default:
			workflow.GetLogger(ctx).Warn("source failed", "source", ref.Name, "error", err)
			if first == nil {
				first = err
			}
			f := failureOf(err)
			switch f.Type {
			case activities.TypeSourceOpen:
				u.row.SourcesOpen = strings.TrimPrefix(u.row.SourcesOpen+", "+ref.Name, ", ")
			case activities.TypeSourceQuota:
				u.row.SourcesUsedUp = strings.TrimPrefix(u.row.SourcesUsedUp+", "+ref.Name, ", ")
			default:
				continue
			}
			if f.RetryAt.IsZero() {
				continue
			}
			if open.sources = append(open.sources, ref); len(open.sources) == 1 || f.RetryAt.Before(open.next.RetryAt) {
				open.next = f
			}
		}
	}
	switch {
	case best != nil:
		u.ref, u.row.Source = bestSource, bestSource.Name
		return *best, open, nil
	case first != nil:
		return activities.FetchResult{}, open, first
	default:
		return activities.FetchResult{}, leftOut{}, temporal.NewNonRetryableApplicationError(
			fmt.Sprintf("%s has no source; register it with at least one", u.in.Symbol), activities.TypeInvalid, nil)
	}
}

// waitForSource waits until a source is asked again.
func (u *update) waitForSource(ctx workflow.Context, open failure, wait time.Duration) error {
	workflow.SetCurrentDetails(ctx, fmt.Sprintf("No source that may be asked now has %s %s; trying again in %s. %s", u.in.Symbol, u.in.Session, wait.Truncate(time.Second), cell(open.Message, 500)))
	defer workflow.SetCurrentDetails(ctx, "")
	return workflow.NewTimerWithOptions(ctx, wait, workflow.TimerOptions{
		Summary: "until a source is asked again",
	}).Get(ctx, nil)
}

// fetchWhole fetches and validates the whole history from the source that has sent the last sessions, if these are not enough.
// The first response is left aside; the end of the run discards its rows.
func (u *update) fetchWhole(ctx workflow.Context) (activities.FetchResult, activities.ValidateResult, error) {
	u.whole, u.row.Stage, u.row.Attempts = true, etf.StageFetch, 0
	var validated activities.ValidateResult
	fetched, err := u.fetchFrom(ctx, u.ref)
	if err != nil || fetched.Empty {
		return fetched, validated, err
	}
	validated, err = u.judge(ctx, fetched.Fetch)
	return fetched, validated, err
}

// judge validates a response, and again with the opinion of a second source if the first result asks for one.
func (u *update) judge(ctx workflow.Context, fetch string) (activities.ValidateResult, error) {
	validated, err := u.validate(ctx, fetch, "", len(u.others()) > 0)
	if err != nil || validated.Check == "" {
		return validated, err // the result lacks it in histories recorded before there was such a thing
	}
	second, err := u.ask(ctx, validated.Check)
	if err != nil {
		return validated, err
	}
	return u.validate(ctx, fetch, second, false)
}

// others are the sources after the one whose response is used: those before it have failed, or lack the session.
func (u *update) others() []etf.SourceRef {
	for i, ref := range u.in.Sources {
		if ref == u.ref {
			return u.in.Sources[i+1:]
		}
	}
	return nil
}

// ask fetches the new session from the next sources for comparison, and returns the first fetch that has it, "" if none has. What goes
// wrong there is not the update's concern, and it does not wait for it: each source is asked once.
func (u *update) ask(ctx workflow.Context, why string) (fetch string, err error) {
	u.row.Stage = etf.StageFetch
	others := u.others()
	for _, ref := range others[:min(len(others), mostSeconds)] {
		if ref.Name == u.ref.Name {
			continue // the same provider is no second opinion
		}
		options := checkPolicy(ref.Name, fmt.Sprintf("%s %s from %s, to compare (%s)", u.in.Symbol, u.in.Session, ref.Name, why))
		var result activities.FetchResult
		err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), fetching.Fetch, activities.FetchInput{
			Symbol: u.in.Symbol, Exchange: u.in.Exchange, Currency: u.in.Currency, Session: u.in.Session, Ref: ref.Ref, Run: u.in.Run, Check: true,
		}).Get(ctx, &result)
		switch {
		case temporal.IsCanceledError(err):
			return "", err
		case err != nil:
			workflow.GetLogger(ctx).Warn("no second opinion", "source", ref.Name, "error", err)
		case result.HasSession:
			return result.Fetch, nil
		}
	}
	return "", nil
}

// fetchFrom fetches from one source, and again after each of its waits while its responses lack the session.
func (u *update) fetchFrom(ctx workflow.Context, ref etf.SourceRef) (activities.FetchResult, error) {
	input := activities.FetchInput{
		Symbol: u.in.Symbol, Exchange: u.in.Exchange, Currency: u.in.Currency, Session: u.in.Session,
		Ref: ref.Ref, Run: u.in.Run, Until: u.in.Until, Whole: u.whole, Basis: etf.SeriesBasis(u.in.Sources),
	}
	traits := etf.Source(ref.Name)
	for attempt := 0; ; attempt++ {
		options := fetchPolicy(ref.Name, fmt.Sprintf("%s %s from %s", u.in.Symbol, u.in.Session, ref.Name), u.left(ctx))
		var result activities.FetchResult
		err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), fetching.Fetch, input).Get(ctx, &result)
		if err != nil {
			return result, err
		}
		u.row.Attempts = int(result.Attempt)
		waits := traits.Waits
		if len(waits) == 0 && result.Unfinished != "" {
			waits = unfinishedWaits
		}
		if result.HasSession || attempt >= len(waits) || u.tooLate(ctx, waits[attempt]) {
			return result, nil
		}
		if err := u.waitForSession(ctx, ref.Name, waits[attempt], result.Unfinished); err != nil {
			return result, err
		}
	}
}

// left is how long the update may still wait for its sources; 0 is no limit.
func (u *update) left(ctx workflow.Context) time.Duration {
	if u.in.Until.IsZero() {
		return 0
	}
	return max(u.in.Until.Sub(workflow.Now(ctx)), time.Nanosecond)
}

// tooLate reports whether the update must not wait that long any more.
func (u *update) tooLate(ctx workflow.Context, wait time.Duration) bool {
	left := u.left(ctx)
	return left != 0 && wait > left && wait > activities.ShortWait
}

// unfinishedWaits are the pauses of a source that otherwise has none, while its data look half-written. Their number is in the histories of
// running workflows, like etf.SourceTraits.Waits.
var unfinishedWaits = []time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute}

func (u *update) waitForSession(ctx workflow.Context, source string, wait time.Duration, unfinished string) error {
	details := fmt.Sprintf("%s has no price of %s for %s yet; fetching again in %s.", source, u.in.Symbol, u.in.Session, wait)
	if unfinished != "" {
		details += " " + unfinished
	}
	workflow.SetCurrentDetails(ctx, details)
	defer workflow.SetCurrentDetails(ctx, "")
	return workflow.NewTimerWithOptions(ctx, wait, workflow.TimerOptions{
		Summary: fmt.Sprintf("%s has no %s yet", source, u.in.Session),
	}).Get(ctx, nil)
}

func (u *update) validate(ctx workflow.Context, fetch, second string, canCheck bool) (activities.ValidateResult, error) {
	u.row.Stage, u.row.Attempts = etf.StageValidate, 0
	ctx = workflow.WithActivityOptions(ctx, storePolicy(fmt.Sprintf("%s %s", u.in.Symbol, u.in.Session)))
	var result activities.ValidateResult
	err := workflow.ExecuteActivity(ctx, validating.Validate, activities.ValidateInput{
		Fetch: fetch, Symbol: u.in.Symbol, Exchange: u.in.Exchange, Session: u.in.Session,
		Whole: u.whole, CanFetchWhole: !u.whole, CanCheck: canCheck, Second: second,
	}).Get(ctx, &result)
	if err == nil {
		u.row.Findings, u.row.Attempts = result.Findings, int(result.Attempt)
	}
	return result, err
}

// store persists a response. If what its rows are judged by changes before they are stored, it has them judged again; what it returns is
// what was stored, and how that was judged.
func (u *update) store(ctx workflow.Context, fetched activities.FetchResult, validated activities.ValidateResult) (activities.FetchResult, activities.ValidateResult, error) {
	for again := 1; !fetched.Empty; again++ {
		done, err := u.persist(ctx, fetched, validated)
		if err != nil || done {
			return fetched, validated, err
		}
		if err = judgeAgain(ctx, again); err != nil {
			return fetched, validated, err
		}
		// A second source has been asked already if it was to be: the store has what it said.
		if validated, err = u.validate(ctx, fetched.Fetch, "", false); err == nil && validated.FetchWhole {
			fetched, validated, err = u.fetchWhole(ctx)
		}
		if err != nil {
			return fetched, validated, err
		}
	}
	return fetched, validated, nil
}

// mostJudged is how often rows are judged again before they are stored. Each time, somebody else's write to the ETF or its exchange has come
// in between; with the pauses, that is hours of such writes.
const mostJudged = 20

// judgeAgain pauses before rows are judged for another time. Persist's result does not ask for that in histories recorded before it could,
// so that their replay never comes here.
func judgeAgain(ctx workflow.Context, again int) error {
	if again > mostJudged {
		return temporal.NewNonRetryableApplicationError(fmt.Sprintf("what the rows are judged by has changed %d times before they were stored", again), activities.TypeConflict, nil)
	}
	if again == 1 {
		return nil
	}
	return workflow.NewTimerWithOptions(ctx, min(time.Second<<(again-2), longestJudgePause), workflow.TimerOptions{Summary: "until the rows are judged again"}).Get(ctx, nil)
}

// longestJudgePause is far longer than any transaction.
const longestJudgePause = 10 * time.Minute

// persist stores a response's rows; done is false if they have to be judged again.
func (u *update) persist(ctx workflow.Context, fetched activities.FetchResult, validated activities.ValidateResult) (done bool, err error) {
	u.row.Stage, u.row.Attempts = etf.StagePersist, 0
	ctx = workflow.WithActivityOptions(ctx, storePolicy(fmt.Sprintf("%s %s: %d rows", u.in.Symbol, u.in.Session, fetched.Rows)))
	var result activities.PersistResult
	err = workflow.ExecuteActivity(ctx, persisting.Persist, activities.PersistInput{
		Fetch: fetched.Fetch, Whole: validated.TakeOver, Listed: validated.Listed, CanJudge: true,
	}).Get(ctx, &result)
	if err == nil && result.JudgeAgain {
		return false, nil
	}
	if err == nil {
		u.row.RowsNew, u.row.RowsUnchanged, u.row.RowsRevised = result.New, result.Unchanged, result.Revised
		u.row.RowsQuarantined, u.row.Attempts = result.Quarantined, int(result.Attempt)
		u.released = result.Released
	}
	if err != nil {
		return false, err
	}
	return true, endWaiting(ctx, result.Settled)
}

// endWaiting cancels the workflows that wait for decisions on findings which the data no longer need. Most findings have
// none, so that a workflow that is not there is not an error.
func endWaiting(ctx workflow.Context, findings []string) error {
	waiting := make([]workflow.Future, len(findings))
	for i, id := range findings {
		waiting[i] = workflow.RequestCancelExternalWorkflow(ctx, FindingID(id), "")
	}
	for _, f := range waiting {
		if err := f.Get(ctx, nil); temporal.IsCanceledError(err) {
			return err
		}
	}
	return nil
}

// forecastReleased makes the forecasts of the sessions before this one whose close is believed now, at most the newest
// maxReleased. That one fails does not keep the new session from its own.
func (u *update) forecastReleased(ctx workflow.Context) error {
	for _, session := range u.released[max(0, len(u.released)-maxReleased):] {
		if session == u.in.Session {
			continue
		}
		err := u.forecast(ctx, session)
		if temporal.IsCanceledError(err) {
			return err
		}
		if err != nil {
			workflow.GetLogger(ctx).Error("no forecast of a released session", "symbol", u.in.Symbol, "session", session, "error", err)
		}
		u.row.Stage = etf.StagePersist
	}
	return nil
}

// hold marks the row: the new session's close is stored, but the forecasts were made without it.
func (u *update) hold(findings []activities.FindingRef) {
	why := rulesAndFindings(findings)
	if u.row.ErrorMessage != "" { // of models that failed
		why += "; " + u.row.ErrorMessage
	}
	u.row.Held, u.row.ErrorType, u.row.ErrorMessage = true, activities.TypeHeldClose, why
}

func (u *update) forecast(ctx workflow.Context, origin etf.Session) error {
	u.row.Stage, u.row.Attempts = etf.StageForecast, 0
	var result activities.ForecastResult
	input := activities.ForecastInput{Symbol: u.in.Symbol, Exchange: u.in.Exchange, Session: origin, Run: u.in.Run}
	if origin == u.in.Session { // that of another origin is looked up
		input.Assessment = u.in.Assessment
	}
	err := startForecast(ctx, input).Get(ctx, &result)
	if err == nil {
		u.row.Forecasts, u.row.Attempts = u.row.Forecasts+result.Appended, int(result.Attempt)
		u.row.ErrorType, u.row.ErrorMessage = modelsFailed(result)
	}
	return err
}

// rulesAndFindings names the rules and the findings, for the tables people look at first.
func rulesAndFindings(findings []activities.FindingRef) string {
	why := make([]string, len(findings))
	for i, f := range findings {
		why[i] = f.Rule + ", finding " + f.ID
		if f.Decision != etf.Undecided {
			why[i] += " (" + string(f.Decision) + ")"
		}
	}
	return strings.Join(why, "; ")
}

// askPerson starts a ResolveFinding for each undecided finding on the new session and waits only until they have started. One
// that is reported again may be waiting already; one whose decision was taken back gets a new workflow.
func (u *update) askPerson(ctx workflow.Context, findings []activities.FindingRef) error {
	for _, f := range findings {
		if f.Decision != etf.Undecided {
			continue
		}
		input := ResolveFindingInput{
			Finding: f.ID, Symbol: u.in.Symbol, Exchange: u.in.Exchange, Session: u.in.Session,
			Rule: f.Rule, Evidence: f.Evidence, Run: u.in.Run,
		}
		child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
			WorkflowID:            FindingID(f.ID),
			TaskQueue:             TaskQueue,
			ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
			WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
			TypedSearchAttributes: input.SearchAttributes(),
			StaticSummary:         input.Summary(),
			StaticDetails:         input.Details(),
		}), ResolveFindingWorkflow, input)
		err := child.GetChildWorkflowExecution().Get(ctx, nil)
		if err != nil && !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
			return err
		}
	}
	return nil
}

// end turns the outcome of the steps into the workflow's result or error.
func (u *update) end(ctx workflow.Context, err error) (etf.RunETF, error) {
	cancelled := temporal.IsCanceledError(err)
	switch {
	case cancelled:
		u.row.Outcome = etf.OutcomeCancelled
	case err != nil:
		f := failureOf(err)
		u.row.Outcome, u.row.ErrorType, u.row.ErrorMessage = etf.OutcomeFailed, f.Type, f.Message
		u.row.Attempts = max(u.row.Attempts, f.Attempt)
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, OutcomeAttribute.ValueSet(string(u.row.Outcome))); err != nil {
		return u.row, err
	}
	switch {
	case cancelled:
		return u.row, temporal.NewCanceledError(u.row)
	case err != nil:
		return u.row, updateError(u.row)
	}
	return u.row, nil
}
