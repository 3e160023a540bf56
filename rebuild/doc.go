// Package rebuild makes an ETF's data again from the responses that its sources sent: it parses the stored bodies, applies the
// rules of package quality to their rows and stores the result in memory, version by version, as the pipeline did in the
// database. So it finds what has been changed in the database since.
//
// It begins with nothing. Each data version that a response caused is made from that response's body and from the versions made
// before, never from the stored bars. What people decided is input, as are bars that the whole market released: the changes recorded
// for such a version are applied, after a check that each only changes whether a bar is used, or gives it numbers that a stored body
// has, or brings back an earlier bar.
//
// The result is compared with what is recorded of every version. A difference means that one of the two was changed, unless another
// code version judged the response, by other rules: the forecasts issued around it tell. Such a version is taken as recorded, if the
// response has its numbers, and named.
package rebuild
