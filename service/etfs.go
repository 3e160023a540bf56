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

// The limits of a registration and of a change to it.
const (
	MaxSources   = 8
	MaxSourceRef = 255  // the width of etf_sources.ref, in characters
	MaxName      = 255  // the width of etf_changes.name and changed_by, in characters
	MaxWhy       = 2000 // characters
)

var sourceForm = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

// ETFRequest asks to register an ETF, as the user wrote it.
type ETFRequest struct {
	Symbol   string
	Exchange string
	Currency string // "" = the exchange's
	Sources  []SourceRequest
	Listed   string // the first session, YYYY-MM-DD; "" = unknown
	Delisted string // the last session, YYYY-MM-DD; "" = still listed, or unknown
	ISIN     string // "" = unknown
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
	sources, err := s.checkSources(r.Sources, symbol, exchange)
	note(err)
	listed, err := s.checkListed(r.Listed)
	note(err)
	delisted, err := checkDelisted(r.Delisted)
	note(err)
	isin, err := etf.ParseISIN(r.ISIN)
	note(err)
	if !delisted.IsZero() && delisted < listed {
		note(etf.Invalid("delisted", fmt.Sprintf("%s is before the listing on %s", delisted, listed), "give the ETF's last session, or correct its first"))
	}
	if len(errs) > 0 {
		return etf.ETF{}, errors.Join(errs...)
	}
	return etf.ETF{Symbol: symbol, Exchange: exchange, Currency: currency, Sources: sources, Listed: listed, Delisted: delisted, ISIN: isin}, nil
}

// checkDelisted reads a delisting date, which may be announced for the future; "" means none.
func checkDelisted(text string) (etf.Session, error) {
	if text == "" {
		return 0, nil
	}
	delisted, err := etf.ParseSession(text)
	return delisted, etf.WithField(err, "delisted")
}

// checkListed reads a listing date; "" means that it is unknown.
func (s *Service) checkListed(text string) (etf.Session, error) {
	if text == "" {
		return 0, nil
	}
	listed, err := etf.ParseSession(text)
	if err != nil {
		return 0, etf.WithField(err, "listed")
	}
	if today := etf.SessionOf(s.now().UTC()); listed > today.AddDays(1) { // it is tomorrow already in the east
		return 0, etf.Invalid("listed", fmt.Sprintf("%s is in the future", listed), "give the ETF's first session: rows before it are not used")
	}
	return listed, nil
}

func (s *Service) checkSources(requested []SourceRequest, symbol etf.Symbol, exchange etf.Exchange) ([]etf.SourceRef, error) {
	switch n := len(requested); {
	case n == 0:
		return nil, etf.Invalid("sources", "at least one source is required", `name one, for example {"name":"yahoo","ref":"SPY"}`)
	case n > MaxSources:
		return nil, etf.Invalid("sources", fmt.Sprintf("%d sources are too many", n), fmt.Sprintf("name at most %d", MaxSources))
	}
	var errs []error
	var sources []etf.SourceRef
	for i, asked := range requested {
		field := fmt.Sprintf("sources[%d]", i)
		if err := s.checkSourceName(field+".name", asked.Name); err != nil {
			errs = append(errs, err)
		} else if exchange != "" && !etf.Source(asked.Name).Has(exchange) {
			errs = append(errs, etf.Invalid(field+".name", fmt.Sprintf("%s has no ETFs of %s", asked.Name, exchange), "use one of "+strings.Join(s.sourcesWith(exchange), ", ")))
		}
		src := etf.SourceRef{Name: asked.Name, Ref: etf.Source(asked.Name).DefaultRef(symbol, exchange)}
		if asked.Ref != nil {
			src.Ref = *asked.Ref
			if err := checkSourceRef(field+".ref", src.Ref); err != nil {
				errs = append(errs, err)
			}
		}
		if slices.Contains(sources, src) {
			errs = append(errs, etf.Invalid(field, "this source is named twice", "name each source once"))
		}
		sources = append(sources, src)
	}
	return sources, errors.Join(errs...)
}

// ETFEditRequest asks to change a registered ETF, as the user wrote it. A nil field keeps its value.
type ETFEditRequest struct {
	Symbol   string
	Currency *string
	Name     *string         // of the fund, for people; "" = none
	Sources  []SourceRequest // the whole list, in order of preference
	Listed   *string         // the first session, YYYY-MM-DD; "" = unknown
	Delisted *string         // the last session, YYYY-MM-DD; "" = still listed, or unknown
	ISIN     *string         // "" = unknown
	Retired  *bool
	By       string // who asks; required
	Why      string
	// Changes is the ETF.Changes that the request is based on; nil = whatever it is.
	Changes *int
}

