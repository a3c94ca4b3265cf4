package check

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/test/chaos/history"
)

var rules = Rules{Seed: 7, AttemptTimeout: 4 * time.Second, MaxAttempts: 3, MaxCrashes: 5, DiskRecovery: 5 * time.Second}

// figure returns one count of a report by its name in the table.
func (r *Report) figure(t *testing.T, name string) int {
	t.Helper()
	for _, f := range r.figures() {
		if f.name == name {
			return f.count
		}
	}
	t.Fatalf("no figure %q", name)
	return 0
}

func join(parts ...story) story { return slices.Concat(parts...) }

func TestCheckFlagsEveryKindOfFault(t *testing.T) {
	tests := []struct {
		name string
		want string // the figure that counts it
		log  story
	}{
		{"an accepted message that nobody knows any more", "lost", story{
			invoke(1, 1, "PUT"), accept(2, 1), status(90000, 1, "GONE", "", 0)}},
		{"an accepted message that is never settled", "lost", story{
			invoke(1, 1, "PUT"), accept(2, 1), arrive(3, 1, 1, 1, "PUT"), status(90000, 1, "PROCESSING", "", 2)}},
		{"an accepted message of which no status was read", "lost", story{invoke(1, 1, "PUT"), accept(2, 1)}},
		{"a completed message without a result", "lost", story{
			invoke(1, 1, "PUT"), accept(2, 1), arrive(3, 1, 1, 1, "PUT"), leave(50, 1, 200), status(60, 1, "COMPLETED", "", 3)}},
		{"an arrival nobody sent", "unexpected", join(good(1, "PUT"), story{arrive(70, 2, 2, 1, "PUT"), leave(80, 2, 200)})},
		{"a key that made two messages", "unexpected", join(good(1, "PUT"), story{
			at(100, history.Event{Kind: history.OK, Op: 1, Try: 2, ID: "id-other", Status: 202})})},
		{"a message that ended by a deadline it does not have", "unexpected", story{
			invoke(1, 1, "PUT"), accept(2, 1), status(60, 1, "TIMEOUT", "", 3)}},
		{"an answered request that ended as if its outcome were unknown", "unexpected", story{
			invoke(1, 1, "POST"), accept(2, 1), arrive(3, 1, 1, 1, "POST"), leave(50, 1, 200),
			status(60, 1, "FAILED", "unknown_outcome", 3)}},
		{"a 503 that counts as a result", "unexpected", story{
			invoke(1, 1, "PUT"), accept(2, 1), arrive(3, 1, 1, 1, "PUT"), leave(50, 1, 503),
			func() history.Event { e := status(60, 1, "COMPLETED", "", 3); e.Status = 503; return e }(),
			read(61, 1, 503, answer(1)), read(62, 1, 503, answer(1))}},
		{"attempts that were counted and not made", "unexpected", story{
			invoke(1, 1, "PUT"), accept(2, 1), arrive(3, 1, 1, 1, "PUT"), leave(50, 1, 500),
			status(60, 1, "FAILED", "attempts_exhausted", 3)}},
		{"a request that was accepted and should not have been", "unexpected", func() story {
			s := good(1, "PUT")
			s[0].Refuse = true
			return s
		}()},
		{"a body that arrived changed", "corrupt", func() story {
			s := good(1, "PUT")
			s[3].Body = "other"
			return s
		}()},
		{"a target that arrived changed", "corrupt", func() story {
			s := good(1, "PUT")
			s[2].Target = "/y"
			return s
		}()},
		{"a result that is another request's", "corrupt", story{
			invoke(1, 1, "PUT"), accept(2, 1), arrive(3, 1, 1, 1, "PUT"), leave(50, 1, 200), status(60, 1, "COMPLETED", "", 3),
			read(61, 1, 200, answer(9)), read(62, 1, 200, answer(9))}},
		{"half an answer that counts as a result", "corrupt", story{
			invoke(1, 1, "PUT"), accept(2, 1), arrive(3, 1, 1, 1, "PUT"), left(50, 1, history.Half), status(60, 1, "COMPLETED", "", 3),
			read(61, 1, 200, answer(1)), read(62, 1, 200, answer(1))}},
		{"two fetches that differ", "changed", join(good(1, "PUT"), story{read(70, 1, 200, answer(2))})},
		{"two fetches with different statuses", "changed", join(good(1, "PUT"), story{read(70, 1, 502, answer(1))})},
		{"a result of a delivery that had lost its lease", "stale writes", join(story{
			invoke(1, 1, "PUT"), accept(2, 1), arrive(3, 1, 1, 1, "PUT"), begin(10, 1, history.Stop), over(5000, 1, history.Stop),
			arrive(5010, 1, 2, 2, "PUT"), leave(5020, 1, 200), leave(5100, 2, 200)}, ended(5200, 1, 1))},
		{"a revision that fell", "backwards", join(good(1, "PUT"), story{status(70, 1, "COMPLETED", "", 2)})},
		{"a terminal state that was left", "backwards", join(good(1, "PUT"), story{status(70, 1, "PENDING", "", 4),
			status(80, 1, "COMPLETED", "", 5)})},
		{"a refused request that arrived", "refused but executed", story{
			invoke(1, 1, "PUT"), at(2, history.Event{Kind: history.Fail, Op: 1, Try: 1, Status: 404}),
			arrive(3, 1, 1, 1, "PUT"), leave(50, 1, 200)}},
		{"a broken-off upload that arrived", "refused but executed", func() story {
			s := story{invoke(1, 1, "PUT"), at(2, history.Event{Kind: history.Unknown, Op: 1, Try: 1}), arrive(3, 1, 1, 1, "PUT"), leave(50, 1, 200)}
			s[0].Refuse = true
			return s
		}()},
		{"an unsafe request sent again after a kill", "unsafe twice", join(story{
			invoke(1, 1, "POST"), accept(2, 1), arrive(3, 1, 1, 1, "POST"), begin(20, 1, history.Kill), left(21, 1, history.Cut),
			over(500, 1, history.Kill), arrive(510, 1, 2, 2, "POST"), leave(550, 2, 200)}, ended(600, 1, 2))},
		{"an unsafe request sent again after a timeout", "unsafe twice", join(story{
			invoke(1, 1, "POST"), accept(2, 1), arrive(3, 1, 1, 1, "POST"), left(4003, 1, history.Hung),
			arrive(4100, 1, 2, 2, "POST"), leave(4150, 2, 200)}, ended(4200, 1, 2))},
		{"an unsafe request sent twice in one delivery", "unsafe twice", join(story{
			invoke(1, 1, "POST"), accept(2, 1), arrive(3, 1, 1, 1, "POST"), leave(40, 1, 503),
			arrive(41, 1, 2, 1, "POST"), leave(90, 2, 200)}, ended(100, 1, 2))},
		{"a second arrival that nothing explains", "duplicates without a fault", join(story{
			invoke(1, 1, "PUT"), accept(2, 1), arrive(3, 1, 1, 1, "PUT"), leave(50, 1, 200),
			arrive(60, 1, 2, 2, "PUT"), leave(90, 2, 200)}, ended(100, 1, 2))},
		{"a second arrival long after a kill", "duplicates without a fault", join(story{
			invoke(1, 1, "PUT"), accept(2, 1), begin(20, 1, history.Kill), over(30, 1, history.Kill), arrive(510, 1, 1, 1, "PUT"), leave(550, 1, 200),
			arrive(600, 1, 2, 2, "PUT"), leave(650, 2, 200)}, ended(700, 1, 2))},
		{"a second arrival at a SIGTERM, which explains none", "duplicates without a fault", join(story{
			invoke(1, 1, "PUT"), accept(2, 1), arrive(3, 1, 1, 1, "PUT"), begin(20, 1, history.Term), leave(50, 1, 200),
			over(500, 1, history.Term), arrive(600, 1, 2, 2, "PUT"), leave(650, 2, 200)}, ended(700, 1, 2))},
		{"more duplicates at a kill than calls in flight", "duplicates beyond the calls in flight", join(story{
			invoke(1, 1, "PUT"), accept(2, 1), arrive(3, 1, 1, 1, "PUT"), leave(50, 1, 200),
			begin(900, 1, history.Kill), over(1400, 1, history.Kill),
			arrive(1500, 1, 2, 2, "PUT"), leave(1550, 2, 200)}, ended(1600, 1, 2))},
		{"a field that arrived changed", "corrupt", func() story {
			s := good(1, "PUT")
			s[2].Fields = "other"
			return s
		}()},
		{"a result with other fields than the answer", "corrupt", func() story {
			s := good(1, "PUT")
			s[3].Fields = "those"
			return s
		}()},
		{"a cut answer although the disk was not full", "corrupt", cutStory(false)},
		{"a delayed request that arrived at once", "before their time", func() story {
			s := good(1, "PUT")
			s[0].Delay = int64(time.Second)
			return s
		}()},
		{"a cancellation that nobody asked for", "unexpected", story{
			invoke(1, 1, "PUT"), accept(2, 1), status(60, 1, "CANCELLED", "", 3)}},
		{"a message cancelled as one that cannot have run, which arrived", "unexpected", story{
			invoke(1, 1, "PUT"), accept(2, 1), arrive(3, 1, 1, 1, "PUT"), left(50, 1, history.Cut), cancel(40, 1, 0, ""), status(60, 1, "CANCELLED", "", 3)}},
		{"a message that arrived after it was cancelled", "unexpected", story{
			invoke(1, 1, "PUT"), accept(2, 1), cancel(3, 1, 0, ""), cancel(4, 1, 200, "CANCELLED"), arrive(90, 1, 1, 1, "PUT"), left(95, 1, history.Cut),
			func() history.Event { e := status(99, 1, "CANCELLED", "", 3); e.Ran = true; return e }()}},
		{"an arrival again that no redrive explains", "unsafe twice", join(redriven(), story{
			arrive(460, 1, 3, 2, "POST"), leave(470, 3, 200)})},
		{"a result of the generation before", "corrupt", func() story {
			s := redriven()
			for i := range s {
				if s[i].Kind == history.Read && s[i].Generation == 1 {
					s[i].Answer = answer(1)
				}
			}
			return s
		}()},
		{"urgent requests that waited longer than the others", "unexpected", func() (s story) {
			for op := int64(1); op <= 2*enoughUrgent; op++ {
				one := good(op, "PUT")
				if op%2 == 0 {
					one[0].Priority = 9
					one[2].At += 500 * int64(time.Millisecond)
					one[3].At += 500 * int64(time.Millisecond)
				}
				s = append(s, one...)
			}
			return s
		}()},
		{"a request that was accepted after fsync had failed", "unexpected", join(good(1, "PUT"), story{
			begin(100, 1, history.Sync), invoke(110, 2, "PUT"), accept(120, 2), over(500, 1, history.Sync),
			arrive(600, 2, 2, 1, "PUT"), leave(650, 2, 200)}, ended(700, 2, 2))},
		{"damage that changed a result", "corrupt", join(good(1, "PUT"), besideDamage(history.Event{Status: 200, Answer: "other"}, "COMPLETED"))},
		{"a message that is gone by damage nobody said", "damage that nobody said",
			join(good(1, "PUT"), besideDamage(history.Event{Status: 404, Answer: "problem"}, "GONE"))},
		{"a message that is gone by damage that only the offline check said", "damage that nobody said", join(good(1, "PUT"), story{
			begin(100, 1, history.Damage), at(110, history.Event{Kind: history.Said, Number: 1, Outcome: Checked, Error: "131 faults"})},
			besideDamage(history.Event{Status: 404, Answer: "problem"}, "GONE")[1:])},
		{"a process that did not end well", "unclean", join(good(1, "PUT"), story{
			at(100, history.Event{Kind: history.Verdict, Error: "after SIGTERM: exit status 2"})})},
		{"a full disk that was not got over in time", "unclean", join(good(1, "PUT"), story{
			begin(100, 1, history.Disk), over(200, 1, history.Disk), at(6000, invoke(0, 2, "PUT")), accept(6001, 2),
			arrive(6002, 2, 2, 1, "PUT"), leave(6050, 2, 200)}, ended(6100, 2, 2))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			report := Check(test.log, rules)
			if report.figure(t, test.want) == 0 || report.Valid {
				t.Errorf("not flagged as %s; valid %v, %q", test.want, report.Valid, report.Violations)
			}
			for _, f := range report.figures() {
				if f.name != test.want && f.count > 0 {
					t.Errorf("flagged as %s as well: %q", f.name, report.Violations)
				}
			}
		})
	}
}

