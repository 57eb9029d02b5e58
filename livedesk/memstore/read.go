package memstore

import (
	"context"
	"slices"

	"github.com/livedesk/livedesk-go/livedesk"
)

// Threads implements [livedesk.ReadTx].
func (v *view) Threads(ctx context.Context, keys []livedesk.ThreadKey) ([]livedesk.LoadedThread, error) {
	if err := v.usable(ctx); err != nil {
		return nil, err
	}
	out := make([]livedesk.LoadedThread, len(keys))
	for i, k := range keys {
		out[i] = v.thread(k)
	}
	return out, nil
}

func (v *view) thread(k livedesk.ThreadKey) (out livedesk.LoadedThread) {
	channel, contact := k.Channel, ""
	if k.Conversation != "" {
		out.Asked = v.conversation(k.Workspace, k.Conversation)
		if out.Asked == nil {
			return out
		}
		channel, contact = out.Asked.Channel, out.Asked.Contact
	} else {
		contact, _ = v.state.addresses.get(key(k.Workspace, string(k.Address)))
	}
	t, found := v.state.threads.get(key(k.Workspace, channel, contact))
	if !found {
		return out
	}
	out.Thread = t.Clone()
	if c, found := v.state.contacts.get(key(k.Workspace, contact)); found {
		out.Contact = c.Clone()
	}
	if t.Conversation != "" {
		out.Current = v.conversation(k.Workspace, t.Conversation)
	}
	return out
}

// conversation returns a copy, or nil.
func (v *view) conversation(workspace, id string) *livedesk.Conversation {
	c, found := v.state.conversations.get(key(workspace, id))
	if !found {
		return nil
	}
	return new(c.Clone())
}

// Messages implements [livedesk.ReadTx].
func (v *view) Messages(ctx context.Context, keys []livedesk.MessageKey) ([]livedesk.Message, error) {
	if err := v.usable(ctx); err != nil {
		return nil, err
	}
	out := make([]livedesk.Message, len(keys))
	for i, k := range keys {
		if m, found := v.state.messages.get(key(k.Workspace, v.messageID(k))); found {
			out[i] = m.Clone()
		}
	}
	return out, nil
}

func (v *view) messageID(k livedesk.MessageKey) (id string) {
	switch {
	case k.ID != "":
		return k.ID
	case k.ProviderID != "":
		id, _ = v.state.carried.get(key(k.Workspace, k.Channel, k.ProviderID))
	case k.Key != "":
		id, _ = v.state.keyed.get(key(k.Workspace, k.Conversation, k.Key))
	}
	return id
}

// Queues implements [livedesk.ReadTx]. Loads are counted when they are asked for, each in O(log n).
func (v *view) Queues(ctx context.Context, q livedesk.QueueQuery) (livedesk.Roster, error) {
	if err := v.usable(ctx); err != nil {
		return livedesk.Roster{}, err
	}
	ids := slices.Clone(q.IDs)
	for _, agent := range q.Agents {
		ids = append(ids, v.state.queuesOf(q.Workspace, agent)...)
	}
	out := livedesk.Roster{}
	agents := slices.Concat(q.Agents, q.Loads)
	for _, id := range sorted(ids) {
		row := v.queue(&q, id)
		for _, m := range row.Members {
			agents = append(agents, m.Agent)
		}
		out.Queues = append(out.Queues, row)
	}
	for _, id := range sorted(agents) {
		if a, found := v.state.agents.get(key(q.Workspace, id)); found {
			out.Agents = append(out.Agents, v.agent(a))
		}
	}
	return out, nil
}

// sorted returns ids in order, each once. It reorders its argument.
func sorted(ids []string) []string {
	slices.Sort(ids)
	return slices.Compact(ids)
}

// queuesOf returns the ids of the queues that have an agent as a member, in order.
func (s *state) queuesOf(workspace, agent string) (ids []string) {
	prefix := key(workspace, agent)
	for cur := s.members.seek(prefix, end(prefix)); ; {
		_, id, found := cur.next()
		if !found {
			return ids
		}
		ids = append(ids, id)
	}
}

func (v *view) queue(q *livedesk.QueueQuery, id string) livedesk.Queue {
	out := livedesk.Queue{Workspace: q.Workspace, ID: id}
	if row, found := v.state.queues.get(key(q.Workspace, id)); found {
		out = row.Clone()
	}
	if q.Heads < 1 {
		return out
	}
	line := key(q.Workspace, id)
	for cur := v.state.lines.seek(line, end(line)); ; {
		_, c, found := cur.next()
		if !found {
			return out
		}
		if !q.Shows(*c) {
			continue
		}
		if len(out.Waiting) >= q.Heads {
			out.More = true
			return out
		}
		out.Waiting = append(out.Waiting, c.Clone())
	}
}

