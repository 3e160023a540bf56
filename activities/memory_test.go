package activities

import (
	"context"
	"slices"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// memory is the store of one ETF on which nobody decides: it keeps bars by the rules of db/queries/bars.sql.
type memory struct {
	fakeStore
	x       etf.Exchange
	sources []etf.SourceRef
	bars    []etf.StoredBar // ascending
	stated  []etf.StatedAction
	cases   quality.Cases
	version int64
}

func newMemory(x etf.Exchange, sources ...etf.SourceRef) *memory {
	return &memory{fakeStore: *newFakeStore(), x: x, sources: sources, cases: quality.Cases{}}
}

func (m *memory) at(s etf.Session) (int, bool) {
	return slices.BinarySearchFunc(m.bars, s, func(b etf.StoredBar, s etf.Session) int { return int(b.Session - s) })
}

func (m *memory) bar(s etf.Session) etf.StoredBar {
	if i, ok := m.at(s); ok {
		return m.bars[i]
	}
	return etf.StoredBar{}
}

func inUse(b etf.StoredBar) bool { return !b.Quarantined && !b.Held }

// inForce are the splits that count.
func (m *memory) inForce() []etf.Action {
	var list []etf.Action
	for _, a := range quality.InForce(m.stated) {
		if a.Kind == etf.Split {
			list = append(list, a)
		}
	}
	return list
}

func (m *memory) Stored(context.Context, etf.Symbol) (etf.Stored, error) {
	if len(m.bars) == 0 {
		return etf.Stored{}, nil
	}
	s := etf.Stored{Bars: len(m.bars), First: m.bars[0].Session, Last: m.bars[len(m.bars)-1].Session, Basis: m.bars[0].Basis}
	for _, b := range m.bars {
		if inUse(b) {
			s.LastUsed = b.Session
		}
	}
	return s, nil
}

// SaveFetch keeps the newest fetch only: in the test environment, every activity has the same ID.
func (m *memory) SaveFetch(_ context.Context, f etf.Fetch, r etf.Response) error {
	m.fetches[f.ID], m.responses[f.ID] = f, r
	return nil
}

func (m *memory) SaveCheck(_ context.Context, fetch, second string, session etf.Session) error {
	m.seconds[fetch] = quality.SecondOpinion(m.fetches[second], m.responses[second], session)
	return nil
}

func (m *memory) Staged(_ context.Context, id string) (etf.Staged, error) {
	const before = 60
	f, r := m.fetches[id], m.responses[id]
	s := etf.Staged{
		Fetch: f, Bars: r.Bars, Actions: r.Actions, Defects: r.Defects, Covers: r.Covers, DataAt: r.DataAt,
		Splits: m.inForce(), Stated: m.stated, Sources: m.sources, Initial: len(m.bars) == 0, Second: m.seconds[id],
	}
	if len(m.bars) == 0 || len(r.Bars) == 0 {
		return s, nil
	}
	s.First = m.bars[0].Session
	first, last := r.Bars[0].Session, r.Bars[0].Session
	for _, b := range r.Bars {
		first, last = min(first, b.Session), max(last, b.Session)
	}
	var older, within []etf.StoredBar
	for _, b := range m.bars {
		switch {
		case b.Session > last:
		case b.Held && b.Session >= first:
			s.Held = append(s.Held, b)
		case inUse(b) && b.Session < first:
			older = append(older, b)
		case inUse(b):
			within = append(within, b)
		}
	}
	if !f.Window.From.IsZero() {
		older, within = older[max(0, len(older)-before):], within[max(0, len(within)-before):]
	}
	s.Known = slices.Concat(older, within)
	return s, nil
}

func (m *memory) SaveFindings(ctx context.Context, j etf.Judgement) ([]etf.Reported, error) {
	found, err := quality.WithRows(j, m.responses[j.Fetch].Bars)
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		for _, r := range f.Rows {
			m.cases[r.Session] = append(m.cases[r.Session], quality.Case{NamedRow: r, Finding: f.ID, Rule: f.Rule, Severity: f.Severity})
		}
	}
	return m.fakeStore.SaveFindings(ctx, j)
}

