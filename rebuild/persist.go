package rebuild

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// rejected is the verdict on a row whose numbers a person has rejected before (db).
const rejected = etf.VerdictDrop + 1

// persist does what db.Store.Replace did with a judged response, as the given version.
func (b *builder) persist(v etf.PastVersion) error {
	f, j := b.fetches[v.CauseID], b.judged[v.CauseID]
	p := persisting{builder: b, v: v, f: f, judged: j, verdicts: b.ruled(f, j, v)}
	old := len(b.bars) > 0
	p.classify()
	changes := p.plan()
	switch {
	case j.takeOver && old:
		p.takeOver()
	case old:
		p.revise()
	}
	p.insertNew()
	stated := b.stated
	b.state(changes, v)
	var late []etf.StatedAction
	if p.newQuarantined+p.becomeQuarantined > 0 && old {
		late = p.lateSplits(stated)
	}
	if slices.ContainsFunc(b.bars, func(k etf.StoredBar) bool { return k.Quarantined }) && (len(late) > 0 || frees(stated, changes)) {
		return p.free(stated, append(late, changes...), len(late) > 0)
	}
	return nil
}

// ruled returns the verdicts on a response's rows as they were when it was stored: a decision on one of its findings that came
// before changed them.
func (b *builder) ruled(f etf.PastFetch, j *judged, v etf.PastVersion) []etf.Verdict {
	type ruling struct {
		etf.DecisionRecord
		on    etf.FindingRecord
		taken etf.Decision // back
	}
	var rulings []ruling
	for _, finding := range b.in.Past.Findings {
		if finding.Fetch != f.ID {
			continue
		}
		for i, e := range finding.Decisions {
			meanwhile := !e.At.Before(f.JudgedAt) && e.At.Before(f.PersistedAt) && e.DataVersion < v.Number
			if !meanwhile || strings.HasPrefix(e.Why, "as decided on finding ") { // which decided the rows of the other one
				continue
			}
			r := ruling{DecisionRecord: e, on: finding}
			if i > 0 {
				r.taken = finding.Decisions[i-1].Decision
			}
			rulings = append(rulings, r)
		}
	}
	slices.SortStableFunc(rulings, func(a, b ruling) int { return a.At.Compare(b.At) })
	verdicts := slices.Clone(j.verdicts)
	for _, r := range rulings {
		found := quality.FindingWithRows{Finding: r.on.Finding, Rows: quality.RowsOf(r.on)}
		verdict, rows := etf.VerdictQuarantine, found.Rows
		switch r.Decision {
		case etf.Accept:
			verdict, rows = etf.VerdictKeep, quality.Unblocked(found, b.cases.before(r.At, r.DataVersion, r.on.Sessions))
		case etf.Reject, etf.Replace:
		case etf.Undo:
			if r.taken == etf.Retract {
				continue
			}
			if r.on.Severity != etf.SeverityError {
				verdict = etf.VerdictHold
			}
		default:
			continue
		}
		for _, row := range rows {
			for i := range verdicts {
				if j.Bars[i].Session == row.Session && (verdicts[i] == etf.VerdictQuarantine || verdicts[i] == etf.VerdictHold) {
					verdicts[i] = verdict
				}
			}
		}
	}
	return verdicts
}

// persisting is the state of one Persist.
type persisting struct {
	*builder
	v        etf.PastVersion
	f        etf.PastFetch
	judged   *judged
	verdicts []etf.Verdict

	// How the rows relate to the stored bars; see the query ClassifyStagedBars.
	superseded, rejudged, parked, newQuarantined, becomeQuarantined int
	first, last                                                     etf.Session // of the rows kept
}

func kept(v etf.Verdict) bool {
	return v == etf.VerdictKeep || v == etf.VerdictQuarantine || v == etf.VerdictHold
}

// relation says what a row does to the stored bar of its session.
type relation struct {
	stored     *etf.StoredBar // nil if there is none
	same       bool           // it has the bar's numbers
	superseded bool           // it replaces the bar
	rejudged   bool           // it changes the state of the held bar
}

func (p *persisting) relation(i int) (r relation) {
	r.stored = p.bar(p.judged.Bars[i].Session)
	if r.stored == nil || !kept(p.verdicts[i]) {
		return r
	}
	r.same = sameNumbers(r.stored.Bar, p.judged.Bars[i])
	r.superseded = !r.same && (p.verdicts[i] == etf.VerdictKeep || !good(*r.stored))
	r.rejudged = r.same && r.stored.Held && p.verdicts[i] != etf.VerdictHold
	return r
}

