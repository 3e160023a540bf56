package quality

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// PlanInput is what a response states about corporate actions, with the stored statements and the prices to judge it by.
type PlanInput struct {
	Symbol  etf.Symbol
	IDsAs   etf.Symbol      // stands for it in IDs; "" = Symbol
	Source  string          // that sent the response
	Sources []etf.SourceRef // of the ETF, in order of preference
	Window  etf.Window      // that the response was asked for; zero ends are open
	Basis   etf.Basis       // of Bars
	Actions []etf.Action    // stated in the response, in any order; repeats do no harm
	Covers  []etf.ActionKind
	Stated  []etf.StatedAction // the current statements, of every source and status
	Bars    []etf.Bar          // the response's rows, in any order
	Known   []etf.StoredBar    // stored bars in use, ascending
	Second  etf.SecondOpinion  // of another source; zero if there is none
}

// Plan is what becomes of the statements about an ETF's corporate actions.
type Plan struct {
	// InForce are the actions accepted afterwards, ascending, each event once: prices are judged and forecasts made with these.
	InForce []etf.Action
	// Doubted are the splits that the response states, that are not in force, and that its as-traded prices contradict.
	Doubted []etf.Action
	// Changes are the new states of statements, with Status, By, Why, Evidence and Replaces set. A statement that has an ID
	// among PlanInput.Stated leaves its present state.
	Changes []etf.StatedAction
	// Withdrawn are the splits in force that their source states no longer, but that count on: the prices show them or a person
	// has accepted them (Why).
	Withdrawn []etf.StatedAction
}

// sameEvent is how many days two dates of the same split may lie apart: two weeks, some ten sessions.
const sameEvent = 15

// bySource is the prefix of the author of a decision that no person made.
const bySource = "source:"

// BySource is the author of a decision that follows from what a source states.
func BySource(source string) string { return bySource + source }

// DecidedByPerson reports whether a person decided on the statement, so that no source may change it.
func DecidedByPerson(s etf.StatedAction) bool { return !strings.HasPrefix(s.By, bySource) }

// PlanActions decides what becomes of a response's statements about corporate actions.
//
// A distribution is accepted at once unless it is implausible (Implausible). A split is accepted at once only if the prices
// agree with it, in the response and where stored bars in use reach across it, or if another source states the same; it
// is judged again with each response that states it. A statement that its source no longer makes, although the response
// covers it, is cancelled: replaced by the statement that corrects it, or withdrawn. If the prices still show a withdrawn
// split, it stays. Of two accepted statements about one event, a person's counts, then the more preferred source's; the
// other one is proposed. What a person has decided, no source changes.
func PlanActions(in PlanInput) Plan {
	p := planner{in: in, states: slices.Clone(in.Stated), old: len(in.Stated), changed: map[int]bool{}, handled: map[int]bool{}}
	if len(in.Actions) == 0 && len(in.Stated) == 0 {
		return Plan{}
	}
	p.evidence = newPriceEvidence(in)
	p.read()
	p.judge()
	p.withdraw()
	p.settle()
	return p.result()
}

// Idle reports whether the plan of a response with rows from first to last changes nothing, whatever its prices are.
func (in PlanInput) Idle(first, last etf.Session) bool {
	stated := make([]bool, len(in.Stated))
	for _, a := range in.Actions {
		a, ok := readable(a)
		if !ok {
			continue
		}
		i := in.find(a, in.Stated)
		if i < 0 || !settled(in.Stated[i]) || newDates(in.Stated[i].Action, a) {
			return false
		}
		stated[i] = true
	}
	for i, s := range in.Stated {
		if !stated[i] && in.covered(s, first, last) {
			return false
		}
	}
	return true
}

// find returns the index of the source's own statement of the action, -1 if there is none.
func (in PlanInput) find(a etf.Action, list []etf.StatedAction) int {
	return slices.IndexFunc(list, func(s etf.StatedAction) bool { return s.Source == in.Source && restates(s.Action, a) })
}

