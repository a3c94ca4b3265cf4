package cli

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/openhqm/openhqm/client"
)

// Where a command finds the server, unless it is told.
const (
	defaultURL      = "http://localhost:8000"
	defaultAdminURL = "http://localhost:8001"
)

// producer is what the commands that use the queue have in common.
type producer struct {
	URL    string `name:"url" placeholder:"URL" help:"Address of the server; else OPENHQM_URL, else the port OPENHQM_SERVER__PORT of this machine, else http://localhost:8000."`
	Prefix string `placeholder:"PATH" help:"Prefix of the server's own calls (server.api_prefix); else OPENHQM_SERVER__API_PREFIX, else /api/v1."`
}

// admin is where the admin listener is.
type admin struct {
	AdminURL string `name:"admin-url" placeholder:"URL" help:"Address of the admin listener; else OPENHQM_ADMIN_URL, else the port OPENHQM_ADMIN__PORT of this machine, else http://localhost:8001."`
}

// operator is what the commands of operators have in common.
type operator struct {
	admin
	Token  string `placeholder:"TOKEN" help:"Operators' token (auth.admin_token); better in OPENHQM_ADMIN_TOKEN."`
	Prefix string `placeholder:"PATH" help:"Prefix of the server's own calls (server.api_prefix); else OPENHQM_SERVER__API_PREFIX, else /api/v1."`
}

func (p producer) client(env *Environment) (*client.Client, origin, error) {
	o := firstOf(p.URL, "--url", env.Getenv("OPENHQM_URL"), "OPENHQM_URL", beside(env, "SERVER", defaultURL))
	o.prefix = prefix(env, p.Prefix)
	c, err := client.New(o.address, client.Options{Prefix: o.prefix, UserAgent: "openhqm/" + version})
	return c, o, o.wrong(err)
}

func (a admin) origin(env *Environment) origin {
	return firstOf(a.AdminURL, "--admin-url", env.Getenv("OPENHQM_ADMIN_URL"), "OPENHQM_ADMIN_URL", beside(env, "ADMIN", defaultAdminURL))
}

func (p operator) client(env *Environment) (*client.Admin, origin, error) {
	o := p.origin(env)
	token := p.Token
	if token == "" {
		token = env.Getenv("OPENHQM_ADMIN_TOKEN")
	}
	o.prefix = prefix(env, p.Prefix)
	c, err := client.NewAdmin(o.address, client.Options{Token: token, Prefix: o.prefix, UserAgent: "openhqm/" + version})
	return c, o, o.wrong(err)
}

// prefix returns the prefix of the server's own calls: the one given, else that of a server in the same environment.
func prefix(env *Environment, given string) string {
	return cmp.Or(given, env.Getenv("OPENHQM_SERVER__API_PREFIX"), client.DefaultPrefix)
}

// origin is an address and where it came from, and the prefix of the calls there.
type origin struct{ address, from, flag, variable, prefix string }

func firstOf(flag, flagName, variable, variableName string, otherwise origin) origin {
	switch {
	case flag != "":
		return origin{address: flag, from: flagName, flag: flagName, variable: variableName}
	case variable != "":
		return origin{address: variable, from: variableName, flag: flagName, variable: variableName}
	default:
		return origin{address: otherwise.address, from: otherwise.from, flag: flagName, variable: variableName}
	}
}

// beside returns where a server listens that runs beside this command, in the same environment: the case of a container,
// whose health check and whose operators' commands are run inside it.
func beside(env *Environment, section, otherwise string) origin {
	variable := "OPENHQM_" + section + "__PORT"
	port := env.Getenv(variable)
	if port == "" || port == "0" {
		return origin{address: otherwise, from: "the default"}
	}
	host := env.Getenv("OPENHQM_" + section + "__HOST")
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http://"
	if env.Getenv("OPENHQM_"+section+"__TLS__CERT_FILE") != "" {
		scheme = "https://"
	}
	return origin{address: scheme + net.JoinHostPort(host, port), from: variable}
}

// wrong makes an error of the address itself say where that came from.
func (o origin) wrong(err error) error {
	if err == nil {
		return nil
	}
	return usage("%s: %v", o.from, err)
}

// explain makes an error of a call say which server was tried, and what to do when it is none, or wants a token.
func (o origin) explain(err error) error {
	var answered *client.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &answered) && answered.Problem.Status == http.StatusUnauthorized:
		return fmt.Errorf("%w; give it with --token or OPENHQM_ADMIN_TOKEN", err)
	case answered != nil && answered.Type == "":
		return fmt.Errorf("%w; tried %s%s (from %s), where --prefix names server.api_prefix",
			err, strings.TrimSuffix(o.address, "/"), o.prefix, o.from)
	case answered != nil:
		return err
	}
	var broken *url.Error
	if errors.As(err, &broken) {
		return fmt.Errorf("cannot reach OpenHQM at %s (from %s): %w; is `openhqm serve` running there? Name another address with %s or %s",
			o.address, o.from, broken.Err, o.flag, o.variable)
	}
	return err
}

// fields reads NAME=VALUE or "NAME: VALUE" arguments.
func fields(given []string) (map[string]string, error) {
	if len(given) == 0 {
		return nil, nil
	}
	m := make(map[string]string, len(given))
	for _, f := range given {
		i := strings.IndexAny(f, ":=")
		if i <= 0 {
			return nil, usage("--header %q: want 'NAME: VALUE'", f)
		}
		m[http.CanonicalHeaderKey(strings.TrimSpace(f[:i]))] = strings.TrimSpace(f[i+1:])
	}
	return m, nil
}
