package file

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// sunday is after the close of Friday 2025-09-26 in New York and in Seoul.
var sunday = time.Date(2025, 9, 28, 12, 0, 0, 0, time.UTC)

// folder returns a source of a new folder with the given files, and the folder's path.
func folder(t *testing.T, files map[string]string) (*Source, string) {
	t.Helper()
	dir := t.TempDir()
	for name, body := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s, err := New(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func query(ref string) etf.Query {
	return etf.Query{Symbol: "SPY", Ref: ref, Exchange: etf.XNYS, Currency: "USD", AsOf: sunday}
}

const week = "date,open,high,low,close,volume,dividend\n" +
	"2025-09-22,10,12,9,11,100,\n" +
	"2025-09-23,10,12,9,11,100,0.5\n" +
	"2025-09-24,10,12,x,11,100,\n" +
	"2025-09-25,10,12,9,11,100,\n" +
	"2025-09-31,10,12,9,11,100,\n" +
	"2025-09-26,10,12,9,11,100,0.7\n" +
	"2025-09-29,10,12,9,11,100,\n" // not closed on sunday

func TestFetchWindow(t *testing.T) {
	t.Parallel()
	s, _ := folder(t, map[string]string{"SPY.csv": week})
	day := etf.MustSession
	for _, c := range []struct {
		name          string
		window        etf.Window
		bars, actions int
		defects       string
	}{
		{"everything", etf.Window{}, 4, 2, "SPY.csv:4 SPY.csv:6"},
		{"to the present", etf.Window{From: day("2025-09-23")}, 3, 2, "SPY.csv:4 SPY.csv:6"},
		{"a defect by its date", etf.Window{From: day("2025-09-24"), To: day("2025-09-24")}, 0, 0, "SPY.csv:4"},
		{"a defect by its neighbours", etf.Window{From: day("2025-09-26"), To: day("2025-09-26")}, 1, 1, "SPY.csv:6"},
		{"before both", etf.Window{From: day("2025-09-22"), To: day("2025-09-23")}, 2, 1, ""},
		{"before the file", etf.Window{From: day("2020-01-02"), To: day("2020-01-31")}, 0, 0, ""},
		{"after the last close", etf.Window{From: day("2025-09-29"), To: day("2025-10-03")}, 0, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := query("")
			q.Window = c.window
			a, err := s.Fetch(context.Background(), q)
			if err != nil {
				t.Fatal(err)
			}
			var where []string
			for _, d := range a.Defects {
				where = append(where, d.Where)
			}
			if len(a.Bars) != c.bars || len(a.Actions) != c.actions || strings.Join(where, " ") != c.defects {
				t.Errorf("%d bars, %d actions, defects at %v; want %d, %d, %s", len(a.Bars), len(a.Actions), where, c.bars, c.actions, c.defects)
			}
			if !bytes.Equal(a.Raw, []byte(week)) || a.MediaType != "text/csv" || a.Request != "file:SPY.csv" {
				t.Errorf("raw of %d bytes, type %s, request %s; want the whole file of %d", len(a.Raw), a.MediaType, a.Request, len(week))
			}
		})
	}
}

func TestFetchOptions(t *testing.T) {
	t.Parallel()
	s, _ := folder(t, map[string]string{
		"us/spy.csv": "Date,Open,High,Low,Close,Volume\n2025-09-26,10,12,9,11,100\n",
		"bare.csv":   "2025-09-26,11,-1,10,12,9\n2025-09-25,11,-1,10,12,9\n",
	})
	for _, c := range []struct {
		ref      string
		basis    etf.Basis
		currency etf.Currency
		bars     int
	}{
		{"us/spy.csv", etf.BasisUnknown, "", 1},
		{"us/spy.csv?basis=as_traded&currency=USD", etf.AsTraded, "USD", 1},
		{"us/spy.csv?layout=stooq", etf.TotalAdjusted, "", 1},
		{"us/spy.csv?layout=krx&basis=total_adjusted", etf.TotalAdjusted, "KRW", 1},
		{"us/spy.csv?columns=date,open,high,low,close,-", etf.BasisUnknown, "", 1},
		{"bare.csv?columns=date,close,-,open,high,low", etf.BasisUnknown, "", 2},
	} {
		a, err := s.Fetch(context.Background(), query(c.ref))
		if err != nil {
			t.Errorf("%s: %v", c.ref, err)
			continue
		}
		if a.Basis != c.basis || a.Currency != c.currency || len(a.Bars) != c.bars {
			t.Errorf("%s: basis %s, currency %q, %d bars; want %s, %q, %d", c.ref, a.Basis, a.Currency, len(a.Bars), c.basis, c.currency, c.bars)
		}
	}
}

func TestFetchRefuses(t *testing.T) {
	t.Parallel()
	s, dir := folder(t, map[string]string{"SPY.csv": week, "sub/QQQ.csv": week, "page.csv": "<html>"})
	outside := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(outside, []byte(week), 0o644); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"link.csv": outside, "up": "..", "inside.csv": "sub/QQQ.csv"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.csv"), 0o600); err != nil {
		t.Fatal(err)
	}
	large, err := os.Create(filepath.Join(dir, "large.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(large.Truncate(etf.MaxResponseBytes+1), large.Close()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, ref string
		kind      etf.Kind
		says      string
	}{
		{"missing", "none.csv", etf.KindNotFound, "none.csv: price file not found; put it in the folder of --file-dir, or correct the ETF's reference with `etfcast etf edit`"},
		{"parent", "../secret.csv", etf.KindInvalid, "leaves the folder"},
		{"absolute", outside, etf.KindInvalid, "leaves the folder"},
		{"through a parent", "sub/../../x.csv", etf.KindInvalid, "leaves the folder"},
		{"link to a file outside", "link.csv", etf.KindInvalid, "lies outside the folder"},
		{"link to the parent", "up/x.csv", etf.KindInvalid, "lies outside the folder"},
		{"folder", "sub", etf.KindInvalid, "not a regular file"},
		{"pipe without a writer", "pipe.csv", etf.KindInvalid, "not a regular file"},
		{"too large", "large.csv", etf.KindInvalid, "larger than 64 MiB"},
		{"web page", "page.csv", etf.KindCorrupt, "page.csv:1: the file is a web page"},
		{"unknown option", "SPY.csv?color=red", etf.KindInvalid, "not an option"},
		{"unknown basis", "SPY.csv?basis=raw", etf.KindInvalid, "not a basis"},
		{"bad currency", "SPY.csv?currency=dollar", etf.KindInvalid, "ISO 4217"},
		{"unknown layout", "SPY.csv?layout=excel", etf.KindInvalid, "not a layout"},
		{"unknown column", "SPY.csv?columns=date,price", etf.KindInvalid, "not a column"},
		{"too few columns", "SPY.csv?columns=date,close", etf.KindInvalid, "no column holds open, high, low"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := s.Fetch(context.Background(), query(c.ref))
			var e *etf.Error
			if !errors.As(err, &e) || e.Kind != c.kind || !strings.Contains(err.Error(), c.says) || e.Remedy == "" {
				t.Errorf("error %v; want %s with %q and a remedy", err, c.kind, c.says)
			}
		})
	}
	if a, err := s.Fetch(context.Background(), query("inside.csv")); err != nil || len(a.Bars) != 4 {
		t.Errorf("a link inside the folder: %d bars, %v", len(a.Bars), err)
	}
}

