package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/term"
	"golang.org/x/text/width"

	"github.com/etfcast/etfcast/etf"
)

// screen is what the environment says about the terminal.
type screen struct {
	columns int  // COLUMNS; 0 if it is not set
	ascii   bool // the locale is not UTF-8
	fixed   bool // in tests: what is written goes to a terminal with that many columns
}

// screenOf reads COLUMNS and the locale: LC_ALL, or else LC_CTYPE, or else LANG, as POSIX has it.
func screenOf(env environment) screen {
	s := screen{ascii: true}
	if text, _ := env.lookup("COLUMNS"); text != "" {
		if n := 0; len(text) < 6 {
			if _, err := fmt.Sscanf(text, "%d", &n); err == nil && n > 0 {
				s.columns = n
			}
		}
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale, _ := env.lookup(name); locale != "" {
			locale = strings.ReplaceAll(strings.ToLower(locale), "-", "")
			s.ascii = !strings.Contains(locale, "utf8")
			break
		}
	}
	return s
}

// screenWidth returns the width of the terminal that w writes to, in columns; 0 if w is no terminal, where nothing is cut.
func screenWidth(w io.Writer) int {
	safe, ok := w.(*safeWriter)
	if !(ok && safe.screen.fixed) && !isTerminal(w) {
		return 0
	}
	if ok && safe.screen.columns > 0 {
		return safe.screen.columns
	}
	n, _, err := term.GetSize(int(unwrap(w).(*os.File).Fd()))
	if err != nil || n < 1 {
		return 80
	}
	return n
}

// asciiOnly reports whether w writes for a locale that is not UTF-8.
func asciiOnly(w io.Writer) bool {
	safe, ok := w.(*safeWriter)
	return ok && safe.screen.ascii
}

