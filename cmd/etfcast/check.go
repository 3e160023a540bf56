package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/filecheck"
	"github.com/etfcast/etfcast/quality"
)

func checkCommand(a *app) *cobra.Command {
	var exchange, session, stored string
	var as format
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Check the prices in CSV files; needs no server",
		Long: `Check the prices in CSV files by the rules that a daily update applies, without a database
or Temporal. "-" is standard input ("-- -?OPTIONS" with options). Options follow a file's name as in the reference of a
file source: prices.csv?basis=as_traded (docs/sources.md lists them).

One line says what one rule finds on an unbroken run of sessions. An error keeps its rows
out of forecasts until a person decides; a warning deserves a look. With --stored, an
earlier export of the same ETF, the rules compare the file with it as with stored rows.

Exit code: 0 without errors, 1 with errors, 2 if a file can't be read. With several files
all are checked, and the greatest code counts.`,
		Example: `  etfcast check SPY.csv --exchange XNYS
  etfcast check new.csv --stored old.csv --exchange XKRX --json
  etfcast check 'SPY.csv?basis=as_traded' --exchange XNYS --session 2025-09-26`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{fmt.Errorf("argument FILE is missing; usage: %s", cmd.UseLine())}
			}
			return nil
		},
		PersistentPreRunE: checkFlagGroups, // reads no settings
		RunE: func(cmd *cobra.Command, args []string) error {
			o := filecheck.Options{Now: time.Now()}
			if exchange == "" {
				return usageError{etf.Invalid("exchange", "no exchange is named", "give --exchange XNYS or --exchange XKRX, whose calendar the dates follow")}
			}
			var err error
			if o.Exchange, err = etf.ParseExchange(exchange); err != nil {
				return err
			}
			if session != "" {
				if o.Session, err = etf.ParseSession(session); err != nil {
					return err
				}
			}
			if streams := slices.DeleteFunc(append(slices.Clone(args), stored), func(p string) bool { return fileName(p) != standardStream }); len(streams) > 1 {
				return usageError{etf.Invalid("FILE", "standard input is named twice", "name a file for one of them")}
			}
			if stored != "" {
				f, err := readPrices(cmd, stored)
				if err != nil {
					return inStored(err)
				}
				// An earlier export that can't be used is said once, not with every file.
				if _, err := filecheck.Check(f, filecheck.Options{Exchange: o.Exchange, Now: o.Now}); err != nil {
					return inStored(err)
				}
				o.Stored = &f
			}
			return checkFiles(a, cmd, args, o, as)
		},
	}
	cmd.Flags().StringVar(&exchange, "exchange", "", "exchange whose calendar the dates follow: "+etf.ExchangeList())
	cmd.Flags().StringVar(&session, "session", "", "session that the file is checked for; later rows are left out (default: the file's newest)")
	cmd.Flags().StringVar(&stored, "stored", "", "an earlier export of the same ETF, taken as stored")
	as.addFlags(cmd, "one object a line", "one row for each line")
	help := cmd.HelpFunc()
	cmd.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		cmd.InheritedFlags().VisitAll(func(f *pflag.Flag) { f.Hidden = true }) // the pipeline's
		help(cmd, args)
	})
	return cmd
}

func inStored(err error) error { return usageError{fmt.Errorf("--stored: %w", err)} }

// errCheck is returned when files have errors; the lines have said which.
var errCheck = errors.New("errors were found")

// checkFiles checks one file after the other. A file that can't be read does not keep the others from being checked.
func checkFiles(a *app, cmd *cobra.Command, args []string, o filecheck.Options, as format) error {
	var unreadable []error
	lines := []filecheck.Line{} // of every file, for CSV
	faulty := 0
	for i, path := range args {
		f, err := readPrices(cmd, path)
		var r filecheck.Result
		if err == nil {
			r, err = filecheck.Check(f, o)
		}
		if cmd.Context().Err() != nil {
			return cmd.Context().Err()
		}
		if err != nil {
			if etf.KindOf(err) == etf.KindInvalid && o.Session != 0 && errorField(err) == "session" {
				return err // the command line's
			}
			unreadable = append(unreadable, err)
			r = filecheck.Result{Lines: []filecheck.Line{filecheck.Unreadable(filecheck.File{Name: cmp.Or(f.Name, path)}, err)}}
		} else if r.Severity() == etf.SeverityError {
			faulty++
		}
		switch {
		case as.csv:
			lines = append(lines, r.Lines...)
		case as.json:
			enc := json.NewEncoder(a.stdout)
			enc.SetEscapeHTML(false)
			for _, l := range r.Lines {
				if err := enc.Encode(l); err != nil {
					return err
				}
			}
		case err == nil:
			if i > 0 {
				fmt.Fprintln(a.stdout)
			}
			if err := newCheckView(a).show(fileName(f.Name), r); err != nil {
				return err
			}
		}
	}
	if as.csv {
		if err := writeCSV(a.stdout, lines); err != nil {
			return err
		}
	}
	if len(unreadable) > 0 {
		return usageError{errors.Join(unreadable...)}
	}
	if faulty > 0 {
		return fmt.Errorf("%w in %s", errCheck, countFiles(faulty, len(args)))
	}
	return nil
}

