package quality

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// Input is one answer and the stored context it is judged against.
type Input struct {
	Symbol   etf.Symbol
	Exchange etf.Exchange
	Session  etf.Session  // the new session: the one the run is for
	Initial  bool         // no bar of the ETF is stored yet: Known is ignored
	Bars     []etf.Bar    // the answer's rows in the source's order
	Defects  []etf.Defect // rows of the answer that could not be read
	Basis    etf.Basis    // of Bars
	Actions  []etf.Action // stated in the answer or accepted in the store, in any order; repeats do no harm
	// Known holds stored, not quarantined bars in ascending order: up to 60 before the answer's first row, for
	// volatility and levels, and the belief stored for sessions the answer has too.
	Known []etf.StoredBar
}

// Report is the outcome of Check.
type Report struct {
	// Findings lack ID, Fetch and FoundAt: the caller sets them, the ID with FindingID. A finding groups what one
	// rule says at one severity; error-level objections to the new session are a finding of their own, so that
	// deciding on the session does not decide on history.
	Findings []etf.Finding
	Verdicts []etf.Verdict // one for each of Input.Bars
	// MissingNew: the answer has no row for the new session, not even one that could not be used.
	MissingNew bool
	// QuarantinedNew: an error-level finding names the new session.
	QuarantinedNew bool
}

// Check applies every rule to the answer. It never changes its input. An error (KindInvalid) means that the input
// makes no sense, not that the data is bad: an unknown exchange or no session.
func Check(in Input) (Report, error) {
	cal, err := calendar.For(in.Exchange)
	if err != nil {
		return Report{}, err
	}
	if in.Session.IsZero() {
		return Report{}, etf.Invalid("session", "no session to check the answer for", "name the session the run is for")
	}
	s := newSheet(in, cal)
	for _, r := range registry {
		if r.check != nil {
			r.check(s)
		}
	}
	return s.report(), nil
}

