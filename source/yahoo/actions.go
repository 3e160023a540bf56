package yahoo

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// actions returns the events, oldest first. Amounts are still in terms of today's shares. A dividend that can't be read
// is a defect; a split that can't be read makes every price before it unknowable, so it is an error.
func (c chart) actions(zone *time.Location) (acts []etf.Action, defects []etf.Defect, err error) {
	for _, group := range []struct {
		name   string
		kind   etf.ActionKind
		events map[string]event
	}{
		{"dividends", etf.Dividend, c.Events.Dividends},
		{"capitalGains", etf.CapitalGain, c.Events.CapitalGains},
		{"splits", etf.Split, c.Events.Splits},
	} {
		keys := make([]string, 0, len(group.events))
		for k := range group.events {
			keys = append(keys, k)
		}
		slices.Sort(keys) // so that the same body gives the same defects
		for _, key := range keys {
			e := group.events[key]
			path := fmt.Sprintf("%s.events.%s[%.20q]", root, group.name, key)
			act, reason := e.action(group.kind, key, zone)
			switch {
			case reason == "" && slices.Contains(acts, act):
				// An event is sometimes listed under two instants of one day; undoing a split twice would corrupt prices.
				defects = append(defects, e.defect(path, act.Ex, "listed twice; applied once"))
			case reason == "":
				acts = append(acts, act)
			case group.kind == etf.Split:
				return nil, nil, corrupt(path, "the split has %s, so the prices before it can't be restated as traded", reason)
			default:
				defects = append(defects, e.defect(path, act.Ex, reason))
			}
		}
	}
	slices.SortStableFunc(acts, func(a, b etf.Action) int {
		return cmp.Or(cmp.Compare(a.Ex, b.Ex), cmp.Compare(a.Kind, b.Kind))
	})
	return acts, defects, nil
}

func (e event) action(kind etf.ActionKind, key string, zone *time.Location) (act etf.Action, reason string) {
	when := e.Date
	if when.null() {
		when = cell(key)
	}
	ex, ok := sessionOf(when, zone)
	act = etf.Action{Kind: kind, Ex: ex}
	if !ok {
		return act, "no date"
	}
	if kind == etf.Split {
		if act.Numerator, act.Denominator, ok = ratio(e.Numerator, e.Denominator); !ok {
			return act, "no ratio"
		}
		return act, ""
	}
	p, err := etf.ParsePrice(string(e.Amount))
	if err != nil || p <= 0 {
		return act, "no amount"
	}
	act.Amount = p
	return act, ""
}

func (e event) defect(path string, ex etf.Session, reason string) etf.Defect {
	return etf.Defect{Where: path, Session: ex, Reason: reason,
		Text: etf.Clip(fmt.Sprintf("date=%s amount=%s numerator=%s denominator=%s", e.Date, e.Amount, e.Numerator, e.Denominator), etf.MaxDefectText)}
}

// ratio reads n:d exactly, in lowest terms, so that a split written in two ways is the same split: 1.5:1 becomes 3:2, and
// 4:2 becomes 2:1.
func ratio(n, d cell) (num, den int64, ok bool) {
	a, okA := n.whole()
	b, okB := d.whole()
	if !okA || !okB {
		p, errP := etf.ParsePrice(string(n))
		q, errQ := etf.ParsePrice(string(d))
		if errP != nil || errQ != nil || p <= 0 || q <= 0 {
			return 0, 0, false
		}
		r := big.NewRat(int64(p), int64(q))
		a, b = r.Num().Int64(), r.Denom().Int64()
	}
	if a <= 0 || b <= 0 {
		return 0, 0, false
	}
	num, den = lowest(a, b)
	return num, den, true
}

// applied returns the splits that the rows before them are adjusted for. Yahoo sometimes lists a split without
// restating the prices before it; undoing that split would shift the whole history by its ratio. A split of at least
// 3:2 (or 2:3) whose ratio shows between the last close before it and the first open on or after it counts as not
// applied and becomes a defect: the prices before it are as traded already.
func applied(acts []etf.Action, rows []row) (splits []etf.Action, defects []etf.Defect) {
	for _, act := range acts {
		if act.Kind != etf.Split {
			continue
		}
		stated := math.Log(float64(act.Numerator) / float64(act.Denominator))
		before, after := around(rows, act.Ex)
		if math.Abs(stated) >= math.Log(1.5)-1e-9 && before > 0 && after > 0 {
			// A float will do: the step is compared, not stored.
			step := math.Log(before.Float() / after.Float())
			if math.Abs(step-stated) < math.Abs(stated)/4 {
				defects = append(defects, etf.Defect{Where: root + ".events.splits", Session: act.Ex,
					Text:   fmt.Sprintf("%d:%d on %s, close before %s, open after %s", act.Numerator, act.Denominator, act.Ex, before, after),
					Reason: "the split is listed, but the prices before it are not adjusted for it; they are kept as traded"})
				continue
			}
		}
		splits = append(splits, act)
	}
	return splits, defects
}

// around returns the last close before ex and the first open on or after it, at most ten days away; 0 for none.
func around(rows []row, ex etf.Session) (before, after etf.Price) {
	var last, next etf.Session
	for _, r := range rows {
		switch {
		case !r.priced:
		case r.session < ex && r.session >= ex.AddDays(-10) && r.session >= last:
			last, before = r.session, r.bar.Close
		case r.session >= ex && r.session <= ex.AddDays(10) && (next.IsZero() || r.session < next):
			next, after = r.session, r.bar.Open
		}
	}
	return before, after
}
