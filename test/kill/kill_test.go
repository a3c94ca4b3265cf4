package kill

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

const (
	offered     = 1100 // requests a second
	wantRate    = 1000
	wantFlying  = 32
	serviceTime = 50 * time.Millisecond
	readyWithin = 3 * time.Second
)

func TestNothingIsLostOrDoubledByKills(t *testing.T) {
	kills := setting(t, "KILLS", 20)
	seed := uint64(setting(t, "SEED", int(time.Now().UnixNano()&0xffffffff)))
	fmt.Printf("kills %d, seed %d\n", kills, seed)
	random := rand.New(rand.NewPCG(seed, 0))

	service := startService(t, serviceTime)
	server := newServer(t, service.address)
	server.start(t)
	producer := startProducer(server.ingress, offered, seed)
	var slowest, up time.Duration
	for n := 1; n <= kills; n++ {
		began := time.Now()
		time.Sleep(time.Duration(300+random.IntN(900)) * time.Millisecond)
		flying := awaitFlying(t, service)
		server.kill(t)
		up += time.Since(began)
		ready := server.start(t)
		slowest = max(slowest, ready)
		fmt.Printf("kill %3d: %d calls in flight, ready again after %v\n", n, flying, ready.Round(time.Millisecond))
		if ready > readyWithin {
			t.Errorf("kill %d: ready after %v, want within %v", n, ready, readyWithin)
		}
	}
	began := time.Now()
	time.Sleep(time.Second)
	up += time.Since(began)
	producer.stop()
	rate := float64(producer.up.Load()) / up.Seconds()
	fmt.Printf("%.0f requests/s answered while up, slowest restart %v\n", rate, slowest.Round(time.Millisecond))
	if rate < wantRate {
		t.Errorf("%.0f requests/s, want at least %d: too little happened to prove anything", rate, wantRate)
	}
	verify(t, server, service, producer.sent)
	server.stop(t)
	server.check(t)
}

// awaitFlying waits until enough calls are in flight to make a kill worth something.
func awaitFlying(t *testing.T, s *service) int64 {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit); time.Sleep(time.Millisecond) {
		if n := s.inFlight.Load(); n >= wantFlying {
			return n
		}
	}
	t.Fatalf("never %d calls in flight within 20 s; now %d", wantFlying, s.inFlight.Load())
	return 0
}

func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s=%q: %v", name, text, err)
	}
	return n
}
