package report

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/drift"
)

// What a page holds at most, so that it stays a few megabytes however many ETFs there are.
const (
	mostETFs   = 40 // with tables
	mostDrawn  = 12 // with charts
	mostFans   = 3  // of one model and ETF
	manySeries = 6  // from which on a model has one fan an ETF
)

// Write writes the page. Language is "en" or "ko". The same backtest gives the same bytes. Numbers that are undefined are dashes.
//
// Errors: KindInvalid with Field "language", and those of w.
func Write(w io.Writer, b etf.Backtest, language string) error {
	texts, err := textsOf(language)
	if err != nil {
		return err
	}
	p := newPage(b, texts, language)
	t, err := template.New("page.html").Funcs(template.FuncMap{"t": texts.text, "tf": texts.fill}).Parse(pageHTML)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, p); err != nil {
		return err
	}
	_, err = w.Write(bytes.Map(printable, bytes.ToValidUTF8(out.Bytes(), []byte(string(unicode.ReplacementChar)))))
	return err
}

// printable replaces control characters, which names of files may have, and which HTML may not.
func printable(r rune) rune {
	if unicode.IsControl(r) && r != '\n' {
		return unicode.ReplacementChar
	}
	return r
}

// page is what the template shows. Everything is text already.
type page struct {
	Language, Title, Subtitle string
	Benchmark, Code           string
	Leak                      bool
	Leaks                     []string
	Verdicts                  []verdict
	Facts                     []fact
	Series                    []seriesRow
	Accepted, Failed          []string
	Groups, ETFs              []group
	More, ManyGates           string
}

type fact struct {
	Name, Text string
	English    bool
}

type seriesRow struct {
	ETF, Exchange, Source, Rows, Span, Origins, Data string
}

// group is an exchange, all series or one ETF.
type group struct {
	ID, Title string
	Horizons  []horizon
	Fans      []figure
}

type horizon struct {
	ID, Title, Ahead, Label string
	Rows                    []row
	Charts, PIT             []figure
	Slices                  *sliceTable
}

// Gated says whether a gate decided on any of the rows, and Tested whether the misses of any were tested: columns of dashes are left out.
func (h horizon) Gated() bool {
	return slices.ContainsFunc(h.Rows, func(r row) bool { return r.Served || r.Passed || r.Gate != dash })
}

func (h horizon) Tested() bool {
	return slices.ContainsFunc(h.Rows, func(r row) bool { return r.Kupiec != dash || r.Christoffersen != dash })
}

type figure struct {
	Title, Caption string
	SVG            template.HTML
}

type row struct {
	Model, N                               string
	RelMAE, RelMAEInterval                 string
	RelCRPS, RelCRPSInterval               string
	MASE, RMSSE, Pinball, CRPS             string
	DMP, DMPMAE, Gate, GateInterval        string
	Served, Passed                         bool
	Coverage                               []coverage
	Winkler80, Winkler90, Width80, Width90 string
	Kupiec, Christoffersen                 string
}

// coverage is a share in per cent with its standard error. Mark is "up" or "down" if it is more than two of them from nominal.
type coverage struct{ Share, SE, Mark string }

type sliceTable struct {
	Label  string
	Charts []figure
	Rows   []sliceRow
}

type sliceRow struct {
	Model, Part, N string
	Cells          []string
}

// maker makes the page of a backtest.
type maker struct {
	texts
	b        etf.Backtest
	models   []string // the benchmark first
	horizons []int
}

