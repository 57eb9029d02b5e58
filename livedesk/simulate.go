package livedesk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/routing"
)

// Simulation is a text that nobody sent, to see where it would go: [Desk.Simulate].
type Simulation struct {
	Channel string // required
	// From is who writes. The contact of that address is used, if there is one.
	From  channel.Address
	Text  string
	Media int // number of attachments
	// At is when; zero means now.
	At time.Time
	// Contact stands in for the stored contact; nil means that one, or a new one.
	Contact *Contact
	// Cause is why it is routed; empty means [routing.CauseNew].
	Cause routing.Cause
	// Agents stand in for stored agents of their ids, with the presence, capacity and load that they have here; nobody
	// waits then. nil means the desk as it is, with those who wait.
	Agents []Agent
}

// Simulated is what would become of a [Simulation].
type Simulated struct {
	Decision Decision         `json:"decision"`
	Labels   []string         `json:"labels,omitempty"` // that the conversation would have
	Priority routing.Priority `json:"priority"`
}

// Simulate says where a customer's first text would go, and why, without changing anything: by the same code as a real
// decision, under the newest rules. It waits for nobody and locks nothing, and the host's router is asked as always.
// Errors: [ErrNotFound] for a channel that isn't there, a [ValidationError].
func (d *Desk) Simulate(ctx context.Context, s Simulation) (Simulated, error) {
	var out Simulated
	err := d.simulate(ctx, s, &out)
	if err != nil {
		return Simulated{}, fmt.Errorf("simulate: %w", err)
	}
	return out, nil
}

func (d *Desk) simulate(ctx context.Context, s Simulation, out *Simulated) error {
	if s.Media < 0 {
		return invalid("media", "is negative")
	}
	if err := d.e.snap.refresh(ctx); err != nil {
		return err
	}
	if _, err := d.e.snap.channel(ctx, d.workspace, s.Channel); err != nil {
		return err
	}
	return d.view(ctx, func(ctx context.Context, tx ReadTx) error {
		u := newUnit(d.e, dryTx{tx, s.Agents})
		c, err := u.simulate(ctx, d.workspace, s)
		if err != nil {
			return err
		}
		*out = Simulated{Decision: c.wish.decision.clone(), Labels: c.now.Labels, Priority: c.now.Priority}
		return nil
	})
}

// simulate routes a text in a unit that is thrown away.
func (u *unit) simulate(ctx context.Context, workspace string, s Simulation) (*conv, error) {
	if u.now = micro(s.At); s.At.IsZero() {
		u.now = u.tx.Now()
	}
	t, err := u.writer(ctx, workspace, s)
	if err != nil {
		return nil, err
	}
	tr, err := follow(none, customerWrites)
	if err != nil {
		return nil, err
	}
	previous := t.current
	c := u.begin(t)
	if previous != nil {
		c.previous = &previous.now
	}
	u.enter(c, tr, Actor{}, string(customerWrites))
	u.want(t, c, tr, channel.Clean(s.Text), s.Media)
	if s.Cause != "" {
		c.wish.facts.Cause = s.Cause
	}
	if s.Cause == routing.CauseHandOver {
		c.now.HandedOver = c.now.Cycle
	}
	return c, u.assign(ctx)
}

// writer returns the thread of who writes.
func (u *unit) writer(ctx context.Context, workspace string, s Simulation) (*thread, error) {
	t := &thread{
		contact: Contact{Workspace: workspace, ID: newID(u.now), Address: s.From, CreatedAt: u.now},
		row:     Thread{Workspace: workspace, Channel: s.Channel},
		info:    u.snap.channels[objectKey{workspace, s.Channel}],
	}
	if s.From != "" {
		threads, _, err := u.load(ctx, u.keysOfWriter(workspace, s))
		if err != nil {
			return nil, err
		}
		switch i := slices.IndexFunc(threads, func(t *thread) bool { return t != nil }); {
		case threads[0] != nil:
			t = threads[0]
		case i > 0: // who is known from elsewhere, and writes here for the first time
			t.contact = threads[i].contact
		}
	}
	if s.Contact != nil {
		t.contact = s.Contact.Clone()
	}
	return t, nil
}

// keysOfWriter names the threads by which the stores know who writes: on the channel, or else on any other.
func (u *unit) keysOfWriter(workspace string, s Simulation) []ThreadKey {
	keys := []ThreadKey{
		{Workspace: workspace, Channel: s.Channel, Address: s.From}, {Workspace: workspace, Channel: contactsChannel, Address: s.From},
	}
	for k := range u.snap.channels {
		if k.workspace == workspace && k.id != s.Channel {
			keys = append(keys, ThreadKey{Workspace: workspace, Channel: k.id, Address: s.From})
		}
	}
	return keys
}

// dryTx is a transaction for decisions that are never written, with stand-ins for agents.
type dryTx struct {
	ReadTx
	agents []Agent
}

var errDry = errors.New("a simulation writes nothing")

func (t dryTx) TakeIn(context.Context, []Arrival) ([]Arrived, error)         { return nil, errDry }
func (t dryTx) Apply(context.Context, Changes) error                         { return errDry }
func (t dryTx) Claim(context.Context, Claim) ([]DueText, error)              { return nil, errDry }
func (t dryTx) Senders(context.Context, []Sender) ([]Budget, error)          { return nil, errDry }
func (t dryTx) Prune(context.Context, Prune) (Pruned, error)                 { return Pruned{}, errDry }
func (t dryTx) ClaimJobs(context.Context, int, time.Duration) ([]Job, error) { return nil, errDry }

func (t dryTx) Queues(ctx context.Context, q QueueQuery) (Roster, error) {
	found, err := t.ReadTx.Queues(ctx, q)
	if err != nil || t.agents == nil {
		return found, err
	}
	wanted := slices.Concat(q.Agents, q.Loads)
	for i, queue := range found.Queues {
		found.Queues[i].Waiting, found.Queues[i].More = nil, false
		for _, m := range queue.Members {
			wanted = append(wanted, m.Agent)
		}
	}
	for _, a := range t.agents {
		if slices.Contains(wanted, a.ID) {
			found.Agents = slices.DeleteFunc(found.Agents, func(b Agent) bool { return b.ID == a.ID })
			found.Agents = append(found.Agents, a)
		}
	}
	return found, nil
}
