package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/etfcast/etfcast/etf"
)

var keep = flag.String("keep", "", "folder to write the pages to, to look at them")

var allModels = []string{"drift", "ewma", "histsim", "ets", "theta", "garch", "gjr", "prophet", "combination"}

func p(v float64) *float64 { return &v }

// sample is a backtest of generated figures: n ETFs of an exchange ("" for files), with everything that a page shows.
func sample(n int, exchange etf.Exchange, models []string) etf.Backtest {
	rng := rand.New(rand.NewPCG(7, 8))
	first := etf.NewSession(2019, 1, 2)
	b := etf.Backtest{
		Options:     etf.BacktestOptions{Models: models, Horizons: []int{1, 5, 21}, OriginsEvery: 1, RefitEvery: 21, Calibrate: true},
		CodeVersion: "v0.2.0-test",
	}
	result := func(symbol etf.Symbol, model string, h int) etf.BacktestResult {
		r := etf.BacktestResult{ETF: symbol, Exchange: exchange, Model: model, Horizon: h, N: 1750, From: first, To: first.AddDays(2555)}
		ratio := 1.0
		if model != "drift" {
			ratio = 1 + .02*rng.NormFloat64() + .03*float64(len(model)%4)
			r.RelMAELow, r.RelMAEHigh, r.RelCRPSLow, r.RelCRPSHigh = p(ratio-.012), p(ratio+.012), p(ratio-.01), p(ratio+.01)
			r.DMP, r.DMPMAE = p(rng.Float64()*.2), p(.0004)
			r.Gate = &etf.GateVerdict{Exchange: exchange, Model: model, Horizon: h, N: 1750 / h, Mean: (ratio - 1) / 3, Low: (ratio-1)/3 - .005, High: (ratio-1)/3 + .02, Level: .05 / 24}
		}
		r.RelMAE, r.RelCRPS = p(ratio), p(ratio)
		root := math.Sqrt(float64(h))
		r.MASE, r.RMSSE, r.Pinball, r.CRPS = p(ratio*root), p(1.3*root), p(.28*root), p(.71*ratio*root)
		for i, at := range []**float64{&r.Coverage50, &r.Coverage80, &r.Coverage90, &r.Coverage95} {
			*at = p(levels[i].nominal + .015*rng.NormFloat64())
		}
		r.Coverage50SE, r.Coverage80SE, r.Coverage90SE, r.Coverage95SE = p(.012), p(.01), p(.008), p(.005)
		r.Winkler80, r.Winkler90, r.Width80, r.Width90 = p(4.5*root), p(5.3*root), p(3.2*root), p(4.2*root)
		r.KupiecP, r.ChristP = p(.31), p(.02)
		for range 10 {
			r.PIT = append(r.PIT, 150+rng.IntN(50))
		}
		r.Served = model == "drift"
		for _, part := range []string{"low", "middle", "high"} {
			r.Slices = append(r.Slices, etf.BacktestSlice{By: "volatility", Name: part, N: 583, RelMAE: p(1), RelCRPS: p(ratio), Coverage50: p(.5), Coverage80: p(.78 + .04*rng.Float64()), Coverage90: p(.88 + .04*rng.Float64()), Coverage95: p(.95)})
		}
		for year := 2019; year <= 2025; year++ {
			r.Slices = append(r.Slices, etf.BacktestSlice{By: "year", Name: fmt.Sprint(year), N: 250, RelMAE: p(1), RelCRPS: p(ratio), Coverage50: p(.45 + .1*rng.Float64()), Coverage80: p(.76 + .08*rng.Float64()), Coverage90: p(.87 + .06*rng.Float64()), Coverage95: p(.93 + .04*rng.Float64())})
		}
		if model != "drift" {
			sum := 0.0
			for i := range 250 {
				sum += (ratio-1)*3 + .4*rng.NormFloat64()
				r.Steps = append(r.Steps, etf.BacktestStep{Origin: first.AddDays(i * 10), Sum: sum})
			}
		}
		return r
	}
	for i := range n {
		symbol := etf.Symbol(fmt.Sprintf("ETF%d", i+1))
		e := etf.BacktestETF{ETF: symbol, Exchange: exchange, Source: string(symbol) + ".csv", Rows: 2500, From: first.AddDays(-1100), To: first.AddDays(2555), ClosesHash: strings.Repeat("0123456789abcdef", 4), Origins: 1750}
		b.ETFs = append(b.ETFs, e)
		for _, model := range models {
			for _, h := range b.Options.Horizons {
				b.Results = append(b.Results, result(symbol, model, h))
			}
			b.Fans = append(b.Fans, fan(symbol, model, first.AddDays(2500), rng))
		}
	}
	if n > 1 {
		for _, model := range models {
			for _, h := range b.Options.Horizons {
				b.Pooled = append(b.Pooled, result("", model, h))
			}
		}
	}
	return b
}

