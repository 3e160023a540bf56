package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/filecheck"
)

// checked is a file and what the check says about it.
type checked struct {
	filecheck.Result
	err error
}

// expectation is one thing that is right about a file, and whether the check says so: wrong is empty if it does.
type expectation struct {
	text string
	test func(c checked) (wrong string)
}

// truth is a real or made-up file whose right answer is known.
type truth struct {
	path     string // below the folder of real data, with options
	exchange etf.Exchange
	session  string
	stored   string // an earlier export
	modified time.Time
	expect   []expectation
}

func (x truth) check(folder string) checked {
	o := filecheck.Options{Exchange: x.exchange, Now: time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)}
	if x.session != "" {
		o.Session = etf.MustSession(x.session)
	}
	load := func(path string) (filecheck.File, error) {
		name, _, _ := strings.Cut(path, "?")
		raw, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(name)))
		return filecheck.File{Name: path, Raw: raw, Modified: x.modified}, err
	}
	if x.stored != "" {
		stored, err := load(x.stored)
		if err != nil {
			return checked{err: err}
		}
		o.Stored = &stored
	}
	f, err := load(x.path)
	if err != nil {
		return checked{err: err}
	}
	r, err := filecheck.Check(f, o)
	return checked{r, err}
}

// worst is how serious a severity is.
func worst(s etf.Severity) int {
	return slices.Index([]etf.Severity{etf.SeverityInfo, etf.SeverityWarning, etf.SeverityError}, s)
}

// found expects a line of one of the rules, at least as serious, that touches the sessions from to to.
func found(least etf.Severity, from, to string, rules ...string) expectation {
	text := from
	if to != from {
		text += ".." + to
	}
	return expectation{fmt.Sprintf("%s on %s: %s", least, text, strings.Join(rules, " or ")), func(c checked) string {
		for _, l := range c.Lines {
			if slices.Contains(rules, l.Rule) && worst(l.Severity) >= worst(least) && l.From <= etf.MustSession(to) && l.To >= etf.MustSession(from) {
				return ""
			}
		}
		return "not found"
	}}
}

// proposed expects a line that proposes a split.
func proposed(ex string, numerator, denominator int64) expectation {
	return expectation{fmt.Sprintf("proposal: split %d:%d on %s", numerator, denominator, ex), func(c checked) string {
		for _, l := range c.Lines {
			if p := l.Proposal; p != nil && p.Kind == etf.Split && p.Ex == etf.MustSession(ex) && p.Numerator == numerator && p.Denominator == denominator {
				return ""
			}
		}
		return "not proposed"
	}}
}

// errorsOnly expects no error outside the sessions given as pairs from, to.
func errorsOnly(spans ...string) expectation {
	text := "no error"
	if len(spans) > 0 {
		text += " on other sessions"
	}
	return expectation{text, func(c checked) string {
		var others []string
	next:
		for _, l := range c.Lines {
			if l.Severity != etf.SeverityError {
				continue
			}
			for i := 0; i+1 < len(spans); i += 2 {
				if l.From >= etf.MustSession(spans[i]) && l.To <= etf.MustSession(spans[i+1]) {
					continue next
				}
			}
			others = append(others, fmt.Sprintf("%s on %s..%s", l.Rule, l.From, l.To))
		}
		return strings.Join(others, ", ")
	}}
}

// none expects no line of the rules on the sessions.
func none(from, to string, rules ...string) expectation {
	return expectation{fmt.Sprintf("no %s from %s to %s", strings.Join(rules, " or "), from, to), func(c checked) string {
		for _, l := range c.Lines {
			if slices.Contains(rules, l.Rule) && l.From <= etf.MustSession(to) && l.To >= etf.MustSession(from) {
				return fmt.Sprintf("%s %s on %s..%s", l.Severity, l.Rule, l.From, l.To)
			}
		}
		return ""
	}}
}

// atMost expects no line more serious on any session.
func atMost(most etf.Severity) expectation {
	return expectation{"nothing above " + string(most), func(c checked) string {
		for _, l := range c.Lines {
			if worst(l.Severity) > worst(most) {
				return fmt.Sprintf("%s %s on %s..%s", l.Severity, l.Rule, l.From, l.To)
			}
		}
		return ""
	}}
}

