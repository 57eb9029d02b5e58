package pgstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/livedesk/livedesk-go/livedesk"
)

// codeDivisionByZero is what a statement that counts its rows answers when there are fewer than there should be, so that
// what stands behind it, the commit among it, isn't done.
const codeDivisionByZero = "22012"

// counted makes a statement fail with [codeDivisionByZero] unless it changes as many rows as its parameter after the
// first n says.
func counted(statement string, n int) string {
	return "WITH written AS (" + statement + " RETURNING 1) SELECT 1 / (count(*) = $" + strconv.Itoa(n+1) + "::bigint)::int FROM written"
}

// Apply implements [livedesk.Tx]. It costs no round trip of its own: its statements, two for each kind of row at most and
// a few more for queues and for agents that go, are sent with the commit, or with the next verb. What is wrong with c is
// the error of that. Rows that exist are written before new ones, and conversations that stop being live before those
// that are, so that they make room in the unique keys.
func (t *tx) Apply(ctx context.Context, c livedesk.Changes) error {
	if t.joined || len(c.Cancels)+len(c.Jobs) > 0 {
		t.Now() // they are written with it, and a host's transaction is looked at before; an error is that of the transaction
	}
	if t.applied != nil { // it isn't the last
		if err := t.send(ctx, "apply", func(*pgx.Batch) {}); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.over:
		return errOver
	case t.failed != nil:
		return t.failed
	case ctx.Err() != nil:
		return ctx.Err()
	}
	a := &applying{t: t, b: &pgx.Batch{}}
	a.all(&c)
	t.applied = a
	if t.locked == nil {
		t.locked = make(map[rowKey][]livedesk.Member, len(c.Queues))
	}
	for _, q := range c.Queues {
		t.locked[rowKey{q.Workspace, q.ID}] = slices.Clone(q.Members)
	}
	return nil
}

// applying is one Apply being made up.
type applying struct {
	t      *tx
	b      *pgx.Batch
	checks []check // in the order of the statements
	passed int
}

// check is a statement that counts its rows, and what it means when there are fewer.
type check struct {
	what string
	why  error
}

// write queues one statement that must change n rows; why is what it means when it changes fewer.
func (a *applying) write(what string, n int, why error, statement string, args ...any) {
	if n == 0 {
		return
	}
	a.checks = append(a.checks, check{what, why})
	a.b.Queue(a.t.s.sql(statement), append(args, int64(n))...).QueryRow(func(r pgx.Row) error {
		if err := r.Scan(nil); err != nil {
			return err
		}
		a.passed++
		return nil
	})
}

// add queues one statement that inserts n rows, and fails when one is there already.
func (a *applying) add(n int, statement string, args []any) {
	if n > 0 {
		a.b.Queue(a.t.s.sql(statement), args...)
	}
}

// means puts the error of a batch that a was part of into the terms of Apply, where it is about a. a may be nil.
func (a *applying) means(err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case a == nil || !ok:
		return err
	case pg.Code == codeUniqueViolation:
		return refused{fmt.Errorf("pgstore: apply: %w", livedesk.ErrExists)}
	case pg.Code == codeDivisionByZero && a.passed < len(a.checks):
		c := a.checks[a.passed]
		return refused{fmt.Errorf("pgstore: apply %s: %w", c.what, c.why)}
	}
	return err
}

// refused is what the store answers about rows that can't be written.
type refused struct{ error }

// Unwrap returns the cause.
func (r refused) Unwrap() error { return r.error }

// split returns the rows that replace stored ones, and those that are new.
func split[T any](t *table[T], rows []*T) (old, fresh []*T) {
	for _, r := range rows {
		if *t.version(r) != 0 {
			old = append(old, r)
		} else {
			fresh = append(fresh, r)
		}
	}
	return old, fresh
}

// name is how an error calls rows: by id where there is one.
func name[T any](what string, rows []*T, id func(*T) string) string {
	if len(rows) == 1 {
		return what + " " + id(rows[0])
	}
	return fmt.Sprintf("%s, one of %d", what, len(rows))
}

func (a *applying) all(c *livedesk.Changes) {
	a.contacts(c.Contacts)
	a.threads(c.Threads)
	a.conversations(c.Conversations)
	a.cancels(c.Cancels)
	a.messages(c.Messages)
	a.deliveries(c.Deliveries)
	a.agents(c.Agents)
	a.queues(c.Queues)
	a.budgets(c.Budgets)
	a.deletedAgents(c.DeletedAgents)
	a.t.applyJobs(a.b, c.Jobs)
	a.objects(c.Objects)
}

// contacts are replaced one by one, as they stand: an address may pass from one to the next.
func (a *applying) contacts(rows []livedesk.Contact) {
	id := func(c *livedesk.Contact) string { return c.ID }
	old, fresh := split(&contacts, pointers(rows))
	for i := range old {
		a.write(name("contact", old[i:i+1], id), 1, livedesk.ErrConflict, sqlUpdateContact, contacts.versioned(old[i:i+1])...)
	}
	a.add(len(fresh), sqlInsertContact, contacts.args(fresh))
}

