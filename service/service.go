package service

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// Deps is what a Service needs. Store and Temporal may both be out of reach when it is made: requests that
// need them then get KindUnavailable.
type Deps struct {
	Store    Store // nil where nothing is asked that needs one
	Temporal Temporal
	// Now reads the clock; nil = time.Now.
	Now func() time.Time
	// Sources are the names a source of an ETF may have; empty = any name of the right form.
	Sources []string
	// Models are those every ETF is forecast with; the first is the benchmark. Empty = any name of the right form.
	Models []Model
	// ServedModel is the model whose forecast is given when none is named; empty = the benchmark, or "drift" where Models
	// is empty. Another one is named here once its record beats the benchmark's.
	ServedModel string
	// UI is the base URL of Temporal's Web UI, for links; empty = no links. Namespace is the one the links point into;
	// empty = "default".
	UI        string
	Namespace string
}

// MaxPage is the most runs, findings or ETFs one call lists.
const MaxPage = 1000

func checkLimit(limit int) error {
	if limit < 1 || limit > MaxPage {
		return etf.Invalid("limit", fmt.Sprintf("%d is out of range", limit), fmt.Sprintf("use 1 to %d", MaxPage))
	}
	return nil
}

// Service is what the HTTP handlers and the commands share. Its methods check their input whole: every
// objection to it is an *etf.Error, several of them joined (errors.Join). It is safe for concurrent use.
type Service struct {
	store     Store
	temporal  Temporal
	now       func() time.Time
	sources   []string
	models    []Model
	served    string
	ui        string
	namespace string
}

// Model is a forecasting model as it is shown.
type Model struct {
	Name        string
	MinSessions int    // the fewest stored sessions it forecasts from
	Params      string // JSON
}

// New returns a Service.
func New(d Deps) *Service {
	s := &Service{
		store: d.Store, temporal: d.Temporal, now: d.Now, sources: d.Sources,
		models: d.Models, served: d.ServedModel, ui: strings.TrimRight(d.UI, "/"), namespace: d.Namespace,
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.served == "" && len(s.models) > 0 {
		s.served = s.models[0].Name
	}
	if s.served == "" {
		s.served = "drift"
	}
	if s.namespace == "" {
		s.namespace = "default"
	}
	return s
}

// Now reads the Service's clock.
func (s *Service) Now() time.Time { return s.now() }

// Models lists the models every ETF is forecast with, the benchmark first.
func (s *Service) Models() []Model { return slices.Clone(s.models) }

// ServedModel is the model whose forecast is given when none is named.
func (s *Service) ServedModel() string { return s.served }

// RunURL returns the address of a run in Temporal's Web UI, empty where the UI's is not known.
func (s *Service) RunURL(run etf.RunID) string {
	if s.ui == "" {
		return ""
	}
	return s.ui + "/namespaces/" + url.PathEscape(s.namespace) + "/workflows/" + url.PathEscape(run.WorkflowID())
}
