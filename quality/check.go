package quality

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// Input is one response and the stored context it is checked against.
type Input struct {
	Symbol   etf.Symbol
	IDsAs    etf.Symbol // stands for it in the IDs of actions; "" = Symbol
	Exchange etf.Exchange
	Session  etf.Session  // the new session: the one the run is for
	Initial  bool         // no bar of the ETF is stored yet: Known is ignored
	Bars     []etf.Bar    // the response's rows in the source's order
	Ordinals []int        // the positions of Bars among the source's rows, if Condense left some out
	Defects  []etf.Defect // rows of the response that could not be read
	Basis    etf.Basis    // of Bars
	Actions  []etf.Action // stated in the response, in any order; repeats do no harm
	// Covers are the kinds of action that the response states completely; Stated are the stored statements, current ones only.
	// PlanActions decides which actions the prices are judged with.
	Covers []etf.ActionKind
	Stated []etf.StatedAction
	Window etf.Window // that the response was asked for; zero ends are open
	// Known holds stored bars that are neither quarantined nor held, in ascending order: up to 60 before the response's first
	// row, for volatility and levels, and those of the sessions in the response. For a whole history, it is all of them.
	Known []etf.StoredBar
	// Following holds the stored bars in use after the response's last session, ascending: up to 60. New rows before stored ones are
	// judged with them. Parked holds quarantined bars between the response and the bars in use (etf.Staged). Both are ignored for a
	// whole history, and for a first one.
	Following, Parked []etf.StoredBar
	Held              []etf.StoredBar // stored bars not believed yet, ascending: the response's rows for their sessions decide on them
	// Source sent the response; Sources are the ETF's sources in order of preference.
	Source  string
	Sources []etf.SourceRef
	Listed  etf.Session // the ETF's first session; zero if unknown
	// Delisted is its last session; zero if unknown.
	Delisted etf.Session
	// DataAt is when the source's data were last changed (etf.Response), FetchedAt when it was asked; zero if unknown.
	DataAt, FetchedAt time.Time
	// Whole means that the response is the whole history, which is to replace everything stored.
	Whole bool
	// NAVs are the response's and the stored net asset values, in any order. Second holds rows of the same sessions from the
	// ETF's other sources. Both may be empty: they explain or contradict surprising closes, and a second source
	// that states or shows a stated split confirms it.
	NAVs   []etf.NAV
	Second etf.SecondOpinion
	// OwnDates means that the rows are of no exchange (Exchange is empty) and their own dates are the calendar. The rules about days and
	// trading are off then: calendarRules lists them.
	OwnDates bool
}

// calendarRules are the rules that make no sense without an exchange's calendar, nor for series that are no prices of trades, such as simulated
// closes: about dates, missing and unfinished sessions, flat bars and volumes.
var calendarRules = []string{ruleFrequency, ruleDates, ruleCalendar, ruleUnfinished, ruleNoTrade, ruleVolume, ruleMissing, ruleShifted, ruleStale}

// calendarOf is the calendar that the rows are checked by.
func calendarOf(in Input) (*calendar.Calendar, error) {
	if !in.OwnDates {
		return calendar.For(in.Exchange)
	}
	dates := []etf.Session{in.Session}
	for _, b := range in.Bars {
		dates = append(dates, b.Session)
	}
	return calendar.OfDates(dates)
}

// InputOf returns the input for checking what a fetch staged. session is the one the run is for; whole says that the response is
// the whole history, to replace what is stored, if anything is.
func InputOf(staged etf.Staged, exchange etf.Exchange, session etf.Session, whole bool) Input {
	return Input{
		Symbol: staged.Fetch.Symbol, IDsAs: staged.IDsAs, Exchange: exchange, Session: session, Initial: staged.Initial,
		Bars: staged.Bars, Ordinals: staged.Ordinals, Defects: staged.Defects, Basis: staged.Fetch.Basis,
		Actions: staged.Actions, Covers: staged.Covers, Stated: staged.Stated, Window: staged.Fetch.Window, Known: staged.Known, Held: staged.Held,
		Following: staged.Following, Parked: staged.Parked,
		Source: staged.Fetch.Source, Sources: staged.Sources, Listed: staged.Listed, Delisted: staged.Delisted,
		DataAt: staged.DataAt, FetchedAt: staged.Fetch.FetchedAt, Whole: whole && !staged.Initial,
		NAVs: staged.NAVs, Second: staged.Second,
	}
}

