package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/filecheck"
)

// priceFile writes 41 rows up to 2025-06-30, the last lines of which are replaced.
func priceFile(t *testing.T, name string, last ...string) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("Date,Open,High,Low,Close,Volume\n")
	day := etf.MustSession("2025-05-01")
	for i := 0; day < etf.MustSession("2025-07-01"); day++ {
		if w := day.Weekday(); w == 0 || w == 6 || day == etf.MustSession("2025-05-26") || day == etf.MustSession("2025-06-19") {
			continue // weekends, Memorial Day, Juneteenth
		}
		c := 100 + i*7%5
		fmt.Fprintf(&b, "%s,%d.20,%d.90,%d.10,%d.%02d,%d\n", day, c, c, c, c, 30+i, 1_000_000+i*137)
		i++
	}
	lines := strings.SplitAfter(b.String(), "\n")
	lines = lines[:len(lines)-1]
	lines = append(lines[:len(lines)-len(last)], last...)
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// checkRun runs etfcast check and returns its exit code and output.
func checkRun(stdin string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	a := &app{env: newEnvironment(nil), stdout: newSafeWriter(&out), stderr: newSafeWriter(&errs)}
	root := rootCommand(a)
	root.SetArgs(append([]string{"check"}, args...))
	root.SetIn(strings.NewReader(stdin))
	ctx := context.Background()
	err := root.ExecuteContext(ctx)
	report(a.stderr, err)
	return exitCode(ctx, err), out.String(), errs.String()
}

func TestCheckExitCodes(t *testing.T) {
	good := priceFile(t, "good.csv")
	bad := priceFile(t, "bad.csv", "2025-06-30,100.2,100.9,-100.1,100.3,1000000\n")
	broken := filepath.Join(t.TempDir(), "broken.csv")
	if err := os.WriteFile(broken, []byte("no,prices\nat,all\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		args   []string
		code   int
		stderr string // part of it; "" means none at all
	}{
		{"good", []string{good, "--exchange", "XNYS"}, exitOK, ""},
		{"bad", []string{bad, "--exchange", "XNYS"}, exitError, "errors were found in the file"},
		{"good and bad", []string{good, bad, "--exchange", "XNYS"}, exitError, "errors were found in 1 of 2 files"},
		{"broken", []string{broken, "--exchange", "XNYS"}, exitUsage, "broken.csv"},
		{"the worst of three", []string{broken, bad, good, "--exchange", "XNYS"}, exitUsage, "broken.csv"},
		{"absent", []string{"absent.csv", "--exchange", "XNYS"}, exitUsage, "absent.csv does not exist"},
		{"a folder", []string{t.TempDir(), "--exchange", "XNYS"}, exitUsage, "is a folder"},
		{"no file", []string{"--exchange", "XNYS"}, exitUsage, "argument FILE is missing"},
		{"no exchange", []string{good}, exitUsage, "give --exchange"},
		{"an unknown exchange", []string{good, "--exchange", "NYSE"}, exitUsage, "use XNYS, XKRX, XLON, XETR or XTKS"},
		{"a bad session", []string{good, "--exchange", "XNYS", "--session", "30.6.2025"}, exitUsage, "YYYY-MM-DD"},
		{"a holiday", []string{good, "--exchange", "XNYS", "--session", "2025-06-19"}, exitUsage, "not a trading day"},
		{"an unknown option", []string{good + "?bases=raw", "--exchange", "XNYS"}, exitUsage, "is not an option"},
		{"an option", []string{good + "?basis=as_traded", "--exchange", "XNYS"}, exitOK, ""},
		{"stored", []string{good, "--stored", good, "--exchange", "XNYS"}, exitOK, ""},
		{"stored, broken", []string{good, "--stored", broken, "--exchange", "XNYS"}, exitUsage, "--stored: "},
		{"standard input twice", []string{"-", "-", "--exchange", "XNYS"}, exitUsage, "named twice"},
		{"standard input, empty", []string{"-", "--exchange", "XNYS"}, exitUsage, "standard input: the file is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := checkRun("", c.args...)
			if code != c.code || !strings.Contains(stderr, c.stderr) || (c.stderr == "") != (stderr == "") {
				t.Errorf("exit code %d, want %d; standard error %q\nstandard output %q", code, c.code, stderr, stdout)
			}
		})
	}
}

func TestCheckJSON(t *testing.T) {
	bad := priceFile(t, "bad.csv", "2025-06-27,100.2,100.9,-100.1,100.3,1000000\n", "2025-06-30,100.2,100.9,-100.1,100.3,1000000\n")
	raw, err := os.ReadFile(bad)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		stdin string
		args  []string
		file  string
	}{
		"a file":         {"", []string{bad}, bad},
		"standard input": {string(raw), []string{"--", "-?basis=as_traded"}, "standard input"},
	} {
		code, stdout, _ := checkRun(c.stdin, append([]string{"--exchange", "XNYS", "--json"}, c.args...)...)
		var l filecheck.Line
		dec := json.NewDecoder(strings.NewReader(stdout))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&l); err != nil || code != exitError {
			t.Fatalf("%s: exit code %d, %v in %q", name, code, err, stdout)
		}
		if l.File != c.file || l.Rule != "non_positive_price" || l.Severity != etf.SeverityError || l.From != etf.MustSession("2025-06-27") ||
			l.To != etf.MustSession("2025-06-30") || l.Sessions != 2 || !strings.Contains(l.Evidence, "-100.1") || strings.Count(stdout, "\n") != 1 {
			t.Errorf("%s: %q", name, stdout)
		}
		if !strings.Contains(stdout, `"proposal":null`) {
			t.Errorf("%s: no proposal is not null: %s", name, stdout)
		}
	}
	// A file that can't be read is a line too.
	_, stdout, _ := checkRun("", "absent.csv", bad, "--exchange", "XNYS", "--json")
	var l filecheck.Line
	if err := json.Unmarshal([]byte(strings.SplitN(stdout, "\n", 2)[0]), &l); err != nil || l.Rule != filecheck.RuleUnreadable || l.File != "absent.csv" || strings.Count(stdout, "\n") != 2 {
		t.Errorf("%v: %q", err, stdout)
	}
}