func TestCheckAllowsWhatFaultsExplain(t *testing.T) {
	tests := []struct {
		name string
		log  story
	}{
		{"nothing but good", join(good(1, "PUT"), good(2, "POST"))},
		{"a repeatable request that a kill cut", join(story{
			invoke(1, 1, "PUT"), accept(2, 1), arrive(3, 1, 1, 1, "PUT"), begin(20, 1, history.Kill), left(21, 1, history.Cut),
			over(500, 1, history.Kill), arrive(510, 1, 2, 2, "PUT"), leave(550, 2, 200)}, ended(600, 1, 2))},
		{"a request on the wire when the process was killed", join(story{
			invoke(1, 1, "PUT"), accept(2, 1), begin(20, 1, history.Kill), over(30, 1, history.Kill), arrive(40, 1, 1, 1, "PUT"),
			left(41, 1, history.Cut), arrive(510, 1, 2, 2, "PUT"), leave(550, 2, 200)}, ended(600, 1, 2))},
		{"an unsafe one that a kill cut", story{
			invoke(1, 1, "POST"), accept(2, 1), arrive(3, 1, 1, 1, "POST"), begin(20, 1, history.Kill), left(21, 1, history.Cut),
			over(500, 1, history.Kill), status(600, 1, "FAILED", "unknown_outcome", 3), read(601, 1, 504, "p"), read(602, 1, 504, "p")}},
		{"an unsafe one that was told to come again", join(story{
			invoke(1, 1, "POST"), accept(2, 1), arrive(3, 1, 1, 1, "POST"), leave(50, 1, 503),
			arrive(200, 1, 2, 2, "POST"), leave(250, 2, 200)}, ended(300, 1, 2))},
		{"a repeatable one after a reset", join(story{
			invoke(1, 1, "PUT"), accept(2, 1), arrive(3, 1, 1, 1, "PUT"), left(50, 1, history.Reset),
			arrive(200, 1, 2, 2, "PUT"), leave(250, 2, 200)}, ended(300, 1, 2))},
		{"a call cut by a lost lease", join(story{
			invoke(1, 1, "PUT"), accept(2, 1), arrive(3, 1, 1, 1, "PUT"), begin(10, 1, history.Stop), leave(60, 1, 200),
			over(5000, 1, history.Stop), arrive(5200, 1, 2, 2, "PUT"), leave(5250, 2, 200)}, ended(5300, 1, 2))},
		{"an answer that a full disk cut", cutStory(true)},
		{"a dead letter that was put back", redriven()},
		{"a message that was cancelled in time", story{
			invoke(1, 1, "PUT"), accept(2, 1), cancel(3, 1, 0, ""), cancel(4, 1, 200, "CANCELLED"), status(60, 1, "CANCELLED", "", 3)}},
		{"damage that shows as an error of who reads it", join(good(1, "PUT"), besideDamage(history.Event{Status: 500, Answer: "problem"}, "COMPLETED"))},
		{"damage after which the product does not start", join(good(1, "PUT"), story{
			begin(100, 1, history.Damage), at(110, history.Event{Kind: history.Said, Number: 1, Outcome: Refused, Error: "corrupt data in x"})})},
		{"damage that was said and took a message away", join(good(1, "PUT"), story{
			begin(100, 1, history.Damage), at(110, history.Event{Kind: history.Said, Number: 1, Outcome: "log", Error: "corrupt data in x"})},
			besideDamage(history.Event{Status: 404, Answer: "problem"}, "GONE")[1:])},
		{"a refusal", story{invoke(1, 1, "PUT"), at(2, history.Event{Kind: history.Fail, Op: 1, Try: 1, Status: 404})}},
		{"a refusal and then a 202 under the same key", join(story{
			invoke(1, 1, "POST"), at(2, history.Event{Kind: history.Fail, Op: 1, Try: 1}), at(3, invoke(0, 1, "POST")), accept(4, 1),
			arrive(5, 1, 1, 1, "POST"), leave(50, 1, 200)}, ended(60, 1, 1))},
		{"an unknown outcome of a submit that arrived", story{
			invoke(1, 1, "PUT"), at(2, history.Event{Kind: history.Unknown, Op: 1, Try: 1}), arrive(3, 1, 1, 1, "PUT"), leave(50, 1, 200)}},
		{"two statuses asked for at the same time", join(good(1, "PUT"), story{
			func() history.Event { e := status(63, 1, "PROCESSING", "", 2); e.From = 1; return e }(),
			status(70, 1, "COMPLETED", "", 3)})},
		{"a disk got over in time", join(good(1, "PUT"), story{
			begin(100, 1, history.Disk), over(200, 1, history.Disk), at(900, invoke(0, 2, "PUT")), accept(1000, 2),
			arrive(1002, 2, 2, 1, "PUT"), leave(1050, 2, 200)}, ended(1100, 2, 2))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if report := Check(test.log, rules); !report.Valid {
				t.Errorf("not valid: %q", report.Violations)
			}
		})
	}
}

