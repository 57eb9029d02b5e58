package livedesk

import (
	"math"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// DefaultRate returns how many segments per second a sender may hand to its carrier when its channel sets no Rate, by
// the kind of number as Twilio documents it: 3 for toll-free numbers of the US and Canada, 1 for their other numbers,
// 10 for numbers of other countries and for pools, 100 for short codes. ("Rate limits and queues", support article
// 115002943027.)
func DefaultRate(number channel.Address) float64 {
	switch number.Kind() {
	case channel.KindShortCode:
		return 100
	case channel.KindE164:
		rest, us := strings.CutPrefix(string(number), "+1")
		switch {
		case !us:
			return 10
		case len(rest) == 10 && tollFree[rest[:3]]:
			return 3
		default:
			return 1
		}
	}
	return 10
}

var tollFree = map[string]bool{"800": true, "833": true, "844": true, "855": true, "866": true, "877": true, "888": true}

const (
	// burst is how many segments a sender that was quiet may hand over at once.
	burst = 10
	// firstClaim is how many texts of a sender are claimed while its budget isn't known yet.
	firstClaim = burst
)

// limits keeps the budgets and pauses of senders, in this process.
type limits struct {
	mu      sync.Mutex
	senders map[Sender]*budget
}

type budget struct {
	limiter *rate.Limiter
	rate    float64
	paused  time.Time // nothing is claimed before, as the carrier asked
	// missed counts the sends in a row that did not get as far as the carrier, the first and the last of them when.
	missed                int
	firstMissed, lastMiss time.Time
	// reporting says that a worker is writing down what it found out about the channel's health; the others needn't.
	reporting bool
}

func newLimits() *limits { return &limits{senders: map[Sender]*budget{}} }

// of returns the budget of a channel; mu is held.
func (l *limits) of(ch *channelInfo) *budget {
	r := ch.channel.Rate
	if r == 0 {
		r = DefaultRate(ch.number)
	}
	b := l.senders[ch.sender()]
	if b == nil || b.rate != r {
		limit := rate.Limit(r)
		if r < 0 {
			limit = rate.Inf
		}
		fresh := &budget{limiter: rate.NewLimiter(limit, max(burst, int(math.Ceil(r)))), rate: r}
		if b != nil {
			limiter := fresh.limiter
			*fresh = *b
			fresh.limiter, fresh.rate = limiter, r
		}
		b = fresh
		l.senders[ch.sender()] = b
	}
	return b
}

// take spends segments. It returns 0 when the text may go, or how long it has to wait. A text with more segments than
// there are left may go as long as one is left: the sender then waits longer for its next.
func (l *limits) take(ch *channelInfo, now time.Time, segments int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.of(ch)
	if now.Before(b.paused) {
		return b.paused.Sub(now)
	}
	if b.rate < 0 {
		return 0
	}
	if left := b.limiter.TokensAt(now); left < 1 {
		return time.Duration((1-left)/b.rate*float64(time.Second)).Truncate(time.Microsecond) + time.Microsecond
	}
	b.limiter.ReserveN(now, min(max(segments, 1), b.limiter.Burst()))
	return 0
}

// heard pauses a sender as its carrier asked, and reports whether too many sends in a row were unreached.
func (l *limits) heard(ch *channelInfo, now time.Time, err error, told sign) (lost bool) {
	after, _ := sms.RetryAfter(err)
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.of(ch)
	if after > 0 {
		b.paused = now.Add(min(after, time.Hour))
	}
	switch {
	case told == noSign:
		return false
	case told != unreached:
		b.missed = 0
		return false
	case b.missed == 0 || now.Sub(b.lastMiss) > missedGap:
		b.missed, b.firstMissed = 0, now
	}
	b.missed++
	b.lastMiss = now
	return b.missed >= missedSends && now.Sub(b.firstMissed) >= missedFor
}

// report lets one worker at a time write down what it found out about a channel.
func (l *limits) report(ch *channelInfo) (done func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of(ch).reporting {
		return nil, false
	}
	l.of(ch).reporting = true
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.of(ch).reporting = false
	}, true
}

// budgets says how many texts of each sender may be claimed now, for those that aren't free to send as many as are due:
// what is left of a budget, none while paused, none of channels that are out of service.
func (l *limits) budgets(now time.Time, snap *snapshot) map[Sender]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[Sender]int, len(l.senders)+len(snap.closed))
	for s, b := range l.senders {
		switch {
		case snap.channels[objectKey{s.Workspace, s.Channel}] == nil:
			delete(l.senders, s)
		case now.Before(b.paused):
			out[s] = 0
		case b.rate < 0:
			out[s] = math.MaxInt32
		default:
			out[s] = int(max(b.limiter.TokensAt(now), 0))
		}
	}
	for _, s := range snap.closed {
		out[s] = 0
	}
	return out
}
