package main

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/livedesk/livedesk-go/channel"
)

// ids makes every id of a run out of its seed, so that the same seed does the same work. They are scattered as real ones
// are: an index whose keys come in order is cheaper than any desk's.
type ids struct{ seed uint64 }

// kinds of id, so that two kinds never share one.
const (
	kindSID uint64 = iota + 1
	kindRow
)

// account is the carrier's account. Each run has its own: a number belongs to one workspace only.
func (s ids) account() string { return fmt.Sprintf("AC%032x", s.seed) }

// sid is a message id of Twilio's.
func (s ids) sid(n uint64) string {
	b := s.bytes(kindSID, n)
	return "SM" + hex.EncodeToString(b[:])
}

// row is a UUIDv7 of the instant.
func (s ids) row(now time.Time, n uint64) string {
	b := s.bytes(kindRow, n)
	ms := uint64(now.UnixMilli())
	binary.BigEndian.PutUint32(b[0:], uint32(ms>>16))
	binary.BigEndian.PutUint16(b[4:], uint16(ms))
	b[6], b[8] = b[6]&0x0f|0x70, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

func (s ids) bytes(kind, n uint64) (b [16]byte) {
	// Both halves are one-to-one in n, so no two n have the same id.
	binary.BigEndian.PutUint64(b[:8], mix(n^mix(s.seed)))
	binary.BigEndian.PutUint64(b[8:], mix(n+mix(s.seed+kind)))
	return b
}

// mix is the finalizer of SplitMix64, which is one-to-one.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// maxPeople is how many customers there are at most.
const maxPeople = 1_000_000_000

// address is the number of customer n, one of 8,000,000,000 from +12000000000 on; no two customers below maxPeople
// share one, because the factor and the modulus have no common divisor.
func address(n uint64) channel.Address {
	return channel.Address(fmt.Sprintf("+1%d", n*2654435761%8_000_000_000+2_000_000_000))
}

// words are what customers write, of usual lengths; none of them is a keyword.
var words = []string{
	"Hi, where is my order? It was promised for today.",
	"Thanks!",
	"Can I still change the delivery address? We moved last week, the new one is 12 Harbour Street, second floor.",
	"The invoice shows two items but I only got one of them.",
	"ok see you then",
	"Bonjour, la livraison est-elle prévue pour demain matin ?",
	"It doesn’t turn on any more. I tried another cable and another socket, and I held the button for ten seconds as " +
		"the manual says. Nothing. What should I do now, send it back to you or bring it to the shop?",
	"Yes please 👍",
	"What are your opening hours on Saturday?",
	"My booking number is 48213, could you move it to 3 pm?",
}

// text is what customer n says at turn k.
func text(n, k uint64) string { return words[mix(n+k<<32)%uint64(len(words))] }
