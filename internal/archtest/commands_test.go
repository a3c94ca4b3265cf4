package archtest

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	commandLine   = regexp.MustCompile(`(?m)^  ([a-z][a-z-]*(?: [a-z][a-z-]*)*)(?:  | <| \[|$)`)
	flagPattern   = regexp.MustCompile(`--(?:\[no-\])?([a-z][a-z0-9-]*)`)
	binaryPattern = regexp.MustCompile(`^(\./bin/|\./|/)?openhqm$`)
	commandBreak  = regexp.MustCompile(`\|\|?|&&|;|\$\(|\)`)
	assignment    = regexp.MustCompile(`^[A-Z_]+=`)
	wordPattern   = regexp.MustCompile(`^[a-z][a-z-]*$`)
)

// A grammar is the command line as its own help tells it: for each command,
// "queue list" say, its flags; for the root, "".
type grammar map[string]map[string]bool

// readGrammar asks the built binary for its help, command by command. A pass
// over all takes well under a second.
func readGrammar(t *testing.T) grammar {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "openhqm")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "./cmd/openhqm")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	found := grammar{}
	var visit func(command string)
	visit = func(command string) {
		out, err := exec.Command(binary, append(strings.Fields(command), "--help")...).CombinedOutput()
		if err != nil {
			t.Errorf("openhqm %s --help: %v\n%s", command, err, out)
			return
		}
		flags := map[string]bool{}
		for _, flag := range flagPattern.FindAllStringSubmatch(string(out), -1) {
			flags[flag[1]] = true
		}
		found[command] = flags
		for _, below := range commandLine.FindAllStringSubmatch(string(out), -1) {
			name := below[1]
			if command != "" && !strings.HasPrefix(name, command+" ") {
				name = command + " " + name
			}
			// A full listing may leave out the groups between.
			words := strings.Fields(name)
			for i := range words {
				if path := strings.Join(words[:i+1], " "); found[path] == nil {
					visit(path)
				}
			}
		}
	}
	visit("")
	return found
}

// check says what is wrong with a command line that calls openhqm, if anything.
func (g grammar) check(words []string) string {
	command := ""
	i := 0
	for ; i < len(words) && wordPattern.MatchString(words[i]); i++ {
		next := strings.TrimSpace(command + " " + words[i])
		if g[next] == nil {
			break
		}
		command = next
	}
	if command == "" && i < len(words) && wordPattern.MatchString(words[i]) {
		return "there is no subcommand " + words[i]
	}
	for _, word := range words[i:] {
		if flag := flagPattern.FindStringSubmatch(word); flag != nil && strings.HasPrefix(word, "--") && !g[command][flag[1]] {
			return "openhqm " + command + " has no flag --" + flag[1]
		}
	}
	return ""
}

func TestEverySubcommandAndFlagExists(t *testing.T) {
	all := readGrammar(t)
	for _, doc := range documents(t) {
		for _, line := range doc.commands() {
			for _, part := range commandBreak.Split(line, -1) {
				words := strings.Fields(part)
				for len(words) > 0 && (assignment.MatchString(words[0]) || words[0] == "exec" || words[0] == "sudo") {
					words = words[1:]
				}
				if len(words) < 2 || !binaryPattern.MatchString(words[0]) {
					continue
				}
				if wrong := all.check(words[1:]); wrong != "" {
					t.Errorf("%s: `%s`: %s", doc.path, line, wrong)
				}
			}
		}
	}
}

func TestTheGrammarCatchesWhatDoesNotExist(t *testing.T) {
	g := grammar{"": {"help": true}, "serve": {"endpoint": true}, "queue": {}, "queue list": {"json": true}}
	for line, wrong := range map[string]bool{
		"serve": false, "serve --endpoint http://x": false, "queue list --json": false, "queue list NAME": false, "--help": false,
		"srve": true, "serve --endpiont x": true, "queue list --endpoint": true,
	} {
		if got := g.check(strings.Fields(line)); (got != "") != wrong {
			t.Errorf("%q: %q", line, got)
		}
	}
}
