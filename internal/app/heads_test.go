package app

import (
	"strings"
	"testing"
)

func TestAHeadOverTheLimitIsToldWhatWasTooLong(t *testing.T) {
	p := start(t, load(t, "server: {max_header_bytes: 8KiB}"), Options{})
	long := strings.Repeat("x", 300<<10)
	for _, base := range []string{p.url + "/captured", p.url + "/api/v1/openapi.json", p.admin + "/api/v1/queues", p.admin + "/livez"} {
		fields := call(t, "GET", base, "", "X-Long", long)
		if fields.status != 431 || fields.header.Get("OpenHQM-Source") != "openhqm" {
			t.Errorf("%s with 300 KiB of fields: %d %v", base, fields.status, fields.header)
		}
		mentions(t, fields.body, "headers-too-large", "8192", "server.max_header_bytes")
		target := call(t, "GET", base+"?"+long, "")
		if target.status != 414 || target.header.Get("OpenHQM-Source") != "openhqm" {
			t.Errorf("%s with a target of 300 KiB: %d %v", base, target.status, target.header)
		}
		mentions(t, target.body, "target-too-long", "16384")
	}
}
