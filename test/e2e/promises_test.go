package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/recorder"
)

// limited is a configuration with one endpoint and its limits.
func limited(url, limits string) option {
	return configured("proxy:\n  endpoints:\n    app: {url: \"" + url + "\", " + limits + "}\n")
}

func TestAnEndpointIsNeverCalledMoreOftenAtOnceThanItsLimit(t *testing.T) {
	const limit = 3
	var running, most atomic.Int64
	r := record(t, func(recorder.Arrival) recorder.Reply {
		now := running.Add(1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		// The slot is free before the answer leaves: what comes after it may
		// start while its last byte is on the way.
		time.Sleep(5 * time.Millisecond)
		running.Add(-1)
		return recorder.Answer(200, "ok", fixedDate)
	})
	s := serve(t, limited(r.URL(), "concurrency: 3"))
	ids := make(chan string, 100)
	var clients sync.WaitGroup
	for range 10 {
		clients.Go(func() {
			for i := range 20 {
				sent := post("/stored", "x", "Prefer: respond-async")
				if i%2 == 0 {
					sent = get("/passed") // takes its slot from the same limit
				}
				got, err := trySend(s.address, sent)
				switch {
				case err != nil:
					t.Errorf("%s: %v", sent.target, err)
				case got.status == http.StatusAccepted:
					ids <- got.header.Get("OpenHQM-Correlation-Id")
				case got.status != http.StatusOK:
					t.Errorf("%s: status %d: %s", sent.target, got.status, got.text())
				}
			}
		})
	}
	clients.Wait()
	close(ids)
	for id := range ids {
		if final := s.settled(t, id); final.Status != "COMPLETED" || final.Attempts != 1 {
			t.Errorf("%s ended %+v", id, final)
		}
	}
	if got := most.Load(); got > limit {
		t.Errorf("%d calls at once, limit %d", got, limit)
	} else if got < limit {
		t.Errorf("never more than %d calls at once: too little happened to prove anything", got)
	}
	if arrived := len(r.Arrivals()); arrived != 200 {
		t.Errorf("%d arrivals, want 200", arrived)
	}
}

func TestAnEndpointIsNeverCalledFasterThanItsRate(t *testing.T) {
	const rate, burst, calls = 50, 2, 100
	r := record(t, recorder.Always(recorder.Answer(200, "ok", fixedDate)))
	s := serve(t, limited(r.URL(), "rate: 50/s, burst: 2"))
	for range calls {
		s.enqueue(t, post("/", "x"))
	}
	arrivals := waitArrivals(t, r, calls)
	for i := range arrivals {
		window := 0
		for _, later := range arrivals[i:] {
			if later.At.Sub(arrivals[i].At) < time.Second {
				window++
			}
		}
		// The rate is held where calls start; two may be read off their
		// connections a little closer together.
		if window > rate+burst+1 {
			t.Fatalf("%d calls within a second from the %d. on, want at most %d", window, i+1, rate+burst)
		}
	}
	if took := arrivals[calls-1].At.Sub(arrivals[0].At); took > 5*time.Second {
		t.Errorf("%d calls took %v at %d a second", calls, took, rate)
	}
}

func TestA429ClosesTheEndpointAndCostsNoAttempt(t *testing.T) {
	r := record(t, recorder.Sequence(recorder.Answer(429, "slow down", fixedDate, "Retry-After: 2"), recorder.Answer(200, "ok", fixedDate)))
	s := serve(t, endpoint(r.URL()), setting("WORKER__MAX_RETRIES", "0"))
	first := s.enqueue(t, post("/1", "x"))
	waitArrivals(t, r, 1)
	eventually(t, 5*time.Second, func() error { // the answer has to come back before it can close anything
		if held := s.metric(t, "openhqm_queue_holds")[`openhqm_queue_holds{queue_name="default",reason="cooldown"}`]; held != "1" {
			return fmt.Errorf("the hold is %q", held)
		}
		return nil
	})
	second := s.enqueue(t, post("/2", "x"))
	for _, id := range []string{first, second} {
		if final := s.settled(t, id); final.Status != "COMPLETED" || final.Attempts != 1 {
			t.Errorf("ended %+v, want COMPLETED in one attempt", final)
		}
	}
	arrivals := r.Arrivals()
	if len(arrivals) != 3 {
		t.Fatalf("%d arrivals, want the 429, its repeat and the other", len(arrivals))
	}
	if pause := arrivals[1].At.Sub(arrivals[0].At); pause < 2*time.Second {
		t.Errorf("called again after %v, Retry-After said 2 s", pause)
	}
}

func TestAHundredSubmitsWithOneKeyMakeOneMessage(t *testing.T) {
	r := record(t, recorder.Always(recorder.Answer(200, "paid", fixedDate)))
	s := serve(t, endpoint(r.URL()))
	ids := make([]string, 100)
	var clients sync.WaitGroup
	for i := range ids {
		clients.Go(func() {
			got, err := trySend(s.address, post("/pay", "42", `Idempotency-Key: "once"`, "Prefer: respond-async"))
			if err != nil || got.status != http.StatusAccepted && got.status != http.StatusOK {
				t.Errorf("status %d, %v: %s", got.status, err, got.text())
			}
			ids[i] = got.header.Get("OpenHQM-Correlation-Id")
		})
	}
	clients.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("two messages, %s and %s", ids[0], id)
		}
	}
	s.settled(t, ids[0])
	if arrived := len(r.Arrivals()); arrived != 1 {
		t.Errorf("%d arrivals, want one", arrived)
	}
}

