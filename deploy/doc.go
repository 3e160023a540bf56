// Package deploy holds what running on real servers needs beyond the binary: the scripts and settings that
// docker-compose.yml at the top mounts. Its Go code is a test that reads that file as Compose does and holds it to
// the promises made in docs/operations.md.
package deploy