func countFiles(n, of int) string {
	if of == 1 {
		return "the file"
	}
	return fmt.Sprintf("%d of %d files", n, of)
}

func errorField(err error) string {
	var e *etf.Error
	if errors.As(err, &e) {
		return e.Field
	}
	return ""
}

// fileName is a path without options.
func fileName(path string) string {
	name, _, _ := strings.Cut(path, "?")
	return name
}

// readPrices reads a price file, or standard input, with the options behind its name.
func readPrices(cmd *cobra.Command, path string) (filecheck.File, error) {
	name := fileName(path)
	f := filecheck.File{Name: path}
	from := cmd.InOrStdin()
	if name == standardStream {
		f.Name = "standard input" + path[1:]
	} else {
		file, err := await(cmd.Context(), func() (*os.File, error) { return os.Open(name) }) // opening a pipe waits for a writer
		if err != nil {
			if cmd.Context().Err() != nil {
				return f, err
			}
			return f, openError("FILE", name, err)
		}
		defer file.Close()
		info, err := file.Stat()
		switch {
		case err != nil:
			return f, openError("FILE", name, err)
		case info.IsDir():
			return f, etf.Invalid("FILE", name+" is a folder", "name a CSV file")
		case info.Mode().IsRegular():
			f.Modified = info.ModTime()
		}
		from = file
	}
	in := interruptible(cmd.Context(), from)
	defer in.stop()
	raw, err := io.ReadAll(io.LimitReader(in, etf.MaxResponseBytes+1))
	switch {
	case err != nil:
		return f, fmt.Errorf("%s: %w", fileName(f.Name), err)
	case len(raw) > etf.MaxResponseBytes:
		return f, etf.Invalid("FILE", fmt.Sprintf("%s is larger than %d MiB", fileName(f.Name), etf.MaxResponseBytes>>20), "keep only the daily prices of one ETF in it")
	case len(strings.TrimSpace(string(raw[:min(len(raw), 4096)]))) == 0:
		return f, &etf.Error{Kind: etf.KindCorrupt, Field: fileName(f.Name), Message: "the file is empty", Remedy: "export it again"}
	}
	f.Raw = raw
	return f, nil
}

// checkView shows the result of a check to a person: on a terminal with colours and a sparkline, in its width.
type checkView struct {
	out      io.Writer // escapes what could act on a terminal
	raw      io.Writer // for colours
	width    int
	terminal bool
	colours  bool
}

func newCheckView(a *app) checkView {
	v := checkView{out: a.stdout, raw: unwrap(a.stdout), terminal: isTerminal(a.stdout)}
	if v.terminal {
		v.width = screenWidth(a.stdout)
		none, _ := a.env.lookup("NO_COLOR")
		kind, _ := a.env.lookup("TERM")
		v.colours = none == "" && kind != "dumb"
	}
	if v.width < 40 {
		v.width = 80
	}
	return v
}

var severityColour = map[etf.Severity]string{etf.SeverityError: "31", etf.SeverityWarning: "33", etf.SeverityInfo: "2"}

// coloured writes text in the colour of a severity.
func (v checkView) coloured(severity etf.Severity, text string) {
	if v.colours && severityColour[severity] != "" {
		fmt.Fprintf(v.raw, "\x1b[%sm", severityColour[severity])
		defer fmt.Fprint(v.raw, "\x1b[0m")
	}
	fmt.Fprint(v.out, text)
}

