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

// webUI is Temporal's Web UI: an HTTP server in this process that talks to the Temporal server over gRPC.
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
	go func() { _ = ui.server.Start() }() // it exits the process on error; the ports were checked before
	if err := until(ctx, ui.responds); err != nil {
		ui.stop()
		return nil, fmt.Errorf("waiting for the Web UI on port %d: %w", port, err)
	}
	return ui, nil
}

func (ui *webUI) url() string { return "http://" + address(ui.port) }

func (ui *webUI) responds(ctx context.Context) error {
	for _, path := range []string{"/", "/api/v1/settings"} {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, ui.url()+path, nil)
		if err != nil {
			return fmt.Errorf("requesting %s from the Web UI: %w", path, err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("the Web UI responded to GET %s with %s", path, response.Status)
		}
	}
	return nil
}

func (ui *webUI) stop() { ui.server.Stop() }
