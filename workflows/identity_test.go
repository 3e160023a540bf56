package workflows

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

var friday = etf.MustSession("2025-09-26")

func TestDailyID(t *testing.T) {
	for _, c := range []struct {
		name    string
		symbols []etf.Symbol
		attempt int
		want    string
	}{
		{"whole exchange", nil, 1, "daily/XNYS/2025-09-26"},
		{"attempt left out", nil, 0, "daily/XNYS/2025-09-26"},
		{"re-run", nil, 3, "daily/XNYS/2025-09-26/rerun-3"},
		// printf SPY | sha256sum
		{"one symbol", []etf.Symbol{"SPY"}, 1, "daily/XNYS/2025-09-26/6493341e6b56"},
		// printf QQQ,SPY | sha256sum
		{"two, sorted and distinct", []etf.Symbol{"SPY", "QQQ", "SPY"}, 2, "daily/XNYS/2025-09-26/4c486f165861/rerun-2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := DailyID(etf.XNYS, friday, c.symbols, c.attempt); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestOtherIDs(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{UpdateID("069500", friday), "update/069500/2025-09-26"},
		{TickID(etf.XKRX), "tick/XKRX"},
		{FindingID("ab12"), "finding/ab12"},
		{ScheduleID(etf.XNYS), "daily-XNYS"},
		{RunID("daily/XNYS/2025-09-26/rerun-2"), "daily:XNYS:2025-09-26:rerun-2"},
		{SourceTaskQueue("yahoo"), "etfcast-source-yahoo"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

func TestSubsetDoesNotChangeItsArgument(t *testing.T) {
	symbols := []etf.Symbol{"SPY", "QQQ"}
	DailyID(etf.XNYS, friday, symbols, 1)
	if !slices.Equal(symbols, []etf.Symbol{"SPY", "QQQ"}) {
		t.Errorf("the argument became %v", symbols)
	}
}

func TestRunIDRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	all := []etf.Symbol{"SPY", "QQQ", "069500", "0000J0", "BRK.B", "A-1", "X_Y"}
	for range 2000 {
		x := etf.Exchanges()[r.IntN(2)]
		session := friday.AddDays(r.IntN(4000) - 2000)
		symbols := all[:r.IntN(len(all)+1)]
		attempt := r.IntN(40)
		id := DailyID(x, session, symbols, attempt)
		key, err := ParseRunID(RunID(id))
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		want := RunKey{Workflow: "daily", Exchange: x, Session: session, Subset: SubsetHash(symbols), Attempt: max(attempt, 1), WorkflowID: id}
		if key != want {
			t.Fatalf("got %+v, want %+v", key, want)
		}
		if base := RunID(DailyID(x, session, symbols, 1)); key.Base() != base {
			t.Fatalf("the base of %s is %s, want %s", id, key.Base(), base)
		}
	}
}

func TestParseRunIDRefuses(t *testing.T) {
	for _, bad := range []string{
		"", "daily", "daily:XNYS", "daily/XNYS/2025-09-26", "weekly:XNYS:2025-09-26", "daily:XXXX:2025-09-26",
		"daily:XNYS:2025-9-26", "daily:XNYS:2025-09-31", "daily:XNYS:2025-09-26:", "daily:XNYS:2025-09-26:rerun-1",
		"daily:XNYS:2025-09-26:rerun-02", "daily:XNYS:2025-09-26:rerun--2", "daily:XNYS:2025-09-26:6493341e6b",
		"daily:XNYS:2025-09-26:6493341E6B56", "daily:XNYS:2025-09-26:6493341e6b56:6493341e6b56",
		"daily:XNYS:2025-09-26:rerun-2:6493341e6b56", "daily:XNYS:2025-09-26:6493341e6b56:rerun-2:x",
		"daily:XNYS:2025-09-26:rerun-2/../x", "daily:XNYS:2025-09-26:rerun-99999999999999999999",
		strings.Repeat("daily:", 100),
	} {
		if key, err := ParseRunID(bad); err == nil || etf.KindOf(err) != etf.KindInvalid {
			t.Errorf("%q: got %+v, %v", bad, key, err)
		}
	}
}

// Whatever is accepted is exactly what DailyID makes of its parts: no two spellings of one run.
func FuzzParseRunID(f *testing.F) {
	f.Add("daily:XNYS:2025-09-26")
	f.Add("daily:XKRX:2025-09-26:6493341e6b56:rerun-12")
	f.Fuzz(func(t *testing.T, text string) {
		key, err := ParseRunID(text)
		if err != nil {
			return
		}
		again := DailyID(key.Exchange, key.Session, nil, 1)
		if key.Subset != "" {
			again += "/" + key.Subset
		}
		if key.Attempt > 1 {
			again = DailyID(key.Exchange, key.Session, nil, key.Attempt)
			if key.Subset != "" {
				again = strings.Replace(again, "/rerun-", "/"+key.Subset+"/rerun-", 1)
			}
		}
		if again != key.WorkflowID || RunID(key.WorkflowID) != text {
			t.Errorf("%q was read as %+v, which is %q", text, key, again)
		}
	})
}
