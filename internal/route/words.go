package route

import (
	"fmt"
	"strings"

	"github.com/openhqm/openhqm/internal/telemetry"
)

// why says what a request misses, and what it has instead where that is no secret.
func (c *compiled) why(m miss, in *Input) string {
	switch m.part {
	case partMethod:
		return fmt.Sprintf("method is %s, not %s", in.Method, strings.Join(c.methods, " or "))
	case partHost:
		return fmt.Sprintf("host is %q, not %s", in.host, c.hostNames())
	case partPath:
		return fmt.Sprintf("path is %s, %s", in.path, "not "+c.pathWords())
	case partHeader:
		return "no header " + c.headers[m.at].String()
	case partQuery:
		return "no query parameter " + c.query[m.at].String()
	case partJQ:
		if m.err != nil {
			return fmt.Sprintf("jq %s failed: %v", c.jq.text, m.err)
		}
		return fmt.Sprintf("jq %s is not true", c.jq.text)
	}
	return ""
}

// String returns the conditions.
func (c *compiled) String() string {
	var all []string
	if len(c.methods) > 0 {
		all = append(all, "method "+strings.Join(c.methods, " or "))
	}
	if len(c.hosts) > 0 {
		all = append(all, "host "+c.hostNames())
	}
	if c.path != "" || c.below || c.regex != nil {
		all = append(all, "path "+c.pathWords())
	}
	for i := range c.headers {
		all = append(all, "header "+c.headers[i].String())
	}
	for i := range c.query {
		all = append(all, "query parameter "+c.query[i].String())
	}
	if c.jq != nil {
		all = append(all, "jq "+c.jq.text)
	}
	if all == nil {
		return "it takes every request"
	}
	return strings.Join(all, ", ")
}

func (c *compiled) hostNames() string {
	names := make([]string, len(c.hosts))
	for i, host := range c.hosts {
		if names[i] = host; host[0] == '.' {
			names[i] = "*" + host
		}
	}
	return strings.Join(names, " or ")
}

func (c *compiled) pathWords() string {
	switch {
	case c.path != "":
		return c.path
	case c.below:
		return c.prefix + "/ or below"
	}
	return "matching " + c.regex.String()
}

// String names a field and the value that it has to have, unless that is likely a secret.
func (f *field) String() string {
	switch {
	case telemetry.SecretName(f.name):
		return f.name + " with the right value"
	case f.regex != nil:
		return fmt.Sprintf("%s matching %s", f.name, f.regex)
	case f.exact != "":
		return fmt.Sprintf("%s: %s", f.name, f.exact)
	}
	return f.name
}
