// Command theta measures the Theta models and drift against statsforecast: a fit with forecast and intervals of 21 sessions, in milliseconds of one
// core, on the same series, with the sums of squared errors beside. It needs ETFCAST_REAL_DATA and a Python with bench/models/requirements.txt:
//
//	ETFCAST_REAL_DATA=<folder> go run ./bench/models/theta -python <python>
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/catalogue"
)

// files are the real series; rows is how many of their newest closes are used.
var files = []string{"yahoo/SPY", "yahoo/QQQ", "yahoo/IWM", "yahoo/EEM", "krx/069500_D", "krx/114800_D", "krx/139230_D", "krx/152380_D"}

const rows = 2520

var models = []string{"drift", "theta", "theta-optimised", "theta-dynamic"}

// result is what one side measured.
type result struct {
	Series  string   `json:"series"`
	Model   string   `json:"model"`
	MS      float64  `json:"ms"`
	Squares *float64 `json:"squares"`
}

func main() {
	python := flag.String("python", "python3", "interpreter with bench/models/requirements.txt")
	flag.Parse()
	if err := run(*python, os.Getenv("ETFCAST_REAL_DATA")); err != nil {
		log.Fatal(err)
	}
}

func run(python, folder string) error {
	runtime.GOMAXPROCS(1)
	if folder == "" {
		return fmt.Errorf("ETFCAST_REAL_DATA is not set: set it to the folder of real prices")
	}
	closes := map[string][]float64{}
	for _, name := range files {
		list, err := read(filepath.Join(folder, "prices", filepath.FromSlash(name)+".csv"), strings.HasPrefix(name, "yahoo"))
		if err != nil {
			return err
		}
		closes[name] = list
	}
	theirs, err := reference(python, closes)
	if err != nil {
		return err
	}
	fmt.Println("| series | model | etfcast ms | statsforecast ms | ratio | squares | statsforecast's |\n|---|---|---:|---:|---:|---:|---:|")
	sums := map[string][2]float64{}
	for _, name := range files {
		for _, model := range models {
			ours, err := measure(name, model, closes[name])
			if err != nil {
				return err
			}
			other := theirs[name+" "+model]
			fmt.Printf("| %s | %s | %.3f | %.3f | %.1f | %s | %s |\n", name, model, ours.MS, other.MS, other.MS/ours.MS, number(ours.Squares), number(other.Squares))
			s := sums[model]
			sums[model] = [2]float64{s[0] + ours.MS, s[1] + other.MS}
		}
	}
	for _, model := range models {
		s := sums[model]
		fmt.Printf("| all | %s | %.3f | %.3f | %.1f | | |\n", model, s[0]/float64(len(files)), s[1]/float64(len(files)), s[1]/s[0])
	}
	return nil
}

func number(x *float64) string {
	if x == nil {
		return ""
	}
	return strconv.FormatFloat(*x, 'f', 6, 64)
}

// read returns the newest closes of a file of Yahoo (column 2) or KRX (column 4).
func read(path string, yahoo bool) ([]float64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	column := 4
	if yahoo {
		column = 2
	}
	var list []float64
	for _, r := range records {
		if r[0] == "" || r[0][0] < '0' || r[0][0] > '9' {
			continue // a header
		}
		c, err := strconv.ParseFloat(r[column], 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		list = append(list, c)
	}
	return list[max(0, len(list)-rows):], nil
}

// reference runs statsforecast.
func reference(python string, closes map[string][]float64) (map[string]result, error) {
	in, err := json.Marshal(closes)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(context.Background(), python, filepath.Join("bench", "models", "theta_time.py"))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s bench/models/theta_time.py: %w", python, err)
	}
	all := map[string]result{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		var r result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, err
		}
		all[r.Series+" "+r.Model] = r
	}
	return all, lines.Err()
}

// measure times fits of one model to one series, for .3 s of CPU.
func measure(series, name string, closes []float64) (result, error) {
	list, err := catalogue.New([]string{name})
	if err != nil {
		return result{}, err
	}
	first := etf.MustSession("2015-01-05")
	s := forecast.Series{Symbol: "BENCH", Exchange: etf.XNYS, Close: closes}
	for i := range closes {
		s.Sessions = append(s.Sessions, first+etf.Session(i))
	}
	s.Origin = s.Sessions[len(closes)-1]
	targets := make([]etf.Session, etf.MaxHorizon)
	for i := range targets {
		targets[i] = s.Origin + etf.Session(i) + 1
	}
	var f forecast.Fitted
	once := func() error {
		if f, err = list[0].Fit(context.Background(), s, 0, nil); err != nil {
			return err
		}
		_, err = f.Predict(targets)
		return err
	}
	if err := once(); err != nil {
		return result{}, err
	}
	n := 0
	start := cpu()
	for cpu()-start < 300*time.Millisecond {
		for range 10 {
			if err := once(); err != nil {
				return result{}, err
			}
			n++
		}
	}
	r := result{Series: series, Model: name, MS: float64(cpu()-start) / float64(n) / float64(time.Millisecond)}
	if text, ok := f.Diagnostics()["squares"]; ok {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return r, err
		}
		r.Squares = &v
	}
	return r, nil
}

// cpu is the CPU time of this process so far, of all its threads.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
