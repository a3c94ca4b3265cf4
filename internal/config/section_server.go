package config

// Server is the ingress listener: the producers' API and every captured path.
type Server struct {
	// Address the ingress listener binds to. `0.0.0.0` is every interface.
	Host string `yaml:"host"`
	// Port of the ingress listener. 0 takes a free one, which start-up prints.
	Port int `yaml:"port" min:"0" max:"65535"`
	// Path under which OpenHQM's own calls live (`/api/v1/submit`). Only the exact shapes of those calls are claimed; every
	// other path below the prefix still goes to the endpoint, so an application that owns `/api/v1` keeps it.
	APIPrefix string `yaml:"api_prefix"`
	// Address under which clients reach the ingress listener, `https://queue.example.com/base`: it starts the links and
	// Location fields of answers. Empty: they are built from the request.
	PublicURL URL `yaml:"public_url"`
	// Networks (CIDR, or single addresses) whose X-Forwarded-* fields are believed. Empty: those of nobody.
	TrustedProxies []string `yaml:"trusted_proxies"`
	// Largest request head. Beyond it the answer is 431.
	MaxHeaderBytes Size `yaml:"max_header_bytes" min:"4KiB" max:"1MiB"`
	// How long a client may take to send a request head, and to shake hands in TLS. Then the connection is closed.
	ReadHeaderTimeout Duration `yaml:"read_header_timeout" min:"1s" max:"5m"`
	// How long a connection may stay open without a request.
	IdleTimeout Duration `yaml:"idle_timeout" min:"1s" max:"1h"`
	// Connections that are open at once, waiting clients included. One beyond is closed at once, before anything is read of
	// it. 0 is no bound.
	MaxConnections int `yaml:"max_connections" min:"0"`
	// The same for one client address. Behind a load balancer all clients have its address. 0 is no bound.
	MaxConnectionsPerClient int `yaml:"max_connections_per_client" min:"0"`
	// TLS of the ingress listener: with a certificate it speaks https only, HTTP/1.1 and HTTP/2.
	TLS ListenerTLS `yaml:"tls"`
	// Cross-origin rules for OpenHQM's own answers. The application's answers are never touched, and neither are preflights
	// of its paths: they pass through to it.
	CORS CORS `yaml:"cors"`
	// Processes of the Python version's API server.
	Workers Ignored `yaml:"workers" why:"one process uses every core"`
}

// ListenerTLS is how a listener speaks TLS. The files are read again when they have changed, which new connections look for
// once a second at most; files that cannot be used leave those before.
type ListenerTLS struct {
	// File of the certificate, in PEM and with its chain behind it. Empty: no TLS.
	CertFile string `yaml:"cert_file"`
	// File of the certificate's key, in PEM and without a passphrase.
	KeyFile string `yaml:"key_file"`
	// Oldest version of TLS that is spoken.
	MinVersion string `yaml:"min_version" enum:"1.2|1.3"`
	// File of the authorities, in PEM, of which the certificates of clients must be.
	ClientCAFile string `yaml:"client_ca_file"`
	// Whether clients need a certificate: `none` asks for none, `request` verifies the one that is shown, `require` refuses
	// clients without. It decides who may connect; it names no caller.
	ClientAuth string `yaml:"client_auth" enum:"none|request|require"`
}

// CORS is what browsers are told about OpenHQM's own answers.
type CORS struct {
	// Origins that may call the API from a browser. `*` is any; an empty list is none.
	Origins []string `yaml:"origins"`
	// Methods that pages of those origins may use, of those that a call serves. Empty: all of them.
	Methods []string `yaml:"methods"`
	// Header fields that such pages may send, beside those that the API itself reads.
	Headers []string `yaml:"headers"`
	// How long a browser may remember what a preflight said. 0: not at all.
	MaxAge Duration `yaml:"max_age" max:"24h"`
	// May such pages call with what the browser knows of its user: cookies, client certificates? Only with `origins` that are
	// listed one by one.
	Credentials bool `yaml:"credentials"`
	// Do the rules hold for OpenHQM's own answers to captured requests, too: the 202 of a stored one, refusals? Else pages of
	// other origins cannot read those. The application answers their preflights either way.
	Captured bool `yaml:"captured"`
}

// Admin is the operator's listener: probes, metrics, the operator's API.
type Admin struct {
	// Address the admin listener binds to. Probes and metrics answer everyone who reaches it; the operator's API asks for
	// `auth.admin_token`, or serves loopback only when none is set.
	Host string `yaml:"host"`
	// Port of the admin listener. 0 takes a free one, which start-up prints.
	Port int `yaml:"port" min:"0" max:"65535"`
	// TLS of the admin listener: with a certificate it speaks https only, probes and metrics included.
	TLS ListenerTLS `yaml:"tls"`
}

// Auth says who may call what.
type Auth struct {
	// Bearer token of the operator's API. Empty: that API answers loopback only. A reverse proxy on the same host makes
	// everybody loopback, and not every proxy shows itself by a header field: set a token before putting one in front.
	AdminToken Secret `yaml:"admin_token" live:"true"`
}

// Monitoring is logs and metrics.
type Monitoring struct {
	// Least severe level that is logged. `warning` and `critical`, the Python version's words, mean `warn` and `error`.
	LogLevel string `yaml:"log_level" enum:"debug|info|warn|error" alias:"warning=warn|critical=error" live:"true"`
	// Form of the log: `json`, `text` for people, or `auto`: text on a terminal, else JSON.
	LogFormat string `yaml:"log_format" enum:"auto|json|text"`
	// Whether the admin listener serves `/metrics`. While no endpoint is configured the ingress listener serves it too, as it
	// does `/health`; with an endpoint both paths are the application's there.
	MetricsEnabled bool `yaml:"metrics_enabled"`
	// Whether the admin listener serves Go's profiles under `/debug/pprof`, to those who may use the operators' API.
	Profiling bool `yaml:"profiling"`
}
