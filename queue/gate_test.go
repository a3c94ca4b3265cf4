package queue_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/openhqm/openhqm/queue"
)

var gateTime = time.Unix(1_764_000_000, 0)

func held(reason queue.HoldReason, d time.Duration) queue.GateChange {
	return queue.GateChange{Hold: []queue.HoldChange{{Reason: reason, For: d, Note: "why"}}}
}

func TestGateIsClosedByItsLongestHold(t *testing.T) {
	var g queue.Gate
	if _, _, closed := g.Closed(gateTime); closed {
		t.Fatal("a gate without holds is closed")
	}
	g = g.Apply(held(queue.HoldCooldown, time.Minute), gateTime)
	g = g.Apply(held(queue.HoldBreaker, time.Second), gateTime)
	if reason, hold, _ := g.Closed(gateTime); reason != queue.HoldCooldown || !hold.Until.Equal(gateTime.Add(time.Minute)) {
		t.Errorf("closed by %s until %v", reason, hold.Until)
	}
	g = g.Apply(held(queue.HoldPaused, 0), gateTime)
	if reason, hold, _ := g.Closed(gateTime); reason != queue.HoldPaused || !hold.Until.IsZero() {
		t.Errorf("closed by %s until %v", reason, hold.Until)
	}
	g = g.Apply(queue.GateChange{Release: []queue.HoldReason{queue.HoldPaused}}, gateTime)
	if _, _, closed := g.Closed(gateTime.Add(time.Minute - 1)); !closed {
		t.Error("open before the hold ends")
	}
	if _, _, closed := g.Closed(gateTime.Add(time.Minute)); closed {
		t.Error("closed when the hold has ended")
	}
}

func TestGateOfEqualHoldsNamesAlwaysTheSame(t *testing.T) {
	g := queue.Gate{}.Apply(held(queue.HoldPaused, 0), gateTime).Apply(held(queue.HoldAuth, 0), gateTime).Apply(held(queue.HoldOperator, 0), gateTime)
	for range 50 {
		if reason, _, _ := g.Closed(gateTime); reason != queue.HoldAuth {
			t.Fatalf("closed by %s, want the first by name", reason)
		}
	}
}

func TestTimedHoldNeverShortens(t *testing.T) {
	long := queue.Gate{}.Apply(held(queue.HoldCooldown, time.Hour), gateTime)
	for _, g := range []queue.Gate{
		long.Apply(held(queue.HoldCooldown, time.Minute), gateTime.Add(time.Second)),
		long.Apply(held(queue.HoldCooldown, 0), gateTime).Apply(held(queue.HoldCooldown, time.Minute), gateTime),
	} {
		if _, _, closed := g.Closed(gateTime.Add(time.Hour - 1)); !closed {
			t.Errorf("the hold was shortened: %+v", g.Holds)
		}
		if since := g.Holds[queue.HoldCooldown].Since; !since.Equal(gateTime) {
			t.Errorf("closed since %v, want the first time", since)
		}
	}
	longer := long.Apply(held(queue.HoldCooldown, 2*time.Hour), gateTime)
	if until := longer.Holds[queue.HoldCooldown].Until; !until.Equal(gateTime.Add(2 * time.Hour)) {
		t.Errorf("a longer hold ends at %v", until)
	}
}

func TestApplyLeavesTheGateBeforeAsItWas(t *testing.T) {
	before := queue.Gate{}.Apply(held(queue.HoldPaused, 0), gateTime)
	after := before.Apply(queue.GateChange{Release: []queue.HoldReason{queue.HoldPaused}, Limits: &queue.Limits{MaxLeased: 2}}, gateTime)
	if len(before.Holds) != 1 || before.Limits.MaxLeased != 0 || len(after.Holds) != 0 || after.Limits.MaxLeased != 2 {
		t.Errorf("before is %+v, after is %+v", before, after)
	}
	kept := after.Apply(held(queue.HoldAuth, 0), gateTime)
	if kept.Limits.MaxLeased != 2 {
		t.Error("a change that names no limits changed them")
	}
}

func TestApplyDropsHoldsThatEnded(t *testing.T) {
	g := queue.Gate{}.Apply(held(queue.HoldCooldown, time.Second), gateTime)
	if g = g.Apply(queue.GateChange{}, gateTime.Add(time.Second)); len(g.Holds) != 0 {
		t.Errorf("holds are %+v", g.Holds)
	}
}

// tokens takes what the bucket gives over a span, looking every step.
func tokens(b *queue.Bucket, l queue.Limits, span, step time.Duration) []time.Time {
	var taken []time.Time
	for now := gateTime; now.Before(gateTime.Add(span)); now = now.Add(step) {
		for b.Take(now, l) {
			taken = append(taken, now)
		}
	}
	return taken
}

func TestBucketNeverExceedsRateAndBurstInAnyWindow(t *testing.T) {
	for _, l := range []queue.Limits{{Rate: 1}, {Rate: 7, Burst: 3}, {Rate: 100, Burst: 1}, {Rate: 0.5, Burst: 2}, {Rate: 3, Burst: 50}} {
		var b queue.Bucket
		const span = 20 * time.Second
		taken := tokens(&b, l, span, time.Millisecond)
		for i, from := range taken {
			in := 0
			for _, at := range taken[i:] {
				if at.Sub(from) < time.Second {
					in++
				}
			}
			if most := l.Rate + float64(max(l.Burst, 1)); float64(in) > most {
				t.Fatalf("%+v: %d tokens within a second, want at most %v", l, in, most)
			}
		}
		if least := l.Rate * span.Seconds() * 0.98; float64(len(taken)) < least {
			t.Errorf("%+v: %d tokens in %v, want at least %.0f", l, len(taken), span, least)
		}
	}
}

