// Package stan maximises and samples a log density over real vectors, with the two optimisers and the sampler that
// Prophet uses from Stan, but without Stan.
//
// It owns
//   - LBFGS and Newton, which follow the recipes of Stan's optimisers with their constants, their stop tests and their
//     quirks, so that they stop where Stan stops. The paths are chaotic in floating point: two correct programs agree
//     on the log density and on what it determines well, not on every coordinate.
//   - NUTS, the No-U-Turn sampler with multinomial weights (Betancourt, A Conceptual Introduction to Hamiltonian Monte
//     Carlo, arXiv:1701.02434, appendix A) and Stan's warm-up schedule.
//   - RHat, ESSBulk and ESSTail, the checks of sampled chains (Vehtari, Gelman, Simpson, Carpenter and Bürkner,
//     Rank-Normalization, Folding, and Localization: An Improved R-hat, Bayesian Analysis 16(2), 2021).
//
// It owns no model: densities, their transformations to unconstrained vectors and the Jacobians come from the caller as
// a Density. It has no clock, no global state and no randomness except from the seeds it is given.
package stan
