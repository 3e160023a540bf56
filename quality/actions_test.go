package quality

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// flat returns rows of consecutive sessions from 2026-11-10 on, with closes of the given levels that alternate by 1 %.
func flat(levels ...string) []etf.Bar {
	days := []string{"2026-11-10", "2026-11-11", "2026-11-12", "2026-11-13", "2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20", "2026-11-23", "2026-11-24"}
	var bars []etf.Bar
	for i, level := range levels {
		p := etf.MustPrice(level)
		if i%2 == 1 {
			p += p / 100
		}
		bars = append(bars, etf.Bar{Session: etf.MustSession(days[i]), Open: p, High: p, Low: p, Close: p, Volume: etf.Shares(1000)})
	}
	return bars
}

// tick returns the bars with another price in row i.
func tick(bars []etf.Bar, i int, price string) []etf.Bar {
	bars = slices.Clone(bars)
	p := etf.MustPrice(price)
	bars[i].Open, bars[i].High, bars[i].Low, bars[i].Close = p, p, p, p
	return bars
}

func timesOver(level string, n int) []string { return slices.Repeat([]string{level}, n) }

// statement is a stored statement, as the plan of an earlier response left it.
func statement(source string, a etf.Action, status etf.ActionStatus, by string) etf.StatedAction {
	return etf.StatedAction{ID: etf.ActionID("Q", a, source), Symbol: "Q", Action: a, Source: source, Status: status, By: by}
}

// later is a statement that came after the known bars had been stored.
func later(s etf.StatedAction) etf.StatedAction {
	s.DataVersion = 7
	return s
}

// because is a statement with a reason.
func because(why string, s etf.StatedAction) etf.StatedAction {
	s.Why = why
	return s
}

func dividendOn(session, amount string) etf.Action {
	return etf.Action{Kind: etf.Dividend, Ex: etf.MustSession(session), Amount: etf.MustPrice(amount)}
}

// planText writes out a plan: what is in force, and the changes as "source terms@ex status".
func planText(p Plan) (inForce, changes []string) {
	for _, a := range p.InForce {
		inForce = append(inForce, fmt.Sprintf("%s %s@%s", a.Kind, a.Terms(), a.Ex))
	}
	for _, c := range p.Changes {
		text := fmt.Sprintf("%s %s@%s %s", c.Source, c.Terms(), c.Ex, c.Status)
		if c.Replaces != "" {
			text += " replaces"
		}
		changes = append(changes, text)
	}
	return inForce, changes
}