// fan is a random walk with a forecast from its 60th day, and what came.
func fan(symbol etf.Symbol, model string, origin etf.Session, rng *rand.Rand) etf.BacktestFan {
	f := etf.BacktestFan{ETF: symbol, Model: model, Origin: origin}
	x := 100.0
	for i := range 60 {
		x *= math.Exp(.01 * rng.NormFloat64())
		f.Before = append(f.Before, etf.BacktestClose{Session: origin.AddDays(i - 59), Close: x})
	}
	now := x
	for h := 1; h <= 21; h++ {
		point := etf.ForecastPoint{Horizon: h, Target: origin.AddDays(h), Mean: now}
		for i, z := range []float64{-1.645, -1.282, -.674, 0, .674, 1.282, 1.645} {
			point.Quantiles[i] = now * math.Exp(.01*z*math.Sqrt(float64(h)))
		}
		f.Points = append(f.Points, point)
		f.Tails = append(f.Tails, [2]float64{now * math.Exp(-.0196*math.Sqrt(float64(h))), now * math.Exp(.0196*math.Sqrt(float64(h)))})
		x *= math.Exp(.01 * rng.NormFloat64())
		f.After = append(f.After, etf.BacktestClose{Session: origin.AddDays(h), Close: x})
	}
	return f
}

func write(t testing.TB, b etf.Backtest, language string) string {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, b, language); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// seen is what a parsed page holds.
type seen struct {
	count    map[string]int
	text     string   // without that of style
	labels   []string // of charts
	ids      map[string]int
	addrs    []string // attributes that could load something or run code
	rows     [][]string
	headings []string
}

// parse reads a page as a browser does.
func parse(t testing.TB, page string) seen {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	out := seen{count: map[string]int{}, ids: map[string]int{}}
	var text strings.Builder
	var content func(n *html.Node) string
	content = func(n *html.Node) string {
		if n.Type == html.TextNode {
			return n.Data
		}
		var s string
		for c := range n.ChildNodes() {
			s += content(c)
		}
		return s
	}
	for n := range root.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "style" {
			text.WriteString(n.Data)
		}
		if n.Type != html.ElementNode {
			continue
		}
		out.count[n.Data]++
		for _, a := range n.Attr {
			switch {
			case a.Key == "id":
				out.ids[a.Val]++
			case a.Key == "aria-label" && n.Data == "svg":
				out.labels = append(out.labels, a.Val)
			case a.Key == "src" || a.Key == "href" || a.Key == "srcset" || strings.HasPrefix(a.Key, "on"):
				out.addrs = append(out.addrs, a.Key+"="+a.Val)
			}
		}
		switch n.Data {
		case "tr":
			var cells []string
			for c := range n.ChildNodes() {
				cells = append(cells, strings.TrimSpace(content(c)))
			}
			out.rows = append(out.rows, cells)
		case "h1", "h2", "h3", "summary":
			out.headings = append(out.headings, content(n))
		}
	}
	out.text = text.String()
	return out
}

