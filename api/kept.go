package api

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/etfcast/etfcast/etf"
)

const (
	// maxKept is how many bytes of responses are kept, and maxKeptBody the longest of them.
	maxKept     = 32 << 20
	maxKeptBody = 512 << 10

	latestRoute = "/v1/etfs/:symbol/forecasts/latest"
)

// kept holds responses about ETFs as they were sent. One is sent again only if no event has named its ETF since it was made, which is
// checked for every request, and for a short time: what is read is verified again after it, and the time of day may change it.
type kept struct {
	spans map[string]time.Duration // by route; what is zero is not kept

	mu    sync.Mutex
	size  int
	items map[string]*keptResponse
}

type keptResponse struct {
	generation uint64
	until      time.Time
	// From renew on, one request makes the response again, while the others are sent this one: many that come at once need not all
	// wait for the database.
	renew    time.Time
	renewing bool
	header   http.Header
	body     []byte
}

// keeps sends a response again that is still right.
func (s *server) keeps(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		span := s.kept.spans[c.Path()]
		if span == 0 || r.Method != http.MethodGet || exports(c) || r.Header.Get("If-None-Match") != "" {
			return next(c)
		}
		symbol, err := etf.ParseSymbol(c.Param("symbol"))
		if err != nil {
			return next(c)
		}
		generation, err := s.Generation(r.Context(), symbol)
		if err != nil {
			return next(c) // it says what is wrong
		}
		info := infoOf(r.Context())
		key := r.URL.Path + "?" + r.URL.RawQuery + "\n" + info.accept + "\n" + info.encodings
		now := s.Now()
		if k := s.kept.get(key, generation, now); k != nil {
			header := c.Response().Header()
			for name, values := range k.header {
				header[name] = values
			}
			header.Set("Content-Length", strconv.Itoa(len(k.body)))
			c.Response().WriteHeader(http.StatusOK)
			_, err := c.Response().Write(k.body)
			return err
		}
		tee := &teeWriter{ResponseWriter: c.Response().Writer}
		c.Response().Writer = tee
		err = next(c)
		switch kind := etf.KindOf(err); {
		case err == nil && tee.status == http.StatusOK && tee.body.Len() <= maxKeptBody:
		case err != nil && (kind == etf.KindRateLimited || kind == etf.KindUnavailable):
			s.kept.retry(key)
			return err
		default:
			s.kept.drop(key) // what can't be made again is not sent again
			return err
		}
		header := tee.Header().Clone()
		header.Del("X-Request-Id")
		header.Del("Date")
		s.kept.put(key, &keptResponse{
			generation: generation, until: now.Add(span), renew: now.Add(renewAfter(span)), header: header, body: tee.body.Bytes(),
		}, now)
		return nil
	}
}

// renewAfter returns the age at which a response is made again: between half of the span and nine tenths of it, so that those made at
// once are not all made again at once.
func renewAfter(span time.Duration) time.Duration { return span/2 + rand.N(span*2/5+1) }

// get returns the response, or nil if the request has to make it.
func (k *kept) get(key string, generation uint64, now time.Time) *keptResponse {
	k.mu.Lock()
	defer k.mu.Unlock()
	found := k.items[key]
	if found == nil || found.generation != generation || !now.Before(found.until) {
		return nil
	}
	if !now.Before(found.renew) && !found.renewing {
		found.renewing = true
		return nil
	}
	return found
}

// retry lets the next request make the response again.
func (k *kept) retry(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if old := k.items[key]; old != nil {
		old.renewing = false
	}
}

func (k *kept) drop(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.remove(key)
}

func (k *kept) remove(key string) {
	if old := k.items[key]; old != nil {
		k.size -= old.cost(key)
		delete(k.items, key)
	}
}

func (r *keptResponse) cost(key string) int { return len(key) + len(r.body) + 1024 }

func (k *kept) put(key string, r *keptResponse, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.remove(key)
	if k.size+r.cost(key) > maxKept || k.items == nil {
		if k.items == nil {
			k.items = map[string]*keptResponse{}
		}
		for key, old := range k.items {
			if !now.Before(old.until) {
				k.remove(key)
			}
		}
		if k.size+r.cost(key) > maxKept {
			k.size, k.items = 0, map[string]*keptResponse{}
		}
	}
	k.size += r.cost(key)
	k.items[key] = r
}

// teeWriter keeps what it writes.
type teeWriter struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (w *teeWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *teeWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.body.Len() <= maxKeptBody {
		w.body.Write(p)
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *teeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