func (p *persisting) classify() {
	p.superseded, p.rejudged, p.parked, p.newQuarantined, p.becomeQuarantined = 0, 0, 0, 0, 0
	first, last := etf.Session(0), etf.Session(0)
	for i, row := range p.judged.Bars {
		if !kept(p.verdicts[i]) {
			continue
		}
		if first.IsZero() || row.Session < first {
			first = row.Session
		}
		last = max(last, row.Session)
		quarantined := p.verdicts[i] == etf.VerdictQuarantine
		r := p.relation(i)
		if r.stored == nil {
			if quarantined {
				p.newQuarantined++
			}
			continue
		}
		if r.superseded {
			p.superseded++
		}
		if r.rejudged {
			p.rejudged++
		}
		if (r.superseded || r.rejudged) && quarantined {
			p.becomeQuarantined++
		}
		if good(*r.stored) && !r.same && !r.superseded {
			p.parked++
		}
	}
	if p.first.IsZero() {
		p.first, p.last = first, last
	}
}

// plan decides what becomes of the response's statements.
func (p *persisting) plan() (changes []etf.StatedAction) {
	j := p.judged
	if len(j.Actions)+len(j.Covers)+len(j.proposals) == 0 {
		return nil
	}
	in := quality.PlanInput{
		Symbol: p.in.Past.ETF.Symbol, IDsAs: p.in.Past.IDsAs, Source: p.f.Source, Basis: j.Basis, Actions: j.Actions, Covers: j.Covers, Stated: p.stated, Window: p.f.Window,
	}
	if !in.Idle(p.first, p.last) {
		in.Bars, in.Known, in.Sources = j.Bars, append(p.knownTo(p.f, j.Bars), p.following(p.f, j.Bars)...), p.preference(p.f.PersistedAt).Sources
		in.Second = p.seconds[p.f.ID]
		changes = quality.PlanActions(in).Changes
	}
	// The bars are in memory: there is no error.
	changes, _ = quality.Propose(cmp.Or(p.in.Past.IDsAs, p.in.Past.ETF.Symbol), j.proposals, p.stated, changes, func(span etf.Window) ([]etf.Bar, error) { return p.barsOf(span), nil })
	for i := range changes {
		changes[i].Fetch = p.f.ID
	}
	return changes
}

// barsOf returns the response's rows and the stored bars of a span, in any state.
func (p *persisting) barsOf(span etf.Window) (bars []etf.Bar) {
	for _, b := range p.judged.Bars {
		if span.Contains(b.Session) {
			bars = append(bars, b)
		}
	}
	for _, k := range p.bars {
		if span.Contains(k.Session) {
			bars = append(bars, k.Bar)
		}
	}
	return bars
}

// state gives statements their new states.
func (b *builder) state(changes []etf.StatedAction, v etf.PastVersion) {
	if len(changes) == 0 {
		return
	}
	changes = slices.Clone(changes)
	for i := range changes {
		changes[i].DataVersion, changes[i].KnownFrom = v.Number, v.KnownFrom
		changes[i].SupersededBy, changes[i].KnownTo = 0, time.Time{}
	}
	b.stated = quality.WithChanges(b.stated, changes)
	sortStated(b.stated)
}

// condemned reports whether a person has found the row's prices wrong.
func (p *persisting) condemned(row etf.Bar, all quality.Cases) bool {
	return slices.ContainsFunc(all[row.Session], func(c quality.Case) bool {
		wrong := c.Decision == etf.Reject || c.Decision == etf.Retract || c.Decision == etf.Replace
		return wrong && c.Staged && samePrices(c.Bar, row)
	})
}

// revise replaces the bars whose numbers differ, and gives held bars whose numbers came back their new verdict.
func (p *persisting) revise() {
	if p.superseded+p.rejudged+p.parked == 0 {
		return
	}
	all := p.cases.before(p.f.PersistedAt, p.v.Number-1, sessionsOf(p.judged.Bars))
	found := false
	for i, row := range p.judged.Bars {
		if r := p.relation(i); kept(p.verdicts[i]) && r.stored != nil && !r.same && p.condemned(row, all) {
			p.verdicts[i], found = rejected, true
		}
	}
	if found {
		p.classify()
	}
	for i, row := range p.judged.Bars {
		r := p.relation(i)
		switch {
		case r.rejudged:
			k := *r.stored
			k.Quarantined, k.Held = p.verdicts[i] == etf.VerdictQuarantine, false
			p.put(k, p.v)
		case r.superseded:
			p.put(p.stored(i, row), p.v)
		}
	}
}

// stored is the bar that a row makes.
func (p *persisting) stored(i int, row etf.Bar) etf.StoredBar {
	return etf.StoredBar{
		Bar: row, Basis: p.judged.Basis, Source: p.f.Source, Fetch: p.f.ID,
		Quarantined: p.verdicts[i] == etf.VerdictQuarantine, Held: p.verdicts[i] == etf.VerdictHold,
	}
}

// takeOver takes out the bars that a whole history replaces.
func (p *persisting) takeOver() {
	all := p.cases.before(p.f.PersistedAt, p.v.Number-1, sessionsOf(p.judged.Bars))
	for i, row := range p.judged.Bars {
		if (p.verdicts[i] == etf.VerdictKeep || p.verdicts[i] == etf.VerdictHold) && p.condemned(row, all) {
			p.verdicts[i] = etf.VerdictQuarantine
		}
	}
	plan := quality.PlanTakeOver(p.in.Past.ETF.Exchange, p.judged.Bars, p.verdicts, p.bars)
	out := make(map[etf.Session]bool, len(plan.Remove))
	for _, s := range plan.Remove {
		out[s] = true
	}
	p.remove(func(s etf.Session) bool { return out[s] })
}

