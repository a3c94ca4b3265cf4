//go:build planted

package kill

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// demand is one request of the load of the points, with what was done about it afterwards.
type demand struct {
	request
	kind      string
	life      string
	redrives  int    // that were asked for
	withdrawn bool   // its cancellation was acknowledged before it was sent
	passing   bool   // its life has short times: it may expire, and be removed
	second    string // the ID under which its repeat was accepted
}

// load offers what reaches every point: bodies of both kinds, retries, dead letters, keys, delays, callbacks, cancels,
// redrives and purges.
type load struct {
	ingress, admin string
	client         *http.Client
	service        *service
	receiver       *receiver
	seq            atomic.Int64
	mu             sync.Mutex
	demands        []*demand
}

func newLoad(t *testing.T, ingress, admin string) *load {
	l := &load{ingress: ingress, admin: admin, service: startService(t, 0), receiver: startReceiver(t),
		client: &http.Client{Timeout: 40 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: senders}}}
	l.service.reply = reply
	return l
}

// reply answers by the path: 503 at the first arrival, 500 always, or late.
func reply(w http.ResponseWriter, r *http.Request, token string, arrival int) {
	switch r.URL.Path {
	case "/retry":
		if arrival == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	case "/fail":
		w.WriteHeader(http.StatusInternalServerError)
	case "/slow":
		time.Sleep(150 * time.Millisecond)
	default:
		time.Sleep(20 * time.Millisecond)
	}
	io.WriteString(w, answer(token, arrival)) // a caller that was killed
}

// receiver notes who was announced to it.
type receiver struct {
	address string
	mu      sync.Mutex
	told    map[string]map[string]bool // correlation ID -> webhook IDs
}

func startReceiver(t *testing.T) *receiver {
	r := &receiver{told: map[string]map[string]bool{}}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	r.address = s.Listener.Addr().String()
	return r
}

func (r *receiver) ServeHTTP(_ http.ResponseWriter, q *http.Request) {
	var notice struct {
		Data struct {
			ID         string `json:"correlation_id"`
			Generation int    `json:"generation"`
		} `json:"data"`
	}
	if json.NewDecoder(q.Body).Decode(&notice) != nil {
		return // a sender that was killed
	}
	time.Sleep(40 * time.Millisecond) // so that its lane is full
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told[notice.Data.ID] == nil {
		r.told[notice.Data.ID] = map[string]bool{}
	}
	r.told[notice.Data.ID][q.Header.Get("webhook-id")] = true
}

func (r *receiver) notices(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.told[id])
}

// start offers the load of one life; the function that it returns ends it.
func (l *load) start(life string, passing bool) (stop func()) {
	ended := make(chan struct{})
	var group sync.WaitGroup
	for _, step := range []func(*demand){l.plain, l.plain, l.large, l.retried, l.dead, l.keyed, l.cancelled, l.delayed, l.trash} {
		group.Go(func() { l.repeat(ended, life, passing, step) })
	}
	for range 24 { // more than a lane of callbacks lets run
		group.Go(func() { l.repeat(ended, life, passing, l.announced) })
	}
	return func() { close(ended); group.Wait() }
}

func (l *load) repeat(ended <-chan struct{}, life string, passing bool, step func(*demand)) {
	for {
		select {
		case <-ended:
			return
		default:
		}
		d := &demand{life: life, passing: passing, request: request{token: fmt.Sprintf("p%d", l.seq.Add(1))}}
		step(d)
		l.mu.Lock()
		l.demands = append(l.demands, d)
		l.mu.Unlock()
		time.Sleep(25 * time.Millisecond)
	}
}

func (l *load) plain(d *demand) { l.send(d, "plain", http.MethodPost, "/ok", 100) }
func (l *load) large(d *demand) { l.send(d, "large", http.MethodPut, "/ok", 100<<10) }
func (l *load) retried(d *demand) {
	l.send(d, "retried", http.MethodPut, "/retry", 100)
}

func (l *load) announced(d *demand) {
	l.send(d, "announced", http.MethodPost, "/ok", 100, "OpenHQM-Callback", "http://"+l.receiver.address+"/done")
}

// keyed sends a request twice under one key.
func (l *load) keyed(d *demand) {
	l.send(d, "keyed", http.MethodPost, "/ok", 100, "Idempotency-Key", d.token)
	if first := d.id; first != "" {
		l.send(d, "keyed", http.MethodPost, "/ok", 100, "Idempotency-Key", d.token)
		d.second, d.id = d.id, first
	}
}

// dead waits until a request has failed, and has it tried again.
func (l *load) dead(d *demand) {
	if l.send(d, "dead", http.MethodPost, "/fail", 100); d.id == "" {
		return
	}
	if code, body := l.call(http.MethodGet, "http://"+l.ingress+"/api/v1/status/"+d.id+"?wait=5s", ""); code == http.StatusOK && strings.Contains(body, `"FAILED"`) {
		d.redrives++ // also without an answer it may have been done
		l.call(http.MethodPost, "http://"+l.admin+"/api/v1/dead/"+d.id+"/redrive", "")
	}
}

// cancelled cancels a request while its call is under way.
func (l *load) cancelled(d *demand) {
	if l.send(d, "cancelled", http.MethodPut, "/slow", 100); d.id != "" {
		for range 100 {
			if _, body := l.call(http.MethodGet, "http://"+l.ingress+"/api/v1/status/"+d.id, ""); body == "" || strings.Contains(body, `"PROCESSING"`) {
				break
			}
		}
		l.call(http.MethodDelete, "http://"+l.ingress+"/api/v1/requests/"+d.id, "")
	}
}