// refusal expects that the file is refused by a message that has, or has not, some parts.
func refusal(has []string, hasNot []string) expectation {
	text := "refused"
	if len(has) > 0 {
		text += ", and the message says " + strings.Join(has, ", ")
	}
	if len(hasNot) > 0 {
		text += ", and it does not say " + strings.Join(hasNot, ", ")
	}
	return expectation{text, func(c checked) string {
		if c.err == nil {
			return "read"
		}
		for _, part := range has {
			if !strings.Contains(c.err.Error(), part) {
				return c.err.Error()
			}
		}
		for _, part := range hasNot {
			if strings.Contains(c.err.Error(), part) {
				return c.err.Error()
			}
		}
		return ""
	}}
}

// refusedOrCondemned expects that no row of the file is used.
func refusedOrCondemned() expectation {
	return expectation{"refused, or no row is used", func(c checked) string {
		if c.err == nil {
			if n := c.kept(); n > 0 {
				return fmt.Sprintf("%d rows used", n)
			}
		}
		return ""
	}}
}

func (c checked) kept() (n int) {
	for _, v := range c.Verdicts {
		if v == etf.VerdictKeep {
			n++
		}
	}
	return n
}

// used expects how many rows are used.
func used(n int) expectation {
	return expectation{fmt.Sprintf("%d rows used", n), func(c checked) string {
		if k := c.kept(); k != n {
			return fmt.Sprintf("%d rows used", k)
		}
		return ""
	}}
}

// bar expects the row of a session that is used, or none if close is empty.
func bar(session, close, volume string) expectation {
	text := fmt.Sprintf("close %s on %s", close, session)
	if volume != "" {
		text += ", volume " + volume
	}
	if close == "" {
		text = "no row of " + session + " used"
	}
	return expectation{text, func(c checked) string {
		for i, b := range c.Bars {
			if b.Session != etf.MustSession(session) || c.Verdicts[i] != etf.VerdictKeep {
				continue
			}
			if close == "" || b.Close != etf.MustPrice(close) || volume != "" && b.Volume.String() != volume {
				return fmt.Sprintf("close %s, volume %s", b.Close, b.Volume)
			}
			return ""
		}
		if close == "" {
			return ""
		}
		return "no row used"
	}}
}

// stated expects an action.
func stated(kind etf.ActionKind, ex, terms string) expectation {
	return expectation{fmt.Sprintf("%s %s on %s", kind, terms, ex), func(c checked) string {
		for _, a := range c.Actions {
			if a.Kind == kind && a.Ex == etf.MustSession(ex) && a.Terms() == terms {
				return ""
			}
		}
		return "not stated"
	}}
}

// either is met by one of two expectations.
func either(a, b expectation) expectation {
	return expectation{a.text + ", or " + b.text, func(c checked) string {
		wrong := a.test(c)
		if wrong == "" || b.test(c) == "" {
			return ""
		}
		return wrong
	}}
}

const (
	errorLevel = etf.SeverityError
	warning    = etf.SeverityWarning
	info       = etf.SeverityInfo
)

