package simulated

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

func TestParseFaults(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]fault{
		"rate_limit":             {n: 1, wait: 2 * time.Second},
		"rate_limit:3":           {n: 3, wait: 2 * time.Second},
		"rate_limit:3:30s":       {n: 3, wait: 30 * time.Second},
		"server_error:2@1/20":    {n: 2, every: 20},
		"slow:250ms":             {n: maxCount, wait: 250 * time.Millisecond},
		"slow:250ms:2":           {n: 2, wait: 250 * time.Millisecond},
		"truncated":              {n: 1},
		"missing:3":              {n: 3},
		"late:2":                 {n: 2},
		"unsplit":                {n: 2},
		" bad_tick@2025-09-26 ,": {date: etf.MustSession("2025-09-26")},
	} {
		got, err := parseFaults("faults", list, nil)
		name, _, _ := strings.Cut(strings.TrimSpace(list), ":")
		name, _, _ = strings.Cut(name, "@")
		if err != nil || len(got) != 1 || got[name] != want {
			t.Errorf("%s is %+v, %v; want %+v", list, got, err, want)
		}
	}
	for _, list := range []string{"flood", "rate_limit:0", "rate_limit:x", "rate_limit:1:soon", "rate_limit:1:1s:1", "slow:2m", "slow:-1s", "slow:1s:0", "server_error:1:1", "bad_tick:1", "late:1@yesterday", "late@1/0", "late@", "late:10001"} {
		got, err := parseFaults("faults", list, nil)
		var e *etf.Error
		if !errors.As(err, &e) || e.Kind != etf.KindInvalid || e.Field != "faults" || e.Remedy == "" {
			t.Errorf("%s is %+v, %v; want an error of KindInvalid with the field and a remedy", list, got, err)
		}
	}
	global, err := parseFaults("faults", "rate_limit:5,late", nil)
	if err != nil {
		t.Fatal(err)
	}
	own, err := parseFaults("ref", "rate_limit:1", global)
	if err != nil || own["rate_limit"].n != 1 || own["late"].n != 1 || global["rate_limit"].n != 5 {
		t.Errorf("own %+v and global %+v, %v; want only the fault of the same name replaced", own, global, err)
	}
	if none, err := parseFaults("ref", "none,bad_tick", global); err != nil || len(none) != 1 {
		t.Errorf("after none: %+v, %v; want bad_tick alone", none, err)
	}
}

// week is Monday to Friday 2026-11-16 to 20, with the Friday the last session closed.
func week(ref string) etf.Query {
	q := query("SIMA", etf.XNYS, "2026-11-16", "2026-11-20")
	q.Ref = ref
	return q
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		faults string
		kinds  []etf.Kind // of successive fetches, "" for success
	}{
		{"rate_limit:2:30s", []etf.Kind{etf.KindRateLimited, etf.KindRateLimited, "", ""}},
		{"server_error", []etf.Kind{etf.KindUnavailable, "", ""}},
		{"truncated:2", []etf.Kind{etf.KindUnavailable, etf.KindUnavailable, ""}},
		{"rate_limit:1,server_error:1,truncated:1", []etf.Kind{etf.KindRateLimited, etf.KindUnavailable, etf.KindUnavailable, ""}},
		{"rate_limit@2026-11-19", []etf.Kind{""}}, // the last requested session is another one
		{"rate_limit@2026-11-20", []etf.Kind{etf.KindRateLimited, ""}},
	} {
		t.Run(c.faults, func(t *testing.T) {
			s := newSource(t, c.faults)
			clean := fetch(t, newSource(t, ""), week(""))
			for i, kind := range c.kinds {
				a, err := s.Fetch(context.Background(), week(""))
				if kind == "" {
					if err != nil || !slices.Equal(a.Bars, clean.Bars) {
						t.Fatalf("fetch %d: %d bars, %v; want the bars without faults", i+1, len(a.Bars), err)
					}
					continue
				}
				var e *etf.Error
				if !errors.As(err, &e) || e.Kind != kind {
					t.Fatalf("fetch %d: error %v, want %s", i+1, err, kind)
				}
				if kind == etf.KindRateLimited && e.RetryAfter != 30*time.Second && strings.Contains(c.faults, "30s") {
					t.Errorf("retry after %s, want 30s", e.RetryAfter)
				}
				if len(a.Bars) != 0 || len(a.Raw) != 0 {
					t.Errorf("fetch %d: an error with a response of %d bars", i+1, len(a.Bars))
				}
			}
			if c.kinds[0] == "" {
				return
			}
			// Another ETF and another session are counted separately.
			q := week("")
			q.Symbol = "SIMB"
			if _, err := s.Fetch(context.Background(), q); err == nil {
				t.Error("another ETF is not refused")
			}
			if !strings.Contains(c.faults, "@") {
				q = week("")
				q.Window.To = etf.MustSession("2026-11-19")
				if _, err := s.Fetch(context.Background(), q); err == nil {
					t.Error("another session is not refused")
				}
			}
		})
	}
}

