package calendar_test

import (
	"fmt"
	"log"
	"time"

	"github.com/etfcast/etfcast/calendar"
	"github.com/etfcast/etfcast/etf"
)

// The session after a holiday: Thanksgiving 2025 is a Thursday, and the Friday after it closes at 13:00 in New York.
func Example() {
	nyse, err := calendar.For(etf.XNYS)
	if err != nil {
		log.Fatal(err)
	}
	thanksgiving := etf.MustSession("2025-11-27")
	fmt.Println(nyse.IsSession(thanksgiving))
	next, err := nyse.Next(thanksgiving)
	if err != nil {
		log.Fatal(err)
	}
	closes, err := nyse.Close(next)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(next, "closes at", closes.Format(time.RFC3339), "or", closes.In(nyse.Location()).Format("15:04 MST"))
	// Output:
	// false
	// 2025-11-28 closes at 2025-11-28T18:00:00Z or 13:00 EST
}

// A forecast's horizons are counted in sessions. From Thursday 2025-10-02, the first one in Seoul is after a week of
// holidays: National Foundation Day, Chuseok and Hangeul Day.
func ExampleCalendar_Nth() {
	origin := etf.MustSession("2025-10-02")
	for _, exchange := range []etf.Exchange{etf.XNYS, etf.XKRX} {
		c, err := calendar.For(exchange)
		if err != nil {
			log.Fatal(err)
		}
		for _, horizon := range []int{1, 5} {
			target, err := c.Nth(origin, horizon)
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(exchange, horizon, target)
		}
	}
	// Output:
	// XNYS 1 2025-10-03
	// XNYS 5 2025-10-09
	// XKRX 1 2025-10-10
	// XKRX 5 2025-10-16
}

// On a Saturday, the last closed session is Friday's; on Monday it still is, until the close.
func ExampleCalendar_LastClosed() {
	krx, err := calendar.For(etf.XKRX)
	if err != nil {
		log.Fatal(err)
	}
	for _, day := range []int{27, 29} { // 15:29 and 15:30 in Seoul
		for _, minute := range []int{29, 30} {
			now := time.Date(2025, time.September, day, 6, minute, 0, 0, time.UTC)
			last, err := krx.LastClosed(now)
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(now.Format("Mon 15:04"), last)
		}
	}
	// Output:
	// Sat 06:29 2025-09-26
	// Sat 06:30 2025-09-26
	// Mon 06:29 2025-09-26
	// Mon 06:30 2025-09-29
}

// What is no session is refused with the reason.
func ExampleCalendar_Check() {
	nyse, err := calendar.For(etf.XNYS)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(nyse.Check(etf.MustSession("2025-07-04")))
	// Output:
	// session: 2025-07-04 is not a trading day of XNYS: Independence Day; the nearest sessions are 2025-07-03 and 2025-07-07
}
