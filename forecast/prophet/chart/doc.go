// Package chart draws what package prophet computes, as SVG and PNG: the forecast over its history, the components
// of a model, and a metric of cross-validation over the horizon. The figures are those of the original program
// (github.com/facebook/prophet 1.5.0, its module plot): the same panels in the same order, the same colours and sizes.
//
// The drawing functions take plain data, so that any forecast can be drawn: ForecastData, Panel, MetricData.
// ForecastOf and PanelsOf make them from a fitted model.
//
// Differences from the original's figures, to make them easier to read:
//
//   - Ticks fall on whole years, months, days or hours, as many as their labels leave room for.
//   - Weekdays on which a market has no rows are gaps on a grey background in the weekly panel.
//   - Components of a model of log prices are shown as their effect on the price, in per cent.
//   - Points within half a typographical point of each other are drawn once; for each half point of width a line has
//     at most four corners, and the band of a long forecast one above and one below. Nothing visible is lost, and a
//     figure stays small however long the history.
//
// The same data gives the same bytes. NaN is a missing value and leaves a gap; infinite values are refused. Text is in
// Liberation Sans: as outlines in a PNG; by name in an SVG, with Arial and Helvetica, which have the same widths, as
// fallbacks.
//
// The package owns no files, and fits and scores nothing; it writes to an io.Writer.
package chart
