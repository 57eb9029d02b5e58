package livedesk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/sms"
)

// snapshot is the configuration as one process knows it: immutable, replaced as a whole when the store's revision moved.
type snapshot struct {
	revision    int64
	connections map[objectKey]*connectionInfo
	byWebhook   map[string]*connectionInfo
	channels    map[objectKey]*channelInfo
	own         map[channel.Address]bool // numbers of all channels of all workspaces
	closed      []Sender                 // channels that can't send: disabled, or without an open connection
	rules       map[string]*ruleSet      // by workspace
	wide        map[string]bool          // workspaces where a STOP to some channel counts on all
	schedules   map[objectKey]*opening
	teams       map[objectKey]string   // schedules' ids
	teamHours   map[objectKey]*opening // set when a snapshot is put together
	graceful    map[string]bool        // workspaces where what agents off line have in hand goes back after a while
}

type objectKey struct{ workspace, id string }

// connectionInfo is an open connection.
type connectionInfo struct {
	workspace, id, key string
	rec                connectionRecord
	account            sms.Account // nil when it can't be opened
	err                error       // why
	failedAt           time.Time   // since when
	traits             sms.Traits
	object             Object
	reopenAt           time.Time      // when something replaced stops to count, or it is tried again; zero for never
	channels           []*channelInfo // set when a snapshot is put together
}

// channelInfo is a channel with its connection.
type channelInfo struct {
	channel  Channel
	number   channel.Address
	pool     string
	keywords *sms.Keywords
	connID   string
	quiet    *quietClocks    // nil for none
	hours    *opening        // nil for always open; set when a snapshot is put together
	heirOf   []inheritance   // channels that had the number before
	since    time.Time       // when a removed channel came back; zero for one that was never removed
	conn     *connectionInfo // of the same snapshot; nil when it is missing
}

func (c *channelInfo) key() objectKey { return objectKey{c.channel.Workspace, c.channel.ID} }

// public returns the channel as a host reads it.
func (c *channelInfo) public() Channel {
	out := c.channel
	out.Values, out.AIAgents = maps.Clone(out.Values), slices.Clone(out.AIAgents)
	if c.conn != nil {
		maps.Copy(out.Values, c.conn.rec.Identity)
		maps.Copy(out.Values, c.conn.rec.Values)
	}
	return out
}

// sender is whose budget and pauses the channel's texts use.
func (c *channelInfo) sender() Sender { return Sender{c.channel.Workspace, c.channel.ID} }

func (c *channelInfo) maxText() int {
	if c.conn != nil && c.conn.traits.MaxText > 0 {
		return c.conn.traits.MaxText
	}
	return 1600
}

// channelOf finds the channel of the connection that a text was sent to: by the pool that the carrier names, by the number,
// or, where the carrier names no pool, the only one that there is. (A number whose own webhook is ours says nothing of the
// service that it belongs to.)
func (c *connectionInfo) channelOf(in channel.Inbound) *channelInfo {
	for _, ch := range c.channels {
		if ch.pool != "" && ch.pool == in.Pool {
			return ch
		}
	}
	for _, ch := range c.channels {
		if ch.number != "" && ch.number == in.To {
			return ch
		}
	}
	var only *channelInfo
	for _, ch := range c.channels {
		switch {
		case ch.pool == "" || in.Pool != "":
		case only != nil:
			return nil
		default:
			only = ch
		}
	}
	return only
}

// snapshots keeps the current one.
type snapshots struct {
	e       *Engine
	current atomic.Pointer[snapshot]
	begun   atomic.Int64  // refreshes begun
	misses  *rate.Limiter // of refreshes because of webhooks that speak of what nobody knows
	clock   atomic.Int64  // the store's at the last read, in microseconds

	busy  chan struct{} // holds a token while a refresh is under way; it guards what follows
	ended int64         // the last one begun that succeeded
	upTo  int64         // the revision up to which the store was read
	now   time.Time     // the store's clock at that
}

