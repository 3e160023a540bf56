// Package web is what the adapters of providers on the internet have in common: an HTTP client whose time, body and redirects
// are bounded and that keeps the credential out of everything it returns (Client), the classes of refusals that look the same
// everywhere (Client.Refused), and strict readers of JSON and CSV that say which field is not what it was, and where (Decode,
// ReadCSV).
//
// It does not know any provider: what one of them means by its own words is the business of its adapter, and so is
// judging prices.
package web
