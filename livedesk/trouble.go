package livedesk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// What the processes tell each other of a channel that can't send: an Object beside the channel, written when a state
// begins or ends and once for each probe, never per text. Every process reads it when it reads the configuration, so all
// pause together. Who may probe is decided by its Version: one process moves the time of the next probe, and only that one lets a
// text through.
//
// It is kept by channel and not by connection although credentials belong to the connection: carriers answer 403 for a
// single number too, and that one must not stop its neighbours.

const kindHealth = "health"

const (
	// probeEvery is how often a channel in trouble lets a text through, and a connection that can't be opened is tried.
	probeEvery = time.Minute
	// missedSends in a row, over missedFor or longer, make a carrier unreachable. A moment without network pauses nobody.
	missedSends = 5
	missedFor   = 10 * time.Second
	// missedGap ends a row: meanwhile others may have reached the carrier. It is above the longest pause between two tries
	// of one text.
	missedGap = 2 * time.Minute
)

// healthRecord is what is kept. The zero value is a channel without trouble.
type healthRecord struct {
	Since   time.Time `json:"since"` // of being paused; or of being ok, when there is no trouble either
	By      Actor     `json:"by,omitzero"`
	Paused  bool      `json:"paused,omitempty"` // by a person
	Why     string    `json:"why,omitempty"`    // that person's words
	Trouble *trouble  `json:"trouble,omitempty"`
	// Quiet is until when the carrier asked a sender without a limit to wait. The budgets of the others say it.
	Quiet time.Time `json:"quiet,omitzero"`
	// Silent says that accepted texts get no receipts; it stops nothing.
	Silent *noReceipts `json:"silent,omitempty"`
	// Flood is when the host was last told that the budget of first replies is used up; zero for never.
	Flood time.Time `json:"flood,omitzero"`
}

// hush keeps the carrier's wish to wait, and reports whether it is worth to be written: one that asks for hardly more than is
// kept already isn't.
func (r *healthRecord) hush(until time.Time) bool {
	if until.Sub(r.Quiet) < time.Second {
		return false
	}
	r.Quiet = until
	return true
}

// trouble is what the carrier's answers, or their absence, told.
type trouble struct {
	State HealthState `json:"state"`
	Since time.Time   `json:"since"`
	Code  string      `json:"code,omitempty"`
	Probe time.Time   `json:"probe"` // when the next text may try
}

// state is what the record says of the channel.
func (r healthRecord) state() HealthState {
	if r.Paused {
		return HealthPaused
	}
	return r.trouble()
}

func (r healthRecord) trouble() HealthState {
	if r.Trouble == nil {
		return HealthOK
	}
	return r.Trouble.State
}

// turn makes the channel's trouble that of the state; it reports whether it was another one.
func (r *healthRecord) turn(to HealthState, code string, now time.Time) bool {
	if r.trouble() == to {
		return false
	}
	r.Trouble = nil
	if to != HealthOK {
		r.Trouble = &trouble{State: to, Since: now, Code: code, Probe: now.Add(probeEvery)}
	}
	if !r.Paused {
		r.Since, r.By = now, Actor{}
	}
	return true
}

// sign is what the outcome of one send says about its channel.
type sign int

const (
	noSign    sign = iota // nothing
	unreached             // known not to have got as far as the carrier
	reached               // somebody answered, if only that the servers are broken
	answered              // the carrier looked at the text: it knows us
	refusedUs             // the carrier doesn't take our credentials
)

// ownProvider is the Provider of a [sms.SendError] that the desk itself makes.
const ownProvider = "livedesk"

func signOf(err error) sign {
	if err == nil {
		return answered
	}
	e, ok := errors.AsType[*sms.SendError](err)
	switch {
	case !ok || e.Provider == ownProvider || errors.Is(err, context.Canceled):
		return noSign
	case e.Reason == channel.ReasonCredentials:
		return refusedUs
	case e.Status >= 500:
		return reached
	case e.Status != 0:
		return answered
	case e.Reason == channel.ReasonRetry:
		return unreached
	}
	return noSign
}

// after is the trouble that a channel is in once a send told a sign; lost says that too many in a row were unreached.
func (s HealthState) after(told sign, lost bool) HealthState {
	switch {
	case told == refusedUs:
		return HealthRefused
	case told == answered, told == reached && s == HealthUnreachable:
		return HealthOK
	case lost && s == HealthOK:
		return HealthUnreachable
	}
	return s
}