func newPage(b etf.Backtest, t texts, language string) page {
	m := maker{texts: t, b: b}
	m.order()
	p := page{Language: language, Benchmark: drift.Name, Code: orDash(b.CodeVersion), Leak: b.LeakSuspected, Leaks: m.leaks()}
	p.Title, p.Subtitle = m.title(), m.subtitle()
	p.Verdicts = m.verdicts()
	if n := len(m.gates()); n > 1 {
		p.ManyGates = m.fill("manyGates", "n", n)
	}
	p.Facts = m.facts()
	for _, e := range b.ETFs {
		p.Series = append(p.Series, m.series(e))
		for _, text := range e.Accepted {
			p.Accepted = append(p.Accepted, name(e)+": "+text)
		}
		for _, model := range slices.Sorted(maps.Keys(e.Failed)) {
			p.Failed = append(p.Failed, name(e)+", "+model+": "+e.Failed[model])
		}
	}
	for i, g := range m.pooledGroups() {
		p.Groups = append(p.Groups, m.group(fmt.Sprintf("all%d", i+1), g.title, g.rows, nil, true, true))
	}
	shown := 0
	for i, e := range b.ETFs {
		rows := m.rowsOf(e.ETF)
		if len(rows) == 0 {
			continue
		}
		if shown++; shown > mostETFs {
			continue
		}
		single := len(b.ETFs) == 1
		g := m.group(fmt.Sprintf("etf%d", i+1), name(e), rows, m.fansOf(e.ETF), shown <= mostDrawn, single)
		if single {
			p.Groups = append(p.Groups, g)
		} else {
			p.ETFs = append(p.ETFs, g)
		}
	}
	if shown > mostETFs {
		p.More = m.fill("more", "shown", mostETFs, "n", shown)
	}
	return p
}

// name is the ETF's symbol, or the file's name for a series without one.
func name(e etf.BacktestETF) string { return cmp.Or(string(e.ETF), e.Source) }

// order finds the models, the benchmark first and then as they were asked for, and the horizons in ascending order.
func (m *maker) order() {
	m.models = append([]string{drift.Name}, m.b.Options.Models...)
	m.horizons = slices.Clone(m.b.Options.Horizons)
	for _, r := range slices.Concat(m.b.Pooled, m.b.Results) {
		m.models = append(m.models, r.Model)
		m.horizons = append(m.horizons, r.Horizon)
	}
	seen := map[string]bool{}
	m.models = slices.DeleteFunc(m.models, func(name string) bool {
		was := seen[name]
		seen[name] = true
		return was
	})
	slices.Sort(m.horizons)
	m.horizons = slices.Compact(m.horizons)
}

// number is a model's place in the order.
func (m *maker) number(model string) int { return slices.Index(m.models, model) }

// sorted returns the rows of a horizon in the order of models.
func (m *maker) sorted(rows []etf.BacktestResult, h int) []etf.BacktestResult {
	out := slices.DeleteFunc(slices.Clone(rows), func(r etf.BacktestResult) bool { return r.Horizon != h })
	slices.SortStableFunc(out, func(a, b etf.BacktestResult) int { return cmp.Compare(m.number(a.Model), m.number(b.Model)) })
	return out
}

func (m *maker) rowsOf(symbol etf.Symbol) []etf.BacktestResult {
	var out []etf.BacktestResult
	for _, r := range m.b.Results {
		if r.ETF == symbol {
			out = append(out, r)
		}
	}
	return out
}

