package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openhqm/openhqm/internal/api"
	"github.com/openhqm/openhqm/internal/callback"
	"github.com/openhqm/openhqm/internal/config"
	"github.com/openhqm/openhqm/internal/endpoint"
	"github.com/openhqm/openhqm/internal/flow"
	"github.com/openhqm/openhqm/internal/ingress"
	"github.com/openhqm/openhqm/internal/reply"
	"github.com/openhqm/openhqm/internal/telemetry"
	"github.com/openhqm/openhqm/internal/worker"
	"github.com/openhqm/openhqm/queue"
)

// Options are what the caller injects.
type Options struct {
	Role       Role
	Version    string
	Log        *slog.Logger
	Level      *slog.LevelVar // of Log, which a reload changes; nil: it does not
	Extensions Extensions
	// Announce is told once that the process listens. nil: a record in the log.
	Announce func(Report)
	// Reread loads the configuration anew, after SIGHUP or when its file has changed; see [App.Reload]. nil: never.
	Reread func() (*config.Config, []config.Note, error)
}

// Extensions are what a binary was built with besides the stock parts.
type Extensions struct {
	Handlers map[string]queue.Handler // worked in this process; each feeds from the queue of its name
	Stores   map[string]OpenStore     // queue backends, by the name of queue.type
}

// App is one process: everything built and bound, nothing running until Run.
type App struct {
	options Options
	log     *slog.Logger
	live    *live
	builder *builder
	broker  *queue.Broker
	health  *telemetry.Health
	metrics *telemetry.Metrics
	worker  *worker.Worker // nil: this role does not deliver
	gates   *gates

	draining atomic.Bool
	ingress  *listener // nil: this role takes nothing in
	admin    *listener
	producer *api.Producer
	capture  *ingress.Handler

	broken   chan error // the first error that means a broken store
	reload   sync.Mutex // one at a time
	cleanups []cleanup
}

// listener is a bound address and the server that will serve it.
type listener struct {
	net.Listener
	server *http.Server
	tls    *tls.Config // nil: it speaks none
}

// cleanup undoes one step of New.
type cleanup struct {
	name string
	do   func() error
}

// New builds a process. It binds its listeners first, because that is what most often fails, and then opens the store.
func New(ctx context.Context, c *config.Config, o Options) (app *App, err error) {
	if o.Role == "" {
		o.Role = RoleServe
	}
	a := &App{options: o, log: o.Log, live: &live{}, broken: make(chan error, 1)}
	defer func() {
		if err != nil {
			a.cleanUp()
		}
	}()

	addresses, err := a.bind(c)
	if err != nil {
		return nil, err
	}
	store, err := openStore(ctx, c, o)
	if err != nil {
		return nil, err
	}
	a.undo("close the store", store.Close)

	registry := prometheus.NewRegistry()
	a.metrics = telemetry.NewMetrics(registry)
	a.metrics.Describe(o.Version)
	seen := newTroubles(a.metrics, a.log)
	observer := &storeHealth{next: seen, log: a.log.With(telemetry.KeyPlace, store.Capabilities().Place), broken: a.breaks}
	a.broker = queue.NewBroker(store, queue.BrokerOptions{Policy: a.live.policy, Observer: observer, Flow: flow.New(flow.Options{
		Config: a.live.flow, Changed: a.flowChanged, Delayed: a.metrics.RetryDelayed,
	})})
	replies, err := newReplies(c, a.broker, a.log)
	if err != nil {
		return nil, err
	}

	a.builder = &builder{handlers: o.Extensions.Handlers, listeners: addresses, options: endpoint.Options{
		Pseudonym: pseudonym(), WriteError: passFailed(forCaptured(replies, c), seen), Passed: a.passed, FilesRead: a.filesRead, TokenFetched: a.tokenFetched,
	}, callback: callback.Options{Observe: a.metrics.Callback}, metrics: a.metrics}
	if err := a.builder.switches.load(switchesIn(c)); err != nil {
		return nil, err
	}
	first, err := a.builder.build(c, nil)
	if err != nil {
		return nil, err
	}
	a.live.Store(first)
	a.settleSwitches(c)
	a.warnUnverified(first)
	a.undo("close endpoints", func() error { a.live.Load().closeWhatIsNotIn(nil); return nil })
	a.metrics.AddQueues(first.worked...)
	a.gates = &gates{broker: a.broker, log: a.log, live: a.live.Load, wake: make(chan struct{}, 1)}

	checks := []telemetry.Check{{Component: telemetry.ComponentQueue, Ask: observer.check(a.broker)}}
	sources := telemetry.Sources{Stats: a.broker.Stats, Queues: a.live.queueNames}
	if o.Role.worker() {
		a.worker = newWorker(c, a)
		checks = append(checks, telemetry.Check{Component: telemetry.ComponentQueue, Ask: a.workerCheck})
		sources.Active = func() int { return a.worker.Progress().Running }
		sources.Slots = func() int { return c.Worker.Concurrency }
	}
	a.health = telemetry.NewHealth(o.Version, checks...)
	a.health.Notice(a.pauses)
	if o.Role.ingress() {
		a.serveIngress(c, replies, registry)
		sources.Held = a.capture.Held
	}
	a.metrics.Watch(sources)
	a.serveAdmin(c, replies, registry)
	return a, nil
}

