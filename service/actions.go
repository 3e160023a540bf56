package service

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
	"github.com/etfcast/etfcast/workflows"
)

// Actions reads statements about corporate actions; db.Store implements it. It is part of Store.
type Actions interface {
	// ActionStates returns every state of a statement, oldest first; KindNotFound for an unknown ID.
	ActionStates(ctx context.Context, id string) ([]etf.StatedAction, error)
	// ActionDecided returns the state that the decision with the key led to; KindNotFound while there is none.
	ActionDecided(ctx context.Context, id, key string) (etf.StatedAction, error)
	// ActionsByEx returns up to limit current statements about all ETFs, by ex-date and ID, after the given position.
	ActionsByEx(ctx context.Context, f etf.ActionFilter, afterEx etf.Session, afterID string, limit int) ([]etf.StatedAction, error)
}

// MaxKey is how long an idempotency key may be, in characters.
const MaxKey = 128

// actionWait is how long a request waits for a decision to be applied.
const actionWait = 5 * time.Second

// ParseActionStatus reads a status; "" is any. Errors are of KindInvalid with Field "status".
func ParseActionStatus(text string) (etf.ActionStatus, error) {
	switch s := etf.ActionStatus(text); s {
	case "", etf.Proposed, etf.Accepted, etf.Rejected, etf.Cancelled:
		return s, nil
	}
	return "", etf.Invalid("status", fmt.Sprintf("%q is not a status", etf.Clip(text, etf.MaxQuoted)), "use proposed, accepted, rejected or cancelled")
}

// ActionsOf returns the statements about an ETF's corporate actions as believed then, by ex-date.
func (s *Service) ActionsOf(ctx context.Context, symbol etf.Symbol, status etf.ActionStatus, asOf etf.AsOf) ([]etf.StatedAction, error) {
	list, err := s.store.ActionsAt(ctx, symbol, BarQuery{AsOf: asOf}.version())
	if err != nil || status == "" {
		return list, err
	}
	return slices.DeleteFunc(list, func(a etf.StatedAction) bool { return a.Status != status }), nil
}

// ActionCalendar returns up to limit current statements about all ETFs with an ex-date from one day to another, by ex-date and ID,
// after the given position; more says whether more follow.
func (s *Service) ActionCalendar(ctx context.Context, f etf.ActionFilter, afterEx etf.Session, afterID string, limit int) (list []etf.StatedAction, more bool, err error) {
	if err := checkLimit(limit); err != nil {
		return nil, false, err
	}
	if list, err = s.store.ActionsByEx(ctx, f, afterEx, afterID, limit+1); err != nil {
		return nil, false, err
	}
	list, more = cut(list, limit)
	return list, more, nil
}

// Action returns every state of a statement, oldest first: the last one is current.
func (s *Service) Action(ctx context.Context, id string) ([]etf.StatedAction, error) {
	return s.store.ActionStates(ctx, id)
}

// ActionDecisionRequest is a decision on a corporate action, as the user wrote it.
type ActionDecisionRequest struct {
	Action   string // ID
	Decision string // "accept", "reject" or "cancel"
	By, Why  string
	Key      string // "" = none: a repeat is another decision
}

// DecideAction sends a decision on a corporate action to its workflow and waits a few seconds for it to be applied. applied is false
// if no worker has done so yet: the decision is kept, and one will.
func (s *Service) DecideAction(ctx context.Context, r ActionDecisionRequest) (a etf.StatedAction, applied bool, err error) {
	d := etf.ActionDecision{Action: r.Action, By: strings.TrimSpace(r.By), Why: strings.TrimSpace(r.Why), Key: r.Key}
	var decisionErr error
	switch r.Decision {
	case "accept":
		d.Status = etf.Accepted
	case "reject":
		d.Status = etf.Rejected
	case "cancel":
		d.Status = etf.Cancelled
	default:
		decisionErr = etf.Invalid("decision", fmt.Sprintf("%q is not a decision", etf.Clip(r.Decision, etf.MaxQuoted)), "use accept, reject or cancel")
	}
	if err := errors.Join(decisionErr, checkDecider(d)); err != nil {
		return a, false, err
	}
	states, err := s.store.ActionStates(ctx, r.Action)
	if err != nil {
		return a, false, err
	}
	d.Symbol = states[0].Symbol
	return s.decideAction(ctx, d)
}

