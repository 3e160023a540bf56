package workflows

import (
	"fmt"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

// What the Web UI shows without opening a payload. A summary is one line of at most 200 bytes; details are a few
// lines of markdown and stay under 2 KB, the sizes Temporal gives them. Neither ever changes for a given input.

// Summary is the line shown beside a Tick.
func (in TickInput) Summary() string {
	return fmt.Sprintf("%s: start the sessions that are due", in.Exchange)
}

// Details explains a Tick to whoever opens it.
func (in TickInput) Details() string {
	return fmt.Sprintf("Runs `Daily` for every closed session of **%s** since the last completed one, oldest first, one after "+
		"another. A session that already has its run is left to it.\n\nCancelling this stops what is not started yet; "+
		"a daily run that is under way goes on.", in.Exchange)
}

// Summary is the line shown beside a daily run.
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
	if in.Attempt > 1 {
		s += fmt.Sprintf(" (re-run %d)", in.Attempt)
	}
	return s
}

// Details explains a daily run to whoever opens it.
func (in DailyInput) Details() string {
	return fmt.Sprintf("Brings the ETFs of **%s** up to session **%s**: fetch, validate, persist, forecast, up to %d ETFs at a time. "+
		"Current details show how far it is.\n\nOne ETF's failure stops no other; a run with failed ETFs completes and counts "+
		"them. Run `%s` in the API and the command line. Cancelling is safe: what is stored stays, and the same request starts it again.",
		in.Exchange, in.Session, FanOut, in.Run())
}

// Summary is the line shown beside an update.
func (in UpdateETFInput) Summary() string {
	return fmt.Sprintf("%s %s %s", in.Symbol, in.Exchange, in.Session)
}

// Details explains an update to whoever opens it. It is short: there is one for every ETF and session.
func (in UpdateETFInput) Details() string {
	names := make([]string, len(in.Sources))
	for i, s := range in.Sources {
		names[i] = s.Name
	}
	return fmt.Sprintf("fetch (%s), validate, persist, forecast. Part of run `%s`.", strings.Join(names, ", then "), in.Run)
}

// Summary is the line shown beside a waiting finding.
func (in ResolveFindingInput) Summary() string {
	return fmt.Sprintf("%s %s: %s needs a decision", in.Symbol, in.Session, in.Rule)
}

// Details explains a waiting finding to whoever opens it.
func (in ResolveFindingInput) Details() string {
	return fmt.Sprintf("Rule `%s` objects to session **%s** of **%s**. The row is stored and kept out of forecasts until a person "+
		"decides; later sessions go on without it.", in.Rule, in.Session, in.Symbol)
}

func joinSymbols(symbols []etf.Symbol) string {
	text := make([]string, len(symbols))
	for i, s := range symbols {
		text[i] = string(s)
	}
	return strings.Join(text, ", ")
}
