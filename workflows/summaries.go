package workflows

import (
	"fmt"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// What the Web UI shows without opening a payload. A summary is one line of at most 200 bytes; details are a few lines of
// markdown under 2 KB. Both are well within Temporal's limits, and fixed for a given input.

// Summary is the line shown next to a Tick.
func (in TickInput) Summary() string {
	return fmt.Sprintf("%s: run the sessions that are due", in.Exchange)
}

// Details explains a Tick to whoever opens it.
func (in TickInput) Details() string {
	return fmt.Sprintf("Runs `Daily` for every closed session of **%s** since the last completed one, oldest first, one after "+
		"another. A session that already has a run does not get another.\n\nCancelling this workflow starts no further "+
		"sessions; a daily run that is under way continues.", in.Exchange)
}

// Summary is the line shown next to a daily run.
func (in DailyInput) Summary() string {
	s := fmt.Sprintf("%s %s: ", in.Exchange, in.Session)
	switch symbols := etf.SortedSymbols(in.Symbols); len(symbols) {
	case 0:
		s += "all ETFs"
	case 1, 2, 3, 4:
		s += joinSymbols(symbols)
	default:
		s += fmt.Sprintf("%s and %d more", joinSymbols(symbols[:3]), len(symbols)-3)
	}
	if in.Whole {
		s += ", whole history"
	}
	if in.Attempt > 1 {
		s += fmt.Sprintf(" (re-run %d)", in.Attempt)
	}
	return s
}

// Details explains a daily run to whoever opens it.
func (in DailyInput) Details() string {
	return fmt.Sprintf("Updates the ETFs of **%s** for session **%s**: fetch, validate, persist, forecast, up to %d ETFs at a time. "+
		"Current details show the progress.\n\nAn ETF that fails does not stop the others: the run completes and counts it. The API "+
		"and the command line call this run `%s`. Cancelling is safe: stored data stay, and the same request starts the run again.",
		in.Exchange, in.Session, FanOut, in.Run())
}

// Summary is the line shown next to an update.
func (in UpdateETFInput) Summary() string {
	return fmt.Sprintf("%s %s %s", in.Symbol, in.Exchange, in.Session)
}

// Details explains an update to whoever opens it. It is short because every ETF has one for every session.
func (in UpdateETFInput) Details() string {
	names := make([]string, len(in.Sources))
	for i, s := range in.Sources {
		names[i] = s.Name
	}
	return fmt.Sprintf("fetch (%s), validate, persist, forecast. Part of run `%s`.", strings.Join(names, ", then "), in.Run)
}

// Summary is the line shown next to a waiting finding.
func (in ResolveFindingInput) Summary() string {
	return fmt.Sprintf("%s %s: %s needs a decision", in.Symbol, in.Session, in.Rule)
}

// Details explains a waiting finding to whoever opens it.
func (in ResolveFindingInput) Details() string {
	return fmt.Sprintf("Rule `%s` reports an error in session **%s** of **%s**. The row is stored but kept out of forecasts until a "+
		"person decides; later sessions are updated without it.", in.Rule, in.Session, in.Symbol)
}

func joinSymbols(symbols []etf.Symbol) string {
	text := make([]string, len(symbols))
	for i, s := range symbols {
		text[i] = string(s)
	}
	return strings.Join(text, ", ")
}
