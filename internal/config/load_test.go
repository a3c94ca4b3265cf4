package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestWithoutConfigurationTheDefaultsHold(t *testing.T) {
	c, notes, err := tryLoad(t, "")
	if err != nil || len(notes) != 0 {
		t.Fatal(err, notes)
	}
	if c.File() != "" || c.Source("server.port") != "default" || len(c.Files()) != 0 {
		t.Errorf("file %q, source %q", c.File(), c.Source("server.port"))
	}
	c.file, c.sources, c.filled, c.files, c.own = "", nil, nil, nil, nil
	if !reflect.DeepEqual(c, Default()) {
		t.Errorf("got %+v", c)
	}
}

func TestFlagsWinOverEnvironmentAndEnvironmentOverTheFile(t *testing.T) {
	in(t, "server: {host: a, port: 1, api_prefix: /a}\nadmin:\n")
	c, _, err := Load(Options{
		Env:       []string{"OPENHQM_SERVER__PORT=2", "OPENHQM_SERVER__API_PREFIX=/b"},
		Flags:     map[string]string{"server.port": "3", "proxy.endpoints.x.url": "http://x"},
		FlagNames: map[string]string{"server.port": "--port"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Server.Host != "a" || c.Server.APIPrefix != "/b" || c.Server.Port != 3 || c.Proxy.DefaultEndpoint != "x" {
		t.Errorf("%+v", c.Server)
	}
	for key, want := range map[string]string{
		"server.host": "openhqm.yaml:1", "server.api_prefix": "OPENHQM_SERVER__API_PREFIX", "server.port": "--port",
		"proxy.endpoints.x.url": "flag proxy.endpoints.x.url", "admin.port": "default",
	} {
		if got := c.Source(key); got != want {
			t.Errorf("source of %s: got %s, want %s", key, got, want)
		}
	}
}

func TestBadFlagsAreErrors(t *testing.T) {
	in(t, "")
	_, _, err := Load(Options{
		Flags:     map[string]string{"server.prot": "1", "server.port": "x", "proxy": "1", "proxy.endpoints.a.headers.b": "c"},
		FlagNames: map[string]string{"server.port": "--port"},
	})
	want := `configuration: 4 errors
  flag proxy: proxy: is no JSON object; give one, as {"key": "value"}
  flag proxy.endpoints.a.headers.b: proxy.endpoints.a.headers.b: entries of proxy.endpoints.a.headers cannot be set one by one; give all as a JSON object
  flag server.prot: server.prot: unknown key; did you mean server.port?
  --port: server.port: "x" is not accepted; give a whole number from 0 to 65535`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestMappingsMergeAcrossLayersAndListsAreReplaced(t *testing.T) {
	c := load(t, `
proxy:
  strip_headers: [A, B]
  endpoints:
    my-api: {url: http://a, headers: {X: "1", Y: "2"}}
    other: {url: http://b}
`, `OPENHQM_PROXY={"strip_headers": ["C"], "endpoints": {"my-api": {"headers": {"Y": "3"}}}}`,
		"OPENHQM_PROXY__ENDPOINTS__MY_API__TIMEOUT=5s", "OPENHQM_PROXY__ENDPOINTS__NEW__URL=http://c")
	e := c.Proxy.Endpoints["my-api"]
	if e.Headers["X"] != "1" || e.Headers["Y"] != "3" || e.Timeout != 5*second || len(c.Proxy.Endpoints) != 3 {
		t.Errorf("%+v", c.Proxy.Endpoints)
	}
	if strings.Join(c.Proxy.StripHeaders, ",") != "C" || c.Proxy.DefaultEndpoint != "" {
		t.Errorf("%+v", c.Proxy)
	}
}

func TestAnOverriddenValueNeedsNotItsVariable(t *testing.T) {
	c := load(t, "server: {host: \"${GONE}\"}", "OPENHQM_SERVER__HOST=here")
	if c.Server.Host != "here" {
		t.Error(c.Server.Host)
	}
}

func TestAReferenceInAVariableIsNoted(t *testing.T) {
	c, notes, err := tryLoad(t, "", "TOKEN=s3cret", "OPENHQM_AUTH__ADMIN_TOKEN=${TOKEN}", "OPENHQM_PROXY__STRIP_HEADERS=a$b,c",
		`OPENHQM_PROXY__ENDPOINTS={"a": {"url": "http://a", "auth_type": "bearer", "auth_token": "${TOKEN:-x}"}}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Proxy.Endpoints["a"].AuthToken.Reveal(); got != "${TOKEN:-x}" {
		t.Errorf("token %q, want it as it stands", got)
	}
	var got []string
	for _, n := range notes {
		got = append(got, n.String())
	}
	const why = "${NAME} is replaced in the file only; the value counts as it stands"
	want := []string{"OPENHQM_AUTH__ADMIN_TOKEN: auth.admin_token: " + why, "OPENHQM_PROXY__ENDPOINTS: proxy.endpoints.a.auth_token: " + why}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("notes\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAnchorsAndMergeKeysAreUnderstood(t *testing.T) {
	c := load(t, `
proxy:
  endpoints:
    a: &a {url: http://a, timeout: 1s, rate: 1/s}
    b: {<<: *a, url: http://b}
    c: {<<: [*a], rate: 2/s}
`)
	b, d := c.Proxy.Endpoints["b"], c.Proxy.Endpoints["c"]
	if b.URL != "http://b" || b.Timeout != second || d.Rate.Count != 2 || d.URL != "http://a" {
		t.Errorf("%+v", c.Proxy.Endpoints)
	}
}

func TestAliasBombsAndCyclesAreRefused(t *testing.T) {
	bomb := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 9; i++ {
		n, last := string(rune('0'+i)), string(rune('0'+i-1))
		bomb += "a" + n + ": &a" + n + " [" + strings.Repeat("*a"+last+",", 10) + "]\n"
	}
	for _, file := range []string{bomb, "server: &s {host: *s}\n"} {
		_, _, err := tryLoad(t, file)
		if err == nil {
			t.Fatal("accepted")
		}
		mustContain(t, err.Error(), "too large or nested too deeply")
	}
}

func TestEndpointsInheritFromTheWorkerSection(t *testing.T) {
	c := load(t, `
worker: {timeout_seconds: 9, max_retries: 7}
proxy: {endpoints: {a: {url: http://a}, b: {url: http://b, timeout: 1s, max_retries: 0, auth_type: none}}}
`)
	a, b := c.Proxy.Endpoints["a"], c.Proxy.Endpoints["b"]
	if a.Timeout != 9*second || a.MaxRetries != 7 || b.Timeout != second || b.MaxRetries != 0 {
		t.Errorf("a %+v\nb %+v", a, b)
	}
	if a.Authorization != AuthorizationForward || a.Host != HostAuto || !a.Selectable || a.Burst != 1 || b.AuthType != AuthNone {
		t.Errorf("a %+v\nb %+v", a, b)
	}
}

func TestAnEmptyListIsNotTheDefault(t *testing.T) {
	for _, c := range []*Config{
		load(t, "proxy: {forward_headers: []}"), load(t, "", "OPENHQM_PROXY__FORWARD_HEADERS="), load(t, "", "OPENHQM_PROXY__FORWARD_HEADERS=[]"),
	} {
		if c.Proxy.ForwardHeaders == nil || len(c.Proxy.ForwardHeaders) != 0 {
			t.Errorf("got %#v", c.Proxy.ForwardHeaders)
		}
	}
}

func TestQueueTypeFollowsTheRedisAddress(t *testing.T) {
	for _, tc := range []struct{ file, env, want, url string }{
		{"", "", "embedded", ""},
		{"", "OPENHQM_QUEUE__REDIS_URL=redis://r", "redis", "redis://r"},
		{"queue: {redis: {addrs: [r:1]}}", "", "redis", ""},
		{"queue: {redis_url: redis://r, type: embedded}", "", "embedded", "redis://r"},
		{"queue: {type: Redis}", "", "redis", "redis://localhost:6379"},
		{"", "OPENHQM_QUEUE__REDIS_URL=", "embedded", ""},
	} {
		c := load(t, tc.file, tc.env)
		if c.Queue.Type != tc.want || c.Queue.RedisURL.Reveal() != tc.url {
			t.Errorf("%+v: got %s, %s", tc, c.Queue.Type, c.Queue.RedisURL.Reveal())
		}
	}
}

func TestBackendURLAndItsCredentialsMakeTheDefaultEndpoint(t *testing.T) {
	c := load(t, "", "OPENHQM_PROXY__BACKEND_URL=http://app:8080", "OPENHQM_PROXY__AUTH_TYPE=api_key", "OPENHQM_PROXY__AUTH_TOKEN=t")
	e := c.Proxy.Endpoints["default"]
	if e.URL != "http://app:8080" || e.AuthToken != "t" || e.AuthHeaderName != "X-API-Key" || c.Proxy.DefaultEndpoint != "default" {
		t.Errorf("%+v", c.Proxy)
	}
	if got := c.Source("proxy.endpoints.default.url"); got != "OPENHQM_PROXY__BACKEND_URL" {
		t.Errorf("source of the URL is %s", got)
	}
	_, _, err := tryLoad(t, "", "OPENHQM_PROXY__BACKEND_URL=http://app", "OPENHQM_PROXY__DEFAULT_ENDPOINT=http://other")
	if err == nil {
		t.Fatal("two targets are accepted")
	}
	mustContain(t, err.Error(), "OPENHQM_PROXY__BACKEND_URL: proxy.backend_url: means the same as proxy.default_endpoint")
	_, _, err = tryLoad(t, "", "OPENHQM_PROXY__BACKEND_URL=http://app", "OPENHQM_PROXY__AUTH_TYPE=bearer")
	if err == nil {
		t.Fatal("a bearer without a token is accepted")
	}
	mustContain(t, err.Error(), "proxy.endpoints.default.auth_token: is empty; auth_type bearer needs it")
}

func TestNotesTellOfWhatHasNoEffect(t *testing.T) {
	_, notes, err := tryLoad(t, `
proxy:
  enabled: false
  endpoints: {a: {url: http://a, burst: 3, auth_type: bearer, auth_token: t, auth_username: u}}
`, "OPENHQM_PROXY_ENABLED=true", "OPENHQM_WORKER=5", "OPENHQM_URL=http://a", "OPENHQM_ADMIN_URL=http://b")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range notes {
		got = append(got, n.String())
	}
	want := []string{
		"OPENHQM_PROXY_ENABLED: has no effect; did you mean OPENHQM_PROXY__ENABLED?",
		"OPENHQM_WORKER: has no effect; a whole section is given as a JSON object, a key as OPENHQM_WORKER__KEY",
		"openhqm.yaml:4: proxy.endpoints.a.auth_username: has no effect with auth_type bearer",
		"openhqm.yaml:4: proxy.endpoints.a.burst: has no effect without rate",
		"openhqm.yaml:3: proxy.enabled: is false: no endpoint is used, the demo handler answers",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEndpointThatIsThisProcessIsFound(t *testing.T) {
	for _, tc := range []struct{ file, want string }{
		{"proxy: {default_endpoint: \"http://localhost:8000\"}",
			`configuration: openhqm.yaml:1: proxy.endpoints.default.url: "http://localhost:8000" is this process itself: its port is server.port; give the application's own address`},
		{"proxy: {default_endpoint: \"http://127.0.0.1:8001/x\"}",
			`configuration: openhqm.yaml:1: proxy.endpoints.default.url: "http://127.0.0.1:8001/x" is this process itself: its port is admin.port; give the application's own address`},
		{"proxy: {default_endpoint: \"http://localhost:8080\"}", ""},
		{"proxy: {default_endpoint: \"http://app:8000\"}", ""},
		{"proxy: {default_endpoint: \"https://localhost\"}", ""},
		{"server: {host: 10.0.0.1}\nproxy: {default_endpoint: \"http://localhost:8000\"}", ""},
	} {
		err := load(t, tc.file).SelfEndpoint(8000, 8001)
		if got := ""; err != nil {
			if got = err.Error(); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		} else if tc.want != "" {
			t.Errorf("%s: not found", tc.file)
		}
	}
}

func TestRestartIsNeededForListenersAndStoreAlone(t *testing.T) {
	before := load(t, "")
	after := load(t, `
server: {port: 9000, cors: {origins: []}, trusted_proxies: []}
queue: {type: redis, embedded: {dir: /elsewhere}, max_messages: 5}
worker: {concurrency: 2, max_retries: 1}
proxy: {endpoints: {a: {url: http://a}}}
monitoring: {log_level: debug}
`)
	want := []string{"server.port", "server.cors.origins", "queue.type", "queue.embedded.dir", "queue.redis_url", "queue.max_messages", "worker.concurrency"}
	if got := RestartKeys(before, after); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := RestartKeys(before, before); got != nil {
		t.Errorf("got %v for equal configurations", got)
	}
}
