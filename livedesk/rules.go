package livedesk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/livedesk/livedesk-go/routing"
)

// RuleSet is the routing rules of a workspace.
type RuleSet struct {
	// Version names this state of the set, and is what a [Decision] says that it was made with. It changes with every
	// edit. Empty for a set without rules; given to [Desk.PutRules] it means whatever is stored.
	Version string `json:"version,omitempty"`
	// Rules are in the order of the walk.
	Rules []routing.Rule `json:"rules"`
	// Broken are stored rules that can't be used: another version of the library wrote them, or somebody edited the
	// row. They are skipped, and named in decisions.
	Broken []BrokenRule `json:"broken,omitempty"`
}

// BrokenRule is a stored rule that can't be used.
type BrokenRule struct {
	ID      string `json:"id"`
	Problem string `json:"problem"`
}

// Rules returns the workspace's routing rules as they are stored. It reads and compiles all of them, which takes some
// milliseconds for 1,000. Other processes decide by an edit within [Config.Refresh].
func (d *Desk) Rules(ctx context.Context) (RuleSet, error) {
	var objs []Object
	err := d.view(ctx, func(ctx context.Context, tx ReadTx) (err error) {
		objs, err = d.ruleObjects(ctx, tx)
		return err
	})
	if err != nil {
		return RuleSet{}, fmt.Errorf("rules: %w", err)
	}
	return compileRules(objs).public(), nil
}

// PutRule stores one rule: a new one when r.ID is empty or unknown, else in the place of the one of that id. It returns
// the rule as it is stored. Who waits already is not routed again. A rule that can't be used is refused with
// [routing.FieldErrors], which name the path of what is wrong ("condition.any[0].text.regexp"); see also [FieldErrors].
// Whether the agents and teams that it names exist is the host's to check, with [routing.Rule.References].
func (d *Desk) PutRule(ctx context.Context, r routing.Rule) (routing.Rule, error) {
	fresh := r.ID == ""
	if fresh {
		r.ID = "new" // to be checked; the store's clock gives the id
	}
	if err := r.Validate(); err != nil {
		return routing.Rule{}, fmt.Errorf("put rule: %w", err)
	}
	err := d.editRules(ctx, func(tx Tx, stored map[string]Object) ([]Object, error) {
		if fresh {
			r.ID = newID(tx.Now())
		}
		changed, err := d.ruleObject(r, stored[r.ID])
		if err != nil {
			return nil, err
		}
		return []Object{changed}, fits(stored, changed)
	})
	if err != nil {
		return routing.Rule{}, fmt.Errorf("put rule: %w", err)
	}
	return r, nil
}

// PutRules makes set.Rules the workspace's rules: all others are removed, broken ones too. All of it counts at once, so
// that no decision sees half of an edit. When set.Version isn't empty it must be that of what is stored, or the error is
// [ErrConflict]. Rules that can't be used are refused as by PutRule, with the rule before the path ("rules[2].targets"),
// and then nothing is changed. It returns the set as it is stored.
func (d *Desk) PutRules(ctx context.Context, set RuleSet) (RuleSet, error) {
	if _, err := routing.Compile("", set.Rules); err != nil {
		return RuleSet{}, fmt.Errorf("put rules: %w", err)
	}
	err := d.editRules(ctx, func(_ Tx, stored map[string]Object) ([]Object, error) {
		if set.Version != "" && set.Version != versionOf(stored) {
			return nil, &staleError{"set of rules"}
		}
		return d.replaceRules(set.Rules, stored)
	})
	if err != nil {
		return RuleSet{}, fmt.Errorf("put rules: %w", err)
	}
	return d.Rules(ctx)
}

// RemoveRule removes a rule. The error is [ErrNotFound] where there is none of that id.
func (d *Desk) RemoveRule(ctx context.Context, id string) error {
	err := d.editRules(ctx, func(_ Tx, stored map[string]Object) ([]Object, error) {
		obj, found := stored[id]
		if !found {
			return nil, fmt.Errorf("rule %s: %w", id, ErrNotFound)
		}
		return []Object{tombstone(obj)}, nil
	})
	if err != nil {
		return fmt.Errorf("remove rule: %w", err)
	}
	return nil
}

func tombstone(o Object) Object {
	o.Data, o.Key, o.Deleted = nil, "", true
	return o
}

// editRules writes what edit makes of the stored rules, and lets this process use it. Edits of one workspace are one
// after the other: each writes the object of the set, so that of two that began together one begins again.
func (d *Desk) editRules(ctx context.Context, edit func(tx Tx, stored map[string]Object) ([]Object, error)) error {
	err := d.updateObjects(ctx, func(ctx context.Context, tx Tx) error {
		set, err := tx.Objects(ctx, ObjectQuery{Workspace: d.workspace, Kind: kindRules, IDs: []string{kindRules}})
		if err != nil {
			return err
		}
		objs, err := d.ruleObjects(ctx, tx)
		if err != nil {
			return err
		}
		changed, err := edit(tx, byID(objs))
		if err != nil || len(changed) == 0 {
			return err
		}
		guard := Object{Workspace: d.workspace, Kind: kindRules, ID: kindRules, Data: []byte("{}")}
		if len(set) > 0 && set[0].ID != "" {
			guard = set[0]
		}
		return tx.Apply(ctx, Changes{Objects: append(changed, guard)})
	})
	if err != nil {
		return err
	}
	return d.e.snap.refresh(ctx)
}

