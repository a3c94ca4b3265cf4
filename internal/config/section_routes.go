package config

// Route says which requests go where, and how they are treated. The first of the list whose conditions all hold is taken; a
// request that none takes goes to the default endpoint. See docs/routes.md.
type Route struct {
	// What the route is called in messages, metrics and errors; it is stored with what it takes. Every route has one of its own.
	Name string `yaml:"name"`
	// What a request must be for the route to take it. Nothing: it takes every request.
	Match Match `yaml:"match"`
	// The endpoint that the requests go to, one with `selectable: false` too.
	Endpoint string `yaml:"endpoint"`
	// Several endpoints in place of `endpoint`, each with its share: `{old: 90, new: 10}`. A key always goes to the same one, and
	// a changed share moves only keys that it gains or loses.
	Weights map[string]int `yaml:"weights" min:"0" max:"1000000"`
	// What decides among `weights`: `header:NAME` or `query:NAME`, or `client`, the address of the peer, which also decides for a
	// request without that field.
	WeightKey string `yaml:"weight_key"`
	// `sync` passes straight through, `async` is stored and answered 202, `auto` is stored and held for the real answer, `default`:
	// as the request is. Empty: `proxy.mode`.
	Mode string `yaml:"mode" enum:"|default|sync|async|auto"`
	// How many of a hundred keys have their requests queued; those of the others go straight through, as with `sync`. It is always
	// the same keys, and a higher share only adds some. A request that asks for what only the queue has (`OpenHQM-Delay`, a callback)
	// is queued in any case. `openhqm route set` changes it while the server runs.
	QueuePercent int `yaml:"queue_percent" min:"0" max:"100"`
	// What decides by `queue_percent`, in the form of `weight_key`.
	QueueKey string `yaml:"queue_key"`
	// Sends every request straight through, whatever its mode, also while the queue backend cannot be reached: the way out when the
	// queue itself is what is wrong.
	Bypass bool `yaml:"bypass"`
	// What becomes of a request that the queue backend did not take because it is down or its disk is full: `closed`, it gets 503;
	// `open`, it goes straight through, unless it is promised what only the queue keeps. Empty: `proxy.on_store_down`.
	OnStoreDown string `yaml:"on_store_down" enum:"|closed|open"`
	// How long `auto` holds, and how long `sync` waits for its turn. Default: `proxy.wait`.
	Wait Duration `yaml:"wait" max:"1h"`
	// What becomes of a stored request that nobody has begun when its client leaves: `cancel`, or `keep`. Empty:
	// `proxy.on_disconnect`.
	OnDisconnect string `yaml:"on_disconnect" enum:"|cancel|keep"`
	// Priority of requests that name none, 9 being the most urgent.
	Priority int `yaml:"priority" min:"0" max:"9"`
	// How long a stored request waits before it is due. One that asks for more waits for that.
	Delay Duration `yaml:"delay" max:"3660d"`
	// How long a stored request may wait before it ends TIMEOUT. One that asks for less has that. 0: `queue.max_age`.
	MaxAge Duration `yaml:"max_age" max:"3660d"`
	// Must a request bear an Idempotency-Key? As the endpoint's key of this name, for the requests of this route.
	RequireIdempotencyKey bool `yaml:"require_idempotency_key"`
	// In which order requests are delivered that belong together; takes the place of the endpoint's `ordering`.
	Ordering Ordering `yaml:"ordering"`
	// Fair shares of the endpoint for those who send.
	Fairness Fairness `yaml:"fairness"`
	// Requests that are sent twice.
	Dedupe Dedupe `yaml:"dedupe"`
	// How the path of a request becomes that of the endpoint.
	Rewrite Rewrite `yaml:"rewrite"`
}

// Match are the conditions of a route, all of which must hold.
type Match struct {
	// Methods, any of them.
	Methods []string `yaml:"methods"`
	// Hosts, any of them: names without a port, or `*.example.com` for every name below it.
	Hosts []string `yaml:"hosts"`
	// The whole path.
	Path string `yaml:"path"`
	// The beginning of the path on the border of a segment: `/orders` takes `/orders` and `/orders/1`, and not `/orders2`.
	PathPrefix string `yaml:"path_prefix"`
	// A regular expression (RE2) that matches the whole path.
	PathRegex string `yaml:"path_regex"`
	// Header fields by name, of each of which one value must be so: a text is the whole value, `*` any value, and `~` begins a
	// regular expression for the whole value.
	Headers map[string]Secret `yaml:"headers"`
	// Query parameters by name, with the values of `headers`.
	Query map[string]Secret `yaml:"query"`
	// A program of jq that is true for the request, an object with `method`, `host`, `path`, `query` and `headers` (lists of values, names of
	// headers in lower case) and, where it is mentioned, `body`: JSON up to 256 KiB, else null, and `metadata`, that of a submit. A program that fails is not true.
	JQ string `yaml:"jq"`
}

// Fairness lets those who send take turns at an endpoint, so that nobody's requests stand behind all that another one has sent.
type Fairness struct {
	// Header field whose value says who sends, `X-Tenant-Id` for one. It is believed: have a proxy set it. A request without it takes
	// no turns, and stands with those that do.
	Header string `yaml:"header"`
	// In place of `header` a claim of the bearer token, by its name or by names joined by points: `realm.tenant`. It is not verified:
	// it groups requests, and authorises nothing.
	Claim string `yaml:"claim"`
	// Requests of one sender that are ready or under way at once; the next ones wait behind those of others. 0: as many as the
	// endpoint may have (`concurrency` of the endpoint, else `worker.concurrency`), so that one alone has all of it, and several
	// share it evenly.
	Concurrency int `yaml:"concurrency" min:"0" max:"1000000"`
	// Requests of one sender that may start in a time: `10/s`. What is more waits, and burns no attempt. 0: no limit.
	Rate Rate `yaml:"rate"`
	// How many of them may start at once after a pause, within `rate`.
	Burst int `yaml:"burst" min:"1" max:"1000000"`
}

// Dedupe takes requests that are sent again within a time for one.
type Dedupe struct {
	// `body`: requests with the same method, path, query and body are one, unless they bear an Idempotency-Key or their method is
	// safe. Empty: they are not compared.
	By string `yaml:"by" enum:"|body"`
	// For how long after the first.
	Window Duration `yaml:"window" min:"1s" max:"30d"`
}

// Rewrite changes the path that an endpoint is called with. The query stays.
type Rewrite struct {
	// Beginning of the path that is taken away, on the border of a segment.
	StripPrefix string `yaml:"strip_prefix"`
	// The path in place of the client's.
	Path string `yaml:"path"`
	// Regular expression of what `replace` takes the place of.
	Regex string `yaml:"regex"`
	// What takes the place of what `regex` matches; `$1` is its first group.
	Replace string `yaml:"replace"`
	// Is put in front of the path, after the rest.
	AddPrefix string `yaml:"add_prefix"`
}

// defaultRoute returns what a route is before its own keys are read. Wait is derived later.
func defaultRoute() Route {
	return Route{
		Match:        Match{Methods: []string{}, Hosts: []string{}},
		WeightKey:    "client",
		QueuePercent: 100,
		QueueKey:     "client",
		Ordering:     Ordering{OnDead: OrderingSkip},
		Fairness:     Fairness{Burst: 1},
		Dedupe:       Dedupe{Window: 60 * second},
	}
}
