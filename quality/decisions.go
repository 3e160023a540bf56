package quality

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// What findings and a person's decisions on them do to other findings and to rows. A finding is about numbers: a rule that
// reports the same prices of a session again, whichever response they came in, reports the same finding, and the decision
// on it holds for them. The store reads the rows, calls these functions and writes their results.

// NamedRow is a row that a finding names, with the numbers the rule found. If the response had no row for the session,
// Staged is false and only the session is set.
type NamedRow struct {
	etf.Bar
	Staged bool
}

// equals reports whether two named rows have the same session and prices. Providers correct volumes for days after a
// session: a decision on its prices is not asked for again.
func (r NamedRow) equals(o NamedRow) bool {
	return r.Staged == o.Staged && samePrices(r.Bar, o.Bar)
}

// FindingWithRows is a finding with the rows it names, each session once.
type FindingWithRows struct {
	etf.Finding
	Rows []NamedRow
}

// Asks reports whether the finding asks a person to decide: one of severity error or one that holds rows, about sessions.
func Asks(f etf.Finding) bool {
	return len(f.Sessions) > 0 && asks(f.Severity, f.Rule)
}

func asks(severity etf.Severity, rule string) bool {
	return severity == etf.SeverityError || severity == etf.SeverityWarning && slices.Contains(HoldingRules(), rule)
}

// Case is one row named by a finding, with the finding's rule and the decision on it.
type Case struct {
	NamedRow
	Finding  string // ID
	Rule     string
	Severity etf.Severity
	Decision etf.Decision // in force; Undecided if there is none
	By       string
}

// condemned reports whether a person has decided that the row's numbers are wrong.
func (c Case) condemned() bool {
	return c.Decision == etf.Reject || c.Decision == etf.Retract || c.Decision == etf.Replace
}

// Cases holds all cases of an ETF on some sessions.
type Cases map[etf.Session][]Case

// WithRows pairs the findings of a judgement with the response's rows they name; bars and j.Verdicts are parallel. If a
// session has several rows, the last one not dropped counts. A quarantined row that no error-level finding names, or a held
// one that no finding of a rule that holds rows names, is KindInvalid: nobody could ever decide on it.
func WithRows(j etf.Judgement, bars []etf.Bar) ([]FindingWithRows, error) {
	if len(j.Verdicts) != len(bars) {
		return nil, etf.Invalid("verdicts", fmt.Sprintf("%d verdicts for %d rows", len(j.Verdicts), len(bars)), "give one for each row")
	}
	rows := map[etf.Session]etf.Bar{}
	for i, b := range bars {
		if _, taken := rows[b.Session]; !taken || j.Verdicts[i] != etf.VerdictDrop {
			rows[b.Session] = b
		}
	}
	found := make([]FindingWithRows, len(j.Findings))
	named := map[etf.Session]bool{}   // by an error-level finding
	holding := map[etf.Session]bool{} // by a finding that holds rows
	for i, f := range j.Findings {
		found[i].Finding = f
		seen := map[etf.Session]bool{}
		for _, session := range f.Sessions {
			if session.IsZero() || seen[session] {
				continue
			}
			seen[session] = true
			b, staged := rows[session]
			b.Session = session
			found[i].Rows = append(found[i].Rows, NamedRow{Bar: b, Staged: staged})
			if f.Severity == etf.SeverityError {
				named[session] = true
			} else if Asks(f) {
				holding[session] = true
			}
			if Holds(f.Rule) {
				holding[session] = true
			}
		}
	}
	for i, v := range j.Verdicts {
		if v == etf.VerdictQuarantine && !named[bars[i].Session] {
			return nil, etf.Invalid("findings", fmt.Sprintf("the row of %s is quarantined, but no error-level finding names it", bars[i].Session), "name its session in a finding of severity error")
		}
		if v == etf.VerdictHold && !holding[bars[i].Session] {
			return nil, etf.Invalid("findings", fmt.Sprintf("the row of %s is held, but no finding says why", bars[i].Session),
				"name its session in a finding of a rule that holds rows: "+strings.Join(HoldingRules(), " or "))
		}
	}
	return found, nil
}

