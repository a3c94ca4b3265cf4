package app

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/openhqm/openhqm/internal/api"
	"github.com/openhqm/openhqm/internal/callback"
	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/demo"
	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/internal/flow"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/telemetry"
	"github.com/openhqm/openhqm/queue"
)

// maxWait is how far a client's Prefer: wait may lengthen the time for which its request is held.
const maxWait = 5 * time.Minute

// demoQueue feeds the demo handler, which answers while nothing else is there to.
const demoQueue = "demo"

// snapshot is everything that a reload replaces, at once. It never changes.
type snapshot struct {
	config *config.Config
	queues map[string]*served // by queue name, which is the name of the endpoint or handler, and the hidden one of callbacks
	names  []string           // of the queues that are not hidden, sorted
	worked []string           // of all queues, sorted
	other  queue.Policy       // of queues that nothing serves
	rules  *rules             // of routing.yaml; nil: there are none
	table  *ingress.Table     // the same targets as ingress knows them

	callbacks callbacks
}

// served is one queue and what it feeds.
type served struct {
	handler  queue.Handler
	endpoint *endpoint.Endpoint // nil: a handler in this process
	method   string             // of submits that name none
	policy   queue.Policy
	limits   queue.Limits
	flow     flow.Config
	windows  []window
	tried    *atomic.Bool // whether a hold for refused credentials was released since they last changed
}

// builder makes snapshots of one process.
type builder struct {
	handlers  map[string]queue.Handler
	listeners map[string]net.Addr // by section of the configuration
	options   endpoint.Options
	callback  callback.Options
	metrics   *telemetry.Metrics // counts predicates of routes that fail; may be nil
	switches  switches
}

// build makes the snapshot of a configuration; before is the one it replaces, or nil. On an error nothing of before has
// been touched, and nothing is left open.
func (b *builder) build(c *config.Config, before *snapshot) (*snapshot, error) {
	if err := checkNames(c, b.handlers); err != nil {
		return nil, err
	}
	s := &snapshot{config: c, queues: make(map[string]*served), other: defaultPolicy(c)}
	for name, h := range b.handlers {
		s.queues[name] = &served{handler: h, policy: s.other, tried: new(atomic.Bool)}
	}
	var failed []error
	if c.Proxy.Enabled {
		for _, name := range slices.Sorted(maps.Keys(c.Proxy.Endpoints)) {
			e := c.Proxy.Endpoints[name]
			next, err := b.endpoint(name, &e, c, before)
			if err != nil {
				failed = append(failed, err)
				continue
			}
			s.queues[name] = next
		}
	}
	if len(failed) > 0 {
		s.closeWhatIsNotIn(before)
		return nil, errors.Join(failed...)
	}
	if len(s.queues) == 0 {
		s.queues[demoQueue] = &served{handler: demo.New(demo.Config{}), policy: s.other, tried: new(atomic.Bool)}
	}
	s.names = slices.Sorted(maps.Keys(s.queues))
	if err := b.callbacks(s, before); err != nil {
		s.closeWhatIsNotIn(before)
		return nil, err
	}
	s.worked = slices.Sorted(maps.Keys(s.queues))
	s.table = b.targets(s)
	err := b.routes(s)
	if err == nil {
		err = s.readRules()
	}
	if err != nil {
		s.closeWhatIsNotIn(before)
		return nil, err
	}
	return s, nil
}

// endpoint makes one endpoint, or takes over the one from before with its connections.
func (b *builder) endpoint(name string, e *config.Endpoint, c *config.Config, before *snapshot) (*served, error) {
	if err := itself(name, e, b.listeners); err != nil {
		return nil, err
	}
	next := &served{method: submitMethod(e), policy: endpointPolicy(c, e), limits: limits(e),
		flow: endpointFlow(c, e), windows: windows(e), tried: new(atomic.Bool)}
	if before != nil {
		if old, ok := before.queues[name]; ok && old.endpoint != nil {
			last := before.config.Proxy.Endpoints[name]
			if sameSecret(&last, e) {
				next.tried = old.tried
			}
			if sameEndpoint(name, before.config, c) {
				next.endpoint, next.handler = old.endpoint, old.handler
				return next, nil
			}
		}
	}
	options := b.options
	var err error
	if options.Roots, err = rootsFor(e); err != nil {
		return nil, err
	}
	settings := endpointConfig(name, e, &c.Proxy)
	if o := settings.Auth.OAuth2; o != nil {
		if o.Roots, err = rootsOf(https(o.TokenURL) && o.CAFile == ""); err != nil {
			return nil, err
		}
	}
	made, err := endpoint.New(settings, options)
	if err != nil {
		return nil, fmt.Errorf("proxy.endpoints.%s: %w", name, err)
	}
	next.endpoint, next.handler = made, made
	return next, nil
}

