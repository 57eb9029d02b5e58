package livedesk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/routing"
)

// Reply sends a text in a conversation that is not resolved. A conversation that nobody has, or that an AI agent has,
// becomes the agent's who replies. A long text leaves as several messages; the first is returned. Errors: [ErrNotFound],
// [ErrOptedOut], [ErrNotReplyable], [ErrChannelClosed], [ErrKeyReused], a [StateError], a [ValidationError].
func (d *Desk) Reply(ctx context.Context, conversation string, by Actor, draft Draft) (Message, error) {
	draft, err := draft.clean()
	if err != nil {
		return Message{}, fmt.Errorf("reply: %w", err)
	}
	var first Message
	err = d.knowing(ctx, "reply", func() error {
		return d.doDeed(ctx, "reply", &deed{
			conversation: conversation, keys: draft.keys(d.workspace, conversation),
			do: func(u *unit, t *thread, c *conv, stored []Message) (err error) {
				first, err = u.replyTo(t, c, by, draft, stored)
				return err
			},
		})
	})
	if err != nil {
		d.auditRefusal(ctx, err, by, func(ctx context.Context, u *unit) (*thread, error) {
			threads, _, err := u.load(ctx, []ThreadKey{{Workspace: d.workspace, Conversation: conversation}})
			if err != nil {
				return nil, err
			}
			return threads[0], nil
		})
		return Message{}, err
	}
	return first, nil
}

// replyTo stores a reply, unless its key did so before.
func (u *unit) replyTo(t *thread, c *conv, by Actor, draft Draft, stored []Message) (Message, error) {
	if m, found, err := draft.sent(stored); err != nil || found {
		return m, err
	}
	tr, err := follow(c.now.State, humanReplies)
	if err != nil {
		return Message{}, err
	}
	return u.reply(t, c, tr, by, draft)
}

// Start writes first to an address: an agent's text opens a conversation that is theirs, without greeting. Where the
// contact has a live conversation on the channel, it is a reply in that one. Errors are those of [Desk.Reply].
func (d *Desk) Start(ctx context.Context, channelID string, to channel.Address, by Actor, draft Draft) (Message, error) {
	return d.writeFirst(ctx, "start", agentStarts, channelID, to, by, draft)
}

// Notify sends a reminder or receipt of the host's. It belongs to nobody and asks for no answer: where the contact has
// no live conversation it gets a resolved one, which the customer's answer reopens; a live one it joins without changing
// anything. Errors are those of [Desk.Reply].
func (d *Desk) Notify(ctx context.Context, channelID string, to channel.Address, draft Draft) (Message, error) {
	return d.writeFirst(ctx, "notify", hostNotifies, channelID, to, Actor{Kind: ActorHost}, draft)
}

func (d *Desk) writeFirst(ctx context.Context, what string, on occurrence, channelID string, to channel.Address, by Actor, draft Draft) (Message, error) {
	draft, err := draft.clean()
	if err != nil {
		return Message{}, fmt.Errorf("%s: %w", what, err)
	}
	if to.Kind() != channel.KindE164 {
		return Message{}, fmt.Errorf("%s: %w", what, ErrNotReplyable)
	}
	info, err := d.e.snap.channel(ctx, d.workspace, channelID)
	if err != nil {
		return Message{}, fmt.Errorf("%s: %w", what, err)
	}
	var first Message
	err = d.knowing(ctx, what, func() error {
		return d.act(ctx, what, func(ctx context.Context, u *unit) (err error) {
			first, err = u.writeFirst(ctx, on, arrivalFrom(info, to, "", ""), by, draft)
			return err
		})
	})
	d.auditRefusal(ctx, err, by, func(ctx context.Context, u *unit) (*thread, error) {
		threads, err := u.meet(ctx, []Arrival{arrivalFrom(info, to, "", "")})
		if err != nil {
			return nil, err
		}
		return threads[0], nil
	})
	return first, err
}

