package config

// Proxy is what is delivered where.
type Proxy struct {
	// Whether messages go to endpoints. `false`: the demo handler answers them. Default: true when an endpoint is configured.
	Enabled bool `yaml:"enabled"`
	// Endpoint of requests that name none: a name below `proxy.endpoints`, or a URL, which makes an endpoint named `default`.
	// When there is a single selectable endpoint, that one.
	DefaultEndpoint string `yaml:"default_endpoint"`
	// The same as a URL in `proxy.default_endpoint`.
	BackendURL URL `yaml:"backend_url"`
	// Credentials for the endpoint that a URL in `proxy.default_endpoint` or `proxy.backend_url` makes; see the endpoint's
	// `auth_type`. For `oauth2` name an endpoint below `proxy.endpoints`.
	AuthType string `yaml:"auth_type" enum:"|bearer|api_key|basic|custom" alias:"none="`
	// See the endpoint's `auth_token`.
	AuthToken Secret `yaml:"auth_token"`
	// See the endpoint's `auth_username`.
	AuthUsername string `yaml:"auth_username"`
	// See the endpoint's `auth_password`.
	AuthPassword Secret `yaml:"auth_password"`
	// See the endpoint's `auth_header_name`.
	AuthHeaderName string `yaml:"auth_header_name"`
	// Header fields of the client that are forwarded, to endpoints that do not say so themselves: names, patterns as `X-*` and
	// `*-Id`, or `*` for all, whatever the case. Hop-by-hop fields never are. Via, Forwarded and X-Forwarded-For, -Host, -Proto
	// and -Port are not subject to it: OpenHQM continues them.
	ForwardHeaders []string `yaml:"forward_headers"`
	// Header fields that are not forwarded to any endpoint even so: names, or patterns as `X-*`. A field that some applications
	// take for the same goes too: with `X-Secret` also `X_Secret`. Via is never stripped.
	StripHeaders []string `yaml:"strip_headers"`
	// Largest request body that is stored. Beyond it the answer is 413.
	MaxRequestSize Size `yaml:"max_request_size" min:"1"`
	// Largest answer body that is stored. What exceeds it is cut there and flagged.
	MaxResponseSize Size `yaml:"max_response_size" min:"1"`
	// What becomes of a captured request: `sync`, it passes straight through and is not queued; `async`, it is stored and answered
	// 202; `auto`, it is stored and its client held for up to `wait`; `default`, safe methods, upgrades, gRPC-Web and event streams
	// are sync, the rest auto. `Prefer: respond-async` makes a sync of `default` async, never one that is set here. A request
	// that only a live connection can serve (an upgrade, gRPC-Web) is refused where this is `async` or `auto`. Requests for the
	// demo handler are stored, sync or not.
	Mode string `yaml:"mode" enum:"default|sync|async|auto"`
	// How long a captured request is held for the real answer before it gets 202, and how long one that passes through waits in
	// line before it gets 503. 0 never holds, and passes only what is let through at once.
	Wait Duration `yaml:"wait" max:"1h"`
	// What becomes of a stored request whose client goes while it is held. `cancel`: a request that nobody has begun is cancelled,
	// since its client was not told that it was accepted and will send it again; one with an Idempotency-Key is kept, for the
	// repeat to join. `keep`: it goes on. What has begun always goes on.
	OnDisconnect string `yaml:"on_disconnect" enum:"cancel|keep"`
	// What becomes of a request that the queue backend did not take because it is down or its disk is full. `closed`: it gets 503.
	// `open`: it goes straight through to its endpoint, once, unless it is promised what only the queue keeps: an Idempotency-Key
	// that the endpoint does not honour, a place in order, a time, a callback. A queue that is full is not down.
	OnStoreDown string `yaml:"on_store_down" enum:"closed|open"`
	// The configured HTTP targets, by name. Names consist of letters, digits, `.`, `_` and `-`, and do not begin with `_`.
	// In the environment: all of them as one JSON object, or key by key.
	Endpoints map[string]Endpoint `yaml:"endpoints"`
}

// What becomes of a stored request whose client goes while it is held.
const (
	DisconnectCancel = "cancel"
	DisconnectKeep   = "keep"
)

// What becomes of a request that the queue backend did not take because it is down.
const (
	StoreDownClosed = "closed"
	StoreDownOpen   = "open"
)

// Ways to authenticate to an endpoint.
const (
	AuthNone   = ""        // send what the client sent
	AuthBearer = "bearer"  // Authorization: Bearer auth_token
	AuthAPIKey = "api_key" // auth_token in auth_header_name
	AuthBasic  = "basic"   // RFC 7617, auth_username and auth_password
	AuthCustom = "custom"  // auth_token, as it is, in auth_header_name
	AuthOAuth2 = "oauth2"  // a bearer token that is fetched
)

