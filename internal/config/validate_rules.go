package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/openhqm/openhqm/internal/rule"
)

// Conditions returns what a rule asks of an answer.
func (r *Rule) Conditions() rule.Conditions {
	return rule.Conditions{Status: r.Status, Header: r.Header, BodyRegex: r.BodyRegex, JQ: r.JQ}
}

// Conditions returns what success asks of an answer.
func (s *Success) Conditions() rule.Conditions {
	return rule.Conditions{Status: s.Status, Header: s.Header, BodyRegex: s.BodyRegex, JQ: s.JQ}
}

// rules judges the rules of an endpoint, and its success.
func (k *checker) rules(path string, e *Endpoint) {
	for i := range e.Rules {
		key, r := join(path+".rules", strconv.Itoa(i+1)), &e.Rules[i]
		c := r.Conditions()
		k.conditions(key, &c)
		if c.None() {
			k.wrong(key, "has no condition; give status, header, body_regex or jq")
		}
		if r.Then == "" {
			k.wrong(key+".then", "is missing; give one of result, retry, wait, fail, unknown_outcome")
		}
	}
	c := e.Success.Conditions()
	k.conditions(path+".success", &c)
	for _, status := range e.Success.Status {
		if status = strings.TrimSpace(status); status != "" && status[0] != '2' && status[0] != '3' {
			k.wrong(path+".success.status", "%q is not accepted; success is among 2xx and 3xx, and on says what other statuses mean", status)
		}
	}
	if c.None() && k.isSet(path+".success.otherwise") {
		k.note(k.c.sourceOf(path+".success.otherwise"), path+".success.otherwise", "has no effect without a condition of success")
	}
}

func (k *checker) conditions(path string, c *rule.Conditions) {
	for _, wrong := range c.Check() {
		k.wrong(path+"."+wrong.Key, "%s", wrong.Text)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Header)) {
		if !fieldName.MatchString(name) {
			k.wrong(path+".header."+name, "%q is not accepted; give the name of a header field", name)
		}
	}
}
