package fault

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The variables that say what is active, in a build with the tag planted.
const (
	BugVariable   = "OPENHQM_FAULT_BUG"
	CrashVariable = "OPENHQM_FAULT_CRASH"
)

// selection is what the environment activates.
type selection struct {
	bug   Bug
	crash Crash
	nth   int64 // the passing of the point that kills
}

// choose reads the two variables; an empty one activates nothing.
func choose(bug, crash string) (selection, error) {
	point, digits, counted := strings.Cut(crash, ":")
	s := selection{bug: Bug(bug), crash: Crash(point), nth: 1}
	var err error
	if counted {
		s.nth, err = strconv.ParseInt(digits, 10, 64)
	}
	if err != nil || s.nth < 1 {
		return selection{}, fmt.Errorf("%s=%q: want a name, or a name, a colon and a number from 1", CrashVariable, crash)
	}
	return s, errors.Join(known(BugVariable, bug, Bugs()), known(CrashVariable, point, Points()))
}

// known refuses a name that is not among the faults.
func known(variable, name string, faults []Fault) error {
	names := make([]string, len(faults))
	for i, f := range faults {
		names[i] = f.Name
	}
	if name == "" || slices.Contains(names, name) {
		return nil
	}
	return fmt.Errorf("%s=%q: there is no such fault; known are %s", variable, name, strings.Join(names, ", "))
}
