package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestAWrongKeyIsRefusedWithItsPlaceAndTheNearestOne(t *testing.T) {
	out := refused(t, configured("server:\n  prot: 8000\n"))
	mentions(t, out, "openhqm.yaml", ":2", "server.prot", "port")
	out = refused(t, configured("proxy:\n  endpoints:\n    a:\n      url: http://127.0.0.1:1\n      auth_tokn: x\n"))
	mentions(t, out, ":5", "auth_tokn", "auth_token")
	out = refused(t, setting("SERVER__PROT", "1"))
	mentions(t, out, "OPENHQM_SERVER__PROT")
	for _, port := range []string{"70000", "eighty"} {
		mentions(t, refused(t, setting("SERVER__PORT", port)), "server.port", port)
	}
}

func TestAWrongValueIsRefusedWithItsKey(t *testing.T) {
	for value, words := range map[string][]string{
		"server: {max_header_bytes: 1}":                {"server.max_header_bytes"},
		"queue: {max_bytes: lots}":                     {"queue.max_bytes", "lots"},
		"queue: {type: rabbit}":                        {"queue.type", "rabbit", "embedded"},
		"queue: [1]":                                   {"queue"},
		"worker: {concurrency: 0}":                     {"worker.concurrency"},
		"proxy: {endpoints: {a: {url: 'ftp://x/'}}}":   {"proxy.endpoints.a.url", "http"},
		"proxy: {endpoints: {a: {}}}":                  {"proxy.endpoints.a", "url"},
		"proxy: {enabled: true, default_endpoint: no}": {"proxy.default_endpoint"},
		"a: [": {"openhqm.yaml"},
	} {
		t.Run(value, func(t *testing.T) {
			mentions(t, refused(t, configured(value)), words...)
		})
	}
}

func TestAMissingVariableIsRefusedByName(t *testing.T) {
	config := "proxy:\n  endpoints:\n    a: {url: 'http://127.0.0.1:1', auth_type: bearer, auth_token: '${A_TOKEN}'}\n"
	mentions(t, refused(t, configured(config)), "A_TOKEN", "auth_token")
	serve(t, configured(config), variable("A_TOKEN", "x"))
}

func TestAMissingFileIsRefusedByName(t *testing.T) {
	mentions(t, refused(t, flags("--config", "/does/not/exist.yaml")), "/does/not/exist.yaml")
}

func TestALockedDirectoryIsRefusedWithItsOwner(t *testing.T) {
	s := serve(t)
	mentions(t, refused(t, dataIn(s.dir)), s.dir, itoa(s.cmd.Process.Pid))
	if got := send(t, s.address, post("/still", "x")); got.status != 200 {
		t.Errorf("the owner answers %d after the attempt", got.status)
	}
}

func TestAForeignDirectoryIsRefusedAndLeftAlone(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "thesis.txt")
	if err := os.WriteFile(file, []byte("years of work"), 0o600); err != nil {
		t.Fatal(err)
	}
	mentions(t, refused(t, dataIn(dir)), dir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "years of work" || len(entries) != 1 {
		t.Errorf("the directory was touched: %d entries, %q, %v", len(entries), text, err)
	}
}

func TestAFreshVolumeWithLostAndFoundIsAccepted(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	serve(t, dataIn(dir))
}

func TestAFileInPlaceOfTheDirectoryIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	mentions(t, refused(t, dataIn(file)), file)
	mentions(t, refused(t, dataIn(filepath.Join(file, "below"))), filepath.Join(file, "below"))
}

func TestAReadOnlyDirectoryIsRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "read-only")
	if err := os.Mkdir(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 { // whom permissions do not bind
		mountTmpfs(t, dir, "size=16m,ro")
	}
	mentions(t, refused(t, dataIn(dir)), dir)
}

func TestAPortInUseIsRefusedWithTheKeyToChange(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	taken := port(listener.Addr().String())
	mentions(t, refused(t, setting("SERVER__PORT", taken)), taken, "server.port")
	mentions(t, refused(t, setting("ADMIN__PORT", taken)), taken, "admin.port")
}

func TestAnEndpointThatIsItselfIsRefused(t *testing.T) {
	own := freeAddress(t)
	for _, url := range []string{"http://" + own, "http://localhost:" + port(own) + "/base"} {
		mentions(t, refused(t, setting("SERVER__PORT", port(own)), endpoint(url)), url, "itself")
	}
}

func TestARoleThatNeedsASharedQueueIsRefusedOnAnEmbeddedOne(t *testing.T) {
	for _, name := range []string{"api", "worker"} {
		mentions(t, refused(t, role(name)), "embedded", "serve", "queue.type")
	}
}

func TestACommandLineThatMakesNoSenseIsRefused(t *testing.T) {
	mentions(t, refused(t, flags("--endpiont", "http://127.0.0.1:1")), "--endpiont")
	mentions(t, refused(t, endpoint("127.0.0.1:1")), "127.0.0.1:1", "http://")
	mentions(t, refused(t, role("srve")), "srve")
}

// mountTmpfs mounts a small file system for the length of the test, or skips
// it where that is not allowed.
func mountTmpfs(t testing.TB, dir, options string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("mounting a small file system is not allowed here: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount %s: %v: %s", dir, err, out)
		}
	})
}