// bind binds the listeners and returns their addresses by section.
func (a *App) bind(c *config.Config) (map[string]net.Addr, error) {
	addresses := make(map[string]net.Addr)
	bind := func(section, host string, port int, t *config.ListenerTLS) (*listener, error) {
		secure, err := a.listenerTLS(section, t)
		if err != nil {
			return nil, err
		}
		l, err := listen(section, host, port, c)
		if err != nil {
			return nil, err
		}
		a.undo("close listener "+section, func() error { return ignoreClosed(l.Close()) })
		addresses[section] = l.Addr()
		return &listener{Listener: l, tls: secure}, nil
	}
	var err error
	if a.options.Role.ingress() {
		if a.ingress, err = bind("server", c.Server.Host, c.Server.Port, &c.Server.TLS); err != nil {
			return nil, err
		}
		a.ingress.Listener = a.bounded(a.ingress.Listener, &c.Server)
	}
	a.admin, err = bind("admin", c.Admin.Host, c.Admin.Port, &c.Admin.TLS)
	return addresses, err
}

// serveIngress builds what answers on the ingress listener: our own calls, the probes that are ours there, then capture.
func (a *App) serveIngress(c *config.Config, replies *reply.Replies, registry *prometheus.Registry) {
	a.capture = ingress.New(ingress.Config{
		MaxBody:        int64(c.Proxy.MaxRequestSize),
		MaxTargetBytes: maxTarget,
		MaxHeaderBytes: int(c.Server.MaxHeaderBytes),
		TrustedProxies: trusted(c.Server.TrustedProxies),
	}, ingress.Options{Broker: a.broker, Targets: ingressTargets{a.live}, Replies: forCaptured(replies, c), Circular: a.circular,
		Callback: a.live.checkCallback, Log: a.log})
	a.producer = api.NewProducer(api.Config{
		Prefix:         c.Server.APIPrefix,
		CORS:           corsOf(&c.Server.CORS),
		MaxRequestSize: largestRequest(c),
		MaxResultSize:  largestResult(c),
	}, api.Options{
		Broker: a.broker, Replies: replies, Targets: apiTargets{a.live}, Callback: a.live.checkCallback, Log: a.log,
		Next: a.withProbes(a.capture, c, replies, registry), Instrument: telemetry.Named,
	})
	a.ingress.server = ingress.Server(a.metrics.Handler(a.closing(boundedHeads(a.producer, c, replies))), serverHead(c), a.log)
	a.ingress.server.ReadHeaderTimeout, a.ingress.server.IdleTimeout = c.Server.ReadHeaderTimeout.Std(), c.Server.IdleTimeout.Std()
}

