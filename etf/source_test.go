package etf

import (
	"slices"
	"testing"
	"time"
)

func TestSources(t *testing.T) {
	for _, c := range []struct {
		source   string
		symbol   Symbol
		exchange Exchange
		ref      string
		waits    []time.Duration
		rate     float64
	}{
		{"yahoo", "SPY", XNYS, "SPY", []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}, 2},
		{"yahoo", "069500", XKRX, "069500.KS", []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}, 2},
		{"yahoo", "BRK.B", XNYS, "BRK-B", []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}, 2},
		{"file", "069500", XKRX, "069500.csv", nil, 0},
		{"simulated", "SIMUS1", XNYS, "SIMUS1", []time.Duration{2 * time.Second, 2 * time.Second, 2 * time.Second}, 0},
		{"added-later", "SPY", XNYS, "SPY", []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}, 0},
	} {
		s := Source(c.source)
		if got := s.DefaultRef(c.symbol, c.exchange); got != c.ref || s.Name != c.source || s.Rate != c.rate || !slices.Equal(s.Waits, c.waits) {
			t.Errorf("%s %s: reference %s, %+v", c.source, c.symbol, got, s)
		}
	}
}

// Every line of the table is complete, and no name appears twice.
func TestSourcesAreComplete(t *testing.T) {
	for i, s := range Sources() {
		if s.Name == "" || slices.Contains(SourceNames()[:i], s.Name) || s.Rate < 0 {
			t.Errorf("line %d: %+v", i, s)
		}
		for _, wait := range s.Waits {
			if wait <= 0 || wait > 4*time.Hour {
				t.Errorf("%s waits %s", s.Name, wait)
			}
		}
		if s.DefaultRef == nil || s.DefaultRef("SPY", XNYS) == "" {
			t.Errorf("%s has no default reference", s.Name)
		}
	}
}
