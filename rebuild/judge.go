package rebuild

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// The numbers of stored bars that a response is checked against (db.Store.Staged).
const (
	knownBefore = 60 // before its first session, and at most within its span
	heldWithin  = 60
)

// judged is a response with the verdicts on its rows.
type judged struct {
	etf.Response
	found     []quality.FindingWithRows
	own       []etf.Verdict // of the rules
	verdicts  []etf.Verdict // in view of the decisions then
	proposals []quality.Proposal
	takeOver  bool
	listed    etf.Session // bars before it are taken out; zero if there are none
	known     bool        // bars were stored when it was judged
}

// compact leaves out of a response what the pipeline does not stage.
func compact(r etf.Response) etf.Response { return quality.Compact(r) }

// judge does what the activity Validate did with a response, against the data as they are now.
func (b *builder) judge(f etf.PastFetch) error {
	r, err := b.response(f)
	if err != nil {
		return err
	}
	preference := b.preference(f.JudgedAt)
	known, following := b.knownTo(f, r.Bars), b.following(f, r.Bars)
	staged := etf.Staged{
		Fetch: f.Fetch, Bars: r.Bars, Ordinals: r.Ordinals, Actions: r.Actions, Defects: r.Defects, Covers: r.Covers, NAVs: r.NAVs,
		DataAt: r.DataAt, Known: known, Following: following, Parked: b.parked(f, r.Bars, known, following), Held: b.heldIn(r.Bars), Stated: b.stated, Sources: preference.Sources,
		Listed: preference.Listed, Delisted: preference.Delisted, IDsAs: b.in.Past.IDsAs, Initial: len(b.bars) == 0,
	}
	staged.Fetch.Symbol = cmp.Or(preference.Symbol, staged.Fetch.Symbol) // what findings tell has the symbol of the time
	staged.Fetch.Basis = r.Basis
	if staged.Second, err = b.second(f); err != nil {
		return err
	}
	b.seconds[f.ID] = staged.Second
	if len(b.bars) > 0 {
		staged.First = b.bars[0].Session
	}
	report, err := quality.Check(quality.InputOf(staged, b.in.Past.ETF.Exchange, f.Window.To, f.Window.From.IsZero()))
	if err != nil {
		return err
	}
	j := b.judged[f.ID]
	*j = judged{Response: r, own: report.Verdicts, verdicts: report.Verdicts, takeOver: report.TakeOver, known: len(b.bars) > 0}
	if !staged.First.IsZero() && staged.First < staged.Listed {
		j.listed = staged.Listed
	}
	judgement := etf.Judgement{Fetch: f.ID, Findings: report.Findings, Verdicts: report.Verdicts}
	for i := range judgement.Findings {
		judgement.Findings[i].Fetch, judgement.Findings[i].FoundAt = f.ID, f.FetchedAt
	}
	if j.found, err = quality.WithRows(judgement, r.Bars); err != nil {
		return err
	}
	for i, found := range j.found {
		j.found[i].ID = quality.FindingID(found)
	}
	if len(j.found) == 0 && !slices.ContainsFunc(j.own, func(v etf.Verdict) bool { return v != etf.VerdictKeep }) {
		return nil
	}
	assessed := quality.Assess(j.found, b.cases.before(f.JudgedAt, b.made, j.named()), j.own, r.Bars)
	j.verdicts = assessed.Verdicts
	j.proposals = quality.Proposals(assessed.Proposing)
	return nil
}

// named returns the sessions whose earlier findings count: those that findings name and, for the first response, only those
// that people are asked about.
func (j *judged) named() []etf.Session {
	var sessions []etf.Session
	for _, f := range j.found {
		if j.known || quality.Asks(f.Finding) {
			for _, r := range f.Rows {
				sessions = append(sessions, r.Session)
			}
		}
	}
	return sessions
}

// preference returns what was registered at the instant.
func (b *builder) preference(at time.Time) (p etf.Preference) {
	for i, c := range b.in.Past.Preferences {
		if i == 0 || !c.From.After(at) {
			p = c
		}
	}
	return p
}

func good(s etf.StoredBar) bool { return !s.Quarantined && !s.Held }

// newestGood returns up to limit bars in use up to and including session to, newest first.
func (b *builder) newestGood(to etf.Session, limit int) (list []etf.StoredBar) {
	for i := len(b.bars) - 1; i >= 0 && len(list) < limit; i-- {
		if k := b.bars[i]; k.Session <= to && good(k) {
			list = append(list, etf.StoredBar{Bar: k.Bar, Basis: k.Basis, Source: k.Source, DataVersion: k.DataVersion})
		}
	}
	return list
}

