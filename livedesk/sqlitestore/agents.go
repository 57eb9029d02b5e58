package sqlitestore

import (
	"context"

	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	// An agent's load is counted when it is asked for, from an index of the live conversations: it can't drift (I9).
	sqlLoad = `(SELECT count(*) FROM conversations AS c WHERE c.workspace = a.workspace AND c.assignee = a.id
		AND c.state = 'open' AND c.live IS NOT NULL)`

	sqlAgents = `SELECT k.key, ` + agentColumns + ` FROM json_each(?) AS k
		CROSS JOIN agents AS a ON a.workspace = ? AND a.id = k.value`

	sqlAllAgents = `SELECT ` + agentColumns + ` FROM agents AS a WHERE workspace = ? ORDER BY id`

	sqlInsertAgent = `INSERT INTO agents (name, skills, languages, capacity, presence, presence_until, outside_load, workspace, id, version)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`

	sqlUpdateAgent = `UPDATE agents SET name = ?, skills = ?, languages = ?, capacity = ?, presence = ?, presence_until = ?, outside_load = ?,
		version = version + 1 WHERE workspace = ? AND id = ? AND version = ?`

	sqlDeleteAgent = `DELETE FROM agents WHERE workspace = ? AND id = ?`
)

// Agents implements [livedesk.ReadTx]. It costs one read and an index step for each conversation in a Load.
func (r *reader) Agents(ctx context.Context, workspace string, ids []string) ([]livedesk.Agent, error) {
	if err := r.usable(ctx); err != nil {
		return nil, err
	}
	if ids == nil {
		return all(r, nil, scanAgent, sqlAllAgents, workspace)
	}
	return r.agents(workspace, ids)
}

// agents loads agents by id.
func (r *reader) agents(workspace string, ids []string) ([]livedesk.Agent, error) {
	out, keys := make([]livedesk.Agent, len(ids)), batches{}
	for i, id := range ids {
		keys.add(scope{workspace: workspace}, id, i)
	}
	for _, b := range keys {
		err := lookUp(r, b, scanAgent, func(i int, a livedesk.Agent) { out[i] = a }, sqlAgents, workspace)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (t *tx) putAgent(a *livedesk.Agent) error {
	values := []any{a.Name, array(a.Skills), array(a.Languages), a.Capacity, string(a.Presence), maybeMicros(a.PresenceUntil), a.OutsideLoad}
	if a.Version == 0 {
		values = append(values, a.Workspace, a.ID)
	}
	return t.put(a.Version, sqlInsertAgent, sqlUpdateAgent, values, a.Workspace, a.ID)
}

// deleteAgent runs after the queues were written, so that a writer who already took the agent out of them isn't in
// conflict with the store doing the same.
func (t *tx) deleteAgent(a *livedesk.Agent) error {
	if _, err := t.exec(sqlDeleteAgent, a.Workspace, a.ID); err != nil {
		return err
	}
	return t.leaveQueues(a.Workspace, a.ID)
}
