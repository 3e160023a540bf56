package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/etfcast/etfcast/etf"
)

const preface = `# What the rules find

Made by ` + "`make report-quality`" + ` (ETFCAST_REAL_DATA names the folder of real prices); edit bench/quality, not this page. Every file is checked as
` + "`etfcast check`" + ` checks it. Nothing here is drawn at random but by the seed: the same seed gives the same page.

- [What does not reach the aims](#what-does-not-reach-the-aims)
- [Known files](#known-files): real defects, cases made after public bug reports, named events, each with its right answer
- [Injected defects](#injected-defects): what share of them is found, by kind, size and length of history
- [False alarms](#false-alarms) in histories without defects
- [Turmoil](#turmoil): how soon genuine moves are believed

`

const howTo = `A defect is put into a window of 30, 60, 250 or 2,500 rows, or into a whole history, at a random place: half of them in real histories (18 files, two
decades and more of the longest), half in simulated ones (a GARCH process with fat tails: a money-market-like fund, a bond fund, a broad and an
emerging-market fund, a leveraged one, a thinly traded one, and one on XKRX). It counts as found if a warning or an error of a fitting rule touches the
injected sessions (where a whole file is wrong, as with weekly rows: if errors cover nine tenths of its rows, or the file is refused). Where a defect has a
size, it is in *local volatilities*: log return divided by the deviation of the 60 daily returns around it, from the median of their sizes, which the harness
measures on the history before the defect is put in.

The aims: .95 from 12 local volatilities up and where a defect has no size, .80 from 8 to 12. Below 8 there is no aim: genuine moves are as large; nor
has a class with fewer than 5 defects. "By an
error" is the share that an error finds, without a size or from 12 up; "right proposal" that of unstated splits whose session and ratio a line proposes.

` + "`go run ./bench/quality -kind 'wrong open'`" + ` names what was missed, ` + "`-show NAME`" + ` prints one with its rows and findings.
`

