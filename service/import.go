package service

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/etfcast/etfcast/etf"
)

// importColumns are the columns of a list of ETFs; the first two are required.
var importColumns = []string{"symbol", "exchange", "currency", "name", "isin", "listed", "delisted", "former_symbols", "sources"}

// The limits of a list of ETFs.
const (
	MaxImport         = 5000
	maxImportProblems = 100
)

// ImportRequest asks to register the ETFs of a CSV file, all or none.
type ImportRequest struct {
	Raw []byte
	// Sources are those of lines that name none, as NAME or NAME=REF; without them, such a line is refused.
	Sources []SourceRequest
	// Update changes ETFs that are registered with other values; without it, they are refused.
	Update  bool
	DryRun  bool // say what would become of them, and store nothing
	By, Why string
}

// ImportReport is what became of a list of ETFs.
type ImportReport struct {
	DryRun    bool         `json:"dry_run"`
	Created   int          `json:"created"`
	Unchanged int          `json:"unchanged"`
	Changed   int          `json:"changed"`
	Items     []ImportItem `json:"items"` // in the order of the file
	// Refused says what is wrong, if anything is: nothing has been stored then.
	Refused []ImportProblem `json:"refused,omitempty"`
}

// ImportItem is what became of one line.
type ImportItem struct {
	Line   int        `json:"line"`
	Symbol etf.Symbol `json:"symbol"`
	Result etf.Change `json:"result"`
	// ComparedOnly are the sources that are never asked for its series (etf.ETF.ComparedOnly), of an ETF with stored prices by their basis.
	ComparedOnly []string `json:"compared_only,omitempty"`
}

// ImportProblem is one thing that is wrong with a file.
type ImportProblem struct {
	Line    int    `json:"line,omitempty"` // 0 for the file as a whole
	Column  string `json:"column,omitempty"`
	Message string `json:"message"`
	Remedy  string `json:"remedy"`
}

// ImportETFs reads a CSV file with a header line and registers its ETFs in one transaction: all, or none if anything is wrong with one of
// them. A repeat finds them unchanged, so a request that was interrupted can be repeated. The error joins everything that is wrong, with
// fields that name line and column ("line 7, isin"); the report has the same in Refused.
//
// The separator is a comma, a semicolon or a tab. Columns are symbol and exchange, and if you like currency, name, isin, listed, delisted,
// former_symbols (SYMBOL=LAST SESSION, several separated by ";" or "|") and sources (NAME or NAME=REF, likewise), in any order.
func (s *Service) ImportETFs(ctx context.Context, r ImportRequest) (ImportReport, error) {
	report := ImportReport{DryRun: r.DryRun, Items: []ImportItem{}}
	t := importTable{service: s, request: r, columns: map[string]int{}, lines: map[string]int{}, funds: map[fund]int{}}
	if err := checkAuthor(r.By, r.Why); err != nil {
		return report, err
	}
	for _, source := range r.Sources {
		if err := s.checkSourceName("source", source.Name); err != nil {
			return report, err
		}
	}
	t.read()
	if len(t.problems) > 0 {
		report.Refused = t.reported()
		return report, t.err()
	}
	changes, err := s.store.ImportETFs(ctx, etf.Import{ETFs: t.etfs, Update: r.Update, By: r.By, Why: r.Why, DryRun: r.DryRun})
	if err != nil {
		for _, e := range etf.Errors(err) {
			i, field, ok := importField(e.Field)
			if !ok || i >= len(t.etfs) {
				return report, err
			}
			t.problem(t.at[i], field, e.Message, e.Remedy)
		}
		if len(t.problems) == 0 {
			return report, err
		}
		report.Refused = t.reported()
		return report, t.err()
	}
	for i, change := range changes {
		report.Items = append(report.Items, ImportItem{Line: t.at[i], Symbol: t.etfs[i].Symbol, Result: change, ComparedOnly: t.etfs[i].ComparedOnly()})
		switch change {
		case etf.Created:
			report.Created++
		case etf.Changed:
			report.Changed++
		default:
			report.Unchanged++
		}
	}
	return report, nil
}

var importFieldForm = regexp.MustCompile(`^etfs\[(\d+)\]\.(\w+)`)

func importField(field string) (i int, column string, ok bool) {
	m := importFieldForm.FindStringSubmatch(field)
	if m == nil {
		return 0, "", false
	}
	i, err := strconv.Atoi(m[1])
	return i, m[2], err == nil
}

