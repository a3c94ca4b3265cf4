package config

import (
	"slices"
	"testing"
)

func TestAnEndpointsForwardedFieldsReplaceTheCommonOnesAndItsStrippedOnesAreAdded(t *testing.T) {
	c := load(t, `
proxy:
  forward_headers: [Accept, X-*]
  strip_headers: [X-Internal-*]
  endpoints:
    all: {url: http://a, forward_headers: ["*"], strip_headers: ["*-Token"]}
    none: {url: http://b, forward_headers: []}
    common: {url: http://c}
`)
	for name, want := range map[string][]string{"all": {"*"}, "none": {}, "common": {"Accept", "X-*"}} {
		if got := c.Proxy.Endpoints[name].ForwardHeaders; !slices.Equal(got, want) || got == nil {
			t.Errorf("%s forwards %#v, want %#v", name, got, want)
		}
	}
	if got := c.Proxy.Endpoints["all"].StripHeaders; !slices.Equal(got, []string{"*-Token"}) || !slices.Equal(c.Proxy.StripHeaders, []string{"X-Internal-*"}) {
		t.Errorf("strips %q", got)
	}
}
