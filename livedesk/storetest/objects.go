package storetest

import (
	"context"
	"fmt"
	"slices"

	"github.com/livedesk/livedesk-go/livedesk"
)

func objectCases() []Case {
	return []Case{
		clause("are loaded by id in the order of the ids, zero where there is none", objectsByID),
		clause("are loaded all of a kind when ids is nil", objectsOfKind),
		clause("are found by key in every workspace", objectsByKey),
		clause("a key is unique in its kind over all workspaces", objectKeyUnique),
		clause("behind a revision come in the order of their last change", objectsByRevision),
		clause("behind a revision come at most Limit", objectPages),
		clause("behind a revision come all with a Limit of 0", objectsUnlimited),
		clause("a deleted one is a tombstone that comes with AfterRevision only", objectTombstone),
		clause("a deleted one can be made again", objectRevived),
		clause("a row of another Version is ErrConflict, of a known id ErrExists", objectVersions),
		clause("have revisions without a trace of what was rolled back", objectRevisionRollback),
	}
}

func newObject(id, key string) livedesk.Object {
	return livedesk.Object{Workspace: "acme", Kind: "channel", ID: id, Key: key, Data: fmt.Appendf(nil, `{"id":%q}`, id)}
}

func (p *probe) putObjects(ctx context.Context, rows ...livedesk.Object) {
	p.apply(ctx, livedesk.Changes{Objects: rows})
}

func objectIDs(rows []livedesk.Object) []string {
	out := make([]string, len(rows))
	for i, o := range rows {
		out[i] = o.ID
	}
	return out
}

// after lists what changed behind a revision.
func (p *probe) after(ctx context.Context, revision int64, limit int) []livedesk.Object {
	return p.objects(ctx, livedesk.ObjectQuery{AfterRevision: &revision, Limit: limit})
}

func objectsByID(ctx context.Context, p *probe) {
	p.putObjects(ctx, newObject("c", ""), newObject("a", ""), newObject("b", ""))
	got := p.objects(ctx, livedesk.ObjectQuery{Workspace: "acme", Kind: "channel", IDs: []string{"c", "none", "a", "c"}})
	p.same(objectIDs(got), []string{"c", "", "a", "c"}, "the objects")
	for _, q := range []livedesk.ObjectQuery{
		{Workspace: "acme", Kind: "connection", IDs: []string{"a"}}, {Workspace: "beta", Kind: "channel", IDs: []string{"a"}},
	} {
		got := p.objects(ctx, q)
		p.that(len(got) == 1 && got[0].ID == "", "another kind or workspace has no such object")
	}
}

func objectsOfKind(ctx context.Context, p *probe) {
	other, foreign := newObject("d", ""), newObject("e", "")
	other.Kind, foreign.Workspace = "connection", "beta"
	p.putObjects(ctx, newObject("c", ""), newObject("a", ""), newObject("b", ""), other, foreign)
	got := objectIDs(p.objects(ctx, livedesk.ObjectQuery{Workspace: "acme", Kind: "channel"}))
	slices.Sort(got)
	p.same(got, []string{"a", "b", "c"}, "all of the kind")
}

func objectsByKey(ctx context.Context, p *probe) {
	foreign := newObject("b", "hook-b")
	foreign.Workspace = "beta"
	p.putObjects(ctx, newObject("a", "hook-a"), foreign, newObject("c", ""))
	got := p.objects(ctx, livedesk.ObjectQuery{Kind: "channel", Key: "hook-b"})
	p.that(len(got) == 1 && got[0].ID == "b" && got[0].Workspace == "beta", "the object is found by its key alone")
	for _, q := range []livedesk.ObjectQuery{{Kind: "channel", Key: "hook"}, {Kind: "connection", Key: "hook-a"}, {Kind: "channel", Key: "Hook-a"}} {
		p.that(len(p.objects(ctx, q)) == 0, "a key that nothing has finds nothing")
	}
	a := newObject("a", "hook-new")
	a.Version = 1
	p.putObjects(ctx, a)
	p.that(len(p.objects(ctx, livedesk.ObjectQuery{Kind: "channel", Key: "hook-a"})) == 0, "the old key finds nothing")
	p.that(len(p.objects(ctx, livedesk.ObjectQuery{Kind: "channel", Key: "hook-new"})) == 1, "the new key finds it")
}

func objectKeyUnique(ctx context.Context, p *probe) {
	p.putObjects(ctx, newObject("a", "hook"))
	foreign := newObject("b", "hook")
	foreign.Workspace = "beta"
	for _, o := range []livedesk.Object{newObject("b", "hook"), foreign} {
		p.is(p.tryApply(ctx, livedesk.Changes{Objects: []livedesk.Object{o}}), livedesk.ErrExists, "a second object of a key")
	}
	other := newObject("b", "hook")
	other.Kind = "connection"
	p.putObjects(ctx, other, newObject("c", ""), newObject("d", ""))
	gone := newObject("a", "")
	gone.Version, gone.Deleted = 1, true
	p.putObjects(ctx, gone, newObject("e", "hook"))
}

