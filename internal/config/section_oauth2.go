package config

// How a client shows its credentials to a token endpoint.
const (
	ClientAuthBasic = "basic" // in the Authorization field
	ClientAuthPost  = "post"  // in the body
)

// OAuth2 is where `auth_type: oauth2` gets its tokens: by the client credentials grant (RFC 6749 4.4).
type OAuth2 struct {
	// Where tokens are fetched: an absolute http or https URL. A token is fetched with the first call, once for all workers of
	// the process, and renewed before it ends while calls go on. While none can be had, nothing is sent to the endpoint, which
	// costs no attempt. A 401 makes a queued request go again with a new token, once, at no attempt; a second one means what
	// `auth_failures` says. A call that passes through hands its 401 to the client, and the next one has a new token.
	TokenURL URL `yaml:"token_url"`
	// Name of this client there.
	ClientID string `yaml:"client_id"`
	// Secret of this client there.
	ClientSecret Secret `yaml:"client_secret"`
	// What the token is to be good for.
	Scopes []string `yaml:"scopes"`
	// Further parameters of the request for a token, as the token endpoint wants them: `{audience: https://api.example.com}`.
	Params map[string]Secret `yaml:"params"`
	// How `client_id` and `client_secret` are sent: `basic` in the Authorization field, `post` in the body (RFC 6749 2.3.1).
	ClientAuth string `yaml:"client_auth" enum:"basic|post"`
	// How long fetching a token may take, connecting included.
	Timeout Duration `yaml:"timeout" min:"10ms" max:"5m"`
	// File of the certificates, in PEM, of the only authorities that the token endpoint's certificate may come from; the
	// endpoint's `tls` has no say in it. Not set: those of the system. Read anew as `tls.ca_file` is.
	CAFile string `yaml:"ca_file"`
}