func TestPageHasEverything(t *testing.T) {
	t.Parallel()
	b := sample(3, "XNYS", allModels)
	for _, language := range []string{"en", "ko"} {
		page := write(t, b, language)
		d := parse(t, page)
		if !strings.Contains(page, `<html lang="`+language+`">`) {
			t.Errorf("%s: the page's language is not stated", language)
		}
		// An exchange and 3 ETFs, 3 horizons: two tables and one of slices each, and one of the series.
		if want := 4*3*3 + 1; d.count["table"] != want {
			t.Errorf("%s: %d tables, want %d", language, d.count["table"], want)
		}
		// By horizon, ratios, sums and 9 histograms; 9 coverage charts only for the exchange; 9 fans for each ETF.
		if want := 4*3*(2+9) + 3*9 + 3*9; d.count["svg"] != want || len(d.labels) != want {
			t.Errorf("%s: %d charts, %d with a text in their place, want %d", language, d.count["svg"], len(d.labels), want)
		}
		for id, n := range d.ids {
			if n != 1 {
				t.Errorf("%s: %d elements have the id %q", language, n, id)
			}
		}
		if d.count["script"]+d.count["link"]+d.count["img"]+d.count["iframe"] != 0 || len(d.addrs) != 0 || strings.Contains(page, "@import") || strings.Contains(page, "url(") {
			t.Errorf("%s: the page needs something else: %q", language, d.addrs)
		}
		for _, bad := range []string{"NaN", "Inf", "{", "FED0", "ZgotmplZ", "<nil>", "%!"} {
			if strings.Contains(strings.ReplaceAll(d.text, "{}", ""), bad) {
				t.Errorf("%s: the text has %q", language, bad)
			}
		}
		if strings.Contains(page, "NaN") || strings.Contains(page, "#FED0") {
			t.Errorf("%s: a chart has NaN or a colour that is no role's", language)
		}
		if len(page) > 3<<20 {
			t.Errorf("%s: %d bytes", language, len(page))
		}
	}
}

// However many ETFs there are, a page does not grow without end.
func TestPageStaysSmall(t *testing.T) {
	t.Parallel()
	page := write(t, sample(100, "XNYS", allModels[:4]), "en")
	if len(page) > 4<<20 || !strings.Contains(page, "40 of 100 ETFs are shown") {
		t.Errorf("100 ETFs: %d bytes", len(page))
	}
}

