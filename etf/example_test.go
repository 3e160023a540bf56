package etf_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"

	"github.com/etfcast/etfcast/etf"
)

// Prices are exact: what was read is what is written, and no float comes between.
func ExampleParsePrice() {
	price, err := etf.ParsePrice("661.82000000")
	if err != nil {
		log.Fatal(err)
	}
	half, _ := price.MulRatio(1, 2) // a 2:1 split
	text, err := json.Marshal(map[string]etf.Price{"before": price, "after": half})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(price, half, string(text))
	// Output: 661.82 330.91 {"after":330.91,"before":661.82}
}

// A session is a civil date on the exchange, not an instant.
func ExampleParseSession() {
	session, err := etf.ParseSession("2025-09-26")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(session, session.Weekday(), session.AddDays(3))
	_, err = etf.ParseSession("26.9.2025")
	fmt.Println(err)
	// Output:
	// 2025-09-26 Friday 2025-09-29
	// session: "26.9.2025" is not a date; write the session as YYYY-MM-DD, for example 2025-09-26
}

// The same request has the same ID, whatever the order of the symbols; a re-run has the attempt in its ID.
func ExampleDailyRunID() {
	session := etf.MustSession("2025-09-26")
	fmt.Println(etf.DailyRunID(etf.XNYS, session, nil, 1))
	fmt.Println(etf.DailyRunID(etf.XNYS, session, nil, 2).WorkflowID())
	fmt.Println(etf.DailyRunID(etf.XNYS, session, []etf.Symbol{"SPY", "QQQ"}, 1) == etf.DailyRunID(etf.XNYS, session, []etf.Symbol{"QQQ", "SPY"}, 1))
	// Output:
	// daily:XNYS:2025-09-26
	// daily/XNYS/2025-09-26/rerun-2
	// true
}

func ExampleParseRunID() {
	id, err := etf.ParseRunID("daily:XKRX:2025-09-26:rerun-2")
	if err != nil {
		log.Fatal(err)
	}
	key, err := id.Key()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(key.Workflow, key.Exchange, key.Session, key.Attempt)
	fmt.Println(id.Base())
	// Output:
	// daily XKRX 2025-09-26 2
	// daily:XKRX:2025-09-26
}

// An error's kind says what its caller can do about it, however often it has been wrapped.
func ExampleKindOf() {
	_, err := etf.ParseSymbol("spy")
	err = fmt.Errorf("register an ETF: %w", err)
	fmt.Println(etf.KindOf(err))
	var e *etf.Error
	if errors.As(err, &e) {
		fmt.Println(e.Field, "|", e.Message, "|", e.Remedy)
	}
	// Output:
	// invalid
	// symbol | "spy" is not a symbol | use 1 to 32 of A-Z 0-9 . _ - and begin with a letter or digit, for example SPY or 069500
}