func TestPlanActions(t *testing.T) {
	t.Parallel()
	all := []etf.ActionKind{etf.Split, etf.Dividend, etf.CapitalGain}
	day8, day9, day10 := splitOn("2026-11-19", 4, 1), splitOn("2026-11-20", 4, 1), splitOn("2026-11-23", 4, 1)
	source, person := BySource("a"), "kim"
	traded := flat(append(timesOver("100", 8), timesOver("25", 3)...)...) // a split 4:1 on the 9th day
	early := flat(append(timesOver("100", 7), timesOver("25", 4)...)...)  // as if on the 8th
	sound := flat(timesOver("100", 11)...)
	quarter := flat(timesOver("25", 11)...)
	for _, c := range []struct {
		name    string
		in      PlanInput
		inForce []string
		changes []string
		doubted int
		kept    int
	}{
		// A split stated for the day it happens.
		{"first statement, the prices agree", PlanInput{Actions: []etf.Action{day9}, Bars: traded[6:9], Known: stored(traded[:8], etf.AsTraded)},
			[]string{"split 4:1@2026-11-20"}, []string{"a 4:1@2026-11-20 accepted"}, 0, 0},
		{"in a first response", PlanInput{Actions: []etf.Action{day9}, Bars: traded},
			[]string{"split 4:1@2026-11-20"}, []string{"a 4:1@2026-11-20 accepted"}, 0, 0},
		{"written in other terms", PlanInput{Actions: []etf.Action{splitOn("2026-11-20", 8, 2)}, Bars: traded, Stated: []etf.StatedAction{statement("a", day9, etf.Accepted, source)}},
			[]string{"split 4:1@2026-11-20"}, nil, 0, 0},
		{"stated late: the rows are stored and quarantined", PlanInput{Actions: []etf.Action{day9}, Bars: traded[5:11], Known: stored(traded[:8], etf.AsTraded)},
			[]string{"split 4:1@2026-11-20"}, []string{"a 4:1@2026-11-20 accepted"}, 0, 0},
		{"announced", PlanInput{Actions: []etf.Action{day9}, Bars: traded[5:8]}, nil, []string{"a 4:1@2026-11-20 proposed"}, 0, 0},
		{"announced and still to come", PlanInput{Actions: []etf.Action{day9}, Bars: traded[5:8], Stated: []etf.StatedAction{statement("a", day9, etf.Proposed, source)}}, nil, nil, 0, 0},
		{"announced and now shown", PlanInput{Actions: []etf.Action{day9}, Bars: traded[5:9], Stated: []etf.StatedAction{statement("a", day9, etf.Proposed, source)}},
			[]string{"split 4:1@2026-11-20"}, []string{"a 4:1@2026-11-20 accepted"}, 0, 0},
		{"announced, rejected by a person, and now shown", PlanInput{Actions: []etf.Action{day9}, Bars: traded[5:9], Stated: []etf.StatedAction{statement("a", day9, etf.Rejected, person)}}, nil, nil, 0, 0},
		{"adjusted prices are continuous", PlanInput{Basis: etf.SplitAdjusted, Actions: []etf.Action{day9}, Bars: sound},
			[]string{"split 4:1@2026-11-20"}, []string{"a 4:1@2026-11-20 accepted"}, 0, 0},
		{"adjusted prices show it", PlanInput{Basis: etf.SplitAdjusted, Actions: []etf.Action{day9}, Bars: traded}, nil, []string{"a 4:1@2026-11-20 proposed"}, 0, 0},
		{"no ratio", PlanInput{Actions: []etf.Action{splitOn("2026-11-20", 1, 1), splitOn("2026-11-20", 0, 1)}, Bars: traded}, nil, nil, 0, 0},

		// One bad price beside the split.
		{"a bad tick on the ex-date", PlanInput{Actions: []etf.Action{day9}, Bars: tick(traded, 8, "250"), Known: stored(traded[:5], etf.AsTraded)},
			[]string{"split 4:1@2026-11-20"}, []string{"a 4:1@2026-11-20 accepted"}, 0, 0},
		{"a bad tick on the day before", PlanInput{Actions: []etf.Action{day9}, Bars: tick(traded, 7, "10")},
			[]string{"split 4:1@2026-11-20"}, []string{"a 4:1@2026-11-20 accepted"}, 0, 0},
		{"a bad tick on the ex-date, before stored bars", PlanInput{Actions: []etf.Action{day9}, Bars: tick(traded, 8, "250")[8:], Known: stored(traded[:8], etf.AsTraded)},
			[]string{"split 4:1@2026-11-20"}, []string{"a 4:1@2026-11-20 accepted"}, 0, 0},
		{"a bad tick on the ex-date, one row after it", PlanInput{Actions: []etf.Action{day9}, Bars: tick(traded, 8, "250")[:10]},
			nil, []string{"a 4:1@2026-11-20 proposed"}, 1, 0},
		{"a day early: the ex-date has the old price", PlanInput{Actions: []etf.Action{day8}, Bars: traded}, nil, []string{"a 4:1@2026-11-19 proposed"}, 1, 0},
		{"a day late: the day before has the new price", PlanInput{Actions: []etf.Action{day10}, Bars: traded}, nil, []string{"a 4:1@2026-11-23 proposed"}, 1, 0},
		{"a bad tick on the ex-date of adjusted prices", PlanInput{Basis: etf.SplitAdjusted, Actions: []etf.Action{day9}, Bars: tick(sound, 8, "250")},
			[]string{"split 4:1@2026-11-20"}, []string{"a 4:1@2026-11-20 accepted"}, 0, 0},
		{"not in the prices, and a bad tick on the ex-date", PlanInput{Actions: []etf.Action{day9}, Bars: tick(sound, 8, "250")},
			nil, []string{"a 4:1@2026-11-20 proposed"}, 1, 0},

		// A split that did not happen, undone by the adapter in the older rows; then withdrawn.
		{"stated, and not in the prices", PlanInput{Actions: []etf.Action{day9}, Bars: sound[5:9], Known: stored(sound[:8], etf.AsTraded)},
			nil, []string{"a 4:1@2026-11-20 proposed"}, 1, 0},
		{"a proposed one withdrawn", PlanInput{Bars: sound[5:10], Known: stored(sound[:8], etf.AsTraded), Stated: []etf.StatedAction{statement("a", day9, etf.Proposed, source)}},
			nil, []string{"a 4:1@2026-11-20 cancelled"}, 0, 0},
		{"an accepted one withdrawn, and the rows from it on are back", PlanInput{Bars: sound[5:10], Known: stored(traded[:9], etf.AsTraded), Stated: []etf.StatedAction{statement("a", day9, etf.Accepted, source)}},
			nil, []string{"a 4:1@2026-11-20 cancelled"}, 0, 0},
		{"withdrawn, but the prices show it", PlanInput{Bars: traded[5:10], Known: stored(traded[:9], etf.AsTraded), Stated: []etf.StatedAction{statement("a", day9, etf.Accepted, source)}},
			[]string{"split 4:1@2026-11-20"}, nil, 0, 1},
		{"withdrawn, but older rows are still divided by it", PlanInput{Bars: quarter[5:10], Known: stored(traded[:9], etf.AsTraded), Stated: []etf.StatedAction{statement("a", day9, etf.Accepted, source)}},
			[]string{"split 4:1@2026-11-20"}, nil, 0, 1},
		{"withdrawn, but a person has accepted it", PlanInput{Bars: sound[5:10], Known: stored(sound[:9], etf.AsTraded), Stated: []etf.StatedAction{statement("a", day9, etf.Accepted, person)}},
			[]string{"split 4:1@2026-11-20"}, nil, 0, 1},
		{"not covered", PlanInput{Covers: []etf.ActionKind{etf.Dividend}, Bars: traded[5:10], Stated: []etf.StatedAction{statement("a", day9, etf.Accepted, source)}}, []string{"split 4:1@2026-11-20"}, nil, 0, 0},
		{"another source's", PlanInput{Bars: sound[5:10], Stated: []etf.StatedAction{statement("b", day9, etf.Accepted, BySource("b"))}}, []string{"split 4:1@2026-11-20"}, nil, 0, 0},
		{"before the response", PlanInput{Bars: traded[9:], Stated: []etf.StatedAction{statement("a", day9, etf.Accepted, source)}}, []string{"split 4:1@2026-11-20"}, nil, 0, 0},
		{"stated again", PlanInput{Actions: []etf.Action{day9}, Bars: traded[5:9], Stated: []etf.StatedAction{statement("a", day9, etf.Cancelled, source)}},
			[]string{"split 4:1@2026-11-20"}, []string{"a 4:1@2026-11-20 accepted"}, 0, 0},
		{"stated again, but cancelled by a person", PlanInput{Actions: []etf.Action{day9}, Bars: traded[5:9], Stated: []etf.StatedAction{statement("a", day9, etf.Cancelled, person)}}, nil, nil, 0, 0},

		// A wrong date, corrected.
		{"filed a day early", PlanInput{Actions: []etf.Action{day8}, Bars: early[4:9], Known: stored(traded[:8], etf.AsTraded)},
			nil, []string{"a 4:1@2026-11-19 proposed"}, 1, 0},
		{"filed a day early, corrected", PlanInput{Actions: []etf.Action{day9}, Bars: traded[4:10], Known: stored(traded[:8], etf.AsTraded), Stated: []etf.StatedAction{statement("a", day8, etf.Proposed, source)}},
			[]string{"split 4:1@2026-11-20"}, []string{"a 4:1@2026-11-19 cancelled", "a 4:1@2026-11-20 accepted replaces"}, 0, 0},
		{"filed a day early, believed, corrected", PlanInput{Actions: []etf.Action{day9}, Bars: traded[4:10], Known: stored(early[:9], etf.AsTraded), Stated: []etf.StatedAction{statement("a", day8, etf.Accepted, source)}},
			[]string{"split 4:1@2026-11-20"}, []string{"a 4:1@2026-11-19 cancelled", "a 4:1@2026-11-20 accepted replaces"}, 0, 0},
		{"filed a day late, corrected", PlanInput{Actions: []etf.Action{day9}, Bars: traded[4:10], Known: stored(sound[:9], etf.AsTraded), Stated: []etf.StatedAction{statement("a", day10, etf.Proposed, source)}},
			[]string{"split 4:1@2026-11-20"}, []string{"a 4:1@2026-11-23 cancelled", "a 4:1@2026-11-20 accepted replaces"}, 0, 0},
		{"right, then corrected wrongly", PlanInput{Actions: []etf.Action{day8}, Bars: early[4:10], Known: stored(traded[:9], etf.AsTraded), Stated: []etf.StatedAction{later(statement("a", day9, etf.Accepted, source))}},
			[]string{"split 4:1@2026-11-20"}, []string{"a 4:1@2026-11-19 proposed replaces"}, 1, 1},
		{"a wrong ratio, corrected", PlanInput{Actions: []etf.Action{day9}, Bars: traded[4:10], Known: stored(traded[:8], etf.AsTraded), Stated: []etf.StatedAction{statement("a", splitOn("2026-11-20", 5, 1), etf.Proposed, source)}},
			[]string{"split 4:1@2026-11-20"}, []string{"a 5:1@2026-11-20 cancelled", "a 4:1@2026-11-20 accepted replaces"}, 0, 0},
		{"a person's date against a source's correction", PlanInput{Actions: []etf.Action{day9}, Bars: traded[4:10], Known: stored(traded[:8], etf.AsTraded), Stated: []etf.StatedAction{statement("a", day8, etf.Accepted, person)}},
			[]string{"split 4:1@2026-11-19"}, []string{"a 4:1@2026-11-20 proposed"}, 0, 1},
		{"deferred before it happens", PlanInput{Actions: []etf.Action{day10}, Bars: traded[4:7], Stated: []etf.StatedAction{statement("a", day9, etf.Proposed, source)}},
			nil, []string{"a 4:1@2026-11-20 cancelled", "a 4:1@2026-11-23 proposed replaces"}, 0, 0},

		// Two sources.
		{"the other source states the same", PlanInput{Actions: []etf.Action{day9}, Bars: sound[5:8], Stated: []etf.StatedAction{statement("b", day9, etf.Proposed, BySource("b"))}},
			[]string{"split 4:1@2026-11-20"}, []string{"b 4:1@2026-11-20 accepted", "a 4:1@2026-11-20 accepted"}, 0, 0},
		{"detection is no second source", PlanInput{Actions: []etf.Action{day9}, Bars: sound[5:9], Stated: []etf.StatedAction{statement("detection", day9, etf.Proposed, BySource("detection"))}},
			nil, []string{"a 4:1@2026-11-20 proposed"}, 1, 0},
		{"a person has rejected what the other source states", PlanInput{Actions: []etf.Action{day9}, Bars: traded[5:9], Stated: []etf.StatedAction{statement("b", day9, etf.Rejected, person)}},
			nil, []string{"a 4:1@2026-11-20 proposed"}, 0, 0},
		{"the same split on another day, by the preferred source", PlanInput{Actions: []etf.Action{day9}, Bars: traded[5:10], Stated: []etf.StatedAction{statement("b", day8, etf.Accepted, BySource("b"))}},
			[]string{"split 4:1@2026-11-20"}, []string{"b 4:1@2026-11-19 proposed", "a 4:1@2026-11-20 accepted"}, 0, 0},
		{"the same split on another day, by the other source", PlanInput{Source: "b", Actions: []etf.Action{day9}, Bars: traded[5:10], Stated: []etf.StatedAction{statement("a", day8, etf.Accepted, source)}},
			[]string{"split 4:1@2026-11-19"}, []string{"b 4:1@2026-11-20 proposed"}, 0, 0},
		{"detection proposed it, the source states it", PlanInput{Actions: []etf.Action{day9}, Bars: traded[5:10], Known: stored(traded[:8], etf.AsTraded), Stated: []etf.StatedAction{statement("detection", day9, etf.Proposed, BySource("detection"))}},
			[]string{"split 4:1@2026-11-20"}, []string{"detection 4:1@2026-11-20 cancelled", "a 4:1@2026-11-20 accepted"}, 0, 0},

		// Distributions.
		{"a dividend", PlanInput{Actions: []etf.Action{dividendOn("2026-11-19", "0.5"), dividendOn("2026-11-19", "0.5")}, Bars: sound},
			[]string{"dividend 0.5@2026-11-19"}, []string{"a 0.5@2026-11-19 accepted"}, 0, 0},
		{"an absurd one", PlanInput{Actions: []etf.Action{dividendOn("2026-11-19", "2500")}, Bars: sound}, nil, []string{"a 2500@2026-11-19 proposed"}, 0, 0},
		{"an absurd one on the first day of all", PlanInput{Actions: []etf.Action{dividendOn("2026-11-10", "2500")}, Bars: sound}, nil, []string{"a 2500@2026-11-10 proposed"}, 0, 0},
		{"accepted without a price before it, which comes and does not fit", PlanInput{Actions: []etf.Action{dividendOn("2026-11-19", "40")}, Bars: sound, Known: stored(sound[7:], etf.AsTraded),
			Stated: []etf.StatedAction{because(noPriceBefore, statement("a", dividendOn("2026-11-19", "40"), etf.Accepted, source))}}, nil, []string{"a 40@2026-11-19 proposed"}, 0, 0},
		{"accepted without a price before it, which comes and fits", PlanInput{Actions: []etf.Action{dividendOn("2026-11-19", "0.5")}, Bars: sound, Known: stored(sound[7:], etf.AsTraded),
			Stated: []etf.StatedAction{because(noPriceBefore, statement("a", dividendOn("2026-11-19", "0.5"), etf.Accepted, source))}}, []string{"dividend 0.5@2026-11-19"}, []string{"a 0.5@2026-11-19 accepted"}, 0, 0},
		{"accepted without a price before it, which does not come", PlanInput{Actions: []etf.Action{dividendOn("2026-11-19", "0.5")}, Bars: sound[7:],
			Stated: []etf.StatedAction{because(noPriceBefore, statement("a", dividendOn("2026-11-19", "0.5"), etf.Accepted, source))}}, []string{"dividend 0.5@2026-11-19"}, nil, 0, 0},
		{"the same, accepted by a person", PlanInput{Actions: []etf.Action{dividendOn("2026-11-19", "40")}, Bars: sound, Known: stored(sound[7:], etf.AsTraded),
			Stated: []etf.StatedAction{because(noPriceBefore, statement("a", dividendOn("2026-11-19", "40"), etf.Accepted, person))}}, []string{"dividend 40@2026-11-19"}, nil, 0, 0},
		{"corrected", PlanInput{Actions: []etf.Action{dividendOn("2026-11-19", "0.6")}, Bars: sound, Stated: []etf.StatedAction{statement("a", dividendOn("2026-11-19", "0.5"), etf.Accepted, source)}},
			[]string{"dividend 0.6@2026-11-19"}, []string{"a 0.5@2026-11-19 cancelled", "a 0.6@2026-11-19 accepted replaces"}, 0, 0},
		{"other last digits", PlanInput{Actions: []etf.Action{dividendOn("2026-11-19", "0.5000004")}, Bars: sound, Stated: []etf.StatedAction{statement("a", dividendOn("2026-11-19", "0.5"), etf.Accepted, source)}},
			[]string{"dividend 0.5@2026-11-19"}, nil, 0, 0},
		{"withdrawn", PlanInput{Bars: sound, Stated: []etf.StatedAction{statement("a", dividendOn("2026-11-19", "0.5"), etf.Accepted, source)}}, nil, []string{"a 0.5@2026-11-19 cancelled"}, 0, 0},
		{"another amount by the other source", PlanInput{Source: "b", Actions: []etf.Action{dividendOn("2026-11-19", "0.51")}, Bars: sound, Stated: []etf.StatedAction{statement("a", dividendOn("2026-11-19", "0.5"), etf.Accepted, source)}},
			[]string{"dividend 0.5@2026-11-19"}, []string{"b 0.51@2026-11-19 proposed"}, 0, 0},
		{"another amount by the preferred source", PlanInput{Actions: []etf.Action{dividendOn("2026-11-19", "0.51")}, Bars: sound, Stated: []etf.StatedAction{statement("b", dividendOn("2026-11-19", "0.5"), etf.Accepted, BySource("b"))}},
			[]string{"dividend 0.51@2026-11-19"}, []string{"b 0.5@2026-11-19 proposed", "a 0.51@2026-11-19 accepted"}, 0, 0},
		{"the same amount under another name", PlanInput{Source: "b", Actions: []etf.Action{{Kind: etf.CapitalGain, Ex: etf.MustSession("2026-11-19"), Amount: etf.MustPrice("0.5")}}, Bars: sound, Stated: []etf.StatedAction{statement("a", dividendOn("2026-11-19", "0.5"), etf.Accepted, source)}},
			[]string{"dividend 0.5@2026-11-19"}, []string{"b 0.5@2026-11-19 proposed"}, 0, 0},
		{"a dividend and a gain", PlanInput{Actions: []etf.Action{dividendOn("2026-11-19", "0.5"), {Kind: etf.CapitalGain, Ex: etf.MustSession("2026-11-19"), Amount: etf.MustPrice("0.5")}}, Bars: sound},
			[]string{"dividend 0.5@2026-11-19", "capital_gain 0.5@2026-11-19"}, []string{"a 0.5@2026-11-19 accepted", "a 0.5@2026-11-19 accepted"}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := c.in
			in.Symbol, in.Sources = "Q", []etf.SourceRef{{Name: "a"}, {Name: "b"}}
			if in.Source == "" {
				in.Source = "a"
			}
			if in.Basis == "" {
				in.Basis = etf.AsTraded
			}
			if in.Covers == nil {
				in.Covers = all
			}
			p := PlanActions(in)
			inForce, changes := planText(p)
			if !slices.Equal(inForce, c.inForce) || !slices.Equal(changes, c.changes) || len(p.Doubted) != c.doubted || len(p.Withdrawn) != c.kept {
				t.Errorf("in force %q, changes %q, %d doubted, %d withdrawn\nwant %q, %q, %d, %d", inForce, changes, len(p.Doubted), len(p.Withdrawn), c.inForce, c.changes, c.doubted, c.kept)
			}
			first, last := in.Bars[0].Session, in.Bars[len(in.Bars)-1].Session
			if in.Idle(first, last) && len(p.Changes) > 0 {
				t.Error("idle, but there are changes")
			}
			for _, s := range p.Changes {
				if s.By != BySource(in.Source) || s.ID != etf.ActionID("Q", s.Action, s.Source) {
					t.Errorf("%+v", s)
				}
			}
			// A repeat of the same response on the new states changes nothing.
			again := in
			again.Stated = slices.Clone(in.Stated)
			for _, s := range p.Changes {
				i := slices.IndexFunc(again.Stated, func(o etf.StatedAction) bool { return o.ID == s.ID })
				if i < 0 {
					again.Stated = append(again.Stated, s)
				} else {
					again.Stated[i] = s
				}
			}
			if _, more := planText(PlanActions(again)); len(more) > 0 {
				t.Errorf("a repeat changes %q", more)
			}
		})
	}
}

