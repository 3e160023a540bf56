package api

import (
	"context"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/service"
)

// RefetchETF implements gen.StrictServerInterface.
func (s *server) RefetchETF(ctx context.Context, r gen.RefetchETFRequestObject) (gen.RefetchETFResponseObject, error) {
	request := service.RefetchRequest{Symbol: r.Symbol, By: "the API", Why: textOf(r.Body.Why)}
	if r.Body.By != nil {
		request.By = *r.Body.By
	}
	run, err := s.Refetch(ctx, request)
	if err != nil {
		return nil, err
	}
	body := s.runOut(run)
	return gen.RefetchETF202JSONResponse{Body: body, Headers: gen.RefetchETF202ResponseHeaders{Location: body.Links.Self}}, nil
}
