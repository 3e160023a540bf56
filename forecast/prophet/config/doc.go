// Package config reads and writes the options of a Prophet model as JSON: an object whose keys are the names of the
// original's arguments and a few more. One table (keys.go) holds each key's name and values and how it is read and
// written; the documentation is generated from the same table.
//
// Reading is strict: an unknown key, a duplicate key or a value of the wrong type is an error that names the key and
// what to write. The package does not own files: it converts bytes to options and back.
package config