// checkDecider checks who decides and why.
func checkDecider(d etf.ActionDecision) error {
	var errs []error
	if strings.TrimSpace(d.By) == "" {
		errs = append(errs, etf.Invalid("by", "no name is given", `say who decides: --by, or "by" in a request`))
	}
	if strings.HasPrefix(d.By, quality.BySource("")) {
		errs = append(errs, etf.Invalid("by", "that is the name of a source", "name the person who decides"))
	}
	if strings.TrimSpace(d.Why) == "" {
		errs = append(errs, etf.Invalid("why", "no reason is given", `say why: --why, or "why" in a request`))
	}
	return errors.Join(append(errs, checkText("by", d.By, MaxName), checkText("why", d.Why, MaxWhy), checkText("key", d.Key, MaxKey))...)
}

func (s *Service) decideAction(ctx context.Context, d etf.ActionDecision) (a etf.StatedAction, applied bool, err error) {
	e, err := s.store.ETF(ctx, d.Symbol)
	if err != nil {
		return a, false, err
	}
	if d.Key == "" {
		d.Key = rand.Text()
	} else if a, err := s.store.ActionDecided(ctx, d.Action, d.Key); err == nil {
		if a.Status != d.Status {
			return a, false, &etf.Error{Kind: etf.KindConflict, Field: "key", Message: fmt.Sprintf("the decision with this key was %s", a.Status), Remedy: "use another key for another decision"}
		}
		return a, true, nil
	} else if etf.KindOf(err) != etf.KindNotFound {
		return a, false, err
	}
	stated, err := s.store.ActionsAt(ctx, d.Symbol, etf.NewestVersion)
	if err != nil {
		return a, false, err
	}
	at := slices.IndexFunc(stated, func(o etf.StatedAction) bool { return o.ID == d.Action })
	if at >= 0 {
		// Refused here already, or decided so already: nothing to send.
		changes, err := quality.DecideAction(stated, quality.ActionRuling{ID: d.Action, Status: d.Status, By: d.By, Why: d.Why})
		if err != nil || len(changes) == 0 {
			return stated[at], err == nil, err
		}
		a = stated[at]
	}
	began := s.now()
	in := workflows.DecideActionInput{Action: d.Action, Symbol: d.Symbol, Exchange: e.Exchange}
	if err := s.temporal.DecideAction(ctx, in, d); err != nil {
		return a, false, err
	}
	return s.awaitAction(ctx, a, d, began)
}

// awaitAction waits until the decision has been applied.
func (s *Service) awaitAction(ctx context.Context, a etf.StatedAction, d etf.ActionDecision, began time.Time) (etf.StatedAction, bool, error) {
	ctx, stop := context.WithTimeout(ctx, actionWait)
	defer stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		decided, err := s.store.ActionDecided(ctx, d.Action, d.Key)
		switch {
		case err == nil:
			return decided, true, nil
		case etf.KindOf(err) != etf.KindNotFound && ctx.Err() == nil:
			return a, false, err
		}
		select {
		case <-tick.C:
			continue
		case <-ctx.Done():
		}
		// Not applied in time. A workflow that has failed since has refused it.
		after := context.WithoutCancel(ctx)
		x, err := s.temporal.Execution(after, workflows.ActionID(d.Action))
		if err == nil && x.Status == etf.RunFailed && !x.StartedAt.Before(began.Add(-time.Minute)) {
			return a, false, &etf.Error{Kind: etf.KindConflict, Field: "decision", Message: "the decision could not be applied: " + x.Failure, Remedy: "look at the action (`etfcast action show " + d.Action + "`) and decide again"}
		}
		return a, false, nil
	}
}

// ActionRequest states a corporate action, as the user wrote it.
type ActionRequest struct {
	Symbol                 string
	Kind                   string
	Ex                     string
	Ratio                  string // of a split: "4:1"
	Amount                 string // of any other kind, per share
	Record, Pay, Announced string // may be empty
	By, Why                string
	Key                    string
}

