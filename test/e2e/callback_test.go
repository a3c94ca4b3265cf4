package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

// callbackKey signs the callbacks of these tests.
var callbackKey = []byte("0123456789abcdef0123456789abcdef")

// A notice is one callback as it arrived.
type notice struct {
	header http.Header
	body   []byte
}

// receiver is a server that is told of finished requests; answer says what it
// answers, and may be nil.
func receiver(t testing.TB, answer http.HandlerFunc) (string, <-chan notice) {
	t.Helper()
	arrived := make(chan notice, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the sender was killed
		}
		arrived <- notice{r.Header.Clone(), body}
		if answer != nil {
			answer(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, arrived
}

// next waits for a notice and verifies its signature by the text of Standard
// Webhooks, without the library that made it.
func next(t testing.TB, arrived <-chan notice) notice {
	t.Helper()
	var n notice
	select {
	case n = <-arrived:
	case <-time.After(exchangeTimeout):
		t.Fatal("no callback came")
	}
	sent, err := strconv.ParseInt(n.header.Get("webhook-timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(sent, 0)).Abs() > time.Minute {
		t.Errorf("webhook-timestamp %q is not now", n.header.Get("webhook-timestamp"))
	}
	mac := hmac.New(sha256.New, callbackKey)
	fmt.Fprintf(mac, "%s.%d.%s", n.header.Get("webhook-id"), sent, n.body)
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); n.header.Get("webhook-signature") != want {
		t.Errorf("webhook-signature %q, want %q", n.header.Get("webhook-signature"), want)
	}
	return n
}

// telling lists a receiver on this machine.
func telling(url string) option {
	return configured("callback:\n  allow: ['" + url + "/done']\n  allow_networks: [127.0.0.1]\n  secrets: [whsec_" +
		base64.StdEncoding.EncodeToString(callbackKey) + "]\n  retry_delay_base: 10ms\n  retry_delay_max: 100ms\n")
}

// callbackState is the member callback of a status.
type callbackState struct {
	State     string `json:"state"`
	URL       string `json:"url"`
	WebhookID string `json:"webhook_id"`
}

func (s *server) callback(t testing.TB, id string) callbackState {
	t.Helper()
	var got struct {
		Callback callbackState `json:"callback"`
	}
	decode(t, send(t, s.address, get("/api/v1/status/"+id)), &got)
	return got.Callback
}

// delivered waits until the callback of a request has been delivered.
func (s *server) delivered(t testing.TB, id string) callbackState {
	t.Helper()
	var got callbackState
	eventually(t, exchangeTimeout, func() error {
		if got = s.callback(t, id); got.State != "delivered" {
			return fmt.Errorf("the callback is %q", got.State)
		}
		return nil
	})
	return got
}

func TestAFinishedRequestIsAnnouncedSigned(t *testing.T) {
	t.Parallel()
	url, arrived := receiver(t, nil)
	s := serve(t, telling(url))
	captured := s.enqueue(t, post("/orders", "secret body", "OpenHQM-Callback: "+url+"/done?token=t0ken"))
	n := next(t, arrived)
	var told struct {
		Type string `json:"type"`
		Data struct {
			ID    string            `json:"correlation_id"`
			State string            `json:"state"`
			Links map[string]string `json:"links"`
		} `json:"data"`
	}
	if err := json.Unmarshal(n.body, &told); err != nil {
		t.Fatal(err)
	}
	if told.Type != "request.completed" || told.Data.ID != captured || told.Data.State != "done" {
		t.Errorf("the callback says %s", n.body)
	}
	if strings.Contains(string(n.body), "secret body") {
		t.Errorf("the callback holds the request: %s", n.body)
	}
	if a := send(t, s.address, get(told.Data.Links["raw"])); a.status != http.StatusOK {
		t.Errorf("the link of the answer gives %d: %s", a.status, a.text())
	}
	if got := s.delivered(t, captured); got.WebhookID != n.header.Get("webhook-id") || got.URL != url+"/done?token=***" {
		t.Errorf("the status says %+v", got)
	}

	submitted := send(t, s.address, post("/api/v1/submit",
		`{"payload":{"a":1},"metadata":{"callback_url":"`+url+`/done"}}`, "Content-Type: application/json"))
	if submitted.status != http.StatusAccepted {
		t.Fatalf("status %d: %s", submitted.status, submitted.text())
	}
	id := submitted.header.Get("OpenHQM-Correlation-Id")
	if second := next(t, arrived); !strings.Contains(string(second.body), id) {
		t.Errorf("the callback of %s says %s", id, second.body)
	}
	s.delivered(t, id)
	if out, code := s.cli(t, "queue", "list"); code != 0 || strings.Contains(out, "_callbacks") {
		t.Errorf("exit code %d; the list of queues:\n%s", code, out)
	}
}

func TestACallbackThatAKillCutsComesAgainUnderItsID(t *testing.T) {
	t.Parallel()
	killed := make(chan struct{})
	url, arrived := receiver(t, func(_ http.ResponseWriter, _ *http.Request) { <-killed })
	options := []option{telling(url), setting("WORKER__LEASE", "2s"), dataIn(t.TempDir() + "/data")}
	s := serve(t, options...)
	id := s.enqueue(t, post("/orders", "x", "OpenHQM-Callback: "+url+"/done"))
	first := next(t, arrived)
	if got := s.settled(t, id); got.Status != "COMPLETED" {
		t.Errorf("the request is %s while its callback is under way", got.Status)
	}
	before := s.callback(t, id)
	s.kill(t)
	close(killed)

	s = serve(t, options...)
	again := next(t, arrived)
	if a, b := first.header.Get("webhook-id"), again.header.Get("webhook-id"); a == "" || a != b || a != before.WebhookID {
		t.Errorf("webhook-id %q, after the kill %q; the status said %q", a, b, before.WebhookID)
	}
	if string(first.body) != string(again.body) {
		t.Errorf("before the kill %s\nafter it        %s", first.body, again.body)
	}
	s.delivered(t, id)
}

func TestAnEarlierResultIsAnnouncedAfterAKill(t *testing.T) {
	t.Parallel()
	gone := freeAddress(t)
	data := dataIn(t.TempDir() + "/data")
	s := serve(t, telling("http://"+gone), data)
	id := s.enqueue(t, post("/orders", "x", "OpenHQM-Callback: http://"+gone+"/done"))
	s.settled(t, id)
	before := s.callback(t, id)
	if before.State != "pending" {
		t.Errorf("nobody listens, and the callback is %q", before.State)
	}
	s.kill(t)

	arrived := make(chan notice, 100)
	listener, err := net.Listen("tcp", gone)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- notice{r.Header.Clone(), body}
	}), ReadHeaderTimeout: exchangeTimeout}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	s = serve(t, telling("http://"+gone), data)
	if got := next(t, arrived).header.Get("webhook-id"); got != before.WebhookID {
		t.Errorf("webhook-id %q, want %q", got, before.WebhookID)
	}
	s.delivered(t, id)
}

