package flow_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhqm/openhqm/internal/flow"
	"github.com/openhqm/openhqm/queue"
)

// planned runs n retries through the budget after so many first attempts a second, and returns how many come in each
// second from now.
func planned(t *testing.T, firsts, n int, c flow.Config) (perSecond map[int]int, delayed int) {
	t.Helper()
	perSecond = map[int]int{}
	synctest.Test(t, func(t *testing.T) {
		f := flow.New(flow.Options{Config: func(string) flow.Config { return c }, Delayed: func(string) { delayed++ }})
		for range 10 {
			for range firsts {
				f.Ended(orders, queue.Call{Class: queue.Answered, Verdict: queue.VerdictResult, Status: 200, First: true, StartedAt: time.Now()})
			}
			time.Sleep(time.Second)
		}
		for i := range n {
			wanted := time.Duration(i%3) * time.Second
			after := f.Retry(orders, wanted)
			if after < wanted {
				t.Fatalf("wanted after %v, planned after %v", wanted, after)
			}
			perSecond[int(after/time.Second)]++
		}
	})
	return perSecond, delayed
}

func TestRetriesStayWithinTheBudget(t *testing.T) {
	// The bubble's second in which they are planned has begun, and has no first attempts yet: 9 of 10 seconds count.
	for _, c := range []struct{ firsts, most int }{{1000, 180}, {100, 18}, {10, flow.MinRetries}, {0, flow.MinRetries}} {
		const retries = 3000
		perSecond, delayed := planned(t, c.firsts, retries, standard())
		total := 0
		for second, n := range perSecond {
			if total += n; n > c.most {
				t.Errorf("%d first attempts a second: %d retries in second %d, want at most %d", c.firsts, n, second, c.most)
			}
		}
		if total != retries || delayed == 0 {
			t.Errorf("%d first attempts a second: %d of %d planned, %d put off", c.firsts, total, retries, delayed)
		}
		if longest := retries/c.most + 3; len(perSecond) > longest {
			t.Errorf("%d first attempts a second: spread over %d seconds, want at most %d", c.firsts, len(perSecond), longest)
		}
	}
}

func TestWithoutABudgetRetriesComeWhenTheyAreDue(t *testing.T) {
	c := standard()
	c.RetryPercent = 0
	perSecond, delayed := planned(t, 0, 300, c)
	if delayed != 0 || perSecond[0] != 100 || perSecond[1] != 100 || perSecond[2] != 100 {
		t.Errorf("%v, %d put off", perSecond, delayed)
	}
}

func TestABudgetIsFreeAgainWhenItsSecondsHavePassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := flow.New(flow.Options{Config: func(string) flow.Config { return standard() }})
		for range 5 {
			for range flow.MinRetries {
				if after := f.Retry(orders, 0); after != 0 {
					t.Fatalf("put off by %v", after)
				}
			}
			if after := f.Retry(orders, 0); after == 0 {
				t.Fatal("one more than the budget allows came at once")
			}
			time.Sleep(time.Minute)
		}
	})
}
