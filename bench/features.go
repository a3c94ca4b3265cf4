package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openhqm/openhqm/test/authority"
)

// feature is one way to configure an accept, and to ask for it.
type feature struct {
	name   string
	keys   string // of the endpoint
	routes string // in place of the one route
	more   string // further sections
	fields []string
	json   bool // the body is JSON
	tls    bool
	http2  bool
}

func features() []feature {
	thousand := "routes:\n"
	for i := range 999 {
		thousand += fmt.Sprintf("  - {name: r%d, match: {methods: [POST], path_prefix: /service-%d}, endpoint: e%d, mode: async}\n", i, i, i%99)
	}
	thousand += "  - {name: last, match: {methods: [POST], path_prefix: /orders}, endpoint: app, mode: async}\n"
	route := func(keys string) string {
		return "routes:\n  - {name: r, match: {path_prefix: /orders}, endpoint: app, mode: async, " + keys + "}\n"
	}
	match := func(keys string) string {
		return "routes:\n  - {name: r, match: {path_prefix: /orders, " + keys + "}, endpoint: app, mode: async}\n"
	}
	return []feature{
		{name: "1,000 routes to 100 endpoints", routes: thousand},
		{name: "an expression for the path", routes: "routes:\n  - {name: r, match: {path_regex: '/orders(/[0-9]+)?'}, endpoint: app, mode: async}\n"},
		{name: "a jq predicate over a body of 1 KiB", routes: match(`jq: '.kind == "order"'`), json: true},
		{name: "weights over two endpoints", routes: "routes:\n  - {name: r, match: {path_prefix: /orders}, weights: {app: 50, e0: 50}, weight_key: 'header:X-Tenant-Id', mode: async}\n"},
		{name: "queue_percent", routes: route("queue_percent: 99, queue_key: 'header:X-Tenant-Id'"), fields: []string{"X-Tenant-Id: t"}},
		{name: "a rewritten path", routes: route("rewrite: {strip_prefix: /orders}")},
		{name: "dedupe by body", routes: route("dedupe: {by: body}")},
		{name: "an Idempotency-Key", fields: []string{"Idempotency-Key: %d"}},
		{name: "a fair share, 1,000 tenants", routes: route("fairness: {header: X-Tenant-Id, concurrency: 1000000}"), fields: []string{"X-Tenant-Id: t%d"}},
		{name: "a fair share with a rate", routes: route("fairness: {header: X-Tenant-Id, concurrency: 10, rate: 10/s, burst: 10}"), fields: []string{"X-Tenant-Id: t%d"}},
		{name: "a claim of a token", routes: route("fairness: {claim: tenant, concurrency: 1000000}"), fields: []string{"Authorization: Bearer e30.eyJ0ZW5hbnQiOiJ0NyJ9.c2ln"}},
		{name: "credentials, set and stripped fields", keys: "auth_type: bearer, auth_token: t, headers: {X-Source: openhqm}, strip_headers: [Cookie, 'X-Internal-*']", fields: []string{"Cookie: a=b"}},
		{name: "breaker, limits, rules", keys: "concurrency: 10, rate: 1000/s, rules: [{body_regex: Fault, then: fail}], adaptive: {enabled: true}"},
		{name: "CORS of captured requests", more: "server: {cors: {captured: true}}\n", fields: []string{"Origin: https://shop.example.com"}},
		{name: "TLS", tls: true},
		{name: "HTTP/2 over TLS", tls: true, http2: true},
	}
}

// featureCosts measures the CPU that the product takes for an accept, plain and with each feature, by turns: rates of two
// processes that were started a minute apart tell more of the machine than of the feature.
func featureCosts(ctx context.Context, l *lab) error {
	certificate, err := newBenchCertificate(l.dir)
	if err != nil {
		return err
	}
	plain := feature{name: "plain", routes: "routes:\n  - {name: r, match: {path_prefix: /orders}, endpoint: app, mode: async}\n"}
	for _, f := range features() {
		if f.routes == "" {
			f.routes = plain.routes
		}
		var ratios, costs []float64
		for range l.rounds {
			before, err := l.acceptCost(ctx, plain, certificate)
			if err != nil {
				return err
			}
			with, err := l.acceptCost(ctx, f, certificate)
			if err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
			ratios, costs = append(ratios, with/before), append(costs, with)
		}
		bar, met := "-", true
		if strings.HasPrefix(f.name, "1,000 routes") {
			bar, met = "<= 110 %", middle(ratios) <= 1.1
		}
		l.report.add(figure{"features", f.name, fmt.Sprintf("%.1f us, %.0f %%", middle(costs), 100*middle(ratios)),
			fmt.Sprintf("of a plain accept; from %.0f to %.0f %%", 100*slices.Min(ratios), 100*slices.Max(ratios)), bar, met})
	}
	return nil
}

