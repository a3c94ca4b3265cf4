package app

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/openhqm/openhqm/internal/store/embedded"
)

// CheckStore verifies the data directory of an embedded store that no process is using, changes nothing in it, and prints
// what it counted. It returns an error when the directory cannot be examined or something in it does not add up.
func CheckStore(ctx context.Context, dir string, w io.Writer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r, err := embedded.Check(dir)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "QUEUE\tACCEPTED\tREADY\tPARKED\tSCHEDULED\tLEASED\tDONE\tDEAD\tCANCELLED\tEXPIRED\tREMOVED\tDRIFT")
	for _, name := range slices.Sorted(maps.Keys(r.Queues)) {
		c := r.Queues[name]
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n", name, c.Accepted, c.Ready, c.Parked, c.Scheduled,
			c.Leased, c.Done, c.Dead, c.Cancelled, c.Expired, c.Removed, c.Drift())
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "%d records, %d bodies of %d bytes, %d body files without a record (swept when the store is opened next)\n",
		r.Records, r.Bodies, r.BodyBytes, r.Orphans)
	for _, fault := range r.Faults {
		fmt.Fprintln(w, "fault:", fault)
	}
	if !r.OK() {
		return fmt.Errorf("%s: %d faults; keep a copy of the directory before anything else is done with it", dir, r.Faulty)
	}
	fmt.Fprintln(w, "everything adds up")
	return nil
}
