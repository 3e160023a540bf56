package service

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
)

const (
	// KeyWarning is how long before a source's key expires that is said.
	KeyWarning = 14 * 24 * time.Hour
	// maxBreakerChanges is how many changes of a breaker's state are shown.
	maxBreakerChanges = 50
	// MaxSourceETFs is how many of the ETFs that name a source are shown.
	MaxSourceETFs = 1000
)

// SourceStates reads the state that all workers share about the sources.
type SourceStates interface {
	// Breakers returns the recorded breakers, ascending by source.
	Breakers(ctx context.Context) ([]etf.Breaker, error)
	// BreakerChanges returns up to limit changes of a breaker's state, newest first.
	BreakerChanges(ctx context.Context, source string, limit int) ([]etf.BreakerChange, error)
	// ChangeBreaker replaces a breaker by what change makes of it.
	ChangeBreaker(ctx context.Context, source string, change func(etf.Breaker) etf.Breaker) (etf.Breaker, error)
	// QuotaUse returns how much of the source's quota of the day is used, without the limits.
	QuotaUse(ctx context.Context, source string, day etf.Session) (etf.QuotaUse, error)
	// AllowQuota forgets that the source has said that its quota of the day is used up.
	AllowQuota(ctx context.Context, source string, day etf.Session) error
	// SourceETFs returns, by source, the ETFs that name it and are not retired, ascending by symbol.
	SourceETFs(ctx context.Context) (map[string][]etf.SourceETF, error)
}

// KeyState says whether this process has a source's key. The zero value is that of a source that needs none.
type KeyState struct {
	Variable string // that refers to it
	From     string // where people get one
	Present  bool
	Expires  etf.Session // its last day; zero if that is not known
	Problem  string      // why there is none, or what is wrong with it
}

// Expiry is when the key stops working, at the end of its last day in UTC; zero if that is not known.
func (k KeyState) Expiry() time.Time {
	if k.Expires.IsZero() {
		return time.Time{}
	}
	return k.Expires.AddDays(1).Time()
}

// Warning is what to say about the key; empty if all is well.
func (k KeyState) Warning(now time.Time) string {
	switch left := k.Expiry().Sub(now); {
	case k.Problem != "":
		return k.Problem
	case k.Expires.IsZero() || left > KeyWarning:
		return ""
	case left <= 0:
		return fmt.Sprintf("the key expired at the end of %s", k.Expires)
	default:
		return fmt.Sprintf("the key expires at the end of %s", k.Expires)
	}
}

// SourceInfo is a source, with the state that all workers share. ETFs name it; Changes are only filled for one source.
type SourceInfo struct {
	etf.SourceTraits
	Breaker etf.Breaker
	Use     *etf.QuotaUse // nil: there is no daily quota
	KeyIs   KeyState
	ETFs    []etf.SourceETF
	Changes []etf.BreakerChange // newest first
}

// SourceInfos returns the sources that an ETF can name, with their state.
func (s *Service) SourceInfos(ctx context.Context) ([]SourceInfo, error) {
	return s.sourceInfos(ctx, s.Sources())
}

// SourceStates is SourceInfos without the ETFs and what backfills leave to them: it does not read the registry.
func (s *Service) SourceStates(ctx context.Context) ([]SourceInfo, error) {
	return s.sourceStates(ctx, s.Sources())
}

// SourceInfo returns one source with the newest changes of its breaker's state; KindNotFound for an unknown name.
func (s *Service) SourceInfo(ctx context.Context, name string) (SourceInfo, error) {
	traits, err := s.source(name)
	if err != nil {
		return SourceInfo{}, err
	}
	list, err := s.sourceInfos(ctx, []etf.SourceTraits{traits})
	if err != nil {
		return SourceInfo{}, err
	}
	info := list[0]
	info.Changes, err = s.store.BreakerChanges(ctx, name, maxBreakerChanges)
	return info, err
}

// RetrySource lets the next request to a source through, although its breaker is open or the source has said that its quota of the day is
// used up, and returns the source. KindNotFound for an unknown name. A breaker that is not open stays as it is, and so does the count of
// requests.
func (s *Service) RetrySource(ctx context.Context, name string) (SourceInfo, error) {
	traits, err := s.source(name)
	if err != nil {
		return SourceInfo{}, err
	}
	day, _ := traits.QuotaDay(s.now())
	if err := s.store.AllowQuota(ctx, name, day); err != nil {
		return SourceInfo{}, err
	}
	_, err = s.store.ChangeBreaker(ctx, name, func(b etf.Breaker) etf.Breaker {
		if b.State == etf.BreakerOpen && b.RetryAt.After(s.now()) {
			b.RetryAt = s.now()
		}
		return b
	})
	if err != nil {
		return SourceInfo{}, err
	}
	return s.SourceInfo(ctx, name)
}

func (s *Service) source(name string) (etf.SourceTraits, error) {
	all := s.Sources()
	i := slices.IndexFunc(all, func(one etf.SourceTraits) bool { return one.Name == name })
	if i < 0 {
		names := make([]string, len(all))
		for i, one := range all {
			names[i] = one.Name
		}
		return etf.SourceTraits{}, etf.NotFound("name", fmt.Sprintf("there is no source %q", etf.Clip(name, etf.MaxQuoted)), "use one of "+strings.Join(names, ", "))
	}
	return all[i], nil
}

func (s *Service) sourceInfos(ctx context.Context, traits []etf.SourceTraits) ([]SourceInfo, error) {
	list, err := s.sourceStates(ctx, traits)
	if err != nil {
		return nil, err
	}
	named, err := s.store.SourceETFs(ctx)
	if err != nil {
		return nil, err
	}
	for i := range list {
		info := &list[i]
		info.ETFs = named[info.Name]
		if info.Use != nil {
			info.Use.Reserved = etf.QuotaReserve(info.Quota, etf.Preferring(info.ETFs), len(info.ETFs))
		}
	}
	return list, nil
}

// sourceStates is sourceInfos without what depends on the ETFs.
func (s *Service) sourceStates(ctx context.Context, traits []etf.SourceTraits) ([]SourceInfo, error) {
	breakers, err := s.store.Breakers(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]SourceInfo, len(traits))
	for i, one := range traits {
		if rate, ok := s.rates[one.Name]; ok {
			one.Rate = rate
		}
		if quota, ok := s.quotas[one.Name]; ok {
			one.Quota = quota
		}
		info := SourceInfo{SourceTraits: one, Breaker: etf.Breaker{Source: one.Name, State: etf.BreakerClosed}}
		for _, b := range breakers {
			if b.Source == one.Name {
				info.Breaker = b
			}
		}
		if one.Quota > 0 {
			day, renewed := one.QuotaDay(s.now())
			use, err := s.store.QuotaUse(ctx, one.Name, day)
			if err != nil {
				return nil, err
			}
			use.Limit, use.Renewed = one.Quota, renewed
			info.Use = &use
		}
		if s.keys != nil {
			info.KeyIs = s.keys(one.Key)
		} else {
			info.KeyIs = KeyState{Variable: one.Key.Variable, From: one.Key.From}
		}
		list[i] = info
	}
	return list, nil
}
