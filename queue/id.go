package queue

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// ID is the correlation ID of a message: a UUIDv7 (RFC 9562 5.7) whose 12 rand_a bits are the message's [Home] and whose
// 62 rand_b bits are random. This format can never change: any process finds any record by its ID alone.
type ID [16]byte

// Home is 12 bits that say where a message lives: a store with n shards keeps it in shard home mod n.
type Home uint16

// Homes is the number of different homes, and so the most shards that a store can have.
const Homes = 1 << 12

// HomeOf returns the home of a name: the first 12 bits of its SHA-256. It is the same in every process and version.
func HomeOf(name string) Home {
	sum := sha256.Sum256([]byte(name))
	return Home(binary.BigEndian.Uint16(sum[:2]) >> 4)
}

// Shard returns the shard of this home in a store that has the given number of shards, at least 1.
func (h Home) Shard(shards int) int { return int(h) % shards }

// NewID returns a new ID at the given home and time, in milliseconds. The 62 random bits come from the operating
// system, because without authentication whoever knows an ID may read its result.
func NewID(home Home, now time.Time) ID {
	var id ID
	rand.Read(id[8:]) // documented never to fail
	ms := uint64(now.UnixMilli())
	binary.BigEndian.PutUint64(id[:8], ms<<16|0x7000|uint64(home&(Homes-1)))
	id[8] = id[8]&0x3f | 0x80
	return id
}

// ParseID reads the canonical text form (RFC 9562 4: 36 characters, hexadecimal of either case). The error wraps
// [ErrBadID] and says what is wrong.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, fmt.Errorf("%w: want 36 characters as in %s", ErrBadID, exampleID)
	}
	var digits [32]byte
	n := copy(digits[:], s[:8])
	n += copy(digits[n:], s[9:13])
	n += copy(digits[n:], s[14:18])
	n += copy(digits[n:], s[19:23])
	copy(digits[n:], s[24:])
	if _, err := hex.Decode(id[:], digits[:]); err != nil {
		return ID{}, fmt.Errorf("%w: want hexadecimal digits as in %s", ErrBadID, exampleID)
	}
	if id[6]>>4 != 7 || id[8]>>6 != 2 {
		return ID{}, fmt.Errorf("%w: not a version 7 UUID", ErrBadID)
	}
	return id, nil
}

const exampleID = "018f3e1a-7c00-7abc-8def-0123456789ab"

// String returns the canonical text form in lower case.
func (id ID) String() string {
	b, _ := id.AppendText(make([]byte, 0, 36))
	return string(b)
}

// AppendText appends the canonical text form; the error is always nil.
func (id ID) AppendText(b []byte) ([]byte, error) {
	b = hex.AppendEncode(b, id[:4])
	b = hex.AppendEncode(append(b, '-'), id[4:6])
	b = hex.AppendEncode(append(b, '-'), id[6:8])
	b = hex.AppendEncode(append(b, '-'), id[8:10])
	return hex.AppendEncode(append(b, '-'), id[10:]), nil
}

// MarshalText returns the canonical text form; the error is always nil.
func (id ID) MarshalText() ([]byte, error) { return id.AppendText(make([]byte, 0, 36)) }

// UnmarshalText is [ParseID].
func (id *ID) UnmarshalText(b []byte) error {
	parsed, err := ParseID(string(b))
	if err == nil {
		*id = parsed
	}
	return err
}

// Time returns the moment that the ID names, to the millisecond.
func (id ID) Time() time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(id[:8]) >> 16))
}

// Home returns the home that the ID names.
func (id ID) Home() Home { return Home(binary.BigEndian.Uint16(id[6:8]) & (Homes - 1)) }

// IsZero reports whether the ID is unset.
func (id ID) IsZero() bool { return id == ID{} }
