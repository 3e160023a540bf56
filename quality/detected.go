package quality

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

const (
	// sameSplit is how far, as a logarithm, two ratios inferred for one ex-date may lie apart and mean the same split.
	sameSplit = 0.03
	// besideSplit is how many days on each side of an ex-date the closes may be that tell such ratios apart.
	besideSplit = 45
)

// Proposal is the corporate action that a finding proposes.
type Proposal struct {
	Finding  string     `json:"finding"`
	Evidence string     `json:"evidence"`
	Action   etf.Action `json:"action"`
}

// Proposals returns what findings propose, in the order in which it is stated: by ex-date, kind and terms, and the finding of the earlier
// sessions first.
func Proposals(found []FindingWithRows) (list []Proposal) {
	found = slices.DeleteFunc(slices.Clone(found), func(f FindingWithRows) bool { return f.Proposal == nil })
	slices.SortFunc(found, func(x, y FindingWithRows) int {
		a, b := x.Proposal, y.Proposal
		return cmp.Or(cmp.Compare(a.Ex, b.Ex), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Terms(), b.Terms()), slices.Compare(x.Sessions, y.Sessions), cmp.Compare(x.ID, y.ID))
	})
	for _, f := range found {
		list = append(list, Proposal{f.ID, f.Evidence, *f.Proposal})
	}
	return list
}

// Explaining returns those of an ETF's statements that would explain what the rule found, the likeliest first: what the finding itself proposes, then
// a split that is proposed for one of its sessions in another ratio, or by a source whose prices do not show it. A statement names one finding,
// and two of one fetch may propose the same, as the newest session gets a finding of its own.
func Explaining(f etf.Finding, stated []etf.StatedAction) []etf.StatedAction {
	var own, others []etf.StatedAction
	for _, s := range stated {
		sameDay := f.Proposal != nil && s.Kind == f.Proposal.Kind && s.Ex == f.Proposal.Ex
		switch {
		case s.Finding == f.ID, s.Status == etf.Proposed && sameDay && s.Terms() == f.Proposal.Terms():
			own = append(own, s)
		case s.Status == etf.Proposed && s.Kind == etf.Split && f.Rule == ruleSplit && (sameDay || slices.Contains(f.Sessions, s.Ex)):
			others = append(others, s)
		}
	}
	return append(own, others...)
}

// Propose adds to the changes of current statements those by which the actions are proposed (see Detected). A new statement by a source that says
// the same gets the finding.
func Propose(symbol etf.Symbol, list []Proposal, stated, changes []etf.StatedAction, closes func(etf.Window) ([]etf.Bar, error)) ([]etf.StatedAction, error) {
	after := WithChanges(stated, changes)
	for _, p := range list {
		for i := range changes {
			if changes[i].Finding == "" && sameStatement(changes[i].Action, p.Action) {
				changes[i].Finding = p.Finding
			}
		}
		detected, err := Detected(symbol, p.Action, after, closes)
		if err != nil {
			return nil, err
		}
		for i := range detected {
			if s := &detected[i]; s.Status == etf.Proposed {
				s.Finding, s.Evidence = p.Finding, p.Evidence
			}
		}
		changes, after = WithChanges(changes, detected), WithChanges(after, detected)
	}
	return changes, nil
}

// Detected returns the new states of statements by which an action that a rule infers from prices is proposed. There are none if a statement
// about the event is known already: in force, proposed, or decided on by a person.
//
// Windows of a history measure a step from rows next to it or further away, and may infer 49:1 and 50:1 for one ex-date. The ratio that the closes
// beside it fit better is proposed, and the other statement is cancelled. closes returns the bars of a span, stored and in the response,
// in any order and whatever their state; it is called only if there are two ratios.
func Detected(symbol etf.Symbol, a etf.Action, stated []etf.StatedAction, closes func(etf.Window) ([]etf.Bar, error)) ([]etf.StatedAction, error) {
	a, ok := readable(a)
	if !ok {
		return nil, nil
	}
	var rivals []etf.StatedAction
	for _, o := range stated {
		if about(o.Action, a) && (o.Status == etf.Accepted || o.Status == etf.Proposed && sameStatement(o.Action, a) || DecidedByPerson(o) && sameStatement(o.Action, a)) {
			return nil, nil
		}
		if o.Source == etf.SourceDetection && o.Status == etf.Proposed && o.Kind == a.Kind && o.Ex == a.Ex && math.Abs(splitLog(o.Action)-splitLog(a)) < sameSplit {
			rivals = append(rivals, o)
		}
	}
	s := etf.StatedAction{
		ID: etf.ActionID(symbol, a, etf.SourceDetection), Symbol: symbol, Action: a, Source: etf.SourceDetection,
		Status: etf.Proposed, By: BySource(etf.SourceDetection), Why: "the prices show it, but nobody states it",
	}
	if len(rivals) == 0 {
		return []etf.StatedAction{s}, nil
	}
	if slices.ContainsFunc(rivals, DecidedByPerson) {
		return nil, nil
	}
	bars, err := closes(etf.Window{From: a.Ex - besideSplit, To: a.Ex + besideSplit})
	if err != nil {
		return nil, err
	}
	for i := range rivals {
		old := &rivals[i]
		if !fitsBetter(a, old.Action, bars) {
			return nil, nil
		}
		old.Status, old.Why = etf.Cancelled, fmt.Sprintf("the closes beside it show %s rather", a.Terms())
		s.Replaces = old.ID
	}
	return append(rivals, s), nil
}

// fitsBetter reports whether the closes on both sides of their ex-date show split a rather than split b: as in nearSplit, a usual ratio before an
// unusual one about as near. If they show neither, the more usual one fits better.
func fitsBetter(a, b etf.Action, bars []etf.Bar) bool {
	usualA, usualB := unusual(a), unusual(b)
	bars = slices.DeleteFunc(slices.Clone(bars), func(b etf.Bar) bool { return b.Close <= 0 || untraded(b) })
	slices.SortStableFunc(bars, func(a, b etf.Bar) int { return cmp.Compare(a.Session, b.Session) })
	bars = slices.CompactFunc(bars, func(a, b etf.Bar) bool { return a.Session == b.Session })
	at, _ := slices.BinarySearchFunc(bars, a.Ex, func(b etf.Bar, t etf.Session) int { return cmp.Compare(b.Session, t) })
	if at == 0 || at == len(bars) {
		return usualA < usualB
	}
	sizes := make([]float64, len(bars))
	for i := 1; i < len(bars); i++ {
		sizes[i] = math.Abs(math.Log(bars[i].Close.Float() / bars[i-1].Close.Float()))
	}
	sigma := around(sizes, at-1, at, volatilityFloor)
	step := math.Log(bars[at].Close.Float() / bars[at-1].Close.Float())
	overnight := step
	if bars[at].Open > 0 {
		overnight = math.Log(bars[at].Open.Float() / bars[at-1].Close.Float())
	}
	costA, costB := misfit(step, overnight, -splitLog(a), sigma), misfit(step, overnight, -splitLog(b), sigma)
	if min(math.Abs(step+splitLog(a)), math.Abs(step+splitLog(b))) > sameLevel {
		costA, costB = 0, 0
	}
	return costA+usualA < costB+usualB
}

// unusual is how unusual the ratio of a split is, as in splitRatios.
func unusual(a etf.Action) float64 {
	most := 0.0
	for _, r := range splitRatios {
		if r.num == a.Numerator && r.den == a.Denominator || r.num == a.Denominator && r.den == a.Numerator {
			return r.unusual
		}
		most = max(most, r.unusual)
	}
	return most
}
