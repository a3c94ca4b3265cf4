package main

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
)

// noise is what bodies and answers are cut out of.
type noise []byte

const largest = 8 << 20

func newNoise(seed uint64) noise {
	n := make(noise, 2*largest)
	stream := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	_, _ = stream.Read(n) // never fails
	return n
}

// piece returns a piece of some size.
func (n noise) piece(random *rand.Rand, size int) []byte {
	at := random.IntN(len(n) - size + 1)
	return n[at : at+size]
}

// size draws the size of a body: most are small, some lie beside their record, few are large.
func size(random *rand.Rand, big bool) int {
	switch p := random.IntN(1000); {
	case p < 100:
		return 0
	case p < 700:
		return random.IntN(1 << 10)
	case p < 950:
		return random.IntN(16 << 10)
	case p < 996:
		return random.IntN(128 << 10)
	case p < 999 || !big:
		return random.IntN(1 << 20)
	default:
		return random.IntN(largest + 1)
	}
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}
