package livedesk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// ContactSource tells what the host knows of a person who is new to the desk. With one in [Config] ContactSource, the first
// conversation of a contact that is to be routed is routed in a step of its own, right after its text was taken in: the
// source is asked, what it knows is stored and counts for the rules, and then somebody is chosen. Without one nothing of
// this costs anything. A greeting doesn't wait for it.
//
// It must be safe for concurrent use. It is asked once for each contact (once more where a process died over it, or on two
// channels at the same time), with no transaction open: when the first conversation is routed, and where it failed then, with
// the next conversation. STOP, START and HELP route nothing, nor does who writes to the contact first; an answer to
// [Desk.Notify] does. Contacts about whom [Desk.PutContact] said something aren't asked about, and what it said meanwhile stays.
type ContactSource interface {
	// Lookup returns name, external id, language, zone, attributes and labels; other fields don't count. [ErrNotFound]
	// means that the host doesn't know the address either. It must end with ctx, which ends after 2 s. Any other error,
	// a panic, a value that [Desk.PutContact] would refuse, and silence mean that the conversation is routed without; the
	// timeline says so.
	Lookup(ctx context.Context, workspace string, c Contact) (Contact, error)
}

// jobMeet asks the host about a new contact, and routes its conversation then.
const jobMeet = "meet"

const (
	lookupTimeout = 2 * time.Second
	maxLookups    = 16 // at the same time
	lookupTries   = 3  // claims without a free slot, a second apart, before a conversation is routed without
)

// meetSubject is what such a job is about.
type meetSubject struct {
	Conversation string `json:"conversation"`
	Seq          int64  `json:"seq"`               // of the text that is to be routed
	Reopened     bool   `json:"reopened,omitzero"` // the conversation was: somebody answers a notification
	Known        bool   `json:"known,omitzero"`    // the contact was there before the text
	Sticky       string `json:"sticky,omitzero"`   // agent of the contact's last conversation
	Country      string `json:"country,omitzero"`  // as the carrier said
}

// unasked reports whether nobody ever said anything of a contact: what a host says of one, and that it was asked, makes a
// new Version.
func (c Contact) unasked() bool { return c.Version <= 1 }

// lookFirst puts routing off until the host was asked about a contact of whom nothing is known.
func (u *unit) lookFirst(t *thread, c *conv, tr transition, country string) bool {
	begins := tr.has(creates) || tr.has(newCycle) && c.now.Assignee == ""
	if u.e.cfg.ContactSource == nil || !begins || !t.contact.unasked() {
		return false
	}
	data, err := json.Marshal(meetSubject{
		Conversation: c.now.ID, Seq: c.now.LastSeq, Reopened: tr.has(newCycle), Known: t.contact.CreatedAt.Before(u.now),
		Sticky: u.stickyAgent(c), Country: country,
	})
	if err != nil {
		panic(err) // of strings and numbers
	}
	u.jobs = append(u.jobs, JobChange{Job: Job{
		Workspace: c.now.Workspace, Key: jobMeet + ":" + c.now.ID, Kind: jobMeet, Subject: string(data), Due: u.now,
	}})
	return true
}

