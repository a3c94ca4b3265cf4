package config

import (
	"strings"
	"testing"
)

func TestTheOverrideOfAMethodHasToBeOne(t *testing.T) {
	for _, method := range []string{"CONNECT", "head", "TRACE", "OPTIONS", "a b"} {
		_, _, err := tryLoad(t, "proxy: {endpoints: {a: {url: http://a, method_override: "+method+"}}}")
		if err == nil || !strings.Contains(err.Error(), "proxy.endpoints.a.method_override: ") {
			t.Errorf("%s: %v", method, err)
		}
	}
	if c := load(t, "proxy: {endpoints: {a: {url: http://a, method_override: POST}}}"); c.Proxy.Endpoints["a"].MethodOverride != "POST" {
		t.Error("the override is not read")
	}
}
