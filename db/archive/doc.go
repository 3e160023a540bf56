// Package archive stores databases of earlier releases as files: the rows of every table as SQL statements, and the facts
// that the release's own commands printed about them. The tests of package db load the archives, migrate them and read
// them with the current code. Command db/record creates them.
//
// It does not know the schema: it reads tables and columns from the server, so that the same code writes and reads an
// archive of any schema version.
package archive