func TestCheckTable(t *testing.T) {
	bad := priceFile(t, "bad.csv", "2025-06-30,100.2,100.9,-100.1,100.3,1000000\n")
	_, stdout, _ := checkRun("", bad, "--exchange", "XNYS")
	for _, part := range []string{"41 rows from 2025-05-01 to 2025-06-30, checked for 2025-06-30: 1 error; 1 row would be quarantined", "SEVERITY", "non_positive_price: Give the right prices"} {
		if !strings.Contains(stdout, part) {
			t.Errorf("%q is not in\n%s", part, stdout)
		}
	}
	if strings.ContainsAny(stdout, "▁█\x1b") {
		t.Errorf("no terminal, but a sparkline or colours:\n%s", stdout)
	}
}

// On a terminal there is a sparkline with marks, in colours unless they are unwanted, and nothing wider than the terminal.
func TestCheckOnATerminal(t *testing.T) {
	bad := priceFile(t, "bad.csv", "2025-06-30,100.2,100.9,-100.1,100.3,1000000\n")
	raw, err := os.ReadFile(bad)
	if err != nil {
		t.Fatal(err)
	}
	r, err := filecheck.Check(filecheck.File{Name: "bad.csv", Raw: raw}, filecheck.Options{Exchange: etf.XNYS})
	if err != nil {
		t.Fatal(err)
	}
	for _, colours := range []bool{true, false} {
		var out bytes.Buffer
		v := checkView{out: newSafeWriter(&out), raw: &out, width: 90, terminal: true, colours: colours}
		if err := v.show("bad.csv", r); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(out.String(), "\n")
		marked := slices.IndexFunc(lines, func(l string) bool { return strings.TrimSpace(l) == "^" })
		if marked != 2 || !strings.ContainsAny(lines[1], "▁▂▃▄▅▆▇█") || utf8.RuneCountInString(lines[2]) != 41 {
			t.Errorf("colours %v: no sparkline with its last session marked:\n%s", colours, out.String())
		}
		if strings.Contains(out.String(), "\x1b[31merror") != colours || strings.Contains(out.String(), "\x1b") != colours {
			t.Errorf("colours %v:\n%q", colours, out.String())
		}
		for _, l := range lines[1:] { // the heading may be wrapped by the terminal
			if !colours && utf8.RuneCountInString(l) > 90 {
				t.Errorf("%d characters: %s", utf8.RuneCountInString(l), l)
			}
		}
	}
}

func TestSparkline(t *testing.T) {
	bars := make([]etf.Bar, 100)
	for i := range bars {
		bars[i] = etf.Bar{Session: etf.MustSession("2025-01-01") + etf.Session(i), Close: etf.MustPrice(fmt.Sprint(100 + i))}
	}
	bars[50].Close *= 100
	lines := []filecheck.Line{
		{Severity: etf.SeverityError, From: bars[50].Session, To: bars[50].Session},
		{Severity: etf.SeverityWarning, From: bars[90].Session, To: bars[99].Session},
		{Severity: etf.SeverityInfo, From: bars[0].Session, To: bars[99].Session},
	}
	columns := sparkline(bars, lines, 10)
	text := ""
	for i, c := range columns {
		text += string(c.block)
		want := etf.Severity("")
		switch i {
		case 5:
			want = etf.SeverityError
		case 9:
			want = etf.SeverityWarning
		}
		if c.severity != want {
			t.Errorf("column %d is marked %q, want %q", i, c.severity, want)
		}
	}
	// Rising up to the top: the bad price does not flatten the others.
	if text != "▂▃▃▄▅▆▇▇██" {
		t.Errorf("drawn as %s", text)
	}
	if got := sparkline(bars[:3], nil, 10); len(got) != 3 {
		t.Errorf("3 rows in %d columns", len(got))
	}
	if got := sparkline(nil, lines, 10); got != nil {
		t.Errorf("no rows in %d columns", len(got))
	}
	if got := sparkline(bars[:1], []filecheck.Line{{Severity: etf.SeverityWarning, From: bars[0].Session + 5, To: bars[0].Session + 6}}, 10); len(got) != 1 || got[0].severity != etf.SeverityWarning {
		t.Errorf("a missing session after the last row: %+v", got)
	}
}

func TestWrap(t *testing.T) {
	got := wrap("one two three four five six seven eight nine", 20)
	if strings.Join(got, "|") != "one two three four|five six seven eight|nine" {
		t.Errorf("%q", got)
	}
}
