package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// GetOverview implements gen.StrictServerInterface.
func (s *server) GetOverview(ctx context.Context, r gen.GetOverviewRequestObject) (gen.GetOverviewResponseObject, error) {
	o, err := s.Overview(ctx, textOf(r.Params.Exchange))
	if err != nil {
		return nil, err
	}
	page, err := s.overviews.encode(textOf(r.Params.Exchange), o, s.ServedModel())
	if err != nil {
		return nil, err
	}
	if current(r.Params.IfNoneMatch, page.etag) {
		return gen.GetOverview304Response{Headers: gen.NotModifiedResponseHeaders{ETag: page.etag}}, nil
	}
	return overviewResponse{page, acceptsGzip(infoOf(ctx).encodings)}, nil
}

// overviewPage is an overview as it is sent. The bytes are made once and shared by all requests.
type overviewPage struct {
	of    *service.Overview
	model string
	etag  string
	body  []byte

	once sync.Once
	gzip []byte
}

// zipped returns the body as gzip.
func (p *overviewPage) zipped() []byte {
	p.once.Do(func() {
		var out bytes.Buffer
		w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
		if err != nil {
			panic(err) // the level is a constant
		}
		_, _ = w.Write(p.body) // a Buffer takes everything
		_ = w.Close()
		p.gzip = out.Bytes()
	})
	return p.gzip
}

// overviewPages keeps the newest page by exchange ("" for all), and the items of its overview as JSON.
type overviewPages struct {
	mu    sync.Mutex
	pages map[string]*overviewPage
	items map[string]map[*service.OverviewItem][]byte
}

// encode returns the page of an overview. Only items that have changed since the last one are encoded.
func (c *overviewPages) encode(exchange string, o *service.Overview, model string) (*overviewPage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if page := c.pages[exchange]; page != nil && page.of == o {
		return page, nil
	}
	before, items := c.items[exchange], make(map[*service.OverviewItem][]byte, len(o.Items))
	var list bytes.Buffer
	list.WriteByte('[')
	for i, item := range o.Items {
		text, ok := before[item]
		if !ok {
			var err error
			if text, err = json.Marshal(overviewItemOut(item)); err != nil {
				return nil, etf.Wrapf(etf.KindInternal, err, "encoding the overview of %s", item.ETF.Symbol)
			}
		}
		items[item] = text
		if i > 0 {
			list.WriteByte(',')
		}
		list.Write(text)
	}
	list.WriteByte(']')
	// What does not change as time passes comes last, so that its hash is the ETag.
	state, err := json.Marshal(struct {
		ServedModel string                 `json:"served_model"`
		Waiting     gen.OverviewWaiting    `json:"waiting"`
		Exchanges   []gen.OverviewExchange `json:"exchanges"`
	}{model, gen.OverviewWaiting(o.Waiting), overviewExchangesOut(o.Exchanges)})
	if err != nil {
		return nil, etf.Wrap(etf.KindInternal, err, "encoding the overview")
	}
	head, err := json.Marshal(struct {
		AsOf  time.Time `json:"as_of"`
		Event int64     `json:"event"`
	}{o.AsOf, o.Event})
	if err != nil {
		return nil, etf.Wrap(etf.KindInternal, err, "encoding the overview")
	}
	body := make([]byte, 0, len(head)+len(state)+list.Len()+len(`,"items":`)+2)
	body = append(append(body, head[:len(head)-1]...), ',')
	fixed := len(body)
	body = append(body, state[1:len(state)-1]...)
	body = append(append(append(body, `,"items":`...), list.Bytes()...), '}', '\n')
	hash := sha256.Sum256(body[fixed:])
	page := &overviewPage{of: o, model: model, body: body, etag: `W/"` + hex.EncodeToString(hash[:16]) + `"`}
	if c.pages == nil {
		c.pages, c.items = map[string]*overviewPage{}, map[string]map[*service.OverviewItem][]byte{}
	}
	c.pages[exchange], c.items[exchange] = page, items
	return page, nil
}

// overviewResponse responds with an overview.
type overviewResponse struct {
	page *overviewPage
	gzip bool
}

