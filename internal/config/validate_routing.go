package config

import (
	"crypto/sha256"
	"errors"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/openhqm/openhqm/internal/route"
)

const rulesPath = "routing.config_dict"

// routingFile reads the rules of a file as if they stood in the configuration.
func (d *decoder) routingFile(c *Config) {
	path := c.Routing.ConfigPath
	if !c.Routing.Enabled || path == "" {
		return
	}
	if _, both := d.sources[rulesPath+".routes"]; both {
		d.fail(d.sources["routing.config_path"], "routing.config_path", "is set together with routing.config_dict; remove one of both")
		return
	}
	data, err := os.ReadFile(path)
	if err != nil {
		var cause *fs.PathError
		if errors.As(err, &cause) {
			err = cause.Err
		}
		d.fail(d.sources["routing.config_path"], "routing.config_path", "%s cannot be read: %v", path, err)
		return
	}
	// From here on the rules are the only place that says it.
	c.rules, c.Routing.ConfigPath = path, ""
	c.own[path] = sha256.Sum256(data)
	d.section(rulesPath, parseFile(path, data, d.report), reflect.ValueOf(&c.Routing.ConfigDict).Elem())
}

func (k *checker) routing() {
	r := &k.c.Routing
	set := len(r.ConfigDict.Routes) > 0 || k.isSet(rulesPath+".routes") || r.ConfigPath != "" || k.c.rules != ""
	switch {
	case !r.Enabled && set:
		key := "routing.config_path"
		if !k.isSet(key) {
			key = rulesPath
		}
		k.note(k.c.sourceOf(key), key, "has no effect: routing is not enabled")
		return
	case !r.Enabled:
		return
	case !set:
		k.wrong("routing.enabled", "is true, and there are no rules; give routing.config_path or routing.config_dict")
		return
	}
	known := slices.Sorted(maps.Keys(k.c.Proxy.Endpoints))
	endpoint := func(key, name string) {
		switch {
		case name == "":
			k.wrong(key, "is missing; name one of: %s", strings.Join(known, ", "))
		case !slices.Contains(known, name):
			k.wrong(key, "%q is no configured endpoint; configured are: %s", URL(name).String(), strings.Join(known, ", "))
		}
	}
	if d := r.ConfigDict.DefaultEndpoint; d != "" {
		endpoint(rulesPath+".default_endpoint", d)
	}
	for i := range r.ConfigDict.Routes {
		rule := &r.ConfigDict.Routes[i]
		path := join(rulesPath+".routes", rule.Name)
		endpoint(path+".endpoint", rule.Endpoint)
		if slices.ContainsFunc(k.c.Routes, func(r Route) bool { return r.Name == rule.Name }) {
			k.wrong(path+".name", "is the name of one of routes too; give it another")
		}
		if rule.Method != "" && !fieldName.MatchString(rule.Method) {
			k.wrong(path+".method", "%q is not accepted; give a method such as POST", rule.Method)
		}
		for _, field := range slices.Sorted(maps.Keys(rule.HeaderMappings)) {
			k.field(path+".header_mappings", field, "")
		}
		if _, err := route.NewRules([]route.Rule{compiledRule(rule)}); err != nil {
			k.wrong(path, "%s", strings.TrimPrefix(err.Error(), "route "+rule.Name+": "))
		}
	}
}

// ActiveRules returns the rules that count, and what else their routes say, in the same order.
func (c *Config) ActiveRules() (rules []route.Rule, from []RoutingRule) {
	for i := range c.Routing.ConfigDict.Routes {
		if r := &c.Routing.ConfigDict.Routes[i]; r.Enabled {
			rules, from = append(rules, compiledRule(r)), append(from, *r)
		}
	}
	return rules, from
}

func compiledRule(r *RoutingRule) route.Rule {
	return route.Rule{Name: r.Name, Field: r.MatchField, Value: r.MatchValue, HasValue: r.MatchValue != "", Pattern: r.MatchPattern,
		Default: r.IsDefault, Priority: r.Priority, TransformType: r.TransformType, Transform: r.Transform,
		Headers: r.HeaderMappings, Query: r.QueryParams}
}
