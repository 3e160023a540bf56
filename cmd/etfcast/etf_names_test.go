package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

func TestRenameByCommand(t *testing.T) {
	t.Parallel()
	database := dbtest.Open(t, dbtest.Embedded(t))
	env := []string{"ETFCAST_MYSQL_DSN=" + database.UserDSN, "TEMPORAL_ADDRESS=127.0.0.1:1", "USER=kim"}
	must := func(wantCode int, says string, args ...string) string {
		t.Helper()
		code, out, stderr := etfcast(t, env, append([]string{"etf"}, args...)...)
		if code != wantCode || !strings.Contains(out+stderr, says) {
			t.Fatalf("etf %v: exit code %d, want %d; %q, want %q in it", args, code, wantCode, out+stderr, says)
		}
		return out
	}
	must(2, "check digit", "add", "META", "--exchange", "XNYS", "--source", "simulated", "--isin", "US53656F4172")
	must(0, "registered", "add", "META", "--exchange", "XNYS", "--source", "simulated", "--isin", "US53656F4173", "--listed", "2021-06-30")
	must(2, "last: the last session under the old symbol is missing; give it, for example --last 2022-06-08", "rename", "META", "METV")
	must(2, "2022-06-05 is not a trading day of XNYS", "rename", "META", "METV", "--last", "2022-06-05")
	must(2, "before the listing", "rename", "META", "METV", "--last", "2021-06-01")
	must(0, `source simulated is still asked for "META"`, "rename", "META", "METV", "--last", "2022-06-08", "--why", "given up")
	must(0, "METV already; nothing changed", "rename", "META", "METV", "--last", "2022-06-08")
	must(0, "META has been METV since 2022-06-08", "show", "META")
	must(0, "META=2022-06-08", "list")
	must(0, "METV changed", "edit", "META", "--delisted", "2025-06-30")
	must(2, "before the listing", "edit", "METV", "--delisted", "2020-06-30")
	must(0, "given up", "changes", "META")
	must(0, "registered", "add", "META", "--exchange", "XNYS", "--source", "simulated=new")
	var e etf.ETF
	if err := json.Unmarshal([]byte(must(0, "", "show", "META", "--json")), &e); err != nil || e.Listed != etf.MustSession("2022-06-09") || len(e.Former) != 0 {
		t.Errorf("META by another fund: %+v, %v", e, err)
	}
	if err := json.Unmarshal([]byte(must(0, "", "show", "METV", "--json")), &e); err != nil || e.ISIN != "US53656F4173" || e.Delisted != etf.MustSession("2025-06-30") || len(e.PermanentID) != 32 {
		t.Errorf("METV: %+v, %v", e, err)
	}
}

