package pgstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/livedesk/livedesk-go/channel"
	"github.com/livedesk/livedesk-go/livedesk"
)

// The unique keys decide who comes first, not a look before: of two transactions that insert the same row the second waits
// for the first and then passes over it. Each statement inserts in the order of its key, so that two batches wait for
// one another in one direction only.
var (
	sqlInsertArrival = `INSERT INTO {s}.arrivals AS a (workspace, channel, key, day)
		SELECT u.workspace, u.channel, u.key, coalesce($4::bigint, ` + sqlBegan + ` + $5::bigint) / ` + microsADay + `
		FROM ` + arrays("u", 1, "workspace", "channel", "key") + `
		ON CONFLICT DO NOTHING RETURNING a.workspace, a.channel, a.key`

	// What [livedesk.Arrival.NewContact] makes, at the time of the transaction: as it was read, or as the server has it.
	sqlMeetContact = `INSERT INTO {s}.contacts AS t (workspace, id, address, country, created_at, version)
		SELECT u.workspace, u.id, u.address, u.country, coalesce($5::bigint, ` + sqlBegan + ` + $6::bigint), 1
		FROM ` + arrays("u", 1, "workspace", "id", "address", "country") + `
		ON CONFLICT (workspace, address) DO NOTHING RETURNING t.workspace, t.address`

	// A statement of its own: one that inserts a contact sees neither its own new row nor a concurrent winner's.
	sqlMeetThread = `INSERT INTO {s}.threads (workspace, channel, contact, version)
		SELECT c.workspace, u.channel, c.id, 1
		FROM ` + arrays("u", 1, "workspace", "channel", "address") + `
		JOIN {s}.contacts AS c ON c.workspace = u.workspace AND c.address = u.address
		ORDER BY c.workspace, c.id, u.channel ON CONFLICT DO NOTHING`
)

// meeting is an address on a channel, addressKey an address, eventKey the key of an arrival.
type (
	meeting struct {
		workspace, channel string
		address            channel.Address
	}
	addressKey struct {
		workspace string
		address   channel.Address
	}
	eventKey struct{ workspace, channel, key string }
)

// TakeIn implements [livedesk.Tx]. It costs one round trip of two statements, whatever the size of the batch, where every
// thread has a conversation. Where contacts are new it costs a second one of four, or no second one and one statement more
// while that is so again and again: then they are made at once. Their threads are written with what comes next.
func (t *tx) TakeIn(ctx context.Context, arrivals []livedesk.Arrival) ([]livedesk.Arrived, error) {
	out := make([]livedesk.Arrived, len(arrivals))
	if len(arrivals) == 0 {
		return out, ctx.Err()
	}
	b, l := sortArrivals(arrivals), newLoadedThreads()
	var ahead []any
	if !t.joined && t.s.strangers.Load() > 0 {
		ahead = t.newContacts(b, arrivals, b.meetings)
	}
	now, offset := t.clock()
	err := t.send(ctx, "take in", func(batch *pgx.Batch) {
		if len(b.keys) > 0 {
			batch.Queue(t.s.sql(sqlInsertArrival), append(b.events(), now, offset)...).Query(func(rows pgx.Rows) error {
				var k eventKey
				return each(rows, []any{&k.workspace, &k.channel, &k.key}, func() { b.arrived[k] = true })
			})
		}
		batch.Queue(t.s.sql(sqlLockMeetings), meetingArgs(b.meetings)...).Query(l.scanWhole)
		if ahead != nil {
			batch.Queue(t.s.sql(sqlMeetContact), ahead...).Query(b.scanMet)
		}
	})
	if err == nil {
		t.greet(b, l)
		err = t.meet(ctx, b, arrivals, l)
	}
	if err != nil {
		return nil, err
	}
	t.saw(l)
	for i, a := range arrivals {
		out[i].New = b.fresh(i, &a)
		out[i].LoadedThread = l.thread(livedesk.ThreadKey{Workspace: a.Workspace, Channel: a.Channel, Address: a.Address})
	}
	return out, nil
}

// strangersMatter is for how many batches TakeIn remembers that one had contacts that are new.
const strangersMatter = 8

// newContacts returns the parameters of sqlMeetContact that make the contacts of meetings, where they don't exist.
func (t *tx) newContacts(b *intake, arrivals []livedesk.Arrival, meetings []meeting) []any {
	began, offset := t.clock()
	at := t.now
	if began == nil {
		at = time.Now() // only the id has it, which says where it goes in an index; the row has the server's
	}
	fresh := make([]livedesk.Contact, 0, len(meetings))
	b.made = make(map[addressKey]livedesk.Contact, len(meetings))
	for _, m := range meetings {
		key := addressKey{m.workspace, m.address}
		if _, again := b.made[key]; !again {
			b.made[key] = arrivals[b.firstOf[key]].NewContact(at)
			fresh = append(fresh, b.made[key])
		}
	}
	slices.SortFunc(fresh, func(x, y livedesk.Contact) int {
		return cmp.Or(cmp.Compare(x.Workspace, y.Workspace), cmp.Compare(x.Address, y.Address))
	})
	var workspaces, ids, addresses, countries []string
	for _, c := range fresh {
		workspaces, ids = append(workspaces, c.Workspace), append(ids, c.ID)
		addresses, countries = append(addresses, string(c.Address)), append(countries, c.Country)
	}
	return []any{workspaces, ids, addresses, countries, began, offset}
}