// Report is the outcome of Check.
type Report struct {
	// Findings lack ID, Fetch and FoundAt: the caller sets them, the ID with WithRows and FindingID. A finding groups what one
	// rule reports at one severity; errors in the new session form a separate finding, so that a decision on the
	// session does not decide on history, and so does each change of level, because each has its own proposal.
	Findings []etf.Finding
	Verdicts []etf.Verdict // one for each of Input.Bars
	// Plan is what becomes of the statements about corporate actions; the prices were judged with the actions in force in it.
	Plan Plan
	// MissingNew means that the response has no row for the new session, not even an unusable one.
	MissingNew bool
	// QuarantinedNew means that an error-level finding names the new session.
	QuarantinedNew bool
	// HeldNew means that the new session's row is held (etf.VerdictHold).
	HeldNew bool
	// Restated means that the source has restated its series, older stored rows included: the whole history has to be
	// fetched to replace it.
	Restated bool
	// TakeOver means that the response, which is the whole history (Input.Whole), may replace everything stored.
	TakeOver bool
}

// Check applies every rule to the response. It never changes its input. An error (KindInvalid) means that the input
// makes no sense (an unknown exchange, no session), not that the data is bad.
func Check(in Input) (Report, error) {
	s, err := apply(in)
	if err != nil {
		return Report{}, err
	}
	return s.report(), nil
}

// apply runs every rule.
func apply(in Input) (*state, error) {
	if in.Session.IsZero() {
		return nil, etf.Invalid("session", "no session to check the response for", "name the session the run is for")
	}
	cal, err := calendarOf(in)
	if err != nil {
		return nil, err
	}
	s := newState(in, cal)
	for _, r := range registry {
		if in.OwnDates && slices.Contains(calendarRules, r.Name) {
			continue
		}
		if r.check != nil && !s.condemned {
			r.check(s)
		}
	}
	if in.Whole {
		s.takeOver()
	}
	return s, nil
}

// state is what the rules share during one Check. They run in the registry's order: earlier rules drop repeats and
// quarantine rows that are not prices, later ones look at the rest.
type state struct {
	in       Input
	cal      *calendar.Calendar
	verdicts []etf.Verdict
	ordered  bool         // the response's rows are strictly ascending, as they nearly always are
	first    etf.Session  // earliest session of the response
	last     etf.Session  // latest session of the response
	splits   []etf.Action // each once, ascending
	cash     []etf.Action // distributions in force, each once, ascending
	paid     []etf.Action // distributions in force or stated in the response, each once, ascending
	from     etf.Session  // earlier rows belong to another security; zero if none do
	flags    []flag
	plan     Plan
	planned  priceEvidence // that the plan is based on
	whole
	// gapSplits are the splits that explain the level after a long gap, by the first session after it.
	gapSplits map[etf.Session]*etf.Action
	joined    *joined  // the series, kept until the verdicts change
	margins   *margins // of the second source, once a row has been compared with it

	preferred  map[etf.Session]bool // sessions whose row is dropped for the stored bar of a more preferred source
	secondary  bool                 // a whole history of a less preferred source, which fills missing sessions only
	restated   bool                 // Report.Restated
	restatedAs restatement          // how a whole history restates the stored bars
	takenOver  bool                 // Report.TakeOver
}

// flag is what one rule reports about one session. The flags of one rule and severity become one finding, or one for each
// change of level.
type flag struct {
	rule     string
	severity etf.Severity
	session  etf.Session
	score    float64 // the worst are shown first
	text     string
	level    etf.Session // first session of the change of level that explains the flag; zero for other flags
	proposal *etf.Action // what would explain it
}

