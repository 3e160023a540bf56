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
	// maxDrained is how much of a body nobody wants is read off all the same. A connection closed with unread bytes
	// is reset, and a client that is still sending would never see the answer.
	maxDrained = 16 << 20
)

// drained reads off what the handler left of a body before the answer goes out (net/http holds back a short one
// until the handler returns), and refuses bodies that say they are too long without looking at them.
func drained(next http.Handler, tooLarge func(http.ResponseWriter, *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		body := r.Body // the handlers may exchange it
		if r.ContentLength > maxBody && r.Header.Get("Expect") != "" {
			// It waits for leave to send, and gets the answer instead.
			w.Header().Set("Connection", "close")
			tooLarge(w, r)
			return
		}
		if r.ContentLength > maxBody {
			drain(w, body)
			tooLarge(w, r)
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

// readBody returns a request's whole body, at most maxBody bytes.
func readBody(r *http.Request) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, etf.Invalid("body", "the body ends before its stated length", "send it whole")
		}
		return nil, etf.Invalid("body", "the body can't be read", "send it whole, in time and well framed")
	}
	if len(data) > maxBody {
		return nil, errBodyTooLarge
	}
	return data, nil
}

var errBodyTooLarge = refuse(problemTooLarge, "body", "the body is over 1 MiB", "send at most 1,048,576 bytes")

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

// refuseBodies refuses a body where the operation takes none: its fields would be ignored silently. An empty
// object is let through; some clients always send one.
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
			return nil, etf.Invalid("body", "this path takes no body", "send none")
		}
		return next(c, request)
	}
}
