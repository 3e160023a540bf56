package krx

import (
	"strings"
	"sync"

	"github.com/etfcast/etfcast/etf"
)

// StoredParser returns a function that parses the stored bodies of fetches, as Fetch did: a fetch's own body is the manifest of shared
// ones, which shared returns by their hashes. Of the query it uses Symbol, Exchange, Window and AsOf. Errors are those of Fetch and of shared, and
// KindCorrupt for a body that is not what its hash says. The days that it has parsed serve further fetches.
func StoredParser(shared func(hash string) ([]byte, error)) func(q etf.Query, f etf.Fetch, body []byte) (etf.Response, error) {
	parsed := storedDays{shared: shared, days: map[string]*answer{}}
	return func(q etf.Query, f etf.Fetch, body []byte) (etf.Response, error) {
		r := etf.Response{Basis: etf.AsTraded, Request: f.Request, MediaType: f.MediaType, Raw: body}
		_, q.Ref, _ = strings.Cut(f.Request, "#")
		cal, code, err := check(q)
		if err != nil {
			return r, err
		}
		if len(body) == 0 {
			return r, nil // no session of the window was over
		}
		m, err := etf.ParseManifest(body)
		if err != nil {
			return r, err
		}
		answers := make([]*answer, len(m.Bodies))
		for i, b := range m.Bodies {
			a, err := parsed.get(b)
			if err != nil {
				return r, err
			}
			one := *a
			one.mediaType, one.at = b.MediaType, b.At
			answers[i] = &one
		}
		err = assemble(answers, cal, code, q, &r)
		r.Raw, r.Shared = body, nil
		return r, err
	}
}

// storedDays keeps parsed days by the hash of their body, at most keptDays.
type storedDays struct {
	shared func(hash string) ([]byte, error)
	mu     sync.Mutex
	days   map[string]*answer
	order  []string
}

func (s *storedDays) get(b etf.ManifestBody) (*answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.days[b.Hash]; a != nil && a.session == b.Session {
		return a, nil
	}
	raw, err := s.shared(b.Hash)
	if err != nil {
		return nil, err
	}
	body := etf.NewSharedBody(raw)
	if body.Hash != b.Hash {
		return nil, &etf.Error{Kind: etf.KindCorrupt, Field: "shared body " + b.Hash, Message: "its SHA-256 is " + body.Hash, Err: etf.ErrAltered}
	}
	d, err := parseDay(raw, b.Session)
	if err != nil {
		return nil, err
	}
	body.Raw = nil
	a := &answer{day: d, body: body}
	s.days[b.Hash] = a
	if s.order = append(s.order, b.Hash); len(s.order) > keptDays {
		delete(s.days, s.order[0])
		s.order = s.order[1:]
	}
	return a, nil
}