func (m *memory) Persist(_ context.Context, id string) (etf.Persisted, error) {
	return m.store(id, false)
}

func (m *memory) Replace(_ context.Context, id string, r etf.Replacement) (etf.Persisted, []string, error) {
	p, err := m.store(id, r.Whole)
	return p, nil, err
}

func (m *memory) store(id string, whole bool) (etf.Persisted, error) {
	f, r := m.fetches[id], m.responses[id]
	plan := quality.PlanActions(quality.PlanInput{
		Symbol: f.Symbol, Source: f.Source, Sources: m.sources, Window: f.Window, Basis: f.Basis, Actions: r.Actions, Covers: r.Covers,
		Stated: m.stated, Bars: r.Bars, Known: slices.DeleteFunc(slices.Clone(m.bars), func(b etf.StoredBar) bool { return !inUse(b) }),
	})
	m.version++
	if whole {
		m.bars = nil
	}
	var p etf.Persisted
	for i, b := range r.Bars {
		verdict := m.verdicts[i]
		if verdict == etf.VerdictDrop {
			continue
		}
		row := etf.StoredBar{Bar: b, Basis: f.Basis, Source: f.Source, Fetch: id, DataVersion: m.version,
			Quarantined: verdict == etf.VerdictQuarantine, Held: verdict == etf.VerdictHold}
		at, ok := m.at(b.Session)
		if !ok {
			m.bars = slices.Insert(m.bars, at, row)
			p.New++
			continue
		}
		old := m.bars[at]
		same := old.Open == b.Open && old.High == b.High && old.Low == b.Low && old.Close == b.Close && (!b.Volume.Known() || old.Volume == b.Volume)
		switch {
		case same && old.Held && verdict != etf.VerdictHold:
			old.Held, old.Quarantined, old.DataVersion = false, row.Quarantined, m.version
			m.bars[at] = old
		case !same && (verdict == etf.VerdictKeep || !inUse(old)):
			m.bars[at] = row
		default:
			p.Unchanged++
			continue
		}
		p.Revised++
		if !m.bars[at].Quarantined && !m.bars[at].Held {
			p.Released = append(p.Released, b.Session)
		}
	}
	for _, c := range plan.Changes {
		if i := slices.IndexFunc(m.stated, func(a etf.StatedAction) bool { return a.ID == c.ID }); i >= 0 {
			m.stated[i] = c
		} else {
			m.stated = append(m.stated, c)
		}
	}
	if len(plan.Changes) > 0 {
		var quarantined []etf.StoredBar
		for _, b := range m.bars {
			if b.Quarantined && b.DataVersion != m.version {
				quarantined = append(quarantined, b)
			}
		}
		changed := make([]etf.Action, len(plan.Changes))
		for i, c := range plan.Changes {
			changed[i] = c.Action
		}
		freed, err := quality.Freed(m.x, m.bars, quality.FreeCandidates(quarantined, m.cases), m.inForce(), changed)
		if err != nil {
			return p, err
		}
		for _, s := range freed {
			i, _ := m.at(s)
			m.bars[i].Quarantined = false
		}
	}
	return p, nil
}

func (m *memory) History(_ context.Context, _ etf.Symbol, to etf.Session, limit int) (etf.History, error) {
	h := etf.History{DataVersion: etf.DataVersion{Number: m.version, Writer: "w"}, Splits: m.inForce(), Held: m.bar(to).Held}
	for _, b := range m.bars {
		if b.Session <= to && inUse(b) {
			h.Bars = append(h.Bars, b)
		}
	}
	h.Bars = h.Bars[max(0, len(h.Bars)-limit):]
	return h, nil
}

func (m *memory) AppendForecasts(_ context.Context, list []etf.Forecast) ([]etf.Appended, error) {
	results := make([]etf.Appended, len(list))
	for i, f := range list {
		results[i] = etf.Appended{Forecast: f, New: true}
	}
	return results, nil
}
