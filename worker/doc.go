// Package worker assembles the Temporal workers: which workflows and activities are served on which task queue, how
// many at a time, with which limits.
//
// It refuses to own any side effect of the pipeline (package activities), the client side of Temporal (package dispatch)
// and any adapter: the store, the sources and the models are handed in.
package worker