// A distribution that was accepted without a price before it is judged once by the first one that comes, and never again.
func TestAcceptedWithoutAPriceBefore(t *testing.T) {
	t.Parallel()
	bars := flat(timesOver("100", 11)...)
	a := dividendOn("2026-11-19", "0.5")
	in := PlanInput{Symbol: "Q", Source: "a", Basis: etf.AsTraded, Covers: []etf.ActionKind{etf.Dividend}, Actions: []etf.Action{a}}
	for i, c := range []struct {
		bars    []etf.Bar
		changes int
		why     string
		idle    bool // afterwards
	}{{bars[7:], 1, noPriceBefore, false}, {bars[7:], 0, noPriceBefore, false}, {bars[5:], 1, "", true}, {bars[5:], 0, "", true}} {
		in.Bars = c.bars
		p := PlanActions(in)
		in.Stated = WithChanges(in.Stated, p.Changes)
		first, last := c.bars[0].Session, c.bars[len(c.bars)-1].Session
		if len(p.Changes) != c.changes || len(in.Stated) != 1 || in.Stated[0].Why != c.why || in.Stated[0].Status != etf.Accepted || in.Idle(first, last) != c.idle {
			t.Errorf("response %d: %d changes, want %d; %+v, want the reason %q; idle %t", i, len(p.Changes), c.changes, in.Stated, c.why, in.Idle(first, last))
		}
	}
}

