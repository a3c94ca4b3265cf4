package config

import (
	"maps"
	"slices"
	"strings"
)

// oauth2 judges where tokens are fetched.
func (k *checker) oauth2(path string, e *Endpoint) {
	o := &e.OAuth2
	if k.failed[path[:len(path)-len("oauth2")]+"auth_type"] {
		return
	}
	given := map[string]bool{"token_url": o.TokenURL != "", "client_id": o.ClientID != "", "client_secret": o.ClientSecret != "",
		"scopes": len(o.Scopes) > 0, "params": len(o.Params) > 0, "ca_file": o.CAFile != ""}
	if e.AuthType != AuthOAuth2 {
		for _, key := range slices.Sorted(maps.Keys(given)) {
			if given[key] {
				k.wrong(path+"."+key, "is set without auth_type: oauth2; set that too, or remove it")
			}
		}
		return
	}
	for _, key := range []string{"token_url", "client_id", "client_secret"} {
		if !given[key] {
			k.wrong(path+"."+key, "is empty; auth_type oauth2 needs it")
		}
	}
	if given["token_url"] {
		k.httpURL(path+".token_url", o.TokenURL)
		if given["ca_file"] && !strings.HasPrefix(strings.ToLower(o.TokenURL.Reveal()), "https:") {
			k.wrong(path+".ca_file", "has no effect on an http token_url; give an https URL, or remove it")
		}
	}
	for _, scope := range o.Scopes {
		if scope == "" || strings.ContainsFunc(scope, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }) {
			k.wrong(path+".scopes", "%q is not accepted; give a list of scopes, none of them with a blank, a quote or a backslash", scope)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Params)) {
		if name == "" || slices.Contains([]string{"grant_type", "client_id", "client_secret", "scope"}, name) {
			k.wrong(path+".params."+name, "is no further parameter; OpenHQM sends it itself")
		}
	}
}
