package api

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

const (
	checkRoute = "/v1/check"
	filesRoute = "/v1/files"
	// maxUploads is how many files are received at once, each in memory.
	maxUploads = 8
	// A response has no more findings, sessions of a finding and rows than these.
	maxFindings = 1000
	maxSessions = 500
	maxBars     = 2000
)

// takesFile reports whether the path takes a file: of prices, or a list of ETFs.
func takesFile(path string) bool {
	return path == checkRoute || path == filesRoute || path == importRoute
}

// bodyLimit is the most bytes of a request's body.
func bodyLimit(r *http.Request) int64 {
	if r.Method == http.MethodPost && takesFile(normalisedURL(r.URL).Path) {
		return service.MaxFileBytes
	}
	return maxBody
}

// tooLarge is the refusal of a body that is larger than limit.
func tooLarge(limit int64) error {
	if limit == service.MaxFileBytes {
		return refuse(problemTooLarge, "body", "the file is larger than 8 MiB", "keep only the daily prices of one ETF in it, or import ETFs in parts")
	}
	return errBodyTooLarge
}

// received reads the file that a request brings before anything else is done: while it arrives, it takes none of the turns, which
// bound the computing.
func (s *server) received(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !takesFile(c.Path()) {
			return next(c)
		}
		r := c.Request()
		media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if charset := params["charset"]; err != nil || media != mediaCSV || charset != "" && !strings.EqualFold(charset, "utf-8") {
			message := "the header is missing"
			if given := r.Header.Get("Content-Type"); given != "" {
				message = strconv.Quote(etf.Clip(given, etf.MaxQuoted)) + " is not text/csv"
			}
			return refuse(problemMediaType, "Content-Type", message, "send the file as it is with Content-Type: text/csv")
		}
		select {
		case s.uploads <- struct{}{}:
			defer func() { <-s.uploads }()
		default:
			return &etf.Error{Kind: etf.KindRateLimited, Message: "too many files are being received at once", RetryAfter: 2 * heavyWait,
				Remedy: "retry after the seconds in Retry-After"}
		}
		raw, err := readAtMost(r.Body, service.MaxFileBytes)
		if err != nil {
			return err
		}
		r.Body = io.NopCloser(bytes.NewReader(raw))
		return next(c)
	}
}

// CheckFile implements gen.StrictServerInterface.
func (s *server) CheckFile(_ context.Context, r gen.CheckFileRequestObject) (gen.CheckFileResponseObject, error) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	found, err := s.Service.CheckFile(service.FileRequest{
		Exchange: r.Params.Exchange, Symbol: textOf(r.Params.Symbol), Session: textOf(r.Params.Session), Options: textOf(r.Params.Options), Raw: raw,
	})
	if err != nil {
		return nil, err
	}
	return gen.CheckFile200JSONResponse(checkOut(found)), nil
}

// CreateFile implements gen.StrictServerInterface.
func (s *server) CreateFile(ctx context.Context, r gen.CreateFileRequestObject) (gen.CreateFileResponseObject, error) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	kept, created, err := s.KeepFile(ctx, service.FileRequest{Exchange: r.Params.Exchange, Symbol: r.Params.Symbol, Options: textOf(r.Params.Options), Raw: raw})
	switch {
	case errors.Is(err, service.ErrNoPriceFolder):
		return nil, &httpError{problemOff, service.ErrNoPriceFolder}
	case err != nil:
		return nil, err
	}
	out := gen.KeptFile{Ref: kept.Ref, Sha256: kept.SHA256, Rows: kept.Rows}
	if created {
		return gen.CreateFile201JSONResponse(out), nil
	}
	return gen.CreateFile200JSONResponse(out), nil
}

func checkOut(c service.CheckedFile) gen.FileCheck {
	out := gen.FileCheck{
		Ok: c.OK(), Rows: len(c.Bars), Currency: textOrNil(string(c.Currency)), Exchange: textOrNil(string(c.Exchange)), Session: sessionOrNil(c.Session),
		Basis: textOrNil(string(c.Basis)), FindingsLeftOut: max(0, len(c.Lines)-maxFindings), Findings: []gen.FileFinding{}, Bars: []gen.FileBar{},
	}
	for _, l := range c.Findings(maxFindings) {
		out.Findings = append(out.Findings, fileFindingOut(l))
	}
	bars := slices.Clone(c.Bars)
	slices.SortStableFunc(bars, func(a, b etf.Bar) int { return cmp.Compare(a.Session, b.Session) })
	if len(bars) > 0 {
		out.From, out.To = sessionOrNil(bars[0].Session), sessionOrNil(bars[len(bars)-1].Session)
	}
	for _, b := range bars[max(0, len(bars)-maxBars):] {
		out.Bars = append(out.Bars, gen.FileBar{Session: b.Session, Open: b.Open, High: b.High, Low: b.Low, Close: b.Close, Volume: b.Volume})
	}
	return out
}

// lineForm finds the line of the file in a finding's evidence.
var lineForm = regexp.MustCompile(`\.csv:(\d{1,9})\b`)

func fileFindingOut(l service.FileFinding) gen.FileFinding {
	f := gen.FileFinding{
		Rule: l.Rule, Severity: string(l.Severity), From: sessionOrNil(l.From), To: sessionOrNil(l.To), Count: l.Sessions,
		Sessions: append([]etf.Session{}, l.Named[:min(len(l.Named), maxSessions)]...), Evidence: l.Evidence, Remedy: textOrNil(l.Remedy),
	}
	if m := lineForm.FindStringSubmatch(l.Evidence); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil && n > 0 {
			f.Line = &n
		}
	}
	if p := l.Proposal; p != nil {
		f.Proposal = proposalOut(&etf.Action{Kind: p.Kind, Ex: p.Ex, Numerator: p.Numerator, Denominator: p.Denominator, Amount: p.Amount})
	}
	return f
}
