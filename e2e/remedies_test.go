package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
)

// remedied is a rule's finding and a remedy that the rule names, followed to its end.
type remedied struct {
	symbol  etf.Symbol
	rule    string
	warning bool   // it must be a warning; otherwise an error, if the rule has errors
	options string // of the file's reference
	sources []etf.SourceRef
	listed  int // the listing date is that row's; 0 = none
	// delisted says the same of the delisting date. Daily runs ask nothing of such an ETF, but a backfill that fetches again gets all rows.
	delisted int
	before   func(table) table
	prepare  []string // commands after the run of the session before; only with before
	edit     func(table) table
	mend     func(table) table // the source corrects its data before the commands; nil = it does not
	// commands are run one after another. FINDING, SYMBOL, SESSION, FIRST and AUTHOR stand for the finding's ID, the ETF, the
	// run's session, the first one of the file and the flags --by and --why; ACTION for the statement that the command before lists.
	commands []string
	out      int        // rows that stay out, because they are wrong and nothing replaces them
	moves    bool       // the prices that are believed make a large move
	at       etf.Symbol // the ETF that is up to date at the end, if it is another one
	exchange etf.Exchange
}

// table is the lines of a file, the header first.
type table [][]string

func (x table) String() string {
	var b strings.Builder
	for _, f := range x {
		b.WriteString(strings.Join(f, ",") + "\n")
	}
	return b.String()
}

// clone returns a copy that can be edited.
func (x table) clone() table {
	c := make(table, len(x))
	for i := range x {
		c[i] = slices.Clone(x[i])
	}
	return c
}

// row returns the line that is `back` lines before the last.
func (x table) row(back int) []string { return x[len(x)-1-back] }

func whole(x table) table { return x }

// change edits the line that is `back` lines before the last.
func change(back int, edit func(f []string)) func(table) table {
	return func(x table) table { edit(x.row(back)); return x }
}

// scale multiplies the prices from `back` lines before the last to `to` lines before it.
func scale(back, to int, by float64) func(table) table {
	return func(x table) table {
		for i := to; i <= back; i++ {
			times(x.row(i), by)
		}
		return x
	}
}

func times(f []string, by float64) {
	for k := 1; k <= 4; k++ {
		f[k] = decimals(number(f[k]) * by)
	}
}

// then applies edits one after another.
func then(edits ...func(table) table) func(table) table {
	return func(x table) table {
		for _, edit := range edits {
			x = edit(x)
		}
		return x
	}
}

// column appends a column; value gets the line's number, the header's is 0.
func column(name string, value func(i int) string) func(table) table {
	return func(x table) table {
		for i := range x {
			text := name
			if i > 0 {
				text = value(i)
			}
			x[i] = append(x[i], text)
		}
		return x
	}
}

// withSecond are the sources of an ETF whose second one has other closes, from the run's session on.
func withSecond(symbol string) []etf.SourceRef {
	return []etf.SourceRef{{Name: "file", Ref: symbol + ".csv?basis=as_traded"}, {Name: "simulated", Ref: symbol + "?inception=2025-09-26"}}
}

// wrongNAV states net asset values near the closes, but for one.
func wrongNAV(x table) table {
	return column("NAV", func(i int) string {
		nav := number(x[i][4]) * (1 + 0.0004*float64(i%3-1))
		if i == len(x)-1-40 {
			nav *= 1.06
		}
		return decimals(nav)
	})(x)
}

func number(text string) float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(err)
	}
	return v
}

func decimals(v float64) string { return strconv.FormatFloat(v, 'f', 4, 64) }

// splitStated states a split of 2:1 at the line `back` before the last of a file of length lines.
func splitStated(length, back int, ratio string) func(table) table {
	return column("Stock Splits", func(i int) string {
		if i == length-1-back {
			return ratio
		}
		return "0"
	})
}

// newestLast keeps the last n lines.
func newestLast(n int) func(table) table {
	return func(x table) table { return append(x[:1:1], x[len(x)-n:]...) }
}

var (
	swapped    = func(f []string) { f[2], f[3] = f[3], f[2] } // high and low
	unreadable = func(f []string) { f[4] = "n/k" }
	badTick    = func(f []string) { times(f, 3) }
	rerun      = "run daily --exchange XNYS --session SESSION --symbols SYMBOL --rerun --wait"
	refetch    = "etf refetch SYMBOL --wait AUTHOR"
	// wholeHistory fetches also what is after the delisting.
	wholeHistory = "backfill start --exchange XNYS --symbols SYMBOL --refetch --wait"
)

