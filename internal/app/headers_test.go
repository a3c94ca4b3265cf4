package app

import (
	"slices"
	"testing"

	"github.com/openhqm/openhqm/internal/config"
)

func TestWhatIsStrippedForAllIsStrippedForEachEndpoint(t *testing.T) {
	p := &config.Proxy{StripHeaders: []string{"A"}}
	e := &config.Endpoint{URL: "http://app", ForwardHeaders: []string{"X-*"}, StripHeaders: []string{"B"}}
	if c := endpointConfig("app", e, p); !slices.Equal(c.StripHeaders, []string{"A", "B"}) || !slices.Equal(c.ForwardHeaders, []string{"X-*"}) {
		t.Errorf("forwards %q, strips %q", c.ForwardHeaders, c.StripHeaders)
	}
}
