package service

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/etfcast/etfcast/etf"
)

// The limits of a registration.
const (
	MaxSources   = 8
	MaxSourceRef = 255 // the width of etf_sources.ref, in characters
)

var sourceForm = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

// ETFRequest asks to register an ETF, as the user wrote it.
type ETFRequest struct {
	Symbol   string
	Exchange string
	Currency string // "" = the exchange's
	Sources  []SourceRequest
}

// SourceRequest names a source of an ETF, as a person wrote it.
type SourceRequest struct {
	Name string
	Ref  *string // what the source calls the ETF; nil = what it calls ETFs by default (etf.SourceTraits)
}

// AddETF checks the request and registers the ETF. An identical repeat returns the stored ETF with created false; the
// same symbol registered differently is KindConflict. It fetches nothing.
func (s *Service) AddETF(ctx context.Context, r ETFRequest) (stored etf.ETF, created bool, err error) {
	e, err := s.checkETF(r)
	if err != nil {
		return etf.ETF{}, false, err
	}
	return s.store.CreateETF(ctx, e)
}

func (s *Service) checkETF(r ETFRequest) (etf.ETF, error) {
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	symbol, err := etf.ParseSymbol(r.Symbol)
	note(err)
	exchange, err := etf.ParseExchange(r.Exchange)
	note(err)
	currency := exchange.DefaultCurrency()
	if r.Currency != "" {
		currency, err = etf.ParseCurrency(r.Currency)
		note(err)
	}
	var sources []etf.SourceRef
	switch n := len(r.Sources); {
	case n == 0:
		note(etf.Invalid("sources", "at least one source is required", `name one, for example {"name":"yahoo","ref":"SPY"}`))
	case n > MaxSources:
		note(etf.Invalid("sources", fmt.Sprintf("%d sources are too many", n), fmt.Sprintf("name at most %d", MaxSources)))
	default:
		for i, asked := range r.Sources {
			field := fmt.Sprintf("sources[%d]", i)
			note(s.checkSourceName(field+".name", asked.Name))
			src := etf.SourceRef{Name: asked.Name, Ref: etf.Source(asked.Name).DefaultRef(symbol, exchange)}
			if asked.Ref != nil {
				src.Ref = *asked.Ref
				note(checkSourceRef(field+".ref", src.Ref))
			}
			if slices.Contains(sources, src) {
				note(etf.Invalid(field, "this source is named twice", "name each source once"))
			}
			sources = append(sources, src)
		}
	}
	if len(errs) > 0 {
		return etf.ETF{}, errors.Join(errs...)
	}
	return etf.ETF{Symbol: symbol, Exchange: exchange, Currency: currency, Sources: sources}, nil
}

func (s *Service) checkSourceName(field, name string) error {
	switch {
	case !sourceForm.MatchString(name):
		return etf.Invalid(field, fmt.Sprintf("%q is not the name of a source", etf.Clip(name, etf.MaxQuoted)), s.sourcesRemedy())
	case len(s.sources) > 0 && !slices.Contains(s.sources, name):
		return etf.Invalid(field, fmt.Sprintf("there is no source %q", name), s.sourcesRemedy())
	}
	return nil
}

func checkSourceRef(field, ref string) error {
	switch {
	case ref == "":
		return etf.Invalid(field, "the reference is missing", "set it to the ETF's ticker or file name at the source")
	case !utf8.ValidString(ref) || strings.ContainsFunc(ref, unicode.IsControl):
		return etf.Invalid(field, "the text has control characters or is not UTF-8", "write it as plain text")
	case utf8.RuneCountInString(ref) > MaxSourceRef:
		return etf.Invalid(field, "the text is too long", fmt.Sprintf("use at most %d characters", MaxSourceRef))
	}
	return nil
}

func (s *Service) sourcesRemedy() string {
	if len(s.sources) == 0 {
		return "use a lower-case name, for example yahoo or file"
	}
	return "use one of " + strings.Join(s.sources, ", ")
}

// ETF returns one ETF; KindNotFound for an unknown symbol, KindInvalid for a malformed one.
func (s *Service) ETF(ctx context.Context, symbol string) (etf.ETF, error) {
	sym, err := etf.ParseSymbol(symbol)
	if err != nil {
		return etf.ETF{}, err
	}
	e, err := s.store.ETF(ctx, sym)
	if etf.KindOf(err) == etf.KindNotFound {
		return etf.ETF{}, unknownSymbol("symbol", sym)
	}
	return e, err
}

func unknownSymbol(field string, symbol etf.Symbol) *etf.Error {
	return etf.NotFound(field, fmt.Sprintf("%s is not registered", symbol), "register it with POST /v1/etfs or `etfcast etf add`")
}

// ETFs returns up to limit ETFs of the exchange ("" = all) after the given symbol, ascending; more says whether more
// follow. A limit outside 1 to MaxPage is KindInvalid.
func (s *Service) ETFs(ctx context.Context, exchange string, after etf.Symbol, limit int) (etfs []etf.ETF, more bool, err error) {
	var x etf.Exchange
	var exchangeErr error
	if exchange != "" {
		x, exchangeErr = etf.ParseExchange(exchange)
	}
	if err := errors.Join(exchangeErr, checkLimit(limit)); err != nil {
		return nil, false, err
	}
	etfs, err = s.store.ETFs(ctx, x, after, limit+1)
	if err != nil {
		return nil, false, err
	}
	etfs, more = cut(etfs, limit)
	return etfs, more, nil
}

// cut shortens items to limit and reports whether it had more.
func cut[T any](items []T, limit int) ([]T, bool) {
	if len(items) > limit {
		return items[:limit], true
	}
	return items, false
}

// eachETF calls f with every registered ETF, in ascending order of symbol, until f returns an error, which it returns.
func (s *Service) eachETF(ctx context.Context, f func(etf.ETF) error) error {
	for after := etf.Symbol(""); ; {
		etfs, err := s.store.ETFs(ctx, "", after, MaxPage)
		if err != nil {
			return err
		}
		for _, e := range etfs {
			if err := f(e); err != nil {
				return err
			}
			after = e.Symbol
		}
		if len(etfs) < MaxPage {
			return nil
		}
	}
}