func (u *unit) writeFirst(ctx context.Context, on occurrence, to Arrival, by Actor, draft Draft) (Message, error) {
	threads, err := u.meet(ctx, []Arrival{to})
	if err != nil {
		return Message{}, err
	}
	t := threads[0]
	if t.current != nil && draft.Key != "" {
		stored, err := u.tx.Messages(ctx, draft.keys(to.Workspace, t.current.now.ID))
		if err != nil {
			return Message{}, err
		}
		if m, found, err := draft.sent(stored); err != nil || found {
			return m, err
		}
	}
	if err := t.mayWrite(); err != nil {
		return Message{}, err
	}
	c, tr := u.happen(t, on)
	return u.reply(t, c, tr, by, draft)
}

// reply stores a human's or host's text, and who the conversation belongs to from now on.
func (u *unit) reply(t *thread, c *conv, tr transition, by Actor, draft Draft) (Message, error) {
	if err := t.mayWrite(); err != nil {
		return Message{}, err
	}
	if tr.on == humanReplies {
		u.enter(c, tr, by, "reply")
	}
	switch {
	case by.Kind == ActorAgent && (c.now.State == Open && (c.now.Assignee == "" || tr.has(theirs)) || c.wakesPending()):
		u.giveTo(c, by.ID, by)
		u.mustExist(c.now.Workspace, by.ID)
	case tr.has(theirs) && c.was.State == Pending && c.now.State == Open: // the host took it from an AI agent, and has no hands
		u.wantAgain(t, c, tr)
	}
	write := u.speak
	if tr.on == hostNotifies {
		write = u.notify
	}
	out, err := write(t, c, by, draft)
	if err != nil {
		return Message{}, err
	}
	if end, quiet := t.quietUntil(u.now); quiet && tr.has(creates) {
		for _, m := range out {
			m.Delivery.Due = end
		}
	}
	m := *out[0]
	m.Version = 1
	return m, nil
}

// keys name the messages that a draft's idempotency key may have stored in a conversation: none without a key.
func (d Draft) keys(workspace, conversation string) []MessageKey {
	if d.Key == "" {
		return nil
	}
	keys := make([]MessageKey, maxParts)
	for i := range keys {
		keys[i] = MessageKey{Workspace: workspace, Conversation: conversation, Key: partKey(d.Key, i)}
	}
	return keys
}

// sent finds what an idempotency key stored before; stored answers keys.
func (d Draft) sent(stored []Message) (Message, bool, error) {
	stored = slices.DeleteFunc(stored, func(m Message) bool { return m.ID == "" })
	switch {
	case len(stored) == 0:
		return Message{}, false, nil
	case !sameText(stored, d):
		return Message{}, false, ErrKeyReused
	}
	return stored[0], true, nil
}

// AddNote stores a private note, whatever state the conversation is in. It never leaves the desk.
func (d *Desk) AddNote(ctx context.Context, conversation string, by Actor, text string) (Message, error) {
	draft, err := Draft{Text: text}.clean()
	if err != nil {
		return Message{}, fmt.Errorf("add note: %w", err)
	}
	var note Message
	err = d.actOn(ctx, "add note", conversation, func(u *unit, _ *thread, c *conv) error {
		note = *u.add(c, Message{Kind: Note, By: by, Text: draft.Text})
		note.Version = 1
		return nil
	})
	if err != nil {
		return Message{}, err
	}
	return note, nil
}

// Resolve ends a conversation. A message within Config.ReopenWindow reopens it. A [StateError] says that it is resolved
// already.
func (d *Desk) Resolve(ctx context.Context, conversation string, by Actor) (Conversation, error) {
	return d.change(ctx, "resolve", conversation, closes, by, nil)
}

// Reopen opens a resolved conversation again; it belongs to the agent who does it, or to nobody when the host does. A
// contact has one live conversation on a channel: while there is a newer one, the error is a [StateError].
func (d *Desk) Reopen(ctx context.Context, conversation string, by Actor) (Conversation, error) {
	return d.change(ctx, "reopen", conversation, agentReopens, by, func(u *unit, t *thread, c *conv, tr transition) error {
		if t.current != nil && t.current != c {
			if t.current.now.State.Live() {
				return &StateError{From: Resolved, To: Open, What: "reopen beside a live conversation"}
			}
			u.makeCurrent(t, c)
		}
		if by.Kind == ActorAgent {
			u.giveTo(c, by.ID, by)
			u.mustExist(d.workspace, by.ID)
			return nil
		}
		u.wantAgain(t, c, tr)
		return nil
	})
}

