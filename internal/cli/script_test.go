package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/openhqm/openhqm/internal/app"
	"github.com/openhqm/openhqm/test/freeport"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"openhqm": func() { os.Exit(Main(context.Background(), os.Args[1:], System(app.Extensions{}))) },
		"app":     serveApp,
	})
}

// TestWhatAUserSees runs testdata/script: what the commands print, and with which code they end. Each script has ports and
// a data directory of its own, where the commands look for a server. Besides the commands of testscript there are:
//
//	exits CODE PROGRAM ARGS...   run a program that ends with this code
//	ready                        wait until the script's server is ready
//	shows PATTERN ARGS...        run openhqm ARGS until its output matches
//	app PORT &                   an application: answers the status that the path begins with, /slow after 30 s
func TestWhatAUserSees(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			ports, err := freePorts(4)
			if err != nil {
				return err
			}
			e.Setenv("PORT", ports[0])
			e.Setenv("ADMIN_PORT", ports[1])
			e.Setenv("APP_PORT", ports[2])
			e.Setenv("FREE_PORT", ports[3])
			e.Setenv("OPENHQM_SERVER__HOST", "127.0.0.1")
			e.Setenv("OPENHQM_SERVER__PORT", ports[0])
			e.Setenv("OPENHQM_ADMIN__HOST", "127.0.0.1")
			e.Setenv("OPENHQM_ADMIN__PORT", ports[1])
			e.Setenv("OPENHQM_QUEUE__EMBEDDED__DIR", e.WorkDir+"/data")
			e.Setenv("OPENHQM_QUEUE__EMBEDDED__MIN_FREE", "16MiB")
			e.Setenv("OPENHQM_URL", "http://127.0.0.1:"+ports[0])
			e.Setenv("OPENHQM_ADMIN_URL", "http://127.0.0.1:"+ports[1])
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "ready": ready, "shows": shows},
	})
}

// exits runs a program that has to end with a given code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			ts.Fatalf("%v", err)
		}
		code = ended.ExitCode()
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("%s ended with code %d, want %s", strings.Join(args[1:], " "), code, args[0])
	}
}

// ready waits until the script's server is ready.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: ready")
	}
	again(ts, "the server is not ready", func() bool {
		response, err := http.Get(ts.Getenv("OPENHQM_ADMIN_URL") + "/readyz")
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// shows runs a command until its output contains what is expected.
func shows(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: shows TEXT ARGS...")
	}
	again(ts, fmt.Sprintf("%q does not come", args[0]), func() bool {
		return ts.Exec("openhqm", args[1:]...) == nil && strings.Contains(ts.ReadFile("stdout"), args[0])
	})
}

func again(ts *testscript.TestScript, failure string, done func() bool) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(30 * time.Second); !done(); <-tick.C {
		if time.Now().After(end) {
			ts.Fatalf("%s within 30 s", failure)
		}
	}
}

// freePorts returns ports of the loopback interface that nothing listens on.
func freePorts(n int) ([]string, error) {
	ports := make([]string, n)
	for i := range ports {
		address, err := freeport.Address()
		if err != nil {
			return nil, err
		}
		_, ports[i], _ = net.SplitHostPort(address)
	}
	return ports, nil
}

// serveApp is the application behind the queue.
func serveApp() {
	err := http.ListenAndServe("127.0.0.1:"+os.Args[1], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if first == "slow" {
			select {
			case <-time.After(30 * time.Second):
			case <-r.Context().Done():
				return
			}
		}
		w.Header().Set("Content-Type", "application/json")
		if status, err := strconv.Atoi(first); err == nil {
			w.WriteHeader(status)
		}
		fmt.Fprintln(w, `{"app":"answered"}`)
	}))
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