// What becomes of the client's own Authorization field.
const (
	AuthorizationForward = "forward"
	AuthorizationReplace = "replace"
)

// What a 401 or 403 means where OpenHQM injects the credentials.
const (
	AuthFailuresHold   = "hold"   // close the endpoint until its secret changes or a person opens it
	AuthFailuresResult = "result" // the answer is the result
)

// Host field sent to an endpoint; any other value is sent as it is.
const (
	HostAuto     = "auto"
	HostPreserve = "preserve"
	HostEndpoint = "endpoint"
)

// What a status means, as endpoint key `on` overrides it.
const (
	OnResult         = "result"          // the request is COMPLETED with this answer
	OnRetry          = "retry"           // try again, while attempts are left
	OnWait           = "wait"            // try again later; costs no attempt
	OnFail           = "fail"            // FAILED endpoint_error, the answer kept
	OnUnknownOutcome = "unknown_outcome" // FAILED unknown_outcome, the answer kept
)

// Endpoint is one configured HTTP target.
type Endpoint struct {
	// Where requests go: an absolute http or https URL. A path in it precedes the request's own. No credentials here; see
	// `auth_type`.
	URL URL `yaml:"url"`
	// Method of requests that come through `/api/v1/submit` and name none. Captured requests keep their own.
	Method string `yaml:"method"`
	// Method by which every request reaches the endpoint, whatever its own: for an application that takes only POST. The request
	// counts as one of that method: a GET that becomes a POST is queued, and is not repeated where a POST would not be. HEAD,
	// OPTIONS, TRACE and requests to upgrade keep their own. Empty: all do.
	MethodOverride string `yaml:"method_override"`
	// Host field to send: `preserve` the client's, the `endpoint`'s own, `auto`: the client's for a loopback endpoint, else the
	// endpoint's own; anything else is sent as it is.
	Host string `yaml:"host"`
	// Version of HTTP that is spoken: `http1`, HTTP/1.1; `h2`, HTTP/2 over TLS, for an https url; `h2c`, HTTP/2 without TLS and
	// with prior knowledge, for an http url. Nothing is negotiated: an endpoint that does not speak it is sent nothing. In
	// HTTP/2 nothing is upgraded, and `header_names` has no effect.
	Protocol string `yaml:"protocol" enum:"http1|h2|h2c"`
	// How long one attempt may take, answer body included. Default: `worker.timeout_seconds`.
	Timeout Duration `yaml:"timeout" min:"10ms"`
	// How long connecting may take, TLS included. A request that failed here was provably not sent.
	ConnectTimeout Duration `yaml:"connect_timeout" min:"1ms"`
	// How long the endpoint may take to begin its answer. 0: as long as `timeout`.
	FirstByteTimeout Duration `yaml:"first_byte_timeout"`
	// Whether `Expect: 100-continue` of a request that passes through is asked of the endpoint, which then says whether the client
	// shall send its body; one that says nothing for a second is sent the body. `false`: OpenHQM asks for the body itself, once it
	// has a slot for the call. Servers and proxies have been made to lose count of requests by this field, so that it is for
	// endpoints that are known to treat it rightly. It is for clients of HTTP/1.1: over HTTP/2 it is OpenHQM that asks.
	ExpectContinue bool `yaml:"expect_continue"`
	// Largest body of a request that is stored for this endpoint. Beyond it the answer is 413. What passes through is not bounded.
	// Default: `proxy.max_request_size`.
	MaxRequestSize Size `yaml:"max_request_size" min:"1"`
	// Largest body of an answer of this endpoint that is stored. What exceeds it is cut there and flagged. Default:
	// `proxy.max_response_size`.
	MaxResponseSize Size `yaml:"max_response_size" min:"1"`
	// Header fields set on every request, replacing the client's of that name.
	Headers map[string]Secret `yaml:"headers"`
	// The same as `proxy.forward_headers` for this endpoint, in its place. Default: `proxy.forward_headers`.
	ForwardHeaders []string `yaml:"forward_headers"`
	// The same as `proxy.strip_headers` for this endpoint, in addition to it.
	StripHeaders []string `yaml:"strip_headers"`
	// Exact spellings of header names, for applications that do not ignore case: `[SOAPAction]`.
	HeaderNames []string `yaml:"header_names"`
	// How OpenHQM authenticates: `bearer` sends `auth_token` as a bearer token, `api_key` and `custom` send it in
	// `auth_header_name`, `basic` sends `auth_username` and `auth_password`, `oauth2` a bearer token that it fetches. Empty: it
	// does not.
	AuthType string `yaml:"auth_type" enum:"|bearer|api_key|basic|custom|oauth2" alias:"none="`
	// Token for `bearer`, `api_key` and `custom`.
	AuthToken Secret `yaml:"auth_token"`
	// User for `basic`.
	AuthUsername string `yaml:"auth_username"`
	// Password for `basic`.
	AuthPassword Secret `yaml:"auth_password"`
	// Header field for `api_key`, `X-API-Key` if not set, and for `custom`.
	AuthHeaderName string `yaml:"auth_header_name"`
	// Whether the client's Authorization field is forwarded or replaced. Default: `replace` when `auth_type` is set, else
	// `forward`.
	Authorization string `yaml:"authorization" enum:"|forward|replace"`
	// What 401 and 403 mean when OpenHQM injects the credentials: `hold` closes the endpoint until its secret changes or a
	// person opens it, `result` takes them for the result.
	AuthFailures string `yaml:"auth_failures" enum:"hold|result"`
	// What a status means, by status or class: `{404: retry, 5xx: fail}`. `result`: the request is COMPLETED with
	// this answer. `retry`: try again while attempts are left. `wait`: try again later, which costs no attempt. `fail` and
	// `unknown_outcome`: FAILED for that reason, the answer kept. A status wins over its class.
	On map[string]string `yaml:"on" enum:"result|retry|wait|fail|unknown_outcome"`
	// What an answer means besides its status: a list of `{status, header, body_regex, jq, then}`, of which the first counts
	// whose conditions all hold; it wins over `success` and `on`. `{body_regex: "<(\w+:)?Fault[ >]", then: fail}` for one.
	// Calls that pass through are judged by status and header alone.
	Rules []Rule `yaml:"rules"`
	// What an answer below 400 has to be, unless one of `rules` matches it.
	Success Success `yaml:"success"`
	// Attempts after the first. Default: `worker.max_retries`.
	MaxRetries int `yaml:"max_retries" min:"0" max:"1000"`
	// May a request that is not idempotent be sent again when its outcome is unknown? Say yes only if the application bears it.
	RetryUnsafe bool `yaml:"retry_unsafe"`
	// Does the application itself deduplicate by Idempotency-Key? Then requests that bear one may be repeated.
	HonorsIdempotencyKey bool `yaml:"honors_idempotency_key"`
	// Must a request bear an Idempotency-Key? Then one without is answered 400, unless its method is safe (GET, HEAD, OPTIONS,
	// TRACE).
	RequireIdempotencyKey bool `yaml:"require_idempotency_key"`
	// Header field of the client's request that says who the caller is, `X-Tenant-Id` for one: an idempotency key counts for
	// its caller only, and operators list requests by caller. The field is believed: have a proxy set it, or expect any client
	// to name any caller. Empty: all are one caller.
	CallerHeader string `yaml:"caller_header"`
	// In which order requests are delivered that belong together.
	Ordering Ordering `yaml:"ordering"`
	// Calls at once, over all workers and pass-through calls together. 0 sets no limit of its own: deliveries are bounded by
	// `worker.concurrency`, pass-through calls are not.
	Concurrency int `yaml:"concurrency" min:"0" max:"1000000"`
	// How many percent of the calls that `concurrency` and `rate` allow are for requests that pass through while queued ones wait
	// too. What one kind does not use is the other's, until the calls that it was lent to have ended. With a concurrency of 1 they
	// take turns by this share.
	SyncShare int `yaml:"sync_share" min:"1" max:"99"`
	// A number of calls at once that finds itself, below `concurrency`.
	Adaptive Adaptive `yaml:"adaptive"`
	// Calls per time, over all workers and pass-through calls. 0: no limit.
	Rate Rate `yaml:"rate"`
	// Calls that may start at once after a pause, within `rate`. With 1, a rate above some hundreds a second is not quite reached,
	// because each call that starts late moves the next one: a fiftieth of the rate is enough.
	Burst int `yaml:"burst" min:"1" max:"1000000"`
	// How an https endpoint is spoken to, beside its URL.
	TLS TLS `yaml:"tls"`
	// What happens when the endpoint fails altogether.
	Breaker Breaker `yaml:"breaker"`
	// How many retries may be sent for 100 first attempts, in each process and over ten seconds; 10 retries a second always
	// may. Further ones come later: none is dropped. 0: retries come when they are due, however many there are.
	RetryBudget int `yaml:"retry_budget" min:"0" max:"1000"`
	// When the endpoint is not called: a list of `{days, from, to, timezone}`. Queued requests wait, under the hold `maintenance`;
	// those that pass through are answered 503 with Retry-After. Calls under way go on. Opening the endpoint by hand lasts until
	// the windows are looked at again, within a minute.
	Maintenance []Maintenance `yaml:"maintenance"`
	// May a request name this endpoint (the OpenHQM-Endpoint field, `metadata.endpoint`)? `false`: only `routes` lead to it.
	Selectable bool `yaml:"selectable"`

	// Where `auth_type: oauth2` gets its tokens.
	OAuth2 OAuth2 `yaml:"oauth2"`
}

