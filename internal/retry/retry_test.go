package retry

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/etfcast/etfcast/etf"
)

var notYet = &etf.Error{Kind: etf.KindUnavailable, Message: "not yet"}

func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		began, n := time.Now(), 0
		err := Until(t.Context(), slog.New(slog.NewTextHandler(&log, nil)), 0, func(context.Context) error {
			if n++; n < 8 {
				return notYet
			}
			return nil
		})
		// 0.25 + 0.5 + 1 + 2 + 4 + 5 + 5
		if took := time.Since(began); err != nil || n != 8 || took != 17750*time.Millisecond {
			t.Errorf("ended with %v after %d attempts and %s", err, n, took)
		}
		if said := strings.Count(log.String(), "not yet"); said != 1 {
			t.Errorf("the same reason was logged %d times", said)
		}
	})
}

func TestUntilGivesUp(t *testing.T) {
	t.Parallel()
	silent := slog.New(slog.DiscardHandler)
	n := 0
	err := Until(t.Context(), silent, 0, func(context.Context) error { n++; return &etf.Error{Kind: etf.KindDenied, Message: "never"} })
	if etf.KindOf(err) != etf.KindDenied || n != 1 {
		t.Errorf("what waiting does not mend ended with %v after %d attempts", err, n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err = Until(ctx, silent, 0, func(context.Context) error { cancel(); return notYet })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled wait ended with %v", err)
	}
}

// A server that accepts the connection and says nothing costs one attempt, not the whole wait.
func TestUntilBoundsEachAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		err := Until(t.Context(), slog.New(slog.DiscardHandler), Limit, func(ctx context.Context) error {
			if n++; n > 1 {
				return nil
			}
			<-ctx.Done()
			return etf.Wrap(etf.KindUnavailable, ctx.Err(), "asking")
		})
		if err != nil || n != 2 {
			t.Errorf("ended with %v after %d attempts", err, n)
		}
	})
}
