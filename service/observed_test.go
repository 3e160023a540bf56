package service

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// What is started again in the moment between the record of its end and the close of its workflow gets a new execution. One that another request has
// started meanwhile stands, and one that does not close is not waited for for ever.
func TestStartRecorded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		refused int           // times that the start finds an open execution
		began   time.Duration // of that execution, after the record
		want    bool
		took    time.Duration
	}{
		"at once":   {0, 0, true, 0},
		"closing":   {3, -time.Minute, true, 3 * closingLook},
		"another's": {1000, time.Millisecond, false, 0},
		"hangs":     {1000, -time.Minute, false, closingGrace},
	} {
		synctest.Test(t, func(t *testing.T) {
			since := time.Now()
			temporal := newEngine()
			temporal.executions["w"] = etf.Execution{Status: etf.RunRunning, StartedAt: since.Add(c.began)}
			svc, starts := New(Deps{Temporal: temporal}), 0
			began, err := svc.startRecorded(t.Context(), true, "w", since, func() (bool, error) {
				starts++
				return starts > c.refused, nil
			})
			if took := time.Since(since); began != c.want || err != nil || took != c.took {
				t.Errorf("%s: began %v after %s, %v", name, began, took, err)
			}
		})
	}
}
