package config

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestMissionBlocksRunAsTheyStand(t *testing.T) {
	type want struct{ url, authType, token, header string }
	for _, tc := range []struct {
		file      string
		env       []string
		endpoints map[string]want
		byDefault string
	}{
		{"my-api", []string{"TOKEN=t0ken"},
			map[string]want{"my-api": {"https://api.example.com", AuthBearer, "t0ken", ""}}, "my-api"},
		{"legacy-api", []string{"API_TOKEN=abc"},
			map[string]want{"legacy-api": {"http://localhost:8080", AuthBearer, "abc", ""}}, "legacy-api"},
		{"orders-payments", []string{"ORDER_TOKEN=o", "PAYMENT_KEY=p"},
			map[string]want{
				"orders":   {"http://order-service/api", AuthBearer, "o", ""},
				"payments": {"http://payment-service/api", AuthAPIKey, "p", "X-API-Key"},
			}, ""},
	} {
		t.Run(tc.file, func(t *testing.T) {
			c := load(t, read(t, "testdata/mission/"+tc.file+".yaml"), tc.env...)
			if !c.Proxy.Enabled || c.Proxy.DefaultEndpoint != tc.byDefault || len(c.Proxy.Endpoints) != len(tc.endpoints) {
				t.Errorf("enabled %v, default %q, %d endpoints", c.Proxy.Enabled, c.Proxy.DefaultEndpoint, len(c.Proxy.Endpoints))
			}
			for name, w := range tc.endpoints {
				e := c.Proxy.Endpoints[name]
				if got := (want{e.URL.Reveal(), e.AuthType, e.AuthToken.Reveal(), e.AuthHeaderName}); got != w {
					t.Errorf("%s: got %+v, want %+v", name, got, w)
				}
			}
		})
	}
}

