package api

import (
	"context"
	"runtime"
	"time"

	"github.com/etfcast/etfcast/api/gen"
	"github.com/etfcast/etfcast/service"
)

// GetHealth implements gen.StrictServerInterface.
func (s *server) GetHealth(context.Context, gen.GetHealthRequestObject) (gen.GetHealthResponseObject, error) {
	return gen.GetHealth200JSONResponse{Status: "ok"}, nil
}

// GetReadiness implements gen.StrictServerInterface.
func (s *server) GetReadiness(ctx context.Context, _ gen.GetReadinessRequestObject) (gen.GetReadinessResponseObject, error) {
	body := readinessOut(s.ready.Checks(ctx))
	if body.Ready {
		return gen.GetReadiness200JSONResponse(body), nil
	}
	return gen.GetReadiness503JSONResponse{
		Body:    body,
		Headers: gen.GetReadiness503ResponseHeaders{RetryAfter: int(retryAfter / time.Second)},
	}, nil
}

func readinessOut(checks []service.Check) gen.Readiness {
	body := gen.Readiness{Ready: true, WaitingFor: []string{}, Checks: []gen.Check{}}
	for _, c := range checks {
		state := "ok"
		if !c.OK {
			state = "waiting"
			body.Ready = false
			body.WaitingFor = append(body.WaitingFor, c.Name)
		}
		body.Checks = append(body.Checks, gen.Check{Name: c.Name, State: state, Detail: c.Detail, Since: c.Since})
	}
	return body
}

// GetVersion implements gen.StrictServerInterface.
func (s *server) GetVersion(context.Context, gen.GetVersionRequestObject) (gen.GetVersionResponseObject, error) {
	return gen.GetVersion200JSONResponse{Version: s.version, Go: runtime.Version(), StartedAt: s.started}, nil
}
