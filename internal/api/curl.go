package api

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/openhqm/openhqm/client"
	"github.com/openhqm/openhqm/queue"
)

// writeCurl writes a request as a command for a POSIX shell, under a comment that says which message it is. What is masked
// has to be filled in by hand; a body that is too large to be shown is read from a file of the message's name.
func writeCurl(w *bufio.Writer, m *client.Message, sent *client.Request, endpointURL string) error {
	fmt.Fprintf(w, "# %s, queue %s, %s\n", m.CorrelationID, oneLine(m.Queue), m.Reason)
	if m.Subject != "" {
		// What it says is made and signed for each attempt: a command could only be refused.
		_, err := fmt.Fprintf(w, "# a callback for request %s to %s; it is signed anew for each attempt: openhqm dead redrive %s\n\n",
			m.Subject, oneLine(sent.Target), m.CorrelationID)
		return err
	}
	if endpointURL == "" {
		fmt.Fprint(w, "# no endpoint of the configuration: set OPENHQM_ENDPOINT_URL\n")
	}
	command := []string{"curl -sS --path-as-is -X " + shellQuoted(sent.Method)}
	if sent.Method == "HEAD" {
		command[0] = "curl -sS --path-as-is -I"
	}
	for _, name := range slices.Sorted(maps.Keys(sent.Headers)) {
		for _, value := range sent.Headers[name] {
			if value == "" {
				command = append(command, "-H "+shellQuoted(name+";")) // how curl writes an empty field
			} else {
				command = append(command, "-H "+shellQuoted(name+": "+value))
			}
		}
	}
	switch {
	case sent.BodySize == 0:
	case sent.Body != nil && !strings.ContainsRune(*sent.Body, 0):
		command = append(command, "--data-raw "+shellQuoted(*sent.Body))
	case sent.BodySize <= queue.InlineLimit:
		content := sent.BodyBase64
		if sent.Body != nil {
			content = []byte(*sent.Body)
		}
		command[0] = "printf %s " + shellQuoted(base64.StdEncoding.EncodeToString(content)) + " | base64 -d | " + command[0]
		command = append(command, "--data-binary @-")
	default:
		fmt.Fprintf(w, "# the body of %d bytes is not part of this export\n", sent.BodySize)
		command = append(command, "--data-binary @"+m.CorrelationID+".body")
	}
	target := `"$OPENHQM_ENDPOINT_URL"` + shellQuoted(sent.Target)
	if endpointURL != "" {
		target = shellQuoted(targetURL(endpointURL, sent.Target))
	}
	_, err := fmt.Fprintf(w, "%s \\\n  %s\n\n", strings.Join(command, " \\\n  "), target)
	return err
}

// targetURL joins an endpoint's URL and a target as the delivery does: path behind path, query behind query.
func targetURL(endpointURL, target string) string {
	u, err := url.Parse(endpointURL)
	if err != nil {
		return endpointURL + target
	}
	path, query, asked := strings.Cut(target, "?")
	base := u.Scheme + "://" + u.Host
	if path == "/" || path == "*" {
		base += firstOf(u.EscapedPath(), "/")
	} else {
		base += strings.TrimRight(u.EscapedPath(), "/") + path
	}
	switch {
	case u.RawQuery != "" && asked:
		return base + "?" + u.RawQuery + "&" + query
	case u.RawQuery != "":
		return base + "?" + u.RawQuery
	case asked:
		return base + "?" + query
	}
	return base
}

// shellQuoted returns a text as one word of a POSIX shell.
func shellQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// oneLine keeps a text from ending the comment that it stands in.
func oneLine(s string) string { return strings.Map(blankControl, s) }

func blankControl(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}