// Object kinds of routing rules: each rule, and the set as a whole, which guards against two edits at once.
const (
	kindRule  = "rule"
	kindRules = "rules"
)

func (d *Desk) ruleObjects(ctx context.Context, tx ReadTx) ([]Object, error) {
	return tx.Objects(ctx, ObjectQuery{Workspace: d.workspace, Kind: kindRule})
}

func byID(objs []Object) map[string]Object {
	out := make(map[string]Object, len(objs))
	for _, o := range objs {
		out[o.ID] = o
	}
	return out
}

// ruleObject returns the object of a rule, over the stored one if there is one.
func (d *Desk) ruleObject(r routing.Rule, stored Object) (Object, error) {
	data, err := json.Marshal(r)
	stored.Workspace, stored.Kind, stored.ID, stored.Data = d.workspace, kindRule, r.ID, data
	return stored, err
}

// fits reports what is wrong with a changed rule beside the others: a set has bounds as a whole.
func fits(stored map[string]Object, changed Object) error {
	list := make([]routing.Stored, 0, len(stored)+1)
	for id, o := range stored {
		if id != changed.ID {
			list = append(list, routing.Stored{ID: id, Data: o.Data})
		}
	}
	_, broken := routing.CompileStored("", append(list, routing.Stored{ID: changed.ID, Data: changed.Data}))
	for _, b := range broken {
		if b.ID == changed.ID {
			return b.Err
		}
	}
	return nil
}

// replaceRules returns what changes so that only rules are left.
func (d *Desk) replaceRules(rules []routing.Rule, stored map[string]Object) (changed []Object, err error) {
	stays := map[string]bool{}
	for _, r := range rules {
		stays[r.ID] = true
		obj, err := d.ruleObject(r, stored[r.ID])
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(obj.Data, stored[r.ID].Data) {
			changed = append(changed, obj)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(stored)) {
		if !stays[id] {
			changed = append(changed, tombstone(stored[id]))
		}
	}
	return changed, nil
}

// versionOf names a state of a workspace's rules: the same in every process, whatever it read when.
func versionOf(objs map[string]Object) string {
	if len(objs) == 0 {
		return ""
	}
	h := sha256.New()
	for _, id := range slices.Sorted(maps.Keys(objs)) {
		fmt.Fprintf(h, "%q %d\n", id, objs[id].Version)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// ruleSet is the rules of a workspace as a snapshot has them.
type ruleSet struct {
	objs   map[string]Object
	walk   *routing.Rules
	list   []routing.Rule // those that can be used, in the order of the walk; read only
	broken []routing.Broken
}

func compileRules(objs []Object) *ruleSet {
	s := &ruleSet{objs: byID(objs)}
	var stored []routing.Stored
	for _, id := range slices.Sorted(maps.Keys(s.objs)) {
		stored = append(stored, routing.Stored{ID: id, Data: s.objs[id].Data})
	}
	s.walk, s.broken = routing.CompileStored(versionOf(s.objs), stored)
	for _, o := range stored {
		if slices.ContainsFunc(s.broken, func(b routing.Broken) bool { return b.ID == o.ID }) {
			continue
		}
		if r, err := routing.ParseRule(o.Data); err == nil {
			s.list = append(s.list, r)
		}
	}
	slices.SortFunc(s.list, func(a, b routing.Rule) int { return a.Place().Compare(b.Place()) })
	return s
}

func (s *ruleSet) public() RuleSet {
	out := RuleSet{Version: s.walk.Version(), Rules: s.list}
	for _, b := range s.broken {
		out.Broken = append(out.Broken, BrokenRule{b.ID, b.Err.Error()})
	}
	return out
}

// rulesOf returns what is walked; nil, which passes, for a workspace without any.
func (n *snapshot) rulesOf(workspace string) *routing.Rules {
	if s := n.rules[workspace]; s != nil {
		return s.walk
	}
	return nil
}

// takeRules takes the changed ones of objs over into the snapshot, and tells of those that can't be used.
func (s *snapshots) takeRules(n *snapshot, objs []Object) {
	edits := map[string]map[string]Object{}
	for _, o := range objs {
		if o.Kind != kindRule {
			continue
		}
		if edits[o.Workspace] == nil {
			edits[o.Workspace] = map[string]Object{}
			if old := n.rules[o.Workspace]; old != nil {
				edits[o.Workspace] = maps.Clone(old.objs)
			}
		}
		if edits[o.Workspace][o.ID] = o; o.Deleted {
			delete(edits[o.Workspace], o.ID)
		}
	}
	for workspace, all := range edits {
		old, set := n.rules[workspace], compileRules(slices.Collect(maps.Values(all)))
		n.rules[workspace] = set
		for _, b := range set.broken {
			if old == nil || old.objs[b.ID].Version != set.objs[b.ID].Version {
				s.e.logError("routing rule can't be used", b.Err,
					slog.String("workspace", workspace), slog.String("rule", b.ID))
			}
		}
	}
}
