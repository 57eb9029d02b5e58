package sqlitestore

import (
	"context"

	"github.com/livedesk/livedesk-go/livedesk"
)

const (
	sqlObject = `SELECT ` + objectColumns + ` FROM objects WHERE workspace = ? AND kind = ? AND id = ? AND deleted = 0`

	sqlObjectOfKey = `SELECT ` + objectColumns + ` FROM objects WHERE kind = ? AND key = ?`

	sqlObjects = `SELECT ` + objectColumns + ` FROM objects WHERE workspace = ? AND kind = ? AND deleted = 0 ORDER BY id`

	sqlChangedObjects = `SELECT ` + objectColumns + ` FROM objects WHERE revision > ? ORDER BY revision LIMIT ?`

	sqlTombstone = `SELECT version FROM objects WHERE workspace = ? AND kind = ? AND id = ? AND deleted = 1`

	sqlInsertObject = `INSERT INTO objects (key, data, deleted, revision, workspace, kind, id, version)
		VALUES (?, ?, ?, ?, ?, ?, ?, 1)`

	sqlUpdateObject = `UPDATE objects SET key = ?, data = ?, deleted = ?, revision = ?, version = version + 1
		WHERE workspace = ? AND kind = ? AND id = ? AND version = ?`
)

// Objects implements [livedesk.ReadTx]. A page with AfterRevision and a Limit below 1 has no limit.
func (r *reader) Objects(ctx context.Context, q livedesk.ObjectQuery) ([]livedesk.Object, error) {
	if err := r.usable(ctx); err != nil {
		return nil, err
	}
	switch {
	case q.AfterRevision != nil:
		limit := q.Limit
		if limit < 1 {
			limit = -1
		}
		return all(r, nil, scanObject, sqlChangedObjects, *q.AfterRevision, limit)
	case q.Key != "":
		return all(r, nil, scanObject, sqlObjectOfKey, q.Kind, q.Key)
	case q.IDs == nil:
		return all(r, nil, scanObject, sqlObjects, q.Workspace, q.Kind)
	}
	out := make([]livedesk.Object, len(q.IDs))
	for i, id := range q.IDs {
		var err error
		if out[i], _, err = one(r, scanObject, sqlObject, q.Workspace, q.Kind, id); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// putObject writes an object under the next revision. There is one writer at a time, so revisions are committed in the
// order in which they are given.
func (t *tx) putObject(o *livedesk.Object) error {
	revision, err := t.next("revision", 1)
	if err != nil {
		return err
	}
	read := o.Version
	if read == 0 { // nobody sees a tombstone, so making the object again is an insert
		if read, _, err = one(&t.reader, scanNumber, sqlTombstone, o.Workspace, o.Kind, o.ID); err != nil {
			return err
		}
	}
	key, data := maybeText(o.Key), o.Data
	if o.Deleted {
		key, data = nil, nil
	}
	values := []any{key, data, o.Deleted, revision}
	if read == 0 {
		values = append(values, o.Workspace, o.Kind, o.ID)
	}
	return t.put(read, sqlInsertObject, sqlUpdateObject, values, o.Workspace, o.Kind, o.ID)
}
