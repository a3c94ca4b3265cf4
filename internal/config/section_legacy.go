package config

// Routing is the Python version's routing: rules that choose the endpoint of a submit and transform it.
type Routing struct {
	// Whether the rules count. They choose for submits that name no endpoint and that none of `routes` takes.
	Enabled bool `yaml:"enabled"`
	// File of the rules, `routing.yaml` of version 1.0. It is looked at as the configuration file is, and reloaded when it changes.
	ConfigPath string `yaml:"config_path"`
	// The rules themselves, in place of a file.
	ConfigDict Rules `yaml:"config_dict"`
}

// Rules are a routing.yaml.
type Rules struct {
	// Version of the format.
	Version string `yaml:"version" enum:"1.0"`
	// The rules. Those of a higher priority are asked first, defaults last, else as they are written; the first that takes the
	// message counts.
	Routes []RoutingRule `yaml:"routes"`
	// Endpoint of messages that no rule takes. Empty: `proxy.default_endpoint`.
	DefaultEndpoint string `yaml:"default_endpoint"`
	// Whether messages that no rule takes go to the default endpoint. `false`: they are answered 404.
	EnableFallback bool `yaml:"enable_fallback"`
}

// RoutingRule is one route of a routing.yaml.
type RoutingRule struct {
	// What the route is called. Every one has a name of its own.
	Name string `yaml:"name"`
	// What it is for, for people.
	Description string `yaml:"description"`
	// Path of the value that decides, names joined by points: `payload.type`, `headers.X-Source`, `metadata.type`. Alone: the value
	// has to be there.
	MatchField string `yaml:"match_field"`
	// The whole text of that value; empty: any.
	MatchValue string `yaml:"match_value"`
	// Regular expression for the beginning of that text.
	MatchPattern string `yaml:"match_pattern"`
	// Whether the rule takes what no other does.
	IsDefault bool `yaml:"is_default"`
	// Rules of higher priority are asked first.
	Priority int `yaml:"priority" min:"-1000000" max:"1000000"`
	// Name of the endpoint that the message goes to.
	Endpoint string `yaml:"endpoint"`
	// How the payload is transformed: `jq`, the program's first output; `jsonpath` (RFC 9535), what it selects; `template`, JSON in which
	// `{{payload.name}}` stands for a value; `passthrough`, not at all. A message whose transform fails is answered 400.
	TransformType string `yaml:"transform_type" enum:"passthrough|jq|jsonpath|template"`
	// The program, path or template.
	Transform string `yaml:"transform"`
	// Method of the request to the endpoint, of messages that name none.
	Method string `yaml:"method"`
	// Header fields by name, each with the path of its value.
	HeaderMappings map[string]string `yaml:"header_mappings"`
	// Query parameters by name, each with the path of its value.
	QueryParams map[string]string `yaml:"query_params"`
	// Whether the rule counts.
	Enabled bool `yaml:"enabled"`
	// How long one attempt may take, for messages that do not ask for less. 0: as the endpoint says.
	Timeout Duration `yaml:"timeout"`
	// Attempts after the first. -1: as the endpoint says.
	MaxRetries int `yaml:"max_retries" min:"-1" max:"1000"`
}

func defaultRules() Rules {
	return Rules{Version: "1.0", Routes: []RoutingRule{}, EnableFallback: true}
}

func defaultRule() RoutingRule {
	return RoutingRule{TransformType: "passthrough", HeaderMappings: map[string]string{}, QueryParams: map[string]string{}, Enabled: true, MaxRetries: -1}
}

// Partitioning is the Python version's partitioning.
type Partitioning struct {
	// Order by partition. Only `false` is accepted in this version.
	Enabled Off `yaml:"enabled" why:"partitioning"`
	// How a partition was chosen.
	Strategy Ignored `yaml:"strategy" why:"partitioning is not enabled"`
	// Number of partitions.
	PartitionCount Ignored `yaml:"partition_count" why:"partitioning is not enabled"`
	// Field whose value chose the partition.
	PartitionKeyField Ignored `yaml:"partition_key_field" why:"partitioning is not enabled"`
	// Field that bound a session to a partition.
	SessionKeyField Ignored `yaml:"session_key_field" why:"partitioning is not enabled"`
}
