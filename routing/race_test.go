//go:build race

package routing_test

// The race detector makes sync.Pool forget at random, so that allocations can't be counted.
const raceDetector = true
