package e2e

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

var sixteenBytes = regexp.MustCompile(`\b[0-9a-f]{32}\b`)

// The five commands of README.md decide a finding and accept a split: after a bad tick and a split that nobody states, both
// ETFs end up to date, and the commands print what README.md shows.
func TestFiveCommandsOfTheReadme(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(raw), "### Decide a finding, accept a split\n")
	if !found {
		t.Fatal("README.md has no such section")
	}
	section, _, _ = strings.Cut(section, "\n##")
	blocks := strings.Split(section, "```\n")
	if len(blocks) != 5 {
		t.Fatalf("README.md has %d parts there, not two blocks of commands", len(blocks))
	}
	operations, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(operations), blocks[3]) {
		t.Error("docs/operations.md does not show the same commands")
	}
	s := newStack(t)
	p := s.start(t, nil, "up")
	p.waitReady()
	run := func(line string) (string, int) {
		c := s.start(t, nil, words(strings.ReplaceAll(line, "'", `"`))[1:]...)
		code := c.wait()
		return c.tail(), code
	}
	for line := range strings.Lines(blocks[1]) {
		// The run ends with 3: both ETFs are quarantined.
		if out, code := run(strings.TrimSpace(line)); code != 0 && !(code == 3 && strings.Contains(line, "run daily")) {
			t.Fatalf("%s: %s", line, out)
		}
	}
	ids := map[string]string{} // as README.md has them, to those here
	commands := strings.Split("\n"+blocks[3], "\n$ ")[1:]
	if len(commands) != 5 {
		t.Fatalf("README.md has %d commands", len(commands))
	}
	for _, part := range commands {
		line, want, _ := strings.Cut(part, "\n")
		for there, here := range ids {
			line = strings.ReplaceAll(line, there, here)
		}
		out, code := run(line)
		if code != 0 {
			t.Fatalf("%s: %s", line, out)
		}
		// An ellipsis in README.md stands for lines.
		got := strings.Split(out, "\n")
		at := 0
		for wanted := range strings.Lines(want) {
			wanted = strings.TrimSpace(wanted)
			if wanted == "..." || wanted == "" {
				continue
			}
			pattern := sixteenBytes.ReplaceAllString(regexp.QuoteMeta(wanted), "([0-9a-f]{32})")
			pattern = "^" + regexp.MustCompile(`\s+`).ReplaceAllString(strings.ReplaceAll(pattern, `\.\.\.`, ".*"), `\s+`) + "$"
			matches, there := []string(nil), sixteenBytes.FindAllString(wanted, -1)
			for ; at < len(got) && matches == nil; at++ {
				matches = regexp.MustCompile(pattern).FindStringSubmatch(strings.TrimSpace(got[at]))
			}
			if matches == nil {
				t.Fatalf("%s does not print %q, but\n%s", line, wanted, out)
			}
			for i, id := range there {
				ids[id] = matches[i+1]
			}
		}
	}
	for _, symbol := range []etf.Symbol{"SIMTICK", "SIMSPLIT"} {
		p.awaitForecast(symbol, remedySession)
		p.upToDate(t, remedied{at: symbol, options: "as_traded"}, remedySession)
	}
	if n := s.count(t, "SELECT COUNT(*) FROM forecasts"); n < 2*len(p.models()) {
		t.Errorf("%d forecasts", n)
	}
}
