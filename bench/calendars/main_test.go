package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

func TestRunPrintsEverySessionOnce(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatal(err)
	}
	counts := map[etf.Exchange]int{}
	last := map[etf.Exchange]etf.Session{}
	for decoder := json.NewDecoder(&out); decoder.More(); {
		var l line
		if err := decoder.Decode(&l); err != nil {
			t.Fatal(err)
		}
		if l.Session <= last[l.Exchange] || !l.Open.Before(l.Close) {
			t.Fatalf("bad line %+v after %s", l, last[l.Exchange])
		}
		last[l.Exchange] = l.Session
		counts[l.Exchange]++
	}
	for _, x := range etf.Exchanges() {
		c, err := calendar.For(x)
		if err != nil {
			t.Fatal(err)
		}
		if counts[x] != c.Count(etf.Window{}) {
			t.Errorf("%s: %d lines for %d sessions", x, counts[x], c.Count(etf.Window{}))
		}
	}
}
