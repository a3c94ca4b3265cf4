//go:build race

package e2e

// raceDetector says that these tests, and so the binary, carry the race detector.
const raceDetector = true
