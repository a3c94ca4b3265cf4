package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"github.com/openhqm/openhqm/internal/app"
)

// version is stamped by the linker.
var version = "dev"

// Exit codes.
const (
	exitFailure      = 1
	exitUsage        = 2
	exitNotCompleted = 3
)

// Environment is what a command line runs in.
type Environment struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Environ        func() []string
	Extend         app.Extensions // handlers and stores that the binary was built with
}

// System returns the environment of the process.
func System(extend app.Extensions) *Environment {
	return &Environment{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Environ: os.Environ, Extend: extend}
}

// grammar is the whole command line.
type grammar struct {
	ShowVersion kong.VersionFlag `name:"version" hidden:"" help:"Print the version."`

	Serve  serveCommand  `cmd:"" group:"run" help:"Run everything in one process: API, queue and workers."`
	API    apiCommand    `cmd:"" name:"api" group:"run" help:"Run only the HTTP side, on a shared queue."`
	Worker workerCommand `cmd:"" group:"run" help:"Run only workers, on a shared queue."`

	Submit   submitCommand   `cmd:"" group:"use" help:"Submit a JSON payload and print its correlation ID."`
	Status   statusCommand   `cmd:"" group:"use" help:"Print what has become of a request."`
	Response responseCommand `cmd:"" group:"use" help:"Print the result of a request."`
	Wait     waitCommand     `cmd:"" group:"use" help:"Wait until a request is finished, and print its status."`
	Cancel   cancelCommand   `cmd:"" group:"use" help:"Cancel a request."`

	Queue    queueCommands    `cmd:"" group:"operate" help:"Look at queues, pause, resume and purge them."`
	Dead     deadCommands     `cmd:"" group:"operate" help:"Look at dead letters, redrive and remove them."`
	Endpoint endpointCommands `cmd:"" group:"operate" help:"Look at endpoints, test, hold and release them."`
	Explain  explainCommand   `cmd:"" group:"operate" help:"Say in one sentence why a request is where it is."`
	Audit    auditCommand     `cmd:"" group:"operate" help:"Recount all messages from their records, or tell the life of one; exit 1 if anything does not add up."`
	Backup   backupCommand    `cmd:"" group:"operate" help:"Copy the store of a running server into a directory there."`
	Restore  restoreCommand   `cmd:"" group:"operate" help:"Make a data directory of a backup, offline, and verify it."`

	Route       routeCommands      `cmd:"" group:"tools" help:"Say which route a request takes."`
	Config      configCommands     `cmd:"" group:"tools" help:"Check, print and begin a configuration."`
	Store       storeCommands      `cmd:"" group:"tools" help:"Verify a data directory."`
	Healthcheck healthcheckCommand `cmd:"" group:"tools" help:"Exit 0 if a running process is ready; for container health checks."`
	Version     versionCommand     `cmd:"" group:"tools" help:"Print the version."`
	Completion  completionCommand  `cmd:"" group:"tools" help:"Print a completion script for a shell."`
}

// Main runs one command line, without the name of the program, and returns the exit code.
func Main(ctx context.Context, args []string, env *Environment) int {
	var g grammar
	code := -1
	parser, err := kong.New(&g,
		kong.Name("openhqm"),
		kong.Description("A durable queue in front of any HTTP service. To begin: openhqm serve --endpoint http://localhost:8080"),
		kong.Vars{"version": versionText()},
		kong.Writers(env.Stdout, env.Stderr),
		kong.Exit(func(c int) { code = c }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.ExplicitGroups([]kong.Group{
			{Key: "run", Title: "Run"}, {Key: "use", Title: "Use"}, {Key: "operate", Title: "Operate"}, {Key: "tools", Title: "Tools"},
		}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(env),
	)
	if err != nil {
		panic(err) // the grammar itself is wrong
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if code >= 0 { // --help
		return code
	}
	if err != nil {
		fmt.Fprintf(env.Stderr, "openhqm: %v; see %s --help\n", err, commandOf(err))
		return exitUsage
	}
	switch err := parsed.Run(); {
	case err == nil:
		return 0
	default:
		fmt.Fprintf(env.Stderr, "openhqm: %v\n", err)
		return exitCode(err)
	}
}

func exitCode(err error) int {
	switch {
	case errors.Is(err, errNotCompleted):
		return exitNotCompleted
	case errors.As(err, new(usageError)):
		return exitUsage
	}
	return exitFailure
}

// commandOf returns the command whose help explains a command line that could not be read.
func commandOf(err error) string {
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && wrong.Context != nil {
		if node := wrong.Context.Selected(); node != nil {
			return node.FullPath()
		}
	}
	return "openhqm"
}

// usageError is a command line that reads well and makes no sense.
type usageError string

func (e usageError) Error() string { return string(e) }

func usage(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

// errNotCompleted ends a command that waited for a request which did not complete.
var errNotCompleted = errors.New("not completed")
