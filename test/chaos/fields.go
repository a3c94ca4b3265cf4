package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
)

// checkedPrefix begins the names of the fields whose way is checked, in both directions.
const checkedPrefix = "X-Chaos-"

// someFields draws header fields: repeated ones, whose order counts, empty ones and bytes beyond ASCII.
func someFields(random *rand.Rand) http.Header {
	h := http.Header{}
	for n := random.IntN(4); n > 0; n-- {
		name := fmt.Sprintf("%s%d", checkedPrefix, random.IntN(5))
		h[name] = append(h[name], someValues[random.IntN(len(someValues))])
	}
	if random.IntN(4) == 0 {
		h["Cookie"] = []string{fmt.Sprintf("session=%d; theme=\"dark blue\"", random.IntN(1000))}
	}
	return h
}

var someValues = []string{"plain", "", "a, b", `W/"quoted; text"`, "caf\xe9 \xe2\x82\xac", "two  blanks", "%2F=%00", strings.Repeat("long ", 400)}

// fieldsDigest is a digest of the checked fields: names, and the values of each in order. "" if there is none.
func fieldsDigest(h http.Header) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if name != "Cookie" && !strings.HasPrefix(name, checkedPrefix) {
			continue
		}
		for _, value := range h[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, strings.TrimSpace(value))
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return digest([]byte(b.String()))
}