// FindingID returns the identity of a finding as 32 hex digits: the same rule on the same sessions of the same
// fetch is the same finding.
func FindingID(symbol etf.Symbol, fetch, rule string, sessions []etf.Session) string {
	h := sha256.New()
	var n [4]byte
	for _, part := range []string{"finding", string(symbol), fetch, rule} {
		binary.BigEndian.PutUint32(n[:], uint32(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	for _, s := range sessions {
		binary.BigEndian.PutUint32(n[:], uint32(s))
		h.Write(n[:])
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// sheet is the work sheet the rules write on, in the registry's order: earlier rules drop repeats and quarantine
// rows that are not prices, later ones look at what is left.
type sheet struct {
	in       Input
	cal      *calendar.Calendar
	verdicts []etf.Verdict
	ordered  bool         // the answer's rows ascend strictly, as nearly all do
	first    etf.Session  // earliest session of the answer
	last     etf.Session  // latest session of the answer
	splits   []etf.Action // each once, ascending
	cash     []etf.Action // dividends and capital gains, each once, ascending
	objects  []objection
}

// objection is what one rule says about one session. Sessions of one rule and severity become one finding.
type objection struct {
	rule     string
	severity etf.Severity
	session  etf.Session
	score    float64 // the worst are shown first
	text     string
}

func newSheet(in Input, cal *calendar.Calendar) *sheet {
	if in.Initial {
		in.Known = nil
	}
	bySession := func(a, b etf.StoredBar) int { return cmp.Compare(a.Session, b.Session) }
	if !slices.IsSortedFunc(in.Known, bySession) {
		in.Known = slices.Clone(in.Known)
		slices.SortStableFunc(in.Known, bySession)
	}
	s := &sheet{in: in, cal: cal, verdicts: make([]etf.Verdict, len(in.Bars))}
	s.ordered = true
	for i := range in.Bars {
		b := &in.Bars[i]
		s.ordered = s.ordered && (i == 0 || b.Session > in.Bars[i-1].Session)
		if i == 0 || b.Session < s.first {
			s.first = b.Session
		}
		s.last = max(s.last, b.Session)
	}
	for _, a := range in.Actions {
		list := &s.cash
		if a.Kind == etf.Split {
			list = &s.splits
			if a.Numerator <= 0 || a.Denominator <= 0 {
				continue
			}
			// In lowest terms: the store and the answer may state one split in two ways.
			g := gcd(a.Numerator, a.Denominator)
			a.Numerator, a.Denominator = a.Numerator/g, a.Denominator/g
		}
		if !slices.Contains(*list, a) {
			*list = append(*list, a)
		}
	}
	byEx := func(a, b etf.Action) int { return cmp.Compare(a.Ex, b.Ex) }
	slices.SortStableFunc(s.splits, byEx)
	slices.SortStableFunc(s.cash, byEx)
	return s
}

// believed returns what is stored for a session, nil for nothing.
func (s *sheet) believed(session etf.Session) *etf.StoredBar {
	i, ok := slices.BinarySearchFunc(s.in.Known, session, func(k etf.StoredBar, t etf.Session) int { return cmp.Compare(k.Session, t) })
	if !ok {
		return nil
	}
	return &s.in.Known[i]
}

// settled reports whether a row is stored and in use with these very numbers: what there was to say about it has been
// said. Every update asks for some sessions again; a warning must not come back with each.
func (s *sheet) settled(b etf.Bar) bool {
	k := s.believed(b.Session)
	return k != nil && sameNumbers(k.Bar, b)
}

// object records an objection to a session.
func (s *sheet) object(rule string, severity etf.Severity, session etf.Session, score float64, text string) {
	s.objects = append(s.objects, objection{rule, severity, session, score, text})
}

// reject records an error-level objection to a row and quarantines it, unless the same row is believed already.
func (s *sheet) reject(rule string, ordinal int, score float64, text string) {
	b := s.in.Bars[ordinal]
	if k := s.believed(b.Session); k != nil && samePrices(k.Bar, b) {
		return
	}
	s.verdicts[ordinal] = etf.VerdictQuarantine
	s.object(rule, etf.SeverityError, b.Session, score, text)
}

// drop marks a repeat that a later row supersedes.
func (s *sheet) drop(ordinal int) { s.verdicts[ordinal] = etf.VerdictDrop }

// report groups the objections into findings, in the registry's order.
func (s *sheet) report() Report {
	r := Report{Verdicts: s.verdicts, MissingNew: true}
	for i := range s.in.Bars {
		if s.in.Bars[i].Session == s.in.Session {
			r.MissingNew = false
		}
	}
	type group struct {
		rule     string
		severity etf.Severity
		isNew    bool
	}
	groups := map[group][]objection{}
	for _, o := range s.objects {
		g := group{o.rule, o.severity, o.severity == etf.SeverityError && o.session == s.in.Session}
		groups[g] = append(groups[g], o)
		r.QuarantinedNew = r.QuarantinedNew || g.isNew
	}
	for _, rule := range registry {
		for _, severity := range []etf.Severity{etf.SeverityError, etf.SeverityWarning, etf.SeverityInfo} {
			for _, isNew := range []bool{true, false} {
				if list := groups[group{rule.Name, severity, isNew}]; len(list) > 0 {
					r.Findings = append(r.Findings, s.finding(rule.Name, severity, list))
				}
			}
		}
	}
	return r
}

func (s *sheet) finding(rule string, severity etf.Severity, list []objection) etf.Finding {
	f := etf.Finding{Symbol: s.in.Symbol, Rule: rule, Severity: severity, Evidence: evidence(list)}
	for _, o := range list {
		if !o.session.IsZero() {
			f.Sessions = append(f.Sessions, o.session)
		}
	}
	slices.Sort(f.Sessions)
	f.Sessions = slices.Compact(f.Sessions)
	return f
}

// sameNumbers reports whether b says nothing that the stored bar does not: a volume left out is none to compare.
func sameNumbers(stored, b etf.Bar) bool {
	return samePrices(stored, b) && (stored.Volume == b.Volume || !b.Volume.Known())
}

func samePrices(a, b etf.Bar) bool {
	return a.Session == b.Session && a.Open == b.Open && a.High == b.High && a.Low == b.Low && a.Close == b.Close
}
