package krx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/source"
	"github.com/etfcast/etfcast/source/web"
)

// Name is the name under which ETFs list this source.
const Name = "krx"

// Options configure a Source. The zero value has no key.
type Options struct {
	// Key returns the key of the Open API; it is asked before each call.
	Key func() (string, error)
	// BaseURL is the address of the API. Default: https://data-dbg.krx.co.kr.
	BaseURL string
	// Transport makes the requests. Default: a copy of http.DefaultTransport.
	Transport http.RoundTripper
	// Timeout bounds one request, MaxBody a body in bytes. Default: 30 s, 8 MiB (a day is about half a megabyte).
	Timeout time.Duration
	MaxBody int64
	// Log receives what an operator may want to know but no error says. Default: no log.
	Log *slog.Logger
}

const (
	host = "https://data-dbg.krx.co.kr"
	path = "/svc/apis/etp/etf_bydd_trd"
	// atOnce is how many calls are made at once.
	atOnce = 3
	// most is how many sessions one Fetch may be about, and whole how many a query without a beginning is about: the API has no history
	// of one ETF, and a call for each session of twenty years is the business of a backfill.
	most  = 64
	whole = 16
)

// Source is the adapter. It is safe for concurrent use; its state is the responses that it keeps for other fetches.
type Source struct {
	http  *web.Client
	days  cache
	slots chan struct{}
	// address is that of the service, without a proxy's user.
	address string
	log     *slog.Logger
}

