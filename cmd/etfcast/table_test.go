package main

import (
	"bytes"
	"strings"
	"testing"
)

// A character of Korean, Japanese or Chinese takes two columns, a mark above another character none (Unicode, East Asian Width).
func TestTextWidth(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"": 0, "SPY": 3, "한국": 4, "KODEX 200 삼성": 14, "ｱ": 1, "Ａ": 2, "e\u0301": 1, "\u1112\u1161\u11ab": 2, "…": 1, "▁█": 2, "日本": 4,
	} {
		if got := textWidth(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	for _, c := range []struct {
		text string
		n    int
		want string
	}{{"한국거래소", 10, "한국거래소"}, {"한국거래소", 9, "한국거래…"}, {"한국거래소", 8, "한국거…"}, {"a long reason", 7, "a long…"}, {"a long reason", 8, "a long…"}} {
		if got := cut(c.text, c.n, "…"); got != c.want || textWidth(got) > c.n {
			t.Errorf("%q in %d columns: %q, want %q", c.text, c.n, got, c.want)
		}
	}
}

// sample is a table as commands make them.
func sample(width int) string {
	var out bytes.Buffer
	t := newTable(&out, "SYMBOL", "BARS", "BY", "SOURCES", "NAME").numbers("BARS").spare("NAME", "SOURCES", "BARS")
	t.width = width
	t.row("SPY", 8200, "kim", "yahoo=SPY", "SPDR S&P 500 ETF Trust")
	t.row("069500", 5, "김민지", "yahoo=069500.KS, file=069500.csv", "삼성 KODEX 200 증권상장지수투자신탁")
	if err := t.flush(); err != nil {
		panic(err)
	}
	return out.String()
}

func TestTableFits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		width int
		want  string
	}{
		{0, `SYMBOL  BARS  BY      SOURCES                           NAME
SPY     8200  kim     yahoo=SPY                         SPDR S&P 500 ETF Trust
069500     5  김민지  yahoo=069500.KS, file=069500.csv  삼성 KODEX 200 증권상장지수투자신탁
`},
		{80, `SYMBOL  BARS  BY      SOURCES                           NAME
SPY     8200  kim     yahoo=SPY                         SPDR S&P 500 ETF Trust
069500     5  김민지  yahoo=069500.KS, file=069500.csv  삼성 KODEX 200 증권상장…
`},
		{60, `SYMBOL  BARS  BY      SOURCES                       NAME
SPY     8200  kim     yahoo=SPY                     SPDR S&…
069500     5  김민지  yahoo=069500.KS, file=06950…  삼성 KO…
`},
		{36, `SYMBOL  BARS  BY      SOURCES
SPY     8200  kim     yahoo=SPY
069500     5  김민지  yahoo=069500.…
Left out in this width: NAME. A
wider terminal or --csv shows all.
`},
		{20, `SYMBOL  BARS  BY
SPY     8200  kim
069500     5  김민지
Left out in this
width: NAME,
SOURCES. A wider
terminal or --csv
shows all.
`},
	} {
		if got := sample(c.width); got != c.want {
			t.Errorf("%d columns:\n%swant\n%s", c.width, got, c.want)
		}
		for _, line := range strings.Split(sample(c.width), "\n") {
			if c.width > 0 && textWidth(line) > c.width {
				t.Errorf("%d columns: %q has %d", c.width, line, textWidth(line))
			}
		}
	}
}

// What people type can't break a table's lines or act on the terminal, and can be seen.
func TestTableShowsControlCharacters(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	table := newTable(&out, "BY", "WHY")
	table.row("kim\tlee", "first\nsecond\r\n"+hostileText)
	table.row("", "\u202e")
	if err := table.flush(); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Count(got, "\n") != 3 || controls(got) || strings.Contains(got, "\t") ||
		!strings.Contains(got, `kim\tlee  first\nsecond\r\n\u001b]0;`) || !strings.Contains(got, `-         \u202e`) {
		t.Errorf("%q", got)
	}
}

func TestScreen(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env     []string
		columns int
		ascii   bool
	}{
		{nil, 0, true},
		{[]string{"LANG=ko_KR.UTF-8", "COLUMNS=72"}, 72, false},
		{[]string{"LANG=ko_KR.UTF-8", "LC_ALL=C", "COLUMNS=wide"}, 0, true},
		{[]string{"LANG=C", "LC_CTYPE=C.utf8", "COLUMNS=-3"}, 0, false},
		{[]string{"LANG=de_DE", "COLUMNS=99999999999999999999"}, 0, true},
	} {
		if got := screenOf(newEnvironment(c.env)); got != (screen{columns: c.columns, ascii: c.ascii}) {
			t.Errorf("%v: %+v", c.env, got)
		}
	}
}
