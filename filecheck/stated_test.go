package filecheck

import (
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// withSplit adds a column of splits to csv's text, with a ratio on row at.
func withSplit(text string, at int, ratio string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := range lines {
		switch i {
		case 0:
			lines[i] += ",Stock Splits"
		case at + 1:
			lines[i] += "," + ratio
		default:
			lines[i] += ",0"
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// A split that the earlier export states and the file no longer does is withdrawn, not stated still.
func TestStoredActions(t *testing.T) {
	t.Parallel()
	asTraded := func(i int, b *etf.Bar) {
		if i < 100 {
			times(b, 4, 1)
		}
	}
	old := File{Name: "old.csv?basis=as_traded", Raw: []byte(withSplit(csv(t, 200, asTraded), 100, "4"))}
	check := func(text string) (rules []string) {
		t.Helper()
		r, err := Check(File{Name: "x.csv?basis=as_traded", Raw: []byte(text)}, Options{Exchange: etf.XNYS, Stored: &old})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range r.Lines {
			rules = append(rules, l.Rule+" "+string(l.Severity))
		}
		return rules
	}
	if got := check(withSplit(csv(t, 200, asTraded), 100, "4")); len(got) > 0 {
		t.Errorf("the same file again: %v", got)
	}
	if got := strings.Join(check(withSplit(csv(t, 200, asTraded), 100, "0")), ", "); !strings.Contains(got, "action_withdrawn warning") {
		t.Errorf("the split withdrawn, the prices as before: %s", got)
	}
}

// A source that divides older prices by a split once too often leaves a step before the rows in use.
func TestStoredSplitTwice(t *testing.T) {
	t.Parallel()
	old := File{Name: "old.csv", Raw: []byte(csv(t, 200, nil))}
	r := checked(t, csv(t, 200, func(i int, b *etf.Bar) {
		if i < 120 {
			times(b, 1, 4)
		}
	}), Options{Stored: &old})
	for _, l := range r.Lines {
		if l.Rule == "split_suspected" && l.Severity == etf.SeverityError && l.Sessions == 120 {
			return
		}
	}
	t.Errorf("no error on the 120 rows: %+v", r.Lines)
}
