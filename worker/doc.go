// Package worker assembles the Temporal workers: which workflows and activities are served on which task queue, how
// many at a time, with which limits. It also holds what needs a Temporal client and belongs to no workflow: waiting
// until Temporal is there, the namespace's search attributes, and who polls which task queue.
//
// It refuses to own any side effect of the pipeline (package activities) and any adapter: the store, the sources
// and the models are handed in.
package worker
