// Package start builds what a Temporal client needs to start the workflows: options with business IDs, policies,
// summaries and search attributes, and the schedules. The API, the command line and the schedules all go through
// it, so that the same request is the same run whoever asks.
//
// It is apart from package workflows because workflows knows nothing of clients. It refuses to own the client and
// any decision about what to start.
package start
