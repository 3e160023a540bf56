package api

import (
	"context"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/etfcast/etfcast/etf"
)

const (
	// heavyItems is from how many items on a read is heavy. Reading and encoding so many takes about 2 ms of a core; the
	// largest page of bars takes 50 times as long.
	heavyItems = 200
	// heavyWait is how long a heavy read waits for its turn before it gets 429.
	heavyWait = time.Second

	runRoute        = "/v1/runs/:id"
	scoreboardRoute = "/v1/scoreboard"
	scoresRoute     = "/v1/etfs/:symbol/scores"

	originScoresRoute = "/v1/scores"
	freshnessRoute    = "/v1/freshness"
)

// pageRoutes are the routes whose cost grows with their limit, and its default.
var pageRoutes = map[string]limits{"/v1/etfs": listLimits, barsRoute: barLimits, "/v1/runs": listLimits, "/v1/backtests": listLimits, "/v1/backfills": listLimits, backfillRoute: runETFLimits, runRoute: runETFLimits, "/v1/findings": listLimits, "/v1/entries": listLimits,
	"/v1/etfs/:symbol/forecasts": listLimits, "/v1/etfs/:symbol/fetches": listLimits, "/v1/etfs/:symbol/runs": listLimits}

// turnstile admits few requests at once, in the order of their arrival.
type turnstile struct{ slots chan struct{} }

// newTurnstile leaves half of the cores to everything else: in one process with the workers, reads would starve the runs.
func newTurnstile() turnstile {
	return turnstile{make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
}

// enter waits for a slot, at most heavyWait.
func (t turnstile) enter(ctx context.Context) error {
	select {
	case t.slots <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(heavyWait)
	defer timer.Stop()
	select {
	case t.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return &etf.Error{Kind: etf.KindRateLimited, Message: "too many large requests are being served at once", RetryAfter: 2 * heavyWait,
			Remedy: "retry after the seconds in Retry-After, with fewer requests at once or a smaller limit"}
	}
}

func (t turnstile) leave() { <-t.slots }

// limited bounds what a request may take: heavy reads take turns, and each request has its time limit, which begins with
// its turn.
func (s *server) limited(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if heavy(c) {
			if err := s.heavy.enter(c.Request().Context()); err != nil {
				return err
			}
			turn := &turn{ResponseWriter: c.Response().Writer, ctx: c.Request().Context(), gate: s.heavy, streams: exports(c), holds: true}
			c.Response().Writer = turn
			defer turn.over()
		}
		if follows(c.Path()) {
			return next(c)
		}
		ctx, stop := context.WithTimeout(c.Request().Context(), timeLimit(c))
		defer stop()
		c.SetRequest(c.Request().WithContext(ctx))
		return next(c)
	}
}

// heavy reports whether the request reads many items. The handler reports an invalid limit.
func heavy(c echo.Context) bool {
	switch c.Path() {
	case scoreboardRoute, scoresRoute, originScoresRoute, freshnessRoute, backtestReportRoute, gapsRoute:
		return true // whatever the page: they read all scores, or all ETFs
	}
	if takesFile(c.Path()) {
		return true // it computes, and reads nothing
	}
	l, ok := pageRoutes[c.Path()]
	if !ok || c.Request().Method != http.MethodGet {
		return false
	}
	n := l.defaultSize
	if c.Path() == runRoute || c.Path() == backfillRoute {
		n = 0 // most of its time it waits for Temporal; only a page that is asked to be large is worth a turn
	}
	if text := c.QueryParam("limit"); text != "" {
		n, _ = strconv.Atoi(text)
	} else if exports(c) {
		return true
	}
	return n > heavyItems
}

// exports reports whether the response is CSV, which is sent as it is read and may have any length.
func exports(c echo.Context) bool {
	if c.Path() != barsRoute {
		return false
	}
	media, ok := negotiate(infoOf(c.Request().Context()).accept, mediaJSON, mediaCSV)
	return ok && media == mediaCSV
}

func timeLimit(c echo.Context) time.Duration {
	switch {
	case exports(c):
		return exportTimeout
	case c.Request().Method != http.MethodGet:
		return requestTimeout
	case c.Path() == runRoute, c.Path() == backtestRoute, c.Path() == backfillRoute, c.Path() == backtestReportRoute, c.Path() == "/v1/schedules":
		return temporalTimeout
	}
	return readTimeout
}

// turn is the response to a heavy read. It gives the slot back while the response is being sent, so that a client that
// reads slowly keeps nobody waiting, and takes a new one to go on with a stream.
type turn struct {
	http.ResponseWriter
	ctx     context.Context
	gate    turnstile
	streams bool
	holds   bool
}

func (t *turn) Write(p []byte) (int, error) {
	t.end()
	n, err := t.ResponseWriter.Write(p)
	if t.streams && err == nil {
		select {
		case t.gate.slots <- struct{}{}:
			t.holds = true
		case <-t.ctx.Done():
			return n, t.ctx.Err()
		}
	}
	return n, err
}

func (t *turn) end() {
	if t.holds {
		t.holds = false
		t.gate.leave()
	}
}

// over ends the turn for good: an error of the handler is still to be written.
func (t *turn) over() {
	t.streams = false
	t.end()
}

// Unwrap lets http.ResponseController find the deadlines of the connection.
func (t *turn) Unwrap() http.ResponseWriter { return t.ResponseWriter }
