// Command series writes the series from which the golden files of forecast/prophet are made: synthetic, from fixed
// seeds, the same bytes on every run.
//
//	go run ./bench/prophet/series -out forecast/prophet/testdata
//
// Each has a shape that exercises a part of the model: breaks in the trend, gaps, trading days, saturation, few rows,
// five-minute rows, regressors, duplicate dates. Values have few decimals, so that text represents them exactly.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	out := flag.String("out", "forecast/prophet/testdata", "folder to write to")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "series:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i, s := range all {
		t := &table{rng: rand.New(rand.NewPCG(20260101, uint64(i+1)))}
		s.write(t)
		if err := os.WriteFile(filepath.Join(dir, s.name+".csv"), t.out.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// all are the series. A series' place in the list is its seed: append new ones.
var all = []struct {
	name  string
	write func(*table)
}{
	{"daily", daily},
	{"trading", trading},
	{"logistic", logistic},
	{"saturating", saturating},
	{"monthly", monthly},
	{"short", short},
	{"subdaily", subdaily},
	{"regressors", regressors},
	{"untidy", untidy},
	{"large", large},
	{"constant", constant},
}

// table is a CSV being written, with the random numbers of its series.
type table struct {
	rng *rand.Rand
	out bytes.Buffer
}

func (t *table) row(cells ...string) { t.out.WriteString(strings.Join(cells, ",") + "\n") }

func (t *table) noise(sd float64) float64 { return sd * t.rng.NormFloat64() }

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

func day(s time.Time) string { return s.Format("2006-01-02") }

func num(v float64, decimals int) string {
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Trim(text, "-0.") == "" {
		return "0"
	}
	return text
}

// turn is a sine with a period and a phase in days.
func turn(s time.Time, period, phase float64) float64 {
	return math.Sin(2 * math.Pi * (float64(s.Unix())/86400 + phase) / period)
}

// daily has two breaks in the trend, a weekly and a yearly pattern, one row in twenty missing and a gap of three weeks.
func daily(t *table) {
	t.row("ds", "y")
	level, slope := 120.0, 0.05
	for i := range 880 {
		s := date(2015, time.March, 2).AddDate(0, 0, i)
		switch i {
		case 260:
			slope = -0.11
		case 560:
			slope = 0.16
		}
		level += slope
		week := []float64{-6, 2, 3, 2.5, 1, 0.5, -3}[s.Weekday()]
		y := level + week + 9*turn(s, 365.25, 40) + 3*turn(s, 365.25/2, 10) + t.noise(2.5)
		missing := t.rng.Float64() < 0.05
		if i > 0 && (missing || i >= 400 && i < 421) {
			continue
		}
		t.row(day(s), num(y, 3))
	}
}

// trading is a price from Monday to Friday: a geometric random walk whose drift changes sign, with a few closed days.
func trading(t *table) {
	t.row("ds", "y")
	logPrice, rows := math.Log(180), 0
	for i := 0; rows < 600; i++ {
		s := date(2019, time.January, 2).AddDate(0, 0, i)
		if wd := s.Weekday(); wd == time.Saturday || wd == time.Sunday {
			continue
		}
		if md := s.Format("01-02"); md == "01-01" || md == "07-04" || md == "12-25" {
			continue
		}
		drift := 0.0006
		if rows >= 280 && rows < 320 {
			drift = -0.008
		}
		logPrice += drift + t.noise(0.011)
		t.row(day(s), num(math.Exp(logPrice), 2))
		rows++
	}
}

// logistic grows from a floor to a cap that are both steps in time.
func logistic(t *table) {
	t.row("ds", "y", "cap", "floor")
	for i := range 420 {
		s := date(2018, time.January, 1).AddDate(0, 0, i)
		floor, limit := 20.0, 90.0
		if i >= 250 {
			floor, limit = 22, 96
		}
		y := floor + (limit-floor)/(1+math.Exp(-0.018*(float64(i)-170))) + 2*turn(s, 7, 1) + t.noise(1.2)
		t.row(day(s), num(y, 3), num(limit, 1), num(floor, 1))
	}
}

// saturating falls from near its cap, without a floor; weekly rows.
func saturating(t *table) {
	t.row("ds", "y", "cap")
	for i := range 180 {
		s := date(2014, time.January, 6).AddDate(0, 0, 7*i)
		y := 8/(1+math.Exp(0.045*(float64(i)-95))) + 0.4*turn(s, 365.25, 0) + t.noise(0.15)
		t.row(day(s), num(y, 4), "8.5")
	}
}

// monthly grows, with a season in proportion: twelve years of the first of each month.
func monthly(t *table) {
	t.row("ds", "y")
	for i := range 144 {
		s := date(2005, time.January, 1).AddDate(0, i, 0)
		y := (100 + 2.4*float64(i)) * (1 + 0.18*turn(s, 365.25, 250) + 0.05*turn(s, 365.25/3, 0)) * math.Exp(t.noise(0.02))
		t.row(day(s), num(y, 1))
	}
}

// short has fewer rows than 100, where the original's optimiser changes.
func short(t *table) {
	t.row("ds", "y")
	for i := range 60 {
		s := date(2022, time.May, 2).AddDate(0, 0, i)
		y := 14 + 0.06*float64(i) + 1.5*turn(s, 7, 2) + t.noise(0.5)
		t.row(day(s), num(y, 2))
	}
}

// subdaily is three days of five-minute rows, above and below 0.
func subdaily(t *table) {
	t.row("ds", "y")
	for i := range 3 * 288 {
		s := time.Date(2017, time.January, 1, 0, 5*i, 0, 0, time.UTC)
		y := -1 + 4*turn(s, 1, 0.3) + 1.2*turn(s, 0.25, 0) + 0.002*float64(i) + t.noise(0.4)
		t.row(s.Format("2006-01-02 15:04:05"), num(y, 2))
	}
}

// regressors depends on its other columns: promo (0 or 1), temperature, index (in proportion), and two weekly patterns
// of different shape, in_season and off_season.
func regressors(t *table) {
	t.row("ds", "y", "promo", "temperature", "index", "in_season", "off_season")
	index := 100.0
	for i := range 500 {
		s := date(2020, time.February, 3).AddDate(0, 0, i)
		promo, season := 0.0, 0.0
		if t.rng.Float64() < 0.12 {
			promo = 1
		}
		if m := s.Month(); m >= time.May && m <= time.September {
			season = 1
		}
		temperature := math.Round(10*(11+9*turn(s, 365.25, 255)+t.noise(2.5))) / 10
		index = math.Round(100*(index+t.noise(0.8))) / 100
		week := 1.5 * turn(s, 7, 3)
		if season == 1 {
			week = 4 * turn(s, 7, 0)
		}
		y := (60+0.02*float64(i))*(1+0.004*(index-100)) + 7*promo + 0.5*temperature + week + t.noise(1.5)
		t.row(day(s), num(y, 2), num(promo, 0), num(temperature, 1), num(index, 2), num(season, 0), num(1-season, 0))
	}
}

// untidy has rows out of order, duplicate dates, and rows without a value (including the last date).
func untidy(t *table) {
	t.row("ds", "y")
	type entry struct{ ds, y string }
	var rows []entry
	for i := range 190 {
		s := date(2021, time.September, 1).AddDate(0, 0, i)
		y := 300 + 0.5*float64(i) + 12*turn(s, 7, 0) + t.noise(6)
		text := num(y, 1)
		if i%17 == 5 || i >= 187 {
			text = ""
		}
		rows = append(rows, entry{day(s), text})
		if i%23 == 11 {
			rows = append(rows, entry{day(s), num(y+10, 1)})
		}
	}
	t.rng.Shuffle(len(rows), func(a, b int) { rows[a], rows[b] = rows[b], rows[a] })
	for _, r := range rows {
		t.row(r.ds, r.y)
	}
}

// large varies by a few millionths of its level.
func large(t *table) {
	t.row("ds", "y")
	level := 41_250_000.0
	for i := range 80 {
		s := date(2023, time.March, 1).AddDate(0, 0, i)
		if wd := s.Weekday(); wd == time.Saturday || wd == time.Sunday {
			continue
		}
		level += 3 + math.Abs(t.noise(8))
		t.row(day(s), num(level, 0))
	}
}

// constant never changes.
func constant(t *table) {
	t.row("ds", "y")
	for i := range 30 {
		t.row(day(date(2024, time.June, 1).AddDate(0, 0, i)), "20")
	}
}
