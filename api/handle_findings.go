package api

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// decideWait is how long a request waits for its decision to be applied.
const decideWait = 5 * time.Second

// ListFindings implements gen.StrictServerInterface.
func (s *server) ListFindings(ctx context.Context, r gen.ListFindingsRequestObject) (gen.ListFindingsResponseObject, error) {
	q := service.FindingQuery{
		Symbol: textOf(r.Params.Symbol), Exchange: textOf(r.Params.Exchange), Rule: textOf(r.Params.Rule), Severity: textOf(r.Params.Severity),
		State: textOf(r.Params.State),
		From:  textOf(r.Params.From), To: textOf(r.Params.To), AsOf: textOf(r.Params.AsOf),
	}
	query := []string{"findings", q.Symbol, q.Exchange, q.Rule, q.Severity, q.State, q.From, q.To, q.AsOf}
	_, filterErr := q.Filter()
	var cursorErr, limitErr error
	q.After, cursorErr = timeCursor(query, r.Params.Cursor)
	q.Limit, limitErr = listLimits.parse(r.Params.Limit)
	if err := errors.Join(filterErr, cursorErr, limitErr); err != nil {
		return nil, err
	}
	found, next, asOf, err := s.FindingsAt(ctx, q)
	if err != nil {
		return nil, err
	}
	page := gen.ListFindings200JSONResponse{Items: make([]gen.Finding, len(found))}
	for i, f := range found {
		page.Items[i] = findingOut(f)
	}
	if asOf.Given {
		page.DataVersion = &asOf.Version
	}
	if !next.IsZero() {
		page.NextCursor = encodeCursor(query, timePosition(next))
	}
	return page, nil
}

// GetFinding implements gen.StrictServerInterface.
func (s *server) GetFinding(ctx context.Context, r gen.GetFindingRequestObject) (gen.GetFindingResponseObject, error) {
	if err := checkFindingID(r.Id); err != nil {
		return nil, err
	}
	d, err := s.FindingDetail(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	out := gen.GetFinding200JSONResponse{
		Finding: findingOut(d.Finding), Rows: make([]gen.FindingRow, len(d.Around)), Clipped: d.Clipped,
		Decisions: make([]gen.FindingDecision, len(d.Decisions)), Proposal: proposalOut(d.Proposal),
	}
	for i, row := range d.Around {
		out.Rows[i] = gen.FindingRow{Session: row.Session, Named: row.Named}
		if row.Found != nil {
			bar := foundOut(*row.Found)
			out.Rows[i].Found = &bar
		}
		if row.Second != nil {
			bar := foundOut(row.Second.Bar)
			out.Rows[i].Second = &gen.SecondRow{Source: row.Second.Source, Basis: string(row.Second.Basis), Row: bar}
		}
		if row.Stored != nil {
			bar := barOut(service.BarRow{StoredBar: *row.Stored})
			out.Rows[i].Stored = &bar
		}
	}
	for i, x := range d.Decisions {
		out.Decisions[i] = gen.FindingDecision{
			Number: x.Number, InForce: x.InForce, Decision: string(x.Decision), By: x.By, Why: x.Why, Values: make([]gen.FoundBar, len(x.Values)),
			Sessions: append([]etf.Session{}, x.Sessions...), Run: textOrNil(string(x.Run)), At: x.At.UTC(), DataVersion: x.DataVersion, RowsChanged: x.RowsChanged,
		}
		for k, v := range x.Values {
			out.Decisions[i].Values[k] = foundOut(v)
		}
	}
	return out, nil
}

// proposalOut renders the corporate action that would explain a finding; nil for none.
func proposalOut(p *etf.Action) *gen.Proposal {
	if p == nil {
		return nil
	}
	out := gen.Proposal{Kind: string(p.Kind), Ex: p.Ex}
	if p.Kind == etf.Split {
		ratio := p.Terms()
		out.Ratio = &ratio
	} else {
		out.Amount = &p.Amount
	}
	return &out
}

// DecideFinding implements gen.StrictServerInterface.
func (s *server) DecideFinding(ctx context.Context, r gen.DecideFindingRequestObject) (gen.DecideFindingResponseObject, error) {
	request := service.DecisionRequest{
		Finding: r.Id, Decision: etf.Decision(r.Body.Decision), By: r.Body.By, Why: r.Body.Why, Key: textOf(r.Body.Key), Wait: decideWait,
	}
	problems := []error{checkFindingID(r.Id)}
	session := func(field, text string) etf.Session {
		parsed, err := etf.ParseSession(text)
		problems = append(problems, etf.WithField(err, field))
		return parsed
	}
	if r.Body.Values != nil {
		for i, v := range *r.Body.Values {
			bar := etf.Bar{Session: session(fmt.Sprintf("values[%d].session", i), v.Session), Close: v.Close, Volume: etf.VolumeUnknown}
			for _, p := range []struct {
				from *etf.Price
				into *etf.Price
			}{{v.Open, &bar.Open}, {v.High, &bar.High}, {v.Low, &bar.Low}} {
				if p.from != nil {
					*p.into = *p.from
				}
			}
			if v.Volume != nil {
				bar.Volume = *v.Volume
			}
			request.Values = append(request.Values, bar)
		}
	}
	if r.Body.Sessions != nil {
		for i, text := range *r.Body.Sessions {
			request.Sessions = append(request.Sessions, session(fmt.Sprintf("sessions[%d]", i), text))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	decided, err := s.Decide(ctx, request)
	if err != nil {
		return nil, err
	}
	out := findingOut(decided.Finding)
	if decided.Pending {
		return gen.DecideFinding202JSONResponse{Body: out, Headers: gen.DecideFinding202ResponseHeaders{Location: out.Links.Self}}, nil
	}
	return gen.DecideFinding200JSONResponse(out), nil
}

func checkFindingID(id string) error {
	if etf.IsFindingID(id) {
		return nil
	}
	return etf.Invalid("id", fmt.Sprintf("%q is not a finding's ID", etf.Clip(id, etf.MaxQuoted)), "GET /v1/findings lists them: 32 hex digits")
}

func findingOut(f etf.Finding) gen.Finding {
	out := gen.Finding{
		Id: f.ID, Symbol: f.Symbol, Rule: f.Rule, Severity: string(f.Severity), Sessions: append([]etf.Session{}, f.Sessions...), Evidence: f.Evidence,
		Remedy: service.Remedy(f.Rule), Decision: textOrNil(string(f.Decision)), DecidedBy: textOrNil(f.By), DecidedWhy: textOrNil(f.Why), FoundAt: f.FoundAt.UTC(),
	}
	out.Links.Self = "/v1/findings/" + f.ID
	out.Links.Decision = out.Links.Self + "/decision"
	out.Links.Etf = "/v1/etfs/" + url.PathEscape(string(f.Symbol))
	return out
}

func foundOut(b etf.Bar) gen.FoundBar {
	return gen.FoundBar{Session: b.Session, Open: b.Open, High: b.High, Low: b.Low, Close: b.Close, Volume: b.Volume}
}
