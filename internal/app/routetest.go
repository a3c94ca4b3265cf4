package app

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/openhqm/openhqm/internal/api"
	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/telemetry"
	"github.com/openhqm/openhqm/queue"
)

// RouteTest says where a request would go, why, and what would be sent.
type RouteTest struct {
	Verdicts []RouteVerdict `json:"verdicts"`        // of the routes, up to the one that takes it
	Route    string         `json:"route,omitempty"` // the route that takes it
	Refusal  string         `json:"refusal,omitempty"`
	Status   int            `json:"status,omitempty"` // of the refusal

	Endpoint string `json:"endpoint,omitempty"`
	Mode     string `json:"mode,omitempty"`
	Straight string `json:"straight,omitempty"` // why it is sync though the route's mode would store it: share or bypass
	Queued   string `json:"queued,omitempty"`   // why it is stored though the route queues only some: share, or request (it asks for it)
	Wait     string `json:"wait,omitempty"`     // how long auto holds, and sync stands in line

	Priority    int    `json:"priority,omitempty"`
	Delay       string `json:"delay,omitempty"`
	MaxAge      string `json:"max_age,omitempty"`
	OrderingKey string `json:"ordering_key,omitempty"`
	FairnessKey string `json:"fairness_key,omitempty"`
	Caller      string `json:"caller,omitempty"`
	Keyed       bool   `json:"idempotency_key,omitempty"`
	Dedupe      string `json:"dedupe,omitempty"`

	Method string      `json:"method,omitempty"`
	URL    string      `json:"url,omitempty"`
	Host   string      `json:"host,omitempty"`
	Header http.Header `json:"headers,omitempty"` // secrets masked

	Body string `json:"body,omitempty"` // of a submit: the payload, transformed

	Turned string `json:"turned,omitempty"` // what an operator turned of the route's switch while the server ran
	Note   string `json:"note,omitempty"`   // what could not be found out

	percent int // of the keys whose requests the route queues
}

// RouteVerdict is whether one route takes the request.
type RouteVerdict struct {
	Route   string `json:"route"`
	Matches bool   `json:"matches"`
	Why     string `json:"why"`
}

// TestRoute decides a request as a process with this configuration would; nothing is stored or sent. The request's RequestURI
// is its target.
func TestRoute(c *config.Config, extend Extensions, r *http.Request) (*RouteTest, error) {
	b := &builder{handlers: extend.Handlers, options: endpoint.Options{Pseudonym: "openhqm"}}
	unread := b.switches.load(switchesIn(c))
	s, err := b.build(c, nil)
	if err != nil {
		return nil, err
	}
	defer s.closeWhatIsNotIn(nil)
	t := &RouteTest{Verdicts: []RouteVerdict{}}
	if unread != nil {
		t.Note = "what operators turned is not known: " + unread.Error()
	}
	if api.IsSubmit(c.Server.APIPrefix, r) {
		return t, t.submitted(c, s, r)
	}
	d, problem := ingress.Preview(ingress.Config{MaxBody: int64(c.Proxy.MaxRequestSize), MaxHeaderBytes: int(c.Server.MaxHeaderBytes)}, s.table, r)
	t.Route = d.Route
	for _, v := range d.Verdicts {
		t.Verdicts = append(t.Verdicts, RouteVerdict(v))
	}
	if problem != nil {
		t.Refusal, t.Status = problem.Detail, problem.Status()
		return t, nil
	}
	if d.Route != "" {
		t.turned(b.switches.state(d.Route))
	}
	t.Endpoint, t.Mode, t.Straight = d.Target.Name, d.Mode.String(), string(d.Straight)
	if d.Mode != ingress.ModeAsync {
		t.Wait = d.Wait.String()
	}
	if d.Mode != ingress.ModeSync {
		t.asked(&d)
		t.percent = d.Percent
		switch {
		case d.Percent >= 100:
		case d.Asks:
			t.Queued = queuedByRequest
		default:
			t.Queued = queuedByShare
		}
	}
	if q := s.queues[d.Target.Queue]; q.endpoint != nil {
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		return t, t.preview(c, q.endpoint, d.Target.Name, d.Mode != ingress.ModeSync, &queue.Request{Method: r.Method, Target: d.Origin,
			Scheme: scheme, Host: r.Host, Proto: r.Proto, Remote: r.RemoteAddr, Header: d.Fields})
	}
	return t, nil
}