func (b *intake) scanMet(rows pgx.Rows) error {
	var k addressKey
	return each(rows, []any{&k.workspace, &k.address}, func() { b.met[k] = true })
}

// greet gives threads to the contacts that this transaction made: nobody else can have made those, so they need no lock, and
// are written when it is known what is in them.
func (t *tx) greet(b *intake, l *loadedThreads) {
	strange := false
	for _, m := range b.meetings {
		if _, ok := l.at[m]; ok {
			continue
		}
		strange = true
		if at := (addressKey{m.workspace, m.address}); b.met[at] {
			c := b.made[at]
			c.CreatedAt, c.Version = t.now, 1
			th := livedesk.Thread{Workspace: m.workspace, Channel: m.channel, Contact: c.ID, Version: 1}
			l.add(livedesk.LoadedThread{Contact: c, Thread: th}, m.address)
			t.unwritten = append(t.unwritten, th)
		}
	}
	if strange {
		t.s.strangers.Store(strangersMatter)
	} else if n := t.s.strangers.Load(); n > 0 {
		t.s.strangers.CompareAndSwap(n, n-1)
	}
}

// meet makes the contacts and threads that weren't found, and loads them. Others may make the same ones: then they are
// waited for; but who is met later by others still isn't waited for again, because that could be for ever.
func (t *tx) meet(ctx context.Context, b *intake, arrivals []livedesk.Arrival, l *loadedThreads) error {
	var strangers []meeting
	for _, m := range b.meetings {
		if _, ok := l.at[m]; !ok {
			strangers = append(strangers, m)
		}
	}
	if len(strangers) == 0 {
		return nil
	}
	made, args := t.newContacts(b, arrivals, strangers), meetingArgs(strangers)
	return t.send(ctx, "meet", func(batch *pgx.Batch) {
		batch.Queue(t.s.sql(sqlMeetContact), made...).Query(b.scanMet)
		batch.Queue(t.s.sql(sqlMeetThread), args...)
		batch.Queue(t.s.sql(sqlLockMet), args...).Query(l.scanThreads)
		batch.Queue(t.s.sql(sqlLockMetConversations), args...).Query(l.scanConversations)
	})
}

// each scans every row into the targets and calls got.
func each(rows pgx.Rows, targets []any, got func()) error {
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		got()
	}
	return rows.Err()
}

// intake is a batch of arrivals, each thing once and in the order of its key.
type intake struct {
	meetings []meeting
	keys     []eventKey

	firstOf map[addressKey]int              // which arrival is the first of an address
	keyOf   map[eventKey]int                // and of a key
	made    map[addressKey]livedesk.Contact // to be made by us
	met     map[addressKey]bool             // of these, those that didn't exist
	arrived map[eventKey]bool
}

func sortArrivals(arrivals []livedesk.Arrival) *intake {
	b := &intake{
		firstOf: make(map[addressKey]int, len(arrivals)), keyOf: make(map[eventKey]int, len(arrivals)),
		met: map[addressKey]bool{}, arrived: make(map[eventKey]bool, len(arrivals)),
	}
	for i := range arrivals {
		a := &arrivals[i]
		at := addressKey{a.Workspace, a.Address}
		if _, again := b.firstOf[at]; !again {
			b.firstOf[at] = i
		}
		b.meetings = append(b.meetings, meeting{a.Workspace, a.Channel, a.Address})
		k := eventKey{a.Workspace, a.Channel, a.Key}
		if _, again := b.keyOf[k]; !again && a.Key != "" {
			b.keyOf[k] = i
			b.keys = append(b.keys, k)
		}
	}
	slices.SortFunc(b.meetings, meeting.compare)
	b.meetings = slices.Compact(b.meetings)
	slices.SortFunc(b.keys, func(x, y eventKey) int {
		return cmp.Or(cmp.Compare(x.workspace, y.workspace), cmp.Compare(x.channel, y.channel), cmp.Compare(x.key, y.key))
	})
	return b
}

func (m meeting) compare(o meeting) int {
	return cmp.Or(cmp.Compare(m.workspace, o.workspace), cmp.Compare(m.channel, o.channel), cmp.Compare(m.address, o.address))
}

// meetingArgs returns meetings as the parameters (workspaces, channels, addresses).
func meetingArgs(meetings []meeting) []any {
	workspaces, channels, addresses := make([]string, len(meetings)), make([]string, len(meetings)), make([]string, len(meetings))
	for i, m := range meetings {
		workspaces[i], channels[i], addresses[i] = m.workspace, m.channel, string(m.address)
	}
	return []any{workspaces, channels, addresses}
}

func (b *intake) events() []any {
	var workspaces, channels, keys []string
	for _, k := range b.keys {
		workspaces, channels, keys = append(workspaces, k.workspace), append(channels, k.channel), append(keys, k.key)
	}
	return []any{workspaces, channels, keys}
}

// fresh reports whether arrival i is new: the first of a key that wasn't there, or without a key the one that made the
// contact.
func (b *intake) fresh(i int, a *livedesk.Arrival) bool {
	if a.Key == "" {
		at := addressKey{a.Workspace, a.Address}
		return b.met[at] && b.firstOf[at] == i
	}
	k := eventKey{a.Workspace, a.Channel, a.Key}
	return b.arrived[k] && b.keyOf[k] == i
}
