package report

import (
	"io"

	"github.com/etfcast/etfcast/etf"
)

// Write writes the page. Language is "en" or "ko".
func Write(w io.Writer, b etf.Backtest, language string) error { return nil }
