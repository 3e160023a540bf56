package service

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/etfcast/etfcast/etf"
)

// Deps is what a Service needs. Store and Temporal may be unreachable when the Service is created: until they are up,
// requests that need them fail with KindUnavailable.
type Deps struct {
	Store    Store // may be nil if no request needs it
	Temporal Temporal
	// Anchors anchors entries, with checkpoints whose text CheckpointNote makes. Without either, the next daily run does.
	Anchors        Anchorer
	CheckpointNote etf.CheckpointNote
	// Now reads the clock; nil = time.Now.
	Now func() time.Time
	// Sources are the source names an ETF may have; empty = any name of the right form.
	Sources []string
	// Models are the models every ETF is forecast with; the first is the benchmark. Empty = any name of the right form.
	Models []Model
	// ServedModel is the model whose forecast is returned if the request names none; empty = the benchmark, or "drift" if
	// Models is empty.
	ServedModel string
	// Files keeps files of prices for clients; nil = none are kept.
	Files PriceFolder
	// Remedies are what to do about each error type that a run can record; a type that is not among them has none.
	Remedies map[string]string
	// UI is the base URL of Temporal's Web UI, for links; empty = no links. Namespace is the namespace the links point to;
	// empty = "default".
	UI        string
	Namespace string
	// Final is when a day's prices are final, and Schedules when the daily runs start, in each exchange's own time; DefaultFinal
	// and the dispatcher's default for an exchange that is not listed.
	Final     map[etf.Exchange]etf.TimeOfDay
	Schedules map[etf.Exchange]etf.TimeOfDay
	// DueAfter is how long after its close a session is due.
	DueAfter DueAfter
	// Rates and Quotas are the limits of the sources that have others than those of etf.Sources: fetches per second, and requests per
	// day; 0 means none.
	Rates  map[string]float64
	Quotas map[string]int
	// Keys says whether this process has a source's key; nil = it has none.
	Keys func(etf.SourceKey) KeyState
}

// MaxPage is the most runs, findings or ETFs one call lists.
const MaxPage = 1000

func checkLimit(limit int) error {
	if limit < 1 || limit > MaxPage {
		return etf.Invalid("limit", fmt.Sprintf("%d is out of range", limit), fmt.Sprintf("use 1 to %d", MaxPage))
	}
	return nil
}

// Service is shared by the HTTP handlers and the commands. Its methods report everything that is wrong with their input
// at once: each problem is an *etf.Error, and several are joined (errors.Join). It is safe for concurrent use.
type Service struct {
	store       Store
	temporal    Temporal
	anchors     Anchorer
	note        etf.CheckpointNote
	now         func() time.Time
	sources     []string
	models      []Model
	served      string
	files       PriceFolder
	remedies    map[string]string
	ui          string
	namespace   string
	final       map[etf.Exchange]etf.TimeOfDay
	schedules   map[etf.Exchange]etf.TimeOfDay
	events      *eventHub
	dueAfter    DueAfter
	rates       map[string]float64
	quotas      map[string]int
	keys        func(etf.SourceKey) KeyState
	overview    overviews
	generations generations
	watching    deadlineWatch
}

// Model describes a forecasting model.
type Model struct {
	Name        string
	MinSessions int    // the fewest sessions it needs
	Params      string // JSON
}

// New returns a Service.
func New(d Deps) *Service {
	s := &Service{
		store: d.Store, temporal: d.Temporal, anchors: d.Anchors, note: d.CheckpointNote, now: d.Now, sources: d.Sources,
		models: d.Models, served: d.ServedModel, files: d.Files, remedies: d.Remedies, ui: strings.TrimRight(d.UI, "/"), namespace: d.Namespace,
		final: d.Final, schedules: d.Schedules, dueAfter: d.DueAfter,
		rates: d.Rates, quotas: d.Quotas, keys: d.Keys,
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.events = &eventHub{store: s.store, now: s.now}
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

// ServedModel returns the model whose forecast is returned if a request names none.
func (s *Service) ServedModel() string { return s.served }

// Remedy returns what to do about an error type that a run has recorded, as docs/operations.md says it; "" for a type that is
// not known.
func (s *Service) Remedy(errorType string) string { return s.remedies[errorType] }

// RunURL returns the URL of a run in Temporal's Web UI, or "" if the UI's URL is not known.
func (s *Service) RunURL(run etf.RunID) string { return s.workflowURL(run.WorkflowID()) }

func (s *Service) workflowURL(id string) string {
	if s.ui == "" {
		return ""
	}
	return s.ui + "/namespaces/" + url.PathEscape(s.namespace) + "/workflows/" + url.PathEscape(id)
}