// delayed submits what is due long after the test, and withdraws it.
func (l *load) delayed(d *demand) {
	envelope := fmt.Sprintf(`{"payload": 1, "headers": {%q: %q}, "metadata": {"delay": 3600, "path": "/ok"}}`, tokenField, d.token)
	d.kind = "delayed"
	code, body := l.call(http.MethodPost, "http://"+l.ingress+"/api/v1/submit", envelope)
	d.known = code != 0
	var accepted struct {
		ID string `json:"correlation_id"`
	}
	if code != http.StatusAccepted || json.Unmarshal([]byte(body), &accepted) != nil {
		return
	}
	d.id = accepted.ID
	code, _ = l.call(http.MethodDelete, "http://"+l.ingress+"/api/v1/requests/"+d.id, "")
	d.withdrawn = code == http.StatusOK
}

// trash sends what fails, and purges it.
func (l *load) trash(d *demand) {
	if l.send(d, "trash", http.MethodPost, "/fail", 100<<10, "OpenHQM-Endpoint", "trash"); d.id != "" {
		l.call(http.MethodGet, "http://"+l.ingress+"/api/v1/status/"+d.id+"?wait=5s", "")
		l.call(http.MethodDelete, "http://"+l.admin+"/api/v1/dead?queue=trash", "")
	}
}

// send makes one request and notes what was said to it.
func (l *load) send(d *demand, kind, method, path string, size int, fields ...string) {
	d.kind, d.safe, d.known = kind, method == http.MethodPut, false
	q, err := http.NewRequest(method, "http://"+l.ingress+path, bytes.NewReader(bytes.Repeat([]byte("x"), size)))
	if err != nil {
		panic(err)
	}
	q.Header.Set(tokenField, d.token)
	q.Header.Set("Prefer", "respond-async")
	for i := 0; i < len(fields); i += 2 {
		q.Header.Set(fields[i], fields[i+1])
	}
	response, err := l.client.Do(q)
	if err != nil {
		return
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return
	}
	d.known = true
	if response.StatusCode == http.StatusAccepted {
		d.id = response.Header.Get("OpenHQM-Correlation-Id")
	}
}

// call makes a call of the API; 0 if there was no answer.
func (l *load) call(method, url, body string) (int, string) {
	q, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	response, err := l.client.Do(q)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, ""
	}
	return response.StatusCode, string(text)
}

// verify reads back what became of every demand, over the last life.
func (l *load) verify(t *testing.T) {
	t.Helper()
	v := &verifier{server: &server{ingress: l.ingress}, service: l.service, client: l.client, states: map[string]int{}}
	work := make(chan *demand)
	var group sync.WaitGroup
	for range readers {
		group.Go(func() {
			for d := range work {
				if wrong := l.wrong(v, d); wrong != "" {
					v.report(&d.request, fmt.Sprintf("%s, sent before the crash at %s: %s", d.kind, d.life, wrong))
				}
			}
		})
	}
	for _, d := range l.demands {
		work <- d
	}
	close(work)
	group.Wait()
	fmt.Printf("sent %d: %v; faults %d\n", len(l.demands), v.states, len(v.faults))
	for i, f := range v.faults {
		if i == 20 {
			t.Errorf("... and %d more", len(v.faults)-i)
			break
		}
		t.Error(f)
	}
}

// wrong says what is wrong with the fate of a demand, or nothing.
func (l *load) wrong(v *verifier, d *demand) string {
	arrived := l.service.arrived(d.token)
	switch {
	case !d.safe && arrived > 1+d.redrives && d.id == "":
		return fmt.Sprintf("arrived %d times", arrived)
	case d.second != "" && d.second != d.id:
		return "was accepted again under its key, as " + d.second
	case d.id == "" && d.known && arrived > 0:
		return "was refused and arrived all the same"
	case d.id == "", d.kind == "trash":
		return ""
	case d.kind == "delayed" && !d.withdrawn:
		l.call(http.MethodDelete, "http://"+l.ingress+"/api/v1/requests/"+d.id, "")
	case d.withdrawn && arrived > 0:
		return "was withdrawn and arrived all the same"
	}
	state, reason, err := v.terminal(d.id)
	if err != nil {
		if d.passing && strings.HasPrefix(err.Error(), "status: 404") {
			return "" // its retention is over
		}
		return err.Error()
	}
	v.mu.Lock()
	v.states[strings.TrimSpace(state+" "+reason)]++
	v.mu.Unlock()
	if arrived = l.service.arrived(d.token); !d.safe && arrived > 1+d.redrives {
		return fmt.Sprintf("arrived %d times, redriven %d times", arrived, d.redrives)
	}
	if d.kind == "announced" {
		if wrong := l.announcedOnce(d.id); wrong != "" {
			return wrong
		}
	}
	switch ended := strings.TrimSpace(state + " " + reason); {
	case ended == "COMPLETED":
		return v.wrongResult(&d.request, arrived)
	case ended == "FAILED unknown_outcome" && !d.safe, ended == "FAILED poison" && d.safe, ended == "TIMEOUT" && d.passing,
		ended == "FAILED endpoint_error" && d.kind == "dead", ended == "CANCELLED" && (d.kind == "cancelled" || d.kind == "delayed"):
		return ""
	default:
		return "ended " + ended
	}
}

// announcedOnce waits until the receiver was told of a finished request: it may be told again, always under one ID.
func (l *load) announcedOnce(id string) string {
	for limit := time.Now().Add(30 * time.Second); time.Now().Before(limit); time.Sleep(10 * time.Millisecond) {
		switch n := l.receiver.notices(id); {
		case n == 1:
			return ""
		case n > 1:
			return fmt.Sprintf("was announced under %d IDs", n)
		}
	}
	return "has ended and was never announced"
}
