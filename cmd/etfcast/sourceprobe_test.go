package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

const probeKey = "s3cr3t+k3y/0123456789"

// spelt are the ways in which a provider may repeat a key.
var spelt = []string{
	probeKey, url.QueryEscape(probeKey), url.PathEscape(probeKey), url.QueryEscape(url.QueryEscape(probeKey)), `s3cr3t\u002Bk3y\/0123456789`,
	"s3cr3t&#43;k3y&#x2F;0123456789", "s3cr3t&plus;k3y&sol;0123456789",
}

// recorded returns the files in a folder of --record, and checks that others can't read them.
func recorded(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
		content, err := os.ReadFile(path)
		files[d.Name()] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// A source is asked once, without a database, and whatever it says of the key is neither printed nor recorded.
func TestSourceTest(t *testing.T) {
	t.Parallel()
	const row = `{"date":"2024-01-16T00:00:00.000Z","open":50,"high":51,"low":49,"close":50.5,"volume":7,"adjOpen":50,"adjHigh":51,"adjLow":49,"adjClose":50.5,"adjVolume":7,"divCash":0,"splitFactor":1%s}`
	repeated := strings.Join(spelt, " ")
	for name, c := range map[string]struct {
		status int
		header http.Header
		body   string
		code   int
		says   string // on standard output
	}{
		"rows":               {200, nil, "[" + fmt.Sprintf(row, `,"asked":"`+repeated+`"`) + "]", 0, "2024-01-16"},
		"an unreadable row":  {200, nil, "[" + fmt.Sprintf(row, "") + `,` + fmt.Sprintf(strings.Replace(row, "2024-01-16T", repeated, 1), "") + "]", 1, "unreadable"},
		"a header":           {200, http.Header{"Content-Type": {`application/json; key="` + probeKey + `"`}, "X-Asked": spelt}, "[" + fmt.Sprintf(row, "") + "]", 0, "application/json"},
		"a media type":       {200, http.Header{"Content-Type": {"text/" + probeKey}}, "[" + fmt.Sprintf(row, "") + "]", 0, "2024-01-16"},
		"a refused key":      {401, nil, `{"detail":"Invalid token ` + repeated + `"}`, 1, "ETFCAST_TIINGO_KEY"},
		"a redirect":         {302, http.Header{"Location": {"https://login.example/" + url.PathEscape(probeKey) + "?token=" + url.QueryEscape(probeKey)}}, "", 1, "redirects to login.example"},
		"a page":             {200, http.Header{"Content-Type": {"text/html"}}, "<html>Log in, " + repeated, 1, "wants a browser"},
		"an outage":          {503, nil, "down for " + repeated, 1, "503"},
		"a quota":            {200, nil, "You have run over your 500 symbol look up for this month, " + repeated, 1, "SourceQuota"},
		"something unknown":  {200, nil, `{"rows":"` + repeated + `"}`, 1, "SourceCorrupt"},
		"an unknown ticker":  {404, nil, `{"detail":"Not found. ` + repeated + `"}`, 1, "SourceNotFound"},
		"a body that is cut": {200, nil, `[{"date":"` + repeated, 1, "SourceUnavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				if r.Header.Get("Authorization") != "Token "+probeKey {
					t.Errorf("the key did not arrive: %v", r.Header)
				}
				for name, values := range c.header {
					w.Header()[name] = values
				}
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			}))
			defer server.Close()
			folder := filepath.Join(t.TempDir(), "report")
			args := []string{"source", "test", "tiingo", "SPY", "--exchange", "XNYS", "--from", "2024-01-16", "--to", "2024-01-19", "--tiingo-base-url", server.URL}
			env := []string{"ETFCAST_TIINGO_KEY=" + probeKey}
			code, out, stderr := etfcast(t, env, append(args, "--record", folder)...)
			if code != c.code || !strings.Contains(out, c.says) || asked.Load() != 1 {
				t.Errorf("exit code %d, want %d; asked %d times; %q in\n%s%s", code, c.code, asked.Load(), c.says, out, stderr)
			}
			files := recorded(t, folder)
			if len(files) != 2 || (files["body"] == "") != (c.body == "") {
				t.Errorf("recorded %q", files)
			}
			var p probe
			if err := json.Unmarshal([]byte(files["probe.json"]), &p); err != nil || p.Request == "" || (p.ErrorType == "") != (p.Rows > 0) {
				t.Errorf("recorded %s: %v", files["probe.json"], err)
			}
			_, asJSON, _ := etfcast(t, env, append(args, "--json")...)
			_, asCSV, _ := etfcast(t, env, append(args, "--csv")...)
			for what, text := range map[string]string{"output": out, "errors": stderr, "body": files["body"], "probe.json": files["probe.json"], "JSON": asJSON, "CSV": asCSV} {
				for _, key := range spelt {
					if strings.Contains(text, key) {
						t.Errorf("the %s has the key: %s", what, text)
					}
				}
			}
			before := asked.Load()
			if code, _, stderr := etfcast(t, env, append(args, "--record", folder)...); code != 2 || !strings.Contains(stderr, "name a new folder") || asked.Load() != before {
				t.Errorf("with a folder that exists: exit code %d, %s; asked %d times more", code, stderr, asked.Load()-before)
			}
		})
	}
}

