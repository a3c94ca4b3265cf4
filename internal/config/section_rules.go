package config

// Rule is what an answer means that meets all its conditions.
type Rule struct {
	// Statuses of the answer, or classes such as `5xx`: one of them. Not set: any.
	Status []string `yaml:"status"`
	// Fields of the answer, each with a regular expression (RE2) that one of its values has to match: `{Location: /login}`.
	Header map[string]string `yaml:"header"`
	// Regular expression (RE2) that the body has to match. The first MiB is looked at, decoded from gzip or deflate.
	BodyRegex string `yaml:"body_regex"`
	// Program in jq that is given the body; what it puts out first must be neither false nor null. It may run for a second. A
	// body that is no JSON, or larger than a MiB, does not meet it.
	JQ string `yaml:"jq"`
	// What the answer means: the words of `on`.
	Then string `yaml:"then" enum:"result|retry|wait|fail|unknown_outcome"`
}

// Success tells answers below 400 that are good from those that only look so.
type Success struct {
	// Statuses or classes of the answer from 200 to 399: one of them. Not set: any.
	Status []string `yaml:"status"`
	// Fields of the answer, each with a regular expression (RE2) that one of its values has to match:
	// `{Content-Type: ^application/json}`.
	Header map[string]string `yaml:"header"`
	// Regular expression (RE2) that the body has to match, as in `rules`.
	BodyRegex string `yaml:"body_regex"`
	// Program in jq that the body has to meet, as in `rules`: `.status == "ok"`.
	JQ string `yaml:"jq"`
	// What an answer below 400 means that does not meet the conditions: the words of `on`. A request that may not be repeated is
	// sent again only where this says `retry` or `wait`.
	Otherwise string `yaml:"otherwise" enum:"result|retry|wait|fail|unknown_outcome"`
}