// Snooze puts a conversation aside until the time, or until the customer writes. A zero time means until the customer
// writes.
func (d *Desk) Snooze(ctx context.Context, conversation string, by Actor, until time.Time) (Conversation, error) {
	return d.change(ctx, "snooze", conversation, putAside, by, func(u *unit, _ *thread, c *conv, _ transition) error {
		until := until.UTC().Truncate(time.Microsecond)
		if !until.IsZero() && !until.After(u.now) {
			return invalid("until", "is not in the future")
		}
		c.now.Before, c.now.SnoozeUntil = c.was.State, until
		if !until.IsZero() {
			u.jobs = append(u.jobs, JobChange{Job: snoozeJob(c.now)})
		}
		return nil
	})
}

// Wake ends a snooze before its time: the conversation goes back to its agent if on line, else to those who may get one.
func (d *Desk) Wake(ctx context.Context, conversation string, by Actor) (Conversation, error) {
	return d.change(ctx, "wake", conversation, wakes, by, func(u *unit, t *thread, c *conv, tr transition) error {
		u.wantAgain(t, c, tr)
		return nil
	})
}

// Assign gives a conversation that is not resolved to a human agent, whatever their capacity. Taking one is assigning it
// to oneself.
func (d *Desk) Assign(ctx context.Context, conversation, agent string, by Actor) (Conversation, error) {
	if err := checkID("agent", agent); err != nil {
		return Conversation{}, fmt.Errorf("assign: %w", err)
	}
	return d.change(ctx, "assign", conversation, humanTakes, by, func(u *unit, _ *thread, c *conv, _ transition) error {
		u.giveTo(c, agent, by)
		u.mustExist(d.workspace, agent)
		return nil
	})
}

// Unassign takes a conversation from its agent; it goes back to those who may get one, as if it were new.
func (d *Desk) Unassign(ctx context.Context, conversation string, by Actor) (Conversation, error) {
	var stored *conv
	err := d.actOn(ctx, "unassign", conversation, func(u *unit, t *thread, c *conv) error {
		stored = c
		if c.now.State != Open {
			return &StateError{From: c.now.State, To: Open, What: "unassign"}
		}
		if c.now.Assignee != "" {
			u.activity(c, by, Activity{What: "unassigned", From: c.now.Assignee})
			u.wantAgain(t, c, transition{on: humanTakes})
		}
		return nil
	})
	return afterwards(&stored, err)
}

// MarkRead clears a conversation's count of unread messages.
func (d *Desk) MarkRead(ctx context.Context, conversation string) error {
	return d.actOn(ctx, "mark read", conversation, func(_ *unit, _ *thread, c *conv) error {
		c.now.Unread = 0
		return nil
	})
}

// Details are what a host may set on a conversation. nil fields stay as they are. There are at most 50 labels; a label, a name
// of an attribute and the ExternalID have at most 128 bytes, a value of an attribute 1,024.
type Details struct {
	Labels     []string          `json:"labels,omitempty"`      // replaces the list; empty clears it
	Attributes map[string]string `json:"attributes,omitempty"`  // each is set; an empty value removes it
	ExternalID *string           `json:"external_id,omitempty"` // an empty one removes it
	Priority   *int              `json:"priority,omitempty"`    // -100 to 100, see [routing.Priority]
}

// SetDetails changes what the host keeps on a conversation.
func (d *Desk) SetDetails(ctx context.Context, conversation string, by Actor, set Details) (Conversation, error) {
	if err := set.check(); err != nil {
		return Conversation{}, fmt.Errorf("set details: %w", err)
	}
	var stored *conv
	err := d.actOn(ctx, "set details", conversation, func(u *unit, _ *thread, c *conv) error {
		stored = c
		set.apply(c)
		if c.changed() {
			u.activity(c, by, Activity{What: "details"})
		}
		return nil
	})
	return afterwards(&stored, err)
}

