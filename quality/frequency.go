package quality

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

const ruleFrequency = "wrong_frequency"

const (
	// leastIntraday is how many rows a session has on average in a response of hours or minutes.
	leastIntraday = 3
	// leastTwice is how many sessions, nearly all with two different rows, show that the second row is no mishap.
	leastTwice = 10
	// regular is the share of steps that must be near the usual one in a series of weekly or monthly rows. Among the random
	// steps of a fund that trades seldom, a fifth are.
	regular = 0.85
	// fewSteps and someSteps are how many steps show a frequency on their own; partSteps, in a part of the response, and
	// fewPartSteps beside rows that are daily. A step of two or three sessions is common in a fund that trades seldom.
	fewSteps, someSteps, partSteps, fewPartSteps = 3, 10, 10, 5
	shortStep                                    = 4
)

// checkFrequency looks for rows of another frequency: several different rows a session, or steps of about a week, a month
// or longer between the rows, as regular as no thinly traded fund has them. It runs before duplicates are dropped.
func checkFrequency(s *state) {
	if s.intraday() {
		return
	}
	at, rows := s.positions()
	steps := make([]int, 0, len(at))
	slow := false
	for i := 1; i < len(at); i++ {
		steps = append(steps, at[i]-at[i-1])
		slow = slow || at[i]-at[i-1] > 1
	}
	if !slow {
		return
	}
	if usual, ok := regularStep(steps); ok && (len(steps) >= someSteps || usual >= shortStep && (len(steps) >= fewSteps || len(steps) >= 2 && s.knownDaily())) {
		s.condemn(ruleFrequency, fmt.Sprintf("%s from %s to %s are %s: one bar a session is needed",
			count(len(rows), "row"), rows[0], rows[len(rows)-1], stepName(usual)))
		return
	}
	s.slowParts(steps, rows)
}

// intraday condemns a response with several different rows for most sessions, one after the other: hours or minutes of a
// session, not a bar of it. Copies of a whole file are not one after the other, and the repeated states of one bar have
// one open.
func (s *state) intraday() bool {
	if s.ordered || len(s.in.Bars) < leastIntraday {
		return false
	}
	sessions := map[etf.Session]bool{}
	several := map[etf.Session]bool{}
	for i, b := range s.in.Bars {
		sessions[b.Session] = true
		if i > 0 && s.in.Bars[i-1].Session == b.Session && s.in.Bars[i-1].Open != b.Open {
			several[b.Session] = true
		}
	}
	rows := len(s.in.Bars) + s.leftOut()
	twice := len(sessions) >= leastTwice && len(several)*10 >= 9*len(sessions)
	if twice && rows < leastIntraday*len(sessions) {
		s.condemn(ruleFrequency, fmt.Sprintf("%d rows for %s, different ones for nearly each: parts of a session, or two series in one file? One bar a session is needed", rows, count(len(sessions), "session")))
		return true
	}
	if len(several)*2 <= len(sessions) || rows < leastIntraday*len(sessions) {
		return false
	}
	s.condemn(ruleFrequency, fmt.Sprintf("%d rows for %s: parts of a session; one bar a session is needed", rows, count(len(sessions), "session")))
	return true
}

// positions returns the response's days, ascending, each once, and how many sessions of the calendar come before each. A
// day without a session counts as the one after it.
func (s *state) positions() (at []int, days []etf.Session) {
	days = make([]etf.Session, len(s.in.Bars))
	for i := range s.in.Bars {
		days[i] = s.in.Bars[i].Session
	}
	if !s.ordered {
		slices.Sort(days)
		days = slices.Compact(days)
	}
	if len(days) == 0 {
		return nil, nil
	}
	at = make([]int, len(days))
	sessions := s.cal.Sessions(etf.Window{From: days[0], To: days[len(days)-1]})
	n := 0
	for i, day := range days {
		for n < len(sessions) && sessions[n] < day {
			n++
		}
		at[i] = n
	}
	return at, days
}

// regularStep returns the usual step of a series, if nearly all its steps are close to it and it is longer than one session.
func regularStep(steps []int) (usual int, ok bool) {
	if len(steps) == 0 {
		return 0, false
	}
	sorted := slices.Clone(steps)
	slices.Sort(sorted)
	usual = sorted[len(sorted)/2]
	return usual, usual > 1 && float64(nearStep(steps, usual)) >= regular*float64(len(steps))
}

// nearStep counts the steps that are usual, but for holidays and the lengths of months.
func nearStep(steps []int, usual int) (n int) {
	for _, x := range steps {
		if closeStep(x, usual) {
			n++
		}
	}
	return n
}

