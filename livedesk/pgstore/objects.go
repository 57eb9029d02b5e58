package pgstore

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/livedesk/livedesk-go/livedesk"
)

var objectList = objects.list() + `, t.revision`

var (
	sqlObjects = `SELECT ` + objectList + ` FROM {s}.objects AS t
		WHERE t.workspace = $1 AND t.kind = $2 AND t.id = ANY($3::text[]) AND NOT t.deleted`

	sqlObjectsOfKind = `SELECT ` + objectList + ` FROM {s}.objects AS t
		WHERE t.workspace = $1 AND t.kind = $2 AND NOT t.deleted ORDER BY t.id`

	sqlObjectOfKey = `SELECT ` + objectList + ` FROM {s}.objects AS t WHERE t.kind = $1 AND t.key = $2`

	sqlChangedObjects = `SELECT ` + objectList + ` FROM {s}.objects AS t WHERE t.revision > $1 ORDER BY t.revision LIMIT $2`

	// The counter's row stays locked until the commit, so revisions are committed in the order in which they are given,
	// and whoever read up to one misses nothing that comes later.
	sqlReserveRevisions = `UPDATE {s}.counters SET value = value + $1 WHERE name = 'revision'`

	sqlUpdateObject = counted(`UPDATE {s}.objects AS t SET `+objects.assignments()+`, version = t.version + 1,
		revision = `+objects.revision(1)+` FROM `+objects.numbered(true)+`
		WHERE `+objects.match()+` AND t.version = u.version`, len(objects.columns)+2)

	// Nobody sees a tombstone, so making the object again is an insert.
	sqlInsertObject = counted(`INSERT INTO {s}.objects AS t (`+objects.written()+`, version, revision)
		SELECT `+objects.values()+`, 1, `+objects.revision(0)+` FROM `+objects.numbered(false)+`
		ON CONFLICT (workspace, kind, id) DO UPDATE SET key = excluded.key, data = excluded.data, deleted = excluded.deleted,
			revision = excluded.revision, version = t.version + 1 WHERE t.deleted`, len(objects.columns)+1)
)

// numbered is unnest with a row's place as ord, from 1.
func (t *table[T]) numbered(version bool) string {
	return "(SELECT n.*, row_number() OVER () AS ord FROM " + strings.TrimSuffix(t.unnest(version), "u") + "n" + ") AS u"
}

// revision is the number of row u out of those that were reserved; the last parameter says how many were reserved
// from the first row of the statement on.
func (t *table[T]) revision(more int) string {
	return fmt.Sprintf("(SELECT value FROM {s}.counters WHERE name = 'revision') - $%d::bigint + u.ord", len(t.columns)+more+1)
}

// Objects implements [livedesk.ReadTx]. It costs one round trip. A page with AfterRevision and a Limit below 1 has no
// limit.
func (t *tx) Objects(ctx context.Context, q livedesk.ObjectQuery) ([]livedesk.Object, error) {
	switch {
	case q.AfterRevision != nil:
		limit := int64(q.Limit)
		if limit < 1 {
			limit = math.MaxInt64
		}
		return t.objects(ctx, sqlChangedObjects, *q.AfterRevision, limit)
	case q.Key != "":
		return t.objects(ctx, sqlObjectOfKey, q.Kind, q.Key)
	case q.IDs == nil:
		return t.objects(ctx, sqlObjectsOfKind, q.Workspace, q.Kind)
	}
	found, err := t.objects(ctx, sqlObjects, q.Workspace, q.Kind, q.IDs)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]livedesk.Object, len(found))
	for _, o := range found {
		byID[o.ID] = o
	}
	out := make([]livedesk.Object, len(q.IDs))
	for i, id := range q.IDs {
		out[i] = byID[id]
		out[i].Data = append([]byte(nil), out[i].Data...)
	}
	return out, nil
}

func (t *tx) objects(ctx context.Context, statement string, args ...any) (out []livedesk.Object, err error) {
	err = t.send(ctx, "load objects", func(b *pgx.Batch) {
		b.Queue(t.s.sql(statement), args...).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				var o livedesk.Object
				if err := objects.scan(rows, &o, &o.Revision); err != nil {
					return err
				}
				out = append(out, o)
			}
			return rows.Err()
		})
	})
	return out, err
}

// buried returns a row as it is kept: a tombstone has no key and no data.
func buried(o livedesk.Object) livedesk.Object {
	if o.Deleted {
		o.Key, o.Data = "", nil
	}
	return o
}
