package activities

import (
	"fmt"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// What one response may cost. Everything beyond is refused before any of it is stored, so that no step of an update takes
// longer than its time limit, on the slowest database. The limits of its size are in package etf; rows beyond quality.Plenty are
// stored only once or twice for each session.
const (
	// maxResponseSessions is how many different dates they may have: more than a century of sessions.
	maxResponseSessions = 30_000
	// maxResponseActions is how many different splits and distributions a response may state: one a week for a century.
	maxResponseActions = 5_000
)

// affordable returns the response without what only costs time (quality.Condense, repeated actions), or an error of
// KindCorrupt if it exceeds a limit.
func affordable(r etf.Response) (etf.Response, error) {
	for _, c := range []struct {
		have, most int
		what       string
	}{
		{len(r.Raw), etf.MaxResponseBytes, "bytes"},
		{len(r.Bars), etf.MaxResponseRows, "rows"},
		{len(r.Defects), etf.MaxResponseDefects, "unreadable rows"},
	} {
		if c.have > c.most {
			return r, tooMuch(c.have, c.most, c.what)
		}
	}
	r = quality.Compact(r)
	if len(r.Bars) > maxResponseSessions {
		sessions := make(map[etf.Session]bool, maxResponseSessions)
		for _, b := range r.Bars {
			sessions[b.Session] = true
		}
		if len(sessions) > maxResponseSessions {
			return r, tooMuch(len(sessions), maxResponseSessions, "different dates")
		}
	}
	if n := len(r.Actions) + len(r.Splits); n > maxResponseActions {
		return r, tooMuch(n, maxResponseActions, "splits and distributions")
	}
	return r, nil
}

func tooMuch(have, most int, what string) error {
	return &etf.Error{Kind: etf.KindCorrupt, Message: fmt.Sprintf("the response has %d %s; the limit is %d", have, what, most),
		Remedy: "keep only the daily prices of one ETF in it, each session once"}
}
