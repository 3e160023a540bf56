// Package combination forecasts with the weighted mean of other models' quantiles (Vincentisation: Vincent 1912; Lichtendahl,
// Grushka-Cockayne and Winkler 2013, "Is It Better to Average Probabilities or Quantiles?", Management Science 59(7)). The weights
// follow the members' past CRPS, newer ones counting more, and are part of the parameters.
package combination
