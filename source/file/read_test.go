package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/etfcast/etfcast/etf"
)

const whole = "date,open,high,low,close,volume\n" +
	"2025-09-24,96.10,97.20,95.80,96.50,101441\n" +
	"2025-09-25,96.50,97.90,96.20,97.10,99870\n" +
	"2025-09-26,97.10,98.00,96.90,97.43,102992\n"

// Wherever a copy of the file stops, no row is read that the whole file does not hold: a cut number is still a number.
func TestParseCutAnywhere(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"LF": whole, "CRLF": strings.ReplaceAll(whole, "\n", "\r\n"), "CR": strings.ReplaceAll(whole, "\n", "\r"),
		"quoted":       "date,open,high,low,close,volume\n\"2025-09-26\",\"97.10\",\"98.00\",\"96.90\",\"97.43\",\"102,992\"\n",
		"newest first": "date,open,high,low,close,volume\n2025-09-26,97.10,98.00,96.90,97.43,102992\n2025-09-25,96.50,97.90,96.20,97.10,99870\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			complete, err := parse("SPY.csv", []byte(body), options{})
			if err != nil {
				t.Fatal(err)
			}
			rows := map[etf.Bar]bool{}
			for _, b := range complete.bars {
				rows[b] = true
			}
			for cut := 1; cut < len(body); cut++ {
				got, err := parse("SPY.csv", []byte(body[:cut]), options{})
				if err != nil {
					if !errors.Is(err, errUnfinished) {
						t.Fatalf("%q: %v", body[:cut], err)
					}
					continue
				}
				for _, b := range got.bars {
					if !rows[b] {
						t.Fatalf("%q gave %+v", body[:cut], b)
					}
				}
				ended := strings.ContainsAny(body[cut-1:cut], "\r\n")
				if unfinished := got.response(etf.Response{}, etf.Window{From: etf.MustSession("2025-01-02"), To: etf.MustSession("2025-12-31")}).Unfinished; (unfinished == "") != ended {
					t.Fatalf("%q: unfinished %q", body[:cut], unfinished)
				}
			}
		})
	}
}

func TestFetchUnfinishedLine(t *testing.T) {
	t.Parallel()
	cut := strings.TrimSuffix(whole, "3,102992\n") // the close is 97.43
	day := etf.MustSession
	for _, c := range []struct {
		name, body, ref string
		window          etf.Window
		bars, defects   int
		says            string
	}{
		{"within the close", cut, "", etf.Window{}, 2, 1, "SPY.csv:4: the last line has no line end"},
		{"within the volume", strings.TrimSuffix(whole, "992\n"), "", etf.Window{}, 2, 1, "SPY.csv:4: the last line has no line end"},
		{"only the line end", strings.TrimSuffix(whole, "\n"), "", etf.Window{}, 2, 1, "echo >> FILE"},
		{"only the line end, and the reference says so", strings.TrimSuffix(whole, "\n"), "?last_line=complete", etf.Window{}, 3, 0, ""},
		{"an earlier session is asked for", cut, "", etf.Window{To: day("2025-09-25")}, 2, 0, ""},
		{"within the date", whole + "2025-09-2", "", etf.Window{}, 3, 1, "SPY.csv:5"},
		{"preallocated", strings.TrimSuffix(whole, "2992\n") + "\x00\x00\x00\x00\x00", "", etf.Window{}, 2, 1, "SPY.csv:4"},
		{"within the header", "date,open,hi", "", etf.Window{}, 0, 1, "SPY.csv: the file has no complete header; export it again"},
		{"empty", "", "", etf.Window{}, 0, 1, "SPY.csv: the file is empty; export it again"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, _ := folder(t, map[string]string{"SPY.csv": c.body})
			q := query(c.ref)
			q.Window = c.window
			r, err := s.Fetch(context.Background(), q)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Bars) != c.bars || len(r.Defects) != c.defects || (r.Unfinished == "") != (c.says == "") || !strings.Contains(r.Unfinished, c.says) {
				t.Errorf("%d bars, defects %v, unfinished %q; want %d, %d and %q", len(r.Bars), r.Defects, r.Unfinished, c.bars, c.defects, c.says)
			}
			for _, d := range r.Defects {
				if !d.NoPrice {
					t.Errorf("%+v is for a person to decide, although the next version of the file has the row", d)
				}
			}
			if string(r.Raw) != c.body {
				t.Errorf("the response is not the file: %q", r.Raw)
			}
		})
	}
	_, err := (&Source{dir: t.TempDir()}).Fetch(context.Background(), query("?last_line=yes"))
	if err == nil || !strings.Contains(err.Error(), "use last_line=complete") {
		t.Errorf("last_line=yes: %v", err)
	}
}

// A file is read again while somebody writes it, however they do it.
func TestFetchWhileTheFileIsWritten(t *testing.T) {
	t.Parallel()
	// Each writer turns the file into `whole` in about a second.
	pieces := func(path string, flag int) error {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|flag, 0o644)
		if err != nil {
			return err
		}
		defer f.Close()
		for rest := whole; rest != ""; {
			n := min(13, len(rest))
			if _, err := f.WriteString(rest[:n]); err != nil {
				return err
			}
			rest = rest[n:]
			time.Sleep(80 * time.Millisecond)
		}
		return nil
	}
	stale := strings.ReplaceAll(whole, "97.43", "9.743")
	for name, write := range map[string]func(path string) error{
		"emptied, then written": func(path string) error { return pieces(path, os.O_TRUNC) },
		"written over":          func(path string) error { return pieces(path, 0) },
		"replaced": func(path string) error {
			if err := pieces(path+".new", os.O_TRUNC); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, dir := folder(t, map[string]string{"SPY.csv": stale})
			old, err := parse("SPY.csv", []byte(stale), options{})
			if err != nil {
				t.Fatal(err)
			}
			fresh, err := parse("SPY.csv", []byte(whole), options{})
			if err != nil {
				t.Fatal(err)
			}
			rows := map[etf.Bar]bool{}
			for _, b := range append(old.bars, fresh.bars...) {
				rows[b] = true
			}
			written := make(chan error, 1)
			var done atomic.Bool
			go func() {
				err := write(filepath.Join(dir, "SPY.csv"))
				done.Store(true)
				written <- err
			}()
			for {
				after := done.Load()
				r, err := s.Fetch(context.Background(), query(""))
				if err != nil {
					t.Fatal(err)
				}
				for _, b := range r.Bars {
					if !rows[b] {
						t.Fatalf("a row that neither version of the file holds: %+v in %q", b, r.Raw)
					}
				}
				if after {
					if r.Unfinished != "" || fmt.Sprint(r.Bars) != fmt.Sprint(fresh.bars) {
						t.Errorf("once written: %v, %q", r.Bars, r.Unfinished)
					}
					break
				}
			}
			if err := <-written; err != nil {
				t.Fatal(err)
			}
		})
	}
}