// TestPlanMoves checks splits near the size of the usual moves, and on days with large ones.
func TestPlanMoves(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		closes   string
		num, den int64
		want     etf.ActionStatus
	}{
		{"3:2 in a quiet fund", "100 100.1 100 100.2 100.1 100.2 100.1 100.2 67", 3, 2, etf.Accepted},
		{"3:2 not in a quiet fund's prices", "100 100.1 100 100.2 100.1 100.2 100.1 100.2 100", 3, 2, etf.Proposed},
		{"1:190", "1 1.01 1 1.01 1 1.01 1 1.01 191", 1, 190, etf.Accepted},
		{"1:190 that is 1:19 in the prices", "1 1.01 1 1.01 1 1.01 1 1.01 19", 1, 190, etf.Proposed},
		{"2:1 with a fall of 12 % in a volatile fund", "100 95 101 94 100 106 99 104 45.76", 2, 1, etf.Accepted},
		{"101:100 can't be told from a usual move", "100 101 100 101 100 101 100 101 100", 101, 100, etf.Accepted},
		{"101:100 on a day that halves the price", "100 101 100 101 100 101 100 101 50", 101, 100, etf.Proposed},
		{"4:1 with the ratio inverted", "100 101 100 101 100 101 100 101 25", 1, 4, etf.Proposed},
	} {
		t.Run(c.name, func(t *testing.T) {
			var bars []etf.Bar
			for i, p := range strings.Fields(c.closes) {
				bars = append(bars, bar(etf.MustSession("2026-11-02").AddDays(i).String(), p, 1000))
			}
			ex := bars[8].Session
			p := PlanActions(PlanInput{Symbol: "Q", Source: "a", Basis: etf.AsTraded, Bars: bars, Actions: []etf.Action{{Kind: etf.Split, Ex: ex, Numerator: c.num, Denominator: c.den}}})
			if len(p.Changes) != 1 || p.Changes[0].Status != c.want || p.Changes[0].Why == "" || p.Changes[0].Evidence == "" {
				t.Errorf("%+v, want %s", p.Changes, c.want)
			}
		})
	}
}

