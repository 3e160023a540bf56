// Package config is the options of a Prophet model as JSON: an object whose keys are the names of the original's
// arguments and a few more. One table (keys.go) says of each key what it is called, what it takes, how it is read and
// how it is written; documentation is made from the same table.
//
// Reading is strict: an unknown key, a key that is there twice and a value of the wrong type are errors that name the key
// and what to write. The package refuses to own files: it turns bytes into options and back.
package config