func closeStep(step, usual int) bool {
	slack := 0
	if usual >= shortStep {
		slack = max(1, usual*3/10)
	}
	return max(step-usual, usual-step) <= slack
}

// knownDaily reports whether the stored rows are daily.
func (s *state) knownDaily() bool {
	daily, n := 0, 0
	for _, known := range [][]etf.StoredBar{s.in.Known, s.in.Following} {
		n += len(known)
		for i := 1; i < len(known); i++ {
			if known[i].Session-known[i-1].Session <= 4 {
				daily++
			}
		}
	}
	return n > 10 && daily*10 >= (n-1)*9
}

// slowSteps marks the steps of parts that are of a lower frequency than the rest, with their usual step; 0 = none.
func slowSteps(steps []int, length, exceptions int) []int {
	usualOf := make([]int, len(steps))
	for i := 0; i+length <= len(steps); i++ {
		window := steps[i : i+length]
		if slices.Max(window) == 1 {
			continue
		}
		usual, _ := regularStep(window)
		// A short step happens by chance, so it has to be without exception and to last.
		near := nearStep(window, usual)
		if usual <= 1 || near < length-exceptions || usual < shortStep && (near < length || length < partSteps) {
			continue
		}
		for k := range window {
			if closeStep(window[k], usual) {
				usualOf[i+k] = usual
			}
		}
	}
	return usualOf
}

// slowParts quarantines the rows of the parts of a response that are of a lower frequency than the rest, and all of it if
// little else is left.
func (s *state) slowParts(steps []int, days []etf.Session) {
	usualOf := slowSteps(steps, fewPartSteps, 0)
	daily, rest := 0, 0
	for i, u := range usualOf {
		if u == 0 {
			rest++
			if steps[i] == 1 {
				daily++
			}
		}
	}
	long := slowSteps(steps, partSteps, 1)
	if daily*10 < rest*9 || rest < fewPartSteps { // the rest is not daily: more has to be seen
		clear(usualOf)
	}
	for i := range usualOf {
		usualOf[i] = max(usualOf[i], long[i])
	}
	for i := range usualOf {
		// A week or two of holidays does not end a part.
		if n := min(i+3, len(steps)); usualOf[i] == 0 && i > 0 && usualOf[i-1] > 0 && slices.Max(usualOf[i:n]) > 0 {
			usualOf[i] = usualOf[i-1]
		}
	}
	type part struct{ from, to, usual int } // rows
	var parts []part
	total := 0
	for i := 0; i < len(steps); {
		if usualOf[i] == 0 {
			i++
			continue
		}
		j := i
		for j < len(steps) && usualOf[j] > 0 {
			j++
		}
		// The rows at the ends belong to the daily rows beside them, if there are any.
		p := part{i, j, usualOf[i]}
		if i > 0 && steps[i-1] == 1 {
			p.from++
		}
		if j < len(steps) && steps[j] == 1 {
			p.to--
		}
		if p.usual >= shortStep || j-i >= 2*partSteps {
			parts = append(parts, p)
			total += p.to - p.from + 1
		}
		i = j
	}
	if total == 0 {
		return
	}
	if rest := len(days) - total; rest < 10 && rest*4 < len(days) {
		s.condemn(ruleFrequency, fmt.Sprintf("%d of %d rows are %s: one bar a session is needed", total, len(days), stepName(parts[0].usual)))
		return
	}
	for _, p := range parts {
		from, to := days[p.from], days[p.to]
		s.quarantineAll(ruleFrequency,
			fmt.Sprintf("%s from %s to %s are %s, other rows are daily", count(p.to-p.from+1, "row"), from, to, stepName(p.usual)),
			func(i int) bool { return s.in.Bars[i].Session >= from && s.in.Bars[i].Session <= to })
	}
}

// stepName names a frequency by its step in sessions.
func stepName(step int) string {
	names := []struct {
		step int
		name string
	}{{5, "weekly"}, {10, "two-weekly"}, {21, "monthly"}, {63, "quarterly"}, {126, "half-yearly"}, {251, "yearly"}}
	best := slices.MinFunc(names, func(a, b struct {
		step int
		name string
	}) int {
		off := func(x int) float64 { return math.Abs(math.Log(float64(x) / float64(step))) }
		return cmp.Compare(off(a.step), off(b.step))
	})
	if math.Abs(math.Log(float64(best.step)/float64(step))) < 0.3 {
		return best.name
	}
	return fmt.Sprintf("%d sessions apart", step)
}