func decide(what string) string { return "finding " + what + " FINDING AUTHOR" }

// remedySession is the run's session. A file has 251 rows up to it and a header.
var remedySession = etf.MustSession("2025-09-26")

const lines = 252

var remedies = []remedied{
	{symbol: "UNREAD", rule: "unreadable_row", edit: change(0, unreadable), mend: whole, commands: []string{rerun}},
	{symbol: "UNREADREP", rule: "unreadable_row", edit: change(0, unreadable), commands: []string{decide("replace") + " --close 100"}},

	{symbol: "EARLY", rule: "before_listing", listed: 100, edit: whole, commands: []string{"etf edit SYMBOL --listed FIRST AUTHOR", refetch}},

	{symbol: "LATE", rule: "after_delisting", delisted: 200, before: whole, prepare: []string{wholeHistory}, edit: whole,
		commands: []string{"etf edit SYMBOL --delisted SESSION AUTHOR"}},

	{symbol: "LATESTORED", rule: "after_delisting", before: whole, prepare: []string{"etf edit SYMBOL --delisted AFTER AUTHOR", wholeHistory}, edit: whole,
		commands: []string{"etf edit SYMBOL --delisted SESSION AUTHOR"}},

	{symbol: "WEEKLY", rule: "wrong_frequency", edit: weekly, mend: whole, commands: []string{refetch}},
	{symbol: "WEEKLYPART", rule: "wrong_frequency", edit: func(x table) table {
		old, young := x[:len(x)-100], x[len(x)-100:]
		return append(weekly(old), young...)
	}, mend: whole, commands: []string{refetch}},

	{symbol: "DATES", rule: "wrong_dates", edit: dayLater, mend: whole, commands: []string{refetch}},
	{symbol: "DATESADD", rule: "wrong_dates", edit: korean, commands: []string{"etf add SEOUL --exchange XKRX --source file=DATESADD.csv", "etf retire SYMBOL AUTHOR"}, at: "SEOUL", exchange: etf.XKRX},

	{symbol: "ORDER", rule: "row_order", edit: func(x table) table { x[100], x[101] = x[101], x[100]; return x }, commands: []string{"finding show FINDING"}},

	{symbol: "DUPACC", rule: "duplicate_row", edit: func(x table) table {
		bad := slices.Clone(x.row(0))
		times(bad, 1.2)
		return append(x[:len(x)-1:len(x)-1], bad, x.row(0))
	}, commands: []string{decide("accept")}},
	{symbol: "DUPREJ", rule: "duplicate_row", edit: func(x table) table {
		a, b := slices.Clone(x.row(40)), slices.Clone(x.row(40))
		times(a, 1.2)
		times(b, 1.4)
		at := len(x) - 41
		return append(append(x[:at:at], a, b), x[at+1:]...)
	}, commands: []string{decide("reject")}, out: 1},

	{symbol: "DUPREP", rule: "duplicate_row", edit: func(x table) table {
		bad := slices.Clone(x.row(0))
		times(bad, 1.2)
		return append(x, bad)
	}, commands: []string{decide("replace") + " --close 100"}},

	{symbol: "SIMDIF", rule: "source_difference", sources: []etf.SourceRef{{Name: "simulated", Ref: "SIMDIF?inception=2024-06-03&faults=missing:4@2025-09-26"}, {Name: "file", Ref: "SIMDIF.csv?basis=as_traded"}},
		commands: []string{rerun}},
	{symbol: "SIMDIFS", rule: "source_difference", sources: []etf.SourceRef{{Name: "simulated", Ref: "SIMDIFS?inception=2024-06-03&faults=missing:99@2025-09-26"}, {Name: "file", Ref: "SIMDIFS.csv?basis=as_traded"}},
		commands: []string{"etf sources SYMBOL", "etf sources SYMBOL file=SIMDIFS.csv?basis=as_traded simulated=SIMDIFS?inception=2024-06-03 AUTHOR", refetch}},

	{symbol: "CLOSED", rule: "unknown_session", edit: change(40, func(f []string) { f[0] = "2025-08-02" }), commands: []string{decide("reject")}, out: 1},
	{symbol: "CLOSEDACC", rule: "unknown_session", edit: change(40, func(f []string) { f[0] = "2025-08-02" }), commands: []string{decide("accept")}},

	{symbol: "UNFIN", rule: "unfinished_row", edit: change(0, begun), mend: whole, commands: []string{rerun}},
	{symbol: "UNFINACC", rule: "unfinished_row", edit: change(0, begun), commands: []string{decide("accept")}},

	{symbol: "NOTRADE", rule: "no_trade", edit: change(0, func(f []string) {
		times(f, 1.15)
		f[1], f[2], f[3], f[5] = "0", "0", "0", "0"
	}), commands: []string{decide("replace") + " --close 100"}},
	{symbol: "NOTRADEACC", rule: "no_trade", options: "?basis=as_traded", before: whole, edit: change(0, func(f []string) {
		times(f, .5)
		f[1], f[2], f[3], f[5] = "0", "0", "0", "0"
	}), commands: []string{decide("accept"), "action add SYMBOL --kind split --ex SESSION --ratio 2:1 AUTHOR"}},

	{symbol: "NOOPEN", rule: "missing_open", edit: func(x table) table {
		for i := 1; i < 13; i++ {
			x[i][1] = "0"
		}
		return x
	}, commands: []string{decide("replace") + " --session FIRST --open 100 --high 100.6 --low 99.8 --close 100.2"}},

	{symbol: "NONPOS", rule: "non_positive_price", edit: change(40, func(f []string) { f[3] = "-1" }), commands: []string{decide("replace") + " --close 100.2"}},
	{symbol: "NONPOSREJ", rule: "non_positive_price", edit: change(40, func(f []string) { f[3] = "-1" }), commands: []string{decide("reject")}, out: 1},

	{symbol: "OHLC", rule: "ohlc_order", edit: change(40, swapped), commands: []string{decide("accept")}},
	{symbol: "OHLCNEW", rule: "ohlc_order", edit: change(0, swapped), commands: []string{decide("accept")}},
	{symbol: "OHLCREJ", rule: "ohlc_order", edit: change(3, swapped), commands: []string{decide("reject")}, out: 1},
	{symbol: "OHLCREF", rule: "ohlc_order", edit: change(3, swapped), mend: whole, commands: []string{decide("refetch")}},
	{symbol: "OHLCREP", rule: "ohlc_order", edit: change(0, swapped), commands: []string{decide("replace") + " --close 100.1"}},

	{symbol: "VOLUME", rule: "volume", edit: change(40, func(f []string) { f[5] += "000" }), commands: []string{decide("replace") + " --close 100.2 --volume 1000000"}},

	{symbol: "MISSNEW", rule: "missing_session", edit: func(x table) table { return x[:len(x)-1] }, mend: whole, commands: []string{rerun}},
	{symbol: "MISSOLD", rule: "missing_session", edit: func(x table) table { return append(x[:100:100], x[115:]...) }, mend: whole, commands: []string{refetch}},
	{symbol: "MISSGAP", rule: "missing_session", edit: func(x table) table { return append(x[:100:100], x[115:]...) }, commands: []string{"etf edit SYMBOL --listed AFTER AUTHOR"}},

	{symbol: "SHIFT", rule: "shifted_dates", before: whole, edit: shifted, mend: whole, commands: []string{rerun}},
	{symbol: "SHIFTREJ", rule: "shifted_dates", before: whole, edit: shifted, mend: whole, commands: []string{decide("reject"), rerun}},

	{symbol: "RESTATE", rule: "restated_series", before: whole, edit: then(scale(250, 1, .97), newestLast(60)), mend: scale(250, 1, .97), commands: []string{refetch}},
	{symbol: "RESTATEL", rule: "restated_series", before: whole, edit: then(scale(250, 0, 2.3), newestLast(60)), commands: []string{"etf edit SYMBOL --listed CUT AUTHOR", refetch}},

	{symbol: "REVISED", rule: "revised_bar", before: whole, edit: scale(3, 3, 1.023), commands: []string{decide("retract")}, out: 1},
	{symbol: "REVISEDREP", rule: "revised_bar", before: whole, edit: scale(3, 3, 1.023), commands: []string{decide("replace") + " --close 100.1"}},

	{symbol: "NOSPLIT", rule: "split_unconfirmed", options: "?basis=as_traded", edit: splitStated(lines, 40, "2"),
		commands: []string{"action list --status proposed --symbol SYMBOL", "action reject ACTION AUTHOR"}},

	{symbol: "WITHDRAWN", rule: "action_withdrawn", options: "?basis=as_traded", before: splitStated(lines, 40, "2"), edit: column("Stock Splits", func(int) string { return "0" }),
		prepare:  []string{"action list --status proposed --symbol SYMBOL", "action accept ACTION AUTHOR", refetch},
		commands: []string{"action list --status accepted --symbol SYMBOL", "action cancel ACTION AUTHOR"}},

	{symbol: "REUSED", rule: "reused_ticker", edit: func(x table) table {
		for _, f := range x[1:100] {
			times(f, 9)
		}
		return append(x[:100:100], x[130:]...)
	}, commands: []string{"etf edit SYMBOL --listed AFTER AUTHOR"}},

	{symbol: "SPIKE", rule: "price_spike", edit: change(40, badTick), commands: []string{decide("reject")}, out: 1},
	{symbol: "SPIKEACC", rule: "price_spike", edit: scale(40, 40, 1.08), commands: []string{decide("accept")}, moves: true},
	{symbol: "SPIKEREP", rule: "price_spike", edit: change(40, badTick), commands: []string{decide("replace") + " --close 100.1"}},

	{symbol: "SPLIT", rule: "split_suspected", options: "?basis=as_traded", before: whole, edit: scale(0, 0, .5),
		commands: []string{"action list --status proposed --symbol SYMBOL", "action accept ACTION AUTHOR"}},
	{symbol: "SPLITOLD", rule: "split_suspected", options: "?basis=as_traded", edit: scale(60, 0, .5),
		commands: []string{"action list --status proposed --symbol SYMBOL", "action accept ACTION AUTHOR"}},
	{symbol: "SPLITADD", rule: "split_suspected", options: "?basis=as_traded", before: whole, edit: scale(0, 0, .5),
		commands: []string{"action add SYMBOL --kind split --ex SESSION --ratio 2:1 AUTHOR"}},
	{symbol: "SPLITREJ", rule: "split_suspected", options: "?basis=as_traded", before: whole, edit: scale(0, 0, .5), mend: whole,
		commands: []string{"action list --status proposed --symbol SYMBOL", "action reject ACTION AUTHOR", rerun}},
	{symbol: "SPLITNOT", rule: "split_suspected", options: "?basis=as_traded", before: whole, edit: scale(0, 0, .5), moves: true,
		commands: []string{"action list --status proposed --symbol SYMBOL", "action reject ACTION AUTHOR", decide("accept")}},

	{symbol: "UNIT", rule: "unit_change", before: whole, edit: scale(0, 0, 100), mend: whole, commands: []string{decide("reject"), rerun}},
	{symbol: "UNITOLD", rule: "unit_change", before: scale(250, 0, 100), edit: scale(250, 1, 100), mend: whole, commands: []string{refetch}},

	{symbol: "JUMP", rule: "price_jump", edit: scale(40, 0, 3.37), commands: []string{decide("accept")}, moves: true},
	{symbol: "JUMPREJ", rule: "price_jump", edit: scale(250, 41, 3.37), mend: whole, commands: []string{decide("reject"), refetch}},
	{symbol: "JUMPRET", rule: "price_jump", warning: true, edit: scale(40, 0, 1.05), mend: whole, commands: []string{decide("retract"), refetch}},

	{symbol: "HELD", rule: "held_close", before: whole, edit: scale(0, 0, 1.06), commands: []string{decide("accept")}, moves: true},
	{symbol: "HELDREP", rule: "held_close", before: whole, edit: scale(0, 0, 1.06), commands: []string{decide("replace") + " --close 100"}},
	{symbol: "HELDREJ", rule: "held_close", before: whole, edit: scale(0, 0, 1.06), mend: whole, commands: []string{decide("reject"), rerun}},

	{symbol: "RANGE", rule: "price_range", edit: change(40, func(f []string) { f[2] = "550" }), commands: []string{decide("accept")}},
	{symbol: "RANGEREJ", rule: "price_range", edit: change(40, func(f []string) { f[2] = "550" }), commands: []string{decide("reject")}, out: 1},

	{symbol: "STALE", rule: "stale_close", edit: func(x table) table {
		for i := 30; i < 40; i++ {
			copy(x.row(i)[1:5], x.row(40)[1:5])
		}
		return x
	}, commands: []string{decide("retract")}, out: 11}, // nothing shows which one of the equal rows is right

	{symbol: "SIMSEC", rule: "second_source", sources: withSecond("SIMSEC"), before: whole, edit: whole, commands: []string{"finding show FINDING"}},
	{symbol: "SIMSECREP", rule: "second_source", sources: withSecond("SIMSECREP"), before: whole, edit: whole, commands: []string{decide("replace") + " --close 100.2"}},
	{symbol: "SIMSECSRC", rule: "second_source", sources: withSecond("SIMSECSRC"), before: whole, edit: whole, commands: []string{"etf sources SYMBOL", "etf sources SYMBOL file=SIMSECSRC.csv?basis=as_traded AUTHOR"}},

	{symbol: "NAV", rule: "nav_difference", edit: wrongNAV, commands: []string{"bars list SYMBOL --nav", decide("retract")}, out: 1},
	{symbol: "NAVREP", rule: "nav_difference", edit: wrongNAV, commands: []string{decide("replace") + " --close 100.2"}},

	{symbol: "ADJUSTED", rule: "adjusted_close", edit: func(x table) table {
		x = column("Adj Close", func(i int) string {
			if i < 150 {
				return decimals(number(x[i][4]) * .95)
			}
			return x[i][4]
		})(x)
		return column("Dividends", func(i int) string {
			if i == 150 {
				return "1"
			}
			return "0"
		})(x)
	}, commands: []string{"finding show FINDING"}},
	{symbol: "DIVIDEND", rule: "implausible_distribution", edit: column("Dividends", func(i int) string {
		if i == 200 {
			return "30"
		}
		return "0"
	}), commands: []string{"finding show FINDING"}},
}