func TestCheckDemandsThatEnoughHappened(t *testing.T) {
	demanding := rules
	demanding.Demand = Demand{Accepted: 2, Faults: map[string]int{history.Kill: 1}, InFlight: 1, Late: 1}
	report := Check(good(1, "PUT"), demanding)
	if report.Valid || len(report.Missing) != 4 {
		t.Errorf("valid %v, missing %q, want four things missing", report.Valid, report.Missing)
	}
	if !report.TooLittle() {
		t.Error("nothing was wrong and too little happened, and the report does not say so")
	}
	if report.Lost = 1; report.TooLittle() {
		t.Error("a lost request counts as too little")
	}
}

func TestCheckMeasuresRedeliveryRecoveryAndLateRequests(t *testing.T) {
	log := join(story{
		invoke(1, 1, "PUT"), accept(2, 1), arrive(3, 1, 1, 1, "PUT"), begin(20, 1, history.Kill), left(21, 1, history.Cut),
		over(500, 1, history.Kill), arrive(510, 1, 2, 2, "PUT"), leave(550, 2, 200)}, ended(600, 1, 2),
		story{begin(700, 2, history.Term), invoke(710, 2, "PUT"), accept(720, 2), over(800, 2, history.Term),
			arrive(900, 2, 3, 1, "PUT"), leave(950, 3, 200)}, ended(1000, 2, 3))
	report := Check(log, rules)
	if !report.Valid {
		t.Fatalf("not valid: %q", report.Violations)
	}
	if report.RedeliveryP50 != 490 || report.RecoveryP50 != 10 || report.RecoveryMax != 100 || report.Late != 1 || report.DuplicatesAtFaults != 1 {
		t.Errorf("got %+v", report)
	}
}

func TestReportIsOneLineOfJSONAndATable(t *testing.T) {
	report := Check(join(good(1, "PUT"), story{read(70, 1, 200, answer(2))}), rules)
	var line, table bytes.Buffer
	if err := report.JSON(&line); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(line.Bytes(), &back); err != nil || strings.Count(line.String(), "\n") != 1 || back.Changed != 1 || back.Seed != 7 {
		t.Errorf("%v: %s", err, line.String())
	}
	if err := report.Table(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"changed", "<- must be 0", "NOT VALID"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, table.String())
		}
	}
}