// closing closes the connection after every answer once the process drains, so that clients go elsewhere (R14).
func (a *App) closing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.draining.Load() && r.Header["Upgrade"] == nil { // the answer to an upgrade has its own Connection
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// serveAdmin builds what answers on the admin listener: probes and metrics for everyone, then the operator's API.
func (a *App) serveAdmin(c *config.Config, replies *reply.Replies, registry *prometheus.Registry) {
	beside := &besideAPI{own: a.probes(c, registry), replies: replies, prefix: c.Server.APIPrefix}
	admin := api.NewAdmin(api.AdminConfig{Prefix: c.Server.APIPrefix}, api.AdminOptions{
		Broker: a.broker, Replies: replies, Log: a.log, Next: beside, Instrument: telemetry.Named,
		Token:     func() string { return a.live.Load().config.Auth.AdminToken.Reveal() },
		Endpoints: a.live.endpoints,
		Queues:    a.live.queueNames,
		Routes:    a.routes,
		Turn:      a.turnRoute,
	})
	if c.Monitoring.Profiling {
		profiles := http.NewServeMux()
		profiles.HandleFunc(pathProfiles, pprof.Index)
		profiles.HandleFunc(pathProfiles+"cmdline", pprof.Cmdline)
		profiles.HandleFunc(pathProfiles+"profile", pprof.Profile)
		profiles.HandleFunc(pathProfiles+"symbol", pprof.Symbol)
		profiles.HandleFunc(pathProfiles+"trace", pprof.Trace)
		beside.profiles = telemetry.Named("profile", admin.Guard(profiles))
	}
	a.admin.server = ingress.Server(a.metrics.Handler(boundedHeads(admin, c, replies)), serverHead(c), a.log)
}

// newReplies returns the writer of own answers.
func newReplies(c *config.Config, broker *queue.Broker, log *slog.Logger) (*reply.Replies, error) {
	replies, err := reply.New(reply.Config{
		Prefix:         c.Server.APIPrefix,
		PublicURL:      c.Server.PublicURL.Reveal(),
		TrustedProxies: trusted(c.Server.TrustedProxies),
	}, reply.Options{Broker: broker, Log: log})
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	return replies, nil
}

// trusted reads networks and single addresses; the configuration has checked them.
func trusted(networks []string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range networks {
		if network, err := netip.ParsePrefix(text); err == nil {
			all = append(all, network)
		} else if address, err := netip.ParseAddr(text); err == nil {
			all = append(all, netip.PrefixFrom(address, address.BitLen()))
		}
	}
	return all
}

// breaks is called with an error that means a broken store; the first one ends the process.
func (a *App) breaks(err error) {
	select {
	case a.broken <- err:
	default:
	}
}

// Addrs returns the addresses that are bound: of ingress, nil if this role takes nothing in, and of admin.
func (a *App) Addrs() (ingress, admin net.Addr) {
	if a.ingress != nil {
		ingress = a.ingress.Addr()
	}
	return ingress, a.admin.Addr()
}

// Broker returns the broker, for those who embed a process.
func (a *App) Broker() *queue.Broker { return a.broker }

func (a *App) undo(name string, do func() error) { a.cleanups = append(a.cleanups, cleanup{name, do}) }

// cleanUp undoes the steps of New in reverse. It goes on after an error, and returns them all.
func (a *App) cleanUp() error {
	var errs []error
	for _, c := range slices.Backward(a.cleanups) {
		if err := c.do(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.name, err))
		}
	}
	a.cleanups = nil
	return errors.Join(errs...)
}

// Close undoes New for a process that was never run.
func (a *App) Close() error { return a.cleanUp() }

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// circular returns why a request with these Via fields goes in a circle, or "".
func (a *App) circular(via []string) string {
	return endpoint.Circular(via, a.builder.options.Pseudonym)
}

// pseudonym names this process in Via, unlike any other, so that a path through several OpenHQMs is no loop.
func pseudonym() string {
	id := queue.NewID(0, time.Now()).String()
	return endpoint.Family + "-" + id[len(id)-8:]
}