// heard takes notice of what became of a send: for the sender's budget, and for the health of the channel.
func (e *Engine) heard(ctx context.Context, ch *channelInfo, now time.Time, err error) {
	told := signOf(err)
	lost := e.limits.heard(ch, now, err, told)
	known := e.healths.of(ch.key())
	to, quiet := known.trouble().after(told, lost), time.Time{}
	if after, ok := sms.RetryAfter(err); ok && ch.rate() < 0 {
		quiet = now.Add(min(after, time.Hour))
	}
	if to == known.trouble() && !known.hush(quiet) {
		return
	}
	done, free := e.limits.report(ch)
	if !free {
		return
	}
	defer done()
	code := ""
	if e, ok := errors.AsType[*sms.SendError](err); ok {
		code = e.Code
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = e.changeHealth(ctx, ch.key(), func(r *healthRecord, now time.Time) bool {
		hushed := r.hush(quiet)
		return r.turn(to, code, now) || hushed
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		e.logError("health of a channel was not stored", err, slog.String("channel", ch.channel.ID))
	}
}

// allowances says how many texts of each sender may be claimed now, see [limits.allowances] and [healths.limit].
func (e *Engine) allowances(snap *snapshot) (now time.Time, out map[Sender]int) {
	now, out = e.limits.allowances(snap)
	e.healths.limit(out, now)
	return now, out
}

// held reports whether texts must wait because of their channel's health. The first that goes while the channel is in
// trouble is the probe of the whole fleet; probes keeps which channels have had theirs.
func (u *unit) held(ctx context.Context, ch *channelInfo, probes map[Sender]bool) (bool, error) {
	r := u.e.healths.of(ch.key())
	t := r.Trouble
	switch {
	case ch.channel.Disabled || r.Paused:
		return true, nil
	case u.now.Before(r.Quiet):
		return true, nil
	case t == nil:
		return false, nil
	case u.now.Before(t.Probe):
		return true, nil
	}
	if _, had := probes[ch.sender()]; had {
		return true, nil
	}
	may, err := u.probe(ctx, ch)
	probes[ch.sender()] = may
	return !may, err
}

// probe takes the right to probe, if no other process was faster: that one has moved the time of the next probe, or moves it
// in a transaction that this one is in conflict with.
func (u *unit) probe(ctx context.Context, ch *channelInfo) (bool, error) {
	obj, err := healthObject(ctx, u.tx, ch.key())
	if err != nil {
		return false, err
	}
	r, err := readHealth(obj)
	if err != nil {
		return false, err
	}
	switch {
	case r.Trouble == nil: // it is over: go
		return true, nil
	case u.now.Before(r.Trouble.Probe):
		return false, nil
	}
	r.Trouble.Probe = u.now.Add(probeEvery)
	if obj.Data, err = json.Marshal(r); err != nil {
		return false, err
	}
	u.changes.Objects = append(u.changes.Objects, obj)
	return true, nil
}

// changeHealth changes what is kept of a channel's health, and reads it back, so that this process is the first to act on
// it. The hook is told when the state became another, or a warning came or went. fn reports whether it changed anything, and may run again.
func (e *Engine) changeHealth(ctx context.Context, of objectKey, fn func(r *healthRecord, now time.Time) bool) error {
	var rec healthRecord
	var was healthRecord
	changed := false
	err := e.Desk(of.workspace).updateObjects(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := oneObject(ctx, tx, of.workspace, kindChannel, of.id); err != nil {
			return err
		}
		obj, err := healthObject(ctx, tx, of)
		if err != nil {
			return err
		}
		if rec, err = readHealth(obj); err != nil {
			return err
		}
		was = rec
		if changed = fn(&rec, tx.Now()); !changed {
			return nil
		}
		if obj.Data, err = json.Marshal(rec); err != nil {
			return err
		}
		return tx.Apply(ctx, Changes{Objects: []Object{obj}})
	})
	if err != nil {
		return err
	}
	err = e.snap.refresh(ctx)
	if changed && (was.state() != rec.state() || (was.Silent != nil) != (rec.Silent != nil) || was.Flood != rec.Flood) {
		e.tellHealth(ctx, of, rec)
	}
	return err
}

// tellHealth tells the host that a channel's state became another.
func (e *Engine) tellHealth(ctx context.Context, of objectKey, rec healthRecord) {
	info, err := e.snap.channel(ctx, of.workspace, of.id)
	if err != nil {
		return // removed meanwhile
	}
	e.announce(info.healthNow(rec, e.snap.seen()))
	signal(e.wakeOutbox)
}

func (e *Engine) announce(h Health) {
	level := slog.LevelWarn
	if h.State == HealthOK && h.Warning == "" {
		level = slog.LevelInfo
	}
	e.log.LogAttrs(context.Background(), level, "health of a channel changed", slog.String("workspace", h.Workspace),
		slog.String("channel", h.Channel), slog.String("state", string(h.State)), slog.String("code", h.Code),
		slog.String("warning", h.Warning))
	e.hooks.tellHealth(h)
}

// healthObject loads what is kept of a channel's health; a fresh object where nothing is.
func healthObject(ctx context.Context, tx ReadTx, of objectKey) (Object, error) {
	objs, err := tx.Objects(ctx, ObjectQuery{Workspace: of.workspace, Kind: kindHealth, IDs: []string{of.id}})
	if err != nil {
		return Object{}, err
	}
	if len(objs) == 1 && objs[0].ID != "" {
		return objs[0], nil
	}
	return Object{Workspace: of.workspace, Kind: kindHealth, ID: of.id}, nil
}

func readHealth(o Object) (healthRecord, error) {
	var r healthRecord
	if o.Data == nil {
		return r, nil
	}
	if err := json.Unmarshal(o.Data, &r); err != nil {
		return r, fmt.Errorf("stored health of channel %s: %w", o.ID, err)
	}
	return r, nil
}
