package filecheck

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
	"github.com/etfcast/etfcast/source/file"
)

// File is a price file in memory.
type File struct {
	// Name is the file's name, with the options of the file source: "prices.csv?basis=as_traded".
	Name string
	Raw  []byte
	// Modified is when the file was last changed; zero if unknown.
	Modified time.Time
}

// Options say how a file is checked.
type Options struct {
	Exchange etf.Exchange // empty: the file's own dates are the calendar (quality.Input.OwnDates)
	Session  etf.Session  // the new session; zero: the newest one in the file
	Stored   *File        // an earlier export of the same ETF, as if it were stored; nil: the file is the ETF's first
	Now      time.Time    // when the file is checked; zero if that does not matter
}

// Result is what a check finds.
type Result struct {
	Session  etf.Session   // the new session
	Bars     []etf.Bar     // the file's rows up to it
	Verdicts []etf.Verdict // of Bars
	Actions  []etf.Action  // that the file states
	InForce  []etf.Action  // of those: the ones that count
	Dates    []etf.Session // of all rows of the file up to the session, ascending, each once
	Lines    []Line        // ascending by first session
	Basis    etf.Basis
	Currency etf.Currency // that the file or an option states; empty if neither does
	// WholeLastLine means that the last row has no line end and is used nevertheless: a daily run needs the option last_line=complete to
	// use it.
	WholeLastLine bool
}

// Severity is the most serious severity among the lines; empty without lines.
func (r Result) Severity() etf.Severity {
	for _, s := range []etf.Severity{etf.SeverityError, etf.SeverityWarning, etf.SeverityInfo} {
		if slices.ContainsFunc(r.Lines, func(l Line) bool { return l.Severity == s }) {
			return s
		}
	}
	return ""
}

// Check reads the file and applies every rule to it. The errors are those of the file source: of KindCorrupt if the file
// can't be read, of KindInvalid if an option can't.
func Check(f File, o Options) (Result, error) {
	cal, err := calendarOf(f, o)
	if err != nil {
		return Result{}, err
	}
	if o.Exchange != "" && !o.Session.IsZero() {
		if err := cal.Check(o.Session); err != nil {
			return Result{}, err
		}
	}
	response, session, whole, err := read(f, cal, o.Session, o.Now)
	if err != nil {
		return Result{}, err
	}
	in := input(response, o, session)
	if o.Stored != nil {
		if in, err = withStored(in, *o.Stored, cal, o); err != nil {
			return Result{}, err
		}
	}
	report, details, err := quality.CheckDetailed(in)
	if err != nil {
		return Result{}, err
	}
	return Result{
		Session: session, Bars: response.Bars, Verdicts: report.Verdicts, Actions: response.Actions, InForce: report.Plan.InForce, Dates: dates(response.Bars),
		Lines: lines(name(f), cal, response.Bars, report.Findings, details),
		Basis: response.Basis, Currency: response.Currency, WholeLastLine: whole,
	}, nil
}

// calendarOf returns the exchange's calendar, or that of the file's own dates.
func calendarOf(f File, o Options) (*calendar.Calendar, error) {
	if o.Exchange != "" {
		return calendar.For(o.Exchange)
	}
	n, options, has := strings.Cut(f.Name, "?")
	q := etf.Query{Window: etf.Window{To: o.Session}}
	if has {
		q.Ref = "?" + options
	}
	r, err := file.Parse(n, f.Raw, f.Modified, q)
	if err != nil {
		return nil, err
	}
	r, _ = withLastLine(r, n, f, q)
	days := make([]etf.Session, 0, len(r.Bars))
	for _, b := range r.Bars {
		days = append(days, b.Session)
	}
	for _, d := range r.Defects {
		if !d.Session.IsZero() {
			days = append(days, d.Session)
		}
	}
	if len(days) == 0 {
		return nil, &etf.Error{Kind: etf.KindCorrupt, Field: n, Message: "the file has no row that can be used" + reason(r), Remedy: "export it again, or correct the rows"}
	}
	return calendar.OfDates(days)
}

// name is the file's name without options.
func name(f File) string {
	n, _, _ := strings.Cut(f.Name, "?")
	return n
}

// withLastLine uses the file's last line although it has no line end, if it can be read: nobody is writing the file any more.
// A daily run leaves it out, and a line for information says so.
func withLastLine(r etf.Response, name string, f File, q etf.Query) (_ etf.Response, used bool) {
	i := slices.IndexFunc(r.Defects, func(d etf.Defect) bool { return d.Unfinished })
	if i < 0 || strings.Contains(q.Ref, "last_line=") {
		return r, false
	}
	join := "?"
	if q.Ref != "" {
		join = "&"
	}
	q.Ref += join + "last_line=complete"
	whole, err := file.Parse(name, f.Raw, f.Modified, q)
	if err != nil || len(whole.Bars) <= len(r.Bars) {
		return r, false
	}
	d := r.Defects[i]
	d.Unfinished, d.Side, d.NoPrice = false, true, true
	d.Reason = "a daily run does not use this row: " + d.Reason
	whole.Defects = append(whole.Defects, d)
	return whole, true
}