func newSnapshots(e *Engine) *snapshots {
	s := &snapshots{e: e, misses: rate.NewLimiter(20, 20), busy: make(chan struct{}, 1)}
	s.current.Store(&snapshot{
		connections: map[objectKey]*connectionInfo{},
		byWebhook:   map[string]*connectionInfo{},
		channels:    map[objectKey]*channelInfo{},
		own:         map[channel.Address]bool{},
		rules:       map[string]*ruleSet{},
		schedules:   map[objectKey]*opening{},
		teams:       map[objectKey]string{},
	})
	return s
}

// seen returns the store's clock as it was when the configuration was read last.
func (s *snapshots) seen() time.Time { return time.UnixMicro(s.clock.Load()).UTC() }

func (s *snapshots) load() *snapshot { return s.current.Load() }

// refresh reads what changed since the current snapshot. It costs one indexed read when nothing did.
func (s *snapshots) refresh(ctx context.Context) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	return s.read(ctx)
}

// lookAgain is refresh for what a webhook speaks of and this process doesn't know. Those who wait share a read that began
// after they came; how often strangers make us read is bounded.
func (s *snapshots) lookAgain(ctx context.Context) error {
	came := s.begun.Load()
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	if s.ended > came {
		return nil
	}
	if !s.misses.Allow() {
		return errTooManyMisses
	}
	return s.read(ctx)
}

func (s *snapshots) enter(ctx context.Context) error {
	select {
	case s.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: read configuration: %w", ErrBusy, context.Cause(ctx))
	}
}

func (s *snapshots) leave() { <-s.busy }

func (s *snapshots) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	n, old := s.begun.Add(1), s.load()
	objs, err := s.changedSince(ctx, s.upTo)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	s.ended = n
	s.clock.Store(s.now.UnixMicro())
	if len(objs) > 0 {
		s.upTo = objs[len(objs)-1].Revision
	}
	objs = s.takeNotes(objs)
	if len(objs) > 0 || old.lapsed(s.now) {
		n := s.next(ctx, old, objs)
		s.current.Store(n)
		s.tellFaults(old, n)
	}
	return nil
}

// takeNotes takes over what processes wrote about the health of channels and the gaps of connections, and returns the rest.
func (s *snapshots) takeNotes(objs []Object) []Object {
	return slices.DeleteFunc(objs, func(o Object) bool {
		var err error
		switch o.Kind {
		case kindHealth:
			err = s.e.healths.take(o)
		case kindBackfill:
			err = s.e.backfills.take(o)
		default:
			return false
		}
		if err != nil {
			s.e.logError("what is kept of a channel or connection can't be used", err, slog.String("workspace", o.Workspace), slog.String("kind", o.Kind))
		}
		return true
	})
}

// tellFaults tells of channels that this process can't use any more, or can use again.
func (s *snapshots) tellFaults(old, n *snapshot) {
	for key, ch := range n.channels {
		was := old.channels[key]
		if failed := was != nil && was.fault() != nil; failed != (ch.fault() != nil) {
			s.e.announce(ch.healthNow(s.e.healths.of(key), s.seen()))
		}
	}
}

// lapsed reports whether the time of something that was replaced is over, or what can't be opened is to be tried again.
func (n *snapshot) lapsed(now time.Time) bool {
	for _, c := range n.connections {
		if c.lapsed(now) {
			return true
		}
	}
	return false
}

func (c *connectionInfo) lapsed(now time.Time) bool {
	return !c.reopenAt.IsZero() && !now.Before(c.reopenAt)
}

func (s *snapshots) changedSince(ctx context.Context, revision int64) ([]Object, error) {
	const page = 1000
	var all []Object
	for {
		var objs []Object
		err := s.e.store.View(ctx, func(ctx context.Context, tx ReadTx) error {
			var err error
			s.now = tx.Now()
			objs, err = tx.Objects(ctx, ObjectQuery{AfterRevision: &revision, Limit: page})
			return err
		})
		if err != nil {
			return nil, err
		}
		all = append(all, objs...)
		if len(objs) < page {
			return all, nil
		}
		revision = objs[len(objs)-1].Revision
	}
}