// importTable reads a list of ETFs.
type importTable struct {
	service  *Service
	request  ImportRequest
	columns  map[string]int
	row      []string
	line     int
	etfs     []etf.ETF
	at       []int          // the lines of etfs
	lines    map[string]int // by symbol
	funds    map[fund]int   // by what an exchange lists once
	problems []ImportProblem
}

// fund is one listing of a fund: an exchange may list it in several currencies.
type fund struct {
	isin     string
	exchange etf.Exchange
	currency etf.Currency
}

func (t *importTable) problem(line int, column, message, remedy string) {
	t.problems = append(t.problems, ImportProblem{Line: line, Column: column, Message: message, Remedy: remedy})
}

// wrong adds the errors of one column of the line.
func (t *importTable) wrong(column string, err error) {
	for _, e := range etf.Errors(err) {
		t.problem(t.line, column, e.Message, e.Remedy)
	}
}

// reported returns the problems in the order of lines, and at most so many of them.
func (t *importTable) reported() []ImportProblem {
	slices.SortStableFunc(t.problems, func(a, b ImportProblem) int { return a.Line - b.Line })
	if more := len(t.problems) - maxImportProblems; more > 0 {
		t.problems = append(t.problems[:maxImportProblems:maxImportProblems], ImportProblem{
			Message: fmt.Sprintf("%d more values are wrong", more), Remedy: "correct those named; the rest is named then"})
	}
	return t.problems
}

func (t *importTable) err() error {
	errs := make([]error, len(t.problems))
	for i, p := range t.problems {
		field := "body"
		if p.Line > 0 {
			field = fmt.Sprintf("line %d", p.Line)
		}
		if p.Column != "" {
			field += ", " + p.Column
		}
		errs[i] = etf.Invalid(field, p.Message, p.Remedy)
	}
	return errors.Join(errs...)
}

func (t *importTable) read() {
	raw := bytes.TrimPrefix(t.request.Raw, []byte("\ufeff"))
	switch {
	case bytes.HasPrefix(raw, []byte{0xff, 0xfe}) || bytes.HasPrefix(raw, []byte{0xfe, 0xff}):
		t.problem(0, "", "the file is UTF-16", `save it as "CSV UTF-8"`)
		return
	case !utf8.Valid(raw):
		line := 1 + bytes.Count(raw[:invalidAt(raw)], []byte("\n"))
		t.problem(line, "", "the text is not UTF-8", `save the file as "CSV UTF-8", in Excel too: other encodings lose Korean names`)
		return
	case len(bytes.TrimSpace(raw)) == 0:
		t.problem(0, "", "the file is empty", "begin it with a line that names the columns: "+strings.Join(importColumns, ","))
		return
	}
	r := csv.NewReader(bytes.NewReader(raw))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord = separatorOf(raw), -1, true
	r.TrimLeadingSpace = r.Comma != '\t' // it would take empty fields for space
	header, err := r.Read()
	if err != nil {
		t.unreadable(err)
		return
	}
	t.line, _ = r.FieldPos(0)
	header = header[:used(header)]
	if !t.readHeader(header) {
		return
	}
	width := len(header)
	for {
		t.row, err = r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.unreadable(err)
			return // where the next line begins is not certain
		}
		t.line, _ = r.FieldPos(0)
		fields := used(t.row)
		if fields == 0 {
			continue
		}
		if len(t.etfs)+1 > MaxImport {
			t.problem(t.line, "", fmt.Sprintf("the file has more than %d ETFs", MaxImport), "import it in parts")
			return
		}
		if fields = max(fields, min(len(t.row), width)); fields != width {
			t.problem(t.line, "", fmt.Sprintf("the line has %d fields, but the first line has %d", fields, width),
				"put values with a separator in them in quotes, and write an empty field where there is no value")
			continue
		}
		t.readLine()
	}
	if len(t.etfs)+len(t.problems) == 0 {
		t.problem(0, "", "the file has no ETF", "write one line for each below the first")
	}
}

// used returns how many fields a line has without empty ones at its end, which spreadsheets write for columns that are empty everywhere.
func used(fields []string) int {
	n := len(fields)
	for n > 0 && strings.TrimSpace(fields[n-1]) == "" {
		n--
	}
	return n
}

