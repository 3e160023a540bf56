//go:build race

package activities

// raceDetector is on: everything takes several times as long.
const raceDetector = true
