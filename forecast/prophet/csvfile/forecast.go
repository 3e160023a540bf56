package csvfile

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/etfcast/etfcast/etf"
	"github.com/etfcast/etfcast/forecast/prophet"
)

// WriteForecast writes a forecast as comma-separated text with the original's columns in the original's order: ds, trend,
// cap and floor if the model has them, yhat_lower, yhat_upper, trend_lower, trend_upper, each component with its bounds,
// yhat. If levels are given, the quantiles of prophet.PredictOptions.Levels follow, each named yhat_q and its level, such
// as yhat_q0.05. Numbers are the shortest that read back to the same bits; a missing number is an empty field. All dates
// have the same layout, as pandas writes them: without a time of day if all are midnights.
func WriteForecast(w io.Writer, fc *prophet.Forecast, levels []float64) error {
	if len(levels) != len(fc.Quantiles) && len(levels) > 0 {
		return etf.Invalid("levels", fmt.Sprintf("%d levels for %d quantiles", len(levels), len(fc.Quantiles)), "use the levels of the prediction")
	}
	names := fc.ColumnNames()
	columns := make([][]float64, len(names), len(names)+len(levels))
	for i, name := range names {
		if name != "ds" {
			columns[i] = fc.Column(name)
		}
	}
	for i, level := range levels {
		names = append(names, "yhat_q"+strconv.FormatFloat(level, 'f', -1, 64))
		columns = append(columns, fc.Quantiles[i])
	}
	for i, name := range names {
		if name != "ds" && len(columns[i]) != len(fc.DS) {
			return &etf.Error{Kind: etf.KindInternal, Field: name, Message: fmt.Sprintf("%d values for %d rows", len(columns[i]), len(fc.DS))}
		}
	}
	layout := StampLayout(fc.DS)
	return WriteRows(w, names, len(fc.DS), func(line []byte, row int) []byte {
		for i, x := range columns {
			if i > 0 {
				line = append(line, ',')
			}
			if x == nil {
				line = fc.DS[row].Time().AppendFormat(line, layout)
				continue
			}
			line = AppendNumber(line, x[row])
		}
		return line
	})
}

// WriteRows writes comma-separated text: a header with the column names, then one line for each of the rows, which
// appendRow appends to line without a line end. appendRow has to quote fields that contain a comma, a double quote or a
// line end.
func WriteRows(w io.Writer, names []string, rows int, appendRow func(line []byte, row int) []byte) error {
	out := bufio.NewWriter(w)
	header := csv.NewWriter(out)
	if err := header.Write(names); err != nil {
		return fmt.Errorf("writing a CSV: %w", err)
	}
	header.Flush()
	var line []byte
	for row := range rows {
		line = append(appendRow(line[:0], row), '\n')
		if _, err := out.Write(line); err != nil {
			return fmt.Errorf("writing a CSV: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing a CSV: %w", err)
	}
	return nil
}

// StampLayout returns the time.Format layout for all stamps of a column: without a time of day if all are midnights,
// otherwise with 0, 3 or 6 digits of fractional seconds, as many as any of them needs.
func StampLayout(ds []prophet.Stamp) string {
	layout := "2006-01-02"
	for _, s := range ds {
		switch {
		case s%(1000*prophet.Microsecond) != 0:
			return "2006-01-02 15:04:05.000000"
		case s%prophet.Second != 0:
			layout = "2006-01-02 15:04:05.000"
		case s%prophet.Day != 0 && len(layout) == len("2006-01-02"):
			layout = "2006-01-02 15:04:05"
		}
	}
	return layout
}

// AppendNumber appends v as the shortest decimal that reads back to the same bits, or nothing if v is NaN.
func AppendNumber(line []byte, v float64) []byte {
	if math.IsNaN(v) {
		return line
	}
	if size := math.Abs(v); size != 0 && (size < 1e-4 || size >= 1e16) {
		return strconv.AppendFloat(line, v, 'e', -1, 64)
	}
	return strconv.AppendFloat(line, v, 'f', -1, 64)
}