func newState(in Input, cal *calendar.Calendar) *state {
	if in.Initial {
		in.Known = nil
	}
	bySession := func(a, b etf.StoredBar) int { return cmp.Compare(a.Session, b.Session) }
	if !slices.IsSortedFunc(in.Known, bySession) {
		in.Known = slices.Clone(in.Known)
		slices.SortStableFunc(in.Known, bySession)
	}
	if in.Initial || in.Whole {
		in.Following, in.Parked = nil, nil
	}
	s := &state{in: in, cal: cal, verdicts: make([]etf.Verdict, len(in.Bars))}
	s.ordered = true
	for i := range in.Bars {
		b := &in.Bars[i]
		s.ordered = s.ordered && (i == 0 || b.Session > in.Bars[i-1].Session)
		if i == 0 || b.Session < s.first {
			s.first = b.Session
		}
		s.last = max(s.last, b.Session)
	}
	s.setFollowing()
	for _, a := range s.actions() {
		list := &s.cash
		if a.Kind == etf.Split {
			list = &s.splits
			if a.Numerator <= 0 || a.Denominator <= 0 {
				continue
			}
			// In lowest terms: the store and the response may state the same split in different ways.
			g := gcd(a.Numerator, a.Denominator)
			a.Numerator, a.Denominator = a.Numerator/g, a.Denominator/g
		}
		if !slices.Contains(*list, a) {
			*list = append(*list, a)
		}
	}
	byEx(s.splits)
	byEx(s.cash)
	s.paid = slices.Clone(s.cash)
	for _, a := range in.Actions {
		if a.Kind != etf.Split && !slices.ContainsFunc(s.paid, func(b etf.Action) bool { return sameStatement(a, b) }) {
			s.paid = append(s.paid, a)
		}
	}
	byEx(s.paid)
	return s
}

// actions plans what becomes of the response's statements, and returns the actions that the rules go by: those in force. A
// split never corrects prices on an adjusted basis, so there those only stated do no harm, and the rules can say so if
// the prices are not adjusted for them.
func (s *state) actions() []etf.Action {
	in := PlanInput{
		Symbol: s.in.Symbol, IDsAs: s.in.IDsAs, Source: s.in.Source, Sources: s.in.Sources, Window: s.in.Window, Basis: s.in.Basis, Actions: s.in.Actions,
		Covers: s.in.Covers, Stated: s.in.Stated, Bars: s.in.Bars, Known: append(slices.Clip(s.in.Known), s.in.Following...), Second: s.in.Second,
	}
	s.plan = PlanActions(in)
	if len(s.plan.Doubted) > 0 {
		s.planned = newPriceEvidence(in)
	}
	if s.in.Basis == etf.AsTraded {
		return s.plan.InForce
	}
	return append(slices.Clip(s.plan.InForce), s.in.Actions...)
}

// byEx sorts actions by ex-date.
func byEx(actions []etf.Action) {
	slices.SortStableFunc(actions, func(a, b etf.Action) int { return cmp.Compare(a.Ex, b.Ex) })
}

// stored returns the bar of the session that is stored and in use, nil if there is none.
func (s *state) stored(session etf.Session) *etf.StoredBar {
	i, ok := slices.BinarySearchFunc(s.in.Known, session, func(k etf.StoredBar, t etf.Session) int { return cmp.Compare(k.Session, t) })
	if !ok {
		return nil
	}
	return &s.in.Known[i]
}

// unchanged reports whether a row repeats the stored bar in use, so that everything about it has been reported already.
// Every update fetches some sessions again; a warning must not come back with each of them.
func (s *state) unchanged(b etf.Bar) bool {
	k := s.stored(b.Session)
	return k != nil && sameNumbers(k.Bar, b)
}

// number is the number, from 1, of a row among those the source sent.
func (s *state) number(i int) int {
	if s.in.Ordinals != nil {
		i = s.in.Ordinals[i]
	}
	return i + 1
}

// leftOut is how many rows Condense left out. It keeps the last one.
func (s *state) leftOut() int {
	if len(s.in.Bars) == 0 {
		return 0
	}
	return s.number(len(s.in.Bars)-1) - len(s.in.Bars)
}

// flag records what a rule reports about a session.
func (s *state) flag(rule string, severity etf.Severity, session etf.Session, score float64, text string) {
	s.flags = append(s.flags, flag{rule: rule, severity: severity, session: session, score: score, text: text})
}