// report writes docs/data-quality.md.
func report(p plan, folder string) (string, error) {
	var b, body strings.Builder
	defects := p.inject(nil)
	all := recalls(p.kinds, defects)
	var short []string
	for _, r := range all {
		short = append(short, r.short()...)
	}

	if folder != "" {
		known := judgeTruths(folder)
		met := 0
		for _, j := range known {
			if j.met() {
				met++
			} else {
				short = append(short, fmt.Sprintf("known file `%s`", j.path))
			}
		}
		fmt.Fprintf(&body, "## Known files\n%d of %d files get the right answer.\n\n| file | right | answer |\n|---|---|---|\n", met, len(known))
		for _, j := range known {
			var expect []string
			answer := "as expected"
			for i, e := range j.expect {
				expect = append(expect, e.text)
				if j.refused == "" && j.wrong[i] != "" {
					if answer == "as expected" {
						answer = ""
					}
					answer += fmt.Sprintf("**not: %s** (%s) ", e.text, clean(j.wrong[i], 160))
				}
			}
			if j.refused != "" {
				answer = "**refused**: " + clean(j.refused, 240)
			}
			name := "`" + j.path + "`"
			if j.stored != "" {
				name += ", stored: `" + j.stored[strings.LastIndexByte(j.stored, '/')+1:] + "`"
			}
			fmt.Fprintf(&body, "| %s | %s | %s |\n", name, strings.Join(expect, "; "), strings.TrimSpace(answer))
		}
		body.WriteString("\nThe cases `split-date-corrected` and `split-withdrawn` need a source that changes its statements: the end-to-end tests have them.\n\n")
	}

	fmt.Fprintf(&body, "## Injected defects\n%s\n### By kind and size\n%d defects, seed %d.\n\n", howTo, len(defects), p.seed)
	body.WriteString("| kind | no size | below 8 | 8 to 12 | from 12 | real | simulated | by an error | right proposal |\n|---|---|---|---|---|---|---|---|---|\n")
	var total recall
	for _, r := range all {
		fmt.Fprintf(&body, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", r.kind.name, cell(r.buckets[0]), cell(r.buckets[1]), cell(r.buckets[2]), cell(r.buckets[3]),
			cell(r.pools[true]), cell(r.pools[false]), cell(r.errors), cell(r.proposed))
		if r.kind.aim {
			for i := range total.buckets {
				total.buckets[i].found += r.buckets[i].found
				total.buckets[i].n += r.buckets[i].n
			}
		}
	}
	fmt.Fprintf(&body, "| **all with an aim** | %s | %s | %s | %s | | | | |\n", cell(total.buckets[0]), cell(total.buckets[1]), cell(total.buckets[2]), cell(total.buckets[3]))
	body.WriteString("\n### By length of history\nWithout the defects below 8 local volatilities.\n\n| kind |")
	for _, n := range lengths {
		fmt.Fprintf(&body, " %s |", lengthText(n))
	}
	body.WriteString("\n|---|" + strings.Repeat("---|", len(lengths)) + "\n")
	for _, r := range all {
		fmt.Fprintf(&body, "| %s |", r.kind.name)
		for _, n := range lengths {
			fmt.Fprintf(&body, " %s |", cell(r.lengths[lengthText(n)]))
		}
		body.WriteByte('\n')
	}
	body.WriteString("\n### Fitting rules\n| kind | rules | found if |\n|---|---|---|\n")
	for _, k := range p.kinds {
		when := [...]string{"touched", "errors name nine tenths of the rows, or refused", "touched, or refused", "no error touches them: the numbers are right", "errors name nine tenths of them"}[k.mode]
		if k.info {
			when += "; an info is enough"
		}
		if !k.aim {
			when += "; no aim"
		}
		fmt.Fprintf(&body, "| %s | %s | %s |\n", k.name, strings.Join(k.rules, ", "), when)
	}

	body.WriteString("\n## False alarms\nThe histories without defects, each as a whole. Aims for the real ones: at most 1 bar in 10,000 named by an error, at most 20 warnings in all.\n\n")
	body.WriteString("| history | bars | named by errors | errors | warnings |\n|---|---|---|---|---|\n")
	var texts []string
	for _, pool := range []string{"real", "simulated"} {
		sum := alarms{}
		for _, s := range p.pools[pool] {
			a := quietly(s)
			fmt.Fprintf(&body, "| %s | %d | %d | %d | %d |\n", a.name, a.bars, a.errorBars, a.errors, a.warnings)
			sum.bars += a.bars
			sum.errors += a.errors
			sum.errorBars += a.errorBars
			sum.warnings += a.warnings
			if pool == "real" {
				for _, l := range a.lines {
					texts = append(texts, fmt.Sprintf("- `%s`: %s", a.name, clean(l, 220)))
				}
			}
		}
		if sum.bars == 0 {
			continue
		}
		fmt.Fprintf(&body, "| **all %s** | %d | %d | %d | %d |\n", pool, sum.bars, sum.errorBars, sum.errors, sum.warnings)
		if pool == "real" {
			if float64(sum.errorBars) > float64(sum.bars)/10_000 {
				short = append(short, fmt.Sprintf("false errors on real histories: %d of %d bars, aim 1 in 10,000", sum.errorBars, sum.bars))
			}
			if sum.warnings > 20 {
				short = append(short, fmt.Sprintf("warnings on real histories: %d, aim 20", sum.warnings))
			}
		}
	}
	if len(texts) > 0 {
		fmt.Fprintf(&body, "\nOn the real ones:\n\n%s\n", strings.Join(texts, "\n"))
	}

	fmt.Fprintf(&body, "\n### Short files without defects\n%d parts of the same histories of each length, as first files of new ETFs; the newest row of each is one on which nothing follows.\n\n", parts)
	body.WriteString("| rows | real: named by errors | errors | warnings | simulated: named by errors | errors | warnings |\n|---|---|---|---|---|---|---|\n")
	for _, n := range windowLengths {
		fmt.Fprintf(&body, "| %d |", n)
		for _, pool := range []string{"real", "simulated"} {
			if len(p.pools[pool]) == 0 {
				body.WriteString(" | | |")
				continue
			}
			a := windows(p.seed, p.pools[pool], n, parts)
			fmt.Fprintf(&body, " %d of %d | %d | %d |", a.errorBars, a.bars, a.errors, a.warnings)
		}
		body.WriteByte('\n')
	}

	if real := p.pools["real"]; len(real) > 0 {
		believed, held, late := turmoils(real)
		fmt.Fprintf(&body, "\n## Turmoil\nThe real histories updated session by session, with 300 rows stored before, through %d spells of turmoil from 2000 to 2026 (September 2001,\nautumn 2008, 2010-05-06, August 2015, March 2020, April 2025, ...). Aim: every session's row is believed by the next session at the latest.\n\n", len(turmoil))
		fmt.Fprintf(&body, "%d sessions: %d believed by the next session at the latest, of which %d had to wait for it.\n", believed.n, believed.found, held-(believed.n-believed.found))
		if len(late) > 0 {
			short = append(short, fmt.Sprintf("turmoil: %d of %d rows are not believed by the next session", len(late), believed.n))
			fmt.Fprintf(&body, "Not believed: %s.\n", strings.Join(late, ", "))
		}
	}

	b.WriteString(preface)
	b.WriteString("## What does not reach the aims\n")
	if len(short) == 0 {
		b.WriteString("Everything does.\n")
	}
	for _, m := range short {
		fmt.Fprintf(&b, "- %s\n", m)
	}
	b.WriteByte('\n')
	b.WriteString(body.String())
	return b.String(), nil
}

// parts is how many short files of each length are checked.
const parts = 300

// clean makes a text fit for a cell of a table.
func clean(text string, most int) string {
	return etf.Clip(strings.NewReplacer("|", "/", "\n", " ", "*", "").Replace(text), most)
}

func cell(r rate) string {
	if r.n == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f of %d", math.Floor(r.share()*100)/100, r.n)
}