// The operation names of os.Root are not part of any message.
func TestOpenErrors(t *testing.T) {
	s := &Source{dir: "/prices"}
	for cause, want := range map[error]string{
		fs.ErrNotExist:   "SPY.csv: price file not found; put it in the folder of --file-dir, or correct the ETF's reference with `etfcast etf edit`",
		syscall.EACCES:   "SPY.csv: price file can't be opened: permission denied; give the worker's user permission to read it",
		syscall.ESTALE:   "SPY.csv: price file can't be opened: stale file handle",
		errors.New("no"): "SPY.csv: price file can't be opened: no",
	} {
		if got := s.openError("SPY.csv", &fs.PathError{Op: "statat", Path: "SPY.csv", Err: cause}).Error(); got != want {
			t.Errorf("error %q, want %q", got, want)
		}
	}
}

func TestFetchWithoutFolder(t *testing.T) {
	t.Parallel()
	none, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := none.Fetch(context.Background(), query("SPY.csv")); etf.KindOf(err) != etf.KindInvalid || !strings.Contains(err.Error(), "ETFCAST_FILE_DIR") {
		t.Errorf("no folder: %v", err)
	}
	later, err := New(Options{Dir: filepath.Join(t.TempDir(), "later")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := later.Fetch(context.Background(), query("SPY.csv")); etf.KindOf(err) != etf.KindUnavailable {
		t.Errorf("a folder that does not exist yet: %v", err)
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Dir: path}); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("a file instead of a folder: %v", err)
	}
}