// EditETF checks the request and changes the ETF; changed is false if it already was as requested. The next run uses the
// new values; one in progress keeps those it started with. KindNotFound for an unknown symbol; KindConflict for another
// currency once bars are stored, and with Field "changes" if the ETF has been changed since.
func (s *Service) EditETF(ctx context.Context, r ETFEditRequest) (stored etf.ETF, changed bool, err error) {
	var errs []error
	note := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	edit := etf.ETFEdit{Name: r.Name, Retired: r.Retired, By: r.By, Why: r.Why, Changes: r.Changes}
	edit.Symbol, err = etf.ParseSymbol(r.Symbol)
	note(err)
	if r.Currency == nil && r.Name == nil && r.Sources == nil && r.Listed == nil && r.Delisted == nil && r.ISIN == nil && r.Retired == nil {
		note(etf.Invalid("body", "nothing to change is named", "name at least one of currency, name, sources, listed, delisted, isin and retired"))
	}
	if r.Delisted != nil {
		delisted, err := checkDelisted(*r.Delisted)
		note(err)
		edit.Delisted = &delisted
	}
	if r.ISIN != nil {
		isin, err := etf.ParseISIN(*r.ISIN)
		note(err)
		edit.ISIN = &isin
	}
	if r.Listed != nil {
		listed, err := s.checkListed(*r.Listed)
		note(err)
		edit.Listed = &listed
	}
	if r.Currency != nil {
		currency, err := etf.ParseCurrency(*r.Currency)
		note(err)
		edit.Currency = &currency
	}
	if r.Name != nil {
		note(checkText("name", *r.Name, MaxName))
	}
	note(checkAuthor(r.By, r.Why))
	if len(errs) > 0 && edit.Symbol == "" {
		return etf.ETF{}, false, errors.Join(errs...)
	}
	if r.Sources != nil {
		// The exchange is needed for the references that are left out.
		e, err := s.ETF(ctx, r.Symbol)
		if err != nil {
			return etf.ETF{}, false, errors.Join(append(errs, err)...)
		}
		edit.Sources, err = s.checkSources(r.Sources, e.Symbol, e.Exchange)
		note(err)
	}
	if len(errs) > 0 {
		return etf.ETF{}, false, errors.Join(errs...)
	}
	stored, changed, err = s.store.ChangeETF(ctx, edit)
	if etf.KindOf(err) == etf.KindNotFound {
		err = unknownSymbol("symbol", edit.Symbol)
	}
	return stored, changed, err
}

// ETFChanges returns every change of the ETF, oldest first; KindNotFound for an unknown symbol.
func (s *Service) ETFChanges(ctx context.Context, symbol string) ([]etf.ETFChange, error) {
	e, err := s.ETF(ctx, symbol)
	if err != nil {
		return nil, err
	}
	return s.store.ETFChanges(ctx, e.Symbol)
}

// checkAuthor checks who asks for a change, and why.
func checkAuthor(by, why string) error {
	var missing error
	if strings.TrimSpace(by) == "" {
		missing = etf.Invalid("by", "no name is given", "say who makes the change")
	}
	return errors.Join(missing, checkText("by", by, MaxName), checkText("why", why, MaxWhy))
}

func checkText(field, text string, most int) error {
	switch {
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return etf.Invalid(field, "the text has control characters or is not UTF-8", "write it as plain text")
	case utf8.RuneCountInString(text) > most:
		return etf.Invalid(field, "the text is too long", fmt.Sprintf("use at most %d characters", most))
	}
	return nil
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
	if ref == "" {
		return etf.Invalid(field, "the reference is missing", "set it to the ETF's ticker or file name at the source")
	}
	return checkText(field, ref, MaxSourceRef)
}

// Sources returns the sources that an ETF can name.
func (s *Service) Sources() []etf.SourceTraits {
	all := etf.Sources()
	if len(s.sources) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(one etf.SourceTraits) bool { return !slices.Contains(s.sources, one.Name) })
}

// sourcesWith names the sources that have ETFs of the exchange.
func (s *Service) sourcesWith(x etf.Exchange) []string {
	var names []string
	for _, one := range s.Sources() {
		if one.Has(x) {
			names = append(names, one.Name)
		}
	}
	return names
}

// sourcesRemedy names the sources that there are.
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

// eachETF calls f with every registered ETF of the exchange, or of all with an empty one, in ascending order of symbol, until f returns an
// error, which it returns.
func (s *Service) eachETF(ctx context.Context, exchange etf.Exchange, f func(etf.ETF) error) error {
	for after := etf.Symbol(""); ; {
		etfs, err := s.store.ETFs(ctx, exchange, after, MaxPage)
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