// FindingID returns the ID of a finding as 32 hex digits: the same rule on the same numbers of the same sessions is the same
// finding, whichever response they came in. The volume counts only for findings that nobody is asked about; a finding that
// names no session is identified by its evidence.
func FindingID(f FindingWithRows) string {
	h := sha256.New()
	var n [8]byte
	text := func(s string) {
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	number := func(v int64) {
		binary.BigEndian.PutUint64(n[:], uint64(v))
		h.Write(n[:])
	}
	for _, part := range []string{"finding", string(f.Symbol), f.Rule, string(f.Severity)} {
		text(part)
	}
	for _, r := range f.Rows {
		number(int64(r.Session))
		if !r.Staged {
			text("none")
			continue
		}
		for _, p := range []etf.Price{r.Open, r.High, r.Low, r.Close} {
			number(int64(p))
		}
		if !asks(f.Severity, f.Rule) {
			number(int64(r.Volume))
		}
	}
	if len(f.Rows) == 0 {
		text(f.Evidence)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Assessment is what a judgement comes to in view of earlier findings and decisions.
type Assessment struct {
	// Store holds the findings that are to be stored: each names only the rows that no earlier finding of its rule names with
	// the same prices.
	Store []FindingWithRows
	// Reported holds the findings that the judgement reports, and of earlier ones that it repeats only those that people are
	// asked about or have decided on, with the sessions that it repeats.
	Reported []etf.Reported
	// Proposing are the findings for which the judgement proposes an action, but those that are decided on. Earlier ones are among them, with what is
	// proposed for them now: the fetch that reported them first may never have been stored.
	Proposing []FindingWithRows
	// Reopen lists the findings whose decision has not settled them: the numbers are back. They wait again.
	Reopen []string
	// Verdicts are those that stand in view of the decisions.
	Verdicts []etf.Verdict
}

// Assess compares the findings of a judgement (WithRows) with the cases on their sessions. verdicts and bars are parallel.
func Assess(found []FindingWithRows, before Cases, verdicts []etf.Verdict, bars []etf.Bar) Assessment {
	a := Assessment{Verdicts: slices.Clone(verdicts)}
	open := map[etf.Session]etf.Verdict{} // what a row that findings ask about gets, in view of the decisions
	worse := func(session etf.Session, v etf.Verdict) {
		if now, seen := open[session]; !seen || now == etf.VerdictKeep || v == etf.VerdictQuarantine {
			open[session] = v
		}
	}
	for _, f := range found {
		if !Asks(f.Finding) {
			if f.Rule == ruleDifference && f.Severity != etf.SeverityError {
				fresh, reported := unreported(f, before)
				if len(fresh) == 0 {
					f.ID = reported
					a.Reported = append(a.Reported, etf.Reported{Finding: f.Finding})
					continue
				}
				f = f.only(fresh)
			}
			if !decidedOn(f, before) {
				a.propose(f)
			}
			a.Store = append(a.Store, f)
			a.Reported = append(a.Reported, etf.Reported{Finding: f.Finding, New: true})
			continue
		}
		var fresh []NamedRow
		var repeated []etf.Reported
		for _, row := range f.Rows {
			verdict := etf.VerdictQuarantine
			if f.Severity != etf.SeverityError {
				verdict = etf.VerdictHold
			}
			c, ok := earlier(f, row, before[row.Session])
			switch {
			case !ok:
				fresh = append(fresh, row)
			case c.Decision == etf.Accept:
				verdict = etf.VerdictKeep
			case c.condemned():
				verdict = etf.VerdictQuarantine
			case c.Decision == etf.Refetch || c.Decision == etf.Superseded:
				if !slices.Contains(a.Reopen, c.Finding) {
					a.Reopen = append(a.Reopen, c.Finding)
				}
				c.Decision, c.By = etf.Undecided, ""
			}
			worse(row.Session, verdict)
			if ok {
				repeated = repeat(repeated, f.Finding, c)
			}
			if ok && c.Decision == etf.Undecided {
				again := f
				again.ID = c.Finding
				a.propose(again)
			}
		}
		if len(fresh) > 0 {
			f = f.only(fresh)
			a.propose(f)
			a.Store = append(a.Store, f)
			a.Reported = append(a.Reported, etf.Reported{Finding: f.Finding, New: true})
		}
		a.Reported = append(a.Reported, repeated...)
	}
	a.judge(open, before, bars)
	return a
}

// unreported returns the rows of a difference between two sources without those that an earlier finding, one of which is returned, names with the
// same prices. Such rows are not stored, so that each response of the less preferred source has them again.
func unreported(f FindingWithRows, before Cases) (fresh []NamedRow, reported string) {
	for _, row := range f.Rows {
		i := slices.IndexFunc(before[row.Session], func(c Case) bool { return c.Rule == f.Rule && c.Severity == f.Severity && c.equals(row) })
		if i < 0 {
			fresh = append(fresh, row)
			continue
		}
		reported = before[row.Session][i].Finding
	}
	return fresh, reported
}

// only returns the finding about these of its rows, which has another ID unless they are all of them.
func (f FindingWithRows) only(rows []NamedRow) FindingWithRows {
	all := len(rows) == len(f.Rows)
	f.Rows, f.Sessions = rows, make([]etf.Session, len(rows))
	for i, row := range rows {
		f.Sessions[i] = row.Session
	}
	if !all {
		f.ID = FindingID(f)
	}
	return f
}

// propose notes what a finding proposes.
func (a *Assessment) propose(f FindingWithRows) {
	if f.Proposal != nil && !slices.ContainsFunc(a.Proposing, func(p FindingWithRows) bool { return p.ID == f.ID }) {
		a.Proposing = append(a.Proposing, f)
	}
}

// decidedOn reports whether a person has decided on a finding that was reported before.
func decidedOn(f FindingWithRows, before Cases) bool {
	return slices.ContainsFunc(f.Rows, func(row NamedRow) bool {
		return slices.ContainsFunc(before[row.Session], func(c Case) bool { return c.Finding == f.ID && c.Decision != etf.Undecided })
	})
}

// judge sets the verdicts. Numbers that a person has condemned are quarantined even if no rule reports them any more.
func (a *Assessment) judge(open map[etf.Session]etf.Verdict, before Cases, bars []etf.Bar) {
	for i, v := range a.Verdicts {
		session := bars[i].Session
		switch now, asked := open[session]; {
		case v == etf.VerdictDrop:
			continue
		case asked && (v == etf.VerdictQuarantine || v == etf.VerdictHold):
			a.Verdicts[i] = now
		}
		row := NamedRow{Bar: bars[i], Staged: true}
		k := slices.IndexFunc(before[session], func(c Case) bool { return c.condemned() && c.equals(row) })
		if k < 0 || a.Verdicts[i] == etf.VerdictQuarantine {
			continue
		}
		c := before[session][k]
		if c.Decision == etf.Replace {
			continue // the store leaves a bar that a person has given as it is
		}
		a.Verdicts[i] = etf.VerdictQuarantine
		a.Reported = repeat(a.Reported, etf.Finding{Rule: c.Rule, Severity: c.Severity}, c)
	}
}

// repeat adds an earlier finding's row to the list of findings that are reported again.
func repeat(list []etf.Reported, f etf.Finding, c Case) []etf.Reported {
	for i := range list {
		if list[i].Finding.ID == c.Finding {
			if !slices.Contains(list[i].Finding.Sessions, c.Session) {
				list[i].Finding.Sessions = append(list[i].Finding.Sessions, c.Session)
			}
			return list
		}
	}
	f.ID, f.Decision, f.By, f.Sessions = c.Finding, c.Decision, c.By, []etf.Session{c.Session}
	return append(list, etf.Reported{Finding: f})
}

// earlier returns the case in which the finding's rule has reported the row before. If there are several, one that a person
// has decided counts before one that waits, and both before one that is settled otherwise.
func earlier(f FindingWithRows, row NamedRow, cases []Case) (best Case, ok bool) {
	rank := func(c Case) int {
		switch c.Decision {
		case etf.Accept, etf.Reject, etf.Replace, etf.Retract:
			return 3
		case etf.Undecided:
			return 2
		}
		return 1
	}
	for _, c := range cases {
		if c.Rule != f.Rule || !asks(c.Severity, c.Rule) || (c.Severity == etf.SeverityError) != (f.Severity == etf.SeverityError) || !c.equals(row) {
			continue
		}
		if !ok || rank(c) > rank(best) {
			best, ok = c, true
		}
	}
	return best, ok
}

// Settle applies a decision to a finding whose entries are given, oldest first. changed is false for a repeat: of the
// request with the same key, or of the decision in force. Another decision is KindConflict until the one in force is taken
// back (etf.Undo).
func Settle(f etf.Finding, before []etf.DecisionRecord, r etf.Ruling) (settled etf.Finding, changed bool, err error) {
	if r.Key != "" {
		for _, d := range before {
			if d.Key != r.Key {
				continue
			}
			if d.Decision != r.Decision || !slices.Equal(d.Values, r.Values) || !slices.Equal(d.Sessions, r.Sessions) {
				return f, false, &etf.Error{Kind: etf.KindConflict, Field: "key", Message: fmt.Sprintf("a request with this key decided otherwise on %s: %s", f.ID, d.Decision), Remedy: "use another key for another decision"}
			}
			if !d.InForce && d.Decision != etf.Undo {
				return f, false, &etf.Error{Kind: etf.KindConflict, Field: "key", Message: fmt.Sprintf("the decision that a request with this key made on %s has been taken back", f.ID), Remedy: "use another key to decide again"}
			}
			return f, false, nil
		}
	}
	if r.Decision == etf.Undo {
		if f.Decision == etf.Undecided {
			if n := len(before); n > 0 && before[n-1].Decision == etf.Undo {
				return f, false, nil
			}
			return f, false, &etf.Error{Kind: etf.KindConflict, Field: "decision", Message: fmt.Sprintf("%s is undecided, so there is nothing to take back", f.ID), Remedy: "decide on it: `etfcast finding next` shows how"}
		}
		f.Decision, f.By, f.Why = etf.Undecided, "", ""
		return f, true, nil
	}
	switch {
	case f.Decision == etf.Undecided:
		f.Decision, f.By, f.Why = r.Decision, r.By, r.Why
		return f, true, nil
	case f.Decision == r.Decision && (len(r.Values) == 0 || slices.ContainsFunc(before, func(d etf.DecisionRecord) bool { return d.InForce && slices.Equal(d.Values, r.Values) })):
		return f, false, nil
	}
	return f, false, &etf.Error{Kind: etf.KindConflict, Field: "decision",
		Message: fmt.Sprintf("%s has already decided on %s: %s", f.By, f.ID, f.Decision),
		Remedy:  fmt.Sprintf("the first decision stands until it is taken back: `etfcast finding undo %s`", f.ID)}
}

// Decidable returns nil if the finding is of a kind on which the decision can be made: it names sessions, and accept, reject
// and refetch need one that keeps rows out of forecasts.
func Decidable(f etf.Finding, d etf.Decision) error {
	switch {
	case len(f.Sessions) == 0:
		return etf.Invalid("finding", fmt.Sprintf("%s names no session, so there is nothing to decide", f.ID), "`etfcast finding list` shows the findings that need a decision")
	case d == etf.Retract || d == etf.Replace || d == etf.Undo || asks(f.Severity, f.Rule):
		return nil
	}
	return etf.Invalid("finding", fmt.Sprintf("%s is of severity %s and keeps no rows out of forecasts, so there is nothing to decide", f.ID, f.Severity),
		fmt.Sprintf("if its rows are wrong, keep them out: `etfcast finding retract %s`", f.ID))
}

// Unblocked returns the rows of an accepted finding that may now be used: rows the response had, for which every other
// rule that reports the same numbers has been overruled too, by at least one acceptance, and that nobody has found wrong.
func Unblocked(accepted FindingWithRows, cases Cases) []NamedRow {
	var rows []NamedRow
	for _, row := range accepted.Rows {
		if row.Staged && !blocked(accepted.Rule, row, cases[row.Session]) {
			rows = append(rows, row)
		}
	}
	return rows
}

func blocked(rule string, row NamedRow, cases []Case) bool {
	overruled := map[string]bool{rule: true}
	for _, c := range cases {
		if c.Decision == etf.Accept && c.equals(row) {
			overruled[c.Rule] = true
		}
	}
	return slices.ContainsFunc(cases, func(c Case) bool {
		return c.equals(row) && !overruled[c.Rule] && (asks(c.Severity, c.Rule) || c.condemned())
	})
}

// DuplicateCandidates returns, in ascending order, the IDs of the undecided findings of f's rule that name a row of f.
// Those that f Covers are duplicates, which the decision on f settles too: every later response that repeats a
// quarantined row makes one.
func DuplicateCandidates(f FindingWithRows, cases Cases) []string {
	var ids []string
	for _, row := range f.Rows {
		for _, c := range cases[row.Session] {
			if c.Finding != f.ID && c.Rule == f.Rule && c.Decision == etf.Undecided && c.equals(row) {
				ids = append(ids, c.Finding)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Covers reports whether f names each of the rows, which are all those of another finding.
func (f FindingWithRows) Covers(rows []NamedRow) bool {
	own := make(map[etf.Session]NamedRow, len(f.Rows))
	for _, row := range f.Rows {
		own[row.Session] = row
	}
	for _, row := range rows {
		if o, named := own[row.Session]; !named || !o.equals(row) {
			return false
		}
	}
	return true
}

// BarChanges is how a decision changes stored bars. The sessions of the lists are disjoint.
type BarChanges struct {
	Release    []etf.Session // bars that are used from now on
	Quarantine []etf.Session // bars that are kept out from now on
	Put        []etf.Bar     // numbers that replace a bar's, or are the first for their session, and are used from now on
}

// Sessions lists the sessions whose bars change.
func (c BarChanges) Sessions() []etf.Session {
	list := append(slices.Clone(c.Release), c.Quarantine...)
	for _, b := range c.Put {
		list = append(list, b.Session)
	}
	return list
}

// InUse reports whether forecasts use a stored bar.
func InUse(b etf.StoredBar) bool { return !b.Quarantined && !b.Held }

// AcceptRows returns how accepting rows changes the stored bars of their sessions. A bar with the row's prices that is kept
// out is released. A bar with other numbers is replaced by the row, unless it was written after the data version that
// storing the row's response resulted in (version): then a later response has revised it and takes precedence. A row without
// a volume does not contradict a bar with one.
func AcceptRows(rows []NamedRow, stored []etf.StoredBar, version int64) BarChanges {
	accepted := make(map[etf.Session]etf.Bar, len(rows))
	for _, row := range rows {
		accepted[row.Session] = row.Bar
	}
	var c BarChanges
	for _, bar := range stored {
		row, ok := accepted[bar.Session]
		switch {
		case !ok:
		case samePrices(bar.Bar, row) && !InUse(bar):
			c.Release = append(c.Release, bar.Session)
		case !sameNumbers(bar.Bar, row) && bar.DataVersion <= version:
			c.Put = append(c.Put, row)
		}
	}
	return c
}

// RejectRows returns how rejecting rows changes the stored bars: a held bar with the row's prices is quarantined. Those of an
// error are quarantined already.
func RejectRows(rows []NamedRow, stored []etf.StoredBar) BarChanges {
	return quarantine(rows, stored, func(bar etf.StoredBar, row NamedRow) bool { return bar.Held && samePrices(bar.Bar, row.Bar) })
}

// RetractRows returns how retracting rows changes the stored bars: a bar in use is quarantined if it has the row's prices or,
// for a row that the response did not have, if it was not written after the data version that storing the response resulted
// in.
func RetractRows(rows []NamedRow, stored []etf.StoredBar, version int64) BarChanges {
	return quarantine(rows, stored, func(bar etf.StoredBar, row NamedRow) bool {
		return InUse(bar) && (samePrices(bar.Bar, row.Bar) || !row.Staged && bar.DataVersion <= version)
	})
}

func quarantine(rows []NamedRow, stored []etf.StoredBar, wrong func(etf.StoredBar, NamedRow) bool) BarChanges {
	named := make(map[etf.Session]NamedRow, len(rows))
	for _, row := range rows {
		named[row.Session] = row
	}
	var c BarChanges
	for _, bar := range stored {
		if row, ok := named[bar.Session]; ok && wrong(bar, row) {
			c.Quarantine = append(c.Quarantine, bar.Session)
		}
	}
	return c
}

// Complete fills in what a person left out of a bar that is to replace another: an open that is not given is the close, and
// high and low are those of open and close. Errors are KindInvalid.
func Complete(v etf.Bar) (etf.Bar, error) {
	if v.Session.IsZero() {
		return v, etf.Invalid("values.session", "no session is given", "name the session whose bar it is")
	}
	wrong := func(field, message, remedy string) (etf.Bar, error) {
		return v, etf.Invalid("values."+field, fmt.Sprintf("%s of %s", message, v.Session), remedy)
	}
	if v.Close <= 0 {
		return wrong("close", "there is no positive close", "give the close")
	}
	if v.Open == 0 {
		v.Open = v.Close
	}
	if v.High == 0 {
		v.High = max(v.Open, v.Close)
	}
	if v.Low == 0 {
		v.Low = min(v.Open, v.Close)
	}
	switch {
	case v.Open < 0 || v.Low < 0:
		return wrong("open", "a price is negative in the bar", "give positive prices")
	case v.High < max(v.Open, v.Close, v.Low):
		return wrong("high", fmt.Sprintf("the high %s is not the highest price", v.High), "give the highest price of the session")
	case v.Low > min(v.Open, v.Close):
		return wrong("low", fmt.Sprintf("the low %s is not the lowest price", v.Low), "give the lowest price of the session")
	}
	return v, nil
}

// Moot reports whether nothing is left to decide on an undecided finding, because later rows have taken the place of those
// it names: every session has a bar that is used and is not merely what the finding's response disputed. version is the data
// version since which the finding waits, which storing that response resulted in; 0 if it was not stored; stored are the current bars of the sessions. A held
// row is no longer waiting once its bar is quarantined, too. confirmed are the rows of a later response that are kept: a bar
// that came back with the stored prices is disputed no longer.
func Moot(f FindingWithRows, version int64, stored []etf.StoredBar, confirmed map[etf.Session]etf.Bar) bool {
	bars := make(map[etf.Session]etf.StoredBar, len(stored))
	for _, b := range stored {
		bars[b.Session] = b
	}
	for _, row := range f.Rows {
		bar, ok := bars[row.Session]
		again, back := confirmed[row.Session]
		later := bar.DataVersion > version || back && samePrices(again, bar.Bar)
		if version == 0 {
			later = bar.KnownFrom.After(f.FoundAt) || back && samePrices(again, bar.Bar)
		}
		switch {
		case !ok || bar.Held:
			return false
		case bar.Quarantined:
			if f.Severity == etf.SeverityError {
				return false
			}
		case !later && !(row.Staged && samePrices(bar.Bar, row.Bar)):
			return false
		}
	}
	return len(f.Rows) > 0
}

// RowsOf returns the rows that a recorded finding names.
func RowsOf(record etf.FindingRecord) []NamedRow {
	rows := make([]NamedRow, len(record.Rows))
	for i, r := range record.Rows {
		rows[i].Session = r.Session
		if r.Row != nil {
			rows[i] = NamedRow{Bar: *r.Row, Staged: true}
		}
	}
	return rows
}
