package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/activities"
	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/quality"
	"github.com/etfcast/etfcast/source/web"
)

// probeTimeout is how long a source may take.
const probeTimeout = 2 * time.Minute

// probe is what came of asking a source once.
type probe struct {
	Source    string       `json:"source"`
	Symbol    etf.Symbol   `json:"symbol"`
	Exchange  etf.Exchange `json:"exchange"`
	Ref       string       `json:"ref"`
	From      etf.Session  `json:"from,omitzero"`
	To        etf.Session  `json:"to"`
	Request   string       `json:"request,omitempty"`
	MediaType string       `json:"media_type,omitempty"`
	Bytes     int          `json:"bytes"`
	SHA256    string       `json:"sha256,omitempty"`
	Seconds   float64      `json:"seconds"`
	// ErrorType is what a run would record, empty if the source gave a response that can be used.
	ErrorType string         `json:"error_type,omitempty"`
	Error     string         `json:"error,omitempty"`
	Remedy    string         `json:"remedy,omitempty"`
	Basis     etf.Basis      `json:"basis,omitempty"`
	Currency  etf.Currency   `json:"currency,omitempty"`
	Rows      int            `json:"rows"`
	First     etf.Session    `json:"first,omitzero"`
	Last      etf.Session    `json:"last,omitzero"`
	Newest    *etf.Bar       `json:"newest,omitempty"`
	Actions   []etf.Action   `json:"actions,omitempty"`
	Defects   []etf.Defect   `json:"defects,omitempty"`
	Findings  []probeFinding `json:"findings"`
	KeptOut   int            `json:"kept_out"` // rows that the rules quarantine or drop
	Recorded  string         `json:"recorded,omitempty"`

	bars  []etf.Bar
	files []string // in the folder Recorded
}

// probeFinding is what a rule says of the rows, taken for an ETF of which nothing is stored.
type probeFinding struct {
	Rule     string        `json:"rule"`
	Severity etf.Severity  `json:"severity"`
	Sessions []etf.Session `json:"sessions,omitempty"`
	Evidence string        `json:"evidence"`
}

func sourceTestCommand(a *app) *cobra.Command {
	var sources sourceSettings
	var exchange, ref, from, to, record string
	var as format
	cmd := &cobra.Command{
		Use:   "test NAME SYMBOL",
		Short: "Ask a source once, print what came and how it was read, and store nothing; needs no server",
		Long: `Ask a source once and print what came, how it was read, and what the rules of a daily update say of it, as if nothing
were stored of the ETF. It stores nothing, and needs no database and no Temporal. The request counts at the provider,
but not in the daily quota that workers share.

--record keeps the response's body as received, and the request with what came of it, in a new folder for a bug report. A response of krx consists of
several: body lists them, and each is kept as body-SESSION. The source's key is taken out of all of them, however it is written there. Providers' terms seldom allow to pass prices on: send such a folder to nobody else.

Exit code: 0 if the response can be used, 1 if the source gave none or an error-level finding keeps rows out.`,
		Example: `  etfcast source test yahoo SPY --exchange XNYS
  etfcast source test simulated SIMUS1 --exchange XNYS --from 2025-01-02 --to 2025-03-31 --json
  etfcast source test yahoo 069500 --exchange XKRX --ref 069500.KS --record report`,
		Args: exactArgs("NAME", "SYMBOL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			log, err := a.logger()
			if err != nil {
				return err
			}
			all, err := sources.open(log, a.env)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(all, func(s activities.Source) bool { return s.Name() == args[0] })
			if i < 0 {
				return usageError{etf.Invalid("NAME", fmt.Sprintf("there is no source %q", etf.Clip(args[0], etf.MaxQuoted)), "use one of "+strings.Join(etf.SourceNames(), ", "))}
			}
			if exchange == "" {
				return usageError{etf.Invalid("exchange", "no exchange is named", "give --exchange XNYS, or the one that the ETF trades on")}
			}
			q, err := probeQuery(args[0], args[1], exchange, ref, from, to, time.Now())
			if err != nil {
				return usageError{err}
			}
			if record != "" { // before a request is spent
				if err := os.Mkdir(record, 0o700); err != nil {
					return usageError{recordError(record, err)}
				}
			}
			key, _ := a.env.credential(etf.Source(args[0]).Key)() // without one, the source says so
			p, bodies, failed := ask(cmd.Context(), all[i], q, hideKey(key))
			if cmd.Context().Err() != nil {
				if record != "" {
					_ = os.Remove(record) // it is empty
				}
				return cmd.Context().Err()
			}
			if record != "" {
				if err := p.record(record, bodies); err != nil {
					return err
				}
			}
			switch {
			case as.csv:
				rows := p.bars
				if rows == nil {
					rows = []etf.Bar{}
				}
				err = a.encode(as, rows)
			case as.json:
				err = a.encode(as, p)
			default:
				err = p.print(a)
			}
			return errors.Join(err, failed)
		},
	}
	cmd.Flags().StringVar(&exchange, "exchange", "", "exchange that the ETF trades on")
	cmd.Flags().StringVar(&ref, "ref", "", "what the source calls the ETF (default: made from the symbol)")
	cmd.Flags().StringVar(&from, "from", "", "first session, YYYY-MM-DD (default: 15 sessions before the last one, as a daily update)")
	cmd.Flags().StringVar(&to, "to", "", "last session, YYYY-MM-DD (default: the newest closed one)")
	cmd.Flags().StringVar(&record, "record", "", "new folder for the body, the request and what came of it")
	sources.addFlags(cmd.Flags())
	as.addFlags(cmd, "", "the rows as read")
	return cmd
}