// truths are the known files: real defects with their repaired twins, cases made after public bug reports, and the
// events and closures that a rule must get right.
var truths = []truth{
	{path: "prices/defects/4063-T-1d-bad-stock-split.csv", exchange: etf.XKRX, expect: []expectation{
		found(errorLevel, "2023-03-15", "2023-03-28", "split_suspected"), proposed("2023-03-29", 5, 1), errorsOnly("2023-03-15", "2023-03-28")}},
	{path: "prices/defects/4063-T-1d-bad-stock-split-fixed.csv", exchange: etf.XKRX, expect: []expectation{errorsOnly()}},
	{path: "prices/defects/8TRA-DE-1d-missing-div-adjust.csv", exchange: etf.XNYS, expect: []expectation{
		found(warning, "2023-05-31", "2023-06-02", distributions...), errorsOnly()}},
	{path: "prices/defects/8TRA-DE-1d-missing-div-adjust-fixed.csv", exchange: etf.XNYS, expect: []expectation{
		none("2023-05-30", "2023-06-06", distributions...), errorsOnly()}},
	{path: "prices/defects/AET-L-1d-100x-error.csv", exchange: etf.XNYS, expect: []expectation{
		found(errorLevel, "2022-05-09", "2022-05-19", "unit_change"), errorsOnly("2022-05-09", "2022-05-19", "2022-05-30", "2022-05-30")}},
	{path: "prices/defects/AET-L-1d-100x-error-fixed.csv", exchange: etf.XNYS, expect: []expectation{errorsOnly("2022-05-30", "2022-05-30")}},
	{path: "prices/defects/DODFX-1d-cg-double-count.csv", exchange: etf.XNYS, expect: []expectation{
		found(warning, "2025-12-17", "2025-12-18", distributions...), errorsOnly()}},
	{path: "prices/defects/DODFX-1d-cg-double-count-fixed.csv", exchange: etf.XNYS, expect: []expectation{
		none("2024-01-01", "2026-12-31", distributions...), errorsOnly()}},
	{path: "prices/defects/EWG-1d-no-bad-divs.csv", exchange: etf.XNYS, expect: []expectation{atMost(info)}},
	{path: "prices/defects/SOXS-1d-bad-level-shift.csv", exchange: etf.XNYS, expect: []expectation{
		found(errorLevel, "2026-05-26", "2026-06-05", "split_suspected", "price_jump", "unit_change"), errorsOnly("2026-05-26", "2026-06-05")}},
	{path: "prices/defects/krx-mislabelled-069500.csv", exchange: etf.XKRX, expect: []expectation{refusedOrCondemned()}},

	{path: "cases/adj-close-infinite/input.csv", exchange: etf.XNYS, session: "2025-06-30", expect: []expectation{used(60), errorsOnly()}},
	{path: "cases/adjusted-file-restated/input1.csv", exchange: etf.XNYS, session: "2025-06-26", expect: []expectation{errorsOnly(), bar("2025-06-26", "50.5", "")}},
	{path: "cases/adjusted-file-restated/input2.csv", stored: "cases/adjusted-file-restated/input1.csv", exchange: etf.XNYS, session: "2025-06-27", expect: []expectation{
		found(info, "2025-04-01", "2025-06-26", "restated_series"), errorsOnly(), used(59)}},
	{path: "cases/adjusted-file-restated/input3.csv", stored: "cases/adjusted-file-restated/input2.csv", exchange: etf.XNYS, session: "2025-06-30", expect: []expectation{errorsOnly(), used(60)}},
	{path: "cases/closes-raw-others-adjusted/input.csv", exchange: etf.XNYS, session: "2017-05-31", expect: []expectation{refusal([]string{"basis"}, []string{"columns=date"})}},
	{path: "cases/closes-raw-others-adjusted-advice/input.csv?columns=date,open,close,low,high,volume", exchange: etf.XNYS, session: "2017-05-31", expect: []expectation{refusal(nil, []string{"columns=date"})}},
	{path: "cases/control-dup-last/input.csv", exchange: etf.XNYS, session: "2019-01-25", expect: []expectation{
		found(warning, "2019-01-25", "2019-01-25", "duplicate_row"), errorsOnly(), bar("2019-01-25", "1670.57", "4945900")}},
	{path: "cases/control-ohl0-volume/input.csv", exchange: etf.XNYS, session: "2019-07-03", expect: []expectation{
		found(errorLevel, "2019-07-03", "2019-07-03", "non_positive_price")}},
	{path: "cases/control-partial-low-above-open/input.csv", exchange: etf.XNYS, session: "2026-07-31", expect: []expectation{
		found(errorLevel, "2026-07-31", "2026-07-31", "ohlc_order"), errorsOnly("2026-07-31", "2026-07-31"), bar("2026-07-31", "", "")}},
	{path: "cases/control-pieces-50to1/input.csv", exchange: etf.XKRX, session: "2018-12-28", expect: []expectation{
		found(errorLevel, "2016-05-02", "2018-05-03", "split_suspected"), used(160)}},
	{path: "cases/control-preopen-open0/input.csv", exchange: etf.XKRX, session: "2026-05-11", expect: []expectation{
		found(errorLevel, "2026-05-11", "2026-05-11", "non_positive_price"), errorsOnly("2026-05-11", "2026-05-11"), bar("2026-05-11", "", "")}},
	{path: "cases/control-rsplit190-traded/input.csv?basis=as_traded", exchange: etf.XNYS, session: "2024-04-30", expect: []expectation{errorsOnly(), used(90)}},
	{path: "cases/control-rsplit190-yahoo/input.csv", exchange: etf.XNYS, session: "2024-04-30", expect: []expectation{
		found(errorLevel, "2023-12-20", "2024-04-30", "split_suspected")}},
	{path: "cases/control-weekend-flat/input.csv", exchange: etf.XNYS, session: "2020-10-14", expect: []expectation{
		found(errorLevel, "2020-10-03", "2020-10-04", "unknown_session"), found(errorLevel, "2020-10-11", "2020-10-11", "unknown_session"), used(60)}},
	{path: "cases/control-zero-quartet/input.csv", exchange: etf.XNYS, session: "2026-07-31", expect: []expectation{
		found(errorLevel, "2026-07-31", "2026-07-31", "non_positive_price"), errorsOnly("2026-07-06", "2026-07-06", "2026-07-31", "2026-07-31"), bar("2026-07-31", "", "")}},
	{path: "cases/dates-in-utc/input.csv", exchange: etf.XKRX, session: "2025-06-26", expect: []expectation{refusedOrCondemned()}},
	{path: "cases/decimal-comma-3-places/input.csv", exchange: etf.XNYS, session: "2025-06-30", expect: []expectation{refusal(nil, nil)}},
	{path: "cases/dividends-lost-and-absurd/input.csv?basis=as_traded", exchange: etf.XNYS, session: "2025-06-30", expect: []expectation{
		stated(etf.Dividend, "2025-06-16", "0.71"), found(warning, "2025-05-16", "2025-05-16", distributions...), errorsOnly(), used(60)}},
	{path: "cases/duplicate-last-partial/input.csv", exchange: etf.XNYS, session: "2025-06-30", expect: []expectation{
		either(bar("2025-06-30", "101", "1003000"), bar("2025-06-30", "", "")), found(warning, "2025-06-30", "2025-06-30", "duplicate_row")}},
	{path: "cases/format-investing/input.csv", exchange: etf.XNYS, session: "2025-06-30", expect: []expectation{bar("2025-06-30", "101", "1230000"), used(40), errorsOnly()}},
	{path: "cases/format-investing-columns/input.csv?columns=date,close,open,high,low,volume,-", exchange: etf.XNYS, session: "2025-06-30", expect: []expectation{
		either(bar("2025-06-30", "101", "1230000"), refusal([]string{"date"}, nil))}},
	{path: "cases/format-korean-excel-dates/input.csv", exchange: etf.XKRX, session: "2025-06-30", expect: []expectation{bar("2025-04-29", "30000", "1000000"), used(40), errorsOnly()}},
	{path: "cases/format-nasdaq/input.csv", exchange: etf.XNYS, session: "2025-06-30", expect: []expectation{bar("2025-06-30", "101", "1004000"), used(40), errorsOnly()}},
	{path: "cases/opens-zero-in-old-rows/input.csv", exchange: etf.XNYS, session: "2005-12-30", expect: []expectation{
		bar("2005-12-30", "60.5", ""), found(warning, "2005-08-10", "2005-10-05", "missing_open", "non_positive_price"), errorsOnly("2005-08-10", "2005-10-05")}},
	{path: "cases/saved-before-the-close/input.csv", exchange: etf.XNYS, session: "2026-11-25", modified: time.Unix(1795622400, 0), expect: []expectation{
		found(warning, "2026-11-25", "2026-11-25", "unfinished_row", "missing_session"), bar("2026-11-25", "", "")}},
	{path: "cases/split-on-empty-row/input.csv?basis=as_traded", exchange: etf.XNYS, session: "2021-09-30", expect: []expectation{
		stated(etf.Split, "2021-08-31", "4:1"), errorsOnly(), used(90)}},

	{path: "prices/yahoo/EEM.csv", exchange: etf.XNYS, expect: []expectation{errorsOnly(), none("2008-10-10", "2008-10-14", "price_spike", "held_close")}},
	{path: "prices/krx_nav/253150.csv", exchange: etf.XKRX, expect: []expectation{errorsOnly(), bar("2026-03-04", "129410", "")}},
	{path: "prices/alphavantage/QQQ.csv", exchange: etf.XNYS, expect: []expectation{
		found(errorLevel, "1999-11-01", "2000-03-17", "split_suspected"), proposed("2000-03-20", 2, 1), errorsOnly("1999-11-01", "2000-03-17")}},
	{path: "prices/alphavantage/IWM.csv", exchange: etf.XNYS, expect: []expectation{
		found(errorLevel, "2000-05-26", "2005-06-08", "split_suspected"), proposed("2005-06-09", 2, 1), errorsOnly("2000-05-26", "2005-06-08")}},
	{path: "prices/alphavantage/IJH.csv", exchange: etf.XNYS, expect: []expectation{
		found(errorLevel, "2000-05-26", "2024-02-21", "split_suspected"), proposed("2005-06-09", 2, 1), proposed("2024-02-22", 5, 1), errorsOnly("2000-05-26", "2024-02-21")}},
	{path: "prices/alphavantage/XLF.csv", exchange: etf.XNYS, expect: []expectation{
		found(info, "2016-09-16", "2016-09-19", level...), errorsOnly(), bar("2016-09-19", "19.31", "")}},
	{path: "prices/alphavantage/SPY.csv", exchange: etf.XNYS, expect: []expectation{errorsOnly(), none("2001-09-10", "2012-10-31", "missing_session", "unknown_session", "reused_ticker")}},
	{path: "prices/yahoo/SPY.csv", exchange: etf.XNYS, expect: []expectation{errorsOnly(), none("1993-01-29", "2025-09-26", "missing_session", "unknown_session", "reused_ticker")}},
	{path: "prices/krx/069500_D.csv", exchange: etf.XKRX, expect: []expectation{errorsOnly(), none("2002-10-14", "2023-12-28", "missing_session", "unknown_session")}},
}