func (a *applying) threads(rows []livedesk.Thread) {
	rows = a.unwritten(rows)
	all := sorted(rows, func(t *livedesk.Thread) string { return t.Workspace },
		func(t *livedesk.Thread) string { return t.Contact }, func(t *livedesk.Thread) string { return t.Channel })
	a.write(name("thread of contact", all, func(t *livedesk.Thread) string { return t.Contact }), len(all), livedesk.ErrConflict,
		sqlUpdateThread, threads.versioned(all)...)
}

// unwritten inserts the threads of contacts that TakeIn made, as rows have them, and returns the other rows.
func (a *applying) unwritten(rows []livedesk.Thread) (left []livedesk.Thread) {
	fresh := a.t.unwritten
	if len(fresh) == 0 {
		return rows
	}
	a.t.unwritten = nil
	place := make(map[threadID]int, len(fresh))
	for i, f := range fresh {
		place[threadID{f.Workspace, f.Channel, f.Contact}] = i
	}
	for _, r := range rows {
		i, ok := place[threadID{r.Workspace, r.Channel, r.Contact}]
		if !ok || r.Version != fresh[i].Version { // which is an update of that version, or one too many
			left = append(left, r)
			continue
		}
		fresh[i] = r
		fresh[i].Version++
	}
	a.b.Queue(a.t.s.sql(sqlInsertThread), threads.versioned(pointers(fresh))...)
	return left
}

func (a *applying) conversations(rows []livedesk.Conversation) {
	id := func(c *livedesk.Conversation) string { return c.ID }
	old, fresh := split(&conversations, sorted(rows, func(c *livedesk.Conversation) string { return c.Workspace }, id))
	var live, done, bumped []*livedesk.Conversation
	var wasState []string
	var wasAt []int64
	for _, c := range old {
		switch was, ok := a.t.talks[rowKey{c.Workspace, c.ID}]; {
		case ok && sameButActivity(was, *c):
			bumped = append(bumped, c)
			wasState, wasAt = append(wasState, string(was.State)), append(wasAt, was.ActiveAt.UnixMicro())
		case c.State.Live():
			live = append(live, c)
		default:
			done = append(done, c)
		}
	}
	a.write(name("conversation", bumped, id), len(bumped), livedesk.ErrConflict, sqlBumpConversation, append(activity.versioned(bumped), wasState, wasAt)...)
	for _, part := range [][]*livedesk.Conversation{done, live} {
		a.write(name("conversation", part, id), len(part), livedesk.ErrConflict, sqlUpdateConversation, conversations.versioned(part)...)
	}
	a.add(len(fresh), sqlInsertConversation, conversations.args(fresh))
}

func (a *applying) cancels(rows []livedesk.Cancel) {
	if len(rows) == 0 {
		return
	}
	var args [4][]string
	for _, c := range rows {
		for i, v := range []string{c.Workspace, c.Channel, c.Contact, string(c.Reason)} {
			args[i] = append(args[i], v)
		}
	}
	note := encode(livedesk.DeliveryNote{At: a.t.now, State: livedesk.Canceled, Source: "desk"})
	a.b.Queue(a.t.s.sql(sqlCancel), args[0], args[1], args[2], args[3], int64(livedesk.MaxHistory), *note)
}

func (a *applying) messages(rows []livedesk.Message) {
	all := make([]message, len(rows))
	for i := range rows {
		all[i] = openMessage(&rows[i])
	}
	id := func(m *message) string { return m.ID }
	old, fresh := split(&messages, sorted(all, func(m *message) string { return m.Workspace }, id))
	var plain, texts []*message
	for _, m := range fresh {
		if m.Delivery == nil {
			plain = append(plain, m)
		} else {
			texts = append(texts, m)
		}
	}
	a.write(name("message", old, id), len(old), livedesk.ErrConflict, sqlUpdateMessage, messages.versioned(old)...)
	a.add(len(plain), sqlInsertEntry, entries.args(plain))
	a.add(len(texts), sqlInsertMessage, messages.args(texts))
}

func (a *applying) deliveries(rows []livedesk.Message) {
	all := make([]message, len(rows))
	for i := range rows {
		all[i] = openMessage(&rows[i])
	}
	id := func(m *message) string { return m.ID }
	old := sorted(all, func(m *message) string { return m.Workspace }, id)
	a.write(name("message", old, id), len(old), livedesk.ErrConflict, sqlUpdateDelivery, deliveries.versioned(old)...)
}

func (a *applying) agents(rows []livedesk.Agent) {
	id := func(r *livedesk.Agent) string { return r.ID }
	old, fresh := split(&agents, sorted(rows, func(r *livedesk.Agent) string { return r.Workspace }, id))
	a.write(name("agent", old, id), len(old), livedesk.ErrConflict, sqlUpdateAgent, agents.versioned(old)...)
	a.add(len(fresh), sqlInsertAgent, agents.args(fresh))
}