// TLS is how an https endpoint is spoken to.
type TLS struct {
	// File of the certificates, in PEM, of the only authorities that the endpoint's certificate may come from. Not set: those
	// of the system. It is read at start, and while the endpoint is called it is looked at once a second: after a change new
	// calls use new connections. A file that cannot be used refuses a start; later on the one before stays, and the log says so.
	CAFile string `yaml:"ca_file"`
	// File of the certificate, in PEM and with its chain behind it, that is shown to an endpoint that asks for one (mutual TLS).
	// Needs `key_file`. Read anew as `ca_file` is.
	CertFile string `yaml:"cert_file"`
	// File of the key of `cert_file`, in PEM and without a passphrase. Read anew as `ca_file` is.
	KeyFile string `yaml:"key_file"`
	// Name that is asked for in the handshake (SNI) and that the endpoint's certificate has to bear. Not set: the host of `url`.
	ServerName string `yaml:"server_name"`
	// Oldest version of TLS that is spoken.
	MinVersion string `yaml:"min_version" enum:"1.2|1.3"`
	// Takes any certificate of the endpoint: whoever is on the way can read what is sent, credentials included, and answer
	// in its place. Each start and reload warns of it. To trust an authority of your own, use `ca_file` instead.
	InsecureSkipVerify bool `yaml:"insecure_skip_verify"`
}