func TestSlowResponsesEndWithTheContext(t *testing.T) {
	t.Parallel()
	s := newSource(t, "slow:60s:1")
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err := s.Fetch(ctx, week(""))
	if !errors.Is(err, context.DeadlineExceeded) || etf.KindOf(err) != etf.KindUnavailable {
		t.Errorf("error %v; want unavailable, by the deadline", err)
	}
	if _, err := s.Fetch(context.Background(), week("")); err != nil {
		t.Errorf("the second fetch: %v; only the first is slow", err)
	}
	s = newSource(t, "slow:20ms")
	begin := time.Now()
	fetch(t, s, week(""))
	if took := time.Since(begin); took < 20*time.Millisecond {
		t.Errorf("a slow response took %s", took)
	}
}

func sessions(bars []etf.Bar) string {
	var out []string
	for _, b := range bars {
		out = append(out, b.Session.String()[8:])
	}
	return strings.Join(out, " ")
}

func TestMissingRowComesLater(t *testing.T) {
	t.Parallel()
	s := newSource(t, "")
	for i, want := range []string{"16 17 18 19", "16 17 18 19", "16 17 18 19 20"} {
		if got := sessions(fetch(t, s, week("?faults=missing:2")).Bars); got != want {
			t.Errorf("fetch %d: sessions %s, want %s", i+1, got, want)
		}
	}
	for i, want := range []string{"16 17 19 20", "16 17 18 19 20"} {
		if got := sessions(fetch(t, s, week("?faults=missing@2026-11-18")).Bars); got != want {
			t.Errorf("one date, fetch %d: sessions %s, want %s", i+1, got, want)
		}
	}
}

// at returns week with AsOf after the close of one of its days.
func at(ref string, day int) etf.Query {
	q := week(ref)
	q.AsOf = time.Date(2026, 11, day, 23, 0, 0, 0, time.UTC)
	return q
}

func TestLateRows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		ref  string
		day  int
		want string
	}{
		{"?faults=late", 18, "16 17"},
		{"?faults=late", 20, "16 17 18 19"},
		{"?faults=late:2", 20, "16 17 18"},
		{"?faults=late:2@2026-11-17", 17, "16"},
		{"?faults=late:2@2026-11-17", 18, "16 18"},
		{"?faults=late:2@2026-11-17", 19, "16 17 18 19"},
	} {
		for range 2 { // it depends on AsOf alone
			if got := sessions(fetch(t, newSource(t, ""), at(c.ref, c.day)).Bars); got != c.want {
				t.Errorf("%s on the %dth: sessions %s, want %s", c.ref, c.day, got, c.want)
			}
		}
	}
}

