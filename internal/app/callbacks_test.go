package app

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/openhqm/openhqm/queue"
)

const callbackSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

func TestAReloadChangesWhoIsTold(t *testing.T) {
	told := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.URL.Path }))
	t.Cleanup(receiver.Close)
	section := "callback: {allow: ['" + receiver.URL + "'], allow_networks: [127.0.0.1], secrets: [" + callbackSecret + "], concurrency: 3}"
	p := start(t, load(t, ""), Options{})
	submit := func(path string) int {
		t.Helper()
		return call(t, "POST", p.url+"/api/v1/submit", `{"payload":1,"metadata":{"callback_url":"`+receiver.URL+path+`"}}`).status
	}
	if got := submit("/before"); got != http.StatusForbidden {
		t.Errorf("without callbacks: %d", got)
	}

	if restart, err := p.Reload(load(t, section)); err != nil || len(restart) > 0 {
		t.Fatalf("keys %v, %v", restart, err)
	}
	if got := gateOf(t, p, queue.CallbackQueue).Limits.MaxLeased; got != 3 {
		t.Errorf("callbacks at once: %d", got)
	}
	if got := submit("/done"); got != http.StatusAccepted {
		t.Fatalf("with callbacks: %d", got)
	}
	if got := <-told; got != "/done" {
		t.Errorf("told at %s", got)
	}
	sender := p.live.Load().callbacks.sender
	if _, err := p.Reload(load(t, section+"\nproxy: {wait: 1s}")); err != nil {
		t.Fatal(err)
	}
	if p.live.Load().callbacks.sender != sender {
		t.Error("a reload that changes nothing of callbacks made a new sender")
	}
	if slices.ContainsFunc(p.live.queueNames(), queue.Hidden) || !slices.Contains(p.live.worked(), queue.CallbackQueue) {
		t.Errorf("queues %v, worked off %v", p.live.queueNames(), p.live.worked())
	}

	if _, err := p.Reload(load(t, strings.Replace(section, "concurrency: 3", "timeout: 1s", 1))); err != nil {
		t.Fatal(err)
	}
	if p.live.Load().callbacks.sender == sender {
		t.Error("the sender has not learnt of its new timeout")
	}
	if _, err := p.Reload(load(t, "")); err != nil {
		t.Fatal(err)
	}
	if got := submit("/after"); got != http.StatusForbidden {
		t.Errorf("without callbacks again: %d", got)
	}
}

func TestCallbacksHaveTheirOwnSchedule(t *testing.T) {
	c := load(t, "worker: {max_retries: 1}\ncallback: {max_retries: 7, retry_delay_base: 2s, retry_delay_max: 3s}\nserver: {public_url: 'https://q.example/base/'}")
	p := callbackPolicy(c)
	if p.MaxAttempts != 8 || p.Backoff != (queue.Backoff{Base: 2e9, Max: 3e9}) || p.MaxAge != queue.TicketMaxAge {
		t.Errorf("policy %+v", p)
	}
	if got := callbackConfig(c).Base; got != "https://q.example/base/api/v1" {
		t.Errorf("links begin with %s", got)
	}
}