func (s Details) check() error {
	var errs []error
	if len(s.Labels) > 50 {
		errs = append(errs, invalid("labels", "has more than 50"))
	}
	for i, l := range s.Labels {
		if err := checkID(fmt.Sprintf("labels[%d]", i), l); err != nil {
			errs = append(errs, err)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(s.Attributes)) {
		if err := checkID("attributes", k); err != nil {
			errs = append(errs, err)
		}
		if len(s.Attributes[k]) > 1024 {
			errs = append(errs, invalid("attributes."+k, "is too long (at most 1024 bytes)"))
		}
	}
	if s.ExternalID != nil && *s.ExternalID != "" {
		if err := checkID("external_id", *s.ExternalID); err != nil {
			errs = append(errs, err)
		}
	}
	if s.Priority != nil && (*s.Priority < -100 || *s.Priority > 100) {
		errs = append(errs, invalid("priority", "must be between -100 and 100"))
	}
	return errors.Join(errs...)
}

func (s Details) apply(c *conv) {
	if s.Labels != nil {
		c.now.Labels = nil
		for _, l := range s.Labels {
			if !slices.Contains(c.now.Labels, l) {
				c.now.Labels = append(c.now.Labels, l)
			}
		}
	}
	if len(s.Attributes) > 0 {
		c.now.Attributes = maps.Clone(c.now.Attributes)
		if c.now.Attributes == nil {
			c.now.Attributes = map[string]string{}
		}
		for k, v := range s.Attributes {
			if v == "" {
				delete(c.now.Attributes, k)
			} else {
				c.now.Attributes[k] = channel.Clean(v)
			}
		}
		if len(c.now.Attributes) == 0 {
			c.now.Attributes = nil
		}
	}
	if s.ExternalID != nil {
		c.now.ExternalID = *s.ExternalID
	}
	if s.Priority != nil {
		c.now.Priority = routing.Priority(*s.Priority)
	}
}

// change does one change of state, and what the caller adds to it.
func (d *Desk) change(ctx context.Context, what, conversation string, on occurrence, by Actor, more func(*unit, *thread, *conv, transition) error) (Conversation, error) {
	var stored *conv
	err := d.actOn(ctx, what, conversation, func(u *unit, t *thread, c *conv) error {
		stored = c
		tr, err := follow(c.now.State, on)
		if err != nil {
			return err
		}
		u.enter(c, tr, by, what)
		if more != nil {
			return more(u, t, c, tr)
		}
		return nil
	})
	return afterwards(&stored, err)
}

// afterwards returns the conversation as it was committed. After an error it doesn't look at it: the transaction may still
// be under way.
func afterwards(stored **conv, err error) (Conversation, error) {
	if err != nil {
		return Conversation{}, err
	}
	c := *stored
	out := c.now
	if c.changed() {
		out.Version++
	}
	return out, nil
}

// giveTo assigns a conversation by hand.
func (u *unit) giveTo(c *conv, agent string, by Actor) {
	if c.now.Assignee == agent && c.now.Queue == "" {
		return
	}
	if c.wakesPending() {
		c.leaveAI(Pending, Open)
		c.now.Before = Open
	}
	from := c.now.Assignee
	c.now.Assignee = agent
	c.leaveLine()
	u.activity(c, by, Activity{What: "assigned", From: from, To: agent, Cause: "by hand"})
}

// knowing does what needs a conversation's channel: if another process added it just now, the configuration is read and it
// is tried again.
func (d *Desk) knowing(ctx context.Context, what string, do func() error) error {
	err := do()
	if !errors.Is(err, errUnknownChannel) {
		return err
	}
	if err := d.e.snap.refresh(ctx); err != nil {
		return err
	}
	if err = do(); errors.Is(err, errUnknownChannel) {
		return fmt.Errorf("%s: %w", what, ErrChannelClosed)
	}
	return err
}
