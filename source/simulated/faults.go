package simulated

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// fault is one switched-on fault: its arguments and the sessions it applies to.
type fault struct {
	n     int
	wait  time.Duration
	date  etf.Session // this session only; zero if not given
	every int         // one session in this many; 0 = the fault's default
}

type faults map[string]fault

const (
	maxWait     = 60 * time.Second
	maxCount    = 10_000
	faultRemedy = "use faults listed in the documentation of the simulated source, for example rate_limit:2,truncated:1,bad_tick@2025-09-26"
)

// faultShapes holds the form of each fault, and the defaults of its number and duration; 0 = it takes none.
var faultShapes = map[string]struct {
	n    int
	wait time.Duration
	form string
}{
	"rate_limit":   {n: 1, wait: 2 * time.Second, form: "rate_limit[:N[:WAIT]]"},
	"server_error": {n: 1, form: "server_error[:N]"},
	"slow":         {n: maxCount, wait: time.Second, form: "slow:WAIT[:N]"},
	"truncated":    {n: 1, form: "truncated[:N]"},
	"missing":      {n: 1, form: "missing[:N]"},
	"late":         {n: 1, form: "late[:K]"},
	"revised":      {n: 1, form: "revised[:K]"},
	"unsplit":      {n: 2, form: "unsplit[:K]"},
	"bad_tick":     {form: "bad_tick"},
	"duplicate":    {form: "duplicate"},
	"garbled":      {form: "garbled"},
	"tenth":        {form: "tenth"},
	"unit":         {form: "unit"},
	"zero":         {form: "zero"},
	"negative":     {form: "negative"},
	"ohlc":         {form: "ohlc"},
	"wrong_date":   {form: "wrong_date"},
	"shifted":      {form: "shifted"},
	"stale":        {form: "stale"},
	"partial":      {form: "partial"},
	"crash":        {n: 1, form: "crash[:K]"},
	"false_split":  {form: "false_split"},
}

// parseFaults parses a list as described in the package documentation. Errors are of KindInvalid with the given field.
func parseFaults(field, list string, global faults) (faults, error) {
	all := faults{}
	for name, f := range global {
		all[name] = f
	}
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		switch part {
		case "":
			continue
		case "none":
			clear(all)
			continue
		}
		name, f, err := parseFault(part)
		if err != nil {
			err.Field = field
			return nil, err
		}
		all[name] = f
	}
	return all, nil
}

func parseFault(text string) (string, fault, *etf.Error) {
	head, which, picked := strings.Cut(text, "@")
	args := strings.Split(head, ":")
	name := args[0]
	shape, ok := faultShapes[name]
	if !ok {
		return "", fault{}, etf.Invalid("", fmt.Sprintf("%.40q is not a fault", name), faultRemedy)
	}
	bad := func(why string) (string, fault, *etf.Error) {
		return "", fault{}, etf.Invalid("", fmt.Sprintf("fault %.60q: %s", text, why), "write "+shape.form+" with @YYYY-MM-DD or @1/20 for some sessions")
	}
	f := fault{n: shape.n, wait: shape.wait}
	for i, arg := range args[1:] {
		isWait := shape.wait > 0 && (name == "slow") == (i == 0)
		switch {
		case isWait:
			d, err := time.ParseDuration(arg)
			if err != nil || d <= 0 || (name == "slow" && d > maxWait) {
				return bad("the duration must be above 0, and at most 60s for slow")
			}
			f.wait = d
		case shape.n > 0 && i < 2:
			n, err := strconv.Atoi(arg)
			if err != nil || n < 1 || n > maxCount {
				return bad("the number must be from 1 to 10000")
			}
			f.n = n
		default:
			return bad("too many arguments")
		}
		if i > 0 && shape.wait == 0 {
			return bad("too many arguments")
		}
	}
	if !picked {
		return name, f, nil
	}
	if nth, ok := strings.CutPrefix(which, "1/"); ok {
		n, err := strconv.Atoi(nth)
		if err != nil || n < 1 || n > maxCount {
			return bad("N in @1/N must be from 1 to 10000")
		}
		f.every = n
		return name, f, nil
	}
	s, err := etf.ParseSession(which)
	if err != nil {
		return bad("@ must be followed by a date or 1/N")
	}
	f.date = s
	return name, f, nil
}

// alter returns the session's row as the faults of single rows change it. previous is the row of the session before, zero for
// the window's first one.
func (a resolved) alter(b, previous etf.Bar) etf.Bar {
	last := b.Session == a.closed
	on := func(name string) bool {
		f, ok := a.faults[name]
		return ok && f.appliesTo(a.traits.seed, b.Session, last)
	}
	prices := [4]*etf.Price{&b.Open, &b.High, &b.Low, &b.Close}
	if on("bad_tick") {
		b.Close *= 10
		b.High = max(b.High, b.Close)
	}
	if on("tenth") {
		b.Close = whole(b.Close / 10)
		b.Low = min(b.Low, b.Close)
	}
	if on("unit") {
		for _, p := range prices {
			*p *= 100
		}
	}
	if on("zero") {
		b.Open, b.High, b.Low, b.Close = 0, 0, 0, 0
	}
	if on("negative") {
		b.Open, b.High, b.Low, b.Close = -b.Open, -b.Low, -b.High, -b.Close
	}
	if on("ohlc") {
		b.High, b.Low = b.Low-b.Low/20, b.High+b.High/20
		b.High, b.Low = whole(b.High), whole(b.Low)
	}
	if on("stale") && previous.Close != 0 {
		previous.Session, b = b.Session, previous
	}
	if on("partial") {
		b.High, b.Low, b.Close, b.Volume = b.Open, b.Open, b.Open, b.Volume/10_000/500*10_000
	}
	if f, ok := a.faults["crash"]; ok && a.within(f, b.Session, last) {
		for _, p := range prices {
			*p = whole(*p / 10 * 6)
		}
	}
	return b
}

// within reports whether the session is the fault's or, for a date, one of the f.n-1 sessions after it.
func (a resolved) within(f fault, s etf.Session, last bool) bool {
	if f.date == 0 {
		return f.appliesTo(a.traits.seed, s, last)
	}
	return s >= f.date && (f.n == maxCount || a.cal.Count(etf.Window{From: f.date + 1, To: s}) < f.n)
}

// whole rounds a price down to what a body can hold, whole cents.
func whole(p etf.Price) etf.Price { return p / 1e6 * 1e6 }

// dated returns the date of a session's row.
func (a resolved) dated(s etf.Session) etf.Session {
	if f, ok := a.faults["shifted"]; ok && a.has(f) {
		return s + 1
	}
	if f, ok := a.faults["wrong_date"]; ok && f.appliesTo(a.traits.seed, s, s == a.closed) {
		for s++; a.cal.IsSession(s); s++ {
		}
	}
	return s
}

// appliesTo reports whether the fault is on for session s. byDefault is the result for a fault without "@".
func (f fault) appliesTo(seed uint64, s etf.Session, byDefault bool) bool {
	switch {
	case f.date != 0:
		return s == f.date
	case f.every != 0:
		return (uint64(weekday(s))+seed)%uint64(f.every) == 0
	}
	return byDefault
}