// That a source never takes the first one's place is said whenever it is named.
func TestComparedOnlyIsSaid(t *testing.T) {
	t.Parallel()
	database := dbtest.Open(t, dbtest.Embedded(t))
	env := []string{"ETFCAST_MYSQL_DSN=" + database.UserDSN, "TEMPORAL_ADDRESS=127.0.0.1:1", "USER=kim"}
	file := filepath.Join(t.TempDir(), "etfs.csv")
	if err := os.WriteFile(file, []byte("symbol,exchange,sources\n069500,XKRX,krx|naver\n102110,XKRX,krx|naver\n152380,XKRX,krx|yahoo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const one = "note: naver never fills in prices of 069500: its prices are total_adjusted, the series is as_traded\n"
	for _, c := range []struct {
		says string
		args []string
	}{
		{one, []string{"add", "069500", "--exchange", "XKRX", "--source", "krx", "--source", "naver"}},
		{one, []string{"add", "069500", "--exchange", "XKRX", "--source", "krx", "--source", "naver", "--json"}},
		{one, []string{"sources", "069500"}},
		{"", []string{"edit", "069500", "--source", "krx", "--source", "yahoo"}},
		{"", []string{"sources", "069500"}},
		{one, []string{"sources", "069500", "krx", "naver"}},
		{"", []string{"edit", "069500", "--name", "KODEX 200"}},
		{"note: naver never fills in prices of 2 of the ETFs", []string{"import", file, "--update", "--dry-run"}},
	} {
		code, out, stderr := etfcast(t, env, append([]string{"etf"}, c.args...)...)
		if code != 0 || !strings.Contains(stderr, c.says) || c.says == "" && stderr != "" {
			t.Errorf("etf %v: exit code %d, %s%s, want %q", c.args, code, out, stderr, c.says)
		}
		if c.args[0] == "sources" && len(c.args) == 2 && strings.Contains(out, "only compared") != (c.says != "") {
			t.Errorf("etf %v: %s", c.args, out)
		}
	}
}

// Two hundred ETFs from one file: none while three lines are bad, each of which is named; all when they are mended; and a repeat finds
// them unchanged.
func TestImportByCommand(t *testing.T) {
	t.Parallel()
	database := dbtest.Open(t, dbtest.Embedded(t))
	env := []string{"ETFCAST_MYSQL_DSN=" + database.UserDSN, "TEMPORAL_ADDRESS=127.0.0.1:1", "USER=kim"}
	file := filepath.Join(t.TempDir(), "etfs.csv")
	write := func(replace ...string) {
		t.Helper()
		var b strings.Builder
		b.WriteString("\ufeffsymbol;exchange;currency;name;isin;listed;sources\r\n")
		for i := range 200 {
			fmt.Fprintf(&b, "A%03d;XNYS;USD;Fund %d;;2020-01-02;simulated=%d|file\r\n", i, i, i)
		}
		if err := os.WriteFile(file, []byte(strings.NewReplacer(replace...).Replace(b.String())), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	count := func() (n int) {
		t.Helper()
		if err := database.Admin(t).QueryRow("SELECT COUNT(*) FROM etfs").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	write("A049;XNYS", "69500;XKRX", "A099;XNYS;USD;Fund 99;", "A099;XNYS;USD;Fund 99;US78462F1031", "A149;XNYS;USD;Fund 149;;2020-01-02", "A149;XNYS;USD;Fund 149;;2.1.2020")
	code, out, stderr := etfcast(t, env, "etf", "import", file)
	for _, want := range []string{"line 51, symbol", "write 069500", "line 101, isin", "line 151, listed", "YYYY-MM-DD"} {
		if code != 2 || !strings.Contains(stderr, want) {
			t.Errorf("exit code %d, %q is not in %s%s", code, want, out, stderr)
		}
	}
	if count() != 0 {
		t.Errorf("%d are stored", count())
	}
	code, out, _ = etfcast(t, env, "etf", "import", file, "--json")
	var report service.ImportReport
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 2 || len(report.Refused) != 3 || report.Refused[1].Line != 101 || report.Refused[1].Column != "isin" {
		t.Errorf("%d, %v: %+v", code, err, report)
	}
	write()
	for _, c := range []struct {
		says   string
		stored int
		more   []string
	}{
		{"nothing stored (--dry-run); it would be: 200 created", 0, []string{"--dry-run"}},
		{"stored: 200 created, 0 changed, 0 unchanged", 200, nil},
		{"stored: 0 created, 0 changed, 200 unchanged", 200, nil},
	} {
		if code, out, stderr := etfcast(t, env, append([]string{"etf", "import", file}, c.more...)...); code != 0 || !strings.Contains(out, c.says) || count() != c.stored {
			t.Fatalf("exit code %d, %s%s; %d are stored", code, out, stderr, count())
		}
	}
	write("Fund 7;", "Fund Seven;", "A199;XNYS", "A200;XNYS")
	if code, _, stderr := etfcast(t, env, "etf", "import", file); code != 2 || !strings.Contains(stderr, "line 9, name: A007 is already registered with another value of name") || count() != 200 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if code, out, stderr := etfcast(t, env, "etf", "import", file, "--update"); code != 0 || !strings.Contains(out, "1 created, 1 changed, 198 unchanged") {
		t.Errorf("exit code %d: %s%s", code, out, stderr)
	}
}