func (s *snapshots) next(ctx context.Context, old *snapshot, objs []Object) *snapshot {
	n := &snapshot{
		revision:    old.revision,
		connections: maps.Clone(old.connections),
		channels:    maps.Clone(old.channels),
		byWebhook:   map[string]*connectionInfo{},
		own:         map[channel.Address]bool{},
		rules:       maps.Clone(old.rules),
		schedules:   maps.Clone(old.schedules),
		teams:       maps.Clone(old.teams),
		teamHours:   map[objectKey]*opening{},
		graceful:    map[string]bool{},
		wide:        map[string]bool{},
	}
	if len(objs) > 0 {
		n.revision = objs[len(objs)-1].Revision
	}
	for _, c := range old.connections {
		if c.lapsed(s.now) {
			objs = append([]Object{c.object}, objs...)
		}
	}
	for _, o := range objs {
		if err := s.put(ctx, n, o); err != nil {
			s.e.logError("configuration can't be used", err,
				slog.String("workspace", o.Workspace), slog.String("kind", o.Kind), slog.String("id", o.ID))
		}
	}
	s.takeRules(n, objs)
	n.link()
	s.linkHours(n)
	return n
}

func (s *snapshots) put(ctx context.Context, n *snapshot, o Object) error {
	key := objectKey{o.Workspace, o.ID}
	switch o.Kind {
	case kindConnection:
		old := n.connections[key]
		delete(n.connections, key)
		if o.Deleted {
			return nil
		}
		c, err := s.openConnection(ctx, o)
		if old != nil && old.err != nil && err != nil {
			c.failedAt = old.failedAt
		}
		n.connections[key] = c
		return err
	case kindChannel:
		delete(n.channels, key)
		if o.Deleted {
			return nil
		}
		c, err := s.readChannel(o)
		if err == nil {
			n.channels[key] = c
		}
		return err
	case kindSchedule:
		return s.takeSchedule(n, o)
	case kindTeam:
		return n.takeTeam(o)
	}
	return nil // of a newer version of the library
}

// linkHours gives channels and teams the business hours that they name. Channels are the snapshot's own copies.
func (s *snapshots) linkHours(n *snapshot) {
	for key, ch := range n.channels {
		ch.hours = s.hoursOf(n, key.workspace, ch.channel.Schedule)
	}
	for key, schedule := range n.teams {
		n.teamHours[key] = s.hoursOf(n, key.workspace, schedule)
	}
}

// link joins channels and connections anew; both may be of the snapshot before, which goes on in use, so they are
// copied.
func (n *snapshot) link() {
	for key, c := range n.connections {
		fresh := *c
		fresh.channels = nil
		n.connections[key] = &fresh
		for _, k := range c.rec.PreviousKeys {
			n.byWebhook[k.Key] = &fresh
		}
		n.byWebhook[c.key] = &fresh
	}
	for key, ch := range n.channels {
		fresh := *ch
		fresh.conn = n.connections[objectKey{key.workspace, ch.connID}]
		n.channels[key] = &fresh
		if fresh.channel.Assignment.OfflineGraceSeconds > 0 {
			n.graceful[key.workspace] = true
		}
		if fresh.wide() {
			n.wide[key.workspace] = true
		}
		if fresh.conn != nil {
			fresh.conn.channels = append(fresh.conn.channels, &fresh)
		}
		if fresh.number != "" {
			n.own[fresh.number] = true
		}
		if fresh.channel.Disabled || fresh.fault() != nil {
			n.closed = append(n.closed, fresh.sender())
		}
	}
}

func (s *snapshots) openConnection(ctx context.Context, o Object) (*connectionInfo, error) {
	c := &connectionInfo{workspace: o.Workspace, id: o.ID, key: o.Key, object: o}
	if c.err = s.open(ctx, c, o); c.err != nil {
		c.failedAt = s.now
		if !errors.Is(c.err, errDriverMissing) {
			c.reopenAt = s.now.Add(probeEvery)
		}
	}
	return c, c.err
}

