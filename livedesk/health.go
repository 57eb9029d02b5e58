package livedesk

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// HealthState says whether a channel's texts leave, and if not, what keeps them. In every state but [HealthOK] the queue is
// kept, and what customers write is taken in, except that a process in which the channel is [HealthDriverMissing] or
// [HealthCannotOpen] answers 503 to its webhooks, so that the carrier tries again.
type HealthState string

// The states of a channel. Where several hold, the one that stands first here, behind ok, is told.
const (
	HealthOK HealthState = "ok"
	// HealthDisabled: [Channel] Disabled is set. What was queued waits, and nothing new is accepted for sending.
	HealthDisabled HealthState = "disabled"
	// HealthPaused: a person paused it, see [Desk.PauseChannel]. Texts are accepted and wait.
	HealthPaused HealthState = "paused"
	// HealthDriverMissing: its provider is not in Config.Providers of this process. Others may have it, and send.
	HealthDriverMissing HealthState = "driver_missing"
	// HealthCannotOpen: this process can't open its account, mostly because Config.Sealer can't open its credentials. It
	// is tried again every minute.
	HealthCannotOpen HealthState = "cannot_open"
	// HealthRefused: the carrier refuses the credentials. Once a minute one text is let through, in the whole fleet, until
	// one isn't refused; new credentials are tried at once.
	HealthRefused HealthState = "credentials_refused"
	// HealthUnreachable: for 10 s or longer, five sends in a row did not get as far as the carrier (DNS, connect, TLS). It
	// is probed like HealthRefused.
	HealthUnreachable HealthState = "unreachable"
)

// Health is how a channel is doing, for the person on call. Disabled, paused, refused and unreachable are the fleet's: every
// process tells the same within [Config.Refresh]. The others are this process's own.
type Health struct {
	Workspace string      `json:"workspace"`
	Channel   string      `json:"channel"`
	Name      string      `json:"name"`
	State     HealthState `json:"state"`
	// Reason says in plain English why the state isn't ok; empty when it is. It holds no credential and no number.
	Reason string `json:"reason,omitempty"`
	// Code is the carrier's own code of the last refusal ("20003"); empty where it gave none.
	Code string `json:"code,omitempty"`
	// Warning says in plain English what looks wrong although it keeps no human's text from leaving; empty when nothing does.
	// Either the carrier accepts texts and sends no receipt of any within its time ([sms.Traits] ReceiptWithin), until the first
	// comes; or so many new conversations began that [Config] FirstReplies didn't suffice, within the last hour.
	Warning string `json:"warning,omitempty"`
	// Since is when the state began, by the store's clock. Zero for a setting (disabled), and for a channel that never had
	// any trouble.
	Since time.Time `json:"since,omitzero"`
	// By is who paused or resumed the channel; zero where the desk itself changed the state.
	By Actor `json:"by,omitzero"`
	// NextProbe is from when on the next text that is due is let through, to see whether the carrier takes it. Zero in
	// the states that aren't probed. A channel with nothing to send is not probed: it goes on with its next text.
	NextProbe time.Time `json:"next_probe,omitzero"`
	// Texts counts what waits, up to [MaxCounted] of each; nil when the Store can't count it, see [MeasuredStore].
	Texts *TextCounts `json:"texts,omitempty"`
}

// TextCounts is what waits in a channel, and what nobody knows about.
type TextCounts struct {
	Queued      int       `json:"queued"`          // [Queued] or [Claimed]
	Oldest      time.Time `json:"oldest,omitzero"` // when the oldest of them was stored
	Unknown     int       `json:"unknown"`         // [Unknown], and [Posting]
	Unconfirmed int       `json:"unconfirmed"`     // [Unconfirmed]
}

// JobCounts is what should have been done by now.
type JobCounts struct {
	Due    int       `json:"due"`             // due, and not yet claimed
	Oldest time.Time `json:"oldest,omitzero"` // when the longest due of them was due
	Parked int       `json:"parked"`          // failed so often that they are tried once a day only
}

// MaxCounted is how far a [MeasuredStore] counts: a number of that size means as many or more. So a count costs the same in
// the middle of an outage, when it is asked for most.
const MaxCounted = 10_000

