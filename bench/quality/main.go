// Command quality measures how well the rules find defects that are put into price histories without any, real ones and
// simulated ones, and how often they cry wolf. It also checks a table of real defects whose right answer is known.
//
// Everything follows from the seed. Without arguments it writes docs/data-quality.md's tables to standard output:
//
//	go run ./bench/quality [-seed 1] [-data FOLDER] [-out FILE]
//
// For somebody who improves a rule:
//
//	go run ./bench/quality -kind 'spike'              recall of the kinds that match, with the names of what was missed
//	go run ./bench/quality -show 'wrong open/12/30/'  every defect whose name begins so, with rows and findings
//	go run ./bench/quality -quiet                     what the rules say about the histories without defects
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"
)

func main() {
	seed := flag.Uint64("seed", 1, "seed of the random numbers")
	folder := flag.String("data", os.Getenv("ETFCAST_REAL_DATA"), "folder of real prices; without it, simulated ones only")
	repeats := flag.Int("repeats", 3, "defects of each kind, size, length and pool")
	kindFlag := flag.String("kind", "", "only kinds that match this regular expression, with the names of what was missed")
	show := flag.String("show", "", "describe the defects whose names begin so")
	quiet := flag.Bool("quiet", false, "list what the rules say about the histories without defects")
	out := flag.String("out", "", "write the report to this file")
	flag.Parse()
	if err := run(*seed, *folder, *repeats, *kindFlag, *show, *quiet, *out); err != nil {
		fmt.Fprintln(os.Stderr, "quality:", err)
		os.Exit(1)
	}
}

func run(seed uint64, folder string, repeats int, kindPattern, show string, quiet bool, out string) error {
	began := time.Now()
	p := plan{seed: seed, kinds: kinds, repeats: repeats, pools: map[string][]series{"simulated": simulated(seed)}}
	if folder != "" {
		histories, err := realSeries(folder)
		if err != nil {
			return err
		}
		p.pools["real"] = histories
	}
	switch {
	case show != "":
		for _, d := range p.inject(func(id string) bool { return strings.HasPrefix(id, show) }) {
			fmt.Println(d.describe())
		}
		return nil
	case quiet:
		for _, pool := range []string{"real", "simulated"} {
			for _, s := range p.pools[pool] {
				a := quietly(s)
				fmt.Printf("%s: %d bars, %d errors on %d bars, %d warnings\n", a.name, a.bars, a.errors, a.errorBars, a.warnings)
				for _, l := range a.lines {
					fmt.Printf("  %.250s\n", l)
				}
			}
			for _, n := range windowLengths {
				if len(p.pools[pool]) == 0 {
					continue
				}
				a := windows(seed, p.pools[pool], n, parts)
				fmt.Printf("%d %s files of %d rows: %d errors on %d of %d bars, %d warnings\n", parts, pool, n, a.errors, a.errorBars, a.bars, a.warnings)
				for _, l := range a.lines {
					fmt.Printf("  %.250s\n", l)
				}
			}
		}
		return nil
	case kindPattern != "":
		match, err := regexp.Compile(kindPattern)
		if err != nil {
			return err
		}
		for _, r := range recalls(p.kinds, p.inject(func(id string) bool { return match.MatchString(strings.SplitN(id, "/", 2)[0]) })) {
			if !match.MatchString(r.kind.name) {
				continue
			}
			fmt.Printf("%s\n  without a size %s; below 8 %s; 8 to 12 %s; from 12 %s\n", r.kind.name, r.buckets[0], r.buckets[1], r.buckets[2], r.buckets[3])
			fmt.Printf("  real %s; simulated %s; by an error %s", r.pools[true], r.pools[false], r.errors)
			if r.proposed.n > 0 {
				fmt.Printf("; right proposal %s", r.proposed)
			}
			fmt.Println()
			for _, n := range lengths {
				fmt.Printf("  %s rows %s;", lengthText(n), r.lengths[lengthText(n)])
			}
			fmt.Println()
			for _, id := range r.misses {
				fmt.Println("  missed", id)
			}
			for _, id := range r.others {
				fmt.Println("  without the right proposal", id)
			}
		}
		return nil
	}
	text, err := report(p, folder)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%.1f s\n", time.Since(began).Seconds())
	if out == "" {
		fmt.Print(text)
		return nil
	}
	return os.WriteFile(out, []byte(text), 0o644)
}
