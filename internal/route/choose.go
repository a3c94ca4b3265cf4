package route

import (
	"hash/fnv"
	"math"
)

// Choose returns which of several endpoints with these weights a key belongs to: each gets its share of the keys, a key
// always the same one. When a weight changes, only keys that it gains or loses move (rendezvous hashing). names make the
// choice independent of the order; a weight of 0 gets nothing. It wants at least one weight above 0.
func Choose(key string, names []string, weights []int) int {
	best, bestScore := 0, math.Inf(-1)
	for i, name := range names {
		if weights[i] <= 0 {
			continue
		}
		h := fnv.New64a()
		_, _ = h.Write([]byte(name))
		_, _ = h.Write([]byte{0})
		_, _ = h.Write([]byte(key))
		uniform := (float64(mix(h.Sum64())>>11) + 0.5) / (1 << 53)
		if score := -float64(weights[i]) / math.Log(uniform); score > bestScore {
			best, bestScore = i, score
		}
	}
	return best
}

// mix spreads what FNV leaves alike in the high bits of short keys (the finalizer of MurmurHash3).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
