package api

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/service"
)

// BenchmarkBars serves 10,000 bars from an in-memory store: it measures the cost of the API itself.
func BenchmarkBars(b *testing.B) {
	f := &fixture{store: newFakeStore()}
	f.register(etf.XNYS, "SPY")
	f.storeBars("SPY", 10_000)
	handler, err := New(Deps{Service: service.New(service.Deps{Store: f.store})})
	if err != nil {
		b.Fatal(err)
	}
	for _, media := range []string{mediaJSON, mediaCSV} {
		b.Run(media, func(b *testing.B) {
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/v1/etfs/SPY/bars?limit=10000", nil)
				r.Host = "localhost"
				r.Header.Set("Accept", media)
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Body)
				}
			}
		})
	}
}