// weekly keeps every fifth row, the last one included.
func weekly(x table) table {
	out := x[:1:1]
	for i := 1; i < len(x); i++ {
		if (len(x)-1-i)%5 == 0 {
			out = append(out, x[i])
		}
	}
	return out
}

// dayLater dates every row a day later, as a time zone does.
func dayLater(x table) table {
	for _, f := range x[1:] {
		f[0] = etf.MustSession(f[0]).AddDays(1).String()
	}
	return x[:len(x)-1]
}

// shifted dates the stored rows a session later; the last one is lost.
func shifted(x table) table {
	for i := len(x) - 1; i > 1; i-- {
		copy(x[i][1:], x[i-1][1:])
	}
	return x
}

// korean has the dates of the Korea Exchange.
func korean(x table) table { return pricesOf(etf.XKRX, remedySession, len(x)-1) }

// begun is the row of a session that has just begun.
func begun(f []string) {
	f[2], f[3], f[4], f[5] = f[1], f[1], f[1], "900"
}

// pricesOf makes n rows up to a session on a smooth path with a small wobble, which violates no rule.
func pricesOf(exchange etf.Exchange, to etf.Session, n int) table {
	cal, err := calendar.For(exchange)
	if err != nil {
		panic(err)
	}
	days := cal.Sessions(etf.Window{From: to.AddDays(-2 * n), To: to})
	x := table{strings.Split("Date,Open,High,Low,Close,Volume", ",")}
	level := 1.0
	if exchange == etf.XKRX {
		level = 1000
	}
	for i, s := range days[len(days)-n:] {
		price := level * (100 + 5*math.Sin(float64(i)/20) + .3*math.Sin(1.7*float64(i)))
		at := func(off float64) string { return fmt.Sprintf("%.3f", price+level*off) }
		if exchange == etf.XKRX {
			at = func(off float64) string { return fmt.Sprintf("%.0f", math.Round((price+level*off)/5)*5) }
		}
		x = append(x, []string{s.String(), at(-.1), at(.4), at(-.5), at(0), strconv.Itoa(1_000_000 + i*37)})
	}
	return x
}

