package queue_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openhqm/openhqm/queue"
)

func TestIDKeepsItsTimeAndHome(t *testing.T) {
	at := time.UnixMilli(1_764_000_000_123)
	for _, home := range []queue.Home{0, 1, 0x7ff, queue.Homes - 1} {
		id := queue.NewID(home, at)
		if !id.Time().Equal(at) || id.Home() != home {
			t.Errorf("ID %v names time %v and home %d, want %v and %d", id, id.Time(), id.Home(), at, home)
		}
		text := id.String()
		if text[14] != '7' || !strings.ContainsRune("89ab", rune(text[19])) {
			t.Errorf("%s is no UUIDv7", text)
		}
		parsed, err := queue.ParseID(text)
		if err != nil || parsed != id {
			t.Errorf("ParseID(%s) = %v, %v", text, parsed, err)
		}
		if parsed, err = queue.ParseID(strings.ToUpper(text)); err != nil || parsed != id {
			t.Errorf("upper case: %v, %v", parsed, err)
		}
	}
}

func TestIDsAreInTheOrderOfTheirTime(t *testing.T) {
	at := time.UnixMilli(1_764_000_000_000)
	for range 100 {
		a, b := queue.NewID(queue.Homes-1, at), queue.NewID(0, at.Add(time.Millisecond))
		if bytes.Compare(a[:], b[:]) >= 0 {
			t.Fatalf("%v is not before %v", a, b)
		}
	}
}

func TestIDsDoNotRepeat(t *testing.T) {
	seen := make(map[queue.ID]bool)
	at := time.UnixMilli(1_764_000_000_000)
	for range 10_000 {
		id := queue.NewID(7, at)
		if seen[id] {
			t.Fatalf("%v came twice", id)
		}
		seen[id] = true
	}
}

func TestMalformedIDsAreRefused(t *testing.T) {
	for _, text := range []string{
		"", "nonsense", "018f3e1a7c007abc8def0123456789ab", "018f3e1a-7c00-7abc-8def-0123456789a", "018f3e1a-7c00-7abc-8def-0123456789abc",
		"018f3e1a-7c00-4abc-8def-0123456789ab", "018f3e1a-7c00-7abc-cdef-0123456789ab", "018f3e1a-7c00-7abc-8def-0123456789ag",
		"018f3e1a_7c00_7abc_8def_0123456789ab", "018f3e1a-7c00-7abc-8def-01234567é9a", "{18f3e1a-7c00-7abc-8def-0123456789ab",
	} {
		if id, err := queue.ParseID(text); !errors.Is(err, queue.ErrBadID) || !id.IsZero() {
			t.Errorf("ParseID(%q) = %v, %v, want ErrBadID", text, id, err)
		}
	}
}

func TestIDTextRoundTrip(t *testing.T) {
	id := queue.NewID(9, time.Now())
	text, err := id.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var back queue.ID
	if err := back.UnmarshalText(text); err != nil || back != id {
		t.Fatalf("got %v, %v", back, err)
	}
	if err := back.UnmarshalText([]byte("no")); !errors.Is(err, queue.ErrBadID) || back != id {
		t.Fatalf("a malformed text changed the ID to %v, or gave %v", back, err)
	}
}

// The home of a name is stored in every ID: these values can never change.
func TestHomeOfANameIsFixed(t *testing.T) {
	for name, want := range map[string]queue.Home{"": 0xe3b, "default": 0x37a, "orders": 0x1c1} {
		if got := queue.HomeOf(name); got != want {
			t.Errorf("HomeOf(%q) = %#x, want %#x", name, got, want)
		}
	}
	if s := queue.Home(4095).Shard(16); s != 15 {
		t.Errorf("shard = %d, want 15", s)
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("018f3e1a-7c00-7abc-8def-0123456789ab")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := queue.ParseID(text)
		if err == nil && !strings.EqualFold(id.String(), text) {
			t.Errorf("%q became %v", text, id)
		}
	})
}
