//go:build !withoutrecord

package worker

// withoutRecord is true in programs that neither score forecasts nor anchor them, by the build tag withoutrecord: `make bench-record`
// measures with one what the record costs. No setting leads there.
const withoutRecord = false
