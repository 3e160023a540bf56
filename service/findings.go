package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
	"github.com/etfcast/etfcast/workflows"
)

// FindingQuery selects findings, as the user wrote it. "" selects all.
type FindingQuery struct {
	Symbol    string
	Exchange  string
	Rule      string
	Severity  string
	State     string // "undecided": those that await a decision; "decided"
	Undecided bool   // the same as State "undecided"
	From, To  string // sessions: findings that name one of them
	AsOf      string // what was known then; needs a symbol
	After     etf.Cursor
	Limit     int
}

// Filter checks the query. Its error joins everything that is wrong with it.
func (q FindingQuery) Filter() (etf.FindingFilter, error) {
	f := etf.FindingFilter{Rule: q.Rule, Severity: etf.Severity(q.Severity), Undecided: q.Undecided || q.State == "undecided", Decided: q.State == "decided"}
	var problems []error
	parse := func(field, text string, into *etf.Session) {
		if text == "" {
			return
		}
		session, err := etf.ParseSession(text)
		*into = session
		problems = append(problems, etf.WithField(err, field))
	}
	if q.Symbol != "" {
		var err error
		f.Symbol, err = etf.ParseSymbol(q.Symbol)
		problems = append(problems, err)
	}
	if q.Exchange != "" {
		var err error
		f.Exchange, err = etf.ParseExchange(q.Exchange)
		problems = append(problems, err)
	}
	if q.Rule != "" && !slices.ContainsFunc(quality.Rules(), func(r quality.Rule) bool { return r.Name == q.Rule }) {
		problems = append(problems, etf.Invalid("rule", fmt.Sprintf("there is no rule %q", etf.Clip(q.Rule, etf.MaxQuoted)), "the table of rules is in docs/operations.md"))
	}
	switch f.Severity {
	case "", etf.SeverityInfo, etf.SeverityWarning, etf.SeverityError:
	default:
		problems = append(problems, etf.Invalid("severity", fmt.Sprintf("%q is not a severity", etf.Clip(q.Severity, etf.MaxQuoted)), "use info, warning or error"))
	}
	switch q.State {
	case "", "undecided", "decided":
	default:
		problems = append(problems, etf.Invalid("state", fmt.Sprintf("%q is not a state", etf.Clip(q.State, etf.MaxQuoted)), "use undecided or decided"))
	}
	if q.AsOf != "" && q.Symbol == "" {
		problems = append(problems, etf.Invalid("as_of", "data versions are those of one ETF", "name it with symbol"))
	}
	parse("from", q.From, &f.Sessions.From)
	parse("to", q.To, &f.Sessions.To)
	if w := f.Sessions; !w.From.IsZero() && !w.To.IsZero() && w.From > w.To {
		problems = append(problems, etf.Invalid("from", fmt.Sprintf("%s is after %s", w.From, w.To), "begin with the earlier session"))
	}
	return f, errors.Join(problems...)
}

// Findings returns findings, newest first, and the position of the next page: zero after the last.
func (s *Service) Findings(ctx context.Context, q FindingQuery) (page []etf.Finding, next etf.Cursor, err error) {
	page, next, _, err = s.FindingsAt(ctx, q)
	return page, next, err
}

// FindingsAt is Findings that also returns which data version q.AsOf stands for.
func (s *Service) FindingsAt(ctx context.Context, q FindingQuery) (page []etf.Finding, next etf.Cursor, asOf etf.AsOf, err error) {
	filter, filterErr := q.Filter()
	if err := errors.Join(filterErr, checkLimit(q.Limit)); err != nil {
		return nil, etf.Cursor{}, asOf, err
	}
	if q.AsOf != "" {
		if filter.AsOf, err = s.AsOf(ctx, filter.Symbol, q.AsOf); err != nil {
			return nil, etf.Cursor{}, asOf, err
		}
	}
	page, next, err = s.store.Findings(ctx, filter, q.After, q.Limit)
	return page, next, filter.AsOf, err
}

// Overdue reports whether a finding has awaited a decision for longer than workflows.DecisionDeadline.
func (s *Service) Overdue(f etf.Finding) bool {
	return f.Decision == etf.Undecided && s.now().Sub(f.FoundAt) > workflows.DecisionDeadline
}

// Finding returns one finding; KindNotFound for an unknown ID.
func (s *Service) Finding(ctx context.Context, id string) (etf.Finding, error) {
	return s.store.Finding(ctx, id)
}

// sessionsAround is how many stored sessions a finding is shown with, before its first and after its last; maxAround bounds
// the rows shown of a finding that names many.
const (
	sessionsAround = 10
	maxAround      = 300
)