func TestNumbersInTables(t *testing.T) {
	t.Parallel()
	b := sample(1, "XNYS", []string{"drift", "theta"})
	b.Options.Horizons = []int{5}
	r := etf.BacktestResult{ETF: "ETF1", Exchange: "XNYS", Model: "theta", Horizon: 5, N: 1234, From: b.Results[0].From, To: b.Results[0].To,
		RelMAE: p(.98765), RelMAELow: p(.97), RelMAEHigh: p(1.01), RelCRPS: p(1.0004), MASE: p(2.236), RMSSE: p(math.NaN()), Pinball: p(.25004), CRPS: p(math.Inf(1)),
		DMP: p(.0004), Coverage50: p(.5), Coverage50SE: p(.01), Coverage80: p(.7), Coverage80SE: p(.02), Coverage90: p(.95), Coverage90SE: p(.01), Coverage95: p(.95),
		Winkler80: p(3.514), Width90: p(12), KupiecP: p(.05),
		Gate: &etf.GateVerdict{N: 246, Mean: -.0031, Low: -.0062, High: .0001}}
	b.Results = []etf.BacktestResult{r}
	b.Fans = nil
	d := parse(t, write(t, b, "en"))
	for _, want := range [][]string{
		{"theta", "1234", "0.9880.970 to 1.010", "1.000", "2.236", "–", "0.2500", "–", "< .001", "–", "−0.0031−0.0062 to 0.0001", "–"},
		{"theta", "50.0±1.0", "70.0 ▼more than two standard errors below nominal: too narrow±2.0", "95.0 ▲more than two standard errors above nominal: too wide±1.0", "95.0", "3.51", "–", "–", "12.00", "0.050", "–"},
	} {
		if !slices.ContainsFunc(d.rows, func(row []string) bool { return slices.Equal(row, want) }) {
			t.Errorf("no row %q in %q", want, d.rows)
		}
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	says := func(b etf.Backtest) []string {
		var out []string
		en, err := textsOf("en")
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range newPage(b, en, "en").Verdicts {
			out = append(out, v.Says)
		}
		return out
	}
	two := []string{"drift", "theta"}
	serve := func(rows []etf.BacktestResult, symbol etf.Symbol, h int) {
		for i := range rows {
			if r := &rows[i]; r.ETF == symbol && r.Horizon == h {
				r.Served = r.Model == "theta"
				if r.Served {
					*r.Gate = etf.GateVerdict{N: 350, Mean: -.02, Low: -.03, High: -.01, Passed: true, Served: true}
				}
			}
		}
	}
	one, pooled, files := sample(1, "", two), sample(3, "XNYS", two), sample(3, "", two)
	files.Pooled = nil
	served, pooledServed, fileServed := sample(1, "", two), sample(3, "XNYS", two), sample(3, "", two)
	fileServed.Pooled = nil
	serve(served.Results, "ETF1", 5)
	serve(pooledServed.Pooled, "", 5)
	serve(pooledServed.Results, "ETF1", 21) // an ETF alone decides nothing where the exchange has a gate
	serve(fileServed.Results, "ETF2", 5)
	lucky := sample(1, "", two) // far better by its ratio, but not served
	for i := range lucky.Results {
		if lucky.Results[i].Model == "theta" {
			lucky.Results[i].RelCRPS, lucky.Results[i].DMP = p(.5), p(.0001)
		}
	}
	for _, c := range []struct {
		name string
		b    etf.Backtest
		want []string
	}{
		{"none", one, []string{"Horizon 1: no model is better than drift.", "Horizon 5: no model is better than drift.", "Horizon 21: no model is better than drift."}},
		{"none, pooled", pooled, []string{"Horizon 1: no model is better than drift.", "Horizon 5: no model is better than drift.", "Horizon 21: no model is better than drift."}},
		{"none of the files", files, []string{"Horizon 1: no model is better than drift on any of the 3 series.", "Horizon 5: no model is better than drift on any of the 3 series.", "Horizon 21: no model is better than drift on any of the 3 series."}},
		{"served", served, []string{"Horizon 1: no model is better than drift.", "Horizon 5: theta is better than drift, and is served.", "Horizon 21: no model is better than drift."}},
		{"served, pooled", pooledServed, []string{"Horizon 1: no model is better than drift.", "Horizon 5: theta is better than drift, and is served.", "Horizon 21: no model is better than drift."}},
		{"served on a file", fileServed, []string{"Horizon 1: no model is better than drift on any of the 3 series.", "Horizon 5, ETF2: theta is better than drift, and is served.", "Horizon 5: no model is better than drift on ETF1, ETF3.", "Horizon 21: no model is better than drift on any of the 3 series."}},
		{"lucky", lucky, []string{"Horizon 1: no model is better than drift.", "Horizon 5: no model is better than drift.", "Horizon 21: no model is better than drift."}},
		{"benchmark alone", sample(1, "", two[:1]), []string{"Only the benchmark (drift) was measured: there is nothing to compare."}},
		{"empty", etf.Backtest{}, []string{"Nothing could be measured: there are no results."}},
	} {
		if got := says(c.b); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

// Where a leak is suspected, nothing is said to be better.
func TestLeak(t *testing.T) {
	t.Parallel()
	b := sample(1, "XNYS", []string{"drift", "theta"})
	for i := range b.Results {
		b.Results[i].Served = b.Results[i].Model == "theta"
	}
	b.LeakSuspected, b.Suspects = true, []etf.BacktestSuspect{{ETF: "ETF1", Exchange: "XNYS", Model: "theta", RelMAE: .4123, N: 250}, {Exchange: "XNYS", Model: "theta", RelMAE: .9, N: 500}}
	for language, want := range map[string][5]string{
		"en": {"A leak is suspected", "is better than drift, and is served", "theta on ETF1: relative MAE 0.412 one session ahead over 250 forecasts", "theta on all ETFs together: relative MAE 0.900", "Look whether closes are known too early"},
		"ko": {"정보 누출이 의심됩니다", "제공 모델입니다", "ETF1의 theta 모델: 예측 250개의 1거래일 뒤 상대 MAE가 0.412입니다", "모든 ETF의 theta 모델", "종가를 너무 일찍 알고 있지 않은지"},
	} {
		d := parse(t, write(t, b, language))
		if !strings.Contains(d.text, want[0]) || !strings.Contains(d.text, want[2]) || !strings.Contains(d.text, want[3]) || !strings.Contains(d.text, want[4]) || strings.Contains(d.text, want[1]) {
			t.Errorf("%s: %q", language, d.headings)
		}
		b := sample(1, "XNYS", []string{"drift", "theta"})
		if d := parse(t, write(t, b, language)); strings.Contains(d.text, want[0]) {
			t.Errorf("%s: a leak is suspected without one", language)
		}
	}
}

// Names come from files and from whoever writes them.
func TestHostileNamesAreText(t *testing.T) {
	t.Parallel()
	const hostile = `</svg></style></script><script>alert(1)</script><img src=x onerror=alert(2)>"'` + "\x00\x1b[31m\xff{{.}}{n}"
	b := sample(2, etf.Exchange(hostile), []string{"drift", "theta"})
	rename := func(s *etf.Symbol) {
		if *s != "" {
			*s += hostile
		}
	}
	for i := range b.ETFs {
		rename(&b.ETFs[i].ETF)
		b.ETFs[i].Source, b.ETFs[i].ClosesHash = hostile, hostile
		b.ETFs[i].Accepted, b.ETFs[i].Failed = []string{hostile}, map[string]string{hostile: hostile}
	}
	for _, rows := range [][]etf.BacktestResult{b.Results, b.Pooled} {
		for i := range rows {
			rename(&rows[i].ETF)
			if rows[i].Model != "drift" {
				rows[i].Model = hostile
			}
			for k := range rows[i].Slices {
				rows[i].Slices[k].Name = hostile
			}
		}
	}
	for i := range b.Fans {
		rename(&b.Fans[i].ETF)
		b.Fans[i].Model = hostile
	}
	b.Options.ExpectSignal, b.CodeVersion = hostile, hostile
	for _, leak := range []bool{false, true} {
		b.LeakSuspected, b.Suspects = leak, []etf.BacktestSuspect{{ETF: hostile, Model: hostile}}
		for _, language := range []string{"en", "ko"} {
			page := write(t, b, language)
			d := parse(t, page)
			if d.count["script"]+d.count["img"] != 0 || len(d.addrs) != 0 || d.count["style"] != 1 {
				t.Errorf("%s: a name became an element: %v %q", language, d.count, d.addrs)
			}
			if !strings.Contains(d.text, "<script>alert(1)</script>") {
				t.Errorf("%s: the names are not shown", language)
			}
			if strings.ContainsAny(page, "\x00\x1b") {
				t.Errorf("%s: control characters in the page", language)
			}
		}
	}
}

func TestSameBacktestSameBytes(t *testing.T) {
	t.Parallel()
	b := sample(2, "XNYS", allModels[:4])
	b.ETFs[0].Failed = map[string]string{"theta": "1 of 80: a", "ets": "2 of 80: b", "garch": "3 of 80: c"}
	want := write(t, b, "en")
	for range 5 {
		if write(t, b, "en") != want {
			t.Fatal("two pages of the same backtest differ")
		}
	}
	// The order of rows in the backtest doesn't matter.
	slices.Reverse(b.Results)
	slices.Reverse(b.Pooled)
	if write(t, b, "en") != want {
		t.Error("the order of results shows")
	}
}

// Whatever is missing leaves its place out and nothing else.
func TestSparseBacktests(t *testing.T) {
	t.Parallel()
	whole := func() etf.Backtest { return sample(1, "", []string{"drift", "theta"}) }
	for name, change := range map[string]func(*etf.Backtest){
		"empty":      func(b *etf.Backtest) { *b = etf.Backtest{} },
		"no results": func(b *etf.Backtest) { b.Results, b.Fans = nil, nil },
		"no statistics": func(b *etf.Backtest) {
			for i, r := range b.Results {
				b.Results[i] = etf.BacktestResult{ETF: r.ETF, Model: r.Model, Horizon: r.Horizon}
			}
		},
		"NaN everywhere": func(b *etf.Backtest) {
			nan := math.NaN()
			for i := range b.Results {
				r := &b.Results[i]
				r.RelMAE, r.RelMAELow, r.RelCRPS, r.RelCRPSHigh, r.Coverage90, r.Coverage90SE, r.DMP = &nan, &nan, &nan, &nan, &nan, &nan, &nan
				for k := range r.Steps {
					r.Steps[k].Sum = nan
				}
				for k := range r.Slices {
					r.Slices[k].Coverage80 = &nan
				}
			}
			b.Fans[0].Points[3].Quantiles[2] = nan
			b.Fans[1].After[1].Close = math.Inf(1)
		},
		"one step, one origin": func(b *etf.Backtest) {
			for i := range b.Results {
				b.Results[i].N, b.Results[i].Steps, b.Results[i].PIT = 1, b.Results[i].Steps[:min(1, len(b.Results[i].Steps))], []int{0, 1, 0, 0, 0, 0, 0, 0, 0, 0}
			}
			b.Fans[0].Points, b.Fans[0].Tails, b.Fans[0].After = b.Fans[0].Points[:1], nil, nil
			b.Fans[1].Before = b.Fans[1].Before[:1]
		},
		"flat prices": func(b *etf.Backtest) {
			for i := range b.Fans {
				f := &b.Fans[i]
				for k := range f.Before {
					f.Before[k].Close = 1e-7
				}
				for k := range f.After {
					f.After[k].Close = 1e-7
				}
				for k := range f.Points {
					f.Points[k].Quantiles, f.Tails[k] = [7]float64{1e-7, 1e-7, 1e-7, 1e-7, 1e-7, 1e-7, 1e-7}, [2]float64{1e-7, 1e-7}
				}
			}
		},
		"a hopeless model": func(b *etf.Backtest) {
			for i := range b.Results {
				if b.Results[i].Model == "theta" {
					b.Results[i].RelCRPS, b.Results[i].RelCRPSLow, b.Results[i].RelCRPSHigh = p(1e9), p(-1e9), p(1e12)
				}
			}
		},
	} {
		b := whole()
		change(&b)
		for _, language := range []string{"en", "ko"} {
			page := write(t, b, language)
			if strings.Contains(page, "NaN") || strings.Contains(page, "Inf") || strings.Contains(page, "e+") {
				at := regexp.MustCompile(`.{0,60}(NaN|Inf|e\+).{0,30}`).FindString(page)
				t.Errorf("%s: %s", name, at)
			}
			parse(t, page)
		}
	}
}

func TestLanguages(t *testing.T) {
	t.Parallel()
	var en, ko map[string]string
	if err := errors.Join(json.Unmarshal(english, &en), json.Unmarshal(korean, &ko)); err != nil {
		t.Fatal(err)
	}
	values := regexp.MustCompile(`\{\w+\}`)
	of := func(text string) []string {
		found := values.FindAllString(text, -1)
		slices.Sort(found)
		return slices.Compact(found)
	}
	for key, text := range en {
		other, ok := ko[key]
		if !ok || other == "" {
			t.Errorf("%s: not in Korean", key)
		}
		if !slices.Equal(of(text), of(other)) {
			t.Errorf("%s: values %v in English, %v in Korean", key, of(text), of(other))
		}
	}
	for key := range ko {
		if _, ok := en[key]; !ok {
			t.Errorf("%s: not in English", key)
		}
	}
	// Every message that is asked for exists, and each is used.
	sources := pageHTML
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources += string(text)
	}
	asked := map[string]bool{"low": true, "middle": true, "high": true, "lowShort": true, "middleShort": true, "highShort": true}
	for _, m := range regexp.MustCompile(`(?:\{t |\{tf |text\(|fill\()"(\w+)"`).FindAllStringSubmatch(sources, -1) {
		asked[m[1]] = true
		if _, ok := en[m[1]]; !ok {
			t.Errorf("%s is asked for, and there is no such message", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`(?:: |\()(?:t|tf) "(\w+)"`).FindAllStringSubmatch(sources, -1) {
		asked[m[1]] = true
	}
	for key := range en {
		if !asked[key] {
			t.Errorf("%s is never asked for", key)
		}
	}
	err = Write(io.Discard, etf.Backtest{}, "de")
	var e *etf.Error
	if !errors.As(err, &e) || e.Kind != etf.KindInvalid || e.Field != "language" || e.Remedy == "" {
		t.Errorf("%v", err)
	}
}

type full struct{}

var errFull = errors.New("the disk is full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestWriterErrorsComeBack(t *testing.T) {
	t.Parallel()
	if err := Write(full{}, sample(1, "", allModels[:2]), "en"); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
}

func TestNiceTicks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lo, hi float64
		n      int
		want   []string
	}{
		{.93, 1.08, 5, []string{"0.95", "1.00", "1.05"}},
		{-12, 31, 6, []string{"−10", "0", "10", "20", "30"}},
		{0, 1, 5, []string{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}},
		{98.2, 131, 6, []string{"100", "110", "120", "130"}},
		{1, 1, 5, nil},
	} {
		var got []string
		for _, x := range nice(c.lo, c.hi, c.n, plainNumber) {
			got = append(got, x.label)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v to %v: %q, want %q", c.lo, c.hi, got, c.want)
		}
	}
}

func TestDateTicks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lo, hi etf.Session
		n      int
		want   []string
	}{
		{etf.NewSession(2019, 1, 2), etf.NewSession(2026, 2, 1), 4, []string{"2020", "2022", "2024", "2026"}},
		{etf.NewSession(2025, 2, 20), etf.NewSession(2025, 7, 2), 5, []string{"2025-03", "2025-04", "2025-05", "2025-06", "2025-07"}},
		{etf.NewSession(2025, 2, 20), etf.NewSession(2025, 3, 2), 5, []string{"02-20", "02-22", "02-24", "02-26", "02-28", "03-02"}},
	} {
		var got []string
		for _, x := range dateTicks(c.lo, c.hi, c.n) {
			got = append(got, x.label)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s to %s: %q, want %q", c.lo, c.hi, got, c.want)
		}
	}
}