func TestDecideAction(t *testing.T) {
	t.Parallel()
	split, near := splitOn("2026-11-20", 4, 1), splitOn("2026-11-19", 4, 1)
	states := []etf.StatedAction{
		statement("a", split, etf.Proposed, BySource("a")),
		statement("b", split, etf.Accepted, BySource("b")),
		statement("b", near, etf.Accepted, BySource("b")),
		statement("detection", near, etf.Proposed, BySource("detection")),
		statement("a", dividendOn("2026-11-20", "1"), etf.Accepted, BySource("a")),
	}
	decide := func(i int, status etf.ActionStatus) (list []string) {
		changes, err := DecideAction(states, ActionRuling{ID: states[i].ID, Status: status, By: "kim", Why: "the fund's notice"})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range changes {
			list = append(list, fmt.Sprintf("%s %s@%s %s by %s", c.Source, c.Terms(), c.Ex, c.Status, c.By))
		}
		return list
	}
	for _, c := range []struct {
		at     int
		status etf.ActionStatus
		want   []string
	}{
		{0, etf.Accepted, []string{"a 4:1@2026-11-20 accepted by kim", "b 4:1@2026-11-19 rejected by kim", "detection 4:1@2026-11-19 cancelled by kim"}},
		{0, etf.Rejected, []string{"a 4:1@2026-11-20 rejected by kim", "b 4:1@2026-11-20 rejected by kim"}},
		{3, etf.Rejected, []string{"b 4:1@2026-11-19 rejected by kim", "detection 4:1@2026-11-19 rejected by kim"}},
		{4, etf.Cancelled, []string{"a 1@2026-11-20 cancelled by kim"}},
		// An accepted one that a person accepts is the person's from then on.
		{4, etf.Accepted, []string{"a 1@2026-11-20 accepted by kim"}},
	} {
		if got := decide(c.at, c.status); !slices.Equal(got, c.want) {
			t.Errorf("%s %s: %q, want %q", states[c.at].Terms(), c.status, got, c.want)
		}
	}
	states[0].Status, states[0].By = etf.Rejected, "lee"
	if got := decide(0, etf.Rejected); got != nil {
		t.Errorf("decided so already, but %q", got)
	}
	for _, r := range []ActionRuling{
		{ID: "none", Status: etf.Accepted, By: "kim"}, {ID: states[0].ID, Status: etf.Proposed, By: "kim"},
		{ID: states[0].ID, Status: etf.Accepted}, {ID: states[0].ID, Status: etf.Accepted, By: "source:a"},
	} {
		if _, err := DecideAction(states, r); err == nil {
			t.Errorf("%+v is accepted", r)
		}
	}
}