// read parses a file up to a session, or all of it, names the session it is checked for, and says whether a last line without an end
// is used.
func read(f File, cal *calendar.Calendar, session etf.Session, now time.Time) (_ etf.Response, _ etf.Session, whole bool, err error) {
	// Without an instant as of which to read: a row of a session that has not closed yet is for the rules to judge.
	q := etf.Query{Exchange: cal.Exchange(), Window: etf.Window{To: session}}
	n, options, has := strings.Cut(f.Name, "?")
	if has {
		q.Ref = "?" + options
	}
	response, err := file.Parse(n, f.Raw, f.Modified, q)
	if err != nil {
		return etf.Response{}, 0, false, err
	}
	response, whole = withLastLine(response, n, f, q)
	response.DataAt = settled(cal, response)
	given := session
	if session.IsZero() {
		session = newest(cal, response, now)
	}
	switch empty := len(response.Bars)+len(response.Defects) == 0; {
	case empty && !given.IsZero():
		return etf.Response{}, 0, false, &etf.Error{Kind: etf.KindCorrupt, Field: n, Message: fmt.Sprintf("the file has no row up to %s", given), Remedy: "name a session that it covers"}
	case session.IsZero():
		return etf.Response{}, 0, false, &etf.Error{Kind: etf.KindCorrupt, Field: n, Message: "the file has no row that can be used" + reason(response),
			Remedy: "export it again, or correct the rows"}
	}
	response.Bars, response.Ordinals = quality.Condense(response.Bars)
	return response, session, whole, nil
}

func reason(r etf.Response) string {
	switch {
	case r.Unfinished != "":
		return ": " + r.Unfinished
	case len(r.Defects) > 0:
		return fmt.Sprintf("; the first of %d: %s: %s", len(r.Defects), r.Defects[0].Where, r.Defects[0].Reason)
	}
	return ""
}

// settled is when the file was last changed, or zero if its time can't be right: two sessions or more opened only after
// it. Copying, unpacking or checking out a file may set any time.
func settled(cal *calendar.Calendar, r etf.Response) time.Time {
	if r.DataAt.IsZero() {
		return r.DataAt
	}
	day := etf.SessionOf(r.DataAt).AddDays(-1)
	var later etf.Session
	for _, b := range r.Bars {
		if b.Session < day || b.Session == later {
			continue
		}
		if open, err := cal.Open(b.Session); err == nil && open.After(r.DataAt) {
			if !later.IsZero() {
				return time.Time{}
			}
			later = b.Session
		}
	}
	return r.DataAt
}

// newest is the newest of the file's dates that is a session closed by now, or else the newest session, or else the
// newest date.
func newest(cal *calendar.Calendar, r etf.Response, now time.Time) etf.Session {
	var closed, session, date etf.Session
	see := func(s etf.Session) {
		date = max(date, s)
		if !cal.IsSession(s) {
			return
		}
		session = max(session, s)
		if end, err := cal.Close(s); err == nil && (now.IsZero() || !end.After(now)) {
			closed = max(closed, s)
		}
	}
	for _, b := range r.Bars {
		see(b.Session)
	}
	for _, d := range r.Defects {
		if !d.Session.IsZero() {
			see(d.Session)
		}
	}
	return cmp.Or(closed, session, date)
}

// input is what the rules get for a response without stored bars.
func input(r etf.Response, o Options, session etf.Session) quality.Input {
	return quality.Input{
		Exchange: o.Exchange, Session: session, Initial: true,
		Bars: r.Bars, Ordinals: r.Ordinals, Defects: r.Defects, Basis: r.Basis, Actions: r.Actions, Covers: r.Covers, NAVs: r.NAVs,
		Source: file.Name, Sources: []etf.SourceRef{{Name: file.Name}}, DataAt: r.DataAt, FetchedAt: o.Now, OwnDates: o.Exchange == "",
	}
}

// withStored adds the rows of an earlier export as they would be stored: those that its own check keeps, and those that
// it holds.
func withStored(in quality.Input, stored File, cal *calendar.Calendar, o Options) (quality.Input, error) {
	response, session, _, err := read(stored, cal, 0, o.Now)
	if err != nil {
		return in, err
	}
	report, err := quality.Check(input(response, o, session))
	if err != nil {
		return in, err
	}
	for i, b := range response.Bars {
		bar := etf.StoredBar{Bar: b, Basis: response.Basis, Source: file.Name}
		switch report.Verdicts[i] {
		case etf.VerdictKeep:
			in.Known = append(in.Known, bar)
		case etf.VerdictHold:
			bar.Held = true
			in.Held = append(in.Held, bar)
		}
	}
	bySession := func(a, b etf.StoredBar) int { return cmp.Compare(a.Session, b.Session) }
	slices.SortStableFunc(in.Known, bySession)
	slices.SortStableFunc(in.Held, bySession)
	in.Initial = len(in.Known)+len(in.Held) == 0
	// What the earlier export states is stored, not stated again: the file may correct or withdraw it.
	in.Stated = slices.Clone(report.Plan.Changes)
	for i := range in.Stated {
		a := &in.Stated[i]
		a.ID = etf.ActionID(a.Symbol, a.Action, a.Source)
	}
	in.NAVs = slices.Concat(in.NAVs, response.NAVs)
	return in, nil
}
