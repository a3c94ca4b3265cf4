package cli

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints the script. It is made from the grammar, so that it cannot fall behind.
func (c *completionCommand) Run(env *Environment, parser *kong.Kong) error {
	words := completions(parser.Model.Node)
	switch c.Shell {
	case "fish":
		printFish(env.Stdout, words)
	case "zsh":
		fmt.Fprintln(env.Stdout, "autoload -U +X bashcompinit && bashcompinit")
		printBash(env.Stdout, words)
	default:
		printBash(env.Stdout, words)
	}
	return nil
}

// completions returns what may follow each command: its subcommands, words and flags, under the command's words.
func completions(n *kong.Node) map[string][]string {
	all := make(map[string][]string)
	var visit func(n *kong.Node, path string)
	visit = func(n *kong.Node, path string) {
		var next []string
		for _, child := range n.Children {
			next = append(next, child.Name)
			visit(child, strings.TrimSpace(path+" "+child.Name))
		}
		for _, argument := range n.Positional {
			if argument.Enum != "" {
				next = append(next, argument.EnumSlice()...)
			}
		}
		for _, flag := range n.Flags {
			if flag.Hidden {
				continue
			}
			next = append(next, "--"+flag.Name)
		}
		all[path] = next
	}
	visit(n, "")
	return all
}

func printBash(w io.Writer, words map[string][]string) {
	fmt.Fprint(w, "_openhqm() {\n  local path=\"\" word\n  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"+
		"    case \"$word\" in -*) ;; *) path=\"${path:+$path }$word\" ;; esac\n  done\n  local next=\"\"\n  case \"$path\" in\n")
	for _, path := range slices.Backward(slices.Sorted(maps.Keys(words))) {
		pattern := fmt.Sprintf("%q", path)
		if path != "" {
			pattern += fmt.Sprintf("|%q*", path+" ")
		}
		fmt.Fprintf(w, "    %s) next=%q ;;\n", pattern, strings.Join(words[path], " "))
	}
	fmt.Fprint(w, "  esac\n  COMPREPLY=($(compgen -W \"$next\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\n"+
		"complete -o default -F _openhqm openhqm\n")
}

func printFish(w io.Writer, words map[string][]string) {
	fmt.Fprintln(w, "complete -c openhqm -f")
	for _, path := range slices.Sorted(maps.Keys(words)) {
		condition := "__fish_use_subcommand"
		if path != "" {
			condition = "__fish_seen_subcommand_from " + path[strings.LastIndexByte(path, ' ')+1:]
		}
		for _, word := range words[path] {
			if flag, ok := strings.CutPrefix(word, "--"); ok {
				fmt.Fprintf(w, "complete -c openhqm -n %q -l %s\n", condition, flag)
			} else {
				fmt.Fprintf(w, "complete -c openhqm -n %q -a %s\n", condition, word)
			}
		}
	}
}
