// Command calendars prints every session of all exchanges as JSON lines, for compare.py:
//
//	{"exchange":"XNYS","session":"2025-09-26","open":"2025-09-26T13:30:00Z","close":"2025-09-26T20:00:00Z"}
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

type line struct {
	Exchange etf.Exchange `json:"exchange"`
	Session  etf.Session  `json:"session"`
	Open     time.Time    `json:"open"`
	Close    time.Time    `json:"close"`
}

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "calendars:", err)
		os.Exit(1)
	}
}

func run(w io.Writer) error {
	out := bufio.NewWriter(w)
	encoder := json.NewEncoder(out)
	for _, exchange := range etf.Exchanges() {
		c, err := calendar.For(exchange)
		if err != nil {
			return err
		}
		for _, session := range c.Sessions(etf.Window{}) {
			opens, err := c.Open(session)
			if err != nil {
				return err
			}
			closes, err := c.Close(session)
			if err != nil {
				return err
			}
			if err := encoder.Encode(line{exchange, session, opens, closes}); err != nil {
				return fmt.Errorf("print session %s of %s: %w", session, exchange, err)
			}
		}
	}
	return out.Flush()
}
