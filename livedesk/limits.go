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
	paused  time.Time // nothing is claimed before
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
			fresh.paused = b.paused
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

// heard pauses a sender as its carrier asked, or for a minute when it refused our credentials.
func (l *limits) heard(ch *channelInfo, now time.Time, err error) {
	after, asked := sms.RetryAfter(err)
	refused := sms.ReasonOf(err) == channel.ReasonCredentials
	if !asked && !refused {
		return
	}
	if refused {
		after = max(after, time.Minute)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.of(ch)
	b.paused = now.Add(min(after, time.Hour))
}

// budgets says how many texts of each sender may be claimed now: those that have a budget, and none of channels that
// are out of service.
func (l *limits) budgets(now time.Time, snap *snapshot) map[Sender]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[Sender]int{}
	for key, ch := range snap.channels {
		if ch.channel.Disabled || ch.conn == nil || ch.conn.account == nil {
			out[Sender{key.workspace, key.id}] = 0
		}
	}
	for s, b := range l.senders {
		if _, ok := snap.channels[objectKey{s.Workspace, s.Channel}]; !ok {
			delete(l.senders, s)
			continue
		}
		n := math.MaxInt32
		switch {
		case out[s] == 0 && hasKey(out, s):
			continue
		case now.Before(b.paused):
			n = 0
		case b.rate >= 0:
			n = int(max(b.limiter.TokensAt(now), 0))
		}
		out[s] = n
	}
	return out
}

func hasKey[K comparable, V any](m map[K]V, k K) bool { _, ok := m[k]; return ok }
