package service

import (
	"errors"
	"strings"
	"testing"

	"github.com/etfcast/etfcast/etf"
)

// A check that panics is an error for those who wait for it; the next one is made.
func TestAPanickingCheck(t *testing.T) {
	t.Parallel()
	var r rounds[int]
	_, err := r.get(t.Context(), "reading", func() (int, error) { panic("the store is gone") })
	var e *etf.Error
	if !errors.As(err, &e) || e.Kind != etf.KindInternal || !strings.Contains(e.Message, "the store is gone") || !strings.Contains(e.Message, "rounds_test.go") {
		t.Errorf("error %v", err)
	}
	if n, err := r.get(t.Context(), "reading", func() (int, error) { return 7, nil }); n != 7 || err != nil {
		t.Errorf("the next check gave %d, %v", n, err)
	}
}