// quarantine flags a row as an error and quarantines it, unless the same prices are stored and in use already.
func (s *state) quarantine(rule string, ordinal int, score float64, text string) {
	s.quarantineAs(flag{rule: rule, score: score, text: text}, ordinal)
}

// quarantineAs is quarantine with a flag, of which it sets severity and session.
func (s *state) quarantineAs(f flag, ordinal int) {
	b := s.in.Bars[ordinal]
	if k := s.stored(b.Session); k != nil && samePrices(k.Bar, b) {
		return
	}
	s.verdicts[ordinal] = etf.VerdictQuarantine
	f.severity, f.session = etf.SeverityError, b.Session
	s.flags = append(s.flags, f)
}

// hold flags a row with a warning and holds it: it is stored, but not believed yet. A row in use already stays in use, and
// a quarantined one stays quarantined.
func (s *state) hold(rule string, ordinal int, score float64, text string) {
	b := s.in.Bars[ordinal]
	if k := s.stored(b.Session); s.verdicts[ordinal] != etf.VerdictKeep || k != nil && samePrices(k.Bar, b) {
		return
	}
	s.verdicts[ordinal] = etf.VerdictHold
	s.flag(rule, etf.SeverityWarning, b.Session, score, text)
}

// drop marks a row that another one of its session supersedes.
func (s *state) drop(ordinal int) { s.verdicts[ordinal] = etf.VerdictDrop }

// report groups the flags into findings, in the registry's order.
func (s *state) report() Report {
	r := Report{Verdicts: s.verdicts, MissingNew: true, Restated: s.restated, TakeOver: s.takenOver, Plan: s.plan}
	for i := range s.in.Bars {
		if s.in.Bars[i].Session == s.in.Session {
			r.MissingNew = false
			r.HeldNew = r.HeldNew || s.verdicts[i] == etf.VerdictHold
		}
	}
	type group struct {
		rule     int // in the registry
		severity int // in severities
		history  bool
		level    etf.Session
	}
	severities := []etf.Severity{etf.SeverityError, etf.SeverityWarning, etf.SeverityInfo}
	order := make(map[string]int, len(registry))
	for i, rule := range registry {
		order[rule.Name] = i
	}
	groups := map[group][]flag{}
	for _, o := range s.flags {
		isNew := o.severity == etf.SeverityError && o.session == s.in.Session
		g := group{order[o.rule], slices.Index(severities, o.severity), !isNew, o.level}
		groups[g] = append(groups[g], o)
		r.QuarantinedNew = r.QuarantinedNew || isNew
	}
	keys := slices.SortedFunc(maps.Keys(groups), func(a, b group) int {
		newFirst := 0
		if a.history != b.history {
			newFirst = 1
			if b.history {
				newFirst = -1
			}
		}
		return cmp.Or(cmp.Compare(a.rule, b.rule), cmp.Compare(a.severity, b.severity), newFirst, cmp.Compare(a.level, b.level))
	})
	for _, g := range keys {
		r.Findings = append(r.Findings, s.finding(registry[g.rule].Name, severities[g.severity], groups[g]))
	}
	return r
}

func (s *state) finding(rule string, severity etf.Severity, list []flag) etf.Finding {
	f := etf.Finding{Symbol: cmp.Or(s.in.IDsAs, s.in.Symbol), Rule: rule, Severity: severity, Evidence: evidence(list)}
	for _, o := range list {
		if !o.session.IsZero() {
			f.Sessions = append(f.Sessions, o.session)
		}
		if f.Proposal == nil {
			f.Proposal = o.proposal
		}
	}
	slices.Sort(f.Sessions)
	f.Sessions = slices.Compact(f.Sessions)
	return f
}

// sameNumbers reports whether b adds nothing to the stored bar: an unknown volume is not compared.
func sameNumbers(stored, b etf.Bar) bool {
	return samePrices(stored, b) && (stored.Volume == b.Volume || !b.Volume.Known())
}

func samePrices(a, b etf.Bar) bool {
	return a.Session == b.Session && a.Open == b.Open && a.High == b.High && a.Low == b.Low && a.Close == b.Close
}
