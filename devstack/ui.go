package main

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/temporalio/ui-server/v2/server"
	"github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/server_options"
)

// webUI is Temporal's Web UI, a process-local HTTP server that talks to the Temporal server over gRPC.
type webUI struct {
	port   int
	server *server.Server
}

// startUI starts the Web UI and returns once it serves its first page.
func startUI(ctx context.Context, port, temporalPort int) (*webUI, error) {
	ui := &webUI{port: port, server: server.NewServer(server_options.WithConfigProvider(&config.Config{
		Host:                loopback,
		Port:                port,
		TemporalGRPCAddress: address(temporalPort),
		EnableUI:            true,
		DefaultNamespace:    temporalNamespace,
		DisableNewsFetch:    true, // nothing may leave the machine
		HideLogs:            true,
		CORS:                config.CORS{CookieInsecure: true}, // plain HTTP on loopback
	}))}
	go func() { _ = ui.server.Start() }() // its only errors end the process by themselves; the ports were checked before
	if err := until(ctx, ui.answers); err != nil {
		ui.stop()
		return nil, fmt.Errorf("waiting for the Web UI on port %d: %w", port, err)
	}
	return ui, nil
}

func (ui *webUI) url() string { return "http://" + address(ui.port) }

func (ui *webUI) answers(ctx context.Context) error {
	for _, path := range []string{"/", "/api/v1/settings"} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, ui.url()+path, nil)
		if err != nil {
			return fmt.Errorf("asking the Web UI for %s: %w", path, err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("the Web UI answers %s with %s", path, response.Status)
		}
	}
	return nil
}

func (ui *webUI) stop() { ui.server.Stop() }
