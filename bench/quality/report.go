package main

import (
	"fmt"
	"math"
	"strings"
)

// report writes docs/data-quality.md.
func report(p plan, folder string) (string, error) {
	var b strings.Builder
	defects := p.inject(nil)
	all := recalls(p.kinds, defects)
	var missed []string
	for _, r := range all {
		missed = append(missed, r.short()...)
	}
	fmt.Fprintf(&b, "%d defects\n\n", len(defects))
	fmt.Fprintf(&b, "## What does not reach the aims\n\n")
	for _, m := range missed {
		fmt.Fprintf(&b, "- %s\n", m)
	}
	if len(missed) == 0 {
		b.WriteString("Every kind reaches them.\n")
	}
	b.WriteString("\n## Recall by kind and size\n\n| kind | no size | below 8 | 8 to 12 | from 12 | real | simulated | by an error | right proposal |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range all {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", r.kind.name, cell(r.buckets[0]), cell(r.buckets[1]), cell(r.buckets[2]), cell(r.buckets[3]),
			cell(r.pools[true]), cell(r.pools[false]), cell(r.errors), cell(r.proposed))
	}
	b.WriteString("\n## Recall by length of history\n\n| kind |")
	for _, n := range lengths {
		fmt.Fprintf(&b, " %s |", lengthText(n))
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(lengths)) + "\n")
	for _, r := range all {
		fmt.Fprintf(&b, "| %s |", r.kind.name)
		for _, n := range lengths {
			fmt.Fprintf(&b, " %s |", cell(r.lengths[lengthText(n)]))
		}
		b.WriteByte('\n')
	}
	b.WriteString("\n## False alarms\n\n| history | bars | bars named by errors | errors | warnings |\n|---|---|---|---|---|\n")
	for _, pool := range []string{"real", "simulated"} {
		total := alarms{name: "all " + pool}
		for _, s := range p.pools[pool] {
			a := quietly(s)
			fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", a.name, a.bars, a.errorBars, a.errors, a.warnings)
			total.bars += a.bars
			total.errors += a.errors
			total.errorBars += a.errorBars
			total.warnings += a.warnings
		}
		fmt.Fprintf(&b, "| **%s** | %d | %d | %d | %d |\n", total.name, total.bars, total.errorBars, total.errors, total.warnings)
	}
	return b.String(), nil
}

func cell(r rate) string {
	if r.n == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f of %d", math.Round(r.share()*100)/100, r.n)
}