// covered reports whether a response with rows from first to last would state s if it still held. A row outside the window
// that was asked for, such as one with a wrong date, does not widen it.
func (in PlanInput) covered(s etf.StatedAction, first, last etf.Session) bool {
	if !in.Window.From.IsZero() {
		first = max(first, in.Window.From)
	}
	if !in.Window.To.IsZero() {
		last = min(last, in.Window.To)
	}
	return s.Source == in.Source && (s.Status == etf.Accepted || s.Status == etf.Proposed) && slices.Contains(in.Covers, s.Kind) &&
		!first.IsZero() && s.Ex >= first && s.Ex <= last
}

// planner is the state of one PlanActions.
type planner struct {
	in       PlanInput
	evidence priceEvidence
	states   []etf.StatedAction // stored ones first, then new ones
	old      int                // how many are stored
	changed  map[int]bool       // by index in states
	handled  map[int]bool       // stored statements withdrawn or corrected, by index
	stated   []int              // indices of what the response states
	kept     []etf.StatedAction // withdrawn, but still in force
	doubted  []int
}

// set gives a statement a new state. The status of a stored one is not stored again for another reason, unless the reason was that
// the price before it was missing: as long as that is stored, the statement is judged again.
func (p *planner) set(i int, status etf.ActionStatus, why, evidence string) {
	s := &p.states[i]
	if s.Status == status && i < p.old && !p.changed[i] && (s.Why != noPriceBefore || why == noPriceBefore) {
		return
	}
	s.Status, s.By, s.Why, s.Evidence = status, BySource(p.in.Source), why, evidence
	p.changed[i] = true
}

// read matches what the response states with the stored statements of its source. New ones get the status "".
func (p *planner) read() {
	for _, a := range p.in.Actions {
		a, ok := readable(a)
		if !ok {
			continue
		}
		i := p.in.find(a, p.states)
		switch {
		case i < 0:
			i = len(p.states)
			p.states = append(p.states, etf.StatedAction{
				ID: etf.ActionID(cmp.Or(p.in.IDsAs, p.in.Symbol), a, p.in.Source), Symbol: p.in.Symbol, Action: a, Source: p.in.Source, By: BySource(p.in.Source),
			})
		case slices.Contains(p.stated, i):
			continue
		case newDates(p.states[i].Action, a):
			s := &p.states[i]
			s.Record, s.Pay, s.Announced = cmp.Or(a.Record, s.Record), cmp.Or(a.Pay, s.Pay), cmp.Or(a.Announced, s.Announced)
			p.changed[i] = true
		}
		p.stated = append(p.stated, i)
	}
}

// readable returns an action with a split's ratio in lowest terms; ok is false for what can't be an action.
func readable(a etf.Action) (r etf.Action, ok bool) {
	if a.Ex.IsZero() {
		return a, false
	}
	if a.Kind != etf.Split {
		return a, true
	}
	if a.Numerator <= 0 || a.Denominator <= 0 || a.Numerator == a.Denominator {
		return a, false
	}
	g := gcd(a.Numerator, a.Denominator)
	a.Numerator, a.Denominator = a.Numerator/g, a.Denominator/g
	return a, true
}

func newDates(old, a etf.Action) bool {
	differs := func(old, s etf.Session) bool { return !s.IsZero() && s != old }
	return differs(old.Record, a.Record) || differs(old.Pay, a.Pay) || differs(old.Announced, a.Announced)
}

// sameTerms reports whether two actions of one kind have the same ratio, however it is written, or the same amount.
func sameTerms(a, b etf.Action) bool {
	if a.Kind != etf.Split {
		return a.Amount == b.Amount
	}
	a, okA := readable(a)
	b, okB := readable(b)
	return okA == okB && a.Numerator == b.Numerator && a.Denominator == b.Denominator
}

func sameStatement(a, b etf.Action) bool { return a.Kind == b.Kind && a.Ex == b.Ex && sameTerms(a, b) }