// FindingDetail is a finding with everything that a decision needs.
type FindingDetail struct {
	etf.FindingRecord
	// Around are the rows around those that the finding names, ascending. Clipped means that there are more.
	Around  []RowAround `json:"around"`
	Clipped bool        `json:"clipped,omitempty"`
}

// RowAround is one session: what the finding is about, if it names the session, and what is stored.
type RowAround struct {
	Session etf.Session    `json:"session"`
	Named   bool           `json:"named"`
	Found   *etf.Bar       `json:"found"`  // the numbers that the finding is about; nil if it names none
	Stored  *etf.StoredBar `json:"stored"` // nil if no bar is stored
	// Second is what a second source says; nil if none was asked about the session, or it has no row.
	Second *etf.SecondRow `json:"second,omitempty"`
}

// FindingDetail returns a finding with its rows, its decisions and the rows around; KindNotFound for an unknown ID.
func (s *Service) FindingDetail(ctx context.Context, id string) (FindingDetail, error) {
	record, err := s.store.FindingRecord(ctx, id)
	if err != nil {
		return FindingDetail{}, err
	}
	d := FindingDetail{FindingRecord: record, Around: []RowAround{}}
	if len(record.Rows) == 0 {
		return d, nil
	}
	first, last := record.Rows[0].Session, record.Rows[len(record.Rows)-1].Session
	// Ten sessions are at most some three weeks of days, holidays included.
	window := etf.Window{From: first.AddDays(-3 * sessionsAround), To: last.AddDays(3 * sessionsAround)}
	bars, err := s.store.BarsPage(ctx, record.Symbol, window, 0, maxAround+2*3*sessionsAround)
	if err != nil {
		return FindingDetail{}, err
	}
	rows := map[etf.Session]*RowAround{}
	at := func(session etf.Session) *RowAround {
		if rows[session] == nil {
			rows[session] = &RowAround{Session: session}
		}
		return rows[session]
	}
	for _, r := range record.Rows {
		row := at(r.Session)
		row.Named, row.Found, row.Second = true, r.Row, r.Second
	}
	before := slices.DeleteFunc(slices.Clone(bars), func(b etf.StoredBar) bool { return b.Session >= first })
	after := 0
	for i := range bars {
		switch b := &bars[i]; {
		case b.Session < first && i < len(before)-sessionsAround:
		case b.Session > last && after == sessionsAround:
		default:
			if b.Session > last {
				after++
			}
			at(b.Session).Stored = b
		}
	}
	for _, row := range rows {
		d.Around = append(d.Around, *row)
	}
	slices.SortFunc(d.Around, func(a, b RowAround) int { return int(a.Session - b.Session) })
	if len(d.Around) > maxAround {
		d.Around, d.Clipped = d.Around[:maxAround], true
	}
	return d, nil
}

// NextFinding returns the finding that has waited longest for a decision, of one ETF or ("") of all; KindNotFound if none waits.
func (s *Service) NextFinding(ctx context.Context, symbol string) (FindingDetail, error) {
	var only etf.Symbol
	if symbol != "" {
		var err error
		if only, err = etf.ParseSymbol(symbol); err != nil {
			return FindingDetail{}, err
		}
	}
	f, err := s.store.OldestUndecided(ctx, only)
	if err != nil {
		return FindingDetail{}, err
	}
	return s.FindingDetail(ctx, f.ID)
}

// DecisionRequest is a decision on a finding, or etf.Undo, as the user wrote it.
type DecisionRequest struct {
	Finding  string
	Decision etf.Decision
	By, Why  string
	Key      string    // the idempotency key; "" for none
	Values   []etf.Bar // of replace; what is left out is filled in (quality.Complete)
	Sessions []etf.Session
	Wait     time.Duration // for the decision to be applied; 0 = DecideWait
}

// DecideWait is how long a decision is waited for if the request does not say.
const DecideWait = 30 * time.Second

// Decided is the outcome of a decision.
type Decided struct {
	Finding etf.Finding
	Run     etf.RunID // the run that fetches again, if there is one
	// Pending means that the workflow has the decision and has not applied it yet. Finding is as it was before.
	Pending bool
}

