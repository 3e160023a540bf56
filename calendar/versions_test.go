package calendar

import (
	"sync"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

func change(number int, session string, closed bool) etf.CalendarChange {
	return etf.CalendarChange{Exchange: etf.XETR, Number: number, Session: day(session), Closed: closed, Reason: "storm", By: "ops", At: time.Date(2029, 3, 1, 9, 0, 0, 0, time.UTC)}
}

// TestVersions is the only test of this package that announces changes of XETR, in March 2029.
func TestVersions(t *testing.T) {
	base := mustFor(t, etf.XETR)
	if base.Version() != 0 || base.Name() != "XETR" {
		t.Fatalf("built in: version %d, name %s", base.Version(), base.Name())
	}
	changes := []etf.CalendarChange{change(1, "2029-03-06", true), change(2, "2029-03-08", true), change(3, "2029-03-06", false)}
	for n := range 3 {
		if err := Announce(etf.XETR, changes[:n+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := Announce(etf.XETR, changes[:1]); err != nil { // read earlier, arrives later
		t.Fatal(err)
	}
	if now := mustFor(t, etf.XETR); now.Version() != 3 || now.Name() != "XETR@3" {
		t.Fatalf("version %d, name %s", now.Version(), now.Name())
	}
	for version := range 4 {
		c, err := At(etf.XETR, version)
		if err != nil || c.Version() != version {
			t.Fatalf("At(%d) = version %d, %v", version, c.Version(), err)
		}
		want := map[string]bool{"2029-03-06": version == 1 || version == 2, "2029-03-08": version >= 2}
		for date, closed := range want {
			if c.IsSession(day(date)) == closed {
				t.Errorf("version %d: %s is a session: %v", version, date, c.IsSession(day(date)))
			}
		}
		if got, want := c.Count(etf.Window{}), base.Count(etf.Window{})-[]int{0, 1, 2, 1}[version]; got != want {
			t.Errorf("version %d has %d sessions, want %d", version, got, want)
		}
		named, err := Named(c.Name())
		if err != nil || named != c {
			t.Errorf("Named(%s): %v", c.Name(), err)
		}
		every(t, c)
	}
	two, err := At(etf.XETR, 2)
	if err != nil {
		t.Fatal(err)
	}
	wantInvalid(t, two.Check(day("2029-03-06")), "session", "storm", "2029-03-05 and 2029-03-07")
	if list := two.Closures(etf.Window{From: day("2029-03-06"), To: day("2029-03-06")}); len(list) != 1 || list[0].Announced != day("2029-03-01") {
		t.Errorf("closures %+v", list)
	}

	moved := Moved(base, two, day("2029-03-06"), 3)
	for _, m := range moved {
		was, _ := base.Nth(m.Origin, m.Horizon)
		is, _ := two.Nth(m.Origin, m.Horizon)
		if was == is || is != m.Target {
			t.Errorf("%+v: %s, then %s", m, was, is)
		}
	}
	// From the 1st at 3, the 2nd at 2 and 3, the 5th at 1, 2 and 3.
	if len(moved) != 6 {
		t.Errorf("moved %+v", moved)
	}

	for _, bad := range [][]etf.CalendarChange{{change(2, "2029-03-06", true)}, {change(1, "2029-03-06", true), change(1, "2029-03-06", true)}} {
		if err := Announce(etf.XETR, bad); etf.KindOf(err) != etf.KindCorrupt {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := At(etf.XETR, 4); etf.KindOf(err) != etf.KindNotFound {
		t.Errorf("version 4: %v", err)
	}
	if _, err := At(etf.XETR, -1); etf.KindOf(err) != etf.KindNotFound {
		t.Errorf("version -1: %v", err)
	}
	for _, name := range []string{"XETR@", "XETR@0", "XETR@03", "XETR@x", "LSE", ""} {
		if _, err := Named(name); etf.KindOf(err) != etf.KindInvalid || err == nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			if err := Announce(etf.XETR, changes[:n%4]); err != nil {
				t.Error(err)
			}
			if c, err := For(etf.XETR); err != nil || c.Version() != 3 {
				t.Errorf("version %d, %v", c.Version(), err)
			}
		})
	}
	wg.Wait()
}

// every checks that the parts of a calendar agree.
func every(t *testing.T, c *Calendar) {
	t.Helper()
	closed := map[etf.Session]bool{}
	for _, x := range c.Closures(etf.Window{}) {
		if closed[x.Date] {
			t.Errorf("%s is closed twice", x.Date)
		}
		closed[x.Date] = true
	}
	for s := c.Range().From; s <= c.Range().To; s++ {
		if c.IsSession(s) == (closed[s] || !weekday(s)) {
			t.Fatalf("%s: session %v, closed %v", s, c.IsSession(s), closed[s])
		}
		if c.IsSession(s) {
			if same, err := c.Nth(s-1, 1); err != nil || same != s {
				t.Fatalf("the session after %s is %s, %v", s-1, same, err)
			}
		}
	}
	for _, x := range c.SpecialHours(etf.Window{}) {
		if !c.IsSession(x.Session) {
			t.Errorf("special hours of %s", x.Session)
		}
	}
}