// New returns a Source. It makes no request.
func New(o Options) *Source {
	if o.BaseURL == "" {
		o.BaseURL = host
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	address := host + path
	if u, err := url.Parse(strings.TrimRight(o.BaseURL, "/") + path); err == nil {
		u.User = nil
		address = u.String()
	}
	return &Source{
		http: web.New(web.Options{
			Provider: provider, Base: o.BaseURL, Transport: o.Transport, Timeout: o.Timeout, MaxBody: o.MaxBody,
			Header: http.Header{"Accept": {"application/json"}},
			Key:    o.Key, Credential: etf.Source(Name).Key, KeyHeader: "AUTH_KEY",
		}),
		slots: make(chan struct{}, atOnce), address: address, log: o.Log,
	}
}

// Name returns the source's name.
func (s *Source) Name() string { return Name }

// Fetch returns one ETF's bars as traded, its NAVs and its numbers of shares. Query.Ref is the exchange's six-character code; an empty one
// is the symbol. The response holds the sessions of Query.Window (a zero To means no end; a zero From the 16 newest) whose figures could be published at
// Query.AsOf. Each session is one call, which serves the Fetch of every other ETF too: Response.Raw is the etf.Manifest of their bodies.
//
// Errors: KindInvalid (a bad query or code, an exchange other than XKRX, more than 64 sessions), KindNotFound (the newest session has
// no such code), KindRateLimited, KindUnavailable, KindDenied (no key, or one that is refused), KindCorrupt (the message names the field and the row).
func (s *Source) Fetch(ctx context.Context, q etf.Query) (etf.Response, error) {
	response := etf.Response{Basis: etf.AsTraded}
	cal, code, err := check(q)
	if err != nil {
		return response, err
	}
	response.Request = s.request(q.Window, code)
	sessions, newest, err := sessionsOf(cal, q)
	if err != nil {
		return response, err
	}
	answers := make([]*answer, len(sessions))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, session := range sessions {
		group.Go(func() (err error) {
			answers[i], err = s.days.get(groupCtx, cal, session, q.AsOf, func(ctx context.Context) (*answer, error) { return s.ask(ctx, session, q.AsOf) })
			return err
		})
	}
	if err := group.Wait(); err != nil {
		var f *failed
		if errors.As(err, &f) {
			response.Request = f.request
			if len(f.body) > 0 {
				err = errors.Join(err, manifest(&response, &answer{day: &day{session: f.session}, body: etf.NewSharedBody(f.body), mediaType: f.mediaType, at: q.AsOf}))
			}
		}
		return response, err
	}
	if err := assemble(answers, cal, code, q, &response); err != nil {
		return response, err
	}
	if unknown(answers, code, newest) {
		return response, etf.NotFound("ref", fmt.Sprintf("KRX lists no ETF %s on %s", code, newest),
			"check the six-character code and correct it with `etfcast etf edit`; history of a delisted ETF can be fetched up to its last session")
	}
	s.log.DebugContext(ctx, "krx responded", "symbol", q.Symbol, "code", code, "days", len(answers), "bars", len(response.Bars), "defects", len(response.Defects))
	return response, nil
}

// Requests returns how many calls a Fetch of the query makes: one for each session whose response is not kept, is not under way and
// is not counted for another Fetch. The caller has half a minute to begin the Fetch before they are counted for another one as well.
func (s *Source) Requests(q etf.Query) int {
	cal, _, err := check(q)
	if err != nil {
		return 0
	}
	sessions, _, err := sessionsOf(cal, q)
	if err != nil {
		return 0
	}
	return s.days.claim(cal, sessions, q.AsOf)
}

// unknown reports whether no day has the code although the newest session, which lists what is listed now, has prices.
func unknown(answers []*answer, code string, newest etf.Session) bool {
	lists := false
	for _, a := range answers {
		if len(a.byCode[code]) > 0 {
			return false
		}
		lists = lists || a.session == newest && a.priced > 0
	}
	return lists
}

// assemble fills the response with the ETF's rows and the manifest of the bodies.
func assemble(answers []*answer, cal *calendar.Calendar, code string, q etf.Query, r *etf.Response) error {
	for _, a := range answers {
		if closed(cal, a.session, earlier(a.at, q.AsOf)) {
			a.into(code, r)
		}
		r.DataAt = a.at.UTC() // of the newest session
	}
	if len(answers) == 0 {
		return nil
	}
	return manifest(r, answers...)
}

// manifest makes the manifest of the bodies the response's own body.
func manifest(r *etf.Response, answers ...*answer) error {
	var m etf.Manifest
	for _, a := range answers {
		m.Bodies = append(m.Bodies, etf.ManifestBody{Session: a.session, Hash: a.body.Hash, Bytes: len(a.body.Raw), MediaType: a.mediaType, At: a.at.UTC()})
		r.Shared = append(r.Shared, a.body)
	}
	raw, err := json.Marshal(m)
	r.Raw, r.MediaType = raw, etf.ManifestType
	return etf.Wrap(etf.KindInternal, err, "writing the list of a response's bodies")
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// sessionsOf returns the sessions to ask for, ascending, and the newest session that could be published at q.AsOf.
func sessionsOf(cal *calendar.Calendar, q etf.Query) (list []etf.Session, newest etf.Session, err error) {
	w, err := source.ClosedWindow(cal, q)
	if err != nil {
		return nil, 0, err
	}
	if newest, err = cal.LastClosed(q.AsOf); err != nil {
		return nil, 0, err
	}
	if !closed(cal, newest, q.AsOf) {
		if newest, err = cal.Previous(newest); err != nil {
			return nil, 0, err
		}
	}
	w.To = min(w.To, newest)
	if w.From.IsZero() {
		if w.From, err = cal.Nth(w.To, 1-whole); err != nil {
			w.From = cal.Range().From
		}
	}
	if w.To < w.From {
		return nil, newest, nil
	}
	if n := cal.Count(w); n > most {
		return nil, newest, etf.Invalid("window", fmt.Sprintf("the window has %d sessions, and KRX needs a call for each", n), fmt.Sprintf("ask for at most %d; `etfcast backfill start` asks for longer histories", most))
	}
	return cal.Sessions(w), newest, nil
}

// ask makes the call for one day.
func (s *Source) ask(ctx context.Context, session etf.Session, asOf time.Time) (got *answer, err error) {
	// It runs on a goroutine of its own, where a panic would end the process.
	defer func() {
		if p := recover(); p != nil {
			s.log.ErrorContext(ctx, "krx panicked", "session", session, "panic", p, "stack", string(debug.Stack()))
			got, err = nil, &etf.Error{Kind: etf.KindInternal, Message: fmt.Sprintf("the adapter panicked: %v", p)}
		}
	}()
	s.slots <- struct{}{}
	defer func() { <-s.slots }()
	sent, err := s.http.Get(ctx, path, url.Values{"basDd": {compact(session)}}, nil)
	var d *day
	if err == nil {
		d, err = s.read(sent, session, asOf)
	}
	if err != nil {
		return nil, &failed{err: err, session: session, request: sent.Request, body: sent.Body, mediaType: sent.MediaType}
	}
	return &answer{day: d, body: etf.NewSharedBody(sent.Body), mediaType: sent.MediaType, at: asOf}, nil
}

// read reads a day's rows, unless the exchange has refused the call.
func (s *Source) read(sent web.Response, session etf.Session, asOf time.Time) (*day, error) {
	root, unreadable := web.Decode(provider, sent.Body)
	if err := s.refused(sent, root, asOf); err != nil {
		return nil, err
	}
	if unreadable != nil {
		return nil, unreadable
	}
	return dayIn(root, session)
}

// failed is an error with the response that it is about.
type failed struct {
	err       error
	session   etf.Session
	request   string
	body      []byte
	mediaType string
}

func (f *failed) Error() string { return f.err.Error() }
func (f *failed) Unwrap() error { return f.err }

// request describes the calls for a window, and which row of each response is read: https://host/path?basDd=20260102..20260123#069500.
func (s *Source) request(w etf.Window, code string) string {
	return fmt.Sprintf("%s?basDd=%s..%s#%s", s.address, compact(w.From), compact(w.To), code)
}

func compact(s etf.Session) string {
	if s.IsZero() {
		return ""
	}
	return s.Time().Format("20060102")
}

// refused judges what is not a day's rows; nil for a response that has to be read. The exchange's own words come first: it sends
// {"respCode":"401","respMsg":".."} with several statuses. root is the decoded body, nil if it is not readable.
func (s *Source) refused(r web.Response, root *web.Value, asOf time.Time) error {
	code, message := words(root)
	low := strings.ToLower(message)
	switch {
	case strings.HasPrefix(strings.ToUpper(strings.TrimSpace(string(r.Body[:min(len(r.Body), 40)]))), "LOGOUT"):
		return s.http.Denied("KRX asks for a login: the address is that of its web site, or the key is not accepted")
	case code == "" && message == "":
		return aboutTheDay(s.http.Refused(r))
	case code == "429" || r.Status == http.StatusTooManyRequests || web.HasAny(low, "limit", "quota", "exceed", "too many", "초과", "한도"):
		if web.HasAny(low, "day", "daily", "quota", "일일", "하루", "한도", "10,000", "10000") {
			_, renewed := etf.Source(Name).QuotaDay(asOf)
			return s.http.QuotaUsedUp(message, renewed)
		}
		return s.http.Limited(r, message)
	case web.HasAny(low, "api call", "not approved", "approval", "permission", "승인", "권한"):
		return &etf.Error{Kind: etf.KindDenied, Message: "KRX refuses the key for this service: " + etf.Clip(message, 160),
			Remedy: "each service of the Open API is approved by itself: apply for the ETF one (ETF daily trading) on openapi.krx.co.kr, and wait for the approval"}
	case code == "401", code == "403", r.Status == http.StatusUnauthorized, r.Status == http.StatusForbidden, web.HasAny(low, "key", "인증"):
		return s.http.Denied("KRX refuses the key: %s", etf.Clip(strings.TrimSpace(code+" "+message), 160))
	}
	if n, err := strconv.Atoi(code); err == nil && r.Status == http.StatusOK && n >= 400 && n < 600 {
		r.Status = n
	}
	if err := s.http.Refused(r); err != nil {
		return aboutTheDay(err)
	}
	return &etf.Error{Kind: etf.KindUnavailable, Message: "KRX sent an error instead of rows: " + etf.Clip(strings.TrimSpace(code+" "+message), 160)}
}

// aboutTheDay makes a refused request an error about the source: the request names a day and no ETF, so that no reference is to blame and every ETF
// would have the same refusal.
func aboutTheDay(err error) error {
	var e *etf.Error
	if errors.As(err, &e) && e.Kind == etf.KindInvalid {
		return web.Corrupt("status", "%s", e.Message)
	}
	return err
}

// words returns the code and the message that a JSON object of the exchange's states instead of rows; empty if it is none.
func words(root *web.Value) (code, message string) {
	if root == nil || !root.IsObject() || root.Optional(block) != nil {
		return "", ""
	}
	text := func(names ...string) string {
		for _, n := range names {
			if v := root.Optional(n); v != nil && !v.IsNull() && !v.IsList() && !v.IsObject() {
				return strings.Trim(v.Show(etf.MaxDefectText), `"`)
			}
		}
		return ""
	}
	return text("respCode", "code", "status"), text("respMsg", "message", "msg", "error")
}

// check returns what a query is about. Errors are of KindInvalid.
func check(q etf.Query) (*calendar.Calendar, string, error) {
	if q.Exchange != etf.XKRX {
		return nil, "", etf.Invalid("exchange", fmt.Sprintf("KRX has no prices of %s", q.Exchange), "use this source for ETFs of XKRX only")
	}
	cal, err := calendar.For(q.Exchange)
	if err != nil {
		return nil, "", err
	}
	ref := q.Ref
	if ref == "" {
		ref = string(q.Symbol)
	}
	code := shortCode(ref)
	if code == "" {
		return nil, "", etf.Invalid("ref", fmt.Sprintf("%q is not a code of the Korea Exchange", etf.Clip(ref, 40)), "use its six characters, such as 069500 or 0000J0, or the ISIN")
	}
	if q.Currency != "" && q.Currency != "KRW" {
		return nil, "", etf.Invalid("currency", fmt.Sprintf("KRX quotes in KRW, but the ETF is registered in %s", q.Currency), "correct the currency: `etfcast etf edit`")
	}
	if err := source.CheckWindow(q.Window); err != nil {
		return nil, "", err
	}
	return cal, code, nil
}