// A line is thinned out, its ends kept.
func TestThin(t *testing.T) {
	t.Parallel()
	x := make([]int, 1000)
	for i := range x {
		x[i] = i
	}
	if got := thin(x, 140); len(got) != 140 || got[0] != 0 || got[139] != 999 {
		t.Errorf("%d elements from %d to %d", len(got), got[0], got[len(got)-1])
	}
	if got := thin(x[:7], 140); len(got) != 7 {
		t.Errorf("%d of 7 elements", len(got))
	}
}

// Names at the ends of lines don't lie over each other, and stay on the drawing.
func TestNamesOfLinesAreApart(t *testing.T) {
	t.Parallel()
	var rows []etf.BacktestResult
	for i, model := range allModels[1:] {
		rows = append(rows, etf.BacktestResult{Model: model, Steps: []etf.BacktestStep{{Origin: 100, Sum: 0}, {Origin: 2000, Sum: 50 + .001*float64(i)}}})
	}
	svg := string(drawSums(rows, func(model string) int { return slices.Index(allModels, model) }, "t", "d"))
	var at []float64
	for _, m := range regexp.MustCompile(`<text x="[^"]*" y="(-[^"]*)"[^>]*>(\w+)</text>`).FindAllStringSubmatch(svg, -1) {
		if slices.Contains(allModels, m[2]) {
			var y float64
			if _, err := fmt.Sscan(m[1], &y); err != nil {
				t.Fatal(err)
			}
			at = append(at, -y)
		}
	}
	slices.Sort(at)
	if len(at) != 8 || at[0] < 0 || at[7] > chartHeight+30-ascent {
		t.Fatalf("names at %v", at)
	}
	for i := 1; i < len(at); i++ {
		if at[i]-at[i-1] < textSize {
			t.Errorf("names at %v", at)
		}
	}
}

// A suspected leak, a file and an exchange in both languages: a look at them is worth more than any test (-keep FOLDER).
func TestPages(t *testing.T) {
	t.Parallel()
	leak := sample(1, "", allModels)
	leak.LeakSuspected, leak.Suspects = true, []etf.BacktestSuspect{{ETF: "ETF1", Model: "theta", RelMAE: .412, N: 1000}}
	folder := cmp.Or(*keep, t.TempDir())
	for name, b := range map[string]etf.Backtest{"pooled": sample(8, "XNYS", allModels), "file": sample(1, "", allModels), "leak": leak} {
		for _, language := range []string{"en", "ko"} {
			page := write(t, b, language)
			if len(page) > 3<<20 {
				t.Errorf("%s: %d bytes, want at most 3 MB", name, len(page))
			}
			if err := os.WriteFile(filepath.Join(folder, name+"-"+language+".html"), []byte(page), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}
