package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
)

// commandsWithoutRows print no list and no record of their own. Every other command has --json and --csv.
var commandsWithoutRows = map[string]string{
	"etfcast up": "serves", "etfcast worker": "serves", "etfcast api": "serves", "etfcast ready": "prints what the API says",
	"etfcast migrate": "acts", "etfcast prune": "acts", "etfcast run cancel": "acts", "etfcast backtest cancel": "acts",
	"etfcast backfill pause": "acts", "etfcast backfill resume": "acts", "etfcast backfill cancel": "acts",
	"etfcast schedule pause": "acts", "etfcast schedule resume": "acts", "etfcast schedule trigger": "acts",
	"etfcast finding accept": "acts", "etfcast finding reject": "acts", "etfcast finding replace": "acts", "etfcast finding refetch": "acts",
	"etfcast finding retract": "acts", "etfcast finding undo": "acts",
	"etfcast action add": "acts", "etfcast action accept": "acts", "etfcast action reject": "acts", "etfcast action cancel": "acts",
	"etfcast key init": "prints a key", "etfcast key show": "prints a key", "etfcast ledger proof": "prints a document that is JSON",
	"etfcast help settings": "help", "etfcast help exit-codes": "help",
	"etfcast prophet fit": "writes a model; its report is JSON or text", "etfcast prophet predict": "writes a file in the format of --format",
	"etfcast prophet cv": "writes a file in the format of --format", "etfcast prophet plot": "writes a picture",
}

// A command that lists or shows something does so as JSON and as CSV, too.
func TestEveryListIsJSONAndCSV(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	commands(testRoot(), func(cmd *cobra.Command) {
		path := cmd.CommandPath()
		seen[path] = true
		hasJSON, hasCSV := cmd.Flags().Lookup("json") != nil, cmd.Flags().Lookup("csv") != nil
		why, without := commandsWithoutRows[path]
		switch {
		case !without && !(hasJSON && hasCSV):
			t.Errorf("%s: --json %v, --csv %v; it needs both, or a reason in commandsWithoutRows", path, hasJSON, hasCSV)
		case without && hasCSV:
			t.Errorf("%s has --csv, although it %s", path, why)
		}
	})
	for path := range commandsWithoutRows {
		if !seen[path] && !strings.HasPrefix(path, "etfcast help") {
			t.Errorf("there is no command %q", path)
		}
	}
	if code, _, stderr := etfcast(t, nil, "version", "--json", "--csv"); code != exitUsage || !strings.Contains(stderr, "json") {
		t.Errorf("both at once: exit code %d, %s", code, stderr)
	}
}

type csvSample struct {
	Symbol  etf.Symbol        `json:"symbol"`
	Session etf.Session       `json:"session,omitzero"`
	Close   etf.Price         `json:"close"`
	Volume  etf.Volume        `json:"volume"`
	Change  *float64          `json:"change"`
	At      time.Time         `json:"at,omitzero"`
	Version etf.DataVersion   `json:"data_version"`
	Days    []etf.Session     `json:"sessions"`
	Fields  map[string]string `json:"fields,omitempty"`
	Why     string            `json:"why,omitempty"`
	Hidden  string            `json:"-"`
}

// The columns are named as in the JSON, the cells hold what it holds: read back by encoding/csv, which follows RFC 4180.
func TestCSV(t *testing.T) {
	t.Parallel()
	change := -.0125
	price, err := etf.ParsePrice("661.82")
	if err != nil {
		t.Fatal(err)
	}
	volume, err := etf.ParseVolume("7")
	if err != nil {
		t.Fatal(err)
	}
	day := etf.MustSession("2025-09-26")
	rows := []csvSample{
		{Symbol: "SPY", Session: day, Close: price, Volume: volume, Change: &change, At: time.Date(2025, 9, 26, 20, 0, 0, 0, time.UTC),
			Version: etf.DataVersion{Number: 3}, Days: []etf.Session{day, day.AddDays(3)}, Fields: map[string]string{"a": "<b>"}, Why: "a \"quoted\", long\nreason", Hidden: "x"},
		{Symbol: "069500", Volume: etf.VolumeUnknown, Why: "=HYPERLINK(\"http://x\")"},
		{Symbol: "A", Why: "＝1+1"}, {Symbol: "A", Why: "-1"}, {Symbol: "A", Why: "@SUM(A1)"}, {Symbol: "A", Why: "\tx"}, {Symbol: "A", Why: hostileText},
	}
	var out bytes.Buffer
	if err := writeCSV(newSafeWriter(&out), rows); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(out.String(), "\r\n"); lines != len(rows)+2 { // one of them in a cell
		t.Errorf("%d line ends of RFC 4180, want %d: %q", lines, len(rows)+2, out.String())
	}
	records, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(records) != len(rows)+1 {
		t.Fatal(err, records)
	}
	var keys []string
	versionJSON, _ := json.Marshal(etf.DataVersion{Number: 3})
	var version map[string]any
	if err := json.Unmarshal(versionJSON, &version); err != nil {
		t.Fatal(err)
	}
	for key := range version {
		keys = append(keys, "data_version."+key)
	}
	header := records[0]
	inner := slices.Clone(header[6 : len(header)-3])
	slices.Sort(keys)
	slices.Sort(inner)
	if got, want := slices.Concat(header[:6], header[len(header)-3:]), []string{"symbol", "session", "close", "volume", "change", "at", "sessions", "fields", "why"}; !slices.Equal(got, want) || !slices.Equal(inner, keys) {
		t.Errorf("header %q, want %q with %q", header, want, keys)
	}
	cell := func(row int, name string) string { return records[row][slices.Index(header, name)] }
	for name, want := range map[string]string{
		"symbol": "SPY", "session": "2025-09-26", "close": "661.82", "volume": "7", "change": "-0.0125", "at": "2025-09-26T20:00:00Z",
		"sessions": "2025-09-26 2025-09-29", "fields": `{"a":"<b>"}`, "why": "a \"quoted\", long\nreason",
	} {
		if got := cell(1, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]string{"symbol": "069500", "session": "", "volume": "", "change": "", "at": "", "fields": "", "why": "'=HYPERLINK(\"http://x\")"} {
		if got := cell(2, name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for i, want := range map[int]string{3: "'＝1+1", 4: "'-1", 5: "'@SUM(A1)", 6: "'\tx"} {
		if got := cell(i, "why"); got != want {
			t.Errorf("row %d: %q, want %q", i, got, want)
		}
	}
	if got := cell(7, "why"); controls(got) {
		t.Errorf("%q acts on a terminal", got)
	}
}

// A list without rows still names its columns, in JSON it is an empty list.
func TestEmptyLists(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	a := &app{stdout: newSafeWriter(&out)}
	if err := a.encode(format{csv: true}, []etf.Run(nil)); err != nil || !strings.HasPrefix(out.String(), "id,") || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("%v: %q", err, out.String())
	}
	out.Reset()
	if err := a.encode(format{json: true}, []etf.Run(nil)); err != nil || out.String() != "[]\n" {
		t.Errorf("%v: %q", err, out.String())
	}
}

func TestCalendarCSV(t *testing.T) {
	t.Parallel()
	// The day after Thanksgiving 2025, Friday 28 November, closed at 13:00 New York time.
	code, out, _ := etfcast(t, nil, "calendar", "sessions", "XNYS", "--from", "2025-11-28", "--to", "2025-11-28", "--csv")
	if want := "session,open,close\r\n2025-11-28,2025-11-28T14:30:00Z,2025-11-28T18:00:00Z\r\n"; code != 0 || out != want {
		t.Errorf("exit code %d, %q", code, out)
	}
}
