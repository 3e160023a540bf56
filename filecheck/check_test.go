package filecheck

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// csv writes n rows that end on 2025-06-30, with a volatility of 0.8 % a day and no outliers, after edit.
func csv(t testing.TB, n int, edit func(i int, b *etf.Bar)) string {
	t.Helper()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	last := etf.MustSession("2025-06-30")
	days := cal.Sessions(etf.Window{From: last.AddDays(-2*n - 10), To: last})
	days = days[len(days)-n:]
	var b strings.Builder
	b.WriteString("Date,Open,High,Low,Close,Volume\n")
	r, close := rand.New(rand.NewPCG(1, uint64(n))), 100.0
	for i, s := range days {
		price := func(x float64) etf.Price { return etf.MustPrice(fmt.Sprintf("%.2f", x)) }
		open := close * math.Exp(0.002*r.NormFloat64())
		close *= math.Exp(0.008 * min(max(r.NormFloat64(), -2), 2))
		bar := etf.Bar{Session: s, Open: price(open), High: price(max(open, close) * (1 + 0.004*r.Float64())), Low: price(min(open, close) * (1 - 0.004*r.Float64())), Close: price(close), Volume: etf.Shares(int64(1e6 * (1 + 0.2*r.Float64())))}
		if edit != nil {
			edit(i, &bar)
		}
		if bar.Session != 0 {
			fmt.Fprintf(&b, "%s,%s,%s,%s,%s,%s\n", bar.Session, bar.Open, bar.High, bar.Low, bar.Close, bar.Volume)
		}
	}
	return b.String()
}

func times(b *etf.Bar, num, den int64) {
	for _, p := range []*etf.Price{&b.Open, &b.High, &b.Low, &b.Close} {
		*p, _ = p.MulRatio(num, den)
	}
}