func invalidAt(raw []byte) int {
	for i := 0; i < len(raw); {
		r, n := utf8.DecodeRune(raw[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(raw)
}

// separatorOf returns the separator of the first line: whichever of comma, semicolon and tab it has most of.
func separatorOf(raw []byte) rune {
	first, _, _ := bytes.Cut(bytes.TrimLeft(raw, "\r\n"), []byte("\n"))
	best, most := ',', 0
	for _, c := range ",;\t" {
		if n := bytes.Count(first, []byte(string(c))); n > most {
			best, most = c, n
		}
	}
	return best
}

func (t *importTable) unreadable(err error) {
	var at *csv.ParseError
	line := 0
	if errors.As(err, &at) {
		line, err = at.StartLine, at.Err
	}
	t.problem(line, "", "the line can't be read as CSV: "+err.Error(), "close the quotes, and write a quote in a value twice; the lines after this one are not looked at")
}

func (t *importTable) readHeader(header []string) bool {
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "" {
			t.problem(t.line, "", fmt.Sprintf("column %d has no name", i+1), "name it, or take it out: one of "+strings.Join(importColumns, ", "))
			continue
		}
		if _, twice := t.columns[name]; twice {
			t.problem(t.line, etf.Clip(name, etf.MaxQuoted), "the column is there twice", "keep one of them")
		} else if !slices.Contains(importColumns, name) {
			t.problem(t.line, etf.Clip(name, etf.MaxQuoted), "there is no such column", "use "+strings.Join(importColumns, ", "))
		}
		t.columns[name] = i
	}
	for _, name := range importColumns[:2] {
		if _, ok := t.columns[name]; !ok {
			t.problem(t.line, name, "the column is missing", "add it: the first line names the columns")
		}
	}
	return len(t.problems) == 0
}

// cell returns the line's value in a column; "" for a column that the file does not have. ="069500" and '069500, with which spreadsheets
// keep a number text, are what they stand for.
func (t *importTable) cell(column string) string {
	i, ok := t.columns[column]
	if !ok {
		return ""
	}
	value := strings.TrimSpace(t.row[i])
	if inner, ok := strings.CutPrefix(value, `="`); ok && strings.HasSuffix(inner, `"`) {
		return strings.TrimSuffix(inner, `"`)
	}
	return strings.TrimPrefix(value, "'")
}

var (
	allDigits  = regexp.MustCompile(`^[0-9]{1,5}$`)
	exponent   = regexp.MustCompile(`^[0-9]+([.,][0-9]+)?E[+-][0-9]+$`) // with a sign: 0012E0 is a code of the Korea Exchange
	dateOfForm = regexp.MustCompile(`^[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}`)
)

const keepText = `have the spreadsheet keep the column as text (import it as "Text", not "General")`

func (t *importTable) readLine() {
	before := len(t.problems)
	var e etf.ETF
	var err error
	if e.Exchange, err = etf.ParseExchange(t.cell("exchange")); err != nil {
		t.wrong("exchange", err)
	}
	e.Symbol = t.symbol(e.Exchange)
	e.Currency = e.Exchange.DefaultCurrency()
	if text := t.cell("currency"); text != "" {
		if e.Currency, err = etf.ParseCurrency(text); err != nil {
			t.wrong("currency", err)
		}
	}
	e.Name = t.cell("name")
	t.wrong("name", checkText("name", e.Name, MaxName))
	if e.ISIN, err = etf.ParseISIN(t.cell("isin")); err != nil {
		t.wrong("isin", err)
	}
	if e.Listed, err = t.service.checkListed(t.cell("listed")); err != nil {
		t.wrong("listed", hinted(err, t.cell("listed")))
	}
	if e.Delisted, err = checkDelisted(t.cell("delisted")); err != nil {
		t.wrong("delisted", hinted(err, t.cell("delisted")))
	}
	if !e.Delisted.IsZero() && e.Delisted < e.Listed {
		t.problem(t.line, "delisted", fmt.Sprintf("%s is before the listing on %s", e.Delisted, e.Listed), "give the ETF's last session, or correct its first")
	}
	t.formers(&e)
	t.sources(&e)
	if e.Symbol != "" {
		if first, twice := t.lines[string(e.Symbol)]; twice {
			t.problem(t.line, "symbol", fmt.Sprintf("%s is on line %d too", e.Symbol, first), "keep one of the two lines")
		} else {
			t.lines[string(e.Symbol)] = t.line
		}
	}
	if e.ISIN != "" {
		listing := fund{e.ISIN, e.Exchange, e.Currency}
		if first, twice := t.funds[listing]; twice {
			t.problem(t.line, "isin", fmt.Sprintf("%s is the ISIN of line %d too, on %s in %s", e.ISIN, first, e.Exchange, e.Currency), "correct one of the two: one fund has one symbol there")
		} else {
			t.funds[listing] = t.line
		}
	}
	if len(t.problems) == before {
		t.etfs, t.at = append(t.etfs, e), append(t.at, t.line)
	}
}

// hinted says how a date that a spreadsheet has rewritten is to be written.
func hinted(err error, text string) error {
	var e *etf.Error
	if !dateOfForm.MatchString(text) || !errors.As(err, &e) || e.Field != "listed" && e.Field != "delisted" {
		return err
	}
	if _, readable := etf.ParseSession(text); readable == nil {
		return err // a date as it should be, but not this one
	}
	c := *e
	c.Remedy = "write it as YYYY-MM-DD; " + keepText
	return &c
}

func (t *importTable) symbol(exchange etf.Exchange) etf.Symbol {
	return t.parseSymbol("symbol", t.cell("symbol"), exchange)
}

// parseSymbol reads a symbol in a column; "" if it is none, which is a problem of the line.
func (t *importTable) parseSymbol(column, text string, exchange etf.Exchange) etf.Symbol {
	switch {
	case exchange == etf.XKRX && allDigits.MatchString(text):
		t.problem(t.line, column, fmt.Sprintf("%q has %d digits, but codes of the Korea Exchange have 6: a spreadsheet has taken the leading zeros", text, len(text)),
			"write "+strings.Repeat("0", 6-len(text))+text+", and "+keepText)
		return ""
	case exponent.MatchString(text):
		t.problem(t.line, column, fmt.Sprintf("%q is a number as spreadsheets write it, not a symbol", text), keepText)
		return ""
	}
	symbol, err := etf.ParseSymbol(text)
	if err != nil {
		t.wrong(column, err)
	}
	return symbol
}

// parts splits a cell with several values.
func parts(cell string) []string {
	var list []string
	for part := range strings.FieldsFuncSeq(cell, func(c rune) bool { return c == ';' || c == '|' }) {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

func (t *importTable) formers(e *etf.ETF) {
	for _, part := range parts(t.cell("former_symbols")) {
		name, last, _ := strings.Cut(part, "=")
		f := etf.FormerSymbol{Symbol: t.parseSymbol("former_symbols", strings.TrimSpace(name), e.Exchange)}
		if f.Symbol == "" {
			continue
		}
		var err error
		if f.Last, err = etf.ParseSession(strings.TrimSpace(last)); err != nil {
			t.problem(t.line, "former_symbols", fmt.Sprintf("%q does not say the last session as %s", etf.Clip(part, etf.MaxQuoted), f.Symbol), "write SYMBOL=YYYY-MM-DD, for example META=2022-06-08")
			continue
		}
		if f.Symbol == e.Symbol {
			t.problem(t.line, "former_symbols", fmt.Sprintf("%s is the symbol that it has", f.Symbol), "name the ones that it had before")
			continue
		}
		if !e.Delisted.IsZero() && f.Last > e.Delisted || f.Last < e.Listed {
			t.problem(t.line, "former_symbols", fmt.Sprintf("%s, the last session as %s, is not between listing and delisting", f.Last, f.Symbol), "correct one of the dates")
			continue
		}
		e.Former = append(e.Former, f)
	}
	slices.SortStableFunc(e.Former, func(a, b etf.FormerSymbol) int { return int(a.Last - b.Last) })
}

func (t *importTable) sources(e *etf.ETF) {
	requests := t.request.Sources
	if named := parts(t.cell("sources")); len(named) > 0 {
		requests = nil
		for _, part := range named {
			name, ref, given := strings.Cut(part, "=")
			request := SourceRequest{Name: strings.TrimSpace(name)}
			if given {
				ref = strings.TrimSpace(ref)
				request.Ref = &ref
			}
			requests = append(requests, request)
		}
	}
	if len(requests) == 0 {
		t.problem(t.line, "sources", "no source is named", "write NAME or NAME=REF, for example yahoo=SPY, or name one for all lines without: --source (?source=)")
		return
	}
	var err error
	if e.Sources, err = t.service.checkSources(requests, e.Symbol, e.Exchange); err != nil {
		t.wrong("sources", err)
	}
}