// restates reports whether a source that has stated old states the same again. An amount computed from adjusted ones, as
// package yahoo does, differs in its last digits once there has been a split.
func restates(old, a etf.Action) bool {
	const digits, part = 100, 500_000 // a millionth, or two millionths of the amount
	off := a.Amount - old.Amount
	return sameStatement(old, a) || a.Kind != etf.Split && a.Kind == old.Kind && a.Ex == old.Ex && max(off, -off) <= max(digits, old.Amount/part)
}

// about reports whether two statements that differ are about the same event: a split of the same ratio on a near date, or
// actions of one kind with the same ex-date.
func about(a, b etf.Action) bool {
	if a.Kind != b.Kind {
		return false
	}
	days := a.Ex - b.Ex
	return a.Ex == b.Ex || a.Kind == etf.Split && sameTerms(a, b) && max(days, -days) <= sameEvent
}

// withdraw decides on the statements that the response covers, but neither repeats nor corrects.
func (p *planner) withdraw() {
	for i, s := range p.states[:p.old] {
		if !p.handled[i] && !slices.Contains(p.stated, i) && p.in.covered(s, p.evidence.first, p.evidence.last) {
			p.withdrawOne(i)
		}
	}
}

func (p *planner) withdrawOne(i int) {
	p.handled[i] = true
	s := p.states[i]
	why := fmt.Sprintf("%s states it no longer", p.in.Source)
	switch {
	case s.Status == etf.Accepted && DecidedByPerson(s):
		s.Why = fmt.Sprintf("%s, but %s has accepted it", why, s.By)
		p.kept = append(p.kept, s)
	case DecidedByPerson(s): // proposed by a person who took a decision back
	case s.Status == etf.Accepted && s.Kind == etf.Split && p.in.Basis == etf.AsTraded:
		if shown, text := p.evidence.stillShown(s.Action); shown {
			s.Why, s.Evidence = why+", but the prices show it", text
			p.kept = append(p.kept, s)
			return
		}
		p.set(i, etf.Cancelled, why, "")
	default:
		p.set(i, etf.Cancelled, why, "")
	}
}

// corrects returns the index of the stored statement that statement k corrects, -1 if there is none.
func (p *planner) corrects(k int) int {
	if k < p.old {
		return -1
	}
	found := -1
	for i, s := range p.states[:p.old] {
		if s.Source == p.in.Source && (s.Status == etf.Accepted || s.Status == etf.Proposed) && !p.handled[i] &&
			!slices.Contains(p.stated, i) && about(p.states[k].Action, s.Action) && (found < 0 || s.Status == etf.Accepted) {
			found = i
		}
	}
	return found
}

// judge decides on what the response states and nobody has decided on yet.
func (p *planner) judge() {
	for _, k := range p.stated {
		s := p.states[k]
		if k < p.old && settled(s) {
			continue
		}
		if s.Kind == etf.Split {
			p.judgeSplit(k)
		} else {
			p.judgeCash(k)
		}
	}
}

func (p *planner) judgeSplit(k int) {
	a := p.states[k].Action
	old := p.corrects(k)
	var doubtful doubt
	if old >= 0 {
		was := p.states[old]
		doubtful = doubt{etf.Window{From: min(was.Ex, a.Ex), To: max(was.Ex, a.Ex) - 1}, was.DataVersion}
	}
	agrees, text := p.evidence.judge(a, doubtful)
	status, why := etf.Accepted, "the prices show it"
	if p.in.Basis != etf.AsTraded {
		why = "the prices are adjusted for it"
	}
	if agrees != agree {
		if other := p.statedElsewhere(k); other >= 0 {
			why = fmt.Sprintf("%s and %s state the same", p.states[other].Source, p.in.Source)
			if p.states[other].Status == etf.Proposed {
				p.set(other, etf.Accepted, why, p.states[other].Evidence)
			}
			agrees = agree
		} else if shown := p.in.secondShows(a); shown != "" {
			why, agrees = shown, agree
		}
	}
	switch by := p.rejectedBy(a); {
	case by != "":
		status, why = etf.Proposed, by+" has rejected it"
	case agrees == unknown:
		status, why = etf.Proposed, "no price shows it yet"
	case agrees == against:
		status, why = etf.Proposed, "the prices contradict it"
		p.doubted = append(p.doubted, k)
	}
	p.set(k, status, why, text)
	if old >= 0 {
		p.replace(old, k, status)
	}
}