// lookUp asks the host about the contact of a new conversation, and routes that.
func (e *Engine) lookUp(ctx context.Context, hosts *sync.WaitGroup, j Job) error {
	var s meetSubject
	if err := json.Unmarshal([]byte(j.Subject), &s); err != nil {
		return fmt.Errorf("job's subject: %w", err)
	}
	var about Contact
	var channelID string
	err := e.store.View(ctx, func(ctx context.Context, tx ReadTx) error {
		found, err := tx.Threads(ctx, []ThreadKey{{Workspace: j.Workspace, Conversation: s.Conversation}})
		if err == nil {
			about, channelID = found[0].Contact, found[0].Thread.Channel
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("look a contact up: %w", err)
	}
	known, why := e.askHost(ctx, hosts, j.Workspace, about)
	if ctx.Err() != nil { // Run is over: whoever has the job next asks again
		return nil
	}
	if _, err := e.snap.channel(ctx, j.Workspace, channelID); err != nil && !errors.Is(err, ErrNotFound) {
		return err // another process may have added it just now
	}
	return e.meet(ctx, j, s, known, why)
}

// askHost returns what the host knows of a contact, or why it doesn't say.
func (e *Engine) askHost(ctx context.Context, hosts *sync.WaitGroup, workspace string, about Contact) (Contact, string) {
	if about.ID == "" {
		return Contact{}, ""
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	known, why := asked(ctx, e.log, hosts, "contact source", func() (Contact, error) {
		c, err := e.cfg.ContactSource.Lookup(ctx, workspace, about.Clone())
		if errors.Is(err, ErrNotFound) {
			return Contact{}, nil
		}
		return c, err
	})
	if why != "" {
		return Contact{}, why
	}
	if known, err := known.cleanFacts(); err == nil {
		return known, ""
	}
	return Contact{}, "not valid"
}

// unasked routes the conversation of a new contact whom nobody has time to ask about.
func (e *Engine) unasked(ctx context.Context, j Job) error {
	var s meetSubject
	if err := json.Unmarshal([]byte(j.Subject), &s); err != nil {
		return fmt.Errorf("job's subject: %w", err)
	}
	return e.meet(ctx, j, s, Contact{}, "busy")
}

func (e *Engine) meet(ctx context.Context, j Job, s meetSubject, known Contact, why string) error {
	return e.Desk(j.Workspace).act(ctx, "route a new contact", func(ctx context.Context, u *unit) error {
		u.begun()
		u.jobs = append(u.jobs, JobChange{Job: j, Done: true})
		return u.routeNew(ctx, j.Workspace, s, known, why)
	})
}

// routeNew stores what the host knows of a contact, and routes the conversation, unless somebody has it by now.
func (u *unit) routeNew(ctx context.Context, workspace string, s meetSubject, known Contact, why string) error {
	threads, asked, err := u.load(ctx, []ThreadKey{{Workspace: workspace, Conversation: s.Conversation}})
	if err != nil {
		return err
	}
	t, c := threads[0], asked[0]
	if c == nil {
		return nil
	}
	if why != "" {
		u.activity(c, Actor{}, Activity{What: "contact_unknown", Cause: "contact source failed: " + why})
	}
	if known.Country = s.Country; why == "" && (t.contact.complete(known) || t.contact.unasked()) {
		u.changes.Contacts = append(u.changes.Contacts, t.contact)
	}
	if c.now.State != Open || c.now.Assignee != "" || c.now.Queue != "" {
		return nil
	}
	text, media, err := u.textAt(ctx, c, s.Seq)
	if err != nil {
		return err
	}
	from := none
	if s.Reopened {
		from = Resolved
	}
	tr, err := follow(from, customerWrites)
	if err != nil {
		return err
	}
	u.want(t, c, tr, text, media)
	c.wish.seq, c.wish.sticky = s.Seq, s.Sticky
	c.wish.facts.Contact.Returning, err = u.cameBefore(ctx, c, s)
	return err
}

// cameBefore reports whether a contact had another conversation than the one that is to be routed, or this one before.
func (u *unit) cameBefore(ctx context.Context, c *conv, s meetSubject) (bool, error) {
	if s.Reopened || !s.Known {
		return s.Reopened, nil
	}
	had, err := u.tx.Conversations(ctx, ConversationQuery{Workspace: c.now.Workspace, Contact: c.now.Contact, Limit: 2})
	return slices.ContainsFunc(had, func(o Conversation) bool { return o.ID != c.now.ID }), err
}

// complete fills in what isn't known yet, and reports whether that was anything.
func (c *Contact) complete(known Contact) bool {
	was := c.Clone()
	for _, f := range []struct {
		is  *string
		may string
	}{
		{&c.Name, known.Name}, {&c.ExternalID, known.ExternalID}, {&c.Language, known.Language}, {&c.Zone, known.Zone},
		{&c.Country, known.Country},
	} {
		if *f.is == "" {
			*f.is = f.may
		}
	}
	if len(known.Attributes) > 0 {
		all := maps.Clone(known.Attributes)
		maps.Copy(all, c.Attributes)
		c.Attributes = all
	}
	c.Labels = slices.Clone(c.Labels)
	for _, l := range known.Labels {
		if !slices.Contains(c.Labels, l) {
			c.Labels = append(c.Labels, l)
		}
	}
	return !c.sameFacts(was) || c.Country != was.Country
}
