package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/ledger"
)

func TestKeyCommands(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	code, public, _ := etfcast(t, nil, "key", "init", "--out", path, "--name", "etfcast/test")
	if code != exitOK || !strings.HasPrefix(public, "etfcast/test+") {
		t.Fatalf("exit code %d, %q", code, public)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if code, out, _ := etfcast(t, nil, "key", "show", path); code != exitOK || out != public {
		t.Errorf("exit code %d, %q", code, out)
	}
	before, _ := os.ReadFile(path)
	if code, _, stderr := etfcast(t, nil, "key", "init", "--out", path); code != exitUsage || !strings.Contains(stderr, "exists already") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the key was overwritten")
	}
	for _, args := range [][]string{{"key", "show", filepath.Dir(path)}, {"key", "show", path + "x"}, {"key", "init", "--out", filepath.Join(path, "x")}, {"key", "init", "--out", path + "2", "--name", "a b"}} {
		if code, _, stderr := etfcast(t, nil, args...); code != exitUsage || stderr == "" {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
}

func TestLedgerCommands(t *testing.T) {
	t.Parallel()
	database := dbtest.Open(t, dbtest.Embedded(t))
	s, dir := database.Store, t.TempDir()
	env := []string{"ETFCAST_MYSQL_DSN=" + database.UserDSN}
	call := func(want int, args ...string) (stdout, stderr string) {
		t.Helper()
		code, out, errs := etfcast(t, env, args...)
		if code != want {
			t.Errorf("%v: exit code %d, want %d: %s%s", args, code, want, out, errs)
		}
		return out, errs
	}
	if out, _ := call(exitOK, "ledger", "verify"); !strings.Contains(out, "empty") {
		t.Error(out)
	}
	call(exitUsage, "ledger", "show")
	for _, symbol := range []etf.Symbol{"AAA", "BBB"} {
		e := etf.ETF{Symbol: symbol, Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: "simulated", Ref: string(symbol)}}}
		if _, _, err := s.CreateETF(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	origin := etf.MustSession("2025-09-26")
	forecast := func(i int, symbol etf.Symbol, model string) string {
		t.Helper()
		f := etf.Forecast{ID: fmt.Sprintf("%032x", i), Symbol: symbol, Model: model, Origin: origin.AddDays(i), Basis: etf.SplitAdjusted, Params: "{}",
			AsOf: time.Now(), IssuedAt: time.Now(), Fit: []byte("{}"), Components: map[string][]float64{"trend": {1}},
			Points: []etf.ForecastPoint{{Horizon: 1, Target: origin.AddDays(i + 3), Mean: 1}}}
		if r, err := s.AppendForecasts(t.Context(), []etf.Forecast{f}); err != nil || r[0].Refused != nil {
			t.Fatal(err)
		}
		return f.ID
	}
	first := forecast(0, "AAA", "drift")
	forecast(1, "AAA", "drift")
	forecast(2, "BBB", "former")
	if out, _ := call(exitOK, "ledger", "verify"); !strings.Contains(out, "chains    2, of 2 ETFs: 3 forecasts, of which 3 are newer") {
		t.Error(out)
	}
	key := filepath.Join(dir, "key")
	public, _ := call(exitOK, "key", "init", "--out", key)
	keyFile := filepath.Join(dir, "key.pub")
	private, _ := os.ReadFile(key)
	signer, err := ledger.NewSigner(string(private))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Anchor(t.Context(), etf.AnchorScope{}, signer.Note); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("key.pub", public)
	note, _ := call(exitOK, "ledger", "show", "--checkpoint")
	asJSON, _ := call(exitOK, "ledger", "show", "--json")
	kept, keptJSON := write("kept", note), write("kept.json", asJSON)
	forecast(3, "AAA", "drift")
	if _, err := s.Anchor(t.Context(), etf.AnchorScope{}, signer.Note); err != nil {
		t.Fatal(err)
	}
	for _, against := range []string{kept, keptJSON} {
		for _, with := range []string{keyFile, strings.TrimSpace(public)} {
			if out, _ := call(exitOK, "ledger", "verify", "--against", against, "--public-key", with); !strings.Contains(out, "begins with the 3 leaves") {
				t.Error(out)
			}
		}
	}
	// A folder of kept checkpoints, also with other line ends.
	newest, _ := call(exitOK, "ledger", "show", "--checkpoint")
	folder := filepath.Join(dir, "[kept]")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	write("[kept]/checkpoint-3.txt", strings.ReplaceAll(note, "\n", "\r\n"))
	write("[kept]/checkpoint-4.txt", newest)
	if out, _ := call(exitOK, "ledger", "verify", "--against", folder, "--public-key", keyFile); !strings.Contains(out, "begins with the 4 leaves") {
		t.Error(out)
	}
	line := strings.Split(newest, "\n")
	root := []byte(line[2])
	root[0] ^= 1
	if 'A' > root[0] || root[0] > 'Z' {
		root[0] = 'B'
	}
	write("[kept]/checkpoint-4.txt", strings.Join([]string{line[0], line[1], string(root), ""}, "\n")) // as before the last leaf was rewritten
	if out, _ := call(exitError, "ledger", "verify", "--against", folder); !strings.Contains(out, "ERROR    AAA drift 3 ") || !strings.Contains(out, "among AAA drift 3\n") {
		t.Error(out)
	}
	write("[kept]/checkpoint-4.txt", "x")
	if _, stderr := call(exitUsage, "ledger", "verify", "--against", folder); !strings.Contains(stderr, "checkpoint-4.txt: ") {
		t.Error(stderr)
	}
	proof := filepath.Join(dir, "proof.json")
	call(exitOK, "ledger", "proof", first, "--against", kept, "--out", proof)
	// verify-proof has neither database nor settings.
	code, out, errs := etfcast(t, nil, "ledger", "verify-proof", proof, "--against", kept, "--public-key", keyFile)
	if code != exitOK || !strings.Contains(out, "as it was when you kept that checkpoint") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	if !strings.Contains(out, "For 2025-09-29, horizon 1, it says: mean 1, quantiles [0 0 0 0 0 0 0] at [0.05 0.1 0.25 0.5 0.75 0.9 0.95].") {
		t.Error(out)
	}
	if code, out, _ := etfcast(t, nil, "ledger", "verify-proof", proof, "--json"); code != exitOK || !strings.HasPrefix(out, `{"forecast":{"id":"`+first+`","symbol":"AAA",`) || !strings.Contains(out, `"leaf":1,"signed":false,`) {
		t.Errorf("exit code %d: %s", code, out)
	}
	text, _ := os.ReadFile(proof)
	other := strings.Replace(note, "etfcast/", "etfcast/0", 1)
	otherInstance := strings.Replace(note, note[8:40], strings.Repeat("0", 32), 1)
	_, otherKey, _ := ledger.GenerateKey("etfcast/test")
	for _, args := range [][]string{
		{"verify", "--against", write("unreadable", other)}, {"verify", "--against", write("instance", otherInstance)}, {"verify", "--against", dir}, // which has no checkpoint-*.txt
		{"verify", "--public-key", otherKey}, {"verify", "--public-key", filepath.Join(dir, "none")}, {"verify", "--against", kept, "--public-key", otherKey},
		{"proof", "none"}, {"proof", first, "--against", dir},
		{"verify-proof", write("tampered", strings.Replace(string(text), `\"seed\":0`, `\"seed\":1`, 1))}, {"verify-proof", write("empty", "")},
		{"verify-proof", proof, "--public-key", otherKey}, {"verify-proof", proof, "--against", write("instance", otherInstance)}, {"verify-proof", dir},
	} {
		if _, stderr := call(exitUsage, append([]string{"ledger"}, args...)...); strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, ";") {
			t.Errorf("%v: not one line with a remedy: %s", args, stderr)
		}
	}
	for _, change := range []string{
		"UPDATE forecast_components SET by_horizon = 'garbage' WHERE forecast_id = '" + fmt.Sprintf("%032x", 1) + "'",
		"UPDATE forecasts SET seed = seed + 1 WHERE model = 'former'",
		"INSERT INTO forecast_points VALUES ('lost', 1, '2025-01-03', 1, 1, 1, 1, 1, 1, 1, 1)",
	} {
		if _, err := database.Admin(t).Exec(change); err != nil {
			t.Fatal(err)
		}
	}
	out, _ = call(exitError, "ledger", "verify", "--against", kept)
	for _, want := range []string{"AAA drift 2 ", "BBB former 1 ", "forecast_points", "broken   chains    2, of 2 ETFs"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if out, _ := call(exitError, "ledger", "verify", "--json"); !strings.Contains(out, `"broken":3`) || !strings.Contains(out, `{"symbol":"AAA","model":"drift","position":2,`) {
		t.Error(out)
	}
}
