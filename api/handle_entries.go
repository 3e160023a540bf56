package api

import (
	"cmp"
	"context"
	"errors"
	"io"
	"mime"
	"slices"
	"strconv"
	"strings"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// CreateEntries implements gen.StrictServerInterface.
func (s *server) CreateEntries(ctx context.Context, r gen.CreateEntriesRequestObject) (gen.CreateEntriesResponseObject, error) {
	request, err := entriesIn(r)
	if err != nil {
		return nil, err
	}
	receipt, err := s.Enter(ctx, request)
	if err != nil {
		return nil, err
	}
	out := gen.CreateEntries201JSONResponse{Model: receipt.Model, Items: entriesOut(receipt.Entries), NotAnchored: textOrNil(receipt.NotAnchored)}
	if c := receipt.Checkpoint; c != nil {
		out.Checkpoint = &struct {
			Size   int64  `json:"size"`
			Root   string `json:"root"`
			Note   string `json:"note"`
			Signed bool   `json:"signed"`
		}{c.Size, c.Root, c.Note, c.Signed}
	}
	return out, nil
}

func entriesIn(r gen.CreateEntriesRequestObject) (service.EntryRequest, error) {
	switch {
	case r.JSONBody != nil:
		for name, given := range map[string]*string{"model": r.Params.Model, "late": r.Params.Late} {
			if given != nil {
				return service.EntryRequest{}, etf.Invalid(name, "the query parameter is for text/csv", "put "+name+" into the body")
			}
		}
		return entryRequest(*r.JSONBody)
	case r.Body != nil:
		raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		if err != nil {
			return service.EntryRequest{}, etf.Invalid("body", "the body can't be read", "send the whole body within a minute, correctly framed")
		}
		if len(raw) > maxBody {
			return service.EntryRequest{}, errBodyTooLarge
		}
		late := textOf(r.Params.Late)
		if late != "" && late != "true" && late != "false" {
			return service.EntryRequest{}, etf.Invalid("late", strconv.Quote(etf.Clip(late, etf.MaxQuoted))+" is neither true nor false", "use true or false")
		}
		request, err := service.ReadEntriesCSV(raw, textOf(r.Params.Model))
		request.Late = late == "true"
		return request, err
	}
	return service.EntryRequest{}, refuse(problemMediaType, "Content-Type", "the body is neither application/json nor text/csv", "send Content-Type: application/json, or text/csv with the hubverse's columns")
}

// ReadEntries reads entries in the media type, application/json or text/csv. Model names the entrant if the CSV does not; for JSON
// it must be empty or the same. Errors are those of POST /v1/entries.
func ReadEntries(raw []byte, mediaType, model string) (service.EntryRequest, error) {
	if kind, _, err := mime.ParseMediaType(mediaType); err == nil && kind == "text/csv" {
		return service.ReadEntriesCSV(raw, model)
	}
	var body gen.NewEntries
	if err := decodeStrict(raw, &body); err != nil {
		return service.EntryRequest{}, err
	}
	if model != "" && model != body.Model {
		return service.EntryRequest{}, etf.Invalid("model", strconv.Quote(etf.Clip(body.Model, etf.MaxQuoted))+" is not "+model, "name the same model, or leave it out of the command")
	}
	return entryRequest(body)
}

// entryRequest returns the request of a JSON body.
func entryRequest(body gen.NewEntries) (service.EntryRequest, error) {
	r := service.EntryRequest{Model: body.Model, Late: body.Late != nil && *body.Late}
	single := body.Symbol != nil || body.Origin != nil || body.Points != nil || body.Horizons != nil
	switch {
	case body.Entries != nil && single:
		return r, etf.Invalid("entries", "the request has a list and a single entry besides", "put the single one into the list")
	case body.Entries == nil && !single:
		return r, etf.Invalid("entries", "there are no entries", "give a list, or symbol, origin and points of a single one")
	case single:
		r.Inline = true
		points, err := entryPoints("", body.Points, body.Horizons)
		r.Entries = []service.NewEntry{{Symbol: textOf(body.Symbol), Origin: textOf(body.Origin), Points: points}}
		return r, err
	}
	for i, e := range *body.Entries {
		points, err := entryPoints("entries["+strconv.Itoa(i)+"]", e.Points, e.Horizons)
		if err != nil {
			return r, err
		}
		r.Entries = append(r.Entries, service.NewEntry{Symbol: e.Symbol, Origin: e.Origin, Points: points})
	}
	return r, nil
}

// entryPoints returns the points of an entry, which has them as a list or by horizon.
func entryPoints(path string, list *[]gen.NewEntryPoint, byHorizon *gen.EntryHorizons) ([]service.EntryPoint, error) {
	var points []service.EntryPoint
	switch {
	case list != nil && byHorizon != nil:
		return nil, etf.Invalid(within(path, "horizons"), "the entry has points too", "give points or horizons, not both")
	case list != nil:
		for _, p := range *list {
			points = append(points, service.EntryPoint{Horizon: p.Horizon, Target: textOf(p.Target), Mean: p.Mean, Quantiles: p.Quantiles})
		}
	case byHorizon != nil:
		for text, quantiles := range *byHorizon {
			h, err := strconv.Atoi(text)
			if err != nil || strconv.Itoa(h) != text {
				return nil, etf.Invalid(within(path, "horizons."+etf.Clip(text, etf.MaxQuoted)), "this is not a number of sessions", "use 1 to "+strconv.Itoa(etf.MaxHorizon))
			}
			points = append(points, service.EntryPoint{Horizon: h, Quantiles: quantiles})
		}
		slices.SortFunc(points, func(a, b service.EntryPoint) int { return cmp.Compare(a.Horizon, b.Horizon) })
	}
	return points, nil
}

// ListEntries implements gen.StrictServerInterface.
func (s *server) ListEntries(ctx context.Context, r gen.ListEntriesRequestObject) (gen.ListEntriesResponseObject, error) {
	query := []string{"entries", r.Params.Model, textOf(r.Params.Symbol)}
	after, cursorErr := entryCursor(query, r.Params.Cursor)
	limit, limitErr := listLimits.parse(r.Params.Limit)
	if err := errors.Join(cursorErr, limitErr); err != nil {
		return nil, err
	}
	page, next, err := s.Entries(ctx, service.EntryQuery{Model: r.Params.Model, Symbol: textOf(r.Params.Symbol), After: after, Limit: limit})
	if err != nil {
		return nil, err
	}
	out := gen.ListEntries200JSONResponse{Items: entriesOut(page)}
	if next != (etf.EntryPosition{}) {
		out.NextCursor = encodeCursor(query, string(next.Symbol)+" "+strconv.FormatInt(next.Chain, 10))
	}
	return out, nil
}

func entryCursor(query []string, cursor *string) (etf.EntryPosition, error) {
	position, err := decodeCursor(query, cursor)
	if err != nil || position == "" {
		return etf.EntryPosition{}, err
	}
	text, digits, _ := strings.Cut(position, " ")
	symbol, err := etf.ParseSymbol(text)
	chain, numberErr := strconv.ParseInt(digits, 10, 64)
	if err != nil || numberErr != nil || chain < 1 {
		return etf.EntryPosition{}, badCursor()
	}
	return etf.EntryPosition{Symbol: symbol, Chain: chain}, nil
}

func entriesOut(list []service.Entered) []gen.Entry {
	out := make([]gen.Entry, len(list))
	for i, e := range list {
		out[i] = gen.Entry{
			Id: e.ID, Symbol: e.Symbol, Exchange: e.Exchange, Model: e.Model, Origin: e.Origin, Deadline: e.Deadline.UTC(), IssuedAt: e.IssuedAt.UTC(),
			Standing: string(e.Standing), Horizons: make([]int, len(e.Points)),
		}
		for k, p := range e.Points {
			out[i].Horizons[k] = p.Horizon
		}
		out[i].Chain.Position, out[i].Chain.Hash = e.Chain, e.Hash
	}
	return out
}