var remedyCommand = regexp.MustCompile("`etfcast ([^`]+)`")

// commandsOf lists the commands that a remedy names.
func commandsOf(remedy string) (list [][]string) {
	for _, m := range remedyCommand.FindAllStringSubmatch(remedy, -1) {
		list = append(list, strings.Fields(m[1]))
	}
	return list
}

// follows reports whether a command line is one that a remedy names: the same command with at least its flags.
func follows(line string, named []string) bool {
	words := strings.Fields(line)
	if words[0] != named[0] || words[1] != named[1] {
		return false
	}
	for _, word := range named {
		if strings.HasPrefix(word, "--") && !slices.Contains(words, word) {
			return false
		}
	}
	return true
}

// Every command that a rule's remedy names has a case here, and every case does what the remedy says.
func TestEveryRemedyIsTried(t *testing.T) {
	t.Parallel()
	for _, rule := range quality.Rules() {
		named := commandsOf(rule.Remedy)
		for _, command := range named {
			if !slices.ContainsFunc(remedies, func(r remedied) bool {
				return r.rule == rule.Name && slices.ContainsFunc(r.commands, func(line string) bool { return follows(line, command) })
			}) {
				t.Errorf("no case of %s tries `etfcast %s`", rule.Name, strings.Join(command, " "))
			}
		}
		tried := false
		for _, r := range remedies {
			if r.rule != rule.Name {
				continue
			}
			tried = true
			for _, line := range r.commands {
				if !slices.ContainsFunc(named, func(command []string) bool { return follows(line, command) }) {
					t.Errorf("%s: the remedy of %s does not name etfcast %s: %s", r.symbol, r.rule, line, rule.Remedy)
				}
			}
		}
		if !tried && (rule.Severities[0] == etf.SeverityError || quality.Holds(rule.Name)) {
			t.Errorf("no case of %s", rule.Name)
		}
	}
	for _, r := range remedies {
		if quality.Remedy(r.rule) == "" {
			t.Errorf("%s: there is no rule %s", r.symbol, r.rule)
		}
	}
}