// knownTo returns the stored bars that a response is checked against, ascending.
func (b *builder) knownTo(f etf.PastFetch, staged []etf.Bar) []etf.StoredBar {
	if len(b.bars) == 0 || len(staged) == 0 {
		return nil
	}
	first, last := span(staged)
	var list []etf.StoredBar
	if f.Window.From.IsZero() {
		list = b.newestGood(b.bars[len(b.bars)-1].Session, len(b.bars))
	} else {
		newest := b.newestGood(last, len(b.bars))
		within := 0
		for within < len(newest) && newest[within].Session >= first {
			within++
		}
		before := newest[within:]
		list = append(newest[:min(within, knownBefore):min(within, knownBefore)], before[:min(len(before), knownBefore)]...)
	}
	slices.Reverse(list)
	return list
}

// second returns what the second source's stored response says about a fetch; zero if none was asked. It must be what is recorded.
func (b *builder) second(f etf.PastFetch) (etf.SecondOpinion, error) {
	if f.Second.Fetch == "" {
		return etf.SecondOpinion{}, nil
	}
	other, known := b.fetches[f.Second.Fetch]
	if !known {
		b.differs(b.versionOf(f.ID), 0, "second source of fetch "+f.ID, "", f.Second.Fetch)
		return etf.SecondOpinion{}, errDiffers
	}
	r, err := b.response(other)
	if err != nil {
		return etf.SecondOpinion{}, err
	}
	made := quality.SecondOpinion(other.Fetch, r, f.Window.To)
	if text, recorded := opinionText(made), opinionText(f.Second); text != recorded {
		b.differs(b.versionOf(f.ID), 0, "second opinion on fetch "+f.ID, text, recorded)
		return etf.SecondOpinion{}, errDiffers
	}
	return made, nil
}

// opinionText writes a second opinion in one line.
func opinionText(o etf.SecondOpinion) string {
	text, err := json.Marshal(o)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// following returns the bars in use after a response, ascending.
func (b *builder) following(f etf.PastFetch, staged []etf.Bar) (list []etf.StoredBar) {
	if len(b.bars) == 0 || len(staged) == 0 || f.Window.From.IsZero() {
		return nil
	}
	_, last := quality.Span(staged, f.Window.To)
	for _, k := range b.bars {
		if len(list) == quality.MostFollowing {
			break
		}
		if k.Session > last && good(k) {
			list = append(list, etf.StoredBar{Bar: k.Bar, Basis: k.Basis, Source: k.Source, DataVersion: k.DataVersion})
		}
	}
	return list
}

// parked returns the quarantined bars between a response and the bars in use, if these are far from it.
func (b *builder) parked(f etf.PastFetch, staged []etf.Bar, known, following []etf.StoredBar) (list []etf.StoredBar) {
	if len(b.bars) == 0 || len(staged) == 0 || f.Window.From.IsZero() {
		return nil
	}
	first, last := quality.Span(staged, f.Window.To)
	between := func(from, to etf.Session) {
		var ends []etf.StoredBar
		for _, k := range b.bars {
			if k.Quarantined && k.Session > from && k.Session < to {
				ends = append(ends, k)
			}
		}
		if n := len(ends); n > 0 {
			list = append(list, ends[0], ends[n-1])
		}
	}
	if used, ok := quality.LastBefore(known, first); ok && first-used > quality.ParkedGap {
		between(used, first)
	}
	if len(following) > 0 && following[0].Session-last > quality.ParkedGap {
		between(last, following[0].Session)
	}
	return list
}

func (b *builder) heldIn(staged []etf.Bar) (list []etf.StoredBar) {
	if len(staged) == 0 {
		return nil
	}
	first, last := span(staged)
	for i := len(b.bars) - 1; i >= 0 && len(list) < heldWithin; i-- {
		if k := b.bars[i]; k.Held && k.Session >= first && k.Session <= last {
			list = append(list, k)
		}
	}
	slices.Reverse(list)
	return list
}

func span(bars []etf.Bar) (first, last etf.Session) {
	first, last = bars[0].Session, bars[0].Session
	for _, b := range bars {
		first, last = min(first, b.Session), max(last, b.Session)
	}
	return first, last
}

// sortStated puts statements in the order in which they are read from the database.
func sortStated(list []etf.StatedAction) {
	slices.SortStableFunc(list, func(a, b etf.StatedAction) int {
		return cmp.Or(cmp.Compare(a.Ex, b.Ex), strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Terms(), b.Terms()), strings.Compare(a.Source, b.Source))
	})
}
