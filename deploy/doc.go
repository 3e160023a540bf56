// Package deploy holds what it takes, besides the binary, to run on real servers: the scripts and settings that the
// docker-compose.yml in the repository's root mounts. Its Go code is tests, which read that file as Compose does and
// check it against docs/operations.md.
package deploy