// secondShows says how the second source confirms a split; it is empty if it does not. Prices that are adjusted for splits can't.
func (in PlanInput) secondShows(a etf.Action) string {
	o := in.Second
	if o.Source == in.Source || len(o.Bars) == 0 {
		return ""
	}
	if slices.ContainsFunc(o.Actions, func(b etf.Action) bool { b, ok := readable(b); return ok && sameStatement(a, b) }) {
		return fmt.Sprintf("%s and %s state the same", o.Source, in.Source)
	}
	if o.Basis != etf.AsTraded {
		return ""
	}
	e := newPriceEvidence(PlanInput{Basis: o.Basis, Bars: o.Bars})
	if before, after := e.beside(a.Ex); before != nil && after != nil && e.compare(a, before, after) == agree {
		return fmt.Sprintf("the prices of %s show it (%s)", o.Source, stepText(before, after))
	}
	return ""
}

// rejectedBy returns the person who has rejected another statement of the same action, "" if there is none.
func (p *planner) rejectedBy(a etf.Action) string {
	for _, s := range p.states {
		if s.Status == etf.Rejected && DecidedByPerson(s) && sameStatement(s.Action, a) {
			return s.By
		}
	}
	return ""
}

// replace cancels statement old, which statement k corrects. One that counts is not given up for one that does not.
func (p *planner) replace(old, k int, status etf.ActionStatus) {
	p.handled[old] = true
	s := p.states[old]
	switch {
	case DecidedByPerson(s):
		p.withdrawOne(old)
	case s.Status == etf.Accepted && status != etf.Accepted:
		p.states[k].Replaces = s.ID
		if s.Kind == etf.Split && slices.Contains(p.doubted, k) {
			s.Why = fmt.Sprintf("%s now states %s on %s, which the prices contradict", p.in.Source, p.states[k].Terms(), p.states[k].Ex)
			p.kept = append(p.kept, s)
			return
		}
		p.withdrawOne(old)
	default:
		p.states[k].Replaces = s.ID
		p.set(old, etf.Cancelled, fmt.Sprintf("%s now states %s on %s", p.in.Source, p.states[k].Terms(), p.states[k].Ex), "")
	}
}

// statedElsewhere returns the index of another source's statement of the same split, -1 if there is none. A rule is no
// source, and what a person has rejected counts for nothing.
func (p *planner) statedElsewhere(k int) int {
	found := -1
	for i, s := range p.states {
		if i == k || !sameStatement(s.Action, p.states[k].Action) {
			continue
		}
		switch {
		case s.Status == etf.Rejected && DecidedByPerson(s):
			return -1
		case s.Status == etf.Accepted || s.Status == etf.Proposed && s.Source != etf.SourceDetection && s.Source != etf.SourcePerson:
			found = i
		}
	}
	return found
}

// noPriceBefore is why a distribution was accepted that could not be compared with a price before it: the window of a history, or the history,
// begins with its ex-date.
const noPriceBefore = "there is no price before the ex-date yet"

// settled reports whether a stored statement is not judged again: it is accepted, or a person has decided. A distribution that was accepted
// without a price before it is judged by the one that may have come since.
func settled(s etf.StatedAction) bool {
	return DecidedByPerson(s) || s.Status == etf.Accepted && (s.Kind == etf.Split || s.Why != noPriceBefore)
}