// Agents implements [livedesk.ReadTx]. Load is counted when it is asked for, in O(log n).
func (v *view) Agents(ctx context.Context, workspace string, ids []string) ([]livedesk.Agent, error) {
	if err := v.usable(ctx); err != nil {
		return nil, err
	}
	if ids != nil {
		out := make([]livedesk.Agent, len(ids))
		for i, id := range ids {
			if a, found := v.state.agents.get(key(workspace, id)); found {
				out[i] = v.agent(a)
			}
		}
		return out, nil
	}
	var out []livedesk.Agent
	prefix := key(workspace)
	for cur := v.state.agents.seek(prefix, end(prefix)); ; {
		_, a, found := cur.next()
		if !found {
			return out, nil
		}
		out = append(out, v.agent(a))
	}
}

func (v *view) agent(a *livedesk.Agent) livedesk.Agent {
	out := a.Clone()
	held := facet{byAssignee, a.ID}.prefix(a.Workspace, livedesk.Open)
	out.Load = v.state.listed.count(held, end(held))
	return out
}

// Consents implements [livedesk.ReadTx]. A page costs O(log n) and a step for each thread of the workspace, or of the channel,
// that has a change of consent, from the mark on.
func (v *view) Consents(ctx context.Context, q livedesk.ConsentQuery) (out []livedesk.Thread, err error) {
	if err := v.usable(ctx); err != nil {
		return nil, err
	}
	if q.Limit < 1 || q.Limit > 1000 {
		return nil, errLimit
	}
	within := key(q.Workspace)
	if q.Channel != "" {
		within = key(q.Workspace, q.Channel)
	}
	from := max(within, key(q.Workspace, q.AfterChannel, q.AfterContact))
	for cur := v.state.consented.seek(from, end(within)); len(out) < q.Limit; {
		_, t, found := cur.next()
		if !found {
			break
		}
		if q.Selects(*t) {
			out = append(out, t.Clone())
		}
	}
	return out, nil
}

// Contacts implements [livedesk.ReadTx].
func (v *view) Contacts(ctx context.Context, workspace string, ids []string) ([]livedesk.Contact, error) {
	if err := v.usable(ctx); err != nil {
		return nil, err
	}
	out := make([]livedesk.Contact, len(ids))
	for i, id := range ids {
		if c, found := v.state.contacts.get(key(workspace, id)); found {
			out[i] = c.Clone()
		}
	}
	return out, nil
}

// Objects implements [livedesk.ReadTx]. A page with AfterRevision and a Limit below 1 has no limit.
func (v *view) Objects(ctx context.Context, q livedesk.ObjectQuery) ([]livedesk.Object, error) {
	if err := v.usable(ctx); err != nil {
		return nil, err
	}
	switch {
	case q.AfterRevision != nil:
		return v.changedObjects(*q.AfterRevision, q.Limit), nil
	case q.Key != "":
		at, found := v.state.webkeys.get(key(q.Kind, q.Key))
		if !found {
			return nil, nil
		}
		o, _ := v.state.objects.get(at)
		return []livedesk.Object{o.Clone()}, nil
	case q.IDs != nil:
		out := make([]livedesk.Object, len(q.IDs))
		for i, id := range q.IDs {
			if o, found := v.state.objects.get(key(q.Workspace, q.Kind, id)); found && !o.Deleted {
				out[i] = o.Clone()
			}
		}
		return out, nil
	}
	return v.objectsOfKind(q.Workspace, q.Kind), nil
}

func (v *view) objectsOfKind(workspace, kind string) (out []livedesk.Object) {
	prefix := key(workspace, kind)
	for cur := v.state.objects.seek(prefix, end(prefix)); ; {
		_, o, found := cur.next()
		if !found {
			return out
		}
		if !o.Deleted {
			out = append(out, o.Clone())
		}
	}
}

func (v *view) changedObjects(after int64, limit int) (out []livedesk.Object) {
	for cur := v.state.changes.seek(number(after+1), last); limit < 1 || len(out) < limit; {
		_, at, found := cur.next()
		if !found {
			break
		}
		o, _ := v.state.objects.get(at)
		out = append(out, o.Clone())
	}
	return out
}