func TestFetchChecksQuery(t *testing.T) {
	t.Parallel()
	s, _ := folder(t, map[string]string{"SPY.csv": week})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Fetch(ctx, query("")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	q := query("")
	q.Exchange = "XPAR"
	if _, err := s.Fetch(context.Background(), q); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("unknown exchange: %v", err)
	}
	q = query("")
	q.AsOf = time.Time{}
	if _, err := s.Fetch(context.Background(), q); etf.KindOf(err) != etf.KindInvalid {
		t.Errorf("no as-of time: %v", err)
	}
}

func BenchmarkParse8000Rows(b *testing.B) {
	var body strings.Builder
	body.WriteString("Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits\n")
	for i := range 8000 {
		body.WriteString(etf.MustSession("1995-01-03").AddDays(i).String())
		body.WriteString(" 00:00:00-05:00,661.8200073242188,662.3699951171875,657.8800048828125,659.510009765625,651.2345678901234,69142300,0.0,0.0\n")
	}
	raw := []byte(body.String())
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := parse("x.csv", raw, options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// What is stored of a fetch is parsed again to the same rows, whatever the reference says: the options are in the request.
func TestParseStored(t *testing.T) {
	dir := t.TempDir()
	s, err := New(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	const plain = "Date,Open,High,Low,Close,Volume\n2025-01-02,10,11,9,10.5,100\n2025-01-03,10.5,x,10,10.25,\n2025-01-06,10,12,10,11,50"
	for ref, body := range map[string]string{
		"": plain, "SPY.csv": plain + "\n", "SPY.csv?basis=as_traded&currency=USD&last_line=complete": plain,
		"SPY.csv?dates=dmy&decimal=,": "Date;Open;High;Low;Close\n02/01/2025;10,5;11;9;10,25\n03/01/2025;10,5;11;9;10,75\n",
		"SPY.csv?basis=unknown":       "Date,Open,High,Low,Close,Volume\n", // no row
	} {
		if err := os.WriteFile(filepath.Join(dir, "SPY.csv"), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		q := etf.Query{Symbol: "SPY", Ref: ref, Exchange: etf.XNYS, Currency: "USD", Window: etf.Window{To: etf.MustSession("2025-01-06")},
			AsOf: time.Date(2025, 1, 7, 12, 0, 0, 0, time.UTC)}
		want, err := s.Fetch(t.Context(), q)
		if err != nil {
			t.Fatalf("%q: %v", ref, err)
		}
		q.Ref = ""
		got, err := ParseStored(q, etf.Fetch{Request: want.Request}, want.Raw)
		want.DataAt = time.Time{}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: parsed again as %+v (%v), fetched as %+v", ref, got, err, want)
		}
	}
}
