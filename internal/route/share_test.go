package route_test

import (
	"fmt"
	"testing"

	"github.com/openhqm/openhqm/internal/route"
)

func TestAHigherShareOnlyAddsKeys(t *testing.T) {
	const keys = 10_000
	in := 0
	taken := make([]bool, keys)
	for percent := 0; percent <= 100; percent++ {
		for i := range taken {
			now := route.InShare(fmt.Sprint("tenant-", i), percent)
			if taken[i] && !now {
				t.Fatalf("at %d %% tenant-%d is no longer taken", percent, i)
			}
			if now && !taken[i] {
				taken[i] = true
				in++
			}
		}
		if off := in - keys*percent/100; off < -keys/50 || off > keys/50 || percent%100 == 0 && off != 0 {
			t.Errorf("%d %% takes %d of %d keys", percent, in, keys)
		}
	}
}