// turned says how the switch of the route stands if not as configured.
func (t *RouteTest) turned(live, configured ingress.Position, at time.Time) {
	var parts []string
	if live.QueuePercent != configured.QueuePercent {
		parts = append(parts, fmt.Sprintf("queue_percent to %d, configured is %d", live.QueuePercent, configured.QueuePercent))
	}
	if live.Bypass != configured.Bypass {
		parts = append(parts, fmt.Sprintf("bypass to %t, configured is %t", live.Bypass, configured.Bypass))
	}
	if len(parts) > 0 {
		t.Turned = "an operator turned " + strings.Join(parts, ", and ") + ", at " + at.Format(time.RFC3339)
	}
}

// asked fills in what is asked of the queue.
func (t *RouteTest) asked(d *ingress.Decision) {
	t.Priority, t.Caller, t.Keyed = d.Controls.Priority, d.Caller, d.Key
	for field, value := range map[*string]fmt.Stringer{&t.Delay: d.Controls.Delay, &t.MaxAge: d.Controls.MaxAge, &t.Dedupe: d.Dedupe} {
		if text := value.String(); text != "0s" {
			*field = text
		}
	}
	if !d.Target.Fair.IsZero() {
		t.FairnessKey = d.Lane.Key
	} else {
		t.OrderingKey = d.Lane.Key
	}
}

// preview fills in what would be sent.
func (t *RouteTest) preview(c *config.Config, e *endpoint.Endpoint, endpointName string, queued bool, r *queue.Request) error {
	sent, err := e.Preview(r, queued)
	if err != nil {
		return errors.New("nothing would be sent: " + err.Error())
	}
	t.Method, t.URL, t.Host, t.Header = sent.Method, telemetry.MaskQuery(sent.URL), sent.Host, http.Header{}
	for name, values := range sent.Header {
		for _, value := range values {
			if c.SecretField(endpointName, name) {
				value = "***"
			}
			t.Header[name] = append(t.Header[name], value)
		}
	}
	return nil
}

// Text returns the test for people.
func (t *RouteTest) Text() string {
	var b strings.Builder
	for _, v := range t.Verdicts {
		word := "no "
		if v.Matches {
			word = "yes"
		}
		fmt.Fprintf(&b, "%s  route %s: %s\n", word, v.Route, v.Why)
	}
	switch {
	case t.Route != "":
	case len(t.Verdicts) > 0:
		b.WriteString("no route takes it\n")
	default:
		b.WriteString("no route was asked\n")
	}
	if t.Refusal != "" {
		fmt.Fprintf(&b, "\nit is answered %d: %s\n", t.Status, t.Refusal)
		return b.String()
	}
	fmt.Fprintf(&b, "\nendpoint      %s\nmode          %s\n", t.Endpoint, t.modeWords())
	for _, line := range []struct{ name, value string }{{"turned", t.Turned}, {"note", t.Note}, {"queued", t.queuedWords()}, {"delay", t.Delay}, {"max_age", t.MaxAge}, {"ordering key", t.OrderingKey},
		{"fairness key", t.FairnessKey}, {"caller", t.Caller}, {"dedupe", t.Dedupe}} {
		if line.value != "" {
			fmt.Fprintf(&b, "%-14s%s\n", line.name, line.value)
		}
	}
	if t.Mode != "sync" {
		fmt.Fprintf(&b, "%-14s%d\n", "priority", t.Priority)
	}
	if t.Keyed {
		fmt.Fprintf(&b, "%-14s%s\n", "idempotency", "by its Idempotency-Key")
	}
	if t.URL == "" {
		return b.String()
	}
	fmt.Fprintf(&b, "\n%s %s\nHost: %s\n", t.Method, t.URL, t.Host)
	for _, name := range slices.Sorted(maps.Keys(t.Header)) {
		for _, value := range t.Header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	if t.Body != "" {
		fmt.Fprintf(&b, "\n%s\n", t.Body)
	}
	return b.String()
}

// Why a request of a route that queues only some is queued.
const (
	queuedByShare   = "share"
	queuedByRequest = "request"
)

func (t *RouteTest) queuedWords() string {
	switch t.Queued {
	case queuedByShare:
		return fmt.Sprintf("its key is among the %d %% of keys that the route queues (queue_percent)", t.percent)
	case queuedByRequest:
		return "it asks for what only the queue has, whatever queue_percent says"
	}
	return ""
}

func (t *RouteTest) modeWords() string {
	switch t.Mode {
	case "sync":
		switch ingress.Straight(t.Straight) {
		case ingress.StraightByShare:
			return "sync: its key is outside of the queue_percent of the route, so that it passes straight through, after " + t.Wait + " in line at most"
		case ingress.StraightByBypass:
			return "sync: the route is bypassed, so that it passes straight through, after " + t.Wait + " in line at most"
		}
		return "sync: passes straight through, after " + t.Wait + " in line at most"
	case "auto":
		return "auto: stored, and held for the answer for " + t.Wait + " at most"
	}
	return "async: stored, and answered 202"
}