// acceptCost returns the microseconds of CPU that one accept takes.
func (l *lab) acceptCost(ctx context.Context, f feature, certificate *benchCertificate) (float64, error) {
	endpoints := ""
	if f.routes != "" && strings.Contains(f.routes, "e0") {
		for i := range 99 {
			endpoints += fmt.Sprintf("    e%d: {url: \"http://127.0.0.1:1\"}\n", i)
		}
	}
	yaml := fmt.Sprintf("proxy:\n  default_endpoint: app\n  endpoints:\n    app: {url: \"http://127.0.0.1:1\", %s}\n%s%s%s", f.keys, endpoints, f.routes, f.more)
	if f.tls {
		yaml += certificate.server
	}
	// Nothing is delivered: what is measured is the accept.
	product, err := l.configured(ctx, yaml, "OPENHQM_WORKER__CONCURRENCY=1", "OPENHQM_WORKER__DRAIN_LAG=0s")
	if err != nil {
		return 0, err
	}
	defer product.stop()
	for _, name := range []string{"app", "e0"} {
		if name == "app" || endpoints != "" {
			if _, err := product.operate(http.MethodPost, "/api/v1/queues/"+name+"/pause"); err != nil {
				return 0, err
			}
		}
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64, TLSClientConfig: &tls.Config{RootCAs: certificate.pool}, ForceAttemptHTTP2: f.http2}
	defer transport.CloseIdleConnections()
	if f.http2 {
		transport.MaxConnsPerHost = 0
	}
	client, url := &http.Client{Transport: transport}, "http://"+product.addr+"/orders"
	if f.tls {
		url = "https://" + product.addr + "/orders"
	}
	var callers atomic.Int64
	accept := func(n int) error { return f.accept(ctx, client, url, n) }
	if err := accept(0); err != nil { // connections, tables
		return 0, err
	}
	run := func(d time.Duration) (float64, error) {
		return busy(ctx, 32, d, func() (func() error, func(), error) {
			i := int(callers.Add(1)) << 24
			return func() error { i++; return accept(i) }, func() {}, nil
		})
	}
	if _, err := run(l.duration / 16); err != nil {
		return 0, err
	}
	before := product.cpu()
	rate, err := run(l.duration / 8)
	if err != nil {
		return 0, err
	}
	return float64((product.cpu() - before).Microseconds()) / (rate * (l.duration / 8).Seconds()), nil
}

// accept makes one request, which must be accepted.
func (f *feature) accept(ctx context.Context, client *http.Client, url string, n int) error {
	body := bytes.Repeat([]byte{'x'}, 1<<10)
	copy(body, fmt.Sprint(n, " "))
	if f.json {
		body = fmt.Appendf(nil, `{"kind": "order", "n": %d, "text": "%s"}`, n, strings.Repeat("x", 980))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Prefer", "respond-async")
	request.Header.Set("Content-Type", "application/octet-stream")
	if f.json {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, field := range f.fields {
		name, value, _ := strings.Cut(field, ": ")
		if strings.Contains(value, "t%d") {
			value = fmt.Sprintf(value, n%1000)
		} else if strings.Contains(value, "%d") {
			value = fmt.Sprintf(value, n)
		}
		request.Header.Set(name, value)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if f.http2 && response.ProtoMajor != 2 {
		return errors.New("the answer came over HTTP/1.1")
	}
	if response.StatusCode != http.StatusAccepted {
		text, _ := io.ReadAll(response.Body)
		return fmt.Errorf("answer %s: %s", response.Status, text)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// benchCertificate is what a listener shows and its callers trust.
type benchCertificate struct {
	pool   *x509.CertPool
	server string // the section of the configuration
}

func newBenchCertificate(dir string) (*benchCertificate, error) {
	ca, err := authority.New("bench")
	if err != nil {
		return nil, err
	}
	pair, err := ca.Issue(nil, "127.0.0.1")
	if err != nil {
		return nil, err
	}
	cert, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	if err := pair.Write(cert, key); err != nil {
		return nil, err
	}
	return &benchCertificate{ca.Pool(), fmt.Sprintf("server: {tls: {cert_file: %q, key_file: %q}}\n", cert, key)}, nil
}
