package rebuild

import (
	"fmt"
	"slices"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// apply makes a version that people or the market caused: its changes are those recorded, where they can be what they are said
// to be.
func (b *builder) apply(v etf.PastVersion) error {
	written := map[etf.Session]bool{}
	for _, belief := range b.written[v.Number] {
		written[belief.Session] = true
		why, err := b.possible(v, belief.StoredBar)
		if err != nil {
			return err
		}
		if why != "" {
			b.differs(v, belief.Session, "bar", "", why)
			continue
		}
		b.put(belief.StoredBar, v)
	}
	gone := map[etf.Session]bool{}
	for _, belief := range b.superseded[v.Number] {
		if !written[belief.Session] {
			gone[belief.Session] = true
		}
	}
	b.remove(func(s etf.Session) bool { return gone[s] })
	b.state(b.states[v.Number], v)
	return nil
}

// possible says what is wrong with a bar that a version of people or the market is recorded to have written; empty if nothing is.
func (b *builder) possible(v etf.PastVersion, k etf.StoredBar) (string, error) {
	what := func(why string) string { return fmt.Sprintf("a bar with the close %s (%s)", k.Close, why) }
	now := b.bar(k.Session)
	same := now != nil && now.Bar == k.Bar && now.Fetch == k.Fetch
	switch v.Cause {
	case etf.CauseMarket:
		if !same || !now.Held || !good(k) {
			return what("not the held one"), nil
		}
		return "", nil
	case etf.CauseAction:
		if !same {
			return what("a decision on an action changes no numbers"), nil
		}
		return "", nil
	}
	if !b.named(v.CauseID, k.Session) && len(b.states[v.Number]) == 0 {
		return what("the finding does not name the session"), nil
	}
	if same || slices.ContainsFunc(b.ever[k.Session], func(e etf.StoredBar) bool { return e.Bar == k.Bar && e.Fetch == k.Fetch }) {
		return "", nil // its state has changed, or an earlier bar is back
	}
	f, ok := b.fetches[k.Fetch]
	if !ok {
		return what("its fetch " + k.Fetch + " is not recorded"), nil
	}
	r, err := b.response(f)
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(r.Bars, func(row etf.Bar) bool { return row == k.Bar }) {
		return what("fetch " + k.Fetch + " has no such row"), nil
	}
	return "", nil
}

// adopt makes a version that another code version judged: its changes are those recorded, where the response has their numbers.
func (b *builder) adopt(v etf.PastVersion) {
	f, r := b.fetches[v.CauseID], b.judged[v.CauseID].Response
	written := map[etf.Session]bool{}
	for _, belief := range b.written[v.Number] {
		k := belief.StoredBar
		written[k.Session] = true
		now := b.bar(k.Session)
		kept := now != nil && now.Bar == k.Bar && now.Fetch == k.Fetch && now.Basis == k.Basis && now.Source == k.Source
		fresh := k.Fetch == f.ID && k.Basis == r.Basis && k.Source == f.Source && slices.Contains(r.Bars, k.Bar)
		if !kept && !fresh {
			b.differs(v, k.Session, "bar", "", fmt.Sprintf("a bar with the close %s (fetch %s has no such row)", k.Close, f.ID))
			continue
		}
		b.put(k, v)
	}
	gone := map[etf.Session]bool{}
	for _, belief := range b.superseded[v.Number] {
		gone[belief.Session] = !written[belief.Session]
	}
	b.remove(func(s etf.Session) bool { return gone[s] })
	for _, s := range b.states[v.Number] {
		known := slices.ContainsFunc(b.stated, func(a etf.StatedAction) bool { return a.ID == s.ID && quality.SameAction(a.Action, s.Action) })
		stated := s.Source == f.Source && slices.ContainsFunc(r.Actions, func(a etf.Action) bool { return quality.SameAction(a, s.Action) })
		detected := s.Source == etf.SourceDetection && (s.Status == etf.Proposed || s.Status == etf.Cancelled) // cancelled for a better ratio
		if !known && !stated && !detected {
			b.differs(v, s.Ex, fmt.Sprintf("%s of %s", s.Kind, s.Source), "", fmt.Sprintf("%s (fetch %s states none)", s.Terms(), f.ID))
		}
	}
	b.state(b.states[v.Number], v)
}

func (b *builder) named(finding string, session etf.Session) bool {
	return slices.ContainsFunc(b.cases[session], func(p past) bool { return p.Finding == finding })
}

// compare compares what a version changed, as rebuilt, with what is recorded of it.
func (b *builder) compare(v etf.PastVersion, before []etf.StoredBar) {
	recorded := map[etf.Session]etf.StoredBar{}
	gone := map[etf.Session]bool{}
	for _, k := range b.superseded[v.Number] {
		gone[k.Session] = true
	}
	for _, k := range b.written[v.Number] {
		recorded[k.Session] = k.StoredBar
		delete(gone, k.Session)
	}
	rebuilt := map[etf.Session]etf.StoredBar{}
	for _, k := range b.bars {
		if k.DataVersion == v.Number {
			rebuilt[k.Session] = k
			b.ever[k.Session] = append(b.ever[k.Session], k)
		}
	}
	var sessions []etf.Session
	for s := range recorded {
		sessions = append(sessions, s)
	}
	for s := range rebuilt {
		if _, ok := recorded[s]; !ok {
			sessions = append(sessions, s)
		}
	}
	for _, k := range before {
		if b.bar(k.Session) == nil != gone[k.Session] {
			sessions = append(sessions, k.Session)
		}
	}
	slices.Sort(sessions)
	for _, s := range slices.Compact(sessions) {
		b.compareBar(v, s, rebuilt, recorded, gone[s])
	}
	b.compareStates(v)
}

func (b *builder) compareBar(v etf.PastVersion, s etf.Session, rebuilt, recorded map[etf.Session]etf.StoredBar, gone bool) {
	made, isMade := rebuilt[s]
	stored, isStored := recorded[s]
	switch {
	case isMade && isStored:
		a, z := fields(made), fields(stored)
		for i := range a {
			if a[i] != z[i] {
				b.differs(v, s, fieldNames[i], a[i], z[i])
				return
			}
		}
	case isMade:
		b.differs(v, s, "close", made.Close.String(), "")
	case isStored:
		b.differs(v, s, "close", "", stored.Close.String())
	case gone:
		b.differs(v, s, "bar", "there", "none any more")
	default:
		b.differs(v, s, "bar", "none any more", "one")
	}
}

// fieldNames are the parts of a bar, the most important first.
var fieldNames = [...]string{"close", "open", "high", "low", "volume", "adjusted close", "state", "basis", "source", "fetch"}

func fields(k etf.StoredBar) (f [len(fieldNames)]string) {
	state := "used"
	switch {
	case k.Quarantined:
		state = "quarantined"
	case k.Held:
		state = "held"
	}
	return [...]string{k.Close.String(), k.Open.String(), k.High.String(), k.Low.String(), k.Volume.String(), k.AdjClose.String(), state,
		string(k.Basis), k.Source, k.Fetch}
}

// compareStates compares the states of statements about actions that a version made.
func (b *builder) compareStates(v etf.PastVersion) {
	state := func(a etf.StatedAction) string { return fmt.Sprintf("%s %s", a.Terms(), a.Status) }
	what := func(a etf.StatedAction) string { return fmt.Sprintf("%s of %s", a.Kind, a.Source) }
	stored := map[string]etf.StatedAction{}
	for _, s := range b.states[v.Number] {
		stored[s.ID] = s
	}
	for _, a := range b.stated {
		if a.DataVersion != v.Number {
			continue
		}
		s, ok := stored[a.ID]
		delete(stored, a.ID)
		switch {
		case !ok:
			b.differs(v, a.Ex, what(a), state(a), "")
		case s.Status != a.Status || !quality.SameAction(s.Action, a.Action):
			b.differs(v, a.Ex, what(a), state(a), state(s))
		}
	}
	for _, s := range b.states[v.Number] {
		if _, left := stored[s.ID]; left {
			b.differs(v, s.Ex, what(s), "", state(s))
		}
	}
}
