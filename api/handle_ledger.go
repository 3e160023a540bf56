package api

import (
	"context"

	"github.com/etfcast/etfcast/api/gen"
)

const mediaText = "text/plain"

// GetLedgerCheckpoint implements gen.StrictServerInterface.
func (s *server) GetLedgerCheckpoint(ctx context.Context, r gen.GetLedgerCheckpointRequestObject) (gen.GetLedgerCheckpointResponseObject, error) {
	media, ok := negotiate(infoOf(ctx).accept, mediaText, mediaJSON)
	if !ok {
		return nil, refuse(problemAccept, "Accept", "the header accepts neither text/plain nor application/json", "accept one of them")
	}
	c, err := s.Checkpoint(ctx, textOf(r.Params.Size))
	if err != nil {
		return nil, err
	}
	if media == mediaText {
		return gen.GetLedgerCheckpoint200TextResponse(c.Note), nil
	}
	return gen.GetLedgerCheckpoint200JSONResponse{
		Instance: c.Instance, Size: c.Size, Root: c.Root, Note: c.Note, Signed: c.Signed, At: c.At.UTC(),
	}, nil
}

// GetLedgerConsistency implements gen.StrictServerInterface.
func (s *server) GetLedgerConsistency(ctx context.Context, r gen.GetLedgerConsistencyRequestObject) (gen.GetLedgerConsistencyResponseObject, error) {
	from, to, hashes, err := s.LedgerConsistency(ctx, r.Params.From, textOf(r.Params.To))
	if err != nil {
		return nil, err
	}
	return gen.GetLedgerConsistency200JSONResponse{From: from, To: to, Hashes: append([]string{}, hashes...)}, nil
}

// GetLedgerProof implements gen.StrictServerInterface.
func (s *server) GetLedgerProof(ctx context.Context, r gen.GetLedgerProofRequestObject) (gen.GetLedgerProofResponseObject, error) {
	p, err := s.LedgerProof(ctx, r.Params.Forecast, textOf(r.Params.Since))
	if err != nil {
		return nil, err
	}
	return gen.GetLedgerProof200JSONResponse(p), nil
}