// Every remedy ends well: the ETF is up to date, no row is held or kept out but those that are wrong, nothing waits for a
// decision, and the forecast's band is sane.
func TestRemedies(t *testing.T) {
	t.Parallel()
	session := remedySession
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	previous, err := cal.Previous(session)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := newStack(t)
	p := s.start(t, []string{"ETFCAST_FILE_DIR=" + dir, "ETFCAST_CROSS_CHECK=1"}, "up")
	p.waitReady()
	base := pricesOf(etf.XNYS, session, lines-1)
	write := func(r remedied, x table) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, string(r.symbol)+".csv"), []byte(x.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	register := func(r remedied) {
		t.Helper()
		request := map[string]any{"symbol": r.symbol, "exchange": etf.XNYS, "currency": "USD", "sources": r.sources}
		if r.sources == nil {
			request["sources"] = []etf.SourceRef{{Name: "file", Ref: string(r.symbol) + ".csv" + r.options}}
		}
		if r.listed > 0 {
			request["listed"] = base[r.listed][0]
		}
		if r.delisted > 0 {
			request["delisted"] = base[r.delisted][0]
		}
		p.must(http.MethodPost, "/v1/etfs", request, http.StatusCreated)
	}
	daily := func(session etf.Session) {
		t.Helper()
		p.waitRun(p.startRun(map[string]any{"workflow": "daily", "exchange": etf.XNYS, "session": session}))
	}
	for _, r := range remedies {
		switch {
		case r.before != nil:
			x := r.before(base.clone())
			write(r, x[:len(x)-1])
			register(r)
		case r.sources != nil:
			register(r)
		}
	}
	daily(previous)
	for _, r := range remedies {
		if r.edit != nil {
			write(r, r.edit(base.clone()))
		}
		switch {
		case r.prepare != nil:
			s.follow(t, p, r, "", r.prepare, base)
		case r.sources != nil && r.before == nil:
			write(r, p.halfAsHighAgain(r.symbol, base.row(0)))
		}
		if r.before == nil && r.sources == nil {
			register(r)
		}
	}
	daily(session)
	for _, r := range remedies {
		t.Run(string(r.symbol)+" "+r.rule, func(t *testing.T) {
			t.Parallel()
			p := &process{t: t, name: p.name, base: p.base, done: p.done}
			f := p.reported(r.symbol, r.rule)
			want := quality.Rules()[slices.IndexFunc(quality.Rules(), func(x quality.Rule) bool { return x.Name == r.rule })].Severities[0]
			if r.warning {
				want = etf.SeverityWarning
			}
			if f.Severity != want {
				t.Fatalf("the finding is not of severity %s: %+v", want, f)
			}
			if r.mend != nil {
				write(r, r.mend(base.clone()))
			}
			s.follow(t, p, r, f.ID, r.commands, base)
			at := r
			if at.exchange == "" {
				at.exchange = etf.XNYS
			}
			if at.at == "" {
				at.at = at.symbol
			}
			run := p.waitRun(p.startRun(map[string]any{"workflow": "daily", "exchange": at.exchange, "session": session, "symbols": []etf.Symbol{at.at}, "rerun": true}))
			if run.Counts.Updated+run.Counts.Unchanged != 1 {
				t.Fatalf("the run at the end: %+v", run)
			}
			p.upToDate(t, at, session)
		})
	}
}

