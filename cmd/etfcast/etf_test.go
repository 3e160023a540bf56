package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
)

func TestEditAndRetire(t *testing.T) {
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
	must(0, "registered", "add", "069500", "--exchange", "XKRX", "--source", "yahoo=069500.KQ")
	must(0, "069500 changed", "edit", "069500", "--source", "file", "--source", "yahoo=069500.KS", "--name", "KODEX 200", "--why", "wrong board")
	must(0, "nothing changed", "edit", "069500", "--name", "KODEX 200")
	must(0, "069500 retired", "retire", "069500", "--by", "lee")
	if out := must(0, "KODEX 200", "list"); !strings.Contains(out, "retired") || !strings.Contains(out, "file=069500.csv, yahoo=069500.KS") {
		t.Errorf("the list: %s", out)
	}
	must(0, "etfcast etf retire 069500 --undo", "add", "069500", "--exchange", "XKRX", "--source", "file", "--source", "yahoo=069500.KS")
	must(2, "`etfcast etf edit`", "add", "069500", "--exchange", "XKRX", "--source", "yahoo=069500.KQ")
	must(0, "069500 taken back", "retire", "069500", "--undo")

	var changes []etf.ETFChange
	if err := json.Unmarshal([]byte(must(0, "", "changes", "069500", "--json")), &changes); err != nil {
		t.Fatal(err)
	}
	if len(changes) != 3 || changes[0].By != "kim" || changes[0].Why != "wrong board" || changes[1].By != "lee" || !changes[1].Retired || changes[2].Retired {
		t.Errorf("changes: %+v", changes)
	}
	must(0, "wrong board", "changes", "069500")
	must(0, "replaced by `etfcast etf refetch 069500`", "sources", "069500")
	must(0, "069500 changed", "sources", "069500", "yahoo", "file=069500.csv", "--why", "the file is late")
	must(0, `[{"name":"yahoo","ref":"069500.KS"},{"name":"file","ref":"069500.csv"}]`, "sources", "069500", "--json")
	must(0, "nothing changed", "sources", "069500", "yahoo", "file")
	must(2, "sources[1].name", "sources", "069500", "yahoo", "bloomberg")
	must(2, "argument SYMBOL is missing", "sources")
	must(0, "069500 changed", "edit", "069500", "--listed", "2002-10-14")
	must(0, "2002-10-14", "changes", "069500")
	must(0, "069500 changed", "edit", "069500", "--listed", "")
	must(2, "listed", "edit", "069500", "--listed", "yesterday")
	must(2, "listed", "add", "069501", "--exchange", "XKRX", "--source", "file", "--listed", "2099-01-01")
	must(0, "registered", "add", "069501", "--exchange", "XKRX", "--source", "file", "--listed", "2002-10-14")
	must(2, "XYZ is not registered", "refetch", "XYZ")
	must(2, "nothing to change", "edit", "069500")
	must(2, "XYZ is not registered", "retire", "XYZ")
	must(2, "sources[0].name", "edit", "069500", "--source", "bloomberg")
	must(2, "currency", "edit", "069500", "--currency", "won")
}