func (p *planner) judgeCash(k int) {
	a := p.states[k].Action
	before, after := p.evidence.around(a.Ex)
	status, why := etf.Accepted, ""
	if by := p.rejectedBy(a); by != "" {
		status, why = etf.Proposed, by+" has rejected it"
	} else if text := Implausible(a, before, after, p.earlier(k)); text != "" {
		status, why = etf.Proposed, text
	} else if before == 0 {
		why = noPriceBefore
	}
	p.set(k, status, why, "")
	if old := p.corrects(k); old >= 0 {
		p.replace(old, k, status)
	}
}

// earlier returns the actions stated up to k's ex-date that are not known to be wrong.
func (p *planner) earlier(k int) []etf.Action {
	var list []etf.Action
	a := p.states[k].Action
	for i, s := range p.states {
		if i == k || s.Ex > a.Ex || s.Status == etf.Rejected || s.Status == etf.Cancelled || slices.Contains(list, s.Action) {
			continue
		}
		list = append(list, s.Action)
	}
	return list
}

// settle leaves one statement of each event accepted: a person's, or that of the most preferred source. Others that say the
// same may be accepted too. It also settles what detection has proposed.
func (p *planner) settle() {
	accepted := p.ranked()
	var force []int
	for _, i := range accepted {
		against := slices.IndexFunc(force, func(f int) bool { return conflicting(p.states[f], p.states[i]) })
		switch {
		case against < 0:
			force = append(force, i)
		case DecidedByPerson(p.states[i]): // two people disagree: both stand as they are, and the first counts
		default:
			f := p.states[force[against]]
			p.set(i, etf.Proposed, fmt.Sprintf("%s states %s on %s", f.Source, f.Terms(), f.Ex), p.states[i].Evidence)
		}
	}
	for i, s := range p.states[:p.old] {
		if s.Source != etf.SourceDetection || s.Status != etf.Proposed || DecidedByPerson(s) {
			continue
		}
		for _, f := range force {
			if p.states[f].Source != etf.SourceDetection && about(p.states[f].Action, s.Action) {
				p.set(i, etf.Cancelled, fmt.Sprintf("%s states %s on %s", p.states[f].Source, p.states[f].Terms(), p.states[f].Ex), s.Evidence)
				break
			}
		}
	}
}

// ranked returns the indices of the accepted statements, those that count most first.
func (p *planner) ranked() []int {
	var list []int
	for i, s := range p.states {
		if s.Status == etf.Accepted {
			list = append(list, i)
		}
	}
	rank := func(i int) int {
		if DecidedByPerson(p.states[i]) {
			return -1
		}
		n := slices.IndexFunc(p.in.Sources, func(r etf.SourceRef) bool { return r.Name == p.states[i].Source })
		if n < 0 {
			return len(p.in.Sources)
		}
		return n
	}
	slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(rank(a), rank(b)) })
	return list
}

// conflicting reports whether two statements can't both count. Those of one response can: a fund may pay a dividend and a
// gain on one day, or two dividends.
func conflicting(a, b etf.StatedAction) bool {
	if a.Source == b.Source && !DecidedByPerson(a) && !DecidedByPerson(b) && a.Kind != etf.Split || sameStatement(a.Action, b.Action) {
		return false
	}
	if a.Kind == etf.Split || b.Kind == etf.Split {
		return about(a.Action, b.Action) && (a.Ex == b.Ex || a.Source != b.Source || DecidedByPerson(a) || DecidedByPerson(b))
	}
	// One source may call special, or a gain, what another calls a dividend.
	return a.Ex == b.Ex && (a.Kind == b.Kind || a.Amount == b.Amount)
}

func (p *planner) result() Plan {
	plan := Plan{Withdrawn: p.kept}
	for i, s := range p.states {
		if !p.changed[i] || i < p.old && p.in.same(i, s) {
			continue
		}
		plan.Changes = append(plan.Changes, s)
	}
	plan.InForce = InForce(p.states)
	for _, k := range p.doubted {
		if p.in.Basis == etf.AsTraded && p.states[k].Status == etf.Proposed {
			plan.Doubted = append(plan.Doubted, p.states[k].Action)
		}
	}
	byEx(plan.Doubted)
	return plan
}

