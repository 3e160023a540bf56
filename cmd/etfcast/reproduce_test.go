package main

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/db"
	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast"
	"github.com/etfcast/etfcast/forecast/issue"
	"github.com/etfcast/etfcast/service"
)

// persisted stores closes of an ETF as the daily run does.
func persisted(t *testing.T, s *db.Store, fetch string, bars []etf.Bar) {
	t.Helper()
	f := etf.Fetch{ID: fetch, Symbol: "SPY", Source: "simulated", Request: "simulated:SPY", MediaType: "text/csv", Hash: strings.Repeat("e", 64),
		Basis: etf.AsTraded, Rows: len(bars), FetchedAt: time.Now(), Run: "daily:XNYS:2025-09-26"}
	if err := s.SaveFetch(t.Context(), f, etf.Response{Bars: bars, Basis: f.Basis, Raw: []byte("raw")}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SaveFindings(t.Context(), etf.Judgement{Fetch: fetch, Verdicts: make([]etf.Verdict, len(bars))}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Persist(t.Context(), fetch); err != nil {
		t.Fatal(err)
	}
}

// issued makes the forecasts of every model from what is believed now, changes them and stores them.
func issued(t *testing.T, s *db.Store, origin etf.Session, change func(*etf.Forecast)) map[string]string {
	t.Helper()
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	history, err := s.History(t.Context(), "SPY", origin, 40_000)
	if err != nil {
		t.Fatal(err)
	}
	in, err := issue.Prepare(cal, "SPY", etf.XNYS, origin, history)
	if err != nil {
		t.Fatal(err)
	}
	all, err := models()
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	var list []etf.Forecast
	for _, m := range all {
		seed := forecast.Seed("SPY", m.Name(), origin)
		made, err := issue.Make(t.Context(), m, in, seed)
		if err != nil {
			t.Fatal(err)
		}
		f := etf.Forecast{
			Symbol: "SPY", Model: m.Name(), Origin: origin, DataVersion: history.DataVersion, Basis: in.Basis, Params: m.Params(),
			ParamsHash: forecast.ParamsHash(m.Params()), Seed: seed, CodeVersion: version, Diagnostics: made.Diagnostics, Run: "daily:XNYS:2025-09-26",
			AsOf: history.AsOf, IssuedAt: time.Now(), Points: made.Points, Tails: made.Tails, Components: made.Components, Fit: made.Fit,
			ClosesHash: made.ClosesHash, Scale: made.Scale, Build: thisBuild,
		}
		change(&f)
		f.ID = forecast.ID(f)
		ids[m.Name()], list = f.ID, append(list, f)
	}
	stored, err := s.AppendForecasts(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range stored {
		if x.Refused != nil || !x.New {
			t.Fatalf("%+v", x)
		}
	}
	return ids
}

func TestReproduce(t *testing.T) {
	t.Parallel()
	database := dbtest.Open(t, dbtest.Embedded(t))
	s := database.Store
	if _, _, err := s.CreateETF(t.Context(), etf.ETF{Symbol: "SPY", Exchange: etf.XNYS, Currency: "USD", Sources: []etf.SourceRef{{Name: "simulated", Ref: "SPY"}}}); err != nil {
		t.Fatal(err)
	}
	cal, err := calendar.For(etf.XNYS)
	if err != nil {
		t.Fatal(err)
	}
	origin := etf.MustSession("2025-09-26")
	var bars []etf.Bar
	for i, session := range cal.Sessions(etf.Window{From: etf.MustSession("2024-05-01"), To: origin}) {
		price, ok := etf.PriceFromFloat(math.Round(1e4*(1+.1*math.Sin(float64(i)/9)+.01*math.Cos(float64(7*i)))) / 100)
		if !ok {
			t.Fatal(i)
		}
		bars = append(bars, etf.Bar{Session: session, Open: price, High: price, Low: price, Close: price, Volume: etf.VolumeUnknown})
	}
	persisted(t, s, strings.Repeat("a", 32), bars)
	ids := issued(t, s, origin, func(*etf.Forecast) {})
	late := issued(t, s, origin, func(f *etf.Forecast) { f.CodeVersion = "0.1.0+0123456789ab" })
	local := issued(t, s, origin, func(f *etf.Forecast) { f.CodeVersion = "0.1.0+0123456789ab.dirty.01234567" })
	entered := issued(t, s, origin, func(f *etf.Forecast) { f.CodeVersion, f.Run = "entry", "entry:naive" })
	strange := issued(t, s, origin, func(f *etf.Forecast) { f.Params, f.ParamsHash = "{}", forecast.ParamsHash("{}") })
	wrong := issued(t, s, origin, func(f *etf.Forecast) { f.Seed++; f.Points[3].Quantiles[5] *= 1 + 1e-8 })
	// The series changes afterwards: what the forecasts were made from must not.
	for i := range bars[:5] {
		bars[i].Close += etf.Price(1e8)
		bars[i].High = bars[i].Close
	}
	persisted(t, s, strings.Repeat("b", 32), bars)

	env := []string{"ETFCAST_MYSQL_DSN=" + database.UserDSN, "TEMPORAL_ADDRESS=127.0.0.1:1"}
	for model, id := range ids {
		code, out, errs := etfcast(t, env, "reproduce", id, "--json")
		var r service.Reproduction
		if err := json.Unmarshal([]byte(out), &r); code != 0 || err != nil || r.Verdict != issue.Identical || !r.SameBuild || r.Numbers < 21*10 || r.Rows != len(bars) {
			t.Errorf("%s: exit code %d, %+v, %s%v", model, code, r, errs, err)
		}
		code, out, _ = etfcast(t, env, "provenance", id, "--json")
		var p etf.Provenance
		if err := json.Unmarshal([]byte(out), &p); err != nil || code != 0 || p.Rows != len(bars) || len(p.Fetches) != 1 || p.Fetches[0].ID != strings.Repeat("a", 32) ||
			!p.Fetches[0].Stored || p.Fetches[0].Bars != len(bars) || p.DataVersion.Number != 1 || p.DataVersion.Cause != etf.CauseFetch || p.Used.To != origin {
			t.Errorf("%s: %d, %+v, %v", model, code, p, err)
		}
	}
	code, out, errs := etfcast(t, env, "reproduce", ids["drift"])
	if code != 0 || !strings.HasPrefix(out, "identical: forecast "+ids["drift"]+" of SPY by drift from 2025-09-26\n") || !strings.Contains(out, thisBuild.Features) {
		t.Errorf("%d %s %s", code, out, errs)
	}
	code, out, errs = etfcast(t, env, "provenance", ids["prophet"])
	for _, want := range []string{"version 1, known from ", "2024-05-01 to 2025-09-26", "simulated", strings.Repeat("e", 64), version, ids["prophet"]} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("provenance lacks %s: %d %s %s", want, code, out, errs)
		}
	}
	for _, c := range []struct {
		name  string
		args  []string
		code  int
		says  string // on standard error
		lacks string
	}{
		{"other numbers", []string{wrong["drift"]}, 1, "points[3].quantiles[0.9] is", ""},
		{"another code version", []string{late["drift"]}, 2, "`etfcast reproduce " + late["drift"] + " --build`", ""},
		{"another code version, anyway", []string{late["prophet"], "--anyway"}, 0, "", ""},
		{"no repository", []string{late["drift"], "--build", "--repo", t.TempDir()}, 2, "with commit 0123456789ab", ""},
		{"changed code", []string{local["drift"]}, 2, "can't be built again", "--build"},
		{"changed code, to be built", []string{local["drift"], "--build"}, 2, "which does not name the commit of its code", ""},
		{"two ways", []string{late["drift"], "--build", "--anyway"}, 2, "anyway: ", ""},
		{"an entry", []string{entered["drift"]}, 2, "was entered by others", ""},
		{"other parameters", []string{strange["prophet"]}, 2, "params: ", ""},
		{"an unknown forecast", []string{strings.Repeat("0", 32)}, 2, "there is no forecast", ""},
		{"no ID", []string{"SPY"}, 2, "32 lower-case hex digits", ""},
	} {
		code, out, errs := etfcast(t, env, append([]string{"reproduce"}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.says) || c.lacks != "" && strings.Contains(errs, c.lacks) || code == 2 && out != "" {
			t.Errorf("%s: exit code %d, %s%s", c.name, code, out, errs)
		}
	}
	if code, out, _ := etfcast(t, env, "provenance", entered["drift"]); code != 0 || !strings.Contains(out, "entered by others") && !strings.Contains(out, "by others") {
		t.Errorf("provenance of an entry: %d %s", code, out)
	}
	// A close that is changed behind the program's back.
	if _, err := database.Admin(t).Exec("UPDATE bar_revisions SET close = close + 1 WHERE session = '2024-05-02'"); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := etfcast(t, env, "reproduce", ids["drift"]); code != 1 || !strings.HasPrefix(out, "different: ") || !strings.Contains(errs, "closes_hash is") {
		t.Errorf("a changed close: %d %s %s", code, out, errs)
	}
}

// fakeProgram is an etfcast that tells its version, with the commit that it was built from, and what it was asked.
const fakeProgram = `package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
)

func main() {
	commit := ""
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			commit = s.Value[:12]
		}
	}
	switch os.Args[1] {
	case "version":
		fmt.Println("etfcast 0.0.1+"+commit, "(go)")
	case "--help":
		fmt.Println("reproduce")
	default:
		fmt.Println(strings.Join(os.Args[1:], " "), os.Getenv("ETFCAST_MYSQL_DSN"), os.Getenv("ETFCAST_LISTEN"))
		os.Exit(1)
	}
}
`

// The program that made a forecast is checked out, built and run in place of this one.
func TestReproduceBuilds(t *testing.T) {
	t.Parallel()
	repository := t.TempDir()
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", repository, "-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(repository, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "--quiet")
	write("go.mod", "module example.org/etfcast\n\ngo 1.24\n")
	write("cmd/etfcast/main.go", fakeProgram)
	git("add", ".")
	git("commit", "--quiet", "-m", "a release")
	commit := git("rev-parse", "HEAD")
	write("cmd/etfcast/main.go", "package broken\n") // the folder's own state does not matter
	git("commit", "--quiet", "-a", "-m", "later")

	linked := filepath.Join(t.TempDir(), "linked") // a worktree of the repository
	git("worktree", "add", "--quiet", "--detach", linked)

	a := &app{env: newEnvironment(append(os.Environ(), "ETFCAST_LISTEN=nowhere")), stdout: new(strings.Builder), stderr: new(strings.Builder)}
	a.common.mysqlDSN = "the-dsn"
	f := etf.Forecast{ID: "the-forecast", CodeVersion: "0.0.1+" + commit[:12], Build: thisBuild}
	err := rebuild{wanted: true, repository: filepath.Join(linked, "cmd")}.run(t.Context(), a, f, format{json: true})
	if code := exitCode(t.Context(), err); code != 1 {
		t.Errorf("exit code %d, %v; %s", code, err, a.stderr)
	}
	if got := a.stdout.(*strings.Builder).String(); got != "reproduce the-forecast --json the-dsn \n" {
		t.Errorf("it printed %q; %s", got, a.stderr)
	}
	var printed strings.Builder
	report(&printed, err)
	if printed.Len() > 0 {
		t.Errorf("its report is followed by %s", printed.String())
	}
	// A commit that can't be built is not a forecast that differs.
	f.CodeVersion = "0.0.1+" + git("rev-parse", "HEAD")[:12]
	err = rebuild{wanted: true, repository: repository}.run(t.Context(), a, f, format{json: true})
	if code := exitCode(t.Context(), err); code != 2 || !strings.Contains(err.Error(), "can't be built here") {
		t.Errorf("a commit that can't be built: exit code %d, %v", code, err)
	}
	f.CodeVersion = "0.0.2+" + commit[:12]
	err = rebuild{wanted: true, repository: repository}.run(t.Context(), a, f, format{json: true})
	if etf.KindOf(err) != etf.KindConflict || !strings.Contains(err.Error(), "0.0.2") {
		t.Errorf("another version than the forecast's: %v", err)
	}
}
