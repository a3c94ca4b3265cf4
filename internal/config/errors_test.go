package config

import (
	"strings"
	"testing"
)

func TestEveryErrorNamesSourceKeyValueAndWhatIsAccepted(t *testing.T) {
	const url = "proxy: {endpoints: {a: {url: http://a, "
	const secure = "proxy: {endpoints: {a: {url: https://a, "
	for _, tc := range []struct {
		name string
		file string
		env  []string
		want string // after "configuration: "
	}{
		{"not a number", "server:\n  port: 80x\n", nil,
			`openhqm.yaml:2: server.port: "80x" is not accepted; give a whole number from 0 to 65535`},
		{"out of range", "", []string{"OPENHQM_SERVER__PORT=65536"},
			`OPENHQM_SERVER__PORT: server.port: "65536" is not accepted; give a whole number from 0 to 65535`},
		{"negative duration", "queue: {max_age: -1s}", nil,
			`openhqm.yaml:1: queue.max_age: "-1s" is not accepted; give a duration such as 30s or 14d, or a number of seconds, at least 1s`},
		{"short lease", "worker: {lease: 100ms}", nil,
			`openhqm.yaml:1: worker.lease: "100ms" is not accepted; give a duration such as 30s or 14d, or a number of seconds from 1s to 1h`},
		{"size", "proxy: {max_request_size: 10 elephants}", nil,
			`openhqm.yaml:1: proxy.max_request_size: "10 elephants" is not accepted; give a size such as 10MiB, or a number of bytes, at least 1`},
		{"rate", url + "rate: fast}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.rate: "fast" is not accepted; give a rate such as 100/s, 6000/m or 5/h`},
		{"breaker status", url + "breaker: {statuses: [503, 600]}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.breaker.statuses: "600" is not accepted; give statuses from 400 to 599`},
		{"breaker waits", url + "breaker: {wait: 1m}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.breaker.wait_max: 30s is less than wait, which is 1m; raise it, or lower wait`},
		{"ordering by nothing", url + "ordering: {on_dead: stop}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.ordering.on_dead: "stop" is not accepted; give one of skip, block`},
		{"ordering by no field", url + "ordering: {header: 'a b'}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.ordering.header: "a b" is not accepted; give the name of a header field`},
		{"caller by a secret", url + "caller_header: Authorization}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.caller_header: "Authorization" holds a secret, and its value is shown to operators; give a field that may be seen`},
		{"boolean", "proxy: {enabled: maybe}", nil,
			`openhqm.yaml:1: proxy.enabled: "maybe" is not accepted; give true or false`},
		{"word", "queue: {durability: high}", nil,
			`openhqm.yaml:1: queue.durability: "high" is not accepted; give one of any, strict`},
		{"list for text", "server: {host: [a]}", nil,
			`openhqm.yaml:1: server.host: is a list; give text`},
		{"mapping for list", "proxy: {strip_headers: {a: b}}", nil,
			`openhqm.yaml:1: proxy.strip_headers: is a mapping; give a list, or values separated by commas`},
		{"text for section", "server: here", nil,
			`openhqm.yaml:1: server: holds keys; give a mapping`},
		{"text for section under a variable", "server: here", []string{"OPENHQM_SERVER__PORT=1"},
			`openhqm.yaml:1: server: holds keys; give a mapping`},
		{"unknown key", "server:\n  prot: 1\n", nil,
			`openhqm.yaml:2: server.prot: unknown key; did you mean server.port?`},
		{"unknown section", "servers: {port: 1}", nil,
			`openhqm.yaml:1: servers: unknown key; did you mean server?`},
		{"key of another section", "server: {endpoints: {}}", nil,
			`openhqm.yaml:1: server.endpoints: unknown key; did you mean proxy.endpoints?`},
		{"key of the same section", url + "default_endpoint: b}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.default_endpoint: unknown key; did you mean proxy.default_endpoint?`},
		{"key outside its section", "api_prefix: /x", nil,
			`openhqm.yaml:1: api_prefix: unknown key; did you mean server.api_prefix?`},
		{"value of an unrelated section", url + "shards: 2}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.shards: unknown key`},
		{"key of the section above", url + "mode: sync}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.mode: unknown key; did you mean proxy.mode?`},
		{"key like nothing", "server: {qqqqqq: 1}", nil,
			`openhqm.yaml:1: server.qqqqqq: unknown key`},
		{"unknown key of endpoint", url + "time_out: 3}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.time_out: unknown key; did you mean proxy.endpoints.a.timeout?`},
		{"unknown variable", "", []string{"OPENHQM_SERVER__PROT=1"},
			`OPENHQM_SERVER__PROT: unknown variable; did you mean OPENHQM_SERVER__PORT?`},
		{"unknown section of variable", "", []string{"OPENHQM_PROXI__ENABLED=1"},
			`OPENHQM_PROXI__ENABLED: unknown variable; did you mean OPENHQM_PROXY__ENABLED?`},
		{"variable like nothing", "", []string{"OPENHQM_WHATEVER__X=1"},
			`OPENHQM_WHATEVER__X: unknown variable; known sections are SERVER, ADMIN, AUTH, QUEUE, WORKER, PROXY, CACHE, CALLBACK, MONITORING, ROUTING, PARTITIONING, ROUTES`},
		{"variable below a value", "", []string{"OPENHQM_SERVER__PORT__X=1"},
			`OPENHQM_SERVER__PORT__X: unknown variable; did you mean OPENHQM_SERVER__PORT?`},
		{"variable twice", "", []string{"OPENHQM_SERVER__PORT=1", "openhqm_server__port=2"},
			`openhqm_server__port: the same setting as OPENHQM_SERVER__PORT; set one of them`},
		{"header by variable", url + "}}}", []string{"OPENHQM_PROXY__ENDPOINTS__A__HEADERS__X=1"},
			`OPENHQM_PROXY__ENDPOINTS__A__HEADERS__X: entries of proxy.endpoints.a.headers cannot be set one by one; give all as a JSON object`},
		{"ambiguous endpoint", "proxy: {endpoints: {a-b: {url: http://a}, a.b: {url: http://a}}}", []string{"OPENHQM_PROXY__ENDPOINTS__A_B__RATE=1"},
			`OPENHQM_PROXY__ENDPOINTS__A_B__RATE: may mean each of a-b, a.b; set it in the file, or give OPENHQM_PROXY__ENDPOINTS as JSON`},
		{"bad JSON", "", []string{`OPENHQM_PROXY__ENDPOINTS={"a": {"auth_token": "s3cret"`},
			`OPENHQM_PROXY__ENDPOINTS: proxy.endpoints: not valid JSON at byte 29; give a JSON object`},
		{"JSON of another kind", "", []string{`OPENHQM_PROXY__ENDPOINTS=["s3cret"]`},
			`OPENHQM_PROXY__ENDPOINTS: proxy.endpoints: is no JSON object; give one, as {"key": "value"}`},
		{"missing variable", "server:\n  host: ${WHERE}\n", nil,
			`openhqm.yaml:2: server.host: variable WHERE is not set; set it, or give a default: ${WHERE:-...}`},
		{"open brace", "server: {host: \"${WHERE\"}", nil,
			`openhqm.yaml:1: server.host: "${" is not followed by the name of a variable and "}"; write ${NAME}, ${NAME:-default}, ${file:PATH}, or $${ for a literal ${`},
		{"bad variable", "auth: {admin_token: \"${s3cret!}\"}", nil,
			`openhqm.yaml:1: auth.admin_token: "${" is not followed by the name of a variable and "}"; write ${NAME}, ${NAME:-default}, ${file:PATH}, or $${ for a literal ${`},
		{"bad YAML", "server:\n  port: [1\n", nil,
			`openhqm.yaml:2: not valid YAML: did not find expected ',' or ']'`},
		{"no mapping", "- a\n", nil,
			"openhqm.yaml:1: holds no sections; give a mapping such as `server: {port: 8000}`"},
		{"two documents", "server: {}\n---\nadmin: {}\n", nil,
			`openhqm.yaml:2: a second YAML document begins; give one`},
		{"twice", "server:\n  port: 1\n  port: 2\n", nil,
			`openhqm.yaml:3: port: is set twice in the same mapping; keep one`},
		{"tag", "server: {host: !!binary aGk=}", nil,
			`openhqm.yaml:1: tag !!binary is not supported; write the value without it`},
		{"ports collide", "server: {port: 9000}\nadmin: {port: 9000}", nil,
			`openhqm.yaml:2: admin.port: 9000 is server.port too; give another port, or 0 for a free one`},
		{"prefix", "server: {api_prefix: api/}", nil,
			`openhqm.yaml:1: server.api_prefix: "api/" is not accepted; give a path such as /api/v1, without a slash at its end`},
		{"public URL", "server: {public_url: queue.example.com}", nil,
			`openhqm.yaml:1: server.public_url: "queue.example.com" is not accepted; give an absolute URL such as http://localhost:8080`},
		{"network", "server: {trusted_proxies: [10.0.0.0/99]}", nil,
			`openhqm.yaml:1: server.trusted_proxies: "10.0.0.0/99" is not accepted; give networks or addresses such as 10.0.0.0/8`},
		{"credentials for any origin", "server: {cors: {credentials: true}}", nil,
			`openhqm.yaml:1: server.cors.credentials: is true while server.cors.origins has *: any page could act as its visitor; list the origins one by one`},
		{"method of pages", "server: {cors: {methods: [\"*\"]}}", nil,
			`openhqm.yaml:1: server.cors.methods: "*" is not accepted; give methods such as POST`},
		{"origin", "server: {cors: {origins: [https://a/b]}}", nil,
			`openhqm.yaml:1: server.cors.origins: "https://a/b" is not accepted; give origins such as https://app.example.com, or *`},
		{"backend", "queue: {type: kafka}", nil,
			`openhqm.yaml:1: queue.type: "kafka" is no queue backend of this binary, which has embedded, redis`},
		{"backend misspelled", "queue: {type: embeded}", nil,
			`openhqm.yaml:1: queue.type: "embeded" is no queue backend of this binary, which has embedded, redis; did you mean embedded?`},
		{"redis URL", "queue: {redis_url: \"http://:pw@x\"}", nil,
			`openhqm.yaml:1: queue.redis_url: "http://***@x" is not accepted; give redis://[user:password@]host:port[/database], rediss:// for TLS`},
		{"redis URL without scheme", "", []string{"OPENHQM_QUEUE__REDIS_URL=:s3cret@redis:6379"},
			`OPENHQM_QUEUE__REDIS_URL: queue.redis_url: "***@redis:6379" is not accepted; give redis://[user:password@]host:port[/database], rediss:// for TLS`},
		{"redis address with password", "queue: {redis: {addrs: [\":s3cret@redis:6379\"]}}", nil,
			`openhqm.yaml:1: queue.redis.addrs: "***@redis:6379" is not accepted; give addresses such as redis:6379`},
		{"default endpoint with password", "proxy: {default_endpoint: \"u:s3cret@app\"}", nil,
			`openhqm.yaml:1: proxy.default_endpoint: "***@app" is neither a configured endpoint nor a URL; no endpoint is configured; give a URL such as http://localhost:8080`},
		{"endpoint with password", "proxy: {endpoints: {a: {url: \"u:s3cret@app\"}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.url: "***@app" is not accepted; give an absolute URL such as http://localhost:8080`},
		{"merge of a value", "server: {<<: 1}", nil,
			`openhqm.yaml:1: "<<" takes a mapping or a list of mappings`},
		{"sentinel", "queue: {redis: {mode: sentinel, addrs: [\"a:1\"]}}", nil,
			`queue.redis.master: is empty; queue.redis.mode sentinel needs the master's name`},
		{"delays", "worker: {retry_delay_base: 2m}", nil,
			`worker.retry_delay_max: 1m is less than worker.retry_delay_base, 2m; give at least that`},
		{"grace", "worker: {grace: 1s}", nil,
			`openhqm.yaml:1: worker.grace: worker.drain_lag, 5s, lies within worker.grace, 1s; make it the shorter one`},
		{"endpoint name", "proxy: {endpoints: {_a: {url: http://a}}}", nil,
			`openhqm.yaml:1: proxy.endpoints._a: "_a" is not accepted as a name; use letters, digits, ".", "_" and "-", no "_" at the beginning, at most 200 characters`},
		{"endpoint without URL", "proxy: {endpoints: {a: {}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.url: is missing; give an absolute URL such as http://localhost:8080`},
		{"endpoint URL", "proxy: {endpoints: {a: {url: \"ftp://a\"}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.url: "ftp://a" is not accepted; give an absolute URL such as http://localhost:8080`},
		{"credentials in URL", "proxy: {endpoints: {a: {url: \"http://u:s3cret@a\"}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.url: "http://***@a" holds credentials; set auth_type: basic, auth_username and auth_password instead`},
		{"default endpoint", "proxy: {default_endpoint: legasy, endpoints: {legacy: {url: http://a}, b: {url: http://b}}}", nil,
			`openhqm.yaml:1: proxy.default_endpoint: "legasy" is neither a configured endpoint nor a URL; configured are b, legacy; did you mean legacy?`},
		{"default without scheme", "", []string{"OPENHQM_PROXY__DEFAULT_ENDPOINT=localhost:8080"},
			`OPENHQM_PROXY__DEFAULT_ENDPOINT: proxy.default_endpoint: "localhost:8080" is neither a configured endpoint nor a URL; no endpoint is configured; did you mean http://localhost:8080?`},
		{"default without scheme, enabled", "proxy: {enabled: true, default_endpoint: \"app:9000/in?key=s3cret\"}", nil,
			`openhqm.yaml:1: proxy.default_endpoint: "app:9000/in?key=***" is neither a configured endpoint nor a URL; no endpoint is configured; did you mean http://app:9000/in?key=***?`},
		{"default without scheme beside others", "proxy: {default_endpoint: \"localhost:9000\", endpoints: {b: {url: http://b}}}", nil,
			`openhqm.yaml:1: proxy.default_endpoint: "localhost:9000" is neither a configured endpoint nor a URL; configured are b; did you mean http://localhost:9000?`},
		{"default twice", "proxy: {default_endpoint: http://x, endpoints: {default: {url: http://a}}}", nil,
			`openhqm.yaml:1: proxy.default_endpoint: "http://x" makes an endpoint named "default", which is configured too (openhqm.yaml:1); name it instead of giving a URL`},
		{"default not selectable", "proxy: {default_endpoint: a, endpoints: {a: {url: http://a, selectable: false}}}", nil,
			`openhqm.yaml:1: proxy.default_endpoint: "a" has selectable: false; name another, or make it selectable`},
		{"proxy without endpoint", "proxy: {enabled: true}", nil,
			`openhqm.yaml:1: proxy.enabled: is true, but no endpoint is configured; set proxy.default_endpoint to a URL, or proxy.endpoints`},
		{"bearer without token", url + "auth_type: bearer}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.auth_token: is empty; auth_type bearer needs it`},
		{"token without type", url + "auth_token: s3cret}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.auth_token: is set without auth_type; give one of bearer, api_key, basic, custom, oauth2`},
		{"token with line break", url + "auth_type: bearer, auth_token: \"s3\\ncret\"}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.auth_token: the value holds a line break or another control character; remove it`},
		{"masked secret", url + "auth_type: bearer, auth_token: \"***\"}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.auth_token: is the mask that config print writes, not a secret`},
		{"oauth2 without a secret", url + "auth_type: oauth2, oauth2: {token_url: 'http://i/t', client_id: c}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.oauth2.client_secret: is empty; auth_type oauth2 needs it`},
		{"oauth2 elsewhere", url + "oauth2: {token_url: 'http://i/t'}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.oauth2.token_url: is set without auth_type: oauth2; set that too, or remove it`},
		{"oauth2 token_url", url + "auth_type: oauth2, oauth2: {token_url: i/t, client_id: c, client_secret: s}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.oauth2.token_url: "i/t" is not accepted; give an absolute URL such as http://localhost:8080`},
		{"oauth2 scope", url + "auth_type: oauth2, oauth2: {token_url: 'http://i/t', client_id: c, client_secret: s, scopes: [a b]}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.oauth2.scopes: "a b" is not accepted; give a list of scopes, none of them with a blank, a quote or a backslash`},
		{"oauth2 parameter", url + "auth_type: oauth2, oauth2: {token_url: 'http://i/t', client_id: c, client_secret: s, params: {scope: a}}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.oauth2.params.scope: is no further parameter; OpenHQM sends it itself`},
		{"oauth2 authorities", url + "auth_type: oauth2, oauth2: {token_url: 'http://i/t', client_id: c, client_secret: s, ca_file: f}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.oauth2.ca_file: has no effect on an http token_url; give an https URL, or remove it`},
		{"oauth2 for a URL", "proxy: {default_endpoint: 'http://a', auth_type: oauth2}", nil,
			`openhqm.yaml:1: proxy.auth_type: "oauth2" is not accepted; give one of bearer, api_key, basic, custom`},
		{"tls key", url + "tls: {ca: x}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.tls.ca: unknown key`},
		{"tls of http", url + "tls: {server_name: x}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.tls.server_name: has no effect on an http url; give an https url, or remove it`},
		{"tls without key", secure + "tls: {cert_file: /c}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.tls.key_file: is empty; cert_file needs the file of its key`},
		{"tls without certificate", secure + "tls: {key_file: /k}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.tls.cert_file: is empty; key_file needs the file of its certificate`},
		{"tls name", secure + "tls: {server_name: \"a:1\"}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.tls.server_name: "a:1" is not accepted; give a host name without a port`},
		{"tls version", secure + "tls: {min_version: 1.1}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.tls.min_version: "1.1" is not accepted; give one of 1.2, 1.3`},
		{"tls both ways", secure + "tls: {ca_file: /c, insecure_skip_verify: true}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.tls.insecure_skip_verify: is true, so that nothing is compared with ca_file; remove it: ca_file alone trusts your own authority`},
		{"framing header", url + "headers: {transfer-encoding: chunked}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.headers.transfer-encoding: transfer-encoding cannot be set: it belongs to the connection, not to the request; give another field`},
		{"header name", url + "headers: {\"X Y\": s3cret}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.headers.X Y: "X Y" is not accepted; give the name of a header field`},
		{"status", url + "on: {99: retry}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.on.99: "99" is not accepted; give a status from 200 to 599 or a class such as 5xx`},
		{"meaning of status", url + "on: {404: explode}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.on.404: "explode" is not accepted; give one of result, retry, wait, fail, unknown_outcome`},
		{"host", url + "host: \"a b\"}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.host: "a b" is not accepted; give auto, preserve, endpoint, or the Host field to send`},
		{"tracing", "", []string{"OPENHQM_TRACING__ENDPOINT=x"},
			`OPENHQM_TRACING__ENDPOINT: tracing: tracing: not supported in this version; remove the key`},
		{"routing", "", []string{"OPENHQM_ROUTING__ENABLED=true"},
			`OPENHQM_ROUTING__ENABLED: routing.enabled: is true, and there are no rules; give routing.config_path or routing.config_dict`},
		{"listener", "admin: {host: \"a b\"}", nil,
			`openhqm.yaml:1: admin.host: "a b" is not accepted; give an address or a name, 0.0.0.0 for every interface`},
		{"no directory", "queue: {embedded: {dir: \"\"}}", nil,
			`openhqm.yaml:1: queue.embedded.dir: is empty; give a directory`},
		{"queue smaller than a request", "queue: {max_bytes: 5MiB}", nil,
			`openhqm.yaml:1: queue.max_bytes: 5MiB is less than proxy.max_request_size, 10MiB; give at least that`},
		{"header pattern", "proxy: {forward_headers: [\"X *\"]}", nil,
			`openhqm.yaml:1: proxy.forward_headers: "X *" is not accepted; give header names, patterns such as X-*, or *`},
		{"header pattern of an endpoint", "proxy: {endpoints: {a: {url: http://a, strip_headers: [\"X *\"]}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.strip_headers: "X *" is not accepted; give header names, patterns such as X-*, or *`},
		{"Via", "proxy: {endpoints: {a: {url: http://a, headers: {via: x}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.headers.via: Via cannot be set: OpenHQM finds by it that a request goes in a circle; give another field`},
		{"list in JSON", "", []string{"OPENHQM_PROXY__STRIP_HEADERS=[1"},
			`OPENHQM_PROXY__STRIP_HEADERS: proxy.strip_headers: not valid JSON at byte 2; give a list, or values separated by commas`},
		{"text for mapping", url + "headers: x}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.headers: holds names; give a mapping`},
		{"switch", "routing: {enabled: perhaps}", nil,
			`openhqm.yaml:1: routing.enabled: "perhaps" is not accepted; give true or false`},
		{"method", url + "method: \"P T\"}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.method: "P T" is not accepted; give a method such as POST`},
		{"connect", url + "method: connect}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.method: CONNECT cannot be queued; give a method such as POST`},
		{"spelling", url + "header_names: [\"a b\"]}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.header_names: "a b" is not accepted; give header names`},
		{"host field", url + "headers: {host: x}}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.headers.host: Host cannot be set here; use the endpoint's host`},
		{"own field", url + "auth_type: custom, auth_token: s3cret, auth_header_name: openhqm-key}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.auth_header_name: openhqm-key cannot be set: only OpenHQM itself sends such fields; give another field`},
		{"proxy's field", url + "auth_type: custom, auth_token: s3cret, auth_header_name: Proxy-Authorization}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.auth_header_name: Proxy-Authorization cannot be set: it belongs to the connection, not to the request; give another field`},
		{"user with colon", url + "auth_type: basic, auth_username: \"a:b\", auth_password: c}}}", nil,
			`openhqm.yaml:1: proxy.endpoints.a.auth_username: holds a colon, which basic authentication cannot carry (RFC 7617)`},
		{"fragment", "proxy: {default_endpoint: \"http://a/#b\"}", nil,
			`openhqm.yaml:1: proxy.endpoints.default.url: "http://a/#b" holds a fragment, which is never sent; remove it`},
		{"credentials for no URL", "proxy: {auth_type: bearer, endpoints: {a: {url: http://a}}}", nil,
			`openhqm.yaml:1: proxy.auth_type: is for an endpoint given as a URL; set it below proxy.endpoints.NAME`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, _, err := tryLoad(t, tc.file, tc.env...)
			if err == nil || c != nil {
				t.Fatalf("accepted: %+v", c)
			}
			if got := strings.TrimPrefix(err.Error(), "configuration: "); got != tc.want {
				t.Errorf("\ngot  %s\nwant %s", got, tc.want)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

func TestAllErrorsAreReportedTogether(t *testing.T) {
	_, _, err := tryLoad(t, "server: {port: x}\nqueue: {typ: redis}\nproxy:\n  endpoints:\n    a: {url: \"${A}\", auth_type: bearer}\n",
		"OPENHQM_WORKER__CONCURRENCY=0", "OPENHQM_ADMIN__PROT=1")
	want := `configuration: 6 errors
  OPENHQM_ADMIN__PROT: unknown variable; did you mean OPENHQM_ADMIN__PORT?
  openhqm.yaml:1: server.port: "x" is not accepted; give a whole number from 0 to 65535
  openhqm.yaml:2: queue.typ: unknown key; did you mean queue.type?
  openhqm.yaml:5: proxy.endpoints.a.url: variable A is not set; set it, or give a default: ${A:-...}
  OPENHQM_WORKER__CONCURRENCY: worker.concurrency: "0" is not accepted; give a whole number from 1 to 100000
  openhqm.yaml:5: proxy.endpoints.a.auth_token: is empty; auth_type bearer needs it`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestUnreadableFileIsAnError(t *testing.T) {
	in(t, "")
	for path, want := range map[string]string{
		"missing.yaml": "configuration: missing.yaml: cannot be read: no such file or directory",
		".":            "configuration: .: cannot be read: is a directory",
	} {
		if _, _, err := Load(Options{Path: path}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
	}
}

func TestBackendChosenByRedisURLSaysWhy(t *testing.T) {
	in(t, "queue: {redis_url: redis://r}")
	_, _, err := Load(Options{})
	want := `configuration: openhqm.yaml:1, which sets queue.redis_url: queue.type: "redis" is no queue backend of this binary, which has embedded`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}
