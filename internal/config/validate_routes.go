package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/openhqm/openhqm/internal/route"
)

// resolveRoutes fills in what routes take from other keys.
func (k *checker) resolveRoutes() {
	for i := range k.c.Routes {
		r := &k.c.Routes[i]
		if !k.isSet(join(routePath(r.Name), "wait")) {
			r.Wait = k.c.Proxy.Wait
		}
	}
}

// routePath is how the keys of a route are called in messages.
func routePath(name string) string { return join("routes", name) }

func (k *checker) routes() {
	for i := range k.c.Routes {
		r := &k.c.Routes[i]
		path := routePath(r.Name)
		if k.failed[path] {
			continue
		}
		k.routeTargets(path, r)
		k.routeMatch(path, r)
		if _, err := route.NewRewrite(r.Rewrite.Config()); err != nil {
			k.wrong(path+".rewrite", "%v", err)
		}
		k.keySource(path+".ordering", r.Ordering.Header, r.Ordering.Claim)
		k.keySource(path+".fairness", r.Fairness.Header, r.Fairness.Claim)
		if r.Fairness.Rate.Count > 0 && !r.fair() {
			k.wrong(path+".fairness.rate", "says nothing without a key; give fairness.header or fairness.claim")
		}
		if r.ordered() && r.fair() {
			k.wrong(path+".fairness", "is set together with ordering, and a request stands in one line; remove one of both")
		}
		k.routeTimes(path, r)
	}
	if len(k.c.Routes) > 0 && !k.c.Proxy.Enabled {
		k.note(k.c.sourceOf("routes"), "routes", "have no effect: proxy.enabled is false")
	}
}

func (r *Route) ordered() bool { return r.Ordering.Header != "" || r.Ordering.Claim != "" }

func (r *Route) fair() bool { return r.Fairness.Header != "" || r.Fairness.Claim != "" }

func (k *checker) routeTargets(path string, r *Route) {
	known := slices.Sorted(maps.Keys(k.c.Proxy.Endpoints))
	check := func(key, name string) {
		if !slices.Contains(known, name) {
			k.wrong(key, "%q is no configured endpoint; configured are: %s", name, strings.Join(known, ", "))
		}
	}
	switch {
	case r.Endpoint != "" && len(r.Weights) > 0:
		k.wrong(path+".weights", "is set together with endpoint; remove one of both")
	case r.Endpoint == "" && len(r.Weights) == 0:
		k.wrong(path+".endpoint", "is missing; name one of: %s", strings.Join(known, ", "))
	case r.Endpoint != "":
		check(path+".endpoint", r.Endpoint)
	default:
		sum := 0
		for _, name := range slices.Sorted(maps.Keys(r.Weights)) {
			check(path+".weights."+name, name)
			sum += r.Weights[name]
		}
		if sum == 0 {
			k.wrong(path+".weights", "are all 0; give one of them a share")
		}
	}
	for key, text := range map[string]string{"weight_key": r.WeightKey, "queue_key": r.QueueKey} {
		if kind, name := keySource(text); kind == "" || kind != "client" && !fieldName.MatchString(name) {
			k.wrong(path+"."+key, "%q is not accepted; give header:NAME, query:NAME or client", text)
		}
	}
}

func (k *checker) routeMatch(path string, r *Route) {
	if len(r.Match.Methods) > 0 && slices.ContainsFunc(r.Match.Methods, func(m string) bool { return !fieldName.MatchString(m) }) {
		k.wrong(path+".match.methods", "are no methods; give names such as POST")
	}
	for name := range r.Match.Headers {
		if !fieldName.MatchString(name) {
			k.wrong(path+".match.headers", "%q is no header field; give names such as X-Tenant-Id", name)
		}
	}
	if _, err := route.New([]route.Route{{Name: r.Name, Conditions: r.Match.Conditions()}}, nil); err != nil {
		k.wrong(path+".match", "%s", strings.TrimPrefix(err.Error(), "route "+r.Name+": "))
	}
}

