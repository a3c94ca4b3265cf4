package check

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Report is what Check found.
type Report struct {
	Valid bool   `json:"valid"`
	Seed  uint64 `json:"seed"`

	Attempts  int `json:"attempts"` // tries of the producer
	Accepted  int `json:"accepted"` // requests with a 202
	Delivered int `json:"delivered"`
	Terminal  int `json:"terminal"`

	Lost                   int `json:"lost"`
	Unexpected             int `json:"unexpected"`
	Corrupt                int `json:"corrupt"`
	Changed                int `json:"changed"`
	Stale                  int `json:"stale"`
	Backwards              int `json:"backwards"`
	RefusedButExecuted     int `json:"refused_but_executed"`
	UnsafeTwice            int `json:"unsafe_twice"`
	DuplicatesWithoutFault int `json:"duplicates_without_fault"`
	BeyondInFlight         int `json:"beyond_in_flight"`
	Unclean                int `json:"unclean"`
	Early                  int `json:"early"`
	Unnoticed              int `json:"unnoticed"`

	Refused              int            `json:"refused"` // requests that were refused for good
	Unknown              int            `json:"unknown"` // requests of which the producer knows nothing
	Ends                 map[string]int `json:"ends"`    // accepted requests by terminal state and reason
	Kinds                map[string]int `json:"kinds"`   // requests and results by what is special about them
	DuplicatesAtFaults   int            `json:"duplicates_at_faults"`
	DuplicatesByEndpoint int            `json:"duplicates_by_endpoint"` // second arrivals that its answers asked for
	Late                 int            `json:"late"`                   // accepted after a SIGTERM
	Fetches              int            `json:"fetches"`
	Faults               map[string]int `json:"faults"`
	InFlight             float64        `json:"in_flight"` // calls at the endpoint on average, while the producer ran

	RedeliveryP50 float64 `json:"redelivery_p50_ms"` // from a fault to the next arrival of what it cut
	RedeliveryP99 float64 `json:"redelivery_p99_ms"`
	RecoveryP50   float64 `json:"recovery_p50_ms"` // from the end of a fault to the next arrival
	RecoveryMax   float64 `json:"recovery_max_ms"`

	UrgentP50 float64 `json:"urgent_p50_ms"` // from the 202 to the first arrival, of priority 9
	NormalP50 float64 `json:"normal_p50_ms"` // of priority 0

	Missing    []string `json:"missing,omitempty"`
	Violations []string `json:"violations,omitempty"` // the first maxViolations of them, in words
}

// maxViolations bounds what is told in words.
const maxViolations = 30

// violate counts a violation and tells it.
func (r *Report) violate(count *int, format string, args ...any) {
	*count++
	if len(r.Violations) < maxViolations {
		r.Violations = append(r.Violations, fmt.Sprintf(format, args...))
	}
}

// figures are the counts that must be 0, in the order of the table.
func (r *Report) figures() []figure {
	return []figure{
		{"lost", r.Lost}, {"unexpected", r.Unexpected}, {"corrupt", r.Corrupt}, {"changed", r.Changed}, {"stale writes", r.Stale},
		{"backwards", r.Backwards}, {"refused but executed", r.RefusedButExecuted}, {"unsafe twice", r.UnsafeTwice},
		{"duplicates without a fault", r.DuplicatesWithoutFault}, {"duplicates beyond the calls in flight", r.BeyondInFlight},
		{"unclean", r.Unclean}, {"before their time", r.Early}, {"damage that nobody said", r.Unnoticed},
	}
}

// Zeros returns the names of the counts that must be 0.
func Zeros() (names []string) {
	for _, f := range (&Report{}).figures() {
		names = append(names, f.name)
	}
	return names
}

// Zero returns one of them by its name; -1 if there is none of the name.
func (r *Report) Zero(name string) int {
	for _, f := range r.figures() {
		if f.name == name {
			return f.count
		}
	}
	return -1
}

type figure struct {
	name  string
	count int
}

func (r *Report) conclude() {
	r.Valid = len(r.Missing) == 0
	for _, f := range r.figures() {
		r.Valid = r.Valid && f.count == 0
	}
}

// TooLittle reports that nothing was wrong, but less happened than proves that.
func (r *Report) TooLittle() bool {
	for _, f := range r.figures() {
		if f.count > 0 {
			return false
		}
	}
	return len(r.Missing) > 0
}

// JSON writes the report as one line.
func (r *Report) JSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }

// Table writes the report for people.
func (r *Report) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name string, value any) { fmt.Fprintf(t, "  %s\t%v\n", name, value) } // Flush tells
	row("attempts", r.Attempts)
	row("accepted", r.Accepted)
	row("refused, unknown", fmt.Sprintf("%d, %d", r.Refused, r.Unknown))
	row("delivered", r.Delivered)
	row("terminal", fmt.Sprintf("%d  (%s)", r.Terminal, counts(r.Ends)))
	row("fetches", r.Fetches)
	row("faults", counts(r.Faults))
	row("in flight on average", fmt.Sprintf("%.1f", r.InFlight))
	row("accepted after a SIGTERM", r.Late)
	for _, f := range r.figures() {
		mark := ""
		if f.count > 0 {
			mark = "  <- must be 0"
		}
		row(f.name, fmt.Sprintf("%d%s", f.count, mark))
	}
	row("duplicates at a fault", r.DuplicatesAtFaults)
	row("repeats that the endpoint asked for", r.DuplicatesByEndpoint)
	row("time to redelivery p50, p99", fmt.Sprintf("%.0f ms, %.0f ms", r.RedeliveryP50, r.RedeliveryP99))
	row("recovery p50, max", fmt.Sprintf("%.0f ms, %.0f ms", r.RecoveryP50, r.RecoveryMax))
	row("kinds", counts(r.Kinds))
	row("wait for the first call p50, of priority 9 and 0", fmt.Sprintf("%.0f ms, %.0f ms", r.UrgentP50, r.NormalP50))
	for _, m := range r.Missing {
		row("not enough happened", m)
	}
	for _, v := range r.Violations {
		row("violation", v)
	}
	verdict := "VALID"
	if !r.Valid {
		verdict = "NOT VALID"
	}
	row("verdict", verdict)
	return t.Flush()
}

func counts(m map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, m[name]))
	}
	return strings.Join(parts, ", ")
}