// A MeasuredStore is a [Store] that can count what waits in it, for [Desk.Health] and [Engine.Health]. It is optional: the
// counts are missing from a Store without it. Ours all have it. Both methods are reads of their own that nobody waits for:
// [ErrNested] inside a transaction of the Store, [ErrClosed] after it was closed. They must be cheap for a database with
// millions of texts that are done with, so they need an index, and each number stops at [MaxCounted]; Oldest is exact.
type MeasuredStore interface {
	// CountTexts counts the outgoing texts of one channel, see [DeliveryState.Counted].
	CountTexts(ctx context.Context, workspace, channel string) (TextCounts, error)
	// CountJobs counts the jobs of all workspaces. Due are those whose Due is not after the Store's time: one that was claimed
	// is due again when its lease lapses. Parked are those with that many Attempts or more, due or not; parked is at least 2,
	// so that an index need not have the many that are done at the first attempt.
	CountJobs(ctx context.Context, parked int) (JobCounts, error)
}

// Counted is what a text in this state is counted as by [MeasuredStore] CountTexts: [Queued] for Queued and [Claimed],
// [Unknown] for [Posting] and Unknown, [Unconfirmed] for itself, and empty for all others, which are done with.
func (s DeliveryState) Counted() DeliveryState {
	switch s {
	case Queued, Claimed:
		return Queued
	case Posting, Unknown:
		return Unknown
	case Unconfirmed:
		return Unconfirmed
	}
	return ""
}

// Health tells how a channel is doing. It costs a read of what changed in the configuration, and one more where the Store
// counts. Errors: [ErrNotFound].
func (d *Desk) Health(ctx context.Context, channelID string) (Health, error) {
	if err := d.e.snap.refresh(ctx); err != nil {
		return Health{}, fmt.Errorf("health: %w", err)
	}
	info, err := d.e.snap.channel(ctx, d.workspace, channelID)
	if err != nil {
		return Health{}, fmt.Errorf("health: %w", err)
	}
	return d.measured(ctx, info)
}

// AllHealth tells how the workspace's channels are doing, by name. It costs what [Desk.Health] costs, with one count for
// each channel.
func (d *Desk) AllHealth(ctx context.Context) ([]Health, error) {
	infos, err := d.infos(ctx)
	if err != nil {
		return nil, fmt.Errorf("health: %w", err)
	}
	var out []Health
	for _, info := range infos {
		h, err := d.measured(ctx, info)
		if err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, nil
}

// measured is the channel's health with what the store counts.
func (d *Desk) measured(ctx context.Context, info *channelInfo) (Health, error) {
	h := info.healthNow(d.e.healths.of(info.key()), d.e.snap.seen())
	s, ok := d.e.store.(MeasuredStore)
	if !ok {
		return h, nil
	}
	n, err := s.CountTexts(ctx, h.Workspace, h.Channel)
	if err != nil {
		return Health{}, fmt.Errorf("health of channel %s: %w", h.Channel, err)
	}
	h.Texts = &n
	return h, nil
}

// healthNow is the channel's health as this process knows it, without counts; r is what the fleet knows.
func (c *channelInfo) healthNow(r healthRecord, now time.Time) Health {
	h := Health{
		Workspace: c.channel.Workspace, Channel: c.channel.ID, Name: c.channel.Name(),
		State: HealthOK, Since: r.Since, By: r.By,
	}
	h.Warning = r.warning(now)
	switch fault := c.fault(); {
	case c.channel.Disabled:
		h.State, h.Reason, h.Since, h.By = HealthDisabled, "it is switched off in its settings", time.Time{}, Actor{}
	case r.Paused:
		h.State, h.Reason = HealthPaused, r.Why
		if h.Reason == "" {
			h.Reason = "a person paused it"
		}
	case fault != nil:
		h.State, h.Reason, h.By = HealthCannotOpen, fault.Error(), Actor{}
		if errors.Is(fault, errDriverMissing) {
			h.State = HealthDriverMissing
		}
		h.Since, h.NextProbe = time.Time{}, time.Time{}
		if c.conn != nil {
			h.Since, h.NextProbe = c.conn.failedAt, c.conn.reopenAt
		}
	case r.Trouble != nil:
		t := r.Trouble
		h.State, h.Reason, h.Code = t.State, t.State.reason(), t.Code
		h.Since, h.By, h.NextProbe = t.Since, Actor{}, t.Probe
	}
	return h
}

func (s HealthState) reason() string {
	if s == HealthRefused {
		return "the carrier refuses the credentials; mend them with the carrier, or store new ones"
	}
	return "the carrier's servers can't be reached from here"
}

var (
	errDriverMissing = errors.New("its provider is not in Config.Providers of this process")
	errNoConnection  = errors.New("its connection is missing in the store")
)

// fault is why this process can't use the channel, if so.
func (c *channelInfo) fault() error {
	switch {
	case c.conn == nil:
		return errNoConnection
	case c.conn.account == nil:
		return c.conn.err
	}
	return nil
}