func (v checkView) show(name string, r filecheck.Result) error {
	fmt.Fprintf(v.out, "%s: %s, checked for %s: %s\n", name, rowsText(r.Bars), r.Session, verdictText(r))
	if v.terminal {
		v.sparkline(r)
	}
	header := []string{"SEVERITY", "RULE", "FROM", "TO", "SESSIONS", "EVIDENCE"}
	widths := make([]int, len(header))
	rows := make([][]string, 0, len(r.Lines))
	for i, h := range header[:len(header)-1] {
		widths[i] = len(h)
	}
	for _, l := range r.Lines {
		evidence := l.Evidence
		if l.Proposal != nil && l.Proposal.Kind == etf.Split {
			evidence += fmt.Sprintf("; proposal: split %d:%d on %s", l.Proposal.Numerator, l.Proposal.Denominator, l.Proposal.Ex)
		}
		row := []string{string(l.Severity), l.Rule, cmp.Or(l.From.String(), "-"), cmp.Or(l.To.String(), "-"), fmt.Sprint(l.Sessions), etf.OneLine(evidence)}
		for i := range widths[:len(widths)-1] {
			widths[i] = max(widths[i], textWidth(row[i]))
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil
	}
	indent := 0
	for _, w := range widths[:len(widths)-1] {
		indent += w + 2
	}
	print := func(row []string, severity etf.Severity) {
		var b strings.Builder
		for i, cell := range row[:len(row)-1] {
			b.WriteString(cell + strings.Repeat(" ", widths[i]-textWidth(cell)+2))
		}
		text := []string{row[len(row)-1]}
		if v.terminal {
			text = wrap(row[len(row)-1], v.width-indent)
		}
		v.coloured(severity, b.String())
		for i, part := range text {
			if i > 0 {
				fmt.Fprint(v.out, strings.Repeat(" ", indent))
			}
			fmt.Fprintln(v.out, part)
		}
	}
	print(header, "")
	for i, row := range rows {
		print(row, r.Lines[i].Severity)
	}
	v.remedies(r)
	_, err := fmt.Fprint(v.out, "")
	return err
}

// remedies says, once for each rule that found more than an info, what to do.
func (v checkView) remedies(r filecheck.Result) {
	for _, rule := range quality.Rules() {
		if slices.ContainsFunc(r.Lines, func(l filecheck.Line) bool { return l.Rule == rule.Name && l.Severity != etf.SeverityInfo }) {
			text := []string{rule.Name + ": " + rule.Remedy}
			if v.terminal {
				text = wrap(text[0], v.width)
			}
			fmt.Fprintf(v.out, "\n%s\n", strings.Join(text, "\n"))
		}
	}
}

func rowsText(bars []etf.Bar) string {
	if len(bars) == 0 {
		return "no rows"
	}
	first, last := bars[0].Session, bars[0].Session
	for _, b := range bars {
		first, last = min(first, b.Session), max(last, b.Session)
	}
	return fmt.Sprintf("%d rows from %s to %s", len(bars), first, last)
}

// verdictText sums up what the lines and verdicts say.
func verdictText(r filecheck.Result) string {
	counts := map[etf.Severity]int{}
	for _, l := range r.Lines {
		counts[l.Severity]++
	}
	var parts []string
	for _, c := range []struct {
		severity etf.Severity
		one      string
	}{{etf.SeverityError, "error"}, {etf.SeverityWarning, "warning"}, {etf.SeverityInfo, "info"}} {
		switch n := counts[c.severity]; {
		case n == 1 || n > 0 && c.one == "info":
			parts = append(parts, fmt.Sprintf("%d %s", n, c.one))
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", n, c.one))
		}
	}
	if len(parts) == 0 {
		return "nothing found"
	}
	quarantined, held := 0, 0
	for _, v := range r.Verdicts {
		switch v {
		case etf.VerdictQuarantine:
			quarantined++
		case etf.VerdictHold:
			held++
		}
	}
	text := strings.Join(parts, ", ")
	switch quarantined {
	case 0:
	case 1:
		text += "; 1 row would be quarantined"
	default:
		text += fmt.Sprintf("; %d rows would be quarantined", quarantined)
	}
	if held > 0 {
		text += fmt.Sprintf("; %d held", held)
	}
	return text
}

// wrap breaks text between words into lines of at most width columns; a longer word gets a line of its own.
func wrap(text string, width int) []string {
	width = max(width, 20)
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case textWidth(line)+1+textWidth(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}
