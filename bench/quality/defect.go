package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/filecheck"
)

// checkedAt is when every file is checked.
var checkedAt = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)

// mode says what counts as finding a defect.
type mode int

const (
	touched   mode = iota // a line of a fitting rule touches the injected sessions
	condemned             // error lines of fitting rules cover nine tenths of the file's rows
	refused               // touched, or the file is refused as a whole
	believed              // no error line touches the injected sessions: the numbers are right
	complete              // error lines of fitting rules name nine tenths of the injected rows
)

// defect is a history with one defect, and what is expected of the rules.
type defect struct {
	id      string
	kind    *kind
	series  series // with the defect
	stored  *series
	basis   etf.Basis
	size    float64       // in local volatilities; 0: the kind has no size
	log     float64       // the same as a log return
	hit     []etf.Session // injected
	split   *etf.Action   // the proposal that would mend it
	extra   map[etf.Session][]string
	newest  etf.Session // the session of the check; zero: the file's newest
	outcome outcome
}

// outcome is what the check made of a defect.
type outcome struct {
	found    bool
	asError  bool // found by an error
	proposed bool // with the right proposal
	lines    []filecheck.Line
	refused  string
}

// csv writes a history as Yahoo's export does.
func (s series) csv(extra map[etf.Session][]string) []byte {
	adjusted := false
	for _, b := range s.bars {
		adjusted = adjusted || b.AdjClose != 0
	}
	paid := map[etf.Session]map[etf.ActionKind]string{}
	for _, a := range s.actions {
		if paid[a.Ex] == nil {
			paid[a.Ex] = map[etf.ActionKind]string{}
		}
		if a.Kind == etf.Split {
			paid[a.Ex][a.Kind] = strconv.FormatFloat(float64(a.Numerator)/float64(a.Denominator), 'g', 10, 64)
		} else {
			paid[a.Ex][a.Kind] = a.Amount.String()
		}
	}
	out := make([]byte, 0, 80*len(s.bars))
	out = append(out, "Date,Open,High,Low,Close"...)
	if adjusted {
		out = append(out, ",Adj Close"...)
	}
	out = append(out, ",Volume"...)
	if len(paid) > 0 {
		out = append(out, ",Dividends,Stock Splits,Capital Gains"...)
	}
	if s.navs != nil {
		out = append(out, ",NAV"...)
	}
	out = append(out, '\n')
	for _, b := range s.bars {
		out = append(out, b.Session.String()...)
		for _, p := range []etf.Price{b.Open, b.High, b.Low, b.Close} {
			out = append(append(out, ','), p.String()...)
		}
		if adjusted {
			out = append(append(out, ','), b.AdjClose.String()...)
		}
		out = append(append(out, ','), b.Volume.String()...)
		if len(paid) > 0 {
			for _, k := range []etf.ActionKind{etf.Dividend, etf.Split, etf.CapitalGain} {
				text := paid[b.Session][k]
				if text == "" {
					text = "0"
				}
				out = append(append(out, ','), text...)
			}
		}
		if s.navs != nil {
			out = append(append(out, ','), s.navs[b.Session].String()...)
		}
		out = append(out, '\n')
		for _, line := range extra[b.Session] {
			out = append(append(out, line...), '\n')
		}
	}
	return out
}

func (s series) file(extra map[etf.Session][]string) filecheck.File {
	return filecheck.File{Name: "injected.csv?basis=" + string(s.basis), Raw: s.csv(extra), Modified: checkedAt}
}

// judge checks the defect's file and says whether the defect was found.
func (d *defect) judge() {
	o := filecheck.Options{Exchange: d.series.exchange, Session: d.newest, Now: checkedAt}
	if d.stored != nil {
		f := d.stored.file(nil)
		o.Stored = &f
	}
	r, err := filecheck.Check(d.series.file(d.extra), o)
	if err != nil {
		d.outcome.refused = err.Error()
		d.outcome.found = d.kind.mode == refused || d.kind.mode == condemned
		d.outcome.asError = d.outcome.found
		return
	}
	d.outcome.lines = r.Lines
	covered := map[etf.Session]bool{}
	errorTouches := false
	for _, l := range r.Lines {
		touches := false
		for _, s := range d.hit {
			touches = touches || s >= l.From && s <= l.To
		}
		errorTouches = errorTouches || touches && l.Severity == etf.SeverityError
		if !d.kind.fits(l.Rule) || l.Severity == etf.SeverityInfo && !d.kind.info {
			continue
		}
		if touches {
			d.outcome.found = true
			d.outcome.asError = d.outcome.asError || l.Severity == etf.SeverityError
			if p := l.Proposal; p != nil && d.split != nil && p.Ex == d.split.Ex && p.Numerator == d.split.Numerator && p.Denominator == d.split.Denominator {
				d.outcome.proposed = true
			}
		}
		if l.Severity == etf.SeverityError && (d.kind.mode == condemned || d.kind.mode == complete) {
			for _, s := range d.hit {
				if s >= l.From && s <= l.To {
					covered[s] = true
				}
			}
		}
	}
	switch d.kind.mode {
	case condemned, complete:
		d.outcome.found = float64(len(covered)) >= 0.9*float64(len(d.hit))
	case believed:
		d.outcome.found = !errorTouches
	}
}

// describe writes a defect for somebody who wants to know why it was missed.
func (d *defect) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n  %s, %d rows, size %.1f local volatilities (%+.1f%%), injected %s\n", d.id, d.series.name, len(d.series.bars), d.size, 100*math.Expm1(d.log), sessionsText(d.hit))
	fmt.Fprintf(&b, "  found %v, by an error %v", d.outcome.found, d.outcome.asError)
	if d.split != nil {
		fmt.Fprintf(&b, "; split %s on %s proposed %v", d.split.Terms(), d.split.Ex, d.outcome.proposed)
	}
	b.WriteByte('\n')
	if d.outcome.refused != "" {
		fmt.Fprintf(&b, "  refused: %s\n", d.outcome.refused)
	}
	for i, l := range d.outcome.lines {
		if i == 12 {
			fmt.Fprintf(&b, "  and %d more lines\n", len(d.outcome.lines)-i)
			break
		}
		fmt.Fprintf(&b, "  %-7s %-18s %s..%s (%d) %.200s\n", l.Severity, l.Rule, l.From, l.To, l.Sessions, l.Evidence)
	}
	if len(d.hit) == 0 {
		return b.String()
	}
	for i, bar := range d.series.bars {
		near := bar.Session >= d.hit[0].AddDays(-7) && bar.Session <= d.hit[0].AddDays(7)
		if near {
			fmt.Fprintf(&b, "  row %5d %s %s %s %s %s %s\n", i, bar.Session, bar.Open, bar.High, bar.Low, bar.Close, bar.Volume)
		}
	}
	return b.String()
}

func sessionsText(s []etf.Session) string {
	switch len(s) {
	case 0:
		return "nothing"
	case 1:
		return s[0].String()
	}
	return fmt.Sprintf("%s..%s (%d)", s[0], s[len(s)-1], len(s))
}
