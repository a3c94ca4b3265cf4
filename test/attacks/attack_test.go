package attacks

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// An attack is one row. In its input a line break stands for CRLF, <LF> and <CR> for the single characters, {m} for the
// marker, {way} for the field that chooses the way, and {length} for the number of bytes behind the first empty line.
type attack struct {
	name, why string
	input     string

	// One of both: what arrives, in this order, or the status of the refusal, with which nothing arrives.
	arrives []arrival
	refused int

	closes bool // the connection ends behind the first answer; without it the honest request behind is answered
	ends   bool // the client ends its side within the input, and no honest request follows

	only         string // the one way of which it is true; empty: both
	nginxRefuses bool   // nginx answers 4xx to what arrives, which has to be the same request all the same
}

// as is an arrival with what is usual.
func as(method, target, body string) arrival {
	return arrival{method: method, target: target, host: attackedHost, body: body}
}

// with sets a field that is to arrive so, or not at all when the value is empty.
func (a arrival) with(name, value string) arrival {
	a.fields = maps.Clone(a.fields)
	if a.fields == nil {
		a.fields = map[string]string{}
	}
	a.fields[name] = value
	return a
}

// at sets the host.
func (a arrival) at(host string) arrival {
	a.host = host
	return a
}

const (
	attackedHost = "attacked.example"
	honestHost   = "honest.example"

	// Heads of inputs, up to where fields are added.
	get  = "GET /{m}/a HTTP/1.1\nHost: attacked.example\n{way}"
	post = "POST /{m}/a HTTP/1.1\nHost: attacked.example\n{way}"
	// What an attacker wants to arrive as a request of its own.
	smuggled = "GET /{m}/smuggled HTTP/1.1\nHost: attacked.example\n\n"
)

// A way is how a request gets to the endpoint.
type way struct {
	name, field string
	queued      bool
}

var ways = []way{
	{name: "straight", field: "Accept: text/event-stream\n"},
	{name: "queued", field: "Prefer: respond-async\n", queued: true},
}

// render makes the bytes of a template.
func render(text, marker, field string) string {
	text = strings.NewReplacer("{m}", marker, "{way}", field).Replace(text)
	text = strings.NewReplacer("\n", "\r\n", "<LF>", "\n", "<CR>", "\r").Replace(text)
	if _, body, ok := strings.Cut(text, "\r\n\r\n"); ok {
		text = strings.ReplaceAll(text, "{length}", fmt.Sprint(len(body)))
	}
	return text
}

// wanted is what an arrival of a row looks like with its marker.
func (a arrival) wanted(marker, field string) arrival {
	a.method, a.target = render(a.method, marker, field), render(a.target, marker, field)
	a.body, a.host = render(a.body, marker, field), render(a.host, marker, field)
	return a
}

// honest is the request behind the attack.
const honest = "GET /{m}/honest HTTP/1.1\nHost: honest.example\n{way}Connection: close\n\n"

// tables are all rows.
func tables() map[string][]attack {
	return map[string][]attack{"framing": framing, "chunks": chunks, "hop by hop": hops, "target": targets, "host": hosts, "fields": fields}
}

func TestTheTableIsLargeEnoughAndEachRowIsNamed(t *testing.T) {
	total, names := 0, map[string]bool{}
	for class, rows := range tables() {
		for _, a := range rows {
			total++
			if names[class+a.name] || a.name == "" || a.why == "" {
				t.Errorf("%s: row %q needs a name of its own and a reason", class, a.name)
			}
			names[class+a.name] = true
			if (a.refused == 0) == (len(a.arrives) == 0) {
				t.Errorf("%s: row %q says both or neither of what arrives and how it is refused", class, a.name)
			}
		}
	}
	if total < 80 {
		t.Errorf("%d rows, want at least 80", total)
	}
}

// TestAttacks sends every row each way to each server.
func TestAttacks(t *testing.T) {
	for name, start := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t)
			s := serve(t, b.url())
			sent := sendAll(t, s)
			s.stop()
			arrivals := b.arrivals(t)
			for _, x := range sent {
				t.Run(x.class+"/"+x.name+"/"+x.way.name, func(t *testing.T) {
					x.judge(t, arrivals[x.marker], name == "nginx")
					delete(arrivals, x.marker)
				})
			}
			for marker, strange := range arrivals {
				t.Errorf("of no row (%q): %+v", marker, strange)
			}
		})
	}
}

