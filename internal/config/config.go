package config

import "strings"

// Config is everything a user can set. A Config from [Load] is complete: defaults are filled in, derived values resolved.
type Config struct {
	Server       Server       `yaml:"server"`
	Admin        Admin        `yaml:"admin"`
	Auth         Auth         `yaml:"auth"`
	Queue        Queue        `yaml:"queue"`
	Worker       Worker       `yaml:"worker"`
	Proxy        Proxy        `yaml:"proxy" live:"true"`
	Cache        Cache        `yaml:"cache"`
	Callback     Callback     `yaml:"callback" live:"true"`
	Monitoring   Monitoring   `yaml:"monitoring"`
	Routing      Routing      `yaml:"routing" live:"true"`
	Partitioning Partitioning `yaml:"partitioning"`

	// Which requests go where, in which mode, with which keys: a list, of which the first route counts whose conditions all
	// hold. A request that none takes goes to the default endpoint. In the environment: the whole list as a JSON array.
	Routes []Route `yaml:"routes" live:"true"`
	// Export of traces over OTLP.
	Tracing Unsupported `yaml:"tracing" why:"tracing"`

	rules   string            // the file of routing that was read, "" if none
	file    string            // the file that was read, "" if none
	sources map[string]string // key -> where it was set; absent means default
	filled  map[string]bool   // keys whose text held a variable or a file's content
	files   map[string]Digest // files whose contents are values
	own     map[string]Digest // files of the configuration itself
}

// File returns the path of the file that was read, or "" when there was none.
func (c *Config) File() string { return c.file }

// RulesFile returns the path of the file of rules that was read (routing.config_path), or "".
func (c *Config) RulesFile() string { return c.rules }

// OwnFiles returns the files that the configuration itself was read from, and what they held.
func (c *Config) OwnFiles() map[string]Digest { return c.own }

// Source says where key was set: "openhqm.yaml:3", "OPENHQM_SERVER__PORT", "--port", or "default". An error that only
// the running process can find, an address in use for one, names it to the user.
func (c *Config) Source(key string) string {
	if s := c.sourceOf(key); s != "" {
		return s
	}
	return "default"
}

// sourceOf returns where key was set or, for a value below it that it brought along, its nearest set parent; "" when
// nowhere.
func (c *Config) sourceOf(key string) string {
	for {
		if s, ok := c.sources[key]; ok {
			return s
		}
		i := strings.LastIndexByte(key, '.')
		if i < 0 {
			return ""
		}
		key = key[:i]
	}
}