func TestSourceTestRefusesBadArguments(t *testing.T) {
	t.Parallel()
	for says, args := range map[string][]string{
		"use one of yahoo":           {"nasdaq", "SPY", "--exchange", "XNYS"},
		"--exchange":                 {"yahoo", "SPY"},
		"use XNYS":                   {"yahoo", "SPY", "--exchange", "NYSE"},
		"from: ":                     {"yahoo", "SPY", "--exchange", "XNYS", "--from", "soon"},
		"to: ":                       {"yahoo", "SPY", "--exchange", "XNYS", "--to", "2024-02-30"},
		"is after":                   {"yahoo", "SPY", "--exchange", "XNYS", "--from", "2024-02-01", "--to", "2024-01-31"},
		"can't be written":           {"simulated", "SPY", "--exchange", "XNYS", "--record", filepath.Join(t.TempDir(), "none", "report")},
		"of this source":             {"eodhd", "SPY", "--exchange", "XNYS", "--ref", "SPY.US?colour=red"},
		"VUSA.LSE?currency=GBX":      {"eodhd", "VUSA", "--exchange", "XLON"},
		"needs a key, and none is":   {"krx", "069500", "--exchange", "XKRX"},
		"Tiingo has no ETFs of XKRX": {"tiingo", "069500", "--exchange", "XKRX"},
	} {
		code, out, stderr := etfcast(t, []string{"ETFCAST_EODHD_KEY=demo", "ETFCAST_TIINGO_KEY=" + probeKey}, append([]string{"source", "test"}, args...)...)
		if code == 0 || !strings.Contains(out+stderr, says) {
			t.Errorf("%v: exit code %d, want %q in %s%s", args, code, says, out, stderr)
		}
	}
}

// A response of several bodies is recorded with all of them.
func TestRecordKeepsEveryBody(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"OutBlock_1":[{"BAS_DD":%q,"ISU_CD":"069500","ISU_NM":%q,"TDD_CLSPRC":"100","TDD_OPNPRC":"100","TDD_HGPRC":"100","TDD_LWPRC":"100","ACC_TRDVOL":"7","NAV":"100.5"}]}`,
			r.URL.Query().Get("basDd"), r.Header.Get("AUTH_KEY"))
	}))
	defer server.Close()
	folder := filepath.Join(t.TempDir(), "report")
	code, out, stderr := etfcast(t, []string{"ETFCAST_KRX_KEY=" + probeKey}, "source", "test", "krx", "069500", "--exchange", "XKRX", "--from", "2024-01-16", "--to", "2024-01-17",
		"--krx-base-url", server.URL, "--record", folder)
	files := recorded(t, folder)
	if code != 0 || len(files) != 4 || !strings.Contains(files["body-2024-01-16"], "20240116") || !strings.Contains(files["body-2024-01-17"], "***") || !strings.Contains(out, "body-2024-01-16, body-2024-01-17") {
		t.Errorf("exit code %d, %q\n%s%s", code, files, out, stderr)
	}
	for name, content := range files {
		if strings.Contains(content, probeKey) {
			t.Errorf("%s has the key", name)
		}
	}
}

// A breaker that is open lets the next request through after `source retry`, and only that.
func TestSourceRetry(t *testing.T) {
	t.Parallel()
	database := dbtest.Open(t, dbtest.Embedded(t))
	env := []string{"ETFCAST_MYSQL_DSN=" + database.UserDSN, "TEMPORAL_ADDRESS=127.0.0.1:1"}
	retry := func(want int, says string, args ...string) {
		t.Helper()
		code, out, stderr := etfcast(t, env, append([]string{"source", "retry"}, args...)...)
		if code != want || !strings.Contains(out+stderr, says) {
			t.Errorf("%v: exit code %d, want %d; %q in %s%s", args, code, want, says, out, stderr)
		}
	}
	retry(0, "yahoo: closed", "yahoo") // nothing to retry
	now := time.Now()
	for i := range etf.BreakerFailures {
		if _, err := database.Store.ChangeBreaker(t.Context(), "yahoo", func(b etf.Breaker) etf.Breaker {
			return b.Failed(etf.Symbol(fmt.Sprintf("E%d", i)), "no response", 100, now)
		}); err != nil {
			t.Fatal(err)
		}
	}
	state := func() etf.Breaker {
		t.Helper()
		b, err := database.Store.Breaker(t.Context(), "yahoo")
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if pass, _ := state().Admits(time.Now()); pass {
		t.Fatalf("the breaker is not open: %+v", state())
	}
	retry(0, "yahoo: open, the next request decides", "yahoo")
	if pass, probe := state().Admits(time.Now()); !pass || !probe || state().Failures != etf.BreakerFailures {
		t.Errorf("after retry: %+v", state())
	}
	retry(0, `"retry_at"`, "yahoo", "--json")
	retry(2, "NAME is missing")
	code, _, stderr := etfcast(t, env, "source", "retry", "nasdaq")
	if code == 0 || !strings.Contains(stderr, "use one of yahoo") {
		t.Errorf("an unknown source: exit code %d, %s", code, stderr)
	}
}
