package prophet_test

import (
	"context"
	"fmt"
	"time"

	"github.com/etfcast/etfcast/forecast/prophet"
)

// Eight weeks of a shop that sells one item more each day, five more at weekends and two more every third day.
func ExampleModel_Fit() {
	history := &prophet.Frame{}
	for day := range 56 {
		date := prophet.DateOf(2024, time.January, 1+day)
		sold := 100 + float64(day)
		if w := date.Weekday(); w == time.Saturday || w == time.Sunday {
			sold += 5
		}
		if day%3 == 0 {
			sold += 2
		}
		history.DS, history.Y = append(history.DS, date), append(history.Y, sold)
	}

	model, err := prophet.New(prophet.Defaults())
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	fitted, err := model.Fit(ctx, history, prophet.FitOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	daily, err := prophet.ParseFreq("D")
	if err != nil {
		fmt.Println(err)
		return
	}
	future, err := fitted.MakeFuture(7, daily, false)
	if err != nil {
		fmt.Println(err)
		return
	}
	forecast, err := fitted.Predict(ctx, future, prophet.PredictOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(fitted.Report().Status)
	weekly := forecast.Column("weekly")
	for i, date := range forecast.DS {
		fmt.Printf("%s %s %.0f, weekday effect %+.1f\n", date, date.Weekday().String()[:3], forecast.Yhat[i], weekly[i])
	}
	// Output:
	// converged: maximum of the posterior
	// 2024-02-26 Mon 157, weekday effect -1.4
	// 2024-02-27 Tue 157, weekday effect -1.6
	// 2024-02-28 Wed 159, weekday effect -1.4
	// 2024-02-29 Thu 160, weekday effect -1.4
	// 2024-03-01 Fri 160, weekday effect -1.6
	// 2024-03-02 Sat 167, weekday effect +3.6
	// 2024-03-03 Sun 168, weekday effect +3.6
}