// AddAction states a corporate action in a person's name, accepted: see DecideAction.
func (s *Service) AddAction(ctx context.Context, r ActionRequest) (a etf.StatedAction, applied bool, err error) {
	symbol, symbolErr := etf.ParseSymbol(r.Symbol)
	action, actionErr := parseAction(r)
	d := etf.ActionDecision{Symbol: symbol, Status: etf.Accepted, By: strings.TrimSpace(r.By), Why: strings.TrimSpace(r.Why), Key: r.Key, Add: &action}
	if err := errors.Join(symbolErr, actionErr, checkDecider(d)); err != nil {
		return a, false, err
	}
	if _, err := s.ETF(ctx, r.Symbol); err != nil {
		return a, false, err
	}
	d.Action = etf.ActionID(symbol, action, etf.SourcePerson)
	a = etf.StatedAction{ID: d.Action, Symbol: symbol, Action: action, Source: etf.SourcePerson, Status: etf.Proposed, By: d.By, Why: d.Why}
	decided, applied, err := s.decideAction(ctx, d)
	if decided.ID != "" {
		a = decided
	}
	return a, applied, err
}

func parseAction(r ActionRequest) (etf.Action, error) {
	var errs []error
	a := etf.Action{Kind: etf.ActionKind(r.Kind)}
	if !slices.Contains(etf.ActionKinds(), a.Kind) {
		errs = append(errs, etf.Invalid("kind", fmt.Sprintf("%q is not a kind of corporate action", etf.Clip(r.Kind, etf.MaxQuoted)), "use split, dividend, special_dividend, capital_gain or spin_off"))
	}
	date := func(field, text string, into *etf.Session, needed bool) {
		if text == "" && !needed {
			return
		}
		v, err := etf.ParseSession(text)
		if err != nil {
			errs = append(errs, etf.WithField(err, field))
		}
		*into = v
	}
	date("ex", r.Ex, &a.Ex, true)
	date("record", r.Record, &a.Record, false)
	date("pay", r.Pay, &a.Pay, false)
	date("announced", r.Announced, &a.Announced, false)
	switch a.Kind {
	case etf.Split:
		var err error
		if r.Ratio == "" {
			errs = append(errs, etf.Invalid("ratio", "a split needs a ratio", "write new shares for old ones, such as 4:1"))
		} else if a.Numerator, a.Denominator, err = parseRatio(r.Ratio); err != nil {
			errs = append(errs, err)
		}
		if r.Amount != "" {
			errs = append(errs, etf.Invalid("amount", "a split has a ratio and no amount", "omit it"))
		}
	default:
		p, err := etf.ParsePrice(r.Amount)
		if r.Amount == "" {
			errs = append(errs, etf.Invalid("amount", "every kind but a split needs an amount", "give it per share, such as 0.71"))
		} else if err != nil || p <= 0 {
			errs = append(errs, etf.Invalid("amount", fmt.Sprintf("%q is not an amount per share", etf.Clip(r.Amount, etf.MaxQuoted)), "use a positive number, such as 0.71"))
		}
		a.Amount = p
		if r.Ratio != "" {
			errs = append(errs, etf.Invalid("ratio", "only a split has a ratio", "omit it"))
		}
	}
	return a, errors.Join(errs...)
}

// parseRatio reads "4:1", new shares for old ones, in lowest terms.
func parseRatio(text string) (num, den int64, err error) {
	left, right, ok := strings.Cut(text, ":")
	num, errN := strconv.ParseInt(strings.TrimSpace(left), 10, 64)
	den, errD := strconv.ParseInt(strings.TrimSpace(right), 10, 64)
	const most = 1_000_000
	if !ok || errN != nil || errD != nil || num <= 0 || den <= 0 || num == den || max(num, den) > most {
		return 0, 0, etf.Invalid("ratio", fmt.Sprintf("%q is not the ratio of a split", etf.Clip(text, etf.MaxQuoted)), "write new shares for old ones, such as 4:1, or 1:10 for a reverse split")
	}
	for a, b := num, den; ; a, b = b, a%b {
		if b == 0 {
			return num / a, den / a, nil
		}
	}
}