// judged is a truth with what is wrong about the check's answer.
type judged struct {
	truth
	wrong   []string // for each expectation, empty if it is met
	refused string   // the file is refused, which is not right
}

func (j judged) met() bool {
	return !slices.ContainsFunc(j.wrong, func(w string) bool { return w != "" })
}

func judgeTruths(folder string) []judged {
	var out []judged
	for _, x := range truths {
		c := x.check(folder)
		j := judged{truth: x}
		for _, e := range x.expect {
			wrong := e.test(c)
			if wrong == "" && c.err != nil && !strings.Contains(e.text, "refused") {
				wrong = "refused"
			}
			j.wrong = append(j.wrong, wrong)
		}
		if c.err != nil && !j.met() {
			j.refused = c.err.Error()
		}
		out = append(out, j)
	}
	return out
}

// turmoil are days on which genuine moves were as large as they get.
var turmoil = []struct{ from, to string }{
	{"2000-04-10", "2000-04-20"}, {"2001-09-10", "2001-09-28"}, {"2007-02-26", "2007-03-02"}, {"2008-09-15", "2008-12-05"}, {"2010-05-04", "2010-05-12"},
	{"2011-08-01", "2011-08-15"}, {"2015-08-19", "2015-08-28"}, {"2016-06-22", "2016-06-29"}, {"2018-02-01", "2018-02-12"}, {"2020-02-20", "2020-04-10"},
	{"2022-02-23", "2022-03-10"}, {"2024-08-01", "2024-08-08"}, {"2025-04-02", "2025-04-15"}, {"2026-03-02", "2026-03-10"},
}

