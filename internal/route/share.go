package route

import "hash/fnv"

// InShare reports whether a key is among the given percentage of all keys. It is always the same keys, on every process and
// for every route: a higher percentage only adds some. 0 takes none, 100 all of them.
func InShare(key string, percent int) bool {
	h := fnv.New64a()
	_, _ = h.Write([]byte(key))
	return mix(h.Sum64())%100 < uint64(max(percent, 0))
}