func checked(t testing.TB, text string, o Options) Result {
	t.Helper()
	o.Exchange = etf.XNYS
	r, err := Check(File{Name: "x.csv", Raw: []byte(text)}, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestQuiet(t *testing.T) {
	t.Parallel()
	for _, n := range []int{5, 30, 250, 2_500} {
		r := checked(t, csv(t, n, nil), Options{})
		if len(r.Lines) > 0 || r.Severity() != "" || len(r.Bars) != n || r.Session != etf.MustSession("2025-06-30") {
			t.Errorf("%d rows: %d bars up to %s, lines %+v", n, len(r.Bars), r.Session, r.Lines)
		}
	}
}

// A file without a last line end is checked to its end, with a line that says that a daily run is more careful.
func TestLastLineWithoutEnd(t *testing.T) {
	t.Parallel()
	text := strings.TrimSuffix(csv(t, 30, nil), "\n")
	r := checked(t, text, Options{})
	if len(r.Bars) != 30 || r.Session != etf.MustSession("2025-06-30") || r.Severity() != etf.SeverityInfo || len(r.Lines) != 1 || !strings.Contains(r.Lines[0].Evidence, "a daily run does not use this row") {
		t.Errorf("%d bars, %+v", len(r.Bars), r.Lines)
	}
	if r := checked(t, text[:strings.LastIndex(text, ",")-7], Options{}); len(r.Bars) != 29 || r.Severity() != etf.SeverityWarning {
		t.Errorf("a row that is cut within its numbers: %d bars, %+v", len(r.Bars), r.Lines)
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	text := csv(t, 100, func(i int, b *etf.Bar) {
		switch {
		case i >= 40 && i < 43 || i == 60:
			b.Low = -b.Low
		case i == 70:
			b.Session = 0 // missing
		case i == 20: // a Saturday
			for b.Session.Weekday() != time.Saturday {
				b.Session++
			}
		}
	})
	r := checked(t, text, Options{})
	var got []string
	for _, l := range r.Lines {
		if l.File != "x.csv" || l.Evidence == "" || l.Proposal != nil {
			t.Errorf("line %+v", l)
		}
		if l.Rule == "non_positive_price" || l.Rule == "unknown_session" {
			got = append(got, fmt.Sprintf("%s %s %d", l.Severity, l.Rule, l.Sessions))
		}
	}
	// A run of three and one of one session, each with the evidence about itself alone.
	want := "error unknown_session 1, error non_positive_price 3, error non_positive_price 1"
	if strings.Join(got, ", ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, ", "), want)
	}
	for _, l := range r.Lines {
		if l.Rule == "non_positive_price" && l.Sessions == 1 && (l.From != l.To || strings.Count(l.Evidence, "low -") != 1 || !strings.Contains(l.Evidence, l.From.String())) {
			t.Errorf("evidence of %s: %s", l.From, l.Evidence)
		}
	}
}

// A rule makes a finding of its own about the new session; as a line, the session is part of the run that it ends.
func TestTheNewSessionIsPartOfItsRun(t *testing.T) {
	t.Parallel()
	r := checked(t, csv(t, 60, func(i int, b *etf.Bar) {
		if i >= 56 {
			b.High = -b.High
		}
	}), Options{})
	n := 0
	for _, l := range r.Lines {
		if l.Rule == "non_positive_price" {
			n++
			if l.Sessions != 4 || l.To != r.Session {
				t.Errorf("%+v", l)
			}
		}
	}
	if n != 1 {
		t.Errorf("%d lines, want 1", n)
	}
}

func TestStored(t *testing.T) {
	t.Parallel()
	stored := File{Name: "old.csv", Raw: []byte(csv(t, 200, nil))}
	again := checked(t, csv(t, 200, nil), Options{Stored: &stored})
	if len(again.Lines) > 0 {
		t.Errorf("the same file again: %+v", again.Lines)
	}
	// Half a year before the last 60 stored rows: all rows are compared.
	revised := checked(t, csv(t, 200, func(i int, b *etf.Bar) {
		if i == 30 {
			times(b, 103, 100)
		}
	}), Options{Stored: &stored})
	if len(revised.Lines) == 0 || revised.Lines[0].Rule != "revised_bar" || revised.Lines[0].Severity != etf.SeverityWarning {
		t.Errorf("a revised row: %+v", revised.Lines)
	}
	// A row that the stored export's own check rejects is not stored.
	bad := File{Name: "old.csv", Raw: []byte(csv(t, 200, func(i int, b *etf.Bar) {
		if i == 30 {
			b.Low = -b.Low
		}
	}))}
	if r := checked(t, csv(t, 200, nil), Options{Stored: &bad}); len(r.Lines) > 0 {
		t.Errorf("a row that was bad before: %+v", r.Lines)
	}
}

func TestSession(t *testing.T) {
	t.Parallel()
	text := csv(t, 30, func(i int, b *etf.Bar) {
		if i == 29 {
			b.Low = -b.Low
		}
	})
	earlier := etf.MustSession("2025-06-27")
	if r := checked(t, text, Options{Session: earlier}); r.Session != earlier || len(r.Bars) != 29 || r.Severity() != "" {
		t.Errorf("rows after the session count: %d bars, %+v", len(r.Bars), r.Lines)
	}
	later := etf.MustSession("2025-07-01")
	if r := checked(t, text, Options{Session: later}); r.Lines[len(r.Lines)-1].Rule != "missing_session" {
		t.Errorf("a session without a row: %+v", r.Lines)
	}
	if _, err := Check(File{Name: "x.csv", Raw: []byte(text)}, Options{Exchange: etf.XNYS, Session: etf.MustSession("2025-06-28")}); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("a Saturday: %v", err)
	}
	if _, err := Check(File{Name: "x.csv", Raw: []byte(text)}, Options{Exchange: etf.XNYS, Session: etf.MustSession("2020-01-02")}); etf.KindOf(err) != etf.KindCorrupt {
		t.Errorf("a session before the first row: %v", err)
	}
	// Of two rows later than now, neither is the session to check for.
	r := checked(t, text, Options{Now: time.Date(2025, 6, 26, 23, 0, 0, 0, time.UTC)})
	if r.Session != etf.MustSession("2025-06-26") {
		t.Errorf("checked on 2025-06-26: session %s", r.Session)
	}
}

func TestUnreadable(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]File{
		"no header": {Name: "a.csv", Raw: []byte("this is\nno price file\n")},
		"no rows":   {Name: "a.csv", Raw: []byte("Date,Open,High,Low,Close,Volume\n")},
		"an option": {Name: "a.csv?basis=raw", Raw: []byte(csv(t, 30, nil))},
	} {
		_, err := Check(f, Options{Exchange: etf.XNYS})
		var e *etf.Error
		if k := etf.KindOf(err); k != etf.KindCorrupt && k != etf.KindInvalid {
			t.Errorf("%s: %v", name, err)
			continue
		}
		line := Unreadable(f, err)
		if line.File != "a.csv" || line.Severity != etf.SeverityError || !strings.Contains(line.Evidence, ";") {
			t.Errorf("%s: %+v %v", name, line, e)
		}
	}
}

// A file that was changed before its second newest session opened was not: its time says nothing.
func TestModified(t *testing.T) {
	t.Parallel()
	cal, _ := calendar.For(etf.XNYS)
	for at, want := range map[string]bool{"1980-01-01T00:00:00Z": false, "2025-06-27T12:00:00Z": false, "2025-06-30T12:00:00Z": true, "2025-07-01T12:00:00Z": true} {
		modified, _ := time.Parse(time.RFC3339, at)
		response, _, _, err := read(File{Name: "x.csv", Raw: []byte(csv(t, 30, nil)), Modified: modified}, cal, 0, time.Time{})
		if err != nil || response.DataAt.Equal(modified) != want {
			t.Errorf("%s: %s, %v", at, response.DataAt, err)
		}
	}
}

func TestRuns(t *testing.T) {
	t.Parallel()
	cal, _ := calendar.For(etf.XNYS)
	days := func(text string) (all []etf.Session) {
		for d := range strings.FieldsSeq(text) {
			all = append(all, etf.MustSession("2025-"+d))
		}
		return all
	}
	for _, c := range []struct{ name, rows, named, want string }{
		{"over a weekend and a holiday", "06-17 06-18 06-20 06-23 06-24", "06-18 06-20 06-23", "06-18..06-23 3"},
		{"a session between", "06-17 06-18 06-20 06-23 06-24", "06-17 06-20", "06-17..06-17 1, 06-20..06-20 1"},
		{"a weekend's row joins its neighbours", "06-20 06-21 06-23 06-24", "06-20 06-21 06-23", "06-20..06-23 3"},
		{"weekly rows, all named", "06-06 06-13 06-20", "06-06 06-13 06-20", "06-06..06-20 3"},
		{"weekly rows, most named", "06-06 06-13 06-20", "06-06 06-13", "06-06..06-06 1, 06-13..06-13 1"},
		{"missing ones only", "06-17 06-24", "06-18 06-20 06-23", "06-18..06-23 3"},
		{"nothing", "06-17", "", ""},
	} {
		var got []string
		for _, run := range runs(cal, days(c.rows), days(c.named)) {
			got = append(got, fmt.Sprintf("%s..%s %d", run[0].String()[5:], run[len(run)-1].String()[5:], len(run)))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %s, want %s", c.name, strings.Join(got, ", "), c.want)
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	l := Line{File: "a", Rule: "r", Severity: etf.SeverityError, From: etf.MustSession("2025-06-30"), To: etf.MustSession("2025-06-30"), Sessions: 1, Evidence: "e"}
	for want, p := range map[string]*Proposal{
		`null`: nil,
		`{"kind":"split","ex":"2025-06-30","numerator":4,"denominator":1}`: {Kind: etf.Split, Ex: l.From, Numerator: 4, Denominator: 1},
	} {
		l.Proposal = p
		raw, err := json.Marshal(l)
		if full := `{"file":"a","rule":"r","severity":"error","from":"2025-06-30","to":"2025-06-30","sessions":1,"evidence":"e","proposal":` + want + `}`; err != nil || string(raw) != full {
			t.Errorf("%s, %v, want %s", raw, err, full)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	text := []byte(csv(b, 6_000, nil))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Check(File{Name: "x.csv", Raw: text}, Options{Exchange: etf.XNYS}); err != nil {
			b.Fatal(err)
		}
	}
}