// targets returns what ingress may choose among.
func (b *builder) targets(s *snapshot) *ingress.Table {
	var all []ingress.Target
	for _, name := range s.names {
		q := s.queues[name]
		t := ingress.Target{Name: name, Queue: name, Endpoint: q.endpoint != nil, Selectable: true,
			Mode: modeOf(&s.config.Proxy), Wait: s.config.Proxy.Wait.Std(), MaxWait: maxWait,
			KeepOnDisconnect: s.config.Proxy.OnDisconnect == config.DisconnectKeep, FailOpen: s.config.Proxy.OnStoreDown == config.StoreDownOpen}
		if q.endpoint != nil {
			e := s.config.Proxy.Endpoints[name]
			t.Selectable = e.Selectable
			t.Method = e.MethodOverride
			t.MaxBody = int64(e.MaxRequestSize)
			t.Terms = terms(&e)
			t.ForwardsAuthorization = q.endpoint.Forwards("Authorization")
			t.Pass = http.HandlerFunc(q.endpoint.Pass)
		}
		all = append(all, t)
	}
	return ingress.NewTable(s.defaultName(), all...)
}

// defaultName returns the target of requests that name none, or "".
func (s *snapshot) defaultName() string {
	if s.config.Proxy.Enabled && s.config.Proxy.DefaultEndpoint != "" {
		return s.config.Proxy.DefaultEndpoint
	}
	if len(s.names) == 1 && s.queues[s.names[0]].endpoint == nil {
		return s.names[0]
	}
	return ""
}

// policy returns the policy of a queue, or the default one.
func (s *snapshot) policyOf(name string) queue.Policy {
	if q, ok := s.queues[name]; ok {
		return q.policy
	}
	return s.other
}

// closeWhatIsNotIn closes the endpoints and the sender of callbacks that the other snapshot does not use.
func (s *snapshot) closeWhatIsNotIn(other *snapshot) {
	s.closeSender(other)
	for name, q := range s.queues {
		if q.endpoint == nil {
			continue
		}
		if other != nil {
			if kept, ok := other.queues[name]; ok && kept.endpoint == q.endpoint {
				continue
			}
		}
		q.endpoint.Close()
	}
}

// live is the snapshot that holds now. One request or delivery reads it once.
type live struct{ atomic.Pointer[snapshot] }

func (l *live) policy(name string) queue.Policy { return l.Load().policyOf(name) }

func (l *live) flow(name string) flow.Config {
	q, ok := l.Load().queues[name]
	if !ok {
		return flow.Config{}
	}
	return q.flow
}

func (l *live) handler(name string) (queue.Handler, bool) {
	q, ok := l.Load().queues[name]
	if !ok {
		return nil, false
	}
	return q.handler, true
}

// room is how many bytes an answer for a queue may take. What a handler of this process answers has no bound of ours.
func (l *live) room(name string) int64 {
	q, ok := l.Load().queues[name]
	if !ok || q.endpoint == nil {
		return 0
	}
	return q.endpoint.Config().MaxResponseSize
}

func (l *live) queueNames() []string { return l.Load().names }

// worked returns the queues that a worker works off, the hidden one among them.
func (l *live) worked() []string { return l.Load().worked }

// ingressTargets are the targets as ingress wants them.
type ingressTargets struct{ live *live }

func (t ingressTargets) Default() (ingress.Target, bool) { return t.live.Load().table.Default() }
func (t ingressTargets) Named(name string) (ingress.Target, bool) {
	return t.live.Load().table.Named(name)
}
func (t ingressTargets) Names() []string         { return t.live.Load().table.Names() }
func (t ingressTargets) Routes() *ingress.Routes { return t.live.Load().table.Routes() }

// apiTargets are the targets as the API wants them: those that a request may name, and the default.
type apiTargets struct{ live *live }

func (t apiTargets) Default() (api.Target, bool) {
	now := t.live.Load()
	return now.apiTarget(now.table.Default())
}

func (t apiTargets) Named(name string) (api.Target, bool) {
	now := t.live.Load()
	target, ok := now.table.Named(name)
	return now.apiTarget(target, ok && target.Selectable)
}

// Route implements api.Router.
func (t apiTargets) Route(request *queue.Request, body, metadata func() any, client *http.Request) (api.Target, *ingress.Action, bool) {
	now := t.live.Load()
	routes := now.table.Routes()
	if routes == nil {
		return api.Target{}, nil, false
	}
	m, ok := routes.MatchSubmitted(request, body, metadata, client)
	target, ok := now.apiTarget(m.Target, ok)
	return target, m.Action, ok
}

// HasRoutes implements api.Router.
func (t apiTargets) HasRoutes() bool { return t.live.Load().table.Routes() != nil }

func (t apiTargets) Names() []string { return t.live.Load().table.Names() }

func (s *snapshot) apiTarget(t ingress.Target, ok bool) (api.Target, bool) {
	if !ok {
		return api.Target{}, false
	}
	return api.Target{Name: t.Name, Queue: t.Queue, Endpoint: t.Endpoint, Method: s.queues[t.Queue].method,
		ForwardsAuthorization: t.ForwardsAuthorization, MaxBody: t.MaxBody, MethodOverride: t.Method, Terms: t.Terms}, true
}

// endpoints are the configured endpoints as operators see them.
func (l *live) endpoints() []api.Endpoint {
	now := l.Load()
	var all []api.Endpoint
	for _, name := range now.names {
		if now.queues[name].endpoint == nil {
			continue
		}
		e := now.config.Proxy.Endpoints[name]
		shown := api.Endpoint{Name: name, URL: e.URL.String(), Queue: name, Default: name == now.defaultName(), Selectable: e.Selectable}
		if e.AuthHeaderName != "" {
			shown.SecretFields = append(shown.SecretFields, http.CanonicalHeaderKey(e.AuthHeaderName))
		}
		all = append(all, shown)
	}
	return all
}
