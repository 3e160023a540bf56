package csvfile_test

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/etfcast/etfcast/forecast/prophet"
	"github.com/etfcast/etfcast/forecast/prophet/csvfile"
)

func ExampleReadFrame() {
	options := prophet.Defaults()
	options.Regressors = []prophet.Regressor{{Name: "price"}}
	want := csvfile.ColumnsOf(options, true)

	history, err := csvfile.ReadFrame(strings.NewReader("ds,y,price,note\n2024-01-01,12,0.9,open\n2024-01-02,,0.8,closed\n"), want)
	fmt.Println(history.Len(), history.Y, history.Columns["price"], err)

	_, err = csvfile.ReadFrame(strings.NewReader("ds,y,price\n2024-01-01,twelve,0.9\n"), want)
	fmt.Println(err)
	// Output:
	// 2 [12 NaN] [0.9 0.8] <nil>
	// y, line 2: "twelve" is not a number; write a number such as 1234.5, or leave it empty for a missing value
}

func ExampleWriteForecast() {
	forecast := &prophet.Forecast{
		DS:    []prophet.Stamp{prophet.DateOf(2024, time.January, 1), prophet.DateOf(2024, time.January, 2)},
		Trend: []float64{10, 10.5}, Yhat: []float64{12, 12.25}, Quantiles: [][]float64{{11, 11.5}, {13, 13.5}},
	}
	if err := csvfile.WriteForecast(os.Stdout, forecast, []float64{0.05, 0.95}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// ds,trend,yhat,yhat_q0.05,yhat_q0.95
	// 2024-01-01,10,12,11,13
	// 2024-01-02,10.5,12.25,11.5,13.5
}
