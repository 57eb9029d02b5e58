package livedesk

import (
	"context"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// DefaultRate returns how many segments per second a sender may hand to its carrier when its channel sets no Rate, by
// the kind of number as Twilio documents it: 3 for toll-free numbers of the US and Canada, 1 for their other numbers,
// 10 for numbers of other countries and for pools, 100 for short codes. ("Rate limits and queues", support article
// 115002943027.)
//
// A number in a registered 10DLC campaign looks like any other of its country, and its rate is the campaign's, by trust
// score: set Channel.Rate to it. Bandwidth counts by account and contract, a new account's is 1 whatever the numbers: set
// it on channels with other numbers than long codes of the US and Canada.
func DefaultRate(number channel.Address) float64 {
	switch number.Kind() {
	case channel.KindShortCode:
		return 100
	case channel.KindE164:
		switch {
		case !strings.HasPrefix(string(number), "+1"):
			return 10
		case number.TollFree():
			return 3
		default:
			return 1
		}
	}
	return 10
}

const (
	// burst is how many segments a sender that was quiet may hand over at once.
	burst = 10
	// firstClaim is how many texts of a sender are claimed while its budget isn't known yet.
	firstClaim = burst
)

// limits is what this process knows of its senders: the budgets as it last saw them in the store, and their pauses.
type limits struct {
	mu      sync.Mutex
	senders map[Sender]*senderState
	now     time.Time // the store's clock when it was last seen,
	seen    time.Time // by this machine's
}

type senderState struct {
	budget Budget
	known  bool      // the budget was seen
	paused time.Time // nothing is claimed before, as the carrier asked
	// missed counts the sends in a row that did not get as far as the carrier, the first and the last of them when.
	missed                int
	firstMissed, lastMiss time.Time
	// reporting says that a worker is writing down what it found out about the channel's health; the others needn't.
	reporting bool
}

// clockSlack is how far the store's clock may be from where this process thinks it is, without consequences.
const clockSlack = 100 * time.Millisecond

func newLimits() *limits { return &limits{senders: map[Sender]*senderState{}} }

func (l *limits) of(s Sender) *senderState {
	b := l.senders[s]
	if b == nil {
		b = &senderState{}
		l.senders[s] = b
	}
	return b
}

// allowances says how many texts of each sender may be claimed about now, for those that aren't free to send as many as
// are due: what is left of a budget, none while paused, none of channels that are out of service, one of a channel in trouble
// once its probe is due. now is the time by the store's clock that it took as a basis, zero when it doesn't know.
func (l *limits) allowances(snap *snapshot) (now time.Time, out map[Sender]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.now.IsZero() {
		now = l.now.Add(time.Since(l.seen))
	}
	out = make(map[Sender]int, len(l.senders)+len(snap.closed))
	for s, b := range l.senders {
		ch := snap.channels[objectKey{s.Workspace, s.Channel}]
		switch {
		case ch == nil:
			delete(l.senders, s)
		case now.Before(b.paused):
			out[s] = 0
		case ch.rate() < 0:
			out[s] = math.MaxInt32
		case b.known:
			out[s] = spending{Budget: b.budget, rate: ch.rate()}.left(now)
		}
	}
	for _, s := range snap.closed {
		out[s] = 0
	}
	return now, out
}

// learn keeps what a claim saw.
func (l *limits) learn(c claimed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now, l.seen = c.now, time.Now()
	for _, b := range c.budgets {
		s := l.of(b.Sender)
		s.budget, s.known = b, true
	}
}

// heard pauses a sender as its carrier asked, and reports whether too many sends in a row were unreached.
func (l *limits) heard(ch *channelInfo, now time.Time, err error, told sign) (lost bool) {
	after, _ := sms.RetryAfter(err)
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.of(ch.sender())
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
	s := ch.sender()
	if l.of(s).reporting {
		return nil, false
	}
	l.of(s).reporting = true
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.of(s).reporting = false
	}, true
}

