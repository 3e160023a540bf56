package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.temporal.io/api/serviceerror"

	"github.com/etfcast/etfcast/etf"
)

var silent = slog.New(slog.DiscardHandler)

func TestRetry(t *testing.T) {
	var reported []string
	report := func(err error) { reported = append(reported, fmt.Sprint(err)) }
	n := 0
	err := Retry(context.Background(), silent, report, func(context.Context) error {
		if n++; n < 3 {
			return &etf.Error{Kind: etf.KindUnavailable, Message: "not yet"}
		}
		return nil
	})
	if err != nil || n != 3 || strings.Join(reported, ",") != "not yet,<nil>" {
		t.Errorf("ended with %v after %d attempts, reported %v", err, n, reported)
	}
	n = 0
	err = Retry(context.Background(), silent, report, func(context.Context) error {
		n++
		return &etf.Error{Kind: etf.KindDenied, Message: "never"}
	})
	if etf.KindOf(err) != etf.KindDenied || n != 1 {
		t.Errorf("ended with %v after %d attempts", err, n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	err = Retry(ctx, silent, func(error) { cancel() }, func(context.Context) error {
		return &etf.Error{Kind: etf.KindUnavailable, Message: "not yet", Err: serviceerror.NewUnavailable("x")}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}
