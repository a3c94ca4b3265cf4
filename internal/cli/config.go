package cli

import (
	"fmt"
	"io"

	"github.com/openhqm/openhqm/internal/app"
	"github.com/openhqm/openhqm/internal/config"
)

type configCommands struct {
	Check configCheck `cmd:"" help:"Say what is wrong with the configuration that serve would use."`
	Print configPrint `cmd:"" help:"Print the configuration that serve would use, with everything filled in and secrets masked."`
	Init  configInit  `cmd:"" help:"Print a commented configuration to start from."`
}

type configCheck struct {
	settings
}

// Run loads and reports; every error names its key and where it was set. The files that the configuration names are read too: those of
// TLS, of rules, of secrets.
func (c *configCheck) Run(env *Environment) error {
	loaded, err := c.load(env)
	if err != nil {
		return err
	}
	warnings, err := app.Check(loaded, env.Extend)
	if err != nil {
		return err
	}
	for _, warning := range warnings {
		fmt.Fprintln(env.Stderr, "warning: "+warning)
	}
	file := loaded.File()
	if file == "" {
		file = "no file, only defaults, environment and flags"
	}
	fmt.Fprintf(env.Stdout, "the configuration is valid (%s)\n", file)
	return nil
}

type configPrint struct {
	settings
}

// Run prints the effective configuration.
func (c *configPrint) Run(env *Environment) error {
	loaded, err := c.load(env)
	if err != nil {
		return err
	}
	return loaded.Print(env.Stdout)
}

type configInit struct{}

// Run prints to standard output, so that no file is ever overwritten by accident.
func (c *configInit) Run(env *Environment) error { return config.Init(env.Stdout) }

// settings are the flags that choose and change the configuration of a process.
type settings struct {
	Config   string `short:"c" placeholder:"FILE" help:"Configuration file; else openhqm.yaml in the working directory, if it exists."`
	Endpoint string `placeholder:"URL" help:"Put the queue in front of the app at this address (proxy.default_endpoint); a configured endpoint's name also does."`
	Host     string `placeholder:"ADDRESS" help:"Address to listen on (server.host)."`
	Port     string `placeholder:"PORT" help:"Port for requests (server.port), 8000 by default."`
	Admin    string `name:"admin-port" placeholder:"PORT" help:"Port for operators, probes and metrics (admin.port), 8001 by default."`
	Data     string `name:"data-dir" placeholder:"DIR" help:"Where the embedded queue keeps its data (queue.embedded.dir)."`
	LogLevel string `name:"log-level" placeholder:"LEVEL" help:"debug, info, warn or error (monitoring.log_level)."`
}

// load reads the configuration in the order file, environment, flags, and prints its notes to standard error.
func (s *settings) load(env *Environment) (*config.Config, error) {
	loaded, notes, err := config.Load(s.options(env))
	printNotes(env.Stderr, notes)
	return loaded, err
}

func (s *settings) options(env *Environment) config.Options {
	o := config.Options{Path: s.Config, Env: env.Environ(), Flags: map[string]string{}, FlagNames: map[string]string{},
		Backends: env.Extend.Backends()}
	set := func(key, flag, value string) {
		if value != "" {
			o.Flags[key], o.FlagNames[key] = value, flag
		}
	}
	if s.Endpoint != "" {
		set("proxy.enabled", "--endpoint", "true")
	}
	set("proxy.default_endpoint", "--endpoint", s.Endpoint)
	set("server.host", "--host", s.Host)
	set("server.port", "--port", s.Port)
	set("admin.port", "--admin-port", s.Admin)
	set("queue.embedded.dir", "--data-dir", s.Data)
	set("monitoring.log_level", "--log-level", s.LogLevel)
	return o
}

func printNotes(w io.Writer, notes []config.Note) {
	for _, n := range notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
}
