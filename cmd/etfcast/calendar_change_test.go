package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/db/dbtest"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// An operator closes a session and takes that back; every command knows. It is the only test of this package that changes the calendar of XETR.
func TestCloseSession(t *testing.T) {
	t.Parallel()
	database := dbtest.Open(t, dbtest.Embedded(t))
	env := []string{"ETFCAST_MYSQL_DSN=" + database.UserDSN, "TEMPORAL_ADDRESS=127.0.0.1:1", "USER=kim"}
	must := func(wantCode int, says string, args ...string) string {
		t.Helper()
		code, out, stderr := etfcast(t, env, append([]string{"calendar"}, args...)...)
		if code != wantCode || !strings.Contains(out+stderr, says) {
			t.Fatalf("calendar %v: exit code %d, want %d; %q, want %q in it", args, code, wantCode, out+stderr, says)
		}
		return out
	}
	must(2, "no reason is given", "close", "XETR", "2030-06-12")
	must(2, "not a date", "close", "XETR", "12.6.2030", "--reason", "storm")
	must(2, "2030-06-15 is not a trading day of XETR", "close", "XETR", "2030-06-15", "--reason", "storm") // a Saturday
	must(2, "more than 14 days ago", "close", "XETR", "2020-06-12", "--reason", "storm")
	must(2, "nobody has closed XETR on 2030-06-12", "reopen", "XETR", "2030-06-12", "--reason", "it trades")
	must(0, "XETR is closed on 2030-06-12: version 1", "close", "XETA", "2030-06-12", "--reason", "storm") // another name of the exchange
	must(0, "already, since version 1 of its calendar; nothing changed", "close", "XETR", "2030-06-12", "--reason", "storm, again")
	must(0, "storm", "closures", "XETR", "--from", "2030-06-12", "--to", "2030-06-12")
	if out := must(0, "2030-06-11\n2030-06-13\n", "sessions", "XETR", "--from", "2030-06-11", "--to", "2030-06-13"); strings.Contains(out, "06-12") {
		t.Errorf("a session: %s", out)
	}
	must(0, "XETR is open again on 2030-06-12: version 2", "reopen", "XETR", "2030-06-12", "--reason", "it trades after all")
	must(0, "2030-06-11\n2030-06-12\n2030-06-13\n", "sessions", "XETR", "--from", "2030-06-11", "--to", "2030-06-13")
	must(0, "reopened", "list")
	must(0, "2000-01-01,2030-12-31,2,", "list", "--csv")
	var list []service.Calendar
	if err := json.Unmarshal([]byte(must(0, "", "list", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(c service.Calendar) bool { return c.Exchange == etf.XETR })
	if i < 0 || list[i].Version != 2 || len(list[i].Changes) != 2 || list[i].Changes[0].By != "kim" || list[i].Changes[1].Closed {
		t.Errorf("%+v", list)
	}
}
