//go:build !race

package storetest

// flood is how many thousand messages of one key stand before another.
const flood = 100
