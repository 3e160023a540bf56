package quality

import (
	"cmp"
	"slices"

	"github.com/etfcast/etfcast/etf"
)

// Detail is what one rule says about one session, before the sessions of a rule are grouped into findings.
type Detail struct {
	Rule     string
	Severity etf.Severity
	Session  etf.Session // zero: the response as a whole
	Text     string      // empty if the text of a neighbouring session covers it
}

// CheckDetailed is Check with the details, ascending by session, for a reader who wants to see each of them.
func CheckDetailed(in Input) (Report, []Detail, error) {
	s, err := apply(in)
	if err != nil {
		return Report{}, nil, err
	}
	details := make([]Detail, len(s.flags))
	for i, f := range s.flags {
		details[i] = Detail{f.rule, f.severity, f.session, f.text}
	}
	slices.SortStableFunc(details, func(a, b Detail) int { return cmp.Compare(a.Session, b.Session) })
	return s.report(), details, nil
}
