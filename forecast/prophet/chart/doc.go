// Package chart draws what package prophet computes, as SVG and PNG: the forecast over its history, the components
// of a model, and a metric of cross-validation over the horizon. The figures are those of the original program
// (github.com/facebook/prophet 1.3.0, its module plot): the same panels in the same order, the same colours and sizes.
//
// The drawing functions take plain data, so that any forecast can be drawn: ForecastData, Panel, MetricData.
// ForecastOf and PanelsOf make them of a fitted model.
//
// What differs from the original's figures, to be read more easily:
//
//   - Ticks stand on whole years, months, days or hours, as many as there is room for their labels.
//   - Weekdays on which a market has no rows are gaps on grey ground in the weekly panel.
//   - Components of a model of log prices are shown as what they do to the price, in per cent.
//   - Points that fall within half a typographical point of each other are drawn once; for each half point of width a
//     line has at most four corners, and the band of a long forecast one above and one below. Nothing visible is lost,
//     and a figure stays small however long the history.
//
// The same data gives the same bytes. NaN is a missing value and leaves a gap; infinite values are refused. Text is in
// Liberation Sans: outlines in a PNG; in an SVG by name, with Arial and Helvetica, of the same widths, to fall back on.
//
// The package refuses to own files and to fit or score anything; it writes to an io.Writer.
package chart