// Decide sends a decision to the workflow that waits for it, so that it is made once and in that workflow's history, and
// returns the decided finding. No workflow waits for a finding on past rows, which stops no run, for one that was decided, or
// for one whose workflow was lost with Temporal's data: for these, Decide starts one. The decision in force stands until it
// is taken back (etf.Undo): a repeat changes nothing, a different one is KindConflict. KindUnavailable if no worker has taken
// it in time.
func (s *Service) Decide(ctx context.Context, r DecisionRequest) (Decided, error) {
	if err := r.check(); err != nil {
		return Decided{}, err
	}
	record, err := s.store.FindingRecord(ctx, r.Finding)
	if err != nil {
		return Decided{}, err
	}
	f := record.Finding
	ruling := etf.Ruling{Finding: f.ID, Decision: r.Decision, By: r.By, Why: r.Why, Key: r.Key, Values: r.Values, Sessions: r.Sessions}
	if _, changed, err := quality.Settle(f, record.Decisions, ruling); err != nil || !changed {
		return Decided{Finding: f, Run: runInForce(record)}, err
	}
	if err := quality.Decidable(f, r.Decision); err != nil {
		return Decided{}, err
	}
	d := workflows.Decision{Decision: r.Decision, By: r.By, Why: r.Why, Key: r.Key, Values: r.Values, Sessions: r.Sessions}
	if r.Decision == etf.Refetch {
		run, err := s.Refetch(ctx, RefetchRequest{Symbol: string(f.Symbol), By: r.By, Why: r.Why})
		if err != nil {
			return Decided{}, err
		}
		d.Run = run.ID
	}
	wait := r.Wait
	if wait <= 0 {
		wait = DecideWait
	}
	decided, applied, err := s.temporal.Decide(ctx, f.ID, d, wait)
	if etf.KindOf(err) == etf.KindNotFound && err != nil {
		var registered etf.ETF
		if registered, err = s.store.ETF(ctx, f.Symbol); err != nil {
			return Decided{}, err
		}
		decided, applied, err = s.temporal.StartAndDecide(ctx, workflows.ResolveFindingInput{
			Finding: f.ID, Symbol: f.Symbol, Exchange: registered.Exchange, Session: f.Sessions[len(f.Sessions)-1], Rule: f.Rule, Evidence: f.Evidence,
		}, d, wait)
	}
	if err != nil {
		return Decided{}, err
	}
	if !applied {
		decided = f
	}
	return Decided{Finding: decided, Run: d.Run, Pending: !applied}, nil
}

func runInForce(record etf.FindingRecord) etf.RunID {
	for _, d := range record.Decisions {
		if d.InForce {
			return d.Run
		}
	}
	return ""
}

// check reports everything that is wrong with the request, and fills in what its values leave out.
func (r *DecisionRequest) check() error {
	var problems []error
	refuse := func(field, message, remedy string) {
		problems = append(problems, etf.Invalid(field, message, remedy))
	}
	if r.Decision != etf.Undo && !slices.Contains(etf.Decisions(), r.Decision) {
		refuse("decision", fmt.Sprintf("%q is not a decision", etf.Clip(string(r.Decision), etf.MaxQuoted)), "use accept, reject, replace, refetch, retract or undo")
	}
	if strings.TrimSpace(r.By) == "" {
		refuse("by", "no name is given", `say who decides: --by, or "by" in a request`)
	}
	if strings.TrimSpace(r.Why) == "" {
		refuse("why", "no reason is given", `say why: --why, or "why" in a request`)
	}
	problems = append(problems, checkText("by", r.By, workflows.MaxDecidedBy), checkText("why", r.Why, workflows.MaxDecidedWhy),
		checkText("key", r.Key, workflows.MaxDecisionKey))
	switch {
	case r.Decision == etf.Replace && len(r.Values) == 0:
		refuse("values", "no value is given", `give the session's close at least: --close, or "values" in a request`)
	case r.Decision != etf.Replace && len(r.Values) > 0:
		refuse("values", "only replace takes values", "omit them, or use replace")
	case len(r.Values) > workflows.MaxDecidedRows:
		refuse("values", fmt.Sprintf("%d values are given", len(r.Values)), fmt.Sprintf("give at most %d at once", workflows.MaxDecidedRows))
	}
	if r.Decision != etf.Retract && len(r.Sessions) > 0 {
		refuse("sessions", "only retract takes sessions", "omit them, or use retract")
	} else if len(r.Sessions) > workflows.MaxDecidedRows {
		refuse("sessions", fmt.Sprintf("%d sessions are given", len(r.Sessions)), fmt.Sprintf("give at most %d at once", workflows.MaxDecidedRows))
	}
	values := slices.Clone(r.Values)
	for i, v := range values {
		var err error
		values[i], err = quality.Complete(v)
		problems = append(problems, err)
	}
	r.Values = values
	return errors.Join(problems...)
}

// Remedy returns what to do about a finding of the rule; "" for a rule that a former release had.
func Remedy(rule string) string { return quality.Remedy(rule) }
