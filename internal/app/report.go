package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"

	"github.com/openhqm/openhqm/internal/api"
	"github.com/openhqm/openhqm/internal/telemetry"
	"github.com/openhqm/openhqm/queue"
)

// Report is what a process says of itself once it listens.
type Report struct {
	Version  string
	Role     Role
	Ingress  Address  // the zero value if it takes nothing in
	Admin    Address  // of probes, metrics and the operators' API
	Claims   []string // methods and paths that are OpenHQM's own
	Routes   int      // how many there are; they come before the default
	Default  string   // what answers requests that name no endpoint and match no route, in words
	Choice   bool     // there is no default: every request has to name an endpoint
	Others   []string // endpoints that requests may name
	Guard    string   // who may use the operators' API, in words
	Store    queue.Capabilities
	Readable bool     // whoever has an ID may read its result
	Insecure []string // endpoints whose certificates are not verified
}

// Address is where a listener is reached.
type Address struct {
	Host  string // host:port for a client on this machine
	Bound string // host:port as it is bound, such as [::]:8000 for every interface
	Every bool   // it listens on every interface
	TLS   bool   // it speaks https
}

// String returns the URL and how far it reaches.
func (a Address) String() string {
	if a.Every {
		return a.url() + " (on every interface)"
	}
	return a.url()
}

func (a Address) url() string {
	if a.TLS {
		return "https://" + a.Host
	}
	return "http://" + a.Host
}

// Text returns the report for people.
func (r Report) Text() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		text := fmt.Sprintf("  %-11s %s", name, fmt.Sprintf(format, args...))
		b.WriteString(strings.TrimRight(text, " ") + "\n")
	}
	fmt.Fprintf(&b, "OpenHQM %s is running. Ctrl-C ends it.\n\n", r.Version)
	if r.Ingress.Host != "" {
		line("requests", "%s", r.Ingress)
		every := "every path"
		if r.Routes > 0 {
			line("", "they go where the first of the configuration's routes says that matches (%d in all)", r.Routes)
			every = "what matches none"
		}
		line("", "%s goes to %s", every, r.Default)
		if len(r.Others) > 1 {
			line("", "the header field OpenHQM-Endpoint chooses: %s", strings.Join(r.Others, ", "))
		}
		line("", "except what OpenHQM answers itself:")
		for _, claim := range r.Claims {
			method, path, _ := strings.Cut(claim, " ")
			line("", "  %-6s %s", method, path)
		}
	}
	line("operators", "%s", r.Admin)
	line("", "/livez /readyz /health /metrics, and the operators' API (%s)", r.Guard)
	line("data", "%s (%s)", r.Store.Place, r.Store.Name)
	line("durability", "%s: %s", r.Store.Durability, Meaning(r.Store.Durability))
	line("recovered", "%s", recovered(r.Store.Recovered))
	if r.Readable {
		line("note", "without authentication, whoever knows a correlation ID may read its result")
	}
	if len(r.Insecure) > 0 {
		line("INSECURE", "certificates are not verified of: %s", strings.Join(r.Insecure, ", "))
	}
	if try := r.try(); try != "" {
		fmt.Fprintf(&b, "\nTry:  %s\n", try)
	}
	return b.String()
}

// try is a request to begin with, for a shell on this machine; "" if none would be answered.
func (r Report) try() string {
	choice := ""
	switch {
	case r.Ingress.Host == "" || r.Choice && len(r.Others) == 0:
		return ""
	case r.Choice:
		choice = fmt.Sprintf("-H 'OpenHQM-Endpoint: %s' ", r.Others[0])
	}
	return fmt.Sprintf("curl -i -H 'Prefer: respond-async' %s-d '{\"item\": 42}' %s/orders", choice, r.Ingress.url())
}