// turmoils updates every clean history day by day through the turmoil: rate counts the sessions whose row is believed by
// the next session at the latest, held how many had to wait for it.
func turmoils(all []series) (believed rate, held int, late []string) {
	for _, s := range all {
		cal, err := calendar.For(s.exchange)
		if err != nil {
			continue
		}
		for _, t := range turmoil {
			for _, day := range cal.Sessions(etf.Window{From: etf.MustSession(t.from), To: etf.MustSession(t.to)}) {
				at, ok := slices.BinarySearchFunc(s.bars, day, func(b etf.Bar, d etf.Session) int { return int(b.Session - d) })
				if !ok || at < 30 || at+1 >= len(s.bars) {
					continue
				}
				from := max(at-300, 0)
				before, upTo, after := s, s, s
				before.bars, upTo.bars, after.bars = s.bars[from:at], s.bars[from:at+1], s.bars[from:at+2]
				kept := func(f, stored series) bool {
					old := stored.file(nil)
					r, err := filecheck.Check(f.file(nil), filecheck.Options{Exchange: s.exchange, Stored: &old, Now: checkedAt})
					if err != nil {
						return false
					}
					for i, b := range r.Bars {
						if b.Session == day {
							return r.Verdicts[i] == etf.VerdictKeep
						}
					}
					return false
				}
				ok = kept(upTo, before)
				if !ok {
					held++
					ok = kept(after, upTo)
				}
				believed.add(ok)
				if !ok {
					late = append(late, fmt.Sprintf("%s %s", s.name, day))
				}
			}
		}
	}
	return believed, held, late
}
