package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// moduleRoot is the repository, seen from this package.
const moduleRoot = "../.."

// binaryVariable names a binary to test instead of building one.
const binaryVariable = "OPENHQM_E2E_BINARY"

// stamp is the version the binary under test is built with.
const stamp = "v0.0.0-e2e"

// builds is the directory that holds what this run built.
var builds string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "openhqm-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	builds = dir
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// buildOpenHQM builds the binary under test, once.
var buildOpenHQM = sync.OnceValues(func() (string, error) {
	if given := os.Getenv(binaryVariable); given != "" {
		return filepath.Abs(given)
	}
	flags := []string{"-buildvcs=false", "-ldflags", "-X github.com/openhqm/openhqm/internal/cli.version=" + stamp}
	if raceDetector {
		flags = append(flags, "-race")
	}
	return build("openhqm", "./cmd/openhqm", flags...)
})

// buildHTTPBin builds go-httpbin from the module of tools, once.
var buildHTTPBin = sync.OnceValues(func() (string, error) {
	return build("go-httpbin", "github.com/mccutchen/go-httpbin/v2/cmd/go-httpbin", "-modfile=tools/go.mod")
})

// openhqm returns the path of the binary under test.
func openhqm(t testing.TB) string {
	t.Helper()
	path, err := buildOpenHQM()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// build compiles a command into the run's directory.
func build(name, pkg string, flags ...string) (string, error) {
	path := filepath.Join(builds, name)
	args := append([]string{"build", "-o", path}, flags...)
	cmd := exec.Command("go", append(args, pkg)...)
	cmd.Dir = moduleRoot
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return path, nil
}