func TestMissionBlocksNameEachMissingVariable(t *testing.T) {
	for file, want := range map[string]string{
		"my-api": "configuration: openhqm.yaml:7: proxy.endpoints.my-api.auth_token: " +
			"variable TOKEN is not set; set it, or give a default: ${TOKEN:-...}",
		"legacy-api": "configuration: openhqm.yaml:7: proxy.endpoints.legacy-api.auth_token: " +
			"variable API_TOKEN is not set; set it, or give a default: ${API_TOKEN:-...}",
		"orders-payments": "configuration: 2 errors\n" +
			"  openhqm.yaml:7: proxy.endpoints.orders.auth_token: " +
			"variable ORDER_TOKEN is not set; set it, or give a default: ${ORDER_TOKEN:-...}\n" +
			"  openhqm.yaml:13: proxy.endpoints.payments.auth_token: " +
			"variable PAYMENT_KEY is not set; set it, or give a default: ${PAYMENT_KEY:-...}",
	} {
		t.Run(file, func(t *testing.T) {
			if _, _, err := tryLoad(t, read(t, "testdata/mission/"+file+".yaml")); err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func TestSidecarEnvironmentMakesTheDefaultEndpoint(t *testing.T) {
	c, notes, err := tryLoad(t, "", "OPENHQM_PROXY__ENABLED=true", "OPENHQM_PROXY__DEFAULT_ENDPOINT=http://localhost:8080",
		// What else stands in a container's environment must not leak in.
		"PORT=1", "TYPE=x", "HOST=y", "OPENHQM_URL=http://elsewhere", "OPENHQM_PORT=tcp://10.0.0.1:80",
		"OPENHQM_SERVER_PORT=tcp://10.0.0.1:80", "OPENHQM_SERVICE_HOST=10.0.0.1", "OPENHQM_PORT_8000_TCP_PROTO=tcp")
	if err != nil {
		t.Fatal(err)
	}
	e, ok := c.Proxy.Endpoints["default"]
	if !ok || e.URL.Reveal() != "http://localhost:8080" || !c.Proxy.Enabled || c.Proxy.DefaultEndpoint != "default" {
		t.Errorf("proxy is %+v", c.Proxy)
	}
	if c.Server.Port != 8000 || c.Queue.Type != "embedded" || len(notes) != 0 {
		t.Errorf("port %d, type %s, notes %v", c.Server.Port, c.Queue.Type, notes)
	}
}

func TestFullExampleSetsEveryValue(t *testing.T) {
	c, notes, err := tryLoad(t, read(t, "testdata/full.yaml"), "API_TOKEN=s3cret")
	if err != nil {
		t.Fatal(err)
	}
	e := c.Proxy.Endpoints["legacy"]
	for _, check := range []struct {
		what      string
		got, want any
	}{
		{"port", c.Server.Port, 8000},
		{"type", c.Queue.Type, "embedded"},
		{"messages", c.Queue.MaxMessages, int64(10_000_000)},
		{"bytes", c.Queue.MaxBytes, Size(10 << 30)},
		{"retention", c.Queue.DeadRetention.Std(), 14 * 24 * time.Hour},
		{"timeout", c.Worker.Timeout.Std(), 300 * time.Second},
		{"delay", c.Worker.RetryDelayMax.Std(), time.Minute},
		{"default", c.Proxy.DefaultEndpoint, "legacy"},
		{"endpoint timeout", e.Timeout.Std(), 300 * time.Second},
		{"header", e.Headers["X-Source"].Reveal(), "openhqm"},
		{"token", e.AuthToken.Reveal(), "s3cret"},
		{"authorization", e.Authorization, AuthorizationReplace},
		{"rate", e.Rate.PerSecond(), 100.0},
		{"concurrency", e.Concurrency, 10},
		{"ttl", c.Cache.TTL.Std(), 24 * time.Hour},
		{"format", c.Monitoring.LogFormat, "json"},
	} {
		if check.got != check.want {
			t.Errorf("%s: got %v, want %v", check.what, check.got, check.want)
		}
	}
	if len(notes) != 1 || notes[0].String() != "openhqm.yaml:6: queue.redis_url: has no effect with queue.type embedded" {
		t.Errorf("notes: %v", notes)
	}
}

func TestPythonEnvironmentIsAcceptedWithNotes(t *testing.T) {
	c, notes, err := tryLoad(t, "",
		"openhqm_server__host=127.0.0.1", "OPENHQM_SERVER__PORT=8080", "OPENHQM_SERVER__WORKERS=4",
		"OPENHQM_QUEUE__REQUEST_QUEUE_NAME=q", "OPENHQM_QUEUE__KAFKA_TOPICS=[\"a\"]",
		"OPENHQM_WORKER__COUNT=5", "OPENHQM_WORKER__TIMEOUT_SECONDS=60", "OPENHQM_WORKER__RETRY_DELAY_BASE=1.5",
		"OPENHQM_PROXY__FORWARD_HEADERS=Content-Type, Accept", `OPENHQM_PROXY__STRIP_HEADERS=["Host","Connection"]`,
		"OPENHQM_PROXY__MAX_RESPONSE_SIZE=10485760",
		`OPENHQM_PROXY__ENDPOINTS={"my-api": {"url": "http://a", "timeout": 30, "headers": {"X-A": "b"}, "auth_token": null}}`,
		"OPENHQM_PROXY__ENDPOINTS__MY_API__CONCURRENCY=3",
		"OPENHQM_CACHE__TTL_SECONDS=3600", "OPENHQM_CACHE__REDIS_URL=redis://x", "OPENHQM_MONITORING__LOG_LEVEL=WARNING",
		"OPENHQM_ROUTING__ENABLED=false", "OPENHQM_ROUTING__CONFIG_PATH=/etc/routing.yaml",
		"OPENHQM_PARTITIONING__ENABLED=False", "OPENHQM_PARTITIONING__PARTITION_COUNT=4")
	if err != nil {
		t.Fatal(err)
	}
	e := c.Proxy.Endpoints["my-api"]
	if e.Timeout != 30*second || e.Headers["X-A"] != "b" || e.Concurrency != 3 || e.MaxRetries != 3 {
		t.Errorf("endpoint is %+v", e)
	}
	if len(c.Proxy.ForwardHeaders) != 2 || c.Proxy.StripHeaders[1] != "Connection" || c.Proxy.MaxResponseSize != 10*mib {
		t.Errorf("proxy is %+v", c.Proxy)
	}
	if c.Worker.RetryDelayBase.Std() != 1500*time.Millisecond || c.Monitoring.LogLevel != "warn" || c.Server.Host != "127.0.0.1" {
		t.Errorf("worker %+v, monitoring %+v", c.Worker, c.Monitoring)
	}
	noted := map[string]bool{}
	for _, n := range notes {
		noted[n.Key] = true
	}
	for _, key := range []string{"server.workers", "queue.request_queue_name", "queue.kafka_topics", "worker.count",
		"cache.redis_url", "routing.config_path", "partitioning.partition_count"} {
		if !noted[key] {
			t.Errorf("no note about %s", key)
		}
	}
	if len(notes) != 7 {
		t.Errorf("%d notes: %v", len(notes), notes)
	}
}

// TestTheExampleFileHasEverySection reads config.example.yaml of the repository.
func TestTheExampleFileHasEverySection(t *testing.T) {
	const path = "../../config.example.yaml"
	c, notes, err := Load(Options{Path: path, Backends: []string{"embedded", "redis"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, note := range notes {
		t.Errorf("a note: %v", note)
	}
	if len(c.Proxy.Endpoints) < 3 || len(c.Routes) < 4 {
		t.Errorf("%d endpoints and %d routes", len(c.Proxy.Endpoints), len(c.Routes))
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	accepted := map[string]bool{"partitioning": true, "tracing": true} // have no effect in this version
	for field := range reflect.TypeFor[Config]().Fields() {
		section := field.Tag.Get("yaml")
		if section != "" && !accepted[section] && !strings.Contains(string(text), "\n"+section+":\n") {
			t.Errorf("no section %s", section)
		}
	}
}