func (p *persisting) insertNew() {
	var fresh []etf.StoredBar
	for i, row := range p.judged.Bars {
		if kept(p.verdicts[i]) && p.bar(row.Session) == nil {
			k := p.stored(i, row)
			k.DataVersion, k.KnownFrom = p.v.Number, p.v.KnownFrom
			fresh = append(fresh, k)
		}
	}
	p.add(fresh, p.v)
}

// lateSplits returns the splits that a person decided on after the fetch, so perhaps after its rows were judged.
func (p *persisting) lateSplits(stated []etf.StatedAction) (late []etf.StatedAction) {
	for _, a := range stated {
		if a.Kind == etf.Split && a.KnownFrom.After(p.f.FetchedAt) && !a.KnownFrom.Equal(p.v.KnownFrom) && quality.DecidedByPerson(a) {
			late = append(late, a)
		}
	}
	return late
}

// frees reports whether changes of statements may let quarantined bars fit.
func frees(stated, changes []etf.StatedAction) bool {
	for _, c := range changes {
		i := slices.IndexFunc(stated, func(a etf.StatedAction) bool { return a.ID == c.ID })
		if c.Kind == etf.Split && (c.Status == etf.Accepted || i >= 0 && c.Status != stated[i].Status) {
			return true
		}
	}
	return false
}

// free releases the quarantined bars that fit now that other splits are in force; with late, those of this version, too.
func (p *persisting) free(stated, changes []etf.StatedAction, late bool) error {
	var quarantined []etf.StoredBar
	var sessions []etf.Session
	series := make([]etf.StoredBar, len(p.bars)) // as db.Store reads it: only the closes
	for i, k := range p.bars {
		series[i] = etf.StoredBar{Bar: etf.Bar{Session: k.Session, Close: k.Close, Volume: etf.VolumeUnknown}, Basis: k.Basis, Quarantined: k.Quarantined, Held: k.Held}
		if k.Quarantined && (late || k.DataVersion != p.v.Number) {
			quarantined, sessions = append(quarantined, k), append(sessions, k.Session)
		}
	}
	candidates := quality.FreeCandidates(quarantined, p.cases.before(p.f.PersistedAt, p.v.Number-1, sessions))
	if len(candidates) == 0 {
		return nil
	}
	events := make([]etf.Action, len(changes))
	for i, c := range changes {
		events[i] = c.Action
	}
	freed, err := quality.Freed(p.in.Past.ETF.Exchange, series, candidates, quality.InForce(quality.WithChanges(stated, changes)), events)
	for _, s := range freed {
		k := *p.bar(s)
		k.Quarantined = false
		p.put(k, p.v)
	}
	return err
}

// The bars.

func (b *builder) at(session etf.Session) (int, bool) {
	return slices.BinarySearchFunc(b.bars, session, func(k etf.StoredBar, s etf.Session) int { return cmp.Compare(k.Session, s) })
}

// bar returns the bar of a session, nil if there is none.
func (b *builder) bar(session etf.Session) *etf.StoredBar {
	if i, ok := b.at(session); ok {
		return &b.bars[i]
	}
	return nil
}

// put makes the bar that of its session from the version on.
func (b *builder) put(k etf.StoredBar, v etf.PastVersion) {
	k.DataVersion, k.KnownFrom = v.Number, v.KnownFrom
	i, ok := b.at(k.Session)
	if ok {
		b.bars[i] = k
	} else {
		b.bars = slices.Insert(b.bars, i, k)
	}
	b.by[k.Session] = v.Cause
}

// add adds the first bars of their sessions.
func (b *builder) add(fresh []etf.StoredBar, v etf.PastVersion) {
	b.bars = append(b.bars, fresh...)
	slices.SortStableFunc(b.bars, func(x, y etf.StoredBar) int { return cmp.Compare(x.Session, y.Session) })
	for _, k := range fresh {
		b.by[k.Session] = v.Cause
	}
}

func (b *builder) remove(gone func(etf.Session) bool) {
	b.bars = slices.DeleteFunc(b.bars, func(k etf.StoredBar) bool {
		if gone(k.Session) {
			delete(b.by, k.Session)
			return true
		}
		return false
	})
}

func sessionsOf(bars []etf.Bar) []etf.Session {
	list := make([]etf.Session, len(bars))
	for i, b := range bars {
		list[i] = b.Session
	}
	return list
}

func samePrices(a, b etf.Bar) bool {
	return a.Session == b.Session && a.Open == b.Open && a.High == b.High && a.Low == b.Low && a.Close == b.Close
}

// sameNumbers reports whether a row adds nothing to the stored bar: an unknown volume is not compared.
func sameNumbers(stored, row etf.Bar) bool {
	return samePrices(stored, row) && (stored.Volume == row.Volume || !row.Volume.Known())
}