// probeQuery is the query for one ETF. Errors name the flag or argument.
func probeQuery(source, symbol, exchange, ref, from, to string, now time.Time) (etf.Query, error) {
	q := etf.Query{Ref: ref, AsOf: now}
	var err error
	if q.Symbol, err = etf.ParseSymbol(symbol); err != nil {
		return q, err
	}
	if q.Exchange, err = etf.ParseExchange(exchange); err != nil {
		return q, err
	}
	q.Currency = q.Exchange.DefaultCurrency()
	if traits := etf.Source(source); q.Ref == "" {
		q.Ref = traits.DefaultRef(q.Symbol, q.Exchange)
	}
	cal, err := calendar.For(q.Exchange)
	if err != nil {
		return q, err
	}
	for _, end := range []struct {
		name, text string
		into       *etf.Session
	}{{"from", from, &q.Window.From}, {"to", to, &q.Window.To}} {
		if end.text != "" {
			if *end.into, err = etf.ParseSession(end.text); err != nil {
				return q, etf.WithField(err, end.name)
			}
		}
	}
	if q.Window.To.IsZero() {
		if q.Window.To, err = cal.LastClosed(now); err != nil {
			return q, err
		}
	}
	if q.Window.From.IsZero() {
		if q.Window.From, err = cal.Nth(q.Window.To, -activities.TrailingSessions); err != nil {
			return q, etf.WithField(err, "to")
		}
	}
	if q.Window.From > q.Window.To {
		return q, etf.Invalid("from", fmt.Sprintf("%s is after %s", q.Window.From, q.Window.To), "name an earlier session")
	}
	return q, nil
}

// hideKey returns a function that takes the key out of a text, however it is written.
func hideKey(key string) func(string) string {
	return func(text string) string { return string(web.Hide([]byte(text), key)) }
}

// ask asks the source once. failed says why the response can't be used, or that rows are kept out.
// bodies are what came, by the file that --record keeps each in.
func ask(ctx context.Context, source activities.Source, q etf.Query, hide func(string) string) (p probe, bodies map[string][]byte, failed error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	p = probe{Source: source.Name(), Symbol: q.Symbol, Exchange: q.Exchange, Ref: hide(q.Ref), From: q.Window.From, To: q.Window.To, Findings: []probeFinding{}}
	began := time.Now()
	response, err := source.Fetch(ctx, q)
	p.Seconds = time.Since(began).Round(time.Millisecond).Seconds()
	bodies = map[string][]byte{"body": []byte(hide(string(response.Raw)))}
	for name, raw := range sharedBodies(response) {
		bodies[name] = []byte(hide(string(raw)))
	}
	p.Request, p.MediaType, p.Bytes = hide(response.Request), hide(response.MediaType), len(response.Raw)
	if len(response.Raw) > 0 {
		sum := sha256.Sum256(response.Raw)
		p.SHA256 = hex.EncodeToString(sum[:])
	}
	if err != nil {
		p.ErrorType, p.Error = activities.SourceErrorType(err), hide(etf.WithoutRemedy(err))
		var e *etf.Error
		if errors.As(err, &e) {
			p.Remedy = hide(e.Remedy)
		}
		return p, bodies, fmt.Errorf("%s gave no response that can be used: %s", source.Name(), p.ErrorType)
	}
	p.Basis, p.Currency, p.Actions, p.Defects = response.Basis, response.Currency, response.Actions, response.Defects
	for i := range p.Defects {
		p.Defects[i].Text, p.Defects[i].Reason = hide(p.Defects[i].Text), hide(p.Defects[i].Reason)
	}
	p.bars, p.Rows = response.Bars, len(response.Bars)
	for i, b := range response.Bars {
		if p.First.IsZero() || b.Session < p.First {
			p.First = b.Session
		}
		if b.Session >= p.Last {
			p.Last, p.Newest = b.Session, &response.Bars[i]
		}
	}
	return p, bodies, p.judge(q, response, hide)
}

// sharedBodies are the bodies that a response shares with others, by the name of the file for each.
func sharedBodies(r etf.Response) map[string][]byte {
	list, err := etf.ParseManifest(r.Raw)
	if len(r.Shared) == 0 || err != nil {
		return nil
	}
	named := map[string][]byte{}
	for _, b := range list.Bodies {
		if i := slices.IndexFunc(r.Shared, func(s etf.SharedBody) bool { return s.Hash == b.Hash }); i >= 0 {
			named["body-"+b.Session.String()] = r.Shared[i].Raw
		}
	}
	return named
}