// VisitGetOverviewResponse implements gen.GetOverviewResponseObject.
func (r overviewResponse) VisitGetOverviewResponse(w http.ResponseWriter) error {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("ETag", r.page.etag)
	h.Add("Vary", "Accept-Encoding")
	body := r.page.body
	if r.gzip {
		h.Set("Content-Encoding", "gzip")
		body = r.page.zipped()
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(body)
	return err
}

func overviewExchangesOut(list []service.OverviewExchange) []gen.OverviewExchange {
	out := make([]gen.OverviewExchange, len(list))
	for i, x := range list {
		out[i] = gen.OverviewExchange{
			Exchange: x.Exchange, Name: x.Exchange.Name(), TimeZone: x.TimeZone, Session: x.Session, ClosedAt: x.ClosedAt, DueAt: x.DueAt,
			NextSession: sessionOut(x.NextSession), NextOpen: instantOut(x.NextOpen), NextClose: instantOut(x.NextClose), OpenNow: x.OpenNow,
			State: x.State, LateSeconds: seconds(x.Late), Etfs: x.ETFs, Counted: x.Counted, Stored: x.Stored, Forecast: x.Forecast, Stale: x.Stale, Failed: x.Waiting.Failed,
		}
		if r := x.Run; r != nil {
			out[i].Run = &gen.OverviewRun{Id: string(r.ID), Status: r.Status, Done: r.Counts.Done(), Due: r.Counts.Due}
		}
	}
	return out
}

func overviewItemOut(i *service.OverviewItem) gen.OverviewItem {
	e := i.ETF
	out := gen.OverviewItem{
		Symbol: e.Symbol, Name: textOrNil(e.Name), Exchange: e.Exchange, Currency: string(e.Currency), Session: sessionOut(i.Session),
		Closes: i.Closes, KnownFrom: instantOut(i.KnownFrom), State: i.State, Freshness: string(i.Freshness), LateSeconds: seconds(i.Late),
		Findings: i.Findings, DataVersion: e.DataVersion.Number, Forecasts: make([]gen.OverviewForecast, len(i.Forecasts)),
	}
	if len(e.Sources) > 0 {
		out.Source = e.Sources[0].Name
	}
	if n := len(i.Closes); n > 0 {
		out.Close = &i.Closes[n-1]
		if n > 1 {
			out.PreviousClose = &i.Closes[n-2]
		}
	}
	if change, ok := i.Change(); ok {
		out.Change = &change
	}
	for n, f := range i.Forecasts {
		out.Forecasts[n] = gen.OverviewForecast{
			Horizon: f.Horizon, Target: f.Target, Model: f.Model, Forecast: f.ID, Mean: f.Mean, Low: f.Low, High: f.High, Level: service.OverviewLevel,
		}
	}
	return out
}

// GetFreshness implements gen.StrictServerInterface.
func (s *server) GetFreshness(ctx context.Context, r gen.GetFreshnessRequestObject) (gen.GetFreshnessResponseObject, error) {
	report, err := s.Freshness(ctx, service.FreshnessQuery{
		Exchange: textOf(r.Params.Exchange), Symbol: textOf(r.Params.Symbol), State: textOf(r.Params.State), Session: textOf(r.Params.Session),
	})
	if err != nil {
		return nil, err
	}
	return gen.GetFreshness200JSONResponse(FreshnessOut(report)), nil
}

// FreshnessOut returns a report as the API responds with it.
func FreshnessOut(r service.FreshnessReport) gen.FreshnessReport {
	out := gen.FreshnessReport{
		AsOf: r.AsOf, Exchanges: make([]gen.FreshnessExchange, len(r.Exchanges)), Items: make([]gen.FreshnessItem, len(r.Items)), Clipped: r.Clipped,
	}
	for i, x := range r.Exchanges {
		out.Exchanges[i] = gen.FreshnessExchange{
			Exchange: x.Exchange, Session: x.Session, ClosedAt: x.ClosedAt, DueAt: x.DueAt, Etfs: x.OK + x.Waiting + x.Stale,
			Ok: x.OK, Waiting: x.Waiting, Stale: x.Stale,
		}
	}
	for i, f := range r.Items {
		out.Items[i] = gen.FreshnessItem{
			Symbol: f.Symbol, Exchange: f.Exchange, Session: f.Session, ClosedAt: f.ClosedAt, DueAt: f.DueAt,
			StoredAt: instantOut(f.StoredAt), ForecastAt: instantOut(f.ForecastAt), State: string(f.State), LateSeconds: seconds(f.Late),
		}
	}
	return out
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }
