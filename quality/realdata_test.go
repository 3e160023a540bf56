package quality

import (
	"bufio"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// realBars reads one of the real price files, whose columns are told by their header.
func realBars(t testing.TB, path string) (bars []etf.Bar, actions []etf.Action) {
	t.Helper()
	folder := os.Getenv("ETFCAST_REAL_DATA")
	if folder == "" {
		t.Skip("ETFCAST_REAL_DATA is not set: the real price files are not at hand")
	}
	f, err := os.Open(filepath.Join(folder, "prices", path))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	if c, _, _ := r.ReadRune(); c != '\uFEFF' {
		_ = r.UnreadRune()
	}
	records, err := csv.NewReader(r).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{"시가": "open", "고가": "high", "저가": "low", "종가": "close", "거래량": "volume"}
	column := map[string]int{}
	for i, name := range records[0] {
		if k, ok := names[name]; ok {
			name = k
		}
		if _, rest, ok := strings.Cut(name, ". "); ok {
			name = rest
		}
		column[strings.ToLower(name)] = i
	}
	price := func(record []string, name string) etf.Price {
		i, ok := column[name]
		if !ok {
			return 0
		}
		p, err := etf.ParsePrice(record[i])
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return p
	}
	for _, record := range records[1:] {
		date := record[0]
		if len(date) == 8 {
			date = date[:4] + "-" + date[4:6] + "-" + date[6:]
		}
		if len(date) < 10 || date[4] != '-' {
			continue // further header lines
		}
		session := etf.MustSession(date[:10])
		b := etf.Bar{Session: session, Open: price(record, "open"), High: price(record, "high"), Low: price(record, "low"), Close: price(record, "close"), AdjClose: price(record, "adj close")}
		if b.Volume, err = etf.ParseVolume(record[column["volume"]]); err != nil {
			t.Fatal(err)
		}
		bars = append(bars, b)
		if p := price(record, "dividends"); p > 0 {
			actions = append(actions, etf.Action{Kind: etf.Dividend, Ex: session, Amount: p})
		}
		if p := price(record, "capital gains"); p > 0 {
			actions = append(actions, etf.Action{Kind: etf.CapitalGain, Ex: session, Amount: p})
		}
		if p := price(record, "stock splits"); p > 0 {
			actions = append(actions, etf.Action{Kind: etf.Split, Ex: session, Numerator: int64(p), Denominator: 100_000_000})
		}
	}
	return bars, actions
}

func TestExplore(t *testing.T) {
	folder := os.Getenv("ETFCAST_REAL_DATA")
	files, _ := filepath.Glob(filepath.Join(folder, "prices", "*", "*.csv"))
	for _, f := range files {
		rel, _ := filepath.Rel(filepath.Join(folder, "prices"), f)
		bars, actions := realBars(t, rel)
		ex, basis := etf.XNYS, etf.SplitAdjusted
		if strings.HasPrefix(rel, "krx") || strings.Contains(rel, "krx-") || strings.Contains(rel, "-T-") {
			ex = etf.XKRX
		}
		if strings.HasPrefix(rel, "alpha") {
			basis = etf.AsTraded
		}
		last := bars[len(bars)-1].Session
		if bars[0].Session > last {
			last = bars[0].Session
		}
		r, err := Check(Input{Symbol: "X", Exchange: ex, Session: last, Initial: true, Bars: bars, Actions: actions, Basis: basis})
		if err != nil {
			t.Fatal(err)
		}
		q := 0
		for _, v := range r.Verdicts {
			if v == etf.VerdictQuarantine {
				q++
			}
		}
		t.Logf("== %s %d rows, quarantined %d, new quarantined %v missing %v, actions %d", rel, len(bars), q, r.QuarantinedNew, r.MissingNew, len(actions))
		for _, f := range r.Findings {
			t.Logf("   %s %s (%d): %s", f.Rule, f.Severity, len(f.Sessions), f.Evidence)
		}
	}
}