// Log writes the report as one record.
func (r Report) Log(log *slog.Logger) {
	c := r.Store.Recovered
	log.LogAttrs(context.Background(), slog.LevelInfo, "started",
		slog.String(telemetry.KeyVersion, r.Version),
		slog.String(telemetry.KeyRole, string(r.Role)),
		slog.String("ingress", r.Ingress.Bound),
		slog.String("admin", r.Admin.Bound),
		slog.Any("claims", r.Claims),
		slog.Int("routes", r.Routes),
		slog.String("default", r.Default),
		slog.Any("endpoints", r.Others),
		slog.String("operators", r.Guard),
		slog.String(telemetry.KeyBackend, r.Store.Name),
		slog.String(telemetry.KeyPlace, r.Store.Place),
		slog.String(telemetry.KeyDurability, string(r.Store.Durability)),
		slog.String("durability_means", Meaning(r.Store.Durability)),
		slog.Group("recovered",
			slog.Int64(telemetry.KeyWaiting, c.Ready+c.Parked),
			slog.Int64(telemetry.KeyScheduled, c.Scheduled),
			slog.Int64(telemetry.KeyRunning, c.Leased),
			slog.Int64(telemetry.KeyDead, c.Dead),
			slog.Int64(telemetry.KeyFinished, c.Done+c.Cancelled+c.Expired)),
		slog.Bool("results_readable_by_id", r.Readable),
		slog.String("try", r.try()))
}

// recovered says what was found at open: 12 waiting, 3 dead.
func recovered(c queue.Counts) string {
	var parts []string
	add := func(n int64, word string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, word))
		}
	}
	add(c.Ready+c.Parked, "waiting")
	add(c.Scheduled, "scheduled")
	add(c.Leased, "running")
	add(c.Dead, "dead")
	add(c.Done+c.Cancelled+c.Expired, "finished")
	if len(parts) == 0 {
		return "nothing, the queue is empty"
	}
	return "requests of earlier runs: " + strings.Join(parts, ", ")
}

// Meaning says in plain words what accepted requests survive.
func Meaning(d queue.Durability) string {
	switch d {
	case queue.DurabilityDisk:
		return "accepted requests survive a crash of the machine"
	case queue.DurabilityReplicated:
		return "accepted requests survive the loss of a machine"
	case queue.DurabilityRelaxed:
		return "a crash may lose about the last second"
	case queue.DurabilityContainer:
		return "accepted requests go with the container; mount a volume to keep them"
	case queue.DurabilityMemory:
		return "accepted requests go with this process"
	}
	return "the server would not say what accepted requests survive"
}

// Report says what runs.
func (a *App) Report() Report {
	now := a.live.Load()
	r := Report{
		Version: a.options.Version,
		Role:    a.options.Role,
		Admin:   reachable(a.admin),
		Guard:   "from this machine only, until auth.admin_token is set",
		Store:   a.broker.Capabilities(),

		Insecure: now.unverified(),
	}
	if now.config.Auth.AdminToken.Reveal() != "" {
		r.Guard = "with auth.admin_token"
	}
	if a.ingress == nil {
		return r
	}
	r.Ingress = reachable(a.ingress)
	r.Claims = append(api.Claims(now.config.Server.APIPrefix), now.probeClaims(now.config.Monitoring.MetricsEnabled)...)
	r.Readable = true
	r.Others = now.table.Names()
	r.Routes = len(now.config.Routes)
	switch name := now.defaultName(); {
	case name == "":
		r.Choice = true
		r.Default = "the endpoint that the request names; there is no default (proxy.default_endpoint)"
	case now.queues[name].endpoint != nil:
		e := now.config.Proxy.Endpoints[name]
		r.Default = fmt.Sprintf("%s (endpoint %s)", e.URL, name)
	case name == demoQueue:
		r.Default = "the demo handler, an echo; your app takes its place with --endpoint http://localhost:8080"
	default:
		r.Default = "handler " + name
	}
	return r
}

// reachable returns an address that a client on this machine can use: every interface becomes localhost.
func reachable(l *listener) Address {
	address := Address{Host: l.Addr().String(), Bound: l.Addr().String(), TLS: l.tls != nil}
	if own, ok := l.Addr().(*net.TCPAddr); ok && own.IP.IsUnspecified() {
		address.Host, address.Every = net.JoinHostPort("localhost", strconv.Itoa(own.Port)), true
	}
	return address
}
