package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/etfcast/etfcast/etf"
)

// readyCommand is the health check for a container, whose image has neither shell nor curl.
func readyCommand(a *app) *cobra.Command {
	var url string
	cmd := &cobra.Command{
		Use:   "ready",
		Short: "Ask a running worker or API whether it is ready (exit code 0 or 4)",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), 4*time.Second)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				return etf.Invalid("url", err.Error(), "write http://host:port/readyz")
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				return etf.Wrap(etf.KindUnavailable, err, "checking readiness")
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
			if resp.StatusCode != http.StatusOK {
				return &etf.Error{Kind: etf.KindUnavailable, Field: "url", Message: fmt.Sprintf("the process is not ready; it responded %d: %s", resp.StatusCode, body)}
			}
			_, err = a.stdout.Write(body)
			return err
		},
	}
	cmd.Flags().StringVar(&url, "url", "http://127.0.0.1:8080/readyz", "URL of the process's /readyz")
	return cmd
}