// routeTimes refuses what is never done: a request that passes through stands in no queue.
func (k *checker) routeTimes(path string, r *Route) {
	if r.MaxAge > 0 && r.Delay >= r.MaxAge {
		k.wrong(path+".delay", "%v is not less than max_age, %v; nothing would ever be sent", r.Delay, r.MaxAge)
	}
	if r.OnStoreDown == StoreDownOpen && (r.ordered() || r.fair() || r.Dedupe.By != "") {
		k.wrong(path+".on_store_down", "is open together with ordering, fairness or dedupe, which only the queue keeps; remove one of both")
	}
	if r.Mode != "sync" {
		return
	}
	if r.QueuePercent != 100 {
		k.wrong(path+".queue_percent", "is for requests that are queued, and mode: sync queues none; choose another mode")
	}
	for key, set := range map[string]bool{"priority": r.Priority != 0, "delay": r.Delay != 0, "max_age": r.MaxAge != 0,
		"ordering": r.ordered(), "fairness": r.fair(), "dedupe": r.Dedupe.By != ""} {
		if set {
			k.wrong(path+"."+key, "is for requests that are queued, and mode: sync queues none; remove it, or choose another mode")
		}
	}
}

// Conditions returns the conditions as package route has them, in a fixed order.
func (m *Match) Conditions() route.Conditions {
	return route.Conditions{Methods: m.Methods, Hosts: m.Hosts, Path: m.Path, PathPrefix: m.PathPrefix, PathRegex: m.PathRegex,
		Headers: fieldsFrom(m.Headers), Query: fieldsFrom(m.Query), JQ: m.JQ}
}

func fieldsFrom(wanted map[string]Secret) []route.Field {
	var fields []route.Field
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		f := route.Field{Name: name}
		value := wanted[name].Reveal()
		if expression, ok := strings.CutPrefix(value, "~"); ok {
			f.Regex = strings.TrimSpace(expression)
		} else if value != "*" {
			f.Exact = value
		}
		fields = append(fields, f)
	}
	return fields
}

// Config returns the rewrite as package route has it.
func (r *Rewrite) Config() route.RewriteConfig {
	return route.RewriteConfig{StripPrefix: r.StripPrefix, Path: r.Path, Regex: r.Regex, Replace: r.Replace, AddPrefix: r.AddPrefix}
}

// WeightedBy returns what decides among the weights: header or query with its name, or client; "" if it is none of them.
func (r *Route) WeightedBy() (kind, name string) { return keySource(r.WeightKey) }

// QueuedBy is WeightedBy for the share that is queued.
func (r *Route) QueuedBy() (kind, name string) { return keySource(r.QueueKey) }

func keySource(text string) (kind, name string) {
	kind, name, _ = strings.Cut(text, ":")
	switch kind {
	case "header", "query":
		return kind, name
	case "client":
		if name == "" {
			return kind, ""
		}
	}
	return "", ""
}

// namedList decodes a list of routes or rules. It reads the names first, so that every message can name one.
func namedList[T any](d *decoder, path string, n *node, fresh func() T) []T {
	if n.kind == scalar && strings.HasPrefix(strings.TrimSpace(n.text), "[") {
		parsed, err := parseJSON(n.text, n.src)
		if err != nil {
			d.fail(n.src.String(), path, "%v; give a list of routes", err)
			return []T{}
		}
		n = parsed
	}
	if n.kind != list {
		d.fail(n.src.String(), path, "is no list; give one, as [{name: orders, endpoint: shop}]")
		return []T{}
	}
	seen := map[string]bool{}
	routes := make([]T, 0, len(n.items))
	for i, item := range n.items {
		at := fmt.Sprintf("%s.%d", path, i+1)
		if item.kind != mapping {
			d.fail(item.src.String(), at, "holds keys; give a mapping")
			continue
		}
		name := ""
		if named := item.get("name"); named != nil && named.kind == scalar && !named.null {
			name = named.text
		}
		switch {
		case name == "":
			d.fail(item.src.String(), at+".name", "is missing; give every route a name of its own")
			continue
		case !endpointName.MatchString(name) || len(name) > 200:
			d.fail(item.src.String(), at+".name", "%q is not accepted; use letters, digits, \".\", \"_\" and \"-\", no \"_\" at the beginning, "+
				"at most 200 characters", name)
			continue
		case seen[name]:
			d.fail(item.src.String(), at+".name", "%q is the name of an earlier route; give every route a name of its own", name)
			continue
		}
		seen[name] = true
		r := fresh()
		d.sources[join(path, name)] = item.src.String()
		d.section(join(path, name), item, reflect.ValueOf(&r).Elem())
		routes = append(routes, r)
	}
	return routes
}
