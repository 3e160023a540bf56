// Package filecheck judges the prices of one file without a server: it reads the file as the file source does, applies
// the rules of package quality as an update of the ETF would, and says what they find, one line for each unbroken run of
// sessions.
//
// It does not own reading (source/file) or the rules (quality), and it opens no files: the caller hands it bytes and
// says when they were last changed.
package filecheck
