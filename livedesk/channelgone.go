package livedesk

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// What is left of a channel under a number (or pool) that it has no more, so that opt-outs survive: its id. A channel that
// was removed comes back with its number; one that went on with another number leaves its ledger to who has this one next.

// kindRemoved is an Object under a sender that a channel had.
const kindRemoved = "removed"

// removedRecord is what it says: which channel had the sender last.
type removedRecord struct {
	Channel string `json:"channel"`
	Version int64  `json:"version,omitempty"` // of the channel's tombstone
	// Moved is when the channel went on with another sender; zero for one that was removed.
	Moved time.Time `json:"moved,omitzero"`
	// HeirOf are channels that had the sender before.
	HeirOf []inheritance `json:"heir_of,omitempty"`
}

// returning is a removed channel whose number is added again.
type returning struct {
	removedRecord
	object Object
}

// used is the object once the channel is back.
func (r *returning) used() Object {
	o := r.object
	o.Deleted, o.Data = true, nil
	return o
}

func loadReturning(ctx context.Context, tx ReadTx, workspace, sender string) (*returning, error) {
	if sender == "" { // a provider whose channels have neither number nor pool
		return nil, nil
	}
	obj, err := removedObject(ctx, tx, workspace, sender)
	if err != nil || obj.Version == 0 {
		return nil, err
	}
	r := &returning{object: obj}
	if err := json.Unmarshal(obj.Data, &r.removedRecord); err != nil {
		return nil, fmt.Errorf("stored number of a removed channel: %w", err)
	}
	return r, nil
}

// removedObject returns a fresh object where no channel with that sender was removed.
func removedObject(ctx context.Context, tx ReadTx, workspace, sender string) (Object, error) {
	objs, err := tx.Objects(ctx, ObjectQuery{Workspace: workspace, Kind: kindRemoved, IDs: []string{sender}})
	if err != nil {
		return Object{}, err
	}
	if len(objs) == 1 && objs[0].ID != "" {
		return objs[0], nil
	}
	return Object{Workspace: workspace, Kind: kindRemoved, ID: sender}, nil
}

// leaving is the object under a sender that a channel leaves. Another one may have left it before, on another account.
func leaving(ctx context.Context, tx ReadTx, workspace, sender string, rec removedRecord, now time.Time) (*Object, error) {
	before, err := loadReturning(ctx, tx, workspace, sender)
	if err != nil {
		return nil, err
	}
	obj := Object{Workspace: workspace, Kind: kindRemoved, ID: sender}
	if before != nil {
		obj = before.object
		if before.Channel != rec.Channel {
			rec.HeirOf = slices.Concat(rec.HeirOf, before.HeirOf, []inheritance{{before.Channel, now}})
		}
	}
	obj.Data, err = json.Marshal(rec)
	return &obj, err
}

// removal is everything that changes when a channel is removed.
func (d *Desk) removal(ctx context.Context, tx Tx, ch Object) (Changes, error) {
	conn, sender := splitChannelKey(ch.Key)
	var changed Changes
	if sender != "" {
		var rec channelRecord
		if err := json.Unmarshal(ch.Data, &rec); err != nil {
			return Changes{}, fmt.Errorf("stored channel %s: %w", ch.ID, err)
		}
		left := removedRecord{Channel: ch.ID, Version: ch.Version + 1, HeirOf: rec.HeirOf}
		removed, err := leaving(ctx, tx, d.workspace, sender, left, tx.Now())
		if err != nil {
			return Changes{}, err
		}
		changed.Objects = append(changed.Objects, *removed)
	}
	ch.Deleted, ch.Data, ch.Key = true, nil, ""
	changed.Objects = append(changed.Objects, ch)
	health, err := healthObject(ctx, tx, objectKey{d.workspace, ch.ID})
	if err != nil {
		return Changes{}, err
	}
	if health.Version != 0 {
		health.Deleted, health.Data = true, nil
		changed.Objects = append(changed.Objects, health)
	}
	due := tx.Now().Add(max(d.e.cfg.RotationWindow, 0))
	changed.Jobs = []JobChange{{Job: Job{Workspace: d.workspace, Key: jobForget + ":" + conn, Kind: jobForget, Subject: conn, Due: due}}}
	return changed, nil
}

// forgetConnection removes a connection with its credentials, unless a channel is on it. The connection is read first: a
// channel that is added meanwhile changes its version.
func (u *unit) forgetConnection(ctx context.Context, j Job) error {
	conns, err := u.tx.Objects(ctx, ObjectQuery{Workspace: j.Workspace, Kind: kindConnection, IDs: []string{j.Subject}})
	if err != nil {
		return err
	}
	channels, err := u.tx.Objects(ctx, ObjectQuery{Workspace: j.Workspace, Kind: kindChannel})
	if err != nil {
		return err
	}
	inUse := slices.ContainsFunc(channels, func(o Object) bool { return onConnection(o, j.Subject) })
	if inUse || len(conns) == 0 || conns[0].ID == "" {
		return nil
	}
	conn := conns[0]
	conn.Deleted, conn.Data, conn.Key = true, nil, ""
	u.changes.Objects = append(u.changes.Objects, conn)
	marks, err := u.tx.Objects(ctx, ObjectQuery{Workspace: j.Workspace, Kind: kindBackfill, IDs: []string{j.Subject}})
	if err != nil {
		return err
	}
	if len(marks) == 1 && marks[0].ID != "" {
		mark := marks[0]
		mark.Deleted, mark.Data = true, nil
		u.changes.Objects = append(u.changes.Objects, mark)
	}
	return nil
}

// channelKey is the unique key of a channel's object: its connection and its sender.
func channelKey(connection, sender string) string { return connection + ":" + sender }

func splitChannelKey(key string) (connection, sender string) {
	connection, sender, _ = strings.Cut(key, ":")
	return connection, sender
}

func onConnection(ch Object, connection string) bool {
	conn, _ := splitChannelKey(ch.Key)
	return conn == connection
}

// inheritance is a channel that had a number before, until it was given another one: what customers said to the number
// then stands in that channel's ledger.
type inheritance struct {
	Channel string    `json:"channel"`
	Until   time.Time `json:"until"`
}
