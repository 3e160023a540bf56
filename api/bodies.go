package api

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
)

const (
	maxBody = 1 << 20
	// maxDrained is how much of an unwanted body is read anyway. Closing a connection with unread bytes resets it, and a
	// client that is still sending would never see the response.
	maxDrained = 16 << 20
)

// drained reads the rest of a body that the handler left unread before the response is sent (net/http holds back a
// short one until the handler returns), and refuses bodies whose declared length is too large without reading them.
func drained(next http.Handler, problem func(error) func(http.ResponseWriter, *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		body := r.Body // the handlers may replace it
		limit := bodyLimit(r)
		if r.ContentLength > limit && r.Header.Get("Expect") != "" {
			// The client waits for 100 Continue and gets the response instead.
			w.Header().Set("Connection", "close")
			problem(tooLarge(limit))(w, r)
			return
		}
		if r.ContentLength > limit {
			drain(w, body)
			problem(tooLarge(limit))(w, r)
			return
		}
		next.ServeHTTP(w, r)
		drain(w, body)
	})
}

func drain(w http.ResponseWriter, body io.Reader) {
	if n, _ := io.CopyN(io.Discard, body, maxDrained); n == maxDrained {
		w.Header().Set("Connection", "close")
	}
}

// readBody returns the whole body of a request, at most maxBody bytes.
func readBody(r *http.Request) ([]byte, error) { return readAtMost(r.Body, maxBody) }

// readAtMost returns a whole body, at most limit bytes.
func readAtMost(body io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, etf.Invalid("body", "the body is shorter than its Content-Length", "send the whole body")
		}
		return nil, etf.Invalid("body", "the body can't be read", "send the whole body within a minute, correctly framed")
	}
	if int64(len(data)) > limit {
		return nil, tooLarge(limit)
	}
	return data, nil
}

var errBodyTooLarge = refuse(problemTooLarge, "body", "the body is larger than 1 MiB", "send at most 1,048,576 bytes")

// strictBinder reads JSON bodies for the generated handlers.
type strictBinder struct{}

// Bind implements echo.Binder.
func (strictBinder) Bind(into any, c echo.Context) error {
	contentType := c.Request().Header.Get("Content-Type")
	mediaType, params, err := mime.ParseMediaType(contentType)
	charset := params["charset"]
	if err != nil || mediaType != "application/json" || (charset != "" && !strings.EqualFold(charset, "utf-8")) {
		message := "the header is missing"
		if contentType != "" {
			message = etf.Clip(contentType, etf.MaxQuoted) + " is not application/json in UTF-8"
		}
		return refuse(problemMediaType, "Content-Type", message, "send Content-Type: application/json")
	}
	data, err := readBody(c.Request())
	if err != nil {
		return err
	}
	return decodeStrict(data, into)
}

// refuseBodies refuses a body if the operation takes none: its fields would be silently ignored. An empty object is
// accepted, since some clients always send one.
func refuseBodies(next gen.StrictHandlerFunc, operation string) gen.StrictHandlerFunc {
	switch operation {
	case "CancelRun", "PauseSchedule", "ResumeSchedule", "TriggerSchedule":
	default:
		return next
	}
	return func(c echo.Context, request any) (any, error) {
		data, err := readBody(c.Request())
		if err != nil {
			return nil, err
		}
		if text := bytes.TrimSpace(data); len(text) > 0 && string(text) != "{}" {
			return nil, etf.Invalid("body", "this path takes no body", "send an empty one")
		}
		return next(c, request)
	}
}
