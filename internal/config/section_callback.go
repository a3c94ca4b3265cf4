package config

// Callback is how receivers are told that requests have finished.
type Callback struct {
	// Receivers that a request may name, with `metadata.callback_url` or the OpenHQM-Callback field: URLs such as
	// `https://hooks.example.com`, for every path there, or `https://*.example.com/openhqm`, for all subdomains and what lies
	// below that path. A port that is not the scheme's own has to be given. Empty: none, and requests that name one are refused.
	Allow []string `yaml:"allow"`
	// Networks (CIDR, or single addresses) beyond the public ones in which a receiver may stand. The address is looked at when
	// the connection is made. Without it no callback goes to a loopback, private, link-local or reserved address, whatever
	// `callback.allow` says.
	AllowNetworks []string `yaml:"allow_networks"`
	// Keys that sign every callback by Standard Webhooks: `whsec_` and the base64 of 24 to 64 random bytes
	// (`openssl rand -base64 32`). Each signs, so that a key is replaced in three steps: add the new one, let the receivers take
	// it, remove the old one. All receivers share them.
	Secrets []Secret `yaml:"secrets"`
	// How long one attempt may take until the receiver's answer has begun.
	Timeout Duration `yaml:"timeout" min:"100ms" max:"5m"`
	// Callbacks delivered at once, over all workers; at most 16 of them to one receiver. They use the slots of
	// `worker.concurrency`.
	Concurrency int `yaml:"concurrency" min:"1" max:"100000"`
	// Attempts after the first. What was provably not sent costs none; after 76 hours every callback is given up.
	MaxRetries int `yaml:"max_retries" min:"0" max:"1000"`
	// Delay before the first retry. It doubles with each further one; the actual delay is drawn from zero up to it.
	RetryDelayBase Duration `yaml:"retry_delay_base" min:"1ms"`
	// Longest delay before a retry.
	RetryDelayMax Duration `yaml:"retry_delay_max" min:"1ms"`
}
