package callback

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/openhqm/openhqm/queue"
)

// errMalformed is the error of text that is no URL of a receiver.
var errMalformed = errors.New("malformed")

// Refusal says why a receiver may not be called, for the client that named it.
type Refusal struct {
	Malformed bool   // no URL of a receiver at all; else it is not allowed
	Detail    string // names the remedy; holds no query
}

// Error returns the detail.
func (r *Refusal) Error() string { return r.Detail }

// pattern is one entry of the allow-list.
type pattern struct {
	scheme string
	host   string // in lower case; with wild, what follows the first label
	wild   bool   // any one or more labels before host
	port   string
	path   string // a prefix that ends where a segment ends; "" for every path
}

// ParsePattern checks an entry of the allow-list: an http or https URL without query, whose host may begin with "*." for
// all its subdomains, and whose path, if any, stands for all below it.
func ParsePattern(text string) error {
	_, err := parsePattern(text)
	return err
}

func parsePattern(text string) (pattern, error) {
	scheme, rest, _ := strings.Cut(text, "://")
	rest, wild := strings.CutPrefix(rest, "*.")
	u, err := parse(scheme + "://" + rest)
	if err != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(rest, "*") {
		return pattern{}, fmt.Errorf("callback pattern: %w", errMalformed)
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil && wild {
		return pattern{}, fmt.Errorf("callback pattern: %w", errMalformed)
	}
	return pattern{scheme: u.Scheme, host: host(u), wild: wild, port: port(u), path: strings.TrimSuffix(u.EscapedPath(), "/")}, nil
}

func (p *pattern) matches(u *url.URL) bool {
	if u.Scheme != p.scheme || port(u) != p.port {
		return false
	}
	name := host(u)
	if p.wild {
		if !strings.HasSuffix(name, "."+p.host) {
			return false
		}
	} else if name != p.host {
		return false
	}
	below, ok := strings.CutPrefix(u.EscapedPath(), p.path)
	return ok && (below == "" || below[0] == '/')
}

// parse reads the URL of a receiver. What could be read in two ways is not one: credentials, a fragment, dot segments,
// backslashes, and paths that are escaped where they need not be.
func parse(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil, len(text) > queue.MaxCallbackLength, strings.ContainsFunc(text, unfit):
		return nil, errMalformed // the error of the parser would repeat the URL
	case u.Scheme != "http" && u.Scheme != "https", u.Opaque != "", u.Hostname() == "", u.User != nil:
		return nil, errMalformed
	case strings.Contains(text, "#"), strings.HasSuffix(u.Host, ":"), strings.Contains(u.Host, "%"):
		return nil, errMalformed
	}
	for segment := range strings.SplitSeq(u.Path, "/") { // decoded: an escaped dot is a dot
		if segment == "." || segment == ".." || strings.Contains(segment, "\\") {
			return nil, errMalformed
		}
	}
	if strings.Contains(strings.ToLower(u.EscapedPath()), "%2f") {
		return nil, errMalformed // some servers take it for a slash
	}
	return u, nil
}

// unfit tells what may not stand in a URL as it is (RFC 3986 2).
func unfit(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune("\\\"<>^`{|}", r)
}

// host returns the host of a URL as it is compared: in lower case, without the dot that ends a full name.
func host(u *url.URL) string { return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") }

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// Targets are the receivers that requests may name.
type Targets struct {
	patterns  []pattern
	addresses addresses
}

// NewTargets returns the receivers of an allow-list (see [ParsePattern]) and the networks beyond the public ones in which
// they may stand.
func NewTargets(allow []string, networks []netip.Prefix) (*Targets, error) {
	t := &Targets{addresses: addresses{allowed: slices.Clone(networks)}}
	for _, text := range allow {
		p, err := parsePattern(text)
		if err != nil {
			return nil, err
		}
		t.patterns = append(t.patterns, p)
	}
	return t, nil
}

// Check returns nil if a request may name this receiver, else a *[Refusal]. What its name resolves to shows only when it
// is called.
func (t *Targets) Check(text string) error {
	_, err := t.check(text)
	return err
}

func (t *Targets) check(text string) (*url.URL, error) {
	u, err := parse(text)
	if err != nil {
		return nil, &Refusal{Malformed: true, Detail: fmt.Sprintf("want an absolute http or https URL of at most %d bytes, "+
			"without credentials, fragment or dot segments, such as https://hooks.example.com/done", queue.MaxCallbackLength)}
	}
	origin := u.Scheme + "://" + u.Host
	switch {
	case len(t.patterns) == 0:
		return nil, &Refusal{Detail: fmt.Sprintf("callbacks are not configured here: list %s in callback.allow and set callback.secrets", origin)}
	case !slices.ContainsFunc(t.patterns, func(p pattern) bool { return p.matches(u) }):
		return nil, &Refusal{Detail: fmt.Sprintf("%s is not among the receivers that callback.allow lists, or this path of it is not; "+
			"name one that is, or have it added", origin)}
	}
	if address, err := netip.ParseAddr(u.Hostname()); err == nil {
		if kind := t.addresses.forbidden(address); kind != "" {
			return nil, &Refusal{Detail: forbiddenText(u.Hostname()+" is", kind)}
		}
	}
	return u, nil
}

func forbiddenText(what, kind string) string {
	return fmt.Sprintf("%s a %s address; callbacks go to public addresses, and to those of callback.allow_networks", what, kind)
}
