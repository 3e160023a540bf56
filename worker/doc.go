// Package worker assembles the Temporal workers: which workflows and activities are served on which task queue, how
// many at a time, with which limits.
//
// The pipeline's side effects belong to package activities, the client side of Temporal to package dispatch. Adapters
// (the store, the sources and the models) are passed in.
package worker