func objectsByRevision(ctx context.Context, p *probe) {
	p.that(len(p.after(ctx, 0, 100)) == 0, "an empty store has nothing behind 0")
	foreign := newObject("b", "")
	foreign.Workspace, foreign.Kind = "beta", "schedule"
	p.putObjects(ctx, newObject("a", ""), foreign)
	p.putObjects(ctx, newObject("c", ""))
	a := newObject("a", "")
	a.Version = 1
	p.putObjects(ctx, a)
	got := p.after(ctx, 0, 100)
	p.that(len(got) == 3 && got[1].ID == "c" && got[2].ID == "a", "all come in the order of their last change: %v", objectIDs(got))
	for i := range got[1:] {
		p.that(got[i].Revision < got[i+1].Revision, "revisions grow")
	}
	p.same(objectIDs(p.after(ctx, got[1].Revision, 100)), []string{"a"}, "what is behind the second")
	p.that(len(p.after(ctx, got[2].Revision, 100)) == 0, "nothing is behind the last")
}

func objectPages(ctx context.Context, p *probe) {
	var rows []livedesk.Object
	for i := range 25 {
		rows = append(rows, newObject(fmt.Sprintf("o%02d", i), ""))
	}
	p.putObjects(ctx, rows...)
	var all []string
	at := int64(0)
	for range len(rows) + 1 { // a store that pays no heed to the revision would go on for ever
		page := p.after(ctx, at, 10)
		p.that(len(page) <= 10, "a page has at most 10, not %d", len(page))
		if len(page) == 0 {
			break
		}
		all = append(all, objectIDs(page)...)
		at = page[len(page)-1].Revision
	}
	slices.Sort(all)
	p.same(all, objectIDs(rows), "all pages together")
}

func objectsUnlimited(ctx context.Context, p *probe) {
	var rows []livedesk.Object
	for i := range 120 {
		rows = append(rows, newObject(fmt.Sprintf("o%03d", i), ""))
	}
	p.putObjects(ctx, rows...)
	got := objectIDs(p.after(ctx, 0, 0))
	slices.Sort(got)
	p.same(got, objectIDs(rows), "all behind 0")
	last := p.after(ctx, 0, 119)
	p.that(len(p.after(ctx, last[118].Revision, 0)) == 1, "one is behind the 119th")
}

func objectTombstone(ctx context.Context, p *probe) {
	p.putObjects(ctx, newObject("a", "hook"))
	o := p.after(ctx, 0, 9)[0]
	before := o.Revision
	o.Deleted = true
	p.putObjects(ctx, o)
	got := p.after(ctx, before, 9)
	p.that(len(got) == 1 && got[0].Revision > before, "the tombstone comes behind the revision")
	p.same(got[0], livedesk.Object{
		Workspace: "acme", Kind: "channel", ID: "a", Deleted: true, Version: 2, Revision: got[0].Revision,
	}, "the tombstone")
	p.that(len(p.objects(ctx, livedesk.ObjectQuery{Workspace: "acme", Kind: "channel"})) == 0, "all of the kind leaves it out")
	p.that(len(p.objects(ctx, livedesk.ObjectQuery{Kind: "channel", Key: "hook"})) == 0, "its key finds nothing")
	byID := p.objects(ctx, livedesk.ObjectQuery{Workspace: "acme", Kind: "channel", IDs: []string{"a"}})
	p.that(len(byID) == 1 && byID[0].ID == "", "its id finds nothing")
}

func objectRevived(ctx context.Context, p *probe) {
	for round := range 2 {
		p.putObjects(ctx, newObject("a", "hook"))
		got := p.objects(ctx, livedesk.ObjectQuery{Workspace: "acme", Kind: "channel", IDs: []string{"a"}})[0]
		p.that(got.ID == "a" && !got.Deleted && string(got.Data) != "", "round %d: it is there again", round)
		rows := p.after(ctx, got.Revision-1, 9)
		p.that(len(rows) == 1 && rows[0].ID == "a" && !rows[0].Deleted, "the change comes behind the revision, once")
		got.Deleted = true
		p.putObjects(ctx, got)
	}
	stone := p.after(ctx, 0, 9)[0]
	stone.Deleted, stone.Data = false, []byte("{}")
	p.putObjects(ctx, stone) // by the tombstone's own version
	p.that(len(p.objects(ctx, livedesk.ObjectQuery{Workspace: "acme", Kind: "channel"})) == 1, "it is there again")
}

func objectVersions(ctx context.Context, p *probe) {
	o := newObject("a", "")
	p.putObjects(ctx, o)
	p.is(p.tryApply(ctx, livedesk.Changes{Objects: []livedesk.Object{o}}), livedesk.ErrExists, "an insert of a known id")
	o.Version = 1
	p.putObjects(ctx, o)
	p.is(p.tryApply(ctx, livedesk.Changes{Objects: []livedesk.Object{o}}), livedesk.ErrConflict, "an old version")
	o.ID = "b"
	p.is(p.tryApply(ctx, livedesk.Changes{Objects: []livedesk.Object{o}}), livedesk.ErrConflict, "a change of an object that isn't there")
}

func objectRevisionRollback(ctx context.Context, p *probe) {
	p.putObjects(ctx, newObject("a", ""))
	seen := p.after(ctx, 0, 9)[0].Revision
	p.peek(ctx, func(ctx context.Context, tx livedesk.Tx) error {
		return tx.Apply(ctx, livedesk.Changes{Objects: []livedesk.Object{newObject("b", "")}})
	})
	p.that(len(p.after(ctx, seen, 9)) == 0, "nothing is behind what was seen")
	p.putObjects(ctx, newObject("c", ""))
	p.same(objectIDs(p.after(ctx, seen, 9)), []string{"c"}, "what is behind what was seen")
}