var (
	fetchingAgain = regexp.MustCompile(`(?m)^run (\S+) fetches again`)
	listed        = regexp.MustCompile(`(?m)^([0-9a-f]{32}) `)
)

// follow runs the commands as a person types them.
func (s *stack) follow(t *testing.T, p *process, r remedied, finding string, commands []string, base table) {
	t.Helper()
	action := ""
	for _, command := range commands {
		line := strings.NewReplacer("FINDING", finding, "SYMBOL", string(r.symbol), "SESSION", remedySession.String(), "FIRST", base[1][0],
			"CUT", base[len(base)-60][0], "AFTER", base[130][0], "ACTION", action, "AUTHOR", `--by kim --why "compared with the exchange"`).Replace(command)
		run := s.start(t, nil, words(line)...)
		if run.wait() != 0 {
			t.Fatalf("%s: %s", line, run.tail())
		}
		out := run.tail()
		if m := fetchingAgain.FindStringSubmatch(out); m != nil {
			p.waitRun("/v1/runs/" + m[1])
		}
		if strings.HasPrefix(command, "action list") {
			m := listed.FindAllStringSubmatch(out, -1)
			if len(m) != 1 {
				t.Fatalf("%s: %s", line, out)
			}
			action = m[0][1]
		}
	}
}