func (a *applying) queues(rows []livedesk.Queue) {
	id := func(q *livedesk.Queue) string { return q.ID }
	all := sorted(rows, func(q *livedesk.Queue) string { return q.Workspace }, id)
	old, fresh := split(&queues, all)
	a.write(name("queue", old, id), len(old), livedesk.ErrConflict, sqlUpdateQueue, queues.versioned(old)...)
	a.write(name("queue", fresh, id), len(fresh), livedesk.ErrExists, sqlInsertQueue, queues.args(fresh)...)
	a.places(all)
}

func (a *applying) budgets(rows []livedesk.Budget) {
	id := func(b *livedesk.Budget) string { return b.Channel }
	old, fresh := split(&budgets, sorted(rows, func(b *livedesk.Budget) string { return b.Workspace }, id))
	a.write(name("budget", old, id), len(old), livedesk.ErrConflict, sqlUpdateBudget, budgets.versioned(old)...)
	a.write(name("budget", fresh, id), len(fresh), livedesk.ErrExists, sqlInsertBudget, budgets.args(fresh)...)
}

// places writes which agents are in queues, where that may have changed.
func (a *applying) places(rows []*livedesk.Queue) {
	var ids []rowKey
	var workspaces, agents, in []string
	for _, q := range rows {
		was, known := a.t.locked[rowKey{q.Workspace, q.ID}]
		if known && slices.EqualFunc(was, q.Members, func(x, y livedesk.Member) bool { return x.Agent == y.Agent }) {
			continue
		}
		ids = append(ids, rowKey{q.Workspace, q.ID})
		for _, m := range q.Members {
			workspaces, agents, in = append(workspaces, q.Workspace), append(agents, m.Agent), append(in, q.ID)
		}
	}
	if len(ids) == 0 {
		return
	}
	a.b.Queue(a.t.s.sql(sqlLeaveQueues), append(keyArgs(ids), workspaces, agents, in)...)
	if len(in) > 0 {
		a.b.Queue(a.t.s.sql(sqlJoinQueues), workspaces, agents, in)
	}
}

// deletedAgents runs after the queues were written, so that a writer who already took an agent out of them isn't in
// conflict with the store doing the same.
func (a *applying) deletedAgents(rows []livedesk.Agent) {
	all := sorted(rows, func(r *livedesk.Agent) string { return r.Workspace }, func(r *livedesk.Agent) string { return r.ID })
	for group := range slices.Values(chunk(all, func(x, y *livedesk.Agent) bool { return x.Workspace == y.Workspace })) {
		ids := make([]string, len(group))
		for i, r := range group {
			ids[i] = r.ID
		}
		for _, statement := range []string{sqlDeleteAgents, sqlDropMembers, sqlDropPlaces} {
			a.b.Queue(a.t.s.sql(statement), group[0].Workspace, ids)
		}
	}
}

// chunk cuts rows where two neighbours aren't alike.
func chunk[T any](rows []T, alike func(x, y T) bool) (out [][]T) {
	from := 0
	for i := range rows {
		if i+1 == len(rows) || !alike(rows[i], rows[i+1]) {
			out, from = append(out, rows[from:i+1]), i+1
		}
	}
	return out
}

func (a *applying) objects(rows []livedesk.Object) {
	if len(rows) == 0 {
		return
	}
	all := make([]livedesk.Object, len(rows))
	for i, r := range rows {
		all[i] = buried(r.Clone()) // it is sent later
	}
	id := func(o *livedesk.Object) string { return o.ID }
	old, fresh := split(&objects, sorted(all, func(o *livedesk.Object) string { return o.Workspace },
		func(o *livedesk.Object) string { return o.Kind }, id))
	a.b.Queue(a.t.s.sql(sqlReserveRevisions), int64(len(rows)))
	a.write(name("object", old, id), len(old), livedesk.ErrConflict, sqlUpdateObject, append(objects.versioned(old), int64(len(rows)))...)
	a.write(name("object", fresh, id), len(fresh), livedesk.ErrExists, sqlInsertObject, append(objects.args(fresh), int64(len(fresh)))...)
}

// pointers returns pointers to rows, in their order.
func pointers[T any](rows []T) []*T {
	out := make([]*T, len(rows))
	for i := range rows {
		out[i] = &rows[i]
	}
	return out
}

// sorted returns pointers to rows in the order of a key, so that transactions that write the same rows meet them in one
// order.
func sorted[T any](rows []T, keys ...func(*T) string) []*T {
	out := pointers(rows)
	slices.SortStableFunc(out, func(a, b *T) int {
		for _, key := range keys {
			if c := cmp.Compare(key(a), key(b)); c != 0 {
				return c
			}
		}
		return 0
	})
	return out
}
