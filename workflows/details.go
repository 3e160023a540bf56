package workflows

import (
	"fmt"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// Current details, the part of the Web UI that changes while a workflow runs: markdown, rendered by pure functions of the
// workflow's state. They stay under 8 KB whatever the number of ETFs.

// gap ends every cell but the last: the Web UI draws tables without space between columns, and markdown removes ordinary
// spaces.
const gap = "\u00a0\u00a0"

// dailyDetails renders a daily run. elapsed is the time since its start, waiting the number of ETFs in pages read so far
// that have not been started.
func dailyDetails(s DailyStatus, elapsed time.Duration, waiting int, lastPage bool) string {
	var b strings.Builder
	c := s.Run.Counts
	writef(&b, "**%s %s**: %s after %s\n\n", s.Run.Exchange, s.Run.Session, s.Run.Status, elapsed.Truncate(time.Second))
	if s.Run.Closed {
		b.WriteString("The exchange was closed: nothing was due.\n")
		return b.String()
	}
	b.WriteString("| ETFs" + gap + " | |\n|:---|---:|\n")
	for _, line := range []struct {
		name string
		n    int
	}{
		{"updated", c.Updated}, {"unchanged", c.Unchanged}, {"quarantined", c.Quarantined}, {"failed", c.Failed},
		{"elsewhere", c.Elsewhere}, {"cancelled", c.Cancelled}, {"under way", len(s.Active)}, {"waiting", waiting},
	} {
		writef(&b, "| %s%s | %s |\n", line.name, gap, thousands(line.n))
	}
	more := ""
	if !lastPage {
		more = "; more are due"
	}
	writef(&b, "\n%s of %s done%s.\n", thousands(c.Done()), thousands(c.Due), more)
	writef(&b, "Rows: %s new, %s unchanged, %s revised. Forecasts: %s.\n",
		thousands(c.RowsNew), thousands(c.RowsUnchanged), thousands(c.RowsRevised), thousands(c.Forecasts))
	if s.Record != "" {
		writef(&b, "\nrecord: %s\n", cell(s.Record, 500))
	}
	if s.Ledger != "" {
		writef(&b, "\nledger: %s\n", cell(s.Ledger, 500))
	}
	if s.Run.Error != "" {
		writef(&b, "\n%s\n", cell(s.Run.Error, 500))
	}
	if len(s.SourcesOpen) > 0 {
		writef(&b, "\n**Not asked**, because of too many failures: %s. `etfcast source list` shows why and until when.\n", cell(strings.Join(s.SourcesOpen, ", "), 300))
	}
	if len(s.SourcesUsedUp) > 0 {
		writef(&b, "\n**Daily quota used up**: %s. `etfcast source list` shows until when.\n", cell(strings.Join(s.SourcesUsedUp, ", "), 300))
	}
	if len(s.Problems) > 0 {
		b.WriteString("\n| needs attention" + gap + " | stage" + gap + " | outcome" + gap + " | reason |\n|:---|:---|:---|:---|\n")
		for _, p := range s.Problems {
			why := p.ErrorMessage
			if p.ErrorType != "" {
				why = p.ErrorType + ": " + why
			}
			writef(&b, "| %s%s | %s%s | %s%s | %s |\n", p.Symbol, gap, p.Stage, gap, p.Outcome, gap, cell(why, 160))
		}
		writef(&b, "\nAt most the newest %d are shown; run `%s` has all of them.\n", maxProblems, s.Run.ID)
	}
	return b.String()
}

func tickDetails(in TickInput, sessions []TickSession, waiting []etf.Session) string {
	var b strings.Builder
	writef(&b, "Due on **%s** at %s:\n\n", in.Exchange, in.Nominal.UTC().Format(time.RFC3339))
	if len(sessions)+len(waiting) == 0 {
		b.WriteString("Nothing so far.\n")
		return b.String()
	}
	b.WriteString("| session" + gap + " | run" + gap + " | |\n|:---|:---|:---|\n")
	for _, s := range sessions {
		state := string(s.Status)
		if s.Elsewhere {
			state += ", started elsewhere"
		}
		writef(&b, "| %s%s | %s%s | %s |\n", s.Session, gap, s.Run, gap, state)
	}
	for _, s := range waiting {
		writef(&b, "| %s%s | | waiting |\n", s, gap)
	}
	return b.String()
}

// findingDetails renders a finding that waits; note says what happened while it did.
func findingDetails(in ResolveFindingInput, note string) string {
	if note != "" {
		note += "\n\n"
	}
	return fmt.Sprintf("**%s %s**: rule `%s`\n\n%s\n\n%sWaiting for a decision: run `etfcast finding show %s`, or send the update `%s` with\n\n"+
		"```json\n{\"decision\": \"accept\", \"by\": \"your name\", \"why\": \"the reason\"}\n```\n\n"+
		"`accept`: the rows are right and are used from now on. `reject`: they are wrong and stay out. After a decision that "+
		"changes prices, the newest forecasts are made again.\n",
		in.Symbol, in.Session, in.Rule, cell(in.Evidence, 1000), note, in.Finding, DecideUpdate)
}

// decidedDetails renders a decided finding and what followed from the decision.
func decidedDetails(f etf.Finding, followed string) string {
	text := fmt.Sprintf("**%s**: rule `%s`: %s by %s\n\n%s\n", f.Symbol, f.Rule, f.Decision, cell(f.By, 100), cell(f.Why, 1000))
	if followed != "" {
		text += "\n" + cell(followed, 1000) + "\n"
	}
	return text
}

// writef is fmt.Fprintf built on fmt.Sprintf, which workflowcheck knows to be deterministic.
func writef(b *strings.Builder, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	b.WriteString(text)
}

// markup escapes what Markdown would make a column, a link, an element or code.
var markup = strings.NewReplacer("|", `\|`, "[", `\[`, "<", `\<`, "`", "\\`")

// cell makes text from outside safe for a Markdown table: one line, bounded, shown as it is.
func cell(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	return markup.Replace(etf.Clip(s, n))
}

// thousands formats 12345 as 12,345.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