func (m *maker) fansOf(symbol etf.Symbol) []etf.BacktestFan {
	var out []etf.BacktestFan
	for _, f := range m.b.Fans {
		if f.ETF == symbol {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, func(a, b etf.BacktestFan) int {
		return cmp.Or(cmp.Compare(m.number(a.Model), m.number(b.Model)), -cmp.Compare(a.Origin, b.Origin))
	})
	most := mostFans
	if len(m.b.ETFs) >= manySeries {
		most = 1
	}
	count := map[string]int{}
	return slices.DeleteFunc(out, func(f etf.BacktestFan) bool {
		count[f.Model]++
		return count[f.Model] > most
	})
}

// titled are rows with a heading.
type titled struct {
	title string
	rows  []etf.BacktestResult
}

// pooledGroups returns the pooled rows by exchange, in their order.
func (m *maker) pooledGroups() []titled {
	var out []titled
	at := map[etf.Exchange]int{}
	for _, r := range m.b.Pooled {
		i, ok := at[r.Exchange]
		if !ok {
			i = len(out)
			at[r.Exchange] = i
			title := m.text("pooledAll")
			if r.Exchange != "" {
				title = m.fill("pooledTitle", "exchange", r.Exchange)
			}
			out = append(out, titled{title: title})
		}
		out[i].rows = append(out[i].rows, r)
	}
	return out
}

func (m *maker) title() string {
	var names []string
	for _, e := range m.b.ETFs {
		names = append(names, name(e))
	}
	if len(names) > 8 {
		names = append(names[:8], "…")
	}
	return orDash(strings.Join(names, ", "))
}

func (m *maker) span() (from, to etf.Session) {
	for _, r := range slices.Concat(m.b.Pooled, m.b.Results) {
		if r.N == 0 {
			continue
		}
		if from == 0 || r.From < from {
			from = r.From
		}
		to = max(to, r.To)
	}
	return from, to
}

func (m *maker) horizonList() string {
	var out []string
	for _, h := range m.horizons {
		out = append(out, strconv.Itoa(h))
	}
	return orDash(strings.Join(out, ", "))
}

func (m *maker) subtitle() string {
	series := m.text("oneSeries")
	if n := len(m.b.ETFs); n != 1 {
		series = m.fill("manySeries", "n", n)
	}
	from, to := m.span()
	return m.fill("subtitle", "series", series, "models", len(m.models), "horizons", m.horizonList(), "from", date(from), "to", date(to))
}

func (m *maker) facts() []fact {
	o := m.b.Options
	from, to := m.span()
	calibrated := m.text("calibratedNo")
	if o.Calibrate {
		calibrated = m.text("calibratedYes")
	}
	origins := m.fill("originsValueOne", "from", date(from), "to", date(to))
	if o.OriginsEvery > 1 {
		origins = m.fill("originsValue", "from", date(from), "to", date(to), "every", o.OriginsEvery)
	}
	refit := m.text("refitValueOne")
	if o.RefitEvery > 1 {
		refit = m.fill("refitValue", "n", o.RefitEvery)
	}
	out := []fact{
		{Name: m.text("models"), Text: strings.Join(m.models, ", ")},
		{Name: m.text("benchmark"), Text: drift.Name},
		{Name: m.text("horizons"), Text: m.fill("horizonsValue", "list", m.horizonList())},
		{Name: m.text("origins"), Text: origins},
		{Name: m.text("refit"), Text: refit},
		{Name: m.text("calibrated"), Text: calibrated},
	}
	if o.ExpectSignal != "" {
		out = append(out, fact{Name: m.text("expected"), Text: plain(o.ExpectSignal)})
	}
	return append(out, fact{Name: m.text("code"), Text: orDash(m.b.CodeVersion), English: true})
}

func (m *maker) series(e etf.BacktestETF) seriesRow {
	var data []string
	if e.DataVersion > 0 {
		data = append(data, m.fill("dataVersion", "v", e.DataVersion, "at", e.AsOf.UTC().Format(time.RFC3339)))
	}
	if e.ClosesHash != "" {
		data = append(data, m.fill("closes", "hash", e.ClosesHash[:min(16, len(e.ClosesHash))]))
	}
	return seriesRow{
		ETF: orDash(string(e.ETF)), Exchange: orDash(string(e.Exchange)), Source: orDash(e.Source), Rows: strconv.Itoa(e.Rows),
		Span: date(e.From) + " – " + date(e.To), Origins: strconv.Itoa(e.Origins), Data: orDash(strings.Join(data, ", ")),
	}
}

// group makes the tables of rows, with charts if drawn, and with those of coverage by year if whole.
func (m *maker) group(id, title string, rows []etf.BacktestResult, fans []etf.BacktestFan, drawn, whole bool) group {
	g := group{ID: id, Title: title}
	for _, h := range m.horizons {
		list := m.sorted(rows, h)
		if len(list) == 0 {
			continue
		}
		x := horizon{ID: fmt.Sprintf("%s-h%d", id, h), Title: m.fill("horizonTitle", "h", h), Ahead: m.text("sessionAhead")}
		if h != 1 {
			x.Ahead = m.fill("sessionsAhead", "h", h)
		}
		x.Label = title + ", " + x.Title
		for _, r := range list {
			x.Rows = append(x.Rows, m.row(r))
		}
		if drawn {
			x.Charts, x.PIT = m.charts(list, x.Label), m.histograms(list)
		}
		x.Slices = m.slices(list, x.Label, drawn && whole)
		g.Horizons = append(g.Horizons, x)
	}
	if !drawn {
		return g
	}
	for _, f := range fans {
		if x, ok := m.fan(f); ok {
			g.Fans = append(g.Fans, x)
		}
	}
	return g
}

func (m *maker) row(r etf.BacktestResult) row {
	out := row{
		Model: r.Model, N: strconv.Itoa(r.N), Served: r.Served,
		RelMAE: number(r.RelMAE, 3), RelMAEInterval: m.interval(r.RelMAELow, r.RelMAEHigh, 3),
		RelCRPS: number(r.RelCRPS, 3), RelCRPSInterval: m.interval(r.RelCRPSLow, r.RelCRPSHigh, 3),
		MASE: number(r.MASE, 3), RMSSE: number(r.RMSSE, 3), Pinball: number(r.Pinball, 4), CRPS: number(r.CRPS, 4),
		DMP: pValue(r.DMP), DMPMAE: pValue(r.DMPMAE), Gate: dash,
		Winkler80: number(r.Winkler80, 2), Winkler90: number(r.Winkler90, 2), Width80: number(r.Width80, 2), Width90: number(r.Width90, 2),
		Kupiec: pValue(r.KupiecP), Christoffersen: pValue(r.ChristP),
	}
	if r.Model == drift.Name { // 1 by definition
		out.RelMAEInterval, out.RelCRPSInterval = "", ""
	}
	if v := r.Gate; v != nil {
		out.Passed = v.Passed
		if v.N > 0 {
			out.Gate, out.GateInterval = signed(&v.Mean, 4), m.interval(&v.Low, &v.High, 4)
		}
	}
	for _, l := range levels {
		share, se := l.result(r)
		c := coverage{Share: dash}
		if finite(share) {
			c.Share = percent(*share, 3)
			if finite(se) {
				c.SE = "±" + percent(*se, 3)
				switch d := *share - l.nominal; {
				case d > 2**se:
					c.Mark = "up"
				case d < -2**se:
					c.Mark = "down"
				}
			}
		}
		out.Coverage = append(out.Coverage, c)
	}
	return out
}

func (m *maker) interval(low, high *float64, digits int) string {
	if !finite(low) || !finite(high) {
		return ""
	}
	return m.fill("to", "low", number(low, digits), "high", number(high, digits))
}

func (m *maker) charts(rows []etf.BacktestResult, label string) []figure {
	var out []figure
	others := slices.DeleteFunc(slices.Clone(rows), func(r etf.BacktestResult) bool { return r.Model == drift.Name })
	title := m.fill("ratioTitle", "benchmark", drift.Name)
	svg := drawRatios(others, func(r etf.BacktestResult) (ratio, low, high *float64) { return r.RelCRPS, r.RelCRPSLow, r.RelCRPSHigh }, label+": "+title, m.text("ratioText"))
	if svg != "" {
		out = append(out, figure{title, m.text("ratioText"), svg})
	}
	var ends []string
	for _, r := range others {
		if n := len(r.Steps); n > 0 {
			ends = append(ends, r.Model+" "+number(&r.Steps[n-1].Sum, 2))
		}
	}
	title = m.fill("sumTitle", "benchmark", drift.Name)
	text := m.fill("sumText", "ends", strings.Join(ends, ", "))
	if svg := drawSums(others, func(model string) int { return m.number(model) - 1 }, label+": "+title, text); svg != "" {
		out = append(out, figure{title, text, svg})
	}
	return out
}

func (m *maker) histograms(rows []etf.BacktestResult) []figure {
	var out []figure
	for _, r := range rows {
		var counts []string
		for _, n := range r.PIT {
			counts = append(counts, strconv.Itoa(n))
		}
		svg := drawPIT(r.PIT, m.fill("pitLabel", "model", r.Model), m.fill("pitCounts", "counts", strings.Join(counts, ", ")))
		if svg != "" {
			out = append(out, figure{Title: r.Model, SVG: svg})
		}
	}
	return out
}

// part names a slice; short names fit below a chart.
func (m *maker) part(s etf.BacktestSlice, short bool) string {
	if s.By != "volatility" {
		return s.Name
	}
	key := s.Name
	if short {
		key += "Short"
	}
	if text, ok := m.texts[key]; ok {
		return text
	}
	return s.Name
}

func (m *maker) slices(rows []etf.BacktestResult, label string, drawn bool) *sliceTable {
	out := sliceTable{Label: label + ": " + m.text("sliceTitle")}
	for _, r := range rows {
		// Volatility from low to high, then the years.
		list := slices.Clone(r.Slices)
		slices.SortStableFunc(list, func(a, b etf.BacktestSlice) int {
			rank := func(s etf.BacktestSlice) int {
				if s.By == "volatility" {
					return slices.Index([]string{"low", "middle", "high"}, s.Name)
				}
				return 9
			}
			if d := cmp.Compare(rank(a), rank(b)); d != 0 || a.By == "volatility" {
				return d
			}
			return cmp.Compare(a.Name, b.Name)
		})
		for _, s := range list {
			x := sliceRow{Model: r.Model, Part: m.part(s, false), N: strconv.Itoa(s.N), Cells: []string{number(s.RelMAE, 3), number(s.RelCRPS, 3)}}
			for _, l := range levels {
				cell := dash
				if p := l.slice(s); finite(p) {
					cell = percent(*p, 3)
				}
				x.Cells = append(x.Cells, cell)
			}
			out.Rows = append(out.Rows, x)
		}
		if !drawn {
			continue
		}
		svg := drawSlices(list, func(s etf.BacktestSlice) string { return m.part(s, true) }, m.fill("sliceLabel", "model", r.Model), m.text("sliceDescription"))
		if svg != "" {
			out.Charts = append(out.Charts, figure{Title: r.Model, SVG: svg})
		}
	}
	if len(out.Rows) == 0 {
		return nil
	}
	return &out
}

func (m *maker) fan(f etf.BacktestFan) (figure, bool) {
	if len(f.Points) == 0 || len(f.Before) == 0 {
		return figure{}, false
	}
	last := f.Points[len(f.Points)-1]
	came := ""
	for _, c := range f.After {
		if c.Session == last.Target {
			came = m.fill("fanCame", "close", price(c.Close))
		}
	}
	title := m.fill("fanLabel", "model", f.Model, "origin", date(f.Origin))
	text := m.fill("fanDescription", "close", price(f.Before[len(f.Before)-1].Close), "target", date(last.Target), "median", price(last.Quantiles[3]),
		"low", price(last.Quantiles[0]), "high", price(last.Quantiles[6]), "came", came)
	svg := drawFan(f, title, text)
	return figure{title, text, svg}, svg != ""
}

const dash = "–"

func orDash(text string) string {
	if text = plain(text); text == "" {
		return dash
	}
	return text
}

func date(s etf.Session) string { return orDash(s.String()) }

func number(p *float64, digits int) string {
	if !finite(p) {
		return dash
	}
	return plainNumber(*p+0, digits)
}

// signed shows the sign of a number always.
func signed(p *float64, digits int) string {
	text := number(p, digits)
	if finite(p) && *p > 0 {
		text = "+" + text
	}
	return text
}

// price shows six significant digits at least.
func price(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return dash
	}
	return strconv.FormatFloat(v, 'f', max(0, min(6, 5-int(math.Floor(math.Log10(math.Max(math.Abs(v), 1e-9)))))), 64)
}

func pValue(p *float64) string {
	if finite(p) && *p < .001 {
		return "< .001"
	}
	return number(p, 3)
}
