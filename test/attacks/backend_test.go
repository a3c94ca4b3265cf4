package attacks

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// An arrival is one request as a server behind OpenHQM took it.
type arrival struct {
	method, target, host, body string
	fields                     map[string]string // of the watched ones, those that came; lines of one name joined
	trailer                    string            // names, for the server of Go
	complete                   bool              // its body came to its end, and the server did not refuse it
}

// watched are the fields whose values are held against the row: those of one connection, those that OpenHQM writes, and one
// that attacks are about.
var watched = []string{
	"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Te", "Trailer", "Upgrade", "Http2-Settings", "Expect",
	"Via", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
	"OpenHQM-Endpoint", "Authorization", injectedField, "Cookie", "X-Attack", "X-Hidden",
}

// A backend is a real server, with a log of what arrived.
type backend interface {
	url() string
	// arrivals returns the log by marker. Nothing may be under way any more.
	arrivals(t *testing.T) map[string][]arrival
}

// servers start the two backends.
var servers = map[string]func(*testing.T) backend{
	"go":    func(t *testing.T) backend { return startGo(t) },
	"nginx": func(t *testing.T) backend { return startNginx(t) },
}

// markerPattern finds a marker in a target, a host or a field.
var markerPattern = regexp.MustCompile(`mark[0-9]{6}`)

// goServer is a server of net/http. Its answer repeats method and target.
type goServer struct {
	*httptest.Server
	mu  sync.Mutex
	log map[string][]arrival
}

func (g *goServer) url() string { return g.URL }

func (g *goServer) arrivals(*testing.T) map[string][]arrival {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.log
}

func startGo(t *testing.T) *goServer {
	g := &goServer{log: map[string][]arrival{}}
	g.Server = httptest.NewUnstartedServer(http.HandlerFunc(g.serve))
	g.Config.DisableGeneralOptionsHandler = true
	g.Config.ErrorLog = log.New(io.Discard, "", 0)
	g.Start()
	t.Cleanup(g.Close)
	return g
}

func (g *goServer) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	a := arrival{method: r.Method, target: r.RequestURI, host: r.Host, body: string(body), fields: map[string]string{}, complete: err == nil}
	for name := range r.Trailer {
		a.trailer += name + " "
	}
	seen := map[string][]string{} // by the names that an application behind CGI sees
	for name, values := range r.Header {
		seen[folded(name)] = append(seen[folded(name)], values...)
	}
	for _, name := range watched {
		if values := seen[folded(name)]; len(values) > 0 {
			a.fields[name] = strings.Join(values, ", ")
		}
	}
	marker := markerPattern.FindString(r.RequestURI + " " + r.Host + " " + fmt.Sprint(r.Header) + string(body))
	g.mu.Lock()
	g.log[marker] = append(g.log[marker], a)
	g.mu.Unlock()
	if !a.complete {
		panic(http.ErrAbortHandler)
	}
	if strings.Contains(r.RequestURI, "/fails") && r.Header.Get("X-Repaired") == "" {
		w.WriteHeader(http.StatusInternalServerError)
	}
	_, _ = io.WriteString(w, r.Method+" "+r.RequestURI) // nobody is there to be told
}

// folded is a name as CGI and its successors hand it on (RFC 3875 4.1.18).
func folded(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) }

// nginxServer is nginx, whose access log says how it took what came. Behind it stands a server that answers.
type nginxServer struct {
	address, log string
	stop         func()
}

func (n *nginxServer) url() string { return "http://" + n.address }

// separator stands between the values of a line; the log escapes every control character.
const separator = "\x1f"

const nginxConfig = `
daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log stderr warn;
events { worker_connections 512; }
http {
	underscores_in_headers on;
	client_body_temp_path %[1]s/body;
	client_body_buffer_size 64k;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	keepalive_requests 10000;
	log_format arrivals '%[3]s';
	access_log %[1]s/access.log arrivals;
	server {
		listen %[2]s;
		location / { proxy_pass %[4]s; proxy_set_header Host $http_host; }
	}
}
`

// startNginx runs Debian's nginx, or skips the test where it is not installed.
func startNginx(t *testing.T) *nginxServer {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/nginx") // not in everybody's PATH
	}
	if err != nil {
		t.Skip("nginx is not installed (Debian: apt-get install nginx-light); .ci/run installs it")
	}
	values := []string{"$status", "$request", "$http_host", "$request_body"}
	for _, name := range watched {
		values = append(values, "$http_"+strings.ToLower(folded(name)))
	}
	dir := t.TempDir()
	n := &nginxServer{address: freeAddress(t), log: filepath.Join(dir, "access.log")}
	config := filepath.Join(dir, "nginx.conf")
	text := fmt.Appendf(nil, nginxConfig, dir, n.address, strings.Join(values, separator), startGo(t).URL)
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	n.stop = run(t, path, []string{"-c", config, "-p", dir, "-e", "stderr"}, nil)
	awaitListening(t, n.address)
	return n
}

// arrivals stops nginx, so that its log is whole.
func (n *nginxServer) arrivals(t *testing.T) map[string][]arrival {
	t.Helper()
	n.stop()
	text, err := os.ReadFile(n.log)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]arrival{}
	for line := range strings.Lines(string(text)) {
		values := strings.Split(strings.TrimSuffix(line, "\n"), separator)
		for i := range values {
			if values[i] = unescape(values[i]); values[i] == "-" {
				values[i] = ""
			}
		}
		if len(values) != 4+len(watched) {
			t.Fatalf("a line of nginx's log has %d values: %q", len(values), line)
		}
		a := arrival{host: values[2], body: values[3], fields: map[string]string{}, complete: values[0] == "200" || values[0] == "500"}
		a.method, a.target, _ = strings.Cut(values[1], " ")
		a.target = strings.TrimSuffix(a.target, " HTTP/1.1")
		for i, name := range watched {
			if values[4+i] != "" {
				a.fields[name] = values[4+i]
			}
		}
		marker := markerPattern.FindString(line)
		found[marker] = append(found[marker], a)
	}
	return found
}

var escaped = regexp.MustCompile(`\\x[0-9A-F]{2}`)

// unescape undoes what nginx writes for odd bytes.
func unescape(s string) string {
	return escaped.ReplaceAllStringFunc(s, func(code string) string {
		b, _ := strconv.ParseUint(code[2:], 16, 8) // the pattern holds nothing else
		return string([]byte{byte(b)})
	})
}
