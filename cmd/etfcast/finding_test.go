package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
	"github.com/etfcast/etfcast/service"
)

// Every rule's remedy names a command that exists.
func TestRemediesNameCommands(t *testing.T) {
	for _, r := range quality.Rules() {
		checked := 0
		for _, m := range inline.FindAllStringSubmatch(r.Remedy, -1) {
			checked += checkLine(t, r.Name, m[1], false)
		}
		// What is only for information asks for nothing.
		if asks := r.Severities[0] != etf.SeverityInfo; checked == 0 && asks {
			t.Errorf("the remedy of %s names no command: %s", r.Name, r.Remedy)
		}
	}
}

func TestReplaceValues(t *testing.T) {
	t.Parallel()
	day := etf.MustSession("2025-09-26")
	one := etf.Finding{ID: "ab12", Sessions: []etf.Session{day}}
	two := etf.Finding{ID: "ab12", Sessions: []etf.Session{day - 1, day}}
	for _, c := range []struct {
		name, session, open, closing, volume string
		f                                    etf.Finding
		want                                 etf.Bar
		field                                string
	}{
		{name: "the only session", f: one, closing: "101.5", want: etf.Bar{Session: day, Close: etf.MustPrice("101.5"), Volume: etf.VolumeUnknown}},
		{name: "everything", f: two, session: "2025-09-25", open: "99", closing: "100", volume: "12", want: etf.Bar{Session: day - 1, Open: etf.MustPrice("99"), Close: etf.MustPrice("100"), Volume: etf.Shares(12)}},
		{name: "which of two", f: two, closing: "100", field: "session"},
		{name: "no close", f: one, open: "99", field: "close"},
		{name: "a bad price", f: one, open: "a lot", closing: "100", field: "open"},
		{name: "a bad volume", f: one, closing: "100", volume: "many", field: "volume"},
	} {
		got, err := oneValue(c.f, c.session, c.open, "", "", c.closing, c.volume)
		if c.field == "" && (err != nil || got != c.want) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
		if c.field != "" && (err == nil || !strings.Contains(err.Error(), c.field)) {
			t.Errorf("%s: %v, want field %s", c.name, err, c.field)
		}
	}
	if v, err := parseValue("2025-09-26=101.5"); err != nil || v.Session != day || v.Close != etf.MustPrice("101.5") {
		t.Errorf("%+v, %v", v, err)
	}
	for _, bad := range []string{"101.5", "26.9.2025=101.5", "2025-09-26=much"} {
		if _, err := parseValue(bad); err == nil {
			t.Errorf("%s is taken for a value", bad)
		}
	}
}

// next shows what is stored next to what was found, and commands that can be copied.
func TestNextShowsRowsAndCommands(t *testing.T) {
	t.Parallel()
	day := etf.MustSession("2025-09-26")
	bar := func(s etf.Session, price string) etf.Bar {
		p := etf.MustPrice(price)
		return etf.Bar{Session: s, Open: p, High: p, Low: p, Close: p, Volume: etf.Shares(5)}
	}
	found := bar(day, "1015")
	id := strings.Repeat("ab", 16)
	d := service.FindingDetail{
		FindingRecord: etf.FindingRecord{Finding: etf.Finding{ID: id, Symbol: "SPY", Rule: "price_spike", Severity: etf.SeverityError, Sessions: []etf.Session{day}, Evidence: "ten times\nhigher", FoundAt: time.Now()}},
		Around: []service.RowAround{
			{Session: day - 1, Stored: &etf.StoredBar{Bar: bar(day-1, "100.5")}},
			{Session: day, Named: true, Found: &found, Stored: &etf.StoredBar{Bar: bar(day, "101.5")}},
		},
	}
	var out bytes.Buffer
	if err := writeNext(&out, d, []etf.StatedAction{{ID: "5f0c", Action: etf.Action{Kind: etf.Split, Ex: etf.MustSession("2025-09-26"), Numerator: 4, Denominator: 1}}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"SPY", "ten times higher", "100.5", "101.5", "1015", "found", "Compare with another source"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &out)
		}
	}
	commands := 0
	for line := range strings.Lines(out.String()) {
		commands += checkLine(t, "finding next", strings.Replace(line, "PRICE", "1", 1), true)
	}
	if commands != 6 {
		t.Errorf("%d commands in\n%s", commands, &out)
	}
}