// halfAsHighAgain is the simulated ETF's stored prices, half as high again, and a row of the next session.
func (p *process) halfAsHighAgain(symbol etf.Symbol, last []string) table {
	p.t.Helper()
	x := table{strings.Split("Date,Open,High,Low,Close,Volume", ",")}
	for _, b := range p.stored(symbol) {
		x = append(x, []string{b.Session.String(), b.Open.String(), b.High.String(), b.Low.String(), b.Close.String(), b.Volume.String()})
		times(x.row(0), 1.5)
	}
	next := slices.Clone(x.row(0))
	next[0] = last[0]
	times(next, 1.002)
	return append(x, next)
}

func (p *process) stored(symbol etf.Symbol) []etf.StoredBar {
	p.t.Helper()
	body, _ := p.must(http.MethodGet, "/v1/etfs/"+string(symbol)+"/bars?limit=10000", nil, http.StatusOK)
	var page struct{ Items []etf.StoredBar }
	if err := json.Unmarshal(body, &page); err != nil {
		p.t.Fatal(err)
	}
	return page.Items
}

// findings lists the ETF's findings; query selects some.
func (p *process) findings(symbol etf.Symbol, query string) []etf.Finding {
	p.t.Helper()
	body, _ := p.must(http.MethodGet, "/v1/findings?symbol="+string(symbol)+query, nil, http.StatusOK)
	var page struct{ Items []etf.Finding }
	if err := json.Unmarshal(body, &page); err != nil {
		p.t.Fatal(err)
	}
	return page.Items
}

// reported returns the ETF's finding of the rule, the most severe one.
func (p *process) reported(symbol etf.Symbol, rule string) etf.Finding {
	p.t.Helper()
	found := p.findings(symbol, "&rule="+rule)
	if len(found) == 0 {
		p.t.Fatalf("there is no such finding, but %+v", p.findings(symbol, ""))
	}
	for _, severity := range []etf.Severity{etf.SeverityError, etf.SeverityWarning} {
		for _, f := range found {
			if f.Severity == severity {
				return f
			}
		}
	}
	return found[0]
}

