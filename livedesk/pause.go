package livedesk

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/livedesk/livedesk-go/channel"
)

// maxWhy is how long the words of who pauses a channel may be, in characters.
const maxWhy = 200

// PauseChannel stops a channel's texts for as long as a person wants, on every process within [Config.Refresh]; what was
// claimed just before may still leave. Texts go on to be accepted and wait, each until it expires; what customers write is
// taken in, and answered by nobody but the queue. why is for the others on call (at most 200 characters, one line; it may
// be empty). Pausing again changes by and why only.
//
// It differs from [Channel] Disabled, which is a setting: a disabled channel refuses new texts, a paused one keeps them.
// It is no entry of any conversation's timeline, since it concerns no conversation: [Desk.Health] tells who did it and
// [Hooks] ChannelHealth hears of it. Errors: [ErrNotFound], a [ValidationError].
func (d *Desk) PauseChannel(ctx context.Context, channelID string, by Actor, why string) error {
	why = strings.TrimSpace(channel.Clean(why))
	switch {
	case utf8.RuneCountInString(why) > maxWhy:
		return fmt.Errorf("pause channel: %w", invalid("why", "is too long (at most 200 characters)"))
	case strings.ContainsFunc(why, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("pause channel: %w", invalid("why", "holds a control character"))
	}
	err := d.e.changeHealth(ctx, objectKey{d.workspace, channelID}, func(r *healthRecord, now time.Time) bool {
		if !r.Paused {
			r.Since = now
		}
		changed := !r.Paused || r.By != by || r.Why != why
		r.Paused, r.By, r.Why = true, by, why
		return changed
	})
	if err != nil {
		return fmt.Errorf("pause channel: %w", err)
	}
	return nil
}

// ResumeChannel ends a person's pause. A channel in trouble is probed at once instead of within a minute, so this is also
// the "try again now" of whoever mended the account at the carrier. A channel with neither stays as it is. Errors:
// [ErrNotFound].
func (d *Desk) ResumeChannel(ctx context.Context, channelID string, by Actor) error {
	err := d.e.changeHealth(ctx, objectKey{d.workspace, channelID}, func(r *healthRecord, now time.Time) bool {
		changed := r.Paused
		if r.Paused {
			r.Paused, r.Why, r.Since, r.By = false, "", now, by
		}
		if t := r.Trouble; t != nil && now.Before(t.Probe) {
			t.Probe, changed = now, true
		}
		return changed
	})
	if err != nil {
		return fmt.Errorf("resume channel: %w", err)
	}
	signal(d.e.wakeOutbox)
	return nil
}