// runeWidth is the number of columns in which a terminal shows r: 2 for the wide characters of East Asia, 0 for a mark that is
// drawn over the character before it.
func runeWidth(r rune) int {
	if r < 0x300 {
		return 1
	}
	if r == '\u200c' || r == '\u200d' || unicode.In(r, unicode.Mn, unicode.Me) || r >= 0x1160 && r <= 0x11ff { // joiners, marks, vowels that Hangul is composed of
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// textWidth is the number of columns in which a terminal shows a line.
func textWidth(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// cut shortens a line to at most n columns and marks that it did.
func cut(s string, n int, mark string) string {
	if textWidth(s) <= n {
		return s
	}
	n -= textWidth(mark)
	end := 0
	for i, r := range s {
		if n -= runeWidth(r); n < 0 {
			break
		}
		end = i + len(string(r))
	}
	return strings.TrimRight(s[:end], " ") + mark
}

// visible returns text in one line in which whatever would move the cursor is spelled out.
func visible(s string) string {
	if strings.ContainsAny(s, "\t\r\n") {
		s = strings.NewReplacer("\t", `\t`, "\r", `\r`, "\n", `\n`).Replace(s)
	}
	return etf.Escape(s)
}

// table is a list for people. On a terminal it fits the width: texts that matter least are cut, then columns that matter least are
// left out, and a line says which. A number is never cut. In a file or a pipe, all is there.
type table struct {
	out    io.Writer
	width  int // 0: any
	mark   string
	titles []string
	right  []bool
	spared []int // columns, the least important first
	uncut  bool  // no text is cut: a column is left out instead
	rows   [][]string
}

// leastText is how short a text is cut, unless its title is longer.
const leastText = 8

func newTable(w io.Writer, titles ...string) *table {
	t := &table{out: w, width: screenWidth(w), mark: "…", titles: titles, right: make([]bool, len(titles))}
	if asciiOnly(w) {
		t.mark = "..."
	}
	return t
}

func (t *table) column(title string) int {
	i := slices.Index(t.titles, title)
	if i < 0 {
		panic("the table has no column " + title)
	}
	return i
}

// numbers names the columns that hold numbers: they are aligned on the right.
func (t *table) numbers(titles ...string) *table {
	for _, title := range titles {
		t.right[t.column(title)] = true
	}
	return t
}

// spare names the columns that may be cut or left out on a narrow terminal, the least important first.
func (t *table) spare(titles ...string) *table {
	for _, title := range titles {
		t.spared = append(t.spared, t.column(title))
	}
	return t
}

// row adds a row. A cell is shown as fmt.Sprint does, and as a dash if that is empty.
func (t *table) row(cells ...any) {
	if len(cells) != len(t.titles) {
		panic(fmt.Sprintf("a row of %d cells in a table of %d columns", len(cells), len(t.titles)))
	}
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = dash(visible(fmt.Sprint(c)))
	}
	t.rows = append(t.rows, row)
}

// layout returns the widths of the columns, -1 for one that is left out.
func (t *table) layout() (widths []int, left []string) {
	full := make([]int, len(t.titles))
	for i, title := range t.titles {
		full[i] = textWidth(title)
		for _, row := range t.rows {
			full[i] = max(full[i], textWidth(row[i]))
		}
	}
	for out := 0; ; out++ {
		widths = slices.Clone(full)
		for _, i := range t.spared[:out] {
			widths[i] = -1
		}
		excess := -t.width - 2
		for _, w := range widths {
			if w >= 0 {
				excess += w + 2
			}
		}
		for _, i := range t.spared[out:] {
			if excess <= 0 || t.right[i] || t.uncut {
				continue
			}
			least := min(widths[i], max(leastText, textWidth(t.titles[i])))
			by := min(excess, widths[i]-least)
			widths[i] -= by
			excess -= by
		}
		if t.width == 0 {
			return full, nil
		}
		if excess <= 0 || out == len(t.spared) {
			for _, i := range t.spared[:out] {
				left = append(left, t.titles[i])
			}
			return widths, left
		}
	}
}

func (t *table) flush() error {
	widths, left := t.layout()
	var b strings.Builder
	last := len(widths) - 1
	for last > 0 && widths[last] < 0 {
		last--
	}
	line := func(cells []string) {
		for i, cell := range cells {
			if widths[i] < 0 {
				continue
			}
			cell = cut(cell, widths[i], t.mark)
			padding := strings.Repeat(" ", widths[i]-textWidth(cell))
			switch {
			case t.right[i]:
				b.WriteString(padding + cell)
			case i == last:
				b.WriteString(cell)
			default:
				b.WriteString(cell + padding)
			}
			if i != last {
				b.WriteString("  ")
			}
		}
		b.WriteByte('\n')
	}
	if slices.ContainsFunc(t.titles, func(s string) bool { return s != "" }) {
		line(t.titles)
	}
	for _, row := range t.rows {
		line(row)
	}
	if len(left) > 0 {
		note := "Left out in this width: " + strings.Join(left, ", ") + ". A wider terminal or --csv shows all."
		for _, part := range wrap(note, t.width) {
			b.WriteString(part + "\n")
		}
	}
	_, err := io.WriteString(t.out, b.String())
	return err
}

// pairs writes names and values below each other, long values in several lines on a terminal.
type pairs struct {
	out   io.Writer
	names []string
	texts []string
}

func newPairs(w io.Writer) *pairs { return &pairs{out: w} }

func (p *pairs) line(name, format string, args ...any) {
	p.names = append(p.names, name)
	p.texts = append(p.texts, visible(fmt.Sprintf(format, args...)))
}

func (p *pairs) flush() error {
	most := 0
	for _, name := range p.names {
		most = max(most, textWidth(name))
	}
	full := screenWidth(p.out)
	var b strings.Builder
	for i, name := range p.names {
		lines := []string{p.texts[i]}
		if full > 0 {
			lines = wrap(p.texts[i], full-most-2)
		}
		b.WriteString(name + strings.Repeat(" ", most-textWidth(name)+2) + strings.Join(lines, "\n"+strings.Repeat(" ", most+2)) + "\n")
	}
	p.names, p.texts = nil, nil
	_, err := io.WriteString(p.out, b.String())
	return err
}
