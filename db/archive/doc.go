// Package archive keeps databases of earlier releases as files: the rows of every table as SQL statements, and what the
// release that wrote them said about them. The tests of package db load them, migrate them and read them with today's
// code. Command db/record makes them.
//
// It refuses to know the schema: tables and columns are the server's own account of them, so that a file of any schema
// version is written and read by the same code.
package archive