func TestAReceiverThatIsNotListedIsRefused(t *testing.T) {
	t.Parallel()
	url, arrived := receiver(t, nil)
	s := serve(t, telling(url))
	for _, other := range []string{url + "/other", "http://169.254.169.254/latest", "https://example.com/done"} {
		a := send(t, s.address, post("/orders", "x", "Prefer: respond-async", "OpenHQM-Callback: "+other))
		wantProblem(t, a, http.StatusForbidden, "OpenHQM-Callback", "callback.allow")
		a = send(t, s.address, post("/api/v1/submit", `{"payload":1,"metadata":{"callback_url":"`+other+`"}}`))
		wantProblem(t, a, http.StatusForbidden, "metadata.callback_url", "callback.allow")
	}
	wantProblem(t, send(t, s.address, post("/orders", "x", "OpenHQM-Callback: nowhere")), http.StatusBadRequest, "OpenHQM-Callback")
	plain := serve(t)
	wantProblem(t, send(t, plain.address, post("/orders", "x", "OpenHQM-Callback: "+url+"/done")), http.StatusForbidden,
		"callback.allow", "callback.secrets")
	if len(arrived) > 0 {
		t.Error("a receiver was called that no request could name")
	}
}

// What operators ask of requests they may ask of callbacks, which lie in a queue that is not shown with the others.
func TestACallbackThatFailedIsExplainedAuditedAndExported(t *testing.T) {
	t.Parallel()
	url, arrived := receiver(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	s := serve(t, telling(url), setting("CALLBACK__MAX_RETRIES", "0"))
	id := s.enqueue(t, post("/orders", "x", "OpenHQM-Callback: "+url+"/done?token=t0ken"))
	next(t, arrived)
	var ticket string
	eventually(t, exchangeTimeout, func() error {
		got := s.callback(t, id)
		if ticket = got.WebhookID; got.State != "failed" {
			return fmt.Errorf("the callback is %q", got.State)
		}
		return nil
	})
	for _, c := range []struct {
		args  []string
		words []string
	}{
		{[]string{"explain", ticket}, []string{"failed at", "attempts_exhausted"}},
		{[]string{"queue", "explain", "_callbacks"}, []string{"nothing waits in `_callbacks`"}},
		{[]string{"audit", ticket}, []string{"callback for request " + id, "answered 500"}},
		{[]string{"audit"}, nil},
		{[]string{"dead", "export", "--queue", "_callbacks"}, []string{ticket, `"subject":"` + id + `"`}},
		{[]string{"dead", "export", "--queue", "_callbacks", "--format", "curl"}, []string{"# a callback for request " + id, "openhqm dead redrive " + ticket}},
		{[]string{"dead", "redrive", ticket}, nil},
	} {
		out, code := s.cli(t, c.args...)
		if code != 0 || strings.Contains(out, "t0ken") {
			t.Errorf("openhqm %s: exit code %d: %s", strings.Join(c.args, " "), code, out)
		}
		mentions(t, out, c.words...)
	}
	next(t, arrived) // by the redrive, signed like the first
}
