package etf

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

var friday = MustSession("2025-09-26")

func TestDailyRunID(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		symbols []Symbol
		attempt int
		want    RunID
	}{
		{"whole exchange", nil, 1, "daily:XNYS:2025-09-26"},
		{"attempt left out", nil, 0, "daily:XNYS:2025-09-26"},
		{"re-run", nil, 3, "daily:XNYS:2025-09-26:rerun-3"},
		// printf SPY | sha256sum
		{"one symbol", []Symbol{"SPY"}, 1, "daily:XNYS:2025-09-26:6493341e6b56"},
		// printf QQQ,SPY | sha256sum
		{"two, sorted and distinct", []Symbol{"SPY", "QQQ", "SPY"}, 2, "daily:XNYS:2025-09-26:4c486f165861:rerun-2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := DailyRunID(XNYS, friday, c.symbols, c.attempt); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestSubsetDoesNotChangeItsArgument(t *testing.T) {
	t.Parallel()
	symbols := []Symbol{"SPY", "QQQ"}
	DailyRunID(XNYS, friday, symbols, 1)
	if !slices.Equal(symbols, []Symbol{"SPY", "QQQ"}) {
		t.Errorf("the argument became %v", symbols)
	}
}

func TestRunIDRoundTrip(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	all := []Symbol{"SPY", "QQQ", "069500", "0000J0", "BRK.B", "A-1", "X_Y"}
	for range 2000 {
		x := Exchanges()[r.IntN(2)]
		session := friday.AddDays(r.IntN(4000) - 2000)
		symbols := all[:r.IntN(len(all)+1)]
		attempt := r.IntN(40)
		id := DailyRunID(x, session, symbols, attempt)
		key, err := id.Key()
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		want := RunKey{Workflow: "daily", Exchange: x, Session: session, Subset: SubsetHash(symbols), Attempt: max(attempt, 1)}
		if key != want {
			t.Fatalf("got %+v, want %+v", key, want)
		}
		if again := key.ID(); again != id {
			t.Fatalf("%s became %s", id, again)
		}
		if id.Base() != DailyRunID(x, session, symbols, 1) || id.Attempt() != want.Attempt {
			t.Fatalf("%s is attempt %d of %s", id, id.Attempt(), id.Base())
		}
		if workflow := id.WorkflowID(); strings.Contains(workflow, ":") || RunID(strings.ReplaceAll(workflow, "/", ":")) != id {
			t.Fatalf("the workflow of %s is %s", id, workflow)
		}
	}
}

func TestParseRunIDRefuses(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", "daily", "daily:XNYS", "daily/XNYS/2025-09-26", "weekly:XNYS:2025-09-26", "daily:XXXX:2025-09-26",
		"daily:XNYS:2025-9-26", "daily:XNYS:2025-09-31", "daily:XNYS:2025-09-26:", "daily:XNYS:2025-09-26:rerun-1",
		"daily:XNYS:2025-09-26:rerun-02", "daily:XNYS:2025-09-26:rerun--2", "daily:XNYS:2025-09-26:6493341e6b",
		"daily:XNYS:2025-09-26:6493341E6B56", "daily:XNYS:2025-09-26:6493341e6b56:6493341e6b56",
		"daily:XNYS:2025-09-26:rerun-2:6493341e6b56", "daily:XNYS:2025-09-26:6493341e6b56:rerun-2:x",
		"daily:XNYS:2025-09-26:rerun-2/../x", "daily:XNYS:2025-09-26:rerun-99999999999999999999",
		strings.Repeat("daily:", 100),
	} {
		if id, err := ParseRunID(bad); err == nil || KindOf(err) != KindInvalid || id != "" {
			t.Errorf("%q: got %q, %v", bad, id, err)
		}
	}
}

// Base and Attempt split any stored run ID, but recognise only the one valid form of a re-run.
func TestBaseAndAttempt(t *testing.T) {
	t.Parallel()
	for id, want := range map[RunID]struct {
		base RunID
		n    int
	}{
		"daily:XNYS:2025-09-26":                       {"daily:XNYS:2025-09-26", 1},
		"daily:XNYS:2025-09-26:abcdefabcdef":          {"daily:XNYS:2025-09-26:abcdefabcdef", 1},
		"daily:XNYS:2025-09-26:rerun-2":               {"daily:XNYS:2025-09-26", 2},
		"daily:XNYS:2025-09-26:abcdefabcdef:rerun-17": {"daily:XNYS:2025-09-26:abcdefabcdef", 17},
		"daily:XNYS:2025-09-26:rerun-1":               {"daily:XNYS:2025-09-26:rerun-1", 1},
		"daily:XNYS:2025-09-26:rerun-":                {"daily:XNYS:2025-09-26:rerun-", 1},
		"":                                            {"", 1},
	} {
		if id.Base() != want.base || id.Attempt() != want.n {
			t.Errorf("%q is attempt %d of %q, want %d of %q", id, id.Attempt(), id.Base(), want.n, want.base)
		}
	}
}

// Every accepted ID is exactly what its key formats to, so no run has two spellings.
func FuzzParseRunID(f *testing.F) {
	f.Add("daily:XNYS:2025-09-26")
	f.Add("daily:XKRX:2025-09-26:6493341e6b56:rerun-12")
	f.Add("backfill:0123456789abcdef0123456789abcdef")
	f.Add("backfill:0123456789abcdef0123456789abcdef:rerun-2")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseRunID(text)
		if err != nil {
			return
		}
		key, err := id.Key()
		if err != nil || string(key.ID()) != text || id.Base() != (RunKey{Workflow: key.Workflow, Backfill: key.Backfill, Exchange: key.Exchange, Session: key.Session, Subset: key.Subset, Attempt: 1}).ID() {
			t.Errorf("%q was read as %+v, which is %q of %q, %v", text, key, key.ID(), id.Base(), err)
		}
	})
}