func (s *snapshots) open(ctx context.Context, c *connectionInfo, o Object) error {
	if err := json.Unmarshal(o.Data, &c.rec); err != nil {
		return fmt.Errorf("stored connection: %w", err)
	}
	p, ok := s.e.providers[c.rec.Provider]
	if !ok {
		return fmt.Errorf("provider %q: %w", c.rec.Provider, errDriverMissing)
	}
	c.reopenAt = c.rec.expire(s.now)
	set, err := s.e.settings(ctx, o, c.rec)
	if err != nil {
		return err
	}
	account, err := p.Open(set)
	switch {
	case err != nil:
		return fmt.Errorf("open connection: %w", err)
	case account == nil:
		return fmt.Errorf("provider %q opened no account", c.rec.Provider)
	}
	c.account = account
	if d, ok := c.account.(sms.Describer); ok {
		c.traits = d.Traits()
	}
	return nil
}

func (s *snapshots) readChannel(o Object) (*channelInfo, error) {
	var rec channelRecord
	if err := json.Unmarshal(o.Data, &rec); err != nil {
		return nil, fmt.Errorf("stored channel: %w", err)
	}
	c := &channelInfo{channel: rec.Channel, connID: rec.Connection, since: rec.Since, heirOf: rec.HeirOf}
	if !rec.QuietHours.off() {
		c.quiet = &quietClocks{hours: rec.QuietHours}
	}
	var err error
	if c.keywords, err = rec.Keywords.compile(rec.Language); err != nil { // of another version of the library, with other lists
		c.keywords, err = Keywords{}.compile(rec.Language)
	}
	if err != nil {
		return nil, err
	}
	c.channel.Workspace, c.channel.ID, c.channel.Version = o.Workspace, o.ID, o.Version
	if p, ok := s.e.providers[rec.Provider]; ok {
		for _, f := range p.Form().Fields {
			switch f.Kind {
			case sms.FieldNumber:
				c.number = channel.Address(rec.Values[f.Name])
			case sms.FieldPool:
				c.pool = rec.Values[f.Name]
			}
		}
	}
	return c, nil
}

// channel returns a channel, asking the store when this process doesn't know it yet.
func (s *snapshots) channel(ctx context.Context, workspace, id string) (*channelInfo, error) {
	if c, ok := s.load().channels[objectKey{workspace, id}]; ok {
		return c, nil
	}
	if err := s.refresh(ctx); err != nil {
		return nil, err
	}
	if c, ok := s.load().channels[objectKey{workspace, id}]; ok {
		return c, nil
	}
	return nil, fmt.Errorf("channel %s: %w", id, ErrNotFound)
}

var errTooManyMisses = errors.New("too many webhooks with unknown keys or numbers")

// webhook returns the connection that a webhook's key names. Unknown keys ask the store, at a bounded rate.
func (s *snapshots) webhook(ctx context.Context, key string) (*connectionInfo, error) {
	if c, ok := s.load().byWebhook[key]; ok {
		return c, nil
	}
	if err := s.lookAgain(ctx); err != nil {
		return nil, err
	}
	if c, ok := s.load().byWebhook[key]; ok {
		return c, nil
	}
	return nil, ErrNotFound
}

// channelOf finds the channel that a text was sent to, nil where there is none. A number that another process may have just
// added asks the store, as an unknown key does.
func (s *snapshots) channelOf(ctx context.Context, conn *connectionInfo, in channel.Inbound) (*channelInfo, error) {
	if ch := conn.channelOf(in); ch != nil {
		return ch, nil
	}
	if err := s.lookAgain(ctx); err != nil {
		return nil, err
	}
	if conn = s.load().byWebhook[conn.key]; conn == nil {
		return nil, nil
	}
	return conn.channelOf(in), nil
}

// newer returns the connection of a webhook's key as the store has it, if that is another than the one that this process
// knew and it can be opened. It asks the store no oftener than strangers may.
func (s *snapshots) newer(ctx context.Context, key string, known *connectionInfo) *connectionInfo {
	if s.lookAgain(ctx) != nil {
		return nil
	}
	c := s.load().byWebhook[key]
	if c == nil || c.account == nil || c.object.Version == known.object.Version {
		return nil
	}
	return c
}