// sendAll sends every row and waits for the answers.
func sendAll(t *testing.T, s *server) []*exchange {
	var all []*exchange
	var sending sync.WaitGroup
	turn := make(chan struct{}, 16)
	for class, rows := range tables() {
		for _, a := range rows {
			for _, w := range ways {
				if a.only != "" && a.only != w.name {
					continue
				}
				x := &exchange{attack: a, class: class, way: w, marker: marker(len(all))}
				all = append(all, x)
				sending.Go(func() {
					turn <- struct{}{}
					defer func() { <-turn }()
					x.send(s) // the exchange keeps its error
				})
			}
		}
	}
	sending.Wait()
	return all
}

// judge holds what came back and what arrived against the row.
func (x *exchange) judge(t *testing.T, got []arrival, nginx bool) {
	defer func() {
		if t.Failed() {
			t.Logf("why: %s\nsent: %q\nanswers: %+v, error %v\narrived: %+v", x.why, x.raw, x.answers, x.err, got)
		}
	}()
	want := x.arrives
	answered := len(want)
	if x.refused != 0 {
		answered = 1
	}
	if !x.closes && !x.ends {
		want = append(want[:len(want):len(want)], as("GET", "/{m}/honest", "").at(honestHost))
		answered++
	}
	if len(x.answers) != answered {
		t.Errorf("%d answers, want %d", len(x.answers), answered)
	}
	if x.refused != 0 && len(x.answers) > 0 && x.answers[0].status != x.refused {
		t.Errorf("refused with %d, want %d", x.answers[0].status, x.refused)
	}
	if x.refused != 0 || nginx { // a cut request may have begun to arrive, and no more
		for i := len(got) - 1; i >= 0; i-- {
			if !got[i].complete && !x.nginxRefuses && got[i].target == "/"+x.marker+"/a" {
				got = append(got[:i:i], got[i+1:]...)
			}
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d requests arrived, want %d", len(got), len(want))
		return
	}
	for i, a := range want {
		a = a.wanted(x.marker, x.way.field)
		for j := i + 1; x.way.queued && j < len(got) && got[i].target != a.target; j++ { // they may overtake each other
			got[i], got[j] = got[j], got[i]
		}
		a.compare(t, got[i], x.nginxRefuses && got[i].target != "/"+x.marker+"/honest")
		if at := len(x.answers) - len(want) + i; at >= 0 && !x.nginxRefuses {
			x.wantAnswer(t, x.answers[at], got[i])
		}
	}
}

// compare holds one arrival against what was wanted. line: only the request line is known.
func (a arrival) compare(t *testing.T, got arrival, line bool) {
	if got.method != a.method || got.target != a.target {
		t.Errorf("arrived as %q %q, want %q %q", got.method, got.target, a.method, a.target)
	}
	if line {
		return
	}
	if got.host != a.host {
		t.Errorf("arrived for host %q, want %q", got.host, a.host)
	}
	if got.body != a.body {
		t.Errorf("arrived with body %q, want %q", got.body, a.body)
	}
	if got.trailer != a.trailer {
		t.Errorf("arrived with trailer fields %q, want %q", got.trailer, a.trailer)
	}
	want := map[string]string{
		injectedField: injectedValue, "Authorization": injectedToken,
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": a.host, "X-Forwarded-Proto": "http",
	}
	maps.Copy(want, a.fields)
	for _, name := range watched {
		value, known := want[name]
		if !known && (name == "Via" || name == "Forwarded") {
			if strings.Count(got.fields[name], ",") != 0 || got.fields[name] == "" {
				t.Errorf("field %s is %q, want our own element alone", name, got.fields[name])
			}
			continue
		}
		if got.fields[name] != value {
			t.Errorf("field %s is %q, want %q", name, got.fields[name], value)
		}
	}
}

// wantAnswer checks that an answer is that of its request.
func (x *exchange) wantAnswer(t *testing.T, a answer, of arrival) {
	if a.status != http.StatusOK {
		t.Errorf("%s %s: answered with status %d: %s", of.method, of.target, a.status, a.body)
	}
	if want := of.method + " " + of.target; a.body != want && of.method != http.MethodHead {
		t.Errorf("%s %s: answered with %q", of.method, of.target, a.body)
	}
}