// awaitForecast waits until the ETF's newest forecast is of the session: those that follow from a decision are made a moment later.
func (p *process) awaitForecast(symbol etf.Symbol, session etf.Session) {
	p.t.Helper()
	eventually(p.t, "a forecast of "+string(symbol), func() error {
		code, body, _, err := p.request(http.MethodGet, "/v1/etfs/"+string(symbol)+"/forecasts/latest", nil)
		if err != nil || code != http.StatusOK {
			return fmt.Errorf("status %d, %s, %w", code, body, err)
		}
		var f struct{ Origin etf.Session }
		if err := json.Unmarshal(body, &f); err != nil {
			return err
		}
		if f.Origin != session {
			return fmt.Errorf("the newest is of %s", f.Origin)
		}
		return nil
	})
}

// upToDate checks that nothing is left to do about the ETF.
func (p *process) upToDate(t *testing.T, r remedied, session etf.Session) {
	t.Helper()
	for _, f := range p.findings(r.at, "&state=undecided") {
		t.Errorf("this finding waits: %s %s: %s", f.ID, f.Rule, f.Evidence)
	}
	bars := p.stored(r.at)
	out := 0
	for _, b := range bars {
		if b.Quarantined {
			out++
		}
		if b.Held {
			t.Errorf("%s is held", b.Session)
		}
	}
	if last := bars[len(bars)-1]; last.Session != session || last.Quarantined || out != r.out {
		t.Errorf("the newest bar is %+v; %d are kept out, not %d", last, out, r.out)
	}
	p.saneBand(t, r, session)
}

// saneBand checks the newest forecast of the benchmark: from the session, its band of 5 to 95 % has the close in it, and a
// width that fits the volatility. It is a robust one, unless the ETF has made a large move.
func (p *process) saneBand(t *testing.T, r remedied, session etf.Session) {
	t.Helper()
	path := "/v1/etfs/" + string(r.at) + "/bars?limit=10000"
	if strings.Contains(r.options, "as_traded") {
		path += "&adjust=split"
	}
	body, _ := p.must(http.MethodGet, path, nil, http.StatusOK)
	var page struct {
		Items []struct {
			Close             float64
			Quarantined, Held bool
		}
	}
	if err := json.Unmarshal(body, &page); err != nil {
		t.Fatal(err)
	}
	var returns []float64
	last := 0.0
	for _, b := range page.Items {
		if b.Quarantined || b.Held {
			continue
		}
		if last > 0 {
			returns = append(returns, math.Log(b.Close/last))
		}
		last = b.Close
	}
	sum := 0.0
	sizes := make([]float64, len(returns))
	for i, x := range returns {
		sum += x * x
		sizes[i] = math.Abs(x)
	}
	slices.Sort(sizes)
	sigma := 1.4826 * sizes[len(sizes)/2] // of a normal distribution
	least, most := sigma, sigma
	if r.moves { // recent returns may count more than earlier ones
		most = math.Sqrt(sum / 20)
	}
	body, _ = p.must(http.MethodGet, "/v1/etfs/"+string(r.at)+"/forecasts/latest", nil, http.StatusOK)
	var f struct {
		Origin etf.Session
		Held   bool
		Points []struct {
			Horizon   int
			Quantiles map[string]float64
		}
	}
	if err := json.Unmarshal(body, &f); err != nil || f.Origin != session || f.Held || len(f.Points) == 0 {
		t.Fatalf("%s, %v", body, err)
	}
	for _, q := range f.Points {
		low, high := q.Quantiles["0.05"], q.Quantiles["0.95"]
		unit := 2 * 1.6449 * math.Sqrt(float64(q.Horizon))
		if width := math.Log(high / low); !(low < last && last < high && width > least*unit/3 && width < most*unit*3) {
			t.Errorf("in %d sessions: the band is %v to %v, the close %v; its width is %.4f, that of the volatility %.4f to %.4f", q.Horizon, low, high, last, width, least*unit, most*unit)
			break
		}
	}
}

// words splits a command line at spaces outside double quotes.
func words(line string) []string {
	var list []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			list = append(list, part)
			continue
		}
		list = append(list, strings.Fields(part)...)
	}
	return list
}
