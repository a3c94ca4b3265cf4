package endpoint

import (
	"fmt"
	"strings"
)

const (
	// maxPasses is how often a request may pass through one process before it is taken for a circle. More than once, because
	// a path through an application and back to another endpoint is none.
	maxPasses = 3
	// maxHops is the same for all processes of OpenHQM together. It ends the circles that no single process would see: of
	// many workers, or over restarts, each of which has a name of its own.
	maxHops = 10
	// Family begins the pseudonym of every process of OpenHQM.
	Family = "openhqm"
)

// Circular returns why a request that bears these Via fields goes in a circle through the process of that pseudonym, or "".
func Circular(via []string, pseudonym string) string {
	if len(via) == 0 {
		return ""
	}
	passes, hops := 0, 0
	for _, line := range via {
		for _, element := range splitList(line, ',') {
			words := strings.Fields(element)
			if len(words) < 2 {
				continue
			}
			if words[1] == pseudonym {
				passes++
			}
			if words[1] == Family || strings.HasPrefix(words[1], Family+"-") {
				hops++
			}
		}
	}
	const remedy = ": it goes in a circle; see that no endpoint's url leads back here"
	switch {
	case passes >= maxPasses:
		return fmt.Sprintf("the request has been through this process %d times", passes) + remedy
	case hops >= maxHops:
		return fmt.Sprintf("the request has been through %d processes of OpenHQM", hops) + remedy
	}
	return ""
}