func TestRevisedBar(t *testing.T) {
	t.Parallel()
	s := newSource(t, "")
	clean := fetch(t, s, week("")).Bars
	for day := 16; day <= 20; day++ {
		got := fetch(t, s, at("?faults=revised", day)).Bars
		last := len(got) - 1
		if !slices.Equal(got[:last], clean[:last]) {
			t.Errorf("on the %dth an older bar differs", day)
		}
		b, final := got[last], clean[last]
		if b.Close != final.Close+etf.MustPrice("0.01") || b.Volume >= final.Volume || b.High < b.Close {
			t.Errorf("on the %dth the new bar is %v, the later one %v; want a close one cent higher and less volume", day, b, final)
		}
	}
	got := fetch(t, s, at("?faults=revised:2", 20)).Bars
	if got[2] != clean[2] || got[3] == clean[3] || got[4] == clean[4] {
		t.Errorf("revised:2 gives %v, want the last two to differ from %v", got, clean)
	}
}

func TestSplitNotYetListed(t *testing.T) {
	t.Parallel()
	s := newSource(t, "")
	ref := "?split=2026-11-17:4:1"
	clean := fetch(t, s, week(ref))
	if len(clean.Actions) != 1 {
		t.Fatalf("actions %v, want one split", clean.Actions)
	}
	for day, want := range map[int]int{17: 0, 18: 0, 19: 1, 20: 1} {
		a := fetch(t, s, at(ref+"&faults=unsplit:2", day))
		if len(a.Actions) != want {
			t.Errorf("on the %dth: actions %v, want %d", day, a.Actions, want)
		}
		if !slices.Equal(a.Bars, clean.Bars[:len(a.Bars)]) {
			t.Errorf("on the %dth: bars differ", day)
		}
	}
}

func TestBrokenRows(t *testing.T) {
	t.Parallel()
	s := newSource(t, "")
	clean := fetch(t, s, week("")).Bars

	bad := fetch(t, s, week("?faults=bad_tick")).Bars
	if !slices.Equal(bad[:4], clean[:4]) || bad[4].Close != clean[4].Close*10 || bad[4].High < bad[4].Close || bad[4].Low != clean[4].Low {
		t.Errorf("bad tick: %v for %v; want the last close ten times as high", bad[4], clean[4])
	}
	if got := fetch(t, s, week("?faults=bad_tick@2026-11-17")).Bars; got[1].Close != clean[1].Close*10 || got[4] != clean[4] {
		t.Errorf("bad tick on the 17th: %v", got)
	}

	double := fetch(t, s, week("?faults=duplicate")).Bars
	if len(double) != 6 || double[5] != double[4] || !slices.Equal(double[:5], clean) {
		t.Errorf("duplicate: %v", double)
	}

	a := fetch(t, s, week("?faults=garbled"))
	if !slices.Equal(a.Bars, clean[:4]) || len(a.Defects) != 1 {
		t.Fatalf("garbled: %d bars, defects %v; want four and one", len(a.Bars), a.Defects)
	}
	if d := a.Defects[0]; d.Session != clean[4].Session || !strings.HasPrefix(d.Where, "simulated:SIMA:") || !strings.Contains(d.Text, "#VALUE!") {
		t.Errorf("defect %+v", d)
	}
}

