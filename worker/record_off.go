//go:build withoutrecord

package worker

const withoutRecord = true