// judge applies the rules to the response as to the first one of an ETF.
func (p *probe) judge(q etf.Query, response etf.Response, hide func(string) string) error {
	if len(response.Bars)+len(response.Defects) == 0 {
		return nil
	}
	response = quality.Compact(response)
	session := p.Last
	if session.IsZero() {
		session = p.To
	}
	report, err := quality.Check(quality.InputOf(etf.Staged{
		Fetch: etf.Fetch{Symbol: q.Symbol, Source: p.Source, Window: q.Window, Basis: response.Basis, FetchedAt: q.AsOf},
		Bars:  response.Bars, Ordinals: response.Ordinals, Actions: response.Actions, Defects: response.Defects, Covers: response.Covers,
		NAVs: response.NAVs, DataAt: response.DataAt, Sources: []etf.SourceRef{{Name: p.Source, Ref: q.Ref}}, Initial: true,
	}, q.Exchange, session, false))
	if err != nil {
		return err
	}
	serious := 0
	for _, f := range report.Findings {
		p.Findings = append(p.Findings, probeFinding{Rule: f.Rule, Severity: f.Severity, Sessions: f.Sessions, Evidence: hide(f.Evidence)})
		if f.Severity == etf.SeverityError {
			serious++
		}
	}
	for _, v := range report.Verdicts {
		if v == etf.VerdictQuarantine || v == etf.VerdictDrop {
			p.KeptOut++
		}
	}
	if serious > 0 {
		return fmt.Errorf("%w in the response", errCheck)
	}
	return nil
}

// record keeps the bodies and the rest of the probe in the folder.
func (p *probe) record(folder string, bodies map[string][]byte) error {
	p.Recorded = folder
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return etf.Wrap(etf.KindInternal, err, "encoding what came")
	}
	bodies["probe.json"] = append(text, '\n')
	for name, content := range bodies {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			return recordError(folder, err)
		}
	}
	p.files = slices.Sorted(maps.Keys(bodies))
	return nil
}

// recordError says why the folder of --record can't be made or written.
func recordError(folder string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return etf.Invalid("record", folder+" exists already", "name a new folder")
	}
	return &etf.Error{Kind: etf.KindInvalid, Field: "record", Message: folder + " can't be written", Remedy: "name a new folder in one that exists and can be written", Err: err}
}

const (
	// probeLines is how many actions, defects and findings are printed.
	probeLines = 10
)

func (p *probe) print(a *app) error {
	t := newPairs(a.stdout)
	t.line("source", "%s, reference %s", p.Source, p.Ref)
	t.line("asked for", "%s on %s, %s to %s", p.Symbol, p.Exchange, p.From, p.To)
	if p.Request != "" {
		t.line("request", "%s", p.Request)
	}
	if p.Bytes > 0 {
		t.line("body", "%d bytes of %s in %.1f s, SHA-256 %s", p.Bytes, p.MediaType, p.Seconds, p.SHA256)
	}
	if p.ErrorType != "" {
		t.line("result", "%s: %s", p.ErrorType, p.Error)
		if p.Remedy != "" {
			t.line("remedy", "%s", p.Remedy)
		}
	} else {
		currency := string(p.Currency)
		if currency == "" {
			currency = "a currency that it does not state"
		}
		t.line("prices", "%s, in %s", p.Basis, currency)
		if p.Rows == 0 {
			t.line("rows", "none")
		} else {
			t.line("rows", "%d, %s to %s", p.Rows, p.First, p.Last)
			b := p.Newest
			t.line("newest", "%s: open %s, high %s, low %s, close %s, volume %s", b.Session, b.Open, b.High, b.Low, b.Close, b.Volume)
		}
		for i, one := range p.Actions[:min(len(p.Actions), probeLines)] {
			t.line(label(i, "actions"), "%s: %s", one.Ex, one.Kind)
		}
		for i, d := range p.Defects[:min(len(p.Defects), probeLines)] {
			t.line(label(i, "unreadable"), "%s: %s", d.Where, d.Reason)
		}
		if len(p.Findings) == 0 {
			t.line("findings", "none")
		}
		for i, f := range p.Findings[:min(len(p.Findings), probeLines)] {
			t.line(label(i, "findings"), "%s, %s: %s", f.Severity, f.Rule, etf.Clip(f.Evidence, 300))
		}
		if p.KeptOut > 0 {
			t.line("kept out", "%d of %d rows", p.KeptOut, p.Rows)
		}
	}
	if p.Recorded != "" {
		t.line("recorded", "in folder %s: %s", p.Recorded, strings.Join(p.files, ", "))
	}
	return t.flush()
}

// label names the first line of several.
func label(i int, name string) string {
	if i > 0 {
		return ""
	}
	return name
}
