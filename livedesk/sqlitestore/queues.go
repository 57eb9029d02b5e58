package sqlitestore

import (
	"context"
	"fmt"
	"slices"

	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	sqlQueue = `SELECT count, members, version FROM queues WHERE workspace = ? AND id = ?`

	sqlQueuesOfAgent = `SELECT queue FROM queue_agents WHERE workspace = ? AND agent = ?`

	sqlLine = `SELECT ` + conversationColumns + ` FROM conversations AS v WHERE workspace = ?1 AND queue = ?2
		AND channel NOT IN (SELECT k.value FROM json_each(?3) AS k)
		AND channel || char(10) || needs NOT IN (SELECT k.value FROM json_each(?3) AS k)
		ORDER BY priority DESC, queued_at, id LIMIT ?4`

	sqlInsertQueue = `INSERT INTO queues (count, members, workspace, id, version) VALUES (?, ?, ?, ?, 1)`

	sqlUpdateQueue = `UPDATE queues SET count = ?, members = ?, version = version + 1
		WHERE workspace = ? AND id = ? AND version = ?`

	sqlJoinQueue = `INSERT INTO queue_agents (workspace, agent, queue) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`

	sqlLeaveQueue = `DELETE FROM queue_agents WHERE workspace = ? AND agent = ? AND queue = ?`
)

// Queues implements [livedesk.ReadTx]. Each queue costs two reads, all agents together one, and an index step for each
// conversation in their Loads.
func (r *reader) Queues(ctx context.Context, q livedesk.QueueQuery) (out livedesk.Roster, err error) {
	if err := r.usable(ctx); err != nil {
		return out, err
	}
	ids := slices.Clone(q.IDs)
	for _, agent := range q.Agents {
		if ids, err = all(r, ids, scanText, sqlQueuesOfAgent, q.Workspace, agent); err != nil {
			return livedesk.Roster{}, err
		}
	}
	agents := slices.Concat(q.Agents, q.Loads)
	for _, id := range distinct(ids) {
		queue, err := r.queue(q.Workspace, id)
		if err == nil {
			err = r.line(&queue, &q)
		}
		if err != nil {
			return livedesk.Roster{}, err
		}
		for _, m := range queue.Members {
			agents = append(agents, m.Agent)
		}
		out.Queues = append(out.Queues, queue)
	}
	found, err := r.agents(q.Workspace, distinct(agents))
	out.Agents = slices.DeleteFunc(found, func(a livedesk.Agent) bool { return a.ID == "" })
	return out, err
}

// distinct sorts ids and returns each once.
func distinct(ids []string) []string {
	slices.Sort(ids)
	return slices.Compact(ids)
}

// queue returns a queue without its line; an unknown one is empty.
func (r *reader) queue(workspace, id string) (livedesk.Queue, error) {
	q, _, err := one(r, scanQueue, sqlQueue, workspace, id)
	q.Workspace, q.ID = workspace, id
	return q, err
}

func scanQueue(c *cells) livedesk.Queue {
	return livedesk.Queue{Count: c.number(), Members: document[[]livedesk.Member](c), Version: c.number()}
}

// line loads the first heads of those that wait.
func (r *reader) line(q *livedesk.Queue, asked *livedesk.QueueQuery) (err error) {
	heads := asked.Heads
	if heads < 1 {
		return nil
	}
	var without []string
	for _, a := range asked.Without {
		without = append(without, a.Key())
	}
	q.Waiting, err = all(r, nil, r.scanConversation, sqlLine, q.Workspace, q.ID, array(without), heads+1)
	if len(q.Waiting) > heads {
		q.Waiting, q.More = slices.Clip(q.Waiting[:heads]), true
	}
	if len(q.Waiting) == 0 {
		q.Waiting = nil
	}
	return err
}

// putQueue writes a queue and which agents are in it.
func (t *tx) putQueue(q *livedesk.Queue) error {
	old, err := t.queue(q.Workspace, q.ID)
	if err != nil {
		return err
	}
	if err := t.put(q.Version, sqlInsertQueue, sqlUpdateQueue, queueValues(q), q.Workspace, q.ID); err != nil {
		return err
	}
	for _, m := range old.Members {
		if !holds(q.Members, m.Agent) {
			if _, err := t.exec(sqlLeaveQueue, q.Workspace, m.Agent, q.ID); err != nil {
				return err
			}
		}
	}
	for _, m := range q.Members {
		if !holds(old.Members, m.Agent) {
			if _, err := t.exec(sqlJoinQueue, q.Workspace, m.Agent, q.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

func queueValues(q *livedesk.Queue) []any {
	values := []any{q.Count, array(q.Members)}
	if q.Version == 0 {
		values = append(values, q.Workspace, q.ID)
	}
	return values
}

func holds(members []livedesk.Member, agent string) bool {
	return slices.ContainsFunc(members, func(m livedesk.Member) bool { return m.Agent == agent })
}

// leaveQueues takes an agent out of every queue.
func (t *tx) leaveQueues(workspace, agent string) error {
	ids, err := all(&t.reader, nil, scanText, sqlQueuesOfAgent, workspace, agent)
	if err != nil {
		return err
	}
	for _, id := range ids {
		q, err := t.queue(workspace, id)
		if err != nil {
			return err
		}
		q.Members = slices.DeleteFunc(q.Members, func(m livedesk.Member) bool { return m.Agent == agent })
		if err := t.putQueue(&q); err != nil {
			return fmt.Errorf("queue %s: %w", id, err)
		}
	}
	return nil
}
