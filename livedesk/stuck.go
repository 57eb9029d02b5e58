package livedesk

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// A text that can't be stored, whatever is tried, is answered 503 like any other that isn't committed: the carrier repeats it
// for as long as it repeats anything (Twilio five times, Bandwidth for 24 h), and where it can list, backfill tries it a few
// times more. It delays nobody: a batch is halved until it is alone, its contact's other texts don't wait for it, and a gap is
// filled behind it. So that it doesn't vanish in silence, the process remembers it.

const (
	// maxStuck is how many texts are remembered; those that were tried last are kept.
	maxStuck = 100
	// stuckFor is how long one is remembered that doesn't come again.
	stuckFor = 7 * 24 * time.Hour
	// stuckTries is how often one must fail, with others coming in between, before a gap is taken to be filled without it.
	stuckTries = 5
)

// StuckText is a customer's text that could not be stored, at least twice and while others could. It isn't acknowledged: the
// carrier still has it, under ProviderID, and repeats it for a while; [Desk.Backfill] tries it again. The error is in the log.
type StuckText struct {
	Workspace  string    `json:"workspace"`
	Channel    string    `json:"channel"`
	ProviderID string    `json:"provider_id"` // the carrier's id of the text
	Bytes      int       `json:"bytes"`       // how long the text is
	Media      int       `json:"media"`       // how many files came with it
	Tries      int       `json:"tries"`
	First      time.Time `json:"first"` // when it failed first,
	Last       time.Time `json:"last"`  // and last, by the store's clock
}

// textKey is the key under which a text counts once.
type textKey struct {
	channel objectKey
	id      string // as [inboundKey] makes it
}

// stuck remembers which texts failed.
type stuck struct {
	mu    sync.Mutex
	taken uint64 // texts that came in
	texts map[textKey]stuckText
}

type stuckText struct {
	StuckText
	before uint64 // how many had come in when it failed first
}

// alone reports whether it is the text's own fault: the store takes others.
func (t stuckText) alone(taken uint64) bool { return t.Tries > 1 && taken > t.before }

// arrived takes notice of what became of a text.
func (e *Engine) arrived(a arrival, err error) {
	if a.listed != nil {
		a.listed.err = err
	}
	if err == nil {
		e.stuck.came(a)
		return
	}
	if t, alone := e.stuck.failed(a, e.snap.seen()); alone {
		e.log.LogAttrs(context.Background(), slog.LevelError, "text can't be stored, others can", slog.String("workspace", t.Workspace),
			slog.String("channel", t.Channel), slog.String("provider_id", t.ProviderID), slog.Int("tries", t.Tries), slog.Any("error", err))
	}
}

func (s *stuck) came(a arrival) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken++; len(s.texts) > 0 {
		delete(s.texts, a.key())
	}
}

// failed counts a failure, and reports whether it is the text's own.
func (s *stuck) failed(a arrival, now time.Time) (StuckText, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, known := s.texts[a.key()]
	if !known {
		s.makeRoom(now)
		t = stuckText{before: s.taken, StuckText: StuckText{
			Workspace: a.channel.channel.Workspace, Channel: a.channel.channel.ID, ProviderID: truncate(a.in.ID, 128),
			Bytes: len(a.in.Text), Media: len(a.in.Media), First: now,
		}}
	}
	t.Tries++
	t.Last = now
	s.texts[a.key()] = t
	return t.StuckText, t.alone(s.taken)
}

// makeRoom forgets what is old, and if that isn't enough, what hasn't come for longest.
func (s *stuck) makeRoom(now time.Time) {
	if s.texts == nil {
		s.texts = map[textKey]stuckText{}
	}
	var oldest textKey
	for key, t := range s.texts {
		if now.Sub(t.Last) > stuckFor {
			delete(s.texts, key)
		} else if old, ok := s.texts[oldest]; !ok || t.Last.Before(old.Last) {
			oldest = key
		}
	}
	if len(s.texts) >= maxStuck {
		delete(s.texts, oldest)
	}
}

// passedOver reports whether a text failed so often that the gap which it is in counts as filled.
func (s *stuck) passedOver(key textKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.texts[key]
	return t.Tries >= stuckTries && t.alone(s.taken)
}

// list returns the texts whose own fault it is.
func (s *stuck) list(now time.Time) (out []StuckText) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.texts {
		if t.alone(s.taken) && now.Sub(t.Last) <= stuckFor {
			out = append(out, t.StuckText)
		}
	}
	slices.SortFunc(out, func(a, b StuckText) int {
		return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.ProviderID, b.ProviderID))
	})
	return out
}