func TestAFullQueueRefusesWithRetryAfterAndKeepsWhatItHas(t *testing.T) {
	release := make(chan struct{})
	r := record(t, recorder.Always(append(recorder.Reply{recorder.Hold(release)}, recorder.Answer(200, "ok", fixedDate)...)))
	s := serve(t, endpoint(r.URL()), setting("QUEUE__MAX_MESSAGES", "5"), setting("WORKER__CONCURRENCY", "1"))
	var accepted []string
	refused := 0
	for range 10 {
		got := send(t, s.address, post("/", "x", "Prefer: respond-async"))
		if got.status == http.StatusAccepted {
			accepted = append(accepted, got.header.Get("OpenHQM-Correlation-Id"))
			continue
		}
		wantProblem(t, got, http.StatusServiceUnavailable, "5 messages")
		if got.header.Get("Retry-After") == "" {
			t.Error("a 503 without Retry-After")
		}
		refused++
	}
	if len(accepted) != 5 || refused != 5 {
		t.Errorf("accepted %d and refused %d, want 5 and 5", len(accepted), refused)
	}
	close(release)
	for _, id := range accepted {
		if final := s.settled(t, id); final.Status != "COMPLETED" {
			t.Errorf("%s ended %+v", id, final)
		}
	}
	if arrived := len(r.Arrivals()); arrived != 5 {
		t.Errorf("%d arrivals, want the accepted ones only", arrived)
	}
	if got := send(t, s.address, post("/", "x", "Prefer: respond-async")); got.status != http.StatusAccepted {
		t.Errorf("with room again: status %d", got.status)
	}
}

func TestNoRequestChoosesWhereItsBytesGo(t *testing.T) {
	elsewhere := record(t, recorder.Always(recorder.Answer(200, "elsewhere", fixedDate)))
	r := record(t, recorder.Always(recorder.Answer(200, "configured", fixedDate)))
	s := serve(t, endpoint(r.URL()))
	other := elsewhere.Address()
	for name, sent := range map[string]request{
		"absolute target":   {method: "GET", target: "http://" + other + "/x", fields: []string{"Host: " + other}},
		"absolute, stored":  {method: "POST", target: "http://" + other + "/x", body: "x"},
		"host":              get("/x", "Host: "+other),
		"forwarded host":    get("/x", "X-Forwarded-Host: "+other, "Forwarded: host="+other),
		"user in the path":  get("/@" + other + "/x"),
		"double slash":      get("//" + other + "/x"),
		"backslashes":       get("/\\\\" + other + "/x"),
		"endpoint by URL":   post("/x", "x", "OpenHQM-Endpoint: http://"+other),
		"submit to a URL":   post("/api/v1/submit", `{"payload": 1, "metadata": {"endpoint": "http://`+other+`"}}`, "Content-Type: application/json"),
		"submit with a URL": post("/api/v1/submit", `{"payload": 1, "metadata": {"url": "http://`+other+`", "path": "//`+other+`/"}}`, "Content-Type: application/json"),
		"submit with Host":  post("/api/v1/submit", `{"payload": 1, "headers": {"Host": "`+other+`"}}`, "Content-Type: application/json"),
		"tunnel":            {method: "CONNECT", target: other, fields: []string{"Host: " + other}},
	} {
		t.Run(name, func(t *testing.T) {
			got := send(t, s.address, sent)
			if got.status == http.StatusAccepted {
				s.settled(t, got.header.Get("OpenHQM-Correlation-Id"))
			}
			if strings.Contains(string(got.body), "elsewhere") || len(elsewhere.Arrivals()) > 0 {
				t.Fatalf("the request went elsewhere: %d %s", got.status, got.text())
			}
		})
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	const token, password = "tok-3cf8a1", "pw-99e2b7"
	r := record(t, func(a recorder.Arrival) recorder.Reply {
		if a.Value("Authorization") != "Bearer "+token && !strings.HasPrefix(a.Value("Authorization"), "Basic ") {
			return recorder.Answer(401, "who are you", fixedDate)
		}
		if a.Target() == "/cut" {
			return recorder.Reply{recorder.Reset()}
		}
		return recorder.Answer(200, "ok", fixedDate)
	})
	config := fmt.Sprintf(`
monitoring: {log_level: debug}
proxy:
  enabled: true
  default_endpoint: a
  endpoints:
    a: {url: %q, auth_type: bearer, auth_token: "${A_TOKEN}"}
    b: {url: %q, auth_type: basic, auth_username: u, auth_password: "${B_PASSWORD}"}
`, r.URL(), r.URL())
	s := serve(t, configured(config), variable("A_TOKEN", token), variable("B_PASSWORD", password))
	var seen strings.Builder
	for _, sent := range []request{
		post("/x?key="+token, "x"), post("/cut", "x"), get("/x"), post("/x", "x", "OpenHQM-Endpoint: b"),
		post("/x", "x", "OpenHQM-Endpoint: c"), post("/x", "x", "Authorization: Bearer of-the-client-51d0"),
	} {
		got := send(t, s.address, sent)
		fmt.Fprintf(&seen, "%v %s\n", got.header, got.body)
	}
	for _, target := range []string{"/metrics", "/health", "/readyz", "/api/v1/endpoints", "/api/v1/queues", "/api/v1/messages", "/api/v1/dead"} {
		seen.WriteString(send(t, s.admin, get(target)).text())
	}
	s.stop(t)
	seen.WriteString(s.out.String())
	for _, secret := range []string{token, password, "of-the-client-51d0"} {
		if at := strings.Index(seen.String(), secret); at >= 0 {
			t.Errorf("%s was printed: ...%s...", secret, seen.String()[max(0, at-200):at+len(secret)])
		}
	}
	if arrived := r.Arrivals(); len(arrived) == 0 || arrived[0].Value("Authorization") != "Bearer "+token {
		t.Error("the endpoint was not sent its token")
	}
}
