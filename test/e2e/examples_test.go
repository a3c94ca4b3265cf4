package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestTheExamplesDoWhatTheirReadmesSay runs each example as its README says: the application, OpenHQM with the configuration of
// the directory, and the commands as they stand.
func TestTheExamplesDoWhatTheirReadmesSay(t *testing.T) {
	readmes, err := filepath.Glob(filepath.Join(moduleRoot, "examples", "*", "README.md"))
	if err != nil || len(readmes) < 6 {
		t.Fatalf("%d examples: %v", len(readmes), err)
	}
	index := readFile(t, filepath.Join(moduleRoot, "examples", "README.md"))
	for _, readme := range readmes {
		name := filepath.Base(filepath.Dir(readme))
		mentions(t, index, "("+name+"/README.md)")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			document := "examples/" + name + "/README.md"
			text := readFile(t, readme)
			mentions(t, text, "    go run ./examples/"+name+" ", "    ./bin/openhqm serve --config examples/"+name+"/openhqm.yaml ")
			all := blocksOf(t, document)
			app, err := build("example-"+name, "./examples/"+name)
			if err != nil {
				t.Fatal(err)
			}
			address := freeAddress(t)
			p := launch(t, name, app, nil, []string{"APP_ADDRESS=" + address})
			endWithTest(t, p)
			p.awaitListening(t, address)
			config, err := filepath.Abs(filepath.Join(filepath.Dir(readme), "openhqm.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			runBlocks(t, document, all, "serve", serve(t, flags("--config", config), variable("APP_URL", "http://"+address)), address)
		})
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTheComposeFileNamesWhatThereIs reads the file that starts the proxy example in containers.
func TestTheComposeFileNamesWhatThereIs(t *testing.T) {
	dir := filepath.Join(moduleRoot, "examples")
	var compose struct {
		Services map[string]struct {
			Image       string
			Build       struct{ Context, Dockerfile string }
			Command     []string
			Environment map[string]string
			Ports       []string
			Volumes     []string
			StopGrace   string   `yaml:"stop_grace_period"`
			DependsOn   []string `yaml:"depends_on"`
		}
		Volumes map[string]any
	}
	text := readFile(t, filepath.Join(dir, "docker-compose.proxy.yml"))
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&compose); err != nil {
		t.Fatal(err)
	}
	for name, service := range compose.Services {
		var all string // what may read its variables
		for _, volume := range service.Volumes {
			source, target, _ := strings.Cut(volume, ":")
			if !strings.HasPrefix(source, "./") {
				if _, ok := compose.Volumes[source]; !ok {
					t.Errorf("%s mounts the volume %q, which is not declared", name, source)
				}
				continue
			}
			all += readFile(t, filepath.Join(dir, source))
			if target, _, _ = strings.Cut(target, ":"); !strings.Contains(strings.Join(service.Command, " "), target) {
				t.Errorf("%s mounts %s and does not use it", name, target)
			}
		}
		if recipe := service.Build.Dockerfile; recipe != "" {
			all += readFile(t, filepath.Join(moduleRoot, filepath.Dir(recipe), "main.go"))
			binary := regexp.MustCompile(`(?m)^COPY (\S+) `).FindStringSubmatch(readFile(t, filepath.Join(dir, service.Build.Context, recipe)))
			if binary == nil {
				t.Fatalf("%s copies nothing", recipe)
			}
			mentions(t, text, "go build -o "+binary[1]+" ./"+filepath.Dir(recipe)+"\n")
			mentions(t, readFile(t, filepath.Join(moduleRoot, ".dockerignore")), "!"+binary[1]+"\n")
		}
		for variable := range service.Environment {
			if !strings.Contains(all, variable) {
				t.Errorf("%s sets %s, which nothing in it reads", name, variable)
			}
		}
		for _, other := range service.DependsOn {
			if _, ok := compose.Services[other]; !ok {
				t.Errorf("%s depends on %q, which is no service", name, other)
			}
		}
	}
	if image := compose.Services["openhqm"].Image; image != "openhqm" {
		t.Errorf("the image is %q; make image builds openhqm", image)
	}
	mentions(t, readFile(t, filepath.Join(moduleRoot, "Dockerfile")), "VOLUME /data", "EXPOSE 8000 8001")
}

// TestTheExampleConfigurationServes starts with config.example.yaml as it is, in front of nothing.
func TestTheExampleConfigurationServes(t *testing.T) {
	path, err := filepath.Abs(filepath.Join(moduleRoot, "config.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, flags("--config", path))
	if got := send(t, s.admin, get("/health")); got.status != http.StatusOK {
		t.Errorf("status %d: %s", got.status, got.text())
	}
	if out, code := s.cli(t, "config", "check", "--config", path); code != 0 {
		t.Errorf("config check ended %d: %s", code, out)
	}
}
