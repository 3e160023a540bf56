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
