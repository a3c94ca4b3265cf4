package app

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
)

// TestTenantsTakeTurnsAtAnEndpoint lets one tenant pile up work, and counts how soon those of others are served: once with
// shares that nobody has set, and once with one at a time.
func TestTenantsTakeTurnsAtAnEndpoint(t *testing.T) {
	for name, test := range map[string]struct {
		fairness string
		alone    int // calls at once of one tenant alone
		ahead    int // of the others' that may end before a tenant that comes late has begun
	}{"an even share": {"header: X-Tenant-Id", 4, 8}, "one at a time": {"header: X-Tenant-Id, concurrency: 1", 1, 0}} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var order []string
			running, most := 0, 0
			release := make(chan struct{})
			url := backend(t, func(_ http.ResponseWriter, r *http.Request) {
				tenant, _ := io.ReadAll(r.Body)
				mu.Lock()
				order = append(order, string(tenant))
				running++
				most = max(most, running)
				mu.Unlock()
				<-release
				mu.Lock()
				running--
				mu.Unlock()
			})
			c := load(t, "proxy: {endpoints: {a: {url: '"+url+"', concurrency: 4}}}\nroutes:\n  - {name: r, endpoint: a, mode: async, fairness: {"+test.fairness+"}}\n")
			p := start(t, c, Options{})
			submit := func(tenant string, n int) {
				t.Helper()
				for range n {
					if got := call(t, "POST", p.url+"/", tenant, "X-Tenant-Id", tenant); got.status != http.StatusAccepted {
						t.Fatalf("status %d: %s", got.status, got.body)
					}
				}
			}
			began := func() []string {
				mu.Lock()
				defer mu.Unlock()
				return append([]string(nil), order...)
			}
			submit("flood", 60)
			await(t, fmt.Sprintf("%d calls of one tenant", test.alone), func() bool { return len(began()) == test.alone })
			submit("late", 10)
			submit("third", 10)
			// One call ends at a time, and the next one begins, until those who came late have had their first turn. With one at a time
			// there is room for all three at once.
			ended := 0
			for want := max(test.alone, 3); ; want++ {
				await(t, fmt.Sprintf("call %d", want), func() bool { return len(began()) == want })
				if now := began(); slices.Contains(now, "late") && slices.Contains(now, "third") || ended > test.ahead {
					break
				}
				release <- struct{}{}
				ended++
			}
			if ended > test.ahead {
				t.Errorf("%d calls ended before those who came late had begun: %v", ended, began())
			}
			for range 80 - ended {
				release <- struct{}{}
			}
			await(t, "all calls", func() bool { return len(began()) == 80 })
			mu.Lock()
			defer mu.Unlock()
			if most > 4 || test.alone == 1 && most > 3 {
				t.Errorf("%d calls at once", most)
			}
		})
	}
}

// TestTheShareOfATenantIsThatOfItsEndpoint reads what a route without a number of its own comes to.
func TestTheShareOfATenantIsThatOfItsEndpoint(t *testing.T) {
	for keys, want := range map[string]int{"concurrency: 7": 7, "": 64} {
		c := load(t, "proxy: {endpoints: {a: {url: 'http://localhost:1', "+keys+"}}}\nroutes:\n  - {name: r, endpoint: a, fairness: {claim: realm.tenant}}\n")
		made, err := (&builder{}).build(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer made.closeWhatIsNotIn(nil)
		action, err := routeAction(c, &c.Routes[0], made.table)
		if err != nil {
			t.Fatal(err)
		}
		if got := action.Choices[0]; got.FairShare != want || got.Fair.Claim != "realm.tenant" {
			t.Errorf("with %q the share is %d of %v, want %d", keys, got.FairShare, got.Fair, want)
		}
	}
}
