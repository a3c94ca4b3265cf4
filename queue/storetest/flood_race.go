//go:build race

package storetest

// flood is smaller under the race detector, which makes a minute of seconds.
const flood = 10