// rate is how many segments per second the channel may hand over; negative for without limit.
func (c *channelInfo) rate() float64 {
	if c.channel.Rate != 0 {
		return c.channel.Rate
	}
	return DefaultRate(c.number)
}

// spending is a sender's budget being spent, by the generic cell rate algorithm: the store keeps one instant for a
// sender, which each segment moves on by its share of a second, and which may be ahead of now by the burst.
type spending struct {
	Budget
	rate    float64 // segments per second
	most    float64 // that may go at once after a pause; zero means the usual burst
	changed bool
}

// each is how long one segment takes.
func (s spending) each() time.Duration { return time.Duration(float64(time.Second) / s.rate) }

// burst is how many segments may go at once after a pause.
func (s spending) burst() float64 {
	if s.most > 0 {
		return s.most
	}
	return max(burst, math.Ceil(s.rate))
}

// ahead is how long it takes until the whole burst is free again.
func (s spending) ahead(now time.Time) time.Duration { return max(s.Next.Sub(now), 0) }

// left is how many segments may go at now.
func (s spending) left(now time.Time) int {
	return int(max(s.burst()-float64(s.ahead(now))/float64(s.each())+1e-6, 0))
}

// allows reports whether a text may go: as long as one segment is left, whatever it has itself. The sender then waits
// longer for its next.
func (s spending) allows(now time.Time) bool { return s.left(now) >= 1 }

func (s *spending) spend(now time.Time, segments int) {
	n := min(float64(max(segments, 1)), s.burst())
	s.Next = now.Add(s.ahead(now) + time.Duration(n*float64(s.each())))
	s.changed = true
}

// pause spends everything, so that nothing may go before until.
func (s *spending) pause(until time.Time) {
	next := until.Add(time.Duration((s.burst() - 1) * float64(s.each())))
	if next.After(s.Next) {
		s.Next, s.changed = next, true
	}
}

// loadBudgets locks the budgets of those senders of texts that have a limit, and those of first replies among the texts.
func (u *unit) loadBudgets(ctx context.Context, due []DueText) (map[Sender]*spending, error) {
	var senders []Sender
	for _, d := range due {
		if d.Message.Delivery.toSend() {
			senders = append(senders, Sender{d.Message.Workspace, d.Message.Channel})
			if d.Message.firstReply() {
				senders = append(senders, senders[len(senders)-1].firstReplies())
			}
		}
	}
	return u.budgetsOf(ctx, senders)
}

// budgetsOf locks the budgets of senders that have a limit, each once.
func (u *unit) budgetsOf(ctx context.Context, senders []Sender) (map[Sender]*spending, error) {
	out := map[Sender]*spending{}
	var keys []Sender
	for _, s := range senders {
		rate, most, ok := u.allowance(s)
		if !ok || rate < 0 || out[s] != nil {
			continue
		}
		out[s] = &spending{rate: rate, most: most}
		keys = append(keys, s)
	}
	if len(keys) == 0 {
		return out, nil
	}
	budgets, err := u.tx.Senders(ctx, keys)
	if err != nil {
		return nil, err
	}
	for i, b := range budgets {
		out[keys[i]].Budget = b
	}
	return out, nil
}

// pauseSenders keeps a carrier's wish to wait where every process sees it.
func (u *unit) pauseSenders(ctx context.Context, batch []*answer) error {
	until := map[Sender]time.Duration{}
	var senders []Sender
	for _, a := range batch {
		if after, ok := sms.RetryAfter(a.err); ok {
			s := Sender{a.m.Workspace, a.m.Channel}
			until[s] = max(until[s], min(after, time.Hour))
			senders = append(senders, s)
		}
	}
	if len(senders) == 0 {
		return nil
	}
	spending, err := u.budgetsOf(ctx, senders)
	if err != nil {
		return err
	}
	for sender, s := range spending {
		if s.pause(u.now.Add(until[sender])); s.changed {
			u.budgets = append(u.budgets, s.Budget)
		}
	}
	return nil
}