// Each fault of a row changes its session and no other, in the same way each time.
func TestWrongRows(t *testing.T) {
	t.Parallel()
	clean := fetch(t, newSource(t, ""), week("")).Bars
	for name, wrong := range map[string]func(b, was etf.Bar) bool{
		"tenth": func(b, was etf.Bar) bool {
			return b.Close/10 <= was.Close/100 && b.Close > was.Close/11 && b.Low <= b.Close
		},
		"unit":     func(b, was etf.Bar) bool { return b.Open == 100*was.Open && b.Close == 100*was.Close },
		"zero":     func(b, _ etf.Bar) bool { return b.Open == 0 && b.High == 0 && b.Low == 0 && b.Close == 0 },
		"negative": func(b, was etf.Bar) bool { return b.Close == -was.Close && b.Low == -was.High },
		"ohlc":     func(b, was etf.Bar) bool { return b.High < b.Low && b.Close == was.Close },
		"partial":  func(b, was etf.Bar) bool { return b.High == b.Low && b.Close == was.Open && b.Volume < was.Volume/400 },
		"crash":    func(b, was etf.Bar) bool { return b.Close < was.Close*61/100 && b.Close > was.Close*59/100 },
		"stale": func(b, _ etf.Bar) bool {
			old := clean[1]
			old.Session = b.Session
			return b == old
		},
	} {
		got := fetch(t, newSource(t, ""), week("?faults="+name+"@2026-11-18")).Bars
		if len(got) != 5 || !slices.Equal(got[:2], clean[:2]) || !slices.Equal(got[3:], clean[3:]) || !wrong(got[2], clean[2]) {
			t.Errorf("%s: %v for %v", name, got, clean)
		}
		again := fetch(t, newSource(t, ""), week("?faults="+name+"@2026-11-18")).Bars
		if !slices.Equal(got, again) {
			t.Errorf("%s: %v, then %v", name, got, again)
		}
	}
	if got := fetch(t, newSource(t, ""), week("?faults=crash:2@2026-11-17")).Bars; got[0] != clean[0] || got[1] == clean[1] || got[2] == clean[2] || got[3] != clean[3] {
		t.Errorf("a crash of two sessions: %v", got)
	}
	if got := sessions(fetch(t, newSource(t, ""), week("?faults=wrong_date@2026-11-18")).Bars); got != "16 17 21 19 20" {
		t.Errorf("a wrong date: %s", got)
	}
	if got := sessions(fetch(t, newSource(t, ""), week("?faults=shifted")).Bars); got != "17 18 19 20 21" {
		t.Errorf("shifted dates: %s", got)
	}
	a := fetch(t, newSource(t, ""), week("?faults=false_split@2026-11-18"))
	if len(a.Actions) != 1 || a.Actions[0].Kind != etf.Split || a.Actions[0].Ex != clean[2].Session || !slices.Equal(a.Bars, clean) {
		t.Errorf("a split that did not happen: %v", a.Actions)
	}
}

// @1/n picks about one session in n of a long history, and not the same ones for every ETF.
func TestOneInN(t *testing.T) {
	t.Parallel()
	s := newSource(t, "late:1000@1/20")
	var previous string
	for _, symbol := range []string{"SIMA", "SIMB", "SIMC"} {
		a := fetch(t, s, query(symbol, etf.XNYS, "2025-01-02", "2026-11-20"))
		clean := fetch(t, newSource(t, ""), query(symbol, etf.XNYS, "2025-01-02", "2026-11-20"))
		missing := len(clean.Bars) - len(a.Bars)
		if share := float64(missing) / float64(len(clean.Bars)); share < .03 || share > .07 {
			t.Errorf("%s: %.3f of the sessions are late, want about 0.05", symbol, share)
		}
		if got := sessions(a.Bars); got == previous {
			t.Errorf("%s misses the same sessions as the one before", symbol)
		} else {
			previous = got
		}
	}
}

// Whatever is cut off or changed in a body, parsing never panics and never takes a truncated body for a whole one.
func FuzzParseBody(f *testing.F) {
	a := fetch(f, newSource(f, "duplicate"), query("SIMA", etf.XNYS, "2025-06-16", "2025-06-20"))
	f.Add(a.Raw)
	f.Add([]byte("simulated,1,A,XNYS,USD,as_traded\nend,0\n"))
	f.Add([]byte("simulated,1,A,XNYS,USD,as_traded\nsplit,2025-06-02,4,1\nbar,x\nend,2\n"))
	for n := range a.Raw {
		if response, err := parseBody("x", a.Raw[:n]); etf.KindOf(err) != etf.KindUnavailable {
			f.Fatalf("%d of %d bytes give %d bars, %v; want unavailable", n, len(a.Raw), len(response.Bars), err)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		response, err := parseBody("x", body)
		if err != nil {
			if etf.KindOf(err) != etf.KindUnavailable {
				t.Fatalf("error %v", err)
			}
			return
		}
		lines := strings.Count(string(body), "\n") - 2
		if got := len(response.Bars) + len(response.Actions) + len(response.Defects); got != lines {
			t.Fatalf("%d bars, actions and defects of %d lines", got, lines)
		}
	})
}