// TestBucketGivesTheWholeRateToWhoComesLate takes each token a little after it has come, as a timer does.
func TestBucketGivesTheWholeRateToWhoComesLate(t *testing.T) {
	for _, l := range []queue.Limits{{Rate: 100, Burst: 1}, {Rate: 10, Burst: 1}, {Rate: 100, Burst: 5}, {Rate: 1000, Burst: 20}} {
		var b queue.Bucket
		var taken []time.Time
		const span = 20 * time.Second
		random := rand.New(rand.NewPCG(1, 2))
		for now := gateTime; now.Before(gateTime.Add(span)); {
			if !b.Take(now, l) {
				t.Fatalf("%+v: no token at the time that was announced", l)
			}
			taken = append(taken, now)
			if at := b.At(l); at.After(now) {
				now = at.Add(time.Duration(random.Int64N(int64(2 * time.Millisecond))))
			}
		}
		for i, from := range taken {
			in := 0
			for in < len(taken)-i && taken[i+in].Sub(from) < time.Second {
				in++
			}
			if most := l.Rate + float64(l.Burst); float64(in) > most {
				t.Fatalf("%+v: %d tokens within a second, want at most %v", l, in, most)
			}
		}
		if least := l.Rate * span.Seconds() * 0.98; float64(len(taken)) < least {
			t.Errorf("%+v: %d tokens in %v, want at least %.0f", l, len(taken), span, least)
		}
	}
}

func TestBucketSaysWhenTheNextTokenComes(t *testing.T) {
	l := queue.Limits{Rate: 4, Burst: 2}
	var b queue.Bucket
	for range 2 {
		if !b.Take(gateTime, l) {
			t.Fatal("a full bucket has no token")
		}
	}
	if b.Take(gateTime, l) {
		t.Fatal("a token beyond the burst")
	}
	at := b.At(l)
	if want := gateTime.Add(250 * time.Millisecond); !at.Equal(want) {
		t.Fatalf("next token at %v, want %v", at, want)
	}
	if b.Take(at.Add(-1), l) || !b.Take(at, l) {
		t.Fatal("the token did not come when it was announced")
	}
}

func TestEmptyBucketStartsWithoutTokens(t *testing.T) {
	l := queue.Limits{Rate: 10, Burst: 5}
	b := queue.EmptyBucket(gateTime, l)
	if b.Take(gateTime, l) {
		t.Fatal("an empty bucket has a token")
	}
	if at := b.At(l); !at.Equal(gateTime.Add(100 * time.Millisecond)) {
		t.Fatalf("the first token comes after %v", at.Sub(gateTime))
	}
	if n := len(tokens(&b, l, time.Second, time.Millisecond)); n != 9 && n != 10 {
		t.Fatalf("%d tokens in the first second", n)
	}
}

func TestBucketWithoutARateHasAlwaysATokenAndVerySlowOnesHold(t *testing.T) {
	var b queue.Bucket
	for range 1000 {
		if !b.Take(gateTime, queue.Limits{}) {
			t.Fatal("no token without a rate")
		}
	}
	if empty := queue.EmptyBucket(gateTime, queue.Limits{}); !empty.Take(gateTime, queue.Limits{}) {
		t.Fatal("no token without a rate")
	}
	for burst, wait := range map[int]time.Duration{1: 24 * time.Hour, 1_000_000: time.Minute} {
		slow := queue.Limits{Rate: 1e-15, Burst: burst}
		b = queue.EmptyBucket(gateTime, slow)
		if b.Take(gateTime.Add(wait), slow) {
			t.Fatalf("a token of a rate of one in thirty million years, with a burst of %d", burst)
		}
	}
}

func TestRecoveryBoundsTheLimitAndRemembersWhenItBegan(t *testing.T) {
	of := func(n int) queue.GateChange { return queue.GateChange{Recover: &n} }
	g := queue.Gate{Limits: queue.Limits{MaxLeased: 4}}
	if g.MaxLeased() != 4 {
		t.Errorf("a healthy gate allows %d", g.MaxLeased())
	}
	g = g.Apply(of(1), gateTime).Apply(of(2), gateTime.Add(time.Minute))
	if g.MaxLeased() != 2 || !g.Recovery.Since.Equal(gateTime) {
		t.Errorf("recovering, it allows %d since %v", g.MaxLeased(), g.Recovery.Since)
	}
	if g = g.Apply(of(9), gateTime); g.MaxLeased() != 4 {
		t.Errorf("recovery lifts the limit to %d", g.MaxLeased())
	}
	g.Limits.MaxLeased = 0
	if g.MaxLeased() != 9 {
		t.Errorf("without a limit, recovery allows %d", g.MaxLeased())
	}
	if g = g.Apply(of(0), gateTime); g.MaxLeased() != 0 || g.Recovery != (queue.Recovery{}) {
		t.Errorf("recovered, it is %+v", g)
	}
}