// same reports whether a state of stored statement i is the stored one.
func (in PlanInput) same(i int, s etf.StatedAction) bool {
	was := in.Stated[i]
	return s.Status == was.Status && (s.Why == was.Why || was.Why != noPriceBefore) && !newDates(was.Action, s.Action)
}

// InForce returns the accepted actions of a list of current statements, ascending, each event once.
func InForce(stated []etf.StatedAction) []etf.Action {
	var list []etf.Action
	for _, s := range stated {
		if s.Status != etf.Accepted {
			continue
		}
		a := etf.Action{Kind: s.Kind, Ex: s.Ex, Amount: s.Amount, Numerator: s.Numerator, Denominator: s.Denominator,
			Record: s.Record, Pay: s.Pay, Announced: s.Announced}
		if !slices.ContainsFunc(list, func(b etf.Action) bool { return sameStatement(a, b) }) {
			list = append(list, a)
		}
	}
	byEx(list)
	return list
}

// ActionRuling is a decision on a statement about a corporate action.
type ActionRuling struct {
	ID     string           // of the statement
	Status etf.ActionStatus // Accepted, Rejected or Cancelled
	By     string           // a person
	Why    string
}

// DecideAction returns the new states that a person's decision leads to: that of the statement, and, so that at most one
// statement of an event counts, those of others about the same event. A rejected or cancelled action is so in the
// statements of every source. Nothing changes if it is decided so already.
func DecideAction(stated []etf.StatedAction, r ActionRuling) ([]etf.StatedAction, error) {
	switch r.Status {
	case etf.Accepted, etf.Rejected, etf.Cancelled:
	default:
		return nil, etf.Invalid("status", fmt.Sprintf("%q is not a decision", r.Status), "use accepted, rejected or cancelled")
	}
	if strings.TrimSpace(r.By) == "" || strings.HasPrefix(r.By, bySource) {
		return nil, etf.Invalid("by", "the decision names no person", "name the person who decides")
	}
	at := slices.IndexFunc(stated, func(s etf.StatedAction) bool { return s.ID == r.ID })
	if at < 0 {
		return nil, etf.NotFound("id", fmt.Sprintf("there is no action %q", etf.Clip(r.ID, etf.MaxQuoted)), "list the actions: `etfcast action list`")
	}
	target := stated[at]
	if target.Status == r.Status && DecidedByPerson(target) {
		return nil, nil
	}
	var changes []etf.StatedAction
	for i, s := range stated {
		live := s.Status == etf.Accepted || s.Status == etf.Proposed
		switch same := sameStatement(s.Action, target.Action); {
		case i == at, r.Status != etf.Accepted && same && live:
			s.Status, s.Why = r.Status, r.Why
		case r.Status == etf.Accepted && s.Status == etf.Accepted && !same && (conflicting(target, s) || s.Kind == etf.Split && about(s.Action, target.Action)):
			s.Status, s.Why = etf.Rejected, fmt.Sprintf("%s has accepted %s on %s instead", r.By, target.Terms(), target.Ex)
		case r.Status == etf.Accepted && s.Status == etf.Proposed && s.Source == etf.SourceDetection && about(s.Action, target.Action):
			s.Status, s.Why = etf.Cancelled, fmt.Sprintf("%s has accepted %s on %s", r.By, target.Terms(), target.Ex)
		default:
			continue
		}
		s.By = r.By
		changes = append(changes, s)
	}
	return changes, nil
}

// SameAction reports whether two actions are the same event in the same terms, however a ratio is written.
func SameAction(a, b etf.Action) bool { return sameStatement(a, b) }

// WithChanges returns the statements after changes: a change takes the place of the statement with its ID, or is added.
func WithChanges(stated, changes []etf.StatedAction) []etf.StatedAction {
	after := slices.Clone(stated)
	for _, c := range changes {
		if i := slices.IndexFunc(after, func(a etf.StatedAction) bool { return a.ID == c.ID }); i >= 0 {
			after[i] = c
		} else {
			after = append(after, c)
		}
	}
	return after
}
