package config

import (
	"strings"
	"testing"
)

func TestEndpointSizesAreThoseOfTheProxyUnlessSet(t *testing.T) {
	c := load(t, "proxy: {max_request_size: 1MiB, max_response_size: 2MiB, endpoints: {a: {url: http://a}, b: {url: http://b, max_request_size: 3MiB, max_response_size: 4MiB}}}")
	a, b := c.Proxy.Endpoints["a"], c.Proxy.Endpoints["b"]
	if a.MaxRequestSize != 1<<20 || a.MaxResponseSize != 2<<20 || b.MaxRequestSize != 3<<20 || b.MaxResponseSize != 4<<20 {
		t.Errorf("%v %v, %v %v", a.MaxRequestSize, a.MaxResponseSize, b.MaxRequestSize, b.MaxResponseSize)
	}
	_, _, err := tryLoad(t, "queue: {max_bytes: 20MiB}\nproxy: {endpoints: {a: {url: http://a, max_request_size: 21MiB}}}")
	if err == nil || !strings.Contains(err.Error(), "proxy.endpoints.a.max_request_size: 21MiB is more than queue.max_bytes, 20MiB") {
		t.Error(err)
	}
}