// What a dead letter does to the requests behind it that have its ordering key.
const (
	OrderingSkip  = "skip"
	OrderingBlock = "block"
)

// Ordering delivers requests with one ordering key first in, first out and one at a time, over retries and restarts.
type Ordering struct {
	// Header field of a request whose value is its ordering key, `X-Account-Id` for one. A request without it may name a key
	// itself (OpenHQM-Ordering-Key, `metadata.ordering_key`); one with neither is in no order. Requests that pass through are not
	// queued, and in no order either.
	Header string `yaml:"header"`
	// In place of `header` a claim of the bearer token, by its name or by names joined by points: `realm.account`. It is not
	// verified: it groups requests, and authorises nothing.
	Claim string `yaml:"claim"`
	// What a request that ends FAILED does to those behind it with its key: `skip`, they go on; `block`, they wait until it is
	// redriven or removed.
	OnDead string `yaml:"on_dead" enum:"skip|block"`
}

// Adaptive finds how many calls at once an endpoint bears, by how long they take: a few that wait within it keep it busy, more only
// wait. Answers 429, 503 and 504 and calls that time out lower the number at once. It is shared by queued and passing calls and
// stands over a restart.
type Adaptive struct {
	// Is it looked for? An endpoint whose calls differ much in what they cost, by their path for one, is better given a fixed
	// `concurrency`, or an endpoint for each kind.
	Enabled bool `yaml:"enabled"`
	// The least.
	Min int `yaml:"min" min:"1" max:"1000000"`
	// The most; `concurrency` may lower it.
	Max int `yaml:"max" min:"1" max:"1000000"`
	// Where it begins.
	Initial int `yaml:"initial" min:"1" max:"1000000"`
}

// Breaker closes an endpoint that fails, so that what waits for it costs no attempts, and finds out when it is back.
type Breaker struct {
	// How many calls in a row must fail for the endpoint to be closed: connections that fail, answers that do not come, and
	// the statuses of `statuses`; deliveries and pass-through calls together. 0: never.
	Failures int `yaml:"failures" min:"0" max:"1000000"`
	// Statuses that count as failed calls, unless `on` makes them results.
	Statuses []string `yaml:"statuses"`
	// How long the endpoint stays closed before one call probes it. A probe that fails costs its message no attempt and closes
	// the endpoint for as long again as it has been down. After one that succeeds twice as many calls may run at once, then
	// four, and so on.
	Wait Duration `yaml:"wait" min:"10ms" max:"1h"`
	// The longest time from one probe to the next.
	WaitMax Duration `yaml:"wait_max" min:"10ms" max:"24h"`
}
